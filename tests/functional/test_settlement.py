# SPDX-License-Identifier: AGPL-3.0-or-later
"""What has no settled cost and why, and records the ledger could not take."""
import uuid

from records import record
from stack import key_hash


def letters(session, **query):
    return session.get("/api/v1/dead-letters", **query).json()


def quarrel(stack, spoiled_cost="0.5"):
    """quarrel sends a record and another one with its id and other content, which becomes a dead letter."""
    first = record(record_id=str(uuid.uuid4())[:-6] + "000000", cost="0.25")  # zero bytes
    stack.ingest.send(first)
    stack.drained()
    stack.ingest.send({**first, "usage": {**first["usage"], "cost": spoiled_cost}})
    stack.drained()
    return first


def test_dead_letters_are_listed_and_sent_again(make_stack):
    stack = make_stack()
    session = stack.session()
    first, second = quarrel(stack), quarrel(stack, "0.75")
    page = letters(session, limit=1)
    assert len(page["items"]) == 1 and page["next_cursor"] is not None
    other = letters(session, limit=1, cursor=page["next_cursor"])
    assert other["next_cursor"] is None
    items = page["items"] + other["items"]
    assert [i["generation_id"] for i in items] == [second["generation_id"], first["generation_id"]]
    assert all("other content" in i["reason"] and i["user"] == "u-1" and i["bytes"] > 50 for i in items)
    assert "owui_metering_dead_letters 2" in stack.read.get("/api/v1/metrics").text

    # refused again: stays, with the reason; the same for all at once
    key = {"spool_id": items[0]["spool_id"], "seq": items[0]["seq"]}
    retry = "/api/v1/dead-letters/retry"
    assert session.request("POST", retry, body=key, expect=200).json() == {
        "tried": 1, "stored": 0, "duplicate": 0, "refused": 1, "more": False}
    assert session.request("POST", retry, body={}, expect=200).json()["refused"] == 2
    assert len(letters(session)["items"]) == 2

    # the obstacle goes: the record is stored once, however often it is sent again
    stack.db.rows(f"DELETE FROM record WHERE key_hash={key_hash(second['generation_id'])}")
    assert session.request("POST", retry, body=key, expect=200).json() == {
        "tried": 1, "stored": 1, "duplicate": 0, "refused": 0, "more": False}, letters(session)
    assert session.request("POST", retry, body=key, expect=404).status == 404
    assert [i["generation_id"] for i in letters(session)["items"]] == [first["generation_id"]]
    assert stack.ledger("cost,disputed_cost", f"generation_id='{second['generation_id']}'") == [("0.250000000000000000", "0.500000000000000000")]
    text = stack.read.get("/api/v1/metrics").text
    assert 'owui_metering_dead_letters_retried_total{result="stored"} 1' in text
    assert 'owui_metering_dead_letters_retried_total{result="refused"} 3' in text


def test_dead_letters_that_are_set_aside_stay_and_are_counted_apart(make_stack):
    stack = make_stack()
    session = stack.session()
    first, second, third = (quarrel(stack, cost) for cost in ("0.5", "0.6", "0.75"))
    url = "/api/v1/dead-letters/set-aside"
    named = {i["generation_id"]: {"spool_id": i["spool_id"], "seq": i["seq"]} for i in letters(session)["items"]}

    def counts():
        pipeline, metrics = session.get("/api/v1/pipeline").json(), stack.read.metrics()
        found = pipeline["dead_letters"], pipeline["dead_letters_set_aside"]
        assert found == (int(metrics["owui_metering_dead_letters"]), int(metrics["owui_metering_dead_letters_set_aside"]))
        return found

    assert counts() == (3, 0)
    assert session.post(url, {"reason": "a test of ours", "letters": [named[first["generation_id"]]]}).json() == {"set_aside": 1}
    assert session.post(url, {"reason": "later", **named[first["generation_id"]]}).json() == {"set_aside": 0}
    assert counts() == (2, 1)
    aside = letters(session, set_aside=1)["items"]
    assert [(i["generation_id"], i["set_aside_reason"]) for i in aside] == [(first["generation_id"], "a test of ours")]
    assert aside[0]["set_aside_at"] and "other content" in aside[0]["reason"]
    open_ones = letters(session, set_aside=0)["items"]
    assert [i["generation_id"] for i in open_ones] == [third["generation_id"], second["generation_id"]]
    assert all(i["set_aside_at"] is None and i["set_aside_reason"] is None for i in open_ones)

    # all at once is about the others; by its number one is sent again all the same
    retry = "/api/v1/dead-letters/retry"
    assert session.post(retry, {}).json()["tried"] == 2
    stack.db.rows(f"DELETE FROM record WHERE key_hash={key_hash(first['generation_id'])}")
    assert session.post(retry, named[first["generation_id"]]).json()["stored"] == 1
    assert session.post(url, {"reason": "all of them"}).json() == {"set_aside": 2}
    assert counts() == (0, 2) and len(letters(session)["items"]) == 2

    # a new one raises the alarm again
    quarrel(stack)
    assert counts() == (1, 2)


