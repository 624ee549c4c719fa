# SPDX-License-Identifier: AGPL-3.0-or-later
"""One upstream request is one generation, in the filter's own view: what it reports where the tap is off."""
import asyncio
import hashlib
import hmac
import json
import sqlite3
import time
import types
import uuid
from decimal import Decimal

import pytest
from emulator import ADA, OpenWebUI, openrouter_stream
from receiver import wait_until

USAGE = {"prompt_tokens": 30, "completion_tokens": 7, "cost": 0.003}
REPLY = {"choices": [{"message": {"content": "Hi"}}], "usage": USAGE}
CLAUDE = "anthropic/claude-haiku-4.5"


@pytest.fixture(autouse=True)
def without_tap(monkeypatch):
    monkeypatch.setenv("OPENWEBUI_METERING_TAP", "off")


def counted(receiver):
    """counted lists what the ledger would have: id or place, state, cost."""
    return {(row["generation_id"] or row["turn_id"].partition(":")[2], row["state"], row.get("usage", {}).get("cost"))
            for row in receiver.ledger().values()}


def raw_lines_to_programs(owui):
    """Up to 0.11 a filter gets the lines of a program's stream as they are."""
    owui.profile = type(owui.profile)(**{**vars(owui.profile), "api_dicts": False})


async def whole(owui, usage, api=False, continued=False, answer="Hi", requests=1, message_id="m-1"):
    """whole is an answer that is not streamed; outlet has what Open WebUI has stored of its message."""
    turn, body, offered = owui._begin(api, "my-preset", None, None, message_id, "hi")
    if continued:
        turn.metadata["assistant_message_id"] = message_id
        body["messages"].append({"role": "assistant", "content": "Hi"})
    body = await owui._inlet(turn, {**body, "stream": False}, offered)
    for _ in range(requests - 1):
        body = await owui._request(turn, {**body}, offered)
    if answer:
        await owui._outlet(turn, body, offered, [usage], answer)
    return turn


def test_what_was_stored_before_is_not_the_continued_turns_own(newest, receiver):
    newest.run(whole(newest, USAGE))
    newest.run(whole(newest, {**USAGE, "cost": 0.008}, continued=True))
    newest.flush()
    costs = sorted(str(row.get("usage", {}).get("cost")) for row in receiver.ledger().values())
    assert costs == ["0.003", "None"] and len(receiver.ledger()) == 2


def test_an_agent_without_streaming_leaves_a_row_for_each_request(newest, receiver):
    """Tool calls without text have no outlet: the request is known, its cost is not."""
    for _ in range(3):
        newest.run(whole(newest, None, api=True, answer=None))
    newest.run(whole(newest, USAGE, api=True))
    newest.flush()
    rows = list(receiver.ledger().values())
    assert len(rows) == 4 and {row["generation_id"] for row in rows} == {None}
    assert sorted(row["source"] for row in rows) == ["filter-outlet"] + 3 * ["filter-request"]
    assert all(row["state"] == "final" and row["model"] == CLAUDE for row in rows)
    assert [row["request"] for row in rows if row["source"] == "filter-request"] == [1, 1, 1]


def test_the_sum_of_a_turn_and_its_further_requests(newest, receiver):
    newest.run(whole(newest, USAGE, requests=3))
    newest.flush()
    assert counted(receiver) == {("1", "final", 0.003), ("2", "final", None), ("3", "final", None)}


def test_text_of_a_pipe_has_no_generation(owui, receiver):
    """Open WebUI makes frames of a text, each with an id of its own."""
    owui.models["a.pipe"] = {"id": "a.pipe", "pipe": {"type": "pipe"}}
    frames = ["data: " + json.dumps({"id": f"a.pipe-{uuid.uuid4()}", "model": "a.pipe", "choices": [{"delta": {"content": "x"}}]})
              for _ in range(17)]
    end = {"id": f"a.pipe-{uuid.uuid4()}", "model": "a.pipe", "choices": [{"delta": {}, "finish_reason": "stop"}]}
    owui.run(owui.ui_stream([frames + ["data: " + json.dumps(end)]], model="a.pipe"))
    owui.flush()
    (row,) = receiver.ledger().values()
    assert (row["generation_id"], row["state"], row["source"]) == (None, "final", "filter-stream")


