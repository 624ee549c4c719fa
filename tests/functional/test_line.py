# SPDX-License-Identifier: AGPL-3.0-or-later
"""The whole line on real input: Open WebUI's calls -> plugin -> gateway -> costd -> MariaDB ->
JSON, PDF, XLSX; a stopped stream is settled by asking the (stub) provider."""
import json
import sqlite3
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from documents import Workbook, exact, pdf_text
from emulator import OpenWebUI, openrouter_stream
from records import decimals
from stack import DEADLINE_S, wait_until
from stub_openrouter import dump, new_id, sample, sse_lines, usage_block

ADA = {"id": "u-ada", "name": "Ada Lovelace", "email": "ada@example.org", "role": "user"}
MONTH = datetime.now(timezone.utc).strftime("%Y-%m")
COSTS = ["0.000000125", "7.4e-7", "0.0033368", "0.123456789012", "0", "1.5", "0.000000000001"]


def around():
    """around is a period that holds now, whatever the clock does at midnight."""
    now = datetime.now(timezone.utc)
    return {"from": (now - timedelta(days=2)).strftime("%Y-%m-%d"), "to": (now + timedelta(days=2)).strftime("%Y-%m-%d")}


@pytest.fixture
def owui(stack, tmp_path):
    valves = {"endpoint": f"http://127.0.0.1:{stack.port}", "api_key": stack.ingest_key}
    with OpenWebUI("0.11.4", data_dir=tmp_path, valves=valves, user=ADA) as emulator:
        yield emulator


def stream(gen_id, cost, prompt=3120, completion=412):
    return sse_lines(gen_id, ["Hello", " world"], usage_block(prompt, completion, cost, cached_tokens=2048, reasoning_tokens=145))


def rows_of(stack, ids):
    return {row["generation_id"]: row for row in stack.read.generations(**around()) if row["generation_id"] in ids}


def test_a_chat_becomes_a_bill(make_stack, stub, tmp_path):
    stack = make_stack()
    sent = {new_id(): cost for cost in COSTS}
    cancelled = new_id()
    stub.put(cancelled, "0.00003452", not_found_first=2, cancelled=True, finish_reason=None,
             native_tokens_prompt=900, native_tokens_completion=33, native_tokens_cached=0, native_tokens_reasoning=0)
    valves = {"endpoint": f"http://127.0.0.1:{stack.port}", "api_key": stack.ingest_key}
    with OpenWebUI("0.11.4", data_dir=tmp_path, valves=valves, user=ADA) as owui:
        for gen_id, cost in sent.items():
            turn = owui.run(owui.ui_stream([stream(gen_id, cost)]))
            assert turn.text == "Hello world" and not turn.lost and turn.error is None
        owui.run(owui.ui_stream([sse_lines(cancelled, ["one", "two", "three"], None)], stop_after=2))
        owui.flush()
    stack.drained()
    row = wait_until(lambda: [r for r in stack.read.generations(generation_id=cancelled, **around()) if r["cost"] is not None],
                     "the look-up of the stopped stream")[0]
    assert (row["cost"], row["cost_state"], row["state"]) == ("0.00003452", "looked_up", "cancelled")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (900, 33)
    assert stub.asked(cancelled) >= 3

    # JSON
    costs = {**{gen_id: Decimal(cost) for gen_id, cost in sent.items()}, cancelled: Decimal("0.00003452")}
    rows = stack.read.generations(user="u-ada", **around())
    assert {r["generation_id"]: Decimal(r["cost"]) for r in rows} == costs
    want = sum(costs.values())
    total = decimals(stack.read.usage(user="u-ada", **around())["total"])
    assert (total["requests"], total["cost"], total["unsettled"]) == (len(costs), want, 0)
    assert total["prompt_tokens"] == 3120 * len(COSTS) + 900 and total["completion_tokens"] == 412 * len(COSTS) + 33
    assert total["cached_tokens"] == 2048 * len(COSTS) and total["reasoning_tokens"] == 145 * len(COSTS)

    # the database, by another client
    (stored,) = stack.db.rows("SELECT SUM(cost) FROM as_text_generation WHERE user_id = 'u-ada'")[0]
    assert Decimal(stored) == want
    assert {key: Decimal(cost) for key, cost in stack.ledger("generation_id, cost")} == costs

    # PDF, by pdftotext
    month = rows[0]["day"][:7]
    if {r["day"][:7] for r in rows} != {month}:
        pytest.skip("the month ended in the middle of the test")
    text = pdf_text(stack.read.statement("u-ada", month, "pdf").body)
    assert "Ada Lovelace" in text and format(want.normalize(), "f") in text, text
    assert str(total["prompt_tokens"]) in text.replace(",", "")

    # XLSX, by openpyxl
    book = Workbook(stack.read.statement("u-ada", month, "xlsx").body)
    requests = next(sheet for sheet in book.names if any("Generation id" in map(str, row) for row in book.values(sheet)))
    listed = {row["Generation id"]: row for row in book.table(requests, "Generation id") if row["Generation id"] in costs}
    assert set(listed) == set(costs)
    for gen_id, cost in costs.items():
        assert exact(listed[gen_id]["Cost (USD)"]) == cost, gen_id
    assert sum(exact(listed[gen_id]["Cost (USD)"]) for gen_id in costs) == want
    assert any(format(want.normalize(), "f") in text for text in book.texts()) or float(want) in book.numbers()


