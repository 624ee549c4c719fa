/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is looked up and what is not settled, against a real database: keys of
 * one's own, other platforms, users whom the provider names, replies about
 * another id. */
#include "lookup_fixture.h"

#include "record.pb-c.h"
#include "settle.pb-c.h"
#include "usage.pb-c.h"

#include <string.h>

/* A row that was settled is planned when it turns out to be on a key of one's own. */
static void
test_a_later_word_makes_a_settled_row_wait_again(void **state)
{
	Om__Record *r;
	struct fx f;

	(void)state;
	fx_open(&f);
	f.ledger->times.verify = CD_VERIFY_ALL;
	fx_submit_one(&f, fx_record(&f.a, 1, "gen-1", "u-1", "0.01"));
	assert_int_equal(fx_int(&f, "SELECT verify FROM lookup"), 1);
	r = fx_byok(fx_record(&f.a, 2, "gen-1", "u-1", "0.01"), NULL, &f.a);
	fx_submit_one(&f, r);
	assert_int_equal(fx_int(&f, "SELECT verify FROM lookup"), 0); /* no more for comparison alone */
	assert_true(!fx_claim(&f, "gen-1").verify && !fx_claim(&f, "gen-1").settled);
	f.ledger->times.verify = 0;
	fx_submit_one(&f, fx_record(&f.a, 3, "gen-2", "u-1", "0.01"));
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE generation_id='gen-2'"), 0);
	fx_submit_one(&f, fx_byok(fx_record(&f.a, 4, "gen-2", "u-1", "0.01"), NULL, &f.a));
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE generation_id='gen-2'"), 1);
	fx_no_differences(&f);
	fx_close(&f);
}

static Om__Record *
zero(struct fx *f, uint64_t id, const char *generation, const char *model)
{
	Om__Record *r = fx_record(&f->a, id, generation, "u-1", "0");

	r->model = om_arena_strdup(&f->a, model);
	r->has_prompt_tokens = r->has_completion_tokens = true;
	r->prompt_tokens = 10;
	r->completion_tokens = 5;
	return r;
}

/* A final zero is asked for, unless something says why the answer cost nothing. */
static void
test_a_final_zero_is_asked_for(void **state)
{
	static const char list[] =
	    "{\"data\":[{\"id\":\"a/priced\",\"pricing\":{\"prompt\":\"0.000001\",\"completion\":\"0\"}},"
	    "{\"id\":\"a/given\",\"pricing\":{\"prompt\":\"0\",\"completion\":\"0\"}}]}";
	Om__Record *r;
	struct fx f;

	(void)state;
	fx_open(&f);
	(void)fx_store_prices(&f, list, FX_START - OM_SECOND);
	fx_submit_one(&f, zero(&f, 1, "gen-priced", "a/priced"));
	fx_submit_one(&f, zero(&f, 2, "gen-unlisted", "a/unlisted"));
	fx_submit_one(&f, zero(&f, 3, "gen-given", "a/given"));
	fx_submit_one(&f, zero(&f, 4, "gen-variant", "a/priced:free"));
	fx_submit_one(&f, zero(&f, 5, "gen-router", "openrouter/free"));
	r = zero(&f, 6, "gen-cached", "a/priced");
	r->prompt_tokens = r->completion_tokens = 0;
	fx_submit_one(&f, r);
	fx_submit_one(&f, fx_byok(zero(&f, 7, "gen-byok", "a/priced"), "0.5", &f.a));
	r = zero(&f, 8, "gen-stopped", "a/priced");
	r->state = OM__STATE__STATE_CANCELLED;
	fx_submit_one(&f, r);
	assert_string_equal(
	    fx_text(&f, "SELECT generation_id FROM lookup WHERE verify=1 ORDER BY 1"), "gen-priced\ngen-unlisted\n");
	fx_close(&f);
}

/* Which costs are compared follows from the key and the secret: about so many as asked for, and
 * others with another secret. */
