# SPDX-License-Identifier: AGPL-3.0-or-later
"""A gateway of a hundred lines on a free loopback port: it keeps what it is sent
and misbehaves on order."""
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEARTBEAT = "/api/v1/senders/heartbeat"
PATIENCE_S = int(os.environ.get("METERING_TEST_DEADLINE_S", "120"))  # a guard against hangs, not a measure


class Receiver:
    def __init__(self, key="ingest-key-of-the-test"):
        self.key, self.port = key, 0
        self.changed = threading.Condition()
        self.requests = []  # (headers, raw body, status answered)
        self.heartbeats = []  # what came to /api/v1/senders/heartbeat; orders, limits and `requests` leave them out
        self.records = []  # accepted, in order of arrival, duplicates included
        self.orders = []  # answers for the next requests: (status, headers, body or None)
        self.poison = lambda record: False  # a batch with such a record is answered 400, without a list
        self.limit = None  # a batch of more records is answered 413
        self.tag_key = None  # given with the answers
        self.refuse = lambda record: None  # a reason, or None to accept
        self.repair = lambda record: []  # the fields of an accepted record that are named as repaired
        self.reply = None  # a body for every 200 instead of the true one
        self.server = self.place = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.place.close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def valves(self):
        return {"endpoint": self.address, "api_key": self.key}

    def start(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = receiver.answer(self.path, self.headers, body)
                data = answer.encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
                with receiver.changed:
                    if self.path != HEARTBEAT:
                        receiver.requests.append((dict(self.headers), body, status))
                    receiver.changed.notify_all()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], OSError):  # who asked has left: nothing to tell
                    super().handle_error(request, client_address)

        if self.place is None:  # bound and silent, it keeps the port for us while the server is stopped
            self.place = socket.socket()
            self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.place.bind(("127.0.0.1", 0))
            self.port = self.place.getsockname()[1]
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def answer(self, path, headers, body):
        with self.changed:
            if path == HEARTBEAT:
                return self.hear(headers, body)
            if self.orders:
                status, more, text = self.orders.pop(0)
                if status != 200:
                    return status, more, text or '{"title":"no"}'
            if path != "/api/v1/events":
                return 404, {}, "not here"
            if headers.get("Authorization") != f"Bearer {self.key}":
                return 401, {}, '{"title":"wrong key"}'
            batch = json.loads(body)
            assert isinstance(batch, list) and 0 < len(batch) <= 500
            if self.limit is not None and len(batch) > self.limit:
                return 413, {}, '{"title":"too large"}'
            if any(self.poison(record) for record in batch):
                return 400, {}, '{"title":"Bad Request"}'
            rejected, repaired = [], []
            for index, record in enumerate(batch):
                reason = self.refuse(record)
                if reason:
                    rejected.append({"index": index, "reason": reason})
                elif self.reply is None:
                    self.records.append(record)
                    repaired += [{"index": index, "field": f, "reason": "not a number"} for f in self.repair(record)]
            if self.reply is not None:
                return 200, {}, self.reply
            reply = {"accepted": len(batch) - len(rejected), "rejected": rejected}
            return 200, self.with_key(), json.dumps({**reply, "repaired": repaired} if repaired else reply)

    def hear(self, headers, body):
        if headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {}, '{"title":"wrong key"}'
        self.heartbeats.append(json.loads(body))
        return 200, self.with_key(), '{"ok":true}'

    def with_key(self):
        return {} if self.tag_key is None else {"X-Tag-Key": self.tag_key}

    def wait(self, condition, seconds=PATIENCE_S):
        """wait returns when condition() holds; it is looked at after every request."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), f"did not come true in {seconds} s"

    # What a ledger would hold

    @property
    def outgoing(self):
        bodies = [body for _, body, _ in self.requests] + [json.dumps(beat).encode() for beat in self.heartbeats]
        return b"\n".join(bodies).decode()

    def ledger(self):
        """ledger joins the records by generation, the last state winning over open."""
        rows = {}
        for record in self.records:
            key = record["generation_id"] or record["turn_id"]
            row = rows.setdefault(key, {})
            if row.get("state", "open") == "open" or record["state"] != "open":
                rows[key] = {**row, **record}
        return rows


def wait_until(condition, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come true in {seconds} s"
        time.sleep(0.005)
