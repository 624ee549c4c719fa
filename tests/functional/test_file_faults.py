# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files whose figures come slowly, stop coming, or come from a costd that was started again; files of several
reportd.  A valve between reportd and costd stops the figures at the same place each time."""
import hashlib
import http.client
import io
import threading
import time
import zipfile
from datetime import datetime, timedelta, timezone

import pytest
from issuing import issue, issued
from records import record
from stack import Stack, wait_until
from valve import Valve

MONTH = "2026-10"
START = datetime(2026, 10, 1, 0, 0, 1, tzinfo=timezone.utc)
PAGES = 2  # full ones; reportd asks for 2000 rows at a time
QUIET = {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}
CSV, ZIP, XLSX = (f"/api/v1/reports/{MONTH}.{end}" for end in ("csv", "zip", "xlsx"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    one = Stack(tmp_path_factory.mktemp("file-faults"), mariadb, contract, stub, settings={"costd": QUIET})
    one.valve = Valve(int(one.costd_url.rsplit(":", 1)[1]))
    one.reportd.env |= {"COSTD_URL": one.valve.url, "WORKER": "1"}
    with one:
        for page in range(PAGES * 4 + 1):
            one.ingest.send([record(user=f"u-{n % 3}", cost=f"0.0000001{n:03d}", at=START + timedelta(minutes=page * 500 + n))
                             for n in range(500 if page < PAGES * 4 else 100)])
        one.drained()
        one.whole = {path: one.read.get(path).body for path in (CSV, ZIP, XLSX)}
        one.bytes = {path: bytes_of(one, path) for path in (CSV, ZIP, XLSX)}
        yield one
    one.valve.close()


def bytes_of(one, path):
    """bytes_of is how much costd says for a file."""
    before = one.valve.passed
    one.read.get(path)
    return one.valve.passed - before


@pytest.fixture(autouse=True)
def mended(stack):
    yield
    stack.valve.open()
    for service in (stack.costd, stack.reportd):
        if not service.alive:
            service.start()
    stack.wait_ready()


def stop_in(stack, path, part=0.7):
    """stop_in has the figures stop in the middle of the file's."""
    stack.valve.shut_after(int(stack.bytes[path] * part))


def restart_costd(stack):
    stack.costd.kill()
    stack.costd.start()
    stack.wait_ready()
    stack.valve.cut()


def same(body, stack, path):
    return hashlib.sha256(body).hexdigest() == hashlib.sha256(stack.whole[path]).hexdigest()


class Download:
    """A file under way: its head has arrived."""

    def __init__(self, stack, path):
        self.stack = stack
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=120)
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {stack.read_key}"})
        self.reply = self.connection.getresponse()

    def __enter__(self):
        return self

    def stopped(self):
        """stopped waits until its figures have come as far as they may: on a slow machine its head comes before."""
        wait_until(lambda: self.stack.valve.shut, "the figures stop")

    def __exit__(self, *_):
        self.connection.close()


# ---- files that take long ---------------------------------------------------

@pytest.mark.parametrize("path", [CSV, ZIP])
def test_slow_file_comes_in_chunks_and_whole(stack, path):
    stop_in(stack, path)
    with Download(stack, path) as download:  # comes while the figures do not
        download.stopped()
        assert download.reply.status == 200
        assert download.reply.getheader("Transfer-Encoding") == "chunked" and download.reply.getheader("Content-Length") is None
        assert download.reply.getheader("ETag") is None and "filename=" in download.reply.getheader("Content-Disposition")
        stack.valve.open()
        assert same(download.reply.read(), stack, path)


def test_cut_connection_to_costd_does_not_show(stack):
    stop_in(stack, CSV)
    with Download(stack, CSV) as download:
        download.stopped()
        stack.valve.cut()
        assert same(download.reply.read(), stack, CSV)


@pytest.mark.parametrize("path", [CSV, ZIP])
def test_file_that_fails_half_way_is_cut_off(stack, path):
    stop_in(stack, path)
    with Download(stack, path) as download:
        download.stopped()
        stack.costd.kill()
        stack.valve.cut()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)) as broken:
            download.reply.read()
        part = getattr(broken.value, "partial", b"")
        assert len(part) < len(stack.whole[path])
        if path == ZIP:
            assert not zipfile.is_zipfile(io.BytesIO(part))
        else:
            assert stack.whole[path].startswith(part)
    wait_until(lambda: "a file was not sent to its end" in stack.gateway.log, "the gateway says so")


def test_file_of_a_reportd_that_dies_half_way_is_cut_off(stack):
    stop_in(stack, CSV)
    with Download(stack, CSV) as download:
        download.stopped()
        stack.reportd.kill()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            download.reply.read()


