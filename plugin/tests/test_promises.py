# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the plugin promises to the administrator who installs it."""
import asyncio
import hashlib
import inspect
import json
import logging
import re
import sys

import pytest
from conftest import ANSWER, PROMPT
from emulator import ADA, PLUGIN, PROFILES, OpenWebUI, openrouter_stream
from receiver import PATIENCE_S, wait_until

SOURCE = PLUGIN.read_text(encoding="utf-8")
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "cost": 7e-7}
JUNK = [None, True, False, 0, -1, 1.5, float("nan"), float("inf"), "", "yes", "\ud800\x00", [], [1], {}, {"a": 1}, 10 ** 40]


# Loading

def test_the_file_suits_open_webuis_loader():
    lines = SOURCE.splitlines()
    assert lines[0] == '"""'
    assert not re.search(r"from (utils|apps|main|config)", SOURCE)
    assert "requirements:" not in SOURCE
    header = SOURCE.split('"""')[1]
    assert re.search(r"^version: 1\.1\.0$", header, re.M) and 'VERSION = "1.1.0"' in SOURCE
    for name in ("toggle", "self.valves"):
        assert not re.search(rf"{re.escape(name)} *=", SOURCE)


def test_only_the_standard_library_and_pydantic_are_needed():
    found = set(re.findall(r"^(?:import|from) (\w+)", SOURCE, re.M))
    assert found - {"pydantic"} <= set(sys.stdlib_module_names)


def test_the_loaders_rewrite_changes_nothing(newest):
    newest.module
    assert newest.loaded_content == SOURCE


def test_hooks_name_the_arguments_open_webui_passes(newest):
    newest.module
    for hook, first in (("inlet", "body"), ("request", "body"), ("stream", "event"), ("outlet", "body")):
        handler = getattr(newest.filter, hook)
        assert inspect.iscoroutinefunction(handler)
        parameters = inspect.signature(handler).parameters.values()
        assert next(iter(parameters)).name == first
        assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    assert not hasattr(newest.filter, "valves") and not hasattr(newest.filter, "toggle")


def test_loading_starts_nothing_and_touches_no_disk(newest, tmp_path):
    newest.module
    assert newest.runtime.writer is None and newest.runtime.sender is None
    assert list(tmp_path.iterdir()) == []


# Valves

def test_valves_have_types_defaults_and_descriptions(newest):
    schema = newest.module.Filter.Valves.schema()
    kinds = {name: field["type"] for name, field in schema["properties"].items()}
    assert kinds == {"endpoint": "string", "api_key": "string", "show_cost": "boolean", "priority": "integer", "tap": "boolean",
                     "send_name_and_email": "boolean", "send_groups": "boolean", "tag_openrouter_user": "boolean"}
    assert all(field["description"] for field in schema["properties"].values())
    valves = newest.module.Filter.Valves()
    assert valves.priority == 1000 and valves.show_cost is False and valves.endpoint == ""
    assert "password" in json.dumps(schema["properties"]["api_key"])


@pytest.mark.parametrize("value", JUNK, ids=repr)
def test_any_stored_value_loads(newest, value):
    Valves = newest.module.Filter.Valves
    names = ("endpoint", "api_key", "show_cost", "send_name_and_email", "send_groups", "tag_openrouter_user", "priority")
    valves = Valves(**{name: value for name in names}, removed_in_the_next_version=value)
    assert isinstance(valves.endpoint, str) and isinstance(valves.api_key, str)
    assert type(valves.show_cost) is bool and type(valves.send_groups) is bool and type(valves.priority) is int


@pytest.mark.parametrize("stored", [None, {}, {"show_cost": "on", "priority": None, "endpoint": 7, "other": {}}, [], "x"], ids=repr)
def test_any_stored_valves_let_the_chat_through(version, tmp_path, stored):
    with OpenWebUI(version, data_dir=tmp_path, valves=stored) as owui:
        turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["Hello"], USAGE)]))
        assert turn.text == "Hello" and not turn.lost and turn.error is None
        wait_until(lambda: owui.runtime.pending() == 2)


