/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is looked up and what is not settled, against a real database: keys of
 * one's own, other platforms, users whom the provider names, replies about
 * another id. */
#include "fixture.h"

#include "ledger/check.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "settle.pb-c.h"
#include "usage.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START ((om_time)1795000000 * OM_SECOND) /* of fx_record's rows */

static void
ok(om_status s, const om_err *e)
{
	if (s != OM_OK)
		fail_msg("status %d: %s", (int)s, e->text);
}

static void
no_differences(struct fx *f)
{
	struct cd_check_result r;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	ok(cd_db_open(&f->opts, &db, &e), &e);
	ok(cd_check_ledger(db, &r, &e), &e);
	cd_db_close(&db);
	assert_int_equal(r.wrong_rows, 0);
	assert_int_equal(r.wrong_totals, 0);
}

static void
submit(struct fx *f, Om__Record *r)
{
	static uint64_t seq = 1;
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;

	assert_int_equal(fx_submit(f, &r, 1, seq++, &out), OM_OK);
	assert_int_equal(out.new_records, 1);
}

static Om__Record *
look_up(struct fx *f, uint64_t id, const char *generation, const char *user, const char *cost)
{
	Om__Record *r = fx_record(&f->a, id, generation, user, cost);

	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	r->source = om_arena_strdup(&f->a, CD_LOOK_UP);
	r->has_started_us = false;
	return r;
}

static void
settle(struct fx *f, Om__Record *r)
{
	om_err e = {.text = ""};

	ok(cd_ledger_settle(f->ledger, r, FX_DEADLINE, &f->a, &e), &e);
}

static Om__Record *
byok(Om__Record *r, const char *upstream, struct om_arena *a)
{
	r->has_is_byok = r->is_byok = true;
	r->byok_cost = upstream != NULL ? om_arena_strdup(a, upstream) : NULL;
	return r;
}

static struct cd_lookup_claim
claim(struct fx *f, const char *id)
{
	struct cd_lookup_claim c;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	fx_run(f, om_arena_printf(&f->a, "UPDATE lookup SET next_us=IF(generation_id='%s',1,2)", id));
	ok(cd_db_open(&f->opts, &db, &e), &e);
	ok(cd_lookup_claim(db, 1, OM_SECOND, &c, &f->a, &e), &e);
	cd_db_rollback(db);
	cd_db_close(&db);
	assert_true(c.found);
	assert_string_equal(c.id, id);
	return c;
}

/* A row that was settled is planned when it turns out to be on a key of one's own. */
static void
test_a_later_word_makes_a_settled_row_wait_again(void **state)
{
	Om__Record *r;
	struct fx f;

	(void)state;
	fx_open(&f);
	f.ledger->times.verify = CD_VERIFY_ALL;
	submit(&f, fx_record(&f.a, 1, "gen-1", "u-1", "0.01"));
	assert_int_equal(fx_int(&f, "SELECT verify FROM lookup"), 1);
	r = byok(fx_record(&f.a, 2, "gen-1", "u-1", "0.01"), NULL, &f.a);
	submit(&f, r);
	assert_int_equal(fx_int(&f, "SELECT verify FROM lookup"), 0); /* no more for comparison alone */
	assert_true(!claim(&f, "gen-1").verify && !claim(&f, "gen-1").settled);
	f.ledger->times.verify = 0;
	submit(&f, fx_record(&f.a, 3, "gen-2", "u-1", "0.01"));
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE generation_id='gen-2'"), 0);
	submit(&f, byok(fx_record(&f.a, 4, "gen-2", "u-1", "0.01"), NULL, &f.a));
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE generation_id='gen-2'"), 1);
	no_differences(&f);
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
		r[1] = look_up(&f, 2, "gen-1", "u-told", "0.1");
		r[1]->chat_id = om_arena_strdup(&f.a, "c-1");
		r[2] = fx_record(&f.a, 3, "gen-2", "u-seen", NULL);
		r[3] = look_up(&f, 4, "gen-2", "u-other", "0.1");
		for (unsigned i = 0; i < 4; i += 2) {
			if (order == 0)
				submit(&f, r[i]);
			settle(&f, r[i + 1]);
			if (order == 1)
				submit(&f, r[i]);
		}
		settle(&f, look_up(&f, 5, "gen-2", "unknown", "0.1"));
		assert_string_equal(
		    fx_text(&f, "SELECT CONCAT_WS(' ',generation_id,user_id,chat_id) FROM generation ORDER BY 1"),
		    "gen-1 u-told c-1\ngen-2 u-seen\n");
		assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM user WHERE id='u-told' AND first_seen_us>0"), 1);
		assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM user WHERE id='u-seen'"), 1);
		if (order == 0) /* no user has a row yet */
			assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM user WHERE id='u-other'"), 0);
		no_differences(&f);
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
	    {"gen-b", "anthropic/claude-x", "u-1", START, NULL},
	    {"gen-b", NULL, "unknown", START + 3500 * OM_SECOND, NULL},
	    {"gen-b", "anthropic/claude-x:free", "u-1", START, NULL},
	    {"gen-b", "anthropic/claude-2-x", "u-1", START, NULL}, /* the books' name of the same */
	    {"gen-b", "anthropic/claude-y", "u-1", START, "whose model is another"},
	    {"gen-b", "anthropic/claude-x", "u-2", START, "whose user is another"},
	    {"gen-b", "anthropic/claude-x", "u-1", START - 3601 * OM_SECOND, "whose time is another"},
	    {"gen-b", "anthropic/claude-x", "u-1", START + 3604 * OM_SECOND, "whose time is another"},
	    {"gen-c", "anthropic/claude-x", "u-1", START, "which the ledger has as a call of its own"},
	};
	struct cd_lookup_claim c;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_run(&f, "INSERT INTO model_name VALUES ('anthropic/claude-2-x','anthropic/claude-x',1)");
	submit(&f, fx_record(&f.a, 1, "gen-a", "u-1", NULL));
	submit(&f, fx_record(&f.a, 2, "gen-c", "u-1", "0.1"));
	c = claim(&f, "gen-a");
	ok(cd_db_open(&f.opts, &db, &e), &e);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		Om__Record *r = look_up(&f, 9, "gen-a", cases[i].user, "0.1");
		const char *why = NULL;

		r->other_id = om_arena_strdup(&f.a, cases[i].id);
		r->model = cases[i].model != NULL ? om_arena_strdup(&f.a, cases[i].model) : NULL;
		r->finished_us = cases[i].at;
		ok(cd_lookup_compare(db, &c, r, &f.a, &why, &e), &e);
		if ((why == NULL) != (cases[i].why == NULL) || (why != NULL && strcmp(why, cases[i].why) != 0))
			fail_msg("%zu: %s", i, why != NULL ? why : "(believed)");
	}
	cd_db_close(&db);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_later_word_makes_a_settled_row_wait_again),
	    cmocka_unit_test(test_a_look_up_names_the_user_of_a_row_that_nobody_named),
	    cmocka_unit_test(test_a_reply_about_another_id_is_compared_with_the_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
