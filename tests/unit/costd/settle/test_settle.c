/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Settlement against a real database: price history, estimates, discrepancies,
 * the plans of look-ups. */
#include "lookup_fixture.h"

#include "price/history.h"
#include "settle/sweep.h"
#include "record.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char model[] = "anthropic/claude-x";
static const char list_1[] = "{\"data\":[{\"id\":\"anthropic/claude-x\",\"pricing\":{\"prompt\":\"0.000001\","
			     "\"completion\":\"0.000005\"}},{\"id\":\"gone/soon\",\"pricing\":{\"prompt\":\"1\"}}]}";
static const char list_2[] = "{\"data\":[{\"id\":\"anthropic/claude-x\",\"pricing\":{\"completion\":\"0.000005\","
			     "\"prompt\":\"0.000002\"}},{\"id\":\"new/one\",\"pricing\":{\"prompt\":\"-1\"}}]}";

static const char *
lines(struct fx *f)
{
	return fx_text(f,
	    "SELECT CONCAT_WS(' ',model,valid_from_us,IFNULL(valid_until_us,'-')) FROM price ORDER BY "
	    "model,valid_from_us");
}

static void
test_history_adds_and_closes_what_changed(void **state)
{
	struct cd_price_change c;
	struct fx f;

	(void)state;
	fx_open(&f);
	c = fx_store_prices(&f, list_1, 1000);
	assert_true(c.added == 2 && c.closed == 0 && c.same == 0);
	c = fx_store_prices(&f, list_1, 2000);
	assert_true(c.added == 0 && c.closed == 0 && c.same == 2);
	c = fx_store_prices(&f, list_2, 3000);
	assert_true(c.added == 2 && c.closed == 2 && c.same == 0 && !c.stale);
	assert_string_equal(lines(&f),
	    "anthropic/claude-x 1000 3000\nanthropic/claude-x 3000 -\ngone/soon 1000 3000\nnew/one 3000 -\n");
	/* an older fetch of a slower process changes nothing any more */
	c = fx_store_prices(&f, list_1, 2500);
	assert_true(c.stale && c.added == 0 && c.closed == 0);
	c = fx_store_prices(&f, list_1, 4000); /* it is back */
	assert_true(c.added == 2 && c.closed == 2);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM price WHERE valid_until_us IS NULL"), 2);
	fx_close(&f);
}

static void
find(struct fx *f, om_time at, const char *wanted)
{
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	const char *pricing = NULL;
	size_t n = 0;

	fx_ok(cd_db_open(&f->opts, &db, &e), &e);
	fx_ok(cd_price_find(db, cd_t(model), at, &f->a, &pricing, &n, &e), &e);
	cd_db_close(&db);
	if (wanted == NULL)
		assert_null(pricing);
	else
		assert_non_null(strstr(pricing, wanted));
}

static void
test_price_in_force_at_an_instant(void **state)
{
	static const char without[] = "{\"data\":[{\"id\":\"gone/soon\",\"pricing\":{\"prompt\":\"1\"}}]}";
	struct fx f;

	(void)state;
	fx_open(&f);
	(void)fx_store_prices(&f, list_1, FX_START);
	(void)fx_store_prices(&f, list_2, FX_START + 10);
	(void)fx_store_prices(&f, without, FX_START + 20);
	(void)fx_store_prices(&f, list_1, FX_START + 30);
	find(&f, FX_START, "\"prompt\":\"0.000001\"");
	find(&f, FX_START + 9, "\"prompt\":\"0.000001\"");
	find(&f, FX_START + 10, "\"prompt\":\"0.000002\"");
	find(&f, FX_START + 20, NULL); /* not listed then */
	find(&f, FX_START + 29, NULL);
	find(&f, FX_START + 30, "\"prompt\":\"0.000001\"");
	/* before the history begins: its first line, for a day */
	find(&f, FX_START - OM_DAY, "\"prompt\":\"0.000001\"");
	find(&f, FX_START - OM_DAY - 1, NULL);
	fx_close(&f);
}

