/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The ledger against a real database. */
#include "fixture.h"

#include "ledger/bring_up.h"
#include "ledger/rebuild.h"
#include "record.pb-c.h"
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char rows_sql[] =
    "SELECT CONCAT_WS('|',generation_id,user_id,started_us,day,IFNULL(finished_us,'-'),state,cost_state,"
    "IFNULL(cost,'-'),IFNULL(byok_cost,'-'),IFNULL(is_byok,'-'),IFNULL(prompt_tokens,'-'),"
    "IFNULL(completion_tokens,'-'),IFNULL(reasoning_tokens,'-'),IFNULL(cached_tokens,'-'),"
    "IFNULL(cache_write_tokens,'-'),IFNULL(model,'-'),IFNULL(provider,'-'),IFNULL(requested_model,'-'),"
    "IFNULL(origin,'-'),IFNULL(task,'-'),IFNULL(source,'-'),HEX(ranks)) FROM as_text_generation ORDER BY generation_id";
static const char totals_sql[] =
    "SELECT "
    "CONCAT_WS('|',day,user_id,IFNULL(user_groups,'-'),IFNULL(model,'-'),IFNULL(task,'-'),requests,prompt_tokens,"
    "completion_tokens,"
    "reasoning_tokens,cached_tokens,cache_write_tokens,cost,byok_cost,unsettled) FROM as_text_day WHERE requests<>0 "
    "ORDER BY 1";
static const char users_sql[] =
    "SELECT CONCAT_WS('|',id,IFNULL(name,'-'),IFNULL(email,'-'),IFNULL(role,'-'),IFNULL(groups_json,'-'),"
    "first_seen_us,last_seen_us) FROM as_text_user ORDER BY id";

static void
test_batch_sent_twice_counts_once(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[3];
	struct fx f;

	(void)state;
	fx_open(&f);
	r[0] = fx_record(&f.a, 1, "gen-1", "u-1", "0.003");
	r[1] = fx_record(&f.a, 2, "gen-2", "u-1", "0.000000125");
	r[2] = fx_record(&f.a, 3, "gen-3", "u-2", NULL);
	assert_int_equal(fx_submit(&f, r, 3, 1, &out), OM_OK);
	assert_int_equal(out.new_records, 3);
	r[1]->received_us += 5; /* the gateway's clock is not part of a record's identity */
	assert_int_equal(fx_submit(&f, r, 3, 1, &out), OM_OK);
	assert_int_equal(out.duplicate_records, 3);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM generation"), 3);
	assert_string_equal(fx_text(&f, "SELECT CAST(SUM(cost) AS CHAR) FROM usage_day"), "0.003000125000000000\n");
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(unsettled) AS SIGNED) FROM usage_day"), 1);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup WHERE generation_id='gen-3'"), 1);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 1);
	assert_int_equal(fx_int(&f, "SELECT deliveries FROM batch"), 2);
	assert_int_equal(fx_int(&f, "SELECT new_records FROM batch"), 3);
	fx_no_differences(&f);
	fx_close(&f);
}

static void
test_records_without_a_key_and_conflicts_become_dead_letters(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[6];
	struct fx f;

	(void)state;
	fx_open(&f);
	r[0] = fx_record(&f.a, 1, "gen-1", "u-1", "0.003");
	r[1] = fx_record(&f.a, 2, "gen-2", "u-1", "-1");
	r[2] = fx_record(&f.a, 3, "gen-3", "u-1", "10001");
	r[3] = fx_record(&f.a, 4, NULL, "u-1", "1");
	r[4] = fx_record(&f.a, 1, "gen-1", "u-1", "0.004"); /* the id of the first, other content */
	r[5] = fx_record(&f.a, 6, "gen-6", "", "1");
	assert_int_equal(fx_submit(&f, r, 6, 10, &out), OM_OK);
	assert_int_equal(out.new_records, 4);
	assert_int_equal(out.refused_records, 2);
	assert_int_equal(fx_submit(&f, r, 6, 10, &out), OM_OK);
	assert_int_equal(out.duplicate_records, 4);
	assert_int_equal(out.refused_records, 2);
	assert_int_equal(fx_submit(&f, &r[4], 1, 20, &out), OM_OK);
	assert_int_equal(out.refused_records, 1);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM dead_letter"), 3);
	assert_string_equal(fx_text(&f, "SELECT CONCAT(seq) FROM dead_letter ORDER BY seq"), "13\n14\n20\n");
	/* a cost out of bounds is left out, and a user who is not named is unknown: a
	 * look-up may still bring both */
	assert_string_equal(fx_text(&f,
				"SELECT CONCAT_WS(' ',generation_id,user_id,cost,unsettled) FROM as_text_generation "
				"ORDER BY generation_id"),
	    "gen-1 u-1 0.003000000000000000 0\ngen-2 u-1 1\ngen-3 u-1 1\ngen-6 unknown 1.000000000000000000 0\n");
	fx_no_differences(&f);
	fx_close(&f);
}

