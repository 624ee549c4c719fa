# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two reportd behind one gateway: a file stays with the reportd that makes it, and when one is killed only its files are lost."""
import threading
from datetime import datetime, timedelta, timezone

import pytest
import wire
from records import record
from stack import Stack, free_port, wait_until
from valve import Valve

METRICS = 12  # of envelope.proto
PATHS = [f"/api/v1/reports/2026-10.{end}" for end in ("csv", "zip", "xlsx", "pdf")]
START = datetime(2026, 10, 3, tzinfo=timezone.utc)


class Pair(Stack):
    """The second reportd is called second; both ask costd through a valve."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.valve = Valve(int(self.costd_url.rsplit(":", 1)[1]))
        url = f"tcp://127.0.0.1:{free_port()}"
        env = {"COSTD_URL": self.valve.url, "WORKER": "4", **self.wire_keys}
        self.reportd.env |= env
        self.urls = self.reportd_url, url
        self.second = self.process("reportd", env | {"REPORTD_LISTEN": url}, name="reportd-second")
        self.gateway.env["REPORTD_URL"] = f"{self.reportd_url},{url}"

    @property
    def reportds(self):
        return self.reportd, self.second

    def __enter__(self):
        self.second.start()
        return super().__enter__()

    def __exit__(self, *fault):
        self.valve.open()
        self.second.stop()
        super().__exit__(*fault)
        self.valve.close()

    def running(self):
        """running is how many files both are making now."""
        lines = []
        for url in self.urls:
            with wire.Caller(url, wire.GATEWAY, self.wire_keys["WIRE_KEY_GATEWAY"]) as gateway:
                lines += wire.fields(gateway.ask(wire.request(METRICS)).bodies[METRICS])[1].decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("owui_metering_jobs_running "))

    def made(self):
        """made is how many files each has made."""
        return [one.log.count("document made") for one in self.reportds]

    def both_are_there(self):
        """both_are_there waits until each of them has made a file."""
        before = self.made()

        def taken():
            self.read.get(PATHS[0])
            return all(now > then for now, then in zip(self.made(), before))
        wait_until(taken, "both make files")


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    quiet = {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}
    with Pair(tmp_path_factory.mktemp("pair"), mariadb, contract, stub, settings={"costd": quiet}) as one:
        one.ingest.send([record(user=f"u-{n % 3}", cost=f"0.0000001{n:03d}", at=START + timedelta(minutes=n)) for n in range(300)])
        one.drained()
        one.both_are_there()
        one.whole = {path: one.read.get(path).body for path in PATHS}
        yield one


@pytest.fixture(autouse=True)
def valve_opens_again(stack):
    yield
    stack.valve.open()


def begin(stack):
    """begin starts one export of each kind; they alternate between the two, and cannot be finished."""
    session = stack.session()
    stack.valve.shut_after(0)
    exports = {path: session.post("/api/v1/exports", {"target": path}, expect=202)["Location"] for path in PATHS}
    begun(stack, session, exports.values(), len(PATHS))
    return session, exports


def begun(stack, session, locations, files):
    """begun waits until that many files are under way, and asks for these: a file that is not asked for is given up after a minute."""
    wait_until(lambda: [session.get(at) for at in locations] and stack.running() == files <= stack.valve.shut, "every file is begun")


def check_files(stack, session, exports):
    """check_files takes (path, location) pairs and asks for all of them until all have ended."""
    def ended():
        states = [session.get(at).json() for _, at in exports]
        return states if all(state["state"] not in ("queued", "running") for state in states) else None

    for (path, at), state in zip(exports, wait_until(ended, "the exports end")):
        assert state["state"] == "done", f"{path}: {state}"
        assert state["bytes"] == len(stack.whole[path]) and state["progress"] == 1
        for _ in range(2):
            assert session.get(at + "/file").body == stack.whole[path], path


def test_files_stay_with_the_one_that_makes_them(stack):
    before = stack.made()
    session, exports = begin(stack)
    for at in exports.values():
        for _ in range(3):
            assert session.get(at).json()["state"] == "running"
    gone = exports.pop(PATHS[0])
    assert session.request("DELETE", gone).status == 204
    session.get(gone, expect=404)
    stack.valve.open()
    check_files(stack, session, list(exports.items()))
    now = stack.made()
    assert sorted(b - a for a, b in zip(before, now)) == [1, 2], "both made some of them"
    for at in exports.values():
        assert session.request("DELETE", at).status == 204
        session.get(at, expect=404)


def test_death_of_one_costs_its_files_only(stack):
    session, exports = begin(stack)
    replies = []
    waiting = [threading.Thread(target=lambda: replies.append(stack.read.request("GET", PATHS[0]))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    begun(stack, session, exports.values(), len(PATHS) + 2)  # half of them by each
    stack.second.kill()
    states = {path: session.request("GET", at) for path, at in exports.items()}
    assert sorted(state.status for state in states.values()) == [200, 200, 503, 503]
    lost = [at for path, at in exports.items() if states[path].status == 503]
    assert all("reportd" in state.json()["detail"] for state in states.values() if state.status == 503)
    assert "reportd" in session.get(lost[0] + "/file", expect=503).json()["detail"]
    more = {path: session.post("/api/v1/exports", {"target": path}, expect=202)["Location"] for path in PATHS[:2]}
    # costd reads no more than four months at once: the CSV waits
    stack.valve.open()
    check_files(stack, session, [(path, at) for path, at in exports.items() if at not in lost] + list(more.items()))
    for thread in waiting:
        thread.join()
    assert all(reply.body == stack.whole[PATHS[0]] for reply in replies if reply.status == 200)
    assert sorted(reply.status for reply in replies) == [200, 503]
    stack.second.start()
    wait_until(lambda: session.request("GET", lost[0]).status == 404, "it is back and knows nothing")
    for at in lost:
        session.get(at + "/file", expect=404)
    stack.both_are_there()
