/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A month's statement.  All its tables are read in one snapshot; before it goes
 * out the rows are summed once more and compared with the totals, because people
 * pay by this page.
 */
#include "read.h"

#include "groups.h"
#include "rows.h"
#include "users.h"
#include "where.h"
#include "zone.h"
#include "database/column.h"
#include "database/fill.h"
#include "terms/rows.h"
#include "record.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/money.h"
#include "base/zone.h"

#include <string.h>

#define MAX_GROUP_ROWS 200000u
#define MAX_ROWS       200000u

struct ask {
	const Om__StatementQuery *q;
	struct cd_period month, before;
	struct om_arena *a;
	Om__StatementReply *out;
	size_t room;
	struct cd_reading_of of;
};

static om_status
read_user(struct cd_db *db, struct ask *ask, om_err *e)
{
	om_status s;

	ask->out->user = NULL;
	if (ask->q->user == NULL)
		return OM_OK;
	s = cd_user_load(db, ask->q->user, ask->a, &ask->out->user, e);
	if (s == OM_OK && strcmp(ask->out->user->id, ask->q->user) != 0)
		s = om_fail(e, OM_NOT_FOUND, "the user is merged into another one, whose statement has all of it");
	return s;
}

static om_status
keep_flag(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(bool *)arg = v[0].i != 0;
	return OM_OK;
}

static bool
has_usage(const Om__Figures *f)
{
	return f->requests > 0 || strcmp(f->cost, "0") != 0; /* a rest is no request */
}

/* check_group: a group without a user at any time is a mistake, not a month without usage. */
static om_status
check_group(struct cd_db *db, struct ask *ask, om_err *e)
{
	const struct cd_val group[] = {cd_t(ask->q->group), cd_t(ask->q->group)};
	bool known = has_usage(ask->out->total) || has_usage(ask->out->previous_total);
	om_status s = OM_OK;

	if (ask->q->group == NULL || known)
		return OM_OK;
	s = cd_db_query(db,
	    "SELECT EXISTS(SELECT 1 FROM person WHERE JSON_CONTAINS(groups_json,JSON_QUOTE(?))) OR "
	    "EXISTS(SELECT 1 FROM group_set WHERE JSON_CONTAINS(text,JSON_QUOTE(?)))",
	    group, 2, keep_flag, &known, e);
	return s == OM_OK && !known ? om_fail(e, OM_NOT_FOUND, "no such group") : s;
}

/* read_state: when the month last changed, and what of it is estimated. */
static om_status
read_state(struct cd_db *db, struct ask *ask, const Om__Filter *f, om_err *e)
{
	Om__Filter estimated = *f;
	struct cd_sql q;
	om_status s;

	cd_sql_init(&q, ask->a);
	cd_sql_add(&q, "SELECT NULLIF(MAX(changed_us),0) AS changed_us FROM usage_day AS g");
	s = cd_where_add(&q, db, false, &ask->month, f, e);
	if (s == OM_OK)
		s = cd_fill_sql_into(db, &q, &ask->out->base, e);
	cd_sql_fini(&q);
	if (s != OM_OK)
		return s;
	estimated.has_cost_state = true;
	estimated.cost_state = OM__COST_STATE__COST_ESTIMATED;
	cd_sql_init(&q, ask->a);
	cd_sql_add(&q,
	    "SELECT CAST(COALESCE(SUM(requests),0) AS SIGNED) AS estimated,COALESCE(SUM(cost),0) AS estimated_cost "
	    "FROM generation AS g");
	s = cd_where_add(&q, db, true, &ask->month, &estimated, e);
	if (s == OM_OK)
		s = cd_fill_sql_into(db, &q, &ask->out->base, e);
	cd_sql_fini(&q);
	if (s != OM_OK)
		return s;
	cd_sql_init(&q, ask->a);
	cd_sql_add(&q, "SELECT COUNT(*) AS unproven FROM generation AS g");
	s = cd_where_add(&q, db, true, &ask->month, f, e);
	cd_sql_add(&q, " AND unproven=1 AND requests>0");
	if (s == OM_OK)
		s = cd_fill_sql_into(db, &q, &ask->out->base, e);
	cd_sql_fini(&q);
	if (s != OM_OK)
		return s;
	cd_sql_init(&q, ask->a);
	cd_sql_add(&q, "SELECT COUNT(*) AS rests FROM generation AS g");
	s = cd_where_add(&q, db, true, &ask->month, f, e);
	cd_sql_add(&q, " AND unsettled=0 AND requests=0 AND cost>0");
	if (s == OM_OK)
		s = cd_fill_sql_into(db, &q, &ask->out->base, e);
	cd_sql_fini(&q);
	return s;
}

