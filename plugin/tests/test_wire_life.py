# SPDX-License-Identifier: AGPL-3.0-or-later
"""When the tap goes on and off, what it lays where, and that the plugin may be saved in mid-stream."""
import asyncio
import functools
import sys

import pytest

for name in ("aiohttp", "requests", "httpx"):
    pytest.importorskip(name)

import aiohttp  # noqa: E402
import readers  # noqa: E402
from emulator import ADA, RUNTIME, openrouter_stream  # noqa: E402
from receiver import wait_until  # noqa: E402
from upstream import Answer, Hold, frames, stream, whole  # noqa: E402
from wired import BOB, SAID, USAGE, Wired, laid_points  # noqa: E402


def streamed(gen_id, **more):
    return Answer(frames(stream(openrouter_stream(gen_id, ("Hello", "there"), USAGE))), **more)


def as_json(gen_id):
    return Answer(whole(gen_id, usage=USAGE), "application/json", framing="length")


def state(owui):
    return "off" if owui.tap is None else owui.tap.state


def is_laid(owui):
    return [cls.__dict__[name] is not original for cls, name, original in owui.originals]


# On

def test_the_first_inlet_lays_every_point(off):
    off.module
    assert not any(is_laid(off))
    off.begin()
    assert state(off) == "on" and all(is_laid(off)) and len(is_laid(off)) == 5
    for cls, name, original in off.originals:
        now = cls.__dict__[name]
        assert (now.__name__, now.__qualname__, now.__doc__) == (original.__name__, original.__qualname__, original.__doc__)
        assert asyncio.iscoroutinefunction(now) == asyncio.iscoroutinefunction(original)


def test_an_exec_in_the_loop_turns_it_on_before_the_first_inlet(off):
    """The model list loads the function: a request of /openai/* may be the first of all."""
    async def load_and_ask():
        off._load()
        for _ in range(20):
            await asyncio.sleep(0)
        return await off.ask(off.upstream.serve(as_json("gen-first")), path="/openai/chat/completions")

    off.run(load_and_ask())
    assert state(off) == "on" and off.row()["generation_id"] == "gen-first"


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_global": False}, None], ids=["inactive", "not-global", "unknown"])
def test_an_exec_of_a_function_that_is_off_lays_nothing(off, change):
    async def load():
        off._load()
        for _ in range(20):
            await asyncio.sleep(0)

    off.function = None if change is None else off.function
    if change:
        off.function_is(**change)
    off.run(load())
    assert state(off) != "on" and not any(is_laid(off))


def test_clients_that_are_not_loaded_are_not_looked_for(off, monkeypatch):
    monkeypatch.delitem(sys.modules, "httpx")
    monkeypatch.delitem(sys.modules, "requests")
    off.begin()
    off.asked(off.upstream.serve(as_json("gen-a")))
    assert state(off) == "on" and off.row()["usage"] == SAID
    assert "httpx" not in sys.modules and "requests" not in sys.modules
    monkeypatch.undo()
    off.begin()
    assert all(is_laid(off))  # loaded later: from the next chat on


@pytest.mark.parametrize("how", ["valve", "environment"])
def test_the_switch(upstream, receiver, tmp_path, monkeypatch, how):
    if how == "environment":
        monkeypatch.setenv("OPENWEBUI_METERING_TAP", "off")
    with Wired(upstream, receiver, data_dir=tmp_path, valves={"tap": False} if how == "valve" else {"tap": True}) as owui:
        owui.begin()
        assert state(owui) == "off" and not any(is_laid(owui))
        owui.chatted(upstream.serve(streamed("gen-a")))
        row = owui.row()
        assert (row["source"], row["usage"]) == ("filter-stream", SAID)


def test_the_valve_is_heard_at_the_next_inlet(wired):
    wired.valves["tap"] = False
    wired.clock.ahead += 60
    wired.begin()
    assert state(wired) == "off" and not any(is_laid(wired))
    wired.valves["tap"] = True
    wired.clock.ahead += 60
    wired.begin()
    assert state(wired) == "on" and all(is_laid(wired))
    wired.asked(wired.upstream.serve(as_json("gen-a")))
    assert wired.row()["usage"] == SAID


# Does it fit?

def reads_otherwise(monkeypatch):
    """The reader takes from its buffer without the method that the tap looks at."""
    def _read_nowait(self, n):
        data = b"".join(self._buffer) if n == -1 else b"".join(self._buffer)[:n]
        rest = b"".join(self._buffer)[len(data):]
        self._buffer.clear()
        self._buffer_offset = 0
        if rest:
            self._buffer.append(rest)
        self._size -= len(data)
        self._cursor += len(data)
        return data

    monkeypatch.setattr(aiohttp.StreamReader, "_read_nowait", _read_nowait)


