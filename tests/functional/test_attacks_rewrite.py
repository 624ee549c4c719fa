# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whoever holds the ingest key reports usage; they do not rewrite it.  Each test carries out an attack with that key."""
from datetime import datetime, timedelta, timezone

import pytest
from records import new_generation_id, record
from stack import Stack, wait_until

FAST = {"LOOKUP_DELAY": "0", "LOOKUP_OPEN_DELAY": "50ms", "LOOKUP_MAX_DELAY": "100ms", "LOOKUP_RATE": "60000"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    with Stack(tmp_path_factory.mktemp("rewrite"), mariadb, contract, stub, settings={"costd": FAST}) as installation:
        yield installation


def row(stack, gen_id):
    return stack.read.get(f"/api/v1/generations/{gen_id}").json()["generation"]


def send(stack, *records):
    for one in records:
        stack.ingest.send([one])
        stack.drained()


# ---- a final zero that comes first ----

def test_a_zero_sent_first_does_not_hide_the_true_cost(stack, stub):
    gen_id = new_generation_id()
    stub.put(gen_id, "0.75")
    send(stack, record(cost="0", generation_id=gen_id))
    wait_until(lambda: row(stack, gen_id)["cost"] == "0.75", "the provider's word")
    assert row(stack, gen_id)["cost_state"] == "looked_up"


def test_zeros_that_have_a_reason_are_not_asked_for(stack, stub):
    free, cached, marker = new_generation_id(), new_generation_id(), new_generation_id()
    stub.put(marker, "0.5")
    send(stack, record(cost="0", generation_id=free, model="a/b:free"),
         record(cost="0", generation_id=cached, prompt_tokens=0, completion_tokens=0), record(cost="0", generation_id=marker))
    wait_until(lambda: row(stack, marker)["cost"] == "0.5", "the third")
    assert (stub.asked(free), stub.asked(cached)) == (0, 0)


def test_a_sample_is_compared_unless_told_otherwise(make_stack, stub):
    """The default: some of many reported costs are looked up, of keys of one's own too, and most are not."""
    stack = make_stack(settings={"costd": {**FAST, "LOOKUP_VERIFY": None}})
    ids = [new_generation_id() for _ in range(400)]
    for n, gen_id in enumerate(ids):
        stub.put(gen_id, "0.01", **({"is_byok": True, "upstream_inference_cost": "0.02"} if n % 2 else {}))
    stack.ingest.send([record(cost="0.01", generation_id=gen_id, **({"is_byok": True, "upstream_cost": "0.02"} if n % 2 else {}))
                       for n, gen_id in enumerate(ids)])
    stack.drained()
    asked = wait_until(lambda: (found := [n for n, gen_id in enumerate(ids) if stub.asked(gen_id)]) and len(found) >= 3 and found, "a sample")
    assert len(asked) < 80, "a sample, not all"
    wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM lookup") == "0", "all of them")
    asked = [n for n, gen_id in enumerate(ids) if stub.asked(gen_id)]
    assert 3 <= len(asked) < 80 and {n % 2 for n in asked} == {0, 1}


# ---- a person's name ----

def about(name, ahead, **fields):
    """about is a record of u-ada who has this name, dated so much after now."""
    made = record(at=datetime.now(timezone.utc) + ahead, finished_at=None, **fields)
    return made | {"user": {"id": "u-ada", "name": name, "role": "user"}}


def name_of(stack, user):
    return next(one for one in stack.session().get("/api/v1/users", q=user).json()["items"] if one["id"] == user)["name"]


@pytest.mark.parametrize("ahead", (timedelta(days=1), timedelta(minutes=4)))
def test_a_record_dated_ahead_renames_nobody_for_long(stack, ahead):
    send(stack, about("Ada", -timedelta(minutes=1)))
    send(stack, about("Mallory", ahead))
    send(stack, about("Ada Lovelace", timedelta(0)))
    assert name_of(stack, "u-ada") == "Ada Lovelace"
