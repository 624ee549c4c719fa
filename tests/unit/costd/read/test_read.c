/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The read API and settlement against a real database. */
#include "fixture.h"

#include "ledger/check.h"
#include "ledger/rebuild.h"
#include "read/read.h"
#include "record.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY0 20775 /* 2026-11-18, the day of fx_record */

/* Ten rows of three users on two days: gen-0 to gen-9. */
static void
fill(struct fx *f)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[10];

	for (unsigned i = 0; i < 10; i++) {
		char gen[16], user[16], cost[16];

		(void)snprintf(gen, sizeof gen, "gen-%u", i);
		(void)snprintf(user, sizeof user, "u-%u", i % 3);
		(void)snprintf(cost, sizeof cost, "0.%u01", i);
		r[i] = fx_record(&f->a, i, gen, user, i == 9 ? NULL : cost);
		r[i]->started_us = ((om_time)DAY0 + i / 5) * OM_DAY + (om_time)(i / 2) * OM_SECOND;
		r[i]->finished_us = r[i]->started_us + 1;
		r[i]->user->name = om_arena_printf(&f->a, "Name %u", i % 3);
		r[i]->user->email = om_arena_printf(&f->a, "mail%u@example.org", i % 3);
		if (i == 4)
			r[i]->model = r[i]->provider = NULL;
	}
	r[0]->user->n_groups = 2;
	r[0]->user->groups = om_arena_array(&f->a, 2, sizeof(char *));
	r[0]->user->groups[0] = om_arena_strdup(&f->a, "staff");
	r[0]->user->groups[1] = om_arena_strdup(&f->a, "a \"b\", c");
	assert_int_equal(fx_submit(f, r, 10, 1, &out), OM_OK);
}

static Om__Period *
days(struct om_arena *a, int32_t from, int32_t to)
{
	Om__Period *p = om_msg_new(a, &om__period__descriptor);

	p->has_from_day = p->has_to_day = true;
	p->from_day = from;
	p->to_day = to;
	return p;
}

static void
test_usage_by_days_and_by_instants_is_the_same(void **state)
{
	Om__Dimension by[] = {OM__DIMENSION__DIMENSION_USER, OM__DIMENSION__DIMENSION_MODEL};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	for (unsigned kind = 0; kind < 2; kind++) {
		Om__UsageQuery q = OM__USAGE_QUERY__INIT;
		Om__UsageReply out = OM__USAGE_REPLY__INIT;
		Om__Period instants = OM__PERIOD__INIT;
		om_err e = {.text = ""};

		instants.has_from_us = instants.has_to_us = true;
		instants.from_us = (om_time)DAY0 * OM_DAY;
		instants.to_us = (om_time)(DAY0 + 2) * OM_DAY;
		q.period = kind == 0 ? days(&f.a, DAY0, DAY0 + 2) : &instants;
		q.n_group_by = 2;
		q.group_by = by;
		fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
		assert_string_equal(out.from, kind == 0 ? "2026-11-18" : "2026-11-18T00:00:00.000000Z");
		assert_int_equal(out.total->requests, 10);
		assert_int_equal(out.total->prompt_tokens, 300);
		assert_string_equal(out.total->cost, "3.609");
		assert_int_equal(out.total->unsettled, 1);
		assert_int_equal(out.n_rows, 4);
		assert_false(out.truncated);
		/* highest cost first: u-2 (2,5,8), u-1 (1,7), u-0 (0,3,6), u-1 without a model (4) */
		assert_string_equal(out.rows[0]->user, "u-2");
		assert_string_equal(out.rows[0]->user_name, "Name 2");
		assert_string_equal(out.rows[0]->figures->cost, "1.503");
		assert_string_equal(out.rows[3]->figures->cost, "0.401");
		assert_null(out.rows[3]->model);
		assert_null(out.rows[0]->day);
	}
	fx_close(&f);
}

