# SPDX-License-Identifier: AGPL-3.0-or-later
"""Answers that end otherwise than by being read, and bodies larger than any buffer."""
import asyncio
import gc
import json

import pytest

for name in ("aiohttp", "requests", "httpx"):
    pytest.importorskip(name)

import aiohttp  # noqa: E402
import readers  # noqa: E402
from emulator import ADA, openrouter_stream  # noqa: E402
from receiver import PATIENCE_S, wait_until  # noqa: E402
from upstream import Answer, Hold, frames, pieces, stream, whole  # noqa: E402
from wired import SAID, USAGE, Wired  # noqa: E402

HEAD = {"X-Generation-Id": "gen-head"}


def held(after=2, **more):
    hold = Hold()
    parts = frames(stream(openrouter_stream("gen-head", ("Hello", "there"), USAGE)))
    return hold, Answer([*parts[:after], hold, *parts[after:]], headers=dict(HEAD), **more)


def none_left(owui):
    assert owui.tap.live == {} and owui.tap.counts["faults"] == 0


# Larger than a buffer

LARGE = stream(openrouter_stream("gen-large", ["word " * 300] * 900, USAGE))  # 1.5 MB


@pytest.mark.parametrize("name", [name for name in readers.BARE if name not in ("peeked", "nowait")])
def test_a_stream_larger_than_any_buffer(wired, name):
    """The reader makes the sender wait, and goes on: nothing is lost of what was read or seen."""
    for encoding in (None, "gzip"):
        taken = wired.asked(wired.upstream.serve(Answer(pieces(LARGE, 40_000), encoding=encoding)), readers.AIOHTTP[name])
        assert taken.data == LARGE and taken.raised is None
        row = wired.row()
        assert (row["generation_id"], row["usage"], row["state"]) == ("gen-large", SAID, "final")
        wired.receiver.records.clear()


def test_a_reader_that_pauses(wired):
    """Between two reads all the rest arrives."""
    async def slow(response):
        taken = readers.Taken()
        taken.parts.append(await response.content.readline())
        await asyncio.wait_for(response.content.wait_eof(), PATIENCE_S)
        async for line in response.content:
            taken.parts.append(line)
        return taken

    body = stream(openrouter_stream("gen-a", ("Hello", "there"), USAGE))
    assert wired.asked(wired.upstream.serve(Answer(frames(body))), slow).data == body
    assert wired.row()["usage"] == SAID


# Nothing to read

def test_an_empty_answer(wired):
    for framing in ("length", "chunked", "close"):
        taken = wired.asked(wired.upstream.serve(Answer(b"", "application/json", framing=framing)))
        assert (taken.data, taken.raised) == (b"", None)
    assert all("usage" not in row for row in wired.rows().values())
    none_left(wired)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"{", b"\xff\xfe", b"[" * 200_000, b'{"usage":' * 5000, b"data: {}\n\n"],
                         ids=["null", "array", "text", "half", "binary", "deep", "deep-usage", "frames"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/html", ""])
def test_answers_that_are_nothing(wired, body, kind):
    taken = wired.asked(wired.upstream.serve(Answer(body, kind)))
    assert taken.data == body
    assert all("usage" not in row for row in wired.rows().values())
    none_left(wired)


def test_a_response_that_is_released(wired):
    async def released(response):
        await response.content.readline()
        response.release()

    hold, answer = held()
    wired.asked(wired.upstream.serve(answer), released)
    hold.open()
    row = wired.row()
    assert row["generation_id"] == "gen-head" and row["state"] == "cancelled"
    none_left(wired)


def test_a_response_that_is_forgotten(wired):
    """No code closes the answer, and aiohttp says nothing of its end: the sweep notices."""
    hold, answer = held(after=0)
    url = wired.upstream.serve(answer)

    async def forget():
        async with aiohttp.ClientSession() as session:
            await wired.caller.passes_on(session.post, url, data=b"{}")

    wired.run(forget())
    hold.open()
    wired.settle()
    wired.clock.ahead += 3 * 3600
    wired.settle()  # in whose course the sweep comes, and finds it
    row = wired.row()
    assert row["generation_id"] == "gen-head" and row["state"] in ("cancelled", "error")
    none_left(wired)


def test_a_session_that_raises_for_status(wired):
    async def drive():
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            with pytest.raises(aiohttp.ClientResponseError) as raised:
                await wired.ask(wired.upstream.serve(Answer(b'{"error": {}}', "application/json", 402)), session=session)
            return raised.value.status

    assert wired.run(drive()) == 402
    assert wired.rows() == {}
    none_left(wired)


# Broken off

@pytest.mark.parametrize("where", ["before the head", "in mid-stream"])
def test_a_timeout(wired, where):
    hold, answer = held()
    if where == "before the head":
        answer = Answer(answer.parts, headers=HEAD, before_head=hold)

    async def drive():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_read=1.5)) as session:
            with pytest.raises(asyncio.TimeoutError):
                await wired.ask(wired.upstream.serve(answer), readers.Watched("lines"), session=session)

    wired.run(drive())
    hold.open()
    row = wired.row()
    assert (row["generation_id"], row["state"]) == (None if where == "before the head" else "gen-head", "error")
    none_left(wired)


