/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Persons who are merged, taken apart and renamed, in any order among records: what the users' usage is
 * at the end follows from the records and from who is merged then, whatever numbers they got, and no row and no
 * total ever changes by a merge.
 *
 * METERING_TEST_SEED repeats a run, METERING_TEST_ROUNDS makes it longer.
 */
#include "fixture.h"

#include "persons/merge.h"
#include "read/read.h"
#include "base/day.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERSONS 7u
#define RECORDS 60u
#define NOBODY  PERSONS

/* Ids that a careless comparison takes for each other; two persons have one name. */
static const char *const ids[PERSONS] = {
    "u-1", "U-1", "u-1 ", " u-1", "\xc3\xbc-1", "u-1\xcc\x88", "11111111-2222-4333-8444-555555555555"};

static struct fx f;

/* What the test knows: who is merged into whom, and what each spent, in millionths of a USD. */
struct truth {
	unsigned into[PERSONS];
	int64_t spent[PERSONS];
	uint64_t requests[PERSONS];
};

static uint64_t
pick(uint64_t *seed, uint64_t n)
{
	return fx_random(seed) % n;
}

static unsigned
shown(const struct truth *t, unsigned person)
{
	while (t->into[person] != NOBODY)
		person = t->into[person];
	return person;
}

static unsigned
person_of(const char *id)
{
	for (unsigned i = 0; i < PERSONS; i++)
		if (strcmp(ids[i], id) == 0)
			return i;
	fail_msg("a user of another id: %s", id);
	return NOBODY;
}

/* ---- what is asked ---- */

static om_status
merge(unsigned person, unsigned into, const char **shown_as)
{
	Om__MergeQuery q = OM__MERGE_QUERY__INIT;
	Om__UserReply out = OM__USER_REPLY__INIT;
	om_err e = {.text = ""};
	om_status s;

	q.id = om_arena_strdup(&f.a, ids[person]);
	q.into = into != NOBODY ? om_arena_strdup(&f.a, ids[into]) : NULL;
	s = cd_merge(f.pool, &q, FX_START, FX_DEADLINE, &f.a, &out, &e);
	*shown_as = s == OM_OK ? out.user->id : "";
	assert_true(s == OM_OK || e.text[0] != '\0');
	return s;
}

static void
read_usage(Om__UsageReply *out)
{
	static Om__Dimension by[] = {OM__DIMENSION__DIMENSION_USER};
	Om__Period period = OM__PERIOD__INIT;
	Om__UsageQuery q = OM__USAGE_QUERY__INIT;
	om_err e = {.text = ""};

	*out = (Om__UsageReply)OM__USAGE_REPLY__INIT;
	period.has_from_day = period.has_to_day = true;
	period.from_day = (int32_t)(FX_START / OM_DAY) - 2;
	period.to_day = period.from_day + 5;
	q.period = &period;
	q.n_group_by = 1;
	q.group_by = by;
	fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, out, &e), &e);
}

/* assert_holds compares the users' usage with what the test knows. */
static void
assert_holds(const struct truth *t)
{
	int64_t spent[PERSONS] = {0};
	uint64_t requests[PERSONS] = {0}, all = 0;
	Om__UsageReply out;
	size_t with_usage = 0;

	for (unsigned i = 0; i < PERSONS; i++) {
		spent[shown(t, i)] += t->spent[i];
		requests[shown(t, i)] += t->requests[i];
		all += t->requests[i];
	}
	for (unsigned i = 0; i < PERSONS; i++)
		with_usage += requests[i] > 0;
	read_usage(&out);
	assert_int_equal(out.total->requests, all);
	assert_int_equal(out.n_rows, with_usage);
	for (size_t i = 0; i < out.n_rows; i++) {
		const unsigned person = person_of(out.rows[i]->user);
		om_money cost = OM_MONEY_ZERO;

		assert_int_equal(out.rows[i]->figures->requests, requests[person]);
		assert_int_equal(om_money_parse(out.rows[i]->figures->cost, &cost, NULL), OM_OK);
		assert_true(cost.v == (om_i128)spent[person] * 1000000000000);
	}
}

/* ---- histories ---- */

