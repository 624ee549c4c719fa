#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Chats through a real Open WebUI with the plugin in it and holds the ledger against
what the stub provider sold.  run.sh prepares the virtual environments.

    drive.py --venv FOLDER --work FOLDER [--receiver] [--short] [--only REGEX] [--keep]

--receiver  records go to a receiver of the tests instead of the whole installation
--short     only some of the scenarios, what ten minutes are enough for
--only      only the scenarios whose names match
--keep      leave the work folder as it is at the end

Ends with "N passed, N failed", one for each scenario; the exit code is 0 if none failed.
"""
import argparse
import json
import re
import shutil
import signal
import sys
import time
import traceback
from decimal import Decimal
from pathlib import Path

from doubles import Doubles
from gateways import ROOT, KeepingGateway, Stack
from kinds import Kinds
from ledger import BY_COST, BY_ID, Ledger
from life import KINDS, LIFE, Life
from owui import OpenWebUI, wait_for
from people import People
from pipes import Pipes
from reach import Reach
from sold import MODELS, word
from stub import Stub

PLUGIN = (ROOT / "plugin" / "openwebui_metering.py").read_text(encoding="utf-8")
CLAUDE, GPT = MODELS
SHORT = {1, 2, 3, 4, 6, 8, 13, 14, *range(29, 60), 60, 62, 63, 70, 71, 72, 73, 74, 76, 78, 92, 93, 96, 97, 98, 99}


class Drive(Ledger, Kinds, Reach, Pipes, Life, Doubles, People):
    def __init__(self, venv, work, gateway_class):
        super().__init__()
        self.stub = Stub()
        self.gateway = gateway_class(work, self.stub)
        self.owui = OpenWebUI(venv, work / "open-webui", self.stub)
        self.users = {}  # who else asked: id, name
        self.results = []
        self.unseen = []  # keys of requests that this version hides from every filter
        self.by_outlet = []  # keys of requests that only outlet sees, without an id
        self.nobody = set()  # keys of requests whose person this version does not tell
        self.plugin = PLUGIN
        self.chat_seconds = {}
        self.not_saved = []

    def prepare(self):
        self.owui.start()
        self.owui.sign_up()
        self.owui.install_filter(PLUGIN, {**self.gateway.valves, "show_cost": True})
        self.owui.install_tool()

    def run(self, wanted):
        scenarios = [name for name in dir(self) if name.startswith("scenario_") and wanted(name)]
        for name in sorted(scenarios):
            self.stub.chapter = LIFE if 70 <= int(name.split("_")[1]) < 90 else KINDS
            title = getattr(self, name).__doc__
            try:
                note = getattr(self, name)() or ""
                self.results.append((title, "ok", note))
            except Exception as error:
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
                self.results.append((title, "FAILED", f"{type(error).__name__}: {error}"))
            print(f"  {self.results[-1][1]:7} {title}  {self.results[-1][2]}", flush=True)
        return all(state == "ok" for _, state, _ in self.results)

    # helpers

    def chat(self, key, models=(CLAUDE,), **options):
        orders = {"key": key, "words": options.pop("words", 8), "delay": options.pop("delay", 0.01),
                  "tools": options.pop("rounds", 0), "held": options.pop("held", False),
                  **{name: options.pop(name) for name in ("id", "delegate") if name in options}}
        return self.owui.ask(orders, models, **options), orders

    def finish(self, chat, orders):
        words = [word(orders["key"], number).strip() for number in range(orders["words"])]

        def is_whole(text):
            return all(re.search(rf"{one}\b", text) for one in words)

        message = self.owui.answered(chat, is_whole)
        if not is_whole(message.get("content") or ""):
            self.not_saved.append(orders["key"])  # seen on the page, lost by Open WebUI's own store
        self.chat_seconds[orders["key"]] = chat.seconds
        return message

    def upstream(self, key, count):
        made = self.stub.of(key)
        assert len(made) == count, f"{len(made)} requests upstream, {count} expected"
        return made

    # what is done; the order is that of the names

    def scenario_01_streaming(self):
        """streaming chat in the browser"""
        (chat,), orders = self.chat("plain")
        message = self.finish(chat, orders)
        (made,) = self.upstream("plain", 1)
        assert made.user == self.owui.user_id, f"OpenRouter was told user={made.user!r}"
        lines = [s.get("description") for s in message.get("statusHistory") or []]
        return f"status line: {lines}; fields sent upstream: {', '.join(made.fields)}"

    def scenario_02_tool_loop(self):
        """native tool loop of three requests"""
        (chat,), orders = self.chat("tools", rounds=2, tools=True)
        message = self.finish(chat, orders)
        self.upstream("tools", 3)
        return f"status line: {[s.get('description') for s in message.get('statusHistory') or []][-1:]}"

    def scenario_03_stopped(self):
        """stopped half-way in the browser"""
        (chat,), _ = self.chat("stopped", words=400, delay=0.05)
        wait_for(lambda: self.stub.of("stopped"), "the request upstream")
        time.sleep(1.0)  # the user reads a little
        self.owui.press_stop(chat)
        (made,) = self.upstream("stopped", 1)
        wait_for(lambda: made.ended, "the end of the stream upstream")
        assert made.ended == "left"

    def scenario_04_api_streaming(self):
        """API key, streaming"""
        text, lines = self.owui.api({"key": "api", "words": 8}, CLAUDE)
        assert text == "".join(word("api", n) for n in range(8)), text
        (made,) = self.upstream("api", 1)
        assert lines[-1] == "data: [DONE]" and made.user == self.owui.user_id

    def scenario_05_api_leaves(self):
        """API key, the client closes the connection half-way"""
        self.owui.api({"key": "left", "words": 400, "delay": 0.05}, CLAUDE, leave_after=5)
        (made,) = self.upstream("left", 1)
        wait_for(lambda: made.ended, "the end of the stream upstream")
        return f"upstream stream: {made.ended}"

    def scenario_06_api_nonstreaming(self):
        """API key, not streaming"""
        text, _ = self.owui.api({"key": "api-whole", "words": 4}, CLAUDE, stream=False)
        assert word("api-whole", 3).strip() in text
        self.whole_asked("api-whole", (0, 10))

    def scenario_07_two_models(self):
        """two models at once"""
        chats, orders = self.chat("two", models=MODELS, words=20, delay=0.05)
        for chat in chats:
            self.finish(chat, orders)
        made = self.upstream("two", 2)
        assert {g.model for g in made} == set(MODELS)
        return "Open WebUI itself did not keep one of the two answers" if "two" in self.not_saved else ""

    def scenario_08_browser_nonstreaming(self):
        """browser, streaming switched off"""
        (chat,), orders = self.chat("whole", stream=False)
        self.finish(chat, orders)
        self.upstream("whole", 1)
        self.whole_asked("whole", (0, 9))

    def scenario_09_saved_in_the_middle(self):
        """the plugin is saved again in the middle of an answer"""
        (chat,), orders = self.chat("saved", words=40, delay=0.05)
        wait_for(lambda: self.stub.of("saved"), "the request upstream")
        self.owui.save_filter(PLUGIN + "\n# saved again\n")
        self.finish(chat, orders)
        (chat,), orders = self.chat("saved-after")
        self.finish(chat, orders)

    def scenario_10_gateway_down(self):
        """metering server down: chats, an API call and a stop"""
        self.gateway.stop()
        (chat,), orders = self.chat("down")
        self.finish(chat, orders)
        text, _ = self.owui.api({"key": "down-api", "words": 3}, CLAUDE)
        assert text == "".join(word("down-api", n) for n in range(3))
        (chat,), _ = self.chat("down-stopped", words=400, delay=0.05)
        wait_for(lambda: self.stub.of("down-stopped"), "the request upstream")
        time.sleep(0.5)
        self.owui.press_stop(chat)
        return f"{self.chat_seconds['down']:.2f} s for the answer, {self.chat_seconds['plain']:.2f} s with the server up"

    def scenario_11_restart_with_records_waiting(self):
        """Open WebUI ends and starts again while records wait"""
        seconds = self.owui.stop()
        self.owui.start()
        self.gateway.start()
        (chat,), orders = self.chat("back")
        self.finish(chat, orders)
        return f"it ended in {seconds:.1f} s"

    def scenario_12_killed(self):
        """Open WebUI is killed (-9) right after an answer"""
        self.gateway.stop()
        (chat,), orders = self.chat("killed")
        self.finish(chat, orders)
        time.sleep(0.5)
        self.owui.stop(signal.SIGKILL)
        self.owui.start()
        self.gateway.start()
        (chat,), orders = self.chat("back-again")
        self.finish(chat, orders)

    def scenario_96_ledger(self):
        """the ledger holds each request exactly once, and its sum is what was sold, to the last digit"""
        self.account(90)
        rows = [row for row in self.gateway.rows() if row.requests]
        pairs, free = self.pair(self.stub.generations, rows)
        assert not free, f"rows without a sale: {free[:6]}"
        counted = sum((row.cost for row in rows if row.cost is not None), Decimal(0))
        unknown = [made for made, row in pairs.items() if row is None or row.cost is None]
        due = sum((made.cost or 0 for made in pairs if made not in unknown), Decimal(0))
        assert counted == due, f"the ledger's sum {counted}, sold {due}"
        surprising = [made.key for made in unknown if self.expected(made) in (BY_ID, BY_COST) and not made.loose]
        assert not surprising, f"no cost: {surprising}"
        ids = [row.generation_id for row in rows]
        assert len(ids) == len(set(ids)), "a generation has two rows"
        missed = sum((made.cost or 0 for made in unknown), Decimal(0))
        return f"{len(rows)} rows, {counted} USD; {len(unknown)} requests without a cost, sold for {missed} USD"

    def scenario_98_quiet(self):
        """nothing went wrong inside Open WebUI, and nothing private left it"""
        assert self.owui.filter_is_active(), "the function was switched off"
        said = self.gateway.said()
        for private in ('"words"', '"delay"', "drive-", self.gateway.valves["api_key"]):
            assert private not in said, f"{private} left Open WebUI"
        log = self.owui.log
        assert self.gateway.valves["api_key"] not in log, "the key is in the log"
        ours = sorted({line[line.index("openwebui_metering"):][:160] for line in log.splitlines()
                       if "openwebui_metering" in line and ("WARNING" in line or "ERROR" in line or "at line" in line)})
        faults = [line for line in ours if "at line" in line]
        assert not faults, faults
        assert set(self.not_saved) <= {"two"}, self.not_saved  # two answers at once lose text without the plugin, too
        return f"the plugin's log lines: {ours}"

    def scenario_99_coverage(self):
        """the plugin says of itself that the tap is on and missed nothing"""
        print(f"\nCoverage, one kind after the other:\n\n{self.coverage(KINDS)}\n"
              f"\nThe tap's life, without what was asked while it was off:\n\n{self.coverage(LIFE)}\n", flush=True)
        beats = self.gateway.heartbeats()
        assert beats, "no heartbeat came"
        bad = [b for b in beats if b["tap"] != "on" or b.get("faults") or b.get("rejected")]
        assert not bad, bad
        return f"it says: {beats}"


def close(results):
    failed = sum(state != "ok" for _, state, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", required=True, type=Path)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--receiver", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, too
    shutil.rmtree(given.work, ignore_errors=True)
    given.work.mkdir(parents=True)
    good = False
    drive = Drive(given.venv, given.work.resolve(), KeepingGateway if given.receiver else Stack)
    try:
        try:
            drive.prepare()
        except Exception as error:
            traceback.print_exc()
            drive.results.append(("Open WebUI with the plugin in it", "FAILED", str(error)))
            return close(drive.results)
        print(f"Open WebUI {'.'.join(map(str, drive.owui.version))}, "
              f"{'a receiver' if given.receiver else 'the whole installation'}", flush=True)
        good = drive.run(lambda name: (not given.short or int(name.split("_")[1]) in SHORT) and
                         re.search(given.only, name))
        (given.work / "results.json").write_text(json.dumps(drive.results, indent=1))
    finally:
        drive.owui.stop()
        drive.gateway.stop()
        drive.stub.stop()
    if good and not given.keep:
        shutil.rmtree(given.work)
    return close(drive.results)


if __name__ == "__main__":
    sys.exit(main())
