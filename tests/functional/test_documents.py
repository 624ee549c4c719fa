# SPDX-License-Identifier: AGPL-3.0-or-later
"""Issued documents: numbered without gaps, the same file ever after, verified by anyone, corrected by another."""
import hashlib
import random
import re
import threading
import time
from datetime import datetime, timezone
from decimal import Decimal

import issuing
import pytest
from documents import pdf_text
from records import record
from stack import free_port, wait_until

MONTH = "2026-03"
IN_MONTH = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)


def issue(client, expect=201, key=None, **fields):
    return issuing.issue(client, expect, key, **{"kind": "report", "month": MONTH, **fields})


@pytest.fixture(scope="module")
def filled(stack):
    stack.ingest.send([record(user=f"u-{n % 3}", cost="0.125", at=IN_MONTH) for n in range(12)])
    stack.drained()
    return stack


@pytest.fixture(scope="module")
def session(filled):
    return filled.session()


def test_issue_fetch_list_and_verify(filled, session):
    reply = issue(session, kind="statement", user="u-1")
    made = reply.json()
    assert reply["Location"] == f"/api/v1/documents/{made['number']}"
    assert re.fullmatch(r"20\d\d-\d{6}", made["number"])
    assert (made["kind"], made["user"], made["user_name"], made["group"]) == ("statement", "u-1", "Name of u-1", None)
    assert (made["month"], made["format"], made["currency"], made["unsettled"]) == (MONTH, "pdf", "USD", 0)
    assert Decimal(made["total"]) == Decimal("0.50") and made["corrects"] is made["corrected_by"] is None

    reader = filled.read
    assert reader.get(f"/api/v1/documents/{made['number']}").json() == made
    file = reader.get(f"/api/v1/documents/{made['number']}/file")
    assert file["Content-Type"] == "application/pdf" and made["filename"] in file["Content-Disposition"]
    assert (len(file.body), hashlib.sha256(file.body).hexdigest()) == (made["bytes"], made["sha256"])
    text = pdf_text(file.body)
    assert made["number"] in text and made["verification_code"] in text and "DRAFT" not in text
    draft = pdf_text(reader.get(f"/api/v1/statements/u-1/{MONTH}.pdf").body)
    assert "DRAFT" in draft and made["number"] not in draft
    assert reader.request("GET", f"/api/v1/documents/{made['number']}/file", headers={"If-None-Match": file["ETag"]}).status == 304
    head = reader.request("HEAD", f"/api/v1/documents/{made['number']}/file", expect=200)
    assert head.body == b"" and head["ETag"] == file["ETag"] and head["Last-Modified"].endswith(" GMT")

    listed = reader.get("/api/v1/documents", user="u-1", month=MONTH, kind="statement", year=made["number"][:4]).json()
    assert made in listed["items"]
    assert made not in reader.get("/api/v1/documents", user="u-2").json()["items"]

    code = made["verification_code"]
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("0", "o").replace("1", "l"), code.replace("-", "%20")):
        seen = filled.nobody.get(f"/api/v1/verify/{typed}").json()
        assert seen == {name: made[name] for name in ("number", "kind", "issued_at", "total", "currency", "sha256", "corrected_by", "cancels", "cancelled_by")} | {
            "files": [{name: file[name] for name in ("format", "duplicate", "sha256")} for file in made["files"]]}


def test_numbers_follow_each_other_and_a_repeated_key_issues_once(session):
    first = issue(session, key="the-first").json()
    again = issue(session, key="the-first", expect=200).json()
    second = issue(session, kind="statement", user="u-0", format="xlsx", key="the-second").json()
    assert again == first
    year, number = first["number"].split("-")
    assert second["number"] == f"{year}-{int(number) + 1:06d}"
    assert second["issued_at"] > first["issued_at"]
    issue(session, key="the-first", month="2026-02", expect=409)


def test_the_file_stays_whatever_the_ledger_does(filled, session):
    filled.ingest.send(record(user="u-file", cost="1", at=IN_MONTH))
    filled.drained()
    made = issue(session, kind="statement", user="u-file").json()
    path = f"/api/v1/documents/{made['number']}/file"
    before = filled.read.get(path).body
    filled.ingest.send(record(user="u-file", cost="7", at=IN_MONTH))
    filled.drained()
    assert filled.read.get(path).body == before
    later = issue(session, kind="statement", user="u-file", corrects=made["number"]).json()
    assert Decimal(later["total"]) == Decimal(made["total"]) + 7
    assert filled.read.get(path).body == before
    figures = filled.db.value(f"SELECT LENGTH(figures) FROM document WHERE CONCAT(year,'-',LPAD(seq,6,'0'))='{made['number']}'")
    assert int(figures) > 100
    terms = filled.db.value("SELECT terms FROM document LIMIT 1")
    assert '"MINIMUM_CHARGE_MODE":"add"' in terms


