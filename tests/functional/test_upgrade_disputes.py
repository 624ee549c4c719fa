# SPDX-License-Identifier: AGPL-3.0-or-later
"""What several senders claimed before claims were kept stays what it was: one claim, and no dispute.

tests/data/upgrade/ledger-0015.sql was made with the programs of schema step 15 on 2026-11-30.  Of these requests of 2026-11-10 two
records came each, and the greatest claim counted: gen-1795000002-costs 0.3 and 9999 USD, …3-users of u-bob and u-zoe, …4-days, the
second of 2026-10-05 (the earliest counted), …5-import 0.5 USD of an import and 0.2, …6-opened 2 USD while it was open and 1 at its
end, …7-byok an upstream bill of 0.2 and 0.1.  …8-pair was paired with a turn's record, …9-asked has no cost.
"""
import subprocess
from datetime import datetime, timezone

import pytest
from records import record

ROWS = ("SELECT generation_id,user_id,started_us,day,cost_state,IFNULL(cost,'-'),IFNULL(byok_cost,'-'),requests,unsettled,link_kind "
        "FROM {generation} ORDER BY 1")
TOTALS = "SELECT day,user_id,SUM(requests),SUM(cost),SUM(byok_cost) FROM {usage_day} GROUP BY day,user_id HAVING SUM(cost)<>0 ORDER BY 1,2"
AT = datetime(2026, 11, 10, 12, tzinfo=timezone.utc)


@pytest.fixture
def older(on_dump):
    return on_dump("0015", stub=None)


def rows_and_totals(stack):
    """rows_and_totals reads the tables of now, or those of the program of then."""
    now = stack.db.rows("SHOW TABLES LIKE 'person'") != []
    return (stack.db.rows(ROWS.format(generation="as_text_generation" if now else "generation")),
            stack.db.rows(TOTALS.format(usage_day="as_text_day" if now else "usage_day")))


def check(stack):
    done = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rows_stay_what_they_were(older):
    rows, totals = rows_and_totals(older)
    by_id = {row[0]: row for row in rows}
    assert by_id["gen-1795000002-costs"][5].startswith("9999.") and by_id["gen-1795000003-users"][1] == "u-zoe"
    assert by_id["gen-1795000004-days"][3] == "2026-10-05" and by_id["gen-1795000006-opened"][5].startswith("2.")
    check(older)  # carries out the steps
    assert rows_and_totals(older) == (rows, totals)
    # of two users the greater one counted: the other's word does not count now
    assert older.db.rows("SELECT rules,COUNT(*)>1 FROM record GROUP BY rules ORDER BY 1") == [("0", "1"), ("2", "0")]
    assert older.db.value("SELECT COUNT(*) FROM generation WHERE marked<>0") == "0"
    done = subprocess.run([older.bin / "costd", "--rebuild-totals"], env=older.costd.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows_and_totals(older) == (rows, totals)
    check(older)
    assert older.db.value("SELECT COUNT(*) FROM generation WHERE marked<>0 OR disputed_cost<>0") == "0"


def test_what_was_there_is_one_claim_beside_what_comes(older):
    with older as stack:
        def send(number, **fields):
            stack.ingest.send([record(generation_id=f"gen-179500000{number}", at=AT, provider="Anthropic", **fields)])  # another record
            stack.drained()

        def row(number):
            return stack.read.get(f"/api/v1/generations/gen-179500000{number}").json()["generation"]

        send("1-one", cost="0.5", user="u-ada")
        send("2-costs", cost="0.3", user="u-ada")
        send("3-users", cost="0.4", user="u-bob")
        send("5-import", cost="0.5", user="u-ada")
        send("9-asked", cost="0.1", user="u-ada")
        assert row("1-one")["marks"] == [] and row("5-import")["marks"] == [] and row("9-asked")["cost"] == "0.1"
        assert (row("2-costs")["cost"], row("2-costs")["disputed_cost"], row("2-costs")["marks"]) == ("0.3", "9998.7", ["disputed"])
        assert row("3-users")["user"] == "unknown"
        check(stack)
        stack.costd.stop()
        done = subprocess.run([stack.bin / "costd", "--rebuild-totals"], env=stack.costd.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        check(stack)
        stack.costd.start()