def test_switches_take_the_words_people_write(newest):
    Valves = newest.module.Filter.Valves
    assert [Valves(show_cost=v).show_cost for v in (True, "true", "On", 1, "1")] == [True] * 5
    assert [Valves(send_groups=v).send_groups for v in (False, "false", "off", 0, "0")] == [False] * 5
    assert Valves(send_groups=None).send_groups is True


def test_valves_know_what_was_set(newest):
    """Open WebUI stores only the fields that were given."""
    valves = newest.module.Filter.Valves(endpoint="http://g")
    given = getattr(valves, "model_fields_set", None) or getattr(valves, "__fields_set__")
    assert given == {"endpoint"}


# Nothing a chat notices

@pytest.mark.parametrize("value", JUNK + [object(), b"data: \xff\xfe", b"data: {", "data: [1,2]", b"data: {}"], ids=repr)
def test_hooks_return_what_they_got_whatever_it_is(newest, value):
    newest.module
    filter_ = newest.filter

    async def everything():
        for metadata in ({}, None, value, {"_openwebui_metering": value}, {"_openwebui_metering": {"turn": value}}):
            for hook, name in ((filter_.inlet, "body"), (filter_.request, "body"), (filter_.stream, "event"),
                               (filter_.outlet, "body")):
                offered = {"__user__": value, "__metadata__": metadata, "__model__": value, "__request__": value,
                           "__event_emitter__": value, "__id__": "x", "__body__": value}
                known = inspect.signature(hook).parameters
                got = await hook(**{name: value}, **{k: v for k, v in offered.items() if k in known})
                assert got is value

    newest.run(everything())


@pytest.mark.parametrize("field", ["id", "model", "provider", "choices", "usage", "error", "type", "response", "object"])
@pytest.mark.parametrize("value", JUNK, ids=repr)
def test_strange_frames_pass_and_nothing_invalid_is_queued(newest, field, value):
    frame = {"id": "gen-1", "model": "m", "choices": [{"delta": {}, "finish_reason": "stop"}], "usage": dict(USAGE)}
    frame[field] = value
    nested = {**frame, "usage": {"cost": value, "prompt_tokens": value, "cost_details": value, "is_byok": value,
                                 "prompt_tokens_details": {"cached_tokens": value}}}

    async def drive():
        turn, body, offered = newest._begin(False, "my-preset", None, None, None, "hi")
        body = await newest._inlet(turn, body, offered)
        for frame_ in (frame, nested):
            assert await newest._call("stream", frame_, offered) is frame_

    newest.run(drive())
    for record in list(newest.runtime.queue):
        json.dumps(record, allow_nan=False)


@pytest.mark.parametrize("broken", ["turn_of", "read_frame", "events_in", "describe", "pick_usage", "runtime", "follow",
                                    "cached", "connection_of", "platform_at", "Turn", "now_iso"])
def test_a_defect_of_the_plugin_is_not_the_chats(newest, monkeypatch, broken):
    def defect(*_, **__):
        raise ZeroDivisionError("canary")

    newest.valves["show_cost"] = True
    monkeypatch.setattr(newest.module, broken, defect)
    lines = openrouter_stream("gen-1", ["Hello"], USAGE)
    for turn in (newest.run(newest.ui_stream([lines, lines])), newest.run(newest.api_stream(lines)),
                 newest.run(newest.ui_nonstream({"choices": [{"message": {"content": "x"}}], "usage": USAGE}))):
        assert not turn.lost and turn.error is None and turn.outlet is not None
    monkeypatch.undo()


def test_open_webui_without_its_tables_is_survived(newest, receiver):
    for name in ("functions", "groups", "config"):
        sys.modules[f"open_webui.models.{name}"] = None  # import fails
    turn = newest.run(newest.ui_stream([openrouter_stream("gen-1", ["Hello"], USAGE)]))
    assert turn.text == "Hello"
    wait_until(lambda: newest.runtime.pending() == 2)


