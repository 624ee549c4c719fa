/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Random histories through record, join and roll-up, without a database: in any
 * order, repeated, in batches cut anywhere, one history gives the same rows, and
 * the totals moved along the way are those of the rows at the end.
 *
 * METERING_TEST_SEED repeats a run, METERING_TEST_ROUNDS makes it longer.
 */
#include "record_fixture.h"

#include "names/known.h"
#include "store/rollup.h"
#include "store/store.h"
#include "value/record.h"
#include "record.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS    600u
#define ORDERS    4u
#define MOST_GENS 40u
#define MOST      (MOST_GENS * 9u)
#define ARENA     ((size_t)256 * 1024 * 1024)
#define START     ((om_time)1790000000 * OM_SECOND)

static uint64_t
pick(uint64_t *seed, uint64_t n)
{
	return fx_random(seed) % n;
}

static char *
one_of(struct om_arena *a, uint64_t *seed, const char *const *words, size_t n)
{
	const char *word = words[pick(seed, n)];

	return word != NULL ? om_arena_strdup(a, word) : NULL;
}

static char *
amount(struct om_arena *a, uint64_t *seed)
{
	static const char *const edges[] = {"0", "0.000000000000000001", "10000", "0.1"};
	uint64_t x = fx_random(seed);

	if (x % 5 == 0)
		return one_of(a, seed, edges, 4);
	return om_arena_printf(
	    a, "%u.%018llu", (unsigned)(x >> 8 & 3), (unsigned long long)((x >> 10) % 1000000000000000000u));
}

/* What one generation really was; its records tell parts of it. */
struct truth {
	char *id;
	char *user, *cost, *other_cost, *model;
	om_time start;
	int64_t tokens;
	bool byok, cancelled;
};

static void
set_groups(Om__Record *r, struct om_arena *a, uint64_t *seed)
{
	static const char *const names[] = {"staff", "Staff", "a \"b\" \\", "\xc3\x9cn\xc3\xaf", "", "pupils"};
	size_t n = pick(seed, 5);

	r->user->groups = om_arena_array(a, n + 1, sizeof(char *));
	for (r->user->n_groups = 0; r->user->n_groups < n; r->user->n_groups++)
		r->user->groups[r->user->n_groups] = one_of(a, seed, names, 6);
}

/* witness makes a record of a sender: the plugin, a trace, or an import. */
static void
witness(Om__Record *r, const struct truth *t, struct om_arena *a, uint64_t *seed)
{
	static const char *const sources[] = {"filter-stream", "filter-inlet", OM_SOURCE_OTLP, "import", NULL};
	static const char *const providers[] = {"P1", "P2", NULL}, *const origins[] = {"ui", "api", NULL};
	static const char *const tasks[] = {"title_generation", NULL, NULL};

	r->source = one_of(a, seed, sources, 5);
	r->provider = one_of(a, seed, providers, 3);
	r->origin = one_of(a, seed, origins, 3);
	r->task = one_of(a, seed, tasks, 3);
	r->model = pick(seed, 4) > 0 ? t->model : NULL;
	r->has_started_us = pick(seed, 4) > 0;
	r->started_us = t->start + (om_time)pick(seed, 3);
	r->has_finished_us = !r->has_started_us || pick(seed, 2) > 0;
	r->finished_us = t->start + OM_SECOND + (om_time)pick(seed, 3);
	r->state = pick(seed, 3) == 0 ? OM__STATE__STATE_OPEN
	    : t->cancelled            ? OM__STATE__STATE_CANCELLED
				      : OM__STATE__STATE_FINAL;
	set_groups(r, a, seed);
	if (r->state == OM__STATE__STATE_OPEN)
		return;
	r->has_prompt_tokens = pick(seed, 3) > 0;
	r->prompt_tokens = t->tokens;
	if (!t->cancelled && pick(seed, 3) > 0) {
		r->cost = pick(seed, 6) == 0 ? t->other_cost : t->cost;
		r->has_cost_state = pick(seed, 3) == 0;
		r->cost_state = pick(seed, 2) == 0 ? OM__COST_STATE__COST_ESTIMATED : OM__COST_STATE__COST_REPORTED;
	}
	r->has_is_byok = pick(seed, 2) > 0;
	r->is_byok = t->byok;
	r->byok_cost = t->byok ? t->other_cost : NULL;
}

/* look_up is a look-up's record, which may come late, correct the cost, and name
 * a dated model; its token counts are zero at first. */
static void
look_up(Om__Record *r, const struct truth *t, struct om_arena *a, uint64_t *seed)
{
	r->source = om_arena_strdup(a, CD_LOOK_UP);
	r->model = om_arena_printf(a, "%s-20260101", t->model);
	r->state = t->cancelled ? OM__STATE__STATE_CANCELLED : OM__STATE__STATE_FINAL;
	r->has_started_us = true;
	r->started_us = t->start + OM_DAY;
	r->cost = pick(seed, 2) == 0 ? t->cost : t->other_cost;
	r->has_cost_state = true;
	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	r->has_prompt_tokens = true;
	r->prompt_tokens = pick(seed, 2) == 0 ? 0 : t->tokens + 1;
	r->has_is_byok = true;
	r->is_byok = t->byok;
}