static om_status
read_table(struct cd_db *db, struct ask *ask, const struct cd_period *p, const Om__Filter *f, const Om__Dimension *by,
    size_t n_by, cd_order order, size_t *n_out, Om__UsageRow ***rows_out, om_err *e)
{
	const struct cd_groups g = {.by = by, .n_by = n_by, .order = order, .limit = MAX_GROUP_ROWS};
	struct cd_group_rows rows;
	om_status s = cd_groups_read(db, &g, p, f, ask->a, &rows, e);

	if (s == OM_OK && rows.truncated)
		s = om_fail(e, OM_TOO_LARGE, "the month has more than %u lines", MAX_GROUP_ROWS);
	*n_out = rows.n;
	*rows_out = rows.rows;
	return s;
}

static om_status
keep_generation(void *arg, Om__Generation *g, om_err *e)
{
	struct ask *ask = arg;
	Om__StatementReply *out = ask->out;

	if (out->n_generations == ask->room)
		return om_fail(e, OM_DAMAGED, "the month has more rows than its total says; run costd --check");
	out->generations[out->n_generations++] = g;
	return OM_OK;
}

/* n_rows: of single rows there are as many as requests, and the rests of turns. */
static uint64_t
n_rows(const Om__StatementReply *out)
{
	return out->total->requests + out->rests;
}

/* compare_rows: the rows must amount to the total. */
static om_status
compare_rows(const Om__StatementReply *out, om_err *e)
{
	om_money sum = OM_MONEY_ZERO, total = OM_MONEY_ZERO, cost;
	om_status s = om_money_parse(out->total->cost, &total, e);

	for (size_t i = 0; s == OM_OK && i < out->n_generations; i++) {
		if (out->generations[i]->cost == NULL)
			continue;
		s = om_money_parse(out->generations[i]->cost, &cost, e);
		if (s == OM_OK)
			s = om_money_add(sum, cost, &sum);
	}
	if (s == OM_OK && (om_money_cmp(sum, total) != 0 || out->n_generations != n_rows(out)))
		s = om_fail(e, OM_DAMAGED, "the month's rows do not amount to its total; run costd --check");
	return s;
}

