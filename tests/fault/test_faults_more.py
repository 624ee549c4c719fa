# SPDX-License-Identifier: AGPL-3.0-or-later
"""Faults that need an arrangement of their own, one test each; README.md has the list of all faults by number.

Like the storm: whatever was answered 200 is in the ledger afterwards, once."""
import contextlib
import http.client
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from client import Client
from disk import Disk
from openapi import Contract
from records import record
from rewriter import Rewriter
from stack import MariaDB, Stack, wait_until

ALL = {"from": "2020-01-01", "to": "2100-01-01"}
COST = Decimal("0.000000125")


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory):
    with MariaDB(tmp_path_factory.mktemp("db")) as server:
        yield server


@pytest.fixture(scope="module")
def contract():
    return Contract()


@pytest.fixture
def make_stack(tmp_path, mariadb, contract):
    made = []

    def make(**options):
        started = options.pop("started", True)
        made.append(Stack(tmp_path / f"stack{len(made)}", mariadb, contract, **options))
        return made[-1].__enter__() if started else made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)


def some(count=10, **fields):
    return [record(record_id=str(uuid.uuid4()), cost=str(COST), **fields) for _ in range(count)]


def send(stack, batch, port=None):
    """send returns the status of the answer, or None where there was none."""
    try:
        return Client(port or stack.port, stack.contract, stack.ingest_key).post("/api/v1/events", batch, expect=None).status
    except (OSError, http.client.HTTPException):
        return None


def counted_once(stack, sent):
    """counted_once compares the ledger with all records that were sent and answered."""
    stack.drained()
    rows = [row[0] for row in stack.ledger("generation_id")]
    assert sorted(rows) == sorted(one["generation_id"] for one in sent)
    total = stack.read.usage(**ALL)["total"]
    assert (total["requests"], Decimal(total["cost"])) == (len(sent), COST * len(sent))
    assert int(stack.db.value("SELECT COUNT(*) FROM record")) == len(sent)


# ---- the gateway and its spool ----


@pytest.fixture
def on_disk(make_stack, tmp_path):
    stack = make_stack(started=False)
    disk = Disk(stack, tmp_path)
    stack.__enter__()
    yield stack, disk
    disk.order(b"\0")


@pytest.mark.parametrize("letter", [b"e", b"w"], ids=["sync", "write"])
def test_f6_a_disk_with_errors_ends_the_gateway_and_loses_nothing(on_disk, letter):
    """F6: EIO on a sync or a write.  Never a 200 for it, no second try on the same file: the gateway ends, for the service manager."""
    stack, disk = on_disk
    stack.costd.pause()
    before, after = some(), some()
    assert send(stack, before) == 200
    disk.order(letter)
    assert send(stack, some()) in (503, None)
    assert stack.gateway.child.wait(120) not in (0, -6, -11)
    assert disk.hit and "the spool failed" in stack.gateway.log
    disk.order(b"\0")
    stack.costd.resume()
    stack.gateway.start()
    stack.wait_ready()
    assert send(stack, after) == 200
    stack.drained()
    rows = {row[0] for row in stack.ledger("generation_id")}
    assert {one["generation_id"] for one in before + after} <= rows and len(rows) <= 30


def test_f8_short_and_interrupted_writes_are_made_whole(on_disk):
    """F8: writes that stop halfway, and signals in the middle of one."""
    stack, disk = on_disk
    disk.order(b"i")
    sent = []
    for _ in range(25):
        sent += (batch := some(8))
        assert send(stack, batch) == 200
    assert disk.hit
    stack.gateway.kill()
    stack.gateway.start()
    counted_once(stack, sent)
    assert stack.readiness()["spool"]["quarantined"] == 0


def test_f9_a_sync_that_hangs_is_no_answer_and_then_503(on_disk):
    """F9: a sync of twenty seconds.  No sender gets a 200 meanwhile, everything else is answered, then it goes on."""
    stack, disk = on_disk
    batches = [some(1) for _ in range(5)]
    disk.order(b"s")
    with ThreadPoolExecutor(5) as pool:
        answers = [pool.submit(send, stack, batch) for batch in batches]
        wait_until(lambda: disk.hit, "a sync that hangs")
        assert stack.nobody.get("/healthcheck").status == 200 and stack.read.usage(**ALL)["total"]["requests"] == 0
        assert [answer.result() for answer in answers] == [503] * 5
    disk.order(b"\0")
    assert [send(stack, batch) for batch in batches] == [200] * 5  # as a plugin does: again, under the same ids
    counted_once(stack, sum(batches, []))