def test_a_correction_names_one_that_stands(filled, session):
    wrong = issue(session, kind="statement", user="u-2").json()
    right = issue(session, kind="statement", user="u-2", format="xlsx", corrects=wrong["number"]).json()
    assert right["corrects"] == wrong["number"]
    assert filled.read.get(f"/api/v1/documents/{wrong['number']}").json()["corrected_by"] == right["number"]
    assert filled.nobody.get(f"/api/v1/verify/{wrong['verification_code']}").json()["corrected_by"] == right["number"]
    twice = issue(session, kind="statement", user="u-2", corrects=wrong["number"], expect=409).json()
    assert right["number"] in twice["detail"]
    issue(session, kind="statement", user="u-1", corrects=right["number"], expect=409)
    missing = issue(session, corrects="2026-999999", expect=404).json()
    assert "2026-999999" in missing["detail"]


@pytest.mark.parametrize("fields, status", [
    ({"kind": "invoice"}, 400), ({"kind": None}, 400), ({"kind": "statement"}, 400), ({"user": "u-1"}, 400),
    ({"kind": "group_statement"}, 400), ({"month": "2026-13"}, 400), ({"month": None}, 400), ({"month": "2199-01"}, 400),
    ({"format": "csv"}, 400), ({"user": ""}, 400), ({"locale": "xx"}, 400), ({"paper": "a5"}, 400),
    ({"kind": "statement", "user": "u-nobody"}, 404)])
def test_what_cannot_be_issued_is_refused_and_takes_no_number(filled, session, fields, status):
    before = filled.db.value("SELECT COUNT(*) FROM document")
    issue(session, expect=status, **fields)
    assert filled.db.value("SELECT COUNT(*) FROM document") == before
    assert filled.db.value("SELECT COUNT(*) FROM issuing WHERE lease_id IS NOT NULL") == "0"


def test_a_group_and_a_language(filled, session):
    user = {"id": "u-member", "name": "Käthe", "groups": ["Einkauf & Co.", "staff"]}
    filled.ingest.send([record(cost="0.75", at=IN_MONTH, user="u-member") | {"user": user} for _ in range(2)])
    filled.drained()
    made = issue(session, kind="group_statement", group="Einkauf & Co.", locale="de", paper="letter").json()
    assert (made["kind"], made["group"], made["user"], made["locale"]) == ("group_statement", "Einkauf & Co.", None, "de")
    assert Decimal(made["total"]) == Decimal("1.5")
    text = pdf_text(filled.read.get(f"/api/v1/documents/{made['number']}/file").body)
    assert "Einkauf & Co." in text and made["number"] in text and "1,50" in text
    listed = filled.read.get("/api/v1/documents", group="Einkauf & Co.").json()["items"]
    assert listed == [made]
    issue(session, kind="group_statement", group="nobody's", expect=404)


def test_who_may(filled):
    issue(filled.read, expect=403)
    issue(filled.nobody, expect=401)
    for path in ("/api/v1/documents", "/api/v1/documents/2026-000001", "/api/v1/documents/2026-000001/file"):
        filled.nobody.get(path, expect=401)
        filled.ingest.get(path, expect=403)
    session = filled.session()
    session.request("POST", "/api/v1/documents", body={"kind": "report", "month": MONTH},
                    headers={"Origin": "https://elsewhere.example"}, expect=403)
    session.request("POST", "/api/v1/documents", body={"kind": "report", "month": MONTH},
                    headers={"Idempotency-Key": "k" * 101}, expect=400)


def test_what_is_not_there(filled, session):
    for number in ("2026-999999", "2026-1", "nonsense", "2026-000001x"):
        session.get(f"/api/v1/documents/{number}", expect=404)
        session.get(f"/api/v1/documents/{number}/file", expect=404)
    for query in ({"kind": "x"}, {"year": "26"}, {"month": "2026"}, {"cursor": "x"}, {"limit": "0"}):
        session.get("/api/v1/documents", expect=400, **query)


def test_guessing_codes_is_made_slow(make_stack):
    stack = make_stack(stub=None)
    seen = [stack.nobody.request("GET", f"/api/v1/verify/0000-0000-0000-{n:04d}") for n in range(8)]
    assert [reply.status for reply in seen[:5]] == [404] * 5
    assert seen[-1].status == 429 and int(seen[-1]["Retry-After"]) >= 1