def test_set_aside_refuses_what_it_cannot_do(make_stack):
    stack = make_stack()
    session, url = stack.session(), "/api/v1/dead-letters/set-aside"
    known = quarrel(stack)
    one = letters(session)["items"][0]
    number, unknown = {"spool_id": one["spool_id"], "seq": one["seq"]}, {"spool_id": "0" * 32, "seq": 1}
    for body in ({}, {"reason": ""}, {"reason": "x" * 256}, {"reason": 5}, {"reason": "x", "letters": []}, {"reason": "x", "letters": [{}]},
                 {"reason": "x", "letters": {}}, {"reason": "x", "letters": [number] * 501}, {"reason": "x", "seq": 1}, []):
        session.request("POST", url, body=body, expect=400)
    session.request("POST", url, body={"reason": "x", "letters": [number, unknown]}, expect=404)
    assert session.get("/api/v1/pipeline").json()["dead_letters"] == 1, known
    for caller, status in ((stack.nobody, 401), (stack.ingest, 403), (stack.read, 403)):
        caller.request("POST", url, body={"reason": "x"}, expect=status)


def test_retry_refuses_what_names_no_letter(make_stack):
    stack = make_stack()
    session = stack.session()
    for body in ({"spool_id": "00"}, {"spool_id": "0" * 32}, {"seq": 1}, {"spool_id": "x" * 32, "seq": 1}, [], {"spool_id": 5, "seq": 1}):
        session.request("POST", "/api/v1/dead-letters/retry", body=body, expect=400)
    session.request("POST", "/api/v1/dead-letters/retry", body={"spool_id": "0" * 32, "seq": 1}, expect=404)
    stack.read.request("GET", "/api/v1/dead-letters", expect=403)
    for path in ("prices", "unsettled", "discrepancies"):
        assert stack.read.get(f"/api/v1/{path}").json()["next_cursor"] is None
        stack.read.request("GET", f"/api/v1/{path}?cursor=AAAA", expect=400)
    session.request("GET", "/api/v1/dead-letters?cursor=AAAA", expect=400)


def test_unsettled_rows_say_why(make_stack, stub):
    stack = make_stack(settings={"costd": {"OPENROUTER_API_KEY": None}})
    sent = [record(cost=None, generation_id=f"gen-unsettled-{n}") for n in range(3)] + [
        record(cost=None, generation_id=None, turn_id="turn-unsettled", user="u-2", model="another/model", prompt_tokens=31), record()]
    stack.ingest.send(sent)
    stack.drained()
    first = stack.read.get("/api/v1/unsettled", limit=3).json()
    rest = stack.read.get("/api/v1/unsettled", limit=3, cursor=first["next_cursor"]).json()
    assert rest["next_cursor"] is None
    found = {i["generation_id"]: i for i in first["items"] + rest["items"]}
    assert {k: v["reason"] for k, v in found.items()} == {
        **{f"gen-unsettled-{n}": "no_key" for n in range(3)}, "owui:turn-unsettled": "not_looked_up"}
    assert all(i["cost_state"] == "unknown" and i["cost"] is None and i["attempts"] == 0 and i["missing"] == "cost" for i in found.values())
