/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rows.h"

#include "pairs/pair.h"
#include "price/model.h"
#include "store/rollup.h"
#include "value/group_set.h"
#include "record.pb-c.h"
#include "base/money.h"

#include <string.h>

#define SQL_BYTES ((size_t)16 * 1024)

const char cd_day_sums[] = "CAST(COALESCE(SUM(requests),0) AS SIGNED) AS s_requests,"
			   "CAST(COALESCE(SUM(prompt_tokens),0) AS SIGNED) AS s_prompt_tokens,"
			   "CAST(COALESCE(SUM(completion_tokens),0) AS SIGNED) AS s_completion_tokens,"
			   "CAST(COALESCE(SUM(reasoning_tokens),0) AS SIGNED) AS s_reasoning_tokens,"
			   "CAST(COALESCE(SUM(cached_tokens),0) AS SIGNED) AS s_cached_tokens,"
			   "CAST(COALESCE(SUM(cache_write_tokens),0) AS SIGNED) AS s_cache_write_tokens,"
			   "COALESCE(SUM(cost),0) AS s_cost,COALESCE(SUM(byok_cost),0) AS s_byok_cost,"
			   "CAST(COALESCE(SUM(unsettled),0) AS SIGNED) AS s_unsettled";

const char cd_generation_sums[] = "CAST(COALESCE(SUM(requests),0) AS SIGNED) AS s_requests,"
				  "CAST(COALESCE(SUM(prompt_tokens),0) AS SIGNED) AS s_prompt_tokens,"
				  "CAST(COALESCE(SUM(completion_tokens),0) AS SIGNED) AS s_completion_tokens,"
				  "CAST(COALESCE(SUM(reasoning_tokens),0) AS SIGNED) AS s_reasoning_tokens,"
				  "CAST(COALESCE(SUM(cached_tokens),0) AS SIGNED) AS s_cached_tokens,"
				  "CAST(COALESCE(SUM(cache_write_tokens),0) AS SIGNED) AS s_cache_write_tokens,"
				  "COALESCE(SUM(cost),0) AS s_cost,COALESCE(SUM(byok_cost),0) AS s_byok_cost,"
				  "CAST(COALESCE(SUM(unsettled),0) AS SIGNED) AS s_unsettled";

const char cd_generation_columns[] = "g.generation_id,g.user_id,u.name," CD_MODEL_NAME(
    "g.model") ",g.provider,g.requested_model,g.started_us,g.finished_us,"
	       "DATE_FORMAT(g.day,'%Y-%m-%d'),g.state,g.cost_state,g.cost,g.byok_cost,g.is_byok,g.prompt_tokens,"
	       "g.completion_tokens,g.reasoning_tokens,g.cached_tokens,g.cache_write_tokens,g.chat_id,g.message_id,g."
	       "turn_id,"
	       "g.origin,g.task,g.source,g.user_groups,g.platform,g.other_id,g.requests,g.unsettled,g.link_kind,g.kind";
const char cd_generation_from[] = " FROM generation AS g LEFT JOIN `user` AS u ON u.id=g.user_id";

void
cd_sql_init(struct cd_sql *q, struct om_arena *a)
{
	om_buf_init(&q->text, SQL_BYTES);
	q->n = 0;
	q->a = a;
}

void
cd_sql_fini(struct cd_sql *q)
{
	om_buf_fini(&q->text);
}

void
cd_sql_add(struct cd_sql *q, const char *text)
{
	om_buf_str(&q->text, text);
}

void
cd_sql_value(struct cd_sql *q, struct cd_val v)
{
	if (q->n == CD_MAX_PARAMS)
		om_buf_fail(&q->text, OM_TOO_LARGE);
	else
		q->v[q->n++] = v;
}

void
cd_sql_day(struct cd_sql *q, om_day d)
{
	char day[OM_DAY_TEXT];

	cd_sql_value(q, cd_t(om_arena_strdup(q->a, om_day_text(d, day))));
}

