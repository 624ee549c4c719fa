# SPDX-License-Identifier: AGPL-3.0-or-later
"""galera - the ledger on a cluster of three MariaDB nodes (F31 to F35): by hand, and part of .ci/night.

    /usr/bin/python3 tests/fault/galera.py [--seconds N] [--seed S] [--power N] [--without-log]

needs the package galera-4.  Two costd write at two nodes.  The same records, and others about the same
generations, come by both at once, so that they meet at COMMIT; a node is killed and comes back; two of three are
away, so that there is no quorum; all three are killed at once, --power times.  Afterwards every record that was answered
is in the ledger of every node, once.

--without-log leaves the nodes without a binary log, of which costd must warn: then a batch that was committed just
before may be gone (README.md)."""
import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from client import Client  # noqa: E402
from openapi import Contract  # noqa: E402
from records import record  # noqa: E402
from stack import MariaDB, Stack, free_port, wait_until  # noqa: E402

PROVIDER = "/usr/lib/galera/libgalera_smm.so"
ALL = {"from": "2020-01-01", "to": "2100-01-01"}
SETTLE_S = 120
DRAIN_S = 1200  # what came while there was no cluster
LOST_AT_ONCE = "evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;evs.install_timeout=PT4S"


# A server asks its helper for a copy of the data even when the others' caches will do.  Here they always do: this
# one only passes on where the copy would be at.
HELPER = """#!/bin/sh
role= address= gtid=
while [ $# -gt 0 ]; do
  case $1 in --role) role=$2 ;; --address) address=$2 ;; --gtid) gtid=$2 ;; --bypass) bypass=yes ;; esac
  shift
done
if [ "$role" = joiner ]; then
  echo "ready 127.0.0.1:$$"
  until [ -s "$HELPER_FOLDER/$$.gtid" ]; do sleep 0.05; done
  cat "$HELPER_FOLDER/$$.gtid"
else
  [ "$bypass" = yes ] || exit 1
  echo "$gtid" >"$HELPER_FOLDER/new.$$" && mv "$HELPER_FOLDER/new.$$" "$HELPER_FOLDER/${address##*:}.gtid"
  echo "done $gtid"
fi
"""


class Node(MariaDB):
    """One server of the cluster.  It never asks for a copy of the data: all begin with the same, and what one missed
    comes from the others' caches."""

    BINARY_LOG = ("--log-bin=binary", "--log-slave-updates", "--sync-binlog=1")

    def __init__(self, folder, ports, number, settings):
        super().__init__(folder)
        helper = self.folder.parent / "wsrep_sst_catch_up"
        helper.write_text(HELPER)
        helper.chmod(0o755)
        self.process.env |= {"PATH": f"{helper.parent}:{self.process.env['PATH']}:/usr/sbin", "HELPER_FOLDER": str(helper.parent)}
        listen, catch_up = ports[number]
        self.argv = [*self.process.argv, *settings, "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON",
                     f"--wsrep-provider={PROVIDER}", "--wsrep-cluster-name=metering", "--wsrep-sst-method=catch_up", f"--wsrep-node-name=node{number}",
                     f"--wsrep-node-address=127.0.0.1:{listen}",
                     f"--wsrep-cluster-address=gcomm://{','.join(f'127.0.0.1:{port}' for port, _ in ports)}",
                     "--wsrep-provider-options=" + f"gmcast.listen_addr=tcp://127.0.0.1:{listen};ist.recv_addr=127.0.0.1:{catch_up};"
                     f"gcache.size=64M;pc.recovery=false;{LOST_AT_ONCE}"]
        self.process.name = f"node{number}"

    def answers(self):
        return self.state("wsrep_ready") == "ON"

    def state(self, name):
        done = self.client(f"SHOW STATUS LIKE '{name}'", check=False)
        return done.stdout.split("\t")[1].strip() if done.returncode == 0 and "\t" in done.stdout else None

    def start(self, first=False):
        """start joins the cluster, or begins a new one with what this node has."""
        position = self._position()
        state = self.data / "grastate.dat"
        if first and state.exists():
            state.write_text(re.sub(r"safe_to_bootstrap: \d", "safe_to_bootstrap: 1", state.read_text()))
        self.process.argv = [*self.argv, *([f"--wsrep-start-position={position}"] if position else []),
                             *(["--wsrep-new-cluster"] if first else [])]
        self.process.start(wait=False)

    def _position(self):
        """_position asks a node that was killed what it had committed last."""
        state = self.data / "grastate.dat"
        if not state.exists() or not re.search(r"seqno:\s*-1", state.read_text()):
            return None
        done = subprocess.run([*self.argv, "--wsrep-recover"], capture_output=True, text=True, timeout=60)
        found = re.findall(r"Recovered position:?\s*([0-9a-f-]{36}:-?\d+)", done.stderr + done.stdout)
        assert found, (done.stderr + done.stdout)[-2000:]
        return found[-1]

    def committed(self):
        """committed is the number of the last transaction it has, running or not."""
        return int(self.state("wsrep_last_committed") if self.process.alive else (self._position() or seqno(self)).rsplit(":", 1)[1])

    def ready(self):
        wait_until(lambda: self.answers() or self.process._fail_if_dead(), f"{self.process.name}\n{self.process.log_tail()}\n", SETTLE_S)


