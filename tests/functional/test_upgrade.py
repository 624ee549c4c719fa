# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database of an older program: what would be paired is said before, is paired at the start, and is listed after.

tests/data/upgrade/ledger-0008.sql is a dump of a ledger that the program of schema step 8 filled: an answer that was not
streamed and its trace; the older filter's records, one of them with a trace that knows no user; two equal questions, one of
which has a generation; a turn's sum over two generations; a local chat; a row without a cost; BYOK without the
upstream bill; and one issued report.

ledger-0009.sql is what the program of step 9 made of that, with records of its own: one with groups, platform and request
number; one of Ollama; a pair that an operator undid; and a trace that names its operation, which that program passed over.
Both were made with the programs of their step (METERING_BIN, Stack of tests/support) and `mariadb-dump --hex-blob
--skip-comments --skip-add-locks --skip-disable-keys --skip-add-drop-table`.
"""
import json
import subprocess
from decimal import Decimal

import pytest
from otlp import span, trace
from stack import newest_step

PERIOD = {"from": "2026-10-01", "to": "2026-11-01"}


@pytest.fixture
def before(on_dump):
    return on_dump("0008")


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


def test_a_dry_run_is_for_the_program_that_made_the_database(before):
    tables = before.db.rows("SHOW TABLES")
    done = subprocess.run([before.bin / "costd", "--pair", "--dry-run"], env=before.costd.env, capture_output=True, text=True)
    assert done.returncode == 1 and "made by an older program" in done.stderr, done.stdout + done.stderr
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


# ---- step 9 ----

@pytest.fixture
def paired(on_dump):
    return on_dump("0009")


PEOPLE = "id,name,name_us,email,email_us,role,role_us,groups_json,groups_us,first_seen_us,last_seen_us"
BY_ID = "1=1 ORDER BY generation_id"
ROWS = "generation_id,user_id,day,cost,cost_state,requests,unsettled,link_kind,platform,request,user_groups"


def test_a_dry_run_changes_nothing(paired):
    costd(paired, "--check")
    tables, rows = paired.db.rows("SHOW TABLES"), paired.ledger(ROWS)
    assert pairs_in(costd(paired, "--pair", "--dry-run")) == [], "nothing is left to pair"
    assert paired.ledger(ROWS) == rows
    assert {table for table in paired.db.rows("SHOW TABLES") if not table[0].startswith("as_text_")} == {t for t in tables if not t[0].startswith("as_text_")}


def test_the_database_of_the_last_step_stays_as_it_is(paired):
    rows, totals, users = paired.ledger(ROWS, BY_ID), figures(paired), paired.db.rows(f"SELECT {PEOPLE} FROM `user` ORDER BY id")
    links = paired.db.rows("SELECT * FROM link ORDER BY ledger_key,target")
    costd(paired, "--check")
    assert paired.db.value("SELECT MAX(version) FROM schema_migration") == str(newest_step())
    assert (paired.ledger(ROWS, BY_ID), figures(paired)) == (rows, totals)
    assert paired.ledger("COUNT(*)", "kind IS NOT NULL") == [("0",)]
    assert paired.db.rows(f"SELECT {PEOPLE} FROM as_text_user ORDER BY id") == users
    assert paired.db.rows("SELECT * FROM link ORDER BY ledger_key,target") == links
    with paired as stack:
        assert stack.session().get("/api/v1/user/u-7").json()["inherited_groups"] == []
        assert stack.read.get("/api/v1/senders").json()["items"] == []
        assert len(stack.read.generations(**PERIOD, kind="")) == len(stack.read.generations(**PERIOD)) > 0
        assert figures(stack) == totals


def test_records_of_the_last_step_are_known_and_get_their_kind(paired):
    user = {"id": "u-7", "name": "Name of u-7", "email": "u-7@example.org", "role": "user", "groups": ["8b", "school"]}
    with paired as stack:
        records = int(stack.db.value("SELECT COUNT(*) FROM record"))
        again = trace(span("gen-10-trace", at_s=1792497600, attrs={"gen_ai.operation.name": "chat", "user.id": "u-10"}))
        stack.ingest.request("POST", "/api/v1/traces", body=json.dumps(again).encode(), headers={"Content-Type": "application/json"}, expect=200)
        stack.ingest.send({"generation_id": "gen-7-stream", "user": user | {"inherited_groups": ["school"]}, "kind": "chat",
                           "started_at": "2026-10-20T12:00:00Z"})
        stack.drained()
        assert stack.ledger("generation_id,kind,cost", "generation_id IN ('gen-10-trace','gen-7-stream') ORDER BY 1") == \
            [("gen-10-trace", None, "0.000100000000000000"), ("gen-7-stream", "chat", "0.010000000000000000")]
        assert int(stack.db.value("SELECT COUNT(*) FROM record")) == records + 1, "the trace was known"
        assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"
        assert stack.session().get("/api/v1/user/u-7").json()["inherited_groups"] == ["school"]
        costd(stack, "--check")
