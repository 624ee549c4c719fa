"""
title: OpenRouter Metering
author: OWUI-Metering
version: 1.1.0
license: AGPL-3.0-or-later
description: Sends who used which model, how many tokens and at what cost to the metering gateway. Ids and numbers, never a word of a chat. Cannot break or delay a chat.
"""
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# Promise   No hook raises, waits for the network or changes what it was given
#           (one exception: the body's user, session_id and trace, and only for
#           OpenRouter).  No answer waits for the tap or differs because of it.
# Sources   The tap reads along what this process's HTTP clients send to model
#           providers and get from them: that is the money.  Who asked stands in
#           Open WebUI's frames on the stack.  The filter knows the turn, and
#           reports by itself what the tap does not see.
# Threads   Hooks and the tap run on Open WebUI's event loop, or in the thread
#           that asks, and only queue in memory.  The writer thread brings the
#           queue to disk, the sender thread brings the disk to the gateway.
#           Both are daemons, one pair per process.
# Failure   A record leaves the disk only when the gateway said that it has it.
#           It may be sent twice; its record_id makes that harmless.
# Owner     The runtime lives in sys.modules and outlives a re-exec of this
#           file; the newer exec takes over and stops the older one's threads.

import asyncio
import atexit
import contextlib
import contextvars
import email.utils
import encodings.idna  # sockets import it on first use; a fork in the middle of that would break it for good
import functools
import hashlib
import hmac
import http.client
import inspect
import json
import logging
import math
import os
import platform
import random
import re
import sqlite3
import sys
import tempfile
import threading
import time
import types
import urllib.parse
import uuid
import weakref
import zlib
from collections import OrderedDict, deque
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation

from pydantic import BaseModel, Field

VERSION = "1.1.0"
MARK = "_openwebui_metering"  # our key in __metadata__; holds JSON-safe values only
RUNTIME = "_openwebui_metering_process"  # our key in sys.modules
OLDER = "_openwebui_metering_runtime"  # that of 1.0, which knows nothing of this one

QUEUE_LIMIT = 20_000  # records in memory; the writer empties it many times a second
SPOOL_LIMIT, REJECTED_LIMIT = 1_000_000, 100_000  # records on disk, about 1 kB each
BATCH_LIMIT = 500  # records per HTTP request
WHOLE_LIMIT, HEAD_KEPT, TAIL_KEPT = 256 * 1024, 4 * 1024, 64 * 1024  # of a longer line or answer only the ends are read
TURN_LIMIT = 5_000
GATHER_S = 0.05  # lets neighbouring records share a transaction
SETTLE_S = 1.0  # a second usage frame may follow the first: the last one counts
SWEEP_AFTER_S = 15 * 60
HTTP_TIMEOUT_S = 10
EXIT_WRITERS_S, EXIT_SENDER_S = 1.5, 0.4
BACKOFF_MAX_S, RETRY_AFTER_MAX_S = 60.0, 3600.0
VALVES_TTL_S, GROUPS_TTL_S, URLS_TTL_S = 10, 2, 30
BEAT_S = 60.0  # between two words to the gateway about how this plugin is

log = logging.getLogger("openwebui_metering")
_said = {}


def say(topic, text):
    """say logs at most once a minute per topic: a fault must not flood the log."""
    now = time.monotonic()
    if now - _said.get(topic, -60.0) >= 60.0:
        _said[topic] = now
        log.warning("openwebui_metering: %s", text)


def say_error(where, error):
    """say_error names kind and place only: a message could hold a key or a text."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        line, trace = trace.tb_lineno, trace.tb_next
    say(where, f"{where}: {type(error).__name__} at line {line}")


def now_iso():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid7():
    """uuid7 makes an id that is the greater the later it was made (RFC 9562): the ledger's index stays small."""
    stamp = time.time_ns() // 1_000_000 << 80
    return str(uuid.UUID(int=stamp | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)))


def known(fields):
    return {name: value for name, value in fields.items() if value is not None}


async def settled(value):
    """settled: Open WebUI's tables answer at once up to 0.8, by coroutine later."""
    return await value if inspect.isawaitable(value) else value


# What fits ---------------------------------------------------------------------
#
# The gateway's own rule (proto/wire/fit.h), so that it has nothing left to repair.

TEXT_LIMITS = {"source": 64, "origin": 64, "task": 64, "kind": 64, "requested_model": 256, "model": 256, "provider": 128,
               "platform": 64, "email": 320, "role": 64}  # characters; a longer text is left out
ID_LIMITS = {"turn_id": 128, "chat_id": 256, "message_id": 256, "user.id": 128}  # a longer one is hashed
NAME_LIMIT, GROUP_LIMIT, GROUPS_LIMIT = 512, 256, 64  # what is cut, and how many groups stay
TOKENS_MAX, COST_MAX = 10**9, 10_000
CONTROLS, HALVES = re.compile("[\x00-\x1f\x7f-\x9f]"), re.compile("[\ud800-\udfff]")
TOKEN = re.compile("[!-~]{1,128}")
AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


def fit_text(value, limit, cut=False):
    """fit_text takes control characters out; half of a name tells who it is, half of an address is another one."""
    if not isinstance(value, str):
        return None
    text = CONTROLS.sub("", HALVES.sub("\ufffd", value))
    if len(text) > limit:
        return text[:limit] if cut else None
    return text or None


def long_id(text):
    return "long:" + hashlib.sha256(text.encode()).hexdigest()


def fit_id(value, limit):
    """fit_id never cuts: half an id is a wrong id."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63 and value == int(value):
        value = str(int(value))
    if not isinstance(value, str) or not value:
        return None
    value = HALVES.sub("\ufffd", value)
    return long_id(value) if len(value) > limit or CONTROLS.search(value) else value


def fit_generation_id(value):
    text = fit_id(value, sys.maxsize)
    if text is None or not text.strip(" "):
        return None
    return text if TOKEN.fullmatch(text) or text.startswith("long:") else long_id(text)


def fit_groups(names):
    """fit_groups keeps the first of too many; None where no list was given."""
    if names is None:
        return None
    fitted = (fit_text(name, GROUP_LIMIT, cut=True) for name in names[:GROUPS_LIMIT])
    return [name for name in fitted if name]


def fit_count(value):
    """fit_count takes a whole number of tokens, also one sent as text; anything else is None."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return None
        if isinstance(value, str) and not AMOUNT.fullmatch(value):
            return None
        exact = value if isinstance(value, int) else Decimal(value)
        return int(exact) if 0 <= exact <= TOKENS_MAX and exact == int(exact) else None
    except (InvalidOperation, ValueError, OverflowError):  # no number, or none that is finite
        return None


def fit_cost(value):
    """fit_cost takes an amount in USD as it was written; anything else is None."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return None
        if isinstance(value, str) and not AMOUNT.fullmatch(value):
            return None
        return value if 0 <= Decimal(value) <= COST_MAX else None
    except (InvalidOperation, ValueError, OverflowError):
        return None


def fit_bool(value):
    if isinstance(value, (bool, int, float, str)):
        return {True: True, False: False, "1": True, "0": False, "true": True, "false": False}.get(value)
    return None


# What a provider says --------------------------------------------------------

USAGE = {  # our name: the provider's names for it; the first that holds a number counts
    "prompt_tokens": ("prompt_tokens", "input_tokens", "prompt_eval_count"),
    "completion_tokens": ("completion_tokens", "output_tokens", "eval_count"),
    "cost": ("cost",),
    "cost_details.upstream_inference_cost": ("cost_details.upstream_inference_cost",),
    "prompt_tokens_details.cached_tokens": (
        "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens", "cache_read_input_tokens",
        "input_token_details.cached_tokens"),
    "prompt_tokens_details.cache_write_tokens": (
        "prompt_tokens_details.cache_write_tokens", "input_tokens_details.cache_write_tokens",
        "cache_creation_input_tokens"),
    "completion_tokens_details.reasoning_tokens": (
        "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
}


def pick_usage(raw, totals_first=False):
    """pick_usage copies the numbers that are billed by; it never adds up what was asked in several requests.
    totals_first: in outlet the input/output names are the sums of the turn."""
    if not isinstance(raw, dict):
        return None
    byok = fit_bool(raw.get("is_byok"))
    usage = {} if byok is None else {"is_byok": byok}
    for ours, theirs in USAGE.items():
        group, _, leaf = ours.rpartition(".")
        for name in reversed(theirs) if totals_first else theirs:
            value = raw
            for step in name.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            value = fit_count(value) if leaf.endswith("tokens") else fit_cost(value)
            if value is not None:
                (usage.setdefault(group, {}) if group else usage)[leaf] = value
                break
    return with_cached(raw, usage) or None


def with_cached(raw, usage):
    """with_cached: Anthropic's input_tokens leave out what was read from the cache or written to it."""
    beside = [fit_count(raw.get(name)) for name in ("cache_read_input_tokens", "cache_creation_input_tokens")]
    if fit_count(raw.get("prompt_tokens")) is None and "prompt_tokens" in usage and any(beside):
        usage["prompt_tokens"] = fit_count(usage["prompt_tokens"] + sum(filter(None, beside)))
    return known(usage)


def merge_usage(old, new):
    """merge_usage takes the later word on each field, but a zero never wipes out a number."""
    merged = dict(old or {})
    for name, value in (new or {}).items():
        before = merged.get(name)
        if isinstance(value, dict):
            merged[name] = merge_usage(before, value)
        elif isinstance(value, bool) or not before or Decimal(value):
            merged[name] = value
    return merged or None


def short_int(digits):
    """short_int: thousands of digits are no count, and Python refuses to read them."""
    return int(digits) if len(digits) < 20 else None


def parse(text):
    """parse reads JSON from a provider; None for what is none."""
    if isinstance(text, (bytes, bytearray)):
        text = text.decode("utf-8", "replace")
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text, parse_int=short_int)


class Frame:
    """One stream event or whole answer, reduced to what metering needs."""

    def __init__(self, source, finished=False, failed=False):
        self.id, self.model = fit_generation_id(source.get("id")), fit_text(source.get("model"), TEXT_LIMITS["model"])
        self.provider = fit_text(source.get("provider"), TEXT_LIMITS["provider"])
        self.usage = pick_usage(source.get("usage"))
        self.finished, self.failed = finished, failed


def read_frame(event):
    """read_frame returns None for events that are not a provider's."""
    kind = event.get("type")
    if isinstance(kind, str) and kind.startswith("response."):  # Responses API
        ended = kind in ("response.completed", "response.done", "response.incomplete", "response.failed")
        inner = event.get("response")
        return Frame(inner, ended, kind == "response.failed") if isinstance(inner, dict) else None
    if kind == "message_start":  # Anthropic's messages
        return Frame(event["message"]) if isinstance(event.get("message"), dict) else None
    if kind in ("message_delta", "message_stop"):
        return Frame(event, True)
    if "done" in event or "prompt_eval_count" in event:  # Ollama
        return Frame({"model": event.get("model"), "usage": event}, bool(event.get("done", True)))
    if not ("choices" in event or "usage" in event or event.get("error")):
        return None
    choices = event["choices"] if isinstance(event.get("choices"), list) else []
    reasons = [c["finish_reason"] for c in choices if isinstance(c, dict) and c.get("finish_reason")]
    # OpenRouter sends usage once and last, sometimes with no choices at all.
    last = bool(reasons) or (not choices and bool(event.get("usage")))
    return Frame(event, last, bool(event.get("error")) or "error" in reasons)


TELLS = re.compile(rb'"usage"\s*:\s*\{|"error"\s*:\s*[{"]|"finish_reason"\s*:\s*"|"done"\s*:\s*true|\[DONE\]|"message_st'
                   rb'|"response\.(?:completed|done|incomplete|failed)"')  # a frame that says more than text
NAMED = {name: re.compile(rb'"%s"\s*:\s*"([^"\\]{1,400})"' % name.encode()) for name in ("id", "model", "provider")}


