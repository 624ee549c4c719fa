# SPDX-License-Identifier: AGPL-3.0-or-later
"""Mistakes that metering systems make, by number, and which test shows that this one does not.

  no  in words                                        tested by
   1  one call seen on two paths counts twice         test_traces: plugin_and_trace_are_one_row; test_import: both_files_of_one_month_...
   2  the filter's outlet runs twice                  plugin test_turns: outlet_twice_is_one_record
   3  cumulative usage chunks are added up            plugin test_turns: usage_sent_twice_...; join_test: records_in_any_order_...
   4  the Responses API is logged twice               plugin test_turns: responses_api_completed_twice_...
   5  marked as seen, but not stored                  fault test_points: death_at_a_point_..., a_mistake_put_back_... (no_unique_key)
   6  a retry with a new time is a new record         test_ingest_errors: a_record_without_an_id_...; record_test: content_leaves_...
   7  an empty id is taken as an id                   test_ingest_errors: neither_generation_nor_turn_is_refused
   8  a stopped chat costs nothing                    plugin test_turns: stop_halfway_...; test_lookups: cancelled_stream_...
   9  the client leaves at the last frame             plugin test_turns: api_client_that_leaves_at_the_end_frame_...
  10  calls over the API are not seen                 plugin test_turns: api_stream_is_metered_..., api_nonstreaming
  11  tasks (titles, tags) pass no filter             here: what_no_filter_sees_comes_by_trace
  12  nor do embeddings                               here: what_no_filter_sees_comes_by_trace; subagents: plugin test_turns: origin
  13  of a tool loop only the last call counts        plugin test_turns: tool_loop_counts_each_request_...
  14  usage of the Responses API has other names      plugin test_turns: responses_api_events
  15  an aborted stream is billed in full or not      test_lookups: cancelled_stream_is_billed_by_its_look_up
  16  the provider's record is late, 404 is final     test_lookups: wrong_answer_... (not_found), schedule_ends_and_says_so
  17  null is zero, or zero is missing                record_test: cost_states_...; join_test: null_never_beats_...; test_lookups (free)
  18  a cut stream is estimated and stays so          settle_test: estimate_stands_until_something_better_comes
  19  taken off the queue before it is stored         fault test_points (forget_before_acknowledgement); unbounded: full_spool_...
  20  a model without a price costs 0 or a neighbour's  test_lookups: prices_have_a_history_...; pricing_test
  21  price -1 is a price; negative costs             test_lookups: prices_have_a_history_...; test_repairs: absurd_cost_...
  22  metering down, chat broken                      plugin test_promises; plugin test_delivery: gateway_down_and_back; test_line
  23  money in binary floats                          test_money; test_ingest_errors: cost_is_kept_to_the_last_digit
  24  too few decimals                                test_ingest_errors: cost_is_kept_to_the_last_digit
  25  the least charge is added; no output, no cost   test_statement.c: minimum_charge_...; here: no_output_is_not_free
  26  BYOK: the provider's bill is added              test_ingest_errors: byok_..., upstream_cost_without_byok_...
  27  cached tokens counted on top of the prompt's    pricing_test: tokens_are_priced_by_kind
  28  one model id, one price                         here: each_provider_has_its_own_cost
  29  images, searches, files are not in the tokens   pricing_test: what_is_no_price_of_tokens_...; costs are reported ones
  30  days of UTC shown as local ones                 test_reads: days_are_local_and_half_open, the_long_day_has_25_hours
  31  midnight of the first is in no month, or in two test_reads: local_midnight_of_the_first_...
  32  OTLP's nanoseconds as numbers                   test_traces: old_names_and_enum_texts
  33  import makes up the year; text by the locale    test_import: rows_keep_their_year; test_files: csv_of_the_month_...
  34  the workspace's model id is the provider's      here: requested_and_answering_model_are_both_kept
  35  the asked model is the one that answered        here: requested_and_answering_model_are_both_kept
  36  users of one name are one user                  here: two_of_one_name_are_two
  37  state of a filter is shared by all users        plugin test_turns: two_models_at_once_do_not_mix
  38  a user's own word says who pays                 here: the_plugin_s_user_beats_a_trace_s; plugin test_turns: forged_outlet_...
  39  OTLP's user is an account of the provider       here: user_of_the_request_beats_the_account
  40  a restore loses fields                          not here: nothing restores; the database's own tools do
  41  counters that go down                           here: counters_never_go_down
  42  deleted users' use stays or goes, half          not here: nothing deletes users or rows
  43  the plugin's key is the administrator's; defaults  test_auth: matrix_of_callers_and_operations; test_settings: keys_must_differ
  44  CSV without quotes, formulas in cells           test_jobs.c: cells_are_quoted_and_never_formulas; test_files
  45  budgets overshoot                               not here: this system measures and blocks nothing
"""
import uuid
from datetime import datetime, timezone

from otlp import span, trace
from records import new_generation_id, record
from stack import wait_until

ALL = {"from": "2020-01-01", "to": "2100-01-01"}


def rows(stack, **filters):
    stack.drained()
    return stack.read.generations(**filters, **ALL)


def traced(stack, *spans):
    return stack.ingest.post("/api/v1/traces", trace(*spans))


