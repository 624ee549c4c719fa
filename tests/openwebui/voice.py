# SPDX-License-Identifier: AGPL-3.0-or-later
"""The stub provider's calls by voice: a websocket on which each answer tells its usage,
and no more of the protocol than Open WebUI needs."""
import base64
import hashlib
import json
import struct

from sold import Call

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Voice:
    def __init__(self, handler, model):
        self.handler, self.model = handler, model
        key = handler.headers["Sec-WebSocket-Key"]
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept",
                            base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode())
        handler.end_headers()
        handler.close_connection = True

    def send(self, kind, **more):
        data = json.dumps({"type": kind, **more}).encode()
        self.frame(0x1, data)

    def frame(self, opcode, data):
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        self.handler.wfile.write(bytes([0x80 | opcode]) + size + data)
        self.handler.wfile.flush()

    def receive(self):
        """receive returns the next event, None at the end of the call."""
        while True:
            head = self.handler.rfile.read(2)
            if len(head) < 2 or head[0] & 0xF == 0x8:
                return None
            size = head[1] & 0x7F
            if size >= 126:
                size = int.from_bytes(self.handler.rfile.read(2 if size == 126 else 8), "big")
            mask = self.handler.rfile.read(4)
            data = bytes(byte ^ mask[n % 4] for n, byte in enumerate(self.handler.rfile.read(size)))
            if head[0] & 0xF == 0x9:
                self.frame(0xA, data)
            elif head[0] & 0xF == 0x1:
                return json.loads(data)

    def serve(self):
        self.send("session.created", session={})
        while event := self.receive():
            if event["type"] == "session.update":
                self.send("session.updated", session={})
            elif event["type"] == "response.create":
                self.answer()

    def answer(self):
        made = self.handler.owner.begin(Call("other", "realtime"), {"model": self.model}, {"key": "voice"}, None)
        made.id = made.id.replace("chatcmpl-", "resp_")
        self.send("response.created", response={"id": made.id, "object": "realtime.response", "status": "in_progress"})
        made.told_id = True
        usage = {"total_tokens": made.prompt_tokens + made.completion_tokens, "input_tokens": made.prompt_tokens,
                 "output_tokens": made.completion_tokens}
        made.told_usage, made.ended = True, "done"
        self.send("response.done", response={"id": made.id, "object": "realtime.response", "status": "completed",
                                             "output": [], "usage": usage})
