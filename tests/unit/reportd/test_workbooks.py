# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sample workbooks, read back by openpyxl and LibreOffice."""
import datetime
import re
import xml.parsers.expat
import zipfile
from decimal import Decimal

import openpyxl
import pytest
from documents import ALL, EMPTY, LETTER, SPLIT, STATEMENTS, book, column, run, table, total_of


@pytest.mark.parametrize("name", ALL)
def test_xlsx_has_its_sheets_and_properties(folder, name):
    wb = book(folder, name)
    want = ["Summary", "Models", "Days", "Requests"] if name in STATEMENTS else ["Summary", "Users", "Models", "Days", "User models", "Requests"]
    assert wb.sheetnames == want
    assert wb.properties.creator == "OWUI-Metering"
    assert wb.properties.created == datetime.datetime(2026, 12, 1, 9, 0, 12) or name == "statement-fee" or name in EMPTY
    for sheet in want[1:]:
        ws = wb[sheet]
        assert ws.freeze_panes in ("B2", "B3")
        assert ws.page_setup.orientation == "landscape" and ws.print_title_rows
        assert str(ws.page_setup.paperSize) == ("1" if name in LETTER else "9")
        if ws.max_row > 2:
            assert ws.auto_filter.ref


@pytest.mark.parametrize("name", ALL)
def test_xlsx_has_no_links_or_strangers_and_sums_only(folder, name):
    with zipfile.ZipFile(folder / f"{name}.xlsx") as archive:
        assert archive.testzip() is None
        for entry in archive.namelist():
            data = archive.read(entry).decode("utf-8")
            xml.parsers.expat.ParserCreate().Parse(data, True)
            assert "<hyperlink" not in data and "externalLink" not in entry and "vbaProject" not in entry
            if entry.startswith("xl/worksheets/sheet"):
                for formula in re.findall(r"<f[^>]*>([^<]*)</f>", data):
                    assert re.fullmatch(r"SUM\([A-Z0-9:,'! a-zA-Z]+\)", formula), formula
                assert not re.search(r"<v>(NAN|INF|-?\d+,\d)", data, re.I)


@pytest.mark.parametrize("name", [n for n in ALL if n not in EMPTY])
def test_xlsx_numbers_are_numbers_and_add_up(folder, name):
    for sheet in book(folder, name).sheetnames[1:]:
        head, rows, total = table(folder, name, sheet)
        for i, title in enumerate(head):
            if title.endswith("(exact)"):
                sums = sum(Decimal(row[i]) for row in rows if row[i] is not None)
                assert sums == Decimal(total[i]), (sheet, title)
                for row in rows + [total]:
                    if row[i] is None:
                        assert row[i - 1] is None
                        continue
                    assert re.fullmatch(r"\d+\.\d{2,18}", row[i])
                    number, exact = Decimal(repr(float(row[i - 1]))), Decimal(row[i])
                    assert isinstance(row[i - 1], (int, float)) and abs(number - exact) <= abs(exact) * Decimal("5e-16")  # the library writes 16 digits
            elif title.endswith("tokens") or title == "Requests":
                assert sum(row[i] or 0 for row in rows) == total[i]


@pytest.mark.parametrize("name", [n for n in ALL if n not in EMPTY])
def test_xlsx_sheets_agree_with_each_other(folder, name):
    totals = set()
    for sheet in book(folder, name).sheetnames[1:]:
        head, rows, total = table(folder, name, sheet)
        if sheet != "Requests" or name not in ("statement-huge", "statement-500"):
            if sheet == "Requests" and not rows:
                continue
            totals.add(total[head.index("Cost (USD) (exact)")])
    if name == "statement-huge":
        assert len(totals) == 1
    assert len(totals) == 1, totals
    summary = {row[0]: row for row in reversed(list(book(folder, name)["Summary"].iter_rows(values_only=True)))}
    assert summary["Usage"][2] == totals.pop()
    due = sum(Decimal(summary[line][2]).quantize(Decimal("0.01")) for line in ("Usage", "Minimum charge") if line in summary)
    assert summary["Amount due"][2] == str(due) and abs(Decimal(repr(float(summary["Amount due"][1]))) - due) < Decimal("1e-6")


