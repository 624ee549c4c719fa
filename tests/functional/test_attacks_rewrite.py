# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whoever holds the ingest key reports usage; they do not rewrite it.  Each test carries out an attack with that key."""
import subprocess
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from documents import Workbook, pdf_text
from records import new_generation_id, record
from stack import Stack, wait_until
from stub_openrouter import Stub

FAST = {"LOOKUP_DELAY": "0", "LOOKUP_OPEN_DELAY": "50ms", "LOOKUP_MAX_DELAY": "100ms", "LOOKUP_RATE": "60000"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub):
    with Stack(tmp_path_factory.mktemp("rewrite"), mariadb, contract, stub, settings={"costd": FAST}) as installation:
        yield installation


def row(stack, gen_id):
    return stack.read.get(f"/api/v1/generations/{gen_id}").json()["generation"]


def send(stack, *records):
    for one in records:
        stack.ingest.send([one])
        stack.drained()


# ---- a final zero that comes first ----

def test_a_zero_sent_first_does_not_hide_the_true_cost(stack, stub):
    gen_id = new_generation_id()
    stub.put(gen_id, "0.75")
    send(stack, record(cost="0", generation_id=gen_id))
    wait_until(lambda: row(stack, gen_id)["cost"] == "0.75", "the provider's word")
    assert row(stack, gen_id)["cost_state"] == "looked_up"


def test_zeros_that_have_a_reason_are_not_asked_for(stack, stub):
    free, cached, marker = new_generation_id(), new_generation_id(), new_generation_id()
    stub.put(marker, "0.5")
    send(stack, record(cost="0", generation_id=free, model="a/b:free"),
         record(cost="0", generation_id=cached, prompt_tokens=0, completion_tokens=0), record(cost="0", generation_id=marker))
    wait_until(lambda: row(stack, marker)["cost"] == "0.5", "the third")
    assert (stub.asked(free), stub.asked(cached)) == (0, 0)


def test_a_sample_is_compared_unless_told_otherwise(make_stack, stub):
    """The default: some of many reported costs are looked up, of keys of one's own too, and most are not."""
    stack = make_stack(settings={"costd": {**FAST, "LOOKUP_VERIFY": None}})
    ids = [new_generation_id() for _ in range(400)]
    for n, gen_id in enumerate(ids):
        stub.put(gen_id, "0.01", **({"is_byok": True, "upstream_inference_cost": "0.02"} if n % 2 else {}))
    stack.ingest.send([record(cost="0.01", generation_id=gen_id, **({"is_byok": True, "upstream_cost": "0.02"} if n % 2 else {}))
                       for n, gen_id in enumerate(ids)])
    stack.drained()
    asked = wait_until(lambda: (found := [n for n, gen_id in enumerate(ids) if stub.asked(gen_id)]) and len(found) >= 3 and found, "a sample")
    assert len(asked) < 80, "a sample, not all"
    wait_until(lambda: stack.db.value("SELECT COUNT(*) FROM lookup") == "0", "all of them")
    asked = [n for n, gen_id in enumerate(ids) if stub.asked(gen_id)]
    assert 3 <= len(asked) < 80 and {n % 2 for n in asked} == {0, 1}


# ---- a person's name ----

def about(name, ahead, **fields):
    """about is a record of u-ada who has this name, dated so much after now."""
    made = record(at=datetime.now(timezone.utc) + ahead, finished_at=None, **fields)
    return made | {"user": {"id": "u-ada", "name": name, "role": "user"}}


def name_of(stack, user):
    return next(one for one in stack.session().get("/api/v1/users", q=user).json()["items"] if one["id"] == user)["name"]


@pytest.mark.parametrize("ahead", (timedelta(days=1), timedelta(minutes=4)))
def test_a_record_dated_ahead_renames_nobody_for_long(stack, ahead):
    send(stack, about("Ada", -timedelta(minutes=1)))
    send(stack, about("Mallory", ahead))
    send(stack, about("Ada Lovelace", timedelta(0)))
    assert name_of(stack, "u-ada") == "Ada Lovelace"


# ---- costs, users and days of others ----

