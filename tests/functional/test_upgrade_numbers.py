# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database of an older program gets numbers in place of texts, and what it counts stays the same to the last digit.

tests/data/upgrade/ledger-0018.sql was made with the programs of schema step 18 on 2026-12-01, whose costd --check found no
difference in it.  Persons: u-case and U-case, both called Ada at first, u-câse with a name of 300 characters, one whose id is
a UUID.  Of 2026-11-10: gen-d-users was claimed by u-bob, u-zoe and u-amy, gen-d-two by u-zoe and u-bob, gen-d-cost at 0.5 and
0.75 USD, gen-d-decided was decided for u-amy; gen-t-two has two traces, of u-zz-told and of u-aa-told, where the greater text
counted; gen-l-… were looked up; owui:turn-… are part of gen-of-turn-….  Five documents are issued for November.  The ids of
50 rows have XXXXXX in them, in whose place a test puts numbers.

METERING_UPGRADE_ROWS says how many rows the large one has, 20000 without it.
"""
import json
import os
import subprocess
import threading
from decimal import Decimal
from urllib.parse import quote

import pytest
from records import record
from stack import newest_step, wait_until

MONTH = {"from": "2026-10-01", "to": "2026-12-01"}
ROWS = ("SELECT generation_id,user_id,user_least,user_most,started_us,day,cost_state,cost,byok_cost,prompt_tokens,completion_tokens,"
        "model,provider,requested_model,origin,task,source,platform,kind,user_groups,chat_id,message_id,turn_id,requests,unsettled,link_kind,"
        "disputed,disputed_cost,odd_day,unproven,marked,HEX(ranks) FROM {generation} ORDER BY 1")
LINE = "user_id,user_groups,model,provider,origin,task,source,platform"
FIGURES = "requests,prompt_tokens,completion_tokens,cost,byok_cost,disputed_cost,unsettled"
DAYS = f"SELECT day,{LINE},{FIGURES},changed_us FROM {{usage_day}} ORDER BY day,{LINE},{FIGURES}"
TURNS = ("SELECT ledger_key,of_turn,turn_id,message_id,request,at_us,user_id,model,source,platform,prompt_tokens,completion_tokens,alone "
         "FROM {turn} ORDER BY 1")
PEOPLE = ("SELECT id,name,name_us,email,email_us,role,role_us,groups_json,groups_us,inherited_json,first_seen_us,last_seen_us "
          "FROM {user} ORDER BY 1")
USERS = {"u-case": "Ada L.", "U-case": "Ada", "u-câse": "n" * 300, "11111111-2222-4333-8444-555555555555": "Zoë 😀", "u case": "Blank within"}


@pytest.fixture
def older(on_dump):
    return on_dump("0018")


def costd(stack, *argv, code=0):
    done = subprocess.run([stack.bin / "costd", *argv], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def tables(stack):
    """tables names those of now, or those of the program of then."""
    if stack.db.rows("SHOW TABLES LIKE 'person'"):
        return {"generation": "as_text_generation", "usage_day": "as_text_day", "turn": "as_text_turn", "user": "as_text_user"}
    return {"generation": "(SELECT * FROM generation) AS g", "usage_day": "usage_day", "turn": "turn", "user": "`user`"}


def ledger(stack):
    found = {name: stack.db.rows(sql.format(**tables(stack))) for name, sql in
             (("rows", ROWS), ("days", DAYS), ("turns", TURNS), ("people", PEOPLE))}
    # which of two claims is the least, which two of three are kept, and what did not count, says nothing: they are ordered by a hash now
    found["rows"] = [(*row[:2], *([] if row[0] in ("gen-d-users", "gen-t-two") else sorted(map(str, row[2:4]))), *row[4:]) for row in found["rows"]]
    return found


def test_everything_counts_as_before(older):
    before = ledger(older)
    assert "0 rows and 0 totals differ" in costd(older, "--check")
    assert older.db.value("SELECT MAX(version) FROM schema_migration") == str(newest_step())
    assert older.db.rows("SHOW TABLES LIKE '%_before'") == [] and older.db.rows("SELECT * FROM meta WHERE name LIKE 'renumber%'") == []
    after = ledger(older)
    for name in before:
        assert after[name] == before[name], name
    assert dict((row[0], row[1]) for row in after["rows"])["gen-t-two"] == "u-zz-told", "the greater text counted"
    costd(older, "--rebuild-totals")
    def counted(found):  # lines from which all rows have moved are gone
        return [row[:-1] for row in found["days"] if row[9] != "0"]
    assert counted(ledger(older)) == counted(before)
    assert "0 rows and 0 totals differ" in costd(older, "--check")


def test_the_journal_the_rows_and_the_totals_hold_nobody(older):
    texts = [text for row in ledger(older)["people"] for text in (row[0], row[1], row[3]) if text and text not in ("unknown", "Ada")]
    texts += ["school", "group 1"]
    costd(older, "--check")
    dump = subprocess.run(["mariadb-dump", "--no-defaults", f"--socket={older.server.socket}", "--user=root", "--default-character-set=binary",
                           "--skip-hex-blob", older.db.name, "record", "generation", "usage_day", "usage_sum", "turn", "link", "lookup", "batch", "word"],
                          capture_output=True, check=True).stdout
    for text in texts:
        assert text.encode() not in dump, text
    kept = older.db.rows("SELECT HEX(figures),filename FROM document")
    for user in USERS:
        assert all(user not in name and f"0A{len(user.encode()):02X}{user.encode().hex().upper()}" not in figures for figures, name in kept), user


def test_it_is_served_and_goes_on(older):
    with older as stack:
        session = stack.session()
        usage = {row["user"]: (row["user_name"], row["requests"], Decimal(row["cost"])) for row in stack.read.usage(group_by="user", **MONTH)["rows"]}
        for user, name in USERS.items():
            assert usage[user][0] == name and session.get(f"/api/v1/user/{quote(user)}").json()["name"] == name
        assert usage["u-case"][1:] == (2, Decimal("0.7")) and usage["U-case"][1:] == (1, Decimal("0.2"))
        statement = session.get("/api/v1/documents/2026-000001").json()
        assert statement["user"] == "u-case" and statement["filename"] == "2026-000001-statement-2026-11.pdf"
        assert stack.read.get("/api/v1/documents/2026-000001/file").body.startswith(b"%PDF")
        known = {row["marks"][0] for row in [stack.read.get("/api/v1/generations/gen-d-two").json()["generation"]]}
        assert known == {"disputed"}
        disputes = {row["generation_id"]: row for row in stack.read.get("/api/v1/disputes").json()["items"]}
        assert sorted(disputes["gen-d-two"]["users"]) == ["u-bob", "u-zoe"]
        # what was known is known: the same records change nothing, a new one of the same row joins it
        body = json.loads(session.get("/api/v1/generations/gen-d-decided").text)
        assert body["generation"]["user"] == "u-amy" and Decimal(body["generation"]["cost"]) == Decimal("0.6")
        stack.ingest.send([record(generation_id="gen-p-1", user="u-case", cost="0.1", chat_id="chat-new")])
        stack.drained()
        assert stack.ledger("user_id,cost", "generation_id='gen-p-1'") == [("u-case", "0.100000000000000000")]
        assert "0 rows and 0 totals differ" in costd(stack, "--check")


# ---- large, killed, while records arrive ----

KEYS = {"by_start": "started_us", "by_user": "user_id,started_us", "by_cost_state": "cost_state,started_us", "by_model": "model,started_us",
        "by_provider": "provider,started_us", "by_state": "state,started_us", "by_chat": "chat_id", "by_turn": "turn_id(20)",
        "by_unsettled": "unsettled,requests,started_us", "by_message": "message_id(20)", "by_marked": "marked,started_us"}


def multiply(stack, times):
    """multiply makes each of the 50 rows so often, as the program of then would have stored them; the keys are made at once."""
    def new(column, n="n"):
        return f"REPLACE({column},'XXXXXX',LPAD({n},6,'0'))"
    columns = [name for name, in stack.db.rows("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA=DATABASE() "
                                               "AND TABLE_NAME='generation' ORDER BY ORDINAL_POSITION")]
    made = [new(name, "s.seq") if name in ("generation_id", "chat_id", "message_id") else f"g.{name}" for name in columns]
    figures = (*FIGURES.split(","), "reasoning_tokens", "cached_tokens", "cache_write_tokens")
    for sql in (
            f"ALTER TABLE generation {','.join(f'DROP KEY {key}' for key in KEYS)}",
            "ALTER TABLE record DROP KEY by_ledger_key",
            f"INSERT INTO generation ({','.join(columns)}) SELECT {','.join(made)} FROM (SELECT * FROM generation WHERE generation_id LIKE 'gen-many-XXXXXX%') AS g "
            f"STRAIGHT_JOIN seq_1_to_{times} AS s ORDER BY 1",
            "INSERT INTO record (record_id,ledger_key,content,content_kind,received_us,payload,rules) "
            f"SELECT UNHEX(MD5(CONCAT(r.record_id,s.seq))) AS id,{new('r.ledger_key', 's.seq')},r.content,r.content_kind,r.received_us,"
            "REPLACE(REPLACE(r.payload,CAST('XXXXXX' AS BINARY),CAST(LPAD(s.seq,6,'0') AS BINARY)),r.record_id,UNHEX(MD5(CONCAT(r.record_id,s.seq)))),r.rules "
            f"FROM (SELECT * FROM record WHERE ledger_key LIKE 'gen-many-XXXXXX%') AS r STRAIGHT_JOIN seq_1_to_{times} AS s ORDER BY id",
            f"ALTER TABLE generation {','.join(f'ADD KEY {key} ({of})' for key, of in KEYS.items())}",
            "ALTER TABLE record ADD KEY by_ledger_key (ledger_key)",
            f"UPDATE usage_day SET {','.join(f'{name}={name}*{times + 1}' for name in figures)} WHERE user_id LIKE 'many-%'",
            "ANALYZE TABLE generation; ANALYZE TABLE record"):
        stack.server.client(sql, stack.db.name)


def places(stack):
    return dict(stack.db.rows("SELECT name,value FROM meta WHERE name LIKE 'renumber%'")) if stack.db.rows("SHOW TABLES LIKE 'meta'") else {}


def test_a_large_one_that_is_killed_again_and_again_while_records_arrive(older):
    rows = int(os.environ.get("METERING_UPGRADE_ROWS", "20000"))
    multiply(older, rows // 50)
    sums = "SELECT user_id,SUM(requests),SUM(cost),SUM(prompt_tokens) FROM {usage_day} WHERE user_id NOT LIKE 'new-%' GROUP BY user_id ORDER BY 1"
    by_user = older.db.rows(sums.format(usage_day="usage_day"))
    assert sum(int(row[1]) for row in by_user) >= rows
    sent, stop = [], threading.Event()

    def send():
        while not stop.is_set():
            one = record(user=f"new-{len(sent) % 3}", cost="0.001")
            reply = older.ingest.send([one])
            if reply["accepted"] == 1:
                sent.append(one["generation_id"])
            stop.wait(0.05)

    def told(said):
        """told keeps what a page says meanwhile."""
        reply = older.read.request("GET", "/api/v1/usage", checked=False)
        said.append(reply.json().get("detail", "") if reply.status == 503 else "")
        return True

    said = []
    for process in (older.reportd, older.gateway):
        process.start()
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for piece in ("records", "rows", "days"):  # each is killed when it is under way, or just done
            older.costd.start()
            wait_until(lambda: told(said) and f"renumber_{piece}" in places(older), f"{piece} under way: {older.costd.log_tail(3)}", 600)
            older.costd.kill()
        older.costd.start()
        wait_until(lambda: older.readiness()["status"] == "ready", f"ready: {older.costd.log_tail(3)}", 900)
    finally:
        stop.set()
        sender.join()
    assert [text for text in said if "% of the rows are copied" in text], said
    older.drained(deadline_s=120)
    assert older.db.value("SELECT MAX(version) FROM schema_migration") == str(newest_step())
    assert older.db.rows(sums.format(usage_day="as_text_day")) == by_user
    assert len(sent) > 3 and int(older.db.value("SELECT COUNT(*) FROM as_text_generation WHERE user_id LIKE 'new-%'")) == len(sent)
    assert "0 rows and 0 totals differ" in costd(older, "--check")
    older.__exit__(None)