def test_a_pipe_that_passes_openrouters_frames_on_is_that_generation_alone(owui, receiver):
    owui.models["a.pipe"] = {"id": "a.pipe", "pipe": {"type": "pipe"}}
    end = {"id": f"a.pipe-{uuid.uuid4()}", "model": "a.pipe", "choices": [{"delta": {}, "finish_reason": "stop"}]}
    lines = openrouter_stream("gen-1", ["a", "b"], USAGE)[:-2]
    owui.run(owui.ui_stream([[*lines, "data: " + json.dumps(end)]], model="a.pipe"))
    owui.flush()
    assert counted(receiver) == {("gen-1", "final", 0.003)}


def test_a_later_zero_wipes_nothing(owui, receiver):
    lines = openrouter_stream("gen-1", ["a"], USAGE)[:-2]
    head = json.loads(lines[-2][5:])
    for later in ({"prompt_tokens": 0, "completion_tokens": 0, "cost": 0}, {"completion_tokens": 9}):
        lines.append("data: " + json.dumps({**head, "usage": later}))
    owui.run(owui.ui_stream([lines]))
    owui.flush()
    assert receiver.ledger()["gen-1"]["usage"] == {"prompt_tokens": 30, "completion_tokens": 9, "cost": 0.003}


@pytest.mark.parametrize("tokens", ["1" + "0" * 400, "1" + "0" * 5000, "-1", "1.5", "1e400", "NaN"],
                         ids=["401 digits", "5001 digits", "negative", "a fraction", "infinite", "NaN"])
@pytest.mark.parametrize("api", [False, True])
def test_a_senseless_number_loses_its_field_alone(newest, receiver, tokens, api):
    lines = [line.replace('"prompt_tokens": 30', f'"prompt_tokens": {tokens}') for line in openrouter_stream("gen-1", ["a"], USAGE)]
    if len(tokens) > 4300 and not api:
        lines = [line.replace(tokens, "null") for line in lines]  # Open WebUI itself cannot read such a line
    raw_lines_to_programs(newest)
    newest.run(newest.api_stream(lines) if api else newest.ui_stream([lines]))
    newest.flush()
    assert receiver.ledger()["gen-1"]["usage"] == {"completion_tokens": 7, "cost": 0.003}


def test_anthropics_prompt_tokens_include_the_cached_ones(newest, receiver):
    usage = {"input_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output_tokens": 5}
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], usage)]))
    newest.flush()
    assert receiver.ledger()["gen-1"]["usage"] == {
        "prompt_tokens": 16, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2}}


def test_usage_beside_an_image_is_read(newest, receiver):
    lines = [line.replace('"content": ""', '"content": "%s"' % ("A" * 400_000)) for line in openrouter_stream("gen-1", [], USAGE)]
    assert max(map(len, lines)) > 256 * 1024
    raw_lines_to_programs(newest)
    newest.run(newest.api_stream(lines))
    newest.flush()
    assert counted(receiver) == {("gen-1", "final", 0.003)}


@pytest.mark.parametrize(("model", "named"), [("my-preset", CLAUDE), (CLAUDE, CLAUDE), ("or.model", "model")])
def test_a_row_by_outlet_knows_its_model(newest, receiver, monkeypatch, model, named):
    newest.models["or.model"] = {"id": "or.model", "owned_by": "openai", "urlIdx": 0}
    import open_webui.models.config as config
    given = {"openai.api_base_urls": ["https://openrouter.ai/api/v1"],
             "openai.api_configs": {"0": {"prefix_id": "or"} if model == "or.model" else {}}}

    async def get(key, default=None):
        return given.get(key, default)

    monkeypatch.setattr(config, "Config", types.SimpleNamespace(get=get))
    newest.run(newest.ui_nonstream(REPLY, model=model))
    newest.flush()
    (row,) = receiver.ledger().values()
    assert (row["model"], row["requested_model"]) == (named, model)


