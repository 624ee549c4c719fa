# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the dashboard asks besides figures: a row's history, the pipeline, the settings, the plugin."""
import hashlib
import itertools
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from records import instant, record
from stack import PASSWORD, ROOT, Stack, wait_until


@pytest.fixture(scope="module")
def session(stack):
    return stack.session()


# One row and its history


def test_history_of_a_row_seen_by_two_paths(stack, session):
    at = datetime.now(timezone.utc) - timedelta(minutes=9)
    seen = record(user="u-h", state="open", cost=None, source="filter-inlet", at=at, usage=None, finished_at=None)
    seen["user"]["groups"] = ["b", "a", "b"]
    final = {**record(user="u-h", cost="0.5", at=at), "generation_id": seen["generation_id"]}
    stack.ingest.send(seen)
    stack.drained()
    stack.ingest.send([final, final])
    stack.drained()
    reply = session.get(f"/api/v1/generations/{seen['generation_id']}").json()
    row, records = reply["generation"], reply["records"]
    assert (row["state"], row["cost"], row["cost_state"], row["groups"]) == ("final", "0.5", "reported", ["a", "b"])
    assert [(one["state"], one["source"], one["cost"], one["cost_state"]) for one in records] == [
        ("open", "filter-inlet", None, "unknown"), ("final", "filter-stream", "0.5", "reported")]
    assert records[0]["received_at"] <= records[1]["received_at"] and records[0]["started_at"] == instant(at)
    assert reply["lookup"] is None and not reply["truncated"]
    assert stack.read.generations(generation_id=seen["generation_id"], **{"from": "2020-01-01", "to": "2100-01-01"}) == [
        {name: value for name, value in row.items() if name not in ("part_of", "parts")}]


def test_history_shows_the_look_up(make_stack, stub):
    """A cost that no record says: the look-up is planned, asked for, and its reason is seen."""
    stack = make_stack(settings={"costd": {"LOOKUP_DELAY": "0", "LOOKUP_OPEN_DELAY": "0"}})
    one = record(cost=None)
    stack.ingest.send(one)
    path = f"/api/v1/generations/{one['generation_id']}"

    def asked():
        reply = stack.read.request("GET", path)
        lookup = reply.json()["lookup"] if reply.status == 200 else None
        return lookup if lookup and lookup["attempts"] > 0 else None
    lookup = wait_until(asked, "an attempt")
    assert lookup["last_status"] == 404 and not lookup["given_up"] and lookup["next_at"] is not None
    pipeline = stack.read.get("/api/v1/pipeline").json()
    assert pipeline["lookups"]["waiting"] == 1 and pipeline["lookups"]["given_up"] == 0


def test_a_turn_without_a_generation_id_has_a_history(stack, session):
    stack.ingest.send(record(user="u-h", generation_id=None, turn_id="turn/ü 1"))
    stack.drained()
    reply = session.get("/api/v1/generations/" + quote("owui:turn/ü 1", safe="")).json()
    assert reply["generation"]["turn_id"] == "turn/ü 1" and len(reply["records"]) == 1


@pytest.mark.parametrize("name", ["gen-nobody", "x" * 161, "%25", "ü", "' OR 1=1"])
def test_an_unknown_row_is_404(stack, session, name):
    problem = session.get("/api/v1/generations/" + quote(name, safe="%"), expect=404).json()
    assert "ledger" in problem["detail"]


# The pipeline


def test_pipeline_while_all_is_well(stack, session):
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    stack.ingest.send(record())
    stack.drained()
    for client in (session, stack.read):
        pipeline = client.get("/api/v1/pipeline").json()
        assert pipeline["status"] == "ready" and pipeline["spool"]["pending"] == 0 and pipeline["dead_letters"] == 0
        for name in ("last_event_at", "last_commit_at"):
            assert before < datetime.fromisoformat(pipeline[name].replace("Z", "+00:00")) <= datetime.now(timezone.utc), name


def test_pipeline_without_costd_still_says_what_it_knows(make_stack):
    stack = make_stack()
    session = stack.session()
    stack.costd.stop()
    wait_until(lambda: stack.readiness()["status"] == "degraded", "degraded")
    stack.ingest.send(record())
    pipeline = stack.read.get("/api/v1/pipeline").json()
    assert (pipeline["status"], pipeline["costd"]["state"], pipeline["database"]["state"]) == ("degraded", "unreachable", "unknown")
    assert pipeline["spool"]["pending"] == 1 and pipeline["last_event_at"] is not None
    assert pipeline["lookups"] is None and pipeline["dead_letters"] is None and pipeline["last_commit_at"] is None
    settings = session.get("/api/v1/settings").json()["services"]
    assert [(one["service"], one["version"] is None) for one in settings] == [("gateway", False), ("costd", True), ("reportd", False)]
    session.get("/api/v1/plugin")
    stack.costd.start()
    stack.drained()


