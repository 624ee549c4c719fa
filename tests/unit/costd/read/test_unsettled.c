/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What waits for a cost, as the lists tell it. */
#include "lookup_fixture.h"

#include "database/schema.h"
#include "read/read.h"
#include "settle/sweep.h"
#include "record.pb-c.h"
#include "settle.pb-c.h"
#include "usage.pb-c.h"

#include <stdio.h>

/* unsettled gives "id reason missing" of the list, the newest first, in pages of one. */
static const char *
unsettled(struct fx *f)
{
	static const char *const reasons[] = {"waiting", "retrying", "given_up", "not_looked_up", "no_key", "no_price"};
	Om__UnsettledQuery q = OM__UNSETTLED_QUERY__INIT;
	Om__UnsettledReply whole = OM__UNSETTLED_REPLY__INIT;
	om_err why = {.text = ""};
	const char *all = "";
	size_t n = 0;

	q.has_limit = true;
	q.limit = 1;
	do {
		Om__UnsettledReply out = OM__UNSETTLED_REPLY__INIT;
		om_err e = {.text = ""};

		fx_ok(cd_unsettled_read(f->pool, true, &q, FX_DEADLINE, &f->a, &out, &e), &e);
		n += out.n_items;
		for (size_t i = 0; i < out.n_items; i++)
			all = om_arena_printf(&f->a, "%s%s %s %s\n", all, out.items[i]->generation_id,
			    reasons[out.items[i]->reason], out.items[i]->lacks_byok ? "byok_cost" : "cost");
		q.cursor = out.next_cursor;
	} while (q.cursor != NULL);
	q.has_limit = false;
	fx_ok(cd_unsettled_read(f->pool, true, &q, FX_DEADLINE, &f->a, &whole, &why), &why);
	assert_int_equal(whole.n_items, n); /* each once */
	return all;
}

/* A request on a key of one's own is not settled while the bill of that key is not
 * known: it is asked for although its cost is reported, and listed until it is. */
static void
test_a_key_of_one_s_own_is_settled_by_its_bill(void **state)
{
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_submit_one(&f, fx_byok(fx_record(&f.a, 1, "gen-bare", "u-1", "0.01"), NULL, &f.a));
	fx_submit_one(&f, fx_byok(fx_record(&f.a, 2, "gen-whole", "u-1", "0.01"), "0.5", &f.a));
	assert_string_equal(fx_text(&f, "SELECT generation_id FROM lookup"), "gen-bare\n");
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(unsettled) AS SIGNED) FROM usage_day"), 1);
	assert_string_equal(unsettled(&f), "gen-bare waiting byok_cost\n");
	assert_false(fx_claim(&f, "gen-bare").settled);

	/* the provider does not know it either: the cost is the looked-up one, the bill
	 * is still asked for */
	fx_settle(&f, fx_byok(fx_look_up(&f, 11, "gen-bare", "u-1", "0.02"), NULL, &f.a));
	assert_string_equal(
	    fx_text(
		&f, "SELECT CONCAT(cost_state,' ',cost,' ',unsettled) FROM generation WHERE generation_id='gen-bare'"),
	    "3 0.020000000000000000 1\n");
	assert_string_equal(fx_text(&f, "SELECT generation_id FROM lookup"), "gen-bare\n");
	assert_false(fx_claim(&f, "gen-bare").settled);
	fx_run(&f, "UPDATE lookup SET next_us=NULL,attempts=9");
	assert_string_equal(unsettled(&f), "gen-bare given_up byok_cost\n");

	fx_settle(&f, fx_byok(fx_look_up(&f, 12, "gen-bare", "u-1", "0.02"), "0.7", &f.a));
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 0);
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(unsettled) AS SIGNED) FROM usage_day"), 0);
	assert_string_equal(unsettled(&f), "");
	fx_no_differences(&f);
	fx_close(&f);
}

static Om__Record *
on(Om__Record *r, const char *platform, struct om_arena *a)
{
	r->platform = om_arena_strdup(a, platform);
	return r;
}

static void
test_other_platforms_are_not_asked_for_nor_waited_for(void **state)
{
	Om__Record *r;
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_submit_one(&f, on(fx_record(&f.a, 1, "gen-local", "u-1", NULL), "ollama", &f.a));
	fx_submit_one(&f, fx_record(&f.a, 2, "chatcmpl-7", "u-1", NULL));
	fx_submit_one(&f, on(fx_record(&f.a, 3, "resp-1", "u-1", NULL), "openai", &f.a));
	fx_submit_one(&f, on(fx_record(&f.a, 4, "odd-id", "u-1", NULL), "openrouter", &f.a));
	fx_submit_one(&f, fx_record(&f.a, 5, "gen-theirs", "u-1", NULL));
	r = fx_record(&f.a, 7, NULL, "u-1", NULL); /* OpenRouter's, perhaps, but nothing to ask by */
	r->turn_id = om_arena_strdup(&f.a, "t-1");
	r->prompt_tokens = 31;
	r->model = NULL;
	fx_submit_one(&f, r);
	fx_submit_one(&f, fx_byok(on(fx_record(&f.a, 6, "gen-azure", "u-1", "0.1"), "azure", &f.a), NULL, &f.a));
	assert_string_equal(fx_text(&f, "SELECT generation_id FROM lookup ORDER BY 1"), "gen-theirs\nodd-id\n");
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(unsettled) AS SIGNED) FROM usage_day"), 3);
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(cost_state=0) AS SIGNED) FROM generation"), 6);
	assert_string_equal(unsettled(&f),
	    "owui:t-1 not_looked_up cost\ngen-theirs waiting cost\nodd-id waiting cost\nresp-1 no_price cost\n"
	    "chatcmpl-7 no_price cost\ngen-local no_price cost\n");
	fx_no_differences(&f);
	fx_close(&f);
}

