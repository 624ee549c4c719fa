# SPDX-License-Identifier: AGPL-3.0-or-later
"""Another account of the host, and a gateway that was taken over, at the ports between the services."""
import re
import secrets
import socket
import threading
from pathlib import Path

import pytest
import wire
from issuing import issued
from records import record
from stack import Stack, wait_until

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = {name: int(number) for name, number in re.findall(
    r"^    \w+ (\w+) = (\d+);", (ROOT / "proto/messages/envelope.proto").read_text(encoding="utf-8").split("message Reply")[0], re.M)}
# what costd answers, and whom
WHO = dict(re.findall(r"^CD_CALL\((\w+),\s*\w+,\s*(\w+),", (ROOT / "costd/calls.def").read_text(encoding="utf-8"), re.M))
REPORTD_CALLS = ("status", "settings", "metrics", "issue", "issue_state", "render", "job_start", "job_state", "job_read", "job_drop")


class Watched(Stack):
    """Relays stand between reportd and costd, and between the gateway and both."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.relays = {name: wire.Relay(url) for name, url in
                       (("reportd-costd", self.costd_url), ("gateway-costd", self.costd_url), ("gateway-reportd", self.reportd_url))}
        self.reportd.env["COSTD_URL"] = self.relays["reportd-costd"].url
        self.gateway.env |= {"COSTD_URL": self.relays["gateway-costd"].url, "REPORTD_URL": self.relays["gateway-reportd"].url}

    def __exit__(self, *fault):
        super().__exit__(*fault)
        for relay in self.relays.values():
            relay.close()

    def refused(self, reason):
        """refused counts what costd and reportd refused for that reason."""
        text = self.read.request("GET", "/api/v1/metrics", expect=200).text
        return sum(int(n) for n in re.findall(rf'owui_metering_wire_refused_total{{[^}}]*reason="{reason}"[^}}]*}} (\d+)', text))


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract):
    with Watched(tmp_path_factory.mktemp("wire"), mariadb, contract) as installation:
        installation.ingest.send(record("ada", "0.5"))
        installation.drained()
        yield installation


@pytest.fixture(scope="module")
def seen(stack):
    """seen are the frames of an installation at work: what reportd asked while a document was issued, what the gateway asked."""
    session = stack.session()
    issued(session, month="2026-10")
    session.request("GET", "/api/v1/users", expect=200)
    frames = {name: {} for name in stack.relays}
    for name, relay in stack.relays.items():
        for frame in relay.requests():
            frames[name].setdefault(wire.body_of(frame), frame)
    return frames


def number_of_rows(stack):
    return {table: stack.db.value(f"SELECT COUNT(*) FROM {table}") for table in ("generation", "record", "document", "issuing")}


def test_without_a_key_nothing_is_answered(stack, seen):
    before, refused = number_of_rows(stack), stack.refused("no_mac")
    calls = [(stack.costd_url, name) for name in WHO] + [(stack.reportd_url, name) for name in REPORTD_CALLS]
    for url, name in calls:
        with wire.Caller(url) as stranger:
            answer = stranger.send(wire.request(NUMBERS[name]))
        assert answer.status != 0 and not answer.bodies and not answer.has_mac, name
        assert answer.message == "the peer speaks another version" and len(answer.frame) < 60, name
    for frames in seen.values():  # whole requests too, with what made them genuine cut off
        for frame in frames.values():
            for url in (stack.costd_url, stack.reportd_url):
                with wire.Caller(url) as stranger:
                    answer = stranger.send(wire.without_mac(frame))
                assert answer.status != 0 and not answer.bodies
    assert number_of_rows(stack) == before
    assert stack.refused("no_mac") >= refused + len(calls)


@pytest.mark.parametrize("caller", [wire.GATEWAY, wire.REPORTD])
def test_with_another_key_nothing_is_answered(stack, seen, caller):
    before, refused = number_of_rows(stack), stack.refused("mac")
    for url in (stack.costd_url, stack.reportd_url):
        with wire.Caller(url, caller, secrets.token_hex(32)) as stranger:
            for body in (NUMBERS["users"], NUMBERS["status"], NUMBERS["issue_begin"]):
                answer = stranger.ask(wire.request(body))
                assert answer.status != 0 and not answer.bodies and not answer.has_mac
    assert number_of_rows(stack) == before
    assert stack.refused("mac") > refused


def test_a_gateway_that_was_taken_over_cannot_pass_for_reportd(stack, seen):
    """What reportd asked is signed with the gateway's key: once as the gateway, once as reportd."""
    before, refused = number_of_rows(stack), stack.refused("right")
    of_reportd = {name for name, who in WHO.items() if who == "REPORTD"}
    asked = {name: seen["reportd-costd"].get(NUMBERS[name]) for name in of_reportd}
    assert {"issue_begin", "issue_finish", "statement", "terms_offer"} <= {name for name, frame in asked.items() if frame}
    key = stack.wire_keys["WIRE_KEY_GATEWAY"]
    for name, frame in asked.items():
        if frame is None:
            continue
        with wire.Caller(stack.costd_url, wire.GATEWAY, key) as taken_over:
            answer = taken_over.ask(wire.without_mac(frame))
        assert answer.has_mac and not answer.bodies and answer.message == f"a gateway may not ask costd for {name}"
        with wire.Caller(stack.costd_url, wire.REPORTD, key) as taken_over:
            answer = taken_over.ask(wire.without_mac(frame))
        assert answer.status != 0 and not answer.has_mac and not answer.bodies
    assert number_of_rows(stack) == before
    assert stack.refused("right") >= refused + len([frame for frame in asked.values() if frame])


