# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whoever may send requests through Open WebUI names a colleague as their user: what Broadcast brings back then is told, not proven."""
import hashlib
import hmac
import json

import pytest
from otlp import protobuf, span, trace
from records import new_generation_id, record
from stack import wait_until

URL = "/api/v1/traces"
JSON, PROTOBUF = "application/json", "application/x-protobuf"


def tag_key(stack):
    """tag_key is what the plugin is given with the answers to what it sends."""
    key = stack.ingest.post("/api/v1/events", [record()])["X-Tag-Key"]
    assert stack.ingest.post("/api/v1/senders/heartbeat", {"plugin": "1.2.3", "tap": "on"})["X-Tag-Key"] == key
    assert key not in stack.gateway.log and stack.read.get("/api/v1/usage")["X-Tag-Key"] is None
    return key


def mac(key, turn, request, user):
    return hmac.new(key.encode(), f"owui-tag-1\n{turn}\n{request}\n{user}".encode(), hashlib.sha256).hexdigest()[:32]


def post(stack, one, kind=JSON):
    doc = trace(one)
    body = protobuf(doc) if kind == PROTOBUF else json.dumps(doc)
    stack.ingest.request("POST", URL, body=body, headers={"Content-Type": kind}, expect=200)


def tagged(gen_id, user, turn="turn-1", number=1, signed=None):
    tag = {"user.id": user, "trace.metadata.owui_turn": turn, "trace.metadata.owui_request": number, "trace.metadata.owui_mac": signed}
    return span(gen_id, attrs=tag)


def generation(stack, gen_id):
    stack.drained()
    return stack.read.get(f"/api/v1/generations/{gen_id}").json()


def user_of(stack, gen_id):
    row = generation(stack, gen_id)["generation"]
    return row["user"], row["user_state"]


def test_a_colleagues_id_in_the_field_user_is_told(stack):
    plain, header = new_generation_id(), new_generation_id()
    post(stack, span(plain, attrs={"user.id": "u-colleague"}))
    post(stack, span(header, attrs={"user.id": None, "session.id": "owui|u-colleague|chat-1||"}))
    for gen_id in (plain, header):
        assert user_of(stack, gen_id) == ("u-colleague", "told")
    assert generation(stack, plain)["records"][0]["user_state"] == "told"
    rows = {row["generation_id"]: row["user_state"] for row in stack.read.generations(**{"from": "2026-01-01", "to": "2027-12-31"})}
    assert rows[plain] == rows[header] == "told"


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_the_plugins_mac_proves_the_user(stack, kind):
    key = tag_key(stack)
    gen_id = new_generation_id()
    post(stack, tagged(gen_id, "u-true", "turn-9", 2, mac(key, "turn-9", 2, "u-true")), kind)
    assert user_of(stack, gen_id) == ("u-true", "proven")


def test_a_mac_for_anything_else_proves_nothing(stack):
    key = tag_key(stack)
    good = mac(key, "turn-9", 2, "u-true")
    cases = [("u-colleague", "turn-9", 2, good), ("u-true", "turn-8", 2, good), ("u-true", "turn-9", 3, good), ("u-true", "turn-9", 2, good[:-1]),
             ("u-true", "turn-9", 2, "0" * 32), ("u-true", "turn-9", 2, good.upper()), ("u-true", "turn-9", 2, 5), ("u-true", "turn-9", 2, None),
             ("u-true", "turn-9", 2, mac("0" * 64, "turn-9", 2, "u-true")), ("2\nu-true", "turn-9\n", 0, mac(key, "turn-9", 2, "u-true"))]
    for user, turn, number, signed in cases:
        gen_id = new_generation_id()
        post(stack, tagged(gen_id, user, turn, number, signed))
        assert user_of(stack, gen_id)[1] != "proven", (user, turn, number, signed)


def test_the_same_trace_again_is_no_second_record_whoever_judges_it(make_stack):
    """Another gateway, or this one with another ingest key, judges the same tag otherwise: it is the same record."""
    stack = make_stack()
    key, gen_id = tag_key(stack), new_generation_id()
    one = tagged(gen_id, "u-true", signed=mac(key, "turn-1", 1, "u-true"))
    post(stack, one)
    stack.drained()
    stack.gateway.stop()
    stack.ingest_key = "ik-another-" + "0" * 40
    stack.gateway.env["API_KEY"] = stack.ingest_key
    stack.gateway.start()
    stack.wait_ready()
    post(stack, one)
    assert user_of(stack, gen_id) == ("u-true", "proven")
    assert len(generation(stack, gen_id)["records"]) == 1 and stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"


def test_what_the_plugin_saw_is_proven_and_goes_before_what_is_told(stack):
    for first in (True, False):
        gen_id = new_generation_id()
        one, other = record(user="u-true", generation_id=gen_id), span(gen_id, attrs={"user.id": "u-colleague"})
        if first:
            stack.ingest.send(one)
        post(stack, other)
        if not first:
            stack.ingest.send(one)
        assert user_of(stack, gen_id) == ("u-true", "proven")


def test_told_users_can_be_left_to_nobody(make_stack, stub):
    stack = make_stack(stub=stub, settings={"gateway": {"TOLD_USERS": "unknown"}, "costd": {"TOLD_USERS": "unknown"}})
    key, told, proven, looked_up = tag_key(stack), new_generation_id(), new_generation_id(), new_generation_id()
    post(stack, span(told, attrs={"user.id": "u-colleague"}))
    post(stack, tagged(proven, "u-true", signed=mac(key, "turn-1", 1, "u-true")))
    stub.put(looked_up, "0.5", external_user="u-colleague")
    stack.ingest.send(record(generation_id=looked_up, user="unknown", cost=None))
    assert user_of(stack, told) == ("unknown", "unknown")
    assert user_of(stack, proven) == ("u-true", "proven")
    wait_until(lambda: generation(stack, looked_up)["generation"]["cost_state"] == "looked_up", "a looked-up cost")
    assert user_of(stack, looked_up) == ("unknown", "unknown")
    for gen_id in (told, looked_up):  # the journal keeps whom the request named
        assert "u-colleague" in [r["user"] for r in generation(stack, gen_id)["records"] if r["told_only"]]


def test_whom_a_look_up_names_is_told(make_stack, stub):
    stack = make_stack(stub=stub)
    gen_id = new_generation_id()
    stub.put(gen_id, "0.5", external_user="u-named")
    stack.ingest.send(record(generation_id=gen_id, user="unknown", cost=None))
    wait_until(lambda: generation(stack, gen_id)["generation"]["cost_state"] == "looked_up", "a looked-up cost")
    assert user_of(stack, gen_id) == ("u-named", "told")
