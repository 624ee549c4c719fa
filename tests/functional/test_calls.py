# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each call once, over the whole line: an answer without an id and its trace, an older filter beside the plugin, tags, an
operator who knows better."""
import random
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import otlp
import pytest
from records import instant, record
from stack import Stack

NOW = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=3)


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract):
    with Stack(tmp_path_factory.mktemp("calls"), mariadb, contract) as installation:
        yield installation


def outlet(user, turn, cost=0.25, at=NOW, prompt=25, answer=7):
    """outlet is what the plugin sends of an answer that was not streamed."""
    return {"turn_id": turn, "source": "filter-outlet", "user": {"id": user}, "model": "m",
            "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "cost": cost}, "finished_at": instant(at)}


def span(stack, user, generation, cost=0.25, at=NOW, prompt=25, answer=7, **metadata):
    """span sends the trace of a generation, as Broadcast does; metadata is the request's own."""
    attrs = {"user.id": user, "gen_ai.request.model": None, "gen_ai.response.model": None, "gen_ai.usage.input_tokens": prompt,
             "gen_ai.usage.output_tokens": answer, "gen_ai.usage.total_cost": cost,
             **{f"trace.metadata.{key}": value for key, value in metadata.items()}}
    body = otlp.trace(otlp.span(generation, at_s=int(at.timestamp()), attrs=attrs))
    stack.ingest.request("POST", "/api/v1/traces", body=body, expect=200)


def counted(stack, user):
    stack.drained()
    total = stack.read.usage(user=user)["total"]
    return total["requests"], Decimal(total["cost"])


@pytest.mark.parametrize("first", ["outlet", "span"])
def test_an_answer_that_was_not_streamed_and_its_trace_are_one_request(stack, first):
    user, turn, generation = f"u9-{first}", f"t1-{first}:1", f"gen-9-{first}"
    steps = [lambda: stack.ingest.send(outlet(user, turn)), lambda: span(stack, user, generation)]
    for step in steps if first == "outlet" else reversed(steps):
        step()
        assert counted(stack, user) == (1, Decimal("0.25"))
    (row,) = stack.read.generations(user=user)
    assert row["generation_id"] == generation and row["marks"] == ["matched"] and row["requests"] == 1
    whole = stack.read.request("GET", f"/api/v1/generations/{generation}", expect=200).json()
    assert whole["generation"]["parts"] == [f"owui:{turn}"] and len(whole["records"]) == 2
    part = stack.read.request("GET", f"/api/v1/generations/owui:{turn}", expect=200).json()["generation"]
    assert part["part_of"] == [generation] and part["requests"] == 0 and Decimal(part["cost"]) == 0


def test_two_equal_questions_stay_two(stack):
    for n in range(2):
        at = NOW + timedelta(seconds=20 * n)
        stack.ingest.send(outlet("u-two", f"two-{n}:1", at=at))
        span(stack, "u-two", f"gen-two-{n}", at=at)
    assert counted(stack, "u-two") == (2, Decimal("0.5"))


def test_an_older_filter_beside_the_plugin_and_a_trace_counts_once(stack):
    sent = record(user="u-older", cost="0.125", at=NOW, message_id="msg-older", prompt_tokens=50, completion_tokens=9)
    stack.ingest.send(sent)
    stack.ingest.request("POST", "/api/v1/metering/record", expect=200, body={
        "user": {"id": "u-older", "name": "Ada", "email": "ada@example.org", "role": "user"},
        "activity": {"id": "msg-older", "user_id": "u-older", "timestamp": int(NOW.timestamp()), "model": "m", "prompt_token": 50,
                     "completion_token": 9, "cost": 0.125}})
    span(stack, "u-older", sent["generation_id"], 0.125, prompt=50, answer=9)
    assert counted(stack, "u-older") == (1, Decimal("0.125"))


def test_a_turns_sum_counts_what_its_tagged_generations_leave_over(stack):
    stack.ingest.send(outlet("u-sum", "sum-1:1", cost=0.75, prompt=300, answer=40))
    for n in range(2):
        span(stack, "u-sum", f"gen-sum-{n}", 0.25, prompt=100, answer=10, owui_turn="sum-1", owui_request=n + 1)
    assert counted(stack, "u-sum") == (2, Decimal("0.75"))
    rows = {row["generation_id"]: row for row in stack.read.generations(user="u-sum")}
    assert rows["owui:sum-1:1"]["requests"] == 0 and Decimal(rows["owui:sum-1:1"]["cost"]) == Decimal("0.25")