/* pitfalls 17, 18, 20: an estimate is marked, is replaced by whatever is better,
 * and what has no price has none */
static void
test_estimate_stands_until_something_better_comes(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[4];
	struct fx f;

	(void)state;
	fx_open(&f);
	(void)fx_store_prices(&f, list_1, FX_START - OM_SECOND);
	r[0] = fx_record(&f.a, 1, "gen-1", "u-1", NULL);
	r[0]->state = OM__STATE__STATE_OPEN;
	r[1] = fx_record(&f.a, 2, "gen-2", "u-1", NULL);
	r[1]->has_completion_tokens = false; /* cut */
	r[2] = fx_record(&f.a, 3, "gen-3", "u-1", NULL);
	r[2]->model = om_arena_strdup(&f.a, "anthropic/claude-xl"); /* a neighbour's price is no price */
	r[3] = fx_record(&f.a, 4, "gen-4", "u-1", NULL);
	r[3]->has_is_byok = r[3]->is_byok = true; /* billed elsewhere */
	assert_int_equal(fx_submit(&f, r, 4, 1, &out), OM_OK);
	assert_string_equal(
	    fx_text(&f, "SELECT CONCAT_WS(' ',generation_id,cost_state,IFNULL(cost,'-')) FROM generation ORDER BY 1"),
	    "gen-1 1 0.000065000000000000\ngen-2 0 -\ngen-3 0 -\ngen-4 0 -\n");
	assert_string_equal(
	    fx_text(&f, "SELECT CONCAT(SUM(cost),' ',SUM(unsettled)) FROM usage_day"), "0.000065000000000000 4\n");
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 4);
	fx_no_differences(&f);

	/* later records of the same request: no cost, but other tokens */
	r[0] = fx_record(&f.a, 11, "gen-1", "u-1", NULL);
	r[0]->completion_tokens = 9;
	r[1] = fx_record(&f.a, 12, "gen-2", "u-1", NULL);
	assert_int_equal(fx_submit(&f, r, 2, 5, &out), OM_OK);
	assert_string_equal(
	    fx_text(&f, "SELECT CONCAT(SUM(cost),' ',SUM(unsettled)) FROM usage_day"), "0.000140000000000000 4\n");

	/* a reported zero is a cost, and a better one than any estimate */
	r[0] = fx_record(&f.a, 21, "gen-1", "u-1", "0");
	r[0]->completion_tokens = 9;
	assert_int_equal(fx_submit(&f, r, 1, 7, &out), OM_OK);
	assert_string_equal(
	    fx_text(&f, "SELECT CONCAT(cost_state,' ',cost) FROM generation WHERE generation_id='gen-1'"),
	    "2 0.000000000000000000\n");
	assert_string_equal(
	    fx_text(&f, "SELECT CONCAT(SUM(cost),' ',SUM(unsettled)) FROM usage_day"), "0.000065000000000000 3\n");
	/* asked for once more only because the model has a price */
	assert_int_equal(fx_int(&f, "SELECT verify FROM lookup WHERE generation_id='gen-1'"), 1);
	fx_no_differences(&f);
	fx_close(&f);
}

/* The same records in another order: the same row, though other estimates stood
 * in it on the way. */
static void
test_estimate_does_not_depend_on_the_order(void **state)
{
	char *first = NULL;

	(void)state;
	for (unsigned turn = 0; turn < 2; turn++) {
		Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
		Om__Record *r[2];
		struct fx f;
		char *text;

		fx_open(&f);
		(void)fx_store_prices(&f, list_1, FX_START - OM_SECOND);
		for (unsigned i = 0; i < 2; i++)
			r[i] = fx_record(&f.a, 1 + i, "gen-1", "u-1", NULL);
		r[1]->has_cached_tokens = true; /* makes it cheaper */
		r[1]->cached_tokens = 10;
		fx_run(&f, "UPDATE price SET pricing=REPLACE(pricing,'}',',\"input_cache_read\":\"0.0000001\"}')");
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(fx_submit(&f, &r[turn == 0 ? i : 1 - i], 1, 1 + i, &out), OM_OK);
		text = strdup(fx_text(&f, "SELECT CONCAT(cost,' ',HEX(ranks)) FROM generation"));
		if (turn == 0)
			first = text;
		else
			assert_string_equal(first, text);
		fx_no_differences(&f);
		fx_close(&f);
		if (turn == 1)
			free(text);
	}
	free(first);
}

