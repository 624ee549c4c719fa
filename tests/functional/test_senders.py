# SPDX-License-Identifier: AGPL-3.0-or-later
"""What plugins say of themselves every minute: taken from any gateway, listed by any, kept apart from the ledger."""
import json
import uuid

import pytest

HEARTBEAT, SENDERS = "/api/v1/senders/heartbeat", "/api/v1/senders"


def beat(sender=None, **more):
    one = {"plugin": "1.1.0", "tap": "on", **more}
    return {**one, "sender": sender} if sender else one


def listed(stack, sender):
    items = stack.read.request("GET", SENDERS, expect=200).json()["items"]
    found = [item for item in items if item["sender"] == sender]
    assert len(found) == 1, items
    return found[0]


def test_what_a_plugin_says_is_listed(stack):
    sender = str(uuid.uuid4())
    said = {"openwebui": "0.12.4", "reason": "aiohttp's stream is another one", "processes": 2, "seen": 17, "missed": 1, "faults": 2, "unnamed": 3,
            "queued": 4, "rejected": 5}
    assert stack.ingest.post(HEARTBEAT, beat(sender, **{**said, "tap": "does_not_fit"}), expect=200).json() == {"ok": True}
    one = listed(stack, sender)
    assert {key: one[key] for key in said} == said
    assert (one["plugin"], one["tap"], one["state"]) == ("1.1.0", "does_not_fit", "heard") and one["first_at"] == one["last_at"]
    stack.ingest.post(HEARTBEAT, beat(sender), expect=200)
    again = listed(stack, sender)
    assert again["first_at"] == one["first_at"] and again["last_at"] > one["last_at"]
    assert (again["tap"], again["reason"], again["openwebui"], again["processes"], again["seen"]) == ("on", None, None, 1, 0)
    items = stack.read.request("GET", SENDERS, expect=200).json()
    assert items["items"][0] == again and items["next_cursor"] is None, "the last heard first"


def test_all_without_a_name_are_one(stack):
    stack.ingest.post(HEARTBEAT, beat(seen=1), expect=200)
    stack.ingest.post(HEARTBEAT, beat(seen=2, sender="not a UUID"), expect=200)
    assert listed(stack, None)["seen"] == 2


def test_who_is_not_heard_is_silent(stack):
    sender = str(uuid.uuid4())
    stack.ingest.post(HEARTBEAT, beat(sender, tap="off"), expect=200)
    stack.db.rows(f"UPDATE sender SET last_us=last_us-181000000 WHERE sender=UNHEX('{sender.replace('-', '')}')")
    assert listed(stack, sender)["state"] == "silent"
    text = stack.read.request("GET", "/api/v1/metrics", expect=200).text
    assert 'owui_metering_senders{state="silent"} 1\n' in text


@pytest.mark.parametrize("body, says", [
    ({"tap": "on"}, "plugin: must be"), ({"plugin": "", "tap": "on"}, "plugin: must be"), ({"plugin": 1, "tap": "on"}, "plugin: must be"),
    ({"plugin": "x" * 65, "tap": "on"}, "plugin: must be"), ({"plugin": "1"}, "tap: must be"), ({"plugin": "1", "tap": True}, "tap: must be"),
    ({"plugin": "1", "tap": "On"}, "tap: must be"), ([], "must be an object"), ("on", "must be an object"), (None, "must be an object"),
])
def test_what_is_required_must_fit(stack, body, says):
    reply = stack.ingest.request("POST", HEARTBEAT, body=json.dumps(body), headers={"Content-Type": "application/json"}, expect=400)
    assert says in reply.json()["detail"]


def test_a_body_that_is_no_json_is_refused_and_is_no_record(stack):
    before = stack.read.request("GET", "/api/v1/refused", expect=200).json()["items"]
    for body, status in (("{", 400), ("{" + " " * 70000 + "}", 413)):
        stack.ingest.request("POST", HEARTBEAT, body=body, headers={"Content-Type": "application/json"}, expect=status)
    assert stack.read.request("GET", "/api/v1/refused", expect=200).json()["items"] == before


def test_what_does_not_fit_beside_it_is_left_out(stack):
    sender = str(uuid.uuid4())
    stack.ingest.post(HEARTBEAT, beat(sender, openwebui="x" * 65, reason="r\u0085\n" + "é" * 300, seen=-1, missed=1.5, faults="3", unnamed=True, queued=10**30,
                                      rejected=7.0, processes=None, other={"a": 1}), expect=200)
    one = listed(stack, sender)
    assert one["openwebui"] is None and one["reason"] == "r" + "é" * 255
    assert [one[key] for key in ("seen", "missed", "faults", "unnamed", "queued", "rejected", "processes")] == [0, 0, 0, 0, 0, 7, 1]


def test_keys_do_what_they_are_for(stack):
    assert stack.read.post(HEARTBEAT, beat(), expect=403).status == 403
    assert stack.nobody.post(HEARTBEAT, beat(), expect=401).status == 401
    assert stack.ingest.request("GET", SENDERS, expect=403).status == 403
    assert stack.session().request("GET", SENDERS, expect=200).status == 200


def test_the_ledger_does_not_move(stack):
    tables = ("record", "generation", "usage_day", "person", "batch", "dead_letter")
    before = [stack.db.value(f"SELECT COUNT(*) FROM {table}") for table in tables]
    stack.ingest.post(HEARTBEAT, beat(str(uuid.uuid4())), expect=200)
    stack.drained()
    assert [stack.db.value(f"SELECT COUNT(*) FROM {table}") for table in tables] == before


def test_without_costd_it_is_not_taken(make_stack):
    stack = make_stack()
    sender = str(uuid.uuid4())
    stack.costd.stop()
    stack.ingest.post(HEARTBEAT, beat(sender), expect=503)
    stack.read.request("GET", SENDERS, expect=503)
    stack.costd.start()
    stack.wait_ready()
    stack.ingest.post(HEARTBEAT, beat(sender), expect=200)
    assert listed(stack, sender)["tap"] == "on"


def test_any_gateway_lists_what_another_heard(make_stack):
    stack = make_stack(gateways=2)
    stack.wait_ready(1)
    sender = str(uuid.uuid4())
    stack.client(stack.ingest_key, stack.gateways[0].port).post(HEARTBEAT, beat(sender), expect=200)
    reply = stack.client(stack.read_key, stack.gateways[1].port).request("GET", SENDERS, expect=200).json()
    assert [item["sender"] for item in reply["items"]] == [sender]
