# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the stub provider sells: the kinds of request, and what it remembers of each."""
import select
import socket
import sys
import threading
import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from otlp import span  # noqa: E402
from stub_openrouter import new_id, usage_block  # noqa: E402

MODELS = ("anthropic/claude-haiku-4.5", "openai/gpt-5.4-mini")
OTHER_MODEL = "llama-3.2-3b-instruct"
OLLAMA_MODEL = "qwen3:0.6b"
TOOL = "drive_lookup"
KINDS = {"chat/completions": "chat", "responses": "chat", "messages": "chat", "embeddings": "embedding",
         "images/generations": "image", "images/edits": "image", "audio/speech": "speech",
         "audio/transcriptions": "transcription", "rerank": "rerank",
         "realtime": "speech", "api/chat": "chat", "api/generate": "chat", "api/embed": "embedding"}


class Call(NamedTuple):
    """Where a request went: openrouter, other or ollama; and the model endpoint's name."""

    platform: str
    name: str


def call_of(path):
    """call_of is None for what is not sold."""
    path = urlsplit(path).path
    platform = "ollama" if path.startswith("/ollama/") else "other" if path.startswith("/other/") else "openrouter"
    return next((Call(platform, name) for name in KINDS if path.endswith("/" + name)), None)


def word(key, number):
    return f"{key}-{number} "


class Generation:
    """One upstream request: what was asked, what was told, what it costs."""

    def __init__(self, number, call, body, orders, task):
        self.number, self.call, self.kind, self.task = number, call, KINDS[call.name], task
        self.key, self.model, self.asker = orders.get("key", "unasked"), body.get("model"), orders.get("for")
        self.id = f"chatcmpl-{uuid.uuid4().hex}" if call.platform == "other" else new_id()
        self.user, self.streamed = body.get("user"), bool(body.get("stream"))
        self.fields = sorted(body)
        # 18 digits and below a millionth: what a float or a rounded decimal would lose
        self.cost = Decimal("0.000000137") * number + Decimal("0.0001") if call.platform == "openrouter" else None
        self.prompt_tokens, self.completion_tokens = orders.get("tokens") or (1000 + number, 10 + number)
        self.ended = None  # "done", or "left" where the client closed the stream
        self.told_id = self.told_usage = False  # what went out to the client
        self.unseen = None  # why no row is expected, said by a scenario
        self.blind = False  # no client reads the answer: a row, but neither id nor cost
        self.loose = False  # the id is read, the cost perhaps
        self.began_at, self.released = time.time(), threading.Event()

    def release(self):
        self.released.set()

    def wait(self, connection):
        """wait holds the answer back until it is released; False if the client left before."""
        deadline = time.monotonic() + 60
        while not self.released.wait(0.05) and time.monotonic() < deadline:
            if select.select([connection], [], [], 0)[0] and connection.recv(1, socket.MSG_PEEK) == b"":
                self.ended = "left"
                return False
        return True

    def usage(self):
        """usage is the kind's block, as it is sent."""
        self.told_usage = True
        if self.cost is None:
            return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
                    "total_tokens": self.prompt_tokens + self.completion_tokens}
        usage = usage_block(self.prompt_tokens, self.completion_tokens, format(self.cost, "f"), reasoning_tokens=3)
        if self.call.name in ("responses", "messages"):
            usage = {"input_tokens": self.prompt_tokens, "output_tokens": self.completion_tokens, "cost": usage["cost"]}
        elif self.kind != "chat":
            usage = {name: usage[name] for name in ("prompt_tokens", "total_tokens", "cost")}
        return usage

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
