# SPDX-License-Identifier: AGPL-3.0-or-later
"""Issuing is a job: what takes longer than some seconds is answered with 202 and a place to look, and goes on."""
import threading
import time
from datetime import datetime, timezone

import pytest
from issuing import cancel, count, document, file_of, issue, issued
from records import record
from slow import Slow
from stack import wait_until

MONTH = "2026-03"
IN_MONTH = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
PLACE = "/api/v1/documents/requests/"


@pytest.fixture
def stack(tmp_path, mariadb, contract):
    with Slow(tmp_path, mariadb, contract) as one:
        one.ingest.send([record(user=f"u-{n % 8}", cost="0.125", at=IN_MONTH) for n in range(16)])
        one.drained()
        issued(one.session(), user="u-0", month=MONTH)  # all is warm
        yield one


@pytest.fixture
def session(stack):
    return stack.session()


def accepted(reply, key=None):
    """accepted checks a 202 and gives the place to look."""
    assert reply.status == 202, reply
    said = reply.json()
    assert said["state"] in ("queued", "running") and said["request"] and key in (None, said["request"])
    assert reply["Location"] == PLACE + said["request"] and int(reply["Retry-After"]) > 0
    return reply["Location"]


def ended(client, place):
    return wait_until(lambda: (lambda at: at if at["state"] in ("done", "failed") else None)(client.get(place).json()), "the end of the job")


def test_a_slow_document_is_a_job(stack, session):
    stack.valve.shut_after(0)
    begun = time.monotonic()
    place = accepted(issue(session, None, key="slow", user="u-1", month=MONTH), "slow")
    assert time.monotonic() - begun < 12, "some seconds"
    for client in (session, stack.read):
        at = client.get(place).json()
        assert at == {"request": "slow", "state": at["state"], "document": None, "error": None} and at["state"] in ("queued", "running")
    assert accepted(issue(session, None, key="slow", user="u-1", month=MONTH), "slow") == place
    stack.valve.open()
    at = ended(session, place)
    assert (at["state"], at["error"]) == ("done", None)
    made = document(session, at["document"]["number"])
    assert at["document"] == made and file_of(session, made["number"]).body[:5] == b"%PDF-"
    for _ in range(2):
        again = issue(session, None, key="slow", user="u-1", month=MONTH)
        assert again.status in (200, 201) and again.json() == made, "the same request finds it"
    assert count(stack) == 2


def test_a_key_is_drawn_where_none_is_given(stack, session):
    stack.valve.shut_after(0)
    place = accepted(issue(session, None, user="u-1", month=MONTH))
    stack.valve.open()
    assert ended(session, place)["document"]["user"] == "u-1"


def test_a_job_that_fails_says_why(stack, session):
    stack.valve.shut_after(0)
    place = accepted(issue(session, None, key="nobody", user="u-nobody", month=MONTH))
    twice = accepted(issue(session, None, key="twice", user="u-0", month=MONTH))
    stack.valve.open()
    at = ended(session, place)
    assert (at["state"], at["document"], at["error"]["status"]) == ("failed", None, 404) and at["error"]["message"]
    at = ended(session, twice)
    assert (at["state"], at["error"]["status"]) == ("failed", 409) and "-000001" in at["error"]["message"]
    assert count(stack) == 1
    stack.ingest.send(record(user="u-nobody", cost="1", at=IN_MONTH))
    stack.drained()
    assert issued(session, key="nobody", user="u-nobody", month=MONTH)["number"].endswith("-000002"), "it may be tried again"


def test_a_cancellation_is_a_job_too(stack, session):
    number = session.get("/api/v1/documents").json()["items"][0]["number"]
    stack.valve.shut_after(0)
    place = accepted(cancel(session, number, None, key="away"), "away")
    assert document(session, number)["cancelled_by"] is None
    stack.valve.open()
    at = ended(session, place)
    again = cancel(session, number, None, key="away")
    assert at["document"]["cancels"] == number and again.status in (200, 201) and again.json() == at["document"]


def test_many_at_once_wait_their_turn(stack, session):
    """None is told 503 for what is issued a moment later, who looks meanwhile is answered, and each finds what it asked for."""
    users = [f"u-{n}" for n in range(1, 25)]
    stack.ingest.send([record(user=user, cost="0.125", at=IN_MONTH) for user in users])
    stack.drained()
    stack.valve.shut_after(0)
    replies = {}

    def ask(user):
        replies[user] = issue(session, None, key=f"for-{user}", user=user, month=MONTH)

    threads = [threading.Thread(target=ask, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    wait_until(lambda: float(stack.read.metrics()["owui_metering_issues_waiting"]) == len(users), "all wait")
    assert session.get(f"{PLACE}for-u-1").json()["state"] in ("queued", "running")
    for thread in threads:
        thread.join()
    places = {user: accepted(reply, f"for-{user}") for user, reply in replies.items()}
    states = [session.get(place).json()["state"] for place in places.values()]
    assert set(states) <= {"queued", "running"} and len(states) == len(users)
    stack.valve.open()
    for user, place in places.items():
        at = ended(session, place)
        assert (at["state"], at["document"]["user"]) == ("done", user), at
    assert sorted(int(row[0]) for row in stack.db.rows("SELECT seq FROM document")) == list(range(1, 26))


def test_who_may_look(stack, session):
    issued(session, key="seen", user="u-1", month=MONTH)
    assert stack.read.get(PLACE + "seen").json()["state"] == "done"
    stack.nobody.get(PLACE + "seen", expect=401)
    stack.ingest.get(PLACE + "seen", expect=403)
    session.get(PLACE + "never-asked", expect=404)


def test_a_reportd_that_is_killed_is_asked_again(stack, session):
    stack.valve.shut_after(0)
    place = accepted(issue(session, None, key="lost", user="u-1", month=MONTH))
    stack.reportd.kill()
    stack.valve.cut()
    stack.reportd.start()
    stack.wait_ready()
    wait_until(lambda: session.request("GET", place).status == 404, "the new one knows nothing")
    assert issued(session, key="lost", user="u-1", month=MONTH)["user"] == "u-1"
    assert session.get(place).json()["state"] == "done" and count(stack) == 2


def test_costd_that_is_not_there_is_503(stack, session):
    """Nothing is issued a moment later, when costd could not say so."""
    stack.costd.stop()
    reply = issue(session, None, key="none", user="u-1", month=MONTH)
    assert reply.status in (202, 503), reply
    stack.costd.start()
    stack.wait_ready()
    made = wait_until(lambda: (lambda r: r.json() if r.status in (200, 201) else None)(issue(session, None, key="none", user="u-1", month=MONTH)), "the document")
    assert made["user"] == "u-1" and count(stack) == 2