def payload_of(line):
    """payload_of gives what a line of a stream carries: of "data: ..." (SSE), or of a line of JSON (Ollama)."""
    line = line.strip()
    return line[5:].strip() if line.startswith(b"data:") else line if line.startswith(b"{") else b""


class Ends:
    """A line or an answer that comes in pieces: whole up to a limit, of a longer one both ends."""

    def __init__(self):
        self.parts, self.kept, self.head = [], 0, None

    def add(self, piece):
        self.parts.append(piece)
        self.kept += len(piece)
        if self.kept > WHOLE_LIMIT:
            text = b"".join(self.parts)
            self.head = text[:HEAD_KEPT] if self.head is None else self.head
            self.parts = [text[-TAIL_KEPT:]]
            self.kept = len(self.parts[0])

    def take(self):
        """take gives the head, None if the rest is whole, and the rest; and starts from scratch."""
        head, rest = self.head, self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.__init__()
        return head, rest


def read_ends(head, tail):
    """read_ends makes an event of the ends of a long one.  A quote inside a text is escaped, so that the patterns
    can only be keys; keys of the event itself stand before its first list or after the last."""
    outside = head.partition(b"[")[0] + b" " + tail[tail.rfind(b"]") + 1:]
    event = {name: found.group(1).decode("utf-8", "replace")
             for name, found in ((name, pattern.search(outside)) for name, pattern in NAMED.items()) if found}
    for text in (tail, head):
        at = text.rfind(b'"usage":')
        if at >= 0:
            with contextlib.suppress(ValueError, RecursionError):
                rest = text[at + 8:at + 8 + 16384].decode("utf-8", "replace").lstrip()
                event["usage"], _ = json.JSONDecoder(parse_int=short_int).raw_decode(rest)
                break
    reason = re.search(rb'"finish_reason"\s*:\s*"([a-z_]{1,40})"', tail)
    event["choices"] = [{"finish_reason": reason.group(1).decode()}] if reason else []
    return event


def events_in(chunk):
    """events_in yields the JSON objects of a chunk: of a dict, or of the raw SSE
    lines of an API caller.  Where the stream says [DONE] it yields None."""
    if isinstance(chunk, dict):
        yield chunk
    elif isinstance(chunk, (bytes, str)):
        text = chunk.encode("utf-8", "replace") if isinstance(chunk, str) else chunk
        for line in text.split(b"\n"):
            payload = payload_of(line) if line.lstrip().startswith(b"data:") else b""
            if payload == b"[DONE]":
                yield None
            elif payload.startswith(b"{"):
                event = read_ends(payload[:HEAD_KEPT], payload[-TAIL_KEPT:]) if len(payload) > WHOLE_LIMIT else parse(payload)
                if isinstance(event, dict):
                    yield event


def tells(chunk):
    """tells whether a chunk may hold more than text."""
    if isinstance(chunk, dict):
        return bool(chunk.get("usage") or chunk.get("error") or chunk.get("type"))
    return TELLS.search(chunk.encode("utf-8", "replace") if isinstance(chunk, str) else chunk) is not None


class Generation:
    """One upstream request and what its answer says."""

    def __init__(self, gen_id, source, started_at, request=None):
        self.id, self.source, self.started_at, self.request = gen_id, source, started_at, request
        self.model = self.provider = self.usage = self.finished_at = self.sent = None
        self.times, self.sure, self.finished, self.failed = 0, False, False, False

    def take(self, frame):
        """take: some providers invent a new id for every chunk.  One request is one generation: an id without usage
        gives way to the next.  sure: this is the id that stays."""
        if frame.id and frame.id == self.id:
            self.times += 1
        elif frame.id and (frame.usage or not self.usage):
            self.id, self.times = frame.id, 1
        self.sure = self.times > 1
        self.model, self.provider = frame.model or self.model, frame.provider or self.provider
        self.usage = merge_usage(self.usage, frame.usage)
        self.finished |= frame.finished
        self.failed |= frame.failed
        if frame.usage or frame.finished:
            self.finished_at = now_iso()


# One turn of a chat ----------------------------------------------------------


