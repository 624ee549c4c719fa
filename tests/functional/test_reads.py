# SPDX-License-Identifier: AGPL-3.0-or-later
"""The read calls against SQL and against sums in Decimal, in a zone with daylight saving."""
import itertools
import random
import subprocess
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from documents import Workbook, pdf_text
from records import FIGURES, decimals, figures_of, grouped, instant, record
from stack import Stack, wait_until

ZONE = "Europe/Berlin"
BERLIN = ZoneInfo(ZONE)
ALL = {"from": "2020-01-01", "to": "2100-01-01"}
MICRO = timedelta(microseconds=1)
MODELS = ["anthropic/claude-haiku-4.5", "openai/gpt-4o-mini", "google/gemini-2.5-flash", "Ünï/modèl:free", None]
PROVIDERS = ["Amazon Bedrock", "OpenAI", None]
COSTS = ["0", "0.000000125", "7.4e-7", "0.0033368", "0.123456789012", "1.5", None, "0.000000000000000001", "12.000000000001",
         0.0033368, 7e-7, 1e-9]


def local(*when):
    return datetime(*when, tzinfo=BERLIN)


BOUNDARIES = [
    local(2026, 10, 1), local(2026, 11, 1), local(2026, 10, 25), local(2026, 10, 26), local(2026, 3, 29), local(2026, 3, 30),
    local(2026, 1, 1), datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc), datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc),
    datetime(2026, 3, 29, 1, 0, tzinfo=timezone.utc),
]


GROUPS = [None, None, [], ["staff"], ["staff", "Staff", "staff "], ["a \"b\" \\ c", "Ünï", "staff", "staff"], ["null"], ["pupils", "staff"]]
SOURCES = ["filter-stream", "filter-stream", "otlp", None]


def make_records():
    dice = random.Random(20261025)
    more = random.Random(31)
    times = [edge + step for edge in BOUNDARIES for step in (-MICRO, timedelta(0), MICRO)]
    while len(times) < 700:
        times.append(datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=dice.uniform(0, 325 * 86400)))
    made = []
    for number, at in enumerate(times):
        byok = dice.random() < 0.1
        made.append(record(
            user=f"u-{number % 7}", at=at, cost=dice.choice(COSTS), model=dice.choice(MODELS), provider=dice.choice(PROVIDERS),
            prompt_tokens=dice.randrange(100000), completion_tokens=dice.randrange(10000), cached_tokens=dice.randrange(50),
            cache_write_tokens=dice.randrange(9), reasoning_tokens=dice.randrange(5000), is_byok=byok,
            upstream_cost="0.000000000314" if byok else None, origin=dice.choice(["ui", "api", None]),
            task=dice.choice([None, None, "title_generation"]), source=more.choice(SOURCES), chat_id=f"chat-{number % 90}"))
        groups = more.choice(GROUPS)
        if groups is not None:
            made[-1]["user"]["groups"] = groups
    return made


@pytest.fixture(scope="module")
def sent():
    return make_records()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, mariadb, contract, stub, sent):
    with Stack(tmp_path_factory.mktemp("reads"), mariadb, contract, stub, timezone=ZONE,
               settings={"costd": {"OPENROUTER_API_KEY": None, "OPENROUTER_BASE_URL": None}}) as installation:
        shuffled = sent + sent[::3]
        random.Random(1).shuffle(shuffled)
        for at in range(0, len(shuffled), 100):
            installation.ingest.send(shuffled[at:at + 100])
        installation.drained()
        yield installation


def combinations():
    groups = ["day", "month", "user", "model", "provider", "origin", "task", "source", "group"]
    return [combination for size in (1, 2) for combination in itertools.combinations(groups, size)] + [
        ("task", "model", "day"), ("user", "month"), ("month", "model", "provider"), ("user", "model", "group"), ("day", "group", "source"),
        ("origin", "task", "source"), tuple(groups)]


@pytest.mark.parametrize("groups", combinations(), ids=",".join)
def test_usage_is_the_sum_of_what_was_sent(stack, sent, groups):
    reply = stack.read.usage(group_by=",".join(groups), **ALL)
    assert reply["timezone"] == ZONE and not reply["truncated"]
    got = {tuple(row[group] for group in groups): decimals(row) for row in reply["rows"]}
    assert len(got) == len(reply["rows"]), "a key came twice"
    assert got == grouped(sent, groups, ZONE)
    assert decimals(reply["total"]) == figures_of(sent)


