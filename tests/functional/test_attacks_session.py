# SPDX-License-Identifier: AGPL-3.0-or-later
"""A session that a neighbour cannot use: each test is what somebody would try who has a part of it, or had it once."""
import http.client
import http.server
import threading
import urllib.parse

import pytest
from records import record
from sse import Stream
from stack import PASSWORD, hash_password, wait_until

FILE = "/api/v1/reports/2025-01.pdf"


def half(stack, cookie=None, token=None):
    """half is who has only a part of a session, at the first gateway."""
    client = stack.client()
    client.cookie, client.token = cookie, token
    return client


class Neighbour(http.server.BaseHTTPRequestHandler):
    """A page of another service at another port of the host: it keeps what a browser sends it."""
    seen = []

    def do_GET(self):
        self.seen.append(self.headers["Cookie"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_cookie_received_at_another_port_opens_nothing(stack):
    """Cookies know no ports: a browser sends the one of the metering to every service of the host."""
    admin = stack.session()
    with http.server.HTTPServer(("127.0.0.1", 0), Neighbour) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = http.client.HTTPConnection("127.0.0.1", server.server_port)
        browser.request("GET", "/", headers={"Cookie": f"auth_token={admin.cookie}"})
        browser.getresponse().read()
        server.shutdown()
    thief = half(stack, cookie=Neighbour.seen[-1].partition("=")[2])
    for method, path in (("GET", "/api/v1/users"), ("GET", "/api/v1/session"), ("GET", "/api/v1/usage"), ("GET", FILE), ("GET", "/api/v1/live"),
                         ("GET", "/api/v1/settings"), ("POST", "/api/v1/tickets"), ("POST", "/api/v1/sessions/end-all")):
        body = {"path": FILE} if path.endswith("tickets") else None
        assert thief.request(method, path, body=body).status == 401, path
    thief.post("/api/v1/logout", expect=204)
    admin.get("/api/v1/users")  # the thief did not end it either


def test_the_header_alone_and_halves_of_two_sessions_open_nothing(stack):
    one, two = stack.session(), stack.session()
    half(stack, token=one.token).get("/api/v1/users", expect=401)
    half(stack, cookie=one.cookie, token=two.token).get("/api/v1/users", expect=401)
    half(stack, cookie=one.token, token=one.cookie).get("/api/v1/users", expect=401)
    half(stack, cookie=one.cookie, token=one.token).get("/api/v1/users")


def test_what_the_database_has_opens_nothing(stack):
    """A dump of the database, with the names of its columns read as tokens."""
    stack.session()
    for (found,) in stack.db.rows("SELECT LOWER(HEX(id)) FROM session"):
        assert len(found) == 64
        half(stack, cookie=found, token=found).get("/api/v1/users", expect=401)


def test_a_ticket_opens_its_path_once(stack):
    admin, nobody = stack.session(), stack.client()
    url = admin.ticket(FILE)
    assert url.startswith(FILE + "?ticket=")
    ticket = url.partition("?")[2]
    for other in (f"/api/v1/reports/2025-02.pdf?{ticket}", f"{FILE}?paper=a4&{ticket}", f"/api/v1/live?{ticket}", f"/api/v1/users?{ticket}",
                  f"{FILE}?ticket={'0' * 64}", f"{FILE}?ticket=", FILE):
        assert nobody.request("GET", other).status in (400, 401), other
    assert nobody.get(url).body.startswith(b"%PDF")
    nobody.get(url, expect=401)
    admin.get(url, expect=401)  # not even with the session beside it


def test_a_ticket_keeps_its_query_and_is_for_get(stack):
    admin, nobody = stack.session(), stack.client()
    url = admin.ticket(FILE + "?paper=letter&locale=de")
    nobody.request("POST", url, expect=405)
    nobody.request("HEAD", url, expect=400)
    assert nobody.get(url).body.startswith(b"%PDF")


def test_a_ticket_that_is_late_opens_nothing(stack):
    admin = stack.session()
    url = admin.ticket(FILE)
    stack.db.server.client("UPDATE ticket SET ends_us=ends_us-60000000 WHERE spent_us IS NULL", stack.db.name)
    stack.client().get(url, expect=401)


def test_a_ticket_ends_with_its_session(stack):
    admin = stack.session()
    url = admin.ticket(FILE)
    admin.post("/api/v1/logout", expect=204)
    stack.client().get(url, expect=401)


@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/usage", "/api/v1/sessions/end-all", "/", "", "//evil.example" + FILE,
                                  "http://evil.example" + FILE, FILE + "#x", FILE + "?ticket=1", "x" * 5000, None, 5])
def test_there_are_tickets_for_files_and_streams_alone(stack, path):
    stack.session().post("/api/v1/tickets", {"path": path}, expect=400)


def test_keys_get_no_tickets(stack):
    for client in (stack.read, stack.ingest):
        client.post("/api/v1/tickets", {"path": FILE}, expect=403)