@pytest.mark.parametrize("profile", ["0.6", "0.8", "0.9", "0.10", "0.11.0", "0.11.4"])
def test_each_open_webui_brings_one_row_per_generation(stack, stub, tmp_path, profile):
    valves = {"endpoint": f"http://127.0.0.1:{stack.port}", "api_key": stack.ingest_key}
    ids = [new_id() for _ in range(4)]
    with OpenWebUI(profile, data_dir=tmp_path, valves=valves, user=ADA) as owui:
        owui.run(owui.ui_stream([stream(ids[0], "0.01"), stream(ids[1], "0.02")]))  # a tool loop
        owui.run(owui.ui_stream([stream(ids[2], "0.03")]), owui.ui_stream([stream(ids[3], "0.04")]))  # two models at once
        owui.flush()
    stack.drained()
    rows = rows_of(stack, ids)
    assert [rows[i]["cost"] for i in ids] == ["0.01", "0.02", "0.03", "0.04"]
    assert {row["state"] for row in rows.values()} == {"final"}
    assert int(stack.db.value("SELECT COUNT(*) FROM generation WHERE generation_id IN ('%s')" % "','".join(ids))) == 4


# Whatever stands in a name, an odd count, half an emoji: the cost arrives, and nothing is put aside by the plugin.
ODD_USER = {"id": "u" * 129, "name": "A\u0085da\u0000" + "x" * 600, "email": "a" * 330, "role": "user\u009f"}


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": -35}, {"prompt_tokens": "1151"}, {"completion_tokens": 1151.5}, {"is_byok": 1},
                                   {"prompt_tokens_details": "x"}], ids=str)
def test_an_ornament_does_not_cost_the_record(stack, tmp_path, usage):
    gen_id = new_id()
    block = {**usage_block(3120, 412, "0.25"), **usage}
    valves = {"endpoint": f"http://127.0.0.1:{stack.port}", "api_key": stack.ingest_key}
    with OpenWebUI("0.11.4", data_dir=tmp_path, valves=valves, user=ODD_USER) as owui:
        owui.run(owui.ui_stream([sse_lines(gen_id, ["Hello"], block)]))
        owui.flush()
        with sqlite3.connect(next(tmp_path.rglob("spool.sqlite"))) as spool:
            assert spool.execute("SELECT COUNT(*) FROM rejected").fetchone() == (0,)
    stack.drained()
    row = rows_of(stack, [gen_id])[gen_id]
    assert (row["cost"], row["state"]) == ("0.25", "final") and row["user"].startswith("long:") and row["user_name"].rstrip("x") == "Ada"


