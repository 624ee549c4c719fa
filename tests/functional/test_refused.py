# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the doors could not take is seen by others than its sender: as a list, in the pipeline, in the log; never what was sent."""
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
from otlp import span, trace
from records import record

JSON = {"Content-Type": "application/json"}
MARKER = "MARKER-of-what-was-sent"
EVENTS, RECORD, TRACES = "/api/v1/events", "/api/v1/metering/record", "/api/v1/traces"


def refused(stack, program):
    """refused gives (door, reason, count) of the lines of one program, newest first."""
    items = stack.read.get("/api/v1/refused").json()["items"]
    return [(i["door"], i["reason"], i["count"]) for i in items if i["sender"] == f"127.0.0.1 {program}"]


def as_program(name, **more):
    return {**JSON, "User-Agent": name, **more}


@pytest.mark.parametrize("path, body, line", [
    (EVENTS, b"{", ("events", "not valid JSON", 1)), (EVENTS, b'[{"x":', ("events", "not valid JSON", 1)),
    (EVENTS, b"[5, 6, {}]", ("events", "no generation_id and no turn_id", 1)),
    (EVENTS, json.dumps([record(), [], 7, None]).encode(), ("events", "not an object", 3)),
    (RECORD, b"{", ("record", "not valid JSON", 1)), (RECORD, b"[]", ("record", "not an object", 1)),
    (RECORD, b'{"user":{"id":"u"},"activity":{"model":"m"}}', ("record", "no activity with an id", 1)),
    (TRACES, b"{", ("traces", "not a trace as OTLP has it", 1)),
    (TRACES, json.dumps(trace(span(attrs={"gen_ai.response.id": None}), span(attrs={"gen_ai.response.id": None}))).encode(),
     ("traces", "gen_ai.response.id: is missing", 2)),
    (EVENTS, b" " * (9 << 20), ("events", "too large for one body", 1)), (RECORD, b" " * (1 << 20), ("record", "too large for one body", 1)),
    (TRACES, b" " * (17 << 20), ("traces", "too large for one body", 1)),
], ids=lambda v: v if isinstance(v, str) else "")
def test_each_door_says_what_it_could_not_take(stack, request, path, body, line):
    program = f"sender-{abs(hash(request.node.name))}/1"
    for _ in range(2):
        stack.ingest.request("POST", path, body=body, headers=as_program(program))
    door, reason, count = line
    assert (door, reason, 2 * count) in refused(stack, program)


def test_media_that_are_not_taken(stack):
    for path, headers in ((EVENTS, {"Content-Type": "text/plain"}), (RECORD, {"Content-Encoding": "gzip"}), (TRACES, {"Content-Encoding": "br"})):
        stack.ingest.request("POST", path, body=gzip.compress(b"{}"), headers=as_program("media/1", **headers), expect=415)
    assert [(d, c) for d, _, c in refused(stack, "media/1")] == [("traces", 1), ("record", 1), ("events", 1)]


def test_lines_are_newest_first_and_have_their_times(stack):
    before = datetime.now(timezone.utc)
    for program in ("first/1", "second/1", "first/1"):
        stack.ingest.post(EVENTS, [5], headers=as_program(program), expect=400)
    items = [i for i in stack.read.get("/api/v1/refused").json()["items"] if i["sender"][10:] in ("first/1", "second/1")]
    assert [(i["sender"], i["count"]) for i in items] == [("127.0.0.1 first/1", 2), ("127.0.0.1 second/1", 1)]
    first, last = (datetime.fromisoformat(items[0][name].replace("Z", "+00:00")) for name in ("first_at", "last_at"))
    assert before <= first < last <= datetime.now(timezone.utc)
    assert stack.session().get("/api/v1/refused").status == 200


def test_what_is_repaired_or_not_allowed_is_not_listed(stack):
    stack.ingest.post(EVENTS, record(cost=-1), headers=as_program("quiet/1"))
    stack.nobody.post(EVENTS, [5], headers=as_program("quiet/1"), expect=401)
    stack.read.post(EVENTS, [5], headers=as_program("quiet/1"), expect=403)
    assert refused(stack, "quiet/1") == []


def test_nothing_of_what_was_sent_is_kept(stack):
    stack.ingest.request("POST", EVENTS, body=b'{"a": ' + MARKER.encode(), headers=as_program("marker/1"), expect=400)
    stack.ingest.post(EVENTS, [MARKER, {"user": {"id": MARKER}}], headers=as_program("marker/1"), expect=400)
    stack.ingest.post(RECORD, {"user": {"name": MARKER}}, headers=as_program("marker/1"), expect=400)
    assert len(refused(stack, "marker/1")) == 4
    assert MARKER not in stack.read.get("/api/v1/refused").text and MARKER not in stack.gateway.log
    for path in (stack.folder / "spool0").iterdir():
        assert MARKER.encode() not in path.read_bytes(), path


def test_a_sender_s_name_is_cut_and_cleaned(stack):
    stack.ingest.post(EVENTS, [5], headers=as_program("x" * 100), expect=400)
    stack.ingest.post(EVENTS, [5], headers=as_program("aüé"), expect=400)
    assert refused(stack, "x" * 64) and refused(stack, "a??")


def test_it_survives_a_kill_and_the_pipeline_counts(stack):
    before = stack.read.get("/api/v1/pipeline").json()["refused"]
    stack.ingest.post(EVENTS, [1, 2, 3, record()], headers=as_program("killed/1"))
    stack.gateway.kill()
    stack.gateway.start()
    stack.wait_ready()
    assert refused(stack, "killed/1") == [("events", "not an object", 3)]
    after = stack.read.get("/api/v1/pipeline").json()["refused"]
    assert {name: after[name] - before[name] for name in after} == {"last_day": 3, "total": 3}


def test_the_log_has_a_line_a_second_at_most(stack):
    begun, lines = datetime.now(timezone.utc), stack.gateway.log.count("refused what was sent")
    for _ in range(50):
        stack.ingest.post(EVENTS, [5], headers=as_program("loud/1"), expect=400)
    said = stack.gateway.log.count("refused what was sent") - lines
    assert said <= 2 + (datetime.now(timezone.utc) - begun).total_seconds()
    assert "refused what was sent" in stack.gateway.log and "door=events" in stack.gateway.log


def test_the_list_is_bounded(stack):
    def send(number):
        stack.ingest.post(EVENTS, [5], headers=as_program(f"many-{number}/1"), expect=400)
    stack.ingest.post(EVENTS, [5], headers=as_program("oldest/1"), expect=400)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(1005)))
    assert len(stack.read.get("/api/v1/refused").json()["items"]) == 1000
    assert refused(stack, "oldest/1") == [] and refused(stack, "many-1004/1")
