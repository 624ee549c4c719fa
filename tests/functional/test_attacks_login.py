# SPDX-License-Identifier: AGPL-3.0-or-later
"""The brake on logins is no lock-out, and a stranger's name is not ours."""
import subprocess
import threading

import pytest
from client import cookie_of, raw
from stack import PASSWORD, hash_password

JSON = {"Content-Type": "application/json"}


def close_brake(client):
    """close_brake guesses until this address, or this browser, has to wait for so long that a test is over before."""
    while int(client.post("/api/v1/login", {"password": "guessed by somebody"}, expect=None)["Retry-After"] or 0) < 4:
        pass


def marked(stack, mark):
    client = stack.client()
    client.mark = mark
    return client


def link_of(stack, **env):
    """link_of is what who has the gateway's settings gets on the host."""
    done = subprocess.run([stack.bin / "gateway", "--login-link"], env={**stack.gateway.env, **env}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def code_of(link):
    return link.partition("#link=")[2]


# The brake


def test_the_right_password_works_from_a_browser_that_logged_in_before(make_stack):
    stack = make_stack()
    admin = stack.client()
    mark = cookie_of(admin.login(PASSWORD), "browser_mark")
    close_brake(stack.client())
    stack.client().login(PASSWORD, expect=429)
    assert cookie_of(marked(stack, mark).login(PASSWORD), "browser_mark")
    marked(stack, mark).login(PASSWORD)
    stack.client().login(PASSWORD, expect=429)  # it did not open the door for the others


def test_a_mark_has_a_brake_of_its_own_and_opens_nothing(make_stack):
    stack = make_stack()
    mark = cookie_of(stack.client().login(PASSWORD), "browser_mark")
    marked(stack, mark).get("/api/v1/session", expect=401)
    close_brake(stack.client())
    statuses = [marked(stack, mark).post("/api/v1/login", {"password": "wrong"}, expect=None).status for _ in range(12)]
    assert statuses[0] == 401 and statuses[-1] == 429, statuses


def test_who_has_the_mark_does_not_close_the_address(make_stack):
    """A neighbour's page receives the mark, too."""
    stack = make_stack()
    mark = cookie_of(stack.client().login(PASSWORD), "browser_mark")
    statuses = [marked(stack, mark).post("/api/v1/login", {"password": "wrong"}, expect=None,
                                         headers={"X-Forwarded-For": "203.0.113.7"}).status for _ in range(6)]
    assert set(statuses) == {401}, statuses
    stack.client().login(PASSWORD)


@pytest.mark.parametrize("forge", [lambda m: m[:-1] + ("0" if m[-1] != "0" else "1"), lambda m: ("0" if m[0] != "0" else "1") + m[1:], lambda m: m[:33] + "f" * 16 + m[49:],
                                   lambda m: m[:-1], lambda m: "", lambda m: "x" * 5000, lambda m: m.upper()])
def test_a_forged_mark_is_none(make_stack, forge):
    stack = make_stack()
    mark = cookie_of(stack.client().login(PASSWORD), "browser_mark")
    close_brake(stack.client())
    marked(stack, forge(mark)).login(PASSWORD, expect=429)


def test_clients_of_one_proxy_are_told_apart(make_stack):
    stack = make_stack(settings={"gateway": {"TRUSTED_PROXIES": "127.0.0.1"}})
    guess = {"password": "guessed by somebody"}
    while int(stack.client().post("/api/v1/login", guess, expect=None, headers={"X-Forwarded-For": "203.0.113.7"})["Retry-After"] or 0) < 4:
        pass
    stack.client().post("/api/v1/login", {"password": PASSWORD}, expect=429, headers={"X-Forwarded-For": "203.0.113.7"})
    stack.client().post("/api/v1/login", {"password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.8"})


# The link


def test_a_login_link_works_once_while_the_brake_is_closed(make_stack):
    stack = make_stack(gateways=2)
    stack.wait_ready(1)
    close_brake(stack.client())
    link = link_of(stack)
    assert link.startswith(f"http://127.0.0.1:{stack.port}/login#link=")
    clients = [stack.client(port=gateway.port) for gateway in stack.gateways * 3]
    replies = []
    threads = [threading.Thread(target=lambda c=client: replies.append((c, c.post("/api/v1/login/link", {"code": code_of(link)}, expect=None))))
               for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for _, reply in replies) == [200] + [401] * 5
    (client, reply), = [one for one in replies if one[1].status == 200]
    client.enter(reply)
    client.get("/api/v1/users")
    marked(stack, cookie_of(reply, "browser_mark")).login(PASSWORD)  # this browser is known from now on
    assert code_of(link) not in stack.gateway.log + stack.costd.log + stack.gateways[1].log


def test_a_link_of_another_installation_or_a_forged_one_opens_nothing(stack):
    code = code_of(link_of(stack))
    other = code_of(link_of(stack, JWT_SECRET="0123456789abcdef" * 4))
    late = code[:33] + "0" * 16 + code[49:]
    for forged in (other, late, code[:-1], code + "0", "", "x", code.replace(".", ":")):
        stack.client().post("/api/v1/login/link", {"code": forged}, expect=401)
    for body in ({}, {"code": None}, {"code": 5}, []):
        stack.client().post("/api/v1/login/link", body, expect=400)
    stack.client().post("/api/v1/login/link", {"code": code}, expect=403, headers={"Origin": "http://evil.example"})
    stack.client().post("/api/v1/login/link", {"code": code})


def test_a_link_begins_with_the_public_url(stack):
    assert link_of(stack, PUBLIC_URL="https://metering.example.org/").startswith("https://metering.example.org/login#link=")


# Passwords


@pytest.mark.parametrize("password, good", [("elevenchars", False), ("twelve chars", True), ("\u00e4" * 11, False), ("\u00e4" * 12, True)])
def test_new_passwords_have_twelve_characters(stack, password, good):
    done = subprocess.run([stack.bin / "gateway", "--hash-password"], input=password + "\n", text=True, capture_output=True)
    assert (done.returncode == 0, bool(done.stdout)) == (good, good)
    assert good or "12 characters" in done.stderr
    assert good is hash_of(stack, password)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
def test_the_end_of_a_pasted_line_is_no_part_of_the_password(make_stack, stack, end):
    done = subprocess.run([stack.bin / "gateway", "--hash-password"], input=f"pasted from a mail{end}".encode(), capture_output=True, check=True)
    pasted = make_stack(settings={"gateway": {"PASSWORD_HASH": done.stdout.decode().strip()}})
    pasted.client().login("pasted from a mail")


@pytest.mark.parametrize("text", ["first line here\rsecond\n", "first line here\r\r\n", "\rfirst line here\n", "\r\n", "x" * 1025 + "\r\n"])
def test_a_password_is_not_hashed_in_part(stack, text):
    done = subprocess.run([stack.bin / "gateway", "--hash-password"], input=text.encode(), capture_output=True)
    assert done.returncode == 2 and not done.stdout and b"one line" in done.stderr


def test_the_longest_password_may_end_with_cr_lf(stack):
    subprocess.run([stack.bin / "gateway", "--hash-password"], input=b"x" * 1024 + b"\r\n", capture_output=True, check=True)


def hash_of(stack, password):
    try:
        return bool(hash_password(stack.bin, password))
    except subprocess.CalledProcessError:
        return False


# Names


def status_by(stack, host, path="/", headers="", version="1.1"):
    return raw(stack.port, f"GET {path} HTTP/{version}\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n".encode()).status


def test_a_strangers_name_that_points_here_is_refused(stack):
    for host in ("evil.example", f"evil.example:{stack.port}", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example.", "metering.example.org",
                 "127.0.0.1@evil.example", "[::1", "a b.c"):
        for path in ("/", "/api/v1/session", "/api/v1/verify/0000-0000-0000-0000", "/nothing.js"):
            assert status_by(stack, host, path) in (400, 421), (host, path)
    reply = stack.client().request("POST", "/api/v1/login", body=b'{"password":"x"}', headers=JSON | {"Host": "evil.example"}, expect=421)
    assert "ALLOWED_HOSTS" in reply.json()["detail"] and reply["Set-Cookie"] is None
    admin = stack.session()
    admin.get("/api/v1/users", headers={"Host": "evil.example"}, expect=421)
    assert status_by(stack, "evil.example", "/api/v1/session", "Authorization: Bearer wrong\r\n") == 401
    assert status_by(stack, "evil.example", "/", "Authorization: Bearer wrong\r\n") == 401  # counted, like any wrong key


def test_our_own_names_are_answered(stack):
    for host in ("127.0.0.1", f"127.0.0.1:{stack.port}", "192.168.7.9", "[::1]", f"[::1]:{stack.port}", "localhost", "LOCALHOST:45000", "app.localhost",
                 "gateway:45000", "localhost."):
        assert status_by(stack, host) == 200, host
    for path in ("/healthcheck", "/readyz"):
        assert status_by(stack, "probe.example", path) == 200
    for key in (stack.read_key, stack.ingest_key):
        assert status_by(stack, "metering.lan", "/api/v1/metrics", f"Authorization: Bearer {key}\r\n") == 200


def test_settings_name_the_others(make_stack):
    stack = make_stack(settings={"gateway": {"PUBLIC_URL": "https://Metering.example.org", "ALLOWED_HOSTS": "metering.lan, other.example:8443",
                                             "TRUSTED_PROXIES": "127.0.0.1"}})
    for host in ("metering.example.org", "METERING.lan:45000", "other.example", "127.0.0.1"):
        assert status_by(stack, host) == 200, host
    for host in ("evil.example", "x.metering.lan"):
        assert status_by(stack, host) == 421, host


def test_a_trusted_proxy_may_pass_on_any_name_while_none_is_given(make_stack):
    stack = make_stack(settings={"gateway": {"TRUSTED_PROXIES": "127.0.0.1"}})
    assert status_by(stack, "metering.example.org", "/", "X-Forwarded-For: 203.0.113.7\r\n") == 200
    assert "neither PUBLIC_URL nor ALLOWED_HOSTS is set" in stack.gateway.log


@pytest.mark.parametrize("name, value", [("PUBLIC_URL", "metering.example.org"), ("PUBLIC_URL", "https://"), ("PUBLIC_URL", "https:///path"),
                                         ("PUBLIC_URL", "ftp://a.example"), ("ALLOWED_HOSTS", "https://a.example"), ("ALLOWED_HOSTS", "a.example,*")])
def test_bad_names_stop_the_start(stack, name, value):
    done = subprocess.run([stack.bin / "gateway", "--settings"], env={**stack.gateway.env, name: value}, capture_output=True, text=True)
    assert done.returncode == 2 and name in done.stderr
