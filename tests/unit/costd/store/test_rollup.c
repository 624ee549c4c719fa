/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a changed row moves in the totals. */
#include "record_fixture.h"

#include "names/known.h"
#include "store/rollup.h"
#include "value/record.h"
#include "record.pb-c.h"

#include <stdlib.h>
#include <string.h>

static struct om_arena arena;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, (size_t)16 * 1024 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

static Om__Record *
good(void)
{
	return fx_record(&arena, 1, "gen-1", "u-1", "0.003");
}

static struct cd_row
row_of(const Om__Record *r)
{
	struct cd_row row;

	assert_int_equal(cd_record_row(r, &arena, &row, NULL), OM_OK);
	return row;
}

/* know gives numbers to the texts of a row's keys, as if the database had them. */
static void
know(const struct cd_row *row)
{
	static const cd_name kinds[] = {
	    [CD_AS_WORD] = CD_WORD, [CD_AS_GROUP_SET] = CD_GROUP_SET, [CD_AS_PERSON] = CD_PERSON};
	static int64_t last;

	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		const struct cd_cell *c = &row->cell[f];

		if (cd_fields[f].stored != CD_AS_SAME && c->rank != CD_RANK_NONE)
			cd_known_keep(kinds[cd_fields[f].stored], c->v.text.p, c->v.text.n, ++last);
	}
}

static void
test_totals_move_by_the_difference(void **state)
{
	Om__Record *r = good();
	struct cd_row old = row_of(r), now;
	struct cd_delta d[2];
	size_t n = 0;

	(void)state;
	r->cost = om_arena_strdup(&arena, "0.004");
	r->model = NULL;
	now = row_of(r);
	know(&old);
	know(&now);
	assert_int_equal(cd_rollup_move(NULL, &old, 7, &now, d, &n, NULL), OM_OK);
	assert_int_equal(n, 2);
	assert_int_equal(d[0].day, 7); /* the day stored with the row, not the one that it would have now */
	assert_int_equal(d[0].by.requests, -1);
	assert_int_equal(d[1].by.requests, 1);
	assert_int_equal(d[0].by.cost.v + d[1].by.cost.v, (om_i128)1000000000000000);
	assert_int_not_equal(d[0].key[CD_DIM_AT_MODEL], 0);
	assert_int_equal(d[1].key[CD_DIM_AT_MODEL], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_totals_move_by_the_difference),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
