# SPDX-License-Identifier: AGPL-3.0-or-later
"""A clock that jumps ahead and back again does not date the documents that follow, nor gives a number twice."""
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest
from issuing import count, is_number_held, issue, issued
from records import record
from stack import PASSWORD

MONTH = "2026-03"
AHEAD_US = 30 * 86400 * 10**6


@pytest.fixture
def stack(make_stack):
    one = make_stack(stub=None)
    one.ingest.send([record(user=f"u-{n}", cost="0.5", at=datetime(2026, 3, 10, tzinfo=timezone.utc)) for n in range(6)])
    one.drained()
    return one


def accept_clock(stack):
    return subprocess.run([stack.bin / "costd", "--accept-clock"], env=stack.costd.env, capture_output=True, text=True)


def last_issued(stack):
    return int(stack.db.value("SELECT issued_us FROM issuing"))


def text(us):
    return datetime.fromtimestamp(us // 10**6, timezone.utc).strftime("%Y-%m-%dT%H:%M")


def is_now(made):
    at = datetime.fromisoformat(made["issued_at"].replace("Z", "+00:00"))
    return abs(datetime.now(timezone.utc) - at) < timedelta(minutes=10)


def test_a_last_date_that_lies_ahead_is_refused(stack):
    session = stack.session()
    first = issued(session, user="u-0", month=MONTH)
    ahead = int(time.time() * 10**6) + AHEAD_US
    stack.db.rows(f"UPDATE issuing SET issued_us={ahead}")
    refused = issue(session, 409, key="early", user="u-1", month=MONTH).json()["detail"]
    for part in (text(ahead), datetime.now(timezone.utc).strftime("%Y-%m-%dT"), "costd --accept-clock"):
        assert part.replace("T", " ") in refused.replace("T", " "), refused
    assert count(stack) == 1 and not is_number_held(stack)
    assert issued(session, 200, user="u-0", month=MONTH, format="xlsx")["number"] == first["number"], "a file takes no number and no date"

    done = accept_clock(stack)
    assert done.returncode == 0 and first["issued_at"][:16].replace("T", " ") in done.stdout.replace("T", " "), done.stdout + done.stderr
    second = issued(session, key="early", user="u-1", month=MONTH)
    assert int(second["number"][5:]) == int(first["number"][5:]) + 1 and is_now(second)


def test_the_clock_is_accepted_only_where_it_lies(stack):
    session = stack.session()
    issued(session, user="u-0", month=MONTH)
    before = last_issued(stack)
    done = accept_clock(stack)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    assert last_issued(stack) == before
    assert issued(session, user="u-1", month=MONTH)["number"].endswith("-000002")


def faked(process, instant):
    """faked is the environment of a program whose wall clock says that instant at its start, and goes on from there."""
    library = subprocess.run(["faketime", "-m", "now", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True).stdout.strip()
    return {**process.env, "LD_PRELOAD": library, "FAKETIME": f"@{instant:%Y-%m-%d %H:%M:%S}", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}


def at(stack, session, env):
    """at starts costd again, with another clock, by which sessions end."""
    stack.costd.stop()
    stack.costd.env = env
    stack.costd.start()
    stack.wait_ready()
    session.login(PASSWORD)


@pytest.mark.unsanitized("faketime goes before the runtime of a sanitizer")
def test_twenty_seconds_into_the_next_year_and_back(stack):
    session, right = stack.session(), stack.costd.env
    this = datetime.now(timezone.utc).year
    assert issued(session, user="u-0", month=MONTH)["number"] == f"{this}-000001"
    assert issued(session, user="u-1", month=MONTH)["number"] == f"{this}-000002"
    at(stack, session, faked(stack.costd, datetime(this + 1, 1, 1, 0, 0, 20)))
    early = issued(session, user="u-2", month=MONTH)
    assert early["number"] == f"{this + 1}-000001" and early["issued_at"].startswith(f"{this + 1}-01-01T00:0")
    at(stack, session, right)

    refused = issue(session, 409, user="u-3", month=MONTH).json()["detail"]
    assert f"{this + 1}-01-01" in refused and "costd --accept-clock" in refused
    assert accept_clock(stack).returncode == 0
    made = issued(session, user="u-3", month=MONTH)
    assert made["number"] == f"{this}-000003" and is_now(made)
    assert session.get(f"/api/v1/documents/{early['number']}").json() == early

    at(stack, session, faked(stack.costd, datetime(this + 1, 1, 2)))
    assert issued(session, user="u-4", month=MONTH)["number"] == f"{this + 1}-000002", "it goes on after the number that it had"
    assert count(stack) == 5
