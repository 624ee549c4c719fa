# SPDX-License-Identifier: AGPL-3.0-or-later
"""The short storm.  METERING_STORM_SECONDS makes it longer, METERING_STORM_SEED the same as one seen before."""
import os
import random

import storm
from openapi import Contract
from stack import MariaDB


def test_storm_loses_nothing_and_doubles_nothing(tmp_path, capsys):
    seconds = float(os.environ.get("METERING_STORM_SECONDS", "60"))
    seed = os.environ.get("METERING_STORM_SEED") or f"{random.SystemRandom().getrandbits(40):010x}"
    with capsys.disabled():
        print(f"\nstorm of {seconds:g} s, METERING_STORM_SEED={seed}", flush=True)
    with MariaDB(tmp_path) as server:
        result = storm.storm(tmp_path / "storm", server, Contract(), seconds, seed)
    with capsys.disabled():
        print(result.table())
    assert not result.complaints
    assert result.answered > 0 and sum(tally.times for tally in result.faults.values()) > seconds / 10
