# SPDX-License-Identifier: AGPL-3.0-or-later
"""Terms belong to a month: the settings are the first, a changed one counts from the running month, a person may change any."""
import csv
import io
import re
import time
import zipfile
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from documents import Workbook, pdf_text
from issuing import correct, document, issued, put_terms, restart_with, stored_terms, terms, text_of, wait_for_offer
from records import record
from stack import wait_until

NOW = datetime.now(timezone.utc)
THIS = NOW.strftime("%Y-%m")
PAST = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
EURO = {"CURRENCY": "EUR", "EXCHANGE_RATE": "0.9", "EXCHANGE_RATE_DATE": NOW.strftime("%Y-%m-01"), "EXCHANGE_RATE_SOURCE": "ECB"}


def squeezed(text):
    return re.sub(r"\s+", " ", text)


def draft(stack, month, user="u-1"):
    return squeezed(pdf_text(stack.read.statement(user, month, "pdf").body))


@pytest.fixture
def make(make_stack):
    """make starts an installation with these settings of reportd, and usage of 12.50 USD in March and in the running month."""
    def start(**settings):
        stack = make_stack(stub=None, settings={"reportd": settings})
        stack.ingest.send([record(user=user, cost="12.5", at=at) for user in ("u-1", "u-2", "u-3") for at in (PAST, NOW)])
        stack.drained()
        wait_for_offer(stack)
        return stack
    return start


# ---- the settings ----

def test_the_first_are_the_settings_from_the_beginning_of_time(make):
    stack = make(**EURO, MINIMUM_CHARGE_FEE="5", TAX_NAME="MwSt")
    said = terms(stack.read)
    (row,) = said["items"]
    assert said["history"] == [row] and said["conflict"] is None
    assert (row["valid_from"], row["source"], row["withdrawn"], row["counts"]) == (None, "settings", False, True)
    assert (row["currency"], row["exchange_rate"], row["minimum_charge_fee"], row["tax_name"]) == ("EUR", "0.9", "5", "MwSt")
    restart_with(stack)
    issued(stack.session(), user="u-1", month=THIS)
    assert terms(stack.read) == said, "the same settings again are no change"


def test_a_changed_setting_counts_from_the_running_month(make):
    stack = make(MARKUP_PERCENT="10")
    past, now = draft(stack, "2026-03"), draft(stack, THIS)
    assert "13.75" in past and "13.75" in now
    restart_with(stack, MARKUP_PERCENT="20")
    session = stack.session()
    made = issued(session, user="u-1", month="2026-03")
    assert made["total"] == "13.75" and "13.75" in draft(stack, "2026-03"), "a closed month keeps its terms"
    assert issued(session, user="u-1", month=THIS)["total"] == "15.00"
    items = terms(stack.read)["items"]
    assert [(row["valid_from"], row["markup_percent"]) for row in items] == [(f"{THIS}-01", "20"), (None, "10")]
    restart_with(stack, MARKUP_PERCENT=None)
    assert issued(session, user="u-2", month=THIS)["total"] == "12.50" and issued(session, user="u-2", month="2026-03")["total"] == "13.75"
    assert [row["counts"] for row in terms(stack.read)["history"]] == [True, False, True]


def test_a_correction_has_the_terms_of_what_it_corrects(make):
    """11.25 EUR was corrected to 12.43 with the same usage, since the rate was set again in between."""
    stack = make(**EURO)
    session = stack.session()
    first = issued(session, user="u-1", month=THIS)
    assert (first["total"], first["currency"]) == ("11.25", "EUR")
    restart_with(stack, EXCHANGE_RATE="0.9944")
    second = correct(session, first).json()
    assert (second["total"], second["corrects"]) == ("11.25", first["number"])
    assert "1 USD = 0.90 EUR" in squeezed(text_of(session, second["number"]))
    assert stored_terms(stack, second["number"]) == stored_terms(stack, first["number"])
    third = correct(session, second, terms="month").json()
    assert third["total"] == "12.43" and stored_terms(stack, third["number"])["EXCHANGE_RATE"] == "0.9944"
    assert correct(session, third, terms="document").json()["total"] == "12.43"
    assert issued(session, user="u-2", month=THIS)["total"] == "12.43"
    assert document(session, first["number"])["total"] == "11.25"


