# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rule of what fits into a record, as a table that the plugin's tests hold against the plugin: tests/data/fit/cases.json.

Each case: `member` (a path), `sent` (its value), `kept` (what the journal has of it; null: nothing), and `beside` (other
members that it needs).  An amount is kept as a decimal text, a time in UTC with microseconds; of a user that is no object
the id is told, of other objects that they hold nothing.  A record without a record_id that fits gets one of its content.
"""
import json
import re
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from records import record
from stack import key_hash

ROOT = Path(__file__).resolve().parent.parent
CASES = json.loads((ROOT / "data" / "fit" / "cases.json").read_text(encoding="utf-8"))
NOT_SENT = {"v", "other_id", "usage.cost_state"}  # read and not kept; a look-up's; the gateway's word

# member -> its number in Record of proto/messages/record.proto
FIELDS = {"record_id": 1, "generation_id": 2, "turn_id": 3, "state": 4, "source": 6, "chat_id": 7, "message_id": 8, "origin": 9, "task": 10,
          "requested_model": 11, "model": 12, "provider": 13, "usage.prompt_tokens": 14, "usage.completion_tokens": 15,
          "usage.completion_tokens_details.reasoning_tokens": 16, "usage.prompt_tokens_details.cached_tokens": 17,
          "usage.prompt_tokens_details.cache_write_tokens": 18, "usage.cost": 19, "usage.is_byok": 21,
          "usage.cost_details.upstream_inference_cost": 22, "started_at": 23, "finished_at": 24, "platform": 27, "request": 29, "kind": 31,
          "sender": 32, "number": 33, "usage.images": 34}
USER = ("user.id", "user.name", "user.email", "user.role", "user.groups", "user.inherited_groups")  # in columns of the table person
STATES = ["open", "error", "cancelled", "final"]


def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value, shift = value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """fields reads a packed message: number -> its values, whole numbers or bytes."""
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        found.setdefault(tag >> 3, []).append(value)
    return found


def value_of(member, record_fields):
    """value_of gives a member as the cases have it."""
    if member == "user":
        return {"id": record_fields["user.id"]}
    if member in ("user.groups", "user.inherited_groups"):
        return json.loads(record_fields[member] or "[]")
    if member in USER:
        return record_fields[member]
    inner = [name for name in FIELDS if name.startswith(member + ".")]
    if inner:
        assert all(value_of(name, record_fields) is None for name in inner), member
        return None
    if FIELDS[member] not in record_fields:
        return None
    value = record_fields[FIELDS[member]][-1]
    if member in ("record_id", "sender"):
        return str(uuid.UUID(bytes=value))
    if member == "state":
        return STATES[value]
    if member == "usage.is_byok":
        return bool(value)
    if member in ("started_at", "finished_at"):
        return f"{datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=value):%Y-%m-%dT%H:%M:%S.%fZ}"
    return value.decode() if isinstance(value, bytes) else value


def put(made, path, value):
    *outer, last = path.split(".")
    for name in outer:
        made = made.setdefault(name, {})
    made[last] = value


def made_of(case):
    """made_of is a record with both keys, so that neither is missed, and of it what the case is about."""
    made = record(user=f"u-fit-{uuid.uuid4()}", cost="0.25", turn_id=f"turn-{uuid.uuid4()}") | {"record_id": str(uuid.uuid4())}
    if case["member"].startswith("usage"):
        made["usage"] = {"prompt_tokens": 3} if case["member"] == "usage.is_byok" else {}
    for path, value in case.get("beside", {}).items():
        put(made, path, value)
    put(made, case["member"], case["sent"])
    return made


@pytest.fixture(scope="module")
def kept(stack):
    """kept sends all cases in one body, and gives of each what the journal has."""
    made = [made_of(case) for case in CASES]
    reply = stack.ingest.send(made)
    assert (reply["accepted"], reply["rejected"]) == (len(CASES), [])
    stack.drained()
    rows = stack.db.rows("SELECT HEX(record_id),key_hash,HEX(payload),HEX(external_id),HEX(name),HEX(email),HEX(role),HEX(s.text),HEX(inherited_json) "
                         "FROM record AS r JOIN person AS p ON p.id=r.person LEFT JOIN group_set AS s ON s.id=r.group_set")
    by_id = {row[0].lower(): row for row in rows}
    by_key = {row[1]: row for row in rows}
    found = []
    for case, one in zip(CASES, made):
        row = by_id.get(str(one.get("record_id")).replace("-", "").lower()) or by_key.get(str(key_hash(one["generation_id"])))
        assert row is not None, case["name"]
        person = {member: bytes.fromhex(text).decode() if text is not None else None for member, text in zip(USER, row[3:])}
        found.append({**fields(bytes.fromhex(row[2] or "")), 1: [bytes.fromhex(row[0])], **person})
    assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"
    return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_what_is_kept_is_what_fits(kept, number):
    case = CASES[number]
    seen = value_of(case["member"], kept[number])
    if case["member"] == "record_id" and case["kept"] is None:
        assert seen != case["sent"] and seen is not None
        return
    kept_as = sorted(set(case["kept"])) if case["member"] in ("user.groups", "user.inherited_groups") else case["kept"]  # they are sets
    assert seen == kept_as and type(seen) is type(kept_as)


def test_every_member_of_the_rule_has_cases():
    proto = ROOT.parent / "proto"
    rule = set(re.findall(r'^OM_FIT\(\w+, +"([^"]+)"\)', (proto / "wire" / "fit.def").read_text(encoding="utf-8"), re.M))
    rule |= set(re.findall(r'^OM_FIGURE_TOLD\(.*"([^"]+)"\)', (proto / "messages" / "figures.def").read_text(encoding="utf-8"), re.M))
    assert rule - NOT_SENT == {case["member"] for case in CASES}
