/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Each call once, on a real database: what one call left twice counts once; what is
 * left of a sum, what an operator undoes, and what an older ledger gets at its upgrade.
 */
#include "pair_fixture.h"

#include "ledger/pairing.h"
#include "ledger/rebuild.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL                                                                                          \
	"SELECT CONCAT(CAST(SUM(requests) AS CHAR),' requests, ',CAST(SUM(cost) AS CHAR),' unsettled " \
	"',CAST(SUM(unsettled) AS CHAR)) FROM usage_day"

static void
totals_are(const char *text)
{
	char *got = fx_text(&pf, TOTAL);

	got[strlen(got) - 1] = '\0';
	assert_string_equal(got, text);
	pf_holds();
}

static void
test_a_turns_record_and_its_generation_are_one_request(void **state)
{
	for (int first = 0; first < 2; first++) {
		Om__Record *turn, *span;

		pf_set_up();
		turn = pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW);
		span = pf_record("gen-9", NULL, "u9", "0.25", PF_NOW - OM_SECOND);
		span->source = om_arena_strdup(&pf.a, OM_SOURCE_OTLP);
		pf_send(first == 0 ? turn : span);
		totals_are("1 requests, 0.250000000000000000 unsettled 0");
		pf_send(first == 0 ? span : turn);
		totals_are("1 requests, 0.250000000000000000 unsettled 0");
		assert_string_equal(
		    fx_text(&pf, "SELECT CONCAT(ledger_key,' ',target,' ',kind) FROM link"), "owui:t1:1 gen-9 2\n");
		assert_string_equal(
		    fx_text(&pf,
			"SELECT CONCAT(generation_id,' ',requests,' ',link_kind,' ',cost) FROM generation ORDER BY 1"),
		    "gen-9 1 2 0.250000000000000000\nowui:t1:1 0 2 0.000000000000000000\n");
		pf_send(first == 0 ? turn : span);
		totals_are("1 requests, 0.250000000000000000 unsettled 0");
		fx_close(&pf);
	}
	(void)state;
}

/* Somebody invents a generation that is like a turn's request, for nothing or for much. */
static void
test_costs_that_contradict_each_other_across_a_pair_are_in_dispute(void **state)
{
	static const char *const invented[] = {"0", "9"};
	static const char *const total[] = {
	    "1 requests, 0.000000000000000000 unsettled 0", "1 requests, 0.500000000000000000 unsettled 0"};
	static const char *const dispute[] = {"1 0.500000000000000000\n", "1 8.500000000000000000\n"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		Om__Record *turn, *other;

		pf_set_up();
		turn = pf_record(NULL, "t1:1", "u9", "0.5", PF_NOW);
		other = pf_record("gen-9", NULL, "u9", invented[i % 2], PF_NOW + OM_SECOND);
		pf_send(i < 2 ? turn : other);
		pf_send(i < 2 ? other : turn);
		totals_are(total[i % 2]);
		assert_string_equal(fx_text(&pf,
					"SELECT CONCAT(disputed,' ',disputed_cost) FROM generation WHERE "
					"generation_id='gen-9'"),
		    dispute[i % 2]);
		assert_string_equal(
		    fx_text(&pf, "SELECT SUM(disputed_cost) FROM usage_day"), strchr(dispute[i % 2], ' ') + 1);
		assert_int_equal(fx_int(&pf, "SELECT COUNT(*) FROM lookup WHERE generation_id='gen-9'"), 1);
		fx_close(&pf);
	}
}

