# SPDX-License-Identifier: AGPL-3.0-or-later
"""What kind of request a row is, who counted its records, and which groups of a user are inherited."""
import csv
import io
import uuid
from datetime import datetime, timedelta, timezone

from records import record
from sse import Stream
from stack import key_hash

AT = datetime.now(timezone.utc).replace(day=1, hour=12, minute=0, second=0, microsecond=0)


def one(stack, key):
    return stack.read.get(f"/api/v1/generations/{key}").json()


def test_rows_of_a_kind(stack):
    kinds = ("chat", "embedding", "image", "speech", "transcription", "rerank", "another word", None)
    sent = {kind: record(user="u-kind", kind=kind) for kind in kinds}
    stack.ingest.send(list(sent.values()))
    stack.drained()
    for kind, made in sent.items():
        rows = stack.read.generations(user="u-kind", kind=kind or "")
        assert [(row["generation_id"], row["kind"]) for row in rows] == [(made["generation_id"], kind)]
        assert [r["kind"] for r in one(stack, made["generation_id"])["records"]] == [kind]
    stack.read.get("/api/v1/generations?kind=" + "x" * 65, expect=400)


def test_whoever_knows_the_kind_says_it(stack):
    first = record(user="u-kind-later", state="open", cost=None)
    stack.ingest.send(first)
    stack.ingest.send(record(user="u-kind-later", generation_id=first["generation_id"], kind="chat"))
    stack.drained()
    assert one(stack, first["generation_id"])["generation"]["kind"] == "chat"


def test_files_have_the_kind_after_the_columns_of_before(stack):
    sent = record(user="u-kind-file", kind="embedding", at=AT)
    stack.ingest.send(sent)
    stack.drained()
    month = f"{AT:%Y-%m}"
    for target, column in ((f"/api/v1/generations.csv?user=u-kind-file&from={AT:%Y-%m-%d}", "kind"),
                           (f"/api/v1/generations.csv?kind=embedding&user=u-kind-file&from={AT:%Y-%m-%d}", "kind"),
                           (f"/api/v1/statements/u-kind-file/{month}.csv?format=focus", "x_Kind")):
        head, row = list(csv.reader(io.StringIO(stack.read.get(target).text)))
        at = -1 if column == "x_Kind" else -3  # figures that came later stand last
        assert (head[at], row[at]) == (column, "embedding")


def test_the_live_view_says_the_kind(stack):
    with Stream(stack.session()) as stream:
        stream.place()
        stack.ingest.send(record(user="u-kind-live", kind="image"))
        assert stream.next()[2]["kind"] == "image"


def test_who_counted_a_record_is_kept_with_it_and_nowhere_else(stack):
    sender, sent = str(uuid.uuid4()), record(user="u-sender")
    sent |= {"record_id": str(uuid.uuid4()), "sender": sender, "number": 7}
    assert stack.ingest.send(sent)["repaired"] == []
    stack.ingest.send(sent)
    stack.drained()
    key = sent["generation_id"]
    payload = stack.db.value(f"SELECT HEX(payload) FROM record WHERE key_hash={key_hash(key)}")
    assert "820210" + sender.replace("-", "").upper() + "880207" in payload, "fields 32 and 33 of the record"
    assert stack.db.value(f"SELECT COUNT(*) FROM record WHERE key_hash={key_hash(key)}") == "1"
    assert stack.db.value("SELECT COUNT(*) FROM dead_letter") == "0"
    assert sender not in str(one(stack, key)) and sender not in str(stack.ledger(where=f"generation_id='{key}'"))


def test_inherited_groups_are_marked(stack):
    groups = {"groups": ["7b", "pupils", "school"], "inherited_groups": ["school", "pupils", "staff"]}
    sent = record(user="u-groups")
    sent["user"] |= groups
    repaired = stack.ingest.send(sent)["repaired"]
    assert [one["field"] for one in repaired] == ["user.inherited_groups"], "staff is none of the groups"
    stack.drained()
    session = stack.session()
    for seen in (session.get("/api/v1/user/u-groups").json(), session.get("/api/v1/users?q=u-groups").json()["items"][0]):
        assert (seen["groups"], seen["inherited_groups"]) == (groups["groups"], ["pupils", "school"])
    assert one(stack, sent["generation_id"])["generation"]["groups"] == groups["groups"]
    newer = record(user="u-groups", at=datetime.now(timezone.utc) - timedelta(minutes=1))
    newer["user"] |= {"groups": ["school"]}
    stack.ingest.send(newer)
    stack.drained()
    seen = session.get("/api/v1/user/u-groups").json()
    assert (seen["groups"], seen["inherited_groups"]) == (["school"], [])
