# SPDX-License-Identifier: AGPL-3.0-or-later
"""An ornament never costs money: what does not fit is repaired or left out, told, and counted, and the cost beside it stays."""
import hashlib
import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from records import instant, new_generation_id, record
from stack import key_hash

EVER = {"from": "2020-01-01", "to": "2199-12-31"}
JSON = {"Content-Type": "application/json"}


def long_id(text):
    return "long:" + hashlib.sha256(text.encode()).hexdigest()


def row_of(stack, generation_id):
    stack.drained()
    return stack.read.get(f"/api/v1/generations/{generation_id}").json()["generation"]


def repaired(stack, sent, *fields, key=None):
    """repaired sends a record, checks that these fields and no others were repaired, and gives its row."""
    answer = stack.ingest.send(sent)
    assert (answer["accepted"], answer["rejected"]) == (1, []), answer
    assert [r["field"] for r in answer["repaired"]] == list(fields) and {r["index"] for r in answer["repaired"]} <= {0}, answer
    return row_of(stack, key or sent["generation_id"])


def dropped(stack):
    """dropped gives the counter of each field."""
    name = "owui_metering_fields_dropped_total{field=\""
    lines = stack.ingest.get("/api/v1/metrics").text.splitlines()
    return {line[len(name):line.index('"}')]: float(line.split()[-1]) for line in lines if line.startswith(name)}


# Costs


@pytest.mark.parametrize("cost", [-0.01, "-1", "-0.000000000000000001", 1e9, 10001, "10000.01", 1e300, "1e3x", "abc", "", "NaN",
                                  "Infinity", "0x10", "1,5", " 1", True, [], {}], ids=repr)
# pitfall 21: a negative cost is booked
def test_absurd_cost_is_no_cost(stack, cost):
    row = repaired(stack, record(cost=cost), "usage.cost")
    assert (row["cost"], row["cost_state"], row["prompt_tokens"]) == (None, "unknown", 30)


@pytest.mark.parametrize("raw", ["1e400", "-1e400", "1" + "0" * 400, "123456789012345678901234567890"])
@pytest.mark.parametrize("field, at", [("usage.cost", {"cost": "@"}), ("usage.prompt_tokens", {"prompt_tokens": "@"})])
def test_a_number_of_absurd_size_costs_only_itself(stack, raw, field, at):
    sent = [record(), record(**at), record()]
    body = json.dumps(sent).replace('"@"', raw)
    answer = stack.ingest.post("/api/v1/events", body, headers=JSON).json()
    assert (answer["accepted"], answer["rejected"]) == (3, [])
    assert [(r["index"], r["field"]) for r in answer["repaired"]] == [(1, field)]
    assert row_of(stack, sent[1]["generation_id"])["completion_tokens"] == 7


def test_absurd_byok_cost_leaves_the_fee(stack):
    row = repaired(stack, record(cost="0.05", is_byok=True, upstream_cost=-3), "usage.cost_details.upstream_inference_cost")
    assert (row["cost"], row["byok_cost"], row["is_byok"]) == ("0.05", None, True)


@pytest.mark.parametrize("value, is_byok", [(1, True), (0, False), ("true", True), ("false", False), ("yes", None), (2, None), ([], None)],
                         ids=repr)
def test_byok_as_a_number_or_a_text(stack, value, is_byok):
    row = repaired(stack, record(cost="0.25", is_byok=value, upstream_cost="1.5"), "usage.is_byok")
    assert (row["cost"], row["is_byok"], row["byok_cost"]) == ("0.25", is_byok, "1.5" if is_byok else None)


# Token counts


@pytest.mark.parametrize("field", ["prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"])
@pytest.mark.parametrize("value, kept", [(-35, None), (1151.5, None), (1_000_000_001, None), (2**63, None), (10**40, None), (True, None),
                                         ("x", None), ("-3", None), ("1,151", None), ([], None), ("1151", 1151), ("1151.0", 1151)], ids=repr)
def test_token_counts(stack, field, value, kept):
    path = {"cached_tokens": "prompt_tokens_details.", "cache_write_tokens": "prompt_tokens_details.",
            "reasoning_tokens": "completion_tokens_details."}.get(field, "")
    row = repaired(stack, record(cost="0.25", **{field: value}), f"usage.{path}{field}")
    assert (row["cost"], row[field]) == ("0.25", kept)