MADE_HERE = re.compile(r"(.+)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Turn:
    """inlet to outlet of one answer.  All generations of a tool loop belong to it."""

    def __init__(self, about, turn_id=None):
        self.id, self.about = turn_id or uuid.uuid4().hex, about  # about: the fields all its records share
        self.generations = OrderedDict()  # by the provider's id, or "<turn>:<n>" without one
        self.tasks, self.touched = set(), time.monotonic()
        self.current = self.body = None
        self.requests = self.asked = 0  # seen in the stream; announced by the hook request
        self.refused = set()  # places of requests that the provider did not answer
        self.cancelled = self.done = self.continues = self.piped = self.tagged = self.tapped = self.streams = self.over = False
        self.platform = self.host = self.model = None  # of the connection
        self.user = None  # whom a tagged request names
        self.answers = {}  # what the tap read: number of the request -> usage or None
        self.expect_request()

    def expect_request(self):
        """expect_request: the next frame is the first of an upstream request."""
        self.new_request, self.request_at = True, now_iso()

    def begins_request(self, frame, body):
        last = self.current
        if self.new_request or (body is not None and body is not self.body):
            return True
        # With neither the hook request nor request bodies to tell requests apart, text
        # or another id after usage is the next request; usage after usage is a repetition.
        if body is not None or self.asked or last is None or not (last.finished and last.usage):
            return False
        if frame.id and last.id:
            return frame.id != last.id
        return frame.id is None and last.id is None and not frame.usage and not frame.failed

    def begin_request(self, body):
        # Holding the body keeps its address from being used for the next one.
        self.new_request, self.current, self.body = False, None, body
        self.requests += 1

    def lasts(self):
        """lasts: it is under way.  Of a program's stream the task may be gone before the answer begins."""
        return bool(self.tasks) or not self.over and time.monotonic() - self.touched < IDLE_S

    def is_nobodys(self, gen_id, model):
        """is_nobodys: Open WebUI names the frames that it makes of a text "<model>-<uuid>", each another."""
        made = MADE_HERE.fullmatch(gen_id or "")
        return made is not None and made.group(1) in (model, self.model, self.about.get("requested_model"))

    def generation_for(self, frame):
        if self.current is None:
            # An error without an id is a request that never became a generation.
            if frame.failed and not frame.id:
                self.refused.add(self.requests)
            else:
                self.current = self.generations.get(frame.id) or self.add(frame.id)
        return self.current

    def take(self, frame):
        """take returns the generation to which the frame belongs, None if it belongs to none."""
        generation = self.generation_for(frame)
        if generation is not None:
            before = self.key_of(generation)
            generation.take(frame)
            if self.key_of(generation) != before:
                self.generations.pop(before, None)
                self.generations[self.key_of(generation)] = generation
        return generation

    def key_of(self, generation):
        return generation.id or f"{self.id}:{generation.place}"

    def add(self, gen_id, source="filter-stream", request=None):
        started, self.request_at = self.request_at or now_iso(), None
        request = request or (self.requests if self.asked and source == "filter-stream" else None)
        generation = Generation(gen_id, source, started, request)
        generation.place = request or max(self.requests, 1)
        self.generations[self.key_of(generation)] = generation
        return generation

    def add_unanswered(self):
        """add_unanswered: a request that the hook `request` announced was sent, though its answer was never seen."""
        places = self.refused.union(generation.place for generation in self.generations.values())
        for number in range(1, self.asked + 1):
            if number not in places:
                self.add(None, "filter-request", number)

    def end_state(self, generation):
        if generation.failed:
            return "error"
        if generation.finished or (generation.usage and not self.cancelled):
            return "final"
        if generation.source == "filter-request" and not self.cancelled:
            return "final"  # answered, for all that is known
        # An API stream that stopped in the middle was left by its client.
        left = self.about.get("origin") == "api" and not self.done
        return "cancelled" if self.cancelled or left else "error"

    def record(self, generation, state):
        return make_record(
            generation, state, self.about, self.id if generation.id else self.key_of(generation),
            model=generation.model or (self.model if generation.source != "filter-stream" else None),
            platform=platform_of(generation, self.platform, self.host), kind="chat")


def platform_of(generation, platform, host):
    """platform_of says who bills.  An unknown host may be a proxy before OpenRouter: it is said only
    where neither OpenRouter's id nor a cost is there."""
    proxied = (generation.id or "").startswith("gen-") or "cost" in (generation.usage or {})
    return platform or (None if proxied else host)


def make_record(generation, state, about, turn_id, **more):
    fields = {"v": 1, "record_id": uuid7(), "state": state, "source": generation.source, "turn_id": turn_id,
              "request": generation.request, **about, "provider": generation.provider, "usage": generation.usage,
              "started_at": generation.started_at,
              "finished_at": None if state == "open" else generation.finished_at or now_iso(), **more}
    return {"generation_id": generation.id, **known(fields)}


def summary(usages):
    """summary is the line under an answer of these requests, or None if no figure is known."""
    given = [usage for usage in usages if usage]
    if not given:
        return None
    costs = [Decimal(str(usage["cost"])) for usage in given if "cost" in usage]
    text = f"{sum(costs).normalize():f} USD" if len(costs) == len(usages) else "cost not known yet"
    for name, label in (("prompt_tokens", "tokens in"), ("completion_tokens", "out")):
        text += f", {sum(usage.get(name, 0) for usage in given)} {label}"
    return text if len(usages) == 1 else f"{text}, {len(usages)} requests"


def origin_of(metadata):
    """origin_of reads what Open WebUI calls a chat and its session: "automation:<id>", "subagent-result:<chat>",
    "channel:<id>", ...  A sub-agent may have the browser's session: then the turn is internal."""
    message = metadata.get("user_message")
    meta = message.get("meta") if isinstance(message, dict) else None
    if metadata.get("internal") is True or (isinstance(meta, dict) and meta.get("type") == "subagent"):
        return "subagent"
    for text in (metadata.get("chat_id"), metadata.get("session_id")):
        head = text.partition(":")[0].partition("-")[0] if isinstance(text, str) and ":" in text else None
        if head in ("automation", "channel", "subagent"):
            return head
    return "ui" if metadata.get("session_id") else "api"


def describe(user, metadata, requested_model, groups=None, identity=True):
    """describe lists all that is ever said about a chat: who, where, which model."""
    return {"chat_id": fit_id(metadata.get("chat_id"), ID_LIMITS["chat_id"]),
            "message_id": fit_id(metadata.get("message_id"), ID_LIMITS["message_id"]),
            "origin": origin_of(metadata), "task": fit_text(metadata.get("task"), TEXT_LIMITS["task"]),
            "requested_model": fit_text(requested_model, TEXT_LIMITS["requested_model"]),
            "user": person_of(user, metadata.get("user_id"), groups, identity)}


def person_of(user, user_id=None, groups=None, identity=True):
    """person_of describes a user, an object or a dict of Open WebUI.  groups: names, and which of them are inherited."""
    def get(name):
        return user.get(name) if isinstance(user, dict) else getattr(user, name, None)

    names, inherited = groups or (None, None)
    person = {"id": fit_id(get("id") or user_id, ID_LIMITS["user.id"]) or "unknown",
              "role": fit_text(get("role"), TEXT_LIMITS["role"]), "groups": names, "inherited_groups": inherited or None}
    if identity:
        person.update(name=fit_text(get("name"), NAME_LIMIT, cut=True), email=fit_text(get("email"), TEXT_LIMITS["email"]))
    return known(person)


# Disk ------------------------------------------------------------------------


def damage(error):
    """damage: busy, full and read only have classes of their own; this one means a broken file."""
    return type(error) is sqlite3.DatabaseError


def has_ended(said, here):
    """has_ended tells whether a process of this host is gone: it may have been killed."""
    if said.get("host") != here["host"] or not isinstance(said.get("pid"), int):
        return False
    if said["pid"] == here["pid"]:
        return True
    try:
        os.kill(said["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Spool:
    """Records on disk until the gateway has them, in one SQLite file that all
    worker processes of this Open WebUI share."""

    SCHEMA = """BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS record (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS rejected (at TEXT NOT NULL, reason TEXT, body TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS lease (one INTEGER PRIMARY KEY, until REAL NOT NULL);
        CREATE TABLE IF NOT EXISTS process (id TEXT PRIMARY KEY, at REAL NOT NULL, said TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        INSERT OR IGNORE INTO lease VALUES (1, 0);
        COMMIT;"""

    def __init__(self):
        places = [os.environ.get("DATA_DIR"), tempfile.gettempdir()]
        with contextlib.suppress(Exception):
            from open_webui.env import DATA_DIR
            places.insert(1, str(DATA_DIR))
        for place in filter(None, places):
            self.path = os.path.join(place, "openwebui_metering", "spool.sqlite")
            try:
                os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
                return self.prepare()
            except (OSError, sqlite3.Error) as error:
                if "locked" in str(error):
                    raise  # the right place, at the wrong moment
                say_error("spool", error)
        raise OSError("no folder can be written")

    def prepare(self):
        for last_try in (False, True):
            try:
                with self.open() as db:
                    db.executescript(self.SCHEMA)
                    db.execute("BEGIN IMMEDIATE")
                    self.sender = self.meta(db, "sender", str(uuid.uuid4()))
                    self.tag_key = self.meta(db, "tag_key", "")
                    self.after_update(db)
                    holder().spool = self
                    return
            except sqlite3.DatabaseError as error:
                if last_try or not damage(error):
                    raise

    def meta(self, db, name, default):
        db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, default))
        return db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0]

    def learn_tag_key(self, key):
        """learn_tag_key keeps what the gateway gives with its answers to sign tags with, for all processes."""
        if key != self.tag_key and re.fullmatch("[0-9a-f]{64}", key):
            with self.open() as db:
                db.execute("UPDATE meta SET value = ? WHERE name = 'tag_key'", (key,))
            self.tag_key = key

    def recall_tag_key(self):
        """recall_tag_key reads the key that another process may have learnt."""
        with self.open() as db:
            self.tag_key = self.meta(db, "tag_key", "")

    def after_update(self, db):
        """after_update sends once more what was put aside: this version or the gateway's may have mended it."""
        if self.meta(db, "version", "") != VERSION:
            db.execute("INSERT INTO record (body) SELECT body FROM rejected ORDER BY rowid")
            db.execute("DELETE FROM rejected")
            db.execute("UPDATE meta SET value = ? WHERE name = 'version'", (VERSION,))

    @contextlib.contextmanager
    def open(self):
        with sys.modules[RUNTIME].disk:  # a child forked from an open connection would find the file locked for ever
            db = sqlite3.connect(self.path, timeout=5.0)
            try:
                with db:  # commits, or rolls back
                    yield db
            except sqlite3.DatabaseError as error:
                if damage(error):
                    holder().spool = None
                    say("damaged", "the spool is damaged: it is kept beside a new one")
                    os.rename(self.path, f"{self.path}.damaged-{time.time_ns()}")
                raise
            finally:
                db.close()

    def save(self, records):
        """save numbers the records of this spool, so that the other side can say which it has."""
        with self.open() as db:
            db.execute("BEGIN IMMEDIATE")
            (newest,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'record'").fetchone()
            for newest, record in enumerate(records, newest + 1):
                body = json.dumps({**record, "sender": self.sender, "number": newest})
                db.execute("INSERT INTO record VALUES (?, ?)", (newest, body))
            if db.execute("DELETE FROM record WHERE seq <= ?", (newest - SPOOL_LIMIT,)).rowcount:
                say("full", "the spool is full: the oldest records are given up")

    def lease(self, seconds):
        """lease lets one process send at a time; a killed one's lease runs out."""
        now = time.time()
        with self.open() as db:
            return db.execute("UPDATE lease SET until = ? WHERE until < ? OR until > ?",
                              (now + seconds, now, now + 3600)).rowcount == 1

    def release(self):
        with self.open() as db:
            db.execute("UPDATE lease SET until = 0")

    def next_batch(self, limit):
        with self.open() as db:
            return db.execute("SELECT seq, body FROM record ORDER BY seq LIMIT ?", (limit,)).fetchall()

    def done(self, batch, refused):
        """done drops a batch; what was refused is kept for a person to look at."""
        with self.open() as db:
            db.executemany("INSERT INTO rejected VALUES (?, ?, ?)", [(now_iso(), why, body) for body, why in refused])
            db.execute("DELETE FROM rejected WHERE rowid <= (SELECT max(rowid) FROM rejected) - ?", (REJECTED_LIMIT,))
            db.executemany("DELETE FROM record WHERE seq = ?", [(seq,) for seq, _ in batch])

    def count(self, table="record"):
        with self.open() as db:
            return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    def say_how(self, process_id, said):
        """say_how notes how this process is, and tells how all that share the spool are."""
        now, here = time.time(), {"pid": os.getpid(), "host": platform.node()}
        with self.open() as db:
            for other, text in db.execute("SELECT id, said FROM process WHERE id != ?", (process_id,)).fetchall():
                if has_ended(json.loads(text), here):
                    db.execute("DELETE FROM process WHERE id = ?", (other,))
            db.execute("INSERT OR REPLACE INTO process VALUES (?, ?, ?)", (process_id, now, json.dumps({**said, **here})))
            db.execute("DELETE FROM process WHERE at < ? OR at > ?", (now - 3 * BEAT_S, now + 3600))
            return [json.loads(text) for (text,) in db.execute("SELECT said FROM process")]

    def forget_process(self, process_id):
        with self.open() as db:
            db.execute("DELETE FROM process WHERE id = ?", (process_id,))


# Memory, threads and the way to the gateway ----------------------------------


class Runtime:
    """What outlives a request: queue, turns, threads.  One per process."""

    version = VERSION

    def __init__(self, old=None):
        self.pid, self.stopping = os.getpid(), False
        self.lost = self.saving = 0
        self.new_record, self.new_file = threading.Event(), threading.Event()
        self.writer = self.sender = None
        elders = (*getattr(old, "elders", ()), old) if old else ()  # they may have records in their hands
        self.elders = [elder for elder in elders if elder.writer is not None and elder.writer.is_alive()]
        self.failures, self.not_before, self.batch_limit = 0, 0.0, BATCH_LIMIT
        self.endpoint, self.api_key = getattr(old, "endpoint", ""), getattr(old, "api_key", "")
        old = old if getattr(old, "version", None) == VERSION else None  # others may mean other things
        self.lock = old.lock if old else threading.RLock()
        self.turns = old.turns if old else OrderedDict()
        self.queue = old.queue if old else deque()
        self.due = old.due if old else deque()  # (when, turn, generation) awaiting a last usage frame
        self.spool = old.spool if old else None
        self.cache = {}  # what Open WebUI's tables said: key -> (until, value)
        self.identity = getattr(old, "identity", None)  # may names be sent; None: the valves are not known
        self.send_groups = getattr(old, "send_groups", True)
        self.beat_at, self.said_last = 0.0, False  # the next word on how this plugin is; was the last one said

    def start(self, name, target):
        with self.lock:
            thread = getattr(self, name)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=target, name=f"openwebui-metering-{name}", daemon=True)
                setattr(self, name, thread)
                thread.start()

    def stop(self):
        self.stopping = True
        self.new_record.set()
        self.new_file.set()

    def close(self):
        """close runs at exit: what is in memory goes to disk, within two seconds."""
        if self.pid == os.getpid():
            self.stop()
            until = time.monotonic() + EXIT_WRITERS_S
            for one in (*self.elders, self):  # the last: an elder may hand its records over
                if one.writer is not None:
                    one.writer.join(max(0.0, until - time.monotonic()))
            if self.sender is not None:
                self.sender.join(EXIT_SENDER_S)  # it gives its lease back

    def configure(self, valves):
        if (valves.endpoint, valves.api_key) != (self.endpoint, self.api_key):
            self.endpoint, self.api_key, self.failures, self.not_before = valves.endpoint, valves.api_key, 0, 0.0
            self.beat_at = 0.0
            self.new_file.set()
        self.identity, self.send_groups = valves.send_name_and_email, valves.send_groups
        self.start("sender", self.send_forever)  # there may be records of an earlier process

    def put(self, record):
        with self.lock:
            self.queue.append(record)
            while len(self.queue) > QUEUE_LIMIT:
                self.queue.popleft()
                self.lost += 1
        self.start("writer", self.write_forever)
        self.new_record.set()

    def pending(self):
        """pending counts the records that the gateway does not have yet."""
        with self.lock:
            in_memory = len(self.queue) + self.saving + len(holder().closing) + sum(
                elder.saving + (0 if elder.queue is self.queue else len(elder.queue)) for elder in self.elders)
        spool = self.spool or holder().spool  # an elder may have made it
        return in_memory + (spool.count() if spool else 0)

    def emit(self, turn, generation, state):
        with self.lock:
            if is_held(turn.id):
                return  # the tap reports this turn
            said = (state, generation.id, generation.model, generation.provider, json.dumps(generation.usage))
            if generation.sent != said:
                generation.sent = said
                self.put(turn.record(generation, state))

    def observe(self, turn, frame, body):
        with self.lock:
            if turn.is_nobodys(frame.id, frame.model):
                frame.id = frame.model = None
            if turn.begins_request(frame, body):
                self.settle(turn)
                turn.begin_request(body)
            generation = turn.take(frame)
            if generation is None:
                return
            if generation.id and generation.sure and generation.sent is None:
                self.emit(turn, generation, "open")
            if generation.usage and generation.finished:
                self.due.append((time.monotonic() + SETTLE_S, turn, generation))
                self.new_record.set()

    def settle(self, turn, ended=False):
        """settle sends what is finished and, when the turn has ended, the rest too."""
        with self.lock:
            if ended and (turn.cancelled or not turn.streams):  # a stream may begin after the task of inlet has ended
                turn.add_unanswered()
            for generation in turn.generations.values():
                if ended or generation.finished:
                    self.emit(turn, generation, turn.end_state(generation))

    def add_turn(self, turn):
        with self.lock:
            self.turns[turn.id] = turn
            while len(self.turns) > TURN_LIMIT:
                self.give_up(next(iter(self.turns.values())))

    def give_up(self, turn):
        """give_up forgets a turn; what has not ended by now is sent as it stands."""
        self.turns.pop(turn.id, None)
        self.settle(turn)
        if is_held(turn.id):
            return
        turn.add_unanswered()
        for generation in turn.generations.values():
            if generation.sent is None or generation.sent[0] == "open":
                self.put(turn.record(generation, "open"))

    def tick(self):
        now = time.monotonic()
        with self.lock:
            while self.due and self.due[0][0] <= now:
                _, turn, generation = self.due.popleft()
                self.emit(turn, generation, turn.end_state(generation))
            for turn in [t for t in self.turns.values() if now - t.touched > SWEEP_AFTER_S]:
                self.give_up(turn)
        if holder().tap is not None:
            quietly(holder().tap, "work")

    def write_forever(self):
        while not (self.stopping and not self.queue and not holder().closing):
            self.new_record.wait(0.25 if self.due else 30.0)
            self.new_record.clear()
            try:
                if not self.stopping:
                    time.sleep(GATHER_S)
                    self.tick()
                close_wires()
                self.drain()
            except Exception as error:  # the disk is full or busy: the records are in the queue again
                say_error("writer", error)
                if self.stopping:
                    return self.hand_over()
                time.sleep(1.0)
                self.new_record.set()

    def hand_over(self):
        """hand_over leaves what this one could not write to its successor, if there is one."""
        current = runtime()
        if current is not self:
            with self.lock, current.lock:
                if current.queue is not self.queue:
                    current.queue.extend(self.queue)
                    self.queue.clear()
            with contextlib.suppress(RuntimeError):  # the process ends: no more threads
                current.start("writer", current.write_forever)
            current.new_record.set()

    def drain(self):
        with self.lock:
            records, lost, self.lost = list(self.queue), self.lost, 0
            self.saving = len(records)
            self.queue.clear()
        if lost:
            say("lost", f"{lost} records did not fit in memory and are lost")
        if not records:
            return
        try:
            self.spool = self.spool or Spool()
            self.spool.save(records)
        except Exception as error:
            with self.lock:
                self.queue.extendleft(reversed(records))
                self.saving = 0
            if damage(error):
                self.spool = None
            raise
        self.saving = 0
        current = runtime()  # not always self: a newer exec may have taken over
        if not current.stopping:
            current.start("sender", current.send_forever)
            current.new_file.set()

    def send_forever(self):
        while not self.stopping:
            wait = 5.0
            try:
                self.spool = self.spool or Spool()
                wait = min(self.send_some(), self.beat(), CHECK_S)
                ask_for_switch()
            except Exception as error:
                say_error("sender", error)
                if damage(error):
                    self.spool = None
            if wait:
                self.new_file.wait(wait)
                self.new_file.clear()
        if runtime() is self and self.spool is not None:  # the process ends, not this exec of the file alone
            with contextlib.suppress(sqlite3.Error):
                self.spool.forget_process(process_id())

    def send_some(self):
        """send_some sends one batch and returns the seconds to wait before the next."""
        if self.not_before > time.monotonic():
            return self.not_before - time.monotonic()
        if not self.spool.next_batch(1):
            return 30.0
        if not self.endpoint:
            say("endpoint", "no endpoint is set: records are kept on disk")
            return 30.0
        if not self.spool.lease(2 * HTTP_TIMEOUT_S):
            return 0.5  # another worker process is sending
        try:
            batch = self.spool.next_batch(self.batch_limit)
            return self.deliver(batch) if batch else 30.0
        finally:
            self.spool.release()

    def beat(self):
        """beat tells the gateway how this plugin is, once a minute for all processes that share the spool, and
        returns the seconds until the next time."""
        now = time.monotonic()
        if self.beat_at > now:
            return self.beat_at - now
        self.beat_at = now + BEAT_S
        if holder().gone and self.said_last:
            return BEAT_S
        self.said_last = holder().gone
        everyone = self.spool.say_how(process_id(), tap_says())
        self.spool.recall_tag_key()
        if self.endpoint and self.not_before <= now and self.spool.lease(2 * HTTP_TIMEOUT_S):
            try:
                with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                    status, _, _, tag_key = post(self.endpoint, self.api_key, "senders/heartbeat", json.dumps(self.beat_body(everyone)))
                    if status == 200:
                        self.spool.learn_tag_key(tag_key)
            finally:
                self.spool.release()
        return BEAT_S

    def beat_body(self, everyone):
        worst = max(everyone, key=lambda said: ("on", "off", "does_not_fit").index(said["tap"]))
        sums = {name: sum(said.get(name, 0) for said in everyone) for name in ("seen", "missed", "faults", "unnamed")}
        version = getattr(sys.modules.get("open_webui.env"), "VERSION", None)
        return known({"sender": self.spool.sender, "plugin": VERSION, "openwebui": fit_text(version, 64),
                      "tap": worst["tap"], "reason": worst.get("reason"), "processes": len(everyone), **sums,
                      "queued": self.spool.count(), "rejected": self.spool.count("rejected")})

    def deliver(self, batch):
        try:
            status, retry_after, reply, tag_key = post(
                self.endpoint, self.api_key, "events", "[" + ",".join(body for _, body in batch) + "]")
        except Exception as error:  # its text could quote the key: the name must do
            return self.later(f"the gateway cannot be reached ({type(error).__name__})")
        listed = reply.get("rejected", []) if isinstance(reply, dict) else None
        refused = [(batch[r["index"]][1], fit_text(str(r.get("reason")), 256, cut=True)) for r in listed] if isinstance(listed, list) else []
        # 404 and 405 are not the gateway's: the address is wrong, the records are not.
        if status // 100 == 4 and status not in (401, 403, 404, 405, 408, 429):
            if status == 413 and len(batch) > 1:
                return self.halve(batch)
            if not isinstance(reply, dict) or "title" not in reply:  # a proxy's page says nothing of the records
                return self.later(f"HTTP {status}, but not with a metering gateway's answer")
            if len(refused) != len(batch):
                if len(batch) > 1:
                    return self.halve(batch)  # until the bad one is alone
                refused = [(batch[0][1], f"HTTP {status}")]
        elif status // 100 != 2:
            hint = {401: ": check the valve api_key", 403: ": check the valve api_key",
                    404: ": check the valve endpoint", 405: ": check the valve endpoint"}.get(status, "")
            return self.later(f"the gateway answers HTTP {status}{hint}", retry_after)
        elif not isinstance(reply, dict) or reply.get("accepted") != len(batch) - len(refused):
            return self.later(f"HTTP {status}, but not with a metering gateway's answer")
        if refused:
            say("refused", f"the gateway refused {len(refused)} of {len(batch)} records, first reason: {refused[0][1]}")
        self.spool.done(batch, refused)
        if status == 200:
            self.spool.learn_tag_key(tag_key)
        self.failures, self.batch_limit = 0, min(BATCH_LIMIT, self.batch_limit + 1 + self.batch_limit // 8)
        return 0

    def halve(self, batch):
        self.batch_limit = len(batch) // 2
        return 0

    def later(self, why, retry_after=0.0):
        delay = min(BACKOFF_MAX_S, 2.0 ** min(self.failures, 10)) * random.uniform(0.8, 1.2)
        delay = max(delay, min(retry_after, RETRY_AFTER_MAX_S))
        self.failures += 1
        self.not_before = time.monotonic() + delay
        say("gateway", f"{why}; records are kept, next try in {delay:.0f} s")
        return delay


def post(endpoint, api_key, name, body):
    """post returns status, Retry-After in seconds, the JSON reply (or None), and the key for tags ("" without one).
    No redirects, no proxy settings: the key goes where the admin pointed."""
    url = urllib.parse.urlsplit(endpoint if "://" in endpoint else "http://" + endpoint)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=HTTP_TIMEOUT_S)
    reply, seconds = None, 0.0
    with contextlib.closing(connection):
        connection.request("POST", url.path.rstrip("/") + "/api/v1/" + name, body, {
            "Authorization": f"Bearer {api_key}", "Content-Type": "application/json",
            "User-Agent": f"openwebui-metering/{VERSION}"})
        response = connection.getresponse()
        text, after = response.read(1 << 20), (response.getheader("Retry-After") or "").strip()
        tag_key = (response.getheader("X-Tag-Key") or "").strip()
    with contextlib.suppress(ValueError):
        reply = json.loads(text)
    with contextlib.suppress(ValueError, TypeError):  # a number of seconds or a date
        seconds = float(after) if after.isdigit() else email.utils.parsedate_to_datetime(after).timestamp() - time.time()
    return response.status, seconds, reply, tag_key


