# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every way in which the HTTP clients give an answer's bytes.

Each reader puts what it is given into a Taken, so that it is known what came before
an early end; `raised` is the kind of exception with which that ended.
"""
import asyncio
import json
import warnings

ERRORS = ("ClientPayloadError", "ServerDisconnectedError", "ClientConnectionError", "ClientOSError", "IncompleteReadError",
          "ChunkedEncodingError", "RemoteProtocolError", "ReadError", "ConnectionError", "LineTooLong", "ProtocolError")


class Taken:
    def __init__(self):
        self.parts, self.raised = [], None

    @property
    def data(self):
        return b"".join(self.parts)

    def end(self, error):
        assert type(error).__name__ in ERRORS, repr(error)
        self.raised = type(error).__name__


def awaited(read):
    """awaited makes of read(response, take) a reader that returns what was taken."""
    async def reader(response):
        taken = Taken()
        try:
            await read(response, taken.parts.append)
        except Exception as error:
            taken.end(error)
        return taken
    reader.__name__ = read.__name__
    return reader


def plain(read):
    def reader(response):
        taken = Taken()
        try:
            read(response, taken.parts.append)
        except Exception as error:
            taken.end(error)
        return taken
    reader.__name__ = read.__name__
    return reader


# aiohttp

async def read(response, take):
    take(await response.read())


async def text(response, take):
    take((await response.text(encoding="utf-8")).encode())


async def readline(response, take):
    while line := await response.content.readline():
        take(line)


async def lines(response, take):
    async for line in response.content:
        take(line)


async def iter_any(response, take):
    async for part in response.content.iter_any():
        take(part)


async def iter_chunked(response, take):
    async for part in response.content.iter_chunked(100):
        take(part)


async def iter_chunks(response, take):
    async for part, _ in response.content.iter_chunks():
        take(part)


async def readchunk(response, take):
    while True:
        part, ended = await response.content.readchunk()
        if not part and not ended:
            return
        take(part)


async def read_n(response, take):
    while part := await response.content.read(37):
        take(part)


async def read_all(response, take):
    take(await response.content.read())


async def readany(response, take):
    while part := await response.content.readany():
        take(part)


async def readuntil(response, take):
    while part := await response.content.readuntil(b"}"):
        take(part)


async def readexactly(response, take):
    try:
        while True:
            take(await response.content.readexactly(64))
    except EOFError as error:  # asyncio.IncompleteReadError is one, and has the rest
        if response.content.exception() is not None:
            raise
        take(error.partial)


async def nowait(response, take):
    """nowait waits for the end and empties the buffer, which holds all of a short answer."""
    await response.content.wait_eof()
    while part := response.content.read_nowait(50):
        take(part)


async def peeked(response, take):
    """peeked puts back what it read first."""
    first = await response.content.readany()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        response.content.unread_data(first)
    while part := await response.content.readany():
        take(part)


async def head_then_read(response, take):
    take(await response.content.readline())
    take(await response.content.read())


BARE = {r.__name__: r for r in (read, text, readline, lines, iter_any, iter_chunked, iter_chunks, readchunk, read_n, read_all,
                                readany, readuntil, readexactly, nowait, peeked, head_then_read)}
AIOHTTP = {name: awaited(r) for name, r in BARE.items()}


class Watched:
    """A reader of aiohttp's that says when it has taken so many bytes; of none, when the head is there."""

    def __init__(self, name, size=0):
        self.read, self.size, self.taken, self.event = BARE[name], size, Taken(), asyncio.Event()

    async def __call__(self, response):
        self.take(b"")
        await self.read(response, self.take)
        return self.taken

    def take(self, part):
        self.taken.parts.append(part)
        if len(self.taken.data) >= self.size:
            self.event.set()


async def as_json(response):
    return await response.json(content_type=None)


# requests

def content(response, take):
    take(response.content)


def iter_content(response, take):
    for part in response.iter_content(50):
        take(part)


def iter_lines(response, take):
    for line in response.iter_lines(delimiter=b"\n"):
        take(line + b"\n")


def raw(response, take):
    while part := response.raw.read(50, decode_content=True):
        take(part)


REQUESTS = {r.__name__: plain(r) for r in (content, iter_content, iter_lines, raw)}


# httpx

def httpx_read(response, take):
    take(response.read())


def httpx_bytes(response, take):
    for part in response.iter_bytes(50):
        take(part)


def httpx_lines(response, take):
    for line in response.iter_lines():
        take(line.encode() + b"\n")


def httpx_raw(response, take):
    for part in response.iter_raw():
        take(part)


HTTPX_BLOCKING = {r.__name__: plain(r) for r in (httpx_read, httpx_bytes, httpx_lines, httpx_raw)}


async def aread(response, take):
    take(await response.aread())


async def aiter_bytes(response, take):
    async for part in response.aiter_bytes(50):
        take(part)


async def aiter_lines(response, take):
    async for line in response.aiter_lines():
        take(line.encode() + b"\n")


async def aiter_raw(response, take):
    async for part in response.aiter_raw():
        take(part)


HTTPX = {r.__name__: awaited(r) for r in (aread, aiter_bytes, aiter_lines, aiter_raw)}


def json_of(taken):
    return json.loads(taken.data)
