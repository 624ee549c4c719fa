# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files made of names that somebody chose to do harm: no cell is a formula, no header is broken, and nothing is stored on the way."""
import csv
import io
import zipfile
from datetime import datetime, timezone
from urllib.parse import quote, unquote

import issuing
import pytest
from records import record
from stack import Stack

MONTH = "2026-10"
IN_MONTH = datetime(2026, 10, 7, 12, tzinfo=timezone.utc)
SIGNS = tuple("=+-@") + tuple("＝＋－＠") + tuple("﹦﹢﹣﹫") + ("−", "\t", "\r", "\n")
FORMULAS = ["＝HYPERLINK(\"http://x\")", "＋1", "－1", "＠SUM(A1)", "﹦1", "−1", "=cmd|'/c calc'!A1", " =1+1", "\u3000＝1", "\u200b=1", "\u00a0@x"]
NAMES = ["\"; filename=\"x.exe", "a\u202efdp.exe", "../../etc/passwd", "C:\\x", "%0d%0aSet-Cookie: x=1", "ü" * 120, "..", "a;b,c", "名前"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    with Stack(tmp_path_factory.mktemp("names"), mariadb, contract, stub,
               settings={"costd": {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}}) as installation:
        records = []
        for number, name in enumerate(FORMULAS + NAMES):
            one = record(user=f"u-{number}", cost="0.5", at=IN_MONTH, model=name)
            one["user"] |= {"name": name, "groups": [name]}
            records.append(one)
        installation.ingest.send(records)
        installation.drained()
        yield installation


def cells(data):
    return [cell for row in csv.reader(io.StringIO(data.decode("utf-8"), newline="")) for cell in row]


def harmless(cell):
    bare = cell.lstrip(" \u00a0\u3000\u200b")
    return not bare.startswith(SIGNS)


def csv_files(stack):
    yield f"/api/v1/reports/{MONTH}.csv"
    yield f"/api/v1/reports/{MONTH}.csv?format=focus"
    yield f"/api/v1/usage.csv?group_by=user,model&from={MONTH}-01&to=2026-11-01"
    yield f"/api/v1/generations.csv?from={MONTH}-01&to=2026-11-01"
    yield f"/api/v1/statements/u-0/{MONTH}.csv"


def test_no_cell_of_a_csv_file_is_a_formula(stack):
    for path in csv_files(stack):
        found = cells(stack.read.get(path).content)
        assert not [cell for cell in found if not harmless(cell)], path
        assert any(cell == "'" + FORMULAS[0] for cell in found), f"{path}: the names are in it: {found[:60]}"


def test_no_cell_in_the_archive_is_a_formula(stack):
    archive = zipfile.ZipFile(io.BytesIO(stack.read.get(f"/api/v1/reports/{MONTH}.zip").content))
    tables = [name for name in archive.namelist() if name.endswith(".csv")]
    assert tables
    for name in tables:
        assert not [cell for cell in cells(archive.read(name)) if not harmless(cell)], name


def check_name(reply):
    value = reply["Content-Disposition"]
    assert value.isascii() and value.startswith('attachment; filename="')
    plain, _, shown = value[len('attachment; filename="'):].partition("\"; filename*=UTF-8''")
    assert plain and shown and not set(plain) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), value
    assert not plain.startswith(".") and '"' not in shown and ";" not in shown and " " not in shown
    decoded = unquote(shown, errors="strict")
    assert not set(decoded) & set("/\\\r\n\u202e\u0000") and not decoded.startswith("."), decoded


@pytest.mark.parametrize("number", range(len(FORMULAS + NAMES)))
def test_names_of_files_are_safe_for_any_person(stack, number):
    for end in ("csv", "pdf", "xlsx"):
        check_name(stack.read.statement(f"u-{number}", MONTH, end))


@pytest.mark.parametrize("name", FORMULAS + NAMES)
def test_names_of_files_are_safe_for_any_group(stack, name):
    reply = stack.read.request("GET", f"/api/v1/statements/group/{quote(name, safe='')}/{MONTH}.csv")
    assert reply.status in (200, 400, 404), reply
    if reply.status == 200:
        check_name(reply)


def test_files_and_what_names_persons_are_not_stored_on_the_way(stack):
    session = stack.session()
    made = issuing.issue(session, 201, None, kind="statement", month=MONTH, user="u-0").json()
    paths = [f"/api/v1/statements/u-0/{MONTH}.{end}" for end in ("pdf", "xlsx", "csv")]
    paths += [f"/api/v1/documents/{made['number']}/file", "/api/v1/usage.csv?group_by=user", "/api/v1/generations", "/api/v1/usage?group_by=user",
              f"/api/v1/documents/{made['number']}"]
    for path in paths:
        reply = stack.read.get(path)
        assert reply["Cache-Control"] == "no-store", f"{path}: {reply['Cache-Control']}"
    check_name(stack.read.get(f"/api/v1/documents/{made['number']}/file"))
    assert session.get("/api/v1/user/u-0")["Cache-Control"] == "no-store"


def test_no_log_names_whom_a_document_is_about(stack):
    session = stack.session()
    month = "2026-09"
    stack.ingest.send([record(user="whose-bill", cost="0.5", at=datetime(2026, 9, 7, 12, tzinfo=timezone.utc))])
    stack.drained()
    made = issuing.issue(session, 201, None, kind="statement", month=month, user="whose-bill").json()
    issuing.issue(session, 200, None, kind="statement", month=month, user="whose-bill", format="xlsx")
    stack.read.statement("whose-bill", month, "pdf")
    for process in (*stack.gateways, stack.reportd, stack.costd):
        assert "whose-bill" not in process.log, process.name
    assert made["number"] in stack.costd.log


def test_every_answer_turns_the_browsers_devices_off(stack):
    for path, expect in (("/", 200), ("/healthcheck", 200), ("/api/v1/nothing", 404), ("/api/v1/session", 401)):
        policy = stack.nobody.request("GET", path, expect=expect)["Permissions-Policy"]
        for feature in ("camera", "microphone", "geolocation", "payment", "usb"):
            assert f"{feature}=()" in policy, path