def runtime():
    """runtime finds this process's runtime: a forked child needs one of its own."""
    current = getattr(sys.modules.get(RUNTIME), "current", None)
    return current if current is not None and current.pid == os.getpid() else install()


EXEC = object()  # this exec of the file


def holder():
    """holder keeps what outlives an exec of this file: the runtime, the tap, and what answers under way need."""
    kept = sys.modules.get(RUNTIME) or sys.modules.setdefault(RUNTIME, types.ModuleType(RUNTIME))
    if EXEC not in getattr(kept, "filled", ()):
        fill(kept)
    return kept


def fill(kept):
    """fill adds the fields that this version knows: an update finds what the version before has left in the process."""
    if not hasattr(kept, "disk"):
        kept.disk = lock = threading.Lock()
        atexit.register(lambda: kept.current.close())
        if hasattr(os, "register_at_fork"):  # no fork while the disk is in use
            os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    for name, value in {
        "tap": None, "points": [],  # what is laid where: Point
        "seen": OrderedDict(),  # turns whose requests the tap saw: id -> Seen
        "closing": deque(),  # answers that have ended, for the writer thread
        "turn": contextvars.ContextVar("openwebui_metering_turn", default=None),  # the id of the turn under way
        "inside": contextvars.ContextVar("openwebui_metering_inside", default=False),  # a request that is read along
        "aside": None,  # (version, reason): the tap has stepped aside in this process
        "counts": {}, "missed_in_a_row": 0, "unread": 0,
        "spool": None,  # the last that was made here
        "loop": None, "function_id": None,  # of Open WebUI; ours there
        "gone": False, "checked": time.monotonic(),  # the function is deleted; was asked whether it is on
        "process": (None, None),  # pid, and the name of the process among those that share its spool
    }.items():
        if not hasattr(kept, name):
            setattr(kept, name, value)
    kept.counts.update({name: kept.counts.get(name, 0) for name in COUNTS})
    kept.filled = getattr(kept, "filled", frozenset()) | {EXEC}


def process_id():
    """process_id names this process to those that share its spool; a forked child is another one."""
    kept = holder()
    if kept.process[0] != os.getpid():
        kept.process = os.getpid(), uuid.uuid4().hex
    return kept.process[1]


def install():
    kept = holder()
    old = getattr(kept, "current", None)
    old = old if old is not None and old.pid == os.getpid() else None
    kept.current = Runtime(old)
    older = getattr(sys.modules.get(OLDER), "current", None)
    if older is not None and older.pid == os.getpid():
        older.stop()  # it writes to disk what it has, and this one sends it
    if old is not None:
        old.stop()
        if kept.current.endpoint:
            kept.current.start("sender", kept.current.send_forever)
    return kept.current


# The tap -----------------------------------------------------------------------
#
# A pass-through on the HTTP clients of this process looks at requests to model
# providers.  It hands on what it was given and what came back; the answer is
# read along where its reader takes it.  Whatever goes wrong in here is counted,
# and the turn is left to the filter.

COUNTS = ("seen", "missed", "faults", "unnamed", "without_id")
KINDS = {"chat/completions": "chat", "completions": "chat", "responses": "chat", "messages": "chat",
         "embeddings": "embedding", "images/generations": "image", "images/edits": "image", "audio/speech": "speech",
         "audio/transcriptions": "transcription", "rerank": "rerank"}  # by the end of the path
OLLAMA = {"/api/chat": "chat", "/api/generate": "chat", "/api/embed": "embedding", "/api/embeddings": "embedding"}
PATHS = re.compile("/(%s)/?$" % "|".join(sorted(map(re.escape, KINDS), key=len, reverse=True)))
MODEL = re.compile(r'(?:"model"\s*:\s*"|name="model"\r\n\r\n)([^"\\\r\n]{1,256})["\r]')  # of JSON, or of a form with a file
PLACES = ("open_webui.routers.", "open_webui.retrieval.")  # whence Open WebUI asks providers
CLIENTS_WORD = ("/openai/", "/ollama/")  # paths on which metadata are what the client says
NEVER_SENT = {"ClientConnectorError", "ConnectError", "ConnectTimeout", "InvalidURL", "UnsupportedProtocol", "NewConnectionError"}
CHECK_S, LIVE_LIMIT = 5.0, 4000
LIVE_S, LEFT_S, IDLE_S = 2 * 3600.0, 300.0, 60.0  # Open WebUI does not read on: connected, disconnected, with its usage known
FAULTS_MAX, IN_A_ROW = 20, 5  # after so many the tap steps aside
FRAMES_MAX = 80


def is_held(turn_id):
    """is_held tells whether the tap reports this turn; then the filter keeps its records to itself."""
    entry = holder().seen.get(turn_id)
    return entry is not None and entry.requests > entry.refused and not entry.left


