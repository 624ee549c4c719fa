#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Time to a usable overview on a processor four times slower, and what is transferred.

    dashboard [--rounds N]

A demo installation of its own with a year of sample data, or the running one that
ADDRESS and ADMIN_PASSWORD name.  Each round is a browser that was never here, beside
the time the same browser takes for a text file of the same server.  Figures are medians.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import machine

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
set -a
source "$1"
exec node scripts/bench.mjs "$2"
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def measure(access, rounds):
    done = subprocess.run(["bash", "-ec", SCRIPT, "bash", access, str(rounds)], cwd=ROOT / "dashboard", stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def measured(rounds):
    if "ADDRESS" in os.environ:
        return measure("/dev/null", rounds)
    with tempfile.TemporaryDirectory(prefix="bench-dashboard-") as folder:
        env = {**os.environ, "METERING_HOME": f"{folder}/home", "PORT": str(free_port())}
        try:
            subprocess.run([ROOT / "run", "demo", "start"], env=env, stdout=subprocess.DEVNULL, check=True)
            return measure(f"{folder}/home/access.env", rounds)
        finally:
            subprocess.run([ROOT / "run", "stop"], env=env, stdout=subprocess.DEVNULL, check=False)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = measured(arguments.parse_args().rounds)
    print(machine.name())

    def median(name):
        return statistics.median(r[name] for r in rounds)

    floor = median("floor")
    for name, text in (("floor", "a text file of the same server"), ("paint", "first paint"), ("figures", "figures are there"), ("chart", "chart is drawn")):
        print(f"{text:32} {median(name):8.0f} ms {median(name) / floor:6.1f} x")
    seen = rounds[0]["seen"]
    for kind, text in (("Script", "script"), ("Stylesheet", "styles"), ("Font", "font"), ("Fetch", "data")):
        print(f"{text:32} {seen.get(kind, 0) / 1000:8.1f} kB")
    print(f"{'all, in ' + str(seen['requests']) + ' requests':32} {sum(v for k, v in seen.items() if k != 'requests') / 1000:8.1f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
