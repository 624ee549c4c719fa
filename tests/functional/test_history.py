# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random histories through two gateways, two costd processes and one database at once.

Several paths tell of one generation, streams stop, look-ups come late, costs are
corrected, records come twice, batches are cut anywhere, in any order: rows and
totals are the same as when one costd gets it all in order, and the totals are the
sums of the rows.  METERING_TEST_SEED repeats a run.
"""
import itertools
import os
import random
import subprocess
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from records import instant
from stack import free_port, wait_until

SEED = int(os.environ.get("METERING_TEST_SEED", time.time_ns() % 10**9))
ALL = {"from": "2020-01-01", "to": "2100-01-01"}
KEYS = ("day", "user", "model", "provider", "group", "source", "origin")


def history(dice):
    """history returns records in a natural order, and what only the provider knows."""
    sent, known = [], {}
    for number in range(120):
        at = datetime(2026, 10, 24, 21, 0, tzinfo=timezone.utc) + timedelta(hours=dice.randrange(60))
        generation_id = f"gen-{1790000000 + number}-{number:020d}"
        user, groups = f"u-{dice.randrange(4)}", dice.choice([None, ["staff"], ["b", "a", "b"], ['q"\\', "staff"]])
        cost, byok = f"{dice.randrange(3)}.{dice.randrange(10**18):018d}", dice.random() < 0.2
        paths = dice.choice([["filter-stream"], ["filter-inlet", "filter-stream"], ["otlp"], ["filter-inlet", "otlp", "filter-stream"], ["filter-inlet"]])
        costed = False
        for path in paths:
            usage = {"prompt_tokens": dice.randrange(1000), "completion_tokens": dice.randrange(100), "is_byok": byok,
                     "cost_details": {"upstream_inference_cost": "0.25" if byok else None}}
            if path != "filter-inlet" and dice.random() < 0.8:
                usage["cost"] = cost if dice.random() < 0.8 else f"0.{dice.randrange(10**6):06d}"  # corrected
                costed = True
            stopped = dice.random() < 0.2
            one = {"v": 1, "record_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)), "generation_id": generation_id, "source": path,
                   "state": "open" if path == "filter-inlet" else "cancelled" if stopped else "final",
                   "user": {"id": user, "name": dice.choice(["Ada", "Ada L."]), "groups": groups},
                   "model": dice.choice(["m/a", "m/a", "m/b", None]), "provider": dice.choice(["P", "Q", None]), "origin": dice.choice(["ui", "api", None]),
                   "usage": None if path == "filter-inlet" else usage,
                   "started_at": instant(at) if dice.random() < 0.8 else None, "finished_at": instant(at + timedelta(seconds=dice.randrange(9)))}
            sent.append({name: value for name, value in one.items() if value is not None})
        if not costed:
            known[generation_id] = f"{dice.randrange(2)}.{dice.randrange(10**9):09d}"
    return sent, known


LINE = "user_id,user_groups,model,provider,origin,task,source,platform"


def dump(stack):
    """dump is all of the ledger that must not depend on the way it came."""
    # when a record came to either is its own
    stack.db.value("SELECT COUNT(*) FROM as_text_generation")  # from here on there is such a table
    columns = [name for name, in stack.db.rows("SELECT column_name FROM information_schema.columns WHERE table_schema=DATABASE() "
                                               "AND table_name='as_text_generation' AND column_name<>'number' ORDER BY column_name")]
    shown = ",".join(f"HEX({name})" if name == "ranks" else name for name in columns)
    return {"rows": stack.db.rows(f"SELECT {shown} FROM as_text_generation ORDER BY generation_id"),
            "totals": stack.db.rows(f"SELECT day,{LINE},requests,cost,byok_cost,prompt_tokens,unsettled FROM as_text_day WHERE requests<>0 ORDER BY day,{LINE}"),
            "sums": stack.db.rows(f"SELECT cube,day,{LINE},requests,cost,byok_cost,prompt_tokens,unsettled FROM as_text_sum WHERE requests<>0 ORDER BY cube,day,{LINE}"),
            "usage": {keys: stack.read.usage(group_by=",".join(keys), **ALL)["rows"] for keys in itertools.combinations(KEYS, 1)}}


def settled(stack, known):
    open_rows = "SELECT COUNT(*) FROM generation WHERE cost_state<2"
    looked_up = "SELECT COUNT(*) FROM generation WHERE cost_state=3"
    wait_until(lambda: stack.db.value(open_rows) == "0" and stack.db.value(looked_up) == str(len(known)),
               f"every cost settled: {len(known)} are known; {stack.costd.log_tail(4)}", 60)


def check(stack):
    """check holds the totals of the API and of both tables against sums of the rows by SQL, and runs costd --check."""
    for key, column in (("day", "day"), ("user", "user_id"), ("model", "model"), ("provider", "provider"), ("source", "source")):
        rows = stack.db.rows(f"SELECT {column},COUNT(*),SUM(COALESCE(cost,0)),SUM(COALESCE(byok_cost,0)),SUM(COALESCE(prompt_tokens,0)) "
                             f"FROM as_text_generation GROUP BY {column}")
        sql = {name: (int(n), Decimal(cost), Decimal(byok), int(tokens)) for name, n, cost, byok, tokens in rows}
        api = {row[key]: (row["requests"], Decimal(row["cost"]), Decimal(row["byok_cost"]), row["prompt_tokens"])
               for row in stack.read.usage(group_by=key, **ALL)["rows"]}
        assert api == sql, key
    groups = {row["group"]: (row["requests"], Decimal(row["cost"])) for row in stack.read.usage(group_by="group", **ALL)["rows"]}
    members = {}
    for row in stack.read.generations(limit=1000, **ALL):
        for group in row["groups"] or [None]:
            n, cost = members.get(group, (0, Decimal(0)))
            members[group] = (n + 1, cost + Decimal(row["cost"] or 0))
    assert groups == members
    done = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def cut(dice, records):
    while records:
        size = dice.randrange(1, 40)
        yield records[:size]
        records = records[size:]


@pytest.fixture
def second_costd(request):
    started = []

    def start(stack):
        url = f"tcp://127.0.0.1:{free_port()}"
        other = stack.process("costd", {**stack.costd.env, "COSTD_LISTEN": url}, "costd2")
        started.append(other.start())
        wait_until(lambda: "msg=started" in other.log, "the second costd")
        return url
    yield start
    for process in started:
        process.stop()


def test_any_way_gives_the_same_ledger(make_stack, second_costd, stub):
    print(f"METERING_TEST_SEED={SEED}")
    dice = random.Random(SEED)
    sent, known = history(dice)
    stub.reset()
    for generation_id, cost in known.items():
        stub.put(generation_id, total_cost=cost, not_found_first=dice.choice([0, 0, 1]))
    zone = {"timezone": "Europe/Berlin"}
    alone = make_stack(**zone)
    for batch in cut(dice, sent):
        alone.ingest.send(batch)
    alone.drained()
    settled(alone, known)
    check(alone)
    want = dump(alone)

    for generation_id, cost in known.items():
        stub.put(generation_id, total_cost=cost, not_found_first=dice.choice([0, 0, 1]))
    both = make_stack(started=False, gateways=2, **zone)
    both.costd.start()
    wait_until(lambda: "msg=started" in both.costd.log, "the first costd")
    urls = f"{both.costd_url},{second_costd(both)}"
    for gateway in both.gateways:
        gateway.env["COSTD_URL"] = urls
    for process in (both.reportd, *both.gateways):
        process.start()
    both.wait_ready()
    parts, faults = [[], []], []
    for one in sent:
        for number in dice.choice([(0,), (1,), (0, 1), (0, 0, 1)]):  # some by one gateway, some by both, some again
            parts[number].append(one)
    for part in parts:
        dice.shuffle(part)

    def send(number, batches):
        try:
            client = both.client(both.ingest_key, port=both.gateways[number].port)
            for batch in batches:
                client.send(batch)
        except Exception as error:  # noqa: BLE001 - told by the test's thread
            faults.append(error)
    threads = [threading.Thread(target=send, args=(number, list(cut(dice, part)))) for number, part in enumerate(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults
    both.drained(0), both.drained(1)
    settled(both, known)
    check(both)
    got = dump(both)
    for name in want:
        assert got[name] == want[name], f"{name}: METERING_TEST_SEED={SEED}"
    served = [log.count('msg="batch committed"') for log in (both.costd.log, (both.folder / "costd2.log").read_text())]
    assert all("level=error" not in log for log in (both.costd.log, (both.folder / "costd2.log").read_text())), served
