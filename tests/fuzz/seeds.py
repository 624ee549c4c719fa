#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the seeds of tests/fuzz/corpus from scratch: what good senders send, small.  Inputs that
once broke something stand beside them and stay."""
import base64
import gzip
import json
import sqlite3
import struct
import sys
import tempfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from otlp import SAMPLES, protobuf, span, text, field, trace  # noqa: E402

NOW_US = 1795452001000000


def put(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def packed_record():
    """A Record of proto/messages/record.proto."""
    def number(tag, v):
        out = bytearray()
        v &= (1 << 64) - 1
        while v > 127:
            out.append(v & 127 | 128)
            v >>= 7
        return bytes([tag << 3 & 127 | (128 if tag > 15 else 0)]) + (b"\x01" if tag > 15 else b"") + bytes(out) + bytes([v])
    return (field(1, bytes(range(16))) + text(2, "gen-1790762001-a") + number(4, 3) + field(5, text(1, "u-1") + text(2, "Ada"))
            + text(6, "filter-stream") + text(12, "a/model") + number(14, 30) + number(15, 7) + text(19, "0.0033368") + number(20, 2)
            + number(23, NOW_US) + number(25, NOW_US))


def spool():
    payload = packed_record()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spool.db"
        db = sqlite3.connect(path)
        db.executescript("""PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;
            CREATE TABLE record(seq INTEGER PRIMARY KEY AUTOINCREMENT, received_us INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL);
            CREATE TABLE quarantine(seq INTEGER PRIMARY KEY, received_us, crc, payload, found_us INTEGER);
            CREATE TABLE totals(one INTEGER PRIMARY KEY CHECK(one=1), spool_id BLOB NOT NULL, accepted INTEGER NOT NULL DEFAULT 0,
              new_records INTEGER NOT NULL DEFAULT 0, duplicate_records INTEGER NOT NULL DEFAULT 0, refused_records INTEGER NOT NULL DEFAULT 0,
              forgotten_seq INTEGER NOT NULL DEFAULT 0);
            CREATE TABLE ended_session(id TEXT PRIMARY KEY, expires_us INTEGER NOT NULL) WITHOUT ROWID;
            INSERT INTO totals(one,spool_id,accepted) VALUES(1,x'000102030405060708090a0b0c0d0e0f',3); PRAGMA user_version=1;""")
        crc = zlib.crc32(payload, zlib.crc32(struct.pack("<q", NOW_US)))
        db.execute("INSERT INTO record(received_us,crc,payload) VALUES(?,?,?)", (NOW_US, crc, payload))
        db.execute("INSERT INTO record(received_us,crc,payload) VALUES(?,?,?)", (NOW_US, crc ^ 1, payload))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = path.read_bytes()
        db.execute("INSERT INTO record(received_us,crc,payload) VALUES(?,?,?)", (NOW_US, crc, payload))
        db.commit()
        log = (Path(folder) / "spool.db-wal").read_bytes()
        db.close()
    put("spool", "row", b"\0" + payload)
    put("spool", "row-decision-0", b"\0" + payload + bytes([35 << 3 & 127 | 128, 2, 0]))  # a decision counts from 1
    put("spool", "file", b"\1" + whole)
    put("spool", "file-and-log", bytes([2, len(whole) // 4096]) + whole + log)


def main():
    record = {"v": 1, "generation_id": "gen-1", "state": "final", "user": {"id": "u", "groups": ["a"]}, "model": "m", "started_at": "2026-11-23T10:00:00Z",
              "usage": {"prompt_tokens": 3, "completion_tokens": 4, "cost": 7e-7, "is_byok": True, "cost_details": {"upstream_inference_cost": "0.1"},
                        "prompt_tokens_details": {"cached_tokens": 1}, "completion_tokens_details": {"reasoning_tokens": 2}}}
    old = {"user": {"id": "u", "name": "A", "email": "a@b", "role": "user"},
           "activity": {"id": "a", "user_id": "u", "timestamp": 1790762001, "model": "m", "prompt_token": 1, "completion_token": 2, "cost": 0.25}}
    put("record", "one", b"\0" + json.dumps(record).encode())
    put("record", "array", b"\0" + json.dumps([record, {}, 3]).encode())
    put("record", "odd", b"\0[" + json.dumps(record).encode() + b',NaN,{"turn_id":"a\xff"},{"a":1,"a":2},{"b":[1},' + json.dumps(record).encode() + b"]")
    put("record", "lines", b"\1" + json.dumps(record).encode() + b"\n\n{\n" + json.dumps(record).encode())
    put("record", "older", b"\2" + json.dumps(old).encode())
    for path in sorted(SAMPLES.glob("otlp_*.json")):
        doc = json.loads(path.read_text(encoding="utf-8"))
        put("otlp", path.stem, b"\0" + json.dumps(doc).encode())
        put("otlp", path.stem + "-protobuf", b"\1" + protobuf(doc))
    put("otlp", "old-names", b"\0" + json.dumps(trace(span("gen-1", startTimeUnixNano=1.79e18, attrs={
        "gen_ai.completion": "", "openrouter.user.id": "u", "gen_ai.usage.prompt_tokens": "3", "trace.metadata.provider_responses": '[{"status":200,"is_byok":true}]'}))).encode())
    line = b"GET /a?b=c HTTP/1.1\r\n"
    for name, data in {
            "get": line + b"Host: x\r\nAccept: */*\r\n\r\n", "post": b"POST /a HTTP/1.0\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]",
            "two": (line + b"Host: x\r\n\r\n") * 2, "chunked": b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "both": b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            "empty-line": b"\r\n" + line + b"\r\n", "blank": line + b" Host: x\r\n\r\n", "folded": line + b"X: a\r\n b\r\n\r\n",
            "absolute": b"GET http://x/a HTTP/1.1\r\n\r\n", "star": b"OPTIONS * HTTP/1.1\r\n\r\n", "line-feeds": b"GET / HTTP/1.1\nHost: x\n\n",
            "zero": line + b"X: a\0b\r\n\r\n", "colon": line + b"Host : x\r\n\r\n", "text": line + b"X: \xc3\x9f\r\n\r\n"}.items():
        put("head", name, b"\0" + data)
    put("request", "get", b"GET\n/api/v1/usage%20x\nfrom=2026-11-01&to=2026-12-01&limit=5&q=%C3%A9+x\nHost: x\nAccept-Encoding: gzip;q=0.5, br\nIf-None-Match: W/\"0123\", *\n")
    put("request", "post", b"POST\n/api/v1/events\n\nHost: x\nContent-Type: application/json; charset=utf-8\nContent-Length: 12\n")
    put("request", "chunked", b"POST\n/api/v1/events\n\nHost: x\nContent-Type: application/x-protobuf\nContent-Encoding: gzip\nTransfer-Encoding: chunked\n")
    put("request", "gzip", gzip.compress(b"hello" * 20))
    put("session", "cookie", b"\0a=b; auth_token=" + b"0123456789abcdef" * 4 + b" ; c=d")
    put("session", "bearer", b"\1Bearer ik-0123456789")
    put("session", "token", b"\0" + b"0123456789abcdef" * 4)
    for kind, names in enumerate((["generation", "generation_byok", "generation_404", "error_429"], ["models"], ["credits"])):
        for name in names:
            data = (SAMPLES / f"{name}.json").read_bytes()
            put("provider", name, bytes([kind]) + (data if len(data) < 6000 else json.dumps({"data": json.loads(data)["data"][:2]}).encode()))
    put("provider", "seconds", b"\x0320")
    users = {"users": [{"id": "u-1", "name": "Ada \u00dc", "email": "ada@example.org", "role": "admin", "group_ids": ["g-1"]}], "total": 1}
    put("openwebui", "users", b"\x00" + json.dumps(users).encode())
    put("openwebui", "array", b"\x00" + json.dumps(users["users"]).encode())
    put("openwebui", "groups", b"\x01" + json.dumps([{"id": "g-1", "name": "Class", "parent_group_id": "g-2", "member_count": 1},
                                                     {"id": "g-2", "name": "School", "user_ids": ["u-1"]}]).encode())
    put("openwebui", "members", b"\x02" + json.dumps({"user_ids": ["u-1"]}).encode())
    put("provider", "date", b"\3Wed, 21 Oct 2026 07:28:00 GMT")
    for at, kind in enumerate((1, 2, 50, 51, 52, 53)):
        put("cursor", str(kind), bytes([at]) + base64.urlsafe_b64encode(bytes([kind]) + struct.pack(">q", NOW_US) + b"gen-1").rstrip(b"="))
    put("message", "record", b"\2" + packed_record())
    put("message", "request", b"\0" + b"\x08\x02" + text(2, "0123") + field(10, b""))
    put("message", "reply", b"\1" + b"\x08\x02" + text(2, "0123") + b"\x18\x00" + field(10, text(1, "1.0.0")))
    for name, value in {"amount": "-12.5e-3", "instant": "2026-11-23T16:40:01.120+01:00", "day": "2026-11-23", "json": '{"a":[1.5,null]}',
                        "uuid": "0190f6d2-0000-7000-8000-000000000000"}.items():
        put("scalar", name, value.encode())
    spool()


if __name__ == "__main__":
    main()
