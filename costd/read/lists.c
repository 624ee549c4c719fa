/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Lists by pages.  A page begins after the last key of the page before, so it
 * costs the same however far down it is, and rows that arrive meanwhile shift
 * nothing.
 */
#include "read.h"

#include "rows.h"
#include "where.h"
#include "zone.h"
#include "database/fill.h"
#include "price/model.h"
#include "store/people.h"
#include "value/cursor.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#define N_STATES     4u /* and as many states of cost */
#define MAX_BRANCHES 4u

/* ---- generations ---- */

struct ask_rows {
	const Om__GenerationsQuery *q;
	struct cd_period period;
	struct cd_cursor after;
	struct om_arena *a;
	size_t limit;
	const char *const *models; /* the filter's, by all its names; none where states are the branches */
	size_t n_models;
	Om__Generation **items;
	size_t n;
	bool more;
};

static om_status
keep_generation(void *arg, Om__Generation *g, om_err *e)
{
	struct ask_rows *ask = arg;

	(void)e;
	if (ask->n == ask->limit)
		ask->more = true;
	else
		ask->items[ask->n++] = g;
	return OM_OK;
}

/* conditions adds those of one branch: the period, the filter, one name of the
 * model, the place. */
static void
conditions(struct cd_sql *q, const struct ask_rows *ask, const Om__Filter *f, const char *model)
{
	cd_where_add(q, true, &ask->period, f);
	if (model != NULL) {
		cd_sql_add(q, " AND g.model=?");
		cd_sql_value(q, cd_t(model));
	}
	if (ask->after.key != NULL) {
		cd_sql_add(q, " AND started_us<=? AND (started_us<? OR generation_id<?)");
		cd_sql_value(q, CD_I(ask->after.us));
		cd_sql_value(q, CD_I(ask->after.us));
		cd_sql_value(q, cd_t(ask->after.key));
	}
}

static void
newest_first(struct cd_sql *q, const struct ask_rows *ask, const char *table)
{
	om_buf_printf(&q->text, " ORDER BY %sstarted_us DESC,%sgeneration_id DESC LIMIT ?", table, table);
	cd_sql_value(q, CD_I((int64_t)ask->limit + 1));
}

/* branches finds the page's rows one value of a list after the other: each alone
 * walks along an index, all together would be sorted. */
static void
branches(struct cd_sql *q, const struct ask_rows *ask)
{
	Om__Filter f = *ask->q->filter;
	bool by_state = f.n_states > 1, by_model = ask->n_models > 1;
	const size_t n = by_model ? ask->n_models : by_state ? f.n_states : f.n_cost_states;

	cd_sql_add(q, " FROM (");
	for (size_t i = 0; i < n; i++) {
		if (by_model) {
			f.model = NULL;
		} else if (by_state) {
			f.n_states = 1;
			f.states = ask->q->filter->states + i;
		} else {
			f.n_cost_states = 1;
			f.cost_states = ask->q->filter->cost_states + i;
		}
		cd_sql_add(q,
		    i > 0 ? " UNION ALL (SELECT generation_id FROM generation AS g"
			  : "(SELECT generation_id FROM generation AS g");
		conditions(q, ask, &f, by_model ? ask->models[i] : NULL);
		newest_first(q, ask, "");
		cd_sql_add(q, ")");
	}
	cd_sql_add(q,
	    ") AS page STRAIGHT_JOIN generation AS g ON g.generation_id=page.generation_id "
	    "LEFT JOIN `user` AS u ON u.id=g.user_id");
}

/* find_models looks up the names of the filter's model, which become branches. */
static om_status
find_models(struct cd_db *db, struct ask_rows *ask, const Om__Filter *f, om_err *e)
{
	om_status s;

	ask->n_models = 0;
	if (f == NULL || f->model == NULL || f->model[0] == '\0' || f->n_states > 1 || f->n_cost_states > 1)
		return OM_OK;
	s = cd_model_names(db, f->model, ask->a, &ask->models, &ask->n_models, e);
	if (ask->n_models > MAX_BRANCHES)
		ask->n_models = 0; /* all at once */
	return s;
}

/* one_condition adds them where there are no branches. */
static void
one_condition(struct cd_sql *q, const struct ask_rows *ask)
{
	Om__Filter f = OM__FILTER__INIT;

	if (ask->n_models != 1) {
		conditions(q, ask, ask->q->filter, NULL);
		return;
	}
	f = *ask->q->filter;
	f.model = NULL;
	conditions(q, ask, &f, ask->models[0]);
}

static om_status
read_generations(struct cd_db *db, void *arg, om_err *e)
{
	struct ask_rows *ask = arg;
	const Om__Filter *f = ask->q->filter;
	struct cd_sql q;
	om_status s = find_models(db, ask, f, e);

	if (s != OM_OK)
		return s;
	ask->n = 0;
	ask->more = false;
	cd_sql_init(&q, ask->a);
	cd_generation_select(&q);
	if (f != NULL && (f->n_states > 1 || f->n_cost_states > 1 || ask->n_models > 1)) {
		branches(&q, ask);
		newest_first(&q, ask, "g.");
	} else {
		cd_sql_add(&q, cd_generation_from);
		one_condition(&q, ask);
		newest_first(&q, ask, "");
	}
	s = cd_generation_query(db, &q, keep_generation, ask, e);
	cd_sql_fini(&q);
	return s;
}

