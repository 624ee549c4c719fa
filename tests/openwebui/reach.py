# SPDX-License-Identifier: AGPL-3.0-or-later
"""What asks a model on a user's behalf: sub-agents, automations, channels, a call by
voice; and the line of cost under an answer of several parts."""
import asyncio
import json

import aiohttp

from owui import wait_for
from sold import MODELS

CLAUDE = MODELS[0]


class Reach:
    def lines(self, chat):
        return [s.get("description") for s in self.owui.message(chat).get("statusHistory") or []]

    def origin_of(self, key, origin):
        ids = {g.id for g in self.stub.of(key)}
        origins = {row.origin for row in self.gateway.rows() if row.generation_id in ids}
        assert origins == {origin}, f"{key}: the origin is {origins}, not {origin}"

    def costs(self, key):
        """costs is the line that the parts of an answer make together."""
        made = self.stub.of(key)
        return f"{sum(g.cost for g in made).normalize():f} USD", f"{len(made)} requests"

    def has_line(self, chat, key):
        cost, count = self.costs(key)
        line = (self.lines(chat) or [""])[-1]
        assert line.startswith(cost) and line.endswith(count), f"the line says {line!r}, not {cost}, {count}"

    def scenario_55_line_of_cost(self):
        """the line of cost adds up an answer that was continued, streamed and whole"""
        if self.owui.version < (0, 10):
            return "left out: asked for in another way"
        for stream in (True, False):
            key = f"line-{stream}"
            (chat,), orders = self.chat(key, stream=stream)
            self.finish(chat, orders)
            self.owui.go_on(chat, CLAUDE, stream=stream)
            wait_for(lambda: len(self.stub.of(key)) == 2 and not self.owui.tasks(chat), "the rest of the answer")
            self.has_line(chat, key)
        return self.account()

    def scenario_56_sub_agent(self):
        """a sub-agent's requests are the person's, and say that a sub-agent made them"""
        if self.owui.version < (0, 11):
            return "left out: not in this version"
        (chat,), orders = self.chat("boss", rounds=1, delegate="helper")
        self.finish(chat, orders)
        self.made_of("boss", 2)
        self.made_of("helper", 1)
        self.labels["boss"], self.labels["helper"] = "chat with a sub-agent", "sub-agent"
        note = self.account()
        self.origin_of("helper", "subagent")
        return note

    def scenario_57_channel(self):
        """a model asked in a channel"""
        channel = self.owui.post("/api/v1/channels/create", {
            "name": "drive", "description": "", "access_control": None})
        self.owui.post(f"/api/v1/channels/{channel['id']}/messages/post", {
            "data": {}, "content": f"<@M:{CLAUDE}|Claude> " + json.dumps({"key": "channel", "words": 3})})
        self.made_of("channel", 1)
        self.labels["channel"] = "channel"
        note = self.account()
        if self.owui.version >= (0, 12):
            self.origin_of("channel", "channel")
        return note

    def scenario_58_automation(self):
        """an automation"""
        if self.owui.version < (0, 11):
            return "left out: not in this version"
        made = self.owui.post("/api/v1/automations/create", {"name": "drive", "data": {
            "prompt": json.dumps({"key": "automation", "words": 3}), "model_id": CLAUDE,
            "rrule": "DTSTART:20300101T000000\nRRULE:FREQ=DAILY"}})
        self.owui.post(f"/api/v1/automations/{made['id']}/run")
        self.made_of("automation", 1)
        self.labels["automation"] = "automation"
        note = self.account()
        self.origin_of("automation", "automation")
        return note

    def scenario_68_temporary(self):
        """a temporary chat, which Open WebUI does not keep"""
        if self.owui.version < (0, 9):
            return "left out: asked for in another way"
        self.chat("fleeting", chat_id=f"local:{self.owui.session}")
        self.made_of("fleeting", 1)
        self.labels["fleeting"] = "temporary chat"
        return self.account()

    def scenario_59_voice(self):
        """a call by voice: a websocket"""
        if self.owui.version < (0, 12):
            return "left out: not in this version"

        async def call():
            async with aiohttp.ClientSession() as session:
                address = f"http://127.0.0.1:{self.owui.port}/api/v1/audio/realtime"
                async with session.ws_connect(address) as socket:
                    await socket.send_json({"type": "auth", "token": self.owui.token, "model_id": CLAUDE})
                    for said in ("working", "deferred"):
                        async for message in socket:
                            event = message.json()
                            assert event["type"] != "bridge.error", event
                            if event["type"] in ("bridge.ready", "response.done"):
                                break
                        await socket.send_json({"type": "bridge.status", "status": said})
                    async for message in socket:
                        if message.json()["type"] == "response.done":
                            break
        asyncio.run(asyncio.wait_for(call(), 60))
        self.labels["voice"] = "call by voice"
        self.made_of("voice", 2)
        return self.account()
