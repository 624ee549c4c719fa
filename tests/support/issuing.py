# SPDX-License-Identifier: AGPL-3.0-or-later
"""Documents issued over HTTP, and the terms of their months."""
import json

from documents import pdf_text
from stack import wait_until

EUR = {"CURRENCY": "EUR", "EXCHANGE_RATE": "0.9", "EXCHANGE_RATE_DATE": "2026-03-31", "EXCHANGE_RATE_SOURCE": "European Central Bank"}


def issue(client, expect=201, key=None, **fields):
    """issue asks for a report as PDF, or for what the fields say, and gives the reply; with expect None the first one."""
    body = {"kind": "statement" if "user" in fields else "group_statement" if "group" in fields else "report", "format": "pdf", **fields}
    return ask(client, "/api/v1/documents", body, key, expect)


def ask(client, path, body, key, expect):
    reply = client.request("POST", path, body=body, headers={"Idempotency-Key": key})
    if reply.status == 202 and expect is not None:  # a machine that is slow today: the same request finds what came of it
        wait_until(lambda: client.get(reply["Location"]).json()["state"] in ("done", "failed"), "the end of the job")
        reply = client.request("POST", path, body=body, headers={"Idempotency-Key": reply.json()["request"]})
        assert reply.status in ((200, 201) if expect in (200, 201) else (expect,)), reply
    else:
        assert expect in (None, reply.status), f"POST {path} {body}: {expect} was expected, got {reply}"
    return reply


def issued(client, expect=201, **fields):
    """issued is the document that issue made."""
    return issue(client, expect, **fields).json()


def correct(client, document, expect=201, **fields):
    """correct asks for a document in place of another, of the same person and month."""
    whose = {name: document[name] for name in ("kind", "user", "group", "month") if document[name] is not None}
    return issue(client, expect, **{**whose, "corrects": document["number"], **fields})


def cancel(client, number, expect=201, key=None, **body):
    return ask(client, f"/api/v1/documents/{number}/cancel", body, key, expect)


def document(client, number):
    return client.get(f"/api/v1/documents/{number}").json()


def file_of(client, number, expect=200, **query):
    return client.get(f"/api/v1/documents/{number}/file", expect=expect, **query)


def text_of(client, number, **query):
    return pdf_text(file_of(client, number, **query).body)


def count(stack):
    return int(stack.db.value("SELECT COUNT(*) FROM document"))


def is_number_held(stack):
    return stack.db.value("SELECT COUNT(*) FROM issuing WHERE lease_id IS NOT NULL") == "1"


def stored_terms(stack, number):
    """stored_terms are those that the database keeps with a document."""
    year, seq = number.split("-")
    return json.loads(stack.db.value(f"SELECT terms FROM document WHERE year={year} AND seq={int(seq)}"))


def terms(client):
    return client.get("/api/v1/terms").json()


def put_terms(client, valid_from, expect=200, **fields):
    return client.request("PUT", "/api/v1/terms", body={"valid_from": valid_from, **fields}, expect=expect)


def restart_with(stack, **settings):
    """restart_with restarts reportd with other settings (None: not set) and waits until reportd has told costd of them."""
    wait_for_offer(stack)
    stack.reportd.stop()
    stack.settings = {**stack.settings, "reportd": {**stack.settings.get("reportd", {}), **settings}}
    stack.reportd = stack.process("reportd", stack.reportd_env())
    stack.reportd.start()
    stack.wait_ready()
    wait_for_offer(stack)


def wait_for_offer(stack):
    """wait_for_offer waits until costd knows the settings of the reportd that was started last."""
    wait_until(lambda: int(stack.db.value("SELECT COUNT(*) FROM terms_offer")) > 0, "reportd's settings are known")
