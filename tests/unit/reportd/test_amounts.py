# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bill in workbooks and pages: which amount stands under which currency, the amounts of a
cancellation, and what a duplicate says."""
import functools
import re
import subprocess
from decimal import ROUND_HALF_EVEN, Decimal

import openpyxl
import pytest
from documents import HANGS_S, SAMPLES, run

NAMES = {  # currency, units of it per USD, digits
    "statement-euro": ("EUR", "0.8637", 2), "report-yen": ("JPY", "150.25", 0), "statement-issued": ("EUR", "0.8637", 2),
    "statement-cancelled": ("EUR", "0.8637", 2), "group-cancelled": ("EUR", "0.8637", 2), "report-cancelled": ("USD", "1", 2),
    "statement-fee": ("USD", "1", 2), "statement-duplicate": ("EUR", "0.8637", 2), "group-duplicate": ("USD", "1", 2)}
CANCELLED = [name for name in NAMES if "cancelled" in name]
GERMAN = ["group-cancelled", "group-duplicate"]
WORDS = {"Nutzung": "Usage", "Aufschlag": "Markup", "Mindestgebühr": "Minimum charge", "Nettobetrag": "Net amount", "USt.": "VAT",
         "Gesamtbetrag": "Amount due", "BYOK-Kosten": "BYOK costs"}


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("amounts")
    for name in NAMES:
        subprocess.run([SAMPLES, folder, name], check=True, timeout=HANGS_S)
    return folder


@functools.lru_cache(maxsize=None)
def summary(folder, name):
    sheet = openpyxl.load_workbook(folder / f"{name}.xlsx", data_only=True)["Summary"]
    return [[cell.value for cell in row] + [None] * (4 - len(row)) for row in sheet.iter_rows()]


def bill(folder, name):
    """bill gives heading and lines: label, amount, exact USD, remark; labels in English."""
    rows = summary(folder, name)
    at = next(i for i, row in enumerate(rows) if row[2] in ("USD, exact", "USD, genau"))
    lines = []
    for row in rows[at + 1:]:
        if row[0] is None:
            break
        lines.append([WORDS.get(row[0], row[0])] + row[1:4])
    return rows[at], lines


def number(value):
    return Decimal(repr(float(value)))


def rounded(amount, digits):
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


@pytest.mark.parametrize("name", NAMES)
def test_each_amount_stands_under_its_own_currency(papers, name):
    currency, rate, digits = NAMES[name]
    head, lines = bill(papers, name)
    assert head[1] == currency and currency in head[0]
    labels = [line[0] for line in lines]
    assert "Usage" in labels and "Amount due" in labels
    printed = Decimal(0)
    for label, amount, exact, remark in lines:
        amount = number(amount)
        assert amount == rounded(amount, digits), label  # an amount of that currency
        if label in ("Usage", "Markup", "BYOK costs") or (label == "Minimum charge" and "floor" not in name):
            assert re.fullmatch(r"-?\d+\.\d{2,18}", exact), label
        if label in ("Usage", "Markup", "BYOK costs"):
            assert amount == rounded(Decimal(exact) * Decimal(rate), digits), label
        if label in ("Net amount", "VAT") or (label == "Amount due" and currency != "USD"):
            assert exact in (None, ""), (label, exact)  # it has no exact amount in USD
        if label == "Amount due" and currency == "USD":
            assert Decimal(exact) == amount
        if label in ("Usage", "Markup", "Minimum charge"):
            printed += amount
        if label == "Net amount":
            assert amount == printed
        if label == "VAT":
            printed += amount
        if label == "Amount due":
            assert amount == printed
    assert ("BYOK costs" in labels) == (name in ("statement-euro", "report-yen", "statement-cancelled", "statement-fee"))


@pytest.mark.parametrize("name", ["statement-euro", "report-yen"])
def test_other_sheets_name_the_currency_of_each_amount(papers, name):
    """All tables are in USD and say so in their headings; a workbook shows no other amount."""
    book = openpyxl.load_workbook(papers / f"{name}.xlsx", data_only=True)
    seen = 0
    for sheet in book.worksheets[1:]:
        head = next(row for row in sheet.iter_rows(values_only=True) if "Requests" in row or "Started" in row)
        for column, title in enumerate(head):
            formats = {row[column].number_format for row in sheet.iter_rows(min_row=2) if isinstance(row[column].value, float)}
            if any("0.00" in form for form in formats):
                assert "(USD)" in title, (sheet.title, title)
                seen += 1
    assert seen > 3


@functools.lru_cache(maxsize=None)
def pages(folder, name):
    text, _ = run("pdftotext", "-enc", "UTF-8", "-layout", folder / f"{name}.pdf", "-")
    return text.split("\f")[:-1]


def test_pages_show_byok_costs_in_dollars_only(papers):
    _, lines = bill(papers, "statement-euro")
    exact = next(line[2] for line in lines if line[0] == "BYOK costs")
    line = next(line for line in pages(papers, "statement-euro")[0].splitlines() if line.startswith("BYOK costs"))
    assert re.findall(r"\d[\d,.]*\d", line) == [exact]


@pytest.mark.parametrize("name", CANCELLED)
def test_a_cancellation_takes_everything_back(papers, name):
    _, lines = bill(papers, name)
    due = next(line for line in lines if line[0] == "Amount due")
    for label, amount, exact, _ in lines:
        if label == "BYOK costs":
            assert amount > 0 and not exact.startswith("-")  # no user was charged for them here
            continue
        assert amount < 0, label
        assert exact in (None, "") or exact.startswith("-"), label
    front = pages(papers, name)[0]
    german = name in GERMAN
    digits = f"{abs(due[1]):,.2f}"
    shown = "-" + (digits.translate(str.maketrans(",.", ".,")) if german else digits)
    currency = NAMES[name][0]
    assert (f"{shown} {currency}" if german else f"{currency} {shown}") in front
    assert ("Storno einer Gruppenabrechnung" if german else "Cancellation of a") in front
    assert ("2026-000011 vom 02.12.2026" if german else "2026-000011 of 2026-12-02") in front
    flat = " ".join(" ".join(pages(papers, name)).split())
    assert ("nimmt alle Beträge von Beleg 2026-000011 zurück" if german else "takes back all amounts of document 2026-000011") in flat
    assert "DRAFT" not in flat and "may change" not in flat and "Not yet settled" not in flat
    texts = [row[1] for row in summary(papers, name)]
    assert ("2026-000011 vom 02.12.2026" if german else "2026-000011 of 2026-12-02") in texts
    if name == "statement-cancelled":
        assert "Issued for the wrong person" in flat and "Issued for the wrong person" in texts
    if name == "report-cancelled":
        reason = next(cell for row in openpyxl.load_workbook(papers / f"{name}.xlsx")["Summary"].iter_rows() for cell in row if cell.value == "=1+1")
        assert reason.data_type in ("s", "inlineStr")  # a text, whatever it looks like
    # the tables describe what is taken back
    book = openpyxl.load_workbook(papers / f"{name}.xlsx", data_only=True)
    cost = next(row for row in book["Models"].iter_rows(values_only=True) if row[0] in ("Total", "Summe"))
    assert all(not isinstance(value, (int, float)) or value >= 0 for value in cost)


@pytest.mark.parametrize("name", CANCELLED)
def test_negative_amounts_are_formatted_as_such(papers, name):
    sheet = openpyxl.load_workbook(papers / f"{name}.xlsx")["Summary"]
    found = {cell.number_format for row in sheet.iter_rows() for cell in row
             if cell.column == 2 and (isinstance(cell.value, float) or str(cell.value).startswith("=SUM("))}
    assert found == {"#,##0.00"}, found  # the sign comes by itself; two decimals


@pytest.mark.parametrize("name", ["statement-duplicate", "group-duplicate"])
def test_a_duplicate_says_so_on_each_page_and_in_the_summary(papers, name):
    word, little = ("ZWEITSCHRIFT", "Zweitschrift") if name in GERMAN else ("DUPLICATE", "duplicate")
    for page in pages(papers, name):
        assert f"2026-000012 · {word}" in page
    assert f"2026-000012, {little}" in pages(papers, name)[0]
    rows = summary(papers, name)
    assert any(row[1] == word for row in rows[:3]) and any(row[1] == f"2026-000012, {little}" for row in rows)
    assert any("2026-000012" in str(row[1]) and little in str(row[1]).lower() + str(row[1]) for row in rows[10:])
    for sheet in openpyxl.load_workbook(papers / f"{name}.xlsx"):
        assert sheet.oddHeader.right.text.strip() == f"2026-000012 · {word}"


def pale(folder, name, page):
    out = subprocess.run(["pdftoppm", "-gray", "-r", "20", "-f", str(page), "-l", str(page), str(folder / f"{name}.pdf")],
                         capture_output=True, check=True, timeout=HANGS_S).stdout
    return sum(1 for value in out[-38000:] if 236 <= value <= 243)


def test_the_word_stands_across_the_pages_of_duplicates_only(papers):
    for page in (1, 2):
        assert pale(papers, "statement-duplicate", page) > 1200 and pale(papers, "statement-issued", page) < 900
    assert pale(papers, "group-duplicate", 1) > 1200 and pale(papers, "group-cancelled", 1) < 900


def test_a_rate_of_another_month_is_a_note_on_a_draft(papers):
    flat = " ".join(" ".join(pages(papers, "statement-euro")).split())
    assert "exchange rate is dated 2026-11-30, outside this month" in flat
    assert "outside this month" not in " ".join(" ".join(pages(papers, "statement-issued")).split())
