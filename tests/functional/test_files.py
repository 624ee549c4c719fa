# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files and their way out: documents, tables and archives, by key and by export, whole, in parts, and not at all."""
import csv
import hashlib
import io
import os
import re
import socket
import threading
import time
import zipfile
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import quote, unquote

import pytest
from documents import Workbook, pdf_text
from records import figures_of, record
from stack import wait_until

MONTH = "2026-10"
START = datetime(2026, 10, 1, 0, 0, 1, tzinfo=timezone.utc)
NAMES = {"u-plain": "Ada Lovelace", "=1+1": "=HYPERLINK(\"http://x\")", "u \"quoted\", with comma": "Grace, \"Amazing\" Hopper",
         "u-ümlaut": "Jürgen Müller", "u-group": "Linus"}


def made():
    records = []
    for number, (user, name) in enumerate(NAMES.items()):
        for n in range(12):
            groups = ["staff", "=danger"] if user == "u-group" else ["staff"]
            one = record(
                user=user, cost=f"0.00000012{number}{n:02d}", at=START + timedelta(hours=37 * n + number), prompt_tokens=100 + n,
                completion_tokens=7 * n, cached_tokens=n, model=None if n == 3 else f"maker-{n % 3}/model {n % 3}",
                is_byok=n == 5, upstream_cost="0.5" if n == 5 else None)
            one["user"] |= {"name": name, "groups": groups}
            records.append(one)
    unsettled = record(user="u-plain", cost=None, at=START + timedelta(days=20))
    unsettled["user"]["name"] = NAMES["u-plain"]
    records.append(unsettled)
    return records


@pytest.fixture(scope="module")
def sent():
    return made()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub, sent):
    from stack import Stack
    with Stack(tmp_path_factory.mktemp("files"), mariadb, contract, stub, timezone="Europe/Berlin",
               settings={"costd": {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}}) as installation:
        installation.ingest.send(sent)
        installation.drained()
        yield installation


def rows_of(reply):
    assert reply["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.content.replace(b"\r\n", b"").find(b"\n") < 0, "lines end in CR LF"
    return list(csv.DictReader(io.StringIO(reply.text, newline="")))


def bare(cell):
    """bare takes away the apostrophe that keeps a cell from being a formula."""
    return cell[1:] if cell[:1] == "'" else cell


def october(records):
    return [r for r in records if r["started_at"] < "2026-10-31T23"]


# ---- what is in them --------------------------------------------------------

def test_csv_of_the_month_is_the_ledger(stack, sent):
    rows = rows_of(stack.read.get(f"/api/v1/reports/{MONTH}.csv"))
    want = figures_of(october(sent))
    assert len(rows) == want["requests"]
    assert sum(Decimal(r["cost"] or 0) for r in rows) == want["cost"]
    assert sum(Decimal(r["byok_cost"] or 0) for r in rows) == want["byok_cost"]
    assert sum(int(r["prompt_tokens"] or 0) for r in rows) == want["prompt_tokens"]
    assert [r["started_at"] for r in rows] == sorted(r["started_at"] for r in rows)
    assert {bare(r["user"]) for r in rows} == set(NAMES)
    assert {bare(r["user_name"]) for r in rows} >= set(NAMES.values())
    for row in rows:
        for cell in row.values():
            assert cell[:1] not in tuple("=+-@\t\r"), f"a spreadsheet would run {cell!r}"
    assert list(rows[0])[:6] == ["started_at", "finished_at", "day", "user", "user_name", "model"]


def test_statements_of_one_user_and_of_a_group(stack, sent):
    for user in NAMES:
        rows = rows_of(stack.read.statement(user, MONTH, "csv"))
        want = figures_of(r for r in october(sent) if r["user"]["id"] == user)
        assert len(rows) == want["requests"] and sum(Decimal(r["cost"] or 0) for r in rows) == want["cost"]
    for group, users in (("staff", set(NAMES)), ("=danger", {"u-group"})):
        reply = stack.read.get(f"/api/v1/statements/group/{quote(group)}/{MONTH}.csv")
        want = figures_of(r for r in october(sent) if r["user"]["id"] in users and group in r["user"].get("groups", []))
        assert sum(Decimal(r["cost"] or 0) for r in rows_of(reply)) == want["cost"]
        assert stack.read.get(f"/api/v1/statements/group/{quote(group)}/{MONTH}.pdf").body.startswith(b"%PDF")
    stack.read.get(f"/api/v1/statements/nobody/{MONTH}.csv", expect=404)
    stack.read.get(f"/api/v1/statements/u-plain/{MONTH}.zip", expect=400)


def test_focus_columns(stack, sent):
    rows = rows_of(stack.read.get(f"/api/v1/reports/{MONTH}.csv?format=focus"))
    mandatory = {"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
                 "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
                 "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
                 "ServiceCategory", "ServiceName", "ConsumedQuantity", "ConsumedUnit", "SubAccountId", "SubAccountName", "Tags"}
    assert mandatory <= set(rows[0])
    assert sum(Decimal(r["BilledCost"]) for r in rows) == figures_of(october(sent))["cost"]
    for row in rows:
        assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["ChargePeriodStart"])
        assert row["ChargePeriodStart"] <= row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["BillingPeriodEnd"]
        assert row["ChargeCategory"] == "Usage" and row["ServiceCategory"] == "AI and Machine Learning"
        assert row["Tags"].startswith("{") and row["BillingCurrency"] == "USD"
    stack.read.get(f"/api/v1/reports/{MONTH}.pdf?format=focus", expect=400)
    stack.read.get(f"/api/v1/reports/{MONTH}.csv?format=other", expect=400)


