# SPDX-License-Identifier: AGPL-3.0-or-later
"""One person with several ids, and several persons who look like one."""
import csv
import io
import subprocess
from datetime import datetime, timezone
from decimal import Decimal
from urllib.parse import quote

import pytest
from issuing import cancel, issued, text_of
from records import record
from stack import Stack

MONTH = f"{datetime.now(timezone.utc):%Y-%m}"
LONG = "N" * 300
# ids that differ by case or blanks, two persons of one name, a name of 300 characters
PERSONS = {"u-1": ("Ada", "0.1"), "U-1": ("Ada", "0.02"), "u 1": ("Blank", "0.003"), "ü-1": (LONG, "0.0004"), "u-move-old": ("Moved", "1"), "u-move-new": ("Moved", "2")}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract):
    with Stack(tmp_path_factory.mktemp("merge"), mariadb, contract) as installation:
        sent = []
        for user, (name, cost) in PERSONS.items():
            sent.append(record(user=user, cost=cost))
            sent[-1]["user"] |= {"name": name, "groups": [f"of {user}"]}
        installation.ingest.send(sent)
        installation.drained()
        yield installation


def usage(stack):
    return {row["user"]: (row["user_name"], row["requests"], Decimal(row["cost"])) for row in stack.read.usage(group_by="user")["rows"]}


def merge(stack, user, into, expect=200):
    return stack.session().post(f"/api/v1/user/{quote(user)}/merge", {"into": into}, expect=expect)


def unmerge(stack, user, expect=200):
    return stack.session().request("POST", f"/api/v1/user/{quote(user)}/unmerge", expect=expect).json()


def check(stack):
    done = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_looks_like_another_is_another(stack):
    assert usage(stack) == {user: (name, 1, Decimal(cost)) for user, (name, cost) in PERSONS.items()}
    session = stack.session()
    for user, (name, _) in PERSONS.items():
        one = session.get(f"/api/v1/user/{quote(user)}").json()
        assert (one["id"], one["name"], one["groups"], one["merged"], one["gone_at"]) == (user, name, [f"of {user}"], [], None)
    assert {user["id"] for user in session.get("/api/v1/users").json()["items"]} == set(PERSONS)


def test_merged_and_taken_apart_without_a_digit_changing(stack):
    before, total = usage(stack), stack.read.usage()["total"]
    rows = stack.db.rows("SELECT * FROM generation ORDER BY number")
    totals = stack.db.rows("SELECT * FROM usage_day ORDER BY 1,2,3,4,5,6,7,8,9")
    shown = merge(stack, "u-move-old", "u-move-new").json()
    assert (shown["id"], shown["merged"]) == ("u-move-new", ["u-move-old"])
    after = usage(stack)
    assert after.pop("u-move-new") == ("Moved", 2, Decimal(3)) and "u-move-old" not in after
    assert after == {user: line for user, line in before.items() if not user.startswith("u-move")}
    assert stack.read.usage()["total"] == total
    for user in ("u-move-old", "u-move-new"):  # either id asks for the person
        assert Decimal(stack.read.usage(user=user)["total"]["cost"]) == 3
        assert len(stack.read.generations(user=user)) == 2
        assert {row["user"] for row in stack.read.generations(user=user)} == {"u-move-new"}
        assert stack.session().get(f"/api/v1/user/{user}").json()["id"] == "u-move-new"
    table = list(csv.DictReader(io.StringIO(stack.read.get("/api/v1/usage.csv", group_by="user").text, newline="")))
    assert {row["user"]: Decimal(row["cost"]) for row in table}["u-move-new"] == 3
    assert {user["id"] for user in stack.session().get("/api/v1/users").json()["items"]} == set(PERSONS) - {"u-move-old"}
    assert stack.db.rows("SELECT * FROM generation ORDER BY number") == rows
    assert stack.db.rows("SELECT * FROM usage_day ORDER BY 1,2,3,4,5,6,7,8,9") == totals
    check(stack)
    assert unmerge(stack, "u-move-old")["id"] == "u-move-old"
    assert usage(stack) == before
    check(stack)


def test_what_comes_later_is_the_one_person_s_too(stack):
    merge(stack, "u 1", "ü-1")
    stack.ingest.send([record(user="u 1", cost="0.5")])
    stack.drained()
    assert usage(stack)["ü-1"][1:] == (3, Decimal("0.5034"))
    unmerge(stack, "u 1")
    assert usage(stack)["u 1"][1:] == (2, Decimal("0.503")) and usage(stack)["ü-1"][1:] == (1, Decimal("0.0004"))


def test_chains_end_and_circles_are_refused(stack):
    merge(stack, "u-1", "U-1")
    merge(stack, "U-1", "u-move-new")
    assert usage(stack)["u-move-new"][1:] == (3, Decimal("2.12"))
    assert stack.session().get("/api/v1/user/u-1").json()["merged"] == ["U-1", "u-1"]
    for user, into, status in (("u-move-new", "u-1", 409), ("u-1", "u-move-new", 409), ("u-1", "u-1", 400), ("u-1", "unknown", 400), ("unknown", "u-1", 400),
                               ("u-nobody", "u-1", 404), ("u-move-old", "u-nobody", 404)):
        merge(stack, user, into, expect=status)
    merge(stack, "u-1", "U-1")  # said again
    unmerge(stack, "U-1")
    assert usage(stack)["U-1"][1:] == (2, Decimal("0.12"))
    unmerge(stack, "u-1")
    unmerge(stack, "u-1", expect=409)
    unmerge(stack, "u-nobody", expect=404)