class Cluster:
    def __init__(self, folder, settings=Node.BINARY_LOG):
        ports = [(free_port(), free_port()) for _ in range(3)]
        self.nodes = []
        for number in range(3):
            place = Path(folder) / f"node{number}"
            place.mkdir()
            self.nodes.append(Node(place, ports, number, settings))

    def __enter__(self):
        one = self.nodes[0]
        made = subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={one.data}", *one.run_as, "--skip-test-db",
                               "--auth-root-authentication-method=normal", "--skip-name-resolve", "--force"], capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr
        one.start(first=True)
        one.ready()
        one.process.stop()
        for other in self.nodes[1:]:
            shutil.copytree(one.data, other.data)
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def begin(self):
        """begin starts all nodes, the one with the most transactions first; the others get a copy of it where they have fewer."""
        known = [node.committed() for node in self.nodes]
        first = self.nodes[known.index(max(known))]
        for node, number in zip(self.nodes, known):
            if number < max(known):
                shutil.rmtree(node.data)
                shutil.copytree(first.data, node.data)
        first.start(first=True)
        first.ready()
        for node in self.nodes:
            if node is not first:
                node.start()
        for node in self.nodes:
            node.ready()
        self.whole()

    def recover(self):
        """recover does what an administrator does when one node is left: that node becomes the cluster only if none
        of the others has committed more.  One that was cut off a moment later may have; then all nodes are started again by begin."""
        left, *others = self.nodes
        known = [node.committed() for node in self.nodes]
        say(f"the nodes have committed up to {', '.join(map(str, known))}")
        if known[0] < max(known):
            left.process.kill()
            self.begin()
            return
        left.client("SET GLOBAL wsrep_provider_options='pc.bootstrap=YES'")
        wait_until(lambda: left.state("wsrep_cluster_status") == "Primary", "a quorum", SETTLE_S)
        for node in others:
            node.start()
            node.ready()
        self.whole()

    def whole(self):
        wait_until(lambda: all(node.state("wsrep_cluster_size") == "3" for node in self.nodes), "three nodes", SETTLE_S)

    def __exit__(self, *_):
        for node in self.nodes:
            if node.process.alive:
                node.process.resume()
                node.process.kill()
            shutil.rmtree(node.short, ignore_errors=True)

    def count(self, name):
        return sum(int(node.state(name) or 0) for node in self.nodes)


def seqno(node):
    text = (node.data / "grastate.dat").read_text()
    return re.search(r"uuid:\s*(\S+)", text)[1] + ":" + re.search(r"seqno:\s*(-?\d+)", text)[1]


class ClusterStack(Stack):
    """Two gateways, each with a costd of its own at a node of its own."""

    def __init__(self, folder, cluster, contract):
        super().__init__(folder, cluster.nodes[0], contract, gateways=2)
        url = f"tcp://127.0.0.1:{free_port()}"
        self.costds = [self.costd, self.process("costd", {**self.costd_env(), "COSTD_LISTEN": url,
                                                          "DATABASE_SOCKET": str(cluster.nodes[1].socket)}, "costd1")]
        self.gateways[1].env["COSTD_URL"] = url

    def __enter__(self):
        super().__enter__()
        self.costds[1].start()  # the tables are there: two nodes do not share the lock of who makes them
        self.wait_ready(1)
        return self

    def __exit__(self, kind, *rest):
        self.costds[1].stop()
        self.db.drop = lambda: None  # goes with the cluster, which may have no quorum
        super().__exit__(kind, *rest)