static void
test_usage_order_limit_and_filters(void **state)
{
	Om__Dimension by[] = {
	    OM__DIMENSION__DIMENSION_PROVIDER, OM__DIMENSION__DIMENSION_DAY, OM__DIMENSION__DIMENSION_MONTH};
	Om__Dimension twice[] = {OM__DIMENSION__DIMENSION_DAY, OM__DIMENSION__DIMENSION_DAY};
	Om__UsageQuery q = OM__USAGE_QUERY__INIT;
	Om__UsageReply out = OM__USAGE_REPLY__INIT;
	Om__Filter filter = OM__FILTER__INIT;
	char none[] = "", hostile[] = "u-1' OR '1'='1";
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	q.period = days(&f.a, DAY0, DAY0 + 2);
	q.n_group_by = 3;
	q.group_by = by;
	fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_rows, 3);
	assert_string_equal(out.rows[0]->day, "2026-11-18");
	assert_string_equal(out.rows[0]->month, "2026-11");
	assert_string_equal(out.rows[0]->provider, "Anthropic");
	assert_null(out.rows[1]->provider);
	assert_string_equal(out.rows[2]->day, "2026-11-19");
	q.has_limit = true;
	q.limit = 2;
	fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_rows, 2);
	assert_true(out.truncated);
	assert_int_equal(out.total->requests, 10);

	filter.model = none;
	q.filter = &filter;
	q.n_group_by = 0;
	fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_rows, 0);
	assert_int_equal(out.total->requests, 1);
	filter.model = NULL;
	filter.user = hostile;
	fx_ok(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.total->requests, 0);
	assert_string_equal(out.total->cost, "0");
	q.n_group_by = 2;
	q.group_by = twice;
	assert_int_equal(cd_usage_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), OM_INVALID);
	fx_close(&f);
}

static void
test_generations_page_through_all_rows_once(void **state)
{
	Om__GenerationsQuery q = OM__GENERATIONS_QUERY__INIT;
	om_err e = {.text = ""};
	char seen[128] = "", bad[] = "AAAA";
	unsigned pages = 0;
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	q.period = days(&f.a, DAY0, DAY0 + 2);
	q.has_limit = true;
	q.limit = 3;
	do {
		Om__GenerationsReply out = OM__GENERATIONS_REPLY__INIT;

		fx_ok(cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
		assert_string_equal(out.zone->name, out.timezone);
		for (size_t i = 0; i < out.n_items; i++)
			(void)strncat(seen, out.items[i]->generation_id + 4, 1);
		q.cursor = out.next_cursor;
		pages++;
	} while (q.cursor != NULL);
	assert_string_equal(seen, "9876543210"); /* equal instants: by id, descending */
	assert_int_equal(pages, 4);
	q.cursor = bad;
	assert_int_equal(
	    cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &(Om__GenerationsReply)OM__GENERATIONS_REPLY__INIT, &e),
	    OM_INVALID);
	fx_close(&f);
}

