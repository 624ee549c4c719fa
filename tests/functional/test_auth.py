# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who may call what: keys, sessions, cookies, throttling, origins."""
import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from http.cookies import SimpleCookie

import pytest
from client import Client, cookie_of
from openapi import ROOT, Contract
from records import record
from stack import PASSWORD, wait_until

OPERATIONS = {operation.id: operation for operation in Contract().operations}
CALLERS = ("nobody", "wrong key", "ingestKey", "readKey", "session", "forged session")
JSON = {"Content-Type": "application/json"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(payload, secret):
    """jwt is a token as the program before sessions gave them out."""
    signed = f"{b64(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{b64(json.dumps(payload).encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def caller(stack, who):
    if who == "wrong key":
        return stack.client("wrong-key-" + "x" * 30)
    if who == "session":
        return stack.session()
    if who == "forged session":
        client = stack.client()
        client.cookie, client.token = secrets.token_hex(32), secrets.token_hex(32)
        return client
    return stack.client({"ingestKey": stack.ingest_key, "readKey": stack.read_key}.get(who))


def body_for(operation):
    """body_for is a harmless request body for an operation."""
    if operation.id == "postEvents":
        return b"[]"
    if operation.id == "login":
        return json.dumps({"password": PASSWORD}).encode()
    return b"{}" if "requestBody" in operation.spec else None


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("who", CALLERS)
# pitfall 43: the plugin's key opens everything
def test_matrix_of_callers_and_operations(stack, contract, operation, who):
    body = body_for(operation)
    reply = caller(stack, who).request(operation.method, contract.example_path(operation), body=body,
                                       headers=JSON if body else None)
    allowed = not operation.roles or who in operation.roles
    if allowed:
        assert reply.status not in (401, 403), reply
    elif who in ("nobody", "wrong key", "forged session"):
        assert reply.status == 401, reply
    else:
        assert reply.status in (401, 403), reply


def test_readme_says_what_the_read_key_does_not_open():
    text = re.search(r"wants a session: (.*?)\. With", (ROOT / "README.md").read_text(), re.S)[1]
    named = re.findall(r"`(/[^`]+)`", text)
    named[named.index("/file")] = "/api/v1/exports/{id}/file"
    closed = {o.path for o in OPERATIONS.values() if o.method == "GET" and "session" in o.roles and "readKey" not in o.roles}
    assert {re.sub(r"\{\w+\}", "{id}", path) for path in closed} == set(named)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS.values() if o.roles], ids=lambda o: o.id)
def test_refusal_says_nothing_about_what_exists(stack, contract, operation):
    """A caller without a key gets the same answer for things that exist and things that do not."""
    if "{" not in operation.path:
        pytest.skip("no names in the path")
    stack.ingest.send(record(user="u-exists"))
    stack.drained()
    answers = set()
    for user in ("u-exists", "u-not-there"):
        path = operation.path.replace("{id}", user).replace("{user_id}", user).replace("{file}", "2026-11.pdf")
        reply = stack.nobody.request(operation.method, path)
        problem = reply.json()
        del problem["request_id"]
        answers.add((reply.status, json.dumps(problem)))
    assert len(answers) == 1


def test_key_in_the_url_opens_nothing(stack):
    for name in ("key", "api_key", "token", "access_token"):
        assert stack.nobody.request("GET", f"/api/v1/session?{name}={stack.read_key}").status in (400, 401)


def test_scheme_is_case_insensitive_the_key_is_not(stack):
    for header, status in (("bearer {}", 200), ("BEARER {}", 200), ("Bearer {}", 200)):
        stack.nobody.get("/api/v1/session", expect=status, headers={"Authorization": header.format(stack.read_key)})
    swapped = stack.read_key.swapcase()
    stack.nobody.get("/api/v1/session", expect=401, headers={"Authorization": f"Bearer {swapped}"})


def test_two_authorization_headers_are_not_a_choice(stack):
    from client import raw
    reply = raw(stack.port, (f"GET /api/v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nope\r\n"
                             f"Authorization: Bearer {stack.read_key}\r\nConnection: close\r\n\r\n").encode())
    assert reply.status in (400, 401)


# Login and logout


def test_login_sets_a_cookie_that_scripts_cannot_read(stack):
    client = stack.client()
    reply = client.login(PASSWORD)
    lines = [SimpleCookie(line) for line in reply.all("Set-Cookie")]
    assert [list(line) for line in lines] == [["auth_token"], ["browser_mark"]]
    for line in lines:
        (cookie,) = line.values()
        assert cookie["httponly"] is True and cookie["samesite"].lower() == "strict" and cookie["path"] == "/"
        assert cookie["domain"] == "" and int(cookie["max-age"]) > 0
    assert "no-store" in reply["Cache-Control"]
    session = client.get("/api/v1/session").json()
    assert session["timezone"] == "UTC" and session["currency"] == "USD" and session["expires_at"] is not None
    assert stack.read.get("/api/v1/session").json()["expires_at"] is None