def test_usage_and_generations_as_files_are_what_is_shown(stack):
    query = {"from": "2026-10-01", "to": "2026-11-01", "group_by": "user,model"}
    shown = stack.read.usage(**query)
    rows = rows_of(stack.read.get("/api/v1/usage.csv", **query))
    assert [(bare(r["user"]), r["cost"], int(r["requests"])) for r in rows] == [
        (r["user"], r["cost"], r["requests"]) for r in shown["rows"]]
    del query["group_by"]
    shown = stack.read.generations(user="u-plain", **query)
    rows = rows_of(stack.read.get("/api/v1/generations.csv", user="u-plain", **query))
    assert [r["generation_id"] for r in rows] == [r["generation_id"] for r in shown]
    assert len(rows_of(stack.read.get("/api/v1/generations.csv", limit=5, **query))) == 5
    book = Workbook(stack.read.get("/api/v1/usage.xlsx", group_by="user", **query).body)
    total = stack.read.usage(group_by="user", **query)["total"]
    table = book.table("Usage", "Requests")
    assert len(table) == len(NAMES) + 1
    assert str(total["cost"]) in [str(v) for v in table[-1].values()] or table[-1]["Cost (USD)"] is not None
    book = Workbook(stack.read.get("/api/v1/generations.xlsx", locale="de", **query).body)
    assert len([r for r in book.values("Requests")]) >= len(shown)


