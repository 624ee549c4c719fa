"""
title: OpenRouter Metering
author: OWUI-Metering
version: 1.0.0
license: AGPL-3.0-or-later
description: Sends who used which model, how many tokens and at what cost to the metering gateway. Ids and numbers, never a word of a chat. Cannot break or delay a chat.
"""
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# Promise   No hook raises, waits for the network or changes what it was given
#           (one exception: body["user"], and only for OpenRouter).
# Threads   Hooks run on Open WebUI's event loop and only queue in memory.  The
#           writer thread brings the queue to disk, the sender thread brings the
#           disk to the gateway.  Both are daemons, one pair per process.
# Failure   A record leaves the disk only when the gateway said that it has it.
#           It may be sent twice; its record_id makes that harmless.
# Owner     The runtime lives in sys.modules and outlives a re-exec of this
#           file; the newer exec takes over and stops the older one's threads.

import asyncio
import atexit
import contextlib
import email.utils
import encodings.idna  # sockets import it on first use; a fork in the middle of that would break it for good
import functools
import http.client
import inspect
import json
import logging
import math
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
import types
import urllib.parse
import uuid
from collections import OrderedDict, deque
from datetime import datetime, timezone
from decimal import Decimal

from pydantic import BaseModel, Field

VERSION = "1.0.0"
MARK = "_openwebui_metering"  # our key in __metadata__; holds JSON-safe values only
RUNTIME = "_openwebui_metering_runtime"  # our key in sys.modules

QUEUE_LIMIT = 20_000  # records in memory; the writer empties it many times a second
SPOOL_LIMIT, REJECTED_LIMIT = 1_000_000, 100_000  # records on disk, about 1 kB each
BATCH_LIMIT = 500  # records per HTTP request
LONG_LINE = 256 * 1024  # frames with ids and usage are short; images are not
IDS_PER_REQUEST = 16  # some providers invent a new id for every chunk
TURN_LIMIT = 5_000
GATHER_S = 0.05  # lets neighbouring records share a transaction
SETTLE_S = 1.0  # a second usage frame may follow the first: the last one counts
SWEEP_AFTER_S = 15 * 60
HTTP_TIMEOUT_S = 10
EXIT_WRITERS_S, EXIT_SENDER_S = 1.5, 0.4
BACKOFF_MAX_S, RETRY_AFTER_MAX_S = 60.0, 3600.0
VALVES_TTL_S, GROUPS_TTL_S, URLS_TTL_S = 10, 300, 30

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


def clean(value, limit=256):
    """clean makes text that any JSON parser takes: no controls, no lone surrogates."""
    if not isinstance(value, str):
        return None
    text = value[:limit].encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in text if c >= " " and c != "\x7f") or None


def clean_id(value):
    """clean_id refuses what it cannot keep whole: half an id is a wrong id."""
    return value if isinstance(value, str) and value and clean(value) == value else None


def number(value):
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if usable else None


def known(fields):
    return {name: value for name, value in fields.items() if value is not None}


async def settled(value):
    """settled: Open WebUI's tables answer at once up to 0.8, by coroutine later."""
    return await value if inspect.isawaitable(value) else value


# What a provider says --------------------------------------------------------