def test_each_login_is_a_session_of_its_own(stack):
    one, two = stack.session(), stack.session()
    assert one.cookie != two.cookie and one.token != two.token and one.cookie != one.token
    one.post("/api/v1/logout", expect=204)
    one.get("/api/v1/session", expect=401)
    two.get("/api/v1/session")


def test_logout_ends_the_session_on_the_server(stack):
    client = stack.session()
    reply = client.post("/api/v1/logout", expect=204)
    cleared = SimpleCookie(reply["Set-Cookie"])["auth_token"]
    assert cleared.value == "" and (cleared["max-age"] == "0" or "1970" in cleared["expires"])
    client.get("/api/v1/users", expect=401)
    client.get("/api/v1/session", expect=401)


def test_logout_outlives_a_restart(make_stack):
    stack = make_stack()
    client, other = stack.session(), stack.session()
    client.post("/api/v1/logout", expect=204)
    stack.gateway.stop()
    stack.gateway.start()
    client.get("/api/v1/session", expect=401)
    other.get("/api/v1/session")


def test_logout_without_a_session_does_nothing(stack):
    stack.nobody.post("/api/v1/logout", expect=204)


@pytest.mark.parametrize("body, status", [
    ({"password": ""}, 400), ({}, 400), ({"password": None}, 400), ({"password": 5}, 400), ([], 400), ("text", 400),
    ({"password": "x" * 1025}, 400), ({"password": "wrong"}, 401), ({"password": PASSWORD + " "}, 401),
    ({"password": PASSWORD.upper()}, 401), ({"password": PASSWORD[:-1]}, 401), ({"password": PASSWORD + "\u0000"}, (400, 401)),
], ids=repr)
def test_bad_logins(stack, body, status):
    reply = stack.nobody.post("/api/v1/login", json.dumps(body), expect=None, headers=JSON)
    assert reply.status in (status if isinstance(status, tuple) else (status,)), reply
    assert reply["Set-Cookie"] is None


def test_login_body_limits(stack):
    stack.nobody.post("/api/v1/login", b"{", expect=400, headers=JSON)
    stack.nobody.post("/api/v1/login", b"password=x", expect=415, headers={"Content-Type": "application/x-www-form-urlencoded"})
    stack.nobody.post("/api/v1/login", b" " * 1_000_000, expect=413, headers=JSON)


# Forged tokens


def forgeries(good):
    changed = ("0" if good[0] != "0" else "1") + good[1:]
    return {
        "another": secrets.token_hex(32), "changed": changed, "short": good[:-1], "long": good + "0", "upper case": "A" * 64,
        "no digits": "z" * 64, "zeros": "0" * 64, "empty": "", "very long": "a" * 5000, "binary": "\x80\xff" * 32, "wildcard": "%" * 64,
    }


@pytest.mark.parametrize("half", ["cookie", "token"])
@pytest.mark.parametrize("kind", forgeries("0" * 64).keys())
def test_forged_halves_open_nothing(stack, kind, half):
    client = stack.session()
    setattr(client, half, forgeries(getattr(client, half))[kind])
    assert client.request("GET", "/api/v1/session").status == 401
    assert client.request("GET", "/api/v1/users").status == 401


def test_tokens_of_the_program_before_are_refused_although_signed(stack):
    client = stack.client()
    client.cookie = jwt({"sub": "admin", "jti": secrets.token_hex(16), "iat": int(time.time()), "exp": int(time.time()) + 3600},
                        stack.jwt_secret.encode())
    for client.token in (None, client.cookie, secrets.token_hex(32)):
        assert client.request("GET", "/api/v1/session").status == 401
        assert client.request("GET", "/api/v1/users").status == 401


def test_session_ends_by_itself(make_stack):
    stack = make_stack(settings={"gateway": {"SESSION_LIFETIME": "60"}})
    client = stack.session()
    begun, ends = (int(v) / 1e6 for v in stack.db.rows("SELECT begun_us,ends_us FROM session")[0])
    assert 0 < ends - time.time() <= 61 and 59 < ends - begun <= 61
    stack.db.server.client("UPDATE session SET ends_us=begun_us", stack.db.name)
    client.get("/api/v1/session", expect=401)


def test_cookie_among_others(stack):
    client = stack.session()
    for cookies in (f"a=1; auth_token={client.cookie}; b=2", f"auth_tokenx=1; auth_token={client.cookie}"):
        stack.nobody.get("/api/v1/session", headers={"Cookie": cookies, "X-Session-Token": client.token})
    stack.nobody.get("/api/v1/session", expect=401, headers={"Cookie": f"xauth_token={client.cookie}", "X-Session-Token": client.token})


# Throttling


def test_many_wrong_passwords_are_throttled_and_the_right_one_waits_too(make_stack):
    stack = make_stack()
    statuses = [stack.nobody.post("/api/v1/login", {"password": f"wrong {n}"}, expect=None).status for n in range(30)]
    assert statuses[0] == 401 and statuses[-1] == 429 and set(statuses) == {401, 429}, statuses
    assert 3 <= statuses.index(429) <= 20, statuses
    reply = stack.nobody.post("/api/v1/login", {"password": PASSWORD}, expect=429)
    assert int(reply["Retry-After"]) >= 1
    stack.ingest.send(record())  # others are not affected
    stack.read.get("/api/v1/session")