def test_whole_numbers_with_a_point_are_fine(stack):
    row = repaired(stack, record(cost="0.25", prompt_tokens=10.0, completion_tokens=1e3))
    assert (row["cost"], row["prompt_tokens"], row["completion_tokens"]) == ("0.25", 10, 1000)


@pytest.mark.parametrize("name", ["cost_details", "prompt_tokens_details", "completion_tokens_details"])
@pytest.mark.parametrize("value", [7, "x", []], ids=repr)
def test_details_that_are_no_object(stack, name, value):
    sent = record(cost="0.25")
    sent["usage"][name] = value
    assert repaired(stack, sent, f"usage.{name}")["cost"] == "0.25"


def test_usage_that_is_no_object(stack):
    assert repaired(stack, record(usage=[1]), "usage")["cost"] is None


# Ids


@pytest.mark.parametrize("bad", [" gen", "gen 1", "gen-é", "gen-\u0001", "gen-\n", "x" * 129, "gen-\u007f", "gen-\u0085"], ids=repr)
def test_unfit_generation_id_is_its_hash(stack, bad):
    bad = bad + "-" + uuid.uuid4().hex
    row = repaired(stack, record(generation_id=bad, cost="0.25"), "generation_id", key=long_id(bad))
    assert row["cost"] == "0.25"


def test_unfit_ids_are_their_hashes_and_blanks_are_theirs_to_have(stack):
    user, turn, chat, message = "u" * 129, "t" * 129, "c\u0085", "m" * 257
    sent = record(user=user, turn_id=turn, chat_id=chat, message_id=message, cost="0.25")
    row = repaired(stack, sent, "turn_id", "user.id", "chat_id", "message_id")
    assert (row["user"], row["turn_id"], row["chat_id"], row["message_id"]) == tuple(long_id(x) for x in (user, turn, chat, message))
    assert row["cost"] == "0.25"
    row = repaired(stack, record(user="Ada L.", turn_id="turn é 1", chat_id="a b", message_id="ü"))
    assert (row["user"], row["turn_id"], row["chat_id"], row["message_id"]) == ("Ada L.", "turn é 1", "a b", "ü")


def test_turn_that_is_too_long_is_a_key(stack):
    turn = "t" * 129 + uuid.uuid4().hex
    sent = record(turn_id=turn, cost="0.25", prompt_tokens=1290, model="of/its-own")  # no other call's, which it would be taken for
    del sent["generation_id"]
    assert repaired(stack, sent, "turn_id", key="owui:" + long_id(turn))["cost"] == "0.25"


def test_numbers_as_ids(stack):
    number = 1790000000 + uuid.uuid4().int % 1000000
    row = repaired(stack, record(user=5, generation_id=number, turn_id=17, cost="0.25"), "generation_id", "turn_id", "user.id", key=str(number))
    assert (row["user"], row["turn_id"], row["cost"]) == ("5", "17", "0.25")


@pytest.mark.parametrize("record_id", ["", "no-uuid", "0190f6d2", 7, "zzzzzzzz-0000-0000-0000-000000000000"], ids=repr)
def test_record_id_that_is_no_uuid(stack, record_id):
    sent = record(record_id=record_id, cost="0.25")
    for _ in range(3):
        assert repaired(stack, sent, "record_id")["cost"] == "0.25"
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(sent['generation_id'])}") == "1"


# Persons


@pytest.mark.parametrize("user", [None, {}, {"id": ""}, {"id": None}, {"name": "Ada"}, "u-1", [], {"id": []}, {"id": 1.5}, {"id": True}], ids=repr)
def test_nobody_is_unknown(stack, user):
    sent = record(cost="0.25")
    sent["user"] = user
    answer = stack.ingest.send(sent)
    assert answer["accepted"] == 1 and answer["repaired"][0]["field"] in ("user", "user.id")
    row = row_of(stack, sent["generation_id"])
    assert (row["user"], row["cost"]) == ("unknown", "0.25")