def test_pitfalls_11_and_12_what_no_filter_sees_comes_by_trace(stack):
    """Tasks and embeddings go past Open WebUI's filters: the provider's traces bring them, under the same user."""
    chat, title = new_generation_id(), new_generation_id()
    stack.ingest.send(record(user="u-task", generation_id=chat, cost="0.25"))
    traced(stack, span(chat, attrs={"user.id": "u-task", "gen_ai.usage.total_cost": 0.25}),
           span(title, attrs={"user.id": "u-task", "gen_ai.usage.total_cost": 0.0000004, "gen_ai.request.model": "openai/text-embedding-3",
                              "gen_ai.response.model": "openai/text-embedding-3", "gen_ai.usage.output_tokens": 0}))
    assert {row["generation_id"]: row["cost"] for row in rows(stack, user="u-task")} == {chat: "0.25", title: "0.0000004"}
    assert stack.read.usage(user="u-task", **ALL)["total"]["cost"] == "0.2500004"


def test_pitfall_25_no_output_is_not_free(stack):
    """An answer without a token: its prompt was billed."""
    stack.ingest.send(record(user="u-silent", cost="0.0003", completion_tokens=0))
    (row,) = rows(stack, user="u-silent")
    assert (row["cost"], row["cost_state"], row["completion_tokens"]) == ("0.0003", "reported", 0)


def test_pitfall_28_each_provider_has_its_own_cost(stack):
    """The same model and tokens at two providers: each costs what was reported, and can be told apart."""
    for provider, cost in (("Cheap", "0.000003"), ("Dear", "0.000044")):
        stack.ingest.send(record(user="u-two", provider=provider, cost=cost))
    stack.drained()
    found = stack.read.usage(user="u-two", group_by="model,provider", **ALL)["rows"]
    assert {(row["model"], row["provider"]): row["cost"] for row in found} == {
        ("anthropic/claude-haiku-4.5", "Cheap"): "0.000003", ("anthropic/claude-haiku-4.5", "Dear"): "0.000044"}


def test_pitfalls_34_and_35_requested_and_answering_model_are_both_kept(stack):
    """A preset of the workspace, and a router that chose another model: totals are by the model that answered."""
    sent = record(user="u-preset", requested_model="our-private-preset", model="openai/gpt-4o-mini", cost="1")
    stack.ingest.send(sent)
    stack.drained()
    assert stack.ledger("model, requested_model", "user_id = 'u-preset'") == [("openai/gpt-4o-mini", "our-private-preset")]
    (row,) = stack.read.usage(user="u-preset", group_by="model", **ALL)["rows"]
    assert row["model"] == "openai/gpt-4o-mini"


def test_pitfall_36_two_of_one_name_are_two(stack):
    for user, cost in (("u-anna-1", "1"), ("u-anna-2", "2")):
        stack.ingest.send({**record(model="m/anna", cost=cost), "user": {"id": user, "name": "Anna", "email": "anna@example.org"}})
    stack.drained()
    found = stack.read.usage(model="m/anna", group_by="user", **ALL)["rows"]
    assert {row["user"]: (row["user_name"], row["cost"]) for row in found} == {"u-anna-1": ("Anna", "1"), "u-anna-2": ("Anna", "2")}


def test_pitfall_38_the_plugin_s_user_beats_a_trace_s(stack):
    """A request's own `user` field is what any client writes; who is logged in, Open WebUI says.  In either order."""
    for first in (0, 1):
        gen_id = new_generation_id()
        ways = [lambda g=gen_id: traced(stack, span(g, attrs={"user.id": "a-boss"})),
                lambda g=gen_id: stack.ingest.send(record(user="z-real", generation_id=g))]
        ways[first]()
        stack.drained()
        ways[1 - first]()
        (row,) = rows(stack, generation_id=gen_id)
        assert row["user"] == "z-real"
    assert rows(stack, user="a-boss") == []


def test_pitfall_39_user_of_the_request_beats_the_account(stack):
    """Both attributes: user.id is the user field of the request, openrouter.user.id the account that pays for all."""
    gen_id = new_generation_id()
    traced(stack, span(gen_id, attrs={"openrouter.user.id": "a-account", "user.id": "u-asked"}))
    assert [row["user"] for row in rows(stack, generation_id=gen_id)] == ["u-asked"]


def test_pitfall_41_counters_never_go_down(make_stack):
    """Whatever happens to rows: corrected costs, duplicates, refused records and their second try."""
    stack = make_stack()
    session = stack.session()
    sent = record(record_id=str(uuid.uuid4()), cost="5", at=datetime(2026, 9, 30, tzinfo=timezone.utc))
    seen = {}

    def look():
        text = stack.read.get("/api/v1/metrics").text
        counters = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE") and line.endswith(" counter")}
        now = {name: float(value) for name, value in stack.read.metrics().items() if name.split("{")[0] in counters}
        assert counters and {name: (seen[name], now.get(name)) for name in seen if now.get(name, -1) < seen[name]} == {}
        seen.update(now)

    look()
    for step in (sent, sent, {**sent, "record_id": str(uuid.uuid4()), "usage": {**sent["usage"], "cost": "0.5"}},
                 {**sent, "usage": {**sent["usage"], "cost": "7"}}):
        stack.ingest.send(step)
        stack.drained()
        look()
    session.post("/api/v1/dead-letters/retry", {})
    look()
    stack.db.rows("DELETE FROM dead_letter")
    wait_until(lambda: session.get("/api/v1/dead-letters").json()["items"] == [], "no letters")
    look()
    assert seen["owui_metering_spool_accepted_total"] == 4