@pytest.mark.parametrize("more", [
    {"internal": True, "session_id": "browser"}, {"session_id": "subagent:c-1"}, {"session_id": "subagent-result:c-1"},
    {"session_id": "browser", "user_message": {"meta": {"internal": True, "type": "subagent"}}}])
def test_a_sub_agent_is_its_origin(newest, more):
    assert newest.module.origin_of({"chat_id": "c-2", **more}) == "subagent"


def test_the_cost_line_adds_up_an_answer_that_went_on(owui, receiver):
    owui.valves["show_cost"] = True
    owui.run(owui.paused_turn(openrouter_stream("gen-1", ["a"], USAGE, finish="tool_calls"), message_id="m-1", chat_id="c-1"))
    turn = owui.run(owui.ui_stream([openrouter_stream("gen-2", ["b"], USAGE)], message_id="m-1", chat_id="c-1"))
    assert turn.status_lines == ["0.006 USD, 60 tokens in, 14 out, 2 requests"]


def test_a_change_of_groups_is_seen_within_seconds(newest, receiver, monkeypatch):
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    newest.groups = ["others"]
    clock = newest.module.time.monotonic
    monkeypatch.setattr(newest.module.time, "monotonic", lambda: clock() + 3)
    newest.run(newest.ui_stream([openrouter_stream("gen-2", ["a"], USAGE)]))
    newest.flush()
    rows = receiver.ledger()
    assert [rows[key]["user"]["groups"] for key in ("gen-1", "gen-2")] == [["staff"], ["others"]]


def test_members_of_a_group_are_members_of_its_parents(newest, receiver, monkeypatch):
    async def groups(user_id, *, include_inherited=False):
        names = ["Class", "School"] if include_inherited else ["Class"]
        return [types.SimpleNamespace(name=name) for name in names]

    import open_webui.models.groups as table
    monkeypatch.setattr(table, "Groups", types.SimpleNamespace(get_groups_by_member_id=groups))
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    newest.flush()
    user = receiver.ledger()["gen-1"]["user"]
    assert (user["groups"], user["inherited_groups"]) == (["Class", "School"], ["School"])


def test_openrouter_is_told_chat_turn_and_request(newest, receiver):
    turn = newest.run(newest.ui_stream([openrouter_stream(f"gen-{n}", ["a"], USAGE) for n in (1, 2)], chat_id="c-1"))
    newest.flush()
    rows = receiver.ledger()
    for number, body in enumerate(turn.upstream, 1):
        assert body["session_id"] == "owui|u-ada|c-1||"
        assert body["trace"] == {"owui_turn": rows["gen-1"]["turn_id"], "owui_request": number}
        assert rows[f"gen-{number}"]["request"] == number


def mac(key, body):
    text = f"owui-tag-1\n{body['trace']['owui_turn']}\n{body['trace'].get('owui_request', 0)}\n{body['user']}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def test_tags_are_signed_with_the_key_that_the_gateway_gives(newest, receiver):
    turn = newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    assert "owui_mac" not in turn.upstream[0]["trace"]  # no key is known yet
    receiver.tag_key = "5" * 64
    newest.run(newest.ui_stream([openrouter_stream("gen-2", ["a"], USAGE)]))
    newest.flush()
    for restarted in (False, True):  # the spool keeps the key
        if restarted:
            receiver.tag_key = None
            newest.restart()
            newest.run(newest.ui_stream([openrouter_stream("gen-3", ["a"], USAGE)]))
            newest.flush()
        turn = newest.run(newest.ui_stream([openrouter_stream(f"gen-{restarted}-{n}", ["a"], USAGE) for n in (1, 2)]))
        assert [body["trace"]["owui_request"] for body in turn.upstream] == [1, 2]
        assert [body["trace"]["owui_mac"] for body in turn.upstream] == [mac("5" * 64, body) for body in turn.upstream]
    assert "5" * 64 not in receiver.outgoing


