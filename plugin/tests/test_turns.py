# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every kind of turn, in every version: what ends up in the ledger, and that the
user sees what he would see without the plugin."""
import asyncio
import json
import uuid

import pytest
from emulator import ADA, PROFILES, OpenWebUI, openrouter_stream

USAGE = {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37, "cost": 0.003, "is_byok": False,
         "cost_details": {"upstream_inference_cost": 0.003, "upstream_inference_prompt_cost": 0.001},
         "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": 5, "image_tokens": 0}}
SENT = {"prompt_tokens": 30, "completion_tokens": 7, "cost": 0.003, "is_byok": False,
        "cost_details": {"upstream_inference_cost": 0.003},
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 5}}


def usage(prompt, completion, cost):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "cost": cost}


def reply(content="Hello", **more):
    return {"id": "gen-hidden", "choices": [{"message": {"role": "assistant", "content": content}}], **more}


def test_streamed_chat_becomes_one_exact_row(owui, receiver):
    turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["Hel", "lo"], USAGE)], model="my-preset"))
    owui.flush()
    assert turn.text == "Hello" and not turn.lost and turn.error is None
    assert [r["state"] for r in receiver.records] == ["open", "final"]
    assert len({r["record_id"] for r in receiver.records}) == 2
    row = receiver.ledger()["gen-1"]
    assert row["usage"] == SENT
    assert row["user"] == {"id": "u-ada", "name": "Ada Lovelace", "email": "ada@example.org",
                           "role": "user", "groups": ["staff"]}
    assert (row["v"], row["state"], row["source"], row["origin"]) == (1, "final", "filter-stream", "ui")
    assert (row["requested_model"], row["model"], row["provider"]) == (
        "my-preset", "anthropic/claude-haiku-4.5", "Amazon Bedrock")
    assert (row["chat_id"], row["message_id"]) == (turn.metadata["chat_id"], turn.metadata["message_id"])
    assert row["started_at"] <= row["finished_at"] and row["finished_at"].endswith("Z")
    assert uuid.UUID(row["record_id"]) and row["turn_id"]


def test_frames_pass_unchanged(owui):
    lines = openrouter_stream("gen-1", ["a", "b"], USAGE)
    turn = owui.run(owui.ui_stream([lines]))
    assert turn.shown == [json.loads(line[5:]) for line in lines if line.startswith("data: {")]


@pytest.mark.parametrize("requests", [2, 5])
# pitfall 13: of a tool loop only the last call counts
def test_tool_loop_counts_each_request_with_its_own_cost(owui, receiver, requests):
    streams = [openrouter_stream(f"gen-{n}", ["x"], usage(10 * n, n, n / 1000), finish="tool_calls")
               for n in range(1, requests + 1)]
    turn = owui.run(owui.ui_stream(streams))
    owui.flush()
    rows = receiver.ledger()
    assert {key: row["usage"]["cost"] for key, row in rows.items()} == {
        f"gen-{n}": n / 1000 for n in range(1, requests + 1)}
    assert {row["state"] for row in rows.values()} == {"final"}
    assert len({row["turn_id"] for row in rows.values()}) == 1
    assert len(turn.upstream) == requests


# pitfall 8: a stopped chat costs nothing
def test_stop_halfway_leaves_a_cancelled_row_at_once(owui, receiver):
    turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a", "b", "c", "d"], USAGE)], stop_after=2))
    owui.flush()
    row = receiver.ledger()["gen-1"]
    assert row["state"] == "cancelled" and "usage" not in row and row["finished_at"]
    assert turn.text == "ab"


def test_stop_in_the_second_request_keeps_the_first_final(owui, receiver):
    owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"], USAGE, finish="tool_calls"),
                             openrouter_stream("gen-2", ["b", "c"], USAGE)], stop_after=4))
    owui.flush()
    assert {k: r["state"] for k, r in receiver.ledger().items()} == {"gen-1": "final", "gen-2": "cancelled"}


def test_stop_before_the_first_frame_leaves_a_row_without_id(owui, receiver):
    """The hook request tells that something was asked; without it, nothing is known."""
    async def stopped():
        turn, body, offered = owui._begin(False, "my-preset", None, None, "m-1", "hi")
        await owui._inlet(turn, body, offered)
        await asyncio.Event().wait()  # the model thinks

    async def press_stop():
        task = asyncio.ensure_future(stopped())
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    owui.run(press_stop())
    if not owui.profile.request_hook:
        assert owui.runtime.pending() == 0 and receiver.records == []
        return
    owui.flush()
    (row,) = receiver.records
    assert (row["generation_id"], row["state"], row["source"], row["request"]) == (None, "cancelled", "filter-request", 1)
    assert row["turn_id"].endswith(":1") and "usage" not in row and row["model"] == "anthropic/claude-haiku-4.5"


# pitfall 10: calls over the API are not seen
def test_api_stream_is_metered_and_unchanged(owui, version, receiver):
    lines = openrouter_stream("gen-1", ["Hi"], USAGE)
    turn = owui.run(owui.api_stream(lines))
    owui.flush()
    row = receiver.ledger()["gen-1"]
    assert (row["state"], row["origin"], row["usage"]) == ("final", "api", SENT)
    assert "chat_id" not in row and "message_id" not in row
    if not PROFILES[version].api_dicts:
        assert turn.shown == [(line + "\n").encode() for line in lines]
    assert turn.text == "Hi" and turn.error is None


# pitfall 9: a client that leaves is not seen
def test_api_client_that_leaves_makes_a_cancelled_row(owui, receiver):
    owui.run(owui.api_stream(openrouter_stream("gen-1", ["a", "b", "c"], USAGE), leave_after=3))
    owui.flush()
    assert receiver.ledger()["gen-1"]["state"] == "cancelled"


def test_api_client_that_leaves_at_the_end_frame_is_billed_in_full(owui, version, receiver):
    """pitfall 9, to the letter: a client of the API closes right at [DONE], and outlet is cancelled or never called."""
    turn = owui.run(owui.api_stream(openrouter_stream("gen-1", ["a", "b"], USAGE), leave_after="[DONE]"))
    owui.flush()
    row = receiver.ledger()["gen-1"]
    assert (row["state"], row["usage"]) == ("final", SENT) and row["finished_at"] and turn.text == "ab"


def test_outlet_twice_is_one_record(owui, version, receiver):
    """pitfall 2: outlet runs more than once for one message."""
    async def twice():
        turn, body, offered = owui._begin(False, "my-preset", None, None, None, "hi")
        body = await owui._inlet(turn, body, offered)
        await owui._frames(turn, openrouter_stream("gen-1", ["a"], USAGE), body, offered, None, None)
        for _ in range(3):
            await owui._outlet(turn, body, offered, [USAGE], "a")
        return turn

    owui.run(twice())
    owui.flush()
    assert [r["generation_id"] for r in receiver.records if r["state"] == "final"] == ["gen-1"]
    assert list(receiver.ledger()) == ["gen-1"]


def test_nonstreaming_uses_outlet_once_where_it_can_be_trusted(owui, version, receiver):
    turn = owui.run(owui.ui_nonstream(reply(usage=USAGE)))
    if PROFILES[version].browser_outlet:  # the browser's word is not billed by
        assert owui.runtime.pending() == 0 and receiver.records == []
        return
    owui.flush()
    (record,) = receiver.records
    assert record["generation_id"] is None and record["source"] == "filter-outlet"
    assert record["turn_id"].endswith(":1") and record["state"] == "final"
    assert record["usage"] == SENT
    assert turn.outlet is not None


def test_api_nonstreaming(owui, version, receiver):
    owui.run(owui.api_nonstream(reply(usage=USAGE)))
    if not PROFILES[version].api_outlet:
        assert receiver.records == []  # outlet does not exist for API callers
        return
    owui.flush()
    assert [r["origin"] for r in receiver.records] == ["api"]


def test_outlet_prefers_the_sums_of_the_turn(newest, receiver):
    newest.run(newest.ui_nonstream(reply(usage={
        "prompt_tokens": 30, "completion_tokens": 7, "input_tokens": 40, "output_tokens": 12, "cost": 0.004})))
    newest.flush()
    assert receiver.records[0]["usage"] == {"prompt_tokens": 40, "completion_tokens": 12, "cost": 0.004}


def test_forged_outlet_bills_nobody(owui, receiver):
    owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    owui.flush()
    before = len(receiver.records)
    owui.run(owui.forged_completed({"cost": 999}))
    assert owui.runtime.pending() == 0 and len(receiver.records) == before


def test_pause_and_resume_are_two_turns_of_one_message(owui, receiver):
    first = owui.run(owui.paused_turn(openrouter_stream("gen-1", ["a"], USAGE, finish="tool_calls"), message_id="m-9"))
    owui.run(owui.ui_stream([openrouter_stream("gen-2", ["b"], USAGE)], message_id="m-9",
                            chat_id=first.metadata["chat_id"]))
    owui.flush()
    rows = receiver.ledger()
    assert {k: (r["state"], r["message_id"]) for k, r in rows.items()} == {
        "gen-1": ("final", "m-9"), "gen-2": ("final", "m-9")}


# pitfall 37: state of a filter is shared by all users
def test_two_models_at_once_do_not_mix(owui, receiver):
    eve = {**ADA, "id": "u-eve", "name": "Eve"}
    owui.run(owui.ui_stream([openrouter_stream("gen-a", ["a"] * 9, usage(1, 1, 0.1))], message_id="m-a"),
             owui.ui_stream([openrouter_stream("gen-b", ["b"] * 9, usage(2, 2, 0.2))], message_id="m-b", user=eve))
    owui.flush()
    rows = receiver.ledger()
    assert {k: (r["message_id"], r["user"]["id"], r["usage"]["cost"]) for k, r in rows.items()} == {
        "gen-a": ("m-a", "u-ada", 0.1), "gen-b": ("m-b", "u-eve", 0.2)}


@pytest.mark.parametrize("api", [False, True])
# pitfall 3: cumulative usage chunks are added up
def test_usage_sent_twice_counts_once_and_the_last_counts(owui, receiver, api):
    lines = openrouter_stream("gen-1", ["a"], usage(10, 5, 0.001))
    last = "data: " + json.dumps({"id": "gen-1", "choices": [], "usage": usage(10, 6, 0.002)})
    lines = lines[:-2] + [last, ""] + lines[-2:]
    owui.run(owui.api_stream(lines) if api else owui.ui_stream([lines]))
    owui.flush()
    finals = [r for r in receiver.records if r["state"] == "final"]
    assert [r["usage"] for r in finals] == [usage(10, 6, 0.002)]


def test_the_same_usage_twice_is_one_record(owui, receiver):
    owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"], USAGE, usage_times=2)]))
    owui.flush()
    assert [r["state"] for r in receiver.records] == ["open", "final"]


def test_requests_without_ids_are_told_apart(owui, receiver):
    owui.run(owui.ui_stream([openrouter_stream(None, ["a", "b"], usage(1, 1, 0.1), finish="tool_calls", usage_times=2),
                             openrouter_stream(None, ["c", "d"], usage(2, 2, 0.2))]))
    owui.flush()
    assert [(r["generation_id"], r["state"], r["usage"]["cost"]) for r in receiver.records] == [
        (None, "final", 0.1), (None, "final", 0.2)]
    one, two = (r["turn_id"] for r in receiver.records)
    assert one.endswith(":1") and two.endswith(":2") and one[:-2] == two[:-2]


def test_an_id_that_comes_late_names_the_whole_request(owui, receiver):
    lines = openrouter_stream(None, ["a"], finish=None)[:-2] + openrouter_stream("gen-1", ["b"], USAGE)
    owui.run(owui.ui_stream([lines]))
    owui.flush()
    assert list(receiver.ledger()) == ["gen-1"]


def test_a_provider_that_invents_ids_for_each_frame_does_not_flood(owui, receiver):
    frames = ["data: " + json.dumps({"id": f"x-{n}", "choices": [{"delta": {"content": "a"}}]}) for n in range(500)]
    owui.run(owui.ui_stream([frames]))
    owui.flush()
    (row,) = receiver.ledger().values()
    assert (row["generation_id"], row["state"]) == ("x-499", "error")


def test_only_the_id_that_carries_usage_stands(owui, receiver):
    def frames(request):
        words = [{"id": f"x-{request}-{n}", "choices": [{"delta": {"content": "a"}}]} for n in range(17)]
        words[8]["usage"] = {"prompt_tokens": 3, "completion_tokens": 1, "cost": 0.5}
        return ["data: " + json.dumps(one) for one in words]

    owui.run(owui.ui_stream([frames(1), frames(2)] if owui.profile.body_dunder else [frames(1)]))
    owui.flush()
    rows = {key: row for key, row in receiver.ledger().items() if row.get("usage")}
    assert set(rows) == set(receiver.ledger()) and set(rows) <= {"x-1-8", "x-2-8"}


def test_error_in_the_stream_is_an_error_row(owui, receiver):
    lines = openrouter_stream("gen-1", ["a"], finish=None)[:-2]
    lines.append("data: " + json.dumps({"id": "gen-1", "error": {"code": 429, "message": "canary"},
                                        "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}))
    owui.run(owui.ui_stream([lines]))
    owui.flush()
    assert receiver.ledger()["gen-1"]["state"] == "error"
    assert "canary" not in receiver.outgoing


def test_an_error_instead_of_an_answer_is_no_generation(owui, receiver):
    owui.run(owui.ui_stream([["data: " + json.dumps({"error": {"message": "no credits"}})]]))
    assert owui.runtime.pending() == 0 and receiver.records == []


def test_stream_that_ends_without_usage_is_final_without_cost(owui, receiver):
    owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"])]))
    owui.flush()
    row = receiver.ledger()["gen-1"]
    assert row["state"] == "final" and "usage" not in row


# pitfall 14: usage of the Responses API has other names
def test_responses_api_events(owui, receiver):
    events = [{"type": "response.created", "response": {"id": "gen-r", "model": "openai/gpt-x", "status": "in_progress"}},
              {"type": "response.output_text.delta", "delta": "canary-text", "item_id": "msg-1"},
              {"type": "response.completed", "response": {
                  "id": "gen-r", "model": "openai/gpt-x", "output": [{"content": [{"text": "canary-text"}]}],
                  "usage": {"input_tokens": 11, "output_tokens": 4, "cost": 2e-7,
                            "input_tokens_details": {"cached_tokens": 3},
                            "output_tokens_details": {"reasoning_tokens": 1}}}}]
    owui.run(owui.ui_stream([["data: " + json.dumps(e) for e in events]]))
    owui.flush()
    row = receiver.ledger()["gen-r"]
    assert row["usage"] == {"prompt_tokens": 11, "completion_tokens": 4, "cost": 2e-7,
                            "prompt_tokens_details": {"cached_tokens": 3},
                            "completion_tokens_details": {"reasoning_tokens": 1}}
    assert (row["state"], row["model"]) == ("final", "openai/gpt-x")
    assert "canary" not in receiver.outgoing


def test_responses_api_completed_twice_is_one_record(owui, receiver):
    """pitfall 4: the last event of the Responses API, logged by two parts of the line."""
    event = {"type": "response.completed", "response": {"id": "gen-r", "model": "openai/gpt-x", "usage": {
        "input_tokens": 11, "output_tokens": 4, "cost": 2e-7}}}
    owui.run(owui.ui_stream([["data: " + json.dumps(event)] * 2]))
    owui.flush()
    assert [r["usage"] for r in receiver.records if r["state"] == "final"] == [
        {"prompt_tokens": 11, "completion_tokens": 4, "cost": 2e-7}]


def test_arena_frame_and_sources_are_not_generations(owui, receiver):
    lines = ["data: " + json.dumps({"selected_model_id": "m"}), "data: " + json.dumps({"sources": [{"id": "s"}]}),
             *openrouter_stream("gen-1", ["a"], USAGE)]
    owui.run(owui.ui_stream([lines]))
    owui.flush()
    assert list(receiver.ledger()) == ["gen-1"]


def test_direct_connections_are_not_our_bill(owui, receiver):
    async def direct():
        turn, body, offered = owui._begin(False, "my-preset", None, None, None, "hi")
        turn.metadata["direct"] = True
        body = await owui._inlet(turn, body, offered)
        await owui._frames(turn, openrouter_stream("gen-1", ["a"], USAGE), body, offered, None, None)
        await owui._outlet(turn, body, offered, [USAGE], "a")
        return turn

    turn = owui.run(direct())
    assert "user" not in turn.upstream[0]
    assert owui.runtime.pending() == 0 and receiver.records == []


@pytest.mark.parametrize("chat_id, session_id, origin", [
    ("c-1", "Yx3socket", "ui"), ("", None, "api"), ("c-1", "automation:a-1", "automation"),
    ("c-1", "subagent:c-0", "subagent"), ("c-1", "subagent-result:c-0", "subagent"),
    ("channel:ch-1", "channel:ch-1", "channel"), ("temporary:Yx3", "Yx3", "ui")])
def test_origin(newest, chat_id, session_id, origin):
    about = newest.module.describe(ADA, {"chat_id": chat_id, "session_id": session_id}, "m")
    assert about["origin"] == origin


def test_outlet_shows_cost_and_tokens_on_request(owui, receiver):
    owui.valves["show_cost"] = True
    turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"], usage(10, 5, 1e-7), finish="tool_calls"),
                                    openrouter_stream("gen-2", ["b"], usage(30, 7, 0.1))]))
    assert turn.status_lines == ["0.1000001 USD, 40 tokens in, 12 out, 2 requests"]


def test_outlet_shows_nothing_by_default(owui):
    turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    assert turn.status_lines == []


def test_identity_can_be_kept_at_home(owui, receiver):
    owui.valves.update(send_name_and_email=False, send_groups=False)
    owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    owui.flush()
    assert {json.dumps(r["user"], sort_keys=True) for r in receiver.records} == {'{"id": "u-ada", "role": "user"}'}


def test_openrouter_is_told_the_user_and_others_are_not(version, receiver, tmp_path):
    for base, user in (("https://openrouter.ai/api/v1", "u-ada"), ("https://api.openai.com/v1", None)):
        with OpenWebUI(version, data_dir=tmp_path, valves=dict(receiver.valves), base_url=base) as owui:
            for model in ("anthropic/claude-haiku-4.5", "my-preset"):
                turn = owui.run(owui.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)], model=model))
                assert turn.upstream[0].get("user") == user
                rest = {k: v for k, v in turn.upstream[0].items() if k not in ("user", "session_id", "trace")}
                assert ({"session_id", "trace"} & set(turn.upstream[0]) == {"session_id", "trace"}) == (user is not None)
                assert rest == {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(("base", "gen_id", "usage", "platform"), [
    ("https://openrouter.ai/api/v1", "gen-1", USAGE, "openrouter"),
    ("https://openrouter.ai/api/v1", "gen-1", None, "openrouter"),
    ("https://api.openai.com/v1", "chatcmpl-1", {"prompt_tokens": 3, "completion_tokens": 2}, "openai"),
    ("https://proxy.example.org/openrouter.ai/v1", "gen-1", USAGE, "openrouter"),  # the name is anywhere in the address
    ("https://proxy.example.org/v1", "gen-1", USAGE, None),  # a proxy before OpenRouter
    ("http://gpu.example.org:8000/v1", "chatcmpl-1", {"prompt_tokens": 3, "completion_tokens": 2}, "gpu.example.org"),
    ("not a URL", "chatcmpl-1", USAGE, None),
    ("http://[::1", "chatcmpl-1", USAGE, None),
])
def test_a_record_says_whose_connection_it_was(receiver, tmp_path, base, gen_id, usage, platform):
    with OpenWebUI("0.11.4", data_dir=tmp_path, valves=dict(receiver.valves), base_url=base) as owui:
        owui.run(owui.ui_stream([openrouter_stream(gen_id, ["a"], usage)]))
        owui.flush()
        assert {record.get("platform") for record in receiver.records} == {platform}


def test_an_answer_by_api_names_the_message_of_outlet(newest, receiver):
    async def drive():
        turn, body, offered = newest._begin(True, "anthropic/claude-haiku-4.5", None, None, None, "hi")
        turn.metadata["message_id"] = None
        await newest._inlet(turn, {**body, "stream": False}, offered)
        answer = {"id": "msg_0123456789abcdef01234567", "role": "assistant", "content": "x", "usage": USAGE}
        await newest._call("outlet", {"model": body["model"], "id": answer["id"], "messages": [answer]}, offered)

    newest.run(drive())
    newest.flush()
    assert [(record["message_id"], record.get("generation_id")) for record in receiver.records] == [("msg_0123456789abcdef01234567", None)]


def test_an_answer_of_ollama_says_so(newest, receiver):
    newest.models["llama3"] = {"id": "llama3", "owned_by": "ollama"}
    newest.run(newest.ui_nonstream({"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
                                   model="llama3"))
    newest.flush()
    assert [record["platform"] for record in receiver.records] == ["ollama"]


def test_the_user_tag_can_be_switched_off(newest):
    newest.valves["tag_openrouter_user"] = False
    assert "user" not in newest.run(newest.ui_stream([openrouter_stream("gen-1")])).upstream[0]