static void
test_sweep_estimates_what_came_before_its_price(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[600];
	om_err e = {.text = ""};
	int64_t n = 0;
	struct fx f;

	(void)state;
	fx_open(&f);
	for (uint64_t i = 0; i < 600; i++) {
		char id[32];

		(void)snprintf(id, sizeof id, "gen-%llu", (unsigned long long)i);
		r[i] = fx_record(&f.a, 1 + i, id, i % 2 == 0 ? "u-1" : "u-2", i % 10 == 0 ? "0.5" : NULL);
		r[i]->started_us += (om_time)(i / 3); /* several at one instant, across pages */
	}
	assert_int_equal(fx_submit(&f, r, 600, 1, &out), OM_OK);
	(void)fx_store_prices(&f, list_1, FX_START);
	fx_ok(cd_sweep_estimates(f.pool, FX_START, FX_DEADLINE, &n, &e), &e);
	assert_int_equal(n, 540);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM generation WHERE cost_state=1 AND cost=0.000065"), 540);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM generation WHERE cost_state=2 AND cost=0.5"), 60);
	fx_ok(cd_sweep_estimates(f.pool, FX_START, FX_DEADLINE, &n, &e), &e);
	assert_int_equal(n, 0);
	fx_no_differences(&f);
	fx_close(&f);
}

/* settle: OpenRouter says this cost, at the record's own time. */
static void
settle(struct fx *f, uint64_t id, const char *generation, const char *cost)
{
	Om__Record *said = fx_look_up(f, id, generation, "u-1", cost);

	said->has_started_us = true;
	fx_settle(f, said);
}

static void
test_costs_that_differ_are_kept_whatever_came_first(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r;
	struct fx f;

	(void)state;
	fx_open(&f);
	r = fx_record(&f.a, 1, "gen-1", "u-1", "0.003");
	assert_int_equal(fx_submit(&f, &r, 1, 1, &out), OM_OK);
	settle(&f, 101, "gen-1", "0.004");
	settle(&f, 102, "gen-2", "0.004");
	r = fx_record(&f.a, 2, "gen-2", "u-1", "0.003");
	assert_int_equal(fx_submit(&f, &r, 1, 2, &out), OM_OK);
	r = fx_record(&f.a, 3, "gen-3", "u-1", "0.0050");
	assert_int_equal(fx_submit(&f, &r, 1, 3, &out), OM_OK);
	settle(&f, 103, "gen-3", "0.005"); /* the same amount */
	r = fx_record(&f.a, 4, "gen-4", "u-1", NULL);
	assert_int_equal(fx_submit(&f, &r, 1, 4, &out), OM_OK);
	settle(&f, 104, "gen-4", "0.005"); /* nothing was reported */
	assert_string_equal(
	    fx_text(&f, "SELECT CONCAT_WS(' ',generation_id,reported,looked_up) FROM discrepancy ORDER BY 1"),
	    "gen-1 0.003000000000000000 0.004000000000000000\ngen-2 0.003000000000000000 0.004000000000000000\n");
	assert_string_equal(fx_text(&f, "SELECT SUM(cost) FROM usage_day"), "0.018000000000000000\n");
	fx_no_differences(&f);
	fx_close(&f);
}

