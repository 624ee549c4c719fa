# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the stub provider answers, by kind of request."""
import base64
import json
import re
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from prompts import orders_in, orders_of, task_answer, task_of
from sold import MODELS, OLLAMA_MODEL, OTHER_MODEL, TOOL, call_of, word
from stub_openrouter import dump, generation_body, new_id, sample
from voice import Voice

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FORM_FIELD = rb'name="%s"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n'


class Handler(BaseHTTPRequestHandler):
    owner = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, value, status=200, gen_id=None, content_type="application/json"):
        data = value if isinstance(value, bytes) else (value if isinstance(value, str) else dump(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        if gen_id:
            self.send_header("X-Generation-Id", gen_id)
        self.end_headers()
        self.wfile.write(data)

    # what costs nothing

    def do_GET(self):
        url = urlsplit(self.path)
        name = url.path.rpartition("/api/v1/")[2]
        if url.path == "/other/v1/models":
            self.answer({"object": "list", "data": [{"id": OTHER_MODEL, "object": "model", "owned_by": "other"}]})
        elif url.path.startswith("/ollama/api/"):
            self.answer({"/ollama/api/version": {"version": "0.9.0"}}.get(url.path, {"models": [
                {"name": OLLAMA_MODEL, "model": OLLAMA_MODEL, "size": 1, "digest": "0" * 64, "details": {}}]}))
        elif url.path.endswith("/realtime"):
            Voice(self, parse_qs(url.query)["model"][0]).serve()
        elif name == "models":
            listed = sample("models")
            first = listed["data"][0]
            self.answer({"data": [dict(first, id=model, name=model, canonical_slug=model) for model in MODELS]})
        elif name == "credits":
            self.answer(sample("credits"))
        elif name == "generation":
            self.look_up((parse_qs(url.query).get("id") or [""])[0])
        else:
            self.answer({"error": {"code": 404, "message": "no such path"}}, 404)

    def look_up(self, wanted):
        self.owner.looked_up.append(wanted)
        found = [g for g in self.owner.generations if g.id == wanted and g.ended and g.cost is not None]
        if not found:
            self.answer({"error": {"code": 404, "message": f"Generation {wanted} not found"}}, 404)
            return
        made = found[0]
        self.answer(generation_body(made.id, format(made.cost, "f"), model=made.model,
                                    cancelled=made.ended == "left", external_user=made.user,
                                    native_tokens_prompt=made.prompt_tokens,
                                    native_tokens_completion=made.completion_tokens))

    # what is sold

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self.chunked()
        call = call_of(self.path)
        if call is None:
            self.free(raw)
            return
        body, orders = self.understood(raw)
        made = self.owner.begin(call, body, orders, task_of(body))
        if orders.get("held") is True and not made.wait(self.connection):
            return
        try:
            getattr(self, "send_" + re.sub(r"\W", "_", call.name))(made, body, orders)
            made.ended = made.ended or "done"
        except OSError:
            made.ended = "left"  # OpenRouter bills such a stream too

    def chunked(self):
        """chunked reads a body without a length, as forms come."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return b""
        parts = []
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def understood(self, raw):
        try:
            body = json.loads(raw)
            return body, orders_of(body)
        except ValueError:  # a form: the orders are in its file
            fields = {name: re.search(FORM_FIELD % name.encode(), raw) for name in ("model", "user")}
            body = {name: found[1].decode() for name, found in fields.items() if found}
            return body, orders_in(raw.decode("latin-1"))

    def free(self, raw):
        """free answers what is asked besides: a web search, an Ollama's details."""
        if self.path.endswith("/search"):
            link = self.owner.url("/page")
            self.answer([{"link": link, "title": "A page", "snippet": f"found for {json.loads(raw).get('query')}"}])
        elif self.path.startswith("/ollama/api/show"):
            self.answer({"details": {}, "model_info": {}, "capabilities": ["completion"]})
        else:
            self.answer({"error": {"code": 404, "message": "no such path"}}, 404)

    def whole(self, made, orders, body):
        """whole sends a body with the generation's id, where the orders want it."""
        place = orders.get("id", "both")
        made.told_id = made.call.platform != "ollama"
        self.answer({**({} if place == "header" else {"id": made.id}), **body},
                    gen_id=None if made.call.platform != "openrouter" or place in ("body", "changing") else made.id)

    def head(self, made, orders, content_type="text/event-stream"):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if made.call.platform == "openrouter" and orders.get("id", "both") in ("both", "header"):
            self.send_header("X-Generation-Id", made.id)
            made.told_id = True
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        return orders.get("held") != "first" or made.wait(self.connection)

    def line(self, data, event=None):
        self.wfile.write(((f"event: {event}\n" if event else "") + f"data: {dump(data)}\n\n").encode())
        self.wfile.flush()

    def words(self, made, orders):
        """words yields the words of an answer at its pace; a task's answer comes at once."""
        answer = task_answer(made.task, orders, TOOL)
        if answer is not None:
            yield answer
            return
        for number in range(orders.get("words", 3)):
            yield word(made.key, number)
            time.sleep(orders.get("delay", 0))  # the pace of the model, not a wait for anything

    def text(self, made, orders):
        return "".join(self.words(made, {**orders, "delay": 0}))

    # chat

    def tool_call(self, made, body, orders):
        """tool_call is the next call of a tool, None where the answer is due."""
        rounds = sum(m.get("role") == "tool" for m in body.get("messages", []))
        if made.task or not body.get("tools") or rounds >= orders.get("tools", 0):
            return None
        name, arguments = TOOL, {"subject": str(rounds)}
        if "delegate" in orders:
            name, arguments = "delegate_task", {"task": json.dumps({"key": orders["delegate"]}), "context": ""}
        return {"index": 0, "id": f"call_{rounds}", "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)}}

    def send_chat_completions(self, made, body, orders):
        call = self.tool_call(made, body, orders)
        if body.get("stream"):
            self.stream_chat(made, orders, call)
            return
        message = {"role": "assistant", "content": None if call else self.text(made, orders)}
        if call:
            message["tool_calls"] = [call]
        self.whole(made, orders, {
            "object": "chat.completion", "model": made.model, "created": int(time.time()), "usage": made.usage(),
            "choices": [{"index": 0, "finish_reason": "tool_calls" if call else "stop", "message": message}],
            **({"provider": "Amazon Bedrock"} if made.cost is not None else {})})

    def stream_chat(self, made, orders, call):
        place = orders.get("id", "both")
        head = {"object": "chat.completion.chunk", "created": int(time.time()), "model": made.model,
                **({} if made.cost is None else {"provider": "Amazon Bedrock"})}

        def send(delta, finish=None, **more):
            choice = {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish}
            own = place != "changing" or "usage" in more
            self.line({**({} if place == "header" else {"id": made.id if own else new_id()}), **head,
                       "choices": [choice], **more})
            made.told_id = made.told_id or own

        if not self.head(made, orders):
            return
        self.wfile.write(b": OPENROUTER PROCESSING\n\n")
        if call:
            send({"role": "assistant", "content": None, "tool_calls": [call]})
        else:
            for one in self.words(made, orders):
                send({"role": "assistant", "content": one})
        finish = "tool_calls" if call else "stop"
        send({"content": ""}, finish)
        send({"role": "assistant", "content": ""}, finish, usage=made.usage())
        self.wfile.write(b"data: [DONE]\n\n")

    def send_responses(self, made, body, orders):
        text = self.text(made, orders)
        message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                   "content": [{"type": "output_text", "text": text, "annotations": []}]}
        done = {"object": "response", "model": made.model, "created_at": int(time.time()), "status": "completed",
                "output": [message]}
        if not body.get("stream"):
            self.whole(made, orders, {**done, "usage": made.usage()})
            return
        if not self.head(made, orders):
            return
        begun = {"id": made.id, **done, "status": "in_progress", "output": []}
        made.told_id = True
        self.line({"type": "response.created", "response": begun}, "response.created")
        self.line({"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
                  "response.output_item.added")
        for one in self.words(made, orders):
            self.line({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                       "delta": one}, "response.output_text.delta")
        self.line({"type": "response.completed", "response": {"id": made.id, **done, "usage": made.usage()}},
                  "response.completed")

    def send_messages(self, made, body, orders):
        message = {"type": "message", "role": "assistant", "model": made.model}
        if not body.get("stream"):
            self.whole(made, orders, {**message, "content": [{"type": "text", "text": self.text(made, orders)}],
                                      "stop_reason": "end_turn", "usage": made.usage()})
            return
        if not self.head(made, orders):
            return
        made.told_id = True
        self.line({"type": "message_start", "message": {"id": made.id, **message, "content": [], "usage": {
            "input_tokens": made.prompt_tokens, "output_tokens": 1}}}, "message_start")
        for one in self.words(made, orders):
            self.line({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}},
                      "content_block_delta")
        self.line({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": made.usage()},
                  "message_delta")
        self.line({"type": "message_stop"}, "message_stop")

    # other kinds

    def send_embeddings(self, made, body, orders):
        given = body.get("input")
        count = len(given) if isinstance(given, list) else 1
        self.whole(made, orders, {"object": "list", "model": made.model, "usage": made.usage(), "data": [
            {"object": "embedding", "index": n, "embedding": [0.1, 0.2, 0.3, 0.4]} for n in range(count)]})

    def send_images_generations(self, made, body, orders):
        self.answer({"created": int(time.time()), "data": [{"b64_json": PIXEL}], "usage": made.usage()})  # no id at all

    send_images_edits = send_images_generations

    def send_audio_speech(self, made, body, orders):
        self.answer(base64.b64decode(PIXEL), content_type="audio/mpeg")  # bytes, and no usage

    def send_audio_transcriptions(self, made, body, orders):
        self.answer({"text": self.text(made, orders)})

    def send_rerank(self, made, body, orders):
        self.whole(made, orders, {"model": made.model, "usage": made.usage(), "results": [
            {"index": n, "relevance_score": 0.5} for n in range(len(body.get("documents") or []))]})

    # Ollama

    def ollama_end(self, made):
        made.told_usage = True
        return {"done": True, "done_reason": "stop", "total_duration": 1, "load_duration": 1,
                "prompt_eval_count": made.prompt_tokens, "eval_count": made.completion_tokens, "eval_duration": 1}

    def send_api_chat(self, made, body, orders, shape=lambda text: {"message": {"role": "assistant", "content": text}}):
        about = {"model": made.model, "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        if body.get("stream") is False:
            self.answer({**about, **shape(self.text(made, orders)), **self.ollama_end(made)})
            return
        made.streamed = True
        if not self.head(made, orders, "application/x-ndjson"):
            return
        for one in self.words(made, orders):
            self.wfile.write((json.dumps({**about, **shape(one), "done": False}) + "\n").encode())
            self.wfile.flush()
        self.wfile.write((json.dumps({**about, **shape(""), **self.ollama_end(made)}) + "\n").encode())

    def send_api_generate(self, made, body, orders):
        self.send_api_chat(made, body, orders, lambda text: {"response": text})

    def send_api_embed(self, made, body, orders):
        given = body.get("input")
        made.told_usage = True
        self.answer({"model": made.model, "prompt_eval_count": made.prompt_tokens,
                     "embeddings": [[0.1, 0.2, 0.3, 0.4]] * (len(given) if isinstance(given, list) else 1)})