def test_throttle_survives_a_restart_or_is_short(make_stack):
    stack = make_stack()
    while stack.nobody.post("/api/v1/login", {"password": "wrong"}, expect=None).status != 429:
        pass
    wait = int(stack.nobody.post("/api/v1/login", {"password": PASSWORD}, expect=429)["Retry-After"])
    assert wait <= 3600


def test_parallel_logins_do_not_stop_ingest(make_stack):
    """A password hash costs a third of a second and much memory: there is a limit at once."""
    stack = make_stack()
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(
        stack.nobody.post("/api/v1/login", {"password": f"wrong {n}"}, expect=None).status)) for n in range(24)]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    for _ in range(5):
        stack.ingest.send(record())
    took = time.monotonic() - begun
    for thread in threads:
        thread.join()
    assert set(answers) <= {401, 429, 503} and len(answers) == 24
    assert took < 60, took  # each of the logins may wait five seconds for its turn: two minutes


def test_spoofed_forwarding_headers_do_not_escape_the_throttle(make_stack):
    stack = make_stack()
    statuses = [stack.nobody.post("/api/v1/login", {"password": "wrong"}, expect=None,
                                  headers={"X-Forwarded-For": f"10.0.0.{n}"}).status for n in range(30)]
    assert 429 in statuses


# Origins


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:1"},
], ids=repr)
@pytest.mark.parametrize("method, path, body", [
    ("POST", "/api/v1/login", {"password": PASSWORD}), ("POST", "/api/v1/logout", {}),
    ("POST", "/api/v1/user/report", {"userId": "u", "year": 2026, "month": 0}),
    ("POST", "/api/v1/documents", {"kind": "report", "month": "2026-01"}), ("POST", "/api/v1/documents/2026-000001/cancel", {}),
    ("PUT", "/api/v1/terms", {"valid_from": None, "tax_rate": "19"})])
def test_state_changes_from_another_site_are_refused(stack, headers, method, path, body):
    client = stack.session()
    reply = client.request(method, path, body=json.dumps(body).encode(), expect=403, headers=JSON | headers)
    assert reply["Set-Cookie"] is None and reply["Access-Control-Allow-Origin"] is None
    client.get("/api/v1/session")


def test_own_origin_may(stack):
    origin = f"http://127.0.0.1:{stack.port}"
    reply = stack.nobody.post("/api/v1/login", {"password": PASSWORD},
                              headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"})
    assert cookie_of(reply)


def test_no_cors_headers_anywhere(stack):
    for path in ("/", "/healthcheck", "/api/v1/session", "/nothing"):
        reply = stack.nobody.request("GET", path, headers={"Origin": "https://evil.example"})
        assert not [name for name, _ in reply.header_list if name.lower().startswith("access-control-")]


# Headers


def test_security_headers_on_every_status(stack, contract):
    """The client looks at nosniff, referrer policy and CSP of every reply it gets; here are the rarer statuses."""
    seen = {stack.nobody.request(method, path).status for method, path in (
        ("GET", "/"), ("GET", "/api/v1/session"), ("GET", "/api/v1/nothing"), ("DELETE", "/api/v1/events"),
        ("POST", "/api/v1/login"), ("GET", "/healthcheck"), ("GET", "/readyz"), ("OPTIONS", "/api/v1/usage"))}
    seen.add(stack.read.get("/api/v1/usage", expect=400, nonsense="1").status)
    assert {200, 400, 401, 404, 405} <= seen


def test_csp_forbids_inline_scripts_and_framing(stack):
    policy = stack.nobody.get("/")["Content-Security-Policy"]
    rules = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.strip()}
    assert "'unsafe-inline'" not in rules.get("script-src", rules.get("default-src", []))
    assert "'unsafe-eval'" not in policy and rules["frame-ancestors"] == ["'none'"]
    assert rules["default-src"] in (["'none'"], ["'self'"]) and rules["base-uri"] == ["'none'"]


def test_api_replies_are_not_cached(stack):
    for path in ("/api/v1/session", "/api/v1/usage", "/api/v1/generations"):
        assert "no-store" in stack.read.get(path)["Cache-Control"]


def test_server_does_not_name_its_version(stack):
    reply = stack.nobody.get("/healthcheck")
    assert reply["Server"] is None or not any(c.isdigit() for c in reply["Server"])


def test_second_gateway_accepts_the_session_of_the_first(make_stack):
    stack = make_stack(gateways=2)
    stack.wait_ready(1)
    other = Client(stack.gateways[1].port, stack.contract).as_session_of(stack.session())
    wait_until(lambda: other.request("GET", "/api/v1/session").status != 503, "an answer")
    other.get("/api/v1/session")