# ---- figures that are lost --------------------------------------------------

def begin(stack, path, part=0.7):
    """begin starts an export and returns when its figures have stopped half-way."""
    session = stack.session()
    stop_in(stack, path, part)
    at = session.post("/api/v1/exports", {"target": path}, expect=202)["Location"]
    wait_until(lambda: stack.valve.shut, "the figures stop")
    return session, at


def ended(session, at):
    return wait_until(lambda: (e := session.get(at).json())["state"] not in ("queued", "running") and e, "the export ends")


@pytest.mark.parametrize("path", [CSV, XLSX])
def test_lost_figures_are_asked_for_again_and_the_file_is_exact(stack, path):
    again = stack.reportd.log.count("the file is begun again")
    session, at = begin(stack, path)
    restart_costd(stack)
    done = ended(session, at)
    assert done["state"] == "done" and done["rows_done"] == done["rows_total"] == PAGES * 2000 + 100
    assert same(session.get(at + "/file").body, stack, path)
    assert stack.reportd.log.count("the file is begun again") == again + 1


def test_costd_that_takes_a_while_to_come_back_is_waited_for(stack):
    again = stack.reportd.log.count("the file is begun again")
    session, at = begin(stack, CSV)
    stack.costd.kill()
    stack.valve.cut()
    wait_until(lambda: stack.reportd.log.count("the file is begun again") > again, "reportd sees the loss")
    gone = time.monotonic()
    wait_until(lambda: time.monotonic() - gone > 3, "longer than a call waits for a peer")
    stack.costd.start()
    assert ended(session, at)["state"] == "done"
    assert same(session.get(at + "/file").body, stack, CSV)


def test_figures_lost_twice_fail_with_a_clear_word(stack):
    session, at = begin(stack, CSV)
    stack.costd.kill()
    stack.costd.start()
    stack.wait_ready()
    stack.valve.cut(shut_after=int(stack.bytes[CSV] * 0.7))
    wait_until(lambda: stack.valve.shut, "the figures stop again")
    restart_costd(stack)
    failed = ended(session, at)
    assert failed["state"] == "failed" and "lost the rows" in failed["detail"] and failed["bytes"] is None
    refused = session.get(at + "/file", expect=503)
    assert "lost the rows" in refused.json()["detail"]


# ---- a costd that hangs -----------------------------------------------------

def test_cancelling_does_not_wait_for_a_costd_that_hangs(stack):
    session, at = begin(stack, CSV)
    assert session.get(at).json()["state"] == "running"
    assert session.request("DELETE", at).status == 204
    wait_until(lambda: int(stack.read.metrics()["owui_metering_jobs_running"]) == 0, "the worker is free", deadline_s=30)  # costd would be waited for for a minute
    assert stack.valve.shut, "while costd hangs"


@pytest.mark.parametrize("path", [CSV, f"/api/v1/reports/{MONTH}.pdf"])
def test_stopping_does_not_wait_for_a_costd_that_hangs(stack, path):
    """Neither in the middle of the figures nor at their first word."""
    session = stack.session()
    stack.valve.shut_after(int(stack.bytes[CSV] * 0.7) if path == CSV else 0)
    at = session.post("/api/v1/exports", {"target": path}, expect=202)["Location"]
    wait_until(lambda: stack.valve.shut, "the figures stop")
    assert session.get(at).json()["state"] == "running"
    stack.reportd.stop(deadline_s=30)  # costd would be waited for for a minute
    assert stack.valve.shut, "while costd hangs"
    stack.valve.cut()
    stack.reportd.start()
    stack.wait_ready()
    session.get(at, expect=404)


def test_stopping_does_not_wait_for_a_number_from_a_costd_that_hangs(stack):
    """The gateway cannot know what became of it: asked about the request, it says that there is none, and the request may be sent again."""
    session, replies = stack.session(), []
    stack.valve.shut_after(0)
    asking = threading.Thread(target=lambda: replies.append(issue(session, None, key="cut-off", month=MONTH)))
    asking.start()
    wait_until(lambda: stack.valve.shut, "the number does not come")
    stack.reportd.stop(deadline_s=14)  # the number would be waited for for 15 s
    asking.join()
    assert stack.valve.shut and replies[0].status in (202, 503)
    stack.valve.cut()
    stack.reportd.start()
    stack.wait_ready()
    wait_until(lambda: session.request("GET", "/api/v1/documents/requests/cut-off").status == 404, "reportd is back and knows nothing")
    assert issued(session, key="cut-off", month=MONTH)["number"].endswith("-000001")