def disputes(stack, **query):
    return {item["generation_id"]: item for item in stack.read.get("/api/v1/disputes", limit=1000, **query).json()["items"]}


def marked(stack, mark):
    (line,) = [one for one in stack.read.get("/api/v1/metrics").text.splitlines() if one.startswith(f'owui_metering_marked_rows{{mark="{mark}"}}')]
    return int(line.split()[-1])


def is_checked(stack):
    """is_checked: each row is what its records say, and the totals are those of the rows."""
    done = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def decide(stack, gen_id, status=200, **body):
    reply = stack.session().request("POST", f"/api/v1/generations/{gen_id}/decision", body)
    assert reply.status == status, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def silent(tmp_path_factory, mariadb, contract):
    """silent is an installation whose provider does not know any id, and is asked for two seconds."""
    with Stub(key="sk-silent") as stub:
        with Stack(tmp_path_factory.mktemp("silent"), mariadb, contract, stub, settings={"costd": {**FAST, "LOOKUP_GIVE_UP": "2"}}) as installation:
            yield installation


@pytest.mark.parametrize("first,second", (("0.30", "9999"), ("9999", "0.30"), ("0", "0.30"), ("0.30", "0.000001")))
def test_a_cost_is_in_dispute_until_the_provider_has_spoken(stack, stub, first, second):
    gen_id = new_generation_id()
    send(stack, record(cost=first, generation_id=gen_id), record(cost=second, generation_id=gen_id))
    least, most = sorted((Decimal(first), Decimal(second)))
    item = disputes(stack)[gen_id]
    assert (Decimal(item["cost"]), Decimal(item["greatest_cost"]), Decimal(item["disputed_cost"])) == (least, most, most - least)
    assert item["in_dispute"] == ["cost"] and item["marks"] == ["disputed"]
    one = row(stack, gen_id)
    assert (Decimal(one["cost"]), Decimal(one["disputed_cost"]), one["marks"]) == (least, most - least, ["disputed"])
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01"})["total"]
    assert Decimal(total["disputed_cost"]) >= most - least and marked(stack, "disputed") >= 1
    wait_until(lambda: stub.asked(gen_id), "the provider is asked, though nothing is verified")
    is_checked(stack)
    stub.put(gen_id, "0.30")
    wait_until(lambda: row(stack, gen_id)["cost_state"] == "looked_up", "the provider's word")
    one = row(stack, gen_id)
    assert (one["cost"], one["marks"], one["disputed_cost"]) == ("0.3", [], None) and gen_id not in disputes(stack)
    is_checked(stack)


def test_a_key_of_ones_own_is_no_way_around(stack, stub):
    gen_id = new_generation_id()
    send(stack, record(cost="0.01", generation_id=gen_id, is_byok=True, upstream_cost="0.5"),
         record(cost="0.01", generation_id=gen_id, is_byok=True, upstream_cost="0.0001"))
    assert row(stack, gen_id)["byok_cost"] == "0.0001" and disputes(stack)[gen_id]["in_dispute"] == ["cost"]
    stub.put(gen_id, "0.01", is_byok=True, upstream_inference_cost="0.5")
    wait_until(lambda: row(stack, gen_id)["byok_cost"] == "0.5", "the provider's word")
    assert row(stack, gen_id)["marks"] == []


def test_whether_the_key_was_ones_own_is_in_dispute(stack, stub):
    gen_id = new_generation_id()
    send(stack, record(cost="0.01", generation_id=gen_id, is_byok=False),
         record(cost="0.01", generation_id=gen_id, is_byok=True, upstream_cost="500"))
    assert disputes(stack)[gen_id]["in_dispute"] == ["cost"]
    is_checked(stack)
    stub.put(gen_id, "0.01", is_byok=False)
    wait_until(lambda: row(stack, gen_id)["marks"] == [], "the provider's word")


