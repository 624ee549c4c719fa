/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One model, one name, against a real database: the names of a list, and what is
 * read by them. */
#include "fixture.h"

#include "price/history.h"
#include "price/model.h"
#include "read/read.h"
#include "record.pb-c.h"
#include "settle.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#include <stdio.h>
#include <string.h>

#define DAY0 20775 /* of FX_START */

#define SLUG             "anthropic/claude-4.5-haiku-20251001"
#define ID               "anthropic/claude-haiku-4.5"
#define PRICED(id, slug) "{\"id\":\"" id "\",\"canonical_slug\":\"" slug "\",\"pricing\":{\"prompt\":\"1\"}}"

static const char *
names(struct fx *f)
{
	return fx_text(f, "SELECT CONCAT_WS(' ',name,model,since_us) FROM model_name ORDER BY name");
}

static void
test_a_list_joins_two_names_of_a_model(void **state)
{
	struct fx f;

	(void)state;
	fx_open(&f);
	(void)fx_store_prices(&f,
	    "{\"data\":[" PRICED(ID, SLUG) "," PRICED("same/name", "same/name") "," PRICED(
		"x/two:free", "x/two-2026") "," PRICED("x/two", "x/two-2026") "," /* the one without a variant */
	    PRICED("x/gift:free", "x/gift") "," /* says nothing about what x/gift costs */
	    PRICED("x/listed", "x/two") ","     /* an id of the list stands for itself */
					"{\"id\":\"x/odd\",\"canonical_slug\":7,\"pricing\":{\"prompt\":\"1\"}}]}",
	    1000);
	assert_string_equal(names(&f),
	    SLUG " " ID " 1000\n"
		 "x/two-2026 x/two 1000\n"
		 "x/two-2026:free x/two:free 1000\n");
	/* nothing is forgotten, and what is listed elsewhere now leads there */
	(void)fx_store_prices(&f, "{\"data\":[" PRICED("x/three", "x/two-2026") "," PRICED("a/new", ID) "]}", 2000);
	assert_string_equal(names(&f),
	    SLUG " a/new 2000\n" ID " a/new 2000\n"
		 "x/two-2026 x/three 2000\n"
		 "x/two-2026:free x/two:free 1000\n");
	/* a name that has become an id stands for itself */
	(void)fx_store_prices(&f, "{\"data\":[" PRICED(ID, SLUG) "," PRICED("x/two-2026", "x/two-2026") "]}", 3000);
	assert_string_equal(names(&f),
	    SLUG " " ID " 3000\n" ID " " ID " 3000\n"
		 "x/two-2026 x/two-2026 3000\n"
		 "x/two-2026:free x/two:free 1000\n");
	fx_close(&f);
}

static void
test_a_model_is_found_by_either_name(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	const char *name = NULL;
	Om__Record *r[1];
	size_t n = 0;
	struct fx f;

	(void)state;
	fx_open(&f);
	(void)fx_store_prices(&f, "{\"data\":[" PRICED(ID, SLUG) "]}", FX_START - OM_SECOND);
	fx_ok(cd_db_open(&f.opts, &db, &e), &e);
	fx_ok(cd_model_name(db, SLUG "-and-more", strlen(SLUG), &f.a, &name, &n, &e), &e);
	assert_string_equal(name, ID);
	assert_int_equal(n, strlen(ID));
	fx_ok(cd_model_name(db, ID, strlen(ID), &f.a, &name, &n, &e), &e);
	assert_string_equal(name, ID);
	fx_ok(cd_model_name(db, "not/listed", strlen("not/listed"), &f.a, &name, &n, &e), &e);
	assert_string_equal(name, "not/listed");
	cd_db_close(&db);
	/* as the books call it, estimated by what the list calls it */
	r[0] = fx_record(&f.a, 1, "gen-1", "u-1", NULL);
	r[0]->model = om_arena_strdup(&f.a, SLUG);
	assert_int_equal(fx_submit(&f, r, 1, 1, &out), OM_OK);
	assert_string_equal(fx_text(&f, "SELECT CONCAT(cost_state,' ',model) FROM as_text_generation"), "1 " SLUG "\n");
	fx_close(&f);
}

static const char list[] = "{\"data\":[" PRICED(ID, SLUG) "," PRICED("other/model", "other/model-2") "]}";