def check_series(stack, keys):
    """check_series: numbers without gap or duplicate, rising dates, each key one file of a document, each file its hash."""
    rows = stack.db.rows("SELECT year,seq,issued_us,bytes,HEX(sha256) FROM document ORDER BY year,seq")
    assert [int(row[1]) for row in rows] == list(range(1, len(rows) + 1))
    assert [int(row[2]) for row in rows] == sorted({int(row[2]) for row in rows})
    files = stack.db.rows("SELECT year,seq,n,format,bytes,HEX(sha256) FROM document_file ORDER BY year,seq,n")
    assert stack.db.value("SELECT COUNT(*) FROM document_request") == str(len(keys)) == str(len(files))
    assert [(row[0], row[1], *row[3:]) for row in rows] == [(row[0], row[1], *row[4:]) for row in files if row[2] == "0"]
    for year, seq, _, form, size, sha256 in files:
        file = stack.read.get(f"/api/v1/documents/{year}-{int(seq):06d}/file", format=("pdf", "xlsx")[int(form)]).body
        assert hashlib.sha256(file).hexdigest().upper() == sha256 and len(file) == int(size)
    parts = stack.db.rows("SELECT year,seq,COUNT(*) FROM document_chunk GROUP BY year,seq ORDER BY year,seq")
    assert [sum(1 for file in files if file[:2] == row[:2]) for row in parts] == [int(row[2]) for row in parts], "small files: a part each"


@pytest.fixture
def pairs(make_stack):
    """An installation with two costd and two reportd."""
    stack = make_stack(started=False, stub=None)
    costds = [stack.costd_url, f"tcp://127.0.0.1:{free_port()}"]
    reportds = [stack.reportd_url, f"tcp://127.0.0.1:{free_port()}"]
    stack.settings = {"reportd": {"COSTD_URL": ",".join(costds)},
                      "gateway": {"COSTD_URL": ",".join(costds), "REPORTD_URL": ",".join(reportds)}}
    stack.gateway = stack.gateway_process(0)
    stack.gateways = [stack.gateway]
    stack.reportd = stack.process("reportd", stack.reportd_env())
    stack.__enter__()
    second = [stack.process("costd", {**stack.costd_env(), "COSTD_LISTEN": costds[1]}, "costd2"),
              stack.process("reportd", {**stack.reportd_env(), "REPORTD_LISTEN": reportds[1]}, "reportd2")]
    for process in second:
        process.start()
    yield stack, (stack.reportd, stack.costd, second[1], second[0])
    for process in second:
        process.stop()


@pytest.mark.slow
def test_a_killed_service_leaves_no_gap_no_duplicate_and_no_half_file(pairs):
    """Documents are issued in both formats by several callers while two costd and two reportd are killed at any moment."""
    stack, victims = pairs
    stack.ingest.send([record(user=f"u-{n % 40}", cost="0.01", at=IN_MONTH, model=f"maker/model-{n % 7}") for n in range(400)])
    stack.drained()
    keys = [f"key-{n}" for n in range(12)]
    waiting, faults, dice = list(keys), [], random.Random(4711)

    def work():
        client = stack.session()
        while waiting:
            try:
                key = waiting.pop()
            except IndexError:
                return
            deadline = time.monotonic() + 120
            while True:
                try:
                    reply = issue(client, expect=None, key=key, kind="statement", user=f"u-{int(key[4:]) // 2}", format=("pdf", "xlsx")[int(key[4:]) % 2])
                except OSError as error:
                    faults.append(f"{key}: {error}")
                    return
                if reply.status in (200, 201):
                    break
                if reply.status not in (202, 503) or time.monotonic() > deadline:
                    faults.append(f"{key}: {reply}")
                    return

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    kills = 0
    while any(thread.is_alive() for thread in threads) and kills < 14:
        victim = victims[kills % 4]
        threads[0].join(dice.uniform(0.02, 0.6))
        victim.kill()
        victim.start()
        kills += 1
    for thread in threads:
        thread.join()
    assert not faults, faults
    stack.wait_ready()
    check_series(stack, keys)
    assert stack.db.value("SELECT COUNT(*) FROM document") == "6", "one number covers both formats"


@pytest.mark.slow
def test_a_number_of_a_killed_reportd_is_the_next_ones(make_stack):
    stack = make_stack(stub=None)
    stack.ingest.send([record(user=f"u-{n % 300}", cost="0.01", at=IN_MONTH) for n in range(2000)])
    stack.drained()
    session = stack.session()
    lost = threading.Thread(target=lambda: issue(session, expect=None, key="lost"))
    lost.start()
    wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM issuing WHERE lease_id IS NOT NULL") == "1", "a number that is held")
    stack.reportd.kill()
    lost.join()
    assert stack.db.value("SELECT COUNT(*) FROM document") == "0", "reportd was too fast to be killed half-way"
    stack.reportd.start()
    made = wait_until(lambda: (lambda r: r.json() if r.status in (200, 201) else None)(
        issue(session, expect=None, key="next", kind="statement", user="u-1")), "the next document")
    assert made["number"].endswith("-000001")
    made = issue(session, key="lost").json()
    assert made["number"].endswith("-000002")
    check_series(stack, ["next", "lost"])
