# SPDX-License-Identifier: AGPL-3.0-or-later
""".ci/supervise: what .ci/night runs its checks with, so that no check leaves a process."""
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from openapi import ROOT
from stack import wait_until

pytestmark = pytest.mark.unsanitized("none of the programs is in it")
SUPERVISE = [sys.executable, str(ROOT / ".ci/supervise")]
# A process in a session of its own, as daemons are, deaf to a first and a second word.
DEAF = """setsid sh -c 'trap "" INT TERM; echo $$ >deaf; while :; do sleep 1; done' &"""


def run(folder, *argv):
    return subprocess.run([*SUPERVISE, *argv], cwd=folder, capture_output=True, text=True, timeout=60)


def start(folder, *argv):
    """start has it ignore SIGINT to begin with, as the background jobs of a shell do."""
    return subprocess.Popen(["sh", "-c", 'trap "" INT; exec "$@"', "sh", *SUPERVISE, *argv], cwd=folder, stderr=subprocess.PIPE, text=True)


def pid_in(path):
    return wait_until(lambda: path.exists() and path.read_text().strip(), str(path)) and int(path.read_text())


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(("argv", "code"), [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
                                            (["./no such program"], 127)])
def test_the_exit_code_is_the_commands(tmp_path, argv, code):
    assert run(tmp_path, *argv).returncode == code


def test_what_is_left_behind_is_named_and_ended(tmp_path):
    done = run(tmp_path, "--leave", "0.2", "sh", "-c", DEAF + " until [ -s deaf ]; do sleep 0.1; done")
    pid = pid_in(tmp_path / "deaf")
    assert done.returncode == 1 and f"{pid} (sh -c" in done.stderr
    assert is_gone(pid)


def test_what_ends_a_moment_later_was_not_left_behind(tmp_path):
    done = run(tmp_path, "sh", "-c", "setsid sleep 0.5 &")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_limit_ends_everything(tmp_path):
    done = run(tmp_path, "--limit", "2", "--grace", "1", "sh", "-c", DEAF + " wait")
    assert done.returncode == 124 and "limit" in done.stderr
    assert is_gone(pid_in(tmp_path / "deaf"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_command_tidy_up_and_ends_everything(tmp_path, number):
    """The outer one tells the inner one, and the script between them goes on to its end, as .ci/night does."""
    inner = f"""trap 'echo tidy >tidy; exit 3' INT; {DEAF} while :; do sleep 0.1; done"""
    (tmp_path / "inner").write_text(inner)
    (tmp_path / "between").write_text(f"trap 'stopped=yes' INT TERM; {' '.join(SUPERVISE)} --grace 1 sh inner; echo $? $stopped >between.code")
    outer = start(tmp_path, "--grace", "40", "bash", "between")
    pid = pid_in(tmp_path / "deaf")
    os.kill(outer.pid, number)
    assert outer.wait(timeout=60) == 128 + number
    outer.stderr.close()
    assert (tmp_path / "tidy").read_text() == "tidy\n"
    assert (tmp_path / "between.code").read_text() == f"{128 + signal.SIGINT} yes\n"  # the inner one is told SIGINT first
    assert is_gone(pid)