/* Four rows: two by the list's name, one by the books', one of another model. */
static void
fill(struct fx *f)
{
	static const char *const models[] = {ID, SLUG, ID, "other/model"};
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[4];

	for (unsigned i = 0; i < 4; i++) {
		r[i] = fx_record(&f->a, 1 + i, om_arena_printf(&f->a, "gen-%u", i), "u-1", "0.5");
		r[i]->model = om_arena_strdup(&f->a, models[i]);
	}
	assert_int_equal(fx_submit(f, r, 4, 1, &out), OM_OK);
}

static Om__Period *
day(struct om_arena *a)
{
	Om__Period *p = om_msg_new(a, &om__period__descriptor);

	p->has_from_day = p->has_to_day = true;
	p->from_day = DAY0;
	p->to_day = DAY0 + 1;
	return p;
}

/* Rows that were there before the list was: what is read has one name, what is
 * stored stays, and the total is what it was. */
static void
test_groups_have_one_line_for_a_model(void **state)
{
	Om__Dimension by[] = {OM__DIMENSION__DIMENSION_MODEL, OM__DIMENSION__DIMENSION_HOUR};
	Om__UsageQuery q = OM__USAGE_QUERY__INIT;
	Om__UsageReply out = OM__USAGE_REPLY__INIT;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	q.period = day(&f.a);
	q.group_by = by;
	q.n_group_by = 1;
	fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_rows, 3);
	(void)fx_store_prices(&f, list, FX_START);
	for (q.n_group_by = 1; q.n_group_by <= 2; q.n_group_by++) { /* of totals, and of rows */
		out = (Om__UsageReply)OM__USAGE_REPLY__INIT;
		fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
		assert_int_equal(out.n_rows, 2);
		assert_string_equal(out.rows[0]->model, ID);
		assert_int_equal(out.rows[0]->figures->requests, 3);
		assert_string_equal(out.rows[0]->figures->cost, "1.5");
		assert_string_equal(out.rows[1]->model, "other/model");
		assert_string_equal(out.total->cost, "2");
	}
	assert_int_equal(fx_int(&f, "SELECT COUNT(DISTINCT model) FROM generation"), 3);
	assert_int_equal(fx_int(&f, "SELECT COUNT(DISTINCT model) FROM usage_day"), 3);
	fx_close(&f);
}

static uint64_t
requests_of(struct fx *f, char *model, bool by_instants)
{
	Om__UsageQuery q = OM__USAGE_QUERY__INIT;
	Om__UsageReply out = OM__USAGE_REPLY__INIT;
	Om__Filter filter = OM__FILTER__INIT;
	om_err e = {.text = ""};

	q.period = day(&f->a);
	if (by_instants) {
		q.period->has_from_day = q.period->has_to_day = false;
		q.period->has_from_us = q.period->has_to_us = true;
		q.period->from_us = FX_START;
		q.period->to_us = FX_START + OM_SECOND;
	}
	filter.model = model;
	q.filter = &filter;
	fx_ok(cd_usage_read(f->pool, &q, FX_DEADLINE, &f->a, &out, &e), &e);
	return out.total->requests;
}

static void
test_filters_find_a_model_by_either_name(void **state)
{
	static char slug[] = SLUG, id[] = ID, other[] = "other/model-2", nobody[] = "not/listed";
	Om__GenerationsQuery q = OM__GENERATIONS_QUERY__INIT;
	Om__GenerationsReply out = OM__GENERATIONS_REPLY__INIT;
	Om__Filter filter = OM__FILTER__INIT;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	assert_int_equal(requests_of(&f, slug, false), 1);
	(void)fx_store_prices(&f, list, FX_START);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(requests_of(&f, slug, i != 0), 3);
		assert_int_equal(requests_of(&f, id, i != 0), 3);
		assert_int_equal(requests_of(&f, other, i != 0), 1);
		assert_int_equal(requests_of(&f, nobody, i != 0), 0);
	}
	q.period = day(&f.a);
	q.filter = &filter;
	filter.model = slug;
	fx_ok(cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 3);
	for (size_t i = 0; i < out.n_items; i++)
		assert_string_equal(out.items[i]->model, ID);
	q.has_limit = true; /* pages of one, the newest first, whatever they are called */
	q.limit = 1;
	for (unsigned i = 0; i < 3; i++) {
		out = (Om__GenerationsReply)OM__GENERATIONS_REPLY__INIT;
		fx_ok(cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
		assert_int_equal(out.n_items, 1);
		assert_string_equal(out.items[0]->generation_id, om_arena_printf(&f.a, "gen-%u", 2 - i));
		q.cursor = out.next_cursor;
	}
	assert_null(q.cursor);
	fx_close(&f);
}