@pytest.mark.parametrize("key", ["", "5" * 63, "g" * 64, "5" * 65, "A" * 64, None])
def test_what_is_no_key_signs_nothing(newest, receiver, key):
    receiver.tag_key = key
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    newest.flush()
    turn = newest.run(newest.ui_stream([openrouter_stream("gen-2", ["a"], USAGE)]))
    assert "owui_mac" not in turn.upstream[0]["trace"]


def test_records_are_numbered_and_in_order_of_time(newest, receiver, tmp_path):
    for n in range(5):
        newest.run(newest.ui_stream([openrouter_stream(f"gen-{n}", ["a"], USAGE)]))
    newest.flush()
    newest.restart()
    newest.run(newest.ui_stream([openrouter_stream("gen-5", ["a"], USAGE)]))
    newest.flush()
    assert [row["number"] for row in receiver.records] == list(range(1, len(receiver.records) + 1))
    assert len({row["sender"] for row in receiver.records}) == 1 and uuid.UUID(receiver.records[0]["sender"])
    ids = [uuid.UUID(row["record_id"]) for row in receiver.records]
    assert all(one.version == 7 for one in ids) and [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)


def test_what_was_refused_is_sent_once_more_after_an_update(newest, receiver, tmp_path):
    receiver.refuse = lambda record: "not yet"
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    newest.flush()
    receiver.refuse = lambda record: None
    newest.restart()
    newest.run(newest.ui_stream([openrouter_stream("gen-2", ["a"], USAGE)]))
    newest.flush()
    assert "gen-1" not in receiver.ledger(), "the same version sends nothing again"
    newest.restart()
    with sqlite3.connect(tmp_path / "openwebui_metering" / "spool.sqlite") as db:
        db.execute("UPDATE meta SET value = '1.0.0' WHERE name = 'version'")
    newest.run(newest.ui_stream([openrouter_stream("gen-3", ["a"], USAGE)]))
    newest.flush()
    assert receiver.ledger()["gen-1"]["usage"]["cost"] == 0.003
    assert newest.runtime.spool.count("rejected") == 0


def test_a_spool_of_the_version_before_is_taken_over(newest, receiver, tmp_path):
    folder = tmp_path / "openwebui_metering"
    folder.mkdir()
    with sqlite3.connect(folder / "spool.sqlite") as db:
        db.execute("CREATE TABLE record (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL)")
        db.execute("CREATE TABLE rejected (at TEXT NOT NULL, reason TEXT, body TEXT NOT NULL)")
        db.execute("CREATE TABLE lease (one INTEGER PRIMARY KEY, until REAL NOT NULL)")
        old = {"v": 1, "record_id": "r-1", "generation_id": "gen-old", "state": "final"}
        db.execute("INSERT INTO record VALUES (41, ?)", (json.dumps(old),))
        db.execute("INSERT INTO rejected VALUES ('', 'why', ?)", (json.dumps({**old, "generation_id": "gen-put-aside"}),))
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    newest.flush()
    assert {"gen-old", "gen-put-aside", "gen-1"} == set(receiver.ledger())
    assert min(row["number"] for row in receiver.records if "number" in row) == 43
    assert "sender" not in receiver.ledger()["gen-old"], "a record that waits keeps its content"


def test_the_gateway_hears_how_the_plugin_is(newest, receiver):
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    wait_until(lambda: receiver.heartbeats)
    said = receiver.heartbeats[0]
    assert (said["plugin"], said["tap"], said["processes"]) == ("1.1.0", "off", 1)
    assert said["reason"] == "switched off by OPENWEBUI_METERING_TAP"
    newest.flush()
    assert {record["sender"] for record in receiver.records} == {said["sender"]}


def test_a_gateway_that_knows_no_heartbeat_gets_its_records(newest, receiver):
    receiver.hear = lambda headers, body: (404, {}, '{"title":"Not Found"}')
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    newest.flush()
    assert "gen-1" in receiver.ledger()