/* A record that passes costd's checks and not the database's must not stop the others. */
static void
test_record_the_database_refuses_is_found_and_buried(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[20];
	struct fx f;

	(void)state;
	fx_open(&f);
	fx_run(&f, "ALTER TABLE generation ADD CONSTRAINT no_poison CHECK (chat_id IS NULL OR chat_id<>'poison')");
	fx_run(&f, "ALTER TABLE word ADD CONSTRAINT no_poison CHECK (text<>'poison')");
	for (unsigned i = 0; i < 20; i++) {
		char id[32];

		(void)snprintf(id, sizeof id, "gen-%u", i);
		r[i] = fx_record(&f.a, i, id, "u-1", "1");
	}
	r[3]->chat_id = om_arena_strdup(&f.a, "poison"); /* a value of the row; the other is a name that rows share */
	r[17]->model = om_arena_strdup(&f.a, "poison");
	assert_int_equal(fx_submit(&f, r, 20, 1, &out), OM_OK);
	assert_int_equal(out.new_records, 18);
	assert_int_equal(out.refused_records, 2);
	assert_string_equal(fx_text(&f, "SELECT GROUP_CONCAT(seq ORDER BY seq) FROM dead_letter"), "4,18\n");
	assert_string_equal(fx_text(&f, "SELECT CAST(SUM(cost) AS CHAR) FROM usage_day"), "18.000000000000000000\n");
	fx_no_differences(&f);
	fx_close(&f);
}

/* ---- a random history in any order ---- */

#define N_HISTORY 400

static Om__Record *
random_record(struct om_arena *a, uint64_t *seed, uint64_t id)
{
	static const char *const models[] = {"m/a", "m/b", NULL};
	static const char *const users[] = {"u-1", "u-2", "U-1", "u-3"};
	char gen[32], cost[32];
	uint64_t x = fx_random(seed);
	Om__Record *r;

	(void)snprintf(gen, sizeof gen, "gen-%03u", (unsigned)(x % 120));
	(void)snprintf(cost, sizeof cost, "0.%09u", (unsigned)(fx_random(seed) % 1000000000));
	r = fx_record(a, id, gen, users[x >> 8 & 3], (x >> 12 & 3) != 0 ? cost : NULL);
	if (r->cost != NULL && (x >> 14 & 3) == 0)
		r->cost_state = OM__COST_STATE__COST_ESTIMATED;
	r->state = (Om__State)(x >> 16 & 3);
	r->model = models[(x >> 18) % 3] != NULL ? om_arena_strdup(a, models[(x >> 18) % 3]) : NULL;
	if ((x >> 20 & 1) != 0)
		r->provider = NULL;
	r->has_prompt_tokens = (x >> 21 & 1) != 0;
	r->prompt_tokens = (int64_t)(x >> 22 & 1023);
	r->started_us += (om_time)(x >> 32 & 7) * OM_DAY / 4;
	r->has_started_us = (x >> 36 & 3) != 0;
	r->finished_us = r->started_us + 1;
	if ((x >> 40 & 7) == 0) {
		r->has_is_byok = r->is_byok = true;
		r->byok_cost = om_arena_strdup(a, cost);
	}
	if ((x >> 43 & 1) != 0) {
		r->user->name = om_arena_strdup(a, (x >> 44 & 1) != 0 ? "Ada" : "Ada Lovelace");
		r->user->n_groups = 1;
		r->user->groups = om_arena_array(a, 1, sizeof(char *));
		r->user->groups[0] = om_arena_strdup(a, (x >> 45 & 1) != 0 ? "staff" : "pupils \"b\"");
	}
	return r;
}

static void
shuffle(Om__Record **r, size_t n, uint64_t *seed)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = fx_random(seed) % i;
		Om__Record *t = r[i - 1];

		r[i - 1] = r[k];
		r[k] = t;
	}
}

