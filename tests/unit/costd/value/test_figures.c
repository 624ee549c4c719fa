/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "record_fixture.h"
#include "value/figures.h"

/* filled gives a row that says every figure, each another number. */
static struct cd_row
filled(void)
{
	struct cd_row row = {.key = {"gen-1", 5}};

	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		if (cd_fields[f].kind == CD_KIND_TEXT)
			continue;
		row.cell[f].rank = CD_RANK_REPORTED;
		if (cd_fields[f].kind == CD_KIND_INT)
			row.cell[f].v.i = 100 + f;
		else
			assert_int_equal(om_money_parse("0.25", &row.cell[f].v.money, NULL), OM_OK);
	}
	return row;
}

static void
test_a_row_and_its_opposite_are_nothing(void **state)
{
	struct cd_row row = filled();
	struct cd_figures sum = cd_figures_of(&row, 1), less = cd_figures_of(&row, -1);

	(void)state;
	assert_int_equal(sum.requests, 1);
	assert_int_equal(sum.prompt_tokens, 100 + CD_F_PROMPT_TOKENS);
	assert_int_equal(less.cache_write_tokens, -(100 + CD_F_CACHE_WRITE_TOKENS));
	assert_false(cd_figures_are_zero(&sum));
	assert_int_equal(cd_figures_add(&sum, &less), OM_OK);
	assert_true(cd_figures_are_zero(&sum));
}

static void
test_each_figure_alone_is_something(void **state)
{
	const struct cd_figures none = {.requests = 0};

	(void)state;
	assert_true(cd_figures_are_zero(&none));
#define ONE_COUNT(name) one.name = -1;
#define ONE_MONEY(name) one.name.v = -1;
#define OM_FIGURE(name, kind)                            \
	do {                                             \
		struct cd_figures one = none;            \
		ONE_##kind(name);                        \
		assert_false(cd_figures_are_zero(&one)); \
	} while (0);
#include "messages/figures.def"
}

static void
test_what_nobody_said_counts_nothing(void **state)
{
	struct cd_row row = {.key = {"owui:t", 6}, .is_part = true};
	struct cd_figures f = cd_figures_of(&row, 1);

	(void)state;
	assert_true(cd_figures_are_zero(&f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_row_and_its_opposite_are_nothing),
	    cmocka_unit_test(test_each_figure_alone_is_something),
	    cmocka_unit_test(test_what_nobody_said_counts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
