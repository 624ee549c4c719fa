# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is stopped or killed, in mid-load; afterwards every answered record is there, once."""
import http.client
import threading
from decimal import Decimal

import pytest
from client import Client
from records import record
from stack import wait_until

COST = Decimal("0.000000125")
ALL = {"from": "2020-01-01", "to": "2100-01-01"}


class Load:
    """Threads that send records one after the other and remember which were answered 200."""

    def __init__(self, stack, ports=None, threads=6, batch=3):
        self.stack, self.ports, self.batch = stack, ports or [stack.port], batch
        self.answered, self.refused, self.lock, self.stopping = [], 0, threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]

    def run(self, number):
        client = Client(self.ports[number % len(self.ports)], self.stack.contract, self.stack.ingest_key, timeout_s=15)
        while not self.stopping.is_set():
            records = [record(user=f"u-{number}", cost=str(COST)) for _ in range(self.batch)]
            while not self.stopping.is_set():  # as the plugin does: the same records until they are taken
                try:
                    reply = client.post("/api/v1/events", records, expect=None)
                except (OSError, http.client.HTTPException):
                    self.refused += 1
                    self.stopping.wait(0.02)
                    continue
                assert reply.status in (200, 503), reply
                if reply.status == 200:
                    with self.lock:
                        self.answered += [one["generation_id"] for one in records]
                    break
                self.stopping.wait(0.02)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def more(self, count=60):
        """more waits until that many further records were answered."""
        goal = len(self.answered) + count
        wait_until(lambda: len(self.answered) >= goal, f"{count} more answers")


def all_counted_once(stack, load):
    stack.drained()
    for number in range(1, len(stack.gateways)):
        stack.drained(number)
    stored = {row[0] for row in stack.ledger("generation_id")}
    missing = set(load.answered) - stored
    assert not missing, f"{len(missing)} of {len(load.answered)} answered records are not in the ledger"
    total = stack.read.usage(**ALL)["total"]
    assert total["requests"] == len(stored) and Decimal(total["cost"]) == COST * len(stored)
    new, refused = stack.db.rows("SELECT SUM(new_records), SUM(refused_records) FROM batch")[0]
    assert (int(new), int(refused)) == (int(stack.db.value("SELECT COUNT(*) FROM record")), 0)
    assert len(load.answered) > 0 and len(load.answered) == len(set(load.answered))


@pytest.mark.parametrize("again", range(3))
def test_gateway_killed_in_mid_load(make_stack, again):
    stack = make_stack()
    with Load(stack) as load:
        for _ in range(4):
            load.more(20 + 17 * again)
            stack.gateway.kill()
            stack.gateway.start()
        load.more()
    all_counted_once(stack, load)


def test_costd_killed_in_mid_load(make_stack):
    stack = make_stack()
    with Load(stack) as load:
        for _ in range(5):
            load.more()
            stack.costd.kill()
            load.more()  # ingest goes on
            stack.costd.start()
    all_counted_once(stack, load)


def test_mariadb_killed_in_mid_load(make_stack, mariadb):
    stack = make_stack()
    with Load(stack) as load:
        for _ in range(3):
            load.more()
            mariadb.process.kill()
            load.more()
            mariadb.process.start()
    all_counted_once(stack, load)


def test_costd_stopped_ingest_goes_on(make_stack):
    stack = make_stack()
    stack.costd.stop()
    sent = [record(cost=str(COST)) for _ in range(50)]
    for one in sent:
        assert stack.ingest.send(one)["accepted"] == 1
    state = wait_until(lambda: (s := stack.readiness())["status"] == "degraded" and s, "degraded")
    assert state["costd"]["state"] == "unreachable" and state["spool"]["pending"] >= 50
    assert stack.nobody.get("/readyz").status == 200
    assert stack.read.get("/api/v1/usage", expect=503)["Retry-After"]
    stack.costd.start()
    stack.drained()
    assert stack.read.usage(**ALL)["total"]["requests"] == 50


def test_mariadb_stopped_ingest_goes_on(make_stack, mariadb):
    stack = make_stack()
    mariadb.process.stop()
    try:
        for _ in range(20):
            stack.ingest.send([record(cost=str(COST)) for _ in range(5)])
        state = wait_until(lambda: (s := stack.readiness())["database"]["state"] == "unreachable" and s, "the database seen as gone")
        assert state["status"] == "degraded" and state["costd"]["state"] == "ok"
        assert stack.read.request("GET", "/api/v1/usage").status == 503
        assert stack.costd.alive
    finally:
        mariadb.process.start()
    stack.drained()
    assert stack.read.usage(**ALL)["total"]["requests"] == 100


def test_mariadb_restarted_between_reads(make_stack, mariadb):
    """All connections of the pool are broken; no caller is to notice."""
    stack = make_stack()
    stack.ingest.send(record())
    stack.drained()
    for _ in range(8):
        stack.read.usage(**ALL)
    mariadb.process.stop()
    mariadb.process.start()
    wait_until(lambda: stack.readiness()["status"] == "ready", "readiness")
    for _ in range(8):
        assert stack.read.usage(**ALL)["total"]["requests"] == 1


def test_costd_frozen_for_a_while(make_stack):
    stack = make_stack()
    with Load(stack) as load:
        load.more()
        stack.costd.pause()
        load.more(150)
        wait_until(lambda: stack.readiness()["status"] == "degraded", "degraded")
        stack.costd.resume()
        load.more()
    all_counted_once(stack, load)