@pytest.mark.parametrize("first,second", (((3000, 700), (1000000000, 700)), ((3000, 700), (3000, 1)), ((0, 0), (3000, 700))))
def test_tokens_are_in_dispute_until_the_provider_has_spoken(stack, stub, first, second):
    gen_id, user = new_generation_id(), f"u-tokens-{first}-{second}"
    send(stack, *(record(user=user, cost="0.3", generation_id=gen_id, prompt_tokens=p, completion_tokens=c) for p, c in (first, second)))
    least, most = zip(*((min(pair), max(pair)) for pair in zip(first, second)))
    item, one = disputes(stack)[gen_id], row(stack, gen_id)
    assert (item["prompt_tokens"], item["completion_tokens"]) == least == (one["prompt_tokens"], one["completion_tokens"])
    assert (item["greatest_prompt_tokens"], item["greatest_completion_tokens"]) == most
    assert item["in_dispute"] == ["tokens"] and one["marks"] == ["disputed"]
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01", "user": user})["total"]
    assert (total["prompt_tokens"], total["completion_tokens"], total["cost"], total["disputed_cost"]) == (*least, "0.3", "0")
    wait_until(lambda: stub.asked(gen_id), "the provider is asked, though nothing is verified")
    is_checked(stack)
    stub.put(gen_id, "0.3", native_tokens_prompt=3001, native_tokens_completion=701)
    wait_until(lambda: row(stack, gen_id)["marks"] == [], "the provider's word")
    assert (row(stack, gen_id)["prompt_tokens"], row(stack, gen_id)["completion_tokens"]) == (3001, 701)
    is_checked(stack)


@pytest.mark.parametrize("invented,counts,difference", (("0", "0", "0.5"), ("9", "0.5", "8.5")))
def test_a_request_that_somebody_invents_beside_a_turns_takes_its_cost_only_in_dispute(stack, invented, counts, difference):
    user, tokens = f"u-turn-{invented}", {"prompt_tokens": 4321, "completion_tokens": 1234 + int(invented)}
    gen_id = new_generation_id()
    turn = {**record(user=user, cost="0.5", source="filter-outlet", turn_id=f"turn-{gen_id}", **tokens)}
    del turn["generation_id"]
    send(stack, turn)
    send(stack, record(user=user, cost=invented, generation_id=gen_id, **tokens))
    item = disputes(stack)[gen_id]
    assert (item["cost"], item["disputed_cost"], item["in_dispute"]) == (counts, difference, ["cost"])
    total = stack.read.usage(**{"from": "2020-01-01", "to": "2100-01-01", "user": user})["total"]
    assert (total["requests"], total["cost"], total["disputed_cost"]) == (1, counts, difference)
    is_checked(stack)


def test_a_request_moves_to_no_other_user(stack, stub):
    gen_id = new_generation_id()
    stub.put(gen_id, "0.4")
    send(stack, record(user="u-bob", cost="0.4", generation_id=gen_id), record(user="u-zoe", cost="0.4", generation_id=gen_id))
    item = disputes(stack, mark="disputed")[gen_id]
    assert (item["user"], item["users"], item["in_dispute"]) == ("unknown", ["u-bob", "u-zoe"], ["user"])
    wait_until(lambda: row(stack, gen_id)["cost_state"] == "looked_up", "the provider's word, which is not about the user")
    assert row(stack, gen_id)["user"] == "unknown" and row(stack, gen_id)["marks"] == ["disputed"]
    assert decide(stack, gen_id, user="u-bob", reason="Bob's chat has it") == {"generation_id": gen_id, "decision": 1}
    assert (row(stack, gen_id)["user"], row(stack, gen_id)["marks"], row(stack, gen_id)["cost"]) == ("u-bob", [], "0.4")
    send(stack, record(user="u-zoe", cost="0.4", generation_id=gen_id))
    assert row(stack, gen_id)["user"] == "u-bob", "it stays decided"
    is_checked(stack)


def test_a_request_moves_to_no_other_month(stack, stub):
    old = datetime(2020, 1, 15, 12, tzinfo=timezone.utc)
    for order in (0, 1):
        gen_id, now = new_generation_id(), datetime.now(timezone.utc)
        both = [record(cost="0.5", generation_id=gen_id, at=now), record(cost="0.5", generation_id=gen_id, at=old, finished_at=None)]
        send(stack, *(reversed(both) if order else both))
        item = disputes(stack)[gen_id]
        assert item["in_dispute"] == ["day"] and item["earliest_at"].startswith("2020-01-15")
        assert row(stack, gen_id)["day"] == now.date().isoformat()
        is_checked(stack)
        stub.put(gen_id, "0.5")
        wait_until(lambda: gen_id not in disputes(stack), "the provider's word")
        assert row(stack, gen_id)["day"] != "2020-01-15"


