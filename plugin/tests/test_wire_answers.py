# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the tap makes of an answer: one upstream request is one generation."""
import json
import socket
import types

import pytest

for name in ("aiohttp", "requests", "httpx"):
    pytest.importorskip(name)

import readers  # noqa: E402
from emulator import ADA, openrouter_stream  # noqa: E402
from upstream import Answer, Realtime, frames, pieces, stream, whole  # noqa: E402
from wired import SAID, USAGE  # noqa: E402

HUGE = "9" * 5000


def sse(*events):
    return "".join(f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in (*events, "[DONE]")).encode()


def chunk(gen_id, text="x", **more):
    return {"id": gen_id, "object": "chat.completion.chunk", "model": "m/one", "provider": "P",
            "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}


def last(gen_id, usage, **more):
    return {"id": gen_id, "object": "chat.completion.chunk", "model": "m/one", "choices": [], "usage": usage, **more}


def answered(owui, body, kind="text/event-stream", cut=frames, **options):
    """answered sends a body to a reader of lines and returns the only row of it."""
    serve = {name: options.pop(name) for name in ("endpoint", "base") if name in options}
    taken = owui.asked(owui.upstream.serve(Answer(cut(body), kind, headers=options.pop("headers", None)), **serve),
                       readers.AIOHTTP["iter_any"], **options)
    assert taken.data == body and taken.raised is None
    return owui.row()


def answered_whole(owui, value, **options):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return answered(owui, body, options.pop("kind", "application/json"), lambda data: pieces(data, 60_000), **options)


# Chats

def test_a_whole_answer_of_three_megabytes(wired):
    text = 'says "usage":{"cost":77,"prompt_tokens":1} and "id":"gen-wrong", "usage": null ' * 40_000
    row = answered_whole(wired, whole("gen-large", text, USAGE))
    assert (row["generation_id"], row["usage"], row["state"]) == ("gen-large", SAID, "final")


def test_a_large_answer_whose_usage_is_not_last(wired):
    text = 'he said "usage":{"cost":77} ' * 60_000
    body = json.dumps({"id": "gen-first", "usage": USAGE, "model": "m/one", "choices": [{"message": {"content": text}}]}).encode()
    row = answered_whole(wired, body)
    assert (row["generation_id"], row["usage"]) == ("gen-first", SAID)


def test_a_frame_of_a_megabyte_holds_image_and_usage(wired):
    picture = {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0K" * 131_072}}]}
    body = sse(chunk("gen-image"), {**last("gen-image", USAGE), "choices": [{"index": 0, "delta": picture, "finish_reason": "stop"}]})
    for cut in (frames, lambda data: pieces(data, 65_536)):
        row = answered(wired, body, cut=cut)
        assert (row["generation_id"], row["usage"], row["state"]) == ("gen-image", SAID, "final")
        wired.receiver.records.clear()


def test_usage_is_null_until_the_end(wired):
    row = answered(wired, sse(*(chunk("gen-null", usage=None) for _ in range(30)), last("gen-null", USAGE)))
    assert (row["generation_id"], row["usage"]) == ("gen-null", SAID)


def test_ids_that_change_with_each_chunk_are_one_generation(wired):
    row = answered(wired, sse(*(chunk(f"chatcmpl-{number}") for number in range(17)), last("chatcmpl-last", USAGE)))
    assert (row["generation_id"], row["usage"], row["state"]) == ("chatcmpl-last", SAID, "final")


def test_the_heads_id_stands_where_the_body_has_none(wired):
    row = answered(wired, sse(chunk(None), last(None, USAGE)), headers={"X-Generation-Id": "gen-head"})
    assert (row["generation_id"], row["usage"]) == ("gen-head", SAID)


@pytest.mark.parametrize("later", [
    {"prompt_tokens": 0, "completion_tokens": 0, "cost": 0}, {"prompt_tokens": 321, "completion_tokens": 45},
    {"cost": None}, {"prompt_tokens_details": {"cached_tokens": 0}}, {"prompt_tokens_details": None}, {}], ids=json.dumps)
def test_a_later_usage_never_wipes(wired, later):
    assert answered(wired, sse(chunk("gen-1"), last("gen-1", USAGE), last("gen-1", later)))["usage"] == SAID


def test_of_two_usages_the_last_counts(wired):
    row = answered(wired, sse(chunk("gen-1"), last("gen-1", {**USAGE, "completion_tokens": 3, "cost": 0.0001}), last("gen-1", USAGE)))
    assert row["usage"] == SAID


@pytest.mark.parametrize("number", ["1" + "0" * 400, HUGE, "-" + HUGE, "1e400", "NaN", "Infinity", "[]", "true"],
                         ids=["401-digits", "5000-digits", "minus", "1e400", "NaN", "Infinity", "array", "true"])
@pytest.mark.parametrize("form", ["stream", "whole"])
def test_an_odd_number_loses_the_field_only(wired, number, form):
    usage = json.dumps({**USAGE, "prompt_tokens": "ODD"}).replace('"ODD"', number)
    if form == "stream":
        row = answered(wired, sse(chunk("gen-odd"), json.dumps(last("gen-odd", "ODD")).replace('"ODD"', usage)))
    else:
        row = answered_whole(wired, whole("gen-odd", usage="ODD").replace(b'"ODD"', usage.encode()))
    assert (row["generation_id"], row["state"]) == ("gen-odd", "final")
    assert row["usage"] == {name: value for name, value in SAID.items() if name != "prompt_tokens"}


def test_an_error_in_mid_stream(wired):
    row = answered(wired, sse(chunk("gen-error"), {"id": "gen-error", "error": {"code": 502, "message": "canary"}, "choices": [
        {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}))
    assert (row["generation_id"], row["state"]) == ("gen-error", "error") and "usage" not in row


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=repr)
def test_lines_end_as_they_like(wired, line_end):
    body = stream(openrouter_stream("gen-1", ["Hello"], USAGE)).replace(b"\n", line_end.encode())
    row = answered(wired, body, cut=lambda data: pieces(data, 41))
    assert (row["generation_id"], row["usage"], row["state"]) == ("gen-1", SAID, "final")


def test_the_last_line_has_no_end(wired):
    body = sse(chunk("gen-1"), last("gen-1", USAGE)).partition(b"data: [DONE]")[0].rstrip(b"\n")
    assert answered(wired, body, cut=lambda data: pieces(data, 100))["usage"] == SAID


ANTHROPIC = {"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 20, "output_tokens": 45}
ANTHROPIC_SAID = {"prompt_tokens": 35, "completion_tokens": 45, "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 5}}


def test_a_stream_in_anthropics_shape(wired):
    body = sse({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
                                                     "content": [], "usage": {**ANTHROPIC, "output_tokens": 1}}},
               {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
               {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 45}},
               {"type": "message_stop"})
    row = answered(wired, body, endpoint="messages")
    assert (row["generation_id"], row["model"], row["state"]) == ("msg_1", "claude-x", "final")
    assert row["usage"] == ANTHROPIC_SAID


def test_a_whole_answer_in_anthropics_shape(wired):
    row = answered_whole(wired, {"id": "msg_2", "type": "message", "role": "assistant", "model": "claude-x",
                                 "content": [{"type": "text", "text": "Hello"}], "usage": ANTHROPIC}, endpoint="messages")
    assert (row["generation_id"], row["usage"]) == ("msg_2", ANTHROPIC_SAID)


RESPONSES = {"input_tokens": 30, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 7,
             "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 37, "cost": 0.0002}
RESPONSES_SAID = {"prompt_tokens": 30, "completion_tokens": 7, "cost": 0.0002, "prompt_tokens_details": {"cached_tokens": 20},
                  "completion_tokens_details": {"reasoning_tokens": 3}}


@pytest.mark.parametrize("end", ["completed", "incomplete"])
def test_a_stream_of_the_responses_api(wired, end):
    body = sse({"type": "response.created", "response": {"id": "resp_1", "model": "m/one", "usage": None}},
               {"type": "response.output_text.delta", "delta": "Hello"},
               {"type": f"response.{end}", "response": {"id": "resp_1", "model": "m/one", "usage": RESPONSES}})
    row = answered(wired, body, endpoint="responses")
    assert (row["generation_id"], row["usage"], row["state"], row["kind"]) == ("resp_1", RESPONSES_SAID, "final", "chat")


def test_a_whole_answer_of_the_responses_api(wired):
    row = answered_whole(wired, {"id": "resp_2", "object": "response", "model": "m/one", "output": [], "usage": RESPONSES}, endpoint="responses")
    assert (row["generation_id"], row["usage"]) == ("resp_2", RESPONSES_SAID)


# Other kinds

def test_embeddings(wired):
    row = answered_whole(wired, {"id": "gen-emb", "object": "list", "data": [{"embedding": [0.1] * 400}], "model": "m/embed",
                                 "usage": {"prompt_tokens": 8, "total_tokens": 8, "cost": 1e-7}}, endpoint="embeddings")
    assert (row["generation_id"], row["kind"], row["user"]["id"]) == ("gen-emb", "embedding", ADA["id"])
    assert row["usage"] == {"prompt_tokens": 8, "cost": 1e-7}


@pytest.mark.parametrize("endpoint", ["images/generations", "images/edits"])
def test_images_have_no_id(wired, endpoint):
    row = answered_whole(wired, {"created": 1790762001, "data": [{"b64_json": "iVBORw0K" * 200_000}],
                                 "usage": {"prompt_tokens": 8, "completion_tokens": 1290, "cost": 0.039}}, endpoint=endpoint)
    assert (row["generation_id"], row["kind"], row["state"]) == (None, "image", "final")
    assert row["usage"] == {"prompt_tokens": 8, "completion_tokens": 1290, "cost": 0.039}
    assert row["turn_id"].endswith(f":{row['request']}")


def test_speech_has_no_usage(wired):
    row = answered(wired, b"ID3\x04" + bytes(range(256)) * 2000, "audio/mpeg", lambda data: pieces(data, 60_000), endpoint="audio/speech")
    assert (row["generation_id"], row["kind"], row["state"], row["user"]["id"]) == (None, "speech", "final", ADA["id"])
    assert "usage" not in row


def test_transcription(wired):
    row = answered_whole(wired, {"text": "Hello", "usage": {"type": "duration", "seconds": 3}}, endpoint="audio/transcriptions")
    assert (row["kind"], row["state"]) == ("transcription", "final")


def test_rerank(wired):
    row = answered_whole(wired, {"id": "gen-rerank", "results": [{"index": 0, "relevance_score": 0.9}],
                                 "usage": {"search_units": 1, "cost": 0.002}}, endpoint="rerank")
    assert (row["generation_id"], row["kind"], row["usage"]) == ("gen-rerank", "rerank", {"cost": 0.002})


def test_images_and_transcription_by_requests(wired):
    url = wired.upstream.serve(Answer(json.dumps({"data": [], "usage": {"cost": 0.04}}).encode(), "application/json"), endpoint="images/generations")
    wired.asked(url, readers.REQUESTS["content"], by="by_requests")
    row = wired.row()
    assert (row["kind"], row["usage"], row["user"]["id"]) == ("image", {"cost": 0.04}, ADA["id"])


@pytest.mark.parametrize("endpoint", ["api/chat", "api/generate"])
def test_ollama_streams_lines_of_json(wired, endpoint):
    lines = [{"model": "llama3", "message": {"role": "assistant", "content": word}, "done": False} for word in ("Hel", "lo")]
    lines.append({"model": "llama3", "done": True, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 298, "total_duration": 10 ** 10})
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    for cut in (lambda data: data.splitlines(keepends=True), lambda data: pieces(data, 13)):
        row = answered(wired, body, "application/x-ndjson", cut, endpoint=endpoint, base="ollama")
        assert (row["generation_id"], row["state"], row["kind"], row["platform"]) == (None, "final", "chat", "ollama")
        assert row["usage"] == {"prompt_tokens": 26, "completion_tokens": 298} and row["model"] == "llama3"
        wired.receiver.records.clear()


def test_ollama_embeds(wired):
    row = answered_whole(wired, {"model": "nomic", "embeddings": [[0.1] * 300], "prompt_eval_count": 9}, endpoint="api/embed", base="ollama")
    assert (row["kind"], row["platform"], row["usage"]) == ("embedding", "ollama", {"prompt_tokens": 9})


def test_realtime_voice(wired):
    usage = {"total_tokens": 253, "input_tokens": 132, "output_tokens": 121, "input_token_details": {"cached_tokens": 64}}
    events = [{"type": "session.created"}, {"type": "session.updated"}, {"type": "response.created", "response": {"id": "resp_a"}},
              {"type": "response.done", "response": {"id": "resp_a", "status": "completed", "usage": usage}},
              {"type": "response.output_audio.delta", "delta": "QUJD"},
              {"type": "response.done", "response": {"id": "resp_b", "status": "completed", "usage": {**usage, "output_tokens": 5}}}]

    async def say(socket):
        await socket.send_str('{"type":"session.update"}')
        got = [await socket.receive_json(), await socket.receive_json()]
        return got + [message.json() async for message in socket]

    with Realtime(wired.upstream, events) as url:
        got = wired.run(wired.caller.realtime(url, say, user=types.SimpleNamespace(**ADA)))
    assert got == events
    rows = wired.rows()
    assert {name: (row["usage"]["prompt_tokens"], row["usage"]["completion_tokens"], row["user"]["id"], row["state"])
            for name, row in rows.items()} == {"resp_a": (132, 121, ADA["id"], "final"), "resp_b": (132, 5, ADA["id"], "final")}
    assert rows["resp_a"]["usage"]["prompt_tokens_details"] == {"cached_tokens": 64}


# Nothing was sold

@pytest.mark.parametrize("status", [400, 402, 404, 429, 500, 502])
def test_refused_requests_leave_no_record(wired, status):
    body = json.dumps({"error": {"code": status, "message": "no"}, "user_id": "x"}).encode()
    for by, read in (("by_aiohttp", readers.AIOHTTP["read"]), ("by_requests", readers.REQUESTS["content"]), ("by_httpx", readers.HTTPX["aread"])):
        assert wired.asked(wired.upstream.serve(Answer(body, "application/json", status)), read, by=by).data == body
    assert wired.rows() == {}


def test_a_refusal_that_was_billed_leaves_one(wired):
    url = wired.upstream.serve(Answer(whole("gen-billed", usage=USAGE), "application/json", 500))
    wired.asked(url)
    assert wired.row()["usage"] == SAID


def test_refused_connections_leave_no_record(wired):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/openrouter.ai/api/v1/chat/completions"
        for by in ("by_aiohttp", "by_requests", "by_httpx", "by_httpx_blocking"):
            with pytest.raises(Exception, match="(?i)connect"):
                wired.asked(url, by=by)
    assert wired.rows() == {} and wired.tap.counts["faults"] == 0


@pytest.mark.parametrize("by", ["by_aiohttp", "by_requests", "by_requests_alone"])
def test_a_redirect_is_one_request(wired, by):
    goal = wired.upstream.serve(Answer(whole("gen-goal", usage=USAGE), "application/json"))
    url = wired.upstream.serve(Answer(b"", "text/plain", 307, {"Location": goal}, framing="length"))
    wired.asked(url, readers.AIOHTTP["read"] if by == "by_aiohttp" else readers.REQUESTS["content"], by=by)
    row = wired.row()
    assert (row["generation_id"], row["usage"]) == ("gen-goal", SAID) and len(wired.upstream.requests) == 3


@pytest.mark.parametrize("url, method", [("models", "GET"), ("models", "POST"), ("chat/completions", "GET"), ("credits", "POST"),
                                         ("chat/completions/x", "POST")])
def test_other_requests_are_let_through(wired, url, method):
    wired.asked(wired.upstream.serve(Answer(whole("gen-x", usage=USAGE), "application/json"), endpoint=url), method=method)
    assert wired.rows() == {} and wired.tap.counts["seen"] == 1  # the one that rows() sends


def test_others_callers_elsewhere_are_none_of_its_business(wired):
    from caller import caller_at
    elsewhere = caller_at("langchain.llms")
    wired.asked(wired.upstream.serve(Answer(whole("gen-x", usage=USAGE), "application/json"), base="v1"), at=elsewhere)
    assert wired.rows() == {}
