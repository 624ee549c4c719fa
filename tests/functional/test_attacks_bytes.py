# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bytes meant to be read in two ways: none hides a request behind another, and none makes the log longer than it is to be."""
import json
import re
import socket
import time

import pytest
from client import SECURITY_HEADERS, raw, receive
from records import record
from stack import wait_until

LIMIT_S = 60  # a guard against hangs, not a measure
PERSON = "somebody@example.org"
HEALTH = b"GET /healthcheck HTTP/1.1\r\nHost: x\r\n\r\n"


def request(line="GET /healthcheck HTTP/1.1", *headers):
    return "\r\n".join([line, "Host: x", *headers, "", ""]).encode("latin-1")


# What stands first on the connection, and is refused: each with the request that it hides behind it.
ODD = {
    "an empty line": b"\r\n" + HEALTH,
    "two empty lines": b"\r\n\r\n" + HEALTH,
    "eight empty lines": b"\r\n" * 8 + HEALTH,
    "many blanks": b" " * 16 + HEALTH,
    "a line feed": b"\n" + HEALTH,
    "two line feeds": b"\n\n" + HEALTH,
    "a carriage return": b"\r" + HEALTH,
    "a blank": b" " + HEALTH,
    "a tab": b"\t" + HEALTH,
    "a first header that begins with a blank": b"GET /healthcheck HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n",
    "a first header that begins with a tab": b"GET /healthcheck HTTP/1.1\r\n\tX: y\r\nHost: x\r\n\r\n",
    "a folded header": request("GET /healthcheck HTTP/1.1", "X: a\r\n b"),
    "a folded length": request("POST /api/v1/login HTTP/1.1", "Content-Length:\r\n 50"),
    "a blank before the colon": request("GET /healthcheck HTTP/1.1", "Content-Length : 50"),
    "a tab before the colon": request("GET /healthcheck HTTP/1.1", "Content-Length\t: 50"),
    "a name that is none": request("GET /healthcheck HTTP/1.1", "Content\x00Length: 50"),
    "no name": request("GET /healthcheck HTTP/1.1", ": 50"),
    "no colon": request("GET /healthcheck HTTP/1.1", "Content-Length"),
    "a zero byte in a value": request("GET /healthcheck HTTP/1.1", "X: a\0b"),
    "a zero byte in the path": request("GET /health\0check HTTP/1.1"),
    "a bare carriage return in a value": request("GET /healthcheck HTTP/1.1", "X: a\rContent-Length: 50"),
    "a bare carriage return in the line": request("GET /healthcheck\r HTTP/1.1"),
    "a bare line feed in a value": request("GET /healthcheck HTTP/1.1", "X: a\nContent-Length: 50"),
    "bare line feeds": b"GET /healthcheck HTTP/1.1\nHost: x\n\n",
    "an end of bare line feeds": b"GET /healthcheck HTTP/1.1\r\nHost: x\n\n",
    "the whole target": request("GET http://127.0.0.1/healthcheck HTTP/1.1"),
    "the target of another server": request("GET http://other.example:1/healthcheck HTTP/1.1"),
    "OPTIONS *": request("OPTIONS * HTTP/1.1"),
    "GET *": request("GET * HTTP/1.1"),
    "two blanks before the target": request("GET  /healthcheck HTTP/1.1"),
    "two blanks after the target": request("GET /healthcheck  HTTP/1.1"),
    "a tab after the method": request("GET\t/healthcheck HTTP/1.1"),
    "bytes above ASCII in the target": request("GET /h\xe4lthcheck HTTP/1.1"),
    "another version": request("GET /healthcheck HTTP/1.2"),
    "no version": b"GET /healthcheck\r\nHost: x\r\n\r\n",
    "a length and chunks": request("POST /api/v1/login HTTP/1.1", "Content-Type: application/json", "Content-Length: 5",
                                   "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "two lengths": request("POST /api/v1/login HTTP/1.1", "Content-Type: application/json", "Content-Length: 2", "Content-Length: 60"),
    "one length twice": request("GET /healthcheck HTTP/1.1", "Content-Length: 0", "Content-Length: 0"),
    "a length in two parts": request("GET /healthcheck HTTP/1.1", "Content-Length: 0, 0"),
    "a length with a sign": request("GET /healthcheck HTTP/1.1", "Content-Length: +0"),
    "chunks by another name": request("POST /api/v1/login HTTP/1.1", "Transfer-Encoding: \x0bchunked"),
    "chunks twice": request("POST /api/v1/login HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "no host": b"GET /healthcheck HTTP/1.1\r\n\r\n",
    "two hosts": request("GET /healthcheck HTTP/1.1", "Host: y"),
}


def hidden(stack):
    body = json.dumps(record()).encode()
    return request("POST /api/v1/events HTTP/1.1", f"Authorization: Bearer {stack.ingest_key}", "Content-Type: application/json",
                   f"Content-Length: {len(body)}") + body


def count(stack):
    stack.drained()
    return int(stack.db.value("SELECT COUNT(*) FROM record"))


def statuses(data):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]", data)]


def refused_once(reply):
    assert reply.closed, f"the connection stayed open: {reply.data[:200]}"
    assert statuses(reply.data) == [400], reply.data[:600]
    for name in SECURITY_HEADERS:
        assert reply[name] is not None, f"no {name} in {reply.data[:600]}"
    assert reply["Connection"] == "close"


@pytest.mark.parametrize("name", ODD)
def test_an_odd_head_is_refused_and_hides_nothing(stack, name):
    before = count(stack)
    refused_once(raw(stack.port, ODD[name] + hidden(stack), timeout_s=LIMIT_S))
    assert count(stack) == before


@pytest.mark.parametrize("name", ODD)
def test_an_odd_head_after_a_good_request_is_refused_and_hides_nothing(stack, name):
    before = count(stack)
    with socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) as connection:
        connection.sendall(HEALTH + HEALTH + ODD[name] + hidden(stack))
        reply = receive(connection, LIMIT_S)
    assert reply.closed and statuses(reply.data) == [200, 200, 400], reply.data[-600:]
    assert count(stack) == before


