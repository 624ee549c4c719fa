# SPDX-License-Identifier: AGPL-3.0-or-later
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from emulator import PROFILES, OpenWebUI  # noqa: E402
from receiver import Receiver  # noqa: E402

PROMPT = "canary-7f3a-prompt"  # must never leave Open WebUI
ANSWER = "canary-7f3a-answer"


@pytest.fixture(autouse=True)
def spool_stays_in_its_place(tmp_path_factory, monkeypatch):
    """The fallback of the spool is the folder for temporary files: nothing may land there."""
    fallback = tmp_path_factory.mktemp("fallback")
    monkeypatch.setattr(tempfile, "tempdir", str(fallback))
    monkeypatch.setenv("TMPDIR", str(fallback))
    yield
    assert list(fallback.iterdir()) == []


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server


@pytest.fixture(params=list(PROFILES))
def version(request):
    return request.param


@pytest.fixture
def owui(version, receiver, tmp_path):
    """Every version in turn, its valves pointing at the receiver."""
    with OpenWebUI(version, data_dir=tmp_path, valves=dict(receiver.valves)) as server:
        yield server


@pytest.fixture
def newest(receiver, tmp_path):
    """For what does not depend on the version."""
    with OpenWebUI("0.12", data_dir=tmp_path, valves=dict(receiver.valves)) as server:
        yield server


# The wire

@pytest.fixture
def upstream():
    from upstream import Upstream
    with Upstream() as server:
        yield server


@pytest.fixture
def off(upstream, receiver, tmp_path):
    """Open WebUI with a wire, before its first chat: the tap is not on yet."""
    from wired import Wired
    with Wired(upstream, receiver, data_dir=tmp_path) as server:
        yield server


@pytest.fixture
def wired(off):
    off.begin()
    assert off.tap is not None and off.tap.state == "on", off.tap and off.tap.reason
    return off
