/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The join's laws, on random rows. */
#include "record_fixture.h"

#include "value/join.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 4000
#define N_ROWS 7

static const uint8_t ranks[] = {CD_RANK_NONE, CD_RANK_DERIVED, CD_RANK_FILL, CD_RANK_BOOKED, CD_RANK_REPORTED,
    CD_RANK_LOOKED_UP, CD_RANK_OPERATOR, CD_RANK_OPERATOR + 1};
#define N_RANKS (sizeof ranks / sizeof ranks[0])
static const char *const words[] = {"", "a", "aa", "ab", "b", "\xc3\xa4", "a\x7f"};

static void
random_row(struct cd_row *row, uint64_t *seed)
{
	memset(row, 0, sizeof *row);
	row->key = (struct cd_text){.p = "gen-1", .n = 5};
	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		struct cd_cell *c = &row->cell[f];
		uint64_t x = fx_random(seed);

		c->rank = ranks[x % N_RANKS];
		if (c->rank == CD_RANK_NONE)
			continue;
		x >>= 8;
		switch (cd_fields[f].kind) {
		case CD_KIND_TEXT:
			c->v.text = (struct cd_text){.p = words[x % 7], .n = strlen(words[x % 7])};
			break;
		case CD_KIND_INT:
			c->v.i = ((int64_t)(x % 4) - 1) * CD_DISPUTED_APART_US;
			break;
		case CD_KIND_MONEY:
			c->v.money.v = (om_i128)(x % 4);
			break;
		}
	}
	cd_row_follow(row); /* as a record's row does */
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

/* ---- what senders claim ---- */

static struct cd_row
claim(uint8_t rank, int64_t cost, const char *user, int64_t start)
{
	struct cd_row r = {.key = {.p = "k", .n = 1}};

	r.cell[CD_F_COST] = r.cell[CD_F_COST_MOST] = (struct cd_cell){.rank = rank, .v.money = {.v = cost}};
	r.cell[CD_F_USER_LEAST] = r.cell[CD_F_USER_MOST] =
	    (struct cd_cell){.rank = rank, .v.text = {.p = user, .n = strlen(user)}};
	r.cell[CD_F_STARTED_LEAST] = r.cell[CD_F_STARTED_MOST] = (struct cd_cell){.rank = rank, .v.i = start};
	cd_row_follow(&r);
	return r;
}

static void
assert_row(const struct cd_row *r, unsigned disputed, int64_t cost, int64_t apart, const char *user, int64_t start)
{
	assert_int_equal(cd_row_disputed(r), disputed);
	assert_int_equal((int64_t)r->cell[CD_F_COST].v.money.v, cost);
	assert_int_equal((int64_t)cd_row_disputed_cost(r).v, apart);
	assert_int_equal(r->cell[CD_F_USER_ID].v.text.n, strlen(user));
	assert_memory_equal(r->cell[CD_F_USER_ID].v.text.p, user, strlen(user));
	assert_int_equal(r->cell[CD_F_STARTED_US].v.i, start);
}

static void
test_claims_that_differ_are_in_dispute_until_a_higher_rank_spoke(void **state)
{
	const int64_t day = 86400 * (int64_t)1000000, hour = day / 24, near = CD_DISPUTED_APART_US;
	const struct cd_row honest = claim(CD_RANK_REPORTED, 75, "u-1", day), same = honest;
	const struct cd_row zero = claim(CD_RANK_REPORTED, 0, "u-1", day + near);
	const struct cd_row moved = claim(CD_RANK_REPORTED, 9999, "u-9", hour);
	const struct cd_row opened = claim(CD_RANK_OPENED, 1, "u-1", day),
			    imported = claim(CD_RANK_IMPORTED, 1, "u-2", 0);
	struct cd_row books = claim(CD_RANK_LOOKED_UP, 70, "u-1", day),
		      verdict = claim(CD_RANK_OPERATOR, 60, "u-9", day);
	struct cd_row r = join_of(honest, &same);

	(void)state;
	assert_row(&r, 0, 75, 0, "u-1", day);
	r = join_of(r, &zero); /* starts of a quarter of an hour apart are one */
	assert_row(&r, CD_DISPUTED_COST, 0, 75, "u-1", day);
	r = join_of(honest, &moved);
	assert_row(&r, CD_DISPUTED_COST | CD_DISPUTED_USER | CD_DISPUTED_START, 75, 9999 - 75, "unknown", day);
	r = join_of(honest, &opened);
	r = join_of(r, &imported);
	assert_row(&r, 0, 75, 0, "u-1", day);

	/* the provider says the cost and the time; who asked, it was only told */
	memset(&books.cell[CD_F_USER_LEAST], 0, sizeof books.cell[0]);
	memset(&books.cell[CD_F_USER_MOST], 0, sizeof books.cell[0]);
	memset(&books.cell[CD_F_STARTED_LEAST], 0, sizeof books.cell[0]);
	memset(&books.cell[CD_F_STARTED_MOST], 0, sizeof books.cell[0]);
	books.cell[CD_F_BOOKED_US] = (struct cd_cell){.rank = CD_RANK_LOOKED_UP, .v.i = day + 7};
	r = join_of(join_of(honest, &moved), &books);
	assert_row(&r, CD_DISPUTED_USER, 70, 0, "unknown", day + 7);
	r = join_of(r, &verdict);
	assert_row(&r, 0, 60, 0, "u-9", day);
	verdict = claim(CD_RANK_OPERATOR + 1, 50, "u-1", day);
	r = join_of(r, &verdict); /* a later decision ranks higher, be it lower or not */
	assert_row(&r, 0, 50, 0, "u-1", day);
}