def test_f10_few_descriptors_refuse_callers_and_lose_nothing(make_stack):
    """F10: no file descriptors left, for connections or for anything else."""
    stack = make_stack()
    sent = some()
    assert send(stack, sent) == 200
    stack.drained()
    used = len(list(Path(f"/proc/{stack.gateway.pid}/fd").iterdir()))
    soft, hard = resource.prlimit(stack.gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(stack.gateway.pid, resource.RLIMIT_NOFILE, (used + 6, hard))
    callers = [socket.socket() for _ in range(40)]
    try:
        for caller in callers:
            caller.settimeout(120)
            caller.connect(("127.0.0.1", stack.port))
        full = Path(f"/proc/{stack.gateway.pid}/fd")
        wait_until(lambda: len(list(full.iterdir())) >= used + 5, "all descriptors in use")
    finally:
        for caller in callers:
            caller.close()

    def taken():
        return send(stack, batch) == 200

    for _ in range(5):  # still few of them
        batch = some()
        wait_until(taken, "an answer once the others are gone")
        sent += batch
    resource.prlimit(stack.gateway.pid, resource.RLIMIT_NOFILE, (soft, hard))
    counted_once(stack, sent)


def data_kilobytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))


# nng 1.5.2 ends the process where a dial finds no memory for its poll descriptor: nni_tcp_dial, in
# src/platform/posix/posix_tcpdial.c, unlocks a mutex then that it has not locked yet.
NNG_ENDS_IT = "panic: pthread_mutex_unlock: Operation not permitted"


def test_f10_too_little_memory_refuses_and_loses_nothing(make_stack):
    """F10: nothing left to allocate.  What does not fit is refused; it goes on once there is memory again, or, where
    nng ended the gateway, once it was started again."""
    stack = make_stack()
    sent = some()
    assert send(stack, sent) == 200
    stack.drained()
    big = [some(900, task="x" * 64) for _ in range(4)]  # bodies of half a megabyte
    refused = 0
    with ThreadPoolExecutor(4) as pool:
        for spare in (0, 64, 256, 1024, 2048, 4096):  # kilobytes: it ends in another place each time
            stack.gateway.stop()  # a new process keeps nothing from before that would do
            begins = len(stack.gateway.log)
            stack.gateway.start()
            soft, hard = resource.prlimit(stack.gateway.pid, resource.RLIMIT_DATA)
            resource.prlimit(stack.gateway.pid, resource.RLIMIT_DATA, ((data_kilobytes(stack.gateway.pid) + spare) * 1024, hard))
            answers = list(pool.map(lambda batch: send(stack, batch), big))
            resource.prlimit(stack.gateway.pid, resource.RLIMIT_DATA, (soft, hard))
            assert not set(answers) & {400, 413, 422}, answers  # never that the body is wrong
            refused += answers.count(503)

            def taken(spare=spare, begins=begins):
                if not stack.gateway.alive:
                    ended = f"with {spare} kB left the gateway ended: {stack.gateway.child.returncode}\n{stack.gateway.log_tail()}"
                    assert stack.gateway.child.returncode == -signal.SIGABRT, ended
                    assert NNG_ENDS_IT in stack.gateway.log[begins:], ended
                    stack.gateway.start()
                return send(stack, sent) == 200

            wait_until(taken, "an answer once there is memory")
    assert refused > 0
    for batch in big:
        wait_until(lambda: send(stack, batch) == 200, "an answer once there is memory")  # under the same ids
    counted_once(stack, sum(big, sent))


def test_f11_f13_a_spool_from_a_backup_is_delivered_again_and_counts_once(make_stack, tmp_path):
    """F11, F13: a spool that does not know what it delivered, and one put in its place that gives the same numbers
    once more.  What was delivered is a duplicate; what is new counts, whatever its number."""
    stack = make_stack()
    spool, copy = Path(stack.gateway.env["SPOOL_DIR"]), tmp_path / "copy"
    sent = some()
    stack.costd.stop()
    assert send(stack, sent) == 200
    stack.gateway.stop()
    shutil.copytree(spool, copy)
    stack.gateway.start()
    stack.costd.start()
    sent += (later := some())
    assert send(stack, later) == 200
    counted_once(stack, sent)
    (one,) = stack.db.rows("SELECT HEX(spool_id) FROM batch GROUP BY 1")

    stack.gateway.stop()
    shutil.rmtree(spool)
    shutil.copytree(copy, spool)
    stack.gateway.start()
    sent += (more := some())  # under numbers the ledger has seen
    assert send(stack, more) == 200
    counted_once(stack, sent)
    assert stack.db.rows("SELECT HEX(spool_id) FROM batch GROUP BY 1") == [one]

    stack.gateway.stop()
    shutil.rmtree(spool)
    spool.mkdir(mode=0o700)
    stack.gateway.start()
    sent += (fresh := some())
    assert send(stack, fresh) == 200
    counted_once(stack, sent)
    assert len(stack.db.rows("SELECT HEX(spool_id) FROM batch GROUP BY 1")) == 2  # a new spool has a new name


