# SPDX-License-Identifier: AGPL-3.0-or-later
"""The emulated Open WebUI with a wire: its requests go over HTTP to an Upstream.

    with Wired(upstream, receiver, data_dir=folder) as owui:
        owui.begin()                                # an inlet: from here on the tap is on
        taken = owui.run(owui.ask(upstream.serve(Answer(...))))
        rows = owui.rows()                          # what the ledger holds of all that was asked

ask() is one request of Open WebUI's own; chat() a whole turn with its hooks.
"""
import asyncio
import copy
import json
import re
import sys
import time
import types

import aiohttp  # noqa: F401  the clients that Open WebUI has loaded
import caller
import httpx  # noqa: F401
import readers
import requests  # noqa: F401
from emulator import OpenWebUI, RUNTIME
from receiver import PATIENCE_S
from upstream import Answer, whole

POINTS = (("aiohttp", "ClientSession", "_request"), ("aiohttp", "ClientSession", "_ws_connect"), ("requests", "Session", "send"),
          ("httpx", "AsyncClient", "send"), ("httpx", "Client", "send"))
BOB = {"id": "u-bob", "name": "Bob Frege", "email": "bob@example.org", "role": "admin"}
USAGE = {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366, "cost": 0.000546,
         "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 7}}
SAID = {"prompt_tokens": 321, "completion_tokens": 45, "cost": 0.000546,  # what a record says of USAGE
        "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 7}}


class Clock:
    """The plugin's `time`, which a test can put forward."""

    def __init__(self):
        self.ahead = 0.0

    def monotonic(self):
        return time.monotonic() + self.ahead

    def __getattr__(self, name):
        return getattr(time, name)


def laid_points():
    """laid_points: where the tap may lay its pass-through, with what is there now."""
    for module, owner, name in POINTS:
        if module in sys.modules:
            cls = getattr(sys.modules[module], owner)
            yield cls, name, cls.__dict__[name]


class Wired(OpenWebUI):
    def __init__(self, upstream, receiver, profile="0.12", valves=None, **options):
        self.upstream, self.receiver, self.clock, self.fences = upstream, receiver, Clock(), 0
        self.originals = list(laid_points())
        self.caller = caller.caller_at()
        super().__init__(profile, valves={**receiver.valves, **(valves or {})}, base_url="https://openrouter.ai/api/v1", **options)

    def restart(self):
        """restart: what was laid on the HTTP clients ends with the process."""
        super().restart()
        for cls, name, original in self.originals:
            setattr(cls, name, original)

    def _load(self):
        super()._load()
        self.module_now.time = self.clock

    @property
    def module_now(self):
        return sys.modules[f"function_{self.function_id}"]

    @property
    def tap(self):
        return getattr(sys.modules.get(RUNTIME), "tap", None)

    def begin(self):
        """begin is the first chat of the process; its answer never comes."""
        async def inlet():
            _, body, offered = self._begin(False, "anthropic/claude-haiku-4.5", None, None, None, "hi")
            await self._call("inlet", body, offered)

        self.run(asyncio.ensure_future(inlet(), loop=self.loop))
        return self

    def request_of(self, user=None, path="/api/chat/completions"):
        state = types.SimpleNamespace(**({"user": user} if user else {}))
        return types.SimpleNamespace(app=self.request.app, state=state, scope={"type": "http", "method": "POST", "path": path},
                                     headers={}, url=types.SimpleNamespace(path=path))

    # What asks

    async def ask(self, url, read=readers.AIOHTTP["read"], by="by_aiohttp", user=None, metadata=None, body=None,
                  path="/api/chat/completions", at=None, **options):
        """ask is one request of Open WebUI's own, outside a chat unless metadata say more."""
        person = types.SimpleNamespace(**{k: v for k, v in (user or self.user).items() if k in ("id", "name", "email", "role")})
        body = {"model": "anthropic/claude-haiku-4.5", "messages": [{"role": "user", "content": "hi"}], **(body or {})}
        return await getattr(at or self.caller, by)(url, read, body, user=person, metadata=metadata or {},
                                                    request=self.request_of(person, path), **options)

    def asked(self, *arguments, **options):
        return self.run(self.ask(*arguments, **options))

    async def chat(self, *urls, user=None, streamed=True, read_on=None, prompt="hi", api=False, outlet=True, session=None, **options):
        """chat is a turn: inlet, for each address a request over the wire and its frames, outlet.
        read_on(turn) is awaited after each frame."""
        turn, body, offered = self._begin(api, "anthropic/claude-haiku-4.5", user, None, None, prompt)
        body["stream"] = streamed
        person = types.SimpleNamespace(**{k: v for k, v in (user or self.user).items() if k in ("id", "name", "email", "role")})
        offered["__request__"] = request = self.request_of(person)
        body, usages, answer = await self._call("inlet", body, offered), [], []

        async def frames(response):
            async for line in response.content:
                text = line.decode()
                data = json.loads(text[5:]) if text.startswith("data: {") else None
                if data is not None:
                    usages.extend([data["usage"]] if data.get("usage") else [])
                    turn.shown.append(await self._call("stream", data, {**offered, "__body__": form}))
                if read_on is not None:
                    await read_on(turn)

        async def whole_answer(response):
            data = await response.json(content_type=None)
            usages.extend([data["usage"]] if data.get("usage") else [])
            answer.append(data["choices"][0]["message"]["content"])

        for url in urls:
            form = await self._request(turn, {**body, "messages": list(body["messages"])}, offered)
            await self.caller.by_aiohttp(url, frames if streamed else whole_answer, form, user=person, metadata=turn.metadata,
                                         request=request, session=session, **options)
        if outlet:
            await self._outlet(turn, body, offered, usages, turn.text or "".join(answer))
        return turn

    def chatted(self, *urls, **options):
        return self.run(asyncio.ensure_future(self.chat(*urls, **options), loop=self.loop))

    # What became of it

    def settle(self):
        """settle returns when all that was asked before has come to the receiver: the writer keeps the order."""
        self.fences += 1
        name = f"gen-fence-{self.fences}"
        if self.tap is not None and self.tap.state == "on":
            self.asked(self.upstream.serve(Answer(whole(name, usage=USAGE), "application/json", framing="length")))
            self.receiver.wait(lambda: any(r["generation_id"] == name and r["state"] == "final" for r in self.receiver.records), PATIENCE_S)
        self.flush(PATIENCE_S)

    def records(self):
        self.settle()
        return self.came()

    def came(self):
        return [r for r in self.receiver.records if not (r["generation_id"] or "").startswith("gen-fence-")]

    def rows(self):
        self.settle()
        return self.delivered()

    def delivered(self):
        """delivered gives the last record of each generation, by its id or its turn's; two records that are last are a fault."""
        rows = {}
        for record in self.came():
            key = record["generation_id"] or record["turn_id"]
            assert key not in rows or rows[key]["state"] == "open", f"{key}: {record['state']} after {rows[key]['state']}"
            rows[key] = record
        return rows

    def row(self):
        rows = list(self.rows().values())
        assert len(rows) == 1, [(r["generation_id"], r["state"], r["source"]) for r in rows]
        return rows[0]

    def next_check(self):
        """next_check lets the tap ask whether its function is still on: the clock is put forward, a request begins."""
        self.clock.ahead += 11
        self.settle_request()
        return self

    def settle_request(self):
        self.asked(self.upstream.serve(Answer(whole("gen-fence-check", usage=USAGE), "application/json", framing="length")))
        for _ in range(3):
            self.run(asyncio.sleep(0))

    def with_version(self, version):
        return re.sub(r'(?m)^VERSION = "[^"]+"', f'VERSION = "{version}"', self.content)

    def function_is(self, **state):
        self.function = copy.copy(self.function)
        self.function.__dict__.update(state)