def test_final_chunks_as_captured(stack, owui):
    """The samples' last chunks: with a repeated choice, with BYOK, with numbers like 7e-7."""
    for name, cost, byok in (("usage_final_chunk", "0.0033368", "0"), ("usage_final_chunk_tiny", "0.0000007", "0"),
                             ("usage_final_chunk_byok", None, None)):
        chunk = sample(name)
        lines = [": OPENROUTER PROCESSING", "", "data: " + json.dumps({**chunk, "usage": None}), "", "data: " + json.dumps(chunk), "",
                 "data: [DONE]", ""]
        owui.run(owui.ui_stream([lines]))
        owui.flush()
        stack.drained()
        row = rows_of(stack, [chunk["id"]])[chunk["id"]]
        usage = chunk["usage"]
        assert Decimal(row["cost"]) == Decimal(repr(usage["cost"])) and row["is_byok"] == usage["is_byok"]
        assert cost is None or row["cost"] == cost
        if usage["is_byok"]:
            assert Decimal(row["byok_cost"]) == Decimal(repr(usage["cost_details"]["upstream_inference_cost"]))
        else:
            assert row["byok_cost"] is None or row["byok_cost"] == byok


def test_gateway_down_during_a_chat_delays_nothing_and_loses_nothing(make_stack, tmp_path):
    stack = make_stack()
    valves = {"endpoint": f"http://127.0.0.1:{stack.port}", "api_key": stack.ingest_key}
    ids = [new_id() for _ in range(3)]
    stack.gateway.kill()
    with OpenWebUI("0.11.4", data_dir=tmp_path, valves=valves, user=ADA) as owui:
        for gen_id in ids:
            turn = owui.run(owui.ui_stream([openrouter_stream(gen_id, ["Hi"], usage=json.loads(dump(usage_block(10, 2, "0.001"))))]))
            assert turn.text == "Hi" and turn.error is None
        stack.gateway.start()
        owui.flush()
    stack.drained()
    assert len(rows_of(stack, ids)) == 3


# Look-ups


def unsettled(stack, stub, **orders):
    """unsettled sends a stopped generation the provider knows, and returns its id."""
    from records import record
    sent = record(user="u-lookup", state="cancelled", cost=None)
    del sent["usage"]
    if orders.pop("known", True):
        stub.put(sent["generation_id"], orders.pop("total_cost", "0.25"), **orders)
    stack.ingest.send(sent)
    return sent["generation_id"]


def row(stack, gen_id):
    rows = stack.read.generations(generation_id=gen_id, **around())
    return rows[0] if rows else {"cost": None, "cost_state": None}


def settled(stack, gen_id, deadline_s=DEADLINE_S):
    return wait_until(lambda: (found := row(stack, gen_id))["cost_state"] == "looked_up" and found,
                      f"the cost of {gen_id}", deadline_s)


@pytest.mark.parametrize("cost", COSTS)
def test_looked_up_costs_are_exact(stack, stub, cost):
    assert Decimal(settled(stack, unsettled(stack, stub, total_cost=cost))["cost"]) == Decimal(cost)


def test_byok_look_up_keeps_the_amounts_apart(stack, stub):
    gen_id = unsettled(stack, stub, total_cost="0.0005", is_byok=True, upstream_inference_cost="0.01")
    found = settled(stack, gen_id)
    assert (found["cost"], found["byok_cost"], found["is_byok"]) == ("0.0005", "0.01", True)


