# SPDX-License-Identifier: AGPL-3.0-or-later
"""Functions that are models of their own and ask the provider themselves: as text or as
the provider's frames, with each HTTP library that Open WebUI brings along."""
from owui import wait_for
from sold import MODELS

CLAUDE = MODELS[0]

HEAD = '''"""
title: {name}
"""
import json

URL, HEADERS = "{url}/chat/completions", {{"Authorization": "Bearer sk-or-v1-stub", "Content-Type": "application/json"}}


def asked(body, stream):
    return {{"model": "{model}", "messages": body["messages"], "stream": stream}}


def text_of(line):
    line = line.decode() if isinstance(line, bytes) else line
    if not line.startswith("data: {{"):
        return ""
    return "".join((c.get("delta") or {{}}).get("content") or "" for c in json.loads(line[6:]).get("choices") or [])


def whole(said):
    return said["choices"][0]["message"]["content"]

'''

URLLIB = '''
import urllib.request


class Pipe:
    def pipe(self, body):
        request = urllib.request.Request(URL, json.dumps(asked(body, True)).encode(), HEADERS)
        with urllib.request.urlopen(request) as answer:
            for line in answer:
                if {frames}:
                    yield line.decode()
                elif text_of(line):
                    yield text_of(line)
'''

AIOHTTP = '''
import aiohttp


class Pipe:
    async def pipe(self, body):
        async with aiohttp.ClientSession() as session:
            async with session.post(URL, json=asked(body, True), headers=HEADERS) as answer:
                async for line in answer.content:
                    if {frames}:
                        yield line.decode()
                    elif text_of(line):
                        yield text_of(line)
'''

HTTPX = '''
import httpx


class Pipe:
    async def pipe(self, body):
        async with httpx.AsyncClient() as client:
            async with client.stream("POST", URL, json=asked(body, True), headers=HEADERS) as answer:
                async for line in answer.aiter_lines():
                    if text_of(line):
                        yield text_of(line)
'''

HTTPX_WHOLE = '''
import httpx


class Pipe:
    async def pipe(self, body):
        async with httpx.AsyncClient() as client:
            return whole((await client.post(URL, json=asked(body, False), headers=HEADERS)).json())
'''

REQUESTS = '''
import requests


class Pipe:
    def pipe(self, body):
        answer = requests.post(URL, json=asked(body, True), headers=HEADERS, stream=True)
        for line in answer.iter_lines():
            if text_of(line):
                yield text_of(line)
'''

REQUESTS_WHOLE = '''
import requests


class Pipe:
    def pipe(self, body):
        return whole(requests.post(URL, json=asked(body, False), headers=HEADERS).json())
'''


class Pipes:
    def make_pipe(self, name, source, frames=False):
        """make_pipe installs a pipe, once."""
        if name not in self.owui.models():
            head = HEAD.format(name=name, url=self.stub.base_url, model=CLAUDE)
            self.owui.install_pipe(name, head + source.replace("{frames}", str(frames)))

    def pipe(self, name, source, **about):
        """pipe chats with a pipe in the browser and by the API."""
        self.make_pipe(name, source, about.get("frames", False))
        (chat,), orders = self.chat(name, models=(name,))
        self.finish(chat, orders)
        self.owui.api({"key": name, "words": 3}, name)
        made = wait_for(lambda: len(self.stub.of(name)) >= 2 and self.stub.of(name), f"two requests of {name} upstream")
        for one in made:
            one.blind, one.loose = about.get("blind"), about.get("loose")
        self.labels[name] = about["label"]
        return self.account()

    def scenario_60_urllib_text(self):
        """a text pipe on urllib: a row for each turn, no phantoms"""
        return self.pipe("pipe_urllib", URLLIB, blind=True, label="pipe, text by urllib")

    def scenario_61_urllib_frames(self):
        """a pipe on urllib that passes the frames on: the filter reads them"""
        return self.pipe("pipe_urllib_frames", URLLIB, frames=True, label="pipe, frames by urllib")

    def scenario_62_aiohttp_text(self):
        """a text pipe on aiohttp"""
        return self.pipe("pipe_aiohttp", AIOHTTP, label="pipe, text by aiohttp")

    def scenario_63_aiohttp_frames(self):
        """a pipe on aiohttp that passes the frames on"""
        return self.pipe("pipe_aiohttp_frames", AIOHTTP, frames=True, label="pipe, frames by aiohttp")

    def scenario_64_httpx(self):
        """a text pipe on httpx, streamed: the id at least"""
        return self.pipe("pipe_httpx", HTTPX, loose=True, label="pipe, text by httpx")

    def scenario_65_httpx_whole(self):
        """a pipe on httpx, whole"""
        return self.pipe("pipe_httpx_whole", HTTPX_WHOLE, label="pipe, whole by httpx")

    def scenario_66_requests(self):
        """a text pipe on requests, streamed: the id at least"""
        return self.pipe("pipe_requests", REQUESTS, loose=True, label="pipe, text by requests")

    def scenario_67_requests_whole(self):
        """a pipe on requests, whole"""
        return self.pipe("pipe_requests_whole", REQUESTS_WHOLE, label="pipe, whole by requests")