def test_the_terms_of_a_document_are_stored_with_it(make):
    stack = make(**EURO, MINIMUM_CHARGE_FEE="20", MINIMUM_CHARGE_MODE="floor", ISSUER_NAME="Example GmbH")
    session = stack.session()
    put_terms(session, "2026-03", minimum_charge_fee="30", exchange_rate_confirmed=True)
    made = issued(session, user="u-1", month="2026-03")
    kept = stored_terms(stack, made["number"])
    assert made["total"] == "27.00"
    assert (kept["MINIMUM_CHARGE_FEE"], kept["MINIMUM_CHARGE_MODE"], kept["CURRENCY"], kept["EXCHANGE_RATE"], kept["FLOOR_RULE"]) == ("30", "floor", "EUR", "0.9", "2")
    assert kept["ISSUER_NAME"] == "Example GmbH"


def test_other_terms_asked_for_without_a_correction_are_refused(make):
    stack = make()
    session = stack.session()
    for fields in ({"terms": "month"}, {"terms": "document"}, {"terms": "old", "corrects": "2026-000001"}):
        session.request("POST", "/api/v1/documents", body={"kind": "statement", "user": "u-1", "month": "2026-03", "format": "pdf", **fields}, expect=400)
    assert stack.db.value("SELECT COUNT(*) FROM document") == "0"


# ---- a person ----

def test_terms_of_a_month_are_changed_and_the_history_stays(make):
    stack = make(MARKUP_PERCENT="10", TAX_RATE="19")
    session = stack.session()
    said = put_terms(session, "2026-03", markup_percent=20).json()
    assert said == terms(stack.read)
    first, begin = said["items"]
    assert (first["valid_from"], first["source"], first["markup_percent"], first["tax_rate"]) == ("2026-03-01", "api", "20", "19")
    assert begin["valid_from"] is None and begin["markup_percent"] == "10"
    assert "17.85" in draft(stack, "2026-03") and "17.85" in draft(stack, THIS), "until others begin"
    stack.ingest.send(record(user="u-1", cost="12.5", at=PAST - timedelta(days=30)))
    stack.drained()
    assert "16.36" in draft(stack, "2026-02")

    put_terms(session, "2026-03-01", tax_rate=None, markup_percent="0")
    assert "12.50" in draft(stack, "2026-03") and "VAT" not in draft(stack, "2026-03")
    put_terms(session, "2026-04", markup_percent="100")
    assert "25.00" in draft(stack, THIS)
    history = terms(stack.read)["history"]
    assert [(row["valid_from"], row["markup_percent"], row["counts"]) for row in history] == [
        ("2026-04-01", "100", True), ("2026-03-01", "0", True), ("2026-03-01", "20", False), (None, "10", True)]
    assert history[1]["changed_at"] > history[2]["changed_at"] > history[3]["changed_at"]

    put_terms(session, "2026-03", withdrawn=True)
    assert "16.36" in draft(stack, "2026-03"), "as before it had terms of its own"
    put_terms(session, "2026-03", 404, withdrawn=True)
    assert len(terms(stack.read)["history"]) == 5 and [row["valid_from"] for row in terms(stack.read)["items"]] == ["2026-04-01", None]
    put_terms(session, None, markup_percent="50")
    assert "22.31" in draft(stack, "2026-03")


def test_each_kind_of_file_has_the_terms_of_its_month(make):
    """And what a browser kept is not good any more, although no record came."""
    stack = make(MARKUP_PERCENT="10")
    paths = [f"/api/v1/statements/u-1/2026-03.{end}" for end in ("pdf", "xlsx")] + [f"/api/v1/reports/2026-03.{end}" for end in ("pdf", "xlsx", "zip")]
    kept, then = {path: stack.read.get(path) for path in paths}, int(time.time())
    wait_until(lambda: int(time.time()) > then, "the clock goes on")  # HTTP's instants are whole seconds
    put_terms(stack.session(), "2026-03", markup_percent="20")
    for path, before in kept.items():
        headers = {"If-None-Match": before["ETag"]} if before["ETag"] else {"If-Modified-Since": before["Last-Modified"]}
        now = stack.read.request("GET", path, headers=headers)
        assert now.status == 200 and now.body != before.body, path
        assert stack.read.request("GET", path, headers={"If-Modified-Since": before["Last-Modified"]}).status == 200, path
    book = Workbook(stack.read.get(paths[1]).body)
    assert next(row for row in book.values("Summary") if row[0] == "Amount due")[1] == 15
    files = zipfile.ZipFile(io.BytesIO(stack.read.get(paths[4]).body))
    rows = list(csv.DictReader(io.StringIO(files.read("manifest.csv").decode("utf-8-sig"), newline="")))
    assert {row["amount_due"] for row in rows} == {"15.00"}


@pytest.fixture(scope="module")
def session(stack):
    wait_for_offer(stack)
    return stack.session()


