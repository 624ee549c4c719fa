# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sample documents, read back by other people's programs: pdftotext, pdfinfo and pdffonts."""
import functools
import hashlib
import itertools
import os
import re
import subprocess
import xml.dom.minidom
from decimal import Decimal

import pytest
from documents import ALL, EMPTY, GERMAN, HANGS_S, ISSUED, LETTER, OTHERS, SAMPLES, book, column, run, table, total_of


@functools.lru_cache(maxsize=None)
def text_of(path, *options):
    text, warnings = run("pdftotext", "-enc", "UTF-8", *options, path, "-")
    # libharu's character maps hold an operator too many, which poppler mentions
    others = [w for w in warnings.splitlines() if "begincidrange" not in w]
    assert not others, others
    return text


def layout(folder, name):
    return text_of(folder / f"{name}.pdf", "-layout")


def info(folder, name):
    out, _ = run("pdfinfo", folder / f"{name}.pdf")
    return dict(re.match(r"([^:]+):\s*(.*)", line).groups() for line in out.splitlines() if ":" in line)


@pytest.mark.parametrize("name", ALL + OTHERS)
def test_pdf_is_whole_and_named(folder, name):
    about = info(folder, name)
    kind = {"report": "Usage report", "statement": "Usage statement"}.get(name.split("-")[0])
    if name in GERMAN:
        kind = {"report": "Nutzungsbericht", "statement": "Nutzungsabrechnung", "group": "Gruppenabrechnung"}[name.split("-")[0]]
    assert about["Title"].startswith(kind + " November 2026, ")
    issuer = name in OTHERS and name != "report-german"
    assert about["Author"] == ("Example Research GmbH" if issuer else "OWUI-Metering")
    assert about["Subject"] == ("November 2026, 2026-000012" if name in ISSUED else "November 2026")
    assert about["JavaScript"] == "no" and about["Encrypted"] == "no"
    assert "2026" in about["CreationDate"]
    assert about["Page size"].startswith("612 x 792" if name in LETTER else "595.276 x 841.89")
    assert about["Form"] == "none"
    text = layout(folder, name)
    pages = int(about["Pages"])
    assert text.count("\f") == pages
    for i, page in enumerate(text.split("\f")[:pages], 1):
        assert f"Seite {i} von {pages}" if name in GERMAN else f"Page {i} of {pages}" in page


@pytest.mark.parametrize("name", ALL + OTHERS)
def test_pdf_fonts_are_embedded_subsets(folder, name):
    out, _ = run("pdffonts", folder / f"{name}.pdf")
    fonts = out.splitlines()[2:]
    assert len(fonts) >= 2
    for line in fonts:
        assert re.search(r"\byes yes yes\s+\d+\s+0$", line), line
    assert any("DroidSansFallback" in line for line in fonts) == (name == "report-scripts")


@pytest.mark.parametrize("name", ALL + OTHERS)
def test_pdf_says_draft_or_its_number_on_each_page(folder, name):
    pages = layout(folder, name).split("\f")[:-1]
    for page in pages:
        if name in ISSUED:
            assert "2026-000012" in page and "DRAFT" not in page and "ENTWURF" not in page
            assert "7K3M-9QXT-2HBD-R5WA" in page and "https://metering.example.org/verify" in page
        else:
            assert ("ENTWURF" if name in GERMAN else "DRAFT") in page and "7K3M" not in page
    assert ("Document number" in pages[0]) == (name not in GERMAN) and ("Belegnummer" in pages[0]) == (name in GERMAN)


def pale_pixels(folder, name, page):
    """pale_pixels counts those as light as the mark of a draft."""
    out = subprocess.run(["pdftoppm", "-gray", "-r", "20", "-f", str(page), "-l", str(page), str(folder / f"{name}.pdf")],
                         capture_output=True, check=True, timeout=HANGS_S).stdout
    return sum(1 for value in out[-38000:] if 236 <= value <= 243)


def test_pdf_mark_of_a_draft_is_a_pale_shape_on_each_page(folder):
    for page in (1, 2, 3):
        assert pale_pixels(folder, "statement-500", page) > 1500
        assert pale_pixels(folder, "report-issued", page) < 900


def bookmarks(folder, name):
    data = (folder / f"{name}.pdf").read_bytes()
    return [bytes.fromhex(h.decode()).decode("utf-16") for h in re.findall(rb"/Title <(FEFF[0-9A-F]+)>", data)]