static void
test_the_sample_follows_a_secret(void **state)
{
	char *first;
	struct fx f;

	(void)state;
	fx_open(&f);
	f.ledger->times.verify = CD_VERIFY_ALL / 2;
	for (uint64_t i = 0; i < 64; i++)
		fx_submit_one(
		    &f, fx_record(&f.a, i + 1, om_arena_printf(&f.a, "gen-%02u", (unsigned)i), "u-1", "0.01"));
	assert_in_range(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE verify=1"), 12, 52);
	first = fx_text(&f, "SELECT generation_id FROM lookup ORDER BY 1");
	fx_run(&f, "DELETE FROM lookup");
	f.ledger->times.secret[0]++;
	for (uint64_t i = 0; i < 64; i++) /* rows are planned when they become what is compared */
		fx_submit_one(
		    &f, fx_record(&f.a, 100 + i, om_arena_printf(&f.a, "gen-%02u-b", (unsigned)i), "u-1", "0.01"));
	assert_in_range(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 12, 52);
	assert_string_not_equal(first, fx_text(&f, "SELECT LEFT(generation_id,6) FROM lookup ORDER BY 1"));
	fx_close(&f);
}

/* A row that comes into dispute is asked for at once, whatever was asked before, and no more once the
 * provider or an operator has spoken. */
static void
test_a_dispute_is_asked_for_at_once(void **state)
{
	Om__DecisionQuery q = OM__DECISION_QUERY__INIT;
	Om__DecisionReply out = OM__DECISION_REPLY__INIT;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	f.ledger->times.verify = CD_VERIFY_ALL;
	f.ledger->times.delay_us = OM_DAY;
	for (uint64_t i = 0; i < 2; i++)
		fx_submit_one(&f, fx_record(&f.a, 1 + i, om_arena_printf(&f.a, "gen-%u", (unsigned)i), "u-1", "0.01"));
	fx_run(&f, "UPDATE lookup SET attempts=9,next_us=NULL,first_us=1 WHERE generation_id='gen-0'");
	f.ledger->times.verify = 0;
	for (uint64_t i = 0; i < 2; i++)
		fx_submit_one(&f, fx_record(&f.a, 3 + i, om_arena_printf(&f.a, "gen-%u", (unsigned)i), "u-1", "0.02"));
	assert_int_equal(
	    fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE verify=2 AND attempts=0 AND next_us=first_us"), 2);
	fx_settle(&f, fx_look_up(&f, 5, "gen-0", "unknown", "0.01"));
	q.generation_id = om_arena_strdup(&f.a, "gen-1");
	q.cost = om_arena_strdup(&f.a, "0.02");
	q.reason = om_arena_strdup(&f.a, "as billed");
	fx_ok(cd_ledger_decide(f.ledger, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 0);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM generation WHERE disputed<>0 OR disputed_cost<>0"), 0);
	assert_string_equal(
	    fx_text(&f, "SELECT CAST(SUM(disputed_cost) AS CHAR) FROM usage_day"), "0.000000000000000000\n");
	fx_no_differences(&f);
	fx_close(&f);
}

/* Only costd says what it looked up, and only an operator decides: not a gateway's batch. */
static void
test_a_batch_holds_no_word_of_costds_own(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[3];
	struct fx f;

	(void)state;
	fx_open(&f);
	for (uint64_t i = 0; i < 3; i++)
		r[i] = fx_record(&f.a, i + 1, "gen-1", "u-1", "0.01");
	r[0]->has_decision = true;
	r[0]->decision = 1;
	r[1]->has_not_found = r[1]->not_found = true;
	r[2]->has_alone = r[2]->alone = true;
	assert_int_equal(fx_submit(&f, r, 3, 1, &out), OM_OK);
	assert_int_equal(out.refused_records, 3);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM generation"), 0);
	fx_close(&f);
}

/* The user whom the provider names is the row's when no other record names one, in
 * either order of arrival, and is listed; the user that a sender names goes first. */
static void
test_a_look_up_names_the_user_of_a_row_that_nobody_named(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		Om__Record *r[4];
		struct fx f;

		fx_open(&f);
		r[0] = fx_record(&f.a, 1, "gen-1", "unknown", NULL);
		r[1] = fx_look_up(&f, 2, "gen-1", "u-told", "0.1");
		r[1]->chat_id = om_arena_strdup(&f.a, "c-1");
		r[2] = fx_record(&f.a, 3, "gen-2", "u-seen", NULL);
		r[3] = fx_look_up(&f, 4, "gen-2", "u-other", "0.1");
		for (unsigned i = 0; i < 4; i += 2) {
			if (order == 0)
				fx_submit_one(&f, r[i]);
			fx_settle(&f, r[i + 1]);
			if (order == 1)
				fx_submit_one(&f, r[i]);
		}
		fx_settle(&f, fx_look_up(&f, 5, "gen-2", "unknown", "0.1"));
		assert_string_equal(
		    fx_text(
			&f, "SELECT CONCAT_WS(' ',generation_id,user_id,chat_id) FROM as_text_generation ORDER BY 1"),
		    "gen-1 u-told c-1\ngen-2 u-seen\n");
		assert_int_equal(
		    fx_int(&f, "SELECT COUNT(*) FROM as_text_user WHERE id='u-told' AND first_seen_us>0"), 1);
		assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM as_text_user WHERE id='u-seen'"), 1);
		if (order == 0) /* no user has a row yet */
			assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM as_text_user WHERE id='u-other'"), 0);
		fx_no_differences(&f);
		fx_close(&f);
	}
}

struct about {
	const char *id, *model, *user;
	om_time at;
	const char *why; /* NULL: believed */
};

static void
test_a_reply_about_another_id_is_compared_with_the_row(void **state)
{
	static const struct about cases[] = {
	    {"gen-b", "anthropic/claude-x", "u-1", FX_START, NULL},
	    {"gen-b", NULL, "unknown", FX_START + 3500 * OM_SECOND, NULL},
	    {"gen-b", "anthropic/claude-x:free", "u-1", FX_START, NULL},
	    {"gen-b", "anthropic/claude-2-x", "u-1", FX_START, NULL}, /* the books' name of the same */
	    {"gen-b", "anthropic/claude-y", "u-1", FX_START, "whose model is another"},
	    {"gen-b", "anthropic/claude-x", "u-2", FX_START, "whose user is another"},
	    {"gen-b", "anthropic/claude-x", "u-1", FX_START - 3601 * OM_SECOND, "whose time is another"},
	    {"gen-b", "anthropic/claude-x", "u-1", FX_START + 3604 * OM_SECOND, "whose time is another"},
	    {"gen-c", "anthropic/claude-x", "u-1", FX_START, "which the ledger has as a call of its own"},
	};
	struct cd_lookup_claim c;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_run(&f, "INSERT INTO model_name VALUES ('anthropic/claude-2-x','anthropic/claude-x',1)");
	fx_submit_one(&f, fx_record(&f.a, 1, "gen-a", "u-1", NULL));
	fx_submit_one(&f, fx_record(&f.a, 2, "gen-c", "u-1", "0.1"));
	c = fx_claim(&f, "gen-a");
	fx_ok(cd_db_open(&f.opts, &db, &e), &e);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		Om__Record *r = fx_look_up(&f, 9, "gen-a", cases[i].user, "0.1");
		const char *why = NULL;

		r->other_id = om_arena_strdup(&f.a, cases[i].id);
		r->model = cases[i].model != NULL ? om_arena_strdup(&f.a, cases[i].model) : NULL;
		r->finished_us = cases[i].at;
		fx_ok(cd_lookup_compare(db, &c, r, &f.a, &why, &e), &e);
		if ((why == NULL) != (cases[i].why == NULL) || (why != NULL && strcmp(why, cases[i].why) != 0))
			fail_msg("%zu: %s", i, why != NULL ? why : "(believed)");
	}
	cd_db_close(&db);
	fx_close(&f);
}

/* ---- turns ---- */

#define FLOOD 20000u

/* add_lookups adds rows and plans as a sender of that lane would: n invented ids, a
 * microsecond after each other. */
static void
add_flood(struct fx *f, unsigned lane, unsigned n, om_time from)
{
	fx_run(f,
	    om_arena_printf(&f->a,
		"INSERT INTO lookup (generation_id,first_us,attempts,next_us,verify,lane) SELECT CONCAT('gen-%u-',seq),"
		"%lld+seq,0,%lld+seq,0,%u FROM seq_1_to_%u",
		lane, (long long)from, (long long)from, lane, n));
}

/* turns_until claims, as one process does, and postpones each row by an hour, as one that the
 * provider does not know; it gives the number of claims until that of the id. */
static unsigned
turns_until(struct fx *f, const char *id, uint64_t *turn, unsigned most)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	unsigned n = 0;
	bool is;

	fx_ok(cd_db_open(&f->opts, &db, &e), &e);
	do {
		struct cd_lookup_claim c;

		fx_ok(cd_db_begin(db, &e), &e);
		fx_ok(cd_lookup_claim(db, (*turn)++, FX_START, OM_SECOND, &c, &f->a, &e), &e);
		assert_true(c.found);
		is = strcmp(c.id, id) == 0;
		fx_ok(cd_lookup_postpone(
			  db, &c, c.attempts + 1, FX_START + (is ? 0 : 3600 * OM_SECOND), 404, "not yet", &e),
		    &e);
		fx_ok(cd_db_commit(db, &e), &e);
	} while (++n < most && !is);
	cd_db_close(&db);
	return n;
}

