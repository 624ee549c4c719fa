#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Statements and workbooks against the bare libraries writing as many pages, and the same cells.

    report [--statements N] [--rows N] [--rounds N]

Each measurement is a process of its own, ours and the bare library's take turns, and the
figures are the medians of the rounds, in seconds of the processor.  A statement is one user's month with eight models;
the bare one has as many pages, fifty lines of six cells each, in the same two fonts.  The
workbook is one sheet of requests (23 columns) in constant memory, read back and checked by
us, only written by the bare library.
"""
import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

import machine

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(os.environ.get("METERING_BIN", ROOT / "build/release/bin")).parent / "bench/report"


def measure(*what):
    done = subprocess.run([PROGRAM, *map(str, what)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def turns(rounds, ours, bare):
    """turns gives the medians of both, and the largest peak of this program in MB."""
    seconds, peak = ([], []), 0
    for _ in range(rounds):
        first = measure(*ours)
        seconds[0].append(first["cpu"])
        seconds[1].append(measure(*bare)["cpu"])
        peak = max(peak, first["peak_kb"] / 1024)
    return statistics.median(seconds[0]), statistics.median(seconds[1]), peak


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--statements", type=int, default=200)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    wanted = arguments.parse_args()
    print(machine.name())
    pages = measure("pdf", 1)["parts"]
    ours, bare, peak = turns(wanted.rounds, ("pdf", wanted.statements), ("pdf-bare", wanted.statements, pages))
    n = wanted.statements
    print(f"statements, {pages} pages each: {n / ours:.0f}/s, {ours / n * 1000:.1f} ms each (aim: below 20); "
          f"bare libharu {n / bare:.0f}/s, {bare / n * 1000:.1f} ms; ratio {ours / bare:.2f} (aim: 1.3); peak {peak:.0f} MB")
    ours, bare, peak = turns(wanted.rounds, ("xlsx", wanted.rows), ("xlsx-bare", wanted.rows))
    n = wanted.rows
    print(f"workbook, {n} rows: {n / ours:.0f} rows/s, {ours:.1f} s; bare libxlsxwriter {n / bare:.0f} rows/s, {bare:.1f} s; "
          f"ratio {ours / bare:.2f} (aim: 1.3); peak {peak:.0f} MB (aim: below 100)")


if __name__ == "__main__":
    main()
