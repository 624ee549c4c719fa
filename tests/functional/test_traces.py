# SPDX-License-Identifier: AGPL-3.0-or-later
"""OTLP traces: what OpenRouter's Broadcast sends becomes rows, once, exact and without a prompt."""
import gzip
import hashlib
import json
import subprocess
from decimal import Decimal

import pytest
from otlp import MARKER, attributes, partial_success, protobuf, sample, span, trace, varint
from records import new_generation_id, record
from stack import key_hash

URL = "/api/v1/traces"
JSON, PROTOBUF = "application/json", "application/x-protobuf"


def post(stack, doc, kind=JSON, method="POST", expect=200, **headers):
    body = protobuf(doc) if kind == PROTOBUF else json.dumps(doc).encode()
    return stack.ingest.request(method, URL, body=body, headers={"Content-Type": kind, **headers}, expect=expect)


def ledger(stack):
    stack.drained()
    return {row["generation_id"]: row for row in stack.read.generations(**{"from": "2026-01-01", "to": "2027-01-01"})}


def id_of(one):
    return next(a["value"]["stringValue"] for a in one["attributes"] if a["key"] == "gen_ai.response.id")



@pytest.fixture(params=[JSON, PROTOBUF])
def kind(request):
    return request.param


def fresh(doc):
    """fresh gives a sample a generation id that no other test has."""
    old = doc["resourceSpans"][0]["resource"]["attributes"][1]["value"]["stringValue"]
    new = new_generation_id()
    return json.loads(json.dumps(doc).replace(old, new)), new


def test_full_trace_is_one_row(stack, kind):
    doc, gen_id = fresh(sample("otlp_trace"))
    assert post(stack, doc, kind).content in (b"{}", b"")
    rows = ledger(stack)
    assert not [key for key in rows if key.startswith(gen_id + ":")]
    row = rows[gen_id]
    assert (row["cost"], row["cost_state"], row["prompt_tokens"], row["completion_tokens"]) == ("0.0033368", "reported", 3120, 412)
    assert (row["cached_tokens"], row["reasoning_tokens"]) == (2048, 145)
    assert (row["model"], row["provider"]) == ("anthropic/claude-haiku-4.5", "Amazon Bedrock")
    assert row["user"] == "9c1a6c0e-2a38-4a0e-8f6d-5d7f1f0b6a42" and row["started_at"].startswith("2026-09-30T09:53:21.318")
    stored = stack.db.rows(f"SELECT chat_id,state,source,is_byok,cache_write_tokens FROM as_text_generation WHERE generation_id='{gen_id}'")
    assert stored == [("7f3c2b19-8d51-4f0e-9a77-1c9f0a3e5b22", "3", "otlp", "0", "0")]


def test_ints_as_text_and_exponents_are_exact(stack, kind):
    doc, gen_id = fresh(sample("otlp_trace_privacy"))
    post(stack, doc, kind)
    row = ledger(stack)[gen_id]
    assert (row["cost"], row["prompt_tokens"], row["completion_tokens"]) == ("0.0000007", 3, 1)


def test_span_without_a_user_belongs_to_unknown_until_somebody_knows(stack, kind):
    doc, gen_id = fresh(sample("otlp_trace_privacy"))
    post(stack, doc, kind)
    assert ledger(stack)[gen_id]["user"] == "unknown"
    stack.ingest.send(record(user="a-user", generation_id=gen_id, cost="0.0000007"))
    assert ledger(stack)[gen_id]["user"] == "a-user"
    post(stack, doc, kind)
    assert ledger(stack)[gen_id]["user"] == "a-user"


def test_known_user_first_then_a_span_without(stack):
    gen_id = new_generation_id()
    stack.ingest.send(record(user="a-user", generation_id=gen_id))
    post(stack, trace(span(gen_id, attrs={"user.id": None})))
    assert ledger(stack)[gen_id]["user"] == "a-user"