static void
test_invented_ids_do_not_delay_a_true_one(void **state)
{
	uint64_t turn = 0;
	struct fx f;

	(void)state;
	fx_open(&f);
	add_flood(&f, 3, FLOOD, FX_START - 3600 * OM_SECOND);
	/* of the same sender, just made; and each later attempt for it */
	fx_run(&f,
	    "INSERT INTO lookup (generation_id,first_us,attempts,next_us,verify,lane) SELECT "
	    "'gen-true',MAX(next_us)+1,0,MAX(next_us)+1,0,3 FROM lookup");
	for (unsigned attempt = 0; attempt < 6; attempt++) {
		assert_in_range(turns_until(&f, "gen-true", &turn, FLOOD), 1, 4 * 2 * CD_LANES);
		assert_int_equal(fx_int(&f, "SELECT attempts FROM lookup WHERE generation_id='gen-true'"), attempt + 1);
	}
	/* of another sender, made before the flood's last */
	fx_run(&f,
	    om_arena_printf(&f.a,
		"INSERT INTO lookup (generation_id,first_us,attempts,next_us,verify,lane) "
		"VALUES ('gen-other',1,0,%lld,0,4)",
		(long long)FX_START));
	assert_in_range(turns_until(&f, "gen-other", &turn, FLOOD), 1, 2 * 2 * CD_LANES);
	/* of the same sender, the one that waits longest */
	fx_run(&f,
	    "INSERT INTO lookup (generation_id,first_us,attempts,next_us,verify,lane) VALUES ('gen-old',1,0,1,0,3)");
	assert_in_range(turns_until(&f, "gen-old", &turn, FLOOD), 1, 2);
	fx_close(&f);
}