def let_go(turn_id):
    """let_go leaves a turn to the filter: the tap could not read all of it."""
    entry = holder().seen.get(turn_id)
    if entry is not None and not entry.left:
        entry.left = True
        settle_left(runtime().turns.get(turn_id))


def settle_left(turn):
    if turn is not None and not is_held(turn.id):
        runtime().settle(turn, ended=not turn.tasks and (turn.over or turn.done or not turn.streams))


class Seen:
    """What the tap saw of a turn: its requests, those that the provider refused, and whether the filter reports it."""

    def __init__(self):
        self.requests = self.refused = self.last = 0  # last: the number of the last one
        self.left = False


def quietly(thing, method, *args):
    """quietly calls a method of the tap or of one of its requests: what goes wrong stays here."""
    try:
        return getattr(thing, method)(*args)
    except Exception as error:
        fault(method, error, getattr(thing, "turn_id", None))
        with contextlib.suppress(Exception):
            thing.over = True
        return None


def fault(where, error, turn_id=None):
    try:
        say_error(f"tap {where}", error)
        kept = holder()
        kept.counts["faults"] += 1
        if turn_id is not None:
            let_go(turn_id)
        if kept.counts["faults"] >= FAULTS_MAX:
            step_aside(f"{kept.counts['faults']} faults, the last: {type(error).__name__} in {where}")
    except Exception as second:
        say_error("tap fault", second)


def step_aside(reason):
    """step_aside: the tap does not fit what runs here.  It stays away for as long as this process lives."""
    kept = holder()
    if kept.aside is None:
        kept.aside = (VERSION, reason)
        say("tap", f"the tap steps aside, the filter goes on alone: {reason}")
    tap_off("does_not_fit", reason)


def close_wires():
    """close_wires runs in the writer thread."""
    closing = holder().closing
    while closing:
        quietly(closing.popleft(), "close")


def tap_says():
    """tap_says how the tap of this process is."""
    kept = holder()
    tap = kept.tap
    state, reason = (tap.state, tap.reason) if tap is not None else ("off", "no chat since the start")
    return known({"tap": state, "reason": fit_text(reason, 256, cut=True), **kept.counts})


# Who asks


class Asker:
    """Who asks, read from Open WebUI's frames on the stack; the nearest word on each counts.  No frame is kept."""

    def __init__(self, frame):
        self.user = self.metadata = self.request = self.place = self.model = self.told = None
        for _ in range(FRAMES_MAX):
            if frame is None or (self.user and self.metadata and self.request):
                break
            name = frame.f_globals.get("__name__")
            if isinstance(name, str) and name.startswith(("open_webui.", "function_")):
                self.place = self.place or name
                if name.startswith("open_webui."):
                    self.read(frame)
                elif self.told is None and "__user__" in frame.f_code.co_varnames:
                    self.told = is_user(frame.f_locals.get("__user__"))
            frame = frame.f_back
        state = getattr(self.request, "state", None)
        self.user = self.user or is_user(getattr(state, "user", None))
        self.path = (getattr(self.request, "scope", None) or {}).get("path") or ""
        if self.path.startswith(CLIENTS_WORD):
            self.metadata = None
        self.metadata = self.metadata or {}

    def read(self, frame):
        code = frame.f_code
        names = {"user", "metadata", "request", "form_data", "payload", "data", "model"}.intersection(
            code.co_varnames + code.co_cellvars + code.co_freevars)
        if not names:
            return
        local = frame.f_locals
        self.user = self.user or is_user(local.get("user"))
        self.metadata = self.metadata or is_metadata(local.get("metadata"))
        if self.metadata is None and isinstance(local.get("form_data"), dict):
            self.metadata = is_metadata(local["form_data"].get("metadata"))
        if self.model is None:  # where the body does not tell it: of a form with a file
            told = [model_in(local.get(name)) for name in ("payload", "data") if isinstance(local.get(name), dict)]
            told.append(local.get("model"))
            self.model = next((model for model in told if isinstance(model, str)), None)
        if self.request is None and hasattr(local.get("request"), "scope"):
            self.request = local["request"]

    def origin(self):
        if self.metadata.get("session_id") or self.metadata.get("internal") or self.metadata.get("chat_id"):
            found = origin_of(self.metadata)
            if found != "api":
                return found
        if self.path.startswith(CLIENTS_WORD) or self.request is None:
            return "api" if self.request is not None else None
        kind = getattr(getattr(self.request, "state", None), "auth_type", None)
        headers = getattr(self.request, "headers", None) or {}
        by_key = kind == "api_key" or str(headers.get("authorization", "")).startswith("Bearer sk-") or "x-api-key" in headers
        return "api" if by_key else "ui"


def is_user(value):
    found = value.get("id") if isinstance(value, dict) else getattr(value, "id", None)
    return value if isinstance(found, str) and found else None


def is_metadata(value):
    return value if isinstance(value, dict) and not value.keys().isdisjoint(("chat_id", "task", "user_id", MARK)) else None


def model_in(body):
    """model_in looks for the model's name at both ends of a request: no long prompt is parsed or copied."""
    if isinstance(body, dict):
        return body.get("model") if isinstance(body.get("model"), str) else None
    if not isinstance(body, (str, bytes)):
        return None
    for part in (body[:HEAD_KEPT], body[-HEAD_KEPT:]):
        found = MODEL.search(part if isinstance(part, str) else part.decode("utf-8", "replace"))
        if found:
            return found.group(1)
    return None


# One request


class Wire:
    """One upstream request on its way, from the call to the end of the answer."""

    def __init__(self, kind, model, address, about, turn_id, number, turn=None):
        self.kind, self.about, self.turn_id, self.turn = kind, about, turn_id, turn
        self.platform, self.host = Tap.platform(address)
        self.address, self.model, self.read_at = address, model, time.monotonic()
        self.user = self.person = None  # of the turn; or as Open WebUI knows who asks
        self.said = Generation(None, "tap", now_iso(), number)
        self.header_id = self.stream = self.error = self.status = None
        self.lines = self.over = self.changing = False
        self.rest, self.last = Ends(), b""

    def answered(self, response, kwargs):
        """answered: the head of the answer is there; its reader gets what it would have got."""
        self.head(response)
        self.follow(response)

    def head(self, response):
        headers = response.headers
        self.status = getattr(response, "status", None) or getattr(response, "status_code", None)
        self.header_id = fit_generation_id(headers.get("X-Generation-Id"))
        kind = headers.get("Content-Type") or ""
        self.lines = "text/event-stream" in kind or "ndjson" in kind

    def follow(self, response):
        """follow reads an aiohttp answer along: its stream becomes one that tells what is read from it."""
        tap, stream = holder().tap, response.content
        if tap is None or type(stream) is not tap.plain or len(tap.live) >= LIVE_LIMIT:
            return self.pass_by()
        self.stream = stream  # while it is held, no other stream has its address
        tap.live[id(stream)] = self
        weakref.finalize(response, self.dropped, tap).atexit = False
        stream.__class__ = tap.tapped
        if stream.at_eof():
            tap.live.pop(id(stream), None)
            self.finish(None)

    def dropped(self, tap):
        """dropped: no object holds the answer any more, and it was neither read to its end nor closed."""
        if not self.over:
            tap.live.pop(id(self.stream), None)
            quietly(self, "finish", GeneratorExit())

    def pass_by(self):
        """pass_by: this answer cannot be read along.  The filter reports it, or nothing but its id is known."""
        if self.turn is not None:
            self.over = True
            return let_go(self.turn_id)
        self.said.finished = True
        self.finish(None)

    def data(self, chunk):
        if self.over:
            return
        self.read_at = time.monotonic()
        if not self.lines:
            if self.kind != "speech":
                self.rest.add(chunk)
            return
        end = chunk.rfind(b"\n")
        if end < 0:
            return self.rest.add(chunk)
        start = 0
        if self.rest.kept:  # the beginning of this line came before
            start = chunk.index(b"\n") + 1
            self.rest.add(chunk[:start])
            self.line(*self.rest.take())
        if start <= end:
            self.whole_lines(chunk[start:end])
        if end + 1 < len(chunk):
            self.rest.add(chunk[end + 1:])

    def whole_lines(self, text):
        if self.said.sure and not TELLS.search(text):
            return
        for line in text.split(b"\n"):
            self.line(None, line)

    def line(self, head, line):
        """line reads a line of a stream; of a long one only the ends are left."""
        if head is not None:
            return self.frame(read_ends(head, line))
        payload = payload_of(line)
        if payload == b"[DONE]":
            self.said.finished = True
        elif payload.startswith(b"{"):
            if TELLS.search(payload) or not (self.said.sure or self.changing):
                self.frame(parse(payload))
                self.last = b""
            else:
                self.last = payload  # the id that stays may be in the last one

    def frame(self, event):
        frame = read_frame(event) if isinstance(event, dict) else None
        if frame is None:
            return
        before = self.said.id
        self.said.take(frame)
        self.changing = before is not None and self.said.id != before
        if self.turn is not None and self.said.usage:
            self.turn.answers[self.said.request] = self.said.usage
        if self.said.sure and self.said.id and self.said.sent is None and not self.over:
            self.said.sent = "open"
            self.put("open")

    def finish(self, error):
        """finish runs where the answer ended and only hands over: the writer thread reads what is left."""
        if self.over:
            return
        self.over, self.error, self.stream = True, error, None
        if self.turn is not None and not self.lines and self.rest.kept < TAIL_KEPT:
            self.read_rest()  # what an answer cost stands above it at once
        self.said.finished_at = self.said.finished_at or now_iso()
        holder().closing.append(self)
        runtime().start("writer", runtime().write_forever)
        runtime().new_record.set()

    def close(self):
        """close runs in the writer thread."""
        self.read_rest()
        said, self.last = self.said, b""
        if not said.id or (self.header_id or "").startswith("gen-") and not said.id.startswith("gen-"):
            said.id = self.header_id or said.id  # the header names OpenRouter's generation
        if self.was_refused():
            return self.refused()
        state = self.end_state()
        if self.error is None and not said.usage and not said.failed:
            self.without_usage()
        self.put(state)

    def read_rest(self):
        head, rest = self.rest.take()
        if self.lines:
            self.line(head, rest)
            if self.last:
                self.frame(parse(self.last))
        elif head is not None:
            self.frame(read_ends(head, rest))
        elif rest.lstrip()[:1] == b"{":
            self.frame(parse(rest))

    def was_refused(self):
        """was_refused: nothing was sold where the provider did not begin, or was never asked."""
        if self.said.usage:
            return False
        status = self.status or getattr(self.error, "status", None)  # the session may make an error of it
        return was_never_sent(self.error) or (isinstance(status, int) and status >= 400)

    def refused(self):
        """refused: it counts for nothing, and the filter may have seen another answer."""
        entry = holder().seen.get(self.turn_id)
        if entry is not None and self.turn is not None:
            entry.refused += 1
            self.turn.refused.add(self.said.request)
            self.turn.answers.pop(self.said.request, None)
            settle_left(self.turn)

    def was_left(self):
        """was_left: the reader went away; aiohttp says so by an exception of its own."""
        error = self.error
        closed = type(error).__name__ == "ClientConnectionError" and str(error) == "Connection closed"
        return closed or isinstance(error, (asyncio.CancelledError, GeneratorExit))

    def end_state(self):
        if self.said.failed:
            return "error"
        if self.said.finished or self.error is None and (self.said.usage or not self.lines):
            return "final"
        return "cancelled" if self.was_left() else "error"

    def without_usage(self):
        """without_usage: the filter may have seen what this answer cost."""
        kept, turn = holder(), self.turn
        if self.kind == "chat" and self.platform == "openrouter" and not self.said.id:
            kept.counts["without_id"] += 1
            kept.unread += 1
            if kept.unread >= IN_A_ROW:
                step_aside(f"{kept.unread} answers in a row had neither id nor usage")
        if turn is not None and any(generation.usage for generation in turn.generations.values()):
            let_go(turn.id)

    def put(self, state):
        said = self.said
        if said.id or said.usage:
            holder().unread = 0
        # A request without an id of the provider's is known by its place in the turn.  A request without a known
        # user names no turn: costd may then match it with a row that the filter reported for the same request.
        turn_id = f"{self.turn_id}:{said.request}" if not said.id else self.turn_id if self.user or self.person else None
        about = {**self.about, "user": self.user or person_of(self.person, None, *tap_may_say(self.person))}
        model = said.model or fit_text(self.model, TEXT_LIMITS["model"])
        runtime().put(make_record(said, state, about, turn_id, kind=self.kind, model=model,
                                  platform=platform_of(said, self.platform, self.host)))


