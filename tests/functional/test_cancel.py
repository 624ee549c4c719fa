# SPDX-License-Identifier: AGPL-3.0-or-later
"""A document that was issued for the wrong person, or by mistake, is taken back without a replacement."""
import json
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from documents import pdf_pages, pdf_text
from issuing import EUR, cancel, correct, count, document, file_of, is_number_held, issue, issued, stored_terms, text_of
from records import record
from stack import Stack, wait_until

LAST = datetime.now(timezone.utc).replace(day=1, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
MONTH = LAST.strftime("%Y-%m")
TERMS = {**EUR, "TAX_RATE": "19", "EXCHANGE_RATE_DATE": LAST.strftime("%Y-%m-%d")}


def squeezed(text):
    return re.sub(r"\s+", " ", text)


@pytest.fixture
def stack(tmp_path, mariadb, contract):
    with Stack(tmp_path, mariadb, contract, settings={"reportd": TERMS}) as one:
        one.ingest.send([record(user=f"u-{n % 3}", cost="3.125", at=LAST) for n in range(12)])
        one.drained()
        yield one


@pytest.fixture
def session(stack):
    return stack.session()


def test_a_cancellation_is_a_document_of_its_own(stack, session):
    wrong = issued(session, user="u-1", month=MONTH)
    before = file_of(session, wrong["number"]).body
    reply = cancel(session, wrong["number"], key="mistake", reason="Issued for the wrong person.")
    made = reply.json()
    assert reply["Location"] == f"/api/v1/documents/{made['number']}"
    assert int(made["number"][5:]) == int(wrong["number"][5:]) + 1 and made["issued_at"] > wrong["issued_at"]
    assert {name: made[name] for name in ("kind", "user", "user_name", "group", "month", "currency", "format")} == \
        {name: wrong[name] for name in ("kind", "user", "user_name", "group", "month", "currency", "format")}
    assert Decimal(made["total"]) == -Decimal(wrong["total"]) == Decimal("-13.39")
    assert (made["cancels"], made["corrects"], made["cancelled_by"], made["reason"]) == (wrong["number"], None, None, "Issued for the wrong person.")

    text = squeezed(pdf_text(file_of(session, made["number"]).body))
    for part in ("OWUI-Metering", "Cancellation of a usage statement", wrong["number"], made["number"], made["verification_code"],
                 "Issued for the wrong person.", "VAT 19%", "13.39", "2.14"):
        assert part in text, (part, text)
    assert re.search(r"EUR [-−]13\.39|[-−]13\.39 EUR", text) and re.search(r"[-−]2\.14", text), text

    assert document(session, wrong["number"]) == {**wrong, "cancelled_by": made["number"]}
    assert file_of(session, wrong["number"]).body == before
    seen = stack.nobody.get(f"/api/v1/verify/{wrong['verification_code']}").json()
    assert (seen["cancelled_by"], seen["cancels"], seen["total"]) == (made["number"], None, wrong["total"])
    seen = stack.nobody.get(f"/api/v1/verify/{made['verification_code']}").json()
    assert (seen["cancelled_by"], seen["cancels"], seen["total"]) == (None, wrong["number"], made["total"])

    assert cancel(session, wrong["number"], 200, key="mistake", reason="Issued for the wrong person.").json() == made
    listed = session.get("/api/v1/documents", user="u-1").json()["items"]
    assert [one["number"] for one in listed] == [made["number"], wrong["number"]]


def test_afterwards_it_can_be_issued_again(stack, session):
    first = issued(session, user="u-1", month=MONTH)
    issue(session, 409, user="u-1", month=MONTH)
    cancel(session, first["number"])
    issue(session, 409, user="u-1", month=MONTH, duplicate=True)
    second = issued(session, user="u-1", month=MONTH)
    assert (second["corrects"], second["total"]) == (None, first["total"]) and second["number"].endswith("-000003")
    assert second["number"] in issue(session, 409, user="u-1", month=MONTH).json()["detail"]
    third = correct(session, second).json()
    cancel(session, third["number"])
    assert issued(session, user="u-1", month=MONTH)["number"].endswith("-000006")


@pytest.mark.parametrize("fields", [{}, {"group": "staff"}])
def test_a_report_and_a_group_are_cancelled_too(stack, session, fields):
    user = {"id": "u-member", "name": "Member", "groups": ["staff"]}
    stack.ingest.send(record(user="u-member", cost="1", at=LAST) | {"user": user})
    stack.drained()
    made = issued(session, month=MONTH, format="xlsx", **fields)
    taken = cancel(session, made["number"]).json()
    assert (taken["format"], taken["group"], taken["reason"]) == ("pdf", made["group"], None)
    assert Decimal(taken["total"]) == -Decimal(made["total"])
    body = file_of(session, taken["number"]).body
    assert pdf_pages(body) >= 1 and made["number"] in pdf_text(body)


def test_what_the_ledger_does_since_changes_nothing(stack, session):
    made = issued(session, user="u-1", month=MONTH)
    stack.ingest.send(record(user="u-1", cost="70", at=LAST))
    stack.drained()
    taken = cancel(session, made["number"]).json()
    assert Decimal(taken["total"]) == -Decimal(made["total"])
    assert stored_terms(stack, taken["number"]).items() >= {"CURRENCY": "EUR", "EXCHANGE_RATE": "0.9"}.items()
    assert "70" not in re.findall(r"\d+", text_of(session, taken["number"]))


def test_nothing_taken_back_is_nothing(stack, session):
    made = issued(session, month="2026-01")
    taken = cancel(session, made["number"]).json()
    assert Decimal(made["total"]) == 0 and taken["total"] == made["total"], "and not less than nothing"
    assert "-0.00" not in text_of(session, taken["number"]) and "−0.00" not in text_of(session, taken["number"])


def test_what_cannot_be_cancelled_takes_no_number(stack, session):
    first = issued(session, user="u-1", month=MONTH)
    second = correct(session, first).json()
    said = cancel(session, first["number"], 409).json()["detail"]
    assert first["number"] in said and second["number"] in said
    taken = cancel(session, second["number"]).json()
    assert taken["number"] in cancel(session, second["number"], 409).json()["detail"]
    assert taken["number"] in cancel(session, taken["number"], 409).json()["detail"]
    correct(session, second, 409)
    correct(session, taken, 409)
    for number in ("2026-999999", "nonsense"):
        cancel(session, number, 404)
    cancel(session, second["number"], 400, reason="x" * 201)
    cancel(session, second["number"], 400, reason=7)
    cancel(stack.read, first["number"], 403)
    cancel(stack.nobody, first["number"], 401)
    session.request("POST", f"/api/v1/documents/{first['number']}/cancel", body={}, headers={"Origin": "https://elsewhere.example"}, expect=403)
    assert count(stack) == 3 and not is_number_held(stack)


def test_a_key_is_of_one_cancellation(stack, session):
    first, other = issued(session, user="u-1", month=MONTH), issued(session, user="u-2", month=MONTH)
    made = cancel(session, first["number"], key="k").json()
    cancel(session, other["number"], 409, key="k")
    issue(session, 409, key="k", user="u-0", month=MONTH)
    assert session.get("/api/v1/documents/requests/k").json()["document"] == made
    assert document(session, other["number"])["cancelled_by"] is None


def test_the_delivery_issues_again_what_was_cancelled(tmp_path, make_stack):
    out = tmp_path / "out"
    out.mkdir()
    stack = make_stack(stub=None, settings={"costd": {"DELIVERY_GRACE": "0"}, "reportd": TERMS})
    stack.ingest.send([record(user=f"u-{n}", cost="3.125", at=LAST) for n in range(2)])
    stack.drained()
    session = stack.session()
    kept, wrong = issued(session, user="u-0", month=MONTH), issued(session, user="u-1", month=MONTH)
    taken = cancel(session, wrong["number"]).json()
    stack.reportd.stop()
    stack.settings["reportd"] |= {"DELIVERY_DIR": str(out), "DELIVERY_FILES": "statements.pdf"}
    stack.reportd = stack.process("reportd", stack.reportd_env())
    stack.reportd.start()
    manifest = out / MONTH / "manifest.json"
    wait_until(manifest.exists, "the month's folder")
    numbers = sorted(file["number"] for file in json.loads(manifest.read_text())["files"])
    new = f"{taken['number'][:5]}{int(taken['number'][5:]) + 1:06d}"
    assert numbers == [kept["number"], new]
    assert document(session, new)["corrects"] is None and document(session, new)["user"] == "u-1"
