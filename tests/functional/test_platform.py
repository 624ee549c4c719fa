# SPDX-License-Identifier: AGPL-3.0-or-later
"""A key of the totals on its whole way: the platform, who bills."""
import csv
import io
import subprocess
from datetime import datetime, timezone

import pytest
from records import decimals, figures_of, record
from stack import wait_until

DAY = datetime(2026, 10, 12, 9, tzinfo=timezone.utc)
PERIOD = {"from": "2026-10-01", "to": "2026-11-01"}
PLATFORMS = ["openrouter", "ollama", None, "openrouter", "azure"]


@pytest.fixture(scope="module")
def sent():
    return [record(user=f"u-{n % 3}", at=DAY, cost=f"0.{n + 1}", platform=PLATFORMS[n % 5], model=f"m-{n % 2}") for n in range(20)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub, sent):
    from stack import Stack
    with Stack(tmp_path_factory.mktemp("platform"), mariadb, contract, stub) as installation:
        installation.ingest.send(sent)
        installation.drained()
        yield installation


def of(sent, platform):
    return figures_of(one for one in sent if one.get("platform") == platform)


@pytest.mark.parametrize("more", [[], ["model"], ["user"], ["day", "task"]], ids=lambda more: ",".join(more) or "alone")
def test_usage_by_platform_is_what_was_sent(stack, sent, more):
    rows = stack.read.usage(group_by=",".join(["platform", *more]), **PERIOD)["rows"]
    for platform in set(PLATFORMS):
        mine = [decimals(row) for row in rows if row["platform"] == platform]
        assert sum(one["cost"] for one in mine) == of(sent, platform)["cost"]
        assert sum(one["requests"] for one in mine) == of(sent, platform)["requests"]


@pytest.mark.parametrize("platform", ["openrouter", "ollama", "", "unheard-of"])
def test_totals_are_filtered_by_platform(stack, sent, platform):
    reply = stack.read.usage(platform=platform, group_by="user", **PERIOD)
    assert decimals(reply["total"]) == of(sent, platform or None)
    assert sum(row["requests"] for row in reply["rows"]) == reply["total"]["requests"]


def test_files_have_it(stack, sent):
    reply = stack.read.get("/api/v1/usage.csv", group_by="platform", **PERIOD)
    rows = list(csv.DictReader(io.StringIO(reply.text, newline="")))
    assert {row["platform"]: int(row["requests"]) for row in rows} == {"openrouter": 8, "ollama": 4, "azure": 4, "": 4}


def test_totals_of_an_older_shape_are_made_from_scratch(stack, sent):
    stack.costd.stop()
    stack.db.rows("UPDATE meta SET value='3' WHERE name='totals_shape'; DELETE FROM usage_day; UPDATE usage_sum SET requests=0")
    stack.costd.start()
    wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM meta WHERE name='totals_shape' AND value<>'3'") == "1", "the totals")
    stack.drained()
    assert decimals(stack.read.usage(platform="azure", **PERIOD)["total"]) == of(sent, "azure")
    check = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
