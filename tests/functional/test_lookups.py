# SPDX-License-Identifier: AGPL-3.0-or-later
"""Look-ups: whatever the provider answers, a row ends in a visible state and never with a wrong amount."""
import gzip
import ssl
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest
from records import instant, new_generation_id, record
from stack import Stack, free_port, wait_until
from stub_openrouter import Stub, dump, generation_body, sample

PATH = "/api/v1/generation"
FAST = {"LOOKUP_DELAY": "50ms", "LOOKUP_OPEN_DELAY": "50ms", "LOOKUP_MAX_DELAY": "100ms", "LOOKUP_PAUSE": "300ms",
        "LOOKUP_ZERO_WAIT": "400ms", "LOOKUP_RATE": "60000", "LOOKUP_CONCURRENCY": "4"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    with Stack(tmp_path_factory.mktemp("lookups"), mariadb, contract, stub, settings={"costd": FAST}) as installation:
        yield installation


@pytest.fixture(autouse=True)
def healed(stub):
    yield
    stub.heal()


@pytest.fixture
def impatient(make_stack):
    """impatient starts an installation that waits half a second for an answer: honest ones may be late for it, too."""
    return lambda: make_stack(settings={"costd": {**FAST, "LOOKUP_TIMEOUT": "500ms"}})


def unsettled(stack, gen_id):
    found = [i for i in stack.read.get("/api/v1/unsettled", limit=1000).json()["items"] if i["generation_id"] == gen_id]
    return found[0] if found else None


def row_of(stack, gen_id):
    return stack.ledger("cost_state, cost, state, byok_cost, is_byok, prompt_tokens, completion_tokens", f"generation_id='{gen_id}'")[0]


def cost_of(stack, gen_id):
    (amount,) = stack.ledger("cost", f"generation_id='{gen_id}'")[0]
    return amount and (amount.rstrip("0").rstrip(".") or "0")


def settled(stack, gen_id, cost):
    wait_until(lambda: row_of(stack, gen_id)[0] == "3", f"a looked-up cost: {unsettled(stack, gen_id)}")
    assert cost_of(stack, gen_id) == cost


def body_of(gen_id, cost="0.5", **fields):
    return dump(generation_body(gen_id, cost, **fields))


def with_cost(gen_id, text):
    return body_of(gen_id).replace('"total_cost": 0.5', f'"total_cost": {text}')


def counter(stack, name):
    text = stack.read.get("/api/v1/metrics").text
    return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


# name -> what is answered for an id, and what is to be seen of it: status, part of the error
WRONG = {
    "html": lambda i: ({"status": 200, "body": "<html>hold on</html>", "headers": {"Content-Type": "text/html"}}, 200, "text/html, not JSON"),
    "html_called_json": lambda i: ({"status": 200, "body": "<html>hold on</html>"}, 200, "not JSON"),
    "html_error_page": lambda i: ({"status": 503, "body": "<html>", "headers": {"Content-Type": "text/html"}}, 503, "HTTP status 503"),
    "truncated_json": lambda i: ({"status": 200, "body": body_of(i)[:-3]}, 200, "not JSON"),
    "empty_body": lambda i: ({"status": 200, "body": ""}, 200, "not JSON"),
    "wrong_content_type": lambda i: ({"status": 200, "body": body_of(i), "headers": {"Content-Type": "text/plain; charset=utf-8"}},
                                     200, "text/plain, not JSON"),
    "body_of_100_mb": lambda i: ({"status": 200, "body": b" " * 1000000, "repeat": 100}, 0, "larger than"),
    "gzip_bomb": lambda i: ({"status": 200, "body": BOMB, "headers": {"Content-Encoding": "gzip"}}, 0, "larger than"),
    "slow_drip": lambda i: ({"status": 200, "body": body_of(i).encode(), "drip_s": 0.1}, 0, "no reply"),
    "cut_connection": lambda i: ({"close": True}, 0, "no reply"),
    "redirect": lambda i: ({"status": 302, "body": "", "headers": {"Location": "/api/v1/elsewhere"}}, 302, "HTTP status 302"),
    "another_id": lambda i: ({"status": 200, "body": body_of("gen-of-somebody-else", "9")}, 200, "another generation"),
    "null_cost": lambda i: ({"status": 200, "body": with_cost(i, "null")}, 200, "total_cost: missing"),
    "negative_cost": lambda i: ({"status": 200, "body": body_of(i, "-0.5")}, 200, "not from 0 to 10000"),
    "absurd_cost": lambda i: ({"status": 200, "body": body_of(i, "10000.000001")}, 200, "not from 0 to 10000"),
    "cost_beyond_numbers": lambda i: ({"status": 200, "body": with_cost(i, "1e400")}, 200, "total_cost"),
    "cost_that_is_no_number": lambda i: ({"status": 200, "body": with_cost(i, "NaN")}, 200, "total_cost"),
    "cost_as_text": lambda i: ({"status": 200, "body": with_cost(i, '"cheap"')}, 200, "total_cost"),
    "duplicate_keys": lambda i: ({"status": 200, "body": '{"data":{"id":"%s","total_cost":1,"total_cost":2}}' % i}, 200, "duplicate"),
    "error_in_a_200": lambda i: ({"status": 200, "body": sample("error_429")}, 200, "no data"),
    "no_object": lambda i: ({"status": 200, "body": '{"data":[1]}'}, 200, "not an object"),
    "server_error": lambda i: ({"status": 500}, 500, "HTTP status 500"),
    "unknown_status": lambda i: ({"status": 524, "body": "timeout"}, 524, "HTTP status 524"),
    "not_found": lambda i: ({"status": 404}, 404, "HTTP status 404"),
    "forbidden_row": lambda i: ({"status": 403}, 403, "HTTP status 403"),
}
BOMB = gzip.compress(b" " * 50_000_000, 9)


@pytest.mark.parametrize("case", WRONG)
def test_wrong_answer_is_seen_and_never_booked(stack, stub, case, impatient):
    if case == "slow_drip":
        stack = impatient()
    gen_id = new_generation_id()
    fault, status, error = WRONG[case](gen_id)
    stub.put(gen_id, "0.000000125")
    stub.fault(PATH, times=-1, gen_id=gen_id, **fault)
    stack.ingest.send(record(cost=None, generation_id=gen_id))
    stack.drained()
    item = wait_until(lambda: (i := unsettled(stack, gen_id)) and i["attempts"] >= 2 and i, f"{case} seen twice")
    assert (item["reason"], item["cost"], item["last_status"]) == ("retrying", None, status), item
    assert error in item["last_error"] and item["next_at"] is not None, item
    assert row_of(stack, gen_id)[:2] == ("0", None)
    assert not any(r["path"] == "/api/v1/elsewhere" for r in stub.requests)
    stub.heal()  # pitfall 16: nothing is final before the schedule ends
    settled(stack, gen_id, "0.000000125")
    assert unsettled(stack, gen_id) is None


def test_certificate_nobody_signed_is_refused(make_stack, stub, tmp_path):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "k.pem", "-out",
                           tmp_path / "c.pem", "-days", "2", "-subj", "/CN=127.0.0.1"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    with Stub(key=stub.key) as provider:
        provider.server.socket = context.wrap_socket(provider.server.socket, server_side=True)
        url = provider.base_url.replace("http://", "https://")
        stack = make_stack(settings={"costd": {**FAST, "OPENROUTER_BASE_URL": url}})
        gen_id = new_generation_id()
        provider.put(gen_id, "5")
        stack.ingest.send(record(cost=None, generation_id=gen_id))
        stack.drained()
        item = wait_until(lambda: (i := unsettled(stack, gen_id)) and i["attempts"] >= 1 and i, "an attempt")
        assert item["last_status"] == 0 and "certificate" in item["last_error"].lower(), item
        assert provider.asked(gen_id) == 0 and row_of(stack, gen_id)[:2] == ("0", None)


def test_a_name_nobody_knows_is_tried_again(make_stack, stub):
    stack = make_stack(settings={"costd": {**FAST, "OPENROUTER_BASE_URL": "https://openrouter.invalid/api/v1"}})
    gen_id = new_generation_id()
    stack.ingest.send(record(cost=None, generation_id=gen_id))
    stack.drained()
    item = wait_until(lambda: (i := unsettled(stack, gen_id)) and i["attempts"] >= 2 and i, "two attempts")
    assert item["last_status"] == 0 and "resolve" in item["last_error"].lower() and item["reason"] == "retrying", item
    assert row_of(stack, gen_id)[:2] == ("0", None)


# ---- what right answers mean ----

RIGHT = {
    "exponent": ("7.4e-7", {}, "0.00000074"),
    "capital_exponent": ("9.9E-7", {}, "0.00000099"),
    "free": ("0", {"model": "openai/gpt-oss-20b:free"}, "0"),  # pitfall 17: zero is a value
    # not the tokens of the answer, and not the provider's own bill again (pitfall 26)
    "upstream_repeated": ("0.00000602", {"upstream_inference_cost": "0.00000602"}, "0.00000602"),
    "many_digits": ("0.123456789012345678", {}, None),
    "cache_hit": ("0", {"native_tokens_prompt": 0, "native_tokens_completion": 0, "native_tokens_cached": 0, "native_tokens_reasoning": 0,
                        "response_cache_source_id": "gen-first"}, "0"),
    # zero completion insurance, and what an answer looks like before the books are written
    "zero_without_tokens": ("0", {"native_tokens_prompt": 0, "native_tokens_completion": 0, "native_tokens_cached": 0,
                                  "native_tokens_reasoning": 0}, "0"),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_answer_is_booked_exactly(stack, stub, case):
    cost, fields, want = RIGHT[case]
    gen_id = new_generation_id()
    stub.put(gen_id, cost, **fields)
    stack.ingest.send(record(cost=None, generation_id=gen_id, prompt_tokens=None, completion_tokens=None))
    stack.drained()
    settled(stack, gen_id, want or repr(float(cost)))
    assert row_of(stack, gen_id)[3] is None
    if case == "zero_without_tokens":
        assert stub.asked(gen_id) >= 2  # not believed at once
    else:
        assert stub.asked(gen_id) == 1


def test_byok_bill_stays_apart(stack, stub):
    """Pitfall 26: the fee is the cost; the upstream bill is a column of its own, and only of BYOK requests."""
    inside, fee = new_generation_id(), new_generation_id()
    stub.put(inside, "0", is_byok=True, upstream_inference_cost="0.0124", native_tokens_prompt=10, native_tokens_completion=5)
    stub.put(fee, "0.00062", is_byok=True, upstream_inference_cost="0.0124", native_tokens_prompt=10, native_tokens_completion=5)
    stack.ingest.send([record(cost=None, generation_id=i) for i in (inside, fee)])
    stack.drained()
    settled(stack, inside, "0")
    settled(stack, fee, "0.00062")
    for gen_id in (inside, fee):
        assert row_of(stack, gen_id)[3:5] == ("0.012400000000000000", "1")


# An ornament never costs the money beside it: what is asked, and the field that is counted as left out, if one is.
ORNAMENTS = {
    "negative_tokens": ({"native_tokens_prompt": -35}, "usage.prompt_tokens"),
    "fractional_tokens": ({"native_tokens_completion": 1151.5}, "usage.completion_tokens"),
    "gigantic_tokens": ({"native_tokens_prompt": 10**30}, "usage.prompt_tokens"),
    "textual_tokens": ({"native_tokens_prompt": "1151"}, None),
    "byok_as_a_number": ({"is_byok": 1}, "usage.is_byok"),
    "byok_as_a_text": ({"is_byok": "true"}, "usage.is_byok"),
    "no_time": ({"created_at": "yesterday"}, "finished_at"),
    "long_provider": ({"provider_name": "p" * 129}, "provider"),
    "control_in_a_model": ({"model": "a\u0085b"}, "model"),
    "long_user": ({"external_user": "u" * 129}, "user.id"),
}


@pytest.mark.parametrize("case", ORNAMENTS)
def test_a_good_cost_is_booked_whatever_stands_beside_it(stack, stub, case):
    fields, left_out = ORNAMENTS[case]
    name = f'owui_metering_fields_dropped_total{{field="{left_out}"}}'
    before = int(stack.read.metrics().get(name, "0"))
    gen_id = new_generation_id()
    stub.put(gen_id, "0.25", **fields)
    stack.ingest.send(record(cost=None, generation_id=gen_id, prompt_tokens=None, completion_tokens=None))
    stack.drained()
    settled(stack, gen_id, "0.25")
    row = row_of(stack, gen_id)
    if case == "textual_tokens":
        assert row[5] == "1151"
    elif left_out.endswith("_tokens"):
        assert row[5 if "prompt" in left_out else 6] is None
    if left_out is not None:
        assert int(stack.read.metrics()[name]) == before + 1
        assert stub.asked(gen_id) == 1


def test_a_bill_that_is_not_known_yet_is_asked_for(stack, stub):
    """BYOK without the upstream cost is half an answer: asked again, and listed until it is whole, also if it was reported."""
    reported, asked = new_generation_id(), new_generation_id()
    for gen_id in (reported, asked):
        stub.put(gen_id, "0.01", is_byok=True, upstream_inference_cost=None)
    stack.ingest.send([record(cost="0.01", generation_id=reported, is_byok=True, user="u-byok"),
                       record(cost=None, generation_id=asked, user="u-byok")])
    stack.drained()
    for gen_id in (reported, asked):
        item = wait_until(lambda i=gen_id: (u := unsettled(stack, i)) and u["attempts"] >= 2 and u, "two look-ups")
        assert (item["missing"], item["reason"], item["cost"], item["cost_state"]) == ("byok_cost", "retrying", "0.01", "looked_up"), item
        assert "upstream" in item["last_error"]
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01", "user": "u-byok"})["total"]
    assert (total["cost"], total["byok_cost"], total["unsettled"]) == ("0.02", "0", 2)
    for gen_id in (reported, asked):
        stub.put(gen_id, "0.01", is_byok=True, upstream_inference_cost="0.5")
        wait_until(lambda i=gen_id: unsettled(stack, i) is None, "the bill")
        assert row_of(stack, gen_id)[3:5] == ("0.500000000000000000", "1")
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01", "user": "u-byok"})["total"]
    assert (total["cost"], total["byok_cost"], total["unsettled"]) == ("0.02", "1", 0)


def test_a_bill_that_never_comes_stays_listed(make_stack, stub):
    stack = make_stack(settings={"costd": {**FAST, "LOOKUP_GIVE_UP": "300ms"}})
    gen_id = new_generation_id()
    stub.put(gen_id, "0.01", is_byok=True, upstream_inference_cost=None)
    stack.ingest.send(record(cost="0.01", generation_id=gen_id, is_byok=True))
    stack.drained()
    item = wait_until(lambda: (i := unsettled(stack, gen_id)) and i["reason"] == "given_up" and i, "the end of the schedule")
    assert (item["missing"], item["next_at"], item["cost"]) == ("byok_cost", None, "0.01")


def cancelled_body(gen_id, **fields):
    """cancelled_body is what the provider says of a request of just now that was cut."""
    return generation_body(gen_id, "0.00003452", **{
        "cancelled": True, "finish_reason": None, "native_tokens_prompt": 900, "native_tokens_completion": 33, "external_user": None,
        "created_at": instant(datetime.now(timezone.utc)), "model": "anthropic/claude-haiku-4.5", **fields})


def cut(stack, gen_id, **fields):
    stack.ingest.send(record(cost=None, generation_id=gen_id, state="open", prompt_tokens=None, completion_tokens=None, **fields))
    stack.drained()


def test_cancelled_stream_is_billed_by_its_look_up(stack, stub):
    """Pitfalls 8, 15: no usage chunk is neither free nor full price.  The body may name another id then; both ids are shown."""
    gen_id, other = new_generation_id(), new_generation_id()
    stub.put(gen_id, body=cancelled_body(other))
    cut(stack, gen_id)
    settled(stack, gen_id, "0.00003452")
    assert row_of(stack, gen_id)[2] == "2" and row_of(stack, gen_id)[5:] == ("900", "33")
    history = stack.read.get(f"/api/v1/generations/{gen_id}").json()
    assert (history["generation"]["marks"], history["generation"]["other_id"]) == (["other_id"], other), history
    assert [r["other_id"] for r in history["records"]] == [None, other], history


CONTRADICTIONS = {
    "model": ({"model": "openai/gpt-4o-mini"}, "whose model is another"),
    "user": ({"external_user": "u-somebody-else"}, "whose user is another"),
    "time": ({"created_at": instant(datetime.now(timezone.utc) - timedelta(days=3))}, "whose time is another"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_reply_about_another_id_is_not_believed_against_the_row(stack, stub, case):
    fields, why = CONTRADICTIONS[case]
    gen_id = new_generation_id()
    stub.put(gen_id, body=cancelled_body("gen-of-somebody-else", **fields))
    cut(stack, gen_id)
    item = wait_until(lambda: (i := unsettled(stack, gen_id)) and i["attempts"] >= 2 and i, "two look-ups")
    assert item["reason"] == "retrying" and "another generation (gen-of-somebody-else)" in item["last_error"] and why in item["last_error"]
    assert row_of(stack, gen_id)[:2] == ("0", None)
    stub.put(gen_id, "0.5")  # and then it is the right one
    settled(stack, gen_id, "0.5")


# ---- whom the provider names ----

def test_the_provider_names_the_user_of_a_row_that_nobody_named(stack, stub):
    told, session, seen = new_generation_id(), new_generation_id(), new_generation_id()
    stub.put(told, "0.25", external_user="u-told", session_id=None)
    stub.put(session, "0.25", external_user=None, session_id="owui|u-session|chat-7||title_generation")
    stub.put(seen, "0.25", external_user="u-not-me", session_id=None)
    stack.ingest.send([record(cost=None, generation_id=told, user="unknown"), record(cost=None, generation_id=session, user="unknown"),
                       record(cost=None, generation_id=seen, user="u-seen")])
    stack.drained()
    for gen_id in (told, session, seen):
        settled(stack, gen_id, "0.25")
    found = stack.db.rows("SELECT generation_id,user_id,chat_id,task FROM as_text_generation "
                          f"WHERE generation_id IN ('{told}','{session}','{seen}')")
    assert {r[0]: r[1:] for r in found} == {told: ("u-told", None, None), session: ("u-session", "chat-7", "title_generation"),
                                            seen: ("u-seen", None, None)}
    known = {u["id"] for u in stack.session().get("/api/v1/users", limit=1000).json()["items"]}
    assert {"u-told", "u-session", "u-seen"} <= known and "u-not-me" not in known
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01", "user": "u-told"})["total"]
    assert (total["requests"], total["cost"]) == (1, "0.25")


# ---- other platforms ----

@pytest.mark.parametrize("prefix, platform", [("chatcmpl-", None), ("gen-", "ollama"), ("resp_", "openai")])
def test_a_call_of_another_platform_is_not_asked_for(stack, stub, prefix, platform):
    """A local chat has no cost and no vendor to ask, and nothing waits for it.  The record says who bills, else the id does."""
    local, marker, user = prefix + new_generation_id()[4:], new_generation_id(), f"u-{prefix}{platform}"
    stub.put(local, "9")
    stub.put(marker, "0.5")
    stack.ingest.send([record(cost=None, generation_id=local, user=user, model="llama3.2:1b", platform=platform),
                       record(cost=None, generation_id=marker, platform="openrouter")])
    stack.drained()
    settled(stack, marker, "0.5")
    assert stub.asked(local) == 0
    item = unsettled(stack, local)
    assert (item["reason"], item["missing"], item["cost"], item["cost_state"], item["attempts"]) == ("no_price", "cost", None, "unknown", 0)
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01", "user": user})["total"]
    assert (total["requests"], total["cost"], total["unsettled"]) == (1, "0", 0)
    (row,) = stack.read.generations(**{"from": "2020-01-01", "to": "2100-01-01", "generation_id": local})
    assert (row["cost_state"], row["cost"], row["unsettled"], row["platform"]) == ("unknown", None, False, platform)


# ---- the key, limits, schedule ----

def test_refused_row_does_not_stop_the_others(stack, stub):
    """A generation of another account answers 403 for ever; a minute's silence for it would cost all the others."""
    refused, others = new_generation_id(), [new_generation_id() for _ in range(20)]
    stub.fault(PATH, times=-1, gen_id=refused, status=403)
    stack.ingest.send(record(cost=None, generation_id=refused))
    stack.drained()
    wait_until(lambda: stub.asked(refused) >= 2, "two refusals")
    for gen_id in others:
        stub.put(gen_id, "0.25")
    stack.ingest.send([record(cost=None, generation_id=i) for i in others])
    stack.drained()
    for gen_id in others:
        settled(stack, gen_id, "0.25")
    item = unsettled(stack, refused)
    assert item["attempts"] >= 2 and item["last_status"] == 403
    assert "refuses the key" not in stack.costd.log


@pytest.mark.parametrize("status", [401, 402, 403])
def test_refused_key_counts_no_attempts(make_stack, stub, status):
    stack = make_stack(settings={"costd": {**FAST, "LOOKUP_PAUSE": "50ms"}})
    ids = [new_generation_id() for _ in range(6)]
    for gen_id in ids:
        stub.put(gen_id, "0.25")
    stub.fault(PATH, times=-1, status=status)
    stack.ingest.send([record(cost=None, generation_id=i) for i in ids])
    stack.drained()
    wait_until(lambda: stack.costd.log.count("refuses the key") >= 4, "four pauses")
    items = [unsettled(stack, i) for i in ids]
    assert sum(i["attempts"] for i in items) <= (0 if status != 403 else 3 + 4)  # those that told, and who was on the way
    assert {i["last_status"] for i in items if i["last_status"] is not None} == {status}
    stub.heal()
    for gen_id in ids:
        settled(stack, gen_id, "0.25")


def test_retry_after_holds_for_all_processes_and_over_a_restart(make_stack, stub):
    stack = make_stack(settings={"costd": FAST})
    first, second = new_generation_id(), new_generation_id()
    stub.put(first, "0.25")
    stub.put(second, "0.25")
    stub.fault(PATH, gen_id=first, status=429, headers={"Retry-After": "6"})
    session = stack.session()
    stack.ingest.send(record(cost=None, generation_id=first))
    stack.drained()
    wait_until(lambda: unsettled(stack, first)["last_status"] == 429, "the refusal")
    assert session.get("/api/v1/pipeline").json()["lookups"]["paused_until"] is not None
    stack.ingest.send(record(cost=None, generation_id=second))
    stack.drained()
    stack.costd.stop()
    stack.costd.start()
    stack.wait_ready()
    settled(stack, second, "0.25")
    settled(stack, first, "0.25")
    asked = [r["at"] for r in stub.requests if r["query"].get("id", [""])[0] in (first, second)]
    assert len(asked) == 3 and asked[1] - asked[0] >= 5.9, asked


def test_two_processes_ask_once(make_stack, stub):
    stack = make_stack(settings={"costd": FAST})
    url = f"tcp://127.0.0.1:{free_port()}"
    second = stack.process("costd", {**stack.costd_env(), "COSTD_LISTEN": url}, "costd2")
    second.start()
    try:
        ids = [new_generation_id() for _ in range(150)]
        for gen_id in ids:
            stub.put(gen_id, "0.001")
        stack.ingest.send([record(cost=None, generation_id=i) for i in ids])
        stack.drained()
        wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM generation WHERE cost_state=3") == "150", "all settled")
        assert {stub.asked(i) for i in ids} == {1}
        assert stack.db.value("SELECT SUM(cost) FROM usage_day").startswith("0.15000")
    finally:
        second.stop()


def test_schedule_ends_and_says_so(make_stack, stub):
    """A 404 is asked again until the schedule ends, also by a costd that was killed meanwhile; then the row says why."""
    stack = make_stack(settings={"costd": {**FAST, "LOOKUP_GIVE_UP": "1h"}})
    gen_id = new_generation_id()
    stack.ingest.send(record(cost=None, generation_id=gen_id))
    stack.drained()
    wait_until(lambda: (i := unsettled(stack, gen_id)) and i["attempts"] >= 3 and i["reason"] == "retrying", "three look-ups")
    stack.costd.kill()
    stack.costd.env["LOOKUP_GIVE_UP"] = "100ms"  # its end has come meanwhile
    stack.db.rows("UPDATE lookup SET lease_until_us = lease_until_us - 600000000")  # and that of a look-up under way
    stack.costd.start()
    stack.wait_ready()
    item = wait_until(lambda: (i := unsettled(stack, gen_id)) and i["reason"] == "given_up" and i, "the end of the schedule")
    assert (item["last_status"], item["next_at"], item["cost"]) == (404, None, None) and item["attempts"] >= 3
    assert counter(stack, "owui_metering_lookups_given_up_total") >= 1
    assert 'owui_metering_lookups{state="given_up"} 1' in stack.read.get("/api/v1/metrics").text


def test_rate_is_bounded(make_stack, stub):
    stack = make_stack(settings={"costd": {**FAST, "LOOKUP_RATE": "120"}})
    ids = [new_generation_id() for _ in range(12)]
    for gen_id in ids:
        stub.put(gen_id, "0.001")
    begun = time.monotonic()
    stack.ingest.send([record(cost=None, generation_id=i) for i in ids])
    stack.drained()
    for gen_id in ids:
        settled(stack, gen_id, "0.001")
    at = sorted(r["at"] for r in stub.requests if r["query"].get("id", [""])[0] in ids)
    assert len(at) == 12 and at[-1] - begun >= 3.5, at  # 2 a second; four may begin together


# ---- verification ----

def test_reported_costs_are_verified_where_asked(make_stack, stub):
    """A cost that differs between stream and look-up: the provider's books count, and the difference is shown."""
    stack = make_stack(settings={"costd": {**FAST, "LOOKUP_VERIFY": "all"}})
    same, other, unknown = new_generation_id(), new_generation_id(), new_generation_id()
    stub.put(same, "0.0100")
    stub.put(other, "0.02")
    stack.ingest.send([record(cost="0.01", generation_id=i, user="u-verify") for i in (same, other, unknown)])
    stack.drained()
    settled(stack, same, "0.01")
    settled(stack, other, "0.02")
    (item,) = stack.read.get("/api/v1/discrepancies").json()["items"]
    assert (item["generation_id"], item["reported"], item["looked_up"], item["difference"]) == (other, "0.01", "0.02", "0.01")
    text = stack.read.get("/api/v1/metrics").text
    assert "owui_metering_discrepancies 1" in text and 'owui_metering_costs_verified_total{result="same"} 1' in text
    assert 'owui_metering_costs_verified_total{result="differs"} 1' in text
    wait_until(lambda: stub.asked(unknown) >= 2, "the third asked again")
    assert row_of(stack, unknown)[:1] == ("2",) and unsettled(stack, unknown) is None  # reported is settled


def test_reported_costs_are_not_asked_for_otherwise(stack, stub):
    gen_id, marker = new_generation_id(), new_generation_id()
    stub.put(marker, "0.5")
    stack.ingest.send([record(cost="0.01", generation_id=gen_id), record(cost=None, generation_id=marker)])
    stack.drained()
    settled(stack, marker, "0.5")
    assert stub.asked(gen_id) == 0


# ---- prices and estimates ----

def models(**prices):
    return {"data": [{"id": name.replace("__", "/"), "name": name, "pricing": pricing} for name, pricing in prices.items()]}


def test_prices_have_a_history_and_rows_an_estimate(make_stack):
    with Stub(key="sk-prices") as provider:
        provider.models = models(a__one={"prompt": "0.00000008333333333333334", "completion": "0.000001"},
                                 a__auto={"prompt": "-1", "completion": "-1"})
        stack = make_stack(stub=provider, settings={"costd": {**FAST, "PRICES_INTERVAL": "100ms"}})
        prices = wait_until(lambda: stack.read.get("/api/v1/prices").json()["items"], "prices")
        assert [(p["model"], p["valid_until"]) for p in prices] == [("a/auto", None), ("a/one", None)]
        assert prices[1]["pricing"] == {"completion": "0.000001", "prompt": "0.00000008333333333333334"}
        known, auto, none = new_generation_id(), new_generation_id(), new_generation_id()
        stack.ingest.send([record(cost=None, generation_id=known, model="a/one", prompt_tokens=1000, completion_tokens=10),
                           record(cost=None, generation_id=auto, model="a/auto"), record(cost=None, generation_id=none, model="a/on")])
        stack.drained()
        # while waiting, and marked as what it is; part of the totals, which say how many are unsettled
        item = wait_until(lambda: unsettled(stack, known), "the row")
        assert (item["cost_state"], item["cost"], item["no_estimate"]) == ("estimated", "0.000093333333333333", None)
        assert [unsettled(stack, i)["no_estimate"] for i in (auto, none)] == ["unpriced", "no_price"]  # pitfalls 20, 21
        assert {unsettled(stack, i)["cost"] for i in (auto, none)} == {None}
        total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01"})["total"]
        assert (total["cost"], total["unsettled"]) == ("0.000093333333333333", 3)

        provider.models = models(a__one={"prompt": "0.0000002", "completion": "0.000001"})
        wait_until(lambda: len(stack.read.get("/api/v1/prices").json()["items"]) == 3, "a new price")
        newer, older = stack.read.get("/api/v1/prices", model="a/one").json()["items"]
        assert newer["valid_until"] is None and older["valid_until"] == newer["valid_from"]
        (gone,) = stack.read.get("/api/v1/prices", model="a/auto").json()["items"]
        assert gone["valid_until"] == newer["valid_from"]
        assert unsettled(stack, known)["cost"] == "0.000093333333333333"  # the price in force at its instant
        page = stack.read.get("/api/v1/prices", limit=2).json()
        rest = stack.read.get("/api/v1/prices", limit=2, cursor=page["next_cursor"]).json()
        assert [p["model"] for p in page["items"] + rest["items"]] == ["a/auto", "a/one", "a/one"] and rest["next_cursor"] is None

        provider.put(known, "0.0001")
        settled(stack, known, "0.0001")
        assert counter(stack, "owui_metering_estimates_total") >= 1
        fetched = counter(stack, 'owui_metering_price_fetches_total{result="stored"}')
        changes = counter(stack, "owui_metering_price_changes_total")
        wait_until(lambda: counter(stack, 'owui_metering_price_fetches_total{result="stored"}') > fetched + 2, "more fetches")
        assert counter(stack, "owui_metering_price_changes_total") == changes == 5

        # a list that is not one closes nothing
        for broken in ({"data": []}, "<html>", models()):
            provider.models = broken
            failed = counter(stack, 'owui_metering_price_fetches_total{result="failed"}')
            wait_until(lambda: counter(stack, 'owui_metering_price_fetches_total{result="failed"}') > failed, "a failed fetch")
        assert [p["model"] for p in stack.read.get("/api/v1/prices").json()["items"] if p["valid_until"] is None] == ["a/one"]
        done = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
        assert done.returncode == 0 and ": 0 rows and 0 totals differ" in done.stdout, done.stdout + done.stderr


# ---- one model, one name ----

SLUG, MODEL = "anthropic/claude-4.5-haiku-20251001", "anthropic/claude-haiku-4.5"
ALWAYS = {"from": "2020-01-01", "to": "2100-01-01"}


def test_a_model_has_one_name_in_all_that_is_read(make_stack):
    """The list's id, by which chats are reported, and the books' name of the same model, also of rows from before the list."""
    with Stub(key="sk-names") as provider:
        provider.models = models(x__first={"prompt": "0.1"})
        stack = make_stack(stub=provider, settings={"costd": {**FAST, "PRICES_INTERVAL": "100ms"}})
        wait_until(lambda: stack.read.get("/api/v1/prices").json()["items"], "a list")
        stack.ingest.send([record(cost="0.5", model=SLUG), record(cost="0.25", model=MODEL), record(cost="0.125", model="x/first")])
        stack.drained()
        groups = {r["model"]: r["cost"] for r in stack.read.usage(group_by="model", **ALWAYS)["rows"]}
        assert groups == {SLUG: "0.5", MODEL: "0.25", "x/first": "0.125"}

        provider.models = {"data": [{"id": MODEL, "canonical_slug": SLUG, "name": "Haiku", "pricing": {"prompt": "0.01", "completion": "0"}}]}
        wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM model_name") == "1", "the names")
        groups = {r["model"]: (r["cost"], r["requests"]) for r in stack.read.usage(group_by="model", **ALWAYS)["rows"]}
        assert groups == {MODEL: ("0.75", 2), "x/first": ("0.125", 1)}
        for name in (SLUG, MODEL):
            assert stack.read.usage(model=name, **ALWAYS)["total"]["cost"] == "0.75"
            assert [r["model"] for r in stack.read.generations(model=name, **ALWAYS)] == [MODEL, MODEL]
            assert [p["model"] for p in stack.read.get("/api/v1/prices", model=name).json()["items"]] == [MODEL]
        month = datetime.now(timezone.utc).strftime("%Y-%m")
        text = stack.read.get(f"/api/v1/reports/{month}.csv").text
        assert MODEL in text and SLUG not in text
        # what a record said stays in the history
        (row,) = [r for r in stack.read.generations(model=SLUG, **ALWAYS) if r["cost"] == "0.5"]
        history = stack.read.get(f"/api/v1/generations/{row['generation_id']}").json()
        assert history["generation"]["model"] == MODEL and SLUG in str(history)
        # an estimate by either name
        gen_id = new_generation_id()
        stack.ingest.send(record(cost=None, generation_id=gen_id, model=SLUG, prompt_tokens=10, completion_tokens=1))
        stack.drained()
        assert unsettled(stack, gen_id)["cost"] == "0.1"
        assert unsettled(stack, gen_id)["model"] == MODEL
        # the names stay when the list goes on without the model
        provider.models = models(x__first={"prompt": "0.1"})
        wait_until(lambda: all(p["valid_until"] for p in stack.read.get("/api/v1/prices", model=MODEL).json()["items"]), "another list")
        assert stack.read.usage(model=SLUG, **ALWAYS)["total"]["requests"] == 3
