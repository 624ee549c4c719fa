# SPDX-License-Identifier: AGPL-3.0-or-later
"""The plugin's rule of what fits against the gateway's: one table, tests/data/fit/cases.json, whose other half is
tests/functional/test_fit_cases.py.  What the plugin sends, the gateway has nothing to repair of."""
import json
from decimal import Decimal
from pathlib import Path

import pytest

CASES = json.loads((Path(__file__).resolve().parents[2] / "tests/data/fit/cases.json").read_text(encoding="utf-8"))
AMOUNTS = ("usage.cost", "usage.cost_details.upstream_inference_cost")
TEXTS = ("model", "provider", "user.email", "user.role", "task", "origin", "source", "kind", "platform", "requested_model")


def rule_of(module, member):
    """rule_of gives the function by which the plugin fits a member, None where its values are the plugin's own."""
    leaf = member.rpartition(".")[2]
    if member == "generation_id":
        return module.fit_generation_id
    if member in module.ID_LIMITS:
        return lambda value: module.fit_id(value, module.ID_LIMITS[member]) or ("unknown" if member == "user.id" else None)
    if member == "user.name":
        return lambda value: module.fit_text(value, module.NAME_LIMIT, cut=True)
    if member in TEXTS:
        return lambda value: module.fit_text(value, module.TEXT_LIMITS[leaf])
    if member == "user.groups":
        return lambda value: module.fit_groups(value) if isinstance(value, list) else []
    if member in AMOUNTS:
        return module.fit_cost
    if leaf.endswith("_tokens"):
        return module.fit_count
    return module.fit_bool if leaf == "is_byok" else None


def leaves_out_of_rows(case):
    """What a provider upstream takes is kept only where the account there is the customer's own (BYOK)."""
    beside = case.get("beside", {}).get("usage", {}) if isinstance(case.get("beside"), dict) else {}
    return case["member"] == AMOUNTS[1] and "BYOK" in case["name"] and beside.get("is_byok") is not True


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_plugin_fits_as_the_gateway_does(newest, case):
    rule = rule_of(newest.module, case["member"])
    if rule is None:
        return  # the plugin makes these values itself
    kept = rule(case["sent"])
    if case["member"] in AMOUNTS:
        if leaves_out_of_rows(case):
            return
        assert (kept is None) == (case["kept"] is None)
        assert kept is None or Decimal(str(kept)) == Decimal(case["kept"]) or Decimal(case["kept"]) == round(Decimal(str(kept)), 18)
    elif case["member"] == "platform":
        assert (kept or "").encode().lower() == (case["kept"] or "").encode()
    else:
        assert kept == case["kept"]


def test_every_member_that_a_provider_or_a_user_fills_has_cases():
    members = {case["member"] for case in CASES}
    assert {"generation_id", "user.id", "user.name", "user.groups", "model", "provider", *AMOUNTS} <= members