def was_never_sent(error):
    """was_never_sent tells an error before the connection stood; requests has its cause inside it."""
    for _ in range(6):
        if error is None or any(kind.__name__ in NEVER_SENT for kind in type(error).__mro__):
            return error is not None
        error = error.__cause__ or error.__context__
    return False


def tap_may_say(person):
    """tap_may_say gives what is known of a user's groups, and whether names may leave; not before the valves are known."""
    current = runtime()
    found = current.cache.get(("groups", (person or {}).get("id")), (0.0, None))[1] if current.send_groups else None
    return found, current.identity is True


def along(wire, pieces):
    """along hands on the pieces of an answer as they are read."""
    whole = False
    try:
        for piece in pieces:
            quietly(wire, "data", piece.encode() if isinstance(piece, str) else piece)
            yield piece
        whole = True
    finally:
        quietly(wire, "finish", None if whole else sys.exc_info()[1])


async def along_async(wire, pieces):
    whole = False
    try:
        async for piece in pieces:
            quietly(wire, "data", piece)
            yield piece
        whole = True
    finally:
        quietly(wire, "finish", None if whole else sys.exc_info()[1])


class LateWire(Wire):
    """A request of a client that reads the whole answer itself, or hands its stream to the caller."""

    def answered(self, response, kwargs):
        self.head(response)
        if self.is_whole(response, kwargs):
            self.data(response.content)
            return self.finish(None)
        if self.header_id:  # its caller may read in a way that shows nothing
            self.said.id, self.said.sent = self.header_id, "open"
            self.put("open")
        self.follow(response)


class RequestsWire(LateWire):
    @staticmethod
    def is_whole(response, kwargs):
        return response._content_consumed

    def follow(self, response):
        read = response.iter_content
        response.iter_content = lambda *args, **kwargs: along(self, read(*args, **kwargs))


class HttpxWire(LateWire):
    @staticmethod
    def is_whole(response, kwargs):
        return response.is_closed

    def follow(self, response):
        httpx = sys.modules[type(response).__module__.partition(".")[0]]
        inner, packed = response.stream, response.headers.get("Content-Encoding") or ""
        self.unpack = zlib.decompressobj(47) if packed in ("gzip", "deflate") else None
        self.readable = packed in ("", "identity", "gzip", "deflate")
        wire = self

        class Along(httpx.AsyncByteStream if isinstance(inner, httpx.AsyncByteStream) else httpx.SyncByteStream):
            def __iter__(self):
                return along(wire, inner)

            def __aiter__(self):
                return along_async(wire, inner)

            def close(self):
                inner.close()

            async def aclose(self):
                await inner.aclose()

        response.stream = Along()

    def data(self, chunk):
        if getattr(self, "unpack", None) is not None:
            chunk = self.unpack.decompress(chunk)
        if getattr(self, "readable", True):
            super().data(chunk)


class VoiceWire(Wire):
    """A call by voice: a socket on which each answer tells its usage."""

    def answered(self, socket, kwargs):
        receive = socket.receive

        async def receive_along(*args, **kwargs):
            message = await receive(*args, **kwargs)
            quietly(self, "message", message)
            return message

        socket.receive = receive_along

    def finish(self, error):
        """finish: nothing was asked by connecting."""

    def message(self, message):
        text = message.data
        if not isinstance(text, str) or '"usage"' not in text[:HEAD_KEPT] and '"usage"' not in text[-TAIL_KEPT:]:
            return
        said_by = Wire("transcription" if "transcription.completed" in text[:HEAD_KEPT] else self.kind, self.model,
                       self.address, self.about, self.turn_id, self.said.request, None)
        said_by.user, said_by.person = self.user, self.person
        self.said.request += 1
        said_by.frame(parse(text))
        if said_by.said.usage:
            said_by.finish(None)


# What is laid where


class Point:
    """A method that the tap passes through: whose, how to read its call, and what follows its answer."""

    def __init__(self, owner, name, call, wire):
        self.owner, self.name, self.call, self.wire = owner, name, call, wire
        self.original = owner.__dict__[name]
        self.laid = pass_through(self.original, self, holder())

    def is_there(self):
        """is_there tells whether ours is still passed: a wrapper that is taken away may take what is above it along."""
        method = self.owner.__dict__.get(self.name)
        while method is not None and method is not self.laid:
            method = getattr(method, "__wrapped__", None)
        return method is self.laid


def pass_through(original, point, kept):
    """pass_through calls the original and hands on what it gives.  It may outlive an exec of this file, under another
    program's wrapper, and knows the tap by these names only: begin, answered, finish."""
    def begin(args, kwargs):
        tap = kept.tap
        if tap is None or kept.inside.get():  # one call may pass several points, or one point twice
            return None
        wire = quietly(tap, "begin", point, args, kwargs, sys._getframe(2))
        kept.inside.set(wire is not None)
        return wire

    def end(wire, response, kwargs):
        kept.inside.set(False)
        if response is not None:
            quietly(wire, "answered", response, kwargs)
        else:
            quietly(wire, "finish", sys.exc_info()[1])

    if inspect.iscoroutinefunction(original):
        @functools.wraps(original)
        async def passed(*args, **kwargs):
            wire = begin(args, kwargs)
            if wire is None:
                return await original(*args, **kwargs)
            response = None
            try:
                response = await original(*args, **kwargs)
                return response
            finally:
                end(wire, response, kwargs)
    else:
        @functools.wraps(original)
        def passed(*args, **kwargs):
            wire = begin(args, kwargs)
            if wire is None:
                return original(*args, **kwargs)
            response = None
            try:
                response = original(*args, **kwargs)
                return response
            finally:
                end(wire, response, kwargs)
    return passed


def aiohttp_call(args, kwargs):
    """aiohttp_call gives method, address and body of a call of ClientSession._request."""
    url = args[2] if len(args) > 2 else kwargs["str_or_url"]
    base = getattr(args[0], "_base_url", None)
    body = kwargs.get("data") if kwargs.get("data") is not None else kwargs.get("json")
    address = str(url) if base is None or "://" in str(url) else f"{str(base).rstrip('/')}/{str(url).lstrip('/')}"
    return args[1] if len(args) > 1 else kwargs["method"], address, body


def socket_call(args, kwargs):
    return "GET", str(args[1] if len(args) > 1 else kwargs["url"]), None


def send_call(args, kwargs):
    """send_call does so for requests and httpx, whose requests are made beforehand."""
    request = args[1] if len(args) > 1 else kwargs["request"]
    body = getattr(request, "body", None)
    if body is None and hasattr(request, "_content"):
        body = request._content
    return request.method, str(request.url), body


def places():
    """places lists what can be passed through of the clients that are loaded."""
    aiohttp, requests = sys.modules.get("aiohttp"), sys.modules.get("requests")
    if aiohttp is not None:
        yield aiohttp.ClientSession, "_request", aiohttp_call, Wire
        yield aiohttp.ClientSession, "_ws_connect", socket_call, VoiceWire
    if requests is not None:
        yield requests.Session, "send", send_call, RequestsWire
    for httpx in filter(None, (sys.modules.get(name) for name in ("httpx", "httpx2"))):
        yield httpx.AsyncClient, "send", send_call, HttpxWire
        yield httpx.Client, "send", send_call, HttpxWire