static void
test_generations_filter_by_state_and_show_every_field(void **state)
{
	Om__GenerationsQuery q = OM__GENERATIONS_QUERY__INIT;
	Om__GenerationsReply out = OM__GENERATIONS_REPLY__INIT;
	Om__Filter filter = OM__FILTER__INIT;
	om_err e = {.text = ""};
	char id[] = "gen-7";
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	q.period = days(&f.a, DAY0, DAY0 + 2);
	q.filter = &filter;
	filter.has_cost_state = true;
	filter.cost_state = OM__COST_STATE__COST_UNKNOWN;
	fx_ok(cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 1);
	assert_string_equal(out.items[0]->generation_id, "gen-9");
	assert_null(out.items[0]->cost);
	filter.has_cost_state = false;
	filter.has_unsettled = filter.unsettled = true;
	fx_ok(cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 1);
	assert_string_equal(out.items[0]->generation_id, "gen-9");
	filter.unsettled = false;
	fx_ok(cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	for (size_t i = 0; i < out.n_items; i++)
		assert_false(out.items[i]->unsettled);
	assert_int_equal(out.n_items, 9);
	filter.has_unsettled = false;
	filter.generation_id = id;
	fx_ok(cd_generations_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 1);
	assert_string_equal(out.items[0]->cost, "0.701");
	assert_string_equal(out.items[0]->user, "u-1");
	assert_string_equal(out.items[0]->user_name, "Name 1");
	assert_string_equal(out.items[0]->day, "2026-11-19");
	assert_int_equal(out.items[0]->state, OM__STATE__STATE_FINAL);
	assert_int_equal(out.items[0]->cost_state, OM__COST_STATE__COST_REPORTED);
	assert_int_equal(out.items[0]->prompt_tokens, 30);
	assert_false(out.items[0]->has_cached_tokens);
	assert_string_equal(out.items[0]->source, "filter-stream");
	fx_close(&f);
}

static void
test_users_are_listed_searched_and_found(void **state)
{
	Om__UsersQuery q = OM__USERS_QUERY__INIT;
	Om__UsersReply out = OM__USERS_REPLY__INIT;
	Om__UserQuery one = OM__USER_QUERY__INIT;
	Om__UserReply found = OM__USER_REPLY__INIT;
	char id[] = "u-0", nobody[] = "u-9", part[] = "MAIL2@", percent[] = "%";
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	q.has_limit = true;
	q.limit = 2;
	fx_ok(cd_users_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 2);
	q.cursor = out.next_cursor;
	assert_non_null(q.cursor);
	out = (Om__UsersReply)OM__USERS_REPLY__INIT;
	fx_ok(cd_users_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 1);
	assert_string_equal(out.items[0]->id, "u-2");
	assert_null(out.next_cursor);
	q = (Om__UsersQuery)OM__USERS_QUERY__INIT;
	q.q = part;
	fx_ok(cd_users_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 1);
	q.q = percent;
	fx_ok(cd_users_read(f.pool, &q, FX_DEADLINE, &f.a, &out, &e), &e);
	assert_int_equal(out.n_items, 0);
	one.id = id;
	fx_ok(cd_user_read(f.pool, &one, FX_DEADLINE, &f.a, &found, &e), &e);
	assert_string_equal(found.user->email, "mail0@example.org");
	assert_int_equal(found.user->n_groups, 2);
	assert_string_equal(found.user->groups[0], "a \"b\", c"); /* ascending */
	one.id = nobody;
	assert_int_equal(cd_user_read(f.pool, &one, FX_DEADLINE, &f.a, &found, &e), OM_NOT_FOUND);
	fx_close(&f);
}

static void
add_rows(Om__UsageRow **rows, size_t n, om_money *sum)
{
	for (size_t i = 0; i < n; i++) {
		om_money m = OM_MONEY_ZERO;

		assert_int_equal(om_money_parse(rows[i]->figures->cost, &m, NULL), OM_OK);
		assert_int_equal(om_money_add(*sum, m, sum), OM_OK);
	}
}

static void
test_statement_tables_and_rows_amount_to_the_total(void **state)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	char user[] = "u-1", nobody[] = "nobody";
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	q.year = 2026;
	q.month = 11;
	q.max_rows = 100;
	for (unsigned kind = 0; kind < 2; kind++) {
		Om__StatementReply out = OM__STATEMENT_REPLY__INIT;
		om_money sums[5] = {OM_MONEY_ZERO}, total = OM_MONEY_ZERO;

		q.user = kind == 0 ? NULL : user;
		fx_ok(cd_statement_read(f.pool, NULL, &q, FX_DEADLINE, &f.a, &out, &e), &e);
		assert_string_equal(out.total->cost, kind == 0 ? "3.609" : "1.203");
		assert_string_equal(out.zone->name, out.timezone);
		assert_int_equal(out.zone->n_offset_s, out.zone->n_at_s + 1);
		assert_int_equal(om_money_parse(out.total->cost, &total, NULL), OM_OK);
		add_rows(out.models, out.n_models, &sums[0]);
		add_rows(out.days, out.n_days, &sums[1]);
		assert_int_equal(om_money_cmp(sums[0], total), 0);
		assert_int_equal(om_money_cmp(sums[1], total), 0);
		if (kind == 0) {
			add_rows(out.users, out.n_users, &sums[2]);
			add_rows(out.user_models, out.n_user_models, &sums[3]);
			assert_int_equal(om_money_cmp(sums[2], total), 0);
			assert_int_equal(om_money_cmp(sums[3], total), 0);
			assert_string_equal(out.user_models[0]->user, "u-0");
			assert_string_equal(out.users[0]->user, "u-2");
		} else {
			assert_int_equal(out.n_users, 0);
			assert_string_equal(out.user->name, "Name 1");
		}
		assert_int_equal(out.n_generations, kind == 0 ? 10 : 3);
		assert_string_equal(out.generations[0]->generation_id, kind == 0 ? "gen-0" : "gen-1");
		assert_int_equal(out.rows_left_out, 0);
		assert_int_equal(out.previous_total->requests, 0);
	}
	q.month = 12;
	{
		Om__StatementReply out = OM__STATEMENT_REPLY__INIT;

		fx_ok(cd_statement_read(f.pool, NULL, &q, FX_DEADLINE, &f.a, &out, &e), &e);
		assert_int_equal(out.total->requests, 0);
		assert_string_equal(out.previous_total->cost, "1.203");
		assert_int_equal(out.n_days, 0);
		q.month = 11;
		q.user = NULL;
		q.max_rows = 9;
		fx_ok(cd_statement_read(f.pool, NULL, &q, FX_DEADLINE, &f.a, &out, &e), &e);
		assert_int_equal(out.n_generations, 0);
		assert_int_equal(out.rows_left_out, 10);
		q.user = nobody;
		out = (Om__StatementReply)OM__STATEMENT_REPLY__INIT;
		assert_int_equal(cd_statement_read(f.pool, NULL, &q, FX_DEADLINE, &f.a, &out, &e), OM_NOT_FOUND);
		q.user = NULL;
		q.month = 13;
		assert_int_equal(cd_statement_read(f.pool, NULL, &q, FX_DEADLINE, &f.a, &out, &e), OM_INVALID);
	}
	fx_close(&f);
}

