# SPDX-License-Identifier: AGPL-3.0-or-later
"""Documents that the program of schema step 10 issued: they stay what they are, and the rules of now go on from them.

tests/data/upgrade/ledger-0010.sql was made with the programs of that step, whose clock said what is said here: on 2026-10-02
September was delivered (its report and a statement each of u-1, u-2 and u-floor; 2026-000001 to 4), with a minimum of 10 USD,
0.04 % and 1 USD per million tokens as markup: u-floor's one request of 9.994 USD with 3000 tokens became 9.99.  On 2026-11-03,
in EUR at 0.9 with a minimum of 5 USD and 19 % tax, these were issued of October: u-1's statement as PDF, PDF, XLSX and PDF
in German (5 to 8); u-2's (9) and, after one request more, its correction (10); u-4's (11), before one request more; the
report as PDF and as XLSX (12, 13); and the statement of the group `school` (14).  October was not delivered.
"""
import hashlib
import json
import re
from datetime import datetime, timezone

import pytest
from documents import Workbook, pdf_text
from issuing import cancel, correct, count, document, file_of, issue, issued, restart_with, stored_terms, terms, text_of
from stack import wait_until

SETTINGS = {"MINIMUM_CHARGE_FEE": "5", "MINIMUM_CHARGE_MODE": "floor", "TAX_RATE": "19", "CURRENCY": "EUR", "EXCHANGE_RATE": "0.9",
            "EXCHANGE_RATE_DATE": "2026-10-31", "EXCHANGE_RATE_SOURCE": "ECB"}
DOCUMENTS, MONTH, FLOOR = 14, "2026-10", "2026-000004"
COLUMNS = ("year,seq,kind,{user},user_name,group_name,of_month,format,locale,paper,issued_us,total,currency,HEX(sha256),bytes,filename,"
           "content_type,code,corrects_year,corrects_seq,unsettled,terms")
KEPT = [f"SELECT {COLUMNS} FROM document AS d WHERE seq<={DOCUMENTS} ORDER BY year,seq",
        f"SELECT year,seq,part,SHA2(data,256) FROM document_chunk WHERE seq<={DOCUMENTS} ORDER BY year,seq,part",
        "SELECT * FROM document_code ORDER BY seq", "SELECT request,HEX(params),year,seq FROM document_request ORDER BY seq",
        "SELECT * FROM document_correction", "SELECT year,seq,issued_us FROM issuing",
        "SELECT month,id,state,attempts,written_us,body FROM delivery ORDER BY month LIMIT 1"]


def kept(stack):
    """kept is what stays.  A person's id has left the names of files."""
    now = stack.db.rows("SHOW TABLES LIKE 'person'") != []
    user = "(SELECT external_id FROM person AS p WHERE p.id=d.person)" if now else "user_id"
    found = [stack.db.rows(query.replace("{user}", user)) for query in KEPT]
    short = [(*row[:15], re.sub(r"^(\d{4}-\d{6}-statement)-.*-(\d{4}-\d{2}\.\w+)$", r"\1-\2", row[15]) if row[3] else row[15], *row[16:])
             for row in found[0]]
    return [found[0] if now else short, *found[1:]]


@pytest.fixture
def older(on_dump):
    """An installation on that ledger, not started yet."""
    return on_dump("0010", settings={"costd": {"DELIVERY_GRACE": "0"}, "reportd": SETTINGS})


def following(n):
    """following is the n-th number that is given now."""
    year = datetime.now(timezone.utc).year
    return f"{year}-{n + (DOCUMENTS if year == 2026 else 0):06d}"


