/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Each call once, on a real database: what one call left twice counts once, whatever
 * the order, the repetitions and the batches it came in; at every commit all rows,
 * links and totals are what the journal makes of them.
 *
 * METERING_TEST_SEED repeats a run, METERING_TEST_ROUNDS makes it longer.
 */
#include "fixture.h"

#include "audit.h"
#include "pair.h"
#include "pairing.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW ((om_time)1795000000 * OM_SECOND)
#define TOTAL                                                                                          \
	"SELECT CONCAT(CAST(SUM(requests) AS CHAR),' requests, ',CAST(SUM(cost) AS CHAR),' unsettled " \
	"',CAST(SUM(unsettled) AS CHAR)) FROM usage_day"

#define SIDES                                                                                      \
	"SELECT CONCAT_WS('|',ledger_key,turn_id,message_id,request,(at_us-1795000000000000) DIV " \
	"1000000,user_id,model,"                                                                   \
	"prompt_tokens,completion_tokens,alone) FROM turn ORDER BY ledger_key"
#define ALL                                                                                                           \
	"SELECT "                                                                                                     \
	"CONCAT_WS('|',generation_id,user_id,started_us,state,cost_state,cost,prompt_tokens,completion_tokens,model," \
	"turn_id,"                                                                                                    \
	"message_id,requests,unsettled,link_kind,HEX(ranks)) FROM generation ORDER BY generation_id"
#define LINKS "SELECT CONCAT_WS('|',ledger_key,target,kind) FROM link ORDER BY ledger_key,target"

static struct fx f;
static uint64_t next_id, next_seq;

static void
set_up(void)
{
	fx_open(&f);
	next_id = 1;
	next_seq = 1;
}

/* record of a generation (id) or a turn (turn), 25 and 7 tokens. */
static Om__Record *
rec(const char *id, const char *turn, const char *user, const char *cost, om_time at)
{
	Om__Record *r = fx_record(&f.a, next_id++, id, user, cost);

	r->turn_id = turn != NULL ? om_arena_strdup(&f.a, turn) : NULL;
	r->model = om_arena_strdup(&f.a, "m");
	r->prompt_tokens = 25;
	r->started_us = at;
	r->finished_us = at + OM_SECOND;
	r->received_us = at + 2 * OM_SECOND;
	return r;
}

static void
send(Om__Record *r)
{
	Om__SubmitReply out;

	assert_int_equal(fx_submit(&f, &r, 1, next_seq++, &out), OM_OK);
	assert_int_equal(out.refused_records, 0);
}

static om_status
check(struct cd_db *db, void *arg, om_err *e)
{
	return cd_audit_check(db, arg, e);
}

/* holds: rows, links and totals are what the journal makes of them. */
static void
holds(void)
{
	struct cd_audit_result r;
	om_err e = {.text = ""};

	assert_int_equal(cd_pool_run(f.pool, CD_TX_SNAPSHOT, FX_DEADLINE, check, &r, &e), OM_OK);
	if (r.wrong_rows > 0)
		print_message("%s\n%s\n%s\n", fx_text(&f, SIDES), fx_text(&f, ALL), fx_text(&f, LINKS));
	assert_int_equal(r.wrong_rows, 0);
	assert_int_equal(r.wrong_totals, 0);
}

static void
totals_are(const char *text)
{
	char *got = fx_text(&f, TOTAL);

	got[strlen(got) - 1] = '\0';
	assert_string_equal(got, text);
	holds();
}

