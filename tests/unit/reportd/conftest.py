# SPDX-License-Identifier: AGPL-3.0-or-later
import subprocess

import pytest
from documents import HANGS_S, SAMPLES


def pytest_collection_modifyitems(items):
    if not SAMPLES:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="REPORTD_SAMPLES does not name the program that writes the documents"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    subprocess.run([SAMPLES, folder], check=True, timeout=HANGS_S)
    return folder
