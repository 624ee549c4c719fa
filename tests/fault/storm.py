# SPDX-License-Identifier: AGPL-3.0-or-later
"""storm - faults at random moments under a load of known records; then every record
that was answered is in the ledger, once, and the sums are exact.

    /usr/bin/python3 tests/fault/storm.py [--seconds N] [--seed S]
    /usr/bin/python3 tests/fault/storm.py --fault "replies held back" [--fault …] --hold 1200

prints the seed and a table: fault, times injected, records lost, records doubled.
A record counts against every fault that was under way while it was being sent.
With --fault only those named are injected, one after the other, once, each for --hold seconds."""
import argparse
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from faults import StormStack, all_faults, shuffled  # noqa: E402
from load import Load  # noqa: E402
from openapi import Contract  # noqa: E402
from stack import MariaDB, wait_until  # noqa: E402

EVERYTHING = {"from": "2020-01-01", "to": "2100-01-01"}
SETTLE_S = 240
AFTERMATH_S = 3.0  # what goes wrong this long after a fault is the fault's


@dataclass
class Tally:
    times: int = 0
    lost: int = 0
    doubled: int = 0
    spans: list = field(default_factory=list)  # (begin, end), monotonic


@dataclass
class Result:
    seed: str
    faults: dict  # name -> Tally
    impossible: dict  # name -> why
    answered: int = 0
    batches: int = 0
    refusals: int = 0
    failures: int = 0
    complaints: list = field(default_factory=list)

    def table(self):
        lines = [f"seed {self.seed}: {self.answered} generations in {self.batches} answered batches; "
                 f"{self.refusals} answers of 503, {self.failures} broken connections", "",
                 f"{'fault':34} {'injected':>9} {'lost':>6} {'doubled':>8}"]
        lines += [f"{name:34} {tally.times:9} {tally.lost:6} {tally.doubled:8}" for name, tally in self.faults.items()]
        lines += [f"{name:34} not here: {why}" for name, why in self.impossible.items()]
        return "\n".join([*lines, *(f"WRONG {one}" for one in self.complaints)])


def inject(stack, rng, until, result):
    """inject breaks one thing after the other until that moment; mostly one at a time, sometimes two."""
    faults = all_faults(stack)
    result.impossible = {one.name: why for one in faults if (why := one.possible())}
    faults = [one for one in faults if one.possible() is None]
    result.faults = {one.name: Tally() for one in faults}
    order = shuffled(faults, rng)
    while time.monotonic() < until:
        chosen = [next(order)]
        if rng.random() < 0.25:
            second = next(order)
            if not clash(chosen[0], second):
                chosen.append(second)
        break_and_mend(stack, chosen, max(rng.uniform(*fault.hold) for fault in chosen), rng, result)
        pause(rng.uniform(0.05, 1.0))


def inject_these(stack, rng, names, hold_s, result):
    """inject_these breaks what is named, once each, for that long."""
    by_name = {one.name: one for one in all_faults(stack)}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise SystemExit(f"no such fault: {', '.join(unknown)}; there are: {', '.join(by_name)}")
    result.faults = {name: Tally() for name in names}
    for name in names:
        if why := by_name[name].possible():
            raise SystemExit(f"{name}: not here: {why}")
        break_and_mend(stack, [by_name[name]], hold_s, rng, result)


def break_and_mend(stack, chosen, hold_s, rng, result):
    begun = time.monotonic()
    for fault in chosen:
        fault.begin(rng)
        result.faults[fault.name].times += 1
    pause(hold_s)
    for fault in reversed(chosen):
        fault.end(rng)
    for fault in chosen:
        result.faults[fault.name].spans.append((begun, time.monotonic() + AFTERMATH_S))
    revive(stack)


def clash(one, other):
    """clash tells whether two faults would break the same process, or one needs the process that the other killed."""
    mine, others = getattr(one, "process", None), getattr(other, "process", None)
    return mine is others or "mariadbd" in (getattr(mine, "name", ""), getattr(others, "name", ""))


def pause(seconds):
    """pause lets the load go on: how long a fault lasts is what the seed chose, nothing waits for it."""
    time.sleep(seconds)


def revive(stack):
    """revive does what a service manager does: a gateway that ended because its disk failed is started again."""
    for process in stack.processes.values():
        if not process.alive:
            process.start(wait=process.name == "mariadbd")