static void
send_all(struct fx *f, Om__Record **r, size_t n, uint64_t *seed)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;

	for (size_t at = 0; at < n;) {
		size_t size = 1 + fx_random(seed) % 60;

		if (size > n - at)
			size = n - at;
		assert_int_equal(fx_submit(f, r + at, size, at + 1, &out), OM_OK);
		assert_int_equal(out.refused_records, 0);
		at += size;
	}
}

static void
test_history_in_any_order_gives_the_same_ledger(void **state)
{
	uint64_t seed = fx_seed();
	char *rows = NULL, *totals = NULL, *users = NULL;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		uint64_t history = 7 + seed, order = seed + round;
		Om__Record *r[2 * N_HISTORY];
		struct fx f;
		size_t n = 0;

		fx_open(&f);
		for (uint64_t i = 0; i < N_HISTORY; i++)
			r[n++] = random_record(&f.a, &history, i);
		for (uint64_t i = 0; round > 0 && i < N_HISTORY; i++)
			r[n++] = r[fx_random(&order) % N_HISTORY]; /* duplicates */
		if (round > 0)
			shuffle(r, n, &order);
		send_all(&f, r, n, &order);
		fx_no_differences(&f);
		if (round == 0) {
			rows = strdup(fx_text(&f, rows_sql));
			totals = strdup(fx_text(&f, totals_sql));
			users = strdup(fx_text(&f, users_sql));
		} else {
			assert_string_equal(fx_text(&f, rows_sql), rows);
			assert_string_equal(fx_text(&f, totals_sql), totals);
			assert_string_equal(fx_text(&f, users_sql), users);
		}
		fx_close(&f);
	}
	free(rows);
	free(totals);
	free(users);
}

/* ---- groups that are inherited ---- */

static void
set_groups(Om__Record *r, struct om_arena *a, const char *direct, const char *inherited)
{
	r->user->groups = om_arena_array(a, 2, sizeof(char *));
	r->user->inherited_groups = om_arena_array(a, 1, sizeof(char *));
	r->user->groups[r->user->n_groups++] = om_arena_strdup(a, direct);
	if (inherited == NULL)
		return;
	r->user->groups[r->user->n_groups++] = om_arena_strdup(a, inherited);
	r->user->inherited_groups[r->user->n_inherited_groups++] = om_arena_strdup(a, inherited);
}

/* Those that are inherited go with the groups of the newest record, whatever comes in
 * which order and in which batch. */
static void
test_inherited_groups_are_those_of_the_newest_record(void **state)
{
	static const char sql[] =
	    "SELECT CONCAT_WS(' ',id,groups_json,IFNULL(inherited_json,'-')) FROM as_text_user ORDER BY id";
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[5];
	struct fx f;

	(void)state;
	fx_open(&f);
	r[0] = fx_record(&f.a, 1, "gen-1", "u-1", "1");
	r[1] = fx_record(&f.a, 2, "gen-2", "u-1", "1");
	r[2] = fx_record(&f.a, 3, "gen-3", "u-1", "1"); /* says nothing of groups */
	r[3] = fx_record(&f.a, 4, "gen-4", "u-2", "1");
	r[4] = fx_record(&f.a, 5, "gen-5", "u-2", "1");
	set_groups(r[0], &f.a, "7b", "all");
	set_groups(r[1], &f.a, "8b", NULL);
	set_groups(r[3], &f.a, "7b", "all");
	set_groups(r[4], &f.a, "8b", NULL);
	r[1]->started_us += OM_SECOND;
	r[2]->started_us += 2 * OM_SECOND;
	r[3]->started_us += OM_SECOND;
	assert_int_equal(fx_submit(&f, &r[1], 1, 1, &out), OM_OK);
	assert_int_equal(fx_submit(&f, &r[0], 1, 2, &out), OM_OK);
	assert_int_equal(fx_submit(&f, &r[2], 3, 3, &out), OM_OK);
	assert_string_equal(fx_text(&f, sql), "u-1 [\"8b\"] -\nu-2 [\"7b\",\"all\"] [\"all\"]\n");
	r[1] = fx_record(&f.a, 6, "gen-6", "u-1", "1");
	set_groups(r[1], &f.a, "8b", "all");
	r[1]->started_us += 3 * OM_SECOND;
	assert_int_equal(fx_submit(&f, &r[1], 1, 6, &out), OM_OK);
	assert_string_equal(fx_text(&f, sql), "u-1 [\"8b\",\"all\"] [\"all\"]\nu-2 [\"7b\",\"all\"] [\"all\"]\n");
	fx_close(&f);
}