@pytest.mark.parametrize("plugin_first", [True, False])
# pitfall 1: one call seen on two paths counts twice
def test_plugin_and_trace_are_one_row(stack, kind, plugin_first):
    """The plugin saw it itself: its words stay; the amount is the same on both ways."""
    gen_id = new_generation_id()
    doc = trace(span(gen_id, attrs={"user.id": "zz-another", "gen_ai.usage.total_cost": 0.0125, "session.id": "ffffffff-0000-4000-8000-000000000000"}))
    sent = record(user="u-plugin", generation_id=gen_id, cost=0.0125, chat_id="chat-of-plugin")
    for step in ([0, 1] if plugin_first else [1, 0]):
        if step == 0:
            stack.ingest.send(sent)
        else:
            post(stack, doc, kind)
        stack.drained()
    assert stack.db.rows(f"SELECT user_id,chat_id,cost,source FROM as_text_generation WHERE generation_id='{gen_id}'") == \
        [("u-plugin", "chat-of-plugin", "0.012500000000000000", "filter-stream")]
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(gen_id)}") == "2"
    assert stack.read.usage(user="zz-another", **{"from": "2026-01-01", "to": "2027-01-01"})["total"]["requests"] == 0


def test_redelivery_is_a_duplicate(stack, kind):
    doc, gen_id = fresh(sample("otlp_trace"))
    for _ in range(3):
        post(stack, doc, kind)
        stack.drained()
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(gen_id)}") == "1"


def test_both_encodings_give_the_same_record(stack):
    doc, gen_id = fresh(sample("otlp_trace"))
    post(stack, doc, JSON)
    post(stack, doc, PROTOBUF)
    stack.drained()
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(gen_id)}") == "1"


