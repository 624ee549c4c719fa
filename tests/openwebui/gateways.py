# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the drive's records go: the whole installation (./run), or a receiver that
only keeps what it is sent.  Both answer rows(): what the ledger holds, by row."""
import http.client
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from owui import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "plugin" / "tests"), str(ROOT / "tests" / "support")]

from client import Client  # noqa: E402
from otlp import trace  # noqa: E402
from receiver import Receiver  # noqa: E402


ABOUT = ("task", "kind", "platform", "origin", "source", "turn_id", "chat_id", "message_id", "requested_model")


class Row:
    def __init__(self, generation_id, user, model, cost, state, requests=1, marks=(), unsettled=False,
                 user_name=None, groups=(), about=None):
        self.generation_id, self.user, self.model, self.state = generation_id, user, model, state
        self.cost = None if cost is None else Decimal(str(cost))
        self.requests, self.marks, self.unsettled = requests, list(marks), unsettled
        self.user_name, self.groups = user_name, list(groups)
        for name in ABOUT:
            setattr(self, name, (about or {}).get(name))
        self.tells_kind = "kind" in (about or {})

    def __repr__(self):
        return " ".join(f"{name}={value}" for name, value in vars(self).items() if value not in (None, [], False, True))


class KeepingGateway:
    """The receiver of the plugin's tests; no look-ups, so a stopped stream has no cost."""

    settles = False

    def __init__(self, folder, stub):
        self.receiver = Receiver()
        self.valves = self.receiver.valves

    def start(self):
        if self.receiver.server is None:
            self.receiver.start()

    def stop(self):
        self.receiver.stop()

    def rows(self):
        rows = []
        for key, record in self.receiver.ledger().items():
            person, usage = record["user"], record.get("usage") or {}
            rows.append(Row(key, person.get("id"), record.get("model"), usage.get("cost"), record["state"],
                            user_name=person.get("name"), groups=person.get("groups") or (), about=record))
        return rows

    def pending(self):
        return 0

    def heartbeats(self):
        """heartbeats is what the plugin last said of itself, by sender."""
        return list({beat.get("sender"): beat for beat in self.receiver.heartbeats}.values())

    def said(self):
        return self.receiver.outgoing


class Stack:
    """./run start and ./run stop in a METERING_HOME of the drive's own."""

    settles = True

    def __init__(self, folder, stub):
        self.home, self.port, self.person = Path(folder) / "metering", free_port(), None
        self.env = {**os.environ, "METERING_HOME": str(self.home), "PORT": str(self.port),
                    "OPENROUTER_BASE_URL": stub.base_url, "OPENROUTER_API_KEY": "sk-or-v1-stub"}
        self.start()
        access = dict(line.split("=", 1) for line in (self.home / "access.env").read_text().splitlines() if "=" in line)
        self.access = {name: value.strip().strip("'\"") for name, value in access.items()}
        self.valves = {"endpoint": f"http://127.0.0.1:{self.port}", "api_key": self.access["API_KEY"]}

    def _run(self, verb):
        done = subprocess.run([str(ROOT / "run"), verb], env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
        assert done.returncode == 0, f"./run {verb}:\n{done.stdout[-4000:]}"

    def start(self):
        self._run("start")

    def stop(self):
        self._run("stop")

    def rows(self):
        found, cursor = [], None
        while True:
            page = self._get("/api/v1/generations" + (f"?cursor={cursor}" if cursor else ""))
            for item in page["items"]:
                found.append(Row(item["generation_id"], item["user"], item["model"], item["cost"], item["cost_state"],
                                 item["requests"], item["marks"], item["unsettled"], item["user_name"], item["groups"],
                                 item))
            cursor = page.get("next_cursor")
            if not cursor:
                return found

    def detail(self, generation_id):
        """detail is a row with its history, None where there is no such row."""
        return self._call("GET", f"/api/v1/generations/{generation_id}", self.access["READ_API_KEY"], or_none=404)

    def ask_open_webui(self, url, key):
        """ask_open_webui starts costd again, which then asks Open WebUI for its users every second."""
        self.env.update(OPENWEBUI_ENDPOINT=url, OPENWEBUI_API_KEY=key, OPENWEBUI_INTERVAL="1s")
        self.start()

    def users(self):
        """users is everybody whom the installation knows, by id; a person's session may ask for that."""
        if self.person is None:
            self.person = Client(self.port, None)
            self.person.enter(self.person.request("POST", "/api/v1/login", {"password": self.access["ADMIN_PASSWORD"]},
                                                  expect=200, checked=False))
        items, cursor = [], None
        while True:
            page = self.person.request("GET", "/api/v1/users" + (f"?cursor={cursor}" if cursor else ""), expect=200, checked=False).json()
            items, cursor = items + page["items"], page["next_cursor"]
            if not cursor:
                return {item["id"]: item for item in items}

    def total(self):
        return self._get("/api/v1/usage?from=2020-01-01&to=2100-01-01")["total"]

    def pending(self):
        """pending is how many records the gateway has not delivered yet."""
        return self._get("/api/v1/pipeline")["spool"]["pending"]

    def heartbeats(self):
        return self._get("/api/v1/senders")["items"]

    def refused(self):
        return self._get("/api/v1/refused")["items"]

    def trace(self, *spans):
        """trace is OpenRouter's Broadcast."""
        said = self._call("POST", "/api/v1/traces", self.access["API_KEY"], trace(*spans))
        assert not said.get("partialSuccess"), said

    def check(self):
        """check is costd --check: (whether all adds up, what it says)."""
        done = subprocess.run([str(ROOT / "run"), "costd", "--check"], env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        return done.returncode == 0, done.stdout

    def _get(self, path):
        return self._call("GET", path, self.access["READ_API_KEY"])

    def _call(self, method, path, key, body=None, or_none=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status == or_none:
            return None
        assert response.status == 200, f"{path}: HTTP {response.status} {body[:300]!r}"
        return json.loads(body)

    def said(self):
        return json.dumps(self._get("/api/v1/generations"))