static Om__Record *
random_record(const struct truth *t, struct om_arena *a, uint64_t *seed)
{
	Om__Record *r = om_msg_new(a, &om__record__descriptor);
	unsigned char *id = om_arena_alloc(a, CD_RECORD_ID);
	om_err e = {.text = ""};

	assert_true(r != NULL && id != NULL);
	if (r == NULL || id == NULL)
		abort();
	for (unsigned i = 0; i < CD_RECORD_ID; i++)
		id[i] = (unsigned char)fx_random(seed);
	r->record_id = (ProtobufCBinaryData){.len = CD_RECORD_ID, .data = id};
	r->generation_id = t->id;
	r->user = om_msg_new(a, &om__user__descriptor);
	r->user->id = pick(seed, 8) == 0 ? om_arena_strdup(a, OM_USER_UNKNOWN) : t->user;
	if (pick(seed, 6) == 0)
		look_up(r, t, a, seed);
	else
		witness(r, t, a, seed);
	if (cd_record_fit(r, a, &e) != OM_OK)
		fail_msg("%s", e.text);
	return r;
}

/* The ledger in memory: rows in the order their keys came, and every movement. */
struct memory {
	struct cd_row rows[MOST_GENS];
	om_day days[MOST_GENS];
	size_t n_rows;
	struct cd_delta *moves; /* in the arena */
	size_t n_moves;
	struct om_arena a;
};

static struct cd_row *
find(struct memory *m, struct cd_text key)
{
	for (size_t i = 0; i < m->n_rows; i++)
		if (cd_store_key_cmp(m->rows[i].key, key) == 0)
			return &m->rows[i];
	return NULL;
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

/* take is the ledger's way with one key of a batch: joined first, then with the
 * stored row, then the totals moved by the difference. */
static void
take(struct memory *m, const struct cd_row *joined)
{
	struct cd_row *old = find(m, joined->key), now = *joined, *kept;
	om_err e = {.text = ""};

	if (old != NULL) {
		now = *old;
		if (!cd_join(&now, joined))
			return;
	}
	kept = om_arena_alloc(&m->a, 2 * sizeof *kept); /* movements borrow their rows */
	assert_non_null(kept);
	kept[0] = now;
	if (old != NULL)
		kept[1] = *old;
	know(&kept[0]);
	assert_int_equal(cd_rollup_move(NULL, old != NULL ? &kept[1] : NULL, old != NULL ? m->days[old - m->rows] : 0,
			     &kept[0], m->moves, &m->n_moves, &e),
	    OM_OK);
	if (old == NULL)
		old = &m->rows[m->n_rows++];
	*old = now;
	m->days[old - m->rows] = cd_row_day(&now);
}

static void
submit(struct memory *m, Om__Record *const *r, size_t n)
{
	struct cd_row rows[64];
	om_err e = {.text = ""};

	for (size_t i = 0; i < n; i++)
		assert_int_equal(cd_record_row(r[i], &m->a, &rows[i], &e), OM_OK);
	for (size_t i = 0; i < n; i++) {
		bool first = true;
		struct cd_row joined = rows[i];

		for (size_t k = 0; k < i; k++)
			first = first && cd_store_key_cmp(rows[k].key, rows[i].key) != 0;
		for (size_t k = i + 1; first && k < n; k++)
			if (cd_store_key_cmp(rows[k].key, rows[i].key) == 0)
				(void)cd_join(&joined, &rows[k]);
		if (first)
			take(m, &joined);
	}
}

static void
open_memory(struct memory *m)
{
	memset(m, 0, sizeof *m);
	om_arena_init(&m->a, ARENA);
	m->moves = om_arena_array(&m->a, 8 * (size_t)MOST, sizeof *m->moves);
	assert_non_null(m->moves);
}

static void
play(struct memory *m, Om__Record *const *r, size_t n, uint64_t *seed)
{
	for (size_t at = 0; at < n;) {
		size_t size = 1 + pick(seed, 60);

		size = size < n - at ? size : n - at;
		submit(m, r + at, size);
		at += size;
	}
}

static void
shuffle(Om__Record **r, size_t n, uint64_t *seed)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = pick(seed, i);
		Om__Record *t = r[i - 1];

		r[i - 1] = r[k];
		r[k] = t;
	}
}

static void
assert_same_rows(struct memory *a, struct memory *b)
{
	assert_int_equal(a->n_rows, b->n_rows);
	for (size_t i = 0; i < a->n_rows; i++) {
		const struct cd_row *other = find(b, a->rows[i].key);

		assert_non_null(other);
		for (unsigned f = 0; f < CD_N_FIELDS; f++)
			if (!fx_same_cell(f, &a->rows[i].cell[f], &other->cell[f]))
				fail_msg("%s of %s differs", cd_fields[f].column, a->rows[i].key.p);
	}
}