USAGE = {  # our name: the provider's names for it; the first that holds a number counts
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
    "cost": ("cost",),
    "cost_details.upstream_inference_cost": ("cost_details.upstream_inference_cost",),
    "prompt_tokens_details.cached_tokens": (
        "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens", "cache_read_input_tokens"),
    "prompt_tokens_details.cache_write_tokens": (
        "prompt_tokens_details.cache_write_tokens", "input_tokens_details.cache_write_tokens",
        "cache_creation_input_tokens"),
    "completion_tokens_details.reasoning_tokens": (
        "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
}


def pick_usage(raw, totals_first=False):
    """pick_usage copies the numbers that are billed by; it never adds anything up.
    totals_first: in outlet the input/output names are the sums of the turn."""
    if not isinstance(raw, dict):
        return None
    usage = {"is_byok": raw["is_byok"]} if isinstance(raw.get("is_byok"), bool) else {}
    for ours, theirs in USAGE.items():
        group, _, leaf = ours.rpartition(".")
        for name in reversed(theirs) if totals_first else theirs:
            value = raw
            for step in name.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            if number(value) is not None:
                place = usage.setdefault(group, {}) if group else usage
                place[leaf] = int(value) if leaf.endswith("tokens") else value
                break
    return usage or None


class Frame:
    """One stream event, reduced to what metering needs."""

    def __init__(self, source, finished, failed):
        self.id, self.model = clean_id(source.get("id")), clean(source.get("model"))
        self.provider, self.usage = clean(source.get("provider")), pick_usage(source.get("usage"))
        self.finished, self.failed = finished, failed


def read_frame(event):
    """read_frame returns None for events that are not a provider's."""
    kind = event.get("type")
    if isinstance(kind, str) and kind.startswith("response."):  # Responses API
        ended = kind in ("response.completed", "response.incomplete", "response.failed")
        inner = event.get("response")
        return Frame(inner, ended, kind == "response.failed") if isinstance(inner, dict) else None
    if not ("choices" in event or "usage" in event or event.get("error")):
        return None
    choices = event["choices"] if isinstance(event.get("choices"), list) else []
    reasons = [c["finish_reason"] for c in choices if isinstance(c, dict) and c.get("finish_reason")]
    # OpenRouter sends usage once and last, sometimes with no choices at all.
    last = bool(reasons) or (not choices and bool(event.get("usage")))
    return Frame(event, last, bool(event.get("error")) or "error" in reasons)


def events_in(chunk):
    """events_in yields the JSON objects of a chunk: of a dict, or of the raw SSE
    lines of an API caller.  Where the stream says [DONE] it yields None."""
    if isinstance(chunk, dict):
        yield chunk
    elif isinstance(chunk, (bytes, str)) and len(chunk) <= LONG_LINE:
        text = chunk if isinstance(chunk, str) else chunk.decode("utf-8", "replace")
        for line in text.split("\n"):
            payload = line.strip()[5:].strip() if line.lstrip().startswith("data:") else ""
            if payload == "[DONE]":
                yield None
            elif payload.startswith("{"):
                with contextlib.suppress(ValueError):
                    yield json.loads(payload)


# One turn of a chat ----------------------------------------------------------


class Generation:
    """One upstream request.  key is the provider's id, or '<turn>:<n>' without one."""

    def __init__(self, key, gen_id, source, started_at):
        self.key, self.id, self.source, self.started_at = key, gen_id, source, started_at
        self.model = self.provider = self.usage = self.finished_at = self.sent = None
        self.finished = self.failed = False


class Turn:
    """inlet to outlet of one answer.  All generations of a tool loop belong to it."""

    def __init__(self, about):
        self.id, self.about = uuid.uuid4().hex, about  # about: the fields all its records share
        self.generations = OrderedDict()
        self.tasks, self.touched = set(), time.monotonic()
        self.current = self.body = None
        self.requests = self.ids = 0
        self.cancelled = self.done = False
        self.host = None  # of the connection
        self.expect_request()

    def expect_request(self):
        """expect_request: the next frame is the first of an upstream request."""
        self.new_request, self.request_at = True, now_iso()

    def begins_request(self, frame, body):
        last = self.current
        if self.new_request or (body is not None and body is not self.body):
            return True
        # With neither ids nor request bodies to tell requests apart, text after
        # usage is the next request; usage after usage is a repetition.
        return (body is None and frame.id is None and last is not None and last.id is None
                and last.finished and bool(last.usage) and not frame.usage and not frame.failed)

    def begin_request(self, body):
        # Holding the body keeps its address from being used for the next one.
        self.new_request, self.current, self.body, self.ids = False, None, body, 0
        self.requests += 1

    def generation_for(self, frame):
        last = self.current
        if last is None:
            # An error without an id is a request that never became a generation.
            if frame.id or not frame.failed:
                self.current = self.generations.get(frame.id) or self.add(frame.id)
        elif frame.id and frame.id != last.id:
            if last.id is None and last.sent is None:  # the id came later than the first frame
                del self.generations[last.key]
                last.key = last.id = frame.id
                self.generations[frame.id] = last
            elif self.ids < IDS_PER_REQUEST:
                self.ids += 1
                self.current = self.generations.get(frame.id) or self.add(frame.id)
        return self.current

    def add(self, gen_id, source="filter-stream"):
        started, self.request_at = self.request_at or now_iso(), None
        generation = Generation(gen_id or f"{self.id}:{max(self.requests, 1)}", gen_id, source, started)
        self.generations[generation.key] = generation
        return generation

    def end_state(self, generation):
        if generation.failed:
            return "error"
        if generation.finished or (generation.usage and not self.cancelled):
            return "final"
        # An API stream that stopped in the middle was left by its client.
        left = self.about.get("origin") == "api" and not self.done
        return "cancelled" if self.cancelled or left else "error"

    def platform_of(self, generation):
        """platform_of says who bills.  A host that nobody knows may be a proxy before OpenRouter: it is said only
        where neither OpenRouter's id nor a cost is there."""
        known = platform_at(self.host)
        proxied = (generation.id or "").startswith("gen-") or "cost" in (generation.usage or {})
        return known or (None if proxied else clean(self.host))

    def record(self, generation, state):
        return {"generation_id": generation.id, **known({
            "v": 1, "record_id": str(uuid.uuid4()), "state": state, "source": generation.source,
            "turn_id": self.id if generation.id else generation.key, **known(self.about),
            "model": generation.model, "provider": generation.provider, "platform": self.platform_of(generation),
            "usage": generation.usage,
            "started_at": generation.started_at,
            "finished_at": None if state == "open" else generation.finished_at or now_iso()})}

    def summary(self):
        """summary is the line under an answer, or None if no figure is known."""
        usages = [g.usage for g in self.generations.values() if g.usage]
        costs = [Decimal(repr(usage["cost"])) for usage in usages if "cost" in usage]
        if not usages:
            return None
        text = f"{sum(costs).normalize():f} USD" if len(costs) == len(self.generations) else "cost not known yet"
        for name, label in (("prompt_tokens", "tokens in"), ("completion_tokens", "out")):
            text += f", {sum(usage.get(name, 0) for usage in usages)} {label}"
        return text if len(self.generations) == 1 else f"{text}, {len(self.generations)} requests"


def describe(user, metadata, requested_model, groups=None, identity=True):
    """describe lists all that is ever said about a chat: who, where, which model."""
    user = user if isinstance(user, dict) else {}
    session, chat = metadata.get("session_id"), metadata.get("chat_id")
    origin = "ui" if session else "api"
    for text in (chat, session):  # "automation:<id>", "subagent-result:<chat>", "channel:<id>", ...
        head = text.partition(":")[0].partition("-")[0] if isinstance(text, str) and ":" in text else None
        origin = head if head in ("automation", "channel", "subagent") else origin
    person = {"id": clean_id(user.get("id") or metadata.get("user_id")), "role": clean(user.get("role")),
              "groups": groups}
    if identity:
        person.update(name=clean(user.get("name")), email=clean(user.get("email")))
    return {"chat_id": clean_id(chat), "message_id": clean_id(metadata.get("message_id")), "origin": origin,
            "task": clean(metadata.get("task")), "requested_model": clean(requested_model), "user": known(person)}


# Disk ------------------------------------------------------------------------


def damage(error):
    """damage: busy, full and read only have classes of their own; this one means a broken file."""
    return type(error) is sqlite3.DatabaseError


class Spool:
    """Records on disk until the gateway has them, in one SQLite file that all
    worker processes of this Open WebUI share."""

    SCHEMA = """BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS record (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS rejected (at TEXT NOT NULL, reason TEXT, body TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS lease (one INTEGER PRIMARY KEY, until REAL NOT NULL);
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
                    return
            except sqlite3.DatabaseError as error:
                if last_try or not damage(error):
                    raise

    @contextlib.contextmanager
    def open(self):
        with sys.modules[RUNTIME].disk:  # a child forked from an open connection would find the file locked for ever
            db = sqlite3.connect(self.path, timeout=5.0)
            try:
                with db:  # commits, or rolls back
                    yield db
            except sqlite3.DatabaseError as error:
                if damage(error):
                    say("damaged", "the spool is damaged: it is kept beside a new one")
                    os.rename(self.path, f"{self.path}.damaged-{time.time_ns()}")
                raise
            finally:
                db.close()

    def save(self, records):
        with self.open() as db:
            db.executemany("INSERT INTO record (body) VALUES (?)", [(json.dumps(r),) for r in records])
            (newest,) = db.execute("SELECT max(seq) FROM record").fetchone()
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

    def configure(self, endpoint, api_key):
        if (endpoint, api_key) != (self.endpoint, self.api_key):
            self.endpoint, self.api_key, self.failures, self.not_before = endpoint, api_key, 0, 0.0
            self.new_file.set()
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
            in_memory = len(self.queue) + self.saving + sum(
                elder.saving + (0 if elder.queue is self.queue else len(elder.queue)) for elder in self.elders)
        return in_memory + (self.spool.count() if self.spool else 0)

    def emit(self, turn, generation, state):
        with self.lock:
            said = (state, generation.model, generation.provider, json.dumps(generation.usage))
            if generation.sent != said:
                generation.sent = said
                self.put(turn.record(generation, state))

    def observe(self, turn, frame, body):
        with self.lock:
            if turn.begins_request(frame, body):
                self.settle(turn)
                turn.begin_request(body)
            generation = turn.generation_for(frame)
            if generation is None:
                return
            generation.model = frame.model or generation.model
            generation.provider = frame.provider or generation.provider
            generation.usage = frame.usage or generation.usage  # the last one counts
            generation.finished |= frame.finished
            generation.failed |= frame.failed
            if frame.usage or frame.finished:
                generation.finished_at = now_iso()
            if generation.id and generation.sent is None:
                self.emit(turn, generation, "open")
            if generation.usage and generation.finished:
                self.due.append((time.monotonic() + SETTLE_S, turn, generation))
                self.new_record.set()

    def settle(self, turn, ended=False):
        """settle sends what is finished and, when the turn has ended, the rest too."""
        with self.lock:
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

    def write_forever(self):
        while not (self.stopping and not self.queue):
            self.new_record.wait(0.25 if self.due else 30.0)
            self.new_record.clear()
            try:
                if not self.stopping:
                    time.sleep(GATHER_S)
                    self.tick()
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
                wait = self.send_some()
            except Exception as error:
                say_error("sender", error)
                if damage(error):
                    self.spool = None
            if wait:
                self.new_file.wait(wait)
                self.new_file.clear()

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

    def deliver(self, batch):
        try:
            status, retry_after, reply = post(self.endpoint, self.api_key, [body for _, body in batch])
        except Exception as error:  # its text could quote the key: the name must do
            return self.later(f"the gateway cannot be reached ({type(error).__name__})")
        listed = reply.get("rejected", []) if isinstance(reply, dict) else None
        refused = [(batch[r["index"]][1], clean(str(r.get("reason")))) for r in listed] if isinstance(listed, list) else []
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


def post(endpoint, api_key, bodies):
    """post returns status, Retry-After in seconds and the JSON reply (or None).
    No redirects, no proxy settings: the key goes where the admin pointed."""
    url = urllib.parse.urlsplit(endpoint if "://" in endpoint else "http://" + endpoint)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=HTTP_TIMEOUT_S)
    reply, seconds = None, 0.0
    with contextlib.closing(connection):
        connection.request("POST", url.path.rstrip("/") + "/api/v1/events", "[" + ",".join(bodies) + "]", {
            "Authorization": f"Bearer {api_key}", "Content-Type": "application/json",
            "User-Agent": f"openwebui-metering/{VERSION}"})
        response = connection.getresponse()
        text, after = response.read(1 << 20), (response.getheader("Retry-After") or "").strip()
    with contextlib.suppress(ValueError):
        reply = json.loads(text)
    with contextlib.suppress(ValueError, TypeError):  # a number of seconds or a date
        seconds = float(after) if after.isdigit() else email.utils.parsedate_to_datetime(after).timestamp() - time.time()
    return response.status, seconds, reply


def runtime():
    """runtime finds this process's runtime: a forked child needs one of its own."""
    current = getattr(sys.modules.get(RUNTIME), "current", None)
    return current if current is not None and current.pid == os.getpid() else install()


def install():
    holder = sys.modules.setdefault(RUNTIME, types.ModuleType(RUNTIME))
    if not hasattr(holder, "disk"):
        holder.disk = lock = threading.Lock()
        atexit.register(lambda: holder.current.close())
        if hasattr(os, "register_at_fork"):  # no fork while the disk is in use
            os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    old = getattr(holder, "current", None)
    old = old if old is not None and old.pid == os.getpid() else None
    holder.current = Runtime(old)
    if old is not None:
        old.stop()
        if holder.current.endpoint:
            holder.current.start("sender", holder.current.send_forever)
    return holder.current


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


async def read_groups(user_id):
    from open_webui.models.groups import Groups
    groups = await settled(Groups.get_groups_by_member_id(user_id))
    return [name for name in (clean(getattr(group, "name", None)) for group in groups[:50]) if name]


async def read_base_urls(state):
    try:
        from open_webui.models.config import Config  # 0.10 and later
    except ImportError:
        return list(state.config.OPENAI_API_BASE_URLS)
    return list(await settled(Config.get("openai.api_base_urls")))


PLATFORMS = {"openrouter.ai": "openrouter", "openai.com": "openai", "anthropic.com": "anthropic", "azure.com": "azure",
             "googleapis.com": "google"}  # by the end of the connection's host


async def host_of(model, request):
    """host_of names the host of a model's connection, "ollama" for one of Ollama's; None if that is not known."""
    state = request.app.state
    for _ in range(4):  # a workspace model may stand on a workspace model
        base = (model.get("info") or {}).get("base_model_id")
        if not base or "urlIdx" in model:
            break
        model = state.MODELS.get(base)
    if model.get("owned_by") == "ollama":
        return "ollama"
    urls, index = await cached(("urls",), URLS_TTL_S, lambda: read_base_urls(state), []), model.get("urlIdx")
    if not isinstance(index, int) or not 0 <= index < len(urls):
        return None
    return urllib.parse.urlsplit(urls[index]).hostname


def platform_at(host):
    """platform_at names who bills what a host answers; None for a host that nobody knows."""
    ends = (name for end, name in PLATFORMS.items() if host == end or (host or "").endswith("." + end))
    return "ollama" if host == "ollama" else next(ends, None)


def task_ended(turn_id, task):
    """task_ended closes a turn whose last task is gone: stopped, failed or done.
    Up to 0.8 inlet and stream run in different tasks, hence a set of them."""
    try:
        turn = runtime().turns.get(turn_id)
        if turn is not None:
            turn.tasks.discard(task)
            # Open WebUI may swallow the cancellation; cancelling() remembers it.
            turn.cancelled |= task.cancelled() or bool(task.cancelling())
            if not turn.tasks:
                turn.body = None
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
    plugin was updated in the middle of it) begins one with about()."""
    if not isinstance(metadata, dict) or metadata.get("direct"):
        return None  # direct: the user's own key in the browser, not our bill
    mark = metadata.get(MARK)
    turn = runtime().turns.get(mark.get("turn")) if isinstance(mark, dict) else None
    if turn is None and about is not None:
        turn = Turn(about())
        metadata[MARK] = {"turn": turn.id}
        runtime().add_turn(turn)
    return turn


class Filter:
    class Valves(BaseModel):
        endpoint: str = Field("", description="Address of the metering gateway, e.g. http://gateway:45000")
        api_key: str = Field("", description="The gateway's ingest key (API_KEY)",
                             json_schema_extra={"input": {"type": "password"}})
        show_cost: bool = Field(False, description="Show cost and tokens under each answer")
        send_name_and_email: bool = Field(True, description="Send the user's name and e-mail, not the id alone")
        send_groups: bool = Field(True, description="Send the names of the user's groups")
        tag_openrouter_user: bool = Field(True, description=(
            "Give OpenRouter the user's id as the field 'user' of each request (OpenRouter connections only)"))
        priority: int = Field(1000, description="High, so that this filter runs after all others")

        def __init__(self, **stored):
            # Whatever is stored must load: otherwise Open WebUI lets every chat fail.
            kept, words = {}, {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
            for name, value in stored.items():
                if name in ("endpoint", "api_key"):
                    kept[name] = value.strip() if isinstance(value, str) else ""
                elif name == "priority":
                    kept[name] = int(value) if number(value) is not None else 1000
                elif str(value).lower() in words:
                    kept[name] = words[str(value).lower()]
            super().__init__(**kept)

    # No self.valves: with it Open WebUI up to 0.10 reads the database for every chunk.

    async def inlet(self, body, __user__=None, __metadata__=None, __model__=None, __request__=None, __id__=None):
        try:
            if not isinstance(__metadata__, dict) or __metadata__.get("direct"):
                return body
            valves = await self.stored_valves(__id__)
            runtime().configure(valves.endpoint, valves.api_key)
            user, groups = __user__ if isinstance(__user__, dict) else {}, None
            if valves.send_groups and user.get("id"):
                groups = await cached(("groups", user["id"]), GROUPS_TTL_S, lambda: read_groups(user["id"]), None)
            __metadata__.pop(MARK, None)
            turn = turn_of(__metadata__, lambda: describe(
                user, __metadata__, body.get("model"), groups, valves.send_name_and_email))
            follow(turn)
            turn.host = await host_of(__model__, __request__) if isinstance(__model__, dict) else None
            # Only if it is sure: other providers refuse unknown fields.
            if valves.tag_openrouter_user and user.get("id") and platform_at(turn.host) == "openrouter":
                body["user"] = str(user["id"])
        except Exception as error:
            say_error("inlet", error)
        return body

    async def request(self, body, __metadata__=None):
        try:
            turn = turn_of(__metadata__)
            if turn is not None:
                turn.expect_request()
        except Exception as error:
            say_error("request", error)
        return body

    async def stream(self, event, __user__=None, __metadata__=None, __model__=None, __body__=None):
        try:
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
            if turn is not None and turn.requests == 0 and not turn.generations:  # nothing was streamed
                answers = [m for m in body.get("messages") or [] if m.get("role") == "assistant"]
                generation = turn.add(None, "filter-outlet")
                generation.usage = pick_usage((answers or [{}])[-1].get("usage"), totals_first=True)
                generation.finished = True
                # An API call's metadata name no message; an older filter beside this one goes by outlet's.
                turn.about["message_id"] = turn.about.get("message_id") or clean_id(body.get("id"))
            if turn is not None:
                runtime().settle(turn)
            if __event_emitter__ is not None and (await self.stored_valves(__id__)).show_cost:
                turn = turn or self.finished_turn(__user__, body.get("id"))
                text = turn.summary() if turn else None
                if text:
                    status = {"type": "status", "data": {"description": text, "done": True}}
                    await asyncio.wait_for(__event_emitter__(status), 2.0)
        except Exception as error:
            say_error("outlet", error)
        return body

    async def stored_valves(self, function_id):
        stored = await cached(("valves", function_id), VALVES_TTL_S, lambda: read_valves(function_id), None)
        return self.Valves(**stored) if isinstance(stored, dict) else self.Valves()

    def finished_turn(self, user, message_id):
        """finished_turn: up to 0.8 outlet comes in a request of its own, after the turn."""
        for turn in reversed(list(runtime().turns.values())):
            if message_id and turn.about["message_id"] == message_id and turn.about["user"].get("id") == user["id"]:
                return turn
        return None


install()