static om_status
statement(struct fx *f, unsigned month, const char *user, const char *group, Om__StatementReply *out, om_err *e)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;

	*out = (Om__StatementReply)OM__STATEMENT_REPLY__INIT;
	q.year = 2026;
	q.month = month;
	q.max_rows = 100;
	q.user = user != NULL ? om_arena_strdup(&f->a, user) : NULL;
	q.group = group != NULL ? om_arena_strdup(&f->a, group) : NULL;
	return cd_statement_read(f->pool, NULL, &q, FX_DEADLINE, &f->a, out, e);
}

static void
test_statement_of_a_group_has_the_rows_of_its_members(void **state)
{
	Om__StatementReply out;
	om_money sum = OM_MONEY_ZERO, total;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	fx_ok(statement(&f, 11, NULL, "staff", &out, &e), &e);
	assert_string_equal(out.group, "staff");
	assert_int_equal(out.total->requests, 1);
	assert_string_equal(out.total->cost, "0.001");
	assert_int_equal(out.n_generations, 1);
	assert_int_equal(out.n_users, 1);
	assert_string_equal(out.users[0]->user, "u-0");
	assert_int_equal(out.n_groups, 0);
	fx_ok(om_money_parse(out.total->cost, &total, &e), &e);
	add_rows(out.models, out.n_models, &sum);
	assert_int_equal(om_money_cmp(sum, total), 0);
	/* the month after it: no usage, but a group; one that never was is a mistake */
	fx_ok(statement(&f, 12, NULL, "staff", &out, &e), &e);
	assert_int_equal(out.total->requests, 0);
	assert_false(out.has_changed_us);
	assert_int_equal(out.n_previous_models, 1);
	assert_int_equal(out.n_previous_users, 1);
	assert_int_equal(statement(&f, 12, NULL, "a \"b\"", &out, &e), OM_NOT_FOUND);
	assert_int_equal(statement(&f, 12, "u-0", "staff", &out, &e), OM_INVALID);
	/* everyone's: per group, with those of none; they may overlap */
	fx_ok(statement(&f, 11, NULL, NULL, &out, &e), &e);
	assert_int_equal(out.n_groups, 3);
	assert_null(out.groups[0]->group);
	assert_int_equal(out.groups[0]->figures->requests, 9);
	assert_string_equal(out.groups[1]->group, "a \"b\", c");
	assert_string_equal(out.groups[2]->group, "staff");
	fx_close(&f);
}

static void
test_statement_says_when_it_changed_and_what_is_estimated(void **state)
{
	Om__SubmitReply done = OM__SUBMIT_REPLY__INIT;
	Om__StatementReply out;
	Om__Record *r[1];
	om_time before = om_now(), first;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	fx_ok(statement(&f, 11, "u-1", NULL, &out, &e), &e);
	first = out.changed_us;
	assert_true(out.has_changed_us && first >= before && first <= om_now());
	assert_int_equal(out.estimated, 0);
	assert_string_equal(out.estimated_cost, "0");
	/* a row that changes without moving a total is a change, too: of its user only */
	r[0] = fx_record(&f.a, 1001, "gen-1", "u-1", "0.101");
	r[0]->started_us = (om_time)DAY0 * OM_DAY;
	r[0]->chat_id = om_arena_strdup(&f.a, "chat");
	assert_int_equal(fx_submit(&f, r, 1, 50, &done), OM_OK);
	fx_ok(statement(&f, 11, "u-1", NULL, &out, &e), &e);
	assert_true(out.changed_us > first);
	first = out.changed_us;
	fx_ok(statement(&f, 11, "u-2", NULL, &out, &e), &e);
	assert_true(out.changed_us < first);
	/* the same record again changes nothing */
	assert_int_equal(fx_submit(&f, r, 1, 50, &done), OM_OK);
	fx_ok(statement(&f, 11, "u-1", NULL, &out, &e), &e);
	assert_int_equal(out.changed_us, first);
	r[0] = fx_record(&f.a, 1002, "gen-9", "u-0", "0.25");
	r[0]->started_us = (om_time)DAY0 * OM_DAY;
	r[0]->cost_state = OM__COST_STATE__COST_ESTIMATED;
	assert_int_equal(fx_submit(&f, r, 1, 51, &done), OM_OK);
	fx_ok(statement(&f, 11, "u-0", NULL, &out, &e), &e);
	assert_int_equal(out.total->unsettled, 1);
	assert_int_equal(out.estimated, 1);
	assert_string_equal(out.estimated_cost, "0.25");
	fx_close(&f);
}