def test_reportd_asks_nothing_that_is_a_gateways(stack, seen):
    before = number_of_rows(stack)
    for name, who in WHO.items():
        frame = seen["gateway-costd"].get(NUMBERS[name])
        if who != "GATEWAY" or frame is None:
            continue
        with wire.Caller(stack.costd_url, wire.REPORTD, stack.wire_keys["WIRE_KEY_REPORTD"]) as reportd:
            answer = reportd.ask(wire.without_mac(frame))
        assert answer.message == f"reportd may not ask costd for {name}" and not answer.bodies
    with wire.Caller(stack.reportd_url, wire.REPORTD, stack.wire_keys["WIRE_KEY_REPORTD"]) as reportd:
        assert not reportd.ask(wire.request(NUMBERS["status"])).bodies
    assert number_of_rows(stack) == before


def test_what_was_recorded_is_not_carried_out_again(stack, seen):
    before, refused = number_of_rows(stack), stack.refused("replay")
    n = 0
    for name, url in (("reportd-costd", stack.costd_url), ("gateway-costd", stack.costd_url), ("gateway-reportd", stack.reportd_url)):
        for frame in seen[name].values():
            with wire.Caller(url) as stranger:
                for _ in range(2):
                    assert not stranger.send(frame).bodies
            n += 1
    with wire.Caller(stack.costd_url, wire.GATEWAY, stack.wire_keys["WIRE_KEY_GATEWAY"]) as gateway:
        assert gateway.ask(wire.request(NUMBERS["senders"])).bodies  # the key is right
        frame = gateway.prove(wire.request(NUMBERS["senders"]))
        assert gateway.send(frame).bodies
        assert not gateway.send(frame).bodies
    assert number_of_rows(stack) == before
    assert stack.refused("replay") > refused


def test_a_gateway_taken_over_asks_in_no_session_it_was_never_shown(stack):
    """It has the gateway's key, and reads the database's hashes, too."""
    shown = stack.session()
    shown.get("/api/v1/users")
    (known,), = stack.db.rows("SELECT HEX(id) FROM session LIMIT 1")
    with wire.Caller(stack.costd_url, wire.GATEWAY, stack.wire_keys["WIRE_KEY_GATEWAY"]) as gateway:
        for session in (None, secrets.token_bytes(32), bytes.fromhex(known), bytes(32), b"", b"x", bytes.fromhex(shown.cookie), bytes.fromhex(shown.token)):
            named = b"" if session is None else wire.field(4, session)
            for name in ("users", "dead_letters", "sessions_end_all", "senders"):
                if session is None and name == "senders":
                    continue  # what a read key may read needs no session
                answer = gateway.ask(wire.request(NUMBERS[name]) + named)
                assert answer.status != 0 and not answer.bodies, (name, session, answer.message)
    shown.get("/api/v1/users")


def test_a_gateway_believes_no_answer_but_costds(stack, seen):
    """Another program listens where costd did: it has recorded answers, and makes some."""
    fake = Fake(stack.wire_keys["WIRE_KEY_GATEWAY"])
    other = stack.gateway_process(1)
    other.env["COSTD_URL"] = fake.url
    other.start()
    try:
        client = stack.client(stack.read_key, port=other.port)
        for answer in (fake.no_mac, fake.wrong_key, fake.recorded):
            fake.answer = answer
            reply = client.request("GET", "/api/v1/models", expect=503)
            assert "nobody" not in reply.text
        fake.answer = fake.genuine  # so that it is the MAC alone that was missing
        assert "nobody" in client.request("GET", "/api/v1/models", expect=200).text
        fake.answer = fake.no_mac
        wait_until(lambda: client.request("GET", "/readyz").json()["status"] != "ready", "that it is not ready")
        assert "answer has no MAC" in other.log or "made with another key" in other.log
    finally:
        other.stop()
        fake.close()


