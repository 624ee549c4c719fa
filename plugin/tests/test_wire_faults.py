# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whatever breaks in the tap: every answer is whole, and the turn is the filter's again."""
import ast
import asyncio
import functools
import inspect
import logging
import types

import pytest

for name in ("aiohttp", "requests", "httpx"):
    pytest.importorskip(name)

import readers  # noqa: E402
from emulator import ADA, PLUGIN, openrouter_stream  # noqa: E402
from receiver import wait_until  # noqa: E402
from upstream import Answer, Realtime, frames, stream, whole  # noqa: E402
from wired import SAID, USAGE  # noqa: E402

EACH = ("begin", "head", "follow", "data", "finish", "close")  # on the way of every streamed answer


class Broken(Exception):
    pass


def functions_of(cls):
    return [name for name, value in vars(cls).items() if inspect.isfunction(value) or isinstance(value, (staticmethod, classmethod))]


class Breaker:
    """Makes functions of a class raise, beneath what guards them."""

    def __init__(self, monkeypatch):
        self.monkeypatch, self.hits = monkeypatch, 0

    def raising(self, function):
        def broken(*_, **__):
            self.hits += 1
            raise Broken("canary-of-a-fault")

        @functools.wraps(function)
        async def broken_later(*_, **__):
            broken()
        return broken_later if inspect.iscoroutinefunction(function) else functools.wraps(function)(broken)

    def break_it(self, cls, name):
        value = vars(cls)[name]
        kind = type(value) if isinstance(value, (staticmethod, classmethod)) else None
        outer = value.__func__ if kind else value
        guarded = getattr(outer, "__wrapped__", None)
        for cell in (outer.__closure__ or ()) if guarded else ():
            if cell.cell_contents is guarded:
                self.monkeypatch.setattr(cell, "cell_contents", self.raising(guarded))
                return
        broken = self.raising(outer)
        del broken.__wrapped__
        self.monkeypatch.setattr(cls, name, kind(broken) if kind else broken)


def places():
    """places lists the functions of the tap's classes, from the plugin's text."""
    tree = ast.parse(PLUGIN.read_text(encoding="utf-8"))
    return [(cls.name, function.name) for cls in tree.body
            if isinstance(cls, ast.ClassDef) and (cls.name in ("Tap", "Asker", "Point") or cls.name.endswith("Wire"))
            for function in cls.body if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))]


def streamed(gen_id):
    return Answer(frames(stream(openrouter_stream(gen_id, ("Hello", "there"), USAGE))), headers={"X-Generation-Id": gen_id})


EVENTS = [{"type": "session.created"}, {"type": "response.done", "response": {"id": "resp_1", "usage": {"input_tokens": 1}}}]


async def heard(socket):
    await socket.send_str("{}")
    return [await socket.receive_json()] + [message.json() async for message in socket]


def check_everything(owui):
    """check_everything asks in every way; all answers are whole."""
    import aiohttp

    async def all_ways():
        chat = await owui.chat(owui.upstream.serve(streamed("gen-chat")))
        assert chat.text == "Hellothere" and not chat.lost
        plain = await owui.chat(owui.upstream.serve(Answer(whole("gen-whole", usage=USAGE), "application/json")), streamed=False)
        assert plain.outlet is not None
        async with aiohttp.ClientSession() as session:
            for number, (name, read) in enumerate(readers.AIOHTTP.items()):
                body = stream(openrouter_stream(f"gen-{name}", ("Hello", "there"), USAGE))
                taken = await owui.ask(owui.upstream.serve(Answer(frames(body), encoding=(None, "gzip")[number % 2])), read, session=session)
                assert taken.data == body and taken.raised is None
        for by, read in (("by_requests", readers.REQUESTS["content"]), ("by_httpx", readers.HTTPX["aread"]),
                         ("by_httpx_blocking", readers.HTTPX_BLOCKING["httpx_read"])):
            for streaming in (False, True):
                url = owui.upstream.serve(Answer(whole("gen-other", usage=USAGE), "application/json", encoding="gzip", headers={"X-Generation-Id": "gen-other"}))
                taken = await owui.ask(url, read, by=by, streamed=streaming)
                assert taken.data == whole("gen-other", usage=USAGE)
        cut = Answer(frames(stream(openrouter_stream("gen-cut", ("Hello", "there"), USAGE))), cut=2)
        assert (await owui.ask(owui.upstream.serve(cut), readers.AIOHTTP["lines"])).raised
        with Realtime(owui.upstream, EVENTS) as url:
            assert await owui.caller.realtime(url, heard, user=types.SimpleNamespace(**ADA)) == EVENTS

    owui.run(asyncio.ensure_future(all_ways(), loop=owui.loop))