def test_a_day_that_nothing_explains_is_marked(stack):
    now, sender = datetime.now(timezone.utc), "6f1cdd1e-7a51-4b1c-9a50-3d9a6b3d1f10"
    alone, queued, stale, fresh = (new_generation_id() for _ in range(4))
    late = now - timedelta(days=3)
    send(stack, record(generation_id=alone, at=late), record(generation_id=queued, at=late, sender=sender, number=1),
         record(generation_id=stale, at=datetime(2020, 1, 15, tzinfo=timezone.utc), sender=sender, number=2), record(generation_id=fresh, at=now))
    assert set(disputes(stack, mark="odd_day")) >= {alone, stale} and not {queued, fresh} & set(disputes(stack, mark="odd_day"))
    assert not {alone, stale} & set(disputes(stack)), "they are not mixed with what is in dispute"
    assert row(stack, alone)["marks"] == ["odd_day"] and marked(stack, "odd_day") >= 2
    is_checked(stack)


def test_nothing_is_dated_after_its_receipt(stack):
    gen_id = new_generation_id()
    send(stack, record(generation_id=gen_id, at=datetime.now(timezone.utc) + timedelta(days=1)))
    assert row(stack, gen_id)["started_at"] <= datetime.now(timezone.utc).isoformat()


# ---- what the provider does not know ----

def test_an_invented_request_is_unproven(silent):
    asked, disputed, reported, imported = (new_generation_id() for _ in range(4))
    send(silent, record(cost=None, generation_id=asked), record(cost="1", generation_id=disputed), record(cost="2", generation_id=disputed),
         record(cost="1", generation_id=reported), record(cost=None, generation_id=imported, source="import"))
    wait_until(lambda: {asked, disputed} <= set(disputes(silent, mark="unproven")), "the end of the schedule")
    wait_until(lambda: silent.db.value(f"SELECT next_us IS NULL FROM lookup WHERE generation_id='{imported}'") == "1", "the import's too")
    assert set(disputes(silent, mark="unproven")) == {asked, disputed}, "not what an import says, nor what was not asked for"
    assert row(silent, asked)["marks"] == ["unproven"] and row(silent, disputed)["marks"] == ["disputed", "unproven"]
    assert marked(silent, "unproven") == 2
    said = silent.read.get(f"/api/v1/generations/{asked}").json()["records"]
    assert [one["not_found"] for one in said] == [None, True]
    is_checked(silent)


# ---- decisions ----

def test_an_operator_decides(silent):
    gen_id = new_generation_id()
    send(silent, record(user="u-bob", cost="3", generation_id=gen_id), record(user="u-bob", cost="9", generation_id=gen_id))
    assert decide(silent, gen_id, cost="5.25", reason="as billed")["decision"] == 1
    one = row(silent, gen_id)
    assert (one["cost"], one["cost_state"], one["disputed_cost"], one["unsettled"]) == ("5.25", "reported", None, False)
    assert decide(silent, gen_id, cost=4, reason="as credited")["decision"] == 2
    assert row(silent, gen_id)["cost"] == "4", "a later decision counts more, also when it is lower"
    send(silent, record(user="u-bob", cost="7", generation_id=gen_id))
    assert row(silent, gen_id)["cost"] == "4"
    said = [(one["decision"], one["reason"], one["cost"]) for one in silent.read.get(f"/api/v1/generations/{gen_id}").json()["records"] if one["decision"]]
    assert sorted(said) == [(1, "as billed", "5.25"), (2, "as credited", "4")]
    assert silent.db.value(f"SELECT COUNT(*) FROM lookup WHERE generation_id='{gen_id}'") == "0", "nothing is left to ask for"
    is_checked(silent)