class Pairs:
    """Batches that go to both gateways at the same moment: half of the records are the same at both, half are two
    records about one generation; a record is sent until it is answered with 200."""

    def __init__(self, stack, seed):
        self.stack, self.rng = stack, random.Random(seed)
        self.stop, self.broken_off = threading.Event(), threading.Event()
        self.costs, self.batches, self.records = {}, 0, 0
        self.phases = [("before", 0, 0.0)]  # what went on, how many generations there were when it began, and the time
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:  # interrupted: nothing will be judged
            self.broken_off.set()
        self.stop.set()
        self.thread.join()

    def phase(self, name):
        say(name)
        self.phases.append((name, len(self.costs), time.time()))

    def during(self, missing):
        """during tells when those were sent."""
        numbers = [number for number, key in enumerate(self.costs) if key in missing]
        ends = [begin for _, begin, _ in self.phases[1:]] + [len(self.costs)]
        found = [(name, sum(begin <= n < end for n in numbers)) for (name, begin, _), end in zip(self.phases, ends)]
        return ", ".join(f"{n} sent in '{name}'" for name, n in found if n)

    def when(self, instant_us):
        name, _, begun = max((one for one in self.phases if one[2] <= instant_us / 1e6), key=lambda one: one[2])
        return f"{instant_us / 1e6 - begun:.3f} s into '{name}'"

    def _run(self):
        with ThreadPoolExecutor(2) as pool:
            while not self.stop.is_set():
                one, other = [], []
                for _ in range(self.rng.randint(5, 60)):
                    cost = Decimal(self.rng.randint(0, 10**15)).scaleb(-18)
                    first = record(record_id=str(uuid.uuid4()), cost=f"{cost:f}", user=f"u-{self.rng.randint(0, 3)}")
                    one.append(first)
                    same = self.rng.random() < 0.5
                    other.append(first if same else {**first, "record_id": str(uuid.uuid4()), "task": "title"})
                    self.costs[first["generation_id"]] = cost
                    self.records += 1 if same else 2
                self.rng.shuffle(other)
                for done in [pool.submit(self._deliver, port, batch) for port, batch in zip((g.port for g in self.stack.gateways), (one, other))]:
                    done.result()
                self.batches += 2

    def _deliver(self, port, batch):
        while Client(port, self.stack.contract, self.stack.ingest_key).post("/api/v1/events", batch, expect=None).status != 200:
            if self.broken_off.is_set():
                return
            time.sleep(0.05)  # what a plugin does between two tries


def drain(stack):
    for number in range(2):
        stack.drained(number, DRAIN_S)


class Verdict:
    """What was judged, each with what is wrong about it."""

    def __init__(self):
        self.judged = []

    def that(self, what, *complaints):
        self.judged.append((what, [one for one in complaints if one]))

    def close(self):
        for what, complaints in self.judged:
            say(f"{'WRONG' if complaints else 'ok   '} {what}")
            for one in complaints:
                say(f"      {one}")
        failed = sum(bool(complaints) for _, complaints in self.judged)
        say(f"{len(self.judged) - failed} passed, {failed} failed")
        return 1 if failed else 0


def judge(stack, cluster, pairs, verdict):
    drain(stack)
    for number, node in enumerate(cluster.nodes):
        rows = {key: Decimal(cost) for key, cost in (line.split("\t") for line in node.client(
            "SET SESSION wsrep_sync_wait=1; SELECT generation_id, cost FROM generation", stack.db.name).stdout.splitlines())}
        records = int(node.client("SELECT COUNT(*) FROM record", stack.db.name).stdout)
        missing, strange = set(pairs.costs) - set(rows), set(rows) - set(pairs.costs)
        other = sum(rows[key] != pairs.costs[key] for key in set(rows) & set(pairs.costs))
        verdict.that(f"node {number} has every generation once, with its cost",
                     rows != pairs.costs and f"{len(missing)} rows of {len(pairs.costs)} are missing ({pairs.during(missing)}), "
                                             f"{len(strange)} were never sent, {other} have another cost")
        verdict.that(f"node {number} has every record in its journal",
                     records != pairs.records and f"{pairs.records} records were sent, the journal has {records}")
    total = stack.read.usage(**ALL)["total"]
    verdict.that("the totals are the sums", (total["requests"], Decimal(total["cost"])) !=
                 (len(pairs.costs), sum(pairs.costs.values(), Decimal(0))) and f"the totals are {json.dumps(total)}")
    verdict.that("the batches follow each other", *(gap for spool in stack.db.rows("SELECT DISTINCT HEX(spool_id) FROM batch")
                                                    for gap in gaps(stack, pairs, spool[0])))
    new = int(stack.db.value("SELECT SUM(new_records) FROM batch"))
    verdict.that("the batches count what was sent", new != pairs.records and f"the batches count {new} new records of {pairs.records}")
    check = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    verdict.that("costd --check finds nothing", check.returncode != 0 and f"exit code {check.returncode}: {check.stdout[-400:]}{check.stderr[-400:]}")