class Fake:
    """Listens like costd and answers every request with one model called nobody."""

    def __init__(self, key):
        self.key, self.answer = key, self.no_mac
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    @staticmethod
    def models(asked):
        model = wire.field(1, "nobody") + wire.field(2, "nobody")
        reply = wire.field(1, 1) + wire.field(2, model)  # ModelsReply: fetched_us, items
        return wire.field(1, wire.VERSION) + wire.field(2, wire.fields(asked)[2]) + wire.field(NUMBERS["models"], reply)

    def no_mac(self, asked):
        return self.models(asked)

    def wrong_key(self, asked):
        return wire.with_mac(self.models(asked), wire.GATEWAY, "k" * 48, of=asked[-32:])

    def recorded(self, asked):
        """recorded is costd's own answer to another question: the key is right."""
        return wire.with_mac(self.models(asked), wire.GATEWAY, self.key, of=secrets.token_bytes(32))

    def genuine(self, asked):
        return wire.with_mac(self.models(asked), wire.GATEWAY, self.key, of=asked[-32:])

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        try:
            wire.greet(near, wire.REP)
            while True:
                number, asked = wire.receive_message(near)
                wire.send_message(near, number, self.answer(asked))
        except OSError:
            near.close()


def test_services_are_updated_one_after_the_other(tmp_path, mariadb, contract):
    """Relays make one of each two an older service: what it asks has no Mac, and it ignores the one of what it is asked."""
    def older(_is_reply, frame):
        return wire.without_mac(frame) if 5 in wire.fields(frame) else frame

    settings = {"WIRE_WITHOUT_MAC": "accept"}
    stack = Stack(tmp_path, mariadb, contract, settings={name: settings for name in ("gateway", "costd", "reportd")})
    links = ((stack.gateway, "COSTD_URL"), (stack.gateway, "REPORTD_URL"), (stack.reportd, "COSTD_URL"))
    relays = [wire.Relay(process.env[name], older) for process, name in links]
    for (process, name), relay in zip(links, relays):
        process.env[name] = relay.url
    with stack:
        stack.ingest.send(record("ada", "0.5"))
        stack.drained()
        assert stack.read.usage(user="ada")["total"]["cost"] == "0.5"
        issued(stack.session(), month="2026-10")
        assert "messages without a MAC are taken" in stack.costd.log
        for process, name in links:
            process.env[name] = stack.reportd_url if name == "REPORTD_URL" else stack.costd_url
        for process in (stack.costd, stack.reportd, stack.gateway):  # the order of the README; the last step of an upgrade
            process.stop()
            process.env["WIRE_WITHOUT_MAC"] = "refuse"
            process.start()
        stack.wait_ready()
        stack.ingest.send(record("ada", "0.25"))
        stack.drained()
        assert stack.read.usage(user="ada")["total"]["cost"] == "0.75"
    for relay in relays:
        relay.close()


def test_a_setting_of_one_service_alone_stops_nothing_but_says_so(tmp_path, mariadb, contract):
    """Keys that differ: nothing is answered, records wait, and both sides say why."""
    stack = Stack(tmp_path, mariadb, contract, settings={"gateway": {"WIRE_KEY_GATEWAY": "another-key-" + secrets.token_hex(32)}})
    for process in (stack.costd, stack.reportd, stack.gateway):
        process.start()
    try:
        stack.ingest.send(record("ada", "0.5"))
        wait_until(lambda: "do both have the same WIRE_KEY_ settings" in stack.gateway.log, "the gateway's reason")
        wait_until(lambda: "its MAC was made with another key" in stack.costd.log, "costd's reason")
        assert stack.readiness()["spool"]["pending"] == 1
        stack.gateway.stop()
        stack.gateway.env["WIRE_KEY_GATEWAY"] = stack.wire_keys["WIRE_KEY_GATEWAY"]
        stack.gateway.start()
        stack.wait_ready()
        stack.drained()
        assert stack.read.usage(user="ada")["total"]["cost"] == "0.5"
    finally:
        stack.__exit__(None, None, None)
