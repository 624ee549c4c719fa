# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bytes that no decent client sends, over raw sockets."""
import http.client
import json
import re
import select
import socket
import threading
import time

import pytest
from client import SECURITY_HEADERS, raw, receive
from records import record
from stack import Stack

LIMIT_S = 60  # a guard against hangs, not a measure


def get(path="/healthcheck", *headers, version="HTTP/1.1", host="Host: x"):
    lines = [f"GET {path} {version}", *([host] if host else []), *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def post(stack, body, *headers, length=True, key=True):
    lines = ["POST /api/v1/events HTTP/1.1", "Host: x", "Content-Type: application/json"]
    if key:
        lines.append(f"Authorization: Bearer {stack.ingest_key}")
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def body():
    return json.dumps(record()).encode()


def count(stack):
    stack.drained()
    return int(stack.db.value("SELECT COUNT(*) FROM record"))


def refused(stack, data, statuses=(400,), **options):
    reply = raw(stack.port, data, timeout_s=LIMIT_S, **options)
    assert reply.closed, f"the connection stayed open: {reply.data[:200]}"
    assert reply.status in statuses, reply.data[:300]
    for name in SECURITY_HEADERS:
        assert reply[name] is not None, f"no {name} in {reply.data[:500]}"
    return reply


# S1: nothing of the library's own


def test_options_is_ours_and_has_no_cors(stack):
    data = get("/api/v1/usage", "Origin: https://evil.example", "Access-Control-Request-Method: GET", "Connection: close").replace(b"GET", b"OPTIONS", 1)
    reply = refused(stack, data, (405,))
    assert "access-control" not in reply.data.decode().lower() and reply["Allow"]


@pytest.mark.parametrize("path", ["/", "/api/v1/live", "/healthcheck"])
def test_websocket_is_not_spoken(stack, path):
    reply = raw(stack.port, get(path, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
    assert reply.status not in (None, 101) and reply.closed


@pytest.mark.parametrize("path", [
    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/assets/../../../etc/passwd", "/.htpasswd",
    "/assets/%2e%2e/%2e%2e/etc/passwd", "/..\\..\\etc\\passwd", "//etc/passwd", "/./././etc/passwd", "/%252e%252e/etc/passwd",
])
def test_no_way_to_files(stack, path):
    reply = raw(stack.port, get(path, "Connection: close"))
    assert b"root:" not in reply.data and reply.status in (200, 400, 404), reply.data[:200]
    if reply.status == 200:
        assert b"<!doctype html>" in reply.data.lower()


# S2: what proxies and servers could read differently


@pytest.mark.parametrize("headers", [
    ["Content-Length: 5", "Transfer-Encoding: chunked"], ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5", "Content-Length: 5"], ["Content-Length: 3abc"],
    ["Content-Length: -1"], ["Content-Length: +5"], ["Content-Length: 0x5"], ["Content-Length: 5, 5"], ["Content-Length: "],
    ["Content-Length: 9223372036854775807"], ["Content-Length: 99999999999999999999"], ["Content-Length: 5 5"],
    ["Transfer-Encoding: gzip"], ["Transfer-Encoding: chunked, identity"], ["Transfer-Encoding: xchunked"],
    ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
], ids=repr)
def test_ambiguous_body_lengths(stack, headers):
    before = count(stack)
    refused(stack, post(stack, b"", *headers, length=False) + b"0\r\n\r\n", (400, 411, 413, 501))
    assert count(stack) == before


def test_post_without_a_length(stack):
    refused(stack, post(stack, b"", "Connection: close", length=False), (400, 411))


def test_too_many_headers(stack):
    refused(stack, get("/healthcheck", *[f"X-{n}: 1" for n in range(80)]), (400, 431))


def test_length_behind_too_many_headers(stack):
    data = post(stack, body(), *[f"X-{n}: 1" for n in range(70)], "Content-Length: 1", length=False)
    refused(stack, data, (400, 411, 431))


def test_huge_header(stack):
    refused(stack, get("/healthcheck", "X: " + "y" * 100_000), (400, 413, 431))


def test_huge_path(stack):
    refused(stack, get("/" + "y" * 100_000), (400, 414, 431))


@pytest.mark.parametrize("data", [
    get(host=None), get("/healthcheck", "Host: y"), get(version="HTTP/3.0"), get(version="HTTP/1.1x"), get(version=""),
    get(version="HTTP/0.9"), b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"\r\n\r\n", b"GET /healthcheck\r\n\r\n",
    get("/healthcheck", "X\x00Y: 1"), get("/healthcheck", "X: a\x00b"), get("/health\x00check"), get("/%00"), get("/a%0d%0ab"),
    get("/a%0aSet-Cookie:x"), get("/healthcheck", "No-Colon"),
    get("http://other.example/healthcheck"), b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
], ids=lambda d: repr(d[:50]))
def test_broken_requests_are_refused_and_closed(stack, data):
    reply = raw(stack.port, data, timeout_s=LIMIT_S, half_close=True)
    assert reply.closed and (reply.status is None or 400 <= reply.status < 600), reply.data[:300]
    stack.nobody.get("/healthcheck")


@pytest.mark.parametrize("line", [": empty", "Folded: a\r\n b", " Leading: a", "Space : a"])
def test_odd_header_lines_hide_at_most_themselves(stack, line):
    """civetweb reads on or stops reading headers there: a key after such a line is seen whole or not at all."""
    reply = raw(stack.port, get("/api/v1/session", line, f"Authorization: Bearer {stack.read_key}"), timeout_s=LIMIT_S)
    assert reply.closed and reply.status in (200, 400, 401)
    assert raw(stack.port, get("/api/v1/session", line), timeout_s=LIMIT_S).status in (400, 401)


def test_folded_header_cannot_hide_a_length(stack):
    before = count(stack)
    data = post(stack, body(), "X: a\r\n b", f"Content-Length: {len(body())}", length=False)
    refused(stack, data, (400, 411))
    assert count(stack) == before


def test_bare_line_feeds_do_not_smuggle(stack):
    reply = raw(stack.port, b"GET /healthcheck HTTP/1.1\nHost: x\n\n", timeout_s=LIMIT_S)
    assert reply.closed and reply.status in (200, 400)


# S3: another request on the same connection, and none smuggled


def answers(stack, *parts, half_close=True):
    """answers are the status lines that come back for bytes sent at once over one connection."""
    reply = raw(stack.port, b"".join(parts), timeout_s=LIMIT_S, half_close=half_close)
    assert reply.closed
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", reply.data)]


def test_pipelined_requests_are_answered_in_order(stack):
    before = count(stack)
    one = body()
    assert answers(stack, get("/healthcheck"), get("/api/v1/nothing"), post(stack, one), post(stack, b"[]"), get("/healthcheck")) == \
        [200, 404, 200, 200, 200]
    assert count(stack) == before + 1


def test_a_kept_connection_is_told_for_how_long(stack):
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=LIMIT_S)
    for _ in range(3):
        connection.request("GET", "/healthcheck")
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read() and reply.headers["Keep-Alive"].startswith("timeout=")
        socket_before = connection.sock
        assert socket_before is not None
    connection.close()


@pytest.mark.parametrize("first", [
    lambda stack: get("/healthcheck", "Connection: close"), lambda stack: get("/healthcheck", "Connection: keep-alive, close"),
    lambda stack: get("/healthcheck", version="HTTP/1.0"), lambda stack: get("/healthcheck", "Connection: keep-alive", version="HTTP/1.0"),
    lambda stack: get("/healthcheck", host=None), lambda stack: get("/healthcheck", "Content-Length: 5") + b"hello",
    lambda stack: get("/healthcheck", "Content-Length: 50"), lambda stack: get("/healthcheck", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    lambda stack: post(stack, b"{}", key=False), lambda stack: post(stack, b"[]", "Content-Length: 2"),
    lambda stack: post(stack, b"", "Transfer-Encoding: chunked", length=False) + b"2\r\n[]\r\n0\r\n\r\n",
    lambda stack: post(stack, b"", "Content-Length: 99999999", length=False),
    lambda stack: get("/healthcheck", "X: a\r\n b", "Content-Length: 100"), lambda stack: get("/healthcheck", " X: a", "Content-Length: 100"),
    lambda stack: get("/healthcheck", ": a", "Content-Length: 100"), lambda stack: get("/healthcheck", "Content-Length : 100"),
    lambda stack: get("/healthcheck", *[f"X-{n}: 1" for n in range(70)]), lambda stack: get("/healthcheck").replace(b"Host: x\r\n", b"Host: x\n"),
    lambda stack: get("/healthcheck", "X: a").replace(b"X: a\r\n", b"X: a\n"), lambda stack: get("/%00"),
    lambda stack: get("/healthcheck", "Upgrade: websocket", "Connection: Upgrade"), lambda stack: b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    lambda stack: get("/healthcheck").replace(b"GET", b"OPTIONS") .replace(b"/healthcheck", b"*"),
], ids=range(23))
def test_doubtful_ends_close_the_connection(stack, first):
    """What follows may be the rest of a body: it must never be taken for a request."""
    hidden = post(stack, body())
    before = count(stack)
    got = answers(stack, first(stack), hidden)
    assert len(got) <= 1, got
    assert count(stack) == before


def test_rest_of_a_body_is_a_request_of_its_own_or_none(stack):
    assert answers(stack, post(stack, b"[]"), b"garbage\r\n\r\n") in ([200], [200, 400])


def test_idle_kept_connections_do_not_stop_the_server(make_stack):
    """More clients that keep their connection than there are workers."""
    stack = make_stack(settings={"gateway": {"HTTP_THREADS": "4"}})
    held = []
    for _ in range(16):
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=LIMIT_S)
        begun = time.monotonic()
        connection.request("GET", "/healthcheck")
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read()
        assert time.monotonic() - begun < 8  # after an idle one it would wait ten seconds for its end
        held.append(connection)
    assert sum(connection.sock is not None for connection in held) == 2  # of four workers
    begun = time.monotonic()
    stack.ingest.send(record())
    assert time.monotonic() - begun < 8
    for connection in held:
        connection.close()


def test_an_idle_kept_connection_ends(stack):
    begun = time.monotonic()
    reply = raw(stack.port, get("/healthcheck"), timeout_s=LIMIT_S)
    assert reply.closed and reply.status == 200 and 5 < time.monotonic() - begun < 30  # it is kept for ten seconds


def test_many_kept_connections_send_at_once(stack):
    sent = [record() for _ in range(150)]
    links = [http.client.HTTPConnection("127.0.0.1", stack.port, timeout=LIMIT_S) for _ in range(10)]
    before = count(stack)
    for at in range(0, 150, 10):
        for link, one in zip(links, sent[at:at + 10]):
            link.request("POST", "/api/v1/events", json.dumps(one),
                         {"Authorization": f"Bearer {stack.ingest_key}", "Content-Type": "application/json"})
        for link in links:
            reply = link.getresponse()
            assert reply.status == 200 and json.loads(reply.read())["accepted"] == 1
    assert count(stack) == before + 150


# Bodies that end early


def test_cut_body_stores_nothing(stack):
    before = count(stack)
    whole = b"\n".join(json.dumps(record()).encode() for _ in range(3))
    head = post(stack, b"", f"Content-Length: {len(whole) + 100}", length=False).replace(b"application/json", b"application/x-ndjson")
    reply = raw(stack.port, head + whole, timeout_s=LIMIT_S, half_close=True)
    assert reply.status in (None, 400, 408)
    assert count(stack) == before


@pytest.mark.parametrize("chunks, ok", [
    (b"2\r\n[]\r\n0\r\n\r\n", True), (b"2;x=y\r\n[]\r\n0\r\n\r\n", None), (b"2\r\n[]\r\n", False), (b"zz\r\n[]\r\n0\r\n\r\n", False),
    (b"-2\r\n[]\r\n0\r\n\r\n", False), (b"2\r\n[]0\r\n\r\n", False), (b"fffffffffffffffff\r\n[]\r\n0\r\n\r\n", False),
    (b"2\r\n[]\r\n0\r\nX: y\r\n\r\n", None),
], ids=repr)
def test_chunked_bodies(stack, chunks, ok):
    before = count(stack)
    reply = raw(stack.port, post(stack, b"", "Transfer-Encoding: chunked", length=False) + chunks, timeout_s=LIMIT_S, half_close=True)
    if ok:
        assert reply.status in (200, 411), reply.data[:200]
    elif ok is False:
        assert reply.status in (None, 400, 408, 411, 413), reply.data[:200]
    assert count(stack) == before


def test_chunked_record_is_taken_whole_or_refused(stack):
    data = body()
    half = len(data) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (data[:half], data[half:])) + b"0\r\n\r\n"
    before = count(stack)
    reply = raw(stack.port, post(stack, b"", "Transfer-Encoding: chunked", length=False) + chunks, timeout_s=LIMIT_S)
    assert (reply.status, count(stack) - before) in ((200, 1), (411, 0)), reply.data[:200]


def resident_kb(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


@pytest.fixture(scope="module")
def patient(tmp_path_factory, mariadb, contract, stub):
    """patient waits longer for a body than any test for an answer: what comes came before the body."""
    with Stack(tmp_path_factory.mktemp("patient"), mariadb, contract, stub,
               settings={"gateway": {"BODY_TIMEOUT": "600"}}) as installation:
        yield installation


def test_endless_chunked_body_is_cut_off(stack):
    before, begun, sent = resident_kb(stack.gateway), time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) as connection:
        connection.sendall(post(stack, b"", "Transfer-Encoding: chunked", length=False))
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        try:
            while time.monotonic() - begun < LIMIT_S:
                connection.sendall(chunk)
                sent += 65536
        except OSError:
            pass
        else:
            pytest.fail(f"{sent >> 20} MiB were taken")
    assert resident_kb(stack.gateway) - before < 200_000
    stack.nobody.get("/healthcheck")


def test_big_declared_body_is_refused_before_it_is_sent(patient):
    refused(patient, post(patient, b"", "Content-Length: 1000000000", length=False), (413,))


def test_key_is_checked_before_the_body_is_read(patient):
    refused(patient, post(patient, b"", "Content-Length: 1000", length=False, key=False), (401,))


# S4, S5: slow and idle peers


def test_trickling_bodies_do_not_stop_the_server(make_stack):
    stack = make_stack(settings={"gateway": {"HTTP_THREADS": "4", "BODY_TIMEOUT": "3"}})
    stop = threading.Event()
    ended = []

    def trickle():
        with socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) as connection:
            connection.sendall(post(stack, b"", "Content-Length: 1000", length=False))
            try:
                while not stop.wait(0.3):
                    connection.sendall(b" ")
            except OSError:
                ended.append(time.monotonic())

    threads = [threading.Thread(target=trickle) for _ in range(4)]
    begun = time.monotonic()  # one body would take five minutes
    for thread in threads:
        thread.start()
    stack.nobody.get("/healthcheck")
    took = time.monotonic() - begun
    stop_at = time.monotonic() + LIMIT_S
    while len(ended) < 4 and time.monotonic() < stop_at:
        stop.wait(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert took < 60, f"the fifth request waited {took:.1f} s"
    assert len(ended) == 4, "the slow bodies were not cut off"


def test_large_bodies_share_a_bounded_memory(make_stack):
    stack = make_stack(settings={"gateway": {"BODY_TIMEOUT": "600"}})
    head = post(stack, b"", "Content-Length: 8388608", length=False)
    held = [socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) for _ in range(12)]
    try:
        for connection in held:
            connection.sendall(head)
        # Four find room and are read on; the others are answered at once.
        refused_ones = set()
        stop_at = time.monotonic() + LIMIT_S
        while len(refused_ones) < 8 and time.monotonic() < stop_at:
            for connection in select.select(set(held) - refused_ones, [], [], 0.2)[0]:
                assert connection.recv(4096).startswith(b"HTTP/1.1 503 ")
                refused_ones.add(connection)
        assert len(refused_ones) == 8
        stack.ingest.send(record())  # small ones pass
        assert not select.select(set(held) - refused_ones, [], [], 0)[0]
    finally:
        for connection in held:
            connection.close()