@pytest.mark.parametrize("name", ["two empty lines", "a folded header", "a bare carriage return in a value", "the whole target", "OPTIONS *"])
def test_an_odd_head_that_comes_byte_by_byte_is_refused(stack, name):
    with socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for byte in ODD[name]:
                connection.sendall(bytes([byte]))
        except OSError:
            pass  # it was refused before all of it was sent
        refused_once(receive(connection, LIMIT_S))


def test_what_follows_the_answer_to_an_odd_head_is_not_answered(stack):
    """A proxy that keeps its connection would send the next client's request there."""
    before = count(stack)
    with socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) as connection:
        connection.sendall(b"\r\n\r\n" + HEALTH)
        first = connection.recv(65536)
        assert statuses(first) == [400]
        try:
            connection.sendall(hidden(stack))
        except OSError:
            pass
        assert statuses(first + receive(connection, LIMIT_S).data) == [400]
    assert count(stack) == before


def test_good_heads_byte_by_byte_are_answered(stack):
    with socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEALTH + HEALTH:
            connection.sendall(bytes([byte]))
        connection.shutdown(socket.SHUT_WR)
        assert statuses(receive(connection, LIMIT_S).data) == [200, 200]


def test_a_head_that_ends_early_is_told_so(stack):
    reply = raw(stack.port, HEALTH[:-2], timeout_s=LIMIT_S, half_close=True)
    assert statuses(reply.data) == [400] and b"ended before" in reply.body


# ---- the log -----------------------------------------------------------------


def line_of(stack, request_id):
    lines = []

    def is_there():
        lines[:] = [line for line in stack.gateway.log.splitlines() if request_id in line and "msg=request " in line]
        return lines
    wait_until(is_there, "the request's line in the log")
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("path", ["/" + "y" * 15000, "/api/v1/" + "%41" * 5000, "/a/" + "%22" * 5000, "/api/v1/user/" + "z" * 15000],
                         ids=["page", "call", "quotes", "person"])