def test_tickets_and_tokens_reach_no_log(make_stack):
    stack = make_stack()
    admin = stack.session()
    url = admin.ticket(FILE)
    stack.client().get(url)
    stack.client().get(url, expect=401)
    stack.client().request("GET", f"/api/v1/usage?{url.partition('?')[2]}")
    hidden = [admin.cookie, admin.token, urllib.parse.parse_qs(url.partition("?")[2])["ticket"][0]]
    for process in (stack.gateway, stack.costd, stack.reportd):
        assert not [text for text in hidden if text in process.log], process.name


def test_the_live_stream_takes_a_ticket_and_ends_with_the_session(stack):
    admin = stack.session()
    url = admin.ticket("/api/v1/live")
    with Stream(stack.client(), path=url) as stream:
        stream.place()
        stack.ingest.send(one := record())
        assert stream.next()[2]["generation_id"] == one["generation_id"]
        mark = stream.last_id
        admin.post("/api/v1/logout", expect=204)
        assert stream.ended()
    admin = stack.session()
    stack.ingest.send(missed := record())
    with Stream(stack.client(), path=admin.ticket(f"/api/v1/live?last_event_id={urllib.parse.quote(mark, safe='')}")) as stream:
        assert stream.next()[2]["generation_id"] == missed["generation_id"]


def restart_gateway(stack, **env):
    stack.gateway.stop()
    stack.gateway.env.update(env)
    stack.gateway.start()
    stack.wait_ready()


def test_another_password_or_secret_ends_all_sessions(make_stack):
    stack = make_stack()
    admin = stack.session()
    url = admin.ticket(FILE)
    restart_gateway(stack, PASSWORD_HASH=hash_password(stack.bin, "another password, as long"))
    admin.get("/api/v1/users", expect=401)
    stack.client().get(url, expect=401)
    admin = stack.client()
    admin.login("another password, as long")
    url = admin.ticket(FILE)
    restart_gateway(stack, JWT_SECRET="0123456789abcdef" * 4)
    admin.get("/api/v1/users", expect=401)
    stack.client().get(url, expect=401)


def test_all_gateways_have_the_same_sessions_and_spend_a_ticket_once(make_stack):
    stack = make_stack(gateways=2)
    here = stack.session()
    there = stack.client(port=stack.gateways[1].port).as_session_of(here)
    stack.wait_ready(1)
    there.get("/api/v1/users")
    url = here.ticket(FILE)
    results = []
    threads = [threading.Thread(target=lambda port=gateway.port: results.append(stack.client(port=port).request("GET", url).status))
               for gateway in stack.gateways * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [200] + [401] * 7
    there.post("/api/v1/logout", expect=204)
    here.get("/api/v1/users", expect=401)


def test_all_sessions_end_at_once(make_stack):
    stack = make_stack(gateways=2)
    one, two = stack.session(), stack.session()
    elsewhere = stack.client(port=stack.gateways[1].port)
    stack.wait_ready(1)
    elsewhere.login(PASSWORD)
    url = two.ticket(FILE)
    assert one.post("/api/v1/sessions/end-all").json() == {"ended": 3}
    for client in (one, two, elsewhere):
        client.get("/api/v1/users", expect=401)
        client.get("/api/v1/plugin", expect=401)
    stack.client().get(url, expect=401)
    stack.session().get("/api/v1/users")
    assert "all sessions were ended" in stack.gateway.log


def test_while_costd_is_away_nobody_logs_in_and_who_is_known_reads(make_stack):
    stack = make_stack()
    known = stack.session()
    stack.costd.stop()
    wait_until(lambda: stack.readiness()["status"] == "degraded", "degraded")
    reply = stack.client().login(PASSWORD, expect=503)
    assert "nobody can log in now" in reply.json()["detail"] and "costd" in reply.json()["detail"] and reply["Set-Cookie"] is None
    known.get("/api/v1/session")
    known.get("/api/v1/plugin")
    known.get("/api/v1/users", expect=503)
    known.post("/api/v1/documents", {"kind": "report", "month": "2025-01"}, expect=503)
    known.post("/api/v1/sessions/end-all", expect=503)
    known.ticket(FILE, expect=503)
    half(stack, cookie="0" * 64, token="1" * 64).get("/api/v1/session", expect=503)  # it may be one: nobody can tell
    half(stack, cookie=known.cookie).get("/api/v1/session", expect=401)
    reply = known.post("/api/v1/logout", expect=503)
    assert "auth_token=;" in reply["Set-Cookie"]
    known.get("/api/v1/session", expect=503)  # this gateway does not take it any more
    stack.costd.start()
    stack.wait_ready()
    stack.session().get("/api/v1/users")


def test_a_costd_that_hangs_does_not_end_sessions(make_stack):
    stack = make_stack()
    known = stack.session()
    stack.costd.pause()
    try:
        known.get("/api/v1/session")
        known.get("/api/v1/plugin")
    finally:
        stack.costd.resume()
    stack.wait_ready()
    known.get("/api/v1/users")
