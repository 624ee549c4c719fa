#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Batches of 100 from HTTP to committed in MariaDB against a bulk insert of the same rows.

    ledger [--records N] [--connections N] [--rounds N]

The floor takes the very rows that the ledger made (journal, rows, totals, batches) and
inserts them with Connector/C's bulk arrays into the same tables of an empty database of
the same server, a hundred records to a transaction, and does nothing else: no HTTP, no
spool, no join, no reading, no look for duplicates.  Both take turns.
"""
import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import machine  # noqa: E402
from openapi import Contract  # noqa: E402
from records import record  # noqa: E402
from stack import MariaDB, Stack, wait_until  # noqa: E402

BULK = Path(os.environ.get("METERING_BIN", ROOT / "build/release/bin")).parent / "bench/bulk"
BATCH = 100


class Server(MariaDB):
    SETTINGS = tuple(s for s in MariaDB.SETTINGS if "buffer-pool" not in s and "log-file" not in s) + (
        "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=256M")


def bodies(n, seed):
    """bodies are n records of a lively day: 40 users in groups, 6 models, every record another generation."""
    dice, now = random.Random(seed), datetime.now(timezone.utc)
    made = []
    for number in range(n):
        user = dice.randrange(40)
        one = record(user=f"u-{user}", cost=f"0.{dice.randrange(10**9):012d}", at=now - timedelta(seconds=dice.randrange(80000)),
                     model=f"maker/model-{dice.randrange(6)}", provider=f"provider {dice.randrange(3)}", origin=dice.choice(["ui", "ui", "api"]),
                     task=dice.choice([None, None, "title_generation"]), chat_id=f"chat-{number // 6}", message_id=f"m-{number}")
        one["user"]["groups"] = [f"group {user % 5}"]
        made.append(one)
    return [json.dumps(made[at:at + BATCH]).encode() for at in range(0, n, BATCH)]


def send(port, key, mine, faults):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in mine:
        connection.request("POST", "/api/v1/events", body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        reply = connection.getresponse()
        reply.read()
        if reply.status != 200:
            faults.append(reply.status)
    connection.close()


def through_everything(folder, server, n, connections, seed):
    """through_everything gives seconds from the first byte to the last commit, and the stack's database, kept."""
    work = bodies(n, seed)
    stack = Stack(folder, server, Contract())
    stack.db.drop_later, stack.db.drop = stack.db.drop, lambda: None
    with stack:
        faults, began = [], time.monotonic()
        threads = [threading.Thread(target=send, args=(stack.port, stack.ingest_key, work[i::connections], faults)) for i in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        accepted = time.monotonic() - began
        wait_until(lambda: int(stack.db.value("SELECT COALESCE(SUM(new_records),0) FROM batch")) >= n, "all committed", 600)
        took = time.monotonic() - began
        assert not faults, faults[:3]
    return took, accepted, stack.db


def floor(server, source):
    target = server.create(f"floor_{random.randrange(10**9)}")
    schema = subprocess.run(["mariadb-dump", "--no-defaults", f"--socket={server.socket}", "--user=root", "--no-data", source.name],
                            capture_output=True, text=True, check=True).stdout
    server.client(schema, target.name)
    done = subprocess.run([BULK, str(server.socket), "root", source.name, target.name, str(BATCH)], stdout=subprocess.PIPE, text=True, check=True,
                          env={"PATH": os.environ["PATH"]})
    seconds, rows = done.stdout.split()
    target.drop()
    return float(seconds), int(rows)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--records", type=int, default=20000)
    arguments.add_argument("--connections", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    ours, accepting, floors = [], [], []
    with tempfile.TemporaryDirectory(prefix="metering-bench-") as folder, Server(folder) as server:
        for number in range(given.rounds):
            took, accepted, database = through_everything(Path(folder) / f"stack{number}", server, given.records, given.connections, number)
            seconds, rows = floor(server, database)
            assert rows == given.records, rows
            ours.append(given.records / took)
            accepting.append(given.records / accepted)
            floors.append(given.records / seconds)
            database.drop_later()
            print(f"round {number + 1}: {ours[-1]:.0f} a second to the commit ({accepting[-1]:.0f} answered), floor {floors[-1]:.0f}", file=sys.stderr)
    print(f"Records a second in batches of {BATCH}, medians of {given.rounds} rounds of {given.records}.  {machine.name()}")
    print(f"HTTP to committed   {statistics.median(ours):8.0f}")
    print(f"bulk insert alone   {statistics.median(floors):8.0f}")
    print(f"ratio               {statistics.median(o / f for o, f in zip(ours, floors)):8.2f}   (aim: 0.5)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
