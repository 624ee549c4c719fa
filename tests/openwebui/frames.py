#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a frame of a streamed answer costs Open WebUI, in its own processor time: without any filter, with one that
does nothing, with the plugin's filter alone, and with its tap.  By hand, in a virtual environment of run.sh:

    VENV/bin/python tests/openwebui/frames.py --venv VENV --work FOLDER [--frames N] [--rounds N]

The four take turns; printed are the medians of all rounds, in microseconds of processor time a frame.
"""
import argparse
import os
import shutil
import statistics
from pathlib import Path

from gateways import ROOT, KeepingGateway
from owui import OpenWebUI
from sold import MODELS
from stub import Stub

PLUGIN = (ROOT / "plugin" / "openwebui_metering.py").read_text(encoding="utf-8")
NOTHING = '''"""
title: Nothing
version: 1.0.0
"""

from pydantic import BaseModel


class Filter:
    class Valves(BaseModel):
        nothing: bool = True

    async def stream(self, event):
        return event
'''


def processor_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Frames:
    def __init__(self, given):
        self.given, self.stub = given, Stub()
        self.gateway = KeepingGateway(given.work, self.stub)
        self.owui = OpenWebUI(given.venv, given.work / "open-webui", self.stub)
        self.asked = 0

    def prepare(self):
        self.owui.start()
        self.owui.sign_up()
        self.owui.install_filter(NOTHING, {}, "nothing")
        self.owui.install_filter(PLUGIN, dict(self.gateway.valves))

    def switch(self, name, on):
        if self.owui.get(f"/api/v1/functions/id/{name}")["is_active"] != on:
            self.owui.post(f"/api/v1/functions/id/{name}/toggle")

    def ask(self, frames):
        self.asked += 1
        self.owui.api({"key": f"frames-{self.asked}", "words": frames}, MODELS[0])

    def measure(self, nothing, plugin, tap):
        self.switch("nothing", nothing)
        self.switch("openwebui_metering", plugin)
        self.owui.set_valves({**self.gateway.valves, "tap": tap})
        for _ in range(12):  # valves are read again after ten seconds
            self.ask(300)
        before = processor_s(self.owui.process.pid)
        self.ask(self.given.frames)
        long = processor_s(self.owui.process.pid) - before
        before = processor_s(self.owui.process.pid)
        self.ask(1)
        short = processor_s(self.owui.process.pid) - before
        return (long - short) / self.given.frames * 1e6

    def run(self):
        ways = {"no filter": (False, False, False), "a filter that does nothing": (True, False, False),
                "the plugin, tap off": (False, True, False), "the plugin, tap on": (False, True, True)}
        found = {name: [] for name in ways}
        for _ in range(self.given.rounds):
            for name, way in ways.items():
                found[name].append(self.measure(*way))
        for name, values in found.items():
            print(f"{name:28} {statistics.median(values):7.1f} us a frame   ({', '.join(f'{v:.1f}' for v in values)})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", required=True, type=Path)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    shutil.rmtree(given.work, ignore_errors=True)
    given.work.mkdir(parents=True)
    given.work = given.work.resolve()
    frames = Frames(given)
    try:
        frames.prepare()
        frames.run()
    finally:
        frames.owui.stop()
        frames.gateway.stop()
        frames.stub.stop()


if __name__ == "__main__":
    main()