@pytest.mark.parametrize("char", ["\u0000", "\u0001", "\t", "\n", "\u001b", "\u007f", "\u0080", "\u0085", "\u009f"], ids=repr)
def test_control_characters_are_taken_out(stack, char):
    sent = record(cost="0.25", model=f"a{char}/b", provider=f"{char}P", origin=f"u{char}i", task=f"{char}", source=f"s{char}",
                  requested_model=f"m{char}")
    sent["user"] |= {"id": "u-control", "name": f"A{char}da", "email": f"a@{char}b", "role": f"user{char}", "groups": [f"st{char}aff", "b"]}
    row = repaired(stack, sent, "user.name", "user.email", "user.role", "user.groups", "source", "origin", "task", "requested_model",
                   "model", "provider")
    assert (row["model"], row["provider"], row["origin"], row["task"], row["source"], row["requested_model"]) == ("a/b", "P", "ui", None, "s", "m")
    assert (row["user_name"], sorted(row["groups"]), row["cost"]) == ("Ada", ["b", "staff"], "0.25")


def test_texts_that_are_too_long(stack):
    sent = record(user="u-long", cost="0.25", model="m" * 257, provider="p" * 129, source="s" * 65, task="t" * 65, origin="o" * 65,
                  requested_model="r" * 257, platform="x" * 65)
    sent["user"] |= {"name": "ä" * 513, "email": "e" * 321, "role": "r" * 65, "groups": ["g" * 257]}
    row = repaired(stack, sent, "user.name", "user.email", "user.role", "user.groups", "source", "origin", "task", "requested_model",
                   "model", "provider", "platform")
    assert [row[name] for name in ("model", "provider", "source", "task", "origin", "requested_model")] == [None] * 6
    assert (row["user_name"], row["groups"], row["cost"]) == ("ä" * 512, ["g" * 256], "0.25")


@pytest.mark.parametrize("field", ["model", "generation_id", "name"])
def test_a_text_as_large_as_a_body_costs_only_itself(stack, field):
    """Pitfall: memory for one record that is smaller than a body is a 503 for ever."""
    huge = "\u0085ä" * 1_000_000
    sent = record(user="u-huge", cost="0.25", **({} if field == "name" else {field: huge}))
    if field == "name":
        sent["user"]["name"] = huge
    body = json.dumps(sent, ensure_ascii=False).encode()
    answer = stack.ingest.post("/api/v1/events", body, headers=JSON).json()
    assert [r["field"] for r in answer["repaired"]] == ["user.name" if field == "name" else field]
    assert row_of(stack, long_id(huge) if field == "generation_id" else sent["generation_id"])["cost"] == "0.25"


@pytest.mark.parametrize("groups, kept", [("staff", []), ({}, []), (["a", 1, None, "b"], ["a", "b"]),
                                          ([f"g{n:02}" for n in range(66)], [f"g{n:02}" for n in range(64)])], ids=["text", "object", "mixed", "many"])
def test_groups_that_do_not_fit(stack, groups, kept):
    sent = record(cost="0.25")
    sent["user"]["groups"] = groups
    row = repaired(stack, sent, "user.groups")
    assert (sorted(row["groups"]), row["cost"]) == (kept, "0.25")


@pytest.mark.parametrize("raw", ["\\ud83d", "\\ude00", "\\ud83dx"])
def test_half_of_a_pair_costs_only_itself(stack, raw):
    sent = record(cost="0.25", model="a@@b")
    body = json.dumps(sent).replace("@@", raw)
    assert stack.ingest.post("/api/v1/events", body, headers=JSON).json()["accepted"] == 1
    row = row_of(stack, sent["generation_id"])
    assert row["cost"] == "0.25" and row["model"].startswith("a\ufffd")


# What the parser does not take


def refused_and_taken(stack, items, status=200):
    """refused_and_taken sends an array of raw items and gives which were refused, and which fields were repaired."""
    answer = stack.ingest.post("/api/v1/events", b"[" + b",\n".join(items) + b"]", headers=JSON, expect=status).json()
    return answer["accepted"], [r["index"] for r in answer["rejected"]], [(r["index"], r["field"]) for r in answer["repaired"]]


def raw(sent):
    return json.dumps(sent).encode()


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf", b"\t", b"\n", b"\x00"], ids=repr)
def test_a_bad_byte_costs_nothing_but_itself(stack, bad):
    sent = record(user="u-bytes", cost="0.25", model="a@@b")
    before, after = record(), record()
    assert refused_and_taken(stack, [raw(before), raw(sent).replace(b"@@", bad), raw(after)]) == (3, [], [(1, "model")])
    row = row_of(stack, sent["generation_id"])
    assert (row["cost"], row["model"]) == ("0.25", "ab")