om_status
cd_sql_query(struct cd_db *db, struct cd_sql *q, cd_row_fn *fn, void *arg, om_err *e)
{
	om_status s = om_buf_done(&q->text, e);

	if (s == OM_OK && q->a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s == OM_OK ? cd_db_query(db, q->text.data, q->v, q->n, fn, arg, e) : s;
}

/* only adds a condition; an empty text asks for rows without a value. */
static void
only(struct cd_sql *q, const char *column, const char *value)
{
	if (value == NULL)
		return;
	om_buf_printf(&q->text, value[0] == '\0' ? " AND %s IS NULL" : " AND %s=?", column);
	if (value[0] != '\0')
		cd_sql_value(q, cd_t(value));
}

/* only_model finds a model by either of its names (model.h). */
static void
only_model(struct cd_sql *q, const char *name)
{
	if (name == NULL || name[0] == '\0') {
		only(q, "g.model", name);
		return;
	}
	cd_sql_add(q, " AND " CD_MODEL_IS("g.model"));
	for (unsigned i = 0; i < CD_MODEL_IS_VALUES; i++)
		cd_sql_value(q, cd_t(name));
}

unsigned
cd_filter_dims(const Om__Filter *f)
{
	unsigned d = 0;

	if (f == NULL)
		return 0;
	d |= f->user != NULL ? CD_DIM_USER : 0u;
	d |= f->group != NULL ? CD_DIM_GROUPS : 0u;
	d |= f->model != NULL ? CD_DIM_MODEL : 0u;
	d |= f->provider != NULL ? CD_DIM_PROVIDER : 0u;
	d |= f->origin != NULL ? CD_DIM_ORIGIN : 0u;
	d |= f->task != NULL ? CD_DIM_TASK : 0u;
	d |= f->source != NULL ? CD_DIM_SOURCE : 0u;
	return d;
}

bool
cd_filter_is_of_rows(const Om__Filter *f)
{
	return f != NULL &&
	    (f->generation_id != NULL || f->platform != NULL || f->kind != NULL || f->has_cost_state ||
		f->chat_id != NULL || f->has_unsettled || f->n_states > 0 || f->n_cost_states > 0);
}

/* one_of adds "column IN (…)"; n at most as many as there are states. */
static void
one_of(struct cd_sql *q, const char *column, const int *values, size_t n)
{
	if (n == 0)
		return;
	om_buf_printf(&q->text, " AND %s IN (", column);
	for (size_t i = 0; i < n; i++)
		om_buf_printf(&q->text, "%s%d", i > 0 ? "," : "", values[i]);
	om_buf_chr(&q->text, ')');
}

/* only_rows adds the conditions that single rows alone can meet. */
static void
only_rows(struct cd_sql *q, const Om__Filter *f)
{
	if (f->generation_id != NULL) {
		cd_sql_add(q, " AND generation_id=?");
		cd_sql_value(q, cd_t(f->generation_id));
	}
	if (f->chat_id != NULL) {
		cd_sql_add(q, " AND chat_id=?");
		cd_sql_value(q, cd_t(f->chat_id));
	}
	if (f->has_cost_state)
		one_of(q, "cost_state", (int[]){(int)f->cost_state}, 1);
	one_of(q, "cost_state", (const int *)f->cost_states, f->n_cost_states);
	one_of(q, "state", (const int *)f->states, f->n_states);
	if (f->has_unsettled)
		one_of(q, "unsettled", (int[]){f->unsettled ? 1 : 0}, 1);
}

void
cd_sql_where(struct cd_sql *q, bool rows, const struct cd_period *p, const Om__Filter *f)
{
	cd_sql_add(q, " WHERE TRUE");
	if (p->days) {
		cd_sql_add(q, " AND day>=? AND day<?");
		cd_sql_day(q, p->from_day);
		cd_sql_day(q, p->to_day);
	}
	if (rows) {
		cd_sql_add(q, " AND started_us>=? AND started_us<?");
		cd_sql_value(q, CD_I(p->from_us));
		cd_sql_value(q, CD_I(p->to_us));
		if (f == NULL || f->generation_id == NULL)
			cd_sql_add(q, " AND (requests>0 OR cost>0)"); /* what is all part of other rows */
	}
	if (f == NULL)
		return;
	if (f->user != NULL) {
		cd_sql_add(q, " AND user_id=?");
		cd_sql_value(q, cd_t(f->user));
	}
	only_model(q, f->model);
	only(q, "provider", f->provider);
	only(q, "origin", f->origin);
	only(q, "task", f->task);
	only(q, "source", f->source);
	if (rows) {
		only(q, "platform", f->platform);
		only(q, "kind", f->kind);
	}
	if (f->group != NULL && f->group[0] == '\0') {
		cd_sql_add(q, " AND user_groups IS NULL");
	} else if (f->group != NULL) {
		cd_sql_add(q, " AND JSON_CONTAINS(user_groups,JSON_QUOTE(?))");
		cd_sql_value(q, cd_t(f->group));
	}
	if (rows)
		only_rows(q, f);
}

char *
cd_read_text(const struct cd_val *v, struct om_arena *a)
{
	return v->kind == CD_TEXT ? om_arena_strndup(a, v->p, v->n) : NULL;
}

char *
cd_read_money(const struct cd_val *v, struct om_arena *a, om_err *e)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (v->kind != CD_TEXT || om_money_parse(v->p, &m, e) != OM_OK)
		return NULL;
	return om_arena_strdup(a, om_money_text(m, buf));
}

