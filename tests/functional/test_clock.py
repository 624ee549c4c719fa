# SPDX-License-Identifier: AGPL-3.0-or-later
"""A clock that was ahead: what it dated is refused as the last document until a person says that the clock is right now."""
import subprocess
from datetime import datetime, timezone

from records import record

MONTH = "2026-03"
IN_MONTH = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
DAY_US = 86400 * 1000000


def issue(session, user, expect=201):
    body = {"kind": "statement", "user": user, "month": MONTH, "format": "pdf"}
    return session.request("POST", "/api/v1/documents", body=body, expect=expect).json()


def accept_clock(stack):
    done = subprocess.run([stack.bin / "costd", "--accept-clock"], env=stack.costd.env, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_date_ahead_is_refused_until_it_is_accepted(make_stack):
    stack = make_stack(stub=None)
    stack.ingest.send([record(user=f"u-{n}", cost="0.125", at=IN_MONTH) for n in range(4)])
    stack.drained()
    session = stack.session()
    assert "nothing to do" in accept_clock(stack)
    first = issue(session, "u-0")["number"]
    ahead = issue(session, "u-1")["number"]
    stack.db.rows(f"UPDATE document SET issued_us=issued_us+{DAY_US} WHERE seq=2; UPDATE issuing SET issued_us=issued_us+{DAY_US}")

    refused = issue(session, "u-2", expect=409)["detail"]
    assert "lies ahead of costd's clock" in refused and "costd --accept-clock" in refused
    assert stack.db.value("SELECT COUNT(*) FROM issuing WHERE lease_id IS NOT NULL") == "0"

    said = accept_clock(stack)  # costd runs meanwhile
    assert said.startswith(f"{ahead} of ") and f"the last document is {first} of " in said
    assert "nothing to do" in accept_clock(stack)
    later = issue(session, "u-2")
    assert later["number"].endswith("-000003")
    assert later["issued_at"] < session.get(f"/api/v1/documents/{ahead}").json()["issued_at"]
    assert session.get("/api/v1/documents").json()["items"][0]["number"] == later["number"]