def test_f13_a_refusal_under_a_number_refused_before_is_kept_too(make_stack, tmp_path):
    """F13: a spool from a backup gives its numbers again.  A record refused under the number of another one
    that was refused is a dead letter beside it, is counted, and is found under that number."""
    stack = make_stack()
    spool, copy = Path(stack.gateway.env["SPOOL_DIR"]), tmp_path / "copy"
    first, refused = some(1), []
    assert send(stack, first) == 200
    stack.drained()
    stack.gateway.stop()
    shutil.copytree(spool, copy)
    for cost in ("0.5", "0.75"):
        shutil.rmtree(spool)
        shutil.copytree(copy, spool)
        stack.gateway.start()
        refused.append({**first[0], "usage": {**first[0]["usage"], "cost": cost}})  # its id, other content
        assert send(stack, refused[-1:]) == 200
        stack.drained()
        stack.gateway.stop()
    stack.gateway.start()
    stack.wait_ready()

    session = stack.session()
    letters = session.get("/api/v1/dead-letters").json()["items"]
    assert {(one["spool_id"], one["seq"]) for one in letters} == {(letters[0]["spool_id"], 2)}
    assert sorted(Decimal(one["cost"]) for one in letters) == [Decimal("0.5"), Decimal("0.75")]
    page = session.get("/api/v1/dead-letters", limit=1).json()
    other = session.get("/api/v1/dead-letters", limit=1, cursor=page["next_cursor"]).json()
    assert page["items"] + other["items"] == letters and other["next_cursor"] is None
    assert "owui_metering_dead_letters 2" in stack.read.get("/api/v1/metrics").text
    again = session.request("POST", "/api/v1/dead-letters/retry", body={"spool_id": letters[0]["spool_id"], "seq": 2}, expect=200)
    assert again.json() == {"tried": 2, "stored": 0, "duplicate": 0, "refused": 2, "more": False}
    assert session.request("POST", "/api/v1/dead-letters/retry", body={}, expect=200).json()["refused"] == 2
    counted_once(stack, first)


def test_f14_the_same_records_at_the_same_moment_at_two_gateways(make_stack):
    """F14: at once, at both gateways, and again about calls of forty days ago."""
    stack = make_stack(gateways=2)
    old = datetime.now(timezone.utc) - timedelta(days=40)
    batches = [some(5, at=at) for at in (None, old) for _ in range(6)]
    gate = threading.Barrier(2 * len(batches))

    def at_once(batch, gateway):
        gate.wait(120)
        return send(stack, batch, gateway.port)

    with ThreadPoolExecutor(2 * len(batches)) as pool:
        answers = [pool.submit(at_once, batch, gateway) for batch in batches for gateway in stack.gateways]
        assert {answer.result() for answer in answers} == {200}
    stack.drained(1)
    assert send(stack, batches[-1]) == 200
    counted_once(stack, sum(batches, []))
    assert stack.db.value("SELECT SUM(new_records) FROM batch") == "60"


# ---- the line to costd ----


def test_f24_garbage_on_costd_s_port_does_not_stop_deliveries(make_stack):
    """F24: half handshakes that stay, connections that come and go, random bytes and resets, all during deliveries."""
    stack = make_stack()
    port = int(stack.costd_url.rsplit(":", 1)[1])
    stop, sent = threading.Event(), []

    def disturb(number):
        while not stop.is_set():
            with socket.create_connection(("127.0.0.1", port)) as one:
                one.sendall((b"", b"\0SP\0\0\x30\0\0", b"\0SP\0\0\x30\0\0" + b"\xff" * 64, bytes(range(256)))[number])
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close is a reset

    half = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    disturbers = [threading.Thread(target=disturb, args=(n,)) for n in range(4)]
    for one in disturbers:
        one.start()
    try:
        for number in range(10):
            sent += (batch := some())
            assert send(stack, batch) == 200
            wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM record") == str(10 * number + 10), "the batch in the ledger")
    finally:
        stop.set()
        for one in disturbers:
            one.join()
        for one in half:
            one.close()
    counted_once(stack, sent)
    assert stack.costd.alive


@pytest.mark.parametrize("direction", ["up", "down"])
def test_f26_another_version_on_the_line_is_said_and_records_wait(make_stack, direction):
    """F26: a gateway or a costd of another version.  Said by name, the records wait, and go once the versions agree."""
    stack = make_stack(started=False, settings={name: {"WIRE_WITHOUT_MAC": "accept"} for name in ("gateway", "costd")})
    with Rewriter(int(stack.costd_url.rsplit(":", 1)[1])) as line:
        stack.gateway.env["COSTD_URL"] = f"tcp://127.0.0.1:{line.port}"
        stack.__enter__()
        line.version[direction] = 3
        sent = some()
        assert send(stack, sent) == 200
        wait_until(lambda: "version 3" in stack.gateway.log, "the version in the log")
        state = wait_until(lambda: (s := stack.readiness())["status"] == "degraded" and s, "degraded")
        assert state["spool"]["pending"] == 10
        assert stack.read.request("GET", "/api/v1/usage").status == 503
        line.version[direction] = None
        stack.wait_ready()
        counted_once(stack, sent)
        stack.gateway.stop()