def test_xlsx_days_are_days_and_times_are_local(folder):
    days = column(folder, "statement", "Days", "Day")
    assert days == [datetime.datetime(2026, 11, d) for d in range(1, 31)]
    assert book(folder, "statement")["Days"]["A2"].number_format == "yyyy-mm-dd"
    started = column(folder, "statement", "Requests", "Started")
    assert started[0] == datetime.datetime(2026, 11, 1, 10, 0, 0, 120000)  # 09:00 UTC, in Berlin
    assert book(folder, "statement")["Requests"]["A2"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert len(started) == 200


def test_xlsx_keeps_hostile_names_as_text(folder):
    sheet = book(folder, "statement-hostile")["Models"]
    names = [cell.value for cell in sheet["A"]][1:-1]
    assert names[:5] == ["<script>alert(1)</script>", "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1:A9)"]
    assert names[6] == "_x005F_x0041_ \ufffd\ufffd bad bytes, a tab and \ufffd turned"  # as written; read as _x0041_
    assert all(cell.data_type in ("s", "inlineStr") for cell in sheet["A"])
    assert [cell.hyperlink for cell in sheet["A"]] == [None] * sheet.max_row
    recipient = next(row for row in book(folder, "statement-hostile")["Summary"].iter_rows() if row[0].value == "Recipient")
    assert recipient[1].value.startswith("=HYPERLINK(") and recipient[1].data_type in ("s", "inlineStr")


def test_xlsx_says_which_requests_it_left_out(folder):
    assert "200 of 300 requests are not listed here" in book(folder, "statement-huge")["Requests"]["A1"].value
    summary = [str(v) for row in book(folder, "statement-huge")["Summary"].iter_rows(values_only=True) for v in row]
    assert any("200 of 300 requests are not listed here" in text for text in summary)
    assert not any("not listed" in str(v) for row in book(folder, "statement")["Summary"].iter_rows(values_only=True) for v in row)


@pytest.mark.parametrize("name", [n for n in ALL if n not in EMPTY])
def test_xlsx_chart_is_of_the_days(folder, name):
    with zipfile.ZipFile(folder / f"{name}.xlsx") as archive:
        chart = archive.read("xl/charts/chart1.xml").decode()
    head, rows, _ = table(folder, name, "Days")
    letter = openpyxl.utils.get_column_letter
    last = max(i for i, title in enumerate(head) if title == "Cost (USD)")
    assert f"<c:f>Days!${letter(last + 1)}$2:${letter(last + 1)}${len(rows) + 1}</c:f>" in chart
    assert f"<c:f>Days!$A$2:$A${len(rows) + 1}</c:f>" in chart


def test_xlsx_of_an_issued_document_has_its_number_on_each_page(folder):
    """A size before it would take up a number that begins with a digit."""
    for sheet in openpyxl.load_workbook(folder / "statement-issued.xlsx"):
        assert sheet.oddHeader.right.text.strip() == "2026-000012" and sheet.oddHeader.right.size == 8


def test_xlsx_bars_begin_at_the_left_with_the_first_row_on_top(folder):
    with zipfile.ZipFile(folder / "report.xlsx") as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if "charts/chart" in name]
    bars = [chart for chart in charts if '<c:barDir val="bar"/>' in chart]
    assert len(bars) == 1
    names, amounts = re.search(r"<c:catAx>.*</c:catAx>", bars[0])[0], re.search(r"<c:valAx>.*</c:valAx>", bars[0])[0]
    assert '"maxMin"' in names and '"minMax"' in amounts and "0.00####" in amounts
    assert all('<c:min val="0"/>' in chart for chart in charts)


@pytest.fixture(scope="session")
def office(tmp_path_factory):
    """office converts workbooks with LibreOffice, which writes nothing for a file that it cannot open as it is."""
    profile = tmp_path_factory.mktemp("profile")

    def convert(form, outdir, *books):
        run("soffice", "--headless", f"-env:UserInstallation=file://{profile}", "--convert-to", form, "--outdir", outdir, *books)
    return convert


CSV_OF_EACH_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"


def test_libreoffice_opens_every_workbook_and_no_broken_one(folder, office, tmp_path):
    books = sorted(folder.glob("*.xlsx"))
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes((folder / "report.xlsx").read_bytes()[:-2000])
    office(CSV_OF_EACH_SHEET, tmp_path, *books, broken)
    for path in books:
        wb = book(folder, path.stem)
        for sheet in wb.sheetnames:
            rows = (tmp_path / f"{path.stem}-{sheet}.csv").read_text(encoding="utf-8").splitlines()
            assert len(rows) >= wb[sheet].max_row, (path.stem, sheet)
    assert len(books) > 15 and not list(tmp_path.glob("broken-*.csv"))
    models = (tmp_path / "report-Models.csv").read_text(encoding="utf-8")
    head, rows, total = table(folder, "report", "Models")
    for row in rows + [total]:
        assert row[head.index("Cost (USD) (exact)")] in models
    hostile = (tmp_path / "statement-hostile-Models.csv").read_text(encoding="utf-8")
    assert "=1+1" in hostile and "_x0041_ \ufffd\ufffd" in hostile and "_x005F_" not in hostile