static uint64_t
read_count(const struct cd_val *v)
{
	return v->i > 0 ? (uint64_t)v->i : 0;
}

Om__Figures *
cd_figures_read(const struct cd_val *v, struct om_arena *a, om_err *e)
{
	Om__Figures *f = om_msg_new(a, &om__figures__descriptor);

	if (f == NULL) {
		(void)om_fail(e, OM_NOMEM, "out of memory");
		return NULL;
	}
	f->requests = read_count(&v[0]);
	f->prompt_tokens = read_count(&v[1]);
	f->completion_tokens = read_count(&v[2]);
	f->reasoning_tokens = read_count(&v[3]);
	f->cached_tokens = read_count(&v[4]);
	f->cache_write_tokens = read_count(&v[5]);
	f->cost = cd_read_money(&v[6], a, e);
	f->byok_cost = cd_read_money(&v[7], a, e);
	f->unsettled = read_count(&v[8]);
	return f->cost != NULL && f->byok_cost != NULL ? f : NULL;
}

/* read_int sets a number and whether it is there. */
static void
read_int(const struct cd_val *v, int64_t *out, protobuf_c_boolean *has)
{
	*has = v->kind == CD_INT;
	*out = v->i;
}

/* add_marks lists what is out of the ordinary about a row. */
static void
add_marks(Om__Generation *g, cd_link link, struct om_arena *a)
{
	static char matched[] = "matched", other_id[] = "other_id";

	g->marks = om_arena_array(a, 2, sizeof *g->marks);
	if (g->marks == NULL)
		return;
	if (link >= CD_LINK_MATCHED)
		g->marks[g->n_marks++] = matched;
	if (g->other_id != NULL)
		g->marks[g->n_marks++] = other_id;
}

Om__Generation *
cd_generation_read(const struct cd_val *v, struct om_arena *a, om_err *e)
{
	Om__Generation *g = om_msg_new(a, &om__generation__descriptor);

	if (g == NULL) {
		(void)om_fail(e, OM_NOMEM, "out of memory");
		return NULL;
	}
	g->generation_id = cd_read_text(v++, a);
	g->user = cd_read_text(v++, a);
	g->user_name = cd_read_text(v++, a);
	g->model = cd_read_text(v++, a);
	g->provider = cd_read_text(v++, a);
	g->requested_model = cd_read_text(v++, a);
	g->started_us = (v++)->i;
	read_int(v++, &g->finished_us, &g->has_finished_us);
	g->day = cd_read_text(v++, a);
	g->state = (Om__State)(v++)->i;
	g->cost_state = (Om__CostState)(v++)->i;
	g->cost = v->kind == CD_NULL ? NULL : cd_read_money(v, a, e);
	v++;
	g->byok_cost = v->kind == CD_NULL ? NULL : cd_read_money(v, a, e);
	v++;
	g->has_is_byok = v->kind == CD_INT;
	g->is_byok = (v++)->i != 0;
	read_int(v++, &g->prompt_tokens, &g->has_prompt_tokens);
	read_int(v++, &g->completion_tokens, &g->has_completion_tokens);
	read_int(v++, &g->reasoning_tokens, &g->has_reasoning_tokens);
	read_int(v++, &g->cached_tokens, &g->has_cached_tokens);
	read_int(v++, &g->cache_write_tokens, &g->has_cache_write_tokens);
	g->chat_id = cd_read_text(v++, a);
	g->message_id = cd_read_text(v++, a);
	g->turn_id = cd_read_text(v++, a);
	g->origin = cd_read_text(v++, a);
	g->task = cd_read_text(v++, a);
	g->source = cd_read_text(v++, a);
	if (v->kind == CD_TEXT && cd_group_set_read(v->p, v->n, &g->groups, &g->n_groups, a, e) != OM_OK)
		return NULL;
	v++;
	g->platform = cd_read_text(v++, a);
	g->other_id = cd_read_text(v++, a);
	g->has_requests = g->has_unsettled = true;
	g->requests = (uint32_t)(v++)->i;
	g->unsettled = (v++)->i != 0;
	add_marks(g, (cd_link)(v++)->i, a);
	g->kind = cd_read_text(v, a);
	if (a->failed || g->generation_id == NULL || g->user == NULL || g->day == NULL) {
		(void)om_fail(e, OM_NOMEM, "out of memory");
		return NULL;
	}
	return g;
}