def test_a_long_path_cuts_nothing_off_its_line(stack, path):
    reply = raw(stack.port, request(f"GET {path} HTTP/1.1", "Connection: close"), timeout_s=LIMIT_S)
    assert reply.status in (200, 400, 401, 404, 414), reply.data[:300]
    line = line_of(stack, reply["X-Request-Id"])
    assert len(line) < 700, f"{len(line)} characters"
    assert line.index("request_id=") < line.index("status=") < line.index("path="), line
    assert f"status={reply.status} " in line
    assert re.search(r" path=(\S+)$", line)[1] == ("/{page}" if reply.status == 200 else "/api/v1/user/{}" if "user/" in path else "-")


def test_many_long_requests_write_a_bounded_log(stack):
    before = stack.gateway.log_path.stat().st_size
    for _ in range(50):
        raw(stack.port, request("GET /api/" + "%0a" * 4000 + " HTTP/1.1", "Connection: close", "X: " + "y" * 3000), timeout_s=LIMIT_S)
    time_out = time.monotonic() + LIMIT_S
    while stack.gateway.log_path.stat().st_size == before and time.monotonic() < time_out:
        pass
    assert stack.gateway.log_path.stat().st_size - before < 50 * 1000


def test_the_log_names_calls_and_no_persons(stack):
    for path in (f"/api/v1/user/{PERSON}", f"/users/{PERSON}", f"/api/v1/statements/{PERSON}/2026-10.pdf"):
        reply = raw(stack.port, request(f"GET {path} HTTP/1.1", "Connection: close"), timeout_s=LIMIT_S)
        line_of(stack, reply["X-Request-Id"])
    assert PERSON not in stack.gateway.log


@pytest.mark.parametrize("path, named", [
    (f"/api/v1/users/{PERSON}", "-"), (f"/api/v1/user/{PERSON}/more", "-"), (f"/api/v1/statements/{PERSON}", "-"),
    (f"/api/v1/usage/{PERSON}", "-"), (f"/api/{PERSON}", "-"), (f"/api/v1/user/{PERSON}/", "-"), (f"/assets/{PERSON}", "-"),
    (f"/{PERSON}", "/{page}"), (f"/{PERSON}/more", "/{page}"), (f"/users/{PERSON}", "/{page}"), (f"/api{PERSON}", "/{page}"),
    ("/index.html", "/index.html"), ("/", "/{page}")])
def test_the_log_has_a_fixed_word_for_a_path_that_is_no_route(stack, path, named):
    reply = raw(stack.port, request(f"GET {path} HTTP/1.1", "Connection: close"), timeout_s=LIMIT_S)
    assert re.search(r" path=(\S+)$", line_of(stack, reply["X-Request-Id"]))[1] == named
    assert PERSON not in stack.gateway.log


