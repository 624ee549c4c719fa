# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who asked, in which turn, and what the filter keeps to itself while the wire sees a turn."""
import asyncio
import gc
import logging
import threading
import types
from collections import Counter

import pytest

for name in ("aiohttp", "requests", "httpx"):
    pytest.importorskip(name)

import aiohttp  # noqa: E402
import readers  # noqa: E402
from caller import caller_at  # noqa: E402
from conftest import ANSWER, PROMPT  # noqa: E402
from emulator import ADA, openrouter_stream  # noqa: E402
from receiver import PATIENCE_S  # noqa: E402
from upstream import Answer, Hold, frames, stream, whole  # noqa: E402
from wired import BOB, SAID, USAGE, Wired  # noqa: E402


def answer(gen_id, words=("Hello", "there"), **more):
    return Answer(frames(stream(openrouter_stream(gen_id, words, USAGE))), **more)


# Stop

async def stopped(request, until, hold):
    """stopped cancels a request when `until` has come true; the upstream waits at a hold."""
    task = asyncio.ensure_future(request)
    await asyncio.wait_for(until, PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hold.open()


def held_answer(gen_id, after, **more):
    """held_answer waits after the first `after` frames; it gives the hold, the bytes before it, and the answer."""
    hold = Hold()
    parts = frames(stream(openrouter_stream(gen_id, ("Hello", "there"), USAGE)))
    return hold, len(b"".join(parts[:after])), Answer([*parts[:after], hold, *parts[after:]], **more)


async def stopped_chat(owui, url, shown, hold):
    event = asyncio.Event()

    async def read_on(turn):
        if len(turn.shown) >= shown:
            event.set()

    await stopped(owui.chat(url, read_on=read_on), event.wait(), hold)


@pytest.mark.parametrize("shared", [False, True], ids=["own-session", "shared-session"])
@pytest.mark.parametrize("reader", ["lines", "iter_any", "read"])
def test_stop_before_the_head(wired, reader, shared):
    hold = Hold()
    url = wired.upstream.serve(answer("gen-never", before_head=hold))

    async def drive():
        async with aiohttp.ClientSession() as session:
            await stopped(wired.ask(url, readers.AIOHTTP[reader], session=session if shared else None), hold.reached(), hold)

    wired.run(drive())
    row = wired.row()
    assert (row["generation_id"], row["state"], row["user"]["id"], row["source"]) == (None, "cancelled", ADA["id"], "tap")
    assert row["turn_id"].endswith(f":{row['request']}") and "usage" not in row


@pytest.mark.parametrize("reader", ["lines", "iter_any", "read"])
def test_stop_behind_the_head(wired, reader):
    hold, size, held = held_answer("gen-body", 0, headers={"X-Generation-Id": "gen-head"})
    read = readers.Watched(reader, size)
    wired.run(stopped(wired.ask(wired.upstream.serve(held), read), read.event.wait(), hold))
    row = wired.row()
    assert (row["generation_id"], row["state"], row["user"]["id"]) == ("gen-head", "cancelled", ADA["id"])


@pytest.mark.parametrize("reader", ["lines", "iter_any", "iter_chunks"])
def test_stop_between_frames(wired, reader):
    hold, size, held = held_answer("gen-body", 2)
    read = readers.Watched(reader, size)
    wired.run(stopped(wired.ask(wired.upstream.serve(held), read), read.event.wait(), hold))
    row = wired.row()
    assert (row["generation_id"], row["state"], row["model"]) == ("gen-body", "cancelled", "anthropic/claude-haiku-4.5")
    assert "usage" not in row and wired.tap.live == {}


@pytest.mark.parametrize("reader", ["lines", "iter_any", "readline"])
def test_stop_behind_done(wired, reader):
    """The connection stays open after [DONE]; a reader that leaves then has had all of it."""
    hold, size, held = held_answer("gen-body", 99)
    read = readers.Watched(reader, size)
    wired.run(stopped(wired.ask(wired.upstream.serve(held), read), read.event.wait(), hold))
    row = wired.row()
    assert (row["generation_id"], row["state"], row["usage"]) == ("gen-body", "final", SAID)


def test_leaving_a_whole_answer_unread(wired):
    async def unread(response):
        return response.status

    wired.asked(wired.upstream.serve(answer("gen-unread", headers={"X-Generation-Id": "gen-unread"})), unread)
    row = wired.row()
    assert row["generation_id"] == "gen-unread" and row["state"] != "open" and wired.tap.live == {}


def test_stop_in_a_chat(wired):
    hold, _, held = held_answer("gen-chat", 2)
    wired.run(stopped_chat(wired, wired.upstream.serve(held), 1, hold))
    row = wired.row()
    assert (row["generation_id"], row["state"], row["source"], row["user"]["id"]) == ("gen-chat", "cancelled", "tap", ADA["id"])


def test_stop_in_a_chat_before_the_head(wired):
    hold = Hold()
    wired.run(stopped(wired.chat(wired.upstream.serve(answer("gen-never", before_head=hold))), hold.reached(), hold))
    row = wired.row()
    assert (row["generation_id"], row["state"], row["user"]["id"]) == (None, "cancelled", ADA["id"])
    assert row["turn_id"].endswith(f":{row['request']}")


# Who

def test_a_chat_has_its_turn_and_its_person(wired):
    turn = wired.chatted(wired.upstream.serve(answer("gen-a")))
    assert turn.text == "Hellothere"
    row = wired.row()
    assert (row["source"], row["state"], row["usage"], row["kind"]) == ("tap", "final", SAID, "chat")
    assert (row["chat_id"], row["message_id"]) == (turn.metadata["chat_id"], turn.metadata["message_id"])
    assert row["user"] == {"id": ADA["id"], "name": ADA["name"], "email": ADA["email"], "role": "user", "groups": ["staff"]}
    assert row["origin"] == "ui" and row["request"] == 1


def test_a_whole_chat_has_its_turn_and_its_person(wired):
    turn = wired.chatted(wired.upstream.serve(Answer(whole("gen-a", usage=USAGE), "application/json")), streamed=False)
    row = wired.row()
    assert (row["generation_id"], row["source"], row["usage"]) == ("gen-a", "tap", SAID)
    assert (row["chat_id"], row["message_id"], row["user"]["groups"]) == (turn.metadata["chat_id"], turn.metadata["message_id"], ["staff"])


def test_the_requests_of_a_tool_loop_are_counted(wired):
    turn = wired.chatted(*(wired.upstream.serve(answer(f"gen-{number}")) for number in (1, 2, 3)))
    rows = wired.rows()
    assert {name: row["request"] for name, row in rows.items()} == {"gen-1": 1, "gen-2": 2, "gen-3": 3}
    assert len({row["turn_id"] for row in rows.values()}) == 1
    assert {row["message_id"] for row in rows.values()} == {turn.metadata["message_id"]}


def test_a_tool_loop_without_streaming(wired):
    wired.chatted(*(wired.upstream.serve(Answer(whole(f"gen-{number}", usage=USAGE), "application/json")) for number in (1, 2, 3, 4)),
                  streamed=False)
    rows = wired.rows()
    assert sorted(rows) == ["gen-1", "gen-2", "gen-3", "gen-4"] and all(row["usage"] == SAID for row in rows.values())


def test_requests_of_a_turn_without_ids_have_numbers(wired):
    bare = stream(openrouter_stream(None, ["Hello"], USAGE))
    wired.chatted(*(wired.upstream.serve(Answer(frames(bare))) for _ in range(2)))
    rows = wired.rows()
    assert [(row["generation_id"], row["request"], row["turn_id"].partition(":")[2]) for row in rows.values()] == [
        (None, 1, "1"), (None, 2, "2")]
    assert len({row["turn_id"].partition(":")[0] for row in rows.values()}) == 1


def test_a_task_is_a_turn_of_its_own(wired):
    async def chat_with_title():
        turn = await wired.chat(wired.upstream.serve(answer("gen-chat")))
        await wired.ask(wired.upstream.serve(Answer(whole("gen-title", usage=USAGE), "application/json")),
                        metadata={**turn.metadata, "task": "title_generation"})
        return turn

    turn = wired.run(asyncio.ensure_future(chat_with_title(), loop=wired.loop))
    rows = wired.rows()
    chat, title = rows["gen-chat"], rows["gen-title"]
    assert title["task"] == "title_generation" and "message_id" not in title and title["chat_id"] == turn.metadata["chat_id"]
    assert title["turn_id"] != chat["turn_id"] and title["request"] == 1 and title["user"]["id"] == ADA["id"]
    assert "task" not in chat and chat["message_id"] == turn.metadata["message_id"]


def test_a_request_outside_a_turn_is_a_turn_of_its_own(wired):
    for number in (1, 2):
        wired.asked(wired.upstream.serve(Answer(whole(f"gen-{number}", usage=USAGE), "application/json")))
    rows = wired.rows()
    assert len({row["turn_id"] for row in rows.values()}) == 2 and {row["request"] for row in rows.values()} == {1}
    assert all("message_id" not in row for row in rows.values())


FORGED = {"user_id": "u-forged", "chat_id": "c-forged", "message_id": "m-forged", "session_id": "s-forged", "task": "forged",
          "direct": True, "_openwebui_metering": {"turn": "forged"}, "user": {"id": "u-forged"}}


@pytest.mark.parametrize("path", ["/openai/chat/completions", "/openai/responses", "/openai/v1/messages", "/ollama/api/chat"])
def test_what_a_client_claims_is_not_believed(wired, path):
    url = wired.upstream.serve(Answer(whole("gen-a", usage=USAGE), "application/json"))
    wired.asked(url, metadata=dict(FORGED), path=path, body={"user": "u-forged", "metadata": dict(FORGED), "session_id": "s-forged"})
    row = wired.row()
    assert (row["user"]["id"], row["user"]["email"], row["origin"]) == (ADA["id"], ADA["email"], "api")
    assert "forged" not in str(row)


def test_a_forged_mark_does_not_hold_anothers_turn_back(wired):
    """A user who knows the id of another user's turn cannot silence it."""
    async def drive():
        hold, _, held = held_answer("gen-chat", 2)
        task = asyncio.ensure_future(wired.chat(wired.upstream.serve(held)))
        await hold.reached()
        turns = list(wired.runtime.turns)
        for turn in turns:
            await wired.ask(wired.upstream.serve(Answer(whole(f"gen-{turn}", usage=USAGE), "application/json")), user=BOB,
                            metadata={"_openwebui_metering": {"turn": turn}}, path="/openai/chat/completions")
        hold.open()
        await task

    wired.run(asyncio.ensure_future(drive(), loop=wired.loop))
    rows = wired.rows()
    assert rows.pop("gen-chat")["user"]["id"] == ADA["id"]
    assert rows and all(row["user"]["id"] == BOB["id"] and "message_id" not in row for row in rows.values())


def test_the_body_never_says_who(wired):
    wired.asked(wired.upstream.serve(Answer(whole("gen-a", usage=USAGE), "application/json")), body={"user": "u-forged"})
    assert wired.row()["user"]["id"] == ADA["id"]


@pytest.mark.parametrize("shape", ["object", "dict", "state", "nobody"])
def test_where_the_user_is_found(wired, shape):
    person = {k: BOB[k] for k in ("id", "name", "email", "role")}
    url = wired.upstream.serve(Answer(whole("gen-a", usage=USAGE), "application/json"))
    user = {"object": types.SimpleNamespace(**person), "dict": dict(person)}.get(shape)
    request = wired.request_of(types.SimpleNamespace(**person) if shape == "state" else None)
    wired.run(wired.caller.by_aiohttp(url, readers.AIOHTTP["read"], {"model": "m"}, user=user, metadata={}, request=request))
    row = wired.row()
    if shape == "nobody":
        assert row["user"]["id"] == "unknown" and wired.tap.counts["unnamed"] == 1
    else:
        assert {name: row["user"][name] for name in person} == person and wired.tap.counts["unnamed"] == 0


@pytest.mark.parametrize("module, who", [("open_webui.utils.chat", BOB), ("function_pipe", ADA), ("langchain.llms", ADA)])
def test_the_nearest_user_of_open_webui_counts(wired, module, who):
    """What a pipe or a library calls `user` is its own affair."""
    def person(user):
        return types.SimpleNamespace(**{k: user[k] for k in ("id", "name", "email", "role")})

    url = wired.upstream.serve(Answer(whole("gen-a", usage=USAGE), "application/json"))
    near = caller_at(module)
    wired.run(wired.caller.passes_on(near.by_aiohttp, url, readers.AIOHTTP["read"], {"model": "m"}, person(BOB), {},
                                     wired.request_of(person(BOB)), user=person(ADA), request=wired.request_of(person(ADA))))
    assert (wired.row()["user"]["id"], wired.row()["user"]["email"]) == (who["id"], who["email"])


def test_the_thread_of_an_image_has_its_turns_person(wired):
    """Up to 0.8 images are made in a thread without a frame of Open WebUI: the context goes along."""
    async def image_in_a_chat():
        turn, body, offered = wired._begin(False, "anthropic/claude-haiku-4.5", BOB, None, None, "hi")
        await wired._call("inlet", body, offered)
        url = wired.upstream.serve(Answer(b'{"data": [], "usage": {"cost": 0.04}}', "application/json"), endpoint="images/generations")
        await wired.ask(url, readers.REQUESTS["content"], by="by_requests_alone", user=BOB)

    wired.run(asyncio.ensure_future(image_in_a_chat(), loop=wired.loop))
    row = wired.row()
    assert (row["user"]["id"], row["kind"], row["usage"]) == (BOB["id"], "image", {"cost": 0.04})


def test_two_users_in_parallel_keep_their_own(wired):
    async def all_of_them():
        async with aiohttp.ClientSession() as session:
            chats = []
            for number in range(20):
                user = (ADA, BOB)[number % 2]
                chats.append(asyncio.ensure_future(wired.chat(
                    wired.upstream.serve(answer(f"gen-{number}-{user['id']}")), user=user, session=session)))
                chats.append(asyncio.ensure_future(wired.ask(
                    wired.upstream.serve(answer(f"gen-task-{number}-{user['id']}")), user=user, metadata={"task": "tags_generation"})))
            return await asyncio.gather(*chats)

    turns = wired.run(all_of_them())
    rows = wired.rows()
    assert len(rows) == 40 and all(name.endswith(row["user"]["id"]) and row["usage"] == SAID for name, row in rows.items())
    assert {row["chat_id"] for name, row in rows.items() if "task" not in row} == {turn.metadata["chat_id"] for turn in turns[::2]}


@pytest.mark.parametrize("profile", ["0.6", "0.8", "0.11.4", "0.12"])
@pytest.mark.parametrize("api", [False, True], ids=["ui", "api"])
def test_each_version_has_one_row(upstream, receiver, tmp_path, profile, api):
    with Wired(upstream, receiver, profile, data_dir=tmp_path) as owui:
        owui.begin()
        owui.chatted(upstream.serve(answer("gen-a")), api=api)
        row = owui.row()
        assert (row["source"], row["usage"], row["user"]["id"], row["origin"]) == ("tap", SAID, ADA["id"], "api" if api else "ui")


# Held back

def test_the_filter_sends_nothing_of_a_turn_that_the_wire_sees(wired):
    wired.chatted(wired.upstream.serve(answer("gen-a")))
    wired.chatted(wired.upstream.serve(Answer(whole("gen-b", usage=USAGE), "application/json")), streamed=False)
    wired.clock.ahead += 5  # after the pause for a second usage frame
    assert {record["source"] for record in wired.records()} == {"tap"}
    wired.clock.ahead += 16 * 60  # the sweep
    wired.begin()
    assert {record["source"] for record in wired.records()} == {"tap"}
    assert sorted(wired.rows()) == ["gen-a", "gen-b"]


def test_the_sweep_sends_nothing_of_a_turn_that_the_wire_still_sees(wired):
    async def drive():
        hold, _, held = held_answer("gen-a", 2)
        task = asyncio.ensure_future(wired.chat(wired.upstream.serve(held)))
        await hold.reached()
        wired.clock.ahead += 16 * 60
        await wired.ask(wired.upstream.serve(Answer(whole("gen-b", usage=USAGE), "application/json")))
        await asyncio.to_thread(wired.receiver.wait, lambda: any(
            (r["generation_id"], r["state"]) == ("gen-b", "final") for r in wired.receiver.records))
        hold.open()
        return await task

    turn = wired.run(asyncio.ensure_future(drive(), loop=wired.loop))
    records = wired.records()
    assert {record["source"] for record in records} == {"tap"}
    row = wired.rows()["gen-a"]
    assert (row["state"], row["usage"], row["chat_id"]) == ("final", SAID, turn.metadata["chat_id"])


def test_a_turn_that_the_wire_does_not_see_is_the_filters(wired):
    """A pipe with a client that the tap does not know: the frames come, no request was seen."""
    wired.run(wired.ui_stream([openrouter_stream("gen-pipe", ["Hello"], USAGE)]))
    row = wired.row()
    assert (row["generation_id"], row["source"], row["usage"]) == ("gen-pipe", "filter-stream", SAID)
    assert wired.tap.counts["missed"] == 1


def test_a_refused_request_is_tried_again(wired):
    refused = Answer(b'{"error": {"code": 502}}', "application/json", 502)
    turn = wired.chatted(wired.upstream.serve(refused), wired.upstream.serve(answer("gen-a")))
    row = wired.row()
    assert turn.text == "Hellothere" and (row["generation_id"], row["source"], row["usage"]) == ("gen-a", "tap", SAID)


def test_a_refused_request_does_not_silence_the_filter(wired):
    """A pipe was refused, and went on with a client that the tap does not know."""
    refused = Answer(b'{"error": {"code": 502}}', "application/json", 502)

    async def drive():
        turn, body, offered = wired._begin(False, "anthropic/claude-haiku-4.5", None, None, None, "hi")
        body = await wired._inlet(turn, body, offered)
        await wired.ask(wired.upstream.serve(refused), metadata=turn.metadata, body=body)
        usages = await wired._frames(turn, openrouter_stream("gen-pipe", ["Hello"], USAGE), body, offered, None, None)
        await wired._outlet(turn, body, offered, usages, turn.text)

    wired.run(asyncio.ensure_future(drive(), loop=wired.loop))
    row = wired.row()
    assert (row["generation_id"], row["source"], row["usage"]) == ("gen-pipe", "filter-stream", SAID)


def test_the_cost_line_is_there_while_the_wire_sees_the_turn(upstream, receiver, tmp_path):
    with Wired(upstream, receiver, data_dir=tmp_path, valves={"show_cost": True}) as owui:
        owui.begin()
        turn = owui.chatted(upstream.serve(answer("gen-a")))
        assert len(turn.status_lines) == 1 and "0.000546 USD" in turn.status_lines[0]


# Nothing is kept

def test_no_word_of_a_chat_leaves(wired, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    words = (ANSWER, ANSWER)
    wired.chatted(wired.upstream.serve(answer("gen-a", words)), prompt=PROMPT)
    wired.chatted(wired.upstream.serve(Answer(whole("gen-b", ANSWER, USAGE), "application/json")), prompt=PROMPT, streamed=False)
    large = whole("gen-c", ANSWER * 200_000, USAGE)
    wired.asked(wired.upstream.serve(Answer(large, "application/json")), body={"messages": [{"role": "user", "content": PROMPT}]})
    for kind, body in (("text/event-stream", b"data: {" + ANSWER.encode() + b"\n\ndata: [DONE]\n\n"),
                       ("application/json", b'{"broken": "' + ANSWER.encode()),
                       ("application/json", b'{"id": "gen-d", "error": {"message": "' + ANSWER.encode() + b'"}}')):
        wired.asked(wired.upstream.serve(Answer(body, kind)), body={"messages": [{"role": "user", "content": PROMPT}]})
    assert sorted(name for name in wired.rows() if name.startswith("gen-"))[:3] == ["gen-a", "gen-b", "gen-c"]
    for word in (PROMPT, ANSWER, "canary"):
        assert word not in wired.receiver.outgoing and word not in caplog.text
        assert all(word.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_nothing_grows(wired):
    async def some(count, session):
        for number in range(count):
            if number % 10 == 9:
                hold, size, held = held_answer(f"gen-{number}", 2)
                read = readers.Watched("lines", size)
                await stopped(wired.ask(wired.upstream.serve(held), read, session=session), read.event.wait(), hold)
            else:
                await wired.ask(wired.upstream.serve(answer(f"gen-{number}")), readers.AIOHTTP["lines"], session=session)

    def counted():
        gc.collect()
        found = Counter(type(o).__name__ for o in gc.get_objects())
        kept = {name: found[name] for name in ("Wire", "StreamReader", "ClientResponse", "Task", "Frame", "Generation", "frame")}
        ours = [thread for thread in threading.enumerate() if thread.name.startswith("openwebui-metering")]
        return {**kept, "live": len(wired.tap.live), "threads": len(ours)}

    async def rounds():
        async with aiohttp.ClientSession() as session:
            await some(30, session)
            await asyncio.to_thread(wired.receiver.wait, lambda: len(finals()) >= 30)
            before = counted()
            await some(300, session)
            await asyncio.to_thread(wired.receiver.wait, lambda: len(finals()) >= 330)
            return before, counted()

    def finals():
        return [r for r in wired.receiver.records if r["state"] != "open"]

    before, after = wired.run(asyncio.ensure_future(rounds(), loop=wired.loop))
    assert all(after[name] <= before[name] + 2 for name in before), (before, after)
    assert after["live"] == 0 and len(finals()) == 330


def asked_in_a_thread(module, url):
    """A pipe's own code that asks in a thread of its own, where neither Open WebUI's context nor its frames are."""
    body = types.ModuleType(module)
    exec("import requests, threading\n"
         "def ask(url):\n"
         "    asking = threading.Thread(target=lambda: requests.post(url, json={'model': 'm', 'stream': False}))\n"
         "    asking.start()\n"
         "    asking.join()\n", body.__dict__)
    return asyncio.to_thread(body.ask, url)


@pytest.mark.parametrize("others", [0, 1], ids=["one turn of the pipe", "two turns of it"])
def test_a_pipe_that_asks_in_a_thread_of_its_own(wired, others):
    wired.models["threads.a"] = {"id": "threads.a", "pipe": {"type": "pipe"}}
    wired.begin()

    async def turn():
        for user in [BOB] * others + [ADA]:
            turn, body, offered = wired._begin(False, "threads.a", user, None, None, "hi")
            await wired._inlet(turn, {**body, "stream": True}, offered)
        url = wired.upstream.serve(Answer(whole("gen-1", usage=USAGE), "application/json", framing="length"))
        await asked_in_a_thread("function_threads_" + "0a" * 16, url)

    wired.run(asyncio.ensure_future(turn(), loop=wired.loop))
    row = wired.rows()["gen-1"]
    if others:  # nothing tells whose it is: its record names no turn, so that the ledger may pair it with the turn's row
        assert row["user"]["id"] == "unknown" and "turn_id" not in row
    else:
        assert row["user"]["id"] == ADA["id"] and row["request"] == 1 and row["message_id"]


@pytest.mark.parametrize("profile", ["0.6", "0.12"])
def test_a_turn_of_the_pipe_that_is_over_is_not_meant(upstream, receiver, tmp_path, profile):
    with Wired(upstream, receiver, profile=profile, data_dir=tmp_path) as owui:
        owui.models["threads.a"] = {"id": "threads.a", "pipe": {"type": "pipe"}}
        owui.begin()
        owui.run(asyncio.ensure_future(owui.ui_stream([openrouter_stream("gen-0", ["a"])], model="threads.a", user=BOB), loop=owui.loop))

        async def turn():
            turn, body, offered = owui._begin(False, "threads.a", ADA, None, None, "hi")
            await owui._inlet(turn, {**body, "stream": True}, offered)
            url = upstream.serve(Answer(whole("gen-1", usage=USAGE), "application/json", framing="length"))
            await asked_in_a_thread("function_threads", url)

        owui.run(asyncio.ensure_future(turn(), loop=owui.loop))
        assert owui.rows()["gen-1"]["user"]["id"] == ADA["id"]


def test_usage_that_nobody_reads_on_from_is_told(wired):
    """Open WebUI may fail at a frame and leave the stream where it is, neither read nor closed."""
    hold = Hold()
    parts = frames(stream(openrouter_stream("gen-1", ("a", "b"), USAGE)))
    url = wired.upstream.serve(Answer([*parts[:-1], hold, parts[-1]]))
    kept = []

    async def leave():
        session = aiohttp.ClientSession()
        response = await wired.caller.passes_on(session.post, url, data=b"{}")
        async for line in response.content:
            if b'"usage"' in line:
                break
        kept.extend([session, response])

    wired.run(asyncio.ensure_future(leave(), loop=wired.loop))
    wired.clock.ahead += 120
    wired.runtime.tick()
    row = wired.rows()["gen-1"]
    assert (row["state"], row["usage"]) == ("final", SAID)
    hold.open()
    wired.run(asyncio.ensure_future(kept[0].close(), loop=wired.loop))