def test_totals_as_a_file_are_all_of_them(stack):
    """More rows than a page of the API holds."""
    at, most = datetime(2025, 3, 4, 12, tzinfo=timezone.utc), 10_000
    for batch in range(3):
        stack.ingest.send([record(user=f"crowd-{batch}-{n}", cost="0.01", at=at) for n in range(most // 2)])
    stack.drained()
    query = {"from": "2025-03-01", "to": "2025-04-01", "group_by": "user"}
    rows = rows_of(stack.read.get("/api/v1/usage.csv", **query))
    assert len({row["user"] for row in rows}) == len(rows) == 3 * (most // 2)
    assert sum(Decimal(row["cost"]) for row in rows) == Decimal(stack.read.usage(**query)["total"]["cost"])
    table = Workbook(stack.read.get("/api/v1/usage.xlsx", **query).body).table("Usage", "Requests")
    assert len(table) == len(rows) + 1
    assert len(rows_of(stack.read.get("/api/v1/usage.csv", limit=most, **query))) == most


def test_archive_holds_every_statement_and_a_manifest(stack, sent):
    reply = stack.read.get(f"/api/v1/reports/{MONTH}.zip?locale=de")
    assert reply["Content-Type"] == "application/zip"
    files = zipfile.ZipFile(io.BytesIO(reply.body))
    assert files.testzip() is None
    manifest = list(csv.DictReader(io.StringIO(files.read("manifest.csv").decode(), newline="")))
    assert len(files.namelist()) == len(manifest) + 1 == len(NAMES) + 1
    assert {bare(line["user"]) for line in manifest} == set(NAMES)
    assert sum(Decimal(line["cost_usd"]) for line in manifest) == figures_of(october(sent))["cost"]
    for line in manifest:
        data = files.read(line["file"])
        assert hashlib.sha256(data).hexdigest() == line["sha256"] and len(data) == int(line["bytes"])
        assert "Oktober" in pdf_text(data)


# ---- how they come ----------------------------------------------------------

# Who asks for another version waits for the whole file; the others get one that takes longer than two
# seconds while it is made, without its length and its ETag.
TO_THE_END = {"If-None-Match": '"another"'}


@pytest.mark.parametrize("end", ["pdf", "xlsx", "csv", "zip"])
def test_headers_of_a_file(stack, end):
    path = f"/api/v1/reports/{MONTH}.{end}"
    reply = stack.read.get(path, headers=TO_THE_END)
    name = reply["Content-Disposition"]
    plain = re.search(r'filename="([^"]+)"', name).group(1)
    assert MONTH in plain and plain.endswith(end)
    assert "2026" in unquote(re.search(r"filename\*=UTF-8''(\S+)$", name).group(1))
    assert int(reply["Content-Length"]) == len(reply.body)
    changed = datetime.strptime(reply["Last-Modified"], "%a, %d %b %Y %H:%M:%S GMT")
    assert changed.year >= 2026
    head = stack.read.request("HEAD", path)
    assert head.status == 200 and head.body == b"" and head["Content-Length"] and head["ETag"]
    assert head["ETag"] == reply["ETag"]
    again = stack.read.get(path, headers={"If-None-Match": reply["ETag"]}, expect=304)
    assert again.body == b"" and again["ETag"] == reply["ETag"]
    stack.read.get(path, headers={"If-Modified-Since": reply["Last-Modified"]}, expect=304)
    stack.read.get(path, headers={"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, expect=200)


def test_same_figures_same_bytes_at_another_second(stack):
    paths = [f"/api/v1/reports/{MONTH}.{end}" for end in ("pdf", "xlsx", "csv", "zip")]
    paths += [f"/api/v1/statements/u-plain/{MONTH}.xlsx?locale=de", "/api/v1/statements/u-plain/2026-09.xlsx",
              "/api/v1/usage.xlsx?from=2026-10-01&to=2026-11-01&group_by=user", "/api/v1/generations.xlsx?user=u-plain"]
    first, then = {path: stack.read.get(path, headers=TO_THE_END) for path in paths}, int(time.time())
    wait_until(lambda: int(time.time()) > then, "the clock goes on")
    for path, reply in first.items():
        again = stack.read.get(path, headers=TO_THE_END)
        assert again.body == reply.body and again["ETag"] == reply["ETag"], path
        assert stack.read.get(path).body == reply.body
        assert stack.read.get(path, headers={"If-None-Match": reply["ETag"]}, expect=304)["ETag"] == reply["ETag"]


def test_names_of_people_in_file_names(stack):
    reply = stack.read.statement("u-ümlaut", MONTH, "pdf")
    name = reply["Content-Disposition"]
    assert name.isascii() and "Jürgen Müller" in unquote(name.split("filename*=UTF-8''")[1])


def test_bad_options_are_named(stack):
    for query, word in (("locale=xx", "locale"), ("paper=a3", "paper"), ("format=pdf", "format"), ("x=1", "x")):
        reply = stack.read.get(f"/api/v1/reports/{MONTH}.pdf?{query}", expect=400)
        assert word in reply.json()["detail"]
    letter = stack.read.get(f"/api/v1/reports/{MONTH}.pdf?paper=letter&locale=de").body
    assert b"612" in letter and "Oktober" in pdf_text(letter)


# ---- exports ----------------------------------------------------------------

def test_export_is_begun_watched_fetched_and_thrown_away(stack):
    session = stack.session()
    target = f"/api/v1/reports/{MONTH}.xlsx?locale=de"
    begun = session.post("/api/v1/exports", {"target": target}, expect=202)
    export = begun.json()
    assert begun["Location"] == f"/api/v1/exports/{export['id']}"
    done = wait_until(lambda: (e := session.get(begun["Location"]).json())["state"] == "done" and e, "the export")
    assert done["progress"] == 1 and done["bytes"] > 0 and done["filename"].endswith(".xlsx") and done["detail"] is None
    assert done["rows_done"] == done["rows_total"] > 0
    for _ in range(2):
        file = session.get(begun["Location"] + "/file")
        assert len(file.body) == done["bytes"] and Workbook(file.body).names[0] == "Summary"
    assert session.request("DELETE", begun["Location"]).status == 204
    session.get(begun["Location"], expect=404)
    session.get(begun["Location"] + "/file", expect=404)
    assert session.request("DELETE", begun["Location"]).status == 204


def test_exports_that_cannot_be(stack):
    session = stack.session()
    for target in ("/api/v1/usage", "/api/v1/exports", "nonsense", "/api/v1/reports/2026-13.pdf", f"/api/v1/reports/{MONTH}.pdf?x=1", ""):
        session.post("/api/v1/exports", {"target": target}, expect=400)
    session.post("/api/v1/exports", {}, expect=400)
    failed = session.post("/api/v1/exports", {"target": f"/api/v1/statements/nobody/{MONTH}.pdf"}, expect=202)
    state = wait_until(lambda: (e := session.get(failed["Location"]).json())["state"] == "failed" and e, "the failure")
    assert "user" in state["detail"] and state["bytes"] is None
    session.get(failed["Location"] + "/file", expect=404)
    stack.read.post("/api/v1/exports", {"target": f"/api/v1/reports/{MONTH}.pdf"}, expect=403)


# ---- when something is wrong ------------------------------------------------

def test_several_at_once(stack):
    kinds = ["pdf", "xlsx", "csv", "zip"] * 3
    replies = [None] * len(kinds)

    def fetch(number):
        replies[number] = stack.read.get(f"/api/v1/reports/{MONTH}.{kinds[number]}")

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(len(kinds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(reply is not None and reply.status == 200 for reply in replies)


def left_in(folder):
    """left_in names what is in a folder, even while a service deletes there."""
    return [os.path.relpath(os.path.join(above, name), folder) for above, folders, names in os.walk(folder) for name in folders + names]


def test_reportd_killed_half_way_leaves_nothing(make_stack, tmp_path, sent):
    work = tmp_path / "work"
    work.mkdir()
    one = make_stack(settings={"reportd": {"WORK_DIR": str(work), "WORKER": "1"},
                               "costd": {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}})
    one.ingest.send(sent)
    one.drained()
    session = one.session()
    one.costd.pause()  # the file cannot be finished
    begun = [session.post("/api/v1/exports", {"target": f"/api/v1/reports/{MONTH}.{end}"}, expect=202)["Location"]
             for end in ("zip", "xlsx", "csv")]
    wait_until(lambda: session.get(begun[0]).json()["state"] == "running", "the job runs")
    one.reportd.kill()
    session.get(begun[0], expect=503)
    one.costd.resume()
    one.reportd.start(wait=False)
    wait_until(lambda: session.request("GET", begun[0]).status == 404, "reportd is back and knows nothing")
    session.get(begun[0] + "/file", expect=404)
    assert session.get(f"/api/v1/reports/{MONTH}.csv").status == 200
    wait_until(lambda: not [name for name in left_in(work) if "/" in name], f"an empty folder: {left_in(work)}")
    assert len(left_in(work)) == 1, "the folder of the killed process is gone"


def test_client_that_goes_away_cancels(make_stack, sent):
    one = make_stack(settings={"reportd": {"WORKER": "1"}, "costd": {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}})
    one.ingest.send(sent)
    one.drained()
    one.costd.pause()
    try:
        with socket.create_connection(("127.0.0.1", one.port)) as connection:
            connection.sendall(f"GET /api/v1/reports/{MONTH}.zip HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {one.read_key}\r\n\r\n".encode())
            wait_until(lambda: int(one.read.metrics().get("owui_metering_jobs_running", 0)) == 1, "the job runs")
        wait_until(lambda: re.search(r"status=503 .* path=/api/v1/reports/\{\}$", one.gateway.log, re.MULTILINE), "the gateway notices")
    finally:
        one.costd.resume()
    wait_until(lambda: int(one.read.metrics().get("owui_metering_jobs_cancelled_total", 0)) >= 1, "the job is cancelled")
    assert one.read.get(f"/api/v1/reports/{MONTH}.zip").status == 200


def test_full_queue_is_503_with_retry_after(make_stack, sent):
    one = make_stack(settings={"reportd": {"WORKER": "1", "RENDER_QUEUE": "1"},
                               "costd": {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}})
    one.ingest.send(sent)
    one.drained()
    session = one.session()
    one.costd.pause()
    try:
        target = {"target": f"/api/v1/reports/{MONTH}.csv"}
        first = session.post("/api/v1/exports", target, expect=202)["Location"]
        wait_until(lambda: session.get(first).json()["state"] == "running", "the first runs")
        session.post("/api/v1/exports", target, expect=202)
        refused = session.post("/api/v1/exports", target, expect=503)
        assert int(refused["Retry-After"]) > 0 and "wait" in refused.json()["detail"]
    finally:
        one.costd.resume()
