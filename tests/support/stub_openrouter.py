#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stand-in for OpenRouter on a free loopback port, standard library only.

It answers GET /api/v1/generation, /models, /credits and POST /chat/completions the
way OpenRouter does, remembers what it was asked, and misbehaves on order:

    with Stub(key="sk-test") as stub:
        stub.put("gen-1", total_cost="0.000000125", not_found_first=2)
        stub.fault("/api/v1/generation", status=429, headers={"Retry-After": "1"}, times=3)
        ...
        assert stub.asked("gen-1") == 3

Money is given as a decimal string and printed as a JSON number with exactly those
digits.  The same orders can be given over HTTP, as JSON:

    POST /control   {"key": …, "generations": {id: {…}}, "faults": [{…}],
                     "not_found_first": 1, "models": […], "credits": {…}}
    GET  /control   what was asked so far
    POST /control/reset

As a program it prints its base URL and serves until SIGTERM:

    stub_openrouter.py [--port N] [--key K] [--control FILE] [--address-file FILE]
"""
import argparse
import json
import os
import re
import secrets
import signal
import socket
import string
import sys
import threading
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SAMPLES = Path(__file__).resolve().parent.parent / "data" / "openrouter"
_NUMBER = re.compile(r'"@number:([^"]+)"')
_IDS = string.ascii_letters + string.digits


def sample(name):
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def exact(text):
    """exact marks a decimal string that dump() prints as a JSON number, digit for digit."""
    json.loads(text)
    return f"@number:{text}"


def dump(value):
    return _NUMBER.sub(r"\1", json.dumps(value))


def new_id():
    return f"gen-{int(time.time())}-" + "".join(secrets.choice(_IDS) for _ in range(20))


def generation_body(gen_id, total_cost="0", **fields):
    """generation_body is the answer of /generation: a real body with these fields changed."""
    data = sample("generation")["data"]
    data.update(id=gen_id, request_id=None, upstream_id=None, provider_responses=None,
                total_cost=exact(total_cost), usage=exact(total_cost))
    for name, value in fields.items():
        money = name in ("upstream_inference_cost", "usage") and isinstance(value, str)
        data[name] = exact(value) if money else value
    return {"data": data}


def usage_block(prompt_tokens, completion_tokens, cost, cached_tokens=0, cache_write_tokens=0,
                reasoning_tokens=0, is_byok=False, upstream=None):
    """usage_block is `usage` as the last chunk of a stream carries it; costs are decimal strings."""
    return {
        "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "cost": exact(cost), "is_byok": is_byok,
        "prompt_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": cache_write_tokens,
                                  "audio_tokens": 0, "video_tokens": 0},
        "cost_details": {"upstream_inference_cost": exact(cost if upstream is None else upstream)},
        "completion_tokens_details": {"reasoning_tokens": reasoning_tokens, "image_tokens": 0, "audio_tokens": 0},
    }


def sse_lines(gen_id, words, usage, model="anthropic/claude-haiku-4.5", provider="Amazon Bedrock"):
    """sse_lines is a whole stream, line by line, as OpenRouter sends it."""
    head = {"id": gen_id, "object": "chat.completion.chunk", "created": int(time.time()),
            "model": model, "provider": provider}

    def chunk(delta, finish, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish,
                  "logprobs": None}
        return "data: " + dump({**head, "choices": [choice], **more})

    lines = [": OPENROUTER PROCESSING", ""]
    for word in words:
        lines += [chunk({"role": "assistant", "content": word}, None), ""]
    lines += [chunk({"role": "assistant", "content": ""}, "stop"), ""]
    if usage is not None:
        lines += [chunk({"role": "assistant", "content": ""}, "stop", usage=usage), ""]
    return lines + ["data: [DONE]", ""]


class Stub:
    def __init__(self, key="sk-or-v1-stub", port=0):
        self.key, self.port = key, port
        self.lock = threading.Lock()
        self.server = self.place = None
        self.reset()

    def reset(self):
        with self.lock:
            self.requests = []  # dicts: method, path, query, authorized, status, body
            self.generations = {}  # id -> [body, how often it is still 404]
            self.faults = []
            self.not_found_first = 0
            self.word_delay_s = 0.0
            self.models = sample("models")
            self.credits = sample("credits")

    # life

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.place.close()

    def start(self):
        stub = self

        class Handler(_Handler):
            owner = stub

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], OSError):  # who asked has left: nothing to tell
                    super().handle_error(request, client_address)

        if self.place is None:  # bound and silent, it keeps the port for us while the server is stopped
            self.place = socket.socket()
            self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.place.bind(("127.0.0.1", self.port))
            self.port = self.place.getsockname()[1]
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}/api/v1"

    # orders

    def put(self, gen_id, total_cost="0", not_found_first=None, body=None, **fields):
        """put makes a generation known.  `body` replaces the whole answer, even by nonsense."""
        answer = body if body is not None else generation_body(gen_id, total_cost, **fields)
        with self.lock:
            first = self.not_found_first if not_found_first is None else not_found_first
            self.generations[gen_id] = [answer, first]

    def fault(self, path, times=1, gen_id=None, status=500, headers=None, body=None, delay_s=0.0, close=False,
              repeat=0, drip_s=0.0):
        """fault makes the next `times` matching requests fail; times=-1 until reset.  `repeat` sends the
        body so often, without a length; `drip_s` waits before each of its bytes."""
        with self.lock:
            self.faults.append({"path": path, "times": times, "gen_id": gen_id, "status": status,
                                "headers": headers or {}, "body": body, "delay_s": delay_s, "close": close,
                                "repeat": repeat, "drip_s": drip_s})

    def control(self, orders):
        for gen_id, given in (orders.get("generations") or {}).items():
            self.put(gen_id, **given)
        for given in orders.get("faults") or []:
            self.fault(**given)
        with self.lock:
            for name in ("key", "not_found_first", "word_delay_s", "models", "credits"):
                if name in orders:
                    setattr(self, name, orders[name])

    def heal(self):
        """heal takes all faults back."""
        with self.lock:
            self.faults = []

    # what happened

    def asked(self, gen_id):
        """asked tells how often a generation was looked up."""
        with self.lock:
            return sum(r["path"] == "/api/v1/generation" and r["query"].get("id") == [gen_id]
                       for r in self.requests)

    # answers; the handler's thread

    def take_fault(self, path, query):
        with self.lock:
            for fault in self.faults:
                wanted = fault["gen_id"] is None or query.get("id") == [fault["gen_id"]]
                if fault["path"] == path and wanted and fault["times"] != 0:
                    fault["times"] -= 1
                    return fault
        return None

    def generation(self, query):
        gen_id = (query.get("id") or [""])[0]
        if not gen_id:
            return 400, {"error": {"code": 400, "message": "id is required"}}
        with self.lock:
            known = self.generations.get(gen_id)
            if known is not None and known[1] <= 0:
                return 200, known[0]
            if known is not None:
                known[1] -= 1
        return 404, {"error": {"message": f"Generation {gen_id} not found", "code": 404}}

    def price(self, model):
        for entry in self.models["data"]:
            if entry["id"] == model:
                return Decimal(entry["pricing"]["prompt"]), Decimal(entry["pricing"]["completion"])
        return Decimal("0.000001"), Decimal("0.000005")

    def complete(self, request):
        """complete makes up an answer and its bill, and remembers both for /generation."""
        model = request.get("model") or "anthropic/claude-haiku-4.5"
        prompt = sum(len(str(m.get("content") or "").split()) for m in request.get("messages") or []) + 3
        words = ["Hello", ",", " this", " is", " a", " stub", "."]
        on_prompt, on_completion = self.price(model)
        cost = format(prompt * on_prompt + len(words) * on_completion, "f")
        gen_id = new_id()
        self.put(gen_id, cost, model=model, provider_name="Stub", streamed=bool(request.get("stream")),
                 native_tokens_prompt=prompt, native_tokens_completion=len(words),
                 native_tokens_reasoning=0, native_tokens_cached=0)
        return gen_id, model, words, usage_block(prompt, len(words), cost)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.handle_one("GET")

    def do_POST(self):
        self.handle_one("POST")

    def reply(self, status, body, headers=()):
        data = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else dump(body).encode()
        self.send_response(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(data)), **dict(headers)}
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def trickle(self, fault):
        self.send_response(fault["status"])
        for name, value in {"Content-Type": "application/json", "Connection": "close", **fault["headers"]}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        body = fault["body"]
        try:
            for piece in [body] * fault["repeat"] if fault["repeat"] else [body[i:i + 1] for i in range(len(body))]:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(fault["drip_s"])
        except OSError:
            pass  # the reader had enough

    def handle_one(self, method):
        stub, url = self.owner, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return self.reply(400, {"error": {"code": 400, "message": "not JSON"}})
        if url.path.startswith("/control"):
            return self.handle_control(method, url.path, body)
        query = parse_qs(url.query)
        authorized = self.headers.get("Authorization") == f"Bearer {stub.key}"
        entry = {"method": method, "path": url.path, "query": query, "authorized": authorized,
                 "body": body, "at": time.monotonic(), "status": None}
        with stub.lock:
            stub.requests.append(entry)
        fault = stub.take_fault(url.path, query)
        if fault is not None:
            entry["status"] = fault["status"]
            time.sleep(fault["delay_s"])
            if fault["close"]:
                self.close_connection = True
                return None
            if fault["repeat"] or fault["drip_s"]:
                return self.trickle(fault)
            return self.reply(fault["status"], fault["body"] if fault["body"] is not None else {
                "error": {"code": fault["status"], "message": "stub fault"}}, fault["headers"])
        status, answer = self.route(method, url.path, query, body, authorized)
        entry["status"] = status
        return None if answer is None else self.reply(status, answer)

    def route(self, method, path, query, body, authorized):
        if method == "GET" and path == "/api/v1/models":
            return 200, self.owner.models
        if not authorized:
            return 401, sample("error_401")
        if method == "GET" and path == "/api/v1/generation":
            return self.owner.generation(query)
        if method == "GET" and path == "/api/v1/credits":
            return 200, self.owner.credits
        if method == "POST" and path == "/api/v1/chat/completions":
            return self.chat(body or {})
        return 404, {"error": {"code": 404, "message": "Not Found"}}

    def chat(self, request):
        gen_id, model, words, usage = self.owner.complete(request)
        if not request.get("stream"):
            message = {"role": "assistant", "content": "".join(words)}
            return 200, {"id": gen_id, "object": "chat.completion", "created": int(time.time()), "model": model,
                         "provider": "Stub", "usage": usage,
                         "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Generation-Id", gen_id)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for line in sse_lines(gen_id, words, usage, model=model, provider="Stub"):
                self.wfile.write(line.encode() + b"\n")
                self.wfile.flush()
                if line.startswith("data:"):
                    time.sleep(self.owner.word_delay_s)
        except OSError:  # the reader left: billed all the same, and only /generation knows
            pass
        return 200, None

    def handle_control(self, method, path, body):
        stub = self.owner
        if method == "GET":
            with stub.lock:
                return self.reply(200, {"requests": stub.requests})
        if path == "/control/reset":
            stub.reset()
        else:
            try:
                stub.control(body or {})
            except (TypeError, ValueError, AttributeError) as error:
                return self.reply(400, {"error": {"code": 400, "message": str(error)}})
        return self.reply(200, {"ok": True})


def main():
    parser = argparse.ArgumentParser(description="A stand-in for OpenRouter.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=os.environ.get("STUB_KEY", "sk-or-v1-stub"))
    parser.add_argument("--control", type=Path, help="orders to begin with, a JSON file")
    parser.add_argument("--address-file", type=Path, help="where to write the base URL")
    args = parser.parse_args()
    stub = Stub(key=args.key, port=args.port)
    if args.control is not None and args.control.exists():
        stub.control(json.loads(args.control.read_text(encoding="utf-8")))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    stub.start()
    if args.address_file is not None:
        temporary = args.address_file.with_suffix(".tmp")
        temporary.write_text(stub.base_url + "\n", encoding="utf-8")
        temporary.replace(args.address_file)
    print(stub.base_url, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    stub.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
