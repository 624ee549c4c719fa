# SPDX-License-Identifier: AGPL-3.0-or-later
"""A TCP proxy whose two directions can be held apart from each other.

What a held direction has read is kept back.  Healing either lets it through, late,
or resets the connections, so that a reply written after a commit is lost for good."""
import asyncio
import threading

from stack import free_port

UP, DOWN = "up", "down"  # from the client to the server, and back


class Proxy:
    def __init__(self, target_port):
        self.target_port, self.port = target_port, free_port()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.writers = set()
        self.ready = threading.Event()

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(120), "the proxy did not start"
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def hold(self, direction):
        self._call(self.open[direction].clear)

    def heal(self, reset):
        def healed():
            if reset:
                for writer in list(self.writers):
                    writer.transport.abort()
            for gate in self.open.values():
                gate.set()
        self._call(healed)

    def cut(self):
        self.heal(reset=True)

    def _call(self, what):
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (what(), done.set()))
        assert done.wait(120), "the proxy hangs"

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.open = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        for gate in self.open.values():
            gate.set()
        server = self.loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", self.port))
        self.ready.set()
        self.loop.run_forever()
        server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    async def _connected(self, client_reader, client_writer):
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            client_writer.transport.abort()
            return
        pair = {client_writer, server_writer}
        self.writers |= pair
        try:
            await asyncio.gather(self._pump(client_reader, server_writer, UP), self._pump(server_reader, client_writer, DOWN))
        except OSError:
            pass
        finally:
            for writer in pair:
                writer.transport.abort()
            self.writers -= pair

    async def _pump(self, reader, writer, direction):
        while data := await reader.read(65536):
            await self.open[direction].wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionError("closed")
