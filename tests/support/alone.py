# SPDX-License-Identifier: AGPL-3.0-or-later
"""Says how to run a red test alone, the moment it is red.

    RED unit.proto.wire; alone: ./run test unit -R '^unit\\.proto\\.wire$'

As a filter it passes on what ctest, vitest and node --test print and adds such a
line after each failed test.  pytest prints too little while it runs: there this
file is a plugin (-p alone).  METERING_TEST_CLASS names the class of `./run test`.
"""
import os
import re
import shlex
import signal
import sys

CLASS = os.environ.get("METERING_TEST_CLASS", "")


def red(test, *arguments, cls=CLASS):
    command = " ".join(["./run test", *(shlex.quote(word) for word in (cls, *arguments) if word)])
    return f"RED {test}; alone: {command}"


# pytest

class Reporter:
    """Writes to the terminal that the run began with; with xdist only the controller has one."""

    def __init__(self, config):
        self.config = config
        self.seen = set()

    def pytest_runtest_logreport(self, report):
        if report.failed and report.nodeid not in self.seen:
            self.seen.add(report.nodeid)
            terminal = self.config.pluginmanager.get_plugin("terminalreporter")
            terminal.write(f"\n{red(report.nodeid, report.nodeid)}\n", flush=True)


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reporter(config), "reporter of red tests")


# the others, from their output

def ctest(name):
    return red(name, "-R", "^" + re.escape(name) + "$", cls=CLASS or "unit")


def vitest(path):
    return red(path, path, cls="dashboard")


def node(name):
    return red(name, "--test-name-pattern", re.escape(name), cls="e2e")


PATTERNS = [
    (re.compile(r"\s*\d+/\d+ Test\s+#\d+: (\S+) \.*\s*\*\*\*"), ctest),
    (re.compile(r"\s*FAIL\s+(\S+\.test\.ts)"), vitest),
    (re.compile(r"\s*✖ (.+) \([\d.]+ms\)$"), node),
    (re.compile(r"\s*not ok \d+ - (.+)$"), node),  # what node --test prints where there is no terminal
]


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted tool's last lines are passed on, too
    said = set()
    for line in sys.stdin:
        sys.stdout.write(line)
        bare = re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip("\n"))
        already = re.match(r"RED (.+); alone: ", bare)  # by the same filter, further inside
        if already:
            said.add(already[1])
        for pattern, command in PATTERNS:
            match = pattern.match(bare)
            if match and match[1] not in said:
                said.add(match[1])
                print(command(match[1]))
        sys.stdout.flush()


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    main()