static om_status
read_rows(struct cd_db *db, struct ask *ask, const Om__Filter *f, om_err *e)
{
	Om__StatementReply *out = ask->out;
	struct cd_sql q;
	om_status s;

	out->n_generations = 0;
	out->rows_left_out = 0;
	if (n_rows(out) > ask->q->max_rows || n_rows(out) > MAX_ROWS) {
		out->rows_left_out = n_rows(out);
		return OM_OK;
	}
	ask->room = n_rows(out);
	out->generations = om_arena_array(ask->a, ask->room + 1, sizeof(Om__Generation *));
	if (out->generations == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	cd_sql_init(&q, ask->a);
	cd_generation_select(&q);
	cd_sql_add(&q, cd_generation_from);
	s = cd_where_add(&q, db, true, &ask->month, f, e);
	cd_sql_add(&q, " ORDER BY g.started_us,g.number");
	if (s == OM_OK)
		s = cd_generation_query(db, &q, keep_generation, ask, e);
	cd_sql_fini(&q);
	return s == OM_OK ? compare_rows(out, e) : s;
}

static om_status
read_terms(struct cd_db *db, struct ask *ask, om_err *e)
{
	om_time changed = 0;
	om_status s = cd_terms_of_month(db, ask->month.from_day, ask->a, &ask->out->terms, e);

	if (s == OM_OK)
		s = cd_terms_changed(db, &changed, e);
	ask->out->has_terms_changed_us = changed > 0;
	ask->out->terms_changed_us = changed;
	return s;
}

static om_status
work(struct cd_db *db, void *arg, om_err *e)
{
	static const Om__Dimension model[] = {OM__DIMENSION__DIMENSION_MODEL, OM__DIMENSION__DIMENSION_PROVIDER};
	static const Om__Dimension day[] = {OM__DIMENSION__DIMENSION_DAY};
	static const Om__Dimension user[] = {OM__DIMENSION__DIMENSION_USER};
	static const Om__Dimension user_model[] = {OM__DIMENSION__DIMENSION_USER, OM__DIMENSION__DIMENSION_MODEL};
	static const Om__Dimension group[] = {OM__DIMENSION__DIMENSION_GROUP};
	struct ask *ask = arg;
	Om__StatementReply *out = ask->out;
	bool many = ask->q->user == NULL, all = many && ask->q->group == NULL;
	const struct {
		bool wanted;
		const struct cd_period *period;
		const Om__Dimension *by;
		size_t n_by;
		cd_order order;
		size_t *n_out;
		Om__UsageRow ***rows_out;
	} tables[] = {
	    {true, &ask->month, model, 2, CD_ORDER_TIME_COST, &out->n_models, &out->models},
	    {true, &ask->month, day, 1, CD_ORDER_TIME_COST, &out->n_days, &out->days},
	    {many, &ask->month, user, 1, CD_ORDER_TIME_COST, &out->n_users, &out->users},
	    {many, &ask->month, user_model, 2, CD_ORDER_USER_COST, &out->n_user_models, &out->user_models},
	    {all, &ask->month, group, 1, CD_ORDER_TIME_COST, &out->n_groups, &out->groups},
	    {many, &ask->before, user, 1, CD_ORDER_TIME_COST, &out->n_previous_users, &out->previous_users},
	    {true, &ask->before, model, 1, CD_ORDER_TIME_COST, &out->n_previous_models, &out->previous_models},
	};
	Om__Filter f = OM__FILTER__INIT;
	om_status s = read_user(db, ask, e);

	f.user = ask->q->user;
	f.group = ask->q->group;
	if (s == OM_OK)
		s = cd_total_read(db, &ask->month, &f, ask->a, &out->total, e);
	if (s == OM_OK)
		s = cd_total_read(db, &ask->before, &f, ask->a, &out->previous_total, e);
	if (s == OM_OK)
		s = check_group(db, ask, e);
	if (s == OM_OK)
		s = read_state(db, ask, &f, e);
	if (s == OM_OK)
		s = read_terms(db, ask, e);
	for (size_t i = 0; s == OM_OK && i < sizeof tables / sizeof tables[0]; i++)
		if (tables[i].wanted)
			s = read_table(db, ask, tables[i].period, &f, tables[i].by, tables[i].n_by, tables[i].order,
			    tables[i].n_out, tables[i].rows_out, e);
	if (s == OM_OK)
		s = read_rows(db, ask, &f, e);
	if (s != OM_OK)
		return s;
	ask->of = (struct cd_reading_of){
	    .month = ask->month, .user = ask->q->user, .group = ask->q->group, .rows = n_rows(out)};
	return om_money_parse(out->total->cost, &ask->of.cost, e);
}

/* read_all answers in a transaction of its own, in one that stays open, or in
 * one that is open. */
static om_status
read_all(struct cd_pool *p, struct cd_readings *r, int64_t deadline_ms, struct ask *ask, om_err *e)
{
	const Om__StatementQuery *q = ask->q;
	unsigned char id[CD_READING_ID];
	om_status s;

	if (q->has_reading_id) {
		s = cd_readings_again(r, &q->reading_id, deadline_ms, work, ask, &ask->of, e);
		if (s == OM_OK)
			memcpy(id, q->reading_id.data, CD_READING_ID);
	} else if (q->open_reading)
		s = cd_readings_open(r, q->has_hold && q->hold, deadline_ms, work, ask, &ask->of, id, e);
	else
		return cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, work, ask, e);
	ask->out->has_reading_id = s == OM_OK;
	if (s == OM_OK)
		ask->out->reading_id = cd_column_bytes(id, CD_READING_ID, ask->a);
	return s;
}

om_status
cd_statement_read(struct cd_pool *p, struct cd_readings *r, const Om__StatementQuery *q, int64_t deadline_ms,
    struct om_arena *a, Om__StatementReply *out, om_err *e)
{
	struct ask ask = {.q = q, .a = a, .out = out};
	om_status s = cd_period_month(q->year, q->month, &ask.month, e);
	om_day last;
	int year, month, day;

	if (s == OM_OK && q->group != NULL && q->user != NULL)
		s = om_fail(e, OM_INVALID, "a statement is of a user or of a group");
	if (s != OM_OK)
		return s;
	last = cd_month_start(ask.month.from_day, -1);
	om_day_to_civil(last, &year, &month, &day);
	s = cd_period_month((uint32_t)year, (uint32_t)month, &ask.before, e);
	if (s == OM_OK)
		s = read_all(p, r, deadline_ms, &ask, e);
	if (s != OM_OK)
		return s;
	out->group = q->group != NULL ? om_arena_strdup(a, q->group) : NULL;
	out->timezone = om_arena_strdup(a, om_zone_name());
	out->zone = cd_zone_reply(a);
	out->from_day = ask.month.from_day;
	out->to_day = ask.month.to_day;
	out->from_us = om_zone_day_start(ask.month.from_day);
	out->to_us = om_zone_day_start(ask.month.to_day);
	out->generated_us = om_now();
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}