def test_tables_that_fail_are_survived(newest):
    def fail(*_):
        raise RuntimeError("database is locked")

    for module in ("functions", "groups"):
        for owner in ("Functions", "Groups"):
            holder = getattr(sys.modules[f"open_webui.models.{module}"], owner, None)
            for name in list(vars(holder)) if holder else []:
                setattr(holder, name, fail)
    assert newest.run(newest.ui_stream([openrouter_stream("gen-1", ["Hello"], USAGE)])).text == "Hello"


def test_an_emitter_that_fails_or_hangs_does_not_hold_the_answer(newest):
    newest.valves["show_cost"] = True

    async def broken(event):
        raise ConnectionError

    async def hanging(event):
        await asyncio.Event().wait()

    async def drive(emitter):
        turn, body, offered = newest._begin(False, "my-preset", None, None, None, "hi")
        offered["__event_emitter__"] = emitter
        body = await newest._inlet(turn, body, offered)
        await newest._frames(turn, openrouter_stream("gen-1", ["a"], USAGE), body, offered, None, None)
        await newest._outlet(turn, body, offered, [USAGE], "a")
        return turn

    for emitter in (broken, hanging):
        assert newest.run(asyncio.wait_for(drive(emitter), PATIENCE_S)).outlet is not None


def test_cancellation_is_never_swallowed(newest):
    """A hook that waits on a slow table must let a Stop through."""
    async def never(*_):
        await asyncio.Event().wait()

    sys.modules["open_webui.models.functions"].Functions.get_function_valves_by_id = never

    async def stopped():
        turn, body, offered = newest._begin(False, "my-preset", None, None, None, "hi")
        task = asyncio.ensure_future(newest._inlet(turn, body, offered))
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    newest.run(stopped())


def test_code_catches_exception_and_nothing_wider():
    assert not re.search(r"except\s*:|except[^\n]*(BaseException|CancelledError|GeneratorExit)", SOURCE)


def test_no_table_is_read_for_a_chunk(owui, version):
    owui.run(owui.ui_stream([openrouter_stream("gen-1", ["x"] * 50, USAGE)]))
    assert max(owui.queries.count(table) for table in owui.queries) <= 2, "once at the inlet, once beside it"


def test_the_mark_is_small_and_json_safe(owui):
    turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["x"], USAGE)]))
    mark = turn.metadata["_openwebui_metering"]
    assert set(mark) == {"turn"} and json.dumps(mark)


# Money

@pytest.mark.parametrize("text", ["7e-7", "0.1", "0.00036531", "1e-9", "0.30000000000000004", "3.17561396",
                                  "0.06086625", "9999.789012345", "0", "5e-324", "0.000000125"])
@pytest.mark.parametrize("api", [False, True])
def test_cost_travels_without_loss(newest, receiver, text, api):
    lines = openrouter_stream("gen-1", ["x"], {"cost": 12345})
    lines = [line.replace("12345", text) for line in lines]
    newest.run(newest.api_stream(lines) if api else newest.ui_stream([lines]))
    newest.flush()
    assert repr(receiver.ledger()["gen-1"]["usage"]["cost"]) == repr(json.loads(text))


def test_zero_is_a_cost_and_null_is_none(newest, receiver):
    newest.run(newest.ui_stream([openrouter_stream("gen-0", ["x"], {"cost": 0, "prompt_tokens": 1})]),
               newest.ui_stream([openrouter_stream("gen-n", ["x"], {"cost": None, "prompt_tokens": 1})]))
    newest.flush()
    rows = receiver.ledger()
    assert rows["gen-0"]["usage"] == {"cost": 0, "prompt_tokens": 1}
    assert rows["gen-n"]["usage"] == {"prompt_tokens": 1}


# Privacy

