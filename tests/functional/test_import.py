# SPDX-License-Identifier: AGPL-3.0-or-later
"""costd import: the older OWUI-Metering's SQLite file and OpenRouter's activity export, any number of times."""
import base64
import hashlib
import random
import sqlite3
import subprocess
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from records import instant, record
from stack import Stack

EXPORT = Path(__file__).resolve().parent.parent / "data" / "openrouter" / "activity_export.csv"
AT = datetime(2026, 9, 30, 12, 0, tzinfo=timezone.utc)
OLD = """CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL);
CREATE TABLE activities (id TEXT PRIMARY KEY NOT NULL, timestamp INTEGER NOT NULL, user_id TEXT NOT NULL, model TEXT NOT NULL,
  prompt_token INTEGER NOT NULL, completion_token INTEGER NOT NULL, reasoning_token INTEGER, cost REAL NOT NULL, cached_tokens INTEGER%s);
CREATE INDEX timestamp_idx ON activities (timestamp);"""
HEADER = "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,model_permaslug,provider_name,cancelled,user\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract):
    with Stack(tmp_path_factory.mktemp("import"), mariadb, contract) as installation:
        yield installation


@pytest.fixture(autouse=True)
def empty(stack):
    for table in ("record", "generation", "usage_day", "usage_sum", "discrepancy", "lookup", "dead_letter", "batch", "turn", "link"):
        stack.db.rows(f"DELETE FROM `{table}`")
    stack.db.rows("UPDATE person SET name=NULL,name_us=NULL,email=NULL,email_us=NULL,role=NULL,role_us=NULL,first_seen_us=NULL,last_seen_us=NULL")


