# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database of an older program: what would be paired is said before, is paired at the start, and is listed after.

tests/data/upgrade/ledger-0008.sql is a dump of a ledger that the program of schema step 8 filled: an answer that was not
streamed and its trace; the older filter's records, one of them with a trace that knows no user; two equal questions, one of
which has a generation; a turn's sum over two generations; a local chat; a row without a cost; BYOK without the
upstream bill; and one issued report.
"""
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from stack import Stack

DUMP = Path(__file__).resolve().parent.parent / "data" / "upgrade" / "ledger-0008.sql"
PERIOD = {"from": "2026-10-01", "to": "2026-11-01"}


@pytest.fixture
def before(tmp_path, mariadb, contract):
    """before is an installation that has not been started yet, on the older database."""
    stack = Stack(tmp_path, mariadb, contract)
    mariadb.client(DUMP.read_text(encoding="utf-8"), stack.db.name)
    yield stack
    stack.db.drop()


def costd(stack, *argv, code=0):
    done = subprocess.run([stack.bin / "costd", *argv], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def figures(stack):
    (row,) = stack.db.rows("SELECT SUM(requests),SUM(cost),SUM(unsettled) FROM usage_day")
    return int(row[0]), Decimal(row[1]), int(row[2])


PAIRS = ["message-1 is part of gen-2-older (matched), 0.5", "message-9 is part of gen-5-0 (tag), 0.9", "message-9 is part of gen-5-1 (tag), 0.9",
         "turn-1:1 is part of gen-1-outlet (matched), 0.25", "turn-2:1 is part of gen-4-equal (matched), 0.1"]


def pairs_in(text):
    return sorted(line.strip().removeprefix("owui:") for line in text.splitlines() if " is part of " in line)


def test_a_dry_run_says_what_would_be_paired_and_changes_nothing(before):
    tables = before.db.rows("SHOW TABLES")
    said = costd(before, "--pair", "--dry-run")
    assert pairs_in(said) == PAIRS, said
    assert "2026-10: 4 requests and 1.45 USD less, if it were done" in said and "documents issued: 2026-000001" in said, said
    assert "Name of" not in said and "u-1" not in said
    assert before.db.rows("SHOW TABLES") == tables
    assert before.db.value("SELECT MAX(version) FROM schema_migration") == "8"
    assert figures(before) == (16, Decimal("4.185"), 2)


def test_an_older_database_is_paired_at_the_start(before):
    file = before.db.rows("SELECT HEX(sha256),total FROM document")
    with before as stack:
        total = stack.read.usage(**PERIOD)["total"]
        assert (total["requests"], Decimal(total["cost"]), total["unsettled"]) == (12, Decimal("2.735"), 2)
        assert figures(stack) == (12, Decimal("2.735"), 2)
        said = costd(stack, "--pair")
        assert pairs_in(said) == PAIRS, said
        assert "2026-10: 4 requests and 1.45 USD less\n" in said and "documents issued: 2026-000001" in said, said
        costd(stack, "--check")
        assert stack.db.rows("SELECT HEX(sha256),total FROM document") == file
        users = {row["user"]: Decimal(row["cost"]) for row in stack.read.usage(group_by="user", **PERIOD)["rows"]}
        assert users["u-1"] == Decimal("0.25") and users["u-2"] == Decimal("0.625") and users["u-4"] == Decimal("0.9")
        row = stack.read.request("GET", "/api/v1/generations/gen-2-older", expect=200).json()
        assert row["generation"]["marks"] == ["matched"] and row["generation"]["user"] == "u-2"
        assert said == costd(stack, "--pair"), "nothing is left to do"


def test_a_start_that_is_cut_off_goes_on(before):
    """A first start may end anywhere: the steps of the schema, then a page of pairs at a time."""
    costd(before, "--check")
    before.db.rows("UPDATE meta SET value='0' WHERE name='pairing'")
    before.db.rows("DELETE FROM turn WHERE ledger_key LIKE 'owui:turn-3%'")
    costd(before, "--check")
    assert figures(before) == (12, Decimal("2.735"), 2)