def test_xlsx_totals_are_formulas_that_come_to_what_is_printed(folder):
    """Each SUM over the cells it names, exactly, is the total beside it."""
    sheets = openpyxl.load_workbook(folder / "report.xlsx")
    values = book(folder, "report")
    sums = 0
    for sheet in sheets:
        for row in sheet.iter_rows():
            for cell in row:
                if not isinstance(cell.value, str) or not cell.value.startswith("=SUM("):
                    continue
                cells = []
                for part in cell.value[5:-1].split(","):
                    found = values[sheet.title][part]
                    cells += [c for line in found for c in line] if isinstance(found, tuple) else [found]
                total = sum((Decimal(repr(c.value)) for c in cells if c.value is not None), Decimal(0))
                assert abs(total - Decimal(repr(values[sheet.title][cell.coordinate].value))) < Decimal("1e-9"), cell.coordinate
                sums += 1
    assert sums > 10


def cells_of(sheets, here, part):
    """cells_of gives the values of "B2:B9" or of "'Requests 2'!B2:B9"."""
    name, _, area = part.rpartition("!")
    return [cell.value for line in sheets[name.strip("'") if name else here][area] for cell in line]


@pytest.mark.parametrize("name", SPLIT)
def test_xlsx_requests_go_on_over_several_sheets(folder, name):
    wb, formulas = book(folder, name), openpyxl.load_workbook(folder / f"{name}.xlsx")
    sheets = ["Requests"] + [f"Requests {number}" for number in range(2, len(SPLIT[name]) + 1)]
    assert wb.sheetnames[-len(sheets):] == sheets and wb.sheetnames[-len(sheets) - 1] == "Days"
    rows = []
    for sheet, n in zip(sheets, SPLIT[name]):
        head, *figures = [list(row) for row in wb[sheet].iter_rows(values_only=True)]
        total = figures.pop() if sheet == sheets[-1] else None
        assert head == [cell.value for cell in wb["Requests"][1]] and len(figures) == n and wb[sheet].max_row <= 100
        assert wb[sheet].freeze_panes == "B2" and wb[sheet].print_title_rows == "$1:$1"
        assert wb[sheet].auto_filter.ref == f"A1:{openpyxl.utils.get_column_letter(len(head))}{n + 1}"
        rows += figures
    ids = [row[head.index("Generation id")] for row in rows]
    assert len(set(ids)) == len(ids) == sum(SPLIT[name]) == sum(column(folder, name, "Models", "Requests"))
    summed = 0
    for at, title in enumerate(head):
        formula = formulas[sheets[-1]].cell(wb[sheets[-1]].max_row, at + 1).value
        if title.endswith("(exact)"):
            assert sum(Decimal(row[at]) for row in rows if row[at] is not None) == Decimal(total[at])
        elif isinstance(total[at], (int, float)):
            parts = formula[5:-1].split(",")
            assert total[0] == "Total" and formula.startswith("=SUM(") and len(parts) == len(sheets), formula
            values = [value for part in parts for value in cells_of(wb, sheets[-1], part)]
            assert values == [row[at] for row in rows], formula
            assert sum(value or 0 for value in values) == pytest.approx(total[at], rel=1e-12)
            summed += 1
    assert summed >= 4 and total[head.index("Cost (USD) (exact)")] == total_of(folder, name)


def test_libreoffice_recalculates_to_the_same_totals(folder, office, tmp_path):
    """With every cached value spoilt, what comes out is what LibreOffice itself adds up."""
    for path in folder.glob("*.xlsx"):
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / path.name, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.namelist():
                data = old.read(entry)
                if entry.startswith("xl/worksheets/sheet"):
                    data = re.sub(rb"</f><v>[^<]*</v>", rb"</f>", data)
                new.writestr(entry, data)
    office("xlsx:Calc MS Excel 2007 XML", tmp_path / "out", *sorted(tmp_path.glob("*.xlsx")))
    for path in folder.glob("*.xlsx"):
        again = openpyxl.load_workbook(tmp_path / "out" / path.name, data_only=True)
        wanted = book(folder, path.stem)
        compared = 0
        for sheet in openpyxl.load_workbook(path):
            for row in sheet.iter_rows():
                for cell in row:
                    if isinstance(cell.value, str) and cell.value.startswith("=SUM("):
                        got, want = again[sheet.title][cell.coordinate].value, wanted[sheet.title][cell.coordinate].value
                        assert got == pytest.approx(want, rel=1e-12), (path.name, sheet.title, cell.coordinate)
                        compared += 1
        assert compared > 10 or path.stem in EMPTY, path.name