def test_slow_body_is_answered_408(make_stack):
    stack = make_stack(settings={"gateway": {"BODY_TIMEOUT": "1"}})
    reply = raw(stack.port, post(stack, b"[", "Content-Length: 1000", length=False), timeout_s=LIMIT_S)
    assert reply.closed and reply.status in (408, None), reply.data[:200]


def test_idle_connections_do_not_stop_the_server(make_stack):
    stack = make_stack(settings={"gateway": {"HTTP_THREADS": "4"}})
    idle = [socket.create_connection(("127.0.0.1", stack.port)) for _ in range(8)]
    idle[0].sendall(b"GET / HT")
    begun = time.monotonic()
    stack.nobody.get("/healthcheck")
    assert time.monotonic() - begun < LIMIT_S
    for connection in idle:
        connection.close()


def test_many_connections_at_once(stack):
    connections = [socket.create_connection(("127.0.0.1", stack.port)) for _ in range(200)]
    for connection in connections:
        connection.sendall(get("/healthcheck", "Connection: close"))
    replies = [receive(connection, LIMIT_S) for connection in connections]
    for connection in connections:
        connection.close()
    answered = sum(reply.status == 200 for reply in replies)
    assert answered >= 40, f"only {answered} of 200 were answered"
    stack.nobody.get("/healthcheck")