def takes_more_arguments(monkeypatch):
    inner = aiohttp.StreamReader._read_nowait_chunk
    monkeypatch.setattr(aiohttp.StreamReader, "_read_nowait_chunk", lambda self, n, why: inner(self, n))


def has_no_such_method(monkeypatch):
    monkeypatch.delattr(aiohttp.StreamReader, "_read_nowait_chunk")


def lines_otherwise(monkeypatch):
    async def readline(self):
        while b"\n" not in b"".join(self._buffer) and not self._eof:
            await self._wait("readline")
        data = b"".join(self._buffer)
        end = data.find(b"\n") + 1 or len(data)
        self._buffer.clear()
        self._buffer_offset = 0
        self._size -= end
        if data[end:]:
            self._buffer.append(data[end:])
        return data[:end]

    monkeypatch.setattr(aiohttp.StreamReader, "readline", readline)


def another_class(monkeypatch):
    class StreamReader(aiohttp.StreamReader):
        def _read_nowait(self, n):
            data = b"".join(self._buffer)
            self._buffer.clear()
            self._size = 0
            return data

    for place in (aiohttp, aiohttp.streams):
        monkeypatch.setattr(place, "StreamReader", StreamReader)


class Unbounded(BaseException):
    pass


def never_empties(monkeypatch):
    """A reader that reads until the buffer is empty would read for ever, on Open WebUI's event loop."""
    calls = []

    def _read_nowait(self, n):
        calls.append(n)
        if len(calls) > 1000:
            raise Unbounded("the probe of a stream")
        return b"".join(self._buffer)

    monkeypatch.setattr(aiohttp.StreamReader, "_read_nowait", _read_nowait)


def request_is_no_coroutine(monkeypatch):
    inner = aiohttp.ClientSession._request
    monkeypatch.setattr(aiohttp.ClientSession, "_request", lambda self, *args, **more: inner(self, *args, **more))


MISFITS = [reads_otherwise, takes_more_arguments, has_no_such_method, another_class, never_empties, lines_otherwise, request_is_no_coroutine]


@pytest.mark.parametrize("change", MISFITS, ids=[change.__name__ for change in MISFITS])
def test_what_does_not_fit_is_left_alone(off, monkeypatch, change, caplog):
    if change is lines_otherwise and "readuntil" not in str(aiohttp.StreamReader.readline.__code__.co_names):
        pytest.skip("lines are read in another way here")
    with monkeypatch.context() as patch:
        change(patch)
        changed = {(cls, name): cls.__dict__[name] for cls, name, _ in laid_points()}
        off.begin()
        assert off.tap is not None and off.tap.state == "does_not_fit" and off.tap.reason
        assert {(cls, name): cls.__dict__[name] for cls, name, _ in laid_points()} == changed
    reason = off.tap.reason
    off.begin()
    assert off.tap.state == "does_not_fit"  # for good in this process
    assert sum(reason in record.message for record in caplog.records) == 1
    turn = off.chatted(off.upstream.serve(streamed("gen-a")))
    row = off.row()
    assert turn.text == "Hellothere" and (row["source"], row["usage"], row["state"]) == ("filter-stream", SAID, "final")


def test_streams_of_a_class_that_it_does_not_know(wired):
    """A library replaces the stream after the head: what the wire cannot read along is the filter's."""
    class Other(aiohttp.StreamReader):
        __slots__ = ("more",)

    async def wrapped(session, *args, **more):
        response = await wired.originals[0][2](session, *args, **more)
        old = response.content
        response.content = Other(old._protocol, 1 << 16, loop=wired.loop)
        response.content.feed_data(await old.read())
        response.content.feed_eof()
        return response

    laid = aiohttp.ClientSession.__dict__["_request"]
    wired.module_now.tap_off()
    aiohttp.ClientSession._request = wrapped
    wired.clock.ahead += 60
    wired.begin()
    assert aiohttp.ClientSession.__dict__["_request"] not in (wrapped, laid)
    for number in range(3):
        wired.chatted(wired.upstream.serve(streamed(f"gen-{number}")))
    names = {f"gen-{number}" for number in range(3)}
    wait_until(lambda: names <= {r["generation_id"] for r in wired.receiver.records if r["state"] != "open"})
    rows = wired.delivered()
    assert {name: (row["source"], row["usage"], row["state"]) for name, row in rows.items()} == {
        name: ("filter-stream", SAID, "final") for name in names}


def test_missed_turns_in_a_row_turn_it_off(wired, caplog):
    for number in range(40):
        wired.run(wired.ui_stream([openrouter_stream(f"gen-{number}", ["Hello"], USAGE)]))
        if state(wired) != "on":
            break
    assert state(wired) != "on" and not any(is_laid(wired)) and number >= 2
    wired.begin()
    assert state(wired) != "on" and not any(is_laid(wired))
    wired.chatted(wired.upstream.serve(streamed("gen-after")))
    rows = wired.rows()
    assert len(rows) == number + 2 and all(row["usage"] == SAID and row["source"] == "filter-stream" for row in rows.values())