def test_pdf_has_bookmarks_for_its_sections(folder):
    titles = bookmarks(folder, "report")
    assert {"Usage report", "Amounts in USD", "Cost per day", "Cost per user", "Cost per model", "Notes", "Users"} <= set(titles)
    users = [row[0] for row in table(folder, "report", "Users")[1]]
    assert titles[-len(users):] == users or set(users) <= set(titles)
    assert {"Nutzungsbericht", "Beträge in USD", "Größte Veränderungen: Nutzer", "Kosten je Gruppe"} <= set(bookmarks(folder, "report-german"))


def words_of(text):
    return {word.replace(",", "") for word in text.split()}


@pytest.mark.parametrize("name", [n for n in ALL if n not in EMPTY])
def test_pdf_prints_each_amount_exactly(folder, name):
    words = words_of(layout(folder, name))
    for sheet in ("Models", "Days", "Users"):
        if sheet not in book(folder, name).sheetnames:
            continue
        head, rows, total = table(folder, name, sheet)
        for title in head:
            if title.endswith("(exact)"):
                for row in rows + [total]:
                    if sheet != "Days" or row[head.index("Requests")] > 0:
                        assert row[head.index(title)] in words, (sheet, title, row)


@pytest.mark.parametrize("name", [n for n in ALL if n not in EMPTY])
def test_pdf_total_and_amount_due(folder, name):
    text = layout(folder, name).replace(",", "")
    summary = {row[0]: row for row in reversed(list(book(folder, name)["Summary"].iter_rows(values_only=True)))}
    due = sum(Decimal(summary[line][2]).quantize(Decimal("0.01")) for line in ("Usage", "Minimum charge") if line in summary)
    assert re.search(r"^Amount due\s.*half to even\s+" + re.escape(str(due)) + "$", text, re.M)
    assert f"USD {due}" in text
    assert re.search(r"^Usage\s.*\s" + re.escape(total_of(folder, name)) + r"\s+\d+\.\d\d$", text, re.M)
    assert "exact to the last digit" in re.sub(r"\s+", " ", text)


def bill_lines(folder, name, labels):
    """bill_lines returns the last figure of each line that begins with a label."""
    text = layout(folder, name).split("\f")[0]
    return [[line.split()[-1] for line in text.splitlines() if re.match(label, line)] for label in labels]


def test_pdf_bill_has_every_line_and_adds_up(folder):
    (usage,), (fee,), markups, (net,), (tax,), (due,) = bill_lines(
        folder, "statement-issued", ["Usage +[0-9]", "Minimum charge", "Markup", "Net amount", "VAT ", "Amount due.*even"])
    amounts = [Decimal(a) for a in (usage, fee, *markups)]
    rate = Decimal("0.8637")
    exact = Decimal(total_of(folder, "statement-issued"))
    assert Decimal(usage) == (exact * rate).quantize(Decimal("0.01"))
    assert Decimal(fee) + sum(map(Decimal, (usage, *markups))) == (5 * rate).quantize(Decimal("0.01"))
    assert Decimal(markups[0]) == (exact * Decimal("0.075") * rate).quantize(Decimal("0.01"))
    assert Decimal(net) == sum(amounts)
    assert Decimal(tax) == (Decimal(net) * Decimal("0.19")).quantize(Decimal("0.01"))
    assert Decimal(due) == Decimal(net) + Decimal(tax)
    text = re.sub(r"\s+", " ", layout(folder, "statement-issued"))
    for part in ("EUR " + due, "1 USD = 0.8637 EUR on 2026-11-30,", "European Central Bank", "VAT 19% of the net amount",
                 "Markup 7.5% of the usage", "Lines are converted first", "2 decimals of EUR", "2026-12-03"):
        assert part in text, part


@pytest.mark.parametrize("name", ["statement-issued", "report-issued"])
def test_pdf_names_the_issuer_and_shows_the_logo(folder, name):
    text = layout(folder, name)
    first = text.split("\f")[0]
    for part in ("Example Research GmbH", "Musterstraße 17", "10115 Berlin", "billing@example.org", "VAT id DE123456789"):
        assert part in first, part
    for page in text.split("\f")[:-1]:
        assert "Amtsgericht Berlin HRB 12345" in page and "payable within 14 days" in page
    out, _ = run("pdfimages", "-list", folder / f"{name}.pdf")
    assert len(out.splitlines()) == 3 and " rgb " in out and " image " in out
    assert len(run("pdfimages", "-list", folder / "statement.pdf")[0].splitlines()) == 2


def test_pdf_says_what_is_not_settled(folder):
    assert "3 of 200 requests" in layout(folder, "statement")
    assert "All requests are settled" in layout(folder, "report")
    text = re.sub(r"\s+", " ", layout(folder, "statement-issued"))
    assert re.search(r"3 of 200 requests: .* 2 with an estimate, USD 0\.\d+ in all, .*; 1 without one, counted with what is known of it", text)