def test_an_operator_decides_about_tokens(silent):
    gen_id = new_generation_id()
    send(silent, record(cost="3", generation_id=gen_id, prompt_tokens=10), record(cost="3", generation_id=gen_id, prompt_tokens=999))
    assert disputes(silent)[gen_id]["in_dispute"] == ["tokens"]
    assert decide(silent, gen_id, prompt_tokens=500, completion_tokens=0, reason="as logged")["decision"] == 1
    one = row(silent, gen_id)
    assert (one["prompt_tokens"], one["completion_tokens"], one["cost"], "disputed" in one["marks"]) == (500, 0, "3", False)
    assert decide(silent, gen_id, prompt_tokens=400, reason="as counted")["decision"] == 2
    assert (row(silent, gen_id)["prompt_tokens"], row(silent, gen_id)["completion_tokens"]) == (400, 0)
    is_checked(silent)


@pytest.mark.parametrize("body", ({"reason": "nothing"}, {"cost": "1"}, {"cost": "-1", "reason": "r"}, {"cost": "10001", "reason": "r"},
                                  {"cost": "one", "reason": "r"}, {"user": "u-never-seen", "reason": "r"}, {"user": "unknown", "reason": "r"},
                                  {"prompt_tokens": -1, "reason": "r"}, {"completion_tokens": 1000000001, "reason": "r"},
                                  {"prompt_tokens": "many", "reason": "r"}, {"cost": "1", "reason": ""}, {"cost": "1", "reason": "r" * 501}, []))
def test_a_decision_that_decides_nothing_is_refused(silent, body):
    gen_id = new_generation_id()
    send(silent, record(cost="3", generation_id=gen_id))
    reply = silent.session().request("POST", f"/api/v1/generations/{gen_id}/decision", body)
    assert reply.status == 400, reply.text
    assert row(silent, gen_id)["cost"] == "3"


def test_only_an_admin_decides(silent):
    gen_id = new_generation_id()
    send(silent, record(cost="3", generation_id=gen_id))
    for client in (silent.ingest, silent.read, silent.nobody):
        assert client.request("POST", f"/api/v1/generations/{gen_id}/decision", {"cost": "1", "reason": "r"}).status in (401, 403)
    assert decide(silent, new_generation_id(), status=404, cost="1", reason="r")["status"] == 404
    assert row(silent, gen_id)["cost"] == "3"


def test_the_list_of_disputes_has_pages_and_readers(silent):
    ids = [new_generation_id() for _ in range(3)]
    now = datetime.now(timezone.utc)
    send(silent, *(record(cost=cost, generation_id=i, at=now + timedelta(seconds=n)) for n, i in enumerate(ids) for cost in ("1", "2")))
    page = silent.read.get("/api/v1/disputes", limit=2).json()
    assert [one["generation_id"] for one in page["items"]] == [ids[2], ids[1]]
    page = silent.read.get("/api/v1/disputes", limit=1, cursor=page["next_cursor"]).json()
    assert [one["generation_id"] for one in page["items"]] == [ids[0]]
    silent.read.get("/api/v1/disputes", mark="other", expect=400)
    silent.nobody.get("/api/v1/disputes", expect=401)
    silent.ingest.get("/api/v1/disputes", expect=403)


def test_a_document_shows_what_is_in_dispute_and_unproven(silent):
    """The month's workbook and its statement say by how much senders disagree, and how many requests the provider does not know."""
    gen_id, now = new_generation_id(), datetime.now(timezone.utc)
    send(silent, record(user="u-doc", cost="1", generation_id=gen_id, at=now), record(user="u-doc", cost="3.5", generation_id=gen_id, at=now))
    wait_until(lambda: "unproven" in row(silent, gen_id)["marks"], "the end of the schedule")
    text = " ".join(pdf_text(silent.session().request("GET", f"/api/v1/statements/u-doc/{now:%Y-%m}.pdf").content).split())
    for said in ("In dispute (USD)", "USD 2.50 more", "1 of 1 requests: the provider does not know it"):
        assert said in text
    book = Workbook(silent.session().request("GET", f"/api/v1/statements/u-doc/{now:%Y-%m}.xlsx").content)
    assert "reported, in dispute, not known to the provider" in book.texts()