def rows_of(owui, *ids):
    """rows_of gives what came of these, without the help of a tap that may be broken."""
    owui.clock.ahead += 5  # after the pause for a second usage frame

    def all_are_there():
        owui.runtime.new_record.set()
        return set(ids) <= {r["generation_id"] for r in owui.receiver.records if r["state"] != "open"}

    wait_until(all_are_there)
    rows = {}
    for record in owui.receiver.records:
        key = record["generation_id"] or record["turn_id"]
        if key in ids:
            assert key not in rows or rows[key]["state"] == "open", [r for r in owui.receiver.records if r["generation_id"] == key]
            rows[key] = record
    return rows


@pytest.mark.parametrize("cls, name", places(), ids=lambda value: value)
def test_a_fault_anywhere(wired, monkeypatch, cls, name, caplog):
    caplog.set_level(logging.DEBUG)
    breaker = Breaker(monkeypatch)
    breaker.break_it(getattr(wired.module_now, cls), name)
    check_everything(wired)
    row = rows_of(wired, "gen-chat")["gen-chat"]
    assert (row["usage"], row["state"], row["user"]["id"]) == (SAID, "final", ADA["id"])
    assert name == "ask" or "canary-of-a-fault" not in caplog.text  # ask is a task, and guards all of its inside


@pytest.mark.parametrize("name", EACH)
def test_a_fault_on_the_way_makes_the_turn_the_filters(wired, monkeypatch, name):
    breaker = Breaker(monkeypatch)
    breaker.break_it(wired.module_now.Tap if name == "begin" else wired.module_now.Wire, name)
    turn = wired.chatted(wired.upstream.serve(streamed("gen-chat")))
    row = rows_of(wired, "gen-chat")["gen-chat"]
    assert turn.text == "Hellothere" and breaker.hits >= 1
    assert (row["source"], row["usage"], row["state"], row["chat_id"]) == ("filter-stream", SAID, "final", turn.metadata["chat_id"])
    assert wired.tap.counts["faults"] >= 1


@pytest.mark.parametrize("name", EACH)
def test_a_fault_on_the_way_of_a_whole_answer(wired, monkeypatch, name):
    breaker = Breaker(monkeypatch)
    breaker.break_it(wired.module_now.Tap if name == "begin" else wired.module_now.Wire, name)
    turn = wired.chatted(wired.upstream.serve(Answer(whole("gen-chat", usage=USAGE), "application/json")), streamed=False)
    wait_until(lambda: wired.receiver.records)
    records = wired.receiver.records
    assert breaker.hits >= 1 and len(records) == 1
    assert (records[0]["source"], records[0]["usage"], records[0]["chat_id"]) == ("filter-outlet", SAID, turn.metadata["chat_id"])


def test_all_at_once(wired, monkeypatch):
    breaker = Breaker(monkeypatch)
    for cls in (wired.module_now.Wire, wired.module_now.Tap):
        for name in functions_of(cls):
            breaker.break_it(cls, name)
    check_everything(wired)
    row = rows_of(wired, "gen-chat")["gen-chat"]
    assert breaker.hits and (row["source"], row["usage"]) == ("filter-stream", SAID)


@pytest.mark.parametrize("function", ["tap_on", "tap_off"])
def test_a_fault_in_the_switch(off, monkeypatch, function):
    off.module

    def broken(*_, **__):
        raise Broken("canary-of-a-fault")

    monkeypatch.setattr(off.module_now, function, broken)
    off.valves["tap"] = function == "tap_on"
    off.begin()
    check_everything(off)
    assert rows_of(off, "gen-chat")["gen-chat"]["source"] == "filter-stream"


def test_a_tap_that_cannot_be_made(off, monkeypatch):
    off.module
    breaker = Breaker(monkeypatch)
    breaker.break_it(off.module_now.Tap, "__init__")
    off.begin()
    check_everything(off)
    assert rows_of(off, "gen-chat")["gen-chat"]["source"] == "filter-stream"


def test_too_many_faults_end_it_for_good(wired, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        Breaker(patch).break_it(wired.module_now.Wire, "data")
        for number in range(200):
            wired.chatted(wired.upstream.serve(streamed(f"gen-{number}")))
            if wired.tap is None or wired.tap.state != "on":
                break
    assert wired.tap is not None and wired.tap.state != "on" and wired.tap.reason
    assert all(cls.__dict__[name] is original for cls, name, original in wired.originals)
    wired.clock.ahead += 60
    wired.begin()
    wired.chatted(wired.upstream.serve(streamed("gen-after")))
    assert wired.tap.state != "on"
    rows = rows_of(wired, "gen-after", *(f"gen-{n}" for n in range(number + 1)))
    assert all((row["source"], row["usage"]) == ("filter-stream", SAID) for row in rows.values())
    assert sum("steps aside" in record.message for record in caplog.records) == 1


def test_a_saved_plugin_does_not_bring_back_what_stepped_aside(wired, monkeypatch):
    with monkeypatch.context() as patch:
        Breaker(patch).break_it(wired.module_now.Wire, "data")
        for number in range(200):
            wired.chatted(wired.upstream.serve(streamed(f"gen-{number}")))
            if wired.tap is None or wired.tap.state != "on":
                break
    wired.save()
    wired.begin()
    assert wired.tap is None or wired.tap.state != "on"
