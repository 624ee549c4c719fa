# SPDX-License-Identifier: AGPL-3.0-or-later
"""Open WebUI's side of an upstream request.

caller_at() runs this file's text under the name of one of Open WebUI's modules: who
asks is read from the local variables user, metadata and request of such frames.
"""
import asyncio
import json
import sys
import types
from pathlib import Path

TIMEOUT_S = 60


def caller_at(name="open_webui.routers.openai"):
    module = types.ModuleType(name)
    exec(compile(Path(__file__).read_text(encoding="utf-8"), f"<{name}>", "exec"), module.__dict__)
    return module


async def by_aiohttp(url, read, body, user=None, metadata=None, request=None, session=None, method="POST"):
    aiohttp = sys.modules["aiohttp"]
    own = session is None
    session = session or aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
    response = None
    try:
        response = await session.request(method, url, data=json.dumps(body), headers={"Content-Type": "application/json"})
        return await read(response)
    finally:
        if response is not None:
            response.close()
        if own:
            await session.close()


async def realtime(url, say, user=None, metadata=None, request=None):
    aiohttp = sys.modules["aiohttp"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        return await say(socket)


def in_thread(url, read, body, user=None, metadata=None, request=None, streamed=False):
    """in_thread is 0.8's transcription: a function of Open WebUI's that a thread runs."""
    with sys.modules["requests"].post(url, json=body, stream=streamed, timeout=TIMEOUT_S) as response:
        return read(response)


async def by_requests(url, read, body, user=None, metadata=None, request=None, streamed=False):
    return await asyncio.to_thread(in_thread, url, read, body, user, metadata, request, streamed)


async def by_requests_alone(url, read, body, user=None, metadata=None, request=None):
    """by_requests_alone is 0.8's image: the thread's stack has no frame of Open WebUI."""
    response = await asyncio.to_thread(sys.modules["requests"].post, url, json=body, timeout=TIMEOUT_S)
    return read(response)


async def by_httpx(url, read, body, user=None, metadata=None, request=None, streamed=False):
    async with sys.modules["httpx"].AsyncClient(timeout=TIMEOUT_S, trust_env=False, verify=False) as client:
        if not streamed:
            return await read(await client.post(url, json=body))
        async with client.stream("POST", url, json=body) as response:
            return await read(response)


async def by_httpx_blocking(url, read, body, user=None, metadata=None, request=None, streamed=False):
    with sys.modules["httpx"].Client(timeout=TIMEOUT_S, trust_env=False, verify=False) as client:
        if not streamed:
            return read(client.post(url, json=body))
        with client.stream("POST", url, json=body) as response:
            return read(response)


async def passes_on(function, *arguments, user=None, metadata=None, request=None, **options):
    return await function(*arguments, **options)