def test_pdf_names_the_period_the_zone_and_the_recipient(folder):
    text = layout(folder, "statement")
    for part in ("Ada Lovelace", "ada@example.org", "u-1", "2026-11-01 to 2026-11-30", "Europe/Berlin", "2026-12-01 10:00", "October 2026"):
        assert part in text, part


def test_pdf_in_german(folder):
    text = layout(folder, "statement-german").replace("\u00a0", " ")
    for part in ("Nutzungsabrechnung", "01.11.2026 bis 30.11.2026", "01.12.2026 10:00", "Oktober 2026", "28.148,1468", "324.700", "+25,0 %",
                 "USt.", "Gesamtbetrag", "Kosten je Modell", "halbe zur geraden Ziffer", "Entwurf, nicht ausgestellt"):
        assert part in text, part
    assert "Cost" not in text and "Total" not in text
    group = layout(folder, "group")
    assert "Forschung und Entwicklung" in group and "Ersetzt Beleg" in group and "2026-000007" in group and "5 Nutzer" in group


def test_pdf_shows_five_scripts_and_more(folder):
    text = text_of(folder / "report-scripts.pdf")
    for name in ("Zoë Łukasiewicz-Østergaard", "Υπατία Παπαδοπούλου", "Мария Щербакова", "山田花子", "김민준", "李小龙"):
        assert name in text, name
    assert "Emoji \ufffd and" in text  # no font has it


def test_pdf_keeps_hostile_names_as_text(folder):
    text = layout(folder, "statement-hostile")
    for name in ("<script>alert(1)</script>", "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1:A9)", "http://example.org/?a=1&b=2"):
        assert name in text, name
    data = (folder / "statement-hostile.pdf").read_bytes()
    assert not re.search(rb"/(URI|JS|JavaScript|Launch|Annots)\b", data)


def test_pdf_of_500_models_repeats_headings_and_loses_none(folder):
    pages = layout(folder, "statement-500").split("\f")
    text = "".join(pages)
    for i in range(500):
        assert f"maker-{i % 7}/model-{i}-instruct" in text
    between = [page for page in pages if "Cost per model, continued" in page]
    assert len(between) > 10
    for page in between:
        assert re.search(r"Model\s+Requests\s+tokens\s+tokens\s+tokens\s+tokens\s+Cost \(USD\)", page)


@pytest.mark.parametrize("name", ["statement-500", "report-large", "statement-huge"])
def test_pdf_carries_sums_over_page_breaks(folder, name):
    """Carried forward is the sum of all rows so far, brought forward the same, and the last one leads to the total."""
    head, rows, total = table(folder, name, "Models")
    cost = head.index("Cost (USD) (exact)")
    lines = [line.strip() for line in layout(folder, name).replace(",", "").replace("\f", "").splitlines()]
    sums, left, carried, brought = Decimal(0), list(rows), [], []
    for line in lines[lines.index("Cost per model"):]:
        if line.startswith("Total "):
            assert Decimal(line.split()[-1]) == sums
            break
        if line.startswith("Carried forward "):
            carried.append(Decimal(line.split()[-1]))
            assert carried[-1] == sums, line
        elif line.startswith("Brought forward "):
            brought.append(Decimal(line.split()[-1]))
            assert brought[-1] == sums, line
        elif left and line.startswith(left[0][0][:12]) and line.endswith(" " + left[0][cost]):
            sums += Decimal(left.pop(0)[cost])
    assert not left and sums == Decimal(total[cost]) and carried == brought and len(carried) >= 1


def test_report_has_a_page_per_user_after_the_tables(folder):
    pages = layout(folder, "report").split("\f")[:-1]
    head, rows, _ = table(folder, "report", "Users")
    pairs = table(folder, "report", "User models")
    first = len(pages) - len(rows)
    for page, row in zip(pages[first:], rows):
        assert page.lstrip().startswith(row[0]) and row[1] in page
        words = words_of(page)
        assert row[head.index("Cost (USD) (exact)")] in words
        assert row[head.index("Total (USD) (exact)")] in words
        for pair in pairs[1]:
            if pair[1] == row[1]:
                assert pair[pairs[0].index("Cost (USD) (exact)")] in words


