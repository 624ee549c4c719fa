# SPDX-License-Identifier: AGPL-3.0-or-later
"""The wire between the services as a stranger sees it: frames to send, to record and to send again.

nng's TCP: each side sends eight bytes first; then each message has its length in eight bytes, a request's number in four,
and the frame, which is a protobuf message of proto/messages/envelope.proto that ends with its Mac (proto/wire/mac.h)."""
import hashlib
import hmac
import secrets
import socket
import struct
import threading

REQ, REP = 0x30, 0x31
GATEWAY, REPORTD = 1, 2
MAC_BYTES, NO_NONCE = 68, bytes(16)
VERSION = 2
TIMEOUT_S = 60


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, value):
    """field is a member of a message: an int, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def read_varint(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return number, at


def fields(data):
    """fields lists the members of a message, by number; the last of each counts."""
    at, found = 0, {}
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind in (1, 5):
            value, at = data[at:at + (8 if kind == 1 else 4)], at + (8 if kind == 1 else 4)
        else:
            n, at = read_varint(data, at)
            value, at = data[at:at + n], at + n
        found[tag >> 3] = value
    return found


def request(body, content=b""):
    """request is a frame without a Mac that asks for the body of this number."""
    return field(1, VERSION) + field(2, secrets.token_hex(16)) + field(3, 20000) + field(body, content)


def body_of(frame):
    return max(number for number in fields(frame) if number >= 10)


def without_mac(frame):
    return frame[:-MAC_BYTES]


def with_mac(frame, caller, key, nonce=NO_NONCE, count=1, of=None):
    """with_mac is the frame with its Mac; of: the mac of the request that a reply answers."""
    frame += bytes([0x2a, 0x42, 0x0d]) + struct.pack("<I", caller) + b"\x12\x10" + nonce + b"\x19" + struct.pack("<Q", count)
    frame += b"\x22\x20"
    word = b"owui-metering request\0" if of is None else b"owui-metering reply\0" + of
    return frame + hmac.new(key.encode(), word + frame, hashlib.sha256).digest()


def nonce_of(frame):
    return frame[-MAC_BYTES + 9:-MAC_BYTES + 25]


class Reply:
    def __init__(self, frame):
        self.frame = frame
        told = fields(frame)
        self.status, self.message = told.get(3, 0), told.get(4, b"").decode()
        self.bodies = {number: value for number, value in told.items() if number >= 10}
        self.has_mac = 5 in told


def receive(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise ConnectionError("the peer closed the connection")
        data += part
    return data


def receive_message(sock):
    """receive_message gives the number of the request and the frame."""
    n = struct.unpack(">Q", receive(sock, 8))[0]
    data = receive(sock, n)
    return data[:4], data[4:]


def send_message(sock, number, frame):
    sock.sendall(struct.pack(">Q", len(number) + len(frame)) + number + frame)


def greet(sock, kind):
    sock.sendall(b"\0SP\0\0" + bytes([kind]) + b"\0\0")
    receive(sock, 8)


class Caller:
    """A program that connects to a service and asks; with a key it proves itself as that caller."""

    def __init__(self, url, caller=None, key=None):
        host, port = url.removeprefix("tcp://").rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        greet(self.sock, REQ)
        self.caller, self.key, self.nonce, self.count = caller, key, NO_NONCE, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, frame):
        """send sends these bytes as they are."""
        number = struct.pack(">I", 0x80000000 | secrets.randbits(31))
        send_message(self.sock, number, frame)
        back, answer = receive_message(self.sock)
        assert back == number
        return Reply(answer)

    def ask(self, frame):
        """ask sends a frame without a Mac with one, and learns the connection's nonce before."""
        if self.nonce == NO_NONCE:
            told = self.send(self.prove(frame))
            if not told.has_mac:
                return told
            self.nonce = nonce_of(told.frame)
        return self.send(self.prove(frame))

    def prove(self, frame):
        self.count += 1
        return with_mac(frame, self.caller, self.key, self.nonce, self.count)


class Relay:
    """A program between two services that sees each frame, and may change it: change(is_reply, frame) gives what to pass."""

    def __init__(self, target_url, change=None):
        self.target = int(target_url.rsplit(":", 1)[1])
        self.change = change or (lambda is_reply, frame: frame)
        self.asked, self.lock = [], threading.Lock()  # asked: under lock
        self.ends = set()  # lock
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        with self.lock:
            for end in self.ends:
                end.close()

    def requests(self):
        """requests lists the frames that were asked so far."""
        with self.lock:
            return list(self.asked)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                near.close()
                continue
            with self.lock:
                self.ends |= {near, far}
            for source, sink, is_reply in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pass, args=(source, sink, is_reply), daemon=True).start()

    def _pass(self, source, sink, is_reply):
        try:
            sink.sendall(receive(source, 8))
            while True:
                number, frame = receive_message(source)
                if not is_reply:
                    with self.lock:
                        self.asked.append(frame)
                send_message(sink, number, self.change(is_reply, frame))
        except OSError:
            for end in (source, sink):
                end.close()
