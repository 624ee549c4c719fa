# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the queue to the gateway: nothing is lost, nothing is sent for ever, and
no fault on the way reaches a chat."""
import asyncio
import email.utils
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from emulator import OpenWebUI, openrouter_stream
from receiver import PATIENCE_S, Receiver, wait_until

HERE = Path(__file__).resolve().parent
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "cost": 7e-7}


def chat(owui, gen_id, **options):
    return owui.run(owui.ui_stream([openrouter_stream(gen_id, ["Hello"], USAGE)], **options))


def spool(tmp_path):
    return tmp_path / "openwebui_metering" / "spool.sqlite"


def rows(tmp_path, table="record"):
    if not spool(tmp_path).exists() or not spool(tmp_path).stat().st_size:
        return []
    with sqlite3.connect(spool(tmp_path)) as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()


def hurry(owui):
    """hurry lets the sender try again now instead of after its back-off."""
    owui.runtime.not_before = 0.0
    owui.runtime.new_file.set()


# pitfall 22: metering down, chat broken
def test_gateway_down_and_back(owui, receiver, tmp_path):
    receiver.stop()
    for n in range(3):
        assert chat(owui, f"gen-{n}").text == "Hello"
    wait_until(lambda: len(rows(tmp_path)) == 6 and owui.runtime.failures)
    receiver.start()
    hurry(owui)
    owui.flush()
    assert sorted(receiver.ledger()) == ["gen-0", "gen-1", "gen-2"]
    assert len({r["record_id"] for r in receiver.records}) == len(receiver.records) == 6


def test_records_survive_a_save_and_a_restart_of_the_process(newest, receiver, tmp_path):
    receiver.stop()
    chat(newest, "gen-1")
    newest.save(newest.content + "\n# edited\n")
    chat(newest, "gen-2")
    newest.restart()
    kept = rows(tmp_path)
    assert len(kept) == 4
    receiver.start()
    chat(newest, "gen-3")
    newest.flush()
    assert sorted(receiver.ledger()) == ["gen-1", "gen-2", "gen-3"]
    assert {json.loads(body)["record_id"] for _, body in kept} <= {r["record_id"] for r in receiver.records}


@pytest.mark.parametrize("version_too", [False, True])
def test_what_an_older_writer_has_in_its_hands_is_on_disk_at_the_end(newest, receiver, tmp_path, monkeypatch, version_too):
    entered, go_on, save = threading.Event(), threading.Event(), newest.module.Spool.save

    def slow(self, records):
        entered.set()
        go_on.wait(PATIENCE_S)
        return save(self, records)

    receiver.stop()
    monkeypatch.setattr(newest.module.Spool, "save", slow)
    chat(newest, "gen-1")
    assert entered.wait(PATIENCE_S)
    newest.save(newest.content.replace('VERSION = "1.1.0"', 'VERSION = "9.9.9"') if version_too else None)
    current = newest.runtime
    assert current.pending() >= 1
    ends = threading.Thread(target=lambda: (wait_until(lambda: current.stopping), go_on.set()))
    ends.start()
    newest.restart()
    assert len(rows(tmp_path)) == 2
    ends.join(PATIENCE_S)


@pytest.mark.parametrize("version_too", [False, True])
def test_what_an_older_writer_could_not_write_is_written_by_the_next(newest, receiver, monkeypatch, version_too):
    entered, go_on = threading.Event(), threading.Event()

    def full(self, records):
        entered.set()
        go_on.wait(PATIENCE_S)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(newest.module.Spool, "save", full)
        chat(newest, "gen-1")
        assert entered.wait(PATIENCE_S)
        newest.save(newest.content.replace('VERSION = "1.1.0"', 'VERSION = "9.9.9"') if version_too else None)
    go_on.set()
    wait_until(lambda: receiver.ledger().get("gen-1", {}).get("state") == "final", 20)  # a writer looks by itself after 30 s
    newest.flush()
    assert len(receiver.records) == 2


def test_a_lost_answer_is_sent_again_with_the_same_record_ids(newest, receiver):
    receiver.reply = '{"accepted":'  # the gateway has it, but its answer is cut
    chat(newest, "gen-1")
    receiver.wait(lambda: receiver.requests)
    first = json.loads(receiver.requests[0][1])
    receiver.reply = None
    hurry(newest)
    newest.flush()
    assert {r["record_id"] for r in first} <= {r["record_id"] for r in receiver.records}


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 429, 500, 502, 503, 302])
def test_kept_and_sent_again_after(newest, receiver, status):
    receiver.orders = [(status, {"Location": "http://127.0.0.1:1/"} if status == 302 else {}, None)]
    chat(newest, "gen-1")
    receiver.wait(lambda: receiver.requests)
    assert newest.runtime.pending()
    hurry(newest)
    newest.flush()
    assert receiver.ledger()["gen-1"]["state"] == "final"


def test_a_corrected_key_is_used_without_waiting_out_the_back_off(newest, receiver):
    newest.valves["api_key"] = "wrong"
    chat(newest, "gen-1")
    receiver.wait(lambda: receiver.requests and receiver.requests[-1][2] == 401)
    newest.runtime.not_before = time.monotonic() + 3600
    newest.valves["api_key"] = receiver.key
    newest.runtime.cache.clear()  # ten seconds later
    chat(newest, "gen-2")
    newest.flush()
    assert sorted(receiver.ledger()) == ["gen-1", "gen-2"]


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(newest, receiver, as_date):
    after = email.utils.formatdate(time.time() + 3000, usegmt=True) if as_date else "3000"
    receiver.orders = [(429, {"Retry-After": after}, None)]
    chat(newest, "gen-1")
    receiver.wait(lambda: receiver.requests)
    wait_until(lambda: newest.runtime.not_before)
    assert 2000 < newest.runtime.not_before - time.monotonic() < 3001
    chat(newest, "gen-2")
    assert len(receiver.requests) == 1


def test_a_gateway_that_limits_for_long_loses_nothing_and_is_left_in_peace(newest, receiver, tmp_path):
    receiver.orders = [(429, {"Retry-After": "86400"}, None)] * 3
    for n in range(30):
        chat(newest, f"gen-{n}")
    for times in (1, 2, 3):
        receiver.wait(lambda: len([r for r in receiver.requests if r[2] == 429]) == times)  # noqa: B023
        wait_until(lambda: newest.runtime.not_before - time.monotonic() > 3500)  # an hour at most: settings change
        hurry(newest)
    newest.flush()
    assert len(receiver.ledger()) == 30 and not rows(tmp_path, "rejected")
    sent = [record["record_id"] for record in receiver.records]
    assert len(sent) == 60 and len(set(sent)) == 60


def test_too_large_a_batch_is_halved_until_it_fits(newest, receiver, tmp_path):
    receiver.stop()
    for n in range(20):
        chat(newest, f"gen-{n}")
    wait_until(lambda: len(rows(tmp_path)) == 40)
    receiver.limit = 3
    receiver.start()
    hurry(newest)
    newest.flush()
    assert len(receiver.ledger()) == 20 and len(receiver.records) == 40
    assert any(status == 413 for _, _, status in receiver.requests)


def test_a_single_record_too_large_is_put_aside_and_blocks_nobody(newest, receiver, tmp_path):
    receiver.limit = 0
    chat(newest, "gen-1")
    wait_until(lambda: len(rows(tmp_path, "rejected")) == 2)
    receiver.limit = None
    chat(newest, "gen-2")
    newest.flush()
    assert list(receiver.ledger()) == ["gen-2"]


def test_refused_records_are_put_aside_with_the_reason_and_never_sent_again(newest, receiver, tmp_path, caplog):
    receiver.refuse = lambda record: "usage.cost: negative" if record["generation_id"] == "gen-bad" else None
    for gen_id in ("gen-1", "gen-bad", "gen-2"):
        chat(newest, gen_id)
    newest.flush()
    assert sorted(receiver.ledger()) == ["gen-1", "gen-2"]
    refused = rows(tmp_path, "rejected")
    assert {(why, json.loads(body)["generation_id"]) for _, why, body in refused} == {("usage.cost: negative", "gen-bad")}
    sent = len(receiver.requests)
    chat(newest, "gen-3")
    newest.flush()
    later = b"".join(body for _, body, _ in receiver.requests[sent:])
    assert b"gen-bad" not in later
    assert "usage.cost: negative" in caplog.text


def test_repaired_records_are_accepted_and_never_sent_again(newest, receiver, tmp_path):
    receiver.repair = lambda record: ["usage.prompt_tokens", "user.name"] if record["generation_id"] != "gen-whole" else []
    for gen_id in ("gen-1", "gen-whole", "gen-2"):
        chat(newest, gen_id)
    newest.flush()
    assert sorted(receiver.ledger()) == ["gen-1", "gen-2", "gen-whole"]
    assert not rows(tmp_path) and not rows(tmp_path, "rejected")
    assert len(receiver.records) == len({record["record_id"] for record in receiver.records}) == 6


def test_a_reply_that_repairs_some_and_refuses_others_is_taken_as_it_says(newest, receiver, tmp_path):
    receiver.stop()
    for gen_id in ("gen-1", "gen-bad", "gen-2"):
        chat(newest, gen_id)
    wait_until(lambda: len(rows(tmp_path)) == 6)
    receiver.refuse = lambda record: "neither generation_id nor turn_id" if record["generation_id"] == "gen-bad" else None
    receiver.repair = lambda record: ["provider"]
    receiver.start()
    hurry(newest)
    newest.flush()
    assert sorted(receiver.ledger()) == ["gen-1", "gen-2"] and len(receiver.records) == 4
    assert [json.loads(body)["generation_id"] for _, _, body in rows(tmp_path, "rejected")] == ["gen-bad", "gen-bad"]
    assert not rows(tmp_path)


def test_what_the_gateway_repaired_is_delivered(newest, receiver, tmp_path, caplog):
    receiver.reply = json.dumps({"accepted": 1, "rejected": [], "repaired": [{"index": 0, "field": "user.name", "reason": "too long: cut"}]})
    newest.run(newest.api_nonstream({"choices": [{"message": {"content": "x"}}], "usage": USAGE}))
    newest.flush()
    assert newest.runtime.pending() == 0 and not rows(tmp_path, "rejected")
    assert "refused" not in caplog.text


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_refused_batch_is_put_aside(newest, receiver, tmp_path, status):
    receiver.orders = [(status, {}, None)]
    newest.run(newest.api_nonstream({"choices": [{"message": {"content": "x"}}], "usage": USAGE}))
    newest.flush()
    assert [why for _, why, _ in rows(tmp_path, "rejected")] == [f"HTTP {status}"]
    assert len(receiver.requests) == 1


def test_a_batch_refused_whole_keeps_the_reason_of_each(newest, receiver, tmp_path):
    reply = {"title": "Bad Request", "status": 400, "accepted": 0, "rejected": [{"index": 0, "reason": "usage.cost: negative"}]}
    receiver.orders = [(400, {}, json.dumps(reply))]
    newest.run(newest.api_nonstream({"choices": [{"message": {"content": "x"}}], "usage": USAGE}))
    newest.flush()
    assert [why for _, why, _ in rows(tmp_path, "rejected")] == ["usage.cost: negative"]
    assert len(receiver.requests) == 1


def test_a_batch_refused_without_a_list_is_halved_until_the_bad_record_is_alone(newest, receiver, tmp_path):
    receiver.stop()
    for n in range(5):
        chat(newest, f"gen-{n}")
    wait_until(lambda: len(rows(tmp_path)) == 10)
    receiver.poison = lambda record: record["generation_id"] == "gen-3" and record["state"] == "final"
    receiver.start()
    hurry(newest)
    newest.flush()
    assert len(receiver.records) == 9 and receiver.ledger()["gen-3"]["state"] == "open"
    assert [why for _, why, _ in rows(tmp_path, "rejected")] == ["HTTP 400"]


@pytest.mark.parametrize("page", ["<html>400 The plain HTTP request was sent to HTTPS port</html>", "", '{"error":"blocked"}'])
def test_a_proxys_refusal_costs_no_record(newest, receiver, tmp_path, page):
    receiver.orders = [(400, {}, page or " ")]
    chat(newest, "gen-1")
    receiver.wait(lambda: receiver.requests)
    hurry(newest)
    newest.flush()
    assert receiver.ledger()["gen-1"]["state"] == "final" and not rows(tmp_path, "rejected")


@pytest.mark.parametrize("reply", ["<html>Open WebUI</html>", "[]", "{}", '{"accepted":0,"rejected":[]}', "",
                                   '{"accepted":99,"rejected":[]}', '{"accepted":1,"rejected":[{"index":99}]}',
                                   '{"accepted":1,"rejected":"no"}', '{"accepted":null,"rejected":null}'])
def test_a_200_that_is_not_a_gateways_keeps_the_records(newest, receiver, reply):
    receiver.reply = reply
    chat(newest, "gen-1")
    receiver.wait(lambda: receiver.requests)
    assert newest.runtime.pending() == 2
    receiver.reply = None
    hurry(newest)
    wait_until(lambda: hurry(newest) or not newest.runtime.pending())
    assert receiver.ledger()["gen-1"]["state"] == "final"


def test_no_endpoint_keeps_everything(newest, receiver, tmp_path):
    newest.valves = {}
    chat(newest, "gen-1")
    wait_until(lambda: len(rows(tmp_path)) == 2)
    newest.valves = receiver.valves
    newest.runtime.cache.clear()
    chat(newest, "gen-2")
    newest.flush()
    assert sorted(receiver.ledger()) == ["gen-1", "gen-2"]


@pytest.mark.parametrize("suffix", ["", "/", "/metering", "/metering/"])
def test_endpoint_forms(newest, receiver, suffix):
    newest.valves["endpoint"] = f"  127.0.0.1:{receiver.port}{suffix} "
    chat(newest, "gen-1")
    receiver.wait(lambda: receiver.requests)
    assert receiver.requests[0][2] == (404 if "metering" in suffix else 200)


@pytest.mark.parametrize("endpoint", ["http://[bad", "http://", "http://127.0.0.1:notaport", "ftp://127.0.0.1:1", "::", "\x00"])
def test_a_senseless_endpoint_harms_no_chat(newest, endpoint):
    newest.valves["endpoint"] = endpoint
    assert chat(newest, "gen-1").text == "Hello"
    wait_until(lambda: newest.runtime.failures)
    assert newest.runtime.pending() == 2


def test_batches_hold_500_records_at_most(newest, receiver, tmp_path):
    newest.module
    receiver.stop()
    for n in range(1201):
        newest.runtime.put({"generation_id": f"gen-{n}", "record_id": str(n), "state": "final"})
    wait_until(lambda: len(rows(tmp_path)) == 1201)
    receiver.start()
    newest.runtime.configure(newest.module.Filter.Valves(**receiver.valves))
    newest.flush()
    assert sorted(int(r["record_id"]) for r in receiver.records) == list(range(1201))
    assert [len(json.loads(body)) for _, body, status in receiver.requests if status == 200] == [500, 500, 201]


def test_a_damaged_spool_is_set_aside_and_a_new_one_begun(newest, receiver, tmp_path):
    receiver.stop()
    chat(newest, "gen-1")
    wait_until(lambda: len(rows(tmp_path)) == 2)
    newest.restart()
    spool(tmp_path).write_bytes(b"this is not a database, it only was one" * 100)
    receiver.start()
    chat(newest, "gen-2")
    wait_until(lambda: "gen-2" in receiver.ledger())
    assert list(spool(tmp_path).parent.glob("spool.sqlite.damaged-*"))


def test_a_spool_damaged_while_in_use(newest, receiver, tmp_path):
    chat(newest, "gen-1")
    newest.flush()
    spool(tmp_path).write_bytes(b"\x00" * 8192)
    assert chat(newest, "gen-2").text == "Hello"
    wait_until(lambda: "gen-2" in receiver.ledger())


def test_a_spool_in_use_at_the_start_is_waited_for(newest, receiver, tmp_path):
    chat(newest, "gen-1")
    newest.flush()
    newest.restart()
    with sqlite3.connect(spool(tmp_path), isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")  # another worker, for longer than is polite
        chat(newest, "gen-2")
        wait_until(lambda: {"writer", "sender"} & set(newest.module._said))
        db.execute("COMMIT")
    newest.flush()
    assert sorted(receiver.ledger()) == ["gen-1", "gen-2"]


def test_a_disk_that_refuses_keeps_records_in_memory_until_it_takes_them(newest, receiver, tmp_path, monkeypatch):
    refuse = {"on": True}
    save = newest.module.Spool.save

    def full(self, records):
        if refuse["on"]:
            raise sqlite3.OperationalError("database or disk is full")
        return save(self, records)

    monkeypatch.setattr(newest.module.Spool, "save", full)
    assert chat(newest, "gen-1").text == "Hello"
    wait_until(lambda: len(newest.runtime.queue) == 2 and not newest.runtime.saving)
    refuse["on"] = False
    newest.flush()
    assert "gen-1" in receiver.ledger()


def test_flood_is_bounded_and_never_blocks(newest, monkeypatch):
    module, runtime = newest.module, newest.runtime
    stuck, saved = threading.Event(), []
    monkeypatch.setattr(module.Spool, "save", lambda *_: saved.append(stuck.wait(PATIENCE_S)))
    for n in range(50_000):
        runtime.put({"record_id": str(n)})
    assert not saved  # no request waited for the disk
    assert len(runtime.queue) <= module.QUEUE_LIMIT
    assert runtime.queue[-1] == {"record_id": "49999"}
    stuck.set()


def test_the_spool_gives_up_the_oldest_beyond_its_limit(newest, tmp_path, monkeypatch):
    monkeypatch.setattr(newest.module, "SPOOL_LIMIT", 10)
    spool_ = newest.module.Spool()
    for n in range(5):
        spool_.save([{"record_id": f"{n}-{i}"} for i in range(5)])
    kept = [json.loads(body)["record_id"] for _, body in rows(tmp_path)]
    assert kept == [f"{n}-{i}" for n in (3, 4) for i in range(5)]


def test_exec_twice_leaves_one_pair_of_threads_and_one_count(newest, receiver):
    chat(newest, "gen-1")
    first = newest.runtime
    for n in range(3):
        newest.save()
        chat(newest, f"gen-2{n}")
    newest.flush()
    assert newest.execs == 7 and newest.runtime is not first
    for thread in (first.writer, first.sender):
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    wait_until(lambda: sum(t.name.startswith("openwebui-metering") for t in threading.enumerate()) == 2)
    assert len(receiver.ledger()) == 4 and len(receiver.records) == 8


def test_exec_in_the_middle_of_a_turn_keeps_the_turn(newest, receiver):
    async def interrupted():
        turn, body, offered = newest._begin(False, "my-preset", None, None, "m-1", "hi")
        body = await newest._inlet(turn, body, offered)
        lines = openrouter_stream("gen-1", ["a", "b"], USAGE)
        await newest._frames(turn, lines[:4], body, offered, None, None)
        newest.save()
        await newest._frames(turn, lines[4:], body, offered, None, None)
        await newest._outlet(turn, body, offered, [USAGE], "ab")

    newest.run(interrupted())
    newest.flush()
    assert [(r["generation_id"], r["state"], r["requested_model"]) for r in receiver.records] == [
        ("gen-1", "open", "my-preset"), ("gen-1", "final", "my-preset")]
    assert len({r["turn_id"] for r in receiver.records}) == 1


def test_update_to_another_version_in_the_middle_of_a_turn(newest, receiver):
    async def interrupted():
        turn, body, offered = newest._begin(False, "my-preset", None, None, "m-1", "hi")
        body = await newest._inlet(turn, body, offered)
        lines = openrouter_stream("gen-1", ["a", "b"], USAGE)
        await newest._frames(turn, lines[:4], body, offered, None, None)
        newest.save(newest.content.replace('VERSION = "1.1.0"', 'VERSION = "9.9.9"'))
        await newest._frames(turn, lines[4:], body, offered, None, None)

    newest.run(interrupted())
    newest.flush()
    row = receiver.ledger()["gen-1"]
    assert row["state"] == "final" and row["usage"]["cost"] == 7e-7 and row["user"]["id"] == "u-ada"
    assert newest.runtime.version == "9.9.9"


def test_an_update_adds_the_fields_that_the_version_before_did_not_know(newest, receiver):
    newest.run(newest.ui_stream([openrouter_stream("gen-1", ["a"], USAGE)]))
    kept = newest.module.holder()
    for name in ("loop", "checked", "gone", "inside", "process", "unread"):
        delattr(kept, name)
    del kept.counts["without_id"]
    newest.save(newest.content.replace('VERSION = "1.1.0"', 'VERSION = "9.9.9"'))
    newest.run(newest.ui_stream([openrouter_stream("gen-2", ["a"], USAGE)]))
    newest.flush()
    assert {"gen-1", "gen-2"} == set(receiver.ledger()) and newest.module.tap_says()["faults"] == 0


def test_what_never_ends_is_sent_by_the_sweeper(newest, receiver):
    async def endless():
        turn, body, offered = newest._begin(False, "my-preset", None, None, "m-1", "hi")
        body = await newest._inlet(turn, body, offered)
        await newest._frames(turn, openrouter_stream("gen-1", ["a", "b"], finish=None)[:-2], body, offered, None, None)
        for open_turn in newest.runtime.turns.values():
            open_turn.touched -= 16 * 60
        newest.runtime.tick()

    newest.run(endless())
    newest.flush()
    assert [r["state"] for r in receiver.records][:2] == ["open", "open"]
    assert not newest.runtime.turns


def test_usage_is_sent_soon_even_if_the_turn_goes_on(newest, receiver):
    async def slow():
        turn, body, offered = newest._begin(False, "my-preset", None, None, "m-1", "hi")
        body = await newest._inlet(turn, body, offered)
        await newest._frames(turn, openrouter_stream("gen-1", ["a"], USAGE), body, offered, None, None)
        while receiver.ledger().get("gen-1", {}).get("state") != "final":
            await asyncio.sleep(0.01)

    newest.run(asyncio.wait_for(slow(), PATIENCE_S))  # the sweeper would send it after a quarter of an hour


CHILD = """
import os, sys
sys.path.insert(0, {here!r})
from emulator import OpenWebUI, openrouter_stream
owui = OpenWebUI("0.12", data_dir={data!r}, valves={valves!r})
for n in range(5):
    owui.run(owui.ui_stream([openrouter_stream("gen-%d" % n, ["x"], dict(cost=1e-7))]))
{end}
"""


def run_child(receiver, tmp_path, end):
    code = CHILD.format(here=str(HERE), data=str(tmp_path), valves=receiver.valves, end=end)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_exit_writes_the_queue_to_disk_and_does_not_hang(receiver, tmp_path):
    receiver.stop()
    child = run_child(receiver, tmp_path, "began = __import__('time').monotonic()")
    _, stderr = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0, stderr
    assert len(rows(tmp_path)) == 10


def test_kill_9_keeps_what_was_on_disk_for_the_next_process(receiver, tmp_path):
    receiver.stop()
    child = run_child(receiver, tmp_path, "print('ready', flush=True)\nimport time\ntime.sleep(600)")
    assert child.stdout.readline().strip() == b"ready"
    wait_until(lambda: len(rows(tmp_path)) == 10)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=PATIENCE_S)
    receiver.start()
    with OpenWebUI("0.12", data_dir=tmp_path, valves=dict(receiver.valves)) as owui:
        chat(owui, "gen-after")
        owui.flush()  # a killed sender's lease may have to run out
    assert sorted(receiver.ledger()) == [f"gen-{n}" for n in range(5)] + ["gen-after"]


def test_two_worker_processes_share_the_spool(receiver, tmp_path):
    children = [run_child(receiver, tmp_path, "owui.flush()") for _ in range(2)]
    for child in children:
        _, stderr = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == 0, stderr
    assert len({r["record_id"] for r in receiver.records}) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_gets_threads_of_its_own(receiver, tmp_path):
    # The threads are at rest: a process that forks in the middle of a look-up of a host
    # name may find the C library's lock taken in the child, whatever we do.
    end = """