om_status
cd_generations_read(struct cd_pool *p, const Om__GenerationsQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__GenerationsReply *out, om_err *e)
{
	struct ask_rows ask = {.q = q, .a = a};
	om_status s = cd_page_size(q->has_limit != 0, q->limit, &ask.limit, e);

	if (s == OM_OK && q->filter != NULL && (q->filter->n_states > N_STATES || q->filter->n_cost_states > N_STATES))
		s = om_fail(e, OM_INVALID, "filter: a state is given twice");
	if (s == OM_OK)
		s = cd_period_read(q->period, om_now(), &ask.period, e);
	if (s == OM_OK && q->cursor != NULL)
		s = cd_cursor_read(CD_CURSOR_GENERATIONS, q->cursor, &ask.after, a, e);
	if (s != OM_OK)
		return s;
	ask.items = om_arena_array(a, ask.limit, sizeof(Om__Generation *));
	if (ask.items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_generations, &ask, e);
	if (s != OM_OK)
		return s;
	out->timezone = om_arena_strdup(a, om_zone_name());
	out->zone = cd_zone_reply(a);
	out->n_items = ask.n;
	out->items = ask.items;
	if (ask.more) {
		const Om__Generation *last = ask.items[ask.n - 1];

		out->next_cursor = cd_cursor_text(
		    CD_CURSOR_GENERATIONS, &(struct cd_cursor){.us = last->started_us, .key = last->generation_id}, a);
	}
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- users ---- */

struct ask_users {
	const Om__UsersQuery *q;
	struct cd_cursor after;
	struct om_arena *a;
	size_t limit;
	Om__User **items;
	size_t n;
	bool more;
};

static om_status
keep_user(void *arg, void *user, const struct cd_val *v, om_err *e)
{
	struct ask_users *ask = arg;

	(void)v;
	(void)e;
	if (ask->n == ask->limit)
		ask->more = true;
	else
		ask->items[ask->n++] = user;
	return OM_OK;
}

static om_status
read_users(struct cd_db *db, void *arg, om_err *e)
{
	struct ask_users *ask = arg;
	struct cd_sql q;
	om_status s;

	ask->n = 0;
	ask->more = false;
	cd_sql_init(&q, ask->a);
	om_buf_printf(&q.text, "SELECT %s FROM `user` WHERE TRUE", cd_people_columns);
	if (ask->q->q != NULL && ask->q->q[0] != '\0') {
		cd_sql_add(&q,
		    " AND (LOCATE(?,id COLLATE utf8mb4_general_ci)>0 OR "
		    "LOCATE(?,name COLLATE utf8mb4_general_ci)>0 OR "
		    "LOCATE(?,email COLLATE utf8mb4_general_ci)>0)");
		for (unsigned i = 0; i < 3; i++)
			cd_sql_value(&q, cd_t(ask->q->q));
	}
	if (ask->after.key != NULL) {
		cd_sql_add(&q, " AND id>?");
		cd_sql_value(&q, cd_t(ask->after.key));
	}
	cd_sql_add(&q, " ORDER BY id LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)ask->limit + 1));
	s = cd_fill_sql(db, &q, &om__user__descriptor, keep_user, ask, e);
	cd_sql_fini(&q);
	return s;
}

om_status
cd_users_read(
    struct cd_pool *p, const Om__UsersQuery *q, int64_t deadline_ms, struct om_arena *a, Om__UsersReply *out, om_err *e)
{
	struct ask_users ask = {.q = q, .a = a};
	om_status s = cd_page_size(q->has_limit != 0, q->limit, &ask.limit, e);

	if (s == OM_OK && q->cursor != NULL)
		s = cd_cursor_read(CD_CURSOR_USERS, q->cursor, &ask.after, a, e);
	if (s != OM_OK)
		return s;
	ask.items = om_arena_array(a, ask.limit, sizeof(Om__User *));
	if (ask.items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_users, &ask, e);
	if (s != OM_OK)
		return s;
	out->n_items = ask.n;
	out->items = ask.items;
	if (ask.more)
		out->next_cursor =
		    cd_cursor_text(CD_CURSOR_USERS, &(struct cd_cursor){.key = ask.items[ask.n - 1]->id}, a);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- one user ---- */

struct ask_user {
	const char *id;
	struct om_arena *a;
	Om__User *found;
};

static om_status
keep_one(void *arg, void *user, const struct cd_val *v, om_err *e)
{
	struct ask_user *ask = arg;

	(void)v;
	(void)e;
	ask->found = user;
	return OM_OK;
}

static om_status
read_user(struct cd_db *db, void *arg, om_err *e)
{
	struct ask_user *ask = arg;
	struct cd_sql q;
	om_status s;

	ask->found = NULL;
	cd_sql_init(&q, ask->a);
	om_buf_printf(&q.text, "SELECT %s FROM `user` WHERE id=?", cd_people_columns);
	cd_sql_value(&q, cd_t(ask->id));
	s = cd_fill_sql(db, &q, &om__user__descriptor, keep_one, ask, e);
	cd_sql_fini(&q);
	return s;
}

om_status
cd_user_read(
    struct cd_pool *p, const Om__UserQuery *q, int64_t deadline_ms, struct om_arena *a, Om__UserReply *out, om_err *e)
{
	struct ask_user ask = {.id = q->id, .a = a};
	om_status s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_user, &ask, e);

	if (s == OM_OK && ask.found == NULL)
		s = om_fail(e, OM_NOT_FOUND, "no such user");
	out->user = s == OM_OK ? ask.found : NULL;
	return s;
}