def test_a_missed_turn_between_seen_ones_is_no_reason(wired):
    for number in range(40):
        wired.run(wired.ui_stream([openrouter_stream(f"gen-pipe-{number}", ["Hello"], USAGE)]))
        wired.chatted(wired.upstream.serve(streamed(f"gen-{number}")))
    assert state(wired) == "on" and wired.tap.counts["missed"] == 40
    assert len(wired.rows()) == 80


# Off

@pytest.mark.parametrize("change", [{"is_active": False}, {"is_global": False}, None], ids=["off", "not-global", "deleted"])
def test_a_function_that_is_off_takes_the_tap_along(wired, change):
    wired.asked(wired.upstream.serve(as_json("gen-before")))
    if change is None:
        function, wired.function = wired.function, None
    else:
        wired.function_is(**change)
    wired.next_check()
    assert state(wired) == "off" and not any(is_laid(wired))
    wired.asked(wired.upstream.serve(as_json("gen-while-off")))
    wired.function = function if change is None else wired.function
    wired.function_is(is_active=True, is_global=True)
    wired.begin()
    assert state(wired) == "on" and all(is_laid(wired))
    wired.asked(wired.upstream.serve(as_json("gen-after")))
    assert sorted(wired.rows()) == ["gen-after", "gen-before"]


def test_the_function_is_asked_for_at_most_every_ten_seconds(wired):
    wired.next_check()
    asked = wired.queries.count("function")
    for number in range(20):
        wired.asked(wired.upstream.serve(as_json(f"gen-{number}")))
    assert wired.queries.count("function") == asked
    wired.next_check()
    assert wired.queries.count("function") == asked + 1 and state(wired) == "on"


def test_a_table_that_fails_is_no_reason(wired):
    functions = sys.modules["open_webui.models.functions"].Functions
    works = functions.get_function_by_id

    def fails(_id):
        raise RuntimeError("the database is away")

    functions.get_function_by_id = fails
    wired.next_check()
    functions.get_function_by_id = works
    assert state(wired) == "on"
    wired.asked(wired.upstream.serve(as_json("gen-a")))
    assert wired.row()["usage"] == SAID


# Others' wrappers

class Foreign:
    """A wrapper as tracing libraries lay it."""

    def __init__(self, cls, name):
        self.cls, self.name, self.calls, self.inner = cls, name, 0, cls.__dict__[name]
        if asyncio.iscoroutinefunction(self.inner):
            @functools.wraps(self.inner)
            async def outer(*args, **more):
                self.calls += 1
                return await self.inner(*args, **more)
        else:
            @functools.wraps(self.inner)
            def outer(*args, **more):
                self.calls += 1
                return self.inner(*args, **more)
        self.outer = outer
        setattr(cls, name, outer)

    def remove(self):
        setattr(self.cls, self.name, self.inner)


WAYS = [("by_aiohttp", "aiohttp", "ClientSession", "_request", readers.AIOHTTP["read"]),
        ("by_requests", "requests", "Session", "send", readers.REQUESTS["content"]),
        ("by_httpx", "httpx", "AsyncClient", "send", readers.HTTPX["aread"]),
        ("by_httpx_blocking", "httpx", "Client", "send", readers.HTTPX_BLOCKING["httpx_read"])]
each_way = pytest.mark.parametrize("by, library, owner, name, read", WAYS, ids=[way[0] for way in WAYS])


@each_way
@pytest.mark.parametrize("order", ["below", "above", "both"])
def test_wrappers_of_others(off, by, library, owner, name, read, order):
    cls = getattr(sys.modules[library], owner)
    below = Foreign(cls, name) if order != "above" else None
    first = cls.__dict__[name]
    off.begin()
    ours = cls.__dict__[name]
    above = Foreign(cls, name) if order != "below" else None

    def ask(gen_id):
        off.asked(off.upstream.serve(as_json(gen_id)), read, by=by)

    ask("gen-1")
    off.settle()
    off.module_now.tap_off()
    assert not any(is_laid(off)) or cls.__dict__[name] in (above and above.outer, first)
    assert cls.__dict__[name] is (above.outer if above else first)  # ours is gone, or has become a pass-through
    ask("gen-while-off")
    off.clock.ahead += 60
    off.begin()
    assert state(off) == "on"
    ask("gen-2")
    assert sorted(off.rows()) == ["gen-1", "gen-2"] and all(row["usage"] == SAID for row in off.rows().values())
    for foreign in filter(None, (below, above)):
        assert foreign.calls >= 3
    if above:
        above.remove()
        assert cls.__dict__[name] is ours
        ask("gen-3")
        assert "gen-3" in off.rows()
        off.module_now.tap_off()
        assert cls.__dict__[name] is first