static void
test_a_turns_record_and_its_generation_are_one_request(void **state)
{
	for (int first = 0; first < 2; first++) {
		Om__Record *turn, *span;

		set_up();
		turn = rec(NULL, "t1:1", "u9", "0.25", NOW);
		span = rec("gen-9", NULL, "u9", "0.25", NOW - OM_SECOND);
		span->source = om_arena_strdup(&f.a, OM_SOURCE_OTLP);
		send(first == 0 ? turn : span);
		totals_are("1 requests, 0.250000000000000000 unsettled 0");
		send(first == 0 ? span : turn);
		totals_are("1 requests, 0.250000000000000000 unsettled 0");
		assert_string_equal(
		    fx_text(&f, "SELECT CONCAT(ledger_key,' ',target,' ',kind) FROM link"), "owui:t1:1 gen-9 2\n");
		assert_string_equal(
		    fx_text(&f,
			"SELECT CONCAT(generation_id,' ',requests,' ',link_kind,' ',cost) FROM generation ORDER BY 1"),
		    "gen-9 1 2 0.250000000000000000\nowui:t1:1 0 2 0.000000000000000000\n");
		send(first == 0 ? turn : span);
		totals_are("1 requests, 0.250000000000000000 unsettled 0");
		fx_close(&f);
	}
	(void)state;
}