def test_mariadb_frozen_for_a_while(make_stack, mariadb):
    stack = make_stack()
    with Load(stack) as load:
        load.more()
        mariadb.process.pause()
        try:
            load.more(150)
            wait_until(lambda: stack.readiness()["status"] == "degraded", "degraded")
        finally:
            mariadb.process.resume()
        load.more()
    all_counted_once(stack, load)


def test_everything_killed_at_once(make_stack, mariadb):
    stack = make_stack()
    with Load(stack) as load:
        load.more()
        for process in (mariadb.process, stack.gateway, stack.costd, stack.reportd):
            process.kill()
        for process in (stack.gateway, stack.costd, stack.reportd, mariadb.process):
            process.start()
        load.more()
    all_counted_once(stack, load)


def test_costd_warns_of_a_server_that_does_not_sync_its_commits(make_stack, mariadb):
    stack, warning = make_stack(), "set innodb_flush_log_at_trx_commit=1"
    assert warning not in stack.costd.log and "the cluster may lose" not in stack.costd.log
    mariadb.client("SET GLOBAL innodb_flush_log_at_trx_commit=2")
    try:
        stack.costd.stop()
        stack.costd.start()
        wait_until(lambda: f'{warning}" value=2' in stack.costd.log, "the warning")
    finally:
        mariadb.client("SET GLOBAL innodb_flush_log_at_trx_commit=1")
    assert "the cluster may lose" not in stack.costd.log


def test_two_gateways_one_costd(make_stack):
    stack = make_stack(gateways=2)
    ports = [gateway.port for gateway in stack.gateways]
    same = [record(user="u-same", cost=str(COST)) for _ in range(30)]
    with Load(stack, ports) as load:
        for one in same:  # a client that tries the other gateway
            for port in ports:
                Client(port, stack.contract, stack.ingest_key).send(one)
        load.more()
        stack.gateways[1].kill()
        load.more()
        stack.gateways[1].start()
        load.more()
    load.answered += [one["generation_id"] for one in same]
    all_counted_once(stack, load)
    assert stack.read.usage(user="u-same", **ALL)["total"]["requests"] == 30
    assert int(stack.db.value("SELECT COUNT(DISTINCT spool_id) FROM batch")) == 2


def test_two_gateways_do_not_share_a_spool(make_stack):
    stack = make_stack()
    second = stack.gateway_process(7)
    second.env["SPOOL_DIR"] = stack.gateway.env["SPOOL_DIR"]
    second.start(wait=False)
    assert second.child.wait(120) != 0
    assert "spool" in second.log
    stack.ingest.send(record())
    stack.drained()


def test_costd_started_before_the_database(make_stack, mariadb):
    stack = make_stack(started=False)
    mariadb.process.stop()
    try:
        for process in (stack.gateway, stack.reportd, stack.costd):
            process.start()
        assert stack.ingest.send(record())["accepted"] == 1
        wait_until(lambda: stack.readiness()["status"] == "degraded", "degraded")
        assert stack.costd.alive
    finally:
        mariadb.process.start()
    stack.wait_ready()
    stack.drained()
    assert stack.read.usage(**ALL)["total"]["requests"] == 1


def test_reportd_killed_documents_wait_nothing_else_does(make_stack):
    stack = make_stack()
    stack.ingest.send(record())
    stack.drained()
    stack.reportd.kill()
    assert stack.read.statement("u-1", "2026-01", "pdf", expect=503)["Retry-After"]
    stack.ingest.send(record())
    stack.read.usage()
    stack.reportd.start()
    wait_until(lambda: stack.read.request("GET", "/api/v1/statements/u-1/2026-01.pdf").status == 200, "documents")


def test_clean_stop_in_mid_load_loses_nothing(make_stack):
    stack = make_stack()
    with Load(stack) as load:
        for _ in range(3):
            load.more()
            stack.gateway.stop()
            stack.gateway.start()
            load.more()
            stack.costd.stop()
            stack.costd.start()
    all_counted_once(stack, load)


# pitfall 19: a queue without a bound
def test_full_spool_refuses_and_recovers(make_stack):
    stack = make_stack(settings={"gateway": {"SPOOL_LIMIT_BYTES": "65536"}})
    stack.costd.stop()
    answered = 0

    def full():
        nonlocal answered
        reply = stack.ingest.post("/api/v1/events", [record(cost=str(COST)) for _ in range(20)], expect=None)
        assert reply.status in (200, 503), reply
        if reply.status == 200:
            answered += 20
            return False
        assert reply["Retry-After"]
        return True

    wait_until(full, "a full spool")
    assert stack.readiness()["spool"]["state"] == "full"
    stack.costd.start()
    stack.drained()
    assert stack.read.usage(**ALL)["total"]["requests"] == answered
    stack.ingest.send(record(cost=str(COST)))


def test_counters_add_up_after_the_storm(make_stack):
    """accepted = new + duplicate + refused + pending, per spool, as the metrics say."""
    stack = make_stack()
    batch = [record(cost=str(COST)) for _ in range(10)]
    for _ in range(3):
        stack.ingest.send(batch)
    stack.costd.kill()
    stack.ingest.send([record(cost=str(COST)) for _ in range(10)])
    stack.costd.start()
    stack.drained()
    new, duplicate, refused = map(int, stack.db.rows(
        "SELECT SUM(new_records), SUM(duplicate_records), SUM(refused_records) FROM batch")[0])
    assert (new, refused) == (20, 0) and new + duplicate + refused >= 40 - 10 * 2
    assert new + duplicate == 40 or duplicate >= 20
