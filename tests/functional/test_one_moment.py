# SPDX-License-Identifier: AGPL-3.0-or-later
"""A ZIP file and a month's delivery are of one moment, although records come in while they are made."""
import csv
import io
import json
import threading
import zipfile
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from documents import pdf_text
from issuing import document
from records import record
from slow import Slow
from stack import Stack, free_port, wait_until
from webhook import Receiver

SECRET = "a-webhook-secret-of-the-tests"
LAST = datetime.now(timezone.utc).replace(day=1, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
MONTH = LAST.strftime("%Y-%m")
USERS = [f"u-{n:02}" for n in range(24)]
ZIP = f"/api/v1/reports/{MONTH}.zip"


def use(stack, cost):
    """use is one request of each user."""
    stack.ingest.send([record(user=user, cost=cost, at=LAST) for user in USERS])
    stack.drained()


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


@pytest.fixture
def make_slow(tmp_path, mariadb, contract):
    made = []

    def make(**options):
        made.append(Slow(tmp_path / "stack", mariadb, contract, **options))
        return made[0].__enter__()

    yield make
    made[0].__exit__(None, None, None)


def table(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def statements(data):
    """statements of a ZIP file: what its manifest says of each user, and what is on the pages."""
    files = zipfile.ZipFile(io.BytesIO(data))
    pages = {name: pdf_text(files.read(name)) for name in files.namelist() if name != "manifest.csv"}
    return table(files.read("manifest.csv")), pages


def test_a_zip_is_of_one_moment(make_slow):
    stack = make_slow()
    use(stack, "0.25")
    before = stack.valve.passed
    whole = stack.read.get(ZIP).body
    needed, replies = stack.valve.passed - before, []
    stack.valve.shut_after(needed // 2)
    asking = threading.Thread(target=lambda: replies.append(stack.read.request("GET", ZIP)))
    asking.start()
    wait_until(lambda: stack.valve.shut, "the file is half-way")
    use(stack, "1")
    stack.valve.open()
    asking.join()
    rows, pages = statements(replies[0].body)
    assert len(rows) == len(pages) == len(USERS)
    assert {Decimal(row["cost_usd"]) for row in rows} == {Decimal("0.25")}, "some are of another moment"
    assert all("1.25" not in text for text in pages.values())
    assert replies[0].body == whole
    rows, _ = statements(stack.read.get(ZIP).body)
    assert {Decimal(row["cost_usd"]) for row in rows} == {Decimal("1.25")}


@pytest.fixture
def two_costd(tmp_path, mariadb, contract):
    """reportd uses two costd by turns; a moment is kept by one of them."""
    one = Stack(tmp_path / "stack", mariadb, contract, settings={"costd": {"DELIVERY_GRACE": "0"}})
    url = f"tcp://127.0.0.1:{free_port()}"
    second = one.process("costd", {**one.costd_env(), "COSTD_LISTEN": url}, "costd-second")
    one.settings["reportd"] = {"COSTD_URL": f"{one.costd_url},{url}"}
    one.reportd = one.process("reportd", one.reportd_env())
    one.costd.start()
    second.start()
    for process in (one.reportd, one.gateway):
        process.start()
    one.wait_ready()
    yield one
    try:
        second.stop()
    finally:
        one.__exit__(None, None, None)


def test_a_moment_stays_with_the_costd_that_keeps_it(two_costd, tmp_path):
    stack, out = two_costd, tmp_path / "out"
    use(stack, "0.25")
    first = stack.read.get(ZIP).body
    rows, pages = statements(first)
    assert len(rows) == len(pages) == len(USERS)
    assert all(stack.read.get(ZIP).body == first for _ in range(3))
    out.mkdir()
    deliver(stack, out, "report.pdf,report.csv,statements.pdf,statements.zip")
    wait_until((out / MONTH / "manifest.json").exists, "the month's folder")
    assert len(json.loads((out / MONTH / "manifest.json").read_text())["files"]) == len(USERS) + 3
    assert stack.db.rows("SELECT attempts,last_error FROM delivery") == [("0", None)]


def deliver(stack, out, files):
    """deliver starts reportd again: it looks for a month, and finds it."""
    stack.settings["reportd"] = {**stack.settings.get("reportd", {}), "DELIVERY_DIR": str(out), "DELIVERY_FILES": files}
    stack.reportd.stop()
    stack.reportd = stack.process("reportd", stack.reportd_env())
    stack.reportd.start()


@pytest.fixture
def delivering(make_slow, receiver, tmp_path):
    """An installation that stands still in the middle of a month's files: some are issued, some are not."""
    out = tmp_path / "out"
    out.mkdir()
    stack = make_slow(settings={"costd": {"DELIVERY_GRACE": "0", "DELIVERY_WEBHOOK_URL": receiver.url, "DELIVERY_WEBHOOK_SECRET": SECRET}})
    use(stack, "0.25")
    deliver(stack, out, "report.pdf,report.csv,report.focus.csv,statements.pdf,statements.zip")
    wait_until(lambda: int(stack.db.value("SELECT COUNT(*) FROM document")) >= 2, "some documents")
    stack.valve.shut_after(0)
    wait_until(lambda: stack.valve.shut, "it stands still")
    assert not (out / MONTH).exists(), "it was too fast"
    return stack, out


def check_sums(stack, path, receiver, cost):
    """check_sums: the report, the statements, the tables and the webhook say the same."""
    wait_until(lambda: stack.db.value("SELECT MAX(state) FROM outbox") == "2", "the webhook")
    manifest = json.loads((path / "manifest.json").read_text())
    totals = receiver.calls[-1].json()["totals"]
    data = {file["name"]: (path / file["name"]).read_bytes() for file in manifest["files"]}
    documents = {file["number"]: document(stack.read, file["number"]) for file in manifest["files"] if file["number"]}
    report = [one for one in documents.values() if one["kind"] == "report"]
    of_users = [one for one in documents.values() if one["kind"] == "statement"]
    sums = {"report": [Decimal(one["total"]) for one in report], "statements": [sum(Decimal(one["total"]) for one in of_users)],
            "webhook": [Decimal(totals["cost"])]}
    for name, content in data.items():
        if name.endswith(".csv"):
            sums[name] = [sum(Decimal(row.get("BilledCost") or row["cost"]) for row in table(content))]
        elif name.endswith(".zip"):
            sums[name] = [sum(Decimal(row["cost_usd"]) for row in statements(content)[0])]
    assert len(sums) == 6 and {name: set(found) for name, found in sums.items()} == {name: {cost} for name in sums}
    assert len(of_users) == len(USERS) and totals["requests"] == len(USERS) * (1 if cost == len(USERS) * Decimal("0.25") else 2)
    assert all(one["corrected_by"] is None for one in documents.values())


def test_a_delivery_is_of_one_moment(delivering, receiver):
    stack, out = delivering
    use(stack, "1")
    stack.valve.open()
    wait_until((out / MONTH / "manifest.json").exists, "the month's folder")
    check_sums(stack, out / MONTH, receiver, len(USERS) * Decimal("0.25"))
    assert Decimal(stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01"})["total"]["cost"]) == len(USERS) * Decimal("1.25")


def test_a_delivery_that_was_cut_off_is_of_one_moment_too(delivering, receiver):
    """What was issued before is of another moment: it is corrected, not mixed with the rest."""
    stack, out = delivering
    stack.reportd.kill()
    stack.valve.cut()
    use(stack, "1")
    stack.db.rows("UPDATE delivery SET lease_until_us=0,next_us=0 WHERE state=0")  # the clock goes faster
    stack.reportd.start()
    wait_until((out / MONTH / "manifest.json").exists, "the month's folder")
    check_sums(stack, out / MONTH, receiver, len(USERS) * Decimal("1.25"))
    assert [path.name for path in out.iterdir()] == [MONTH]
