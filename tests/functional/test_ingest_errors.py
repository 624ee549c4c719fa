# SPDX-License-Identifier: AGPL-3.0-or-later
"""What /api/v1/events and /metering/record refuse, and what they make of odd but valid input.  What they repair: test_repairs.py."""
import json
import uuid
from datetime import datetime, timezone

import pytest
from records import new_generation_id, record
from stack import key_hash, wait_until

NOW = datetime.now(timezone.utc)


def reason_for(stack, bad):
    """reason_for sends one bad record alone and returns why it was refused."""
    problem = stack.ingest.post("/api/v1/events", bad, expect=400).json()
    assert problem["accepted"] == 0 and [r["index"] for r in problem["rejected"]] == [0]
    return problem["rejected"][0]["reason"]


def row_of(stack, sent):
    stack.drained()
    rows = stack.read.generations(generation_id=sent["generation_id"], **{"from": "2020-01-01", "to": "2199-12-31"})
    assert len(rows) == 1, rows
    return rows[0]


@pytest.mark.parametrize("body", [
    b"", b"{", b"[", b"[{]", b"nope", b"{\"v\":1,}", b"[1,2,3", b"\"text\"", b"17", b"null", b"true",
    b"{\"v\":1}{\"v\":1}", b"\x00", b"{\"v\": 01}", b"[[]]", b"{\"v\":NaN}",
], ids=repr)
def test_malformed_json_is_400_and_says_so(stack, body):
    reply = stack.ingest.post("/api/v1/events", body, expect=400, headers={"Content-Type": "application/json"})
    assert len(reply.json()["detail"]) > 5 or reply.json()["rejected"]


def test_malformed_json_says_where(stack):
    body = b'[{"v":1,\n"user": oops}]'
    detail = stack.ingest.post("/api/v1/events", body, expect=400,
                               headers={"Content-Type": "application/json"}).json()["detail"]
    assert "2" in detail, detail  # the line