def gaps(stack, pairs, spool):
    """gaps tells which records of a gateway are in no batch, and when those before and after them were committed."""
    known, before_us = 0, None
    for first, last, at_us in (map(int, row) for row in stack.db.rows(
            f"SELECT first_seq,last_seq,committed_us FROM batch WHERE spool_id=UNHEX('{spool}') ORDER BY first_seq,last_seq")):
        if first > known + 1:
            yield (f"gateway {spool[:6]}: records {known + 1} to {first - 1} are in no batch; the one before was committed "
                   f"{pairs.when(before_us) if before_us else 'never'}, the one after {pairs.when(at_us)}")
        known, before_us = max(known, last), at_us


def stale_read(stack):
    """stale_read asks at one node for what was stored at another a moment ago; wrong answers of 50."""
    wrong, other = 0, Client(stack.gateways[1].port, stack.contract, stack.read_key)
    for _ in range(50):
        user = f"reader-{uuid.uuid4()}"
        stack.ingest.send(record(user=user))
        wait_until(lambda user=user: stack.read.usage(**ALL, user=user)["total"]["requests"] == 1, "a row")
        wrong += other.usage(**ALL, user=user)["total"]["requests"] != 1
        stack.db.rows(f"DELETE FROM meta WHERE name='{user}'")
    return wrong


def play(folder, seconds, seed, losses, settings):
    verdict = Verdict()
    with Cluster(folder, settings) as cluster, ClusterStack(Path(folder) / "stack", cluster, Contract()) as stack:
        wrong = stale_read(stack)
        read_rows = {row[0]: Decimal(row[1]) for row in stack.ledger("generation_id, cost")}
        with Pairs(stack, seed) as pairs:
            pairs.costs |= read_rows
            pairs.records += len(read_rows)

            def go_on():
                goal = pairs.batches + 10
                wait_until(lambda: pairs.batches >= goal, "batches go on", SETTLE_S)

            pairs.phase("conflicts at COMMIT")
            time.sleep(seconds)
            say(f"{cluster.count('wsrep_local_cert_failures')} certification failures, {cluster.count('wsrep_local_bf_aborts')} aborts")
            for number, what in ((2, "without a costd"), (1, "with a costd")):
                pairs.phase(f"a node {what} is killed")
                cluster.nodes[number].process.kill()
                go_on()
                cluster.nodes[number].start()
                cluster.nodes[number].ready()
                cluster.whole()
            pairs.phase("no quorum: one killed, one frozen")
            cluster.nodes[2].process.kill()
            cluster.nodes[1].process.pause()
            wait_until(lambda: stack.readiness(0).get("database", {}).get("state") == "unreachable", "a word about the quorum", SETTLE_S)
            go_on()  # the gateways take them
            cluster.nodes[1].process.kill()
            cluster.recover()
            for _ in range(losses):
                pairs.phase("all are killed")
                for node in cluster.nodes:
                    node.process.kill()
                go_on()
                cluster.begin()
                stack.wait_ready(0)
                stack.wait_ready(1)
                time.sleep(seconds / 2)
        judge(stack, cluster, pairs, verdict)
        for costd in stack.costds:
            warns = "the cluster may lose committed records" in costd.log
            verdict.that(f"{costd.name} {'says nothing' if settings else 'warns'} of a missing binary log",
                         warns == bool(settings) and ("it warns" if warns else "it does not warn"))
        verdict.that("reads at the other node are not old", wrong and f"{wrong} of 50 were")
        say(f"{pairs.records} records of {len(pairs.costs)} generations in {pairs.batches} batches, seed {seed}; "
            f"retries {metric(stack, 'owui_metering_database_retries_total')}")
    return verdict.close()


def metric(stack, name):
    return re.search(rf"^{name} (\d+)", stack.read.get("/api/v1/metrics").text, re.M)[1]


def say(*what):
    print(*what, flush=True)


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seconds", type=float, default=20)
    ask.add_argument("--seed", default=f"{random.SystemRandom().getrandbits(40):010x}")
    ask.add_argument("--power", type=int, default=3, help="how often all nodes are killed at once")
    ask.add_argument("--without-log", action="store_true")
    wanted = ask.parse_args()
    if not Path(PROVIDER).exists():
        sys.exit("the package galera-4 is not installed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end, too
    say(f"seed {wanted.seed}")
    with tempfile.TemporaryDirectory() as folder:
        return play(folder, wanted.seconds, wanted.seed, wanted.power, () if wanted.without_log else Node.BINARY_LOG)


if __name__ == "__main__":
    sys.exit(main())