static void
test_look_up_settles_a_row_and_leaves_who_and_when(void **state)
{
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;
	Om__Record *r[1], *word;
	om_err e = {.text = ""};
	struct fx f;

	(void)state;
	fx_open(&f);
	r[0] = fx_record(&f.a, 1, "gen-1", "u-1", NULL);
	r[0]->state = OM__STATE__STATE_CANCELLED;
	r[0]->has_completion_tokens = false;
	assert_int_equal(fx_submit(&f, r, 1, 1, &out), OM_OK);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 1);
	word = fx_record(&f.a, 2, "gen-1", "somebody else", "0.0000007");
	word->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	word->model = om_arena_strdup(&f.a, "anthropic/claude-x-20260101");
	word->prompt_tokens = 31;
	word->started_us += OM_DAY;
	word->finished_us += OM_DAY;
	fx_ok(cd_ledger_settle(f.ledger, word, FX_DEADLINE, &f.a, &e), &e);
	fx_ok(cd_ledger_settle(f.ledger, word, FX_DEADLINE, &f.a, &e), &e);
	assert_string_equal(
	    fx_text(&f,
		"SELECT CONCAT_WS(' ',user_id,model,state,cost_state,cost,prompt_tokens,completion_tokens,day) "
		"FROM as_text_generation"),
	    "u-1 anthropic/claude-x 2 3 0.000000700000000000 31 7 2026-11-18\n");
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM lookup"), 0);
	assert_int_equal(fx_int(&f, "SELECT CAST(SUM(unsettled) AS SIGNED) FROM usage_day"), 0);
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM as_text_user"), 1);
	/* a gateway may not send a look-up's record */
	word->record_id.data[0] = 9;
	assert_int_equal(fx_submit(&f, &word, 1, 2, &out), OM_OK);
	assert_int_equal(out.refused_records, 1);
	fx_close(&f);
}

static void
test_rebuild_moves_days_to_the_new_zone_and_check_finds_damage(void **state)
{
	struct cd_check_result r;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	int64_t moved = 0;
	struct fx f;

	(void)state;
	fx_open(&f);
	fill(&f);
	fx_ok(om_zone_open("America/New_York", &e), &e);
	fx_ok(cd_db_open(&f.opts, &db, &e), &e);
	fx_ok(cd_db_begin(db, &e), &e);
	fx_ok(cd_rebuild_totals(db, &moved, &e), &e);
	fx_ok(cd_db_commit(db, &e), &e);
	assert_int_equal(moved, 10); /* all begin just after midnight UTC */
	assert_string_equal(fx_text(&f, "SELECT MIN(day) FROM usage_day"), "2026-11-17\n");
	fx_ok(cd_check_ledger(db, &r, &e), &e);
	assert_int_equal(r.wrong_rows + r.wrong_totals, 0);
	assert_int_equal(r.records, 10);
	fx_ok(
	    cd_db_run(db, "UPDATE generation SET cost=cost+0.000000000000000001 WHERE generation_id='gen-3'", &e), &e);
	fx_ok(cd_db_run(db, "DELETE FROM generation WHERE generation_id='gen-5'", &e), &e);
	fx_ok(cd_db_run(db, "UPDATE generation SET marked=3-marked WHERE generation_id='gen-7'", &e), &e);
	fx_ok(cd_check_ledger(db, &r, &e), &e);
	assert_int_equal(r.wrong_rows, 3);
	assert_int_equal(r.wrong_totals, 2);
	cd_db_close(&db);
	fx_ok(om_zone_open("UTC", &e), &e);
	fx_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_usage_by_days_and_by_instants_is_the_same),
	    cmocka_unit_test(test_usage_order_limit_and_filters),
	    cmocka_unit_test(test_generations_page_through_all_rows_once),
	    cmocka_unit_test(test_generations_filter_by_state_and_show_every_field),
	    cmocka_unit_test(test_users_are_listed_searched_and_found),
	    cmocka_unit_test(test_statement_tables_and_rows_amount_to_the_total),
	    cmocka_unit_test(test_statement_of_a_group_has_the_rows_of_its_members),
	    cmocka_unit_test(test_statement_says_when_it_changed_and_what_is_estimated),
	    cmocka_unit_test(test_look_up_settles_a_row_and_leaves_who_and_when),
	    cmocka_unit_test(test_rebuild_moves_days_to_the_new_zone_and_check_finds_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