def instant(us):
    return datetime.fromtimestamp(int(us) // 10**6, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(us) % 10**6:06d}Z"


def test_what_was_issued_stays_what_it_is(older):
    before = kept(older)
    assert len(before[0]) == DOCUMENTS
    with older as stack:
        assert kept(stack) == before
        listed = {one["number"]: one for one in stack.read.get("/api/v1/documents").json()["items"]}
        assert len(listed) == DOCUMENTS
        for row in before[0]:
            made = document(stack.read, f"{row[0]}-{int(row[1]):06d}")
            assert made == listed[made["number"]]
            assert (made["total"], made["currency"], made["sha256"].upper(), str(made["bytes"]), made["filename"]) == (*row[11:14], *row[14:16])
            assert made["issued_at"] == instant(row[10]) and made["verification_code"].replace("-", "") == row[17]
            assert made["cancels"] is made["cancelled_by"] is made["reason"] is None
            assert made["files"] == [{"duplicate": False, "made_at": made["issued_at"],
                                      **{name: made[name] for name in ("format", "bytes", "sha256", "filename", "locale")}}]
            for query in ({}, {"format": made["format"]}):
                file = file_of(stack.read, made["number"], **query)
                assert hashlib.sha256(file.body).hexdigest().upper() == row[13] and file["Content-Type"] == row[16]
            seen = stack.nobody.get(f"/api/v1/verify/{made['verification_code']}").json()
            assert (seen["number"], seen["total"], seen["sha256"]) == (made["number"], made["total"], made["sha256"])
        assert listed["2026-000009"]["corrected_by"] == "2026-000010"
        files = stack.db.rows("SELECT year,seq,n,format,duplicate,locale,paper,first_part,bytes,HEX(sha256),filename,content_type,made_us "
                              "FROM document_file ORDER BY year,seq,n")
        assert files == [(row[0], row[1], "0", row[7], "0", row[8], row[9], "0", row[14], row[13], row[15], row[16], row[10]) for row in before[0]]


def test_a_request_of_then_finds_its_document(older):
    with older as stack:
        session = stack.session()
        assert issued(session, 200, key="old-1-again", user="u-1", month=MONTH)["number"] == "2026-000006"
        assert issued(session, 200, key="old-2-right", user="u-2", month=MONTH, corrects="2026-000009")["number"] == "2026-000010"
        issue(session, 409, key="old-1-again", user="u-2", month=MONTH)
        at = session.get("/api/v1/documents/requests/old-1-xlsx").json()
        assert (at["state"], at["document"]["number"], at["error"]) == ("done", "2026-000007", None)
        assert count(stack) == DOCUMENTS


def test_a_second_original_of_it_is_refused(older):
    with older as stack:
        session = stack.session()
        for fields, first in (({"user": "u-1"}, "2026-000005"), ({"user": "u-1", "format": "xlsx"}, "2026-000007"),
                              ({"user": "u-2"}, "2026-000010"), ({}, "2026-000012"), ({"group": "school"}, "2026-000014")):
            refused = issue(session, 409, month=MONTH, **fields).json()
            assert first in refused["detail"], (fields, refused)
        assert count(stack) == DOCUMENTS
        assert issued(session, month=MONTH, user="u-3")["number"] == following(1)


def test_the_other_format_joins_its_number(older):
    with older as stack:
        before = file_of(stack.read, "2026-000010").body
        joined = issued(stack.session(), 200, user="u-2", month=MONTH, format="xlsx")
        assert joined["number"] == "2026-000010" and [one["format"] for one in joined["files"]] == ["pdf", "xlsx"]
        assert file_of(stack.read, "2026-000010").body == before
        book = Workbook(file_of(stack.read, "2026-000010", format="xlsx").body)
        assert any("2026-000010" in text for text in book.texts()) and 23.56 in book.numbers()
        assert count(stack) == DOCUMENTS


def test_a_duplicate_says_what_the_document_says_and_a_correction_what_is_right(older):
    """The minimum was 10 USD: 9.99 was wrong, and stays what the document with that number says."""
    with older as stack:
        session = stack.session()
        again = issued(session, 200, user="u-floor", month="2026-09", duplicate=True)
        assert (again["number"], again["total"], again["currency"]) == (FLOOR, "9.99", "USD")
        text = text_of(stack.read, FLOOR, duplicate=1)
        assert "DUPLICATE" in text and "9.99" in text and again["verification_code"] in text
        assert "DUPLICATE" not in text_of(stack.read, FLOOR)

        right = correct(session, document(session, FLOOR)).json()
        assert (right["total"], right["currency"], right["corrects"]) == ("10.00", "USD", FLOOR)
        kept = stored_terms(stack, right["number"])
        assert (kept["MINIMUM_CHARGE_FEE"], kept["MARKUP_PERCENT"], kept["FLOOR_RULE"]) == ("10", "0.04", "2")
        assert "CURRENCY" not in kept or kept["CURRENCY"] == "USD"
        assert document(session, FLOOR)["total"] == "9.99"


def test_a_cancellation_takes_back_what_was_billed(older):
    with older as stack:
        session = stack.session()
        made = cancel(session, FLOOR).json()
        assert (made["number"], made["total"], made["currency"], made["cancels"]) == (following(1), "-9.99", "USD", FLOOR)
        new = issued(session, user="u-floor", month="2026-09")
        assert (new["number"], new["currency"]) == (following(2), "EUR")


def test_a_correction_of_then_is_made_with_the_terms_of_then(older):
    """The settings are others by now, and the usage is the same."""
    with older as stack:
        restart_with(stack, EXCHANGE_RATE="0.95", MINIMUM_CHARGE_FEE="50")
        session = stack.session()
        again = correct(session, document(session, "2026-000010")).json()
        assert (again["total"], again["currency"]) == ("23.56", "EUR")
        assert correct(session, again, terms="month").json()["total"] == "23.56", "a changed setting is none of October's"


def test_the_first_terms_are_the_settings(older):
    with older as stack:
        wait_until(lambda: terms(stack.read)["items"], "the first terms")
        (row,) = terms(stack.read)["items"]
        assert (row["valid_from"], row["source"], row["counts"], row["exchange_rate_confirmed"]) == (None, "settings", True, False)
        assert {name.upper(): row[name.lower()] for name in SETTINGS} == SETTINGS
        assert terms(stack.read)["history"] == [row] and terms(stack.read)["conflict"] is None


def test_the_delivery_takes_what_was_issued_by_hand(older, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    older.settings["reportd"] = {**SETTINGS, "DELIVERY_DIR": str(out), "DELIVERY_FILES": "report.pdf,report.xlsx,statements.pdf,statements.xlsx"}
    older.reportd = older.process("reportd", older.reportd_env())
    months = "SELECT month,id,state,attempts,next_us,lease_id,lease_until_us,last_error,written_us,body FROM delivery ORDER BY month"
    delivered = older.db.rows(months)
    with older as stack:
        wait_until((out / MONTH / "manifest.json").exists, "October's folder")
        manifest = json.loads((out / MONTH / "manifest.json").read_text())
        assert [path.name for path in out.iterdir()] == [MONTH], "September was delivered"
        numbers = {}
        for file in manifest["files"]:
            known = document(stack.read, file["number"])
            data = (out / MONTH / file["name"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"] in [one["sha256"] for one in known["files"]]
            numbers[known["user"], file["name"].rsplit(".", 1)[1]] = known
        assert len(manifest["files"]) == len(numbers) == 10
        taken = {key: one["number"] for key, one in numbers.items()}
        assert {key: taken[key] for key in taken if key[0] in (None, "u-1", "u-2")} == {
            (None, "pdf"): "2026-000012", (None, "xlsx"): "2026-000013", ("u-1", "pdf"): "2026-000005", ("u-1", "xlsx"): "2026-000007",
            ("u-2", "pdf"): "2026-000010", ("u-2", "xlsx"): "2026-000010"}
        assert taken["u-3", "pdf"] == taken["u-3", "xlsx"] and taken["u-4", "pdf"] == taken["u-4", "xlsx"]
        assert sorted({taken["u-3", "pdf"], taken["u-4", "pdf"]}) == [following(1), following(2)]
        assert numbers["u-4", "pdf"]["corrects"] == "2026-000011" and numbers["u-3", "pdf"]["corrects"] is None
        assert numbers["u-4", "pdf"]["total"] == "9.90" and "9.90" in pdf_text(file_of(stack.read, taken["u-4", "pdf"]).body)
        assert stack.db.rows(months)[0] == delivered[0]