def test_deeply_nested_json_is_refused(stack):
    body = b'{"x":' * 100_000 + b"1" + b"}" * 100_000
    stack.ingest.post("/api/v1/events", body, expect=400, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/metering/record"])
@pytest.mark.parametrize("header, status", [
    (None, 401), ("", 401), ("Bearer", 401), ("Bearer ", 401), ("Bearer wrong-key-wrong-key", 401),
    ("Basic dTpw", 401), ("Basic {key}", 401), ("Bearer {key}x", 401), ("Bearer {cut}", 401), ("{key}", None),
], ids=repr)
def test_wrong_or_missing_key_stores_nothing(stack, path, header, status):
    before = stack.readiness()["spool"]
    if header is not None:
        header = header.format(key=stack.ingest_key, cut=stack.ingest_key[:-1])
    reply = stack.nobody.post(path, record(), expect=None, headers={"Authorization": header})
    if status is None:  # the bare key, as older filters send it
        assert reply.status in (200, 400)
    else:
        assert reply.status == status
        assert stack.readiness()["spool"]["pending"] <= before["pending"]


def test_read_key_cannot_report(stack):
    assert stack.read.post("/api/v1/events", record(), expect=None).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_other_content_types_are_415(stack, kind):
    stack.ingest.post("/api/v1/events", json.dumps(record()), expect=415, headers={"Content-Type": kind})


def test_charset_parameter_is_fine(stack):
    stack.ingest.post("/api/v1/events", json.dumps(record()),
                      headers={"Content-Type": "application/json; charset=UTF-8"})


def test_body_over_the_limit_is_413(stack):
    body = b" " * (64 * 1024 * 1024)
    stack.ingest.post("/api/v1/events", body, expect=413, headers={"Content-Type": "application/json"})


def test_batch_of_the_plugin_fits(stack):
    """500 records, the plugin's batch, with long texts."""
    batch = [record(model="m" * 200, chat_id="c" * 200) for _ in range(500)]
    assert stack.ingest.send(batch) == {"accepted": 500, "rejected": [], "repaired": []}


@pytest.mark.parametrize("cost, exact", [
    (0, "0"), (10000, "10000"), ("10000", "10000"), (0.000000125, "0.000000125"), (7.4e-7, "0.00000074"),
    (7e-7, "0.0000007"), (0.0033368, "0.0033368"), ("0.123456789012", "0.123456789012"), (0.123456789012, "0.123456789012"),
    ("0.000000000000000001", "0.000000000000000001"), (0.1, "0.1"), (1e-18, "0.000000000000000001"), (3, "3"),
    ("9999.999999999999999999", "9999.999999999999999999"), ("7.4E-7", "0.00000074"),
], ids=repr)
# pitfalls 23, 24: binary floats, too few decimals
def test_cost_is_kept_to_the_last_digit(stack, cost, exact):
    sent = record(cost=cost)
    stack.ingest.send(sent)
    row = row_of(stack, sent)
    assert row["cost"] == exact and row["cost_state"] == "reported"
    stored = stack.ledger("cost", f"generation_id = '{sent['generation_id']}'")[0][0]
    assert stored.rstrip("0").rstrip(".") == exact or stored == exact


@pytest.mark.parametrize("raw", ["1.0000000000000000001", "0.1000000000000000000001", "1E-19"])
def test_number_with_more_than_18_digits_is_rounded_or_refused_not_mangled(stack, raw):
    body = json.dumps(record(cost="@")).replace('"@"', raw)
    reply = stack.ingest.post("/api/v1/events", body, expect=None, headers={"Content-Type": "application/json"})
    assert reply.status in (200, 400)


def test_longest_generation_id_is_fine(stack):
    sent = record(generation_id=new_generation_id().ljust(128, "x"))
    stack.ingest.send(sent)
    assert row_of(stack, sent)["generation_id"] == sent["generation_id"]


@pytest.mark.parametrize("ids", [{}, {"generation_id": ""}, {"generation_id": " "}, {"generation_id": "", "turn_id": ""},
                                 {"generation_id": ["gen-1"], "turn_id": {"id": 1}}, {"generation_id": True}], ids=repr)
# pitfall 7: an empty id is taken as an id
def test_neither_generation_nor_turn_is_refused(stack, ids):
    bad = record()
    del bad["generation_id"]
    assert "generation_id" in reason_for(stack, {**bad, **ids})


def test_a_turn_alone_is_enough(stack):
    sent = record(turn_id="turn-" + uuid.uuid4().hex, prompt_tokens=1291, model="of/its-own")  # no other call's, which it would be taken for
    del sent["generation_id"]
    stack.ingest.send(sent)
    assert row_of(stack, {"generation_id": "owui:" + sent["turn_id"]})["turn_id"] == sent["turn_id"]


def test_offset_is_converted_to_utc(stack):
    sent = record(started_at="2026-03-01T01:30:00.5+02:00", finished_at=None)
    stack.ingest.send(sent)
    assert row_of(stack, sent)["started_at"] == "2026-02-28T23:30:00.500000Z"


@pytest.mark.parametrize("raw", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"\xe2\x82"], ids=repr)
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_text_that_is_not_utf8_is_repaired(stack, raw, kind):
    lines = [json.dumps(record()).encode(), json.dumps(record(model="@@")).encode().replace(b"@@", raw)]
    body = b"\n".join(lines) if "nd" in kind else b"[" + b",".join(lines) + b"]"
    answer = stack.ingest.post("/api/v1/events", body, headers={"Content-Type": kind}).json()
    assert (answer["accepted"], answer["rejected"]) == (2, [])
    assert [(r["index"], r["field"], "UTF-8" in r["reason"]) for r in answer["repaired"]] == [(1, "model", True)]


@pytest.mark.parametrize("minimal", [
    {"generation_id": "gen-1790000001-minimal", "started_at": "2026-11-20T10:00:00Z"},
    {"turn_id": "turn-minimal", "finished_at": "2026-11-20T10:00:00+02:00"},
], ids=["generation_id", "turn_id"])
def test_id_user_and_a_time_are_enough(stack, minimal):
    assert stack.ingest.send({"user": {"id": "u-minimal"}, **minimal}) == {"accepted": 1, "rejected": [], "repaired": []}
    row = row_of(stack, {"generation_id": minimal.get("generation_id") or f"owui:{minimal['turn_id']}"})
    assert (row["user"], row["cost"], row["cost_state"], row["state"]) == ("u-minimal", None, "unknown", "final")


def test_unknown_fields_are_ignored_at_every_level(stack):
    sent = record(future={"a": [1, {"b": 2}]}, cost="0.5")
    sent["user"]["department"] = "X"
    sent["usage"]["seconds"] = 9.5
    sent["usage"]["prompt_tokens_details"]["video_tokens"] = 3
    stack.ingest.send(sent)
    assert row_of(stack, sent)["cost"] == "0.5"


def test_nulls_are_the_same_as_absent(stack):
    sent = {**record(cost=None), "chat_id": None, "model": None, "task": None, "record_id": None, "finished_at": None}
    stack.ingest.send(sent)
    row = row_of(stack, sent)
    assert row["model"] is None and row["chat_id"] is None and row["cost"] is None and row["cost_state"] == "unknown"


