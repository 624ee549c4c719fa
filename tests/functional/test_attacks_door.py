# SPDX-License-Identifier: AGPL-3.0-or-later
"""Connections that say nothing or little, by the hundred: whoever has something to say is answered beside them."""
import http.client
import json
import re
import selectors
import socket
import threading
import time
from pathlib import Path

import pytest
from client import receive
from records import record
from stack import wait_until

LIMIT_S = 60  # a guard against hangs, not a measure
WITHIN_S = 1.0


def connect(stack, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", stack.port), timeout=LIMIT_S, source_address=(source, 0))


def login(length=1000, *headers):
    return "\r\n".join(["POST /api/v1/login HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {length}",
                        *headers, "", ""]).encode()


class Crowd:
    """A crowd of connections, each of which is opened again as soon as it ends, and sends a byte now and then if it is slow."""

    def __init__(self, stack, silent=0, slow=0, head=b"", source="127.0.0.1"):
        self.stack, self.head, self.source = stack, head, source
        self.kinds = [False] * silent + [True] * slow
        self.stop, self.full = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _open(self, selector, is_slow):
        try:
            one = connect(self.stack, self.source)
            if is_slow:
                one.sendall(self.head)
        except OSError:
            return
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ, is_slow)

    def _drip(self, selector):
        for key in list(selector.get_map().values()):
            if key.data:
                try:
                    key.fileobj.send(b" ")
                except OSError:
                    pass

    def _run(self):
        with selectors.DefaultSelector() as selector:
            for is_slow in self.kinds:
                self._open(selector, is_slow)
            self.full.set()
            while not self.stop.is_set():
                for key, _ in selector.select(0.2):
                    try:
                        ended = not key.fileobj.recv(65536)
                    except BlockingIOError:
                        continue
                    except OSError:
                        ended = True
                    if ended:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
                        self._open(selector, key.data)
                self._drip(selector)
            for key in list(selector.get_map().values()):
                key.fileobj.close()

    def __enter__(self):
        self.thread.start()
        assert self.full.wait(LIMIT_S)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def timed(call):
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def slowest(stack, times=20):
    """slowest asks on new connections, one after the other, and gives the worst time of each question."""
    health = max(timed(lambda: stack.nobody.get("/healthcheck")) for _ in range(times))
    ingest = max(timed(lambda: stack.ingest.send(record())) for _ in range(times))
    return health, ingest


def cut(stack, reason):
    return int(stack.read.metrics().get(f'owui_metering_connections_cut_total{{reason="{reason}"}}', 0))


@pytest.fixture
def one(make_stack):
    return make_stack()


def test_silent_and_slow_connections_of_one_address_delay_no_one(one):
    """The same address, which is all there is on loopback: they come back as soon as they are cut off."""
    with Crowd(one, silent=400, slow=100, head=login()):
        for _ in range(3):
            health, ingest = slowest(one)
            print(f"healthcheck {health:.3f} s, ingest {ingest:.3f} s")
            assert health < WITHIN_S and ingest < WITHIN_S, (health, ingest)
        assert cut(one, "address") > 0
    one.drained()


def test_the_first_question_after_they_came_is_answered(one):
    held = [connect(one) for _ in range(400)]
    for _ in range(100):
        held.append(connect(one))
        held[-1].sendall(login())
    took = timed(lambda: one.nobody.get("/healthcheck")), timed(lambda: one.ingest.send(record()))
    for connection in held:
        connection.close()
    assert max(took) < WITHIN_S, took


@pytest.mark.parametrize("head", [b"G", b"GET /healthcheck HTTP/1.1\r\nX: ", login(65536), login(100, "Expect: 100-continue"),
                                  b"\r\n", b"GET /healthcheck HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"], ids=range(6))
def test_slow_requests_of_every_kind_delay_no_one(one, head):
    with Crowd(one, slow=150, head=head):
        health, ingest = slowest(one, 10)
        assert health < WITHIN_S and ingest < WITHIN_S, (health, ingest)


def test_many_addresses_together_leave_workers_free(one):
    crowds = [Crowd(one, silent=30, slow=10, head=login(), source=f"127.0.0.{n}") for n in range(2, 12)]
    for crowd in crowds:
        crowd.__enter__()
    try:
        health, ingest = slowest(one, 10)
        assert health < WITHIN_S and ingest < WITHIN_S, (health, ingest)
        assert cut(one, "all") > 0
    finally:
        for crowd in crowds:
            crowd.__exit__()


def readable(connection):
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


def unread(connection):
    """unread tells how many bytes the other end, on this machine, has not read yet: the queues of its line in /proc/net/tcp."""
    ends = [f":{at[1]:04X}" for at in (connection.getpeername(), connection.getsockname())]
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    (queues,) = [line[4] for line in lines if line[1].endswith(ends[0]) and line[2].endswith(ends[1])]
    return int(queues.split(":")[1], 16)


