# SPDX-License-Identifier: AGPL-3.0-or-later
"""A month of which documents were issued, and that a late record changes: the documents stay, and say so."""
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from issuing import correct, document, issued
from records import record
from stack import Stack, wait_until

OCTOBER = datetime(2026, 10, 12, 9, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract):
    with Stack(tmp_path_factory.mktemp("differs"), mariadb, contract) as installation:
        yield installation


def send(stack, user, cost, group=None, at=OCTOBER):
    one = record(user, cost, at=at)
    one["user"]["groups"] = [group] if group else []
    stack.ingest.send(one)
    stack.drained()
    return one


def state(client, made):
    now = document(client, made["number"])
    return now["differs"], Decimal(now["difference"])


def differing(stack):
    return stack.read.metrics()["owui_metering_documents_differing"]


def test_documents_say_that_their_month_has_changed(stack):
    session = stack.session()
    for user in ("ada", "bob", *(f"u-{n}" for n in range(12))):  # so many that all are compared by one question
        send(stack, user, "0.5", "blue" if user == "ada" else "red")
    whole = {"ada": issued(session, user="ada", month="2026-10"), "bob": issued(session, user="bob", month="2026-10"),
             "blue": issued(session, group="blue", month="2026-10"), "red": issued(session, group="red", month="2026-10"),
             "all": issued(session, month="2026-10"), "before": issued(session, month="2026-09")}
    others = [issued(session, user=f"u-{n}", month="2026-10") for n in range(12)]
    assert all(state(session, one) == (False, 0) for one in [*whole.values(), *others])
    wait_until(lambda: differing(stack) == "0", "the documents to be compared")

    send(stack, "ada", "0.000000125", "blue")
    more = Decimal("0.000000125")
    for name, one in whole.items():
        assert state(session, one) == ((True, more) if name in ("ada", "blue", "all") else (False, 0)), name
    assert all(state(session, one) == (False, 0) for one in others)
    listed = {one["number"]: one["differs"] for one in session.get("/api/v1/documents", limit=100).json()["items"]}
    assert sorted(number for number, differs in listed.items() if differs) == sorted(whole[name]["number"] for name in ("ada", "blue", "all"))
    wait_until(lambda: differing(stack) == "3", "that three differ")

    made = correct(session, whole["ada"]).json()
    assert state(session, whole["ada"]) == (False, 0), "what was corrected is not in force"
    assert state(session, made) == (False, 0)
    wait_until(lambda: differing(stack) == "2", "that two differ")


def test_a_count_that_changed_is_a_difference_too(stack):
    session = stack.session()
    one = send(stack, "eve", "0.5", at=datetime(2026, 8, 3, tzinfo=timezone.utc))
    made = issued(session, user="eve", month="2026-08")
    send(stack, "eve", "0", at=datetime(2026, 8, 4, tzinfo=timezone.utc))
    assert state(session, made) == (True, 0)
    assert document(session, made["number"])["total"] == made["total"]
    assert one["generation_id"]


def test_the_public_verification_says_nothing_of_it(stack):
    session = stack.session()
    made = issued(session, user="bob", month="2026-07")
    reply = stack.nobody.get(f"/api/v1/verify/{made['verification_code']}").json()
    assert "differs" not in reply and "difference" not in reply