def test_usage_equals_sql_over_the_rows(stack):
    """Not the roll-up that /usage reads, but the ledger's own rows."""
    rows = stack.db.rows("SELECT user_id, COALESCE(model, ''), COUNT(*), SUM(COALESCE(cost, 0)), SUM(COALESCE(byok_cost, 0)), "
                         "SUM(COALESCE(prompt_tokens, 0)) FROM as_text_generation GROUP BY user_id, model")
    sql = {(user, model or None): (int(n), Decimal(cost), Decimal(byok), int(tokens)) for user, model, n, cost, byok, tokens in rows}
    reply = stack.read.usage(group_by="user,model", **ALL)
    api = {(row["user"], row["model"]): (row["requests"], Decimal(row["cost"]), Decimal(row["byok_cost"]), row["prompt_tokens"])
           for row in reply["rows"]}
    assert api == sql


def test_rollup_equals_the_rows(stack):
    by_day = "SELECT day, SUM({n}), SUM(COALESCE(cost, 0)), SUM(COALESCE(prompt_tokens, 0)) FROM {table} GROUP BY day ORDER BY day"
    assert stack.db.rows(by_day.format(n="1", table="generation")) == stack.db.rows(by_day.format(n="requests", table="usage_day"))


def test_rows_come_in_the_promised_order(stack):
    rows = stack.read.usage(group_by="day,model,user", **ALL)["rows"]
    keys = [(row["day"], -Decimal(row["cost"])) for row in rows]
    assert keys == sorted(keys)
    rows = stack.read.usage(group_by="user,model", **ALL)["rows"]
    costs = [Decimal(row["cost"]) for row in rows]
    assert costs == sorted(costs, reverse=True)


def test_user_rows_carry_names(stack):
    for row in stack.read.usage(group_by="user", **ALL)["rows"]:
        assert row["user_name"] == f"Name of {row['user']}"