def settle(stack):
    for process in stack.processes.values():
        if process.alive:
            process.resume()
    revive(stack)
    for number in range(len(stack.gateways)):
        wait_until(lambda number=number: stack.readiness(number)["status"] in ("ready", "degraded"), "a gateway", SETTLE_S)


def judge(stack, load, result):
    """judge compares the ledger with what was sent: all batches begun were answered."""
    answered = load.answered()
    result.answered, result.batches, result.refusals, result.failures = len(answered), load.batches, load.refusals, load.failures
    result.complaints += load.bad[:10]
    rows = {row[0]: row[1:] for row in stack.ledger("generation_id, cost, prompt_tokens, completion_tokens, state")}
    missing = [one for one in answered if one.generation_id not in rows]
    wrong = [one for one in answered if one.generation_id in rows and not same(one, rows[one.generation_id])]
    counted = {row[0]: int(row[1]) for row in stack.db.rows(
        "SELECT generation_id, COUNT(*) FROM generation GROUP BY generation_id HAVING COUNT(*) > 1")}
    for tally in result.faults.values():
        tally.lost = sum(1 for one in missing if during(one, tally.spans))
        tally.doubled = sum(1 for one in answered if one.generation_id in counted and during(one, tally.spans))
    if missing:
        result.complaints.append(f"{len(missing)} answered generations are not in the ledger, {missing[0].generation_id} one of them")
    if wrong:
        result.complaints.append(f"{len(wrong)} rows differ from what was sent, {wrong[0].generation_id}: "
                                 f"{rows[wrong[0].generation_id]} for {wrong[0].cost:f} {wrong[0].tokens}")
    foreign = set(rows) - {one.generation_id for one in answered}
    if foreign or counted:
        result.complaints.append(f"{len(foreign)} rows that were never sent, {len(counted)} rows doubled")
    total = stack.read.usage(**EVERYTHING)["total"]
    sums = (total["requests"], Decimal(total["cost"]), total["prompt_tokens"], total["completion_tokens"])
    expected = (len(answered), sum((one.cost for one in answered), Decimal(0)),
                sum(one.tokens[0] for one in answered), sum(one.tokens[1] for one in answered))
    if sums != expected:
        result.complaints.append(f"the totals are {sums}, sent were {expected}")
    refused = int(stack.db.value("SELECT COALESCE(SUM(refused_records),0) FROM batch"))
    dead = int(stack.db.value("SELECT COUNT(*) FROM dead_letter"))
    if refused or dead:
        result.complaints.append(f"{refused} records refused, {dead} dead letters")
    new, journal = int(stack.db.value("SELECT SUM(new_records) FROM batch")), int(stack.db.value("SELECT COUNT(*) FROM record"))
    sent = sum(one.records for one in answered)
    if not new == journal == sent:
        result.complaints.append(f"{sent} records were sent, the batches count {new} new ones, the journal has {journal}")
    check = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    if check.returncode != 0:
        result.complaints.append(f"costd --check: {check.stdout[-400:]}{check.stderr[-400:]}")


def same(one, row):
    return (Decimal(row[0]) if row[0] else None, int(row[1] or 0), int(row[2] or 0), int(row[3])) == (one.cost, *one.tokens, 3)


def during(one, spans):
    return any(begin <= one.to_s and one.from_s <= end for begin, end in spans)


def storm(folder, server, contract, seconds, seed, faults=(), hold_s=0.0):
    """storm is one whole run: all faults for so many seconds, or those named for hold_s each."""
    rng = random.Random(seed)
    patience_s = SETTLE_S + hold_s
    result = Result(seed, {}, {})
    with StormStack(folder, server, contract, seed) as stack:
        with Load([gateway.port for gateway in stack.gateways], stack.ingest_key, seed) as load:
            if faults:
                inject_these(stack, rng, faults, hold_s, result)
            else:
                inject(stack, rng, time.monotonic() + seconds, result)
            settle(stack)
        for number in range(len(stack.gateways)):
            stack.drained(number, patience_s)
        judge(stack, load, result)
    return result


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seconds", type=float, default=300)
    ask.add_argument("--seed", default=f"{random.SystemRandom().getrandbits(40):010x}")
    ask.add_argument("--fault", action="append", default=[], help="only this one; can be given again")
    ask.add_argument("--hold", type=float, default=60, help="seconds each --fault lasts")
    wanted = ask.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, MariaDB(folder) as server:
        result = storm(Path(folder) / "storm", server, Contract(), wanted.seconds, wanted.seed, wanted.fault, wanted.hold)
    print(result.table())
    return 1 if result.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
