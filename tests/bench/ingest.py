#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Durable single-record ingest against the same server answering 200 with no work.

    ingest [--seconds N] [--rounds N] [--connections 1,8,64]

The gateway alone, with its spool on the disk of --folder; costd is not there, so that
nothing else takes time.  Both loads take turns; the figures are the medians of the
rounds.  Ends with the gateway's memory before and under load.
"""
import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("METERING_BIN", ROOT / "build/release/bin")).parent
KEY = "ik-" + secrets.token_hex(20)


def gateway(folder):
    done = subprocess.run([BUILD / "bin/gateway", "--hash-password"], input="of a benchmark\n", text=True, capture_output=True, check=True)
    log = folder / "gateway.log"
    env = {"PATH": os.environ["PATH"], "PORT": "0", "SPOOL_DIR": str(folder / "spool"), "API_KEY": KEY, "JWT_SECRET": secrets.token_hex(32),
           "PASSWORD_HASH": done.stdout.strip(), "COSTD_URL": "tcp://127.0.0.1:1", "WIRE_KEY_GATEWAY": secrets.token_hex(32), "REPORTD_URL": "tcp://127.0.0.1:1",
           "SPOOL_LIMIT_BYTES": str(8 << 30), "INGEST_RECORDS_PER_MINUTE": "0", "INGEST_BYTES_PER_MINUTE": "0",
           "INGEST_RECORDS_PER_DAY": "0", "INGEST_BYTES_PER_DAY": "0", **{k: v for k, v in os.environ.items() if k == "HTTP_THREADS"}}
    child = subprocess.Popen([BUILD / "bin/gateway"], env=env, stdin=subprocess.DEVNULL, stdout=log.open("wb"), stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for line in log.read_text(encoding="utf-8").splitlines():
            if "msg=listening" in line:
                return child, int(line.split(" port=")[1].split(" ")[0])
        time.sleep(0.02)
    child.kill()
    sys.exit("the gateway did not start:\n" + log.read_text(encoding="utf-8"))


def load(port, connections, seconds, *what):
    done = subprocess.run([BUILD / "bench/load", str(port), str(connections), str(seconds), *what],
                          env={"API_KEY": KEY}, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    if figures["not_200"]:
        sys.exit(f"{figures['not_200']} answers were not 200")
    return figures


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--connections", default="1,8,64")
    arguments.add_argument("--folder", default=None, help="where the spool is (default: the temporary folder)")
    given = arguments.parse_args()
    print(machine.name())
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="bench-ingest-") as name:
        child, port = gateway(Path(name))
        try:
            idle = machine.resident_mb(child.pid)
            most = idle
            print(f"{'connections':>11} {'':8} {'per second':>10} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
            for connections in (int(n) for n in given.connections.split(",")):
                seen = {"floor": [], "ingest": []}
                for _ in range(given.rounds):
                    seen["floor"].append(load(port, connections, given.seconds, "get", "/healthcheck"))
                    seen["ingest"].append(load(port, connections, given.seconds, "event"))
                    most = max(most, machine.resident_mb(child.pid))
                rate = {}
                for what, rounds in seen.items():
                    rate[what], p50, p99, slowest = (statistics.median(r[k] for r in rounds) for k in ("per_second", "p50_us", "p99_us", "max_us"))
                    print(f"{connections:11} {what:8} {rate[what]:10.0f} {p50 / 1000:8.2f} {p99 / 1000:8.2f} {slowest / 1000:8.2f}")
                broken = sum(r["broken"] for rounds in seen.values() for r in rounds)
                ratios = [i["per_second"] / f["per_second"] for i, f in zip(seen["ingest"], seen["floor"])]
                print(f"{connections:11} {'ratio':8} {rate['ingest'] / rate['floor']:10.2f}   rounds {min(ratios):.2f} to {max(ratios):.2f}, {broken} connections broken")
            print(f"gateway's memory: {idle:.1f} MB idle, {most:.1f} MB under load")
        finally:
            child.terminate()
            child.wait(30)


if __name__ == "__main__":
    main()
