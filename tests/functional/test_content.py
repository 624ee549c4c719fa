# SPDX-License-Identifier: AGPL-3.0-or-later
"""What documents say, from records in to pages out, in an installation with everything set."""
import re
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from documents import pdf_pages, pdf_text
from issuing import issued
from records import record

LOGO = Path(__file__).resolve().parents[1] / "unit/reportd/logo.png"
MONTH = "2026-03"
SETTINGS = {
    "ISSUER_NAME": "Example Research GmbH", "ISSUER_ADDRESS": "Musterstraße 17|10115 Berlin\\nGermany", "ISSUER_VAT_ID": "DE123456789",
    "ISSUER_CONTACT": "billing@example.org", "ISSUER_LOGO": str(LOGO), "DOCUMENT_FOOTER": "IBAN DE02 1001|payable within 14 days",
    "MINIMUM_CHARGE_FEE": "5", "MINIMUM_CHARGE_MODE": "floor", "MARKUP_PERCENT": "10", "TAX_RATE": "19", "CURRENCY": "EUR",
    "EXCHANGE_RATE": "0.9", "EXCHANGE_RATE_DATE": "2026-03-31", "EXCHANGE_RATE_SOURCE": "European Central Bank", "PUBLIC_URL": "https://m.example",
}
USERS = [("u-ada", "Ada Lovelace", ["staff", "research"]), ("u-ypatia", "Υπατία", ["staff"]), ("u-hanako", "山田花子", [])]


def at(month, day):
    return datetime(2026, month, day, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def house(tmp_path_factory, mariadb, contract, stub):
    from stack import Stack
    with Stack(tmp_path_factory.mktemp("house"), mariadb, contract, stub, settings={"reportd": SETTINGS}) as one:
        records = []
        for n, (user, name, groups) in enumerate(USERS):
            whose = {"id": user, "name": name, "email": f"{user}@example.org", "role": "user", "groups": groups}
            made = [record(cost=f"{1 + n}.0{day:02}", at=at(3, day), model=f"maker/model-{day % 3}") for day in range(1, 6)]
            made += [record(cost=f"{3 - n}.5", at=at(2, 10), model="maker/model-0")]
            records += [{**one, "user": whose} for one in made]
        one.ingest.send(records)
        one.drained()
        yield one


def pdf(house, path, **query):
    return house.read.get(f"/api/v1/{path}.pdf", **query).body


def squeezed(body):
    return re.sub(r"\s+", " ", pdf_text(body))


def test_a_statement_says_what_is_due_and_why(house):
    body = pdf(house, f"statements/u-ypatia/{MONTH}")
    text = squeezed(body)
    usage = sum(Decimal(f"2.0{day:02}") for day in range(1, 6))  # 10.015, above the floor
    lines = [(usage * Decimal("0.9")).quantize(Decimal("0.01")), Decimal(0), (usage / 10 * Decimal("0.9")).quantize(Decimal("0.01"))]
    net = sum(lines)
    tax = (net * Decimal("0.19")).quantize(Decimal("0.01"))
    for part in ("Usage statement", "March 2026", "Υπατία", "u-ypatia@example.org", "2026-03-01 to 2026-03-31", "UTC", "Draft, not issued",
                 f"Usage 5 requests {usage} {lines[0]}", "Minimum charge reached 0.00 0.00", f"Markup 10% of the usage 1.0015 {lines[2]}", f"Net amount {net}",
                 f"VAT 19% of the net amount {tax}", f"EUR {net + tax}", "1 USD = 0.90 EUR on 2026-03-31,", "European Central Bank",
                 "Example Research GmbH", "Musterstraße 17", "Germany", "VAT id DE123456789", "billing@example.org", "IBAN DE02 1001",
                 "payable within 14 days", "maker/model-0", "All requests are settled", "half to even", "February 2026 USD 2.50"):
        assert part in text, (part, text)
    assert pdf(house, f"statements/u-ypatia/{MONTH}") == body


def test_a_statement_below_the_floor_is_lifted_to_it(house):
    text = squeezed(pdf(house, "statements/u-hanako/2026-02"))
    assert "Usage 1 request 1.50 1.35" in text and "monthly minimum, 1 user 3.35 3.01" in text and "Markup 10% of the usage 0.15 0.14" in text
    assert "Net amount 4.50" in text and "EUR 5.36" in text  # 5 USD, and 0.86; 3.35 USD are 3.015 EUR


def test_a_group_has_its_members(house):
    text = squeezed(pdf(house, f"statements/group/staff/{MONTH}", locale="de"))
    for part in ("Gruppenabrechnung", "März 2026", "staff", "2 Nutzer mit Nutzung", "Ada Lovelace", "Υπατία", "15,03", "ENTWURF", "Kosten je Nutzer"):
        assert part in text, (part, text)
    assert "山田花子" not in text


def test_the_report_has_a_cover_changes_and_a_page_per_user(house):
    body = pdf(house, f"reports/{MONTH}", paper="letter")
    text = pdf_text(body)
    pages = text.split("\f")[:-1]
    assert len(pages) == pdf_pages(body) and all("DRAFT" in page for page in pages)
    for part in ("Usage report", "At a glance", "Cost per user", "Cost per group", "Cost per model", "3 users with usage in this month"):
        assert part in pages[0], part
    for part in ("Largest changes: users", "Largest changes: models", "against February 2026", "30.045", "groups are not added up", "(no group)"):
        assert part in text, part
    for page, name in zip(pages[-3:], ("山田花子", "Υπατία", "Ada Lovelace")):  # the dearest first
        assert page.strip().startswith(name) and "Amounts in USD, exact" in page


def test_an_issued_document_has_number_code_and_date_on_it(house):
    client = house.session()
    made = issued(client, month=MONTH, locale="de")
    text = pdf_text(house.read.get(f"/api/v1/documents/{made['number']}/file").body)
    for page in text.split("\f")[:-1]:
        assert made["number"] in page and made["verification_code"] in page and "https://m.example" in page and "ENTWURF" not in page
    assert made["currency"] == "EUR" and made["total"].replace(".", ",") + " EUR" in text and "Ausstellungsdatum" in text
