# SPDX-License-Identifier: AGPL-3.0-or-later
"""The live stream: what is accepted appears, nothing is missed over a reconnect, and no stream outstays its welcome."""
import re
import socket
import threading
import time

import jsonschema
import pytest
from records import record
from sse import Stream
from stack import PASSWORD, Stack, wait_until

ROUTE = "/api/v1/live"


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    with Stack(tmp_path_factory.mktemp("live"), mariadb, contract, stub,
               settings={"gateway": {"LIVE_STREAMS": "3", "HTTP_THREADS": "8"}}) as installation:
        yield installation


@pytest.fixture
def session(stack):
    no_streams(stack)
    return stack.session()


def streams(stack):
    return int(stack.read.metrics()["owui_metering_live_streams"])


def no_streams(stack):
    wait_until(lambda: streams(stack) == 0, "the end of all streams")


def schema(contract, name):
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}"}, resolver=contract.resolver)


def test_an_accepted_record_appears(stack, session, contract):
    with Stream(session) as stream:
        headers = stream.reply.headers
        assert headers["Content-Type"].startswith("text/event-stream") and headers["X-Accel-Buffering"] == "no"
        assert headers["Cache-Control"] == "no-store" and headers["Content-Encoding"] is None
        stream.place()
        one = record(user="u-<b>live</b>", cost="0.00000123", origin="api", task="title_generation")
        stack.ingest.send(one)
        event, _, data = stream.next()
        assert event == "record"
        schema(contract, "LiveRecord").validate(data)
        assert (data["generation_id"], data["user"], data["cost"], data["state"], data["prompt_tokens"], data["origin"], data["task"]) == (
            one["generation_id"], "u-<b>live</b>", "0.00000123", "final", 30, "api", "title_generation")
        assert data["user_name"] == "Name of u-<b>live</b>" and data["started_at"] == one["started_at"]


def test_every_record_once_and_in_order(stack, session):
    sent = [record() for _ in range(300)]
    with Stream(session) as first, Stream(session) as second:
        first.place(), second.place()
        for at in range(0, len(sent), 25):
            stack.ingest.send(sent[at:at + 25])
        for stream in (first, second):
            got = [stream.next() for _ in sent]
            assert [data["generation_id"] for _, _, data in got] == [one["generation_id"] for one in sent]
            assert len({mark for _, mark, _ in got}) == len(sent)


def test_a_refused_record_does_not_appear(stack, session):
    with Stream(session) as stream:
        stream.place()
        stack.ingest.post("/api/v1/events", {"v": 1, "user": {}}, expect=400)
        good = record()
        stack.ingest.send(good)
        assert stream.next()[2]["generation_id"] == good["generation_id"]


def test_a_reconnect_fills_the_gap(stack, session):
    with Stream(session) as stream:
        stream.place()
        stack.ingest.send(record())
        mark = stream.next()[1]
    missed = [record() for _ in range(5)]
    stack.ingest.send(missed)
    with Stream(session, last_event_id=mark) as stream:
        assert [stream.next()[2]["generation_id"] for _ in missed] == [one["generation_id"] for one in missed]
        stack.ingest.send(later := record())
        assert stream.next()[2]["generation_id"] == later["generation_id"]


def test_a_place_without_an_event_is_enough_to_come_back(stack, session):
    with Stream(session) as stream:
        mark = stream.place()
    stack.ingest.send(missed := record())
    with Stream(session, last_event_id=mark) as stream:
        assert stream.next()[2]["generation_id"] == missed["generation_id"]


@pytest.mark.parametrize("mark", ["0123456789abcdef-5", "nonsense", "x" * 300, "-", "0123456789abcdef-99999999999999999999999"])
def test_an_unknown_mark_is_a_gap(stack, session, mark):
    with Stream(session, last_event_id=mark) as stream:
        event, place, data = stream.next()
        assert (event, data) == ("gap", {}) and place != mark


def test_what_fell_out_of_the_ring_is_a_gap(stack, session):
    with Stream(session) as stream:
        mark = stream.place()
    sent = [record() for _ in range(1001)]
    stack.ingest.send(sent)
    with Stream(session, last_event_id=mark) as stream:
        assert stream.next()[0] == "gap"
        assert stream.next()[2]["generation_id"] == sent[1]["generation_id"]


