# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sample documents: their names, how they are written, and their workbooks read back.

REPORTD_SAMPLES names the program that writes them.
"""
import functools
import os
import subprocess

import openpyxl

SAMPLES = os.environ.get("REPORTD_SAMPLES", "")

STATEMENTS = ["statement", "statement-fee", "statement-none", "statement-one", "statement-500", "statement-huge", "statement-hostile",
              "statement-rests"]
REPORTS = ["report", "report-scripts", "report-none", "report-large"]
EMPTY = ["statement-none", "report-none"]
ALL = STATEMENTS + REPORTS
OTHERS = ["statement-issued", "statement-german", "group", "report-issued", "report-german"]  # with everything set
ISSUED = ["statement-issued", "group", "report-issued"]
SPLIT = {"statement-split": [98, 98, 4], "statement-full": [98, 98]}  # requests on sheets of 100 rows
GERMAN = ["statement-german", "group", "report-german"]
LETTER = ["statement-fee", "report-scripts", "report-german"]
HANGS_S = 1200  # nothing here measures speed: what takes this long hangs


def run(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, check=True, timeout=HANGS_S)
    return done.stdout.decode("utf-8"), done.stderr.decode("utf-8", "replace")


@functools.lru_cache(maxsize=None)
def book(folder, name):
    return openpyxl.load_workbook(folder / f"{name}.xlsx", data_only=True)


def table(folder, name, sheet):
    """table returns a sheet's headings, rows and row of totals."""
    rows = [list(row) for row in book(folder, name)[sheet].iter_rows(values_only=True)]
    head = next(i for i, row in enumerate(rows) if "Requests" in row or "Started" in row)
    assert rows[-1][0] == "Total"
    return rows[head], rows[head + 1:-1], rows[-1]


def column(folder, name, sheet, title):
    head, rows, _ = table(folder, name, sheet)
    return [row[head.index(title)] for row in rows]


def total_of(folder, name, title="Cost (USD) (exact)"):
    head, _, total = table(folder, name, "Models")
    return total[head.index(title)]
