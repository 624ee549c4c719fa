# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every named point at which a service can die, one by one; and the guarantees' mistakes,
each put back on purpose to see that the same judgement turns red.

Both need programs built with the preset "points" (`./run test fault` builds them)."""
import os
import re
import time
from pathlib import Path

import pytest
from faults import LockWait
from load import Load
from openapi import Contract
from records import record
from stack import ROOT, MariaDB, Stack, wait_until
from storm import Result, Tally, judge
from stub_openrouter import Stub

POINTS_BIN = ROOT / "build/points/bin"
SOURCES = [path for folder in ("gateway", "costd") for path in (ROOT / folder).rglob("*.c")]


def named(macro):
    return sorted({name for path in SOURCES for name in re.findall(macro + r'\("(\w+)"\)', path.read_text())})


POINTS = named("OM_CRASH_POINT")
MISTAKES = named("OM_MISTAKE")


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory):
    with MariaDB(tmp_path_factory.mktemp("db")) as server:
        yield server


@pytest.fixture(scope="module")
def contract():
    return Contract()


@pytest.fixture
def make_stack(tmp_path, mariadb, contract, monkeypatch):
    monkeypatch.setenv("METERING_BIN", str(Path(os.environ.get("METERING_POINTS_BIN", POINTS_BIN))))

    def make(settings=None, stub=None):
        return Stack(tmp_path / "stack", mariadb, contract, stub, settings=settings)

    return make


def more(load, count=40):
    goal = load.batches + count
    wait_until(lambda: load.batches >= goal or load.bad, f"{count} more batches")


def judged(stack, load):
    result = Result("", {"": Tally(spans=[(0, time.monotonic())])}, {})
    stack.drained(deadline_s=120)
    judge(stack, load, result)
    return result


def the_service(stack, point):
    return stack.gateway if point.startswith("gateway_") else stack.costd


@pytest.mark.parametrize("nth", (1, 7))
@pytest.mark.parametrize("point", [point for point in POINTS if "look_up" not in point])
def test_death_at_a_point_loses_and_doubles_nothing(make_stack, point, nth):
    with make_stack() as stack:
        service = the_service(stack, point)
        with Load([stack.port], stack.ingest_key, f"{point}/{nth}", threads=4) as load:
            more(load, 10)
            service.stop()
            service.env["CRASH_POINT"] = f"{point}:{nth}"
            service.start(wait=False)
            wait_until(lambda: not service.alive, f"death at {point}")
            assert service.child.returncode == 137, service.log_tail()
            del service.env["CRASH_POINT"]
            service.start()
            more(load)
        assert judged(stack, load).complaints == []


def test_death_between_the_provider_s_answer_and_the_ledger(make_stack):
    with Stub(key="sk-or-v1-stub") as stub, make_stack(stub=stub) as stack:
        stack.costd.stop()
        stack.costd.env["CRASH_POINT"] = "costd_after_look_up:1"
        stack.costd.start()
        sent = record(cost=None)
        stub.put(sent["generation_id"], total_cost="0.000000125")
        stack.ingest.send(sent)
        wait_until(lambda: not stack.costd.alive, "death after the look-up")
        assert stub.asked(sent["generation_id"]) == 1
        del stack.costd.env["CRASH_POINT"]
        stack.db.rows("UPDATE lookup SET lease_until_us = lease_until_us - 600000000")  # as if ten minutes had passed
        stack.costd.start()
        wait_until(lambda: stack.ledger("cost_state, cost") == [("3", "0.000000125000000000")], "the cost")
        assert stub.asked(sent["generation_id"]) == 2


# How each mistake is provoked: what a careful system survives.

def transactions(stack, where):
    """transactions reads a table that InnoDB renews only after it was not read for a tenth of a second."""
    time.sleep(0.15)
    return {row[0] for row in stack.db.rows(f"SELECT trx_id FROM information_schema.innodb_trx WHERE {where}")}


def load_for(mistake, stack):
    """load_for sends nothing twice where the mistake loses: a duplicate would bring back what was lost."""
    return Load([stack.port], stack.ingest_key, mistake, threads=4, duplicates=0.2 if mistake == "no_unique_key" else 0)


def kill_again_and_again(stack, load, service):
    for _ in range(4):
        more(load)
        service.kill()
        service.start()
    more(load)


def answer_before_commit(stack, load):
    stack.costd.pause()  # what is answered now is in the spool or nowhere
    for _ in range(5):
        more(load, 5)
        with load.held():  # the last answers' transaction is not followed by another, which would commit it
            stack.gateway.kill()
        stack.gateway.start()
    stack.costd.resume()
    more(load, 5)


def reply_before_commit(stack, load):
    for _ in range(3):
        more(load)
        stack.gateway.pause()  # takes the last reply, and brings no batch whose beginning would end the transaction
        wait_until(lambda: not transactions(stack, "trx_query IS NOT NULL"), "an idle costd")
        stack.costd.kill()
        stack.gateway.resume()
        stack.costd.start()
    more(load)


def forget_before_acknowledgement(stack, load):
    kill_again_and_again(stack, load, stack.costd)


def no_unique_key(stack, load):
    kill_again_and_again(stack, load, stack.costd)  # batches come twice


def commit_after_failed_statement(stack, load):
    seen = set()

    def a_wait_ended():
        waiting = transactions(stack, "trx_state = 'LOCK WAIT'")
        seen.update(waiting)
        return seen - waiting

    lock = LockWait(stack)
    lock.sql = "BEGIN; SELECT COUNT(*) FROM generation FOR UPDATE;\n"  # fails after the journal, before the ledger
    more(load)
    stack.gateway.pause()  # the lock is taken while costd gets nothing to write: else it may lose a deadlock and never be held
    wait_until(lambda: not transactions(stack, "trx_rows_modified > 0 OR trx_tables_locked > 0"), "the end of what costd writes")
    lock.begin(None)
    try:
        wait_until(lambda: transactions(stack, "trx_rows_locked > 0 AND trx_query IS NULL"), "the lock")
        stack.gateway.resume()
        wait_until(a_wait_ended, "a lock wait that ended")  # costd's sessions wait for 3 s
    finally:
        stack.gateway.resume()
        lock.end(None)
    more(load)


def test_every_mistake_is_provoked():
    assert MISTAKES == sorted(name for name in MISTAKES if name in globals()) and len(MISTAKES) == 5
    assert len(POINTS) >= 9


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_put_back_turns_the_judgement_red(make_stack, mistake):
    settings = {name: {"MISTAKE": mistake} for name in ("gateway", "costd")}
    stack = make_stack(settings)
    stack.__enter__()
    try:
        with load_for(mistake, stack) as load:
            globals()[mistake](stack, load)
        stack.gateway.kill()  # with its mistake it may end by itself before it is asked for the totals
        del stack.gateway.env["MISTAKE"]
        stack.gateway.start()
        assert judged(stack, load).complaints != [], f"not noticed: {mistake}"
    finally:
        for process in (stack.gateway, stack.costd):  # with its mistake it need not end well
            process.kill()
        stack.__exit__(None)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_without_the_mistake_the_same_is_green(make_stack, mistake):
    with make_stack() as stack:
        with load_for(mistake, stack) as load:
            globals()[mistake](stack, load)
        assert judged(stack, load).complaints == []