@each_way
def test_tap_off_restores_what_was_there(wired, by, library, owner, name, read):
    wired.module_now.tap_off()
    assert state(wired) == "off" and not any(is_laid(wired))
    wired.module_now.tap_off()  # twice is once
    wired.asked(wired.upstream.serve(as_json("gen-a")), read, by=by)
    assert wired.records() == []


def test_a_wrapper_below_that_goes_first(off):
    """The foreign one is laid before the tap and takes itself away under it."""
    below = Foreign(aiohttp.ClientSession, "_request")
    off.begin()
    below.remove()  # as tracing libraries do it, without a look at what lies above
    off.asked(off.upstream.serve(as_json("gen-unseen")))
    off.module_now.tap_off()
    assert aiohttp.ClientSession.__dict__["_request"] is below.inner
    off.clock.ahead += 60
    off.begin()
    off.asked(off.upstream.serve(as_json("gen-seen")))
    assert off.row()["generation_id"] == "gen-seen"


# Saved, updated, switched off in mid-stream

def held(gen_id):
    hold = Hold()
    parts = frames(stream(openrouter_stream(gen_id, ("Hello", "there"), USAGE)))
    return hold, Answer([*parts[:2], hold, *parts[2:]])


async def in_mid_stream(owui, happening, people=(ADA, BOB)):
    """in_mid_stream lets chats and other requests begin, then the happening, then the rest of them."""
    holds, running = [], []
    for number, user in enumerate(people):
        for kind in ("chat", "other"):
            hold, answer = held(f"gen-{kind}-{user['id']}-{number}")
            holds.append(hold)
            url = owui.upstream.serve(answer)
            running.append(asyncio.ensure_future(
                owui.chat(url, user=user) if kind == "chat" else owui.ask(url, readers.AIOHTTP["lines"], user=user)))
    for hold in holds:
        await hold.reached()
    happening()
    for hold in holds:
        hold.open()
    return await asyncio.gather(*running)


def check_mid_stream(owui, source="tap"):
    rows = owui.rows()
    assert len(rows) == 4
    for name, row in rows.items():
        assert (row["state"], row["usage"], row["user"]["id"]) == ("final", SAID, "-".join(name.split("-")[2:4])), name
        assert row["source"] in source
    return rows


def test_saved_in_mid_stream(wired):
    wired.run(asyncio.ensure_future(in_mid_stream(wired, wired.save), loop=wired.loop))
    check_mid_stream(wired)


def test_saved_many_times_in_mid_stream(wired):
    def again():
        for _ in range(5):
            wired.save()

    wired.run(asyncio.ensure_future(in_mid_stream(wired, again), loop=wired.loop))
    wired.begin()
    check_mid_stream(wired)
    wired.asked(wired.upstream.serve(as_json("gen-after")))
    assert "gen-after" in wired.rows() and state(wired) == "on"


@pytest.mark.parametrize("used", [False, True], ids=["saved", "used"])
def test_another_version_in_mid_stream(wired, used):
    async def drive():
        await in_mid_stream(wired, lambda: wired.save(wired.with_version("9.9.9")))
        if used:
            await wired.chat(wired.upstream.serve(streamed("gen-9")))

    wired.run(asyncio.ensure_future(drive(), loop=wired.loop))
    rows = wired.rows()
    assert len(rows) == (5 if used else 4) and all(row["state"] == "final" and row["usage"] == SAID for row in rows.values())
    assert all(row["user"]["id"] in name for name, row in rows.items() if name != "gen-9")


def test_off_in_mid_stream(wired):
    """What had begun is recorded by the wire or by the filter, and once."""
    wired.run(asyncio.ensure_future(in_mid_stream(wired, wired.module_now.tap_off), loop=wired.loop))
    check_mid_stream(wired)


def test_a_restart_begins_anew(wired):
    wired.asked(wired.upstream.serve(as_json("gen-1")))
    wired.settle()
    wired.restart()
    assert RUNTIME not in sys.modules and not any(is_laid(wired))
    wired.begin()
    wired.asked(wired.upstream.serve(as_json("gen-2")))
    assert sorted(wired.rows()) == ["gen-1", "gen-2"]


def test_the_heartbeat_says_how_it_is(wired):
    wired.asked(wired.upstream.serve(as_json("gen-1")))
    wired.settle()
    wait_until(lambda: any(beat["tap"] == "on" for beat in wired.receiver.heartbeats))
    beat = wired.receiver.heartbeats[-1]
    assert (beat["tap"], beat["plugin"]) == ("on", wired.module_now.VERSION) and beat["faults"] == 0
