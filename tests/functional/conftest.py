# SPDX-License-Identifier: AGPL-3.0-or-later
"""One MariaDB per session, one installation per module.  No fixed ports, no sleeps."""
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent.parent / "plugin" / "tests")]

from openapi import Contract  # noqa: E402
from stack import MariaDB, Stack  # noqa: E402
from stub_openrouter import Stub  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


def pytest_collection_modifyitems(items):
    """The test that counts what the others called comes last."""
    items.sort(key=lambda item: item.path.name == "test_contract.py")


@pytest.fixture(scope="session")
def contract():
    return Contract()


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
