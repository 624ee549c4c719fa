# SPDX-License-Identifier: AGPL-3.0-or-later
"""Open WebUI's list of users and groups: who never chatted is known, who is gone is shown, and no record goes before it."""
import re
from datetime import datetime, timezone

import pytest
from records import instant, record
from stack import wait_until
from stub_openwebui import OpenWebUI


@pytest.fixture
def owui():
    with OpenWebUI() as one:
        one.users.update({
            "u-ada": {"name": "Ada Lovelace", "email": "ada@example.org", "role": "admin"},
            "u-quiet": {"name": "Who Never Chatted", "email": "quiet@example.org", "role": "user"}})
        one.groups.update({"g-s": {"name": "School", "members": []}, "g-c": {"name": "Class", "members": ["u-ada"], "above": "g-s"}})
        yield one


def settings(owui, **more):
    return {"costd": {"OPENWEBUI_ENDPOINT": owui.url, "OPENWEBUI_API_KEY": owui.key, "OPENWEBUI_INTERVAL": "1s", **more}}


@pytest.fixture
def stack(make_stack, owui):
    return make_stack(settings=settings(owui))


def persons(stack):
    return {row[0]: row[1:] for row in stack.db.rows(
        "SELECT external_id,name,groups_json,inherited_json,listed_us IS NOT NULL,gone_us IS NOT NULL FROM person WHERE id>1")}


def next_list(owui):
    """next_list waits for a list that is asked for from now on, and for what was made of it."""
    asked = owui.lists
    wait_until(lambda: owui.lists >= asked + 2, "the list after the next")


def users(stack):
    return {user["id"]: user for user in stack.session().get("/api/v1/users").json()["items"]}


def says(user, name, groups=("Of the record",)):
    """says is a record whose sender calls a user so."""
    made = record(user=user, cost="0.5")
    made["user"].update(name=name, email="of-a-record@example.org", groups=list(groups))
    return made


def metric(stack, name):
    found = re.search(rf"^{re.escape(name)} (\d+)$", stack.read.request("GET", "/api/v1/metrics", expect=200).text, re.M)
    return int(found[1]) if found else None


def test_who_never_chatted_is_known_with_the_tree_of_groups(stack, owui):
    wait_until(lambda: len(users(stack)) == 2, "the list")
    ada, quiet = users(stack)["u-ada"], users(stack)["u-quiet"]
    assert (ada["name"], ada["email"], ada["role"]) == ("Ada Lovelace", "ada@example.org", "admin")
    assert (ada["groups"], ada["inherited_groups"]) == (["Class", "School"], ["School"])
    assert (quiet["name"], quiet["groups"], quiet["first_seen_at"]) == ("Who Never Chatted", [], None)
    assert quiet["listed_at"] is not None and quiet["gone_at"] is None
    wait_until(lambda: metric(stack, 'owui_metering_openwebui_persons{state="listed"}') == 2, "the metric")
    assert metric(stack, 'owui_metering_openwebui_persons{state="gone"}') == 0
    assert metric(stack, 'owui_metering_openwebui_lists_total{result="taken"}') > 0


def test_who_is_gone_is_kept_and_comes_back(stack, owui):
    wait_until(lambda: len(persons(stack)) == 2, "the list")
    gone = owui.users.pop("u-quiet")
    wait_until(lambda: persons(stack)["u-quiet"][4] == "1", "gone")
    assert persons(stack)["u-quiet"][0] == "Who Never Chatted" and persons(stack)["u-ada"][4] == "0"
    wait_until(lambda: metric(stack, 'owui_metering_openwebui_persons{state="gone"}') == 1, "the metric")
    assert users(stack)["u-quiet"]["gone_at"] is not None
    owui.users["u-quiet"] = gone
    wait_until(lambda: persons(stack)["u-quiet"][4] == "0", "back")


def test_no_record_goes_before_the_list(stack, owui):
    stack.ingest.send([says("u-ada", "Of a Record"), says("u-else", "Of a Record")])
    stack.drained()
    next_list(owui)
    stack.ingest.send([says("u-ada", "Of a Record")])
    stack.drained()
    known = users(stack)
    assert (known["u-ada"]["name"], known["u-ada"]["email"]) == ("Ada Lovelace", "ada@example.org")
    assert known["u-ada"]["groups"] == ["Class", "School"] and known["u-ada"]["first_seen_at"] is not None
    assert known["u-else"]["name"] == "Of a Record", "who is not on the list is known from the records"