static Om__Record *
record_of(struct truth *t, uint64_t number, uint64_t *seed)
{
	const unsigned person = (unsigned)pick(seed, PERSONS);
	const int64_t cost = (int64_t)pick(seed, 1000000);
	char id[24], text[24];
	Om__Record *r;

	(void)snprintf(id, sizeof id, "gen-%llu", (unsigned long long)number);
	(void)snprintf(text, sizeof text, "0.%06lld", (long long)cost);
	r = fx_record(&f.a, number, id, ids[person], text);
	r->started_us = FX_START + (om_time)number * OM_SECOND;
	r->user->name = om_arena_strdup(&f.a, pick(seed, 3) == 0 ? "Renamed" : "Ada");
	t->spent[person] += cost;
	t->requests[person]++;
	return r;
}

/* change merges somebody, or takes a merge back, and expects what the rules say. */
static void
change(struct truth *t, uint64_t *seed)
{
	const unsigned person = (unsigned)pick(seed, PERSONS), into = (unsigned)pick(seed, PERSONS + 2);
	const char *as = "";
	om_status s, expected = OM_OK;

	if (t->requests[person] == 0 || (into < PERSONS && t->requests[into] == 0))
		return; /* nobody has seen them yet */
	s = merge(person, into < PERSONS ? into : NOBODY, &as);
	if (into >= PERSONS)
		expected = t->into[person] == NOBODY ? OM_CONFLICT : OM_OK;
	else if (into == person)
		expected = OM_INVALID;
	else if (t->into[person] == into)
		expected = OM_OK; /* said again */
	else if (t->into[person] != NOBODY || shown(t, into) == person)
		expected = OM_CONFLICT;
	assert_int_equal(s, expected);
	if (s != OM_OK)
		return;
	t->into[person] = into < PERSONS ? into : NOBODY;
	assert_string_equal(as, ids[shown(t, person)]);
}

static const char all_rows[] =
    "SELECT CONCAT_WS('|',generation_id,user_id,cost,day) FROM as_text_generation ORDER BY generation_id";
static const char all_totals[] =
    "SELECT CONCAT_WS('|',day,user_id,model,requests,cost) FROM as_text_day WHERE requests<>0 ORDER BY 1";

static void
start(struct truth *t)
{
	memset(t, 0, sizeof *t);
	for (unsigned i = 0; i < PERSONS; i++)
		t->into[i] = NOBODY;
	fx_open(&f);
}

static void
test_any_history_of_merges_gives_each_their_own_back(void **state)
{
	const char *rounds_text = getenv("METERING_TEST_ROUNDS");
	const unsigned rounds = rounds_text != NULL ? (unsigned)strtoul(rounds_text, NULL, 10) : 4;
	uint64_t seed = fx_seed();

	(void)state;
	for (unsigned round = 0; round < rounds; round++) {
		Om__SubmitReply reply = OM__SUBMIT_REPLY__INIT;
		Om__Record *r[RECORDS];
		const char *rows, *totals, *as = "";
		struct truth t;

		start(&t);
		for (uint64_t n = 0; n < RECORDS; n++) {
			r[n] = record_of(&t, n, &seed);
			assert_int_equal(fx_submit(&f, &r[n], 1, n + 1, &reply), OM_OK);
			if (pick(&seed, 3) == 0)
				change(&t, &seed);
			if (pick(&seed, 8) == 0)
				assert_holds(&t);
		}
		assert_holds(&t);
		fx_no_differences(&f);
		rows = fx_text(&f, all_rows);
		totals = fx_text(&f, all_totals);
		for (unsigned i = 0; i < PERSONS; i++) { /* all are taken apart */
			if (t.into[i] == NOBODY)
				continue;
			assert_int_equal(merge(i, NOBODY, &as), OM_OK);
			t.into[i] = NOBODY;
		}
		assert_holds(&t);
		assert_string_equal(fx_text(&f, all_rows), rows);
		assert_string_equal(fx_text(&f, all_totals), totals);
		fx_close(&f);
	}
}