def test_processes_that_share_a_spool_speak_as_one(newest, receiver):
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    newest.flush()
    spool = newest.runtime.spool
    with spool.open() as db:
        said = {"tap": "does_not_fit", "reason": "it saw nothing", "seen": 3, "missed": 5, "faults": 1, "unnamed": 0, "host": "elsewhere", "pid": 1}
        db.execute("INSERT INTO process VALUES ('another', ?, ?)", (time.time(), json.dumps(said)))
        ended = {**said, "host": newest.module.platform.node(), "pid": 2**22 + 1}
        db.execute("INSERT INTO process VALUES ('ended', ?, ?)", (time.time(), json.dumps(ended)))
    others = spool.say_how(newest.module.process_id(), newest.module.tap_says())
    body = newest.runtime.beat_body(others)
    assert (body["tap"], body["reason"], body["processes"], body["seen"], body["missed"]) == ("does_not_fit", "it saw nothing", 2, 3, 5)


def test_a_saved_plugin_is_the_same_process_and_an_ended_one_is_none(newest, receiver, tmp_path):
    def processes():
        with sqlite3.connect(tmp_path / "openwebui_metering" / "spool.sqlite", timeout=30) as db:
            return db.execute("SELECT count(*) FROM process").fetchone()[0]

    for n in range(3):
        newest.run(newest.ui_stream([openrouter_stream(f"gen-{n}", ["a"], USAGE)]))
        newest.flush()
        newest.runtime.beat_at = 0.0
        newest.runtime.new_file.set()
        wait_until(lambda: len(receiver.heartbeats) > n)
        newest.save()
    assert [said["processes"] for said in receiver.heartbeats] == [1] * len(receiver.heartbeats) and processes() == 1
    newest.restart()
    assert processes() == 0


def test_costs_add_up_as_they_were_written(newest):
    usages = [{"cost": "0.1", "prompt_tokens": 1}, {"cost": 0.2, "prompt_tokens": 2}]
    assert newest.module.summary(usages) == f"{Decimal('0.3')} USD, 3 tokens in, 0 out, 2 requests"


def test_frames_of_other_turns_do_not_hold_a_turn_back(newest):
    kept = newest.module.holder()
    kept.seen["t-1"] = newest.module.Seen()
    assert not newest.module.is_held("t-1")
    kept.seen["t-1"].requests = 1
    assert newest.module.is_held("t-1") and not newest.module.is_held("t-2")
    newest.module.let_go("t-1")
    assert not newest.module.is_held("t-1")


def test_a_user_without_id_is_unknown(newest):
    assert newest.module.person_of({"name": "x"})["id"] == "unknown"
    assert newest.module.person_of(types.SimpleNamespace(**{"id": ADA["id"], "name": "Ada"}))["name"] == "Ada"


def test_a_stream_whose_task_of_inlet_has_ended_is_no_request_without_answer(newest, receiver):
    """The body of an API stream may run in a task of its own: the end of inlet's task says nothing."""
    newest.run(newest.api_stream(openrouter_stream("gen-1", ["a"], USAGE)))
    newest.flush()
    assert counted(receiver) == {("gen-1", "final", 0.003)}


def test_nothing_is_asked_twice(newest):
    async def twice():
        await asyncio.gather(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]),
                             newest.ui_stream([openrouter_stream("gen-2", ["a"], USAGE)]))

    newest.run(twice())
    assert newest.queries.count("valves") <= 2


@pytest.mark.parametrize(("body", "model"), [
    ('{"model": "a/b", "messages": []}', "a/b"), (b'{"stream":true,"model":"a/b"}', "a/b"), ({"model": "a/b"}, "a/b"),
    ('{"messages": [{"content": "%s"}], "model": "a/b"}' % ("x" * 100_000), "a/b"),
    ('{"messages": [{"content": "say \\"model\\": \\"c/d\\""}]}', None),
    (b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\na/b\r\n--x\r\nContent-Disposition: form-data; name="image"', "a/b"),
    (None, None), (b"\xff\xfe", None), ({"model": 7}, None)])
def test_the_model_that_is_asked_for(newest, body, model):
    assert newest.module.model_in(body) == model
