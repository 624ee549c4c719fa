# SPDX-License-Identifier: AGPL-3.0-or-later
"""A pipe between two services that can be shut after so many bytes, opened again, and cut: a peer that is
slow, hangs or goes away in the middle of an answer, at the same place each time."""
import socket
import threading

GREETING_BYTES = 8  # of nng, on a new connection: no answer, and it never waits


class Valve:
    """Valve(port_of_the_server).url is what the client is told; only what the server says is counted."""

    def __init__(self, port):
        self.target = port
        self.changed = threading.Condition()
        self.passed, self.limit, self.holding, self.cuts = 0, None, 0, 0  # changed
        self.ends = set()  # changed
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            with self.changed:
                self.ends |= {near, far}
            threading.Thread(target=self._pump, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, True), daemon=True).start()

    def _pump(self, source, sink, counted):
        greeting = GREETING_BYTES if counted else 0
        try:
            while data := source.recv(greeting or 65536):
                if greeting:
                    greeting -= len(data)
                elif counted:
                    data = self._pass(data, sink)
                sink.sendall(data)
        except OSError:
            pass
        self._end(source, sink)

    def _pass(self, data, sink):
        """_pass lets through what may pass now and waits with the rest."""
        with self.changed:
            cuts = self.cuts
            while self.limit is not None and self.passed + len(data) > self.limit:
                now = max(0, self.limit - self.passed)
                self.passed += now
                sink.sendall(data[:now])
                data = data[now:]
                self.holding += 1
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.cuts > cuts or self.limit is None or self.limit > self.passed)
                self.holding -= 1
                self.changed.notify_all()
                if self.cuts > cuts:
                    raise OSError("cut")
            self.passed += len(data)
        return data

    def _end(self, *ends):
        with self.changed:
            self.ends -= set(ends)
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    @property
    def shut(self):
        """shut tells how many answers wait to get through."""
        with self.changed:
            return self.holding

    def shut_after(self, n):
        with self.changed:
            self.limit = self.passed + n

    def open(self):
        with self.changed:
            self.limit = None
            self.changed.notify_all()

    def cut(self, shut_after=None):
        """cut ends all connections, with what waits in them, and lets new ones through: all, or so many bytes."""
        with self.changed:
            ends = set(self.ends)
            self.cuts += 1
            self.limit = None if shut_after is None else self.passed + shut_after
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.holding == 0)
        self._end(*ends)