static void
test_two_equal_questions_stay_two(void **state)
{
	(void)state;
	pf_set_up();
	pf_send(pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW));
	pf_send(pf_record(NULL, "t2:1", "u9", "0.25", PF_NOW + 20 * OM_SECOND));
	pf_send(pf_record("gen-1", NULL, "u9", "0.25", PF_NOW));
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	pf_send(pf_record("gen-2", NULL, "u9", "0.25", PF_NOW + 20 * OM_SECOND));
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	assert_string_equal(fx_text(&pf, "SELECT CONCAT(ledger_key,' ',target) FROM link ORDER BY 1"),
	    "owui:t1:1 gen-1\nowui:t2:1 gen-2\n");
	pf_send(pf_record("gen-3", NULL, "u9", "0.25", PF_NOW + 40 * OM_SECOND));
	totals_are("3 requests, 0.750000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_what_is_not_one_call_is_not_paired(void **state)
{
	Om__Record *other_model, *other_tokens, *late, *model;

	(void)state;
	pf_set_up();
	model = pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW);
	model->model = om_arena_strdup(&pf.a, "anthropic/claude-haiku-4.5");
	other_model = pf_record("gen-1", NULL, "u9", "0.25", PF_NOW);
	other_model->model = om_arena_strdup(&pf.a, "openai/gpt-4o");
	other_tokens = pf_record("gen-2", NULL, "u9", "0.25", PF_NOW);
	other_tokens->prompt_tokens = 26;
	late = pf_record("gen-3", NULL, "u9", "0.25", PF_NOW + (om_time)16 * 60 * OM_SECOND);
	pf_send(model);
	pf_send(other_model);
	pf_send(other_tokens);
	pf_send(late);
	pf_send(pf_record("gen-4", NULL, "u8", "0.25", PF_NOW)); /* of another user */
	totals_are("5 requests, 1.250000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_a_generation_that_nobody_named_gets_the_turns_user(void **state)
{
	(void)state;
	pf_set_up();
	pf_send(pf_record("gen-1", NULL, OM_USER_UNKNOWN, "0.25", PF_NOW));
	pf_send(pf_record(NULL, "t1", "u9", "0.25", PF_NOW + OM_SECOND));
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	assert_string_equal(fx_text(&pf, "SELECT user_id FROM as_text_generation WHERE generation_id='gen-1'"), "u9\n");
	fx_close(&pf);
}

static void
settle(Om__Record *r)
{
	om_err e = {.text = ""};

	assert_int_equal(cd_ledger_settle(pf.ledger, r, FX_DEADLINE, &pf.a, &e), OM_OK);
}

static void
test_a_look_up_does_not_break_a_match(void **state)
{
	(void)state;
	for (int when = 0; when < 3; when++) {
		pf_set_up();
		if (when == 1)
			pf_send(pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW));
		pf_send(pf_record("gen-1", NULL, "u9", NULL, PF_NOW));
		if (when == 2)
			pf_send(pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW));
		settle(pf_look_up("gen-1", "0.24", PF_NOW));
		if (when == 0)
			pf_send(pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW));
		totals_are("1 requests, 0.240000000000000000 unsettled 0");
		fx_close(&pf);
	}
}