class Tap:
    """What this exec of the file lays on the HTTP clients of its process."""

    def __init__(self):
        self.state, self.reason = "off", None
        self.live = {}  # id of a stream that is being read -> its request
        self.swept, self.task = time.monotonic(), None
        self.plain = self.tapped = None

    @property
    def counts(self):
        return holder().counts

    def make_stream(self):
        """make_stream derives a reader of the same layout that tells what is read from it, and how it ends."""
        plain, live = self.plain, self.live

        class StreamReader(plain):
            __slots__ = ()

            def _read_nowait_chunk(self, n):
                data = plain._read_nowait_chunk(self, n)
                wire = live.get(id(self))
                if wire is not None:
                    quietly(wire, "data", data)
                    if self._eof and not self._buffer:
                        live.pop(id(self), None)
                        quietly(wire, "finish", None)
                return data

            def feed_eof(self):
                plain.feed_eof(self)
                if not self._buffer:
                    wire = live.pop(id(self), None)
                    if wire is not None:
                        quietly(wire, "finish", None)

            def set_exception(self, *args, **kwargs):
                plain.set_exception(self, *args, **kwargs)
                wire = live.pop(id(self), None)
                if wire is not None:
                    quietly(wire, "finish", args[0] if args else kwargs.get("exc"))

        return StreamReader

    def misfit(self):
        """misfit tries the streams of the aiohttp that is here, without network; it says what does not fit."""
        aiohttp = sys.modules["aiohttp"]
        if not inspect.iscoroutinefunction(aiohttp.ClientSession._request):
            return "aiohttp.ClientSession._request is no coroutine function"
        self.plain = aiohttp.StreamReader
        self.tapped = self.make_stream()
        ways = [lambda stream: stream.readany(), lambda stream: stream.read(99), lambda stream: stream.readexactly(10),
                lambda stream: stream.readline(), lambda stream: stream.readchunk(), lambda stream: stream.read()]
        for way in ways:
            said = try_stream(self, way)
            if said is not None:
                return f"aiohttp.StreamReader is another one: {said}"
        return None

    def begin(self, point, args, kwargs, frame):
        if self.state != "on":
            return None
        method, address, body = point.call(args, kwargs)
        kind = self.kind_of(point, method, address)
        if kind is None:
            return None
        asker = Asker(frame)
        if not self.is_providers(address, asker):
            return None
        self.look_after(asker)
        model = model_in(body) or asker.model
        if point.name == "_ws_connect":
            model = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query).get("model", [model])[0]
        return self.wire_of(point, kind, address, model, asker)

    @staticmethod
    def kind_of(point, method, address):
        path = address.partition("?")[0]
        if point.name == "_ws_connect":
            return "speech" if path.endswith("/realtime") else None
        if str(method).upper() != "POST":
            return None
        found = PATHS.search(path)
        return KINDS[found.group(1)] if found else next((kind for end, kind in OLLAMA.items() if path.endswith(end)), None)

    @staticmethod
    def platform(address):
        is_ollama = address.partition("?")[0].endswith(tuple(OLLAMA)) and "openrouter.ai" not in address
        return platform_at("ollama" if is_ollama else address)

    @staticmethod
    def is_providers(address, asker):
        """is_providers: other services have such paths, too; who asks, or the address, tells a model provider."""
        if "openrouter.ai" in address or (asker.place or "").startswith(PLACES):
            return True
        known_urls = runtime().cache.get(("urls",), (0.0, []))[1]
        if any(url and address.startswith(url) for url, _ in known_urls):
            return True
        return (asker.place or "").startswith("function_") and platform_at(address)[0] is not None

    def wire_of(self, point, kind, address, model, asker):
        kept, task = holder(), fit_text(asker.metadata.get("task"), TEXT_LIMITS["task"])
        turn_id, turn = self.turn_under_way(asker)
        of_turn = turn_id is not None and kind == "chat" and task is None
        about = self.about(turn, asker, task, model, of_turn)
        wire = point.wire(kind, model, address, about, turn_id if of_turn else uuid.uuid4().hex, 1, turn if of_turn else None)
        wire.user = turn.about["user"] if turn is not None and turn.about["user"].get("id") != "unknown" else None
        # Last, what a function was told when it was called: it may ask in a task of its own.
        wire.person = plain_person(asker.user or asker.told, asker.metadata.get("user_id"))
        kept.counts["seen"] += 1
        kept.counts["unnamed"] += wire.user is None and wire.person is None
        if of_turn:  # last, so that a fault before it leaves the turn to the filter
            wire.said.request = self.next_number(turn_id, turn)
        return wire

    @staticmethod
    def turn_under_way(asker):
        """turn_under_way: the turn that Open WebUI's metadata name, or the one in whose context this runs.  A task that
        began in a chat may go on for others: the context counts only for the turn's own user and while it lasts."""
        mark = asker.metadata.get(MARK)
        named = mark.get("turn") if isinstance(mark, dict) else None
        if named is not None:
            return named, runtime().turns.get(named)
        turn, user = runtime().turns.get(holder().turn.get()), plain_person(asker.user, None)
        if user is not None:
            lasts = turn is not None and user["id"] == turn.about["user"].get("id")
        elif turn is not None and current_task() in turn.tasks:
            lasts = True
        else:
            pipes = Tap.turns_of_pipe(asker)
            turn = turn if not pipes else pipes[0] if len(pipes) == 1 else None
            lasts = turn is not None and turn.lasts()
        return (turn.id, turn) if lasts else (None, None)

    @staticmethod
    def turns_of_pipe(asker):
        """turns_of_pipe lists the turns under way of the pipe that asks: it may do so in a thread that knows no
        context, or in a task that it began in another user's turn."""
        pipe = re.sub("_[0-9a-f]{32}$", "", (asker.place or "").removeprefix("function_"))
        return [turn for turn in runtime().turns.copy().values()
                if turn.piped and turn.lasts() and (turn.about.get("requested_model") or "").partition(".")[0] == pipe]

    @staticmethod
    def about(turn, asker, task, model, of_turn):
        """about gives the fields of a request but for its user.  Only a turn's own requests name its message."""
        said = turn.about if turn is not None else describe(None, asker.metadata, model)
        about = {name: said.get(name) for name in ("chat_id", "message_id", "origin", "requested_model")}
        if turn is None:
            about["origin"] = asker.origin()
        if not of_turn:
            chat_id = fit_id(asker.metadata.get("chat_id"), ID_LIMITS["chat_id"]) or about["chat_id"]
            about.update(chat_id=chat_id, message_id=None, requested_model=fit_text(model, TEXT_LIMITS["requested_model"]))
        return {**about, "task": task}

    @staticmethod
    def next_number(turn_id, turn):
        kept = holder()
        if turn_id not in kept.seen:
            kept.seen[turn_id] = Seen()
        entry = kept.seen[turn_id]
        number = entry.last = max(entry.last + 1, getattr(turn, "asked", 0))
        entry.requests += 1
        if turn is not None:
            turn.answers.setdefault(number)
        while len(kept.seen) > 2 * TURN_LIMIT:
            kept.seen.popitem(last=False)
        kept.missed_in_a_row = 0
        return number

    def look_after(self, asker):
        """look_after does beside a request, and never before it, what takes time: it asks whether the function is
        still on, and learns the user's groups."""
        ask_for_switch()
        user = plain_person(asker.user, None)
        if user is not None and runtime().send_groups:
            with contextlib.suppress(RuntimeError):  # in a thread there is no loop to ask on
                self.task = asyncio.get_running_loop().create_task(groups_of(user["id"]))

    def work(self):
        """work runs in the writer thread: an answer that Open WebUI does not read to its end is closed after a while."""
        now = time.monotonic()
        if now - self.swept > 60.0:
            self.swept = now
            for key, wire in list(self.live.items()):
                patience = IDLE_S if wire.said.usage else LIVE_S if is_connected(wire.stream) else LEFT_S
                if now - wire.read_at > patience:
                    self.live.pop(key, None)
                    quietly(wire, "finish", None if wire.said.usage else TimeoutError())


def current_task():
    try:
        return asyncio.current_task()
    except RuntimeError:  # a thread
        return None


def is_connected(stream):
    """is_connected tells whether the connection of an aiohttp stream may still bring something."""
    return getattr(getattr(stream, "_protocol", None), "transport", stream) is not None


def plain_person(user, user_id):
    """plain_person copies the four fields that may be sent; Open WebUI's object is let go."""
    if user is None:
        return {"id": user_id} if isinstance(user_id, str) and user_id else None
    get = user.get if isinstance(user, dict) else lambda name: getattr(user, name, None)
    return {name: get(name) for name in ("id", "name", "email", "role")}


def try_stream(tap, way):
    """try_stream reads a stream in one way; it says what was not told, or None."""
    said = []

    class Probe:
        over = False

        def data(self, chunk):
            said.append(bytes(chunk))

        def finish(self, error):
            said.append(error)

    class Protocol:
        _reading_paused = False

        def resume_reading(self, *args, **kwargs):
            """The stream asks for more."""

        def pause_reading(self, *args, **kwargs):
            """The stream has enough."""

    def fresh():
        stream = tap.plain(Protocol(), 1 << 16, loop=types.SimpleNamespace())
        stream.feed_data(b"early\n")
        stream.__class__ = tap.tapped
        tap.live[id(stream)] = Probe()
        return stream

    try:
        stream, got, error = fresh(), b"", EOFError()
        stream.feed_data(b"late")
        stream.feed_eof()
        for _ in range(20):  # a reader that never comes to its end is not ours either
            if stream.at_eof():
                break
            piece = run_now(way(stream))
            got += piece[0] if isinstance(piece, tuple) else piece
        if got != b"early\nlate" or said != [*said[:-1], None] or b"".join(said[:-1]) != got:
            return f"it told {said!r}"
        said.clear()
        stream = fresh()
        stream.set_exception(error)
        return None if said == [error] else "it did not tell how it ended"
    except Exception as error:
        return f"{type(error).__name__}"
    finally:
        tap.live.clear()


def run_now(coroutine):
    """run_now runs what has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("it waits")


def tap_on():
    """tap_on lays what is not laid yet, for this exec of the file."""
    kept = holder()
    try:
        if os.environ.get("OPENWEBUI_METERING_TAP", "").lower() in ("off", "0", "false"):
            tap_off("off", "switched off by OPENWEBUI_METERING_TAP")
            return False
        if kept.aside is not None and kept.aside[0] == VERSION:
            return False
        if not isinstance(kept.tap, Tap) or kept.tap.state != "on":
            tap_off("off", None)
            kept.tap = Tap()
            if "aiohttp" not in sys.modules:
                kept.tap.reason = "aiohttp is not loaded"
                return False
            misfit = kept.tap.misfit()
            if misfit is not None:
                step_aside(misfit)
                return False
            kept.tap.state = "on"
            runtime().beat_at = 0.0
        for owner, name, call, wire in places():
            if name in owner.__dict__ and not any((p.owner, p.name) == (owner, name) and p.is_there() for p in kept.points):
                point = Point(owner, name, call, wire)
                setattr(owner, name, point.laid)
                kept.points.append(point)
        for point in kept.points:  # laid by an earlier exec: what follows is this one's
            point.call, point.wire = next(
                (call, wire) for owner, name, call, wire in places() if (owner, name) == (point.owner, point.name))
        return True
    except Exception as error:
        fault("on", error)
        tap_off("does_not_fit", f"{type(error).__name__} when it was switched on")
        return False


async def switch(function_id):
    """switch lays the tap or takes it away, as the function and its valve say now."""
    try:
        stored = await settled(read_function(function_id))
        if stored is None and not holder().gone:
            runtime().beat_at = 0.0
        holder().gone = stored is None
        if stored is None or not stored.is_active or not stored.is_global:
            return tap_off("off", "the function is not on for everybody")
        runtime().cache.pop(("valves", function_id), None)
        valves = await stored_valves(function_id)
        Filter.switch_tap(valves)
        runtime().configure(valves)
    except Exception as error:
        say_error("switch", error)


def ask_for_switch():
    """ask_for_switch runs every few seconds, in the sender thread or beside a request: no hook tells a filter that it
    was switched off.  Open WebUI's tables are read on its loop."""
    kept, now = holder(), time.monotonic()
    if kept.loop is None or kept.function_id is None or kept.gone or now - kept.checked < CHECK_S:
        return
    kept.checked = now

    def begin():
        kept.switching = kept.loop.create_task(switch(kept.function_id))  # held, or it may be collected

    with contextlib.suppress(RuntimeError):  # the loop has ended
        kept.loop.call_soon_threadsafe(begin)


def belongs_to(function_id):
    """belongs_to notes whose function this process runs, and on which loop."""
    kept = holder()
    kept.function_id, kept.gone, kept.loop = function_id, False, asyncio.get_running_loop()


def tap_off(state="off", reason="switched off"):
    """tap_off takes away what was laid.  Where another program laid its wrapper above, the tap's wrapper stays and does nothing.  Answers
    under way are read to their end."""
    kept = holder()
    kept.tap = kept.tap or Tap()
    kept.tap.state, kept.tap.reason = state, reason
    left = []
    for point in kept.points:
        if point.owner.__dict__.get(point.name) is point.laid:
            setattr(point.owner, point.name, point.original)
        elif point.is_there():
            left.append(point)
    kept.points = left


def note_missed(turn):
    """note_missed counts a turn whose usage the filter saw and the tap did not; pipes may ask as they like."""
    kept = holder()
    if kept.tap is None or kept.tap.state != "on" or not turn.tapped or turn.piped or turn.id in kept.seen:
        return
    if any(generation.usage for generation in turn.generations.values()):
        turn.tapped = False  # once a turn
        kept.counts["missed"] += 1
        kept.missed_in_a_row += 1
        if kept.missed_in_a_row >= IN_A_ROW:
            step_aside(f"it saw nothing of {kept.missed_in_a_row} turns in a row")


# What Open WebUI says --------------------------------------------------------


async def cached(key, seconds, read, default):
    """cached asks one of Open WebUI's tables; an old answer is better than none."""
    cache = runtime().cache
    until, value = cache.get(key, (0.0, default))
    if until < time.monotonic():
        try:
            value = await settled(read())
        except Exception as error:
            say_error(f"reading {key[0]}", error)
        if len(cache) > TURN_LIMIT:
            cache.clear()
        cache[key] = (time.monotonic() + seconds, value)
    return value


def read_valves(function_id):
    from open_webui.models.functions import Functions
    return Functions.get_function_valves_by_id(function_id)


def read_function(function_id):
    from open_webui.models.functions import Functions
    return Functions.get_function_by_id(function_id)


async def stored_valves(function_id):
    stored = await cached(("valves", function_id), VALVES_TTL_S, lambda: read_valves(function_id), None)
    return Filter.Valves(**stored) if isinstance(stored, dict) else Filter.Valves()


def groups_of(user_id):
    return cached(("groups", user_id), GROUPS_TTL_S, lambda: read_groups(user_id), None)


async def read_groups(user_id):
    """read_groups gives the names of a user's groups, and which of them are only groups above those: a group's
    members are members of its parents (0.12)."""
    from open_webui.models.groups import Groups
    method, names = Groups.get_groups_by_member_id, []
    direct = [group.name for group in await settled(method(user_id))]
    if "include_inherited" in inspect.signature(method).parameters:
        names = [group.name for group in await settled(method(user_id, include_inherited=True))]
    inherited = fit_groups([name for name in names if name not in direct])
    return fit_groups(direct + inherited), inherited