static struct cd_row
tokens(uint8_t rank, int64_t prompt, int64_t completion)
{
	struct cd_row r = {.key = {.p = "k", .n = 1}};

	r.cell[CD_F_PROMPT_TOKENS] = (struct cd_cell){.rank = rank, .v.i = prompt};
	r.cell[CD_F_COMPLETION_TOKENS] = (struct cd_cell){.rank = rank, .v.i = completion};
	r.cell[CD_F_PROMPT_MOST] = r.cell[CD_F_PROMPT_TOKENS];
	r.cell[CD_F_COMPLETION_MOST] = r.cell[CD_F_COMPLETION_TOKENS];
	return r;
}

static void
assert_tokens(const struct cd_row *r, unsigned disputed, int64_t prompt, int64_t completion)
{
	assert_int_equal(cd_row_disputed(r), disputed);
	assert_int_equal(r->cell[CD_F_PROMPT_TOKENS].v.i, prompt);
	assert_int_equal(r->cell[CD_F_COMPLETION_TOKENS].v.i, completion);
}

static void
test_of_tokens_in_dispute_the_least_count(void **state)
{
	const struct cd_row honest = tokens(CD_RANK_REPORTED, 3000, 700),
			    raised = tokens(CD_RANK_REPORTED, 1000000, 700), zero = tokens(CD_RANK_FILL, 0, 0),
			    half = tokens(CD_RANK_FILL, 40, 0), opened = tokens(CD_RANK_OPENED, 3000, 20),
			    books = tokens(CD_RANK_LOOKED_UP, 3001, 700);
	struct cd_row r = join_of(honest, &honest);

	(void)state;
	assert_tokens(&r, 0, 3000, 700);
	r = join_of(join_of(opened, &zero), &honest); /* what an open record said before its end is no claim */
	assert_tokens(&r, 0, 3000, 700);
	r = join_of(r, &raised);
	assert_tokens(&r, CD_DISPUTED_TOKENS, 3000, 700);
	assert_int_equal(r.cell[CD_F_PROMPT_MOST].v.i, 1000000);
	r = join_of(r, &books);
	assert_tokens(&r, 0, 3001, 700);
	r = join_of(zero, &half); /* a zero only fills a gap */
	assert_tokens(&r, 0, 40, 0);
}

static void
test_who_pays_upstream_is_in_dispute_with_the_cost(void **state)
{
	struct cd_row no = claim(CD_RANK_REPORTED, 5, "u-1", 10), yes = no;

	(void)state;
	no.cell[CD_F_IS_BYOK] = no.cell[CD_F_IS_BYOK_LEAST] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = 0};
	yes.cell[CD_F_IS_BYOK] = yes.cell[CD_F_IS_BYOK_LEAST] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = 1};
	assert_int_equal(cd_row_disputed(&no), 0);
	assert_int_equal(cd_row_disputed(&yes), 0);
	(void)cd_join(&no, &yes);
	assert_int_equal(cd_row_disputed(&no), CD_DISPUTED_COST);
	yes.cell[CD_F_IS_BYOK].rank = yes.cell[CD_F_IS_BYOK_LEAST].rank = CD_RANK_LOOKED_UP;
	(void)cd_join(&no, &yes);
	assert_int_equal(cd_row_disputed(&no), 0);
}

static void
test_rows_of_before_are_one_claim(void **state)
{
	struct cd_row a = {.key = {.p = "k", .n = 1}}, b = a, now = claim(CD_RANK_REPORTED, 5, "u-1", 10);

	(void)state;
	a.cell[CD_F_COST] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.money = {.v = 3}};
	b.cell[CD_F_COST] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.money = {.v = 9}};
	a.cell[CD_F_STARTED_US] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = 20};
	b.cell[CD_F_STARTED_US] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = 10};
	a.cell[CD_F_USER_ID] = b.cell[CD_F_USER_ID] = now.cell[CD_F_USER_MOST];
	cd_join_before(&a, &b);
	cd_row_of_before(&a);
	cd_row_follow(&a);
	assert_row(&a, 0, 9, 0, "u-1", 10);
	(void)cd_join(&a, &now);
	assert_row(&a, CD_DISPUTED_COST, 5, 4, "u-1", 10);
}

static void
test_highest_rank_wins(void **state)
{
	struct cd_row a = {.key = {.p = "k", .n = 1}}, b = a;

	(void)state;
	a.cell[CD_F_COST] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.money = {.v = 9}};
	b.cell[CD_F_COST] = (struct cd_cell){.rank = CD_RANK_LOOKED_UP, .v.money = {.v = 1}};
	assert_true(cd_join(&a, &b));
	assert_int_equal(a.cell[CD_F_COST].v.money.v, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_join_is_commutative_associative_idempotent),
	    cmocka_unit_test(test_records_in_any_order_repeated_and_regrouped_give_the_same_row),
	    cmocka_unit_test(test_null_never_beats_a_value_and_zero_is_one),
	    cmocka_unit_test(test_claims_that_differ_are_in_dispute_until_a_higher_rank_spoke),
	    cmocka_unit_test(test_of_tokens_in_dispute_the_least_count),
	    cmocka_unit_test(test_who_pays_upstream_is_in_dispute_with_the_cost),
	    cmocka_unit_test(test_rows_of_before_are_one_claim),
	    cmocka_unit_test(test_highest_rank_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
