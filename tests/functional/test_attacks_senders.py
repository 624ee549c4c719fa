# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the holder of the ingest key cannot do to others by sending much."""
import json
import uuid
from datetime import datetime, timezone

import pytest
from otlp import protobuf, span, trace
from records import instant, new_generation_id, record
from stack import wait_until

EVENTS, RECORD, TRACES = "/api/v1/events", "/api/v1/metering/record", "/api/v1/traces"
LIMITED = "owui_metering_intake_limited_total"


def until_midnight():
    now = datetime.now(timezone.utc)
    return 86400 - (now.hour * 3600 + now.minute * 60 + now.second)


@pytest.fixture
def same_day():
    """same_day begins a test early enough for it to end on the same day."""
    if until_midnight() < 120:
        wait_until(lambda: until_midnight() >= 120, "the next day", deadline_s=200)  # when the day's count begins again


def limited(stack, **labels):
    found = {name: int(value) for name, value in stack.read.metrics().items() if name.startswith(LIMITED)}
    assert len(found) == 4
    return found[f'{LIMITED}{{per="{labels["per"]}",of="{labels["of"]}"}}']


def test_a_key_that_sent_the_days_records_is_told_to_wait_by_every_door(make_stack, same_day):
    stack = make_stack(settings={"gateway": {"INGEST_RECORDS_PER_DAY": "5"}})
    assert stack.ingest.send([record() for _ in range(4)])["accepted"] == 4
    assert stack.ingest.send([record() for _ in range(3)])["accepted"] == 3  # below the limit before it: taken whole
    refused = [stack.ingest.post(EVENTS, record(), expect=429),
               stack.ingest.post(RECORD, {"id": "legacy-1"}, expect=429),
               stack.ingest.request("POST", TRACES, body=json.dumps(trace(span())), headers={"Content-Type": "application/json"}, expect=429),
               stack.ingest.request("POST", TRACES, body=protobuf(trace(span())), headers={"Content-Type": "application/x-protobuf"}, expect=429)]
    for reply in refused:
        assert 0 < int(reply["Retry-After"]) <= until_midnight() + 5
    assert "INGEST_RECORDS_PER_DAY" in refused[0].json()["detail"]
    assert limited(stack, per="day", of="records") == 4
    stack.drained()
    assert len(stack.ledger("generation_id")) == 7
    assert stack.gateway.log.count("a key has sent as much as it may") == 1

    # a heartbeat, readers and sessions are not held back
    stack.ingest.post("/api/v1/senders/heartbeat", {"plugin": "1.2.3", "tap": "on"})
    stack.read.usage()


def test_the_days_count_survives_a_kill(make_stack, same_day):
    stack = make_stack(settings={"gateway": {"INGEST_RECORDS_PER_DAY": "5"}})
    stack.ingest.send([record() for _ in range(5)])
    stack.gateway.kill()
    stack.gateway.start()
    stack.wait_ready()
    stack.ingest.post(EVENTS, record(), expect=429)


def test_bodies_without_a_record_count_too(make_stack):
    stack = make_stack(settings={"gateway": {"INGEST_BYTES_PER_DAY": "1000", "INGEST_RECORDS_PER_DAY": "0"}})
    for _ in range(2):  # a first one may stand alone before midnight
        stack.ingest.post(EVENTS, "x" * 1500, expect=None, headers={"Content-Type": "application/json"})
    stack.ingest.post(EVENTS, record(), expect=429)
    assert limited(stack, per="day", of="bytes") >= 1


def test_zero_is_no_limit(make_stack):
    stack = make_stack(settings={"gateway": {f"INGEST_{unit}_PER_{span_}": "0" for unit in ("RECORDS", "BYTES") for span_ in ("MINUTE", "DAY")}})
    for _ in range(20):
        stack.ingest.send([record() for _ in range(50)])
    stack.drained()
    assert len(stack.ledger("generation_id")) == 1000


@pytest.mark.slow
def test_a_flood_of_invented_ids_delays_a_true_one_by_seconds(make_stack, stub):
    """One by one in the order of their arrival, at this rate, the true one would come after more than an hour."""
    stack = make_stack(stub=stub, settings={"costd": {"LOOKUP_RATE": "1200", "LOOKUP_MAX_DELAY": "1s", "LOOKUP_CONCURRENCY": "4"}})
    sender, now = str(uuid.uuid4()), instant(datetime.now(timezone.utc))
    for part in range(10):
        flood = [{"generation_id": f"gen-{part:03d}{n:07d}-invented", "state": "final", "user": {"id": "u-9"}, "sender": sender,
                  "started_at": now, "finished_at": now} for n in range(10000)]
        assert stack.ingest.send(flood)["accepted"] == 10000
    stack.drained(deadline_s=600)  # 100,000 records, beside other tests
    late, other = new_generation_id(), new_generation_id()
    for gen_id in (late, other):
        stub.put(gen_id, "0.5", not_found_first=3)
    stack.ingest.send([record(cost=None, generation_id=late, sender=sender), record(cost=None, generation_id=other, sender=str(uuid.uuid4()))])
    for gen_id in (late, other):
        wait_until(lambda: stack.ledger("cost_state", f"generation_id='{gen_id}'") == [("3",)], "a looked-up cost", 600)  # noqa: B023
    assert stack.session().get("/api/v1/pipeline").json()["lookups"]["waiting"] > 90000