owui.flush()
pid = os.fork()
gen = "gen-child" if pid == 0 else "gen-parent"
owui.run(owui.ui_stream([openrouter_stream(gen, ["x"], dict(cost=1e-7))]))
owui.flush()
if pid:
    assert os.waitpid(pid, 0)[1] == 0
"""
    child = run_child(receiver, tmp_path, end)
    _, stderr = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0, stderr
    assert {"gen-child", "gen-parent"} <= set(receiver.ledger())


def test_an_expired_lease_is_taken_over_and_a_live_one_is_respected(newest, tmp_path):
    spool_ = newest.module.Spool()
    assert spool_.lease(30) and not spool_.lease(30)
    with sqlite3.connect(spool(tmp_path)) as db:
        db.execute("UPDATE lease SET until = ?", (time.time() - 1,))
    assert spool_.lease(30)
    with sqlite3.connect(spool(tmp_path)) as db:
        db.execute("UPDATE lease SET until = ?", (time.time() + 999_999,))  # the clock was set back
    assert spool_.lease(30)


def test_the_spool_is_private(newest, receiver, tmp_path):
    chat(newest, "gen-1")
    newest.flush()
    assert spool(tmp_path).stat().st_mode & 0o777 == 0o600
    assert spool(tmp_path).parent.stat().st_mode & 0o777 == 0o700


def test_a_slow_gateway_delays_neither_chats_nor_the_way_to_disk(newest, tmp_path, monkeypatch):
    monkeypatch.setattr(newest.module, "HTTP_TIMEOUT_S", 1000)  # one attempt lasts longer than the test
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts and says nothing
        newest.valves = {"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}", "api_key": "k"}
        for n in range(20):
            chat(newest, f"gen-{n}")
        wait_until(lambda: len(rows(tmp_path)) == 40)
        assert newest.runtime.failures == 0  # the first attempt has not ended


def test_receiver_of_the_tests_checks_the_key():
    with Receiver("k") as server:
        assert server.answer("/api/v1/events", {"Authorization": "Bearer x"}, b"[{}]")[0] == 401