def test_an_operator_undoes_a_pair(stack):
    stack.ingest.send(outlet("u-undo", "undo-1:1"))
    span(stack, "u-undo", "gen-undo")
    assert counted(stack, "u-undo") == (1, Decimal("0.25"))
    session = stack.session()
    session.request("POST", "/api/v1/generations/gen-nobody/unpair", expect=404)
    assert session.request("POST", "/api/v1/generations/gen-undo/unpair", expect=200).json() == {"unpaired": ["owui:undo-1:1"]}
    assert counted(stack, "u-undo") == (2, Decimal("0.5"))
    session.request("POST", "/api/v1/generations/gen-undo/unpair", expect=409)
    span(stack, "u-undo", "gen-undo")
    stack.ingest.send(outlet("u-undo", "undo-1:1"))
    assert counted(stack, "u-undo") == (2, Decimal("0.5"))


def test_what_is_left_of_a_sum_is_in_every_grouping_and_document(stack):
    """A rest counts money and no request: alone in a month, under a model and a source of its own."""
    last, first = datetime(2026, 8, 31, 23, 59, 50, tzinfo=timezone.utc), datetime(2026, 9, 1, 0, 0, 20, tzinfo=timezone.utc)
    stack.ingest.send({**outlet("u-rest", "rest-1", cost="1.000000000000000001", at=last, prompt=100, answer=20), "model": "custom-assistant"})
    span(stack, "u-rest", "gen-rest", 0.4, first, 60, 10, owui_turn="rest-1")
    stack.drained()
    period = {"from": "2026-08-01", "to": "2026-10-01", "user": "u-rest"}
    for key in ("month", "day", "user", "model", "source", "group"):
        rows = stack.read.usage(group_by=key, **period)["rows"]
        assert sum(Decimal(row["cost"]) for row in rows) == Decimal("1.000000000000000001"), key
        assert sum(row["requests"] for row in rows) == 1, key
    for month, cost in (("2026-08", "0.600000000000000001"), ("2026-09", "0.4")):
        for kind in ("csv", "xlsx", "pdf"):
            assert stack.read.request("GET", f"/api/v1/reports/{month}.{kind}").status == 200, (month, kind)
            assert stack.read.request("GET", f"/api/v1/statements/u-rest/{month}.{kind}").status == 200, (month, kind)
        assert cost in stack.read.request("GET", f"/api/v1/statements/u-rest/{month}.csv").body.decode()


def test_turns_and_generations_that_come_by_several_gateways_at_once_are_paired(tmp_path, mariadb, contract):
    """Batches of three gateways are stored side by side: none of them sees what another has not committed."""
    n, faults = 300, []
    with Stack(tmp_path, mariadb, contract, gateways=3) as stack:
        def one(kind, i):
            at = instant(NOW + timedelta(seconds=i % 97))
            usage = {"prompt_tokens": 10 + i % 13, "completion_tokens": 5, "cost": 0.01}
            common = {"user": {"id": f"u-{i % 7}"}, "model": "m", "usage": usage, "finished_at": at}
            return {**common, "generation_id": f"gen-{i}", "source": "otlp"} if kind else {**common, "turn_id": f"t{i}:1", "source": "filter-outlet"}

        def send(number):
            try:
                dice, left = random.Random(number), list(range(n))
                client = stack.client(stack.ingest_key, port=stack.gateways[number % 3].port)
                dice.shuffle(left)
                while left:
                    part = [left.pop() for _ in range(min(len(left), dice.randrange(1, 25)))]
                    client.request("POST", "/api/v1/events", body=[one(number % 2, i) for i in part], expect=200)
            except Exception as error:
                faults.append(error)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults
        stack.drained()
        assert stack.db.rows("SELECT SUM(requests),SUM(cost) FROM usage_day") == [(str(n), "3.000000000000000000")]
        check = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
        assert check.returncode == 0, check.stdout + check.stderr