@pytest.mark.parametrize("field, key", [("name", None), ("chat_id", None), ("notes", None)])
def test_a_bad_byte_in_any_field(stack, field, key):
    sent = record(user="u-bytes", cost="0.25", **({} if field == "name" else {field: "a@@b"}))
    if field == "name":
        sent["user"]["name"] = "a@@b"
    listed = {"name": [(0, "user.name")], "chat_id": [(0, "chat_id")], "notes": []}[field]
    assert refused_and_taken(stack, [raw(sent).replace(b"@@", b"\xff")]) == (1, [], listed)
    assert row_of(stack, sent["generation_id"])["cost"] == "0.25"


def test_ids_that_differ_in_a_bad_byte_are_two(stack):
    turn = uuid.uuid4().hex
    sent = [record(user="u-two-bytes", cost="0.25", turn_id=turn + "@@", prompt_tokens=77_001 + i, model=f"of/its-own-{i}") for i in range(2)]
    for one in sent:
        del one["generation_id"]
    items = [raw(one).replace(b"@@", byte) for one, byte in zip(sent, (b"\xe4", b"\xf6"))]
    assert refused_and_taken(stack, items) == (2, [], [(0, "turn_id"), (1, "turn_id")])
    stack.drained()
    total = stack.read.usage(user="u-two-bytes", **EVER)["total"]
    assert (total["requests"], total["cost"]) == (2, "0.5")


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
@pytest.mark.parametrize("field, change", [("usage.cost", {"cost": "@"}), ("usage.prompt_tokens", {"prompt_tokens": "@"}), ("model", {"model": "@"}),
                                           ("started_at", {"started_at": "@"}), ("turn_id", {"turn_id": "@"}), ("usage", {"usage": "@"})])
def test_what_is_no_number_costs_only_its_field(stack, word, field, change):
    sent = record(**change)
    # an object without members has no usage either: nothing is left to be said
    listed = [] if field == "usage" else [(1, field)]
    assert refused_and_taken(stack, [raw(record()), raw(sent).replace(b'"@"', word), raw(record())]) == (3, [], listed)
    row_of(stack, sent["generation_id"])


def test_no_number_in_a_list_or_in_a_text(stack):
    sent = record(user="u-nan", cost="0.25", model="NaN", provider="a, -Infinity]")
    sent["notes"] = [float("nan"), {"x": float("-inf")}]
    assert refused_and_taken(stack, [raw(sent)]) == (1, [], [])
    row = row_of(stack, sent["generation_id"])
    assert (row["model"], row["provider"], row["cost"]) == ("NaN", "a, -Infinity]", "0.25")


@pytest.mark.parametrize("bad", [b'{"generation_id":"g","x":1,"x":2}', b'{"generation_id":"g","x":' + b"[" * 65 + b"]" * 65 + b"}", b'{"generation_id":}',
                                 b"nope", b'{"a":1]', b'{"a":"\\x"}', b"", b"{'a':1}", b"1 2"], ids=lambda b: repr(b[:20]))
def test_an_item_that_is_no_json_leaves_its_neighbours(stack, bad):
    before, after = record(cost="0.25"), record(cost="0.5")
    assert refused_and_taken(stack, [raw(before), bad, raw(after)]) == (2, [1], [])
    assert [row_of(stack, one["generation_id"])["cost"] for one in (before, after)] == ["0.25", "0.5"]
    accepted, rejected, _ = refused_and_taken(stack, [bad, bad], status=400)
    assert (accepted, rejected) == (0, [0, 1])


@pytest.mark.parametrize("rest", [b',{"a":"x', b',{"a":[1}', b",", b"", b"] x", b',{"a":"x}, {}]'], ids=repr)
def test_what_was_read_before_an_array_breaks_off_stays(stack, rest):
    sent = [record(cost="0.25"), record(cost="0.5")]
    answer = stack.ingest.post("/api/v1/events", b"[" + raw(sent[0]) + b"," + raw(sent[1]) + rest, headers=JSON).json()
    # without a comma the second item itself is not known to be whole
    kept = 1 if rest == b"" else 2
    assert (answer["accepted"], [r["index"] for r in answer["rejected"]]) == (kept, [kept])
    assert [row_of(stack, one["generation_id"])["cost"] for one in sent[:kept]] == ["0.25", "0.5"][:kept]