static void
test_a_sum_counts_what_its_generations_leave_over(void **state)
{
	(void)state;
	pf_set_up();
	pf_send(pf_record(NULL, "t1:1", "u9", "0.75", PF_NOW + 10 * OM_SECOND));
	pf_send(pf_record("gen-1", "t1", "u9", "0.25", PF_NOW));
	totals_are("1 requests, 0.750000000000000000 unsettled 0");
	pf_send(pf_record("gen-2", "t1", "u9", "0.3", PF_NOW + OM_SECOND));
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	assert_string_equal(
	    fx_text(&pf, "SELECT CONCAT(requests,' ',cost) FROM generation WHERE generation_id='owui:t1:1'"),
	    "0 0.200000000000000000\n");
	pf_send(pf_record("gen-3", "t1", "u9", NULL, PF_NOW + 2 * OM_SECOND)); /* its cost is not known yet */
	totals_are("3 requests, 0.750000000000000000 unsettled 1");
	settle(pf_look_up("gen-3", "0.5", PF_NOW));
	totals_are("3 requests, 1.050000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_a_tag_ties_rows_of_the_same_user_only(void **state)
{
	(void)state;
	pf_set_up();
	pf_send(pf_record(NULL, "t1:1", "u9", "0.75", PF_NOW));
	pf_send(pf_record("gen-1", "t1", "u8", "0.25", PF_NOW));
	totals_are("2 requests, 1.000000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_the_older_filter_beside_the_plugin(void **state)
{
	Om__Record *older, *plugin, *answer;

	(void)state;
	pf_set_up();
	older = pf_record(NULL, "message-1", "u9", "0.5", PF_NOW);
	plugin = pf_record("gen-1", "turn-1", "u9", "0.5", PF_NOW - 30 * OM_SECOND);
	older->source = om_arena_strdup(&pf.a, "metering-record");
	plugin->source = om_arena_strdup(&pf.a, "filter-stream");
	plugin->message_id = om_arena_strdup(&pf.a, "message-1");
	plugin->prompt_tokens = 20; /* the older filter counts otherwise */
	pf_send(older);
	pf_send(plugin);
	totals_are("1 requests, 0.500000000000000000 unsettled 0");
	answer = pf_record(
	    NULL, "turn-2:1", "u9", "0.125", PF_NOW); /* an answer that was not streamed: two records without an id */
	answer->message_id = om_arena_strdup(&pf.a, "message-2");
	older = pf_record(NULL, "message-2", "u9", "0.125", PF_NOW);
	older->source = om_arena_strdup(&pf.a, "metering-record");
	pf_send(answer);
	pf_send(older);
	totals_are("2 requests, 0.625000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_what_two_rows_name_must_not_differ(void **state)
{
	Om__Record *turn, *span, *elsewhere;

	(void)state;
	pf_set_up();
	turn = pf_record(NULL, "A:1", "u9", "0.25", PF_NOW); /* an answer of one turn, and a stream of another */
	turn->message_id = om_arena_strdup(&pf.a, "ma");
	span = pf_record("gen-1", "B", "u9", "0.25", PF_NOW);
	span->message_id = om_arena_strdup(&pf.a, "mb");
	pf_send(turn);
	pf_send(span);
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	turn = pf_record(NULL, "C:1", "u8", "0.25", PF_NOW); /* two requests of one turn */
	span = pf_record("gen-2", "C", OM_USER_UNKNOWN, "0.25", PF_NOW);
	turn->has_request = span->has_request = true;
	turn->request = 1;
	span->request = 2;
	pf_send(turn);
	pf_send(span);
	totals_are("4 requests, 1.000000000000000000 unsettled 0");
	elsewhere = pf_record(NULL, "D:1", "u7", "0.25", PF_NOW); /* two who bill */
	elsewhere->platform = om_arena_strdup(&pf.a, "openai");
	pf_send(elsewhere);
	pf_send(pf_record("gen-3", NULL, "u7", "0.25", PF_NOW));
	totals_are("6 requests, 1.500000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_a_stream_that_was_stopped_is_no_other_answer(void **state)
{
	Om__Record *stopped;

	(void)state;
	pf_set_up();
	stopped = pf_record("gen-1", NULL, "u9", NULL, PF_NOW);
	stopped->state = OM__STATE__STATE_CANCELLED;
	stopped->has_prompt_tokens = stopped->has_completion_tokens = false;
	pf_send(stopped);
	pf_send(pf_record(NULL, "A:1", "u9", "0.25", PF_NOW + 30 * OM_SECOND));
	totals_are("2 requests, 0.250000000000000000 unsettled 1");
	assert_int_equal(fx_int(&pf, "SELECT COUNT(*) FROM lookup"), 1);
	fx_close(&pf);
}

static void
test_a_streamed_request_without_an_id_is_no_sum(void **state)
{
	Om__Record *first, *second, *stream;

	(void)state;
	pf_set_up();
	first = pf_record("gen-1", "T", "u9", "0.1", PF_NOW);
	stream = pf_record(NULL, "T:2", "u9", "0.2", PF_NOW + OM_SECOND);
	first->source = om_arena_strdup(&pf.a, "filter-stream");
	stream->source = om_arena_strdup(&pf.a, "filter-stream");
	pf_send(first);
	pf_send(stream);
	totals_are("2 requests, 0.300000000000000000 unsettled 0");
	first = pf_record(NULL, "S:1", "u8", "0.25", PF_NOW); /* two without an id, one of which a trace names */
	second = pf_record(NULL, "S:2", "u8", "0.25", PF_NOW + OM_SECOND);
	second->prompt_tokens = 30;
	first->source = om_arena_strdup(&pf.a, "filter-stream");
	second->source = om_arena_strdup(&pf.a, "filter-stream");
	pf_send(first);
	pf_send(second);
	pf_send(pf_record("gen-2", "S", "u8", "0.25", PF_NOW));
	totals_are("4 requests, 0.800000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_an_id_without_usage_counts_nothing_beside_one_with(void **state)
{
	Om__Record *phantom, *real, *real_too, *turn;

	(void)state;
	pf_set_up();
	phantom = pf_record("gen-1", "t1", "u9", NULL, PF_NOW);
	phantom->has_prompt_tokens = phantom->has_completion_tokens = false;
	real = pf_record("gen-2", "t1", "u9", "0.25", PF_NOW + OM_SECOND);
	real_too = pf_record("gen-3", "t1", "u9", "0.5", PF_NOW + 2 * OM_SECOND);
	turn = pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW + 3 * OM_SECOND);
	phantom->has_request = real->has_request = real_too->has_request = turn->has_request = true;
	phantom->request = real->request = real_too->request = turn->request = 1;
	pf_send(phantom);
	totals_are("1 requests, 0.000000000000000000 unsettled 1");
	pf_send(real);
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	pf_send(turn);
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	pf_send(real_too);
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_a_turn_whose_cost_fills_a_gap(void **state)
{
	Om__Record *cut;

	(void)state;
	pf_set_up();
	cut = pf_record("gen-1", NULL, "u9", NULL, PF_NOW);
	cut->state = OM__STATE__STATE_OPEN;
	cut->has_prompt_tokens = cut->has_completion_tokens = false;
	pf_send(cut);
	totals_are("1 requests, 0.000000000000000000 unsettled 1");
	pf_send(pf_record(NULL, "t1", "u9", "0.25", PF_NOW));
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_an_operator_undoes_a_pair(void **state)
{
	Om__UnpairQuery q = OM__UNPAIR_QUERY__INIT;
	Om__UnpairReply out = OM__UNPAIR_REPLY__INIT;
	char id[] = "gen-9", nobody[] = "gen-0", turn[] = "owui:t1:1";
	om_err e = {.text = ""};

	(void)state;
	pf_set_up();
	pf_send(pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW));
	pf_send(pf_record("gen-9", NULL, "u9", "0.25", PF_NOW));
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	q.generation_id = nobody;
	assert_int_equal(cd_ledger_unpair(pf.ledger, &q, FX_DEADLINE, &pf.a, &out, &e), OM_NOT_FOUND);
	q.generation_id = id;
	assert_int_equal(cd_ledger_unpair(pf.ledger, &q, FX_DEADLINE, &pf.a, &out, &e), OM_OK);
	assert_int_equal(out.n_unpaired, 1);
	assert_string_equal(out.unpaired[0], turn);
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	assert_int_equal(cd_ledger_unpair(pf.ledger, &q, FX_DEADLINE, &pf.a, &out, &e), OM_CONFLICT);
	pf_send(pf_record("gen-9", NULL, "u9", "0.25", PF_NOW)); /* and it stays so */
	pf_send(pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW));
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	fx_close(&pf);
}

static void
test_the_earliest_receipt_counts(void **state)
{
	for (int first = 0; first < 2; first++) {
		Om__Record *copies[2];

		pf_set_up();
		for (int i = 0; i < 2; i++) {
			copies[i] = pf_record("gen-1", NULL, "u9", "0.25", PF_NOW);
			copies[i]->record_id.data[0] = 7;
			memset(copies[i]->record_id.data + 1, 0, 15);
			copies[i]->has_content = true;
			copies[i]->content = (ProtobufCBinaryData){.len = 32, .data = om_arena_alloc(&pf.a, 32)};
			copies[i]->started_us = PF_NOW + OM_DAY; /* it cannot be */
			copies[i]->finished_us = PF_NOW + 400 * OM_SECOND;
			copies[i]->received_us = PF_NOW + (i == 0 ? 0 : 200 * OM_SECOND);
		}
		pf_send(copies[first]);
		pf_send(copies[1 - first]);
		assert_int_equal(fx_int(&pf, "SELECT COUNT(*) FROM record"), 1);
		assert_int_equal(fx_int(&pf, "SELECT started_us FROM generation"), PF_NOW);
		assert_int_equal(fx_int(&pf, "SELECT finished_us FROM generation"), PF_NOW);
		pf_holds();
		fx_close(&pf);
	}
	(void)state;
}

static void
test_rows_of_before_are_paired_at_the_upgrade(void **state)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	(void)state;
	pf_set_up();
	pf_send(pf_record(NULL, "t1:1", "u9", "0.25", PF_NOW));
	pf_send(pf_record("gen-9", NULL, "u9", "0.25", PF_NOW));
	pf_send(pf_record(NULL, "t2:1", "u9", "0.5", PF_NOW + OM_DAY));
	fx_run(&pf, "UPDATE generation SET requests=1,link_kind=0");
	fx_run(&pf,
	    "UPDATE generation SET cost=0.25,cost_most=0.25,prompt_tokens=25,prompt_tokens_most=25,completion_tokens=7,"
	    "completion_tokens_most=7,ranks=(SELECT ranks FROM (SELECT ranks FROM generation WHERE "
	    "generation_id='owui:t2:1') AS t) WHERE generation_id='owui:t1:1'");
	fx_run(&pf, "UPDATE meta SET value='0' WHERE name='pairing'");
	fx_run(&pf, "DELETE FROM link");
	fx_run(&pf, "DELETE FROM turn");
	fx_run(&pf, "DELETE FROM usage_sum");
	fx_run(&pf, "DELETE FROM usage_day");
	assert_int_equal(cd_db_open(&pf.opts, &db, &e), OM_OK);
	assert_int_equal(cd_db_begin(db, &e), OM_OK);
	assert_int_equal(cd_rebuild_totals(db, &(int64_t){0}, &e), OM_OK);
	assert_int_equal(cd_db_commit(db, &e), OM_OK);
	assert_string_equal(fx_text(&pf, TOTAL), "3 requests, 1.000000000000000000 unsettled 0\n");
	assert_int_equal(cd_pairing_upgrade(db, &e), OM_OK);
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	assert_int_equal(fx_int(&pf, "SELECT upgrade FROM link"), 1);
	assert_int_equal(cd_pairing_upgrade(db, &e), OM_OK);
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	cd_db_close(&db);
	fx_close(&pf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_turns_record_and_its_generation_are_one_request),
	    cmocka_unit_test(test_costs_that_contradict_each_other_across_a_pair_are_in_dispute),
	    cmocka_unit_test(test_two_equal_questions_stay_two),
	    cmocka_unit_test(test_what_is_not_one_call_is_not_paired),
	    cmocka_unit_test(test_a_generation_that_nobody_named_gets_the_turns_user),
	    cmocka_unit_test(test_a_look_up_does_not_break_a_match),
	    cmocka_unit_test(test_a_sum_counts_what_its_generations_leave_over),
	    cmocka_unit_test(test_a_tag_ties_rows_of_the_same_user_only),
	    cmocka_unit_test(test_the_older_filter_beside_the_plugin),
	    cmocka_unit_test(test_what_two_rows_name_must_not_differ),
	    cmocka_unit_test(test_a_stream_that_was_stopped_is_no_other_answer),
	    cmocka_unit_test(test_a_streamed_request_without_an_id_is_no_sum),
	    cmocka_unit_test(test_an_id_without_usage_counts_nothing_beside_one_with),
	    cmocka_unit_test(test_a_turn_whose_cost_fills_a_gap),
	    cmocka_unit_test(test_an_operator_undoes_a_pair),
	    cmocka_unit_test(test_the_earliest_receipt_counts),
	    cmocka_unit_test(test_rows_of_before_are_paired_at_the_upgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
