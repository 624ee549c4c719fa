# SPDX-License-Identifier: AGPL-3.0-or-later
"""The closed month's files in a folder, and the webhook that tells of them."""
import hashlib
import json
import random
import subprocess
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from issuing import document, issue, issued
from records import new_generation_id, record
from stack import wait_until
from webhook import Receiver

SECRET = "a-webhook-secret-of-the-tests"
NOW = datetime.now(timezone.utc)
# A month is delivered when the next one is an hour old at least; where UTC's is about that old, another zone's is older.
ZONE = "UTC" if 1 < (NOW - timedelta(hours=2)).day and (NOW + timedelta(hours=2)).day != 1 else "Pacific/Kiritimati"
LAST = NOW.astimezone(ZoneInfo(ZONE)).replace(day=1, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
MONTH = LAST.strftime("%Y-%m")


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


@pytest.fixture
def installation(make_stack, tmp_path, receiver):
    """An installation that is not running yet, so that the month is there when it looks first."""
    def make(users=3, cost="0.25", grace="0", files="report.pdf,report.xlsx,statements.pdf"):
        out = tmp_path / "out"
        out.mkdir()
        stack = make_stack(stub=None, timezone=ZONE, settings={
            "costd": {"DELIVERY_GRACE": grace, "DELIVERY_WEBHOOK_URL": receiver.url, "DELIVERY_WEBHOOK_SECRET": SECRET},
            "reportd": {"DELIVERY_DIR": str(out), "DELIVERY_FILES": files, "DELIVERY_LOCALE": "de"}})
        stack.reportd.stop()
        stack.ingest.send([record(user=f"u-{n % users}", cost=cost, at=LAST) for n in range(2 * users)])
        stack.drained()
        return stack, out
    return make


def folder_of(out):
    path = out / MONTH
    return lambda: path if path.exists() else None


def check_folder(stack, path, documents):
    """check_folder: every file has the hash that the manifest, SHA256SUMS and costd say."""
    manifest = json.loads((path / "manifest.json").read_text())
    names = sorted(str(f.relative_to(path)) for f in path.rglob("*") if f.is_file())
    assert names == sorted([f["name"] for f in manifest["files"]] + ["SHA256SUMS", "manifest.json"])
    for file in manifest["files"]:
        data = (path / file["name"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
        if file["number"] is None:
            continue  # a table
        known = stack.read.get(f"/api/v1/documents/{file['number']}").json()
        assert (file["sha256"], file["name"].split("/")[-1]) in [(one["sha256"], one["filename"]) for one in known["files"]]
    done = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(manifest["files"]) == documents
    return manifest


def test_a_closed_month_is_written_once_and_told_of(installation, receiver):
    stack, out = installation()
    receiver.statuses = [500]
    stack.reportd.start()
    path = wait_until(folder_of(out), "the month's folder")
    manifest = check_folder(stack, path, 5)
    assert [f.name for f in out.iterdir()] == [MONTH]
    listed = stack.read.get("/api/v1/documents").json()["items"]
    assert {d["number"] for d in listed} == {f["number"] for f in manifest["files"]} and len(listed) == 4, "the report is one document"
    assert {d["locale"] for d in listed} == {"de"} and {d["month"] for d in listed} == {MONTH}
    assert {d["user"] for d in listed if d["kind"] == "statement"} == {"u-0", "u-1", "u-2"}

    wait_until(lambda: stack.db.value("SELECT attempts FROM outbox") == "1", "a first call, refused")
    stack.db.rows("UPDATE outbox SET next_us=0")
    wait_until(lambda: stack.db.value("SELECT MAX(state) FROM outbox") == "2", "a second call, taken")
    first, second = receiver.calls
    assert first.body == second.body and first.headers["X-Metering-Delivery"] == second.headers["X-Metering-Delivery"] == manifest["id"]
    assert first.is_signed(SECRET) and second.is_signed(SECRET) and not first.is_signed("another secret")
    assert first.headers["X-Metering-Event"] == "month.delivered" and first.headers["Content-Type"].startswith("application/json")
    said = first.json()
    assert (said["id"], said["type"], said["month"], said["files"]) == (manifest["id"], "month.delivered", MONTH, manifest["files"])
    assert said["totals"] == {"requests": 6, "cost": "1.5", "byok_cost": "0", "unsettled": 0}

    stack.reportd.stop()
    stack.ingest.send([record(user="u-9", cost="1", at=LAST)])
    stack.drained()
    stack.reportd.start()
    assert issued(stack.session(), user="u-9", month=MONTH)["number"].endswith("-000005"), "the month was written again"
    assert check_folder(stack, path, 5) == manifest and len(receiver.calls) == 2
    for process in (stack.costd, stack.reportd):
        assert SECRET not in process.log and "token-in-the-address" not in process.log


def test_what_was_issued_by_hand_is_taken(installation):
    """One person had four numbers once the delivery was switched on: by hand as PDF and as XLSX, and both again."""
    stack, out = installation(files="report.pdf,statements.pdf,statements.xlsx")
    by_hand = stack.process("reportd", stack.reportd_env(), "reportd-by-hand")
    del by_hand.env["DELIVERY_DIR"]
    by_hand.start()
    stack.wait_ready()
    session = stack.session()
    taken = issued(session, user="u-0", month=MONTH)
    issued(session, 200, user="u-0", month=MONTH, format="xlsx")
    half = issued(session, user="u-1", month=MONTH, format="xlsx")
    older = issued(session, user="u-2", month=MONTH)
    stack.ingest.send(record(user="u-2", cost="1", at=LAST))
    stack.drained()
    by_hand.stop()
    stack.reportd.start()
    manifest = check_folder(stack, wait_until(folder_of(out), "the month's folder"), 7)
    numbers = {}
    for file in manifest["files"]:
        numbers.setdefault(document(session, file["number"])["user"], set()).add(file["number"])
    assert numbers["u-0"] == {taken["number"]} and numbers["u-1"] == {half["number"]}
    assert [one["format"] for one in document(session, half["number"])["files"]] == ["xlsx", "pdf"]
    (right,) = numbers["u-2"]
    assert document(session, right)["corrects"] == older["number"] and document(session, right)["total"] == "1.50"
    assert len(session.get("/api/v1/documents").json()["items"]) == 5, "three by hand, a correction and the report"
    assert taken["number"] in issue(session, 409, user="u-0", month=MONTH).json()["detail"]


def set_rate(stack, confirmed):
    """set_rate adds terms of the closed month at a rate that is dated after it."""
    terms = {"currency": "EUR", "exchange_rate": "0.9", "exchange_rate_date": datetime.now(timezone.utc).strftime("%Y-%m-01"),
             "exchange_rate_source": "ECB"} | ({"exchange_rate_confirmed": True} if confirmed else {})
    stack.db.rows("INSERT INTO terms_version (valid_from,changed_us,source,withdrawn,terms) SELECT "
                  f"'{MONTH}-01',COALESCE(MAX(changed_us),0)+1,1,0,'{json.dumps(terms)}' FROM terms_version")


@pytest.mark.slow
def test_a_month_at_a_rate_of_another_is_held_until_the_rate_is_confirmed(installation):
    stack, out = installation(files="report.pdf")
    set_rate(stack, confirmed=False)
    stack.reportd.start()
    wait_until(lambda: "owui_metering_deliveries_held 1" in stack.read.get("/api/v1/metrics").text, "the month to be held")
    assert "owui_metering_terms_conflict 0" in stack.read.get("/api/v1/metrics").text
    wait_until(lambda: "a month's files are held back" in stack.costd.log, "it is said")
    assert f"month={MONTH}" in stack.costd.log
    assert not folder_of(out)()
    set_rate(stack, confirmed=True)
    wait_until(folder_of(out), "the month's folder", deadline_s=90)
    assert "owui_metering_deliveries_held 0" in stack.read.get("/api/v1/metrics").text
    wait_until(lambda: "files are not held back any more" in stack.costd.log, "that it is over")
    assert stack.costd.log.count("files are held back") == stack.costd.log.count("files are not held back any more") == 1


def test_terms_that_cannot_be_read_are_damage(installation):
    stack, _ = installation()
    check = [stack.bin / "costd", "--check"]
    done = subprocess.run(check, env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    set_rate(stack, confirmed=False)
    stack.db.rows("UPDATE terms_version SET id=42,terms='{\"currency\":\"EUR\"' ORDER BY changed_us DESC LIMIT 1")
    done = subprocess.run(check, env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 1 and "terms_version: terms of row 42: " in done.stderr, done.stdout + done.stderr
    assert ": 0 rows and 0 totals differ" in done.stdout


@pytest.mark.slow
def test_tables_are_written_as_they_are_pulled(installation):
    stack, out = installation(files="report.csv, report.focus.csv,statements.zip,statements.xlsx")
    stack.reportd.start()
    path = wait_until(folder_of(out), "the month's folder")
    manifest = check_folder(stack, path, 6)
    tables = {f["name"] for f in manifest["files"] if f["number"] is None}
    assert len(tables) == 3 and all(MONTH in name for name in tables)
    plain = next(name for name in tables if name.endswith(".csv") and "focus" not in name)
    assert (path / plain).read_bytes() == stack.read.get(f"/api/v1/reports/{MONTH}.csv", locale="de").content


@pytest.mark.slow
def test_a_month_waits_until_it_is_settled(installation):
    stack, out = installation(grace="90d")
    waiting = record(user="u-0", cost=None, at=LAST, generation_id=new_generation_id())
    stack.ingest.send([waiting])
    stack.drained()
    stack.reportd.start()
    wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM delivery WHERE state=0 AND lease_id IS NULL") == "1", "a look at the month")
    assert not (out / MONTH).exists() and stack.db.value("SELECT state FROM delivery") == "0"
    stack.ingest.send([record(user="u-0", cost="0.5", at=LAST, generation_id=waiting["generation_id"])])
    stack.drained()
    check_folder(stack, wait_until(folder_of(out), "the month's folder"), 5)


def test_a_call_of_another_platform_holds_no_month_up(installation):
    """It has no price and never gets one: the month is written at once, though it would wait three months for an open cost."""
    stack, out = installation(grace="90d")
    stack.ingest.send([record(user="u-0", cost=None, at=LAST, generation_id="chatcmpl-" + new_generation_id()[4:], model="llama3.2:1b")])
    stack.drained()
    stack.reportd.start()
    manifest = check_folder(stack, wait_until(folder_of(out), "the month's folder"), 5)
    assert manifest["month"] == MONTH and stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01"})["total"]["requests"] == 7


@pytest.mark.slow
def test_a_folder_that_is_there_is_not_written_over(installation, receiver):
    stack, out = installation(files="report.pdf")
    (out / MONTH).mkdir()
    (out / MONTH / "mine.txt").write_text("mine")
    stack.reportd.start()
    wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM delivery WHERE attempts=1") == "1", "a failed attempt")
    assert "is there already" in stack.db.value("SELECT last_error FROM delivery")
    assert [f.name for f in (out / MONTH).iterdir()] == ["mine.txt"] and not receiver.calls
    (out / MONTH).rename(out / "moved")
    stack.db.rows("UPDATE delivery SET next_us=0")
    check_folder(stack, wait_until(folder_of(out), "the month's folder"), 1)


@pytest.mark.slow
def test_killed_at_any_moment_there_is_one_folder_and_no_number_is_lost(installation, receiver):
    stack, out = installation(users=25)
    dice = random.Random(815)
    stack.reportd.start()
    for turn in range(8):
        victim = (stack.reportd, stack.reportd, stack.costd)[turn % 3]
        deadline = dice.uniform(0.1, 0.9)
        try:
            wait_until(folder_of(out), deadline_s=deadline)
        except AssertionError:
            pass
        victim.kill()
        victim.start()
        stack.db.rows("UPDATE delivery SET lease_until_us=0,next_us=0 WHERE state=0")  # the clock goes faster
    path = wait_until(folder_of(out), "the month's folder")
    wait_until(lambda: stack.db.value("SELECT MAX(state) FROM outbox") == "2", "the webhook")
    manifest = check_folder(stack, path, 27)
    assert [f.name for f in out.iterdir()] == [MONTH]
    assert stack.db.rows("SELECT MIN(seq),MAX(seq),COUNT(*) FROM document") == [("1", "26", "26")]
    assert {call.headers["X-Metering-Delivery"] for call in receiver.calls} == {manifest["id"]}


@pytest.mark.parametrize("settings, named", [
    ({"reportd": {"DELIVERY_DIR": "/nonexistent/folder"}}, "DELIVERY_DIR"),
    ({"reportd": {"DELIVERY_DIR": "/tmp", "DELIVERY_FILES": "report.doc"}}, "DELIVERY_FILES"),
    ({"costd": {"DELIVERY_WEBHOOK_URL": "https://x.example/hook"}}, "DELIVERY_WEBHOOK_SECRET"),
    ({"costd": {"DELIVERY_WEBHOOK_URL": "ftp://x.example/", "DELIVERY_WEBHOOK_SECRET": SECRET}}, "DELIVERY_WEBHOOK_URL")])
def test_settings_that_cannot_work_stop_the_start(make_stack, settings, named):
    stack = make_stack(started=False, stub=None, settings=settings)
    process = getattr(stack, next(iter(settings)))
    process.start(wait=False)
    assert process.child.wait(120) != 0
    assert named in process.log and "x.example" not in process.log