async def read_connections(state):
    """read_connections lists the connections' addresses and what stands before their models' names."""
    try:
        from open_webui.models.config import Config  # 0.10 and later
        urls, settings = [await settled(Config.get(f"openai.{name}")) for name in ("api_base_urls", "api_configs")]
    except ImportError:
        urls, settings = state.config.OPENAI_API_BASE_URLS, getattr(state.config, "OPENAI_API_CONFIGS", None)
    settings = settings if isinstance(settings, dict) else {}
    found = [settings.get(str(index)) or settings.get(url) or {} for index, url in enumerate(urls)]
    return [(url, one.get("prefix_id")) for url, one in zip(urls, found)]


PLATFORMS = {"openai.com": "openai", "anthropic.com": "anthropic", "azure.com": "azure",
             "googleapis.com": "google"}  # by the end of the connection's host


async def connection_of(model, request):
    """connection_of gives the address of a model's connection, "ollama" for one of Ollama's, None if not known; and
    the model's name there."""
    state = request.app.state
    for _ in range(4):  # a workspace model may stand on a workspace model
        base = (model.get("info") or {}).get("base_model_id")
        if not base or "urlIdx" in model:
            break
        model = state.MODELS.get(base) or {"id": base}
    name, index = model.get("id"), model.get("urlIdx")
    if model.get("owned_by") == "ollama":
        return "ollama", name
    connections = await cached(("urls",), URLS_TTL_S, lambda: read_connections(state), [])
    if not isinstance(index, int) or not 0 <= index < len(connections):
        return None, name
    url, prefix = connections[index]
    return url if isinstance(url, str) else None, name.removeprefix(f"{prefix}.") if prefix and name else name


def platform_at(address):
    """platform_at names who bills, None for an unknown one, and the host: OpenRouter where its name is anywhere in the
    address, as in a proxy's path; others by the end of the host."""
    if not address or address == "ollama":
        return address, None
    host = urllib.parse.urlsplit(address).hostname or ""
    ends = (name for end, name in PLATFORMS.items() if host == end or host.endswith("." + end))
    return "openrouter" if "openrouter.ai" in address else next(ends, None), fit_text(host, TEXT_LIMITS["platform"])


def task_ended(turn_id, task):
    """task_ended closes a turn whose last task is gone: stopped, failed or done.
    Up to 0.8 inlet and stream run in different tasks, hence a set of them."""
    try:
        turn = runtime().turns.get(turn_id)
        if turn is not None:
            turn.tasks.discard(task)
            # Open WebUI may swallow the cancellation; cancelling() remembers it.
            turn.cancelled |= task.cancelled() or bool(task.cancelling())
            turn.over |= turn.cancelled or (not turn.tasks and turn.requests > 0)  # its stream has ended
            if not turn.tasks:
                turn.body = None
                note_missed(turn)
                runtime().settle(turn, ended=True)
    except Exception as error:
        say_error("task end", error)


def follow(turn):
    turn.touched, task = time.monotonic(), asyncio.current_task()
    if task is not None and task not in turn.tasks:
        turn.tasks.add(task)
        task.add_done_callback(functools.partial(task_ended, turn.id))


def turn_of(metadata, about=None):
    """turn_of finds the turn by our mark.  A chunk whose turn is not known (the
    plugin was updated in the middle of it) begins it again with about()."""
    if not isinstance(metadata, dict) or metadata.get("direct"):
        return None  # direct: the user's own key in the browser, not our bill
    mark = metadata.get(MARK)
    known_id = mark.get("turn") if isinstance(mark, dict) else None
    turn = runtime().turns.get(known_id)
    if turn is None and about is not None:
        turn = Turn(about(), known_id)
        metadata[MARK] = {"turn": turn.id}
        runtime().add_turn(turn)
    return turn


def continues(body, metadata):
    """continues tells an answer that goes on: what Open WebUI has stored of it holds what came before."""
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return bool(metadata.get("assistant_message_id")) or (isinstance(last, dict) and last.get("role") == "assistant")


def tag(body, turn, user_id=None):
    """tag writes into a request to OpenRouter what its own records bring back: the user, the chat and the turn."""
    if user_id:
        body["user"] = user_id
        session = f"owui|{user_id}|{turn.about.get('chat_id') or ''}||"
        if turn.about.get("chat_id") and len(session) <= 256:  # also OpenRouter's key for a chat's provider
            body["session_id"] = session
        turn.user = user_id
    trace = body.get("trace") if isinstance(body.get("trace"), dict) else {}
    trace = {name: value for name, value in trace.items() if not str(name).startswith("owui_")}  # ours alone
    number = {"owui_request": turn.asked} if turn.asked else {}
    body["trace"] = {**trace, "owui_turn": turn.id, **number, **sign(body, turn)}


def sign(body, turn):
    """sign proves to the gateway, which Broadcast shows the tag, that it is this plugin's: the turn, the request's number
    and the user.  The model is not covered, because OpenRouter may answer with another than was asked for."""
    key, user = getattr(runtime().spool, "tag_key", ""), getattr(turn, "user", None)
    if not key or not user or body.get("user") != user:
        return {}
    text = f"owui-tag-1\n{turn.id}\n{turn.asked}\n{user}"
    return {"owui_mac": hmac.new(key.encode(), text.encode(), "sha256").hexdigest()[:32]}


class Filter:
    class Valves(BaseModel):
        endpoint: str = Field("", description="Address of the metering gateway, e.g. http://gateway:45000")
        api_key: str = Field("", description="The gateway's ingest key (API_KEY)",
                             json_schema_extra={"input": {"type": "password"}})
        tap: bool = Field(True, description=(
            "See every request to a model provider, those past all filters too (titles, tags, /openai/*, embeddings, "
            "images): read along in this process's HTTP clients. Off: only what a filter sees"))
        show_cost: bool = Field(False, description="Show cost and tokens above each answer")
        send_name_and_email: bool = Field(True, description="Send the user's name and e-mail, not the id alone")
        send_groups: bool = Field(True, description="Send the names of the user's groups")
        tag_openrouter_user: bool = Field(True, description=(
            "Give OpenRouter the user's id, the chat's and the turn's as the fields 'user', 'session_id' and 'trace' of "
            "each request (OpenRouter connections only)"))
        priority: int = Field(1000, description="High, so that this filter runs after all others")

        def __init__(self, **stored):
            # Whatever is stored must load: otherwise Open WebUI lets every chat fail.
            kept, words = {}, {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
            for name, value in stored.items():
                if name in ("endpoint", "api_key"):
                    kept[name] = value.strip() if isinstance(value, str) else ""
                elif name == "priority":
                    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
                    kept[name] = int(value) if usable else 1000
                elif str(value).lower() in words:
                    kept[name] = words[str(value).lower()]
            super().__init__(**kept)

    # No self.valves: with it Open WebUI up to 0.10 reads the database for every chunk.

    async def inlet(self, body, __user__=None, __metadata__=None, __model__=None, __request__=None, __id__=None):
        try:
            if not isinstance(__metadata__, dict) or __metadata__.get("direct"):
                return body
            valves = await stored_valves(__id__)
            belongs_to(__id__)
            self.switch_tap(valves)
            runtime().configure(valves)
            user, groups = __user__ if isinstance(__user__, dict) else {}, None
            if valves.send_groups and user.get("id"):
                groups = await groups_of(user["id"])
            __metadata__.pop(MARK, None)
            turn = turn_of(__metadata__, lambda: describe(
                user, __metadata__, body.get("model"), groups, valves.send_name_and_email))
            holder().turn.set(turn.id)
            follow(turn)
            turn.continues, turn.streams = continues(body, __metadata__), bool(body.get("stream"))
            turn.tapped = holder().tap is not None and holder().tap.state == "on"
            if isinstance(__model__, dict):
                turn.piped = bool(__model__.get("pipe"))
                address, turn.model = await connection_of(__model__, __request__)
                turn.platform, turn.host = platform_at(address)
            # Only if it is sure: other providers refuse unknown fields.
            if valves.tag_openrouter_user and user.get("id") and turn.platform == "openrouter":
                turn.tagged = True
                tag(body, turn, str(user["id"]))
        except Exception as error:
            say_error("inlet", error)
        return body

    async def request(self, body, __metadata__=None):
        try:
            turn = turn_of(__metadata__)
            if turn is not None:
                turn.asked += 1
                turn.expect_request()
                if turn.tagged:
                    tag(body, turn)
        except Exception as error:
            say_error("request", error)
        return body

    async def stream(self, event, __user__=None, __metadata__=None, __model__=None, __body__=None):
        try:
            turn = turn_of(__metadata__)
            if turn is not None and turn.current is not None and is_held(turn.id) and not tells(event):
                turn.touched = time.monotonic()
                return event
            for data in events_in(event):
                frame = read_frame(data) if data else None
                if data is None or frame is not None:
                    turn = turn_of(__metadata__, lambda: describe(
                        __user__, __metadata__, (__model__ or {}).get("id")))
                    if turn is None:
                        break
                    follow(turn)
                    if data is None:
                        turn.done = True
                        runtime().settle(turn)
                    else:
                        runtime().observe(turn, frame, __body__)
        except Exception as error:
            say_error("stream", error)
        return event

    async def outlet(self, body, __user__=None, __metadata__=None, __event_emitter__=None, __id__=None):
        try:
            turn = turn_of(__metadata__)  # without our mark this may be a forged call: nothing billable
            if turn is not None:
                self.take_outlet(turn, body)
                note_missed(turn)
                runtime().settle(turn)
            if __event_emitter__ is not None and (await stored_valves(__id__)).show_cost:
                text = summary(self.usages_of(turn, __user__, body.get("id")))
                if text:
                    status = {"type": "status", "data": {"description": text, "done": True}}
                    await asyncio.wait_for(__event_emitter__(status), 2.0)
        except Exception as error:
            say_error("outlet", error)
        return body

    @staticmethod
    def switch_tap(valves):
        try:
            if valves.tap:
                tap_on()
            else:
                tap_off("off", "switched off by the valve")
        except Exception as error:
            fault("switch", error)

    @staticmethod
    def take_outlet(turn, body):
        """take_outlet: where nothing was streamed, outlet has the usage of the whole turn; of an answer that goes on
        it has what came before, too, and is not used."""
        turn.over = True
        # An API call's metadata name no message; an older filter beside this one goes by outlet's.
        turn.about["message_id"] = turn.about.get("message_id") or fit_id(body.get("id"), ID_LIMITS["message_id"])
        if turn.requests or turn.generations or turn.continues and turn.asked:
            return
        generation = turn.add(None, "filter-outlet")
        generation.finished = True
        if not turn.continues:
            answers = [m for m in body.get("messages") or [] if isinstance(m, dict) and m.get("role") == "assistant"]
            generation.usage = pick_usage((answers or [{}])[-1].get("usage"), totals_first=True)

    @staticmethod
    def usages_of(turn, user, message_id):
        """usages_of lists the usage of each request of an answer, of all its turns: it may have paused or gone on.
        Up to 0.8 outlet comes in a request of its own, after the turn."""
        def is_same(other):
            about = other.about
            return message_id and about["message_id"] == message_id and about["user"].get("id") == (user or {}).get("id")

        usages = []
        for other in runtime().turns.copy().values():
            if other is turn or is_same(other):
                usages += (other.answers.values() if is_held(other.id) else [g.usage for g in other.generations.values()])
        return usages


def switch_at_exec():
    """switch_at_exec: after a restart the first request may pass by all filters.  Open WebUI runs this file when it is
    saved, too, so that the function is asked first whether it is on."""
    name = __name__.removeprefix("function_")
    if name == __name__:
        return

    async def ask():
        try:
            for function_id in (name, re.sub("_[0-9a-f]{32}$", "", name)):
                stored = await settled(read_function(function_id))
                if stored is not None:
                    if stored.is_active and stored.is_global:
                        belongs_to(function_id)
                        await switch(function_id)
                    return
        except Exception as error:
            say_error("exec", error)

    with contextlib.suppress(RuntimeError):  # no loop runs: the first chat does it
        holder().at_exec = asyncio.get_running_loop().create_task(ask())


install()
switch_at_exec()