static void
test_a_statement_and_a_row_have_the_list_s_name(void **state)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	Om__StatementReply st = OM__STATEMENT_REPLY__INIT;
	Om__GenerationQuery one = OM__GENERATION_QUERY__INIT;
	Om__GenerationReply row = OM__GENERATION_REPLY__INIT;
	char id[] = "gen-1";
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	(void)fx_store_prices(&f, list, FX_START);
	q.year = 2026;
	q.month = 11;
	q.max_rows = 100;
	fx_ok(cd_statement_read(f.pool, NULL, &q, FX_DEADLINE, &f.a, &st, &e), &e);
	assert_int_equal(st.n_models, 2);
	assert_int_equal(st.n_user_models, 2);
	assert_string_equal(st.models[0]->model, ID);
	assert_int_equal(st.n_generations, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(st.generations[i]->model, i < 3 ? ID : "other/model");
	/* the history shows what each record said */
	one.generation_id = id;
	fx_ok(cd_generation_read(f.pool, &one, FX_DEADLINE, &f.a, &row, &e), &e);
	assert_string_equal(row.generation->model, ID);
	assert_string_equal(row.records[0]->model, SLUG);
	fx_close(&f);
}

static void
test_lists_of_settlement_have_the_list_s_name(void **state)
{
	Om__UnsettledQuery uq = OM__UNSETTLED_QUERY__INIT;
	Om__UnsettledReply un = OM__UNSETTLED_REPLY__INIT;
	Om__PricesQuery pq = OM__PRICES_QUERY__INIT;
	Om__PricesReply prices = OM__PRICES_REPLY__INIT;
	Om__DiscrepanciesQuery dq = OM__DISCREPANCIES_QUERY__INIT;
	Om__DiscrepanciesReply dis = OM__DISCREPANCIES_REPLY__INIT;
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	char slug[] = SLUG;
	om_err e = {.text = ""};
	Om__Record *r[3];
	struct fx f;

	(void)state;
	fx_open(&f);
	f.ledger->books = true; /* takes look-ups */
	for (unsigned i = 0; i < 3; i++) {
		r[i] = fx_record(&f.a, 1 + i, i < 1 ? "gen-open" : "gen-told", "u-1",
		    i == 0       ? NULL
			: i == 1 ? "0.5"
				 : "0.6");
		r[i]->model = NULL;
		if (i < 2)
			r[i]->requested_model = om_arena_strdup(&f.a, SLUG);
		if (i == 1)
			r[i]->model = om_arena_strdup(&f.a, SLUG);
	}
	r[2]->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	assert_int_equal(fx_submit(&f, r, 3, 1, &out), OM_OK);
	assert_int_equal(out.new_records, 3);
	(void)fx_store_prices(&f, list, FX_START);
	fx_ok(cd_unsettled_read(f.pool, true, &uq, FX_DEADLINE, &f.a, &un, &e), &e);
	assert_int_equal(un.n_items, 1);
	assert_string_equal(un.items[0]->model, ID);
	assert_int_equal(un.items[0]->no_estimate, OM__NO_ESTIMATE__NO_ESTIMATE_NONE); /* the next sweep makes one */
	fx_ok(cd_discrepancies_read(f.pool, &dq, FX_DEADLINE, &f.a, &dis, &e), &e);
	assert_int_equal(dis.n_items, 1);
	assert_string_equal(dis.items[0]->model, ID);
	pq.model = slug;
	fx_ok(cd_prices_read(f.pool, &pq, FX_DEADLINE, &f.a, &prices, &e), &e);
	assert_int_equal(prices.n_items, 1);
	assert_string_equal(prices.items[0]->model, ID);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_list_joins_two_names_of_a_model),
	    cmocka_unit_test(test_a_model_is_found_by_either_name),
	    cmocka_unit_test(test_groups_have_one_line_for_a_model),
	    cmocka_unit_test(test_filters_find_a_model_by_either_name),
	    cmocka_unit_test(test_a_statement_and_a_row_have_the_list_s_name),
	    cmocka_unit_test(test_lists_of_settlement_have_the_list_s_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
