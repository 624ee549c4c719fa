# SPDX-License-Identifier: AGPL-3.0-or-later
"""The refusals every operation shares, each asked of all operations that document it."""
import json
import time

import pytest
from client import raw
from openapi import Contract
from records import record
from stack import Stack, wait_until

OPERATIONS = Contract().operations
JSON = {"Content-Type": "application/json"}


def documents(status):
    return pytest.mark.parametrize("operation", [o for o in OPERATIONS if str(status) in o.spec["responses"]], ids=lambda o: o.id)


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    with Stack(tmp_path_factory.mktemp("refusals"), mariadb, contract, stub,
               settings={"gateway": {"BODY_TIMEOUT": "1"}}) as installation:
        yield installation


@pytest.fixture(scope="module")
def session(stack):
    return stack.session()


@pytest.fixture(scope="module")
def lonely(tmp_path_factory, mariadb, contract):
    """A gateway whose costd and reportd are gone, and a session at it."""
    with Stack(tmp_path_factory.mktemp("lonely"), mariadb, contract) as installation:
        client = installation.session()
        installation.costd.stop()
        installation.reportd.stop()
        wait_until(lambda: installation.readiness()["status"] == "degraded", "degraded")
        yield installation, client


def caller(stack, session, operation):
    if "ingestKey" in operation.roles:
        return stack.ingest
    return session if "session" in operation.roles else stack.nobody



@documents(400)
def test_unknown_query_parameter(stack, session, contract, operation):
    body = b"{}" if "requestBody" in operation.spec else None
    reply = caller(stack, session, operation).request(
        operation.method, contract.example_path(operation) + "?nonsense=1", body=body, headers=JSON if body else None)
    assert reply.status == 400 and "nonsense" in reply.text, reply


@documents(421)
def test_a_strangers_name(stack, session, contract, operation):
    for client in (stack.nobody, session):
        client.request(operation.method, contract.example_path(operation), headers={"Host": "evil.example"}, expect=421)


@documents(413)
def test_body_too_large(stack, session, contract, operation):
    caller(stack, session, operation).request(
        operation.method, contract.example_path(operation), body=b" " * (17 << 20), headers=JSON, expect=413)


@documents(415)
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", None])
def test_wrong_media_type(stack, session, contract, operation, kind):
    caller(stack, session, operation).request(
        operation.method, contract.example_path(operation), body=b"{}", headers={"Content-Type": kind}, expect=415)


@documents(408)
def test_body_that_does_not_come(stack, session, contract, operation):
    path, client = contract.example_path(operation), caller(stack, session, operation)
    credential = f"Authorization: Bearer {client.key}" if client.key else client.session_lines().rstrip()
    head = [f"{operation.method} {path} HTTP/1.1", "Host: x", credential, "Content-Type: application/json", "Content-Length: 100", "", ""]
    reply = raw(stack.port, "\r\n".join(head).encode() + b"{", timeout_s=60)
    assert reply.closed and reply.status == 408, reply.data[:300]
    contract.check(operation.method, path, reply.status, reply["Content-Type"], reply.body)


@documents(503)
def test_services_behind_are_gone(lonely, contract, operation):
    installation, session = lonely
    if operation.id in ("getHealth", "getMetrics", "getReadiness", "postEvents", "postMeteringRecord", "postTraces", "putTraces", "login", "loginByLink", "logout", "getSession",
                        "getPipeline", "getSettings", "getPlugin", "getLive", "listRefused"):
        pytest.skip("works without them")
    fields = {"userId": "u-1", "year": 2026, "month": "2026-01" if operation.id == "issueDocument" else 1,
              "kind": "report", "target": "/api/v1/reports/2026-01.pdf", "plugin": "1.1.0", "tap": "on"}
    # those that refuse what they do not know
    fields = {"putTerms": {"valid_from": "2026-01", "tax_rate": "19"}, "issueDocument": {"kind": "report", "month": "2026-01"},
              "cancelDocument": {"reason": "the wrong person"}, "decideGeneration": {"cost": "0.5", "reason": "as the provider says"}, "setDeadLettersAside": {"reason": "old tests"}, "mergeUser": {"into": "u-2"}, "createTicket": {"path": "/api/v1/plugin"}}.get(operation.id, fields)
    body = json.dumps(fields).encode() if "requestBody" in operation.spec else None
    reply = caller(installation, session, operation).request(operation.method, contract.example_path(operation), body=body, headers=JSON if body else None, expect=503)
    assert int(reply["Retry-After"]) > 0