static void
test_the_ledger_is_the_same_under_other_numbers(void **state)
{
	char *first_rows = NULL, *first_totals = NULL;
	const uint64_t seed = fx_seed();

	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		Om__SubmitReply reply = OM__SUBMIT_REPLY__INIT;
		Om__Record *r[RECORDS];
		uint64_t again = seed;
		const char *as = "";
		struct truth t;

		start(&t);
		for (uint64_t n = 0; n < RECORDS; n++)
			r[n] = record_of(&t, n, &again);
		for (uint64_t n = 0; n < RECORDS; n++)
			assert_int_equal(fx_submit(&f, &r[order == 0 ? n : RECORDS - 1 - n], 1, n + 1, &reply), OM_OK);
		if (t.requests[0] > 0 && t.requests[1] > 0) {
			assert_int_equal(merge(0, 1, &as), OM_OK);
			t.into[0] = 1;
		}
		assert_holds(&t);
		fx_no_differences(&f);
		if (order == 0) {
			first_rows = strdup(fx_text(&f, all_rows));
			first_totals = strdup(fx_text(&f, all_totals));
		} else {
			assert_string_equal(fx_text(&f, all_rows), first_rows);
			assert_string_equal(fx_text(&f, all_totals), first_totals);
		}
		fx_close(&f);
	}
	free(first_rows);
	free(first_totals);
}

static Om__User *
user(const char *id)
{
	Om__UserQuery q = OM__USER_QUERY__INIT;
	Om__UserReply out = OM__USER_REPLY__INIT;
	om_err e = {.text = ""};

	q.id = om_arena_strdup(&f.a, id);
	fx_ok(cd_user_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	return out.user;
}

static void
test_who_is_merged_is_found_under_both_ids(void **state)
{
	Om__UsersQuery all = OM__USERS_QUERY__INIT;
	Om__UsersReply users = OM__USERS_REPLY__INIT;
	Om__SubmitReply reply = OM__SUBMIT_REPLY__INIT;
	const char *as = "";
	om_err e = {.text = ""};
	Om__Record *r[2];
	struct truth t;
	char long_name[301];

	(void)state;
	start(&t);
	memset(long_name, 'n', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	r[0] = fx_record(&f.a, 1, "gen-1", ids[0], "0.5");
	r[0]->user->name = om_arena_strdup(&f.a, long_name);
	r[1] = fx_record(&f.a, 2, "gen-2", ids[1], "0.25");
	r[1]->started_us += OM_DAY;
	r[1]->received_us += OM_DAY;
	assert_int_equal(fx_submit(&f, r, 2, 1, &reply), OM_OK);
	assert_int_equal(merge(2, 0, &as), OM_NOT_FOUND);
	assert_int_equal(merge(0, 2, &as), OM_NOT_FOUND);
	assert_int_equal(merge(1, 0, &as), OM_OK);
	assert_string_equal(as, ids[0]);
	for (unsigned i = 0; i < 2; i++) {
		const Om__User *u = user(ids[i]);

		assert_string_equal(u->id, ids[0]);
		assert_string_equal(u->name, long_name);
		assert_int_equal(u->n_merged, 1);
		assert_string_equal(u->merged[0], ids[1]);
		assert_int_equal(u->first_seen_us, FX_START);
		assert_int_equal(u->last_seen_us, FX_START + OM_DAY);
	}
	fx_ok(cd_users_read(f.pool, &all, FX_DEADLINE, &f.a, &users, &e), &e);
	assert_int_equal(users.n_items, 1);
	all.q = om_arena_strdup(&f.a, ids[1]); /* whoever looks for the other id finds the person */
	fx_ok(cd_users_read(f.pool, &all, FX_DEADLINE, &f.a, &users, &e), &e);
	assert_int_equal(users.n_items, 1);
	assert_string_equal(users.items[0]->id, ids[0]);
	assert_int_equal(merge(1, NOBODY, &as), OM_OK);
	assert_string_equal(as, ids[1]);
	assert_int_equal(user(ids[0])->n_merged, 0);
	assert_int_equal(merge(1, NOBODY, &as), OM_CONFLICT);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_is_merged_is_found_under_both_ids),
	    cmocka_unit_test(test_the_ledger_is_the_same_under_other_numbers),
	    cmocka_unit_test(test_any_history_of_merges_gives_each_their_own_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
