# SPDX-License-Identifier: AGPL-3.0-or-later
"""What one call left twice is one request over the API, an operator can say that it was two, and rows say who bills them."""
from urllib.parse import quote

from records import new_generation_id, record

SAME = {"prompt_tokens": 25, "completion_tokens": 7, "cost": "0.25", "model": "m"}


def one(stack, key):
    return stack.read.get("/api/v1/generations/" + quote(key, safe="")).json()


def total(stack, user):
    figures = stack.read.usage(user=user)["total"]
    return figures["requests"], figures["cost"]


def test_a_pair_is_one_request_until_somebody_says_otherwise(stack):
    session, user = stack.session(), "u-pair"
    turn, generation = record(user=user, generation_id=None, turn_id="t1:1", source="filter-outlet", **SAME), record(user=user, **SAME)
    for sent in (turn, generation):
        stack.ingest.send(sent)
        stack.drained()
    key, other = "owui:t1:1", generation["generation_id"]
    assert total(stack, user) == (1, "0.25")
    row = one(stack, key)["generation"]
    assert (row["requests"], row["part_of"], row["parts"]) == (0, [other], []) and "matched" in row["marks"] + one(stack, other)["generation"]["marks"]
    row = one(stack, other)["generation"]
    assert (row["requests"], row["part_of"], row["parts"]) == (1, [], [key])
    path = f"/api/v1/generations/{quote(key, safe='')}/unpair"
    stack.read.request("POST", path, expect=403)
    assert session.request("POST", path, expect=200).json() == {"unpaired": [key]}
    assert total(stack, user) == (2, "0.5")
    assert [one(stack, k)["generation"]["requests"] for k in (key, other)] == [1, 1]
    refused = session.request("POST", path, expect=409).json()
    acts = [line for line in stack.costd.log.splitlines() if "msg=act" in line and "call=unpair" in line]
    assert "outcome=done" in acts[-2] and "outcome=done" not in acts[-1] and refused["request_id"] in acts[-1]
    session.request("POST", f"/api/v1/generations/{new_generation_id()}/unpair", expect=404)


def test_rows_of_a_platform(stack):
    local, theirs, unsaid = (record(user="u-platform", platform=p) for p in ("Ollama", "openrouter", None))
    stack.ingest.send([local, theirs, unsaid])
    stack.drained()
    for platform, sent in (("ollama", local), ("openrouter", theirs), ("", unsaid)):
        rows = stack.read.generations(user="u-platform", platform=platform)
        assert [(r["generation_id"], r["platform"]) for r in rows] == [(sent["generation_id"], platform or None)]


def test_the_history_says_which_request_of_the_turn_it_was(stack):
    sent = record(user="u-number", turn_id="t2:1", request=2, platform="openrouter")
    stack.ingest.send(sent)
    stack.drained()
    (seen,) = one(stack, sent["generation_id"])["records"]
    assert (seen["generation_id"], seen["turn_id"], seen["request"], seen["platform"], seen["other_id"]) == \
        (sent["generation_id"], "t2:1", 2, "openrouter", None)