struct sum {
	om_money cost, byok_cost;
	int64_t requests, prompt_tokens, unsettled;
};

/* sum_of adds up what the movements say of one day and line (NULL: of all). */
static struct sum
sum_of(const struct cd_delta *d, size_t n, const struct cd_delta *line)
{
	struct sum s = {.requests = 0};

	for (size_t i = 0; d != NULL && i < n; i++) {
		if (line != NULL && (d[i].day != line->day || memcmp(d[i].key, line->key, sizeof line->key) != 0))
			continue;
		s.cost.v += d[i].by.cost.v;
		s.byok_cost.v += d[i].by.byok_cost.v;
		s.requests += d[i].by.requests;
		s.prompt_tokens += d[i].by.prompt_tokens;
		s.unsettled += d[i].by.unsettled;
	}
	return s;
}

static void
assert_same_sum(const struct sum *a, const struct sum *b)
{
	assert_true(a->cost.v == b->cost.v && a->byok_cost.v == b->byok_cost.v);
	assert_int_equal(a->requests, b->requests);
	assert_int_equal(a->prompt_tokens, b->prompt_tokens);
	assert_int_equal(a->unsettled, b->unsettled);
}

/* assert_totals: each line that was ever moved stands where the rows at the end
 * put it, at nothing if none of them is in it. */
static void
assert_totals(struct memory *m)
{
	struct cd_delta end[MOST_GENS];
	size_t n = 0;
	om_err e = {.text = ""};

	for (size_t i = 0; i < m->n_rows; i++)
		assert_int_equal(cd_rollup_move(NULL, NULL, 0, &m->rows[i], end, &n, &e), OM_OK);
	for (size_t i = 0; i < m->n_moves; i++) {
		struct sum moved = sum_of(m->moves, m->n_moves, &m->moves[i]), must = sum_of(end, n, &m->moves[i]);

		assert_same_sum(&moved, &must);
	}
	struct sum moved = sum_of(m->moves, m->n_moves, NULL), must = sum_of(end, n, NULL);

	assert_same_sum(&moved, &must);
	assert_int_equal(moved.requests, m->n_rows);
}

static size_t
make_history(Om__Record **r, struct om_arena *a, uint64_t *seed)
{
	static const char *const users[] = {"u-1", "U-1", "u-2"}, *const models[] = {"m/a", "m/b"};
	size_t gens = 1 + pick(seed, MOST_GENS), n = 0;

	for (size_t g = 0; g < gens; g++) {
		struct truth t = {
		    .id = om_arena_printf(a, "gen-%zu", g),
		    .user = one_of(a, seed, users, 3),
		    .model = one_of(a, seed, models, 2),
		    .cost = amount(a, seed),
		    .other_cost = amount(a, seed),
		    .start = START + (om_time)pick(seed, 4) * OM_DAY - (om_time)pick(seed, 2),
		    .tokens = (int64_t)pick(seed, 1000),
		    .byok = pick(seed, 4) == 0,
		    .cancelled = pick(seed, 5) == 0,
		};

		for (size_t k = 1 + pick(seed, 4); k > 0; k--)
			r[n++] = random_record(&t, a, seed);
	}
	return n;
}

static void
test_any_order_gives_the_same_rows_and_their_totals(void **state)
{
	const char *asked = getenv("METERING_TEST_ROUNDS");
	const unsigned long rounds = asked != NULL ? strtoul(asked, NULL, 10) : ROUNDS;
	const uint64_t first_seed = fx_seed();

	(void)state;
	for (unsigned long round = 0; round < rounds; round++) {
		uint64_t seed = first_seed + round * 1000003u;
		static struct memory first, other;
		Om__Record *r[2 * MOST];
		struct om_arena a;
		size_t n;

		om_arena_init(&a, ARENA);
		n = make_history(r, &a, &seed);
		open_memory(&first);
		play(&first, r, n, &seed);
		assert_totals(&first);
		for (unsigned order = 0; order < ORDERS; order++) {
			size_t all = n;

			for (size_t i = pick(&seed, n); i > 0; i--) /* sent again */
				r[all++] = r[pick(&seed, n)];
			shuffle(r, all, &seed);
			open_memory(&other);
			play(&other, r, all, &seed);
			assert_same_rows(&first, &other);
			assert_totals(&other);
			om_arena_fini(&other.a);
			/* keep each record once for the next order */
			for (size_t i = 0, kept = 0; i < all; i++) {
				bool again = false;

				for (size_t k = 0; k < kept; k++)
					again = again || r[k] == r[i];
				if (!again)
					r[kept++] = r[i];
			}
		}
		om_arena_fini(&first.a);
		om_arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_order_gives_the_same_rows_and_their_totals)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