# ---- the database ----


class Trouble:
    """What an administrator can do to a database, and undo."""

    def __init__(self, stack):
        self.db, self.server = stack.db, stack.server

    def rights(self, on):
        self.server.client(f"{'GRANT' if on else 'REVOKE'} ALL ON `{self.db.name}`.* {'TO' if on else 'FROM'} '{self.db.user}'@'localhost'")
        self.new_sessions()

    def table(self, on):
        self.db.rows("RENAME TABLE generation_away TO generation" if on else "RENAME TABLE generation TO generation_away")

    def packet(self, on):
        self.server.client(f"SET GLOBAL max_allowed_packet={64 * 1024 * 1024 if on else 1024}")
        self.new_sessions()

    def new_sessions(self):
        """new_sessions ends costd's, which keep their rights and sizes from their beginning."""
        self.server.client(f"KILL USER '{self.db.user}'@'localhost'")


@pytest.mark.parametrize("what", ["rights", "table", "packet"])
def test_f36_a_database_that_refuses_gets_its_records_later(make_stack, what):
    """F36: rights taken away, a table gone, packets too small.  No acknowledgement and no dead letter, a
    message that says what is wrong; and once it is mended all goes in by itself."""
    stack = make_stack()
    trouble = Trouble(stack)
    sent = some()
    assert send(stack, sent) == 200
    stack.drained()
    said = {"rights": "denied", "table": "doesn't exist", "packet": "packet"}[what]
    getattr(trouble, what)(False)
    try:
        sent += (batch := some(80))  # more than the 16 KiB that always pass
        assert send(stack, batch) == 200
        wait_until(lambda: said in stack.costd.log + stack.gateway.log, f"a word about {said}")
        assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"
        assert stack.readiness()["spool"]["pending"] == 80
        assert stack.costd.alive
    finally:
        getattr(trouble, what)(True)
    counted_once(stack, sent)
    assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"


def test_f36_a_full_disk_below_the_database_delays_and_loses_nothing(tmp_path, contract):
    """F36: no room for the tables to grow.  No acknowledgement and no dead letter; it goes on once there is room."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=320M", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("needs root and mount")
    try:
        with MariaDB(folder) as server, Stack(tmp_path / "stack", server, contract) as stack:
            sent = some()
            assert send(stack, sent) == 200
            stack.drained()
            filler = folder / "filler"
            with open(filler, "wb", buffering=0) as out, contextlib.suppress(OSError):
                while out.write(b"\0" * 65536):
                    pass
            for number in range(200):  # until the tables' files have no room inside
                sent += (batch := some(300))
                assert send(stack, batch) == 200
                if "is full" in stack.costd.log:
                    break
            assert wait_until(lambda: "is full" in stack.costd.log, "a word about the full disk")
            assert stack.readiness()["spool"]["pending"] > 0
            filler.unlink()
            counted_once(stack, sent)
            assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"
    finally:
        subprocess.run(["umount", folder], check=True)


def test_f37_a_database_from_an_older_backup_shows_what_it_lacks(make_stack):
    """F37: put back to an earlier state.  What was delivered since is gone with it, and every place says how much:
    the ledger of what each gateway had acknowledged.  What is sent from then on counts, and nothing counts twice."""
    stack = make_stack()
    before, lost, after = some(3), some(7), some(5)
    assert send(stack, before) == 200
    stack.drained()
    stack.db.back_up()
    assert send(stack, lost) == 200
    stack.drained()
    assert stack.session().get("/api/v1/pipeline").json()["missing_records"] == 0
    stack.costd.stop()
    stack.db.put_back()
    stack.costd.start()
    assert send(stack, after) == 200
    stack.drained()
    assert stack.session().get("/api/v1/pipeline").json()["missing_records"] == 7
    assert "owui_metering_missing_records 7" in stack.read.get("/api/v1/metrics").text
    assert "first_seq=4 last_seq=10" in stack.costd.log
    assert stack.db.rows("SELECT first_seq, last_seq FROM missing") == [("4", "10")]
    assert send(stack, lost) == 200  # a sender that still has them may send them again
    counted_once(stack, before + lost + after)
    assert stack.db.value("SELECT COUNT(*) FROM missing") == "1"
