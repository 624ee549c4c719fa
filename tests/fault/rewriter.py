# SPDX-License-Identifier: AGPL-3.0-or-later
"""A proxy in the line between gateway and costd that makes one side speak another version.  It cannot make a MAC, so that it takes
each off: both sides are told to go without (WIRE_WITHOUT_MAC).

nng's frames: eight bytes of handshake, then messages of eight bytes length, four or
more bytes of request id (the last has its high bit set) and a protobuf message, whose first field is the version."""
import socket
import struct
import threading

import wire
from stack import free_port


class Rewriter:
    def __init__(self, target_port):
        self.target_port, self.port = target_port, free_port()
        self.version = {"up": None, "down": None}
        self.sockets, self.lock, self.closed = [], threading.Lock(), False

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.sockets.append(self.listener)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with self.lock:
            self.closed = True
            for one in self.sockets:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                one.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                if self.closed:
                    return
                client.close()
                continue
            with self.lock:
                self.sockets += [client, server]
            for source, target, direction in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pump, args=(source, target, direction), daemon=True).start()

    def _pump(self, source, target, direction):
        try:
            target.sendall(wire.receive(source, 8))
            while True:
                head = wire.receive(source, 8)
                body = bytearray(wire.receive(source, struct.unpack(">Q", head)[0]))
                at = 0
                while body[at] & 0x80 == 0:
                    at += 4
                at += 4
                if self.version[direction] is not None and body[at] == 0x08:
                    body[at + 1] = self.version[direction]
                if 5 in wire.fields(bytes(body[at:])):
                    del body[-wire.MAC_BYTES:]
                target.sendall(struct.pack(">Q", len(body)) + body)
        except (OSError, IndexError):
            for one in (source, target):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
