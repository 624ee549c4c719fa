# SPDX-License-Identifier: AGPL-3.0-or-later
"""A provider that obeys its prompts: the last user message says, as JSON, how to answer.

    {"key": "t1", "words": 20, "delay": 0.05, "tools": 2, "held": true, "tokens": [9, 9]}

Streams are those of tests/support/stub_openrouter.py; here they can also call tools
and be slow, and every generation is remembered with its price, so that a ledger can
be held against it.  An answer that is held and not streamed waits for release().
/generation, /models and /credits answer for costd's look-ups.  Under another address
the same server is another provider: ids of its own, no prices.
"""
import json
import sys
import threading
import time
import uuid
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from otlp import span  # noqa: E402
from stub_openrouter import dump, generation_body, new_id, sample, usage_block  # noqa: E402

MODELS = ("anthropic/claude-haiku-4.5", "openai/gpt-5.4-mini")
OTHER_MODEL = "llama-3.2-3b-instruct"
TOOL = "drive_lookup"


class Generation:
    def __init__(self, number, key, model, body, sold):
        self.id, self.key, self.model = new_id() if sold else f"chatcmpl-{uuid.uuid4().hex}", key, model
        self.user, self.streamed = body.get("user"), bool(body.get("stream"))
        self.fields = sorted(body)
        # 18 digits and below a millionth: what a float or a rounded decimal would lose
        self.cost = Decimal("0.000000137") * number + Decimal("0.0001") if sold else None
        self.prompt_tokens, self.completion_tokens = 1000 + number, 10 + number
        self.ended = None  # "done", or "left" where the client closed the stream
        self.began_at, self.released = time.time(), threading.Event()

    def release(self):
        self.released.set()

    def usage(self):
        if self.cost is None:
            return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
                    "total_tokens": self.prompt_tokens + self.completion_tokens}
        return usage_block(self.prompt_tokens, self.completion_tokens, format(self.cost, "f"), reasoning_tokens=3)

    def span(self, user):
        """span is what Broadcast sends of the generation; of one that was left, neither tokens nor cost."""
        attrs = {"user.id": user, "gen_ai.request.model": self.model, "gen_ai.response.model": self.model,
                 "gen_ai.usage.input_tokens": self.prompt_tokens, "gen_ai.usage.output_tokens": self.completion_tokens,
                 "gen_ai.usage.total_cost": float(self.cost)}
        more = {"startTimeUnixNano": str(int(self.began_at * 1000) * 10**6),
                "endTimeUnixNano": str(int(time.time() * 1000) * 10**6)}
        if self.ended == "left":
            attrs.update({name: None for name in attrs if ".usage." in name})
            more["status"] = {"code": 2, "message": "The client has disconnected"}
        return span(self.id, attrs=attrs, **more)


class Stub:
    def __init__(self):
        self.lock = threading.Lock()
        self.generations = []
        self.looked_up = []
        stub = self

        class Handler(_Handler):
            owner = stub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def other_url(self):
        return f"http://127.0.0.1:{self.port}/other/v1"

    @property
    def base_url(self):
        """base_url holds the name by which Open WebUI and the plugin know OpenRouter."""
        return f"http://127.0.0.1:{self.port}/openrouter.ai/api/v1"

    def begin(self, key, model, body, sold=True):
        with self.lock:
            made = Generation(len(self.generations) + 1, key, model, body, sold)
            self.generations.append(made)
            return made

    def of(self, key):
        with self.lock:
            return [g for g in self.generations if g.key == key]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def word(key, number):
    return f"{key}-{number} "


class _Handler(BaseHTTPRequestHandler):
    owner = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        data = (value if isinstance(value, str) else dump(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = urlsplit(self.path)
        name = url.path.rpartition("/api/v1/")[2]
        if url.path == "/other/v1/models":
            self.answer({"object": "list", "data": [{"id": OTHER_MODEL, "object": "model", "owned_by": "other"}]})
        elif name == "models":
            listed = sample("models")
            first = listed["data"][0]
            self.answer({"data": [dict(first, id=model, name=model, canonical_slug=model) for model in MODELS]})
        elif name == "credits":
            self.answer(sample("credits"))
        elif name == "generation":
            wanted = (parse_qs(url.query).get("id") or [""])[0]
            self.owner.looked_up.append(wanted)
            found = [g for g in self.owner.generations if g.id == wanted and g.ended]
            if not found:
                self.answer({"error": {"code": 404, "message": f"Generation {wanted} not found"}}, 404)
                return
            made = found[0]
            self.answer(generation_body(made.id, format(made.cost, "f"), model=made.model,
                                        cancelled=made.ended == "left", external_user=made.user,
                                        native_tokens_prompt=made.prompt_tokens,
                                        native_tokens_completion=made.completion_tokens))
        else:
            self.answer({"error": {"code": 404, "message": "no such path"}}, 404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        texts = [_text(m.get("content")) for m in body.get("messages", []) if m.get("role") == "user"]
        orders = {}
        for text in reversed(texts):
            try:
                orders = json.loads(text[text.index("{"):text.rindex("}") + 1])
                break
            except ValueError:
                continue
        sold = not self.path.startswith("/other/")
        made = self.owner.begin(orders.get("key", "unasked"), body.get("model"), body, sold)
        if orders.get("tokens"):
            made.prompt_tokens, made.completion_tokens = orders["tokens"]
        rounds = sum(m.get("role") == "tool" for m in body.get("messages", []))
        calls_tool = rounds < orders.get("tools", 0) and bool(body.get("tools"))
        if body.get("stream"):
            self.stream(made, orders, rounds if calls_tool else None)
        else:
            text = "".join(word(made.key, n) for n in range(orders.get("words", 3)))
            if orders.get("held"):
                made.released.wait(60)
            made.ended = "done"
            self.answer({"id": made.id, "object": "chat.completion", "model": made.model,
                         "created": int(time.time()), "usage": made.usage(), "choices": [
                             {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                         **({"provider": "Amazon Bedrock"} if sold else {})})

    def stream(self, made, orders, tool_round):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Generation-Id", made.id)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        head = {"id": made.id, "object": "chat.completion.chunk", "created": int(time.time()),
                "model": made.model, **({} if made.cost is None else {"provider": "Amazon Bedrock"})}

        def send(delta, finish=None, **more):
            choice = {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish}
            self.wfile.write(f"data: {dump({**head, 'choices': [choice], **more})}\n\n".encode())
            self.wfile.flush()

        try:
            self.wfile.write(b": OPENROUTER PROCESSING\n\n")
            if tool_round is not None:
                call = {"index": 0, "id": f"call_{tool_round}", "type": "function",
                        "function": {"name": TOOL, "arguments": json.dumps({"subject": str(tool_round)})}}
                send({"role": "assistant", "content": None, "tool_calls": [call]})
            else:
                for number in range(orders.get("words", 3)):
                    send({"role": "assistant", "content": word(made.key, number)})
                    time.sleep(orders.get("delay", 0))  # the pace of the model, not a wait for anything
            finish = "stop" if tool_round is None else "tool_calls"
            send({"content": ""}, finish)
            send({"role": "assistant", "content": ""}, finish, usage=made.usage())
            self.wfile.write(b"data: [DONE]\n\n")
            made.ended = "done"
        except OSError:
            made.ended = "left"  # OpenRouter bills such a stream too


def _text(content):
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""