@pytest.mark.parametrize("name", ["otlp_connection_test", "otlp_webhook_connection_test"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_connection_tests_are_answered_and_not_metered(stack, kind, method, name):
    before = len(ledger(stack))
    post(stack, sample(name), kind, method, **{"X-Test-Connection": "true"})
    assert len(ledger(stack)) == before


@pytest.mark.parametrize("body, kind", [(b"{}", JSON), (b"", JSON), (b"", PROTOBUF), (b"", None)])
@pytest.mark.parametrize("length", [{}, {"Content-Length": None}], ids=["length", "no length"])
def test_empty_payloads_are_fine(stack, body, kind, length):
    if length and body:
        pytest.skip("a body has a length")
    stack.ingest.request("POST", URL, body=body, headers={"Content-Type": kind, "X-Test-Connection": "true", **length}, expect=200)


def test_test_generations_are_never_billed(stack, kind):
    """As OpenRouter's button sends it, with the attribute names and enum texts of 2025."""
    gen_id = new_generation_id()
    one = span(gen_id, name="Test Generation", kind="SPAN_KIND_INTERNAL", status={"code": "STATUS_CODE_OK"},
               startTimeUnixNano=1790762001000000000, attrs={"openrouter.user.id": "u-old", "gen_ai.usage.total_cost": 0.02})
    post(stack, trace(one), kind)
    assert gen_id not in ledger(stack)


# pitfall 32: nanoseconds as numbers
def test_old_names_and_enum_texts(stack):
    gen_id = new_generation_id()
    one = span(gen_id, kind="SPAN_KIND_INTERNAL", status={"code": "STATUS_CODE_OK"}, startTimeUnixNano=1790762001000000000,
               endTimeUnixNano=1790762002500000000,
               attrs={"user.id": None, "openrouter.user.id": "u-old", "openrouter.provider.slug": "deepinfra/fp4", "span.type": None,
                      "gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None,
                      "gen_ai.usage.prompt_tokens": {"stringValue": "12"}, "gen_ai.usage.completion_tokens": {"intValue": "5"},
                      "gen_ai.usage.total_cost": {"stringValue": "1.5e-05"}})
    post(stack, trace(one))
    row = ledger(stack)[gen_id]
    assert (row["user"], row["provider"], row["prompt_tokens"], row["completion_tokens"], row["cost"]) == \
        ("u-old", "deepinfra/fp4", 12, 5, "0.000015")
    assert (row["started_at"], row["finished_at"]) == ("2026-09-30T09:53:21.000000Z", "2026-09-30T09:53:22.500000Z")


@pytest.mark.parametrize("message, state", [("The client has disconnected", "2"), ("Upstream error", "1")])
def test_error_spans_without_usage_wait_for_a_look_up(stack, stub, kind, message, state):
    doc = json.loads(json.dumps(sample("otlp_trace_error")).replace("The client has disconnected", message))
    doc, gen_id = fresh(doc)
    stub.put(gen_id, "0.0071")
    post(stack, doc, kind)
    stack.drained()
    assert stack.db.value(f"SELECT state FROM generation WHERE generation_id='{gen_id}'") == state
    from stack import wait_until
    row = wait_until(lambda: (r := ledger(stack)[gen_id])["cost_state"] == "looked_up" and r, "a look-up")
    assert row["cost"] == "0.0071"


@pytest.mark.parametrize("attrs, status", [
    ({"gen_ai.usage.total_cost": None}, 1), ({"gen_ai.usage.total_cost": -1.0}, 1), ({"gen_ai.usage.total_cost": 1e300}, 1),
    ({"gen_ai.usage.total_cost": "much"}, 1), ({"gen_ai.usage.total_cost": {"doubleValue": "NaN"}}, 1), ({"gen_ai.usage.total_cost": 0.0}, 2),
    ({"trace.metadata.provider_responses": '[{"status":200,"is_byok":true}]'}, 1),
    ({"span.metadata.provider_responses": '[{"status":200,"is_byok":true},{"status":503,"is_byok":false}]'}, 1),
], ids=str)
def test_what_is_no_evidence_of_a_cost_is_not_booked(stack, attrs, status):
    """Pitfall: an amount that no trusted sender says is unknown, never zero."""
    gen_id = new_generation_id()
    post(stack, trace(span(gen_id, attrs=attrs, status={"code": status})))
    stack.drained()
    assert stack.db.rows(f"SELECT cost FROM generation WHERE generation_id='{gen_id}'") == [(None,)]
    assert stack.db.value(f"SELECT COUNT(*) FROM lookup WHERE generation_id='{gen_id}'") == "1"


def test_zero_without_an_error_is_a_value(stack, kind):
    gen_id = new_generation_id()
    post(stack, trace(span(gen_id, attrs={"gen_ai.usage.total_cost": -0.0})), kind)
    assert ledger(stack)[gen_id]["cost"] == "0"


@pytest.mark.parametrize("cost", [0.1, 1e-7, 0.30000000000000004, 5e-18, 123.456, 1 / 3])
def test_costs_are_exact(stack, kind, cost):
    gen_id = new_generation_id()
    post(stack, trace(span(gen_id, attrs={"gen_ai.usage.total_cost": cost})), kind)
    assert Decimal(ledger(stack)[gen_id]["cost"]) == Decimal(repr(cost))


@pytest.mark.parametrize("one, why", [
    ({"attrs": {"gen_ai.response.id": "gen-1-x:attempt-0"}}, "a child"), ({"attrs": {"span.type": "span"}}, "no generation"),
    ({"attrs": {"span.type": None}, "parentSpanId": "0123456789abcdef"}, "neither root nor typed"),
    ({"attrs": {"span.type": None, "gen_ai.response.id": None}}, "of another program"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_other_spans_are_taken_and_not_metered(stack, kind, one, why):
    before = len(ledger(stack))
    reply = post(stack, trace(span(**one)), kind)
    assert reply.content in (b"{}", b"") and len(ledger(stack)) == before


def long_id(text):
    return "long:" + hashlib.sha256(text.encode()).hexdigest()


def told(reply, kind):
    """told gives (rejected spans, message) of a reply's partial success."""
    if kind == PROTOBUF:
        return partial_success(reply.content)
    partial = reply.json().get("partialSuccess", {"rejectedSpans": "0", "errorMessage": ""})
    return int(partial["rejectedSpans"]), partial["errorMessage"]


def test_refused_spans_are_told(stack, kind):
    good = span()
    rejected, message = told(post(stack, trace(span(attrs={"gen_ai.response.id": " "}), good, span(attrs={"gen_ai.response.id": None})), kind), kind)
    assert rejected == 2 and "gen_ai.response.id: is missing" in message
    assert id_of(good) in ledger(stack)


@pytest.mark.parametrize("bad", ["not an id", "x" * 129, "gen-é", "gen-\u0085"], ids=repr)
def test_unfit_id_is_its_hash(stack, kind, bad):
    bad += new_generation_id()
    rejected, message = told(post(stack, trace(span(bad)), kind), kind)
    assert rejected == 0 and "generation_id" in message
    assert ledger(stack)[long_id(bad)]["cost"] == "0.0001"


def test_id_of_the_resource_stands_in(stack, kind):
    gen_id = new_generation_id()
    post(stack, trace(span(attrs={"gen_ai.response.id": None}), resource={"openrouter.trace.id": gen_id}), kind)
    assert gen_id in ledger(stack)


def test_one_odd_attribute_costs_only_itself(stack, kind):
    gen_id = new_generation_id()
    odd = {"user.id": "x" * 200, "gen_ai.request.model": "m" * 9000, "gen_ai.usage.input_tokens": -4, "gen_ai.usage.output_tokens": 1.5,
           "trace.metadata.openrouter.provider_name": "a\nb", "session.id": "kJ3xYtR0aQwErTy12345", "gen_ai.response.model": "m" * 300}
    rejected, message = told(post(stack, trace(span(gen_id, attrs=odd, startTimeUnixNano="7", endTimeUnixNano="0")), kind), kind)
    assert rejected == 0 and message == "fields repaired or left out: 5; the first: user.id: " + message.split(": ", 3)[-1]
    stack.drained()
    stored = stack.db.rows(f"SELECT user_id,requested_model,model,prompt_tokens,completion_tokens,provider,chat_id,cost FROM as_text_generation WHERE generation_id='{gen_id}'")
    assert stored == [(long_id("x" * 200), None, None, None, None, "ab", None, "0.000100000000000000")]


@pytest.mark.parametrize("attrs, field", [
    ({"gen_ai.usage.total_cost": -1.0}, "usage.cost"), ({"gen_ai.usage.total_cost": 10001.0}, "usage.cost"), ({"gen_ai.usage.total_cost": True}, "usage.cost"),
    ({"gen_ai.usage.input_tokens": 10**9 + 1}, "usage.prompt_tokens"), ({"gen_ai.usage.output_tokens": {"doubleValue": "NaN"}}, "usage.completion_tokens"),
    ({"gen_ai.usage.input_tokens.cached": "some"}, "usage.prompt_tokens_details.cached_tokens"),
    ({"trace.metadata.owui_request": 0}, "request"), ({"trace.metadata.owui_turn": "t" * 129}, "turn_id"),
    ({"gen_ai.usage.total_cost": None, "gen_ai.usage.cost.amount": 0.5, "gen_ai.usage.cost.currency": "EUR"}, "usage.cost"),
], ids=lambda v: v if isinstance(v, str) else "+".join(v))
def test_what_is_left_out_is_told(stack, kind, attrs, field):
    one = span(attrs=attrs)
    rejected, message = told(post(stack, trace(one), kind), kind)
    assert rejected == 0 and message.startswith(f"fields repaired or left out: 1; the first: {field}: ")
    assert id_of(one) in ledger(stack)


@pytest.mark.parametrize("name, there, field", [
    ("gen_ai.response.model", b'{"stringValue":"a\xffb"}', "model"), ("gen_ai.response.model", b'{"stringValue":"a\tb"}', "model"),
    ("gen_ai.usage.input_tokens", b'{"doubleValue":NaN}', "usage.prompt_tokens"), ("gen_ai.usage.total_cost", b'{"doubleValue":-Infinity}', "usage.cost"),
], ids=repr)
def test_what_the_parser_does_not_take_costs_only_itself(stack, name, there, field):
    one, good = span(attrs={name: "@@"}), span()
    body = json.dumps(trace(one, good)).encode().replace(b'{"stringValue": "@@"}', there)
    assert there in body
    rejected, message = told(stack.ingest.request("POST", URL, body=body, headers={"Content-Type": JSON}, expect=200), JSON)
    assert rejected == 0 and message.startswith(f"fields repaired or left out: 1; the first: {field}: ")
    assert {id_of(one), id_of(good)} <= set(ledger(stack))


@pytest.mark.parametrize("attrs, cost, state", [
    ({"gen_ai.usage.cost": 0.25}, "0.25", "reported"),  # LiteLLM
    ({"gen_ai.usage.cost": "0.25"}, "0.25", "reported"),
    ({"gen_ai.usage.cost.amount": 0.25}, "0.25", "reported"),
    ({"gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "provider"}, "0.25", "reported"),
    ({"gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "usd", "gen_ai.usage.cost.source": "local"}, "0.25", "estimated"),
    ({"gen_ai.usage.cost": 0.25, "gen_ai.usage.cost.source": "estimated"}, "0.25", "estimated"),
    ({"gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "EUR"}, None, "unknown"),
    ({"gen_ai.usage.total_cost": 0.5, "gen_ai.usage.cost": 0.25, "gen_ai.usage.cost.source": "local"}, "0.5", "reported"),
], ids=lambda v: "+".join(v) if isinstance(v, dict) else "")
def test_costs_by_the_names_of_others(stack, kind, attrs, cost, state):
    gen_id = new_generation_id()
    post(stack, trace(span(gen_id, attrs={"gen_ai.usage.total_cost": None, "span.type": None, **attrs})), kind)
    row = ledger(stack)[gen_id]
    assert (row["cost"], row["cost_state"]) == (cost, state)


def test_a_parent_of_zeros_is_none(stack, kind):
    one = span(parentSpanId="0" * 16, attrs={"span.type": None})
    post(stack, trace(one), kind)
    assert id_of(one) in ledger(stack)


def test_a_colon_in_an_id_of_others_is_no_child(stack, kind):
    gen_id = "vertex:" + new_generation_id()
    doc = trace(span(gen_id, attrs={"span.type": None}), span(gen_id + ":attempt-0", attrs={"span.type": None}))
    for one in doc["resourceSpans"]:
        one["resource"], one["scopeSpans"][0]["scope"] = {"attributes": []}, {"name": "litellm"}
    post(stack, doc, kind)
    rows = ledger(stack)
    assert gen_id in rows and gen_id + ":attempt-0" not in rows


@pytest.mark.parametrize("turn, number", [("a91f:1", 2), ("17", "2")], ids=["text and number", "digits"])
def test_the_tag_names_turn_and_request(stack, kind, turn, number):
    gen_id = new_generation_id()
    tag = {"trace.metadata.owui_turn": int(turn) if turn.isdigit() else turn, "trace.metadata.owui_request": number}
    assert told(post(stack, trace(span(gen_id, attrs=tag)), kind), kind) == (0, "")
    stack.drained()
    assert stack.db.rows(f"SELECT turn_id,request,platform FROM as_text_generation WHERE generation_id='{gen_id}'") == [(turn, "2", "openrouter")]


@pytest.mark.parametrize("session, user, chat, task", [
    ("owui|u-tag|chat-1||title_generation", "u-tag", "chat-1", "title_generation"), ("owui|u-tag|chat-1||", "u-tag", "chat-1", None),
    ("owui|u-tag|||", "u-tag", None, None), ("owui||chat-1||", "unknown", "chat-1", None), ("owui|{{USER_ID}}|{{CHAT_ID}}||", "unknown", None, None),
    ("other|u-tag|chat-1||", "unknown", None, None),
])
def test_session_id_says_whose_it_is(stack, kind, session, user, chat, task):
    gen_id, named = new_generation_id(), new_generation_id()
    post(stack, trace(span(gen_id, attrs={"user.id": None, "session.id": session}), span(named, attrs={"session.id": session})), kind)
    rows = ledger(stack)
    assert (rows[gen_id]["user"], rows[gen_id]["chat_id"], rows[gen_id]["task"]) == (user, chat, task)
    assert rows[named]["user"] == "u-1"


@pytest.mark.parametrize("operation, said", [("chat", "chat"), ("embeddings", "embedding"), ("text_completion", None), ("Chat", None), (7, None),
                                             (None, None)])
def test_kind_is_the_operation_where_it_is_certain(stack, kind, operation, said):
    gen_id = new_generation_id()
    assert told(post(stack, trace(span(gen_id, attrs={"gen_ai.operation.name": operation})), kind), kind) == (0, "")
    assert ledger(stack)[gen_id]["kind"] == said


def test_a_trace_that_an_older_gateway_took_without_its_kind_is_the_same(stack, kind):
    gen_id = new_generation_id()
    for operation in (None, "chat"):
        post(stack, trace(span(gen_id, attrs={"gen_ai.operation.name": operation})), kind)
    stack.drained()
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(gen_id)}") == "1"


@pytest.mark.parametrize("resource, scope, attrs, platform", [
    ({"service.name": "openrouter"}, "", {}, "openrouter"), ({}, "openrouter", {}, "openrouter"),
    ({}, "", {"trace.metadata.openrouter.source": "openrouter"}, "openrouter"), ({"openrouter.trace.id": "gen-1"}, "", {}, "openrouter"),
    ({"service.name": "litellm"}, "litellm", {}, None),
], ids=str)
def test_platform_is_who_sends(stack, kind, resource, scope, attrs, platform):
    gen_id = new_generation_id()
    doc = trace(span(gen_id, attrs=attrs))
    doc["resourceSpans"][0]["resource"] = {"attributes": attributes(resource)}
    doc["resourceSpans"][0]["scopeSpans"][0]["scope"] = {"name": scope}
    post(stack, doc, kind)
    stack.drained()
    assert stack.db.rows(f"SELECT platform FROM as_text_generation WHERE generation_id='{gen_id}'") == [(platform,)]


def test_times_that_cannot_be(stack, kind):
    gen_id = new_generation_id()
    far = str(7258118400 * 10**9)
    rejected, message = told(post(stack, trace(span(gen_id, startTimeUnixNano=far, endTimeUnixNano="946684800000000000")), kind), kind)
    assert rejected == 0 and message.startswith("fields repaired or left out: 2; the first: started_at: ")
    stack.drained()
    assert stack.db.value(f"SELECT cost FROM generation WHERE generation_id='{gen_id}'") == "0.000100000000000000"


def test_gzip(stack, kind):
    one = span()
    body = protobuf(trace(one)) if kind == PROTOBUF else json.dumps(trace(one)).encode()
    stack.ingest.request("POST", URL, body=gzip.compress(body), headers={"Content-Type": kind, "Content-Encoding": "gzip"}, expect=200)
    assert id_of(one) in ledger(stack)


@pytest.mark.parametrize("body, encoding, status", [
    (b"no gzip", "gzip", 400), (gzip.compress(b"{}")[:-4], "gzip", 400), (gzip.compress(b"{}") + b"more", "gzip", 400),
    (gzip.compress(b" " * (17 << 20)), "gzip", 413), (b"{}", "br", 415), (b"{}", "gzip, gzip", 415),
], ids=["no gzip", "cut", "more", "bomb", "br", "twice"])
def test_bad_compression(stack, body, encoding, status):
    stack.ingest.request("POST", URL, body=body, headers={"Content-Type": JSON, "Content-Encoding": encoding}, expect=status)


@pytest.mark.parametrize("body, kind, status", [
    (b"nothing", JSON, 400), (b"[]", JSON, 400), (b'{"resourceSpans":{}}', JSON, 400), (b'{"resourceSpans":[1]}', JSON, 400),
    (b'{"resourceSpans":[{"scopeSpans":[{"spans":[2]}]}]}', JSON, 400), (b'{"resourceSpans":[{"scopeSpans":3}]}', JSON, 400),
    (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":["x"]}]}]}]}', JSON, 400), (b'{"resourceSpans":[', JSON, 400),
    (b"\xff\xff\xff", PROTOBUF, 400), (varint(1 << 3 | 2) + varint(1000) + b"x", PROTOBUF, 400), (b"{}", "text/plain", 415),
], ids=repr)
def test_bad_bodies(stack, body, kind, status):
    reply = stack.ingest.request("POST", URL, body=body, headers={"Content-Type": kind}, expect=status)
    assert reply["Content-Type"].startswith(PROTOBUF if kind == PROTOBUF else "application/problem+json")
    stack.ingest.request("PUT", URL, body=body, headers={"Content-Type": kind}, expect=status)


@pytest.mark.parametrize("break_it", [
    lambda doc: doc["resourceSpans"].append(5),
    lambda doc: doc["resourceSpans"][0]["scopeSpans"].append("x"),
    lambda doc: doc["resourceSpans"][0]["scopeSpans"][0]["spans"].append(7),
    lambda doc: doc["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].append(5),
    lambda doc: doc["resourceSpans"].append({"scopeSpans": [{"spans": [{"name": "other", "attributes": "x"}]}]}),
    lambda doc: doc["resourceSpans"].append({"scopeSpans": 3}),
], ids=["resource", "scope", "span", "attribute", "attributes", "scopes"])
def test_an_odd_part_costs_no_generation_beside_it(stack, break_it):
    one = span()
    doc = trace(one)
    break_it(doc)
    reply = stack.ingest.request("POST", URL, body=json.dumps(doc).encode(), headers={"Content-Type": JSON}, expect=200).json()
    assert reply["partialSuccess"]["rejectedSpans"] == "1" and "OTLP" in reply["partialSuccess"]["errorMessage"]
    assert id_of(one) in ledger(stack)


def test_a_user_whose_id_is_a_number_is_known_by_its_digits(stack):
    one = span(attrs={"user.id": 12})
    post(stack, trace(one))
    assert ledger(stack)[id_of(one)]["user"] == "12"


def test_only_the_ingest_key_opens_it(stack):
    for client, status in ((stack.nobody, 401), (stack.client("wrong"), 401), (stack.read, 403), (stack.session(), 403)):
        for method in ("POST", "PUT"):
            client.request(method, URL, body={"resourceSpans": []}, expect=status)


def test_body_is_bounded(stack):
    for method in ("POST", "PUT"):
        stack.ingest.request(method, URL, body=b" " * ((16 << 20) + 1), headers={"Content-Type": JSON}, expect=413)
    texts = trace(span(attrs={"gen_ai.prompt": "x" * (12 << 20)}))
    post(stack, texts)


def test_no_prompt_is_anywhere(stack, kind):
    """Pitfall: prompts must not rest in the spool, the log, the database or an answer."""
    stack.costd.pause()
    try:
        gen_id = new_generation_id()
        one = span(gen_id, attrs={"gen_ai.input.messages": {"stringValue": MARKER}, "trace.metadata.note": MARKER}, events=[
            {"name": "exception", "attributes": attributes({"exception.message": MARKER})}])
        assert MARKER in json.dumps(one)
        assert MARKER not in post(stack, trace(one), kind).text
        bad = stack.ingest.request("POST", URL, body=b'{"resourceSpans":["' + MARKER.encode() + b'" ' + MARKER.encode(), headers={"Content-Type": kind})
        assert bad.status == 400 and MARKER.encode() not in bad.content
        for path in (stack.folder / "spool0").iterdir():
            assert MARKER.encode() not in path.read_bytes(), path
    finally:
        stack.costd.resume()
    assert gen_id in ledger(stack)
    for process in (stack.gateway, stack.costd, stack.reportd):
        assert MARKER not in process.log
    dump = subprocess.run(["mariadb-dump", "--no-defaults", f"--socket={stack.server.socket}", "--user=root", stack.db.name],
                          capture_output=True, check=True).stdout
    assert gen_id.encode() in dump and MARKER.encode() not in dump
