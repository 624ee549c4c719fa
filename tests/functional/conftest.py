# SPDX-License-Identifier: AGPL-3.0-or-later
"""One MariaDB per session, one installation per module.  No fixed ports, no sleeps."""
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent.parent / "plugin" / "tests")]

from openapi import Contract  # noqa: E402
from stack import MariaDB, Stack, bin_folder  # noqa: E402
from stub_openrouter import Stub  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--contract-tally", metavar="FILE",
                     help="which operations and statuses the tests saw: written at the end, and what test_contract.py judges if it is there")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    config.addinivalue_line("markers", "unsanitized(why): is not run on programs with a sanitizer in them")
    config.contract = Contract()
    config.contract_seen = Counter()  # what other processes of pytest saw
    tally = config.getoption("--contract-tally", None)
    if tally and Path(tally).exists():
        config.contract_seen.update({(name, status): times for name, status, times in json.loads(Path(tally).read_text())})


def pytest_collection_modifyitems(config, items):
    """The tests that judge what the others called come last, and wait for a run of their own where
    the others are in several processes.  Files with slow tests come first: none runs alone at the end."""
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        items[:] = [item for item in items if item.path.name != "test_contract.py"]
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (item.path.name == "test_contract.py", -slow[item.path]))
    if sanitized():
        for item in items:
            mark = item.get_closest_marker("unsanitized")
            if mark:
                item.add_marker(pytest.mark.skip(reason=mark.args[0]))


def sanitized():
    """sanitized tells whether the programs under test report to a sanitizer, from their symbols."""
    program = (bin_folder() / "gateway").read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A worker of pytest-xdist has ended: the controller adds what it saw."""
    node.config.contract_seen.update({(name, status): times for name, status, times in getattr(node, "workeroutput", {}).get("contract_seen", [])})


def pytest_sessionfinish(session):
    config = session.config
    seen = [[name, status, times] for (name, status), times in sorted((config.contract.seen + config.contract_seen).items())]
    tally = config.getoption("--contract-tally", None)
    if hasattr(config, "workerinput"):
        config.workeroutput["contract_seen"] = seen
    elif tally:
        Path(tally).write_text(json.dumps(seen))


@pytest.fixture(scope="session")
def contract(request):
    return request.config.contract


@pytest.fixture
def contract_seen(request):
    """contract_seen counts (operation id, status) over all tests, those of other processes included."""
    return request.config.contract.seen + request.config.contract_seen


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory):
    with MariaDB(tmp_path_factory.mktemp("db")) as server:
        yield server


@pytest.fixture(scope="module")
def stub():
    with Stub(key="sk-or-v1-stub-key-of-the-tests") as provider:
        yield provider


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    with Stack(tmp_path_factory.mktemp("stack"), mariadb, contract, stub) as installation:
        yield installation


@pytest.fixture
def make_stack(tmp_path, mariadb, contract, stub):
    """make_stack starts installations of a test's own, and stops them after it."""
    made = []

    def make(started=True, **options):
        one = Stack(tmp_path / f"stack{len(made)}", mariadb, contract, options.pop("stub", stub), **options)
        made.append(one)
        return one.__enter__() if started else one

    yield make
    for one in made:
        one.__exit__(None, None, None)


@pytest.fixture
def on_dump(tmp_path, mariadb, contract):
    """on_dump makes an installation that has not been started yet, on the database that the program of a step of the schema left."""
    made = []

    def make(step, **options):
        made.append(Stack(tmp_path, mariadb, contract, **options))
        mariadb.client((HERE.parent / "data" / "upgrade" / f"ledger-{step}.sql").read_text(encoding="utf-8"), made[0].db.name)
        return made[0]

    yield make
    made[0].db.drop()