@pytest.mark.parametrize("fault", [
    {"status": 429, "headers": {"Retry-After": "1"}}, {"status": 429}, {"status": 500}, {"status": 502, "body": "<html>bad gateway</html>"},
    {"status": 503, "headers": {"Retry-After": "1"}}, {"status": 524}, {"status": 529}, {"close": True},
    {"status": 200, "body": "not json"}, {"status": 200, "body": "{}"}, {"status": 200, "body": '{"data":{}}'},
    {"status": 200, "body": '{"error":{"code":500,"message":"inside a 200"}}'},
    {"status": 200, "body": '{"data":{"id":"@","total_cost":null}}'}, {"status": 200, "body": '{"data":{"id":"@","total_cost":-1}}'},
    {"status": 200, "body": '{"data":{"id":"@","total_cost":1e400}}'}, {"status": 200, "body": '{"data":{"id":"@","total_cost":"x"}}'},
    {"status": 302, "headers": {"Location": "http://169.254.169.254/"}},
], ids=str)
def test_a_failing_provider_delays_and_never_books_nonsense(make_stack, stub, fault):
    stack = make_stack()
    from records import record
    sent = record(user="u-lookup", state="cancelled", cost=None)
    del sent["usage"]
    gen_id = sent["generation_id"]
    body = fault.get("body")
    stub.put(gen_id, "0.75")
    stub.fault("/api/v1/generation", gen_id=gen_id, times=1, **{**fault, "body": body and body.replace("@", gen_id)})
    stack.ingest.send(sent)
    found = settled(stack, gen_id)
    assert found["cost"] == "0.75" and stub.asked(gen_id) >= 2


def test_retry_after_is_honoured(make_stack, stub):
    stack = make_stack()
    from records import record
    sent = record(user="u-lookup", state="cancelled", cost=None)
    del sent["usage"]
    gen_id = sent["generation_id"]
    stub.put(gen_id, "0.75")
    stub.fault("/api/v1/generation", gen_id=gen_id, times=1, status=429, headers={"Retry-After": "3"})
    stack.ingest.send(sent)
    settled(stack, gen_id)
    asked = [r["at"] for r in stub.requests if r["query"].get("id") == [gen_id]]
    assert asked[1] - asked[0] >= 2.9, asked


def test_reported_rows_are_not_looked_up(stack, stub):
    from records import record
    sent = record(cost="0.5")
    stub.put(sent["generation_id"], "0.6")
    stack.ingest.send(sent)
    settled(stack, unsettled(stack, stub))
    assert stub.asked(sent["generation_id"]) == 0 and row(stack, sent["generation_id"])["cost"] == "0.5"


def test_late_report_does_not_undo_a_look_up(stack, stub):
    gen_id = unsettled(stack, stub, total_cost="0.2")
    settled(stack, gen_id)
    from records import record
    stack.ingest.send(record(user="u-lookup", generation_id=gen_id, cost="0.1"))
    stack.drained()
    found = row(stack, gen_id)
    assert (found["cost"], found["cost_state"]) == ("0.2", "looked_up")


def test_the_key_goes_only_into_the_header(stack, stub):
    settled(stack, unsettled(stack, stub))
    for request in stub.requests:
        assert stub.key not in json.dumps(request["query"]) and stub.key not in request["path"]
        assert request["authorized"] or request["path"].endswith("/models")


def test_look_ups_survive_a_kill(make_stack, stub):
    stack = make_stack()
    ids = [unsettled(stack, stub, total_cost="0.01", not_found_first=3) for _ in range(20)]
    stack.drained()
    stack.costd.kill()
    leased = int(stack.db.value("SELECT COUNT(*) FROM lookup WHERE lease_until_us IS NOT NULL"))
    assert leased <= 2  # those under way in that moment: LOOKUP_CONCURRENCY
    stack.db.rows("UPDATE lookup SET lease_until_us = lease_until_us - 100000000")  # as if 100 s had passed
    stack.costd.start()
    stack.wait_ready()
    for gen_id in ids:
        settled(stack, gen_id)
    assert stack.read.usage(user="u-lookup", **around())["total"]["cost"] == "0.2"