/* What a trace or an import says of a person counts only until any other record says something; a time
 * after the receipt is the receipt's. */
static void
test_traces_and_imports_only_fill_gaps(void **state)
{
	static const char *const sources[] = {"otlp", "import", "filter-stream", "otlp", "import"};
	static const char *const names[] = {
	    "Of a trace", "Of an import", "Ada", "Of a later trace", "Of a later import"};
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	uint64_t seed = fx_seed();

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		Om__Record *r[5];
		struct fx f;

		fx_open(&f);
		for (uint64_t i = 0; i < 5; i++) {
			r[i] = fx_record(&f.a, i + 1, om_arena_printf(&f.a, "gen-%u", (unsigned)i), "u-1", "1");
			r[i]->source = om_arena_strdup(&f.a, sources[i]);
			r[i]->user->name = om_arena_strdup(&f.a, names[i]);
			r[i]->started_us = FX_START + (om_time)i * OM_SECOND;
		}
		if (round > 0)
			shuffle(r, 5, &seed);
		for (uint64_t i = 0; i < 5; i++)
			assert_int_equal(fx_submit(&f, &r[i], 1, i + 1, &out), OM_OK);
		assert_string_equal(fx_text(&f, "SELECT name FROM as_text_user"), "Ada\n");
		r[0] = fx_record(&f.a, 9, "gen-9", "u-2", "1");
		r[1] = fx_record(&f.a, 10, "gen-10", "u-2", "1");
		r[0]->user->name = om_arena_strdup(&f.a, "Dated ahead");
		r[0]->started_us = r[0]->received_us + 200 * OM_SECOND;
		r[1]->user->name = om_arena_strdup(&f.a, "Later");
		r[1]->received_us = r[1]->started_us = r[0]->received_us + OM_SECOND;
		assert_int_equal(fx_submit(&f, &r[round % 2], 1, 6, &out), OM_OK);
		assert_int_equal(fx_submit(&f, &r[1 - round % 2], 1, 7, &out), OM_OK);
		assert_string_equal(fx_text(&f, "SELECT name FROM as_text_user WHERE id='u-2'"), "Later\n");
		fx_close(&f);
	}
}

/* ---- rows of a program without groups ---- */

static void
test_rows_of_an_older_program_get_their_groups_from_the_journal(void **state)
{
	static const char groups_sql[] =
	    "SELECT GROUP_CONCAT(IFNULL(user_groups,'-') ORDER BY generation_id) FROM as_text_generation";
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	int64_t moved = 0;
	Om__Record *r[4];
	struct fx f;

	(void)state;
	fx_open(&f);
	for (uint64_t i = 0; i < 3; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "gen-%llu", (unsigned long long)i);
		r[i] = fx_record(&f.a, i, id, "u-1", "0.5");
		r[i]->user->n_groups = 1;
		r[i]->user->groups = om_arena_array(&f.a, 1, sizeof(char *));
		r[i]->user->groups[0] = om_arena_strdup(&f.a, "staff");
	}
	assert_int_equal(fx_submit(&f, r, 3, 1, &out), OM_OK);
	fx_run(&f, "UPDATE record SET rules=0");
	fx_run(&f,
	    "UPDATE generation SET user_groups=NULL,cost_most=NULL,started_least_us=NULL,started_most_us=NULL,"
	    "user_least=NULL,user_most=NULL,received_us=NULL,is_byok_least=NULL,prompt_tokens_most=NULL,"
	    "completion_tokens_most=NULL,ranks=LEFT(ranks,21)");
	fx_run(&f, "DELETE FROM meta WHERE name='totals_shape'");
	assert_int_equal(cd_bring_up(&f.opts, &fx_at_once, &e), OM_OK);
	assert_string_equal(fx_text(&f, groups_sql), "-,-,-\n");
	fx_no_differences(&f);
	/* the next record of a row brings back what those before it said */
	r[3] = fx_record(&f.a, 9, "gen-1", "u-1", "0.75");
	assert_int_equal(fx_submit(&f, r + 3, 1, 4, &out), OM_OK);
	assert_string_equal(fx_text(&f, groups_sql), "-,[\"staff\"],-\n");
	fx_no_differences(&f);
	assert_int_equal(cd_db_open(&f.opts, &db, &e), OM_OK);
	assert_int_equal(cd_db_begin(db, &e), OM_OK);
	assert_int_equal(cd_rebuild_totals(db, &moved, &e), OM_OK);
	assert_int_equal(cd_db_commit(db, &e), OM_OK);
	cd_db_close(&db);
	assert_string_equal(fx_text(&f, groups_sql), "[\"staff\"],[\"staff\"],[\"staff\"]\n");
	fx_no_differences(&f);
	fx_close(&f);
}

