# SPDX-License-Identifier: AGPL-3.0-or-later
"""One original of a person, a group or everyone and a month: a second one is refused, or is another file of the same number."""
import hashlib
import threading
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from documents import Workbook, pdf_pages, pdf_text
from issuing import correct, count, document, file_of, is_number_held, issue, issued, restart_with, text_of
from records import record
from stack import Stack

MONTH = "2026-03"
IN_MONTH = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
WHAT = {"statement": {"user": "u-1"}, "group_statement": {"group": "staff"}, "report": {}}


def used(user, cost="0.125"):
    return record(user=user, cost=cost, at=IN_MONTH) | {"user": {"id": user, "name": f"Name of {user}", "groups": ["staff"]}}


@pytest.fixture
def stack(tmp_path, mariadb, contract):
    with Stack(tmp_path, mariadb, contract) as one:
        one.ingest.send([used(f"u-{n % 3}") for n in range(12)])
        one.drained()
        yield one


@pytest.fixture
def session(stack):
    return stack.session()


@pytest.mark.parametrize("fields", WHAT.values(), ids=WHAT)
def test_a_second_one_is_refused_and_names_the_first(stack, session, fields):
    first = issued(session, month=MONTH, **fields)
    refused = issue(session, 409, month=MONTH, **fields).json()["detail"]
    assert first["number"] in refused and "correct" in refused and "cancel" in refused and "duplicate" in refused
    issue(session, 409, month=MONTH, locale="de", paper="letter", **fields)
    stack.ingest.send(used("u-1", "1"))
    stack.drained()
    issue(session, 409, month=MONTH, **fields)
    assert count(stack) == 1 and not is_number_held(stack)
    assert issued(session, month="2026-02")["number"].endswith("-000002"), "of another month"


def test_seven_at_once_are_one(stack, session):
    """Seven callers, each with a key of its own: one has the number, the others learn of it."""
    replies = []

    def ask(n):
        replies.append(issue(session, None, key=f"key-{n}", user="u-1", month=MONTH))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for reply in replies) == [201] + [409] * 6
    (made,) = [reply.json() for reply in replies if reply.status == 201]
    assert all(made["number"] in reply.json()["detail"] for reply in replies if reply.status == 409)
    assert count(stack) == 1 and stack.db.value("SELECT COUNT(*) FROM document_request") == "1"


@pytest.mark.parametrize("first, second", [("pdf", "xlsx"), ("xlsx", "pdf")])
@pytest.mark.parametrize("fields", WHAT.values(), ids=WHAT)
def test_one_number_covers_all_formats(stack, session, fields, first, second):
    made = issued(session, month=MONTH, format=first, **fields)
    assert [(one["format"], one["duplicate"], one["sha256"]) for one in made["files"]] == [(first, False, made["sha256"])]
    before = file_of(session, made["number"]).body
    reply = issue(session, 200, key="the-other", month=MONTH, format=second, **fields)
    both = reply.json()
    assert reply["Location"] == f"/api/v1/documents/{made['number']}"
    assert {**both, "files": None} == {**made, "files": None} and both["files"][0] == made["files"][0]
    assert [one["format"] for one in both["files"]] == [first, second] and count(stack) == 1

    assert file_of(session, made["number"]).body == file_of(session, made["number"], format=first).body == before
    other = file_of(session, made["number"], format=second)
    assert (len(other.body), hashlib.sha256(other.body).hexdigest()) == (both["files"][1]["bytes"], both["files"][1]["sha256"])
    assert both["files"][1]["filename"] in other["Content-Disposition"] and made["number"] in both["files"][1]["filename"]
    files = {first: before, second: other.body}
    text = pdf_text(files["pdf"])
    written = " ".join(Workbook(files["xlsx"]).texts())
    for part in (made["number"], made["issued_at"][:10]):
        assert part in text and part in written, part
    assert made["verification_code"] in text and "OWUI-Metering" in text and "VAT id" not in text
    assert made["total"] in text and float(made["total"]) in Workbook(files["xlsx"]).numbers()
    assert "DUPLICATE" not in text + written

    seen = stack.nobody.get(f"/api/v1/verify/{made['verification_code']}").json()
    assert seen["files"] == [{name: one[name] for name in ("format", "duplicate", "sha256")} for one in both["files"]]
    assert issued(session, 200, key="the-other", month=MONTH, format=second, **fields) == both
    assert made["number"] in issue(session, 409, month=MONTH, format=second, **fields).json()["detail"]
    assert document(session, made["number"]) == both


def test_another_file_says_what_the_first_says(stack, session):
    """The usage has gone on meanwhile: not with this number."""
    made = issued(session, user="u-1", month=MONTH, format="xlsx")
    stack.ingest.send(used("u-1", "7"))
    stack.drained()
    both = issued(session, 200, user="u-1", month=MONTH)
    assert (both["number"], both["total"]) == (made["number"], made["total"])
    text = text_of(session, made["number"], format="pdf")
    assert made["total"] in text and "7.50" not in text
    other = issued(session, user="u-2", month=MONTH)
    stack.ingest.send(used("u-2", "7"))
    stack.drained()
    refused = issue(session, 409, user="u-2", month=MONTH, format="xlsx").json()["detail"]
    assert other["number"] in refused and "correction" in refused, "its rows are others by now"
    assert len(document(session, other["number"])["files"]) == 1


