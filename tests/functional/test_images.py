# SPDX-License-Identifier: AGPL-3.0-or-later
"""A figure on its whole way: how many images were made."""
import csv
import io
import subprocess
from datetime import datetime, timezone

from documents import Workbook
from records import record

DAY = datetime(2026, 10, 12, 9, tzinfo=timezone.utc)
PERIOD = {"from": "2026-10-01", "to": "2026-11-01"}


def made(images, **fields):
    one = record(at=DAY, **fields)
    one["usage"]["images"] = images
    return one


def table(reply):
    return list(csv.DictReader(io.StringIO(reply.text, newline="")))


def test_images_are_counted_and_shown_everywhere(make_stack):
    stack = make_stack()
    sent = [made(3, user="u-1"), made(2, user="u-2"), record(user="u-2", at=DAY), made(-1, user="u-3")]
    said = stack.ingest.send(sent)
    assert [(one["index"], one["field"]) for one in said["repaired"]] == [(3, "usage.images")]
    stack.drained()
    usage = stack.read.usage(group_by="user", **PERIOD)
    assert usage["total"]["images"] == 5
    assert {row["user"]: row["images"] for row in usage["rows"]} == {"u-1": 3, "u-2": 2, "u-3": 0}
    rows = stack.read.generations(**PERIOD)
    assert {row["generation_id"]: row["images"] for row in rows} == dict(
        zip((one["generation_id"] for one in sent), (3, 2, None, None)))
    assert stack.db.value("SELECT SUM(images) FROM usage_sum WHERE cube=1") == "5"
    assert sorted(row["images"] for row in table(stack.read.get("/api/v1/reports/2026-10.csv"))) == ["", "", "2", "3"]
    assert [row["images"] for row in table(stack.read.get("/api/v1/usage.csv", group_by="day", **PERIOD))] == ["5"]
    book = Workbook(stack.read.get("/api/v1/usage.xlsx", group_by="user", **PERIOD).body)
    assert sorted(int(row["Images"]) for row in book.table("Usage", "Requests")[:-1]) == [0, 2, 3]
    for locale, title in {"en": "Images", "de": "Bilder"}.items():
        assert title in Workbook(stack.read.get("/api/v1/reports/2026-10.xlsx", locale=locale).body).texts()
    check = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