def test_pipeline_counts_dead_letters(stack, session):
    first = record(record_id="00000000-0000-4000-8000-00000000dead")
    stack.ingest.send(first)
    stack.drained()
    stack.ingest.send({**first, "model": "another/model"})
    stack.drained()
    assert session.get("/api/v1/pipeline").json()["dead_letters"] == 1


# Settings


def settings_of_all(client):
    """settings_of_all asks until every service answered: the gateway waits a second for each peer."""
    def asked():
        reply = client.get("/api/v1/settings")
        return reply if all(one["version"] for one in reply.json()["services"]) else None
    return wait_until(asked, "all three services tell their settings")


def test_settings_tell_what_is_set_and_never_a_secret(make_stack, mariadb, contract, stub):
    """Every setting that the tables call a secret, set to a value of its own: none leaves."""
    stack = make_stack(settings={"gateway": {"LIVE_STREAMS": "5"}})
    reply = settings_of_all(stack.session())
    services = {one["service"]: {setting["name"]: setting for setting in one["settings"]} for one in reply.json()["services"]}
    secrets = {"API_KEY": stack.ingest_key, "READ_API_KEY": stack.read_key, "JWT_SECRET": stack.jwt_secret,
               "PASSWORD_HASH": stack.password_hash, "DATABASE_PASSWORD": stack.db.password, "OPENROUTER_API_KEY": stub.key,
               "admin password": PASSWORD}
    for name, value in secrets.items():
        assert value not in reply.text, f"{name} leaves"
    for name in ("API_KEY", "READ_API_KEY", "JWT_SECRET", "PASSWORD_HASH"):
        assert services["gateway"][name] | {"description": ""} == {
            "name": name, "value": None, "masked": True, "is_default": False, "description": ""}, name
    for name in ("DATABASE_PASSWORD", "OPENROUTER_API_KEY"):
        assert services["costd"][name]["masked"] and services["costd"][name]["value"] is None
    live = services["gateway"]["LIVE_STREAMS"]
    assert (live["value"], live["is_default"], live["masked"]) == ("5", False, False) and live["description"]
    assert services["gateway"]["SESSION_LIFETIME"]["is_default"] and services["gateway"]["SESSION_LIFETIME"]["value"] == "21600"
    assert services["gateway"]["TRUSTED_PROXIES"]["value"] is None and services["gateway"]["TRUSTED_PROXIES"]["is_default"]
    assert services["costd"]["REPORT_TIMEZONE"]["value"] == "UTC"
    assert services["reportd"]["COSTD_URL"]["value"] == stack.costd_url


def test_every_setting_named_like_a_secret_is_one(stack, session):
    words = ("PASSWORD", "SECRET", "API_KEY")
    for one in settings_of_all(session).json()["services"]:
        for setting in one["settings"]:
            if any(word in setting["name"] for word in words) and not setting["name"].endswith("_FILE"):
                assert setting["value"] is None, f"{one['service']} {setting['name']}"


@pytest.mark.parametrize("path, who", itertools.product(["settings", "plugin"], ["read", "ingest", "nobody"]))
def test_settings_and_plugin_are_for_sessions(stack, path, who):
    getattr(stack, who).request("GET", f"/api/v1/{path}", expect=401 if who == "nobody" else 403)


# The plugin


def test_plugin_is_the_one_of_this_tree(stack, session):
    reply = session.get("/api/v1/plugin")
    assert reply.content == (ROOT / "plugin/openwebui_metering.py").read_bytes()
    assert hashlib.sha256(reply.content).hexdigest()[:32] in reply["ETag"]
    again = session.request("GET", "/api/v1/plugin", headers={"If-None-Match": reply["ETag"]}, expect=304)
    assert again.body == b"" and again["ETag"] == reply["ETag"]


# Words of the session


def test_first_day_is_null_without_data(make_stack):
    stack = make_stack(timezone="Pacific/Auckland")
    session = stack.session()
    assert session.get("/api/v1/session").json()["first_day"] is None
    stack.ingest.send(record(at=datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc)))
    stack.drained()
    wait_until(lambda: session.get("/api/v1/session").json()["first_day"] == "2026-03-02", "the first day, local")


def test_a_session_without_costd_still_has_a_day(make_stack):
    stack = make_stack(started=False)
    stack.gateway.start()
    try:
        said = stack.read.get("/api/v1/session").json()
        stack.client().login(PASSWORD, expect=503)  # nobody can begin one
        assert said["today"] == said["now"][:10] and said["first_day"] is None
    finally:
        stack.costd.start(), stack.reportd.start()