def test_another_file_is_like_the_first_in_all_else(tmp_path, mariadb, contract):
    """Its name, language, paper, zone and issuer are those of the day it was issued."""
    house = {"ISSUER_NAME": "Example GmbH", "ISSUER_ADDRESS": "Musterstraße 17|10115 Berlin", "DOCUMENT_FOOTER": "payable at once"}
    with Stack(tmp_path, mariadb, contract, timezone="Asia/Kathmandu", settings={"reportd": house}) as stack:
        stack.ingest.send(used("u-1"))
        stack.drained()
        session = stack.session()
        made = issued(session, user="u-1", month=MONTH, format="pdf", locale="de", paper="letter")
        stack.ingest.send(used("u-1") | {"user": {"id": "u-1", "name": "Another name", "groups": ["staff"]}, "started_at": "2026-04-02T12:00:00Z",
                                         "finished_at": "2026-04-02T12:00:01Z"})
        stack.drained()
        restart_with(stack, ISSUER_NAME="Other AG", ISSUER_ADDRESS=None, DOCUMENT_FOOTER=None, DOCUMENT_LOCALE="en")
        issued(session, 200, user="u-1", month=MONTH, duplicate=True)
        both = issued(session, 200, user="u-1", month=MONTH, format="xlsx")
        first = file_of(session, made["number"]).body
        again = file_of(session, made["number"], duplicate=1).body
        assert [one["locale"] for one in both["files"]] == ["de"] * 3 and b"612" in again
        texts = [pdf_text(first), pdf_text(again)]
        for text in texts:
            for part in ("Example GmbH", "Musterstraße 17", "payable at once", "Name of u-1", "Nutzungsabrechnung", "März 2026", "Asia/Kathmandu"):
                assert part in text, (part, text)
            assert "Other AG" not in text and "Another name" not in text
        marked = [line for line in texts[1].splitlines() if "ZWEITSCHRIFT" not in line.upper() and line.strip()]
        plain = {line.strip() for line in texts[0].splitlines()}
        assert len([line for line in marked if line.strip() not in plain]) <= 6, "all but the mark and its note are the same"
        written = Workbook(file_of(session, made["number"], format="xlsx").body).texts()
        assert "März 2026" in " ".join(written) and "Another name" not in written and "Name of u-1" in written


def test_a_duplicate_says_so_on_each_page(stack, session):
    made = issued(session, month=MONTH)
    original = file_of(session, made["number"]).body
    again = issued(session, 200, key="lost-mine", month=MONTH, duplicate=True)
    assert again["number"] == made["number"] and [one["duplicate"] for one in again["files"]] == [False, True]
    copy = file_of(session, made["number"], duplicate=1).body
    pages = pdf_text(copy).split("\f")[:-1]
    assert len(pages) == pdf_pages(copy) > 1 and all("DUPLICATE" in page and made["number"] in page for page in pages)
    assert file_of(session, made["number"]).body == original and "DUPLICATE" not in pdf_text(original)
    assert hashlib.sha256(copy).hexdigest() == again["files"][1]["sha256"] != made["sha256"]
    assert stack.nobody.get(f"/api/v1/verify/{made['verification_code']}").json()["files"][1]["duplicate"] is True

    assert issued(session, 200, month=MONTH, duplicate=True) == again, "it is there already"
    german = issued(session, 200, month=MONTH, duplicate=True, locale="de")
    assert len(german["files"]) == 3 and "ZWEITSCHRIFT" in text_of(session, made["number"], duplicate=1).upper()
    table = issued(session, 200, month=MONTH, duplicate=True, format="xlsx")
    assert len(table["files"]) == 4
    assert any("DUPLICATE" in text.upper() for text in Workbook(file_of(session, made["number"], format="xlsx", duplicate=1).body).texts())
    assert count(stack) == 1
    file_of(session, made["number"], 404, format="xlsx")


def test_a_duplicate_of_nothing_is_refused(stack, session):
    issue(session, 409, user="u-1", month=MONTH, duplicate=True)
    issue(session, 400, user="u-1", month=MONTH, duplicate="yes")
    assert count(stack) == 0 and not is_number_held(stack)


def test_what_was_corrected_is_no_longer_what_stands(stack, session):
    wrong = issued(session, user="u-1", month=MONTH)
    stack.ingest.send(used("u-1", "7"))
    stack.drained()
    right = correct(session, wrong).json()
    assert Decimal(right["total"]) == Decimal(wrong["total"]) + 7
    assert right["number"] in issue(session, 409, user="u-1", month=MONTH).json()["detail"]
    joined = issued(session, 200, user="u-1", month=MONTH, format="xlsx")
    assert joined["number"] == right["number"] and joined["corrects"] == wrong["number"]
    assert issued(session, 200, user="u-1", month=MONTH, duplicate=True)["number"] == right["number"]
    assert len(document(session, wrong["number"])["files"]) == 1


def test_files_of_one_number_are_whole_and_apart(stack, session):
    """Large files lie in parts, which run on over the files of a number."""
    for _ in range(2):
        stack.ingest.send([used(f"u-{n % 100}", "0.25") for n in range(8000)])
    stack.drained()
    made = issued(session, month=MONTH, format="xlsx")
    assert made["bytes"] > 1 << 20, "more than one part"
    issued(session, 200, month=MONTH)
    both = issued(session, 200, month=MONTH, duplicate=True)
    for one in both["files"]:
        body = file_of(session, made["number"], format=one["format"], duplicate=int(one["duplicate"])).body
        assert (len(body), hashlib.sha256(body).hexdigest()) == (one["bytes"], one["sha256"])
