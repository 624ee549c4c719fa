# SPDX-License-Identifier: AGPL-3.0-or-later
"""OTLP traces as OpenRouter's Broadcast sends them, in JSON, and the same in protobuf."""
import copy
import hashlib
import json
import struct
from pathlib import Path

from records import new_generation_id

SAMPLES = Path(__file__).resolve().parent.parent / "data" / "openrouter"
MARKER = "MARKER-of-a-prompt-9f31"  # stands in every prompt and answer


def sample(name):
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def value(v):
    if isinstance(v, bool):
        return {"boolValue": v}
    return {"stringValue": v} if isinstance(v, str) else {"intValue": v} if isinstance(v, int) else {"doubleValue": v}


def attributes(pairs):
    return [{"key": key, "value": v if isinstance(v, dict) else value(v)} for key, v in pairs.items() if v is not None]


def span(gen_id=None, name="LLM Generation", at_s=1790762001, **more):
    """span is a root span; more attributes as keyword arguments with __ for the dot, or in `attrs`."""
    gen_id = gen_id or new_generation_id()
    pairs = {"span.type": "generation", "user.id": "u-1", "gen_ai.response.id": gen_id,
             "gen_ai.request.model": "anthropic/claude-haiku-4.5", "gen_ai.response.model": "anthropic/claude-haiku-4.5",
             "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 7, "gen_ai.usage.total_cost": 0.0001,
             "gen_ai.prompt": json.dumps({"messages": [{"role": "user", "content": MARKER}]}),
             "gen_ai.completion": json.dumps({"completion": MARKER * 2000}),
             "span.input": MARKER, "span.output": MARKER}
    pairs.update(more.pop("attrs", {}))
    digest = hashlib.sha256(gen_id.encode()).hexdigest()
    made = {"traceId": digest[:32], "spanId": digest[:16], "name": name, "kind": 3,
            "startTimeUnixNano": str(at_s * 10**9), "endTimeUnixNano": str(at_s * 10**9 + 3 * 10**9),
            "status": {"code": 1}, "attributes": attributes(pairs)}
    made.update(more)
    return {key: v for key, v in made.items() if v is not None}


def trace(*spans, resource=None):
    """trace puts each span into a resource of its own, as OpenRouter does."""
    return {"resourceSpans": [{"resource": {"attributes": attributes({"service.name": "openrouter", **(resource or {})})},
                               "scopeSpans": [{"scope": {"name": "openrouter"}, "spans": [copy.deepcopy(s)]}]} for s in spans]}


# protobuf, with the field numbers of opentelemetry-proto v1


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if n == 0:
            return bytes(out)


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def text(number, s):
    return field(number, s.encode("utf-8"))


def pb_value(v):
    (kind, x), = v.items()
    if kind == "stringValue":
        return text(1, x)
    if kind == "boolValue":
        return varint(2 << 3) + varint(int(x))
    if kind == "intValue":
        return varint(3 << 3) + varint(int(x))
    return varint(4 << 3 | 1) + struct.pack("<d", float(x))


def pb_attributes(number, list_):
    return b"".join(field(number, text(1, a["key"]) + field(2, pb_value(a["value"]))) for a in list_)


def pb_span(s):
    kinds = {"SPAN_KIND_INTERNAL": 1, "SPAN_KIND_CLIENT": 3}
    codes = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
    status = s.get("status", {})
    code = status.get("code", 0)
    out = field(1, bytes.fromhex(s.get("traceId", ""))) + field(2, bytes.fromhex(s.get("spanId", "")))
    if s.get("parentSpanId"):
        out += field(4, bytes.fromhex(s["parentSpanId"]))
    out += text(5, s.get("name", "")) + varint(6 << 3) + varint(kinds.get(s.get("kind"), s.get("kind", 0)))
    for number, name in ((7, "startTimeUnixNano"), (8, "endTimeUnixNano")):
        if name in s:
            out += varint(number << 3 | 1) + struct.pack("<Q", int(float(s[name])) if isinstance(s[name], float) else int(s[name]))
    out += pb_attributes(9, s.get("attributes", []))
    for event in s.get("events", []):
        out += field(11, text(2, event["name"]) + pb_attributes(3, event["attributes"]))
    return out + field(15, text(2, status.get("message", "")) + varint(3 << 3) + varint(codes.get(code, code)))


def protobuf(doc):
    """protobuf encodes a JSON trace, its unread parts too."""
    return b"".join(
        field(1, field(1, pb_attributes(1, rs.get("resource", {}).get("attributes", [])))
              + b"".join(field(2, field(1, text(1, ss.get("scope", {}).get("name", ""))) + b"".join(field(2, pb_span(s)) for s in ss.get("spans", [])))
                         for ss in rs.get("scopeSpans", [])))
        for rs in doc["resourceSpans"])


def partial_success(data):
    """partial_success reads an ExportTraceServiceResponse: (rejected spans, message), (0, "") without one."""
    def parts(data):
        at, out = 0, {}
        while at < len(data):
            tag, at = read_varint(data, at)
            if tag & 7 == 0:
                out[tag >> 3], at = read_varint(data, at)
            else:
                n, at = read_varint(data, at)
                out[tag >> 3], at = data[at:at + n], at + n
        return out
    inner = parts(parts(data).get(1, b""))
    return inner.get(1, 0), inner.get(2, b"").decode("utf-8")


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return n, at
