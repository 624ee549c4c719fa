# SPDX-License-Identifier: AGPL-3.0-or-later
"""F3: the power goes under a gateway's load, again and again.  What was answered is there.

METERING_POWER_CUTS says how often; a disk that says it has synced and has not must be noticed."""
import http.client
import json
import os
import random
import threading
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from disk import Disk, PowerlessDisk
from openapi import Contract
from records import record
from stack import MariaDB, Stack, wait_until

CUTS = int(os.environ.get("METERING_POWER_CUTS", "8"))
COST = Decimal("0.000000125")
SENDERS = 4


class Senders:
    """Threads that post batches for ever and remember which were answered with 200."""

    def __init__(self, stack):
        self.port, self.key = stack.port, stack.ingest_key
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.sent, self.answered = set(), set()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(SENDERS)]

    def __enter__(self):
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for one in self.threads:
            one.join()

    def count(self):
        with self.lock:
            return len(self.answered)

    def _run(self):
        while not self.stop.is_set():
            batch = [record(record_id=str(uuid.uuid4()), cost=str(COST)) for _ in range(3)]
            ids = {one["generation_id"] for one in batch}
            with self.lock:
                self.sent |= ids
            if self._post(json.dumps(batch)) == 200:
                with self.lock:
                    self.answered |= ids
            else:
                self.stop.wait(0.02)  # as a plugin does between two tries

    def _post(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/api/v1/events", body,
                               {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory):
    with MariaDB(tmp_path_factory.mktemp("db")) as server:
        yield server


@pytest.fixture
def powerless(tmp_path, mariadb):
    """powerless is an installation whose gateway has its spool on a disk that can lose its power."""
    stack = Stack(tmp_path / "stack", mariadb, Contract())
    folder = stack.gateway.env["SPOOL_DIR"]
    if not PowerlessDisk.possible(folder):
        pytest.skip("needs root, mount and a loop device")
    disk = PowerlessDisk(folder, tmp_path / "spool.image")
    disk.mount()
    try:
        yield stack, disk
    finally:
        if stack.gateway.alive:
            stack.gateway.kill()
        stack.__exit__(RuntimeError)
        disk.unmount()


def all_stopped(pid):
    states = [one.read_text().rsplit(")", 1)[1].split()[0] for one in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


def cut_power(stack, disk, senders, rng):
    """cut_power lets some batches be answered, takes the power at a moment of its own, and brings all back."""
    goal = senders.count() + rng.randint(20, 150)
    wait_until(lambda: senders.count() >= goal, "answers")
    stack.gateway.pause()
    # No process survives a loss of power.  One that went on would be told that its sync is done, and would answer.
    wait_until(lambda: all_stopped(stack.gateway.pid), "every thread stopped")
    disk.cut()
    stack.gateway.kill()
    disk.unmount()
    disk.mount()
    stack.gateway.start()


def missing(stack, senders):
    stack.drained()
    rows = [row[0] for row in stack.ledger("generation_id")]
    assert set(rows) <= senders.sent
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01"})["total"]
    assert (total["requests"], Decimal(total["cost"])) == (len(rows), COST * len(rows))
    assert int(stack.db.value("SELECT COUNT(*) FROM record")) == len(rows)
    return senders.answered - set(rows)


def test_f3_what_was_answered_survives_a_loss_of_power(powerless):
    """F3: with costd there, so that what is delivered is forgotten and deleted meanwhile."""
    stack, disk = powerless
    seed = os.environ.get("METERING_POWER_SEED") or f"{random.SystemRandom().getrandbits(40):010x}"
    print(f"METERING_POWER_SEED={seed}")
    rng = random.Random(seed)
    stack.__enter__()
    with Senders(stack) as senders:
        for cut in range(CUTS):
            if cut % 3 == 1:  # with a backlog, too
                stack.costd.pause()
            cut_power(stack, disk, senders, rng)
            stack.costd.resume()
    lost = missing(stack, senders)
    assert not lost, f"{len(lost)} of {len(senders.answered)} answered records are gone"
    assert stack.readiness()["spool"]["quarantined"] == 0


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ, reason="a library is put before the gateway")
def test_f3_a_disk_that_only_says_so_is_noticed(powerless, tmp_path):
    """The negative control: syncs that are not done lose records, and the test above would see it."""
    stack, disk = powerless
    liar = Disk(stack, tmp_path)
    liar.order(b"l")
    stack.__enter__()
    stack.costd.pause()
    with Senders(stack) as senders:
        cut_power(stack, disk, senders, random.Random(1))
    stack.costd.resume()
    assert liar.hit and missing(stack, senders)
