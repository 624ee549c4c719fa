# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model provider on a free loopback port; a test decides every byte of its answers.

    with Upstream() as upstream:
        url = upstream.serve(Answer(stream(openrouter_stream("gen-1", usage=USAGE))))

It runs in a thread of its own, so that callers may block theirs.  Where an answer
waits is said by a Hold, among the parts or before the head: the test waits until it
is reached and opens it.  What came in is in `requests`.
"""
import asyncio
import itertools
import json
import threading
import zlib
from concurrent.futures import Future

from receiver import PATIENCE_S

BASE = "openrouter.ai/api/v1"


class Hold:
    """A point at which the upstream waits for the test."""

    def __init__(self):
        self._reached, self._opened = Future(), Future()

    def open(self):
        if not self._opened.done():
            self._opened.set_result(None)

    async def reached(self):
        await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._reached)), PATIENCE_S)

    async def pass_by(self):
        if not self._reached.done():
            self._reached.set_result(None)
        await asyncio.shield(asyncio.wrap_future(self._opened))


class Answer:
    def __init__(self, parts=b"", kind="text/event-stream", status=200, headers=None, framing="chunked", encoding=None,
                 cut=None, before_head=None):
        self.parts = [parts] if isinstance(parts, bytes) else list(parts)
        self.kind, self.status, self.headers = kind, status, dict(headers or {})
        self.framing = framing  # "chunked", "length" or "close"
        self.encoding = encoding  # None, "gzip" or "deflate"
        self.cut = cut  # the connection is closed after so many parts
        self.before_head = before_head

    def encoded(self):
        """encoded gives each part as the bytes that go out for it; joined they are the whole."""
        if self.encoding is None:
            return self.parts
        packer = zlib.compressobj(wbits={"gzip": 31, "deflate": 15}[self.encoding])
        done = [part if isinstance(part, Hold) else packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
                for part in self.parts]
        return [*done, packer.flush()]

    def head(self, parts):
        fields = {"Content-Type": self.kind, **self.headers}
        if self.encoding:
            fields["Content-Encoding"] = self.encoding
        if self.framing == "chunked":
            fields["Transfer-Encoding"] = "chunked"
        elif self.framing == "length":
            fields["Content-Length"] = str(sum(len(part) for part in parts if isinstance(part, bytes)))
        else:
            fields["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} As ordered", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode()

    async def send(self, writer):
        """send returns whether the connection can carry another answer."""
        if self.before_head is not None:
            await self.before_head.pass_by()
        parts = self.encoded()
        writer.write(self.head(parts))
        await writer.drain()
        for number, part in enumerate(parts):
            if number == self.cut:
                return False
            if isinstance(part, Hold):
                await part.pass_by()
            elif part:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part) if self.framing == "chunked" else part)
                await writer.drain()
                await asyncio.sleep(0)
        if self.cut is None and self.framing == "chunked":
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return self.cut is None and self.framing != "close"


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body


class Upstream:
    def __init__(self):
        self.answers, self.keys, self.requests = {}, itertools.count(1), []
        self.loop, self.tasks = asyncio.new_event_loop(), set()

    def __enter__(self):
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self._call(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def serve(self, *answers, endpoint="chat/completions", base=BASE):
        """serve returns an address that gives these answers in turn, the last one for ever."""
        key = f"a{next(self.keys)}"
        self.answers[key] = list(answers)
        return f"http://127.0.0.1:{self.port}/{key}/{base}/{endpoint}"

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    async def _close(self):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            while request := await self._read(reader):
                self.requests.append(request)
                answers = self.answers[request.path.split("/")[1]]
                if not await (answers.pop(0) if len(answers) > 1 else answers[0]).send(writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # who asked has left, or the test is over
        finally:
            writer.close()

    async def _read(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        if "chunked" in headers.get("transfer-encoding", ""):
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(method, path, headers, body)


# What it says

def stream(lines):
    """stream makes bytes of the lines that openrouter_stream gives."""
    return "".join(line + "\n" for line in lines).encode()


def whole(gen_id, text="Hello", usage=None, **more):
    return json.dumps({"id": gen_id, "object": "chat.completion", "created": 1790762001, "provider": "Amazon Bedrock",
                       "model": "anthropic/claude-haiku-4.5", "choices": [
                           {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                       **({"usage": usage} if usage else {}), **more}).encode()


def pieces(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)]


def frames(data):
    return [part + b"\n\n" for part in data.split(b"\n\n") if part]


class Realtime:
    """A websocket at .../realtime that waits for one message, says its events and closes."""

    def __init__(self, upstream, events):
        self.upstream, self.events = upstream, events

    def __enter__(self):
        return self.upstream._call(self._open())

    def __exit__(self, *_):
        self.upstream._call(self.runner.cleanup())

    async def _open(self):
        from aiohttp import web

        async def talk(request):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.receive()
            for event in self.events:
                await socket.send_json(event)
            await socket.close()
            return socket

        application = web.Application()
        application.router.add_get(f"/{BASE}/realtime", talk)
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        return f"ws://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/{BASE}/realtime?model=gpt-realtime"
