# SPDX-License-Identifier: AGPL-3.0-or-later
"""An HTTP client that holds every reply against the contract, and raw sockets for what a client must not send."""
import gzip
import http.client
import json
import socket
import time
from urllib.parse import quote, urlencode

# What every answer carries, whatever its status (values are compared exactly).
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": None,
    "content-security-policy": None,
    "permissions-policy": None,
}


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.header_list, self.body = status, headers, body

    def __getitem__(self, name):
        """reply["Header-Name"]: its value, or None; a header sent twice is an error."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else None

    def all(self, name):
        return [value for key, value in self.header_list if key.lower() == name.lower()]

    @property
    def content(self):
        return gzip.decompress(self.body) if self["Content-Encoding"] == "gzip" else self.body

    @property
    def text(self):
        return self.content.decode("utf-8")

    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"<{self.status} {self['Content-Type']} {self.body[:300]!r}>"


class Client:
    """One caller: without a key, the holder of a key, or a logged-in browser (cookie and token)."""

    def __init__(self, port, contract, key=None, host="127.0.0.1", timeout_s=120):
        self.host, self.port, self.contract, self.key = host, port, contract, key
        self.cookie, self.token, self.mark, self.timeout_s = None, None, None, timeout_s

    def request(self, method, target, body=None, headers=None, expect=None, checked=True):
        given = {"Host": f"{self.host}:{self.port}"}
        if self.key is not None:
            given["Authorization"] = f"Bearer {self.key}"
        cookies = {"auth_token": self.cookie, "browser_mark": self.mark}
        if self.cookie is not None or self.mark is not None:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items() if value is not None)
        if self.token is not None:
            given["X-Session-Token"] = self.token
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            given["Content-Type"] = "application/json"
        if isinstance(body, str):
            body = body.encode("utf-8")
        if body is not None:
            given["Content-Length"] = str(len(body))
        elif method in ("POST", "PUT", "PATCH"):
            given["Content-Length"] = "0"
        given.update(headers or {})
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            endless = (answer.headers["Content-Type"] or "").startswith("text/event-stream")  # see sse.py
            reply = Reply(answer.status, answer.getheaders(), b"" if endless else answer.read())
        finally:
            connection.close()
        if checked:
            check_headers(method, target, reply)
            if method != "HEAD":
                self.contract.check(method, target, reply.status, reply["Content-Type"], reply.content)
        if expect is not None:
            assert reply.status == expect, f"{method} {target}: {expect} was expected, got {reply}"
        return reply

    def get(self, target, expect=200, headers=None, **query):
        if query:
            target += "?" + urlencode({k: v for k, v in query.items() if v is not None})
        return self.request("GET", target, headers=headers, expect=expect)

    def post(self, target, body=None, expect=200, headers=None):
        return self.request("POST", target, body=body, headers=headers, expect=expect)

    # the calls most tests make

    def send(self, records, expect=200):
        return self.post("/api/v1/events", records, expect=expect).json()

    def login(self, password, expect=200):
        reply = self.post("/api/v1/login", {"password": password}, expect=expect)
        if reply.status == 200:
            self.enter(reply)
        return reply

    def enter(self, reply):
        """enter keeps of a login's reply what a browser does, but for the mark, which tests about it take."""
        self.cookie, self.token = cookie_of(reply), reply.json()["token"]

    def as_session_of(self, other):
        """as_session_of takes both halves of another's session: the same browser at another address."""
        self.cookie, self.token = other.cookie, other.token
        return self

    def session_lines(self):
        """session_lines are the session's headers, for requests that are sent as bytes."""
        return f"Cookie: auth_token={self.cookie}\r\nX-Session-Token: {self.token}\r\n"

    def ticket(self, path, expect=200):
        """ticket gives the URL that opens the path once."""
        reply = self.post("/api/v1/tickets", {"path": path}, expect=expect)
        return reply.json()["url"] if reply.status == 200 else reply

    def usage(self, **query):
        return self.get("/api/v1/usage", **query).json()

    def generations(self, **query):
        """generations returns all rows, page by page."""
        rows, cursor = [], None
        while True:
            page = self.get("/api/v1/generations", cursor=cursor, **query).json()
            rows += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows

    def statement(self, user, month, kind, expect=200):
        return self.get(f"/api/v1/statements/{quote(user, safe='')}/{month}.{kind}", expect=expect)

    def metrics(self):
        """metrics maps each sample, with its labels, to its value as text."""
        lines = self.get("/api/v1/metrics").text.splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))


def check_headers(method, target, reply):
    for name, value in SECURITY_HEADERS.items():
        got = reply[name]
        assert got is not None, f"{method} {target} -> {reply.status}: no {name}; {reply.header_list}"
        assert value is None or got == value, f"{method} {target} -> {reply.status}: {name} is {got!r}"


def cookie_of(reply, wanted="auth_token"):
    """cookie_of returns the value of that name in the Set-Cookie lines."""
    pairs = [line.split(";")[0].partition("=") for line in reply.all("Set-Cookie")]
    values = [value for name, _, value in pairs if name == wanted]
    assert len(values) == 1 and values[0], reply.all("Set-Cookie")
    return values[0]


class RawReply(Reply):
    def __init__(self, data, closed):
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.") else None
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]
        super().__init__(status, headers, body)
        self.data, self.closed = data, closed


def raw(port, data, timeout_s=60, half_close=False):
    """raw sends bytes and returns all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent: the answer may still be there
        return receive(connection, timeout_s)


def receive(connection, timeout_s):
    """receive reads until the peer closes; RawReply.closed is False if it did not in time."""
    received, deadline = b"", time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            part = connection.recv(65536)
            if not part:
                return RawReply(received, True)
            received += part
    except ConnectionResetError:
        return RawReply(received, True)
    except socket.timeout:
        pass
    return RawReply(received, False)