@pytest.mark.parametrize("fields, named", [
    ({"markup_percent": "many"}, "markup_percent"), ({"markup_percent": "-1"}, "markup_percent"), ({"tax_rate": "1001"}, "tax_rate"),
    ({"currency": "euro"}, "currency"), ({"currency": "EUR"}, "exchange_rate"), ({"exchange_rate": "0.9"}, "exchange_rate"),
    ({"minimum_charge_mode": "most"}, "minimum_charge_mode"), ({"exchange_rate_date": "2026-02-30"}, "exchange_rate_date"),
    ({"markup": "3"}, "markup"), ({"valid_from": "2026-03-02"}, "valid_from"), ({"valid_from": "soon"}, "valid_from"),
    ({"valid_from": 7}, "valid_from"), ({"exchange_rate_confirmed": "yes"}, "exchange_rate_confirmed")])
def test_terms_that_cannot_be_are_refused_by_name(stack, session, fields, named):
    before = terms(stack.read)
    reply = put_terms(session, **{"valid_from": "2026-03", "expect": 400, **fields})
    assert named in reply.json()["detail"] and terms(stack.read) == before


def test_who_may(make):
    stack = make()
    session, change = stack.session(), {"valid_from": "2026-03", "tax_rate": "19"}
    session.request("PUT", "/api/v1/terms", body={"tax_rate": "19"}, expect=400)
    put_terms(stack.read, "2026-03", 403, tax_rate="19")
    put_terms(stack.nobody, "2026-03", 401, tax_rate="19")
    session.request("PUT", "/api/v1/terms", body=change, headers={"Origin": "https://elsewhere.example"}, expect=403)
    stack.nobody.get("/api/v1/terms", expect=401)
    stack.ingest.get("/api/v1/terms", expect=403)
    assert len(terms(session)["history"]) == 1


# ---- a rate of another month ----

def test_a_rate_of_another_month_is_said_on_the_draft(make):
    stack = make(**{**EURO, "EXCHANGE_RATE_DATE": "2026-03-31"})
    inside, outside = draft(stack, "2026-03"), draft(stack, THIS)
    assert "11.25" in inside and "11.25" in outside, "no other rate is taken in silence"
    note = "The exchange rate is dated 2026-03-31, outside this month"
    assert note in outside and note not in inside
    put_terms(stack.session(), THIS, exchange_rate_confirmed=True)
    assert note not in draft(stack, THIS) and "11.25" in draft(stack, THIS)


LAST = NOW.replace(day=1, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.mark.parametrize("how", ["confirmed", "a rate of the month"])
def test_a_rate_of_another_month_holds_the_delivery(make_stack, tmp_path, how):
    out, month = tmp_path / "out", LAST.strftime("%Y-%m")
    out.mkdir()
    stack = make_stack(stub=None, settings={
        "costd": {"DELIVERY_GRACE": "0"},
        "reportd": {**EURO, "EXCHANGE_RATE_DATE": "2026-01-31", "DELIVERY_DIR": str(out), "DELIVERY_FILES": "statements.pdf"}})
    stack.reportd.stop()
    stack.ingest.send([record(user=user, cost="12.5", at=LAST) for user in ("u-1", "u-2")])
    stack.drained()
    stack.reportd.start()
    wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM delivery WHERE held IS NOT NULL") == "1", "the month is held")
    said = wait_until(lambda: (lambda at: at if at["held_month"] else None)(stack.read.get("/api/v1/pipeline").json()["delivery"]), "it is told")
    assert said["held_month"] == month and "2026-01-31" in said["held_reason"]
    assert float(stack.read.metrics()["owui_metering_deliveries_held"]) == 1
    assert not (out / month).exists() and stack.db.value("SELECT COUNT(*) FROM document") == "0"
    session = stack.session()
    if how == "confirmed":
        put_terms(session, month, exchange_rate_confirmed=True)
    else:
        put_terms(session, month, exchange_rate="0.8", exchange_rate_date=LAST.strftime("%Y-%m-%d"))
    stack.db.rows("UPDATE delivery SET next_us=0 WHERE state=0")  # the clock goes faster
    wait_until((out / month / "manifest.json").exists, "the month's folder")
    made = session.get("/api/v1/documents").json()["items"]
    assert {Decimal(one["total"]) for one in made} == {Decimal("11.25") if how == "confirmed" else Decimal("10.00")} and len(made) == 2
    assert stack.read.get("/api/v1/pipeline").json()["delivery"] == {"held_month": None, "held_reason": None}
    assert float(stack.read.metrics()["owui_metering_deliveries_held"]) == 0
    assert sum("2026-01-31" in line for line in stack.costd.log.splitlines()) <= 2, "it is said once"