/* A price of OpenRouter's list is none of another platform's, whatever the model is
 * called and whenever the platform becomes known. */
static void
test_other_platforms_have_no_estimate(void **state)
{
	static const char list[] = "{\"data\":[{\"id\":\"anthropic/claude-x\",\"pricing\":{\"prompt\":\"0.001\","
				   "\"completion\":\"0.001\"}}]}";
	Om__UnsettledQuery q = OM__UNSETTLED_QUERY__INIT;
	Om__UnsettledReply said = OM__UNSETTLED_REPLY__INIT;
	om_err e = {.text = ""};
	int64_t estimated = 0;
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_submit_one(&f, on(fx_record(&f.a, 1, "gen-before", "u-1", NULL), "ollama", &f.a));
	(void)fx_store_prices(&f, list, FX_START - OM_SECOND);
	fx_submit_one(&f, on(fx_record(&f.a, 2, "gen-after", "u-1", NULL), "ollama", &f.a));
	fx_submit_one(&f, fx_record(&f.a, 3, "gen-later", "u-1", NULL)); /* no record names its user yet */
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(cost_state=1) AS SIGNED) FROM generation"), 1);
	fx_ok(cd_sweep_estimates(f.pool, FX_START - OM_DAY, FX_DEADLINE, &estimated, &e), &e);
	assert_int_equal(estimated, 0);
	fx_submit_one(&f, on(fx_record(&f.a, 4, "gen-later", "u-1", NULL), "ollama", &f.a));
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM generation WHERE cost IS NULL AND unsettled=0"), 3);
	fx_ok(cd_unsettled_read(f.pool, true, &q, FX_DEADLINE, &f.a, &said, &e), &e);
	assert_int_equal(said.items[0]->no_estimate, OM__NO_ESTIMATE__NO_ESTIMATE_NO_PRICE);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 0); /* the plan is taken back, too */
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(unsettled) AS SIGNED) FROM usage_day"), 0);
	assert_string_equal(
	    unsettled(&f), "gen-later no_price cost\ngen-after no_price cost\ngen-before no_price cost\n");
	fx_no_differences(&f);
	fx_close(&f);
}

static void
test_both_ids_of_a_believed_reply_stand_in_the_row(void **state)
{
	Om__GenerationQuery q = OM__GENERATION_QUERY__INIT;
	Om__GenerationReply out = OM__GENERATION_REPLY__INIT;
	char id[] = "gen-a";
	om_err e = {.text = ""};
	Om__Record *r;
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_submit_one(&f, fx_record(&f.a, 1, "gen-a", "u-1", NULL));
	r = fx_look_up(&f, 2, "gen-a", "unknown", "0.1");
	r->other_id = om_arena_strdup(&f.a, "gen-b");
	fx_settle(&f, r);
	q.generation_id = id;
	fx_ok(cd_generation_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_string_equal(out.generation->other_id, "gen-b");
	assert_int_equal(out.generation->n_marks, 1);
	assert_string_equal(out.generation->marks[0], "other_id");
	assert_int_equal(out.n_records, 2);
	fx_no_differences(&f);
	fx_close(&f);
}

/* An older program's rows: what is asked for, estimated and counted as unsettled. */
static void
test_rows_of_an_older_program_are_judged_anew(void **state)
{
	const struct cd_schema_how how = {.work = NULL};
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_submit_one(&f, fx_record(&f.a, 1, "chatcmpl-7", "u-1", NULL));
	fx_submit_one(&f, fx_record(&f.a, 2, "gen-open", "u-1", NULL));
	fx_submit_one(&f, fx_byok(fx_record(&f.a, 3, "gen-bare", "u-1", "0.1"), NULL, &f.a));
	fx_submit_one(&f, fx_byok(fx_record(&f.a, 4, "gen-whole", "u-1", "0.1"), "0.2", &f.a));
	/* it estimated a local chat and looked it up, and took BYOK for settled */
	fx_run(&f, "UPDATE generation SET unsettled=0");
	fx_run(&f,
	    "UPDATE generation SET cost=0.3,cost_state=1,ranks=INSERT(ranks,5,1,UNHEX('05')) WHERE "
	    "generation_id='chatcmpl-7'");
	fx_run(&f, "UPDATE lookup SET generation_id='chatcmpl-7' WHERE generation_id='gen-bare'");
	fx_run(&f, "DELETE FROM schema_migration WHERE version=9");
	fx_ok(cd_db_open(&f.opts, &db, &e), &e);
	fx_ok(cd_schema_apply(&f.opts, db, cd_migrations, cd_n_migrations, &how, &e), &e);
	cd_db_close(&db);
	assert_string_equal(fx_text(&f, "SELECT generation_id FROM lookup ORDER BY 1"), "gen-bare\ngen-open\n");
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE next_us>0 AND first_us>0 AND attempts=0"), 2);
	assert_string_equal(fx_text(&f,
				"SELECT CONCAT_WS(' ',generation_id,unsettled,cost_state,IFNULL(cost,'-')) "
				"FROM generation WHERE generation_id<>'gen-whole' ORDER BY 1"),
	    "chatcmpl-7 0 0 -\ngen-bare 1 2 0.100000000000000000\ngen-open 1 0 -\n");
	fx_no_differences(&f); /* the totals never had what an older program would have counted */
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_key_of_one_s_own_is_settled_by_its_bill),
	    cmocka_unit_test(test_other_platforms_are_not_asked_for_nor_waited_for),
	    cmocka_unit_test(test_other_platforms_have_no_estimate),
	    cmocka_unit_test(test_both_ids_of_a_believed_reply_stand_in_the_row),
	    cmocka_unit_test(test_rows_of_an_older_program_are_judged_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