static void
test_reported_costs_are_planned_for_verification_as_asked(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[400];
	int64_t picked;
	struct fx f;

	(void)state;
	fx_open(&f);
	f.ledger->times.verify = CD_VERIFY_ALL / 4;
	for (uint64_t i = 0; i < 400; i++) {
		char id[32];

		(void)snprintf(id, sizeof id, "gen-%llu", (unsigned long long)i);
		r[i] = fx_record(&f.a, 1 + i, id, "u-1", "0.5");
	}
	assert_int_equal(fx_submit(&f, r, 400, 1, &out), OM_OK);
	picked = fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE verify=1");
	assert_true(picked > 60 && picked < 140); /* by a hash of the id: the same every time */
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), picked);

	/* a row that waited for its cost is only verified from then on, or no more */
	f.ledger->times.verify = CD_VERIFY_ALL;
	r[0] = fx_record(&f.a, 1001, "gen-x", "u-1", NULL);
	assert_int_equal(fx_submit(&f, r, 1, 1001, &out), OM_OK);
	assert_int_equal(fx_int(&f, "SELECT verify FROM lookup WHERE generation_id='gen-x'"), 0);
	r[0] = fx_record(&f.a, 1002, "gen-x", "u-1", "0.1");
	assert_int_equal(fx_submit(&f, r, 1, 1002, &out), OM_OK);
	assert_int_equal(fx_int(&f, "SELECT verify FROM lookup WHERE generation_id='gen-x'"), 1);
	settle(&f, 1003, "gen-x", "0.1");
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE generation_id='gen-x'"), 0);
	fx_close(&f);
}

/* Two processes never ask for one row at once, the claim of one that was killed runs
 * out, and
 * a pause that the provider wished holds for all rows. */
static void
test_claims_and_pauses_are_shared(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	struct cd_lookup_claim mine, other;
	struct cd_db *a = NULL, *b = NULL;
	om_err e = {.text = ""};
	om_time paused = 0;
	Om__Record *r;
	struct fx f;
	om_time now;

	(void)state;
	fx_open(&f);
	r = fx_record(&f.a, 1, "gen-1", "u-1", NULL);
	assert_int_equal(fx_submit(&f, &r, 1, 1, &out), OM_OK);
	now = om_now() + 60 * OM_SECOND;
	fx_ok(cd_db_open(&f.opts, &a, &e), &e);
	fx_ok(cd_db_open(&f.opts, &b, &e), &e);
	fx_ok(cd_lookup_claim(a, 0, now, 90 * OM_SECOND, &mine, &f.a, &e), &e);
	assert_true(mine.found && !mine.settled && !mine.verify);
	fx_ok(cd_lookup_claim(b, 0, now, 90 * OM_SECOND, &other, &f.a, &e), &e); /* while a's commit is under way */
	assert_false(other.found);
	fx_ok(cd_db_commit(a, &e), &e);
	fx_ok(cd_lookup_claim(b, 0, now + 89 * OM_SECOND, 90 * OM_SECOND, &other, &f.a, &e), &e);
	assert_false(other.found);
	fx_ok(cd_lookup_claim(b, 0, now + 91 * OM_SECOND, 90 * OM_SECOND, &other, &f.a, &e), &e);
	assert_true(other.found);
	cd_db_rollback(b);
	fx_ok(cd_lookup_pause(a, 5000, &e), &e);
	fx_ok(cd_lookup_pause(a, 4000, &e), &e); /* never shorter */
	fx_ok(cd_db_commit(a, &e), &e);
	fx_ok(cd_lookup_paused(b, &paused, &e), &e);
	assert_int_equal(paused, 5000);
	cd_db_rollback(b);
	cd_db_close(&a);
	cd_db_close(&b);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_history_adds_and_closes_what_changed),
	    cmocka_unit_test(test_price_in_force_at_an_instant),
	    cmocka_unit_test(test_estimate_stands_until_something_better_comes),
	    cmocka_unit_test(test_estimate_does_not_depend_on_the_order),
	    cmocka_unit_test(test_sweep_estimates_what_came_before_its_price),
	    cmocka_unit_test(test_costs_that_differ_are_kept_whatever_came_first),
	    cmocka_unit_test(test_reported_costs_are_planned_for_verification_as_asked),
	    cmocka_unit_test(test_claims_and_pauses_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