@pytest.mark.parametrize("sent, status, named", [
    (request(f"POST /{PERSON} HTTP/1.1", "Content-Length: 0", "Connection: close"), 405, "-"),
    (request(f"GET {PERSON} HTTP/1.1", "Connection: close"), 400, "-"), (request(f"GET /api/v1/%zz{PERSON} HTTP/1.1", "Connection: close"), 400, "-"),
    (request(f"{PERSON.upper()} / HTTP/1.1", "Connection: close"), 400, "-"), (request("SOMEBODY / HTTP/1.1", "Connection: close"), 400, "-"),
    (f"GET /api/v1/user/{PERSON} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode(), 421, "/api/v1/user/{}"),
    (f"GET /{PERSON} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode(), 421, "-")])
def test_nor_does_a_request_that_is_refused_bring_a_person_into_the_log(stack, sent, status, named):
    reply = raw(stack.port, sent, timeout_s=LIMIT_S)
    assert reply.status == status, reply.data[:300]
    assert re.search(r" path=(\S+)$", line_of(stack, reply["X-Request-Id"]))[1] == named
    assert PERSON not in stack.gateway.log and "SOMEBODY" not in stack.gateway.log


# ---- wrong keys --------------------------------------------------------------


def refused_by(stack, reason):
    return int(stack.read.metrics().get(f'owui_metering_auth_refused_total{{reason="{reason}"}}', 0))


def with_key(stack, key, path="/api/v1/usage"):
    begun = time.monotonic()
    reply = raw(stack.port, request(f"GET {path} HTTP/1.1", f"Authorization: Bearer {key}", "Connection: close"), timeout_s=LIMIT_S)
    return reply.status, time.monotonic() - begun


def test_refusals_are_counted_by_cause(make_stack):
    stack = make_stack()
    before = {reason: refused_by(stack, reason) for reason in ("key", "session", "nothing", "not_allowed")}
    for _ in range(2):
        assert with_key(stack, "wrong-key-wrong-key-wrong")[0] == 401
    for _ in range(3):
        raw(stack.port, request("GET /api/v1/usage HTTP/1.1", "Cookie: auth_token=wrong", "Connection: close"), timeout_s=LIMIT_S)
    for _ in range(4):
        raw(stack.port, request("GET /api/v1/usage HTTP/1.1", "Connection: close"), timeout_s=LIMIT_S)
    assert with_key(stack, stack.ingest_key)[0] == 403
    after = {reason: refused_by(stack, reason) - before[reason] for reason in before}
    assert after["key"] == 2 and after["not_allowed"] == 1 and after["session"] + after["nothing"] == 7, after


def test_wrong_keys_are_logged_with_their_address_once_a_second(make_stack):
    stack = make_stack()
    begun = time.monotonic()
    for n in range(80):
        with_key(stack, f"wrong-key-number-{n:04d}")
    took = time.monotonic() - begun

    def told():
        with_key(stack, stack.read_key)  # what is left is told with the next request
        return [int(n) for n in re.findall(r'msg="wrong keys".* count=(\d+) last_client=127\.0\.0\.1$', stack.gateway.log, re.MULTILINE)]
    wait_until(lambda: sum(told()) == 80, "all of them are told")
    assert len(told()) <= took + 3, told()
    assert "wrong-key-number" not in stack.gateway.log


def test_wrong_keys_are_slowed_and_a_right_one_is_not(make_stack):
    """Far more than there are workers at once, from the address that the right key comes from, too."""
    stack = make_stack(settings={"gateway": {"HTTP_THREADS": "4"}})
    for n in range(110):  # as many as are answered at once, and some more
        with_key(stack, f"wrong-key-number-{n:04d}")
    status, took = with_key(stack, "wrong-key-wrong-key")
    assert status == 401 and took > 0.5, took
    held = []
    for n in range(40):
        held.append(socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S))
        held[-1].sendall(request("GET /api/v1/usage HTTP/1.1", f"Authorization: Bearer wrong-key-{n:08d}", "Connection: close"))
    fast = [with_key(stack, stack.read_key) for _ in range(5)]
    stack.ingest.send(record())
    assert all(status == 200 and took < 0.5 for status, took in fast), fast
    replies = [receive(connection, LIMIT_S) for connection in held]
    for connection in held:
        connection.close()
    assert all(reply.closed and reply.status in (401, None) for reply in replies)
    assert 16 <= sum(reply.status == 401 for reply in replies) < 40  # of one address so many wait; others get no answer
    assert all(reply["Connection"] == "close" for reply in replies if reply.status)
    assert int(stack.read.metrics()["owui_metering_answers_held_total"]) >= 16


def test_a_wrong_key_with_a_body_gets_its_answer_late_and_whole(make_stack):
    stack = make_stack()
    for n in range(112):
        with_key(stack, f"wrong-key-number-{n:04d}")
    data = request("POST /api/v1/events HTTP/1.1", "Authorization: Bearer wrong-key-wrong-key", "Content-Type: application/json",
                   "Content-Length: 60000") + b" " * 60000
    reply = raw(stack.port, data, timeout_s=LIMIT_S)
    assert reply.status == 401 and len(reply.body) == int(reply["Content-Length"]) and reply.closed