def test_resets_do_no_harm(stack):
    for _ in range(300):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.connect(("127.0.0.1", stack.port))
        connection.sendall(b"GET /")
        connection.close()
    stack.nobody.get("/healthcheck")


# S7: methods


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_listed_methods(stack, contract, method):
    for operation in contract.operations:
        target = contract.example_path(operation)
        known = {o.method for o in contract.operations if o.pattern.match(target)}
        if method in known or (method == "HEAD" and "GET" in known):
            continue
        reply = stack.read.request(method, target, body=b"{}" if method in ("POST", "PUT", "PATCH") else None)
        assert reply.status == 405, f"{method} {target}: {reply}"
        assert known <= {name.strip() for name in reply["Allow"].split(",")}


def test_unknown_api_path_is_a_problem(stack):
    for path in ("/api/v1/nothing", "/api/v2/usage", "/api", "/api/", "/api/v1/usage/", "/api/v1//usage"):
        reply = stack.read.request("GET", path)
        assert reply.status == 404 and reply["Content-Type"].startswith("application/problem+json"), reply


# S8


def test_expect_continue_is_answered_at_once(patient):
    stack = patient
    data = b"[" + b",".join(json.dumps(record()).encode() for _ in range(200)) + b"]"
    head = post(stack, b"", f"Content-Length: {len(data)}", "Expect: 100-continue", "Connection: close", length=False)
    with socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) as connection:
        connection.sendall(head)
        first = connection.recv(65536)
        assert first.startswith((b"HTTP/1.1 100", b"HTTP/1.1 417")), first
        connection.sendall(data)
        reply = receive(connection, LIMIT_S)
    assert b"200" in (first + reply.data)


def test_head_has_no_body(stack):
    reply = raw(stack.port, get("/healthcheck", "Connection: close").replace(b"GET", b"HEAD", 1))
    assert reply.status in (200, 405) and reply.body == b""


def test_garbage_on_the_inner_ports_does_no_harm(make_stack):
    stack = make_stack()
    for url in (stack.costd_url, stack.reportd_url):
        port = int(url.rsplit(":", 1)[1])
        for data in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00SP\x00\x00\x30\x00\x00", b"\x00SP\x00\x00\x30\x00\x00" + b"\xff" * 64,
                     b"\x00SP\x00\x00\x30\x00\x00" + b"\x00" * 7 + b"\x08" + b"\x80\x00\x00\x01garb",
                     b"\x00SP\x00\x00\x30\x00\x00" + b"\x40\x00\x00\x00\x00\x00\x00\x00"):
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(data)
    stack.wait_ready()
    stack.ingest.send(record())
    stack.drained()
    assert stack.read.usage()["total"]["requests"] == 1