def test_a_broken_line_leaves_the_others(stack):
    lines = [raw(record()), b'{"a":"x', raw(record(model="1e400 NaN", cost="@")).replace(b'"@"', b"NaN"), raw(record(model="@@")).replace(b"@@", b"a\xff")]
    answer = stack.ingest.post("/api/v1/events", b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"}).json()
    assert (answer["accepted"], [r["index"] for r in answer["rejected"]]) == (3, [1])
    assert [(r["index"], r["field"]) for r in answer["repaired"]] == [(2, "usage.cost"), (3, "model")]


def test_many_items_that_are_no_json(stack):
    accepted, rejected, _ = refused_and_taken(stack, [b"x"] * 9999 + [raw(record())])
    assert accepted == 1 and rejected == list(range(9999))


# State, version, what is new


@pytest.mark.parametrize("state", ["done", "", 3, "FINAL", []], ids=repr)
def test_unknown_state(stack, state):
    assert repaired(stack, record(state=state, cost="0.25"), "state")["state"] == "final"
    sent = record(state=state)
    del sent["usage"]
    assert repaired(stack, sent, "state")["state"] == "open"


@pytest.mark.parametrize("v", [2, 0, "1", 1.5, []], ids=repr)
def test_other_versions(stack, v):
    assert repaired(stack, record(v=v, cost="0.25"), "v")["cost"] == "0.25"


@pytest.mark.parametrize("request_number", [0, -1, 1.5, "x", 1_000_001, [], True], ids=repr)
def test_request_number_that_is_none(stack, request_number):
    assert repaired(stack, record(request=request_number, cost="0.25"), "request")["cost"] == "0.25"


# Times


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "2019-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2199-01-01T00:00:00Z",
                                "0001-01-01T00:00:00Z", "yesterday", "", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01",
                                "2026-01-01T25:00:00Z", "2026-01-01T00:00:00", 1790000000, "99999-01-01T00:00:00Z",
                                "2026-01-01T00:00:00+99:99", []], ids=repr)
@pytest.mark.parametrize("field", ["started_at", "finished_at"])
def test_impossible_time_is_the_receipt_s(stack, field, at):
    before = datetime.now(timezone.utc)
    sent = record(cost="0.25", started_at=None, finished_at=None)
    sent[field] = at
    row = repaired(stack, sent, field)
    started = datetime.fromisoformat(row["started_at"].replace("Z", "+00:00"))
    assert before <= started <= datetime.now(timezone.utc) and row["cost"] == "0.25"


def test_time_ahead_of_the_receipt_is_the_receipt_s(stack):
    now = datetime.now(timezone.utc)
    row = repaired(stack, record(started_at=instant(now + timedelta(minutes=6)), finished_at=None, cost="0.25"), "started_at")
    assert datetime.fromisoformat(row["started_at"].replace("Z", "+00:00")) < now + timedelta(minutes=5)
    ahead = instant(now + timedelta(minutes=4))
    assert repaired(stack, record(started_at=ahead, finished_at=None))["started_at"] == ahead


def test_no_time_at_all_is_the_receipt_s(stack):
    sent = record(cost="0.25", started_at=None, finished_at=None)
    for _ in range(2):  # sent again it is the same record
        row = repaired(stack, sent)
    assert row["cost"] == "0.25"
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(sent['generation_id'])}") == "1"


# Being told


def test_repairs_are_listed_by_record_and_counted_by_field(stack):
    before = dropped(stack)
    batch = [record(), record(cost=-1, prompt_tokens="12"), "text", record(state="odd")]
    answer = stack.ingest.send(batch)
    assert answer["accepted"] == 3 and [r["index"] for r in answer["rejected"]] == [2]
    assert [(r["index"], r["field"]) for r in answer["repaired"]] == [(1, "usage.prompt_tokens"), (1, "usage.cost"), (3, "state")]
    after = dropped(stack)
    assert [after[name] - before.get(name, 0) for name in ("usage.prompt_tokens", "usage.cost", "state")] == [1, 1, 1]


def test_a_reason_never_quotes(stack):
    marker = "MARKER-of-a-value"
    sent = record(model=marker + "\u0085", cost=marker, state=marker, provider=marker * 20, chat_id=marker + "\n", platform=[marker])
    answer = stack.ingest.post("/api/v1/events", sent)
    assert len(answer.json()["repaired"]) == 6 and marker not in answer.text