def test_no_word_of_a_chat_and_no_private_field_leaves(owui, receiver, caplog):
    caplog.set_level(logging.DEBUG)
    lines = openrouter_stream("gen-1", [ANSWER, "x"], USAGE)
    reply = {"choices": [{"message": {"content": ANSWER}}], "usage": USAGE}
    owui.run(owui.ui_stream([lines, openrouter_stream("gen-2", [ANSWER], USAGE)], prompt=PROMPT),
             owui.ui_stream([lines], prompt=PROMPT, stop_after=1),
             owui.api_stream(lines, prompt=PROMPT),
             owui.ui_nonstream(reply, prompt=PROMPT), owui.api_nonstream(reply, prompt=PROMPT))
    owui.flush()
    everything = receiver.outgoing + json.dumps([headers for headers, _, _ in receiver.requests])
    assert "gen-1" in everything
    for secret in ("canary", "sk-own-key", "private", "Yx3socket"):
        assert secret not in everything, secret
    assert "canary" not in caplog.text


def test_records_hold_the_agreed_fields_and_no_others(owui, receiver):
    owui.run(owui.ui_stream([openrouter_stream("gen-1", ["x"], USAGE)]), owui.api_stream(openrouter_stream("gen-2")))
    owui.flush()
    agreed = {"v", "record_id", "generation_id", "state", "source", "turn_id", "chat_id", "message_id", "origin",
              "task", "user", "requested_model", "model", "provider", "platform", "usage", "started_at", "finished_at",
              "kind", "request", "sender", "number"}
    for record in receiver.records:
        assert set(record) <= agreed
        assert record["state"] in ("open", "final", "cancelled", "error")
        assert record["source"] in ("filter-stream", "filter-outlet")
        assert set(record["user"]) <= {"id", "name", "email", "role", "groups"}


def test_the_key_is_in_no_log_and_no_file(newest, receiver, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    for key in ("wrong-secret-key-41", "secret-key-41\nX-Evil: 1", "secret-key-41\u2028ü"):
        newest.valves = {"endpoint": receiver.address, "api_key": key}
        if newest.runtime:
            newest.runtime.cache.clear()
            newest.runtime.failures = 0
        newest.module._said.clear()
        newest.run(newest.ui_stream([openrouter_stream("gen-1", ["x"], USAGE)]))
        wait_until(lambda: newest.runtime.failures)
    receiver.stop()
    newest.restart()
    assert "openwebui_metering" in caplog.text  # it did complain
    assert "secret-key" not in caplog.text
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"secret-key" not in file.read_bytes()


def test_an_error_is_logged_without_its_text(newest, caplog):
    try:
        raise ValueError("Bearer secret-key-41")
    except ValueError as error:
        newest.module.say_error("somewhere", error)
    assert "somewhere: ValueError at line" in caplog.text and "secret" not in caplog.text


def test_a_fault_is_logged_once_a_minute(newest, caplog):
    for _ in range(1000):
        newest.module.say("topic", "the same again")
    assert caplog.text.count("the same again") == 1


def test_names_that_json_parsers_refuse_are_mended(newest, receiver):
    user = {**ADA, "name": "Ada\x00 \ud800Lovelace\n", "email": 7}
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["x"], USAGE)], user=user))
    newest.flush()
    assert receiver.ledger()["gen-1"]["user"]["name"] == "Ada \ufffdLovelace"
    assert "\\u0000" not in receiver.outgoing and "\\ud800" not in receiver.outgoing


def test_ids_that_cannot_be_kept_whole_are_hashed(newest, receiver):
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["x"], USAGE)], chat_id="c" * 5000, message_id="m\x00"))
    newest.flush()
    row = receiver.ledger()["gen-1"]
    assert row["chat_id"] == "long:" + hashlib.sha256(b"c" * 5000).hexdigest()
    assert row["message_id"] == "long:" + hashlib.sha256(b"m\0").hexdigest()


def test_every_version_is_driven():
    assert list(PROFILES) == ["0.6", "0.8", "0.9", "0.10", "0.11.0", "0.11.4", "0.12"]