def test_report_cover_has_the_first_of_all_and_the_largest_changes(folder):
    text = layout(folder, "report-issued")
    cover = text.split("\f")[0]
    for part in ("Usage report", "At a glance", "Cost per user", "Cost per group", "Cost per model", "staff"):
        assert part in cover, part
    for sheet in ("Users", "Models"):
        head, rows, _ = table(folder, "report-issued", sheet)
        rows.sort(key=lambda row: Decimal(row[head.index("Cost (USD) (exact)")]), reverse=True)
        places = [cover.index(row[0]) for row in rows[:5]]
        assert places == sorted(places) and rows[-1][0] not in cover, sheet
    for part in ("Largest changes: users", "Largest changes: models", "against October 2026", "groups are not added up", "+233.3%", "-67.7%"):
        assert part in text, part
    german = layout(folder, "report-german").replace("\u00a0", " ")
    assert "gone/model" in german and "-100,0 %" in german


def boxes_of(path):
    """boxes_of yields per page its size and the boxes of its words."""
    out, _ = run("pdftotext", "-bbox", "-enc", "UTF-8", path, "-")
    out = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", out)
    for page in xml.dom.minidom.parseString(out).getElementsByTagName("page"):
        words = [(*(float(w.getAttribute(k)) for k in ("xMin", "yMin", "xMax", "yMax")), w.firstChild.data if w.firstChild else "")
                 for w in page.getElementsByTagName("word")]
        yield float(page.getAttribute("width")), float(page.getAttribute("height")), words


@pytest.mark.parametrize("name", ALL + OTHERS)
def test_pdf_words_stay_on_the_page_and_apart(folder, name):
    for width, height, words in boxes_of(folder / f"{name}.pdf"):
        for x0, y0, x1, y1, word in words:
            assert x0 > 50 and x1 < width - 50 and y0 > 30 and y1 < height - 20, word
        words.sort(key=lambda word: word[1])
        for i, a in enumerate(words):
            for b in itertools.takewhile(lambda b: b[1] < a[3], words[i + 1:]):
                wide = min(a[2], b[2]) - max(a[0], b[0])
                high = min(a[3], b[3]) - max(a[1], b[1])
                lower = min(a[3] - a[1], b[3] - b[1])
                assert wide <= 1 or high <= lower * 0.45, (name, a, b)  # boxes are higher than their letters


@pytest.mark.parametrize("name", ["statement", "statement-huge", "report", "statement-500"])
def test_pdf_aligns_decimal_points(folder, name):
    """The last column: where its points are, from the widths of digits, points and commas."""
    for number, (width, _, words) in enumerate(boxes_of(folder / f"{name}.pdf")):
        points = []
        for x0, y0, x1, y1, word in words:
            if re.fullmatch(r"[\d,]+\.\d{2,}", word) and width - 56 - x1 < 60:
                digits, commas = sum(c.isdigit() for c in word), word.count(",")
                digit = (x1 - x0) / (digits + 0.466 + 0.43 * commas)
                points.append(x1 - digit * (len(word.split(".")[1]) + 0.466))
        groups = []
        for point in sorted(points):
            if not groups or point - groups[-1][-1] > 0.4:
                groups.append([])
            groups[-1].append(point)
        assert len(groups) <= 6, (number, [g[0] for g in groups])  # a column per table, the bill and its last line
        assert len(points) < 20 or len(points) > 3 * len(groups)


def test_pdf_has_no_page_with_next_to_nothing(folder):
    for name in ["statement", "statement-issued", "statement-german", "statement-huge"]:
        *_, (_, height, words) = boxes_of(folder / f"{name}.pdf")
        foot = height - 90
        assert max(w[3] for w in words if w[3] < foot) > height * 0.2, name


@pytest.mark.parametrize("name", EMPTY)
def test_documents_without_usage_say_so(folder, name):
    assert "There was no usage in November 2026." in layout(folder, name)
    assert info(folder, name)["Pages"] == "1"
    summary = [row[0] for row in book(folder, name)["Summary"].iter_rows(values_only=True)]
    assert "There was no usage in November 2026." in summary
    assert "USD 0.00" in layout(folder, name)


def test_same_figures_same_bytes_at_any_time(folder, tmp_path):
    """Another process, another hour: nothing of a file comes from the clock."""
    # faketime preloads itself before the runtime of a program built with sanitizers, which else refuses that
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    for name in ["statement", "statement-issued", "report-german"]:
        subprocess.run(["faketime", "2031-05-06 07:08:09", SAMPLES, tmp_path, name], check=True, timeout=HANGS_S,
                       env={**os.environ, "ASAN_OPTIONS": sanitizer.lstrip(":")})
        for end in ("pdf", "xlsx"):
            again, first = (hashlib.sha256((place / f"{name}.{end}").read_bytes()).hexdigest() for place in (tmp_path, folder))
            assert again == first, f"{name}.{end}"