def test_the_list_is_bounded(stack):
    answer = stack.ingest.send([record(cost=-1, prompt_tokens=-1) for _ in range(600)])
    assert answer["accepted"] == 600 and len(answer["repaired"]) == 1000


def test_refused_batches_have_the_list_too(stack):
    problem = stack.ingest.post("/api/v1/events", [5], expect=400).json()
    assert problem["repaired"] == []


@pytest.mark.parametrize("pair", [({"model": "m"}, {"model": "m\u0085"}), ({"prompt_tokens": 7}, {"prompt_tokens": "7"}),
                                  ({"cost": -1}, {"cost": -2}), ({"state": "odd"}, {"state": "odder"})], ids=str)
def test_two_that_become_the_same_are_no_contradiction(stack, pair):
    """A record without an id has one of its content, as it was sent: repair makes no dead letter."""
    base = record(cost="0.25")
    for change in pair:
        sent = json.loads(json.dumps(base))
        for name, value in change.items():
            (sent["usage"] if name in sent["usage"] else sent)[name] = value
        stack.ingest.send(sent)
    stack.drained()
    assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"


# The older filter


def legacy(user=None, **activity):
    made = {"id": new_generation_id(), "timestamp": int(datetime.now(timezone.utc).timestamp()) - 100, "user_id": "u-old", "model": "old/model",
            "prompt_token": 11, "completion_token": 5, "reasoning_token": 2, "cached_tokens": 1, "cost": 0.25}
    made.update(activity)
    return {"user": {"id": "u-old", "name": "Old"} if user is None else user, "activity": made}


@pytest.mark.parametrize("body, fields, user", [
    (legacy(cost=-1), ["usage.cost"], "u-old"), (legacy(prompt_token=-35), ["usage.prompt_tokens"], "u-old"),
    (legacy(completion_token="5"), ["usage.completion_tokens"], "u-old"), (legacy(timestamp=0), ["started_at"], "u-old"),
    (legacy(timestamp=7258118400), ["started_at"], "u-old"), (legacy(timestamp="now"), ["started_at"], "u-old"),
    (legacy(user_id="another"), ["user.id"], "u-old"), (legacy(user={"id": "u-old", "name": "O\u0085ld"}), ["user.name"], "u-old"),
    (legacy(user={}, user_id=None), ["user.id"], "unknown"), (legacy(user="x", user_id=None), ["user", "user.id"], "unknown"),
    (legacy(user={}), [], "u-old"), (legacy(model="m" * 257), ["requested_model", "model"], "u-old"), (legacy(timestamp=None), [], "u-old"),
], ids=lambda v: "+".join(v) if isinstance(v, list) else "")
def test_older_filters_are_never_told_to_raise(stack, body, fields, user):
    answer = stack.ingest.post("/api/v1/metering/record", body, expect=200).json()
    assert answer["success"] is True and [r["field"] for r in answer.get("repaired", [])] == fields
    row = row_of(stack, "owui:" + body["activity"]["id"])
    assert row["user"] == user and (row["cost"] == "0.25" or "usage.cost" in fields)


@pytest.mark.parametrize("there, field", [(b'"a\xffb"', "requested_model"), (b"NaN", "model")], ids=repr)
def test_older_filter_s_body_that_the_parser_does_not_take(stack, there, field):
    body = legacy(model="@@")
    answer = stack.ingest.post("/api/v1/metering/record", raw(body).replace(b'"@@"', there), headers=JSON, expect=200).json()
    assert answer["success"] is True and field in [r["field"] for r in answer["repaired"]]
    assert row_of(stack, "owui:" + body["activity"]["id"])["cost"] == "0.25"


def test_older_filter_s_id_that_is_too_long(stack):
    turn = "t" * 129 + uuid.uuid4().hex
    stack.ingest.post("/api/v1/metering/record", legacy(id=turn), expect=200)
    assert row_of(stack, "owui:" + long_id(turn))["cost"] == "0.25"


def test_older_filter_s_body_without_a_time_is_one_record(stack):
    body = legacy(timestamp=None)
    for _ in range(3):
        stack.ingest.post("/api/v1/metering/record", body, expect=200)
    stack.drained()
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash('owui:' + body['activity']['id'])}") == "1"
