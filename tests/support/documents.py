# SPDX-License-Identifier: AGPL-3.0-or-later
"""PDF and XLSX read back by other people's programs: pdftotext and openpyxl."""
import io
import re
import subprocess
import zipfile
from decimal import Decimal

import openpyxl


def pdf_text(data, layout=True):
    argv = ["pdftotext", *(["-layout"] if layout else []), "-enc", "UTF-8", "-", "-"]
    return subprocess.run(argv, input=data, capture_output=True, check=True).stdout.decode("utf-8")


def pdf_pages(data):
    info = subprocess.run(["pdfinfo", "-"], input=data, capture_output=True, check=True).stdout.decode()
    return int(re.search(r"^Pages:\s+(\d+)$", info, re.M).group(1))


def amounts(text):
    """amounts are all decimal numbers of a text."""
    return [Decimal(found) for found in re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", text)]


class Workbook:
    def __init__(self, data):
        self.book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
        self.files = zipfile.ZipFile(io.BytesIO(data))

    @property
    def names(self):
        return self.book.sheetnames

    def values(self, sheet):
        return [[cell.value for cell in row] for row in self.book[sheet].iter_rows()]

    def table(self, sheet, column):
        """table returns a sheet's rows as dicts: those under the row of headings that has this column."""
        rows = self.values(sheet)
        head = next(n for n, row in enumerate(rows) if column in row)
        titles = rows[head]
        return [dict(zip(titles, row)) for row in rows[head + 1:] if any(value is not None for value in row)]

    def texts(self):
        return [value for sheet in self.names for row in self.values(sheet) for value in row if isinstance(value, str)]

    def numbers(self):
        return [value for sheet in self.names for row in self.values(sheet) for value in row
                if isinstance(value, (int, float)) and not isinstance(value, bool)]

    def xml(self):
        return {name: self.files.read(name).decode("utf-8", "replace") for name in self.files.namelist() if name.endswith(".xml")}


def exact(number):
    """exact is the decimal that a spreadsheet's number stands for."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