/* Every row that is due gets its turn, whatever its lane and however often it was asked for. */
static void
test_every_row_gets_its_turn(void **state)
{
	uint64_t turn = 0;
	struct fx f;

	(void)state;
	fx_open(&f);
	for (unsigned lane = 0; lane < CD_LANES; lane += 5)
		add_flood(&f, lane, 50, FX_START - 3600 * OM_SECOND);
	fx_run(&f, "UPDATE lookup SET attempts=MOD(next_us,7)");
	(void)turns_until(&f, "none of them", &turn, 200);
	assert_int_equal(
	    fx_int(&f, om_arena_printf(&f.a, "SELECT COUNT(*) FROM lookup WHERE next_us<=%lld", (long long)FX_START)),
	    0);
	fx_close(&f);
}

static void
test_the_next_turn_is_found_by_the_index_alone(void **state)
{
	struct fx f;
	char *plan;

	(void)state;
	fx_open(&f);
	add_flood(&f, 3, FLOOD, FX_START);
	fx_run(&f, "ANALYZE TABLE lookup");
	plan = fx_text(&f,
	    "EXPLAIN FORMAT=JSON SELECT lane,attempts,MIN(next_us) FROM lookup FORCE INDEX FOR GROUP BY "
	    "(by_turn) GROUP BY lane,attempts");
	if (strstr(plan, "using_index_for_group_by") == NULL)
		fail_msg("%s", plan);
	plan = fx_text(&f,
	    "EXPLAIN FORMAT=JSON SELECT generation_id FROM lookup FORCE INDEX (by_age) WHERE lane=3 AND "
	    "attempts=0 AND next_us<=9999999999999999 ORDER BY first_us DESC LIMIT 1");
	if (strstr(plan, "by_age") == NULL || strstr(plan, "filesort") != NULL)
		fail_msg("%s", plan);
	plan = fx_text(&f,
	    "EXPLAIN FORMAT=JSON SELECT generation_id FROM lookup FORCE INDEX (by_turn) WHERE lane=3 AND "
	    "attempts=0 AND next_us<=9999999999999999 ORDER BY next_us LIMIT 1 FOR UPDATE SKIP LOCKED");
	if (strstr(plan, "by_turn") == NULL || strstr(plan, "filesort") != NULL)
		fail_msg("%s", plan);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_later_word_makes_a_settled_row_wait_again),
	    cmocka_unit_test(test_a_final_zero_is_asked_for),
	    cmocka_unit_test(test_a_dispute_is_asked_for_at_once),
	    cmocka_unit_test(test_a_batch_holds_no_word_of_costds_own),
	    cmocka_unit_test(test_the_sample_follows_a_secret),
	    cmocka_unit_test(test_a_look_up_names_the_user_of_a_row_that_nobody_named),
	    cmocka_unit_test(test_a_reply_about_another_id_is_compared_with_the_row),
	    cmocka_unit_test(test_invented_ids_do_not_delay_a_true_one),
	    cmocka_unit_test(test_every_row_gets_its_turn),
	    cmocka_unit_test(test_the_next_turn_is_found_by_the_index_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
