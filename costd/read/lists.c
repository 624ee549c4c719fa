/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The list of rows, by pages.  A page begins after the last key of the page before, so it
 * costs the same however far down it is, and rows that arrive meanwhile shift
 * nothing.
 */
#include "read.h"

#include "rows.h"
#include "where.h"
#include "zone.h"
#include "names/names.h"
#include "price/model.h"
#include "value/cursor.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#include <string.h>

#define N_STATES     4u /* and as many states of cost */
#define MAX_BRANCHES 4u

struct ask_rows {
	const Om__GenerationsQuery *q;
	struct cd_period period;
	struct cd_cursor after;
	struct om_arena *a;
	size_t limit;
	int64_t models[MAX_BRANCHES]; /* the filter's, by all its names; none where states are the branches */
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
static om_status
conditions(
    struct cd_sql *q, struct cd_db *db, const struct ask_rows *ask, const Om__Filter *f, int64_t model, om_err *e)
{
	om_status s = cd_where_add(q, db, true, &ask->period, f, e);

	if (model != 0) {
		cd_sql_add(q, " AND g.model=?");
		cd_sql_value(q, CD_I(model));
	}
	if (ask->after.key != NULL) {
		cd_sql_add(q, " AND g.started_us<=? AND (g.started_us<? OR g.number<" CD_NUMBER_OF_ID ")");
		cd_sql_value(q, CD_I(ask->after.us));
		cd_sql_value(q, CD_I(ask->after.us));
		cd_sql_value(q, cd_t(ask->after.key));
	}
	return s;
}

static void
newest_first(struct cd_sql *q, const struct ask_rows *ask)
{
	cd_sql_add(q, " ORDER BY g.started_us DESC,g.number DESC LIMIT ?");
	cd_sql_value(q, CD_I((int64_t)ask->limit + 1));
}

/* branches finds the page's rows one value of a list after the other: each alone
 * walks along an index, all together would be sorted. */
static om_status
branches(struct cd_sql *q, struct cd_db *db, const struct ask_rows *ask, om_err *e)
{
	Om__Filter f = *ask->q->filter;
	om_status s = OM_OK;
	bool by_state = f.n_states > 1, by_model = ask->n_models > 1;
	const size_t n = by_model ? ask->n_models : by_state ? f.n_states : f.n_cost_states;

	cd_sql_add(q, " FROM (");
	for (size_t i = 0; s == OM_OK && i < n; i++) {
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
		    i > 0 ? " UNION ALL (SELECT g.number FROM generation AS g"
			  : "(SELECT g.number FROM generation AS g");
		s = conditions(q, db, ask, &f, by_model ? ask->models[i] : 0, e);
		newest_first(q, ask);
		cd_sql_add(q, ")");
	}
	cd_sql_add(q, ") AS page STRAIGHT_JOIN generation AS g ON g.number=page.number");
	return s;
}

/* find_models looks up the names of the filter's model, which become branches. */
static om_status
find_models(struct cd_db *db, struct ask_rows *ask, const Om__Filter *f, om_err *e)
{
	const char *const *names = NULL;
	size_t n = 0;
	om_status s;

	ask->n_models = 0;
	if (f == NULL || f->model == NULL || f->model[0] == '\0' || f->n_states > 1 || f->n_cost_states > 1)
		return OM_OK;
	s = cd_model_names(db, f->model, ask->a, &names, &n, e);
	if (s != OM_OK || n > MAX_BRANCHES)
		return s; /* all at once */
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		int64_t number = 0;

		s = cd_names_find(db, CD_WORD, names[i], strlen(names[i]), &number, e);
		if (number != 0)
			ask->models[ask->n_models++] = number;
	}
	return s;
}

/* one_condition adds them where there are no branches. */
static om_status
one_condition(struct cd_sql *q, struct cd_db *db, const struct ask_rows *ask, om_err *e)
{
	Om__Filter f = OM__FILTER__INIT;

	if (ask->n_models != 1)
		return conditions(q, db, ask, ask->q->filter, 0, e);
	f = *ask->q->filter;
	f.model = NULL;
	return conditions(q, db, ask, &f, ask->models[0], e);
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
		s = branches(&q, db, ask, e);
		newest_first(&q, ask);
	} else {
		cd_sql_add(&q, cd_generation_from);
		s = one_condition(&q, db, ask, e);
		newest_first(&q, ask);
	}
	if (s == OM_OK)
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