def arriving(stack):
    """arriving gives a function that connects, begins a request, and returns once the gateway has read that: it knows then who came first."""
    there = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=LIMIT_S)
    held = []

    def open_ones():
        there.request("GET", "/api/v1/metrics", headers={"Authorization": f"Bearer {stack.read_key}"})
        return int(re.search(r"^owui_metering_connections (\d+)$", there.getresponse().read().decode(), re.MULTILINE)[1])

    def arrive(source):
        held.append(connect(stack, source))
        wait_until(lambda: open_ones() == 1 + len(held), "the gateway has it")
        held[-1].sendall(b"GET /")
        wait_until(lambda: unread(held[-1]) == 0, "the gateway has read its bytes")
        return held[-1]

    wait_until(lambda: open_ones() == 1, "no other connection is open")
    return arrive


def test_the_oldest_of_the_address_goes_first_and_no_other_address(make_stack):
    stack = make_stack(settings={"gateway": {"CONNECTIONS_PER_ADDRESS": "8", "STRANGER_TIMEOUT": "600"}})
    arrive = arriving(stack)
    other = [arrive("127.0.0.3") for _ in range(4)]
    mine = [arrive("127.0.0.2") for _ in range(8)]
    assert not any(readable(connection) for connection in other + mine)
    for n in range(4):
        mine.append(connect(stack, "127.0.0.2"))
        mine[-1].sendall(b"GET /")
        wait_until(lambda n=n: readable(mine[n]), "the oldest goes")
        assert not any(readable(connection) for connection in other + mine[n + 1:])
    for connection in other + mine:
        connection.close()


def test_who_showed_a_key_is_not_counted(make_stack):
    stack = make_stack(settings={"gateway": {"CONNECTIONS_PER_ADDRESS": "4"}})
    body = json.dumps(record()).encode()
    head = (f"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stack.ingest_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    held = []
    for _ in range(20):
        held.append(connect(stack))
        held[-1].sendall(head + body[:5])
    with Crowd(stack, silent=20, slow=20, head=login()):
        stack.nobody.get("/healthcheck")
        wait_until(lambda: cut(stack, "address") > 20, "strangers are cut off")
        for connection in held:
            connection.sendall(body[5:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.close()


def test_a_wrong_key_is_no_key(one):
    head = (b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong-key-wrong-key\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    with Crowd(one, slow=200, head=head):
        health, ingest = slowest(one, 10)
        assert health < WITHIN_S and ingest < WITHIN_S, (health, ingest)


@pytest.mark.parametrize("head, key, answer", [
    (b"GET /healthcheck HTTP/1.1\r\nHost: x\r\n", False, 408), (b"G", False, 408), (login(), False, 408), (None, True, None)],
    ids=["a head", "a byte", "a body", "a body with a key"])
def test_deadlines_of_strangers_are_short(make_stack, head, key, answer):
    stack = make_stack(settings={"gateway": {"STRANGER_TIMEOUT": "1", "BODY_TIMEOUT": "600"}})
    head = head or (f"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stack.ingest_key}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n").encode()
    with connect(stack) as connection:
        connection.sendall(head)
        if key:  # it is still waited for when the other's time is over
            with connect(stack) as stranger:
                stranger.sendall(login())
                assert receive(stranger, LIMIT_S).status == 408
            connection.sendall(b"[]")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            return
        begun = time.monotonic()
        reply = receive(connection, LIMIT_S)
    assert reply.closed and reply.status == answer, reply.data[:300]
    assert time.monotonic() - begun < 30
    assert cut(stack, "body" if head == login() else "head") == 1


def forwarded(client):
    return login(1000, f"X-Forwarded-For: {client}")


def test_clients_of_a_proxy_are_told_apart(make_stack):
    stack = make_stack(settings={"gateway": {"CONNECTIONS_PER_ADDRESS": "6", "TRUSTED_PROXIES": "127.0.0.1", "STRANGER_TIMEOUT": "60"}})
    quiet = [connect(stack) for _ in range(20)]  # the proxy's own, which it keeps for later
    other = [connect(stack) for _ in range(4)]
    for connection in other:
        connection.sendall(forwarded("203.0.113.7"))
    many = [connect(stack) for _ in range(16)]
    for connection in many:
        connection.sendall(forwarded("203.0.113.9"))
    wait_until(lambda: sum(readable(connection) for connection in many) == 10, "those of the client that has too many are cut off")
    assert not any(readable(connection) for connection in quiet + other)
    for connection in quiet + other + many:
        connection.close()


def test_kept_connections_of_many_clients_make_room(make_stack):
    stack = make_stack(settings={"gateway": {"HTTP_THREADS": "8", "CONNECTIONS_PER_ADDRESS": "6"}})
    held = []
    for _ in range(30):
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=LIMIT_S)
        assert timed(lambda c=connection: (c.request("GET", "/healthcheck"), c.getresponse().read())) < WITHIN_S
        held.append(connection)
    for connection in held:
        connection.close()


def test_what_is_open_is_a_metric(one):
    held = [connect(one) for _ in range(10)]
    wait_until(lambda: int(one.read.metrics()["owui_metering_connections"]) >= 11, "they are counted")
    for connection in held:
        connection.close()
    wait_until(lambda: int(one.read.metrics()["owui_metering_connections"]) == 1, "they are gone")
    assert re.search(r"^# TYPE owui_metering_connections gauge$", one.read.get("/api/v1/metrics").text, re.MULTILINE)
