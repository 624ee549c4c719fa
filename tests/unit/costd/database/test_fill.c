/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "database_fixture.h"

#include "database/fill.h"
#include "envelope.pb-c.h"
#include "usage.pb-c.h"

#include <string.h>

struct seen {
	unsigned n;
	int64_t place;
	Om__Generation *last;
};

static om_status
see(void *arg, void *message, const struct cd_val *row, om_err *e)
{
	struct seen *seen = arg;

	(void)e;
	seen->n++;
	seen->place = row[0].i;
	seen->last = message;
	return OM_OK;
}

static void
test_columns_named_like_fields_fill_them(void **state)
{
	static const char sql[] =
	    "SELECT 7 AS _place,'gen-1' AS generation_id,'u-1' AS user_id,CAST('0.50' AS DECIMAL(38,18)) AS cost,"
	    "NULL AS provider,5 AS prompt_tokens,NULL AS cached_tokens,1 AS is_byok,'[\"a\",\"b\"]' AS user_groups,"
	    "-3 AS requests,2 AS state,'2026-11-30' AS day,-4 AS started_us";
	struct seen seen = {.n = 0};
	struct cd_db *db = NULL;
	struct fx f;
	const Om__Generation *g;

	(void)state;
	fx_open_database(&f);
	assert_int_equal(cd_db_open(&f.opts, &db, NULL), OM_OK);
	assert_int_equal(cd_fill_query(db, sql, NULL, 0, &om__generation__descriptor, &f.a, see, &seen, NULL), OM_OK);
	g = seen.last;
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.place, 7);
	assert_string_equal(g->generation_id, "gen-1");
	assert_string_equal(g->user, "u-1");
	assert_string_equal(g->cost, "0.5");
	assert_null(g->provider);
	assert_true(g->has_prompt_tokens && g->prompt_tokens == 5);
	assert_false(g->has_cached_tokens);
	assert_true(g->has_is_byok && g->is_byok);
	assert_int_equal(g->n_groups, 2);
	assert_string_equal(g->groups[1], "b");
	assert_true(g->has_requests && g->requests == 0); /* it cannot be negative */
	assert_int_equal(g->state, OM__STATE__STATE_CANCELLED);
	assert_string_equal(g->day, "2026-11-30");
	assert_int_equal(g->started_us, -4);
	cd_db_close(&db);
	fx_close(&f);
}

static void
test_null_takes_a_field_away_again(void **state)
{
	Om__PipelineReply out = OM__PIPELINE_REPLY__INIT;
	struct cd_db *db = NULL;
	struct fx f;

	(void)state;
	fx_open_database(&f);
	assert_int_equal(cd_db_open(&f.opts, &db, NULL), OM_OK);
	assert_int_equal(cd_fill_into(db, "SELECT 9 AS last_commit_us,'x' AS last_error,3 AS dead_letters", NULL, 0,
			     &out.base, &f.a, NULL),
	    OM_OK);
	assert_true(out.has_last_commit_us && out.last_commit_us == 9 && out.dead_letters == 3);
	assert_string_equal(out.last_error, "x");
	assert_int_equal(
	    cd_fill_into(db, "SELECT NULL AS last_commit_us,NULL AS last_error", NULL, 0, &out.base, &f.a, NULL),
	    OM_OK);
	assert_false(out.has_last_commit_us);
	assert_null(out.last_error);
	assert_int_equal(out.dead_letters, 3);
	assert_int_equal(
	    cd_fill_into(db, "SELECT 1 AS dead_letters FROM meta WHERE name='none'", NULL, 0, &out.base, &f.a, NULL),
	    OM_OK);
	assert_int_equal(out.dead_letters, 3);
	cd_db_close(&db);
	fx_close(&f);
}

static void
test_what_fits_no_field_is_a_defect(void **state)
{
	static const char *const wrong[] = {"SELECT 1 AS dead_leters", "SELECT 'x' AS dead_letters",
	    "SELECT 1 AS last_error", "SELECT 1.5 AS dead_letters"};
	Om__PipelineReply out = OM__PIPELINE_REPLY__INIT;
	struct cd_db *db = NULL;
	struct fx f;

	(void)state;
	fx_open_database(&f);
	assert_int_equal(cd_db_open(&f.opts, &db, NULL), OM_OK);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(cd_fill_into(db, wrong[i], NULL, 0, &out.base, &f.a, NULL), OM_INTERNAL);
	assert_true(cd_fill_has(&om__generation__descriptor, "user_groups"));
	assert_false(cd_fill_has(&om__generation__descriptor, "request"));
	cd_db_close(&db);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_columns_named_like_fields_fill_them),
	    cmocka_unit_test(test_null_takes_a_field_away_again),
	    cmocka_unit_test(test_what_fits_no_field_is_a_defect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