/* ---- a transaction that the server ends by itself, as a cluster's node may ---- */

static void
test_half_of_a_transaction_is_never_committed(void **state)
{
	static const char found_sql[] = "SELECT COUNT(*) FROM meta WHERE name LIKE 'half-%'";
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	assert_int_equal(cd_db_open(&f.opts, &db, &e), OM_OK);
	assert_int_equal(cd_db_begin(db, &e), OM_OK);
	assert_int_equal(cd_db_run(db, "INSERT INTO meta (name,value) VALUES ('half-1','')", &e), OM_OK);
	assert_int_equal(cd_db_run(db, "ROLLBACK", &e), OM_OK);
	assert_int_equal(cd_db_run(db, "INSERT INTO meta (name,value) VALUES ('half-2','')", &e), OM_OK);
	assert_int_equal(cd_db_commit(db, &e), OM_STORE);
	assert_non_null(strstr(e.text, "SAVEPOINT whole"));
	cd_db_rollback(db);
	assert_int_equal(fx_int(&f, found_sql), 0);

	/* the connection is as good as before */
	assert_int_equal(cd_db_begin(db, &e), OM_OK);
	assert_int_equal(cd_db_run(db, "INSERT INTO meta (name,value) VALUES ('half-3','')", &e), OM_OK);
	assert_int_equal(cd_db_commit(db, &e), OM_OK);
	assert_int_equal(fx_int(&f, found_sql), 1);
	cd_db_close(&db);
	fx_close(&f);
}

/* ---- dead letters of a program that stored them under their number alone ---- */

static void
test_letters_of_an_older_program_stay_what_they_are(void **state)
{
	static const char letters_sql[] = "SELECT COUNT(*) FROM dead_letter WHERE seq=10 AND "
					  "content=UNHEX(SHA2(record,256))";
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	om_err e = {.text = ""};
	Om__Record *r[1];
	struct fx f;

	(void)state;
	fx_open(&f);
	r[0] = fx_record(&f.a, 2, NULL, "u-1", "1"); /* it has no key */
	assert_int_equal(fx_submit(&f, r, 1, 10, &out), OM_OK);
	fx_run(&f, "ALTER TABLE dead_letter DROP PRIMARY KEY, ADD PRIMARY KEY (spool_id, seq), DROP COLUMN content");
	fx_run(&f, "DELETE FROM schema_migration WHERE version=7");
	assert_int_equal(cd_bring_up(&f.opts, &fx_at_once, &e), OM_OK);
	assert_int_equal(fx_int(&f, letters_sql), 1);
	assert_int_equal(fx_submit(&f, r, 1, 10, &out), OM_OK); /* delivered again */
	assert_int_equal(fx_int(&f, letters_sql), 1);
	r[0]->cost = om_arena_strdup(&f.a, "2"); /* another one, under the same number */
	assert_int_equal(fx_submit(&f, r, 1, 10, &out), OM_OK);
	assert_int_equal(out.refused_records, 1);
	assert_int_equal(fx_int(&f, letters_sql), 2);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_traces_and_imports_only_fill_gaps),
	    cmocka_unit_test(test_inherited_groups_are_those_of_the_newest_record),
	    cmocka_unit_test(test_rows_of_an_older_program_get_their_groups_from_the_journal),
	    cmocka_unit_test(test_batch_sent_twice_counts_once),
	    cmocka_unit_test(test_records_without_a_key_and_conflicts_become_dead_letters),
	    cmocka_unit_test(test_record_the_database_refuses_is_found_and_buried),
	    cmocka_unit_test(test_half_of_a_transaction_is_never_committed),
	    cmocka_unit_test(test_letters_of_an_older_program_stay_what_they_are),
	    cmocka_unit_test(test_history_in_any_order_gives_the_same_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