def test_mixed_batch_keeps_the_good_and_lists_the_bad(stack):
    good = [record() for _ in range(4)]
    batch = [good[0], record(generation_id=""), good[1], "text", good[2], [], None, good[3]]
    answer = stack.ingest.send(batch)
    assert answer["accepted"] == 4 and [r["index"] for r in answer["rejected"]] == [1, 3, 5, 6]
    assert "generation_id" in answer["rejected"][0]["reason"] and "object" in answer["rejected"][2]["reason"]
    for one in good:
        row_of(stack, one)


def test_batch_of_bad_records_is_400_and_lists_all(stack):
    problem = stack.ingest.post("/api/v1/events", [record(generation_id=""), 5], expect=400).json()
    assert problem["accepted"] == 0 and [r["index"] for r in problem["rejected"]] == [0, 1]


def test_empty_batch_is_fine(stack):
    assert stack.ingest.send([]) == {"accepted": 0, "rejected": [], "repaired": []}


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"], ids=repr)
@pytest.mark.parametrize("kind", ["x-ndjson", "ndjson", "jsonl", "json"])
def test_ndjson(stack, end, kind):
    sent = [record(), record()]
    body = "\n".join(json.dumps(one) for one in sent) + end
    reply = stack.ingest.post("/api/v1/events", body, headers={"Content-Type": f"application/{kind}"})
    assert reply.json() == {"accepted": 2, "rejected": [], "repaired": []}
    for one in sent:
        row_of(stack, one)


def test_ndjson_with_a_broken_line_keeps_the_others(stack):
    first, last = record(), record()
    body = "\n".join([json.dumps(first), '{"v":1,', json.dumps(last)])
    reply = stack.ingest.post("/api/v1/events", body, headers={"Content-Type": "application/x-ndjson"}).json()
    assert reply["accepted"] == 2 and [r["index"] for r in reply["rejected"]] == [1]
    row_of(stack, first), row_of(stack, last)


def test_sending_again_changes_nothing(stack):
    sent = record(cost="0.25", record_id=str(uuid.uuid4()))
    for _ in range(5):
        assert stack.ingest.send(sent)["accepted"] == 1
    stack.ingest.send([sent] * 10)
    row = row_of(stack, sent)
    assert row["cost"] == "0.25"
    total = stack.read.usage(user=sent["user"]["id"], model=sent["model"])
    assert total["total"]["requests"] >= 1
    assert stack.ledger("COUNT(*)", f"generation_id = '{sent['generation_id']}'") == [("1",)]


# pitfall 6: a retry is taken for a new record
def test_a_record_without_an_id_is_recognised_by_its_content(stack):
    sent = record(user="u-again", cost="0.125")
    for _ in range(3):
        stack.ingest.send(sent)
    stack.drained()
    total = stack.read.usage(user="u-again")["total"]
    assert (total["requests"], total["cost"]) == (1, "0.125")
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(sent['generation_id'])}") == "1"


def records_of_one_generation(user):
    base = record(user=user, cost=None)
    opened = {**base, "state": "open", "finished_at": None}
    del opened["usage"]
    cancelled = {**base, "state": "cancelled"}
    del cancelled["usage"]
    final = {**base, "state": "final"}
    final["usage"] = {**base["usage"], "cost": 0.0033368, "prompt_tokens": 3120, "completion_tokens": 412}
    return [opened, cancelled, final]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 2, 0, 1, 0, 2)], ids=str)
def test_records_of_one_generation_in_any_order_make_one_row(stack, order):
    user = "u-order-" + "".join(map(str, order))
    parts = records_of_one_generation(user)
    for number in order:
        stack.ingest.send(parts[number])
    row = row_of(stack, parts[0])
    assert (row["state"], row["cost"], row["prompt_tokens"], row["completion_tokens"]) == ("final", "0.0033368", 3120, 412)
    total = stack.read.usage(user=user)["total"]
    assert (total["requests"], total["cost"], total["prompt_tokens"], total["unsettled"]) == (1, "0.0033368", 3120, 0)


def test_two_costs_for_one_generation_end_the_same_in_any_order(stack):
    ends = []
    for order in ((0, 1), (1, 0)):
        first = record(user="u-conflict", cost="0.2")
        second = {**first, "usage": {**first["usage"], "cost": "0.3"}, "source": "outlet"}
        for number in order:
            stack.ingest.send((first, second)[number])
        ends.append(row_of(stack, first)["cost"])
    assert ends[0] == ends[1] and ends[0] in ("0.2", "0.3")