def test_a_list_that_fails_changes_nothing(stack, owui):
    wait_until(lambda: len(persons(stack)) == 2, "the list")
    for users_now, status in ({"u-new": {"name": "N"}}, 500), ({}, 200):
        owui.users, owui.status = users_now, status
        failed = metric(stack, 'owui_metering_openwebui_lists_total{result="failed"}')
        wait_until(lambda: metric(stack, 'owui_metering_openwebui_lists_total{result="failed"}') > failed + 1, "two that failed")
        assert {one: row[4] for one, row in persons(stack).items()} == {"u-ada": "0", "u-quiet": "0"}
    assert "Open WebUI's list of users is empty" in stack.costd.log


def test_settings_taken_away(make_stack, owui):
    stack = make_stack(settings=settings(owui))
    wait_until(lambda: len(persons(stack)) == 2, "the list")
    owui.users.pop("u-quiet")
    wait_until(lambda: persons(stack)["u-quiet"][4] == "1", "gone")
    stack.costd.stop()
    for name in ("OPENWEBUI_ENDPOINT", "OPENWEBUI_API_KEY"):
        del stack.costd.env[name]
    stack.costd.start()
    wait_until(lambda: all(row[3:] == ("0", "0") for row in map(tuple, persons(stack).values())), "nobody listed")
    assert persons(stack)["u-quiet"][0] == "Who Never Chatted", "nobody is forgotten"
    stack.wait_ready()
    made = says("u-ada", "A Newer Name")
    made["started_at"] = made["finished_at"] = instant(datetime.now(timezone.utc))
    stack.ingest.send([made])
    stack.drained()
    assert users(stack)["u-ada"]["name"] == "A Newer Name"


def test_long_names_and_persons_who_are_alike(make_stack, owui):
    owui.users = {"u-1": {"name": "ü" * 300}, "u-2": {"name": "Ada"}, "u-3": {"name": "Ada"}, "U-2": {"name": "Big"},
                  "u-2 ": {"name": "Blank"}, "x" * 200: {"name": "Long id"}}
    stack = make_stack(settings=settings(owui))
    wait_until(lambda: len(persons(stack)) == 6, "the list")
    names = {one: row[0] for one, row in persons(stack).items()}
    assert names["u-1"] == "ü" * 300
    assert (names["u-2"], names["u-3"], names["U-2"], names["u-2 "]) == ("Ada", "Ada", "Big", "Blank")
    assert [one for one in names if one.startswith("long:")] and "x" * 200 not in names


def test_two_costds_ask_one_after_the_other(make_stack, owui):
    stack = make_stack(settings=settings(owui, OPENWEBUI_INTERVAL="1h"))
    wait_until(lambda: len(persons(stack)) == 2, "the list")
    asked = owui.lists
    stack.costd.stop()
    stack.costd.start()
    wait_until(lambda: owui.lists == asked + 1, "the list at the start")


def test_no_person_and_no_key_in_a_log(stack, owui):
    wait_until(lambda: len(persons(stack)) == 2, "the list")
    owui.key = "another"
    wait_until(lambda: "HTTP status 401" in stack.costd.log, "the refusal")
    log = stack.costd.log
    assert "OPENWEBUI_API_KEY must be the key of an admin" in log and "Open WebUI's list taken" in log
    for private in ("sk-of-an-admin", "Ada", "Never Chatted", "example.org", "u-quiet", owui.url):
        assert private not in log, f"{private} is in the log"


@pytest.mark.parametrize("given, missing", [("OPENWEBUI_ENDPOINT", "OPENWEBUI_API_KEY"), ("OPENWEBUI_API_KEY", "OPENWEBUI_ENDPOINT")])
def test_one_without_the_other_is_refused(make_stack, owui, given, missing):
    stack = make_stack(started=False, settings=settings(owui, **{missing: None}))
    stack.costd.start(wait=False)
    assert stack.costd.child.wait(120) == 1
    assert f"{missing}: is missing, but {given} is set" in stack.costd.log