@pytest.mark.parametrize("first, last, days", [
    ((2026, 10, 25), (2026, 10, 26), 1), ((2026, 3, 29), (2026, 3, 30), 1), ((2026, 10, 1), (2026, 11, 1), 31),
    ((2026, 11, 1), (2026, 12, 1), 30), ((2026, 10, 24), (2026, 10, 27), 3),
])
# pitfall 30: days of UTC shown as local ones
def test_days_are_local_and_half_open(stack, sent, first, last, days):
    begin, end = local(*first), local(*last)
    inside = [one for one in sent if begin <= datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")) < end]
    text = {"from": begin.strftime("%Y-%m-%d"), "to": end.strftime("%Y-%m-%d")}
    reply = stack.read.usage(group_by="day", **text)
    assert decimals(reply["total"]) == figures_of(inside)
    assert len(reply["rows"]) <= days and all(text["from"] <= row["day"] < text["to"] for row in reply["rows"])
    assert (reply["from"], reply["to"]) == (text["from"], text["to"])


def test_the_long_day_has_25_hours(stack, sent):
    begin, end = local(2026, 10, 25), local(2026, 10, 26)
    assert (end.astimezone(timezone.utc) - begin.astimezone(timezone.utc)) == timedelta(hours=25)
    inside = [one for one in sent if begin <= datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")) < end]
    rows = stack.read.generations(**{"from": "2026-10-25", "to": "2026-10-26"})
    assert {row["generation_id"] for row in rows} == {one["generation_id"] for one in inside}
    assert {row["day"] for row in rows} == {"2026-10-25"}


# pitfall 31: midnight of the first in no month, or in two
def test_local_midnight_of_the_first_belongs_to_the_new_month(stack, sent):
    at = {one["started_at"]: one["generation_id"] for one in sent}
    edge = local(2026, 11, 1)
    november = {row["generation_id"] for row in stack.read.generations(**{"from": "2026-11-01", "to": "2026-12-01"})}
    october = {row["generation_id"] for row in stack.read.generations(**{"from": "2026-10-01", "to": "2026-11-01"})}
    assert at[instant(edge)] in november and at[instant(edge)] not in october
    assert at[instant(edge - MICRO)] in october and at[instant(edge - MICRO)] not in november


def test_instants_cut_through_days_to_the_microsecond(stack, sent):
    edge = datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc)
    for begin, end in ((edge, edge + MICRO), (edge - MICRO, edge), (edge, edge + timedelta(hours=3)), (edge, edge)):
        inside = [one for one in sent if begin <= datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")) < end]
        reply = stack.read.usage(group_by="user,day", **{"from": instant(begin), "to": instant(end)})
        assert decimals(reply["total"]) == figures_of(inside)
        got = {(row["user"], row["day"]): decimals(row) for row in reply["rows"]}
        assert got == grouped(inside, ["user", "day"], ZONE)


def test_parts_of_a_period_add_up(stack):
    edges = ["2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z", "2026-07-15T12:34:56.789012Z", "2026-10-25T01:30:00+01:00", "2027-01-01T00:00:00Z"]
    parts = [stack.read.usage(**{"from": a, "to": b})["total"] for a, b in zip(edges, edges[1:])]
    whole = decimals(stack.read.usage(**{"from": edges[0], "to": edges[-1]})["total"])
    for name in FIGURES:
        assert sum(decimals(part)[name] for part in parts) == whole[name], name


@pytest.mark.parametrize("filters", [
    {"user": "u-3"}, {"model": "openai/gpt-4o-mini"}, {"provider": "OpenAI"}, {"user": "u-1", "model": "Ünï/modèl:free"},
    {"user": "u-1", "model": "openai/gpt-4o-mini", "provider": "Amazon Bedrock"}, {"user": "u-nobody"}, {"user": "U-3"}, {"model": "%"},
    {"model": ""}, {"provider": ""},
], ids=str)
def test_filters(stack, sent, filters):
    inside = [one for one in sent if all(
        (one["user"]["id"] if name == "user" else one.get(name) or "") == value for name, value in filters.items())]
    assert decimals(stack.read.usage(**filters, **ALL)["total"]) == figures_of(inside)
    rows = stack.read.generations(**filters, **ALL)
    assert {row["generation_id"] for row in rows} == {one["generation_id"] for one in inside}


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_pages_hold_every_row_once_newest_first(stack, sent, limit):
    query = {**ALL, "limit": limit} if limit > 1 else {"from": "2026-10-20", "to": "2026-10-27", "limit": 1}
    rows = stack.read.generations(**query)
    ids = [row["generation_id"] for row in rows]
    wanted = {one["generation_id"] for one in sent}
    if limit == 1:
        wanted = {i for i in wanted if i in {row["generation_id"] for row in stack.read.generations(**{**query, "limit": 1000})}}
    assert len(ids) == len(set(ids)) and set(ids) == wanted
    times = [row["started_at"] for row in rows]
    assert times == sorted(times, reverse=True)


def test_rows_carry_what_was_sent(stack, sent):
    rows = {row["generation_id"]: row for row in stack.read.generations(limit=1000, **ALL)}
    for one in sent:
        row, usage = rows[one["generation_id"]], one["usage"]
        assert row["user"] == one["user"]["id"] and row["model"] == one.get("model") and row["provider"] == one.get("provider")
        assert row["started_at"] == one["started_at"] and row["finished_at"] == one["finished_at"]
        assert row["prompt_tokens"] == usage["prompt_tokens"] and row["completion_tokens"] == usage["completion_tokens"]
        assert (row["cost"] is None) == (usage["cost"] is None)
        assert row["cost_state"] == ("unknown" if usage["cost"] is None else "reported")


def test_rows_by_cost_state(stack, sent):
    unknown = {one["generation_id"] for one in sent if one["usage"]["cost"] is None}
    rows = stack.read.generations(cost_state="unknown", **ALL)
    assert {row["generation_id"] for row in rows} == unknown
    assert stack.read.generations(cost_state="looked_up", **ALL) == []


def test_rows_that_are_not_settled_are_those_that_totals_count(stack, sent):
    unsettled, settled = (stack.read.generations(unsettled=n, limit=1000, **ALL) for n in (1, 0))
    assert all(row["unsettled"] for row in unsettled) and not any(row["unsettled"] for row in settled)
    assert len(unsettled) == stack.read.usage(**ALL)["total"]["unsettled"] > 0
    assert len(unsettled) + len(settled) == len(sent)


def test_limit_of_usage_says_truncated(stack, sent):
    reply = stack.read.usage(group_by="day", limit=5, **ALL)
    assert len(reply["rows"]) == 5 and reply["truncated"] and decimals(reply["total"]) == figures_of(sent)
    users = stack.read.usage(group_by="user", limit=7, **ALL)
    assert len(users["rows"]) == 7 and not users["truncated"]


@pytest.mark.parametrize("query", [
    "from=yesterday", "from=2026-02-30", "from=2026-13-01", "from=2026-10-01T25:00:00Z&to=2026-10-02T00:00:00Z",
    "from=2026-10-01&to=2026-09-01", "from=2026-10-01&to=2026-10-02T00:00:00Z", "from=2026-10-01T00:00:00", "group_by=colour",
    "group_by=day,day", "group_by=day,,user", "group_by=", "limit=0", "limit=10001", "limit=x", "limit=-1", "limit=1.5",
    "frm=2026-10-01", "user=", "user=" + "x" * 129, "model=" + "x" * 257, "from=2026-10-01&from=2026-10-02", "user=%ff", "user=%00",
    "user=%zz", "from=", "limit=", "user=a%0ab",
])
def test_bad_queries_are_400_and_name_the_parameter(stack, query):
    detail = stack.read.get("/api/v1/usage?" + query, expect=400).json()["detail"]
    name = query.split("=")[0]
    assert name in detail or (name == "from" and "to" in detail), detail


@pytest.mark.parametrize("query", ["limit=1001", "limit=0", "cursor=x", "cursor=", "cursor=AAAA", "cursor=" + "A" * 1025,
                                   "cost_state=free", "unsettled=2", "unsettled=", "generation_id=", "generation_id=" + "x" * 161, "group_by=day"])
def test_bad_queries_of_rows(stack, query):
    stack.read.get("/api/v1/generations?" + query, expect=400)


def test_the_default_period_is_the_running_month(stack):
    now = datetime.now(BERLIN)
    reply = stack.read.usage()
    assert reply["from"] == now.strftime("%Y-%m-01") and reply["rows"] == []
    following = (now.replace(day=1) + timedelta(days=32)).strftime("%Y-%m-01")
    assert reply["to"] == following


# Groups, sources, hours, history


def has(one, field, value):
    """has tells whether a record is of a filter; an empty value asks for none."""
    if field == "group":
        groups = set(one["user"].get("groups") or [])
        return value in groups if value else not groups
    return (one["user"]["id"] if field == "user" else one.get(field)) == (value or None)


FILTERS = [{"group": "staff"}, {"group": "Staff"}, {"group": "staff "}, {"group": 'a "b" \\ c'}, {"group": "Ünï"}, {"group": "null"}, {"group": ""},
           {"group": "nobody"}, {"source": "otlp"}, {"source": ""}, {"origin": "api"}, {"task": ""}, {"task": "title_generation", "group": "staff"},
           {"user": "u-2", "group": "pupils", "source": "otlp"}, {"model": "openai/gpt-4o-mini", "group": ""}]


@pytest.mark.parametrize("query", FILTERS, ids=str)
def test_filters_of_totals_and_rows(stack, sent, query):
    chosen = [one for one in sent if all(has(one, field, value) for field, value in query.items())]
    reply = stack.read.usage(group_by="group,user", **query, **ALL)
    assert {(row["group"], row["user"]): decimals(row) for row in reply["rows"]} == grouped(chosen, ("group", "user"), ZONE)
    assert decimals(reply["total"]) == figures_of(chosen)
    rows = stack.read.generations(limit=1000, **query, **ALL)
    assert {row["generation_id"] for row in rows} == {one["generation_id"] for one in chosen} and len(rows) == len(chosen)
    groups = {one["generation_id"]: sorted(set(one["user"].get("groups") or [])) for one in sent}
    assert all(row["groups"] == groups[row["generation_id"]] for row in rows)


@pytest.mark.parametrize("keys", [("hour",), ("hour", "model"), ("hour", "group"), ("user", "hour", "source")], ids=",".join)
@pytest.mark.parametrize("period", [("2026-10-24", "2026-10-27"), ("2026-03-28", "2026-03-31"), ("2026-10-01", "2026-11-01"), ("2026-12-31", "2027-01-01"),
                                    ("2026-10-24T22:30:00Z", "2026-10-25T23:00:00Z")], ids=str)
def test_hours_are_local_with_their_offset(stack, sent, period, keys):
    ends = [datetime.fromisoformat(text.replace("Z", "+00:00")) for text in period]
    begin, end = (at if at.tzinfo else at.replace(tzinfo=BERLIN) for at in ends)
    inside = [one for one in sent if begin <= datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")) < end]
    reply = stack.read.usage(group_by=",".join(keys), **{"from": period[0], "to": period[1]})
    assert {tuple(row[key] for key in keys): decimals(row) for row in reply["rows"]} == grouped(inside, keys, ZONE)
    assert decimals(reply["total"]) == figures_of(inside)
    hours = [datetime.fromisoformat(row["hour"]) for row in reply["rows"]]
    assert hours == sorted(hours) or keys[0] != "hour"


def test_the_hour_that_comes_twice_is_two_hours(stack):
    rows = stack.read.usage(group_by="hour", **{"from": "2026-10-25", "to": "2026-10-26"})["rows"]
    assert {"2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"} <= {row["hour"] for row in rows}
    rows = stack.read.usage(group_by="hour", **{"from": "2026-03-29", "to": "2026-03-30"})["rows"]
    assert not any(row["hour"].startswith("2026-03-29T02") for row in rows)


def test_hours_say_how_long_a_period_may_be(stack):
    stack.read.usage(group_by="hour", **{"from": "2026-10-01", "to": "2026-11-01"})
    stack.read.usage(group_by="hour", **{"from": "2026-09-30T22:00:00Z", "to": "2026-10-31T23:00:00Z"})
    detail = stack.read.get("/api/v1/usage", group_by="hour", expect=400, **{"from": "2026-10-01", "to": "2026-11-02"}).json()["detail"]
    assert "31 days" in detail


def test_rollup_and_rows_agree(stack):
    """The same question once of the totals (days) and once of the rows (instants)."""
    dice = random.Random(7)
    groups = ["day", "month", "user", "group", "model", "provider", "origin", "task", "source"]
    for _ in range(40):
        first, last = sorted(dice.sample(range(1, 330), 2))
        begin, end = (local(2026, 1, 1) + timedelta(days=n) for n in (first, last))
        keys = dice.sample(groups, dice.randrange(1, 4))
        query = dice.choice(FILTERS)
        days = stack.read.usage(group_by=",".join(keys), **query, **{"from": begin.strftime("%Y-%m-%d"), "to": end.strftime("%Y-%m-%d")})
        rows = stack.read.usage(group_by=",".join(keys), **query, **{"from": instant(begin), "to": instant(end)})
        assert (days["rows"], days["total"]) == (rows["rows"], rows["total"]), (keys, query, begin, end)


@pytest.mark.parametrize("query", [{"state": "final"}, {"state": "final,cancelled"}, {"cost_state": "unknown"}, {"cost_state": "unknown,reported"},
                                   {"cost_state": "reported,looked_up,estimated,unknown", "state": "final,open,error", "user": "u-3"},
                                   {"chat_id": "chat-7"}, {"state": "open,error"}], ids=str)
def test_rows_by_state_and_chat_in_pages(stack, sent, query):
    def chosen(one):
        cost_state = "reported" if one["usage"].get("cost") is not None else "unknown"
        return ("final" in query.get("state", "final") and cost_state in query.get("cost_state", cost_state)
                and query.get("user", one["user"]["id"]) == one["user"]["id"] and query.get("chat_id", one["chat_id"]) == one["chat_id"])
    want = sorted(((one["started_at"], one["generation_id"]) for one in sent if chosen(one)), reverse=True)
    rows = stack.read.generations(limit=37, **query, **ALL)
    assert [row["generation_id"] for row in rows] == [generation_id for _, generation_id in want]


@pytest.mark.parametrize("query", ["state=done", "state=final,final", "state=", "cost_state=reported,", "chat_id=", "group=" + "x" * 257, "source=" + "x" * 65])
def test_bad_filters_are_refused(stack, query):
    assert query.split("=")[0] in stack.read.get("/api/v1/generations?" + query, expect=400).json()["detail"]


def test_first_day_and_today(stack, sent):
    session = stack.read.get("/api/v1/session").json()
    first = min(datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")) for one in sent).astimezone(BERLIN)
    wait_until(lambda: stack.read.get("/api/v1/session").json()["first_day"] == first.strftime("%Y-%m-%d"), "first_day")
    assert session["today"] in {(datetime.now(BERLIN) - timedelta(seconds=s)).strftime("%Y-%m-%d") for s in (0, 10)}
    now = datetime.fromisoformat(session["now"].replace("Z", "+00:00"))
    assert abs(now - datetime.now(timezone.utc)) < timedelta(seconds=30)


def test_totals_and_rows_are_sound(stack):
    """costd --check, which recomputes rows from the journal and totals from the rows."""
    done = subprocess.run([stack.bin / "costd", "--check"], env=stack.costd.env, capture_output=True, text=True)
    assert done.returncode == 0 and ": 0 rows and 0 totals differ" in done.stdout, done.stdout + done.stderr


# Users


def test_users(stack, sent):
    session = stack.session()
    reply = session.get("/api/v1/users").json()
    assert [user["id"] for user in reply["items"]] == [f"u-{n}" for n in range(7)] and reply["next_cursor"] is None
    times = [one["started_at"] for one in sent if one["user"]["id"] == "u-2"]
    user = session.get("/api/v1/user/u-2").json()
    assert user["name"] == "Name of u-2" and user["email"] == "u-2@example.org" and user["role"] == "user"
    assert user["first_seen_at"] == min(times) and user["last_seen_at"] >= max(times)
    session.get("/api/v1/user/u-nobody", expect=404)


def test_users_in_pages(stack):
    session, ids, cursor = stack.session(), [], None
    while True:
        page = session.get("/api/v1/users", limit=2, cursor=cursor).json()
        ids += [user["id"] for user in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ids == [f"u-{n}" for n in range(7)]


@pytest.mark.parametrize("q, found", [("u-3", ["u-3"]), ("U-3", ["u-3"]), ("NAME OF", [f"u-{n}" for n in range(7)]), ("%", []), ("_", []),
                                      ("@example.org", [f"u-{n}" for n in range(7)]), ("nobody", []), ("'", []), ("", [f"u-{n}" for n in range(7)])])
def test_users_are_found_by_part(stack, q, found):
    reply = stack.session().get("/api/v1/users?q=" + q.replace("%", "%25").replace(" ", "%20").replace("'", "%27")).json()
    assert [user["id"] for user in reply["items"]] == found


# Documents


def month_of(sent, user=None, month="2026-10"):
    return [one for one in sent if (user is None or one["user"]["id"] == user) and
            datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")).astimezone(BERLIN).strftime("%Y-%m") == month]


def test_statement_of_an_unknown_user_is_404(stack):
    for kind in ("pdf", "xlsx"):
        stack.read.statement("u-nobody", "2026-10", kind, expect=404)


@pytest.mark.parametrize("file", ["2026-13.pdf", "2026-00.pdf", "2026-1.pdf", "26-10.pdf", "2026-10.txt", "2026-10", "2026-10.PDF",
                                  "1999-10.pdf", "9999-10.pdf", "2026-10.pdf.exe", "..%2f2026-10.pdf", "%00.pdf"])
def test_statement_of_a_strange_name_is_400(stack, file):
    reply = stack.read.request("GET", f"/api/v1/statements/u-1/{file}")
    assert reply.status in (400, 404), reply
    assert stack.read.request("GET", f"/api/v1/reports/{file}").status in (400, 404)


def test_a_month_without_usage_says_so(stack):
    text = pdf_text(stack.read.statement("u-1", "2024-02", "pdf").body)
    assert "no usage" in text.lower() or "no requests" in text.lower(), text
    book = Workbook(stack.read.statement("u-1", "2024-02", "xlsx").body)
    assert any("no " in text.lower() for text in book.texts())
    stack.read.get("/api/v1/reports/2024-02.pdf"), stack.read.get("/api/v1/reports/2024-02.xlsx")


@pytest.mark.parametrize("user", ["u-1", None])
def test_documents_agree_with_the_ledger(stack, sent, user):
    want = figures_of(month_of(sent, user))
    path = f"/api/v1/statements/{user}/2026-10" if user else "/api/v1/reports/2026-10"
    pdf, xlsx = stack.read.get(path + ".pdf"), stack.read.get(path + ".xlsx")
    query = {"user": user} if user else {}
    total = decimals(stack.read.usage(**query, **{"from": "2026-10-01", "to": "2026-11-01"})["total"])
    assert total == want
    exact_text = format(want["cost"].normalize(), "f")
    assert exact_text in pdf_text(pdf.body).replace(",", ""), exact_text
    assert any(exact_text in text for text in Workbook(xlsx.body).texts()) or float(want["cost"]) in Workbook(xlsx.body).numbers()
    assert str(want["requests"]) in pdf_text(pdf.body).replace(",", "")


def test_documents_have_names_and_tags(stack):
    reply = stack.read.statement("u-1", "2026-10", "pdf")
    assert reply["Content-Disposition"].startswith("attachment;") and "2026-10" in reply["Content-Disposition"]
    assert reply["Content-Disposition"].isascii() and reply["ETag"] and reply.body.startswith(b"%PDF-1.")
    assert stack.read.statement("u-1", "2026-10", "xlsx").body.startswith(b"PK\x03\x04")


def test_the_older_report_call(stack):
    session = stack.session()
    reply = session.post("/api/v1/user/report", {"userId": "u-1", "year": 2026, "month": 9})
    assert reply.body.startswith(b"%PDF") and "2026-10" in pdf_text(reply.body)
    assert session.post("/api/v1/user/report", {"userId": "u-nobody", "year": 2026, "month": 9}, expect=404).json()["success"] is False
    for bad in ({}, {"userId": "u-1", "year": 2026, "month": 12}, {"userId": "u-1", "year": 2026, "month": -1},
                {"userId": "", "year": 2026, "month": 1}, {"userId": "u-1", "year": 1, "month": 1}, {"userId": 1, "year": 2026, "month": 1}):
        session.post("/api/v1/user/report", bad, expect=400)


# The provider's word, metrics


def test_models_and_credits_come_from_the_provider(make_stack, stub):
    stack = make_stack()
    models = stack.read.get("/api/v1/models").json()
    prices = {model["id"]: model["pricing"] for model in models["items"]}
    assert prices["google/gemini-2.5-flash"]["input_cache_write"] == "0.00000008333333333333334"
    assert prices["openrouter/auto"]["prompt"] == "-1"
    credits = stack.read.get("/api/v1/credits").json()
    assert credits["known"] and (credits["total_credits"], credits["total_usage"], credits["remaining"]) == ("250", "103.42817364", "146.57182636")


def test_credits_of_a_key_that_may_not_read_them_are_unknown(make_stack, stub):
    from stub_openrouter import sample
    stub.control({"credits": sample("credits_inference_key_quirk")})
    try:
        credits = make_stack().read.get("/api/v1/credits").json()
    finally:
        stub.control({"credits": sample("credits")})
    assert credits["known"] is False and credits["total_credits"] is None


def test_without_a_provider_key_models_and_credits_are_503(stack):
    reply = stack.read.request("GET", "/api/v1/credits")
    assert reply.status == 503 or reply.json()["known"] is False


def test_metrics_count_what_was_done(make_stack):
    stack = make_stack()
    before = stack.read.metrics()
    stack.ingest.send([record()])
    after = stack.ingest.metrics()
    went_up = [name for name, value in after.items() if float(value) > float(before.get(name, 0))]
    assert any("accepted" in name for name in went_up), went_up
    went_down = [name for name, value in after.items() if name.split("{")[0].endswith("_total") and float(value) < float(before.get(name, 0))]
    assert not went_down
    for line in stack.read.get("/api/v1/metrics").text.splitlines():
        assert line == "" or line.startswith("#") or len(line.rsplit(" ", 1)) == 2