def run(stack, path, code=0):
    done = subprocess.run([stack.bin / "costd", "import", path], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    check = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    return done.stdout + done.stderr


def old_file(path, rows, users=(("u-1", "Ada", "ada@example.org", "user"),), more="", values=()):
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.executescript(OLD % more)
        db.executemany("INSERT INTO users VALUES (?,?,?,?)", users)
        for row in rows:
            db.execute(f"INSERT INTO activities VALUES ({','.join('?' * (len(row) + len(values)))})", (*row, *values))
    db.close()
    return path


def activity(id=None, at=AT, user="u-1", model="a/one", prompt=100, completion=10, reasoning=None, cost=0.5, cached=None):
    return (id or str(uuid.uuid4()), int(at.timestamp()) if isinstance(at, datetime) else at, user, model, prompt, completion,
            reasoning, cost, cached)


def span(generation_id, shape="base64"):
    """span is the id the older program gave to a span of this generation."""
    sha = hashlib.sha256(generation_id.encode()).digest()
    if shape == "hex":
        return sha[:16].hex() + sha[:8].hex()
    return (base64.b64encode(sha[:16]) + base64.b64encode(sha[:8])).decode()


def totals(stack):
    return stack.db.rows("SELECT SUM(requests), SUM(cost), SUM(unsettled) FROM usage_day")[0]


def test_older_file_is_taken_exactly_and_only_once(stack, tmp_path):
    costs = [0.1, 0.2, 0.30000000000000004, 1e-07, 7.4e-7, 0.06086625, 0, 1.5, 0.003336800000000001, 123.456789012]
    rows = [activity(cost=c, at=AT + timedelta(minutes=n), completion=n + 1, cached=n) for n, c in enumerate(costs)]
    path = old_file(tmp_path / "old.sqlite", rows)
    said = run(stack, path)
    assert "10 rows: 10 new, 0 known already, 0 refused (dead letters), 0 left out" in said
    want = sum(Decimal(repr(float(c))) for c in costs)
    assert totals(stack) == ("10", format(want, ".18f"), "0")
    assert stack.ledger("user_id, model, requested_model, source, state, cost_state", f"turn_id='{rows[0][0]}'") == [
        ("u-1", "a/one", "a/one", "import", "3", "2")]
    assert stack.db.rows("SELECT id, name, email, role FROM as_text_user") == [("u-1", "Ada", "ada@example.org", "user")]
    said = run(stack, path)
    assert "10 rows: 0 new, 10 known already" in said and totals(stack)[0] == "10"


def test_rows_keep_their_year(stack, tmp_path):
    """pitfall 33: a year made up, or the moment of the import, in place of the file's."""
    years = (2024, 2025, 2026)
    run(stack, old_file(tmp_path / "old.sqlite", [activity(at=datetime(year, 2, 28, 23, 59, 59, tzinfo=timezone.utc)) for year in years]))
    assert [row[0] for row in stack.db.rows("SELECT day FROM generation ORDER BY day")] == [f"{year}-02-28" for year in years]


def test_text_amounts_and_further_columns(stack, tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript((OLD % ", provider TEXT, reason TEXT").replace("cost REAL", "cost"))
        db.execute("INSERT INTO activities VALUES (?,?,?,?,?,?,?,?,?,?,?)", (*activity()[:7], "0.123456789012345678", 3, "Azure", None))
        db.execute("INSERT INTO activities VALUES (?,?,?,?,?,?,?,?,?,?,?)", (*activity()[:7], 2, 3, None, None))
    db.close()
    assert "2 rows: 2 new" in run(stack, path)
    assert stack.ledger("cost, provider") and totals(stack)[1] == "2.123456789012345678"
    assert stack.ledger("provider", "cost<1") == [("Azure",)]


def test_what_does_not_fit_never_costs_the_row(stack, tmp_path):
    """Unfit fields are left out and counted by name; only a row without a credible time is left out whole."""
    soon = datetime.now(timezone.utc) + timedelta(minutes=6)
    rows = [activity(id="a", cost=-5), activity(id="b", cost=1e308), activity(prompt=-1), activity(at=0), activity(at=2 ** 53 - 1), activity(at=soon),
            activity(id="x\x01y"), activity(user=""), activity(), activity(prompt=2 ** 53 - 1), activity(id="c", model="m" * 300),
            activity(id="t" * 200), activity(id="d", prompt=7.5, cached="ten", reasoning=b"\x01")]
    path = old_file(tmp_path / "old.sqlite", rows, users=(("u-1", "Ad\u0085a", "ada@example.org", "user"),))
    said = run(stack, path)
    assert "13 rows: 10 new" in said and "3 left out" in said, said
    for part in ("left out 1: its time is before 2020", "left out 2: its time is yet to come",
                 "repaired 2: usage.cost: ", "repaired 3: usage.prompt_tokens: ", "repaired 1: usage.prompt_tokens_details.cached_tokens: ",
                 "repaired 1: usage.completion_tokens_details.reasoning_tokens: ", "repaired 1: model: ", "repaired 1: requested_model: ",
                 "repaired 2: turn_id: ", "repaired 9: user.name: "):
        assert part in said, said
    assert "(the first: id a)" in said
    assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"
    assert totals(stack)[:2] == ("10", "4.000000000000000000")  # each but the two without an amount
    assert stack.ledger("cost, prompt_tokens, cached_tokens", "turn_id='d'") == [("0.500000000000000000", None, None)]
    assert stack.ledger("model, cost", "turn_id='c'") == [(None, "0.500000000000000000")]
    assert stack.ledger("cost", f"turn_id='long:{hashlib.sha256(b't' * 200).hexdigest()}'") == [("0.500000000000000000",)]
    assert stack.ledger("cost", f"turn_id='long:{hashlib.sha256(bytes([120, 1, 121])).hexdigest()}'") == [("0.500000000000000000",)]
    assert stack.db.rows("SELECT id, name FROM as_text_user WHERE id='u-1'") == [("u-1", "Ada")]
    assert "0 new, 10 known already" in run(stack, path)


def test_older_counts_and_times_of_any_type(stack, tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript((OLD % "").replace(" INTEGER", ""))  # so that nothing is converted
        for at, prompt in ((AT.timestamp(), 10.0), (int(AT.timestamp() * 1000), "10.0"), (int(AT.timestamp() * 1_000_000), "1,234")):
            db.execute("INSERT INTO activities VALUES (?,?,?,?,?,?,?,?,?)", (*activity(at=at, prompt=prompt)[:7], 0.5, None))
    db.close()
    assert "3 rows: 3 new" in run(stack, path)
    assert stack.db.rows("SELECT prompt_tokens, started_us FROM generation ORDER BY 1") == [
        (tokens, str(int(AT.timestamp()) * 1_000_000)) for tokens in ("10", "10", "1234")]


def test_a_row_that_came_by_the_record_call_is_the_same_row(stack, tmp_path):
    turn = str(uuid.uuid4())
    row = activity(id=turn, cost=0.5, at=datetime.now(timezone.utc) - timedelta(minutes=9))
    stack.ingest.request("POST", "/api/v1/metering/record", expect=200, body={
        "user": {"id": "u-1", "name": "Ada", "email": "ada@example.org", "role": "user"},
        "activity": {"id": turn, "timestamp": row[1], "user_id": "u-1", "model": "a/one", "prompt_token": 100, "completion_token": 10, "cost": 0.5}})
    stack.drained()
    run(stack, old_file(tmp_path / "old.sqlite", [row]))
    assert stack.ledger("generation_id, cost") == [(f"owui:{turn}", "0.500000000000000000")]


def test_a_turn_known_by_its_generation_is_left_out(stack, tmp_path):
    """The plugin saw the same message and knows its generation ids: one turn, not two."""
    message, turn = str(uuid.uuid4()), str(uuid.uuid4())
    now = datetime.now(timezone.utc) - timedelta(minutes=30)
    stack.ingest.send([record(message_id=message, cost="0.5", at=now), record(message_id=message, cost="0.25", at=now),
                       record(turn_id=turn, cost="0.125", at=now)])
    stack.drained()
    rows = [activity(id=message, cost=0.25, at=now), activity(id=turn, cost=0.125, at=now), activity(cost=2.0, at=now)]
    said = run(stack, old_file(tmp_path / "old.sqlite", rows))
    assert "3 rows: 1 new" in said and "left out 2: the ledger has this call by another id (the first: id " in said
    assert totals(stack)[:2] == ("4", "2.875000000000000000")


def test_a_turn_of_the_older_program_stands_for_one_span(stack, tmp_path):
    """Two equal calls, of which its filter saw one: the other's span is not the same call."""
    rows = [activity(id="11111111-2222-3333-4444-555555555555", cost=0.5),
            activity(id=span("gen-a"), at=AT + timedelta(seconds=1), cost=0.5, user="nouserid"),
            activity(id=span("gen-b"), at=AT + timedelta(seconds=2), cost=0.5, user="nouserid"),
            activity(id=span("gen-c"), at=AT + timedelta(seconds=2), cost=0.25, user="u-2"),
            activity(id="21111111-2222-3333-4444-555555555555", cost=0.25)]  # of another user than the span
    said = run(stack, old_file(tmp_path / "old.sqlite", rows))
    assert "5 rows: 4 new" in said and "left out 1: a span of a call that the file has by its turn too" in said, said
    assert totals(stack)[:2] == ("4", "1.500000000000000000")


@pytest.mark.parametrize("shape", ["base64", "hex"])
def test_spans_of_the_older_program_count_once(stack, tmp_path, shape):
    """Pitfall 1: its filter and its traces wrote the same call under two ids; children of a trace cost nothing."""
    now = datetime.now(timezone.utc) - timedelta(hours=3)
    known = record(cost="0.75", at=now)
    stack.ingest.send(known)
    stack.drained()
    rows = [activity(id="11111111-2222-3333-4444-555555555555", cost=0.5, at=now),
            activity(id=span("gen-a", shape), cost=0.5, at=now + timedelta(seconds=40), user="nouserid"),  # the same call
            activity(id=span("gen-a:attempt-0", shape), cost=0, prompt=0, completion=0, model="", at=now, user="nouserid"),
            activity(id=span(known["generation_id"], shape), cost=0.75, prompt=31, at=now, user="nouserid"),
            activity(id=span("gen-b", shape), cost=0.5, at=now + timedelta(hours=2), user="nouserid")]  # another call
    said = run(stack, old_file(tmp_path / "old.sqlite", rows))
    assert "5 rows: 2 new" in said and "3 left out" in said, said
    for reason in ("by its turn too", "without usage", "by another id"):
        assert reason in said
    assert totals(stack)[:2] == ("3", "1.750000000000000000")
    assert stack.ledger("user_id", f"turn_id='{span('gen-b', shape)}'") == [("unknown",)]


def test_export_is_the_providers_word(stack, tmp_path):
    generation = "gen-1790762001-Kd83hQmZr2VxYt5LwB1c"
    user = "9c1a6c0e-2a38-4a0e-8f6d-5d7f1f0b6a42"
    stack.ingest.send(record(generation_id=generation, cost="0.0033", user=user, at=AT))
    stack.drained()
    assert "1 rows: 1 new" in run(stack, EXPORT)
    assert "1 rows: 0 new, 1 known already" in run(stack, EXPORT)
    assert stack.ledger("cost, cost_state, user_id, model, prompt_tokens, finished_us<>0") == [
        ("0.003336800000000000", "3", user, "anthropic/claude-haiku-4.5", "30", "1")]
    assert stack.db.rows("SELECT generation_id, reported, looked_up FROM discrepancy") == [
        (generation, "0.003300000000000000", "0.003336800000000000")]


def test_export_alone_makes_rows(stack, tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("\ufeff" + HEADER
                    + 'gen-1,2026-09-30 09:53:25.217,7.4e-7,10,5,"a/one, two","The ""Best""",true,u-1\r\n'
                    + "gen-2,2026-09-30T09:53:26Z,1E-7,10,5,a/one,P,false,\n"
                    + "gen-3,yesterday,1,10,5,a/one,P,false,u-1\n"
                    + "gen-4,2026-09-30 09:53:25,cheap,10,5,a/one,P,false,u-1\n"
                    + ",2026-09-30 09:53:25,1,10,5,a/one,P,false,u-1\n"
                    + "gen-5,2026-09-30 09:53:25,-1,10,5,a/one,P,false,u-1\n"
                    + "gen-6,2026-09-30 09:53:25,1,ten,5,a/one,P,false,u-1\n"
                    + "\n", encoding="utf-8")
    said = run(stack, path)
    assert "7 rows: 5 new" in said and "2 left out" in said, said
    for reason in ("created_at is not a time (the first: line 4)", "it has no generation id (the first: line 6)"):
        assert reason in said, said
    assert "repaired 2: usage.cost: no amount, or one that can be read in two ways: left out (the first: line 5)" in said, said
    assert "repaired 1: usage.prompt_tokens: no whole number: left out (the first: line 8)" in said, said
    assert stack.db.rows("SELECT generation_id, cost, state, model, provider, user_id, day, cost_state, platform FROM as_text_generation ORDER BY 1") == [
        ("gen-1", "0.000000740000000000", "2", "a/one, two", 'The "Best"', "u-1", "2026-09-30", "3", "openrouter"),
        ("gen-2", "0.000000100000000000", "3", "a/one", "P", "unknown", "2026-09-30", "3", "openrouter"),
        ("gen-4", None, "3", "a/one", "P", "u-1", "2026-09-30", "0", "openrouter"),
        ("gen-5", None, "3", "a/one", "P", "u-1", "2026-09-30", "0", "openrouter"),
        ("gen-6", "1.000000000000000000", "3", "a/one", "P", "u-1", "2026-09-30", "3", "openrouter")]


COLUMNS = HEADER.strip().split(",")


def export_file(path, rows, separator=",", end="\n", bom=""):
    def cell(text):
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in f'{separator}"\r\n') else text
    lines = [COLUMNS] + [[str(x) for x in row] for row in rows]
    path.write_bytes((bom + "".join(separator.join(map(cell, line)) + end for line in lines)).encode())
    return path


def line(n, at="2026-09-30 09:53:25.217", cost="0.25", prompt="100", completion="10", cancelled="false", user="u-1", id=None):
    return (id or f"gen-{n}", at, cost, prompt, completion, "a/one", "P", cancelled, user)


def test_export_says_cancelled_in_any_case(stack, tmp_path):
    words = ["TRUE", "True", "true", "1", "WAHR", "FALSE", "0", "", "perhaps"]
    said = run(stack, export_file(tmp_path / "x.csv", [line(n, cancelled=word) for n, word in enumerate(words)]))
    assert "9 rows: 9 new" in said and "repaired 1: state: cancelled is neither true nor false" in said, said
    assert [row[0] for row in stack.db.rows("SELECT state FROM generation ORDER BY generation_id")] == ["2"] * 5 + ["3"] * 4


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_export_in_any_shape_of_file(stack, tmp_path, separator, end, bom):
    rows = [line(1, user='A "b", c;d'), line(2, cost="1.5", prompt="10.0", completion="1,234"), line(3, id="gen-3", user="two\nlines"), line(4, at="x")]
    said = run(stack, export_file(tmp_path / "x.csv", rows, separator, end, bom))
    assert "4 rows: 3 new" in said and "created_at is not a time (the first: line 6)" in said, said
    assert stack.db.rows("SELECT generation_id, cost, prompt_tokens, completion_tokens FROM generation ORDER BY 1") == [
        ("gen-1", "0.250000000000000000", "100", "10"), ("gen-2", "1.500000000000000000", "10", "1234"), ("gen-3", "0.250000000000000000", "100", "10")]
    assert stack.ledger("user_id", "generation_id='gen-1'") == [('A "b", c;d',)]


def test_export_saved_by_a_german_spreadsheet(stack, tmp_path):
    """As LibreOffice 7.4 writes it; "1,234" is no thousand where "0,25" is a quarter."""
    rows = [line(1, "2026-09-30 09:53:25,217", "0,0033368", "3120", "412", "FALSCH"), line(2, "2026-10-01 09:53:25,217", "7,40E-07", "10", "1.234", "WAHR"),
            line(3, "30.09.2026 09:53", "1,234", "10,0", "5", "WAHR")]
    said = run(stack, export_file(tmp_path / "x.csv", rows, ";"))
    assert "3 rows: 3 new" in said and "repaired" not in said, said
    assert stack.db.rows("SELECT generation_id, cost, prompt_tokens, completion_tokens, state, finished_us DIV 1000 FROM generation ORDER BY 1") == [
        ("gen-1", "0.003336800000000000", "3120", "412", "3", "1790762005217"), ("gen-2", "0.000000740000000000", "10", "1234", "2", "1790848405217"),
        ("gen-3", "1.234000000000000000", "10", "5", "2", "1790761980000")]


def test_export_that_can_be_read_in_two_ways_is_not_guessed(stack, tmp_path):
    said = run(stack, export_file(tmp_path / "x.csv", [line(1, cost="1,234"), line(2, cost="7")], ";"))
    assert "2 rows: 2 new" in said and "repaired 1: usage.cost: no amount, or one that can be read in two ways: left out (the first: line 2)" in said, said
    assert stack.db.rows("SELECT generation_id, cost FROM generation ORDER BY 1") == [("gen-1", None), ("gen-2", "7.000000000000000000")]


def test_export_of_days_to_come_is_left_out(stack, tmp_path):
    now = datetime.now(timezone.utc)
    rows = [line(1, instant(now + timedelta(minutes=4))), line(2, instant(now + timedelta(minutes=6))), line(3, "2050-01-01 00:00:00")]
    said = run(stack, export_file(tmp_path / "x.csv", rows))
    assert "3 rows: 1 new" in said and "left out 2: its time is yet to come (the first: line 3)" in said, said
    assert stack.db.rows("SELECT generation_id FROM generation") == [("gen-1",)]


def test_export_with_fields_that_do_not_fit_keeps_its_money(stack, tmp_path):
    rows = [line(1, prompt="-35"), line(2, prompt="1151.5"), line(3, prompt="many"), line(4, prompt="99999999999999999999"),
            line(5, id="gen with blanks"), line(6, id="g" * 129), line(7, user="u\u0085")]
    said = run(stack, export_file(tmp_path / "x.csv", rows))
    assert "7 rows: 7 new" in said and totals(stack)[:2] == ("7", "1.750000000000000000"), said
    for part in ("repaired 4: usage.prompt_tokens: ", "repaired 2: generation_id: ", "repaired 1: user.id: "):
        assert part in said, said
    for id in (b"gen with blanks", b"g" * 129):
        assert stack.ledger("cost", f"generation_id='long:{hashlib.sha256(id).hexdigest()}'") == [("0.250000000000000000",)]


def test_very_many_lines_may_be_left_out(stack, tmp_path):
    """What is left out takes no memory."""
    rows = [line(n, at="yesterday") for n in range(200000)] + [line(0)]
    said = run(stack, export_file(tmp_path / "x.csv", rows))
    assert "200001 rows: 1 new" in said and "left out 200000: created_at is not a time (the first: line 2)" in said, said


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_both_files_are_one_in_whatever_order_the_lines_are(stack, tmp_path, order):
    """Some pages of rows over three months, each as a turn in the one file and as a generation in the other."""
    days = [AT - timedelta(days=90) + timedelta(hours=3 * n) for n in range(700)]
    old = old_file(tmp_path / "old.sqlite", [activity(id=f"t-{n}", at=at, cost=0.25) for n, at in enumerate(days)])
    assert "700 rows: 700 new" in run(stack, old)
    lines = [line(n, instant(at + timedelta(seconds=30))) for n, at in enumerate(days)]
    if order == "backward":
        lines.reverse()
    if order == "shuffled":
        random.Random(7).shuffle(lines)
    path = export_file(tmp_path / "x.csv", lines + [line(9999, instant(days[0]))])
    assert "701 rows: 701 new" in run(stack, path)
    assert totals(stack)[:2] == ("701", "175.250000000000000000")
    assert "700 rows: 0 new" in run(stack, old) and "701 rows: 0 new" in run(stack, path) and totals(stack)[0] == "701"


@pytest.mark.parametrize("first", ["sqlite", "export"])
def test_both_files_of_one_month_count_each_call_once(stack, tmp_path, first):
    """The files know a call by different ids; each row of one stands for one row of the other, whatever comes first."""
    rows = [activity(cost=0.25, at=AT + timedelta(seconds=n)) for n in range(2)] + [activity(cost=0.125, at=AT, prompt=90)]
    old = old_file(tmp_path / "old.sqlite", rows)
    export = tmp_path / "export.csv"
    stamp = instant(AT + timedelta(seconds=5))
    export.write_text(HEADER + "".join(f"gen-{n},{stamp},{cost},{prompt},10,a/one-20260101,P,false,{user}\n" for n, cost, user, prompt in (
        (1, "0.25", "u-1", 100), (2, "0.25", "", 100), (3, "0.25", "u-1", 100), (4, "0.125", "u-2", 90))), encoding="utf-8")
    for _ in range(2):
        for path in (old, export) if first == "sqlite" else (export, old):
            run(stack, path)
    # two of three calls over 0.25 are in both files; the calls over 0.125 are two users'
    assert totals(stack) == ("5", "1.000000000000000000", "0")


def test_what_is_neither_is_refused(stack, tmp_path):
    for content in ("", "a,b\n1,2\n", "generation_id,created_at,cost_total\n\"open"):
        (tmp_path / "x").write_text(content)
        assert "costd: " in run(stack, tmp_path / "x", code=1)
    (tmp_path / "y").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert "cannot be read" in run(stack, tmp_path / "y", code=1)
    assert "cannot be opened" in run(stack, tmp_path / "nothing", code=1)
    assert totals(stack)[0] in (None, "NULL")


def test_progress_is_shown(stack, tmp_path):
    rows = [activity(at=AT - timedelta(hours=n), cost=0.001) for n in range(21000)]
    said = run(stack, old_file(tmp_path / "old.sqlite", rows))
    assert said.count(" %\n") == 2 and "21000 rows: 21000 new" in said, said
    assert totals(stack)[:2] == ("21000", "21.000000000000000000")
