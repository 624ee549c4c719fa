# SPDX-License-Identifier: AGPL-3.0-or-later
"""Amounts that were not right to the cent: the minimum, another currency's workbook, and FOCUS's ends."""
import csv
import io
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from documents import Workbook, exact, pdf_text
from issuing import EUR, file_of, issued
from records import record

MONTH = "2026-03"
IN_MONTH = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
CENT = Decimal("0.01")


def rounded(amount):
    return amount.quantize(CENT, ROUND_HALF_EVEN)


# ---- the minimum ----

FLOOR = {"MINIMUM_CHARGE_FEE": "10", "MINIMUM_CHARGE_MODE": "floor", "MARKUP_PERCENT": "0.04", "MARKUP_PER_MILLION_TOKENS": "1"}


def test_the_minimum_is_never_undercut_by_rounding(make_stack):
    """9.994 USD, 0.04 % of it and 1 USD per million for 3000 tokens were 9.99: each line was rounded down."""
    stack = make_stack(stub=None, settings={"reportd": FLOOR})
    # 9.994 + 0.0039976 + 0.003 are a little more than 10
    stack.ingest.send([record(user="u-above", cost="9.994", prompt_tokens=2900, completion_tokens=100, at=IN_MONTH),
                       record(user="u-below", cost="9.99", prompt_tokens=2900, completion_tokens=100, at=IN_MONTH),
                       record(user="u-far", cost="25.005", prompt_tokens=0, completion_tokens=0, at=IN_MONTH)])
    stack.drained()
    session = stack.session()
    assert {user: issued(session, user=user, month=MONTH)["total"] for user in ("u-above", "u-below", "u-far")} == \
        {"u-above": "10.00", "u-below": "10.00", "u-far": "25.01"}
    for made in session.get("/api/v1/documents").json()["items"]:
        text = pdf_text(file_of(session, made["number"]).body)
        table = issued(session, 200, user=made["user"], month=MONTH, format="xlsx")
        (bill,) = [rows for rows in [Workbook(file_of(session, table["number"], format="xlsx").body).values("Summary")]]
        due = next(row for row in bill if row[0] == "Amount due")
        assert made["total"] in text and rounded(exact(due[1])) == Decimal(made["total"])


def test_the_minimum_of_several_people_is_theirs_together(make_stack):
    stack = make_stack(stub=None, settings={"reportd": FLOOR})
    stack.ingest.send([record(user=f"u-{n}", cost="9.994867", prompt_tokens=1233, completion_tokens=100, at=IN_MONTH) for n in range(3)])
    stack.drained()
    assert Decimal(issued(stack.session(), month=MONTH)["total"]) >= 30  # 29.98, 0.01 and 0.00 where each line is rounded down


# ---- another currency ----

@pytest.fixture(scope="module")
def euro(tmp_path_factory, mariadb, contract):
    from stack import Stack
    with Stack(tmp_path_factory.mktemp("euro"), mariadb, contract, settings={"reportd": {**EUR, "TAX_RATE": "19", "MARKUP_PERCENT": "10"}}) as one:
        whose = {"id": "u-1", "name": "Name of u-1", "groups": ["staff"]}
        made = [record(cost="12.5", at=IN_MONTH), record(cost="1.5", at=IN_MONTH, is_byok=True, upstream_cost="4.25"), record(cost="3.125", at=IN_MONTH)]
        one.ingest.send([{**item, "user": whose} for item in made])
        one.drained()
        yield one


PATHS = [f"/api/v1/{path}/{MONTH}.xlsx" for path in ("statements/u-1", "statements/group/staff", "reports")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("locale", ["en", "de"])
def test_each_amount_of_a_workbook_stands_under_its_currency(euro, path, locale):
    book = Workbook(euro.read.get(path, locale=locale).body)
    rows = book.values(book.names[0])
    head = next(n for n, row in enumerate(rows) if row[1] == "EUR")
    assert "USD" in rows[head][2]
    bill = [row for row in rows[head + 1:] if isinstance(row[1], (int, float)) or row[2] is not None and row[1] is not None]
    both = [row for row in bill if row[2] is not None]
    assert len(both) == 3, f"usage, markup and BYOK have an amount in USD: {both}"
    for row in both:
        dollars = Decimal(row[2].replace(",", ".")) if isinstance(row[2], str) else exact(row[2])
        assert rounded(exact(row[1])) == rounded(dollars * Decimal("0.9")), row
    only = [row for row in bill if row[2] is None]
    usage, markup = (rounded(Decimal(amount) * Decimal("0.9")) for amount in ("17.125", "1.7125"))
    tax = rounded((usage + markup) * Decimal("0.19"))
    assert [rounded(exact(row[1])) for row in only] == [usage + markup, tax, usage + markup + tax], "net, tax and due are in EUR and nothing else"
    for sheet in book.names[1:]:
        titles = [value for row in book.values(sheet)[:3] for value in row if isinstance(value, str)]
        assert not any("EUR" in title for title in titles), sheet


def test_a_workbook_in_dollars_has_no_other_currency(make_stack):
    stack = make_stack(stub=None)
    stack.ingest.send(record(user="u-1", cost="1.5", at=IN_MONTH, is_byok=True, upstream_cost="4.25"))
    stack.drained()
    book = Workbook(stack.read.get(PATHS[0]).body)
    assert not any("EUR" in text for text in book.texts())
    byok = next(row for row in book.values("Summary") if row[0] == "BYOK costs")
    assert byok[1] == 4.25


# ---- FOCUS ----

def test_a_charge_of_focus_ends_when_it_ends(make_stack):
    end = datetime(2026, 4, 1, tzinfo=timezone.utc)
    begun = {"at once": IN_MONTH, "half a second": IN_MONTH + timedelta(hours=1), "three seconds": IN_MONTH + timedelta(hours=2),
             "into April": end - timedelta(seconds=2), "the last, at once": end - timedelta(microseconds=1)}
    lasts = {"half a second": timedelta(microseconds=500000), "three seconds": timedelta(seconds=3), "into April": timedelta(minutes=5)}
    stack = make_stack(stub=None)
    stack.ingest.send([record(user=user, cost="0.5", at=at, finished_at=None if user not in lasts else (at + lasts[user]).isoformat(timespec="microseconds"))
                       for user, at in begun.items()])
    stack.drained()
    rows = {row["SubAccountId"]: row for row in csv.DictReader(io.StringIO(stack.read.get(f"/api/v1/reports/{MONTH}.csv", format="focus").text, newline=""))}
    assert set(rows) == set(begun)

    def ends(user):
        return datetime.fromisoformat(rows[user]["ChargePeriodEnd"].replace("Z", "+00:00"))

    for user, row in rows.items():
        start = datetime.fromisoformat(row["ChargePeriodStart"].replace("Z", "+00:00"))
        billing = datetime.fromisoformat(row["BillingPeriodEnd"].replace("Z", "+00:00"))
        assert billing == end and start == begun[user].replace(microsecond=0)
        assert start <= ends(user) <= billing, row
        if user not in lasts:
            assert ends(user) == start, f"{user} has no duration"
    assert ends("half a second") == begun["half a second"] + timedelta(seconds=1)
    assert ends("three seconds") == begun["three seconds"] + timedelta(seconds=3)
    assert ends("into April") == end
