# SPDX-License-Identifier: AGPL-3.0-or-later
"""A reader of server-sent events that holds the stream against the contract."""
import http.client
import json
import time


class Stream:
    """with Stream(client) as stream: stream.next() -> (event, id, data)"""

    def __init__(self, client, last_event_id=None, timeout_s=60, path="/api/v1/live"):
        self.client, self.timeout_s = client, timeout_s
        self.last_id, self.comments = last_event_id, 0
        self.connection = http.client.HTTPConnection(client.host, client.port, timeout=timeout_s)
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
        if client.cookie is not None:
            headers["Cookie"] = f"auth_token={client.cookie}"
        if client.token is not None:
            headers["X-Session-Token"] = client.token
        if client.key is not None:
            headers["Authorization"] = f"Bearer {client.key}"
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self.connection.request("GET", path, headers=headers)
        self.reply = self.connection.getresponse()
        body = b"" if self.reply.status == 200 else self.reply.read()
        client.contract.check("GET", path, self.reply.status, self.reply.headers["Content-Type"], body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reply.close()
        self.connection.close()

    def block(self):
        """block reads the lines up to the next empty one; None at the end of the stream."""
        lines = []
        while True:
            line = self.reply.readline()
            if line == b"":
                return None
            if line == b"\n":
                return lines
            lines.append(line.decode("utf-8").rstrip("\n"))
            self.comments += lines[-1].startswith(":")
            if lines[-1].startswith("id: "):
                self.last_id = lines[-1][4:]

    def next(self):
        """next returns the next event; None at the end.  Comments and places without an event are passed over."""
        deadline = time.monotonic() + self.timeout_s
        while time.monotonic() < deadline:
            lines = self.block()
            if lines is None:
                return None
            fields = {"event": "message", "data": None}
            for line in lines:
                name, _, value = line.partition(": ")
                if name in fields:
                    fields[name] = value
            if fields["data"] is not None:
                return fields["event"], self.last_id, json.loads(fields["data"])
        raise AssertionError("no event came")

    def place(self):
        """place waits until the server has told where the stream stands."""
        while self.last_id is None:
            assert self.block() is not None, "the stream ended"
        return self.last_id

    def ended(self):
        """ended reads to the end of the stream, which must come: only signs of life may come before."""
        deadline = time.monotonic() + self.timeout_s
        while self.block() is not None:
            assert time.monotonic() < deadline, "the stream goes on"
        return True