def test_two_who_claim_a_request_are_one_when_they_are_merged(stack):
    first = record(user="u-1", cost="0.25")
    stack.ingest.send([first])
    stack.ingest.send([record(user="U-1", cost="0.25", generation_id=first["generation_id"])])
    stack.drained()

    def claimed():
        return {row["generation_id"]: row["users"] for row in stack.read.get("/api/v1/disputes").json()["items"]}[first["generation_id"]]

    assert claimed() == ["U-1", "u-1"]
    merge(stack, "u-1", "U-1")
    assert claimed() == ["U-1"]
    unmerge(stack, "u-1")
    assert claimed() == ["U-1", "u-1"]


def test_a_document_stays_what_it_is(stack):
    session = stack.session()
    made = issued(session, user="u-move-old", month=MONTH)
    merge(stack, "u-move-old", "u-move-new")
    kept = session.get(f"/api/v1/documents/{made['number']}").json()
    assert (kept["user"], kept["total"], kept["sha256"]) == ("u-move-new", made["total"], made["sha256"])
    for user in ("u-move-old", "u-move-new"):
        assert [one["number"] for one in session.get(f"/api/v1/documents?user={user}").json()["items"]] == [made["number"]]
    stack.read.get(f"/api/v1/statements/u-move-old/{MONTH}.pdf", expect=404)  # the other's has all of it
    unmerge(stack, "u-move-old")
    again = session.get(f"/api/v1/documents/{made['number']}").json()
    assert (again["user"], again["differs"]) == ("u-move-old", False)


def test_nobody_is_billed_twice_when_two_have_documents(stack):
    session = stack.session()

    def shown(number):
        one = session.get(f"/api/v1/documents/{number}").json()
        return one["user"], Decimal(one["total"]), one["differs"]

    first, second = issued(session, user="u-1", month=MONTH), issued(session, user="U-1", month=MONTH)
    own = {one["number"]: Decimal(one["total"]) for one in (first, second)}
    merge(stack, "u-1", "U-1")
    assert [shown(one["number"]) for one in (first, second)] == [("U-1", own[one["number"]], True) for one in (first, second)]
    for one, other in ((first, second), (second, first)):
        refused = issued(session, expect=409, user="U-1", month=MONTH, corrects=one["number"])
        assert f"{other['number']} stands for the same month" in refused["detail"]
    back = cancel(session, first["number"], reason="merged").json()
    assert (Decimal(back["total"]), back["cancels"]) == (-own[first["number"]], first["number"])
    assert "u-1" in text_of(session, back["number"]), "the cancellation names whom the document named"
    both = issued(session, user="U-1", month=MONTH, corrects=second["number"])
    assert shown(both["number"]) == ("U-1", sum(own.values()), False)
    stack.drained()
    unmerge(stack, "u-1")  # nothing of the month changed but who is shown as whom
    assert shown(both["number"]) == ("U-1", sum(own.values()), True)
    assert shown(back["number"])[0] == "u-1"
    issued(session, user="u-1", month=MONTH)
    last = issued(session, user="U-1", month=MONTH, corrects=both["number"])
    assert shown(last["number"]) == ("U-1", own[second["number"]], False)


def test_only_the_tables_of_persons_and_groups_know_who_they_are(stack):
    tables = [name for name, in stack.db.rows("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA=DATABASE() AND TABLE_TYPE='BASE TABLE' "
                                              "AND TABLE_NAME NOT IN ('person','group_set','document','document_chunk','document_request')")]
    dump = subprocess.run(["mariadb-dump", "--no-defaults", f"--socket={stack.server.socket}", "--user=root", "--default-character-set=binary",
                           "--skip-hex-blob", stack.db.name, *tables], capture_output=True, check=True).stdout
    assert b"anthropic/claude-haiku-4.5" in dump and "record" in tables and "generation" in tables and "usage_day" in tables
    for text in ("u-move-old", "u-move-new", "of u-1", LONG, "Moved", "Blank", "ü-1"):
        assert text.encode() not in dump, text
    figures = [row[0] for row in stack.db.rows("SELECT HEX(figures) FROM document")]
    ids = [f"{tag}{len(user.encode()):02X}{user.encode().hex().upper()}" for user in PERSONS for tag in ("0A", "1A")]  # of a user, of a line
    assert figures and not [text for text in figures for one in ids if one in text]


def test_only_an_admin_merges_and_nobody_is_named_in_the_log(stack):
    stack.read.post("/api/v1/user/u-1/merge", {"into": "U-1"}, expect=403)
    stack.nobody.post("/api/v1/user/u-1/merge", {"into": "U-1"}, expect=401)
    merge(stack, "u-1", "U-1")
    unmerge(stack, "u-1")
    acts = [line for line in stack.costd.log.splitlines() if "msg=act" in line and "call=merge" in line]
    assert acts and not [line for line in stack.costd.log.splitlines() + stack.gateway.log.splitlines() if "U-1" in line or "u-move" in line]
