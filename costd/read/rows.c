/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rows.h"

#include "database/column.h"
#include "pairs/pair.h"
#include "price/model.h"
#include "value/group_set.h"
#include "record.pb-c.h"

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
	f->cost = cd_column_money(&v[6], a, e);
	f->byok_cost = cd_column_money(&v[7], a, e);
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
	g->generation_id = cd_column_text(v++, a);
	g->user = cd_column_text(v++, a);
	g->user_name = cd_column_text(v++, a);
	g->model = cd_column_text(v++, a);
	g->provider = cd_column_text(v++, a);
	g->requested_model = cd_column_text(v++, a);
	g->started_us = (v++)->i;
	read_int(v++, &g->finished_us, &g->has_finished_us);
	g->day = cd_column_text(v++, a);
	g->state = (Om__State)(v++)->i;
	g->cost_state = (Om__CostState)(v++)->i;
	g->cost = v->kind == CD_NULL ? NULL : cd_column_money(v, a, e);
	v++;
	g->byok_cost = v->kind == CD_NULL ? NULL : cd_column_money(v, a, e);
	v++;
	g->has_is_byok = v->kind == CD_INT;
	g->is_byok = (v++)->i != 0;
	read_int(v++, &g->prompt_tokens, &g->has_prompt_tokens);
	read_int(v++, &g->completion_tokens, &g->has_completion_tokens);
	read_int(v++, &g->reasoning_tokens, &g->has_reasoning_tokens);
	read_int(v++, &g->cached_tokens, &g->has_cached_tokens);
	read_int(v++, &g->cache_write_tokens, &g->has_cache_write_tokens);
	g->chat_id = cd_column_text(v++, a);
	g->message_id = cd_column_text(v++, a);
	g->turn_id = cd_column_text(v++, a);
	g->origin = cd_column_text(v++, a);
	g->task = cd_column_text(v++, a);
	g->source = cd_column_text(v++, a);
	if (v->kind == CD_TEXT && cd_group_set_read(v->p, v->n, &g->groups, &g->n_groups, a, e) != OM_OK)
		return NULL;
	v++;
	g->platform = cd_column_text(v++, a);
	g->other_id = cd_column_text(v++, a);
	g->has_requests = g->has_unsettled = true;
	g->requests = (uint32_t)(v++)->i;
	g->unsettled = (v++)->i != 0;
	add_marks(g, (cd_link)(v++)->i, a);
	g->kind = cd_column_text(v, a);
	if (a->failed || g->generation_id == NULL || g->user == NULL || g->day == NULL) {
		(void)om_fail(e, OM_NOMEM, "out of memory");
		return NULL;
	}
	return g;
}