def test_byok_cost_is_kept_apart(stack):
    sent = record(user="u-byok", cost="0.05", is_byok=True, upstream_cost="1.25")
    stack.ingest.send(sent)
    row = row_of(stack, sent)
    assert (row["cost"], row["byok_cost"], row["is_byok"]) == ("0.05", "1.25", True)
    total = stack.read.usage(user="u-byok")["total"]
    assert (total["cost"], total["byok_cost"]) == ("0.05", "1.25")


# pitfall 26: the provider's bill is added to the cost
def test_upstream_cost_without_byok_is_never_added(stack):
    sent = record(user="u-no-byok", cost="0.05", is_byok=False, upstream_cost="0.05")
    stack.ingest.send(sent)
    stack.drained()
    total = stack.read.usage(user="u-no-byok")["total"]
    assert (total["cost"], total["byok_cost"]) == ("0.05", "0")


def test_hostile_text_is_only_text(stack):
    texts = ["'; DROP TABLE generation; --", '"><script>alert(1)</script>', "=cmd|' /C calc'!A0", "%s%n%d", "\\", "\u202eevil",
             "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧", "a" * 128]
    for text in texts:
        sent = record(user=text[:128], model=text, provider=text, chat_id=text, cost="0.001")
        sent["user"]["name"] = text
        stack.ingest.send(sent)
        row = row_of(stack, sent)
        assert (row["user"], row["user_name"], row["model"], row["provider"]) == (text, text, text, text)
        assert stack.read.usage(user=text)["total"]["cost"] == "0.001"


def test_ids_that_differ_only_in_case_or_trailing_dot_are_different(stack):
    base = new_generation_id()
    for one in (base + "a", base + "A", base + "a."):
        stack.ingest.send(record(user="u-case", generation_id=one, cost="1"))
    stack.drained()
    assert stack.read.usage(user="u-case")["total"]["requests"] == 3


# The older plugin's call


def legacy(**activity):
    made = {"id": new_generation_id(), "timestamp": int(NOW.timestamp()) - 100, "user_id": "u-old", "model": "old/model",
            "prompt_token": 11, "completion_token": 5, "reasoning_token": 2, "cached_tokens": 1, "cost": 0.00042}
    made.update(activity)
    return {"user": {"id": "u-old", "name": "Old", "email": "old@example.org", "role": "user"}, "activity": made}


def test_legacy_record_is_counted(stack):
    body = legacy()
    assert stack.ingest.post("/api/v1/metering/record", body).json() == {"success": True}
    row = row_of(stack, {"generation_id": "owui:" + body["activity"]["id"]})
    assert (row["user"], row["cost"], row["prompt_tokens"], row["completion_tokens"], row["reasoning_tokens"],
            row["cached_tokens"]) == ("u-old", "0.00042", 11, 5, 2, 1)


@pytest.mark.parametrize("body", [{}, {"user": {"id": "u"}}, {"user": {"id": "u"}, "activity": "x"}, legacy(id=""), legacy(id=None), [], 5])
def test_bad_legacy_record_says_error(stack, body):
    answer = stack.ingest.post("/api/v1/metering/record", body, expect=400).json()
    assert answer["success"] is False and answer["error"]


def test_legacy_error_shapes(stack):
    assert stack.nobody.post("/api/v1/metering/record", legacy(), expect=401).json()["success"] is False
    stack.ingest.post("/api/v1/metering/record", b"{", expect=400, headers={"Content-Type": "application/json"})
    stack.ingest.post("/api/v1/metering/record", b"x", expect=415, headers={"Content-Type": "text/plain"})
    stack.ingest.post("/api/v1/metering/record", b" " * (64 << 20), expect=413, headers={"Content-Type": "application/json"})


# Accounting


def test_conservation_of_records(stack):
    """Per spool: accepted = new + duplicate + refused + pending."""
    sent = record(record_id=str(uuid.uuid4()))
    stack.ingest.send([sent, sent, record()])
    stack.drained()
    new, duplicate, refused = stack.db.rows(
        "SELECT SUM(new_records), SUM(duplicate_records), SUM(refused_records) FROM batch")[0]
    assert int(duplicate) >= 1 and int(refused) == 0
    assert int(new) == int(stack.db.value("SELECT COUNT(*) FROM record"))
    assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"
    wait_until(lambda: stack.readiness()["spool"]["pending"] == 0, "an empty spool")


def test_totals_are_the_sum_of_the_rows(stack):
    stack.drained()
    rows = stack.db.rows("SELECT SUM(cost), COUNT(*), SUM(prompt_tokens) FROM generation")[0]
    totals = stack.db.rows("SELECT SUM(cost), SUM(requests), SUM(prompt_tokens) FROM usage_day")[0]
    assert rows == totals