def test_no_reportd_is_said_at_once(lonely):
    """Not after the minute that a document may take."""
    _, session = lonely
    begun = time.monotonic()
    session.post("/api/v1/documents", {"kind": "report", "month": "2026-01"}, expect=503)
    assert time.monotonic() - begun < 20


def test_a_reportd_that_says_nothing_may_issue_it_yet(make_stack):
    stack = make_stack()
    session = stack.session()
    session.get("/api/v1/reports/2025-01.pdf")  # reportd is connected
    stack.reportd.pause()
    try:
        begun = time.monotonic()
        reply = session.post("/api/v1/documents", {"kind": "report", "month": "2025-01"}, expect=202, headers={"Idempotency-Key": "a/b?"})
        assert time.monotonic() - begun < 20
        assert reply.json() == {"request": "a/b?", "state": "running"} and int(reply["Retry-After"]) > 0
        assert reply["Location"] == "/api/v1/documents/requests/a%2Fb%3F"
    finally:
        stack.reportd.resume()


CANCEL = "/api/v1/documents/2026-000001/cancel"
ISSUE = {"kind": "report", "month": "2026-01"}


@pytest.mark.parametrize("method, path, body, says", [
    ("PUT", "/api/v1/terms", {}, "valid_from"), ("PUT", "/api/v1/terms", [], "object"),
    ("PUT", "/api/v1/terms", {"valid_from": "2026-11-02"}, "valid_from"),
    ("PUT", "/api/v1/terms", {"valid_from": None, "taxrate": "19"}, "taxrate"),
    ("PUT", "/api/v1/terms", {"valid_from": None, "tax_rate": []}, "tax_rate"),
    ("PUT", "/api/v1/terms", {"valid_from": None, "withdrawn": True, "tax_rate": "19"}, "withdrawn"),
    ("POST", CANCEL, [], "object"), ("POST", CANCEL, {"reason": ""}, "reason"), ("POST", CANCEL, {"reason": "x" * 201}, "reason"),
    ("POST", "/api/v1/documents", ISSUE | {"duplicate": "yes"}, "duplicate"),
    ("POST", "/api/v1/documents", ISSUE | {"duplicate": True, "corrects": "2026-000001"}, "duplicate"),
    ("POST", "/api/v1/documents", ISSUE | {"terms": "month"}, "terms"),
    ("POST", "/api/v1/documents", ISSUE | {"terms": "year", "corrects": "2026-000001"}, "terms"),
    ("GET", "/api/v1/documents/requests/a%20b", None, "key"),
    ("GET", "/api/v1/documents/requests/" + "k" * 101, None, "key"),
    ("GET", "/api/v1/documents/2026-000001/file?format=csv", None, "format"),
    ("GET", "/api/v1/documents/2026-000001/file?duplicate=yes", None, "duplicate"),
], ids=repr)
def test_what_the_gateway_refuses_by_itself_is_named(lonely, method, path, body, says):
    """costd and reportd do not run: the gateway asks neither."""
    _, session = lonely
    reply = session.request(method, path, body=body, expect=400)
    assert says in reply.json()["detail"]


def test_what_works_without_costd_and_reportd(lonely):
    installation, session = lonely
    installation.ingest.send(record())
    session.get("/api/v1/metrics")
    assert installation.nobody.get("/readyz").json()["status"] == "degraded"
    installation.client().login("wrong password", expect=401)
    session.get("/")


def test_documents_are_not_sent_twice(stack, session):
    stack.ingest.send(record(user="u-etag"))
    stack.drained()
    path = "/api/v1/statements/u-etag/2025-01.pdf"
    tag = session.get(path)["ETag"]
    reply = session.request("GET", path, headers={"If-None-Match": tag})
    assert reply.status in (200, 304)  # the date of issue is part of a document, so it may differ
    if reply.status == 304:
        assert reply.body == b"" and reply["ETag"] == tag