static void
test_two_equal_questions_stay_two(void **state)
{
	(void)state;
	set_up();
	send(rec(NULL, "t1:1", "u9", "0.25", NOW));
	send(rec(NULL, "t2:1", "u9", "0.25", NOW + 20 * OM_SECOND));
	send(rec("gen-1", NULL, "u9", "0.25", NOW));
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	send(rec("gen-2", NULL, "u9", "0.25", NOW + 20 * OM_SECOND));
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	assert_string_equal(fx_text(&f, "SELECT CONCAT(ledger_key,' ',target) FROM link ORDER BY 1"),
	    "owui:t1:1 gen-1\nowui:t2:1 gen-2\n");
	send(rec("gen-3", NULL, "u9", "0.25", NOW + 40 * OM_SECOND));
	totals_are("3 requests, 0.750000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_what_is_not_one_call_is_not_paired(void **state)
{
	Om__Record *other_model, *other_tokens, *late, *model;

	(void)state;
	set_up();
	model = rec(NULL, "t1:1", "u9", "0.25", NOW);
	model->model = om_arena_strdup(&f.a, "anthropic/claude-haiku-4.5");
	other_model = rec("gen-1", NULL, "u9", "0.25", NOW);
	other_model->model = om_arena_strdup(&f.a, "openai/gpt-4o");
	other_tokens = rec("gen-2", NULL, "u9", "0.25", NOW);
	other_tokens->prompt_tokens = 26;
	late = rec("gen-3", NULL, "u9", "0.25", NOW + 16 * 60 * OM_SECOND);
	send(model);
	send(other_model);
	send(other_tokens);
	send(late);
	send(rec("gen-4", NULL, "u8", "0.25", NOW)); /* of another user */
	totals_are("5 requests, 1.250000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_a_generation_that_nobody_named_gets_the_turns_user(void **state)
{
	(void)state;
	set_up();
	send(rec("gen-1", NULL, OM_USER_UNKNOWN, "0.25", NOW));
	send(rec(NULL, "t1", "u9", "0.25", NOW + OM_SECOND));
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	assert_string_equal(fx_text(&f, "SELECT user_id FROM generation WHERE generation_id='gen-1'"), "u9\n");
	fx_close(&f);
}

static Om__Record *
look_up(const char *id, const char *cost, om_time at)
{
	Om__Record *r = rec(id, NULL, OM_USER_UNKNOWN, cost, at);

	r->source = om_arena_strdup(&f.a, CD_LOOK_UP);
	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	r->has_started_us = false;
	r->prompt_tokens = 31; /* native ones */
	return r;
}

static void
settle(Om__Record *r)
{
	om_err e = {.text = ""};

	assert_int_equal(cd_ledger_settle(&f.ledger, r, FX_DEADLINE, &f.a, &e), OM_OK);
}

static void
test_a_look_up_does_not_break_a_match(void **state)
{
	(void)state;
	for (int when = 0; when < 3; when++) {
		set_up();
		if (when == 1)
			send(rec(NULL, "t1:1", "u9", "0.25", NOW));
		send(rec("gen-1", NULL, "u9", NULL, NOW));
		if (when == 2)
			send(rec(NULL, "t1:1", "u9", "0.25", NOW));
		settle(look_up("gen-1", "0.24", NOW));
		if (when == 0)
			send(rec(NULL, "t1:1", "u9", "0.25", NOW));
		totals_are("1 requests, 0.240000000000000000 unsettled 0");
		fx_close(&f);
	}
}

static void
test_a_sum_counts_what_its_generations_leave_over(void **state)
{
	(void)state;
	set_up();
	send(rec(NULL, "t1:1", "u9", "0.75", NOW + 10 * OM_SECOND));
	send(rec("gen-1", "t1", "u9", "0.25", NOW));
	totals_are("1 requests, 0.750000000000000000 unsettled 0");
	send(rec("gen-2", "t1", "u9", "0.3", NOW + OM_SECOND));
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	assert_string_equal(
	    fx_text(&f, "SELECT CONCAT(requests,' ',cost) FROM generation WHERE generation_id='owui:t1:1'"),
	    "0 0.200000000000000000\n");
	send(rec("gen-3", "t1", "u9", NULL, NOW + 2 * OM_SECOND)); /* its cost is not known yet */
	totals_are("3 requests, 0.750000000000000000 unsettled 1");
	settle(look_up("gen-3", "0.5", NOW));
	totals_are("3 requests, 1.050000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_a_tag_ties_rows_of_the_same_user_only(void **state)
{
	(void)state;
	set_up();
	send(rec(NULL, "t1:1", "u9", "0.75", NOW));
	send(rec("gen-1", "t1", "u8", "0.25", NOW));
	totals_are("2 requests, 1.000000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_the_older_filter_beside_the_plugin(void **state)
{
	Om__Record *older, *plugin, *answer;

	(void)state;
	set_up();
	older = rec(NULL, "message-1", "u9", "0.5", NOW);
	plugin = rec("gen-1", "turn-1", "u9", "0.5", NOW - 30 * OM_SECOND);
	plugin->message_id = om_arena_strdup(&f.a, "message-1");
	plugin->prompt_tokens = 20; /* the older filter counts otherwise */
	send(older);
	send(plugin);
	totals_are("1 requests, 0.500000000000000000 unsettled 0");
	answer =
	    rec(NULL, "turn-2:1", "u9", "0.125", NOW); /* an answer that was not streamed: two records without an id */
	answer->message_id = om_arena_strdup(&f.a, "message-2");
	older = rec(NULL, "message-2", "u9", "0.125", NOW);
	send(answer);
	send(older);
	totals_are("2 requests, 0.625000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_an_id_without_usage_counts_nothing_beside_one_with(void **state)
{
	Om__Record *phantom, *real, *real_too, *turn;

	(void)state;
	set_up();
	phantom = rec("gen-1", "t1", "u9", NULL, NOW);
	phantom->has_prompt_tokens = phantom->has_completion_tokens = false;
	real = rec("gen-2", "t1", "u9", "0.25", NOW + OM_SECOND);
	real_too = rec("gen-3", "t1", "u9", "0.5", NOW + 2 * OM_SECOND);
	turn = rec(NULL, "t1:1", "u9", "0.25", NOW + 3 * OM_SECOND);
	phantom->has_request = real->has_request = real_too->has_request = turn->has_request = true;
	phantom->request = real->request = real_too->request = turn->request = 1;
	send(phantom);
	totals_are("1 requests, 0.000000000000000000 unsettled 1");
	send(real);
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	send(turn);
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	send(real_too);
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_a_turn_whose_cost_fills_a_gap(void **state)
{
	Om__Record *cut;

	(void)state;
	set_up();
	cut = rec("gen-1", NULL, "u9", NULL, NOW);
	cut->state = OM__STATE__STATE_OPEN;
	cut->has_prompt_tokens = cut->has_completion_tokens = false;
	send(cut);
	totals_are("1 requests, 0.000000000000000000 unsettled 1");
	send(rec(NULL, "t1", "u9", "0.25", NOW));
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_an_operator_undoes_a_pair(void **state)
{
	Om__UnpairQuery q = OM__UNPAIR_QUERY__INIT;
	Om__UnpairReply out = OM__UNPAIR_REPLY__INIT;
	char id[] = "gen-9", nobody[] = "gen-0", turn[] = "owui:t1:1";
	om_err e = {.text = ""};

	(void)state;
	set_up();
	send(rec(NULL, "t1:1", "u9", "0.25", NOW));
	send(rec("gen-9", NULL, "u9", "0.25", NOW));
	totals_are("1 requests, 0.250000000000000000 unsettled 0");
	q.generation_id = nobody;
	assert_int_equal(cd_ledger_unpair(&f.ledger, &q, FX_DEADLINE, &f.a, &out, &e), OM_NOT_FOUND);
	q.generation_id = id;
	assert_int_equal(cd_ledger_unpair(&f.ledger, &q, FX_DEADLINE, &f.a, &out, &e), OM_OK);
	assert_int_equal(out.n_unpaired, 1);
	assert_string_equal(out.unpaired[0], turn);
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	assert_int_equal(cd_ledger_unpair(&f.ledger, &q, FX_DEADLINE, &f.a, &out, &e), OM_CONFLICT);
	send(rec("gen-9", NULL, "u9", "0.25", NOW)); /* and it stays so */
	send(rec(NULL, "t1:1", "u9", "0.25", NOW));
	totals_are("2 requests, 0.500000000000000000 unsettled 0");
	fx_close(&f);
}

static void
test_the_earliest_receipt_counts(void **state)
{
	for (int first = 0; first < 2; first++) {
		Om__Record *copies[2];

		set_up();
		for (int i = 0; i < 2; i++) {
			copies[i] = rec("gen-1", NULL, "u9", "0.25", NOW);
			copies[i]->record_id.data[0] = 7;
			memset(copies[i]->record_id.data + 1, 0, 15);
			copies[i]->has_content = true;
			copies[i]->content = (ProtobufCBinaryData){.len = 32, .data = om_arena_alloc(&f.a, 32)};
			copies[i]->started_us = NOW + OM_DAY; /* it cannot be */
			copies[i]->finished_us = NOW + 400 * OM_SECOND;
			copies[i]->received_us = NOW + (i == 0 ? 0 : 200 * OM_SECOND);
		}
		send(copies[first]);
		send(copies[1 - first]);
		assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM record"), 1);
		assert_int_equal(fx_int(&f, "SELECT started_us FROM generation"), NOW);
		assert_int_equal(fx_int(&f, "SELECT finished_us FROM generation"), NOW);
		holds();
		fx_close(&f);
	}
	(void)state;
}

static void
test_rows_of_before_are_paired_at_the_upgrade(void **state)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	(void)state;
	set_up();
	send(rec(NULL, "t1:1", "u9", "0.25", NOW));
	send(rec("gen-9", NULL, "u9", "0.25", NOW));
	send(rec(NULL, "t2:1", "u9", "0.5", NOW + OM_DAY));
	fx_run(&f, "UPDATE generation SET requests=1,link_kind=0");
	fx_run(&f,
	    "UPDATE generation SET cost=0.25,prompt_tokens=25,completion_tokens=7,ranks=(SELECT ranks FROM (SELECT "
	    "ranks "
	    "FROM generation WHERE generation_id='owui:t2:1') AS t) WHERE generation_id='owui:t1:1'");
	fx_run(&f, "UPDATE meta SET value='0' WHERE name='pairing'");
	fx_run(&f, "DELETE FROM link");
	fx_run(&f, "DELETE FROM turn");
	fx_run(&f, "DELETE FROM usage_sum");
	fx_run(&f, "DELETE FROM usage_day");
	assert_int_equal(cd_db_open(&f.opts, &db, &e), OM_OK);
	assert_int_equal(cd_audit_rebuild(db, &(int64_t){0}, &e), OM_OK);
	assert_int_equal(cd_db_commit(db, &e), OM_OK);
	assert_string_equal(fx_text(&f, TOTAL), "3 requests, 1.000000000000000000 unsettled 0\n");
	assert_int_equal(cd_pairing_upgrade(db, &e), OM_OK);
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	assert_int_equal(fx_int(&f, "SELECT upgrade FROM link"), 1);
	assert_int_equal(cd_pairing_upgrade(db, &e), OM_OK);
	totals_are("2 requests, 0.750000000000000000 unsettled 0");
	cd_db_close(&db);
	fx_close(&f);
}

/* ---- any history ---- */

#define MOST 64u

static uint64_t
pick(uint64_t *seed, uint64_t n)
{
	return fx_random(seed) % n;
}

static const char *
any_user(uint64_t *seed)
{
	static const char *const users[] = {"u1", "u1", "u2", OM_USER_UNKNOWN};

	return users[pick(seed, 4)];
}

static void
any_usage(Om__Record *r, uint64_t *seed)
{
	static const char *const models[] = {"m", "a/one", "a/two", NULL};
	const char *model = models[pick(seed, 4)];

	r->model = model != NULL ? om_arena_strdup(&f.a, model) : NULL;
	r->prompt_tokens = 10 + (int64_t)pick(seed, 2);
	r->completion_tokens = 5;
	if (pick(seed, 4) == 0)
		r->has_prompt_tokens = r->has_completion_tokens = false;
	if (pick(seed, 5) == 0)
		r->cost = NULL;
	r->has_cost_state = r->cost != NULL;
	if (pick(seed, 6) == 0)
		r->state = OM__STATE__STATE_OPEN;
	if (pick(seed, 3) == 0)
		r->has_request = true;
	r->request = 1 + (uint32_t)pick(seed, 2);
	if (pick(seed, 3) == 0)
		r->message_id = om_arena_printf(&f.a, "msg%u", (unsigned)pick(seed, 3));
}

static Om__Record *
any_record(uint64_t *seed)
{
	om_time at = NOW + (om_time)pick(seed, 8) * 400 * OM_SECOND;
	char *cost = om_arena_printf(&f.a, "0.%u", 1u + (unsigned)pick(seed, 3));
	char *id = om_arena_printf(&f.a, "gen-%u", (unsigned)pick(seed, 6)), *turn;
	Om__Record *r;

	turn = pick(seed, 4) == 0
	    ? om_arena_printf(&f.a, "msg%u", (unsigned)pick(seed, 3))
	    : om_arena_printf(&f.a, pick(seed, 2) == 0 ? "t%u:1" : "t%u", (unsigned)pick(seed, 4));
	switch (pick(seed, 5)) {
	case 0:
	case 1:
		r = rec(NULL, turn, any_user(seed), cost, at);
		break;
	case 2:
		r = rec(id, cd_turn_of((struct cd_text){turn, strlen(turn)}).n == strlen(turn) ? turn : NULL,
		    any_user(seed), cost, at);
		break;
	case 3:
		r = rec(id, NULL, any_user(seed), cost, at);
		r->source = om_arena_strdup(&f.a, OM_SOURCE_OTLP);
		break;
	default:
		r = look_up(id, cost, at);
		if (pick(seed, 4) == 0)
			r->user->id = om_arena_strdup(&f.a, "u2");
		return r;
	}
	any_usage(r, seed);
	return r;
}

static void
empty(void)
{
	static const char *const tables[] = {"record", "generation", "turn", "link", "usage_day", "usage_sum", "`user`",
	    "lookup", "batch", "discrepancy", "dead_letter"};

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		fx_run(&f, om_arena_printf(&f.a, "DELETE FROM %s", tables[i]));
}

/* make_odd gives a record what senders get wrong; the record and its key stay. */
static void
make_odd(Om__Record *r, uint64_t *seed)
{
	char longest[300];

	r->has_content = pick(seed, 2) == 0;
	r->content = (ProtobufCBinaryData){.len = 32, .data = om_arena_alloc(&f.a, 32)};
	for (unsigned i = 0; i < 32; i++)
		r->content.data[i] = (unsigned char)fx_random(seed);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	switch (pick(seed, 8)) {
	case 0:
		r->prompt_tokens = -35;
		break;
	case 1:
		r->provider = om_arena_strdup(&f.a, longest);
		break;
	case 2:
		r->user->name = om_arena_strdup(&f.a,
		    "A\xc2\x85"
		    "da");
		break;
	case 3:
		if (r->cost != NULL)
			r->cost = om_arena_strdup(&f.a, "-1");
		break;
	case 4:
		r->started_us = 0;
		break;
	case 5:
		r->finished_us = r->started_us + OM_DAY;
		break;
	case 6:
		r->has_started_us = r->has_finished_us = false;
		break;
	default:
		break;
	}
}

/* A record as one gateway received it: its copies have other receipts. */
struct copy {
	Om__Record *r;
	om_time received_us;
};

/* play sends the copies in an order, some of them twice, in batches cut anywhere. */
static char *
play(const struct copy *copies, size_t n, uint64_t *seed, bool check_each)
{
	struct copy order[2 * MOST];
	size_t total = 0;
	Om__SubmitReply out;

	for (size_t i = 0; i < n; i++) {
		order[total++] = copies[i];
		if (pick(seed, 4) == 0)
			order[total++] = copies[i];
	}
	for (size_t i = total; i > 1; i--) {
		size_t k = pick(seed, i);
		struct copy t = order[i - 1];

		order[i - 1] = order[k];
		order[k] = t;
	}
	f.ledger.books = true; /* look-ups are delivered like all others here */
	for (size_t at = 0; at < total;) {
		Om__Record *batch[6];
		size_t size = 0, most = 1 + pick(seed, 6);

		while (size < most && at < total) {
			batch[size] = om_msg_new(&f.a, &om__record__descriptor);
			assert_non_null(batch[size]);
			*batch[size] = *order[at].r;
			batch[size++]->received_us = order[at++].received_us;
		}
		assert_int_equal(fx_submit(&f, batch, size, next_seq, &out), OM_OK);
		assert_int_equal(out.refused_records, 0);
		next_seq += size;
		if (check_each)
			holds();
	}
	holds();
	return om_arena_printf(&f.a, "%s\n%s", fx_text(&f, ALL), fx_text(&f, LINKS));
}

static void
test_any_history_gives_one_ledger(void **state)
{
	const char *text = getenv("METERING_TEST_ROUNDS");
	unsigned rounds = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 12;
	uint64_t seed = fx_seed();

	(void)state;
	set_up();
	for (unsigned round = 0; round < rounds; round++) {
		struct copy copies[MOST];
		size_t n_records = 4 + pick(&seed, 24), n = 0;
		char *first = NULL;

		for (size_t i = 0; i < n_records; i++) {
			Om__Record *r = any_record(&seed);

			if (pick(&seed, 3) == 0)
				make_odd(r, &seed);
			for (uint64_t k = pick(&seed, 2) + 1; k > 0; k--)
				copies[n++] =
				    (struct copy){r, r->received_us + (om_time)pick(&seed, 3) * 200 * OM_SECOND};
		}
		for (unsigned k = 0; k < 4; k++) {
			char *now;

			empty();
			now = play(copies, n, &seed, k == 0);
			if (first == NULL)
				first = now;
			if (strcmp(first, now) != 0)
				fail_msg("round %u, order %u\n--- first\n%s\n--- now\n%s", round, k, first, now);
		}
	}
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_turns_record_and_its_generation_are_one_request),
	    cmocka_unit_test(test_two_equal_questions_stay_two),
	    cmocka_unit_test(test_what_is_not_one_call_is_not_paired),
	    cmocka_unit_test(test_a_generation_that_nobody_named_gets_the_turns_user),
	    cmocka_unit_test(test_a_look_up_does_not_break_a_match),
	    cmocka_unit_test(test_a_sum_counts_what_its_generations_leave_over),
	    cmocka_unit_test(test_a_tag_ties_rows_of_the_same_user_only),
	    cmocka_unit_test(test_the_older_filter_beside_the_plugin),
	    cmocka_unit_test(test_an_id_without_usage_counts_nothing_beside_one_with),
	    cmocka_unit_test(test_a_turn_whose_cost_fills_a_gap),
	    cmocka_unit_test(test_an_operator_undoes_a_pair),
	    cmocka_unit_test(test_the_earliest_receipt_counts),
	    cmocka_unit_test(test_rows_of_before_are_paired_at_the_upgrade),
	    cmocka_unit_test(test_any_history_gives_one_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
