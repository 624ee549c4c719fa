/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The join's laws, on random rows. */
#include "record_fixture.h"

#include "value/join.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 4000
#define N_ROWS 7

static const uint8_t ranks[] = {
    CD_RANK_NONE, CD_RANK_DERIVED, CD_RANK_FILL, CD_RANK_BOOKED, CD_RANK_REPORTED, CD_RANK_LOOKED_UP};
static const char *const words[] = {"", "a", "aa", "ab", "b", "\xc3\xa4", "a\x7f"};

static void
random_row(struct cd_row *row, uint64_t *seed)
{
	memset(row, 0, sizeof *row);
	row->key = (struct cd_text){.p = "gen-1", .n = 5};
	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		struct cd_cell *c = &row->cell[f];
		uint64_t x = fx_random(seed);

		c->rank = ranks[x % 6];
		if (c->rank == CD_RANK_NONE)
			continue;
		x >>= 8;
		switch (cd_fields[f].kind) {
		case CD_KIND_TEXT:
			c->v.text = (struct cd_text){.p = words[x % 7], .n = strlen(words[x % 7])};
			break;
		case CD_KIND_INT:
			c->v.i = (int64_t)(x % 4) - 1;
			break;
		case CD_KIND_MONEY:
			c->v.money.v = (om_i128)(x % 4);
			break;
		}
	}
}

static void
assert_same(const struct cd_row *a, const struct cd_row *b)
{
	for (unsigned f = 0; f < CD_N_FIELDS; f++)
		if (!fx_same_cell(f, &a->cell[f], &b->cell[f]))
			fail_msg("%s differs", cd_fields[f].column);
}

static struct cd_row
join_of(struct cd_row a, const struct cd_row *b)
{
	(void)cd_join(&a, b);
	return a;
}

static void
test_join_is_commutative_associative_idempotent(void **state)
{
	uint64_t seed = fx_seed();

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct cd_row a, b, c, left, right, ab, bc, twice;

		random_row(&a, &seed);
		random_row(&b, &seed);
		random_row(&c, &seed);
		ab = join_of(a, &b);
		left = join_of(b, &a);
		assert_same(&ab, &left);
		left = join_of(ab, &c);
		bc = join_of(b, &c);
		right = join_of(a, &bc);
		assert_same(&left, &right);
		twice = a;
		assert_false(cd_join(&twice, &a));
		twice = ab;
		assert_false(cd_join(&twice, &a));
		assert_false(cd_join(&twice, &b));
	}
}

static void
test_records_in_any_order_repeated_and_regrouped_give_the_same_row(void **state)
{
	uint64_t seed = fx_seed();

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct cd_row rows[N_ROWS], first, other, part = {.key = {.p = "gen-1", .n = 5}};

		for (unsigned k = 0; k < N_ROWS; k++)
			random_row(&rows[k], &seed);
		first = rows[0];
		for (unsigned k = 1; k < N_ROWS; k++)
			(void)cd_join(&first, &rows[k]);
		other = rows[fx_random(&seed) % N_ROWS];
		for (unsigned k = 0; k < 3 * N_ROWS; k++) {
			(void)cd_join(&part, &rows[fx_random(&seed) % N_ROWS]);
			if (fx_random(&seed) % 3 == 0) {
				(void)cd_join(&other, &part);
				memset(part.cell, 0, sizeof part.cell);
			}
		}
		for (unsigned k = N_ROWS; k > 0; k--)
			(void)cd_join(&other, &rows[k - 1]);
		(void)cd_join(&other, &part);
		assert_same(&first, &other);
	}
}

static void
test_null_never_beats_a_value_and_zero_is_one(void **state)
{
	struct cd_row zero = {.key = {.p = "k", .n = 1}}, none = zero;

	(void)state;
	zero.cell[CD_F_COST].rank = CD_RANK_DERIVED;
	assert_false(cd_join(&zero, &none));
	assert_true(cd_join(&none, &zero));
	assert_int_equal(none.cell[CD_F_COST].rank, CD_RANK_DERIVED);
}

static void
test_earliest_start_and_highest_rank_win(void **state)
{
	struct cd_row a = {.key = {.p = "k", .n = 1}}, b = a;

	(void)state;
	a.cell[CD_F_STARTED_US] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = 20};
	b.cell[CD_F_STARTED_US] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = 10};
	a.cell[CD_F_COST] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.money = {.v = 9}};
	b.cell[CD_F_COST] = (struct cd_cell){.rank = CD_RANK_LOOKED_UP, .v.money = {.v = 1}};
	assert_true(cd_join(&a, &b));
	assert_int_equal(a.cell[CD_F_STARTED_US].v.i, 10);
	assert_int_equal(a.cell[CD_F_COST].v.money.v, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_join_is_commutative_associative_idempotent),
	    cmocka_unit_test(test_records_in_any_order_repeated_and_regrouped_give_the_same_row),
	    cmocka_unit_test(test_null_never_beats_a_value_and_zero_is_one),
	    cmocka_unit_test(test_earliest_start_and_highest_rank_win),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