def test_a_mark_from_the_future_is_a_gap(stack, session):
    with Stream(session) as stream:
        mark = stream.place()
    nonce, number = mark.split("-")
    with Stream(session, last_event_id=f"{nonce}-{int(number) + 1000}") as stream:
        assert stream.next()[0] == "gap"


def test_streams_are_few_and_the_rest_works(stack, session):
    opened = [Stream(session) for _ in range(3)]
    try:
        for stream in opened:
            stream.place()
        refused = session.request("GET", ROUTE, expect=503)
        assert int(refused["Retry-After"]) > 0 and "LIVE_STREAMS" in refused.json()["detail"]
        for _ in range(20):
            stack.ingest.send(record())
        session.get("/api/v1/session")
    finally:
        for stream in opened:
            stream.__exit__()
    no_streams(stack)
    with Stream(session) as stream:
        stream.place()


def test_a_stream_ends_at_logout(stack, session):
    with Stream(session) as stream:
        stream.place()
        session.post("/api/v1/logout", expect=204)
        assert stream.ended()
    no_streams(stack)


@pytest.mark.slow
def test_a_stream_ends_with_its_session(make_stack):
    stack = make_stack(settings={"gateway": {"SESSION_LIFETIME": "60"}})
    # the shortest lifetime is a minute: the clock of the token is what the gateway sees, so wait for its end
    session = stack.session()
    expires = session.get("/api/v1/session").json()["expires_at"]
    with Stream(session, timeout_s=200) as stream:
        stream.place()
        assert stream.ended()
        assert stream.comments >= 4, "no heartbeat"
    assert time.time() + 1 >= time.mktime(time.strptime(expires[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def test_a_closed_page_frees_its_stream(stack, session):
    stream = Stream(session)
    stream.place()
    wait_until(lambda: streams(stack) == 1, "the stream")
    stream.__exit__()
    no_streams(stack)


def test_a_slow_reader_is_cut(stack, session):
    """It never reads; what is accepted meanwhile is not held up, and its worker comes free."""
    with socket.create_connection(("127.0.0.1", stack.port)) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(f"GET {ROUTE} HTTP/1.1\r\nHost: x\r\n{session.session_lines()}\r\n".encode())
        wait_until(lambda: streams(stack) == 1, "the stream")
        deadline, sent = time.monotonic() + 300, 0
        while streams(stack) == 1 and time.monotonic() < deadline:
            stack.ingest.send([record(user="u-" + "x" * 100, model="m" * 250) for _ in range(500)])
            sent += 500
        assert streams(stack) == 0, f"{sent} records later it still has its stream"


def test_who_may_watch(stack, contract):
    for client, status in ((stack.nobody, 401), (stack.read, 403), (stack.ingest, 403)):
        client.request("GET", ROUTE, expect=status)


def test_http_1_0_gets_a_stream_without_chunks(stack, session):
    with socket.create_connection(("127.0.0.1", stack.port), timeout=60) as peer:
        peer.sendall(f"GET {ROUTE} HTTP/1.0\r\n{session.session_lines()}\r\n".encode())
        received = b""
        while b"id: " not in received:
            received += peer.recv(65536)
        assert b"chunked" not in received.lower() and re.search(rb"\r\n\r\nretry: \d+\nid: \S+\n\n", received), received


def test_a_gateway_that_stops_ends_its_streams(make_stack):
    stack = make_stack()
    session, ended = stack.session(), []
    with Stream(session) as stream:
        stream.place()
        watcher = threading.Thread(target=lambda: ended.append(stream.ended()))
        watcher.start()
        stack.gateway.stop()
        watcher.join(60)
        assert ended == [True] and "under way" not in stack.gateway.log


def test_each_gateway_shows_its_own(make_stack):
    stack = make_stack(gateways=2)
    stack.wait_ready(1)
    first, second = (stack.client(port=gateway.port) for gateway in stack.gateways)
    first.login(PASSWORD)
    second.as_session_of(first)
    with Stream(first) as one, Stream(second) as two:
        one.place(), two.place()
        stack.client(stack.ingest_key, port=stack.gateways[1].port).send(there := record())
        stack.client(stack.ingest_key, port=stack.gateways[0].port).send(here := record())
        assert one.next()[2]["generation_id"] == here["generation_id"]
        assert two.next()[2]["generation_id"] == there["generation_id"]
        mark = one.last_id
    with Stream(second, last_event_id=mark) as two:
        assert two.next()[0] == "gap"