def test_the_provider_hangs_up_before_the_head(wired):
    class Nothing(Answer):
        async def send(self, writer):
            return False

    for by, raised in (("by_aiohttp", "disconnected"), ("by_requests", "aborted|closed"), ("by_httpx", "disconnected"), ("by_httpx_blocking", "disconnected")):
        with pytest.raises(Exception, match=raised):
            wired.asked(wired.upstream.serve(Nothing()), by=by)
    rows = wired.rows()
    assert len(rows) == 4 and all((row["state"], row["generation_id"], row["user"]["id"]) == ("error", None, ADA["id"]) for row in rows.values())


@pytest.mark.parametrize("by, lines", [("by_requests", "iter_lines"), ("by_httpx_blocking", "iter_lines"), ("by_httpx", "aiter_lines")])
def test_other_clients_that_leave_in_mid_stream(wired, by, lines):
    def some(response):
        for line in getattr(response, lines)():
            if line:
                return line

    async def some_later(response):
        async for line in getattr(response, lines)():
            if line:
                return line

    hold, answer = held()
    wired.asked(wired.upstream.serve(answer), some_later if by == "by_httpx" else some, by=by, streamed=True)
    hold.open()
    gc.collect()
    row = wired.row()
    assert (row["generation_id"], row["user"]["id"]) == ("gen-head", ADA["id"]) and "usage" not in row


def test_httpx_is_cancelled_in_mid_stream(wired):
    hold, answer = held()
    seen = asyncio.Event()

    async def lines(response):
        async for line in response.aiter_lines():
            if "Hello" in line:
                seen.set()

    async def drive():
        task = asyncio.ensure_future(wired.ask(wired.upstream.serve(answer), lines, by="by_httpx", streamed=True))
        await asyncio.wait_for(seen.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    wired.run(drive())
    hold.open()
    row = wired.row()
    assert (row["generation_id"], row["user"]["id"]) == ("gen-head", ADA["id"]) and row["state"] in ("cancelled", "open")


@pytest.mark.parametrize("by, read", [("by_requests", readers.REQUESTS["iter_content"]), ("by_httpx_blocking", readers.HTTPX_BLOCKING["httpx_bytes"]),
                                      ("by_httpx", readers.HTTPX["aiter_bytes"])], ids=["requests", "blocking-httpx", "httpx"])
@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"], ids=str)
def test_other_clients_read_a_broken_answer(wired, by, read, encoding):
    parts = frames(stream(openrouter_stream("gen-head", ("Hello", "there"), USAGE)))
    for framing in ("chunked", "length"):
        taken = wired.asked(wired.upstream.serve(Answer(parts, cut=2, framing=framing, encoding=encoding, headers=HEAD)), read, by=by, streamed=True)
        assert taken.raised and b"Hello" in taken.data
        assert wired.row()["state"] != "final"
        wired.receiver.records.clear()
    assert wired.tap.counts["faults"] == 0


# The heartbeat

def next_beat(owui):
    """next_beat is the next but one: one may have been on its way already."""
    known = len(owui.receiver.heartbeats)

    def another_came():
        owui.clock.ahead += 61
        owui.runtime.new_file.set()
        return len(owui.receiver.heartbeats) > known + 1

    wait_until(another_came)
    return owui.receiver.heartbeats[-1]


def test_the_heartbeat_says_that_it_does_not_fit(upstream, receiver, tmp_path, monkeypatch):
    with Wired(upstream, receiver, data_dir=tmp_path) as owui:
        with monkeypatch.context() as patch:
            patch.delattr(aiohttp.StreamReader, "_read_nowait_chunk")
            owui.begin()
        beat = next_beat(owui)
        assert beat["tap"] == "does_not_fit" and beat["reason"] == owui.tap.reason and len(json.dumps(beat)) < 2000


def test_the_heartbeat_counts(wired):
    for number in range(3):
        wired.asked(wired.upstream.serve(Answer(whole(f"gen-{number}", usage=USAGE), "application/json")))
    wired.settle()
    beat = next_beat(wired)
    assert {name: beat[name] for name in ("tap", "seen", "missed", "faults", "unnamed", "queued", "rejected", "processes")} == {
        "tap": "on", "seen": 4, "missed": 0, "faults": 0, "unnamed": 0, "queued": 0, "rejected": 0, "processes": 1}
