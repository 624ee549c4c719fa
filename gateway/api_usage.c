/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api_read.h"
#include "json.h"
#include "peers.h"
#include "query.h"
#include "routes.h"

#include <string.h>

static const struct {
	const char *name;
	Om__Group group;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
    {"day", OM__GROUP__GROUP_DAY, offsetof(Om__UsageRow, day)},
    {"month", OM__GROUP__GROUP_MONTH, offsetof(Om__UsageRow, month)},
    {"user", OM__GROUP__GROUP_USER, offsetof(Om__UsageRow, user)},
    {"model", OM__GROUP__GROUP_MODEL, offsetof(Om__UsageRow, model)},
    {"provider", OM__GROUP__GROUP_PROVIDER, offsetof(Om__UsageRow, provider)},
    {"origin", OM__GROUP__GROUP_ORIGIN, offsetof(Om__UsageRow, origin)},
    {"task", OM__GROUP__GROUP_TASK, offsetof(Om__UsageRow, task)},
};

#define N_GROUPS (sizeof groups / sizeof groups[0])

static const char *const cost_states[] = {"unknown", "estimated", "reported", "looked_up"};

const char *
gw_cost_state_name(Om__CostState s)
{
	return (unsigned)s < sizeof cost_states / sizeof cost_states[0] ? cost_states[s] : "unknown";
}

static const char *
state_name(Om__State s)
{
	static const char *const names[] = {"open", "error", "cancelled", "final"};

	return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "open";
}

/* ---- the question ---- */

static om_status
read_groups(struct gw_req *rq, Om__UsageQuery *q, om_err *e)
{
	const char *p = gw_req_arg(rq, "group_by");

	q->group_by = om_arena_array(rq->arena, N_GROUPS, sizeof *q->group_by);
	if (q->group_by == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	while (p != NULL) {
		size_t n = strcspn(p, ","), at = 0;

		while (at < N_GROUPS && (strlen(groups[at].name) != n || strncmp(groups[at].name, p, n) != 0))
			at++;
		for (size_t i = 0; at < N_GROUPS && i < q->n_group_by; i++)
			if (q->group_by[i] == groups[at].group)
				at = N_GROUPS;
		if (at == N_GROUPS)
			return om_fail(e, OM_INVALID,
			    "group_by: must be day, month, user, model, provider, origin or task, each at most once");
		q->group_by[q->n_group_by++] = groups[at].group;
		p = p[n] == ',' ? p + n + 1 : NULL;
	}
	return OM_OK;
}

static om_status
read_filter(struct gw_req *rq, Om__Filter *f, om_err *e)
{
	om_status s;

	if ((s = gw_query_text(rq, "user", 1, 128, &f->user, e)) != OM_OK ||
	    (s = gw_query_text(rq, "model", 0, 256, &f->model, e)) != OM_OK)
		return s;
	return gw_query_text(rq, "provider", 0, 128, &f->provider, e);
}

/* ---- the answer ---- */

void
gw_write_count(struct om_jw *w, const char *key, uint64_t v)
{
	om_jw_key(w, key);
	om_jw_int(w, (int64_t)(v <= INT64_MAX ? v : INT64_MAX));
}

void
gw_write_text(struct om_jw *w, const char *key, const char *text)
{
	om_jw_key(w, key);
	om_jw_text(w, text);
}

static void
write_figures(struct om_jw *w, const Om__Figures *f)
{
	gw_write_count(w, "requests", f->requests);
	gw_write_count(w, "prompt_tokens", f->prompt_tokens);
	gw_write_count(w, "completion_tokens", f->completion_tokens);
	gw_write_count(w, "reasoning_tokens", f->reasoning_tokens);
	gw_write_count(w, "cached_tokens", f->cached_tokens);
	gw_write_count(w, "cache_write_tokens", f->cache_write_tokens);
	gw_write_text(w, "cost", f->cost);
	gw_write_text(w, "byok_cost", f->byok_cost);
	gw_write_count(w, "unsettled", f->unsettled);
}

static void
write_row(struct om_jw *w, const Om__UsageReply *u, const Om__UsageRow *row)
{
	om_jw_open(w, '{');
	for (size_t g = 0; g < u->n_group_by; g++)
		for (size_t i = 0; i < N_GROUPS; i++) {
			const char *value;

			if (groups[i].group != u->group_by[g])
				continue;
			memcpy(&value, (const char *)row + groups[i].offset, sizeof value);
			gw_write_text(w, groups[i].name, value);
			if (groups[i].group == OM__GROUP__GROUP_USER)
				gw_write_text(w, "user_name", row->user_name);
		}
	write_figures(w, row->figures);
	om_jw_close(w, '}');
}

om_status
gw_api_usage(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__UsageQuery q = OM__USAGE_QUERY__INIT;
	Om__Period period = OM__PERIOD__INIT;
	Om__Filter filter = OM__FILTER__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	const Om__UsageReply *u;
	struct om_jw w;
	om_status s;

	if ((s = read_groups(rq, &q, e)) != OM_OK || (s = read_filter(rq, &filter, e)) != OM_OK ||
	    (s = gw_query_limit(rq, 10000, 10000, &q.limit, e)) != OM_OK ||
	    (s = gw_query_period(rq, &period, e)) != OM_OK)
		return s;
	q.period = &period;
	q.filter = &filter;
	q.has_limit = 1;
	req.body_case = OM__REQUEST__BODY_USAGE;
	req.usage = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_USAGE)
		return gw_read_mismatch(e);
	u = rep->usage;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	gw_write_text(&w, "currency", "USD");
	gw_write_text(&w, "timezone", u->timezone);
	gw_write_text(&w, "from", u->from);
	gw_write_text(&w, "to", u->to);
	om_jw_key(&w, "rows");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < u->n_rows; i++)
		write_row(&w, u, u->rows[i]);
	om_jw_close(&w, ']');
	om_jw_key(&w, "total");
	om_jw_open(&w, '{');
	write_figures(&w, u->total);
	om_jw_close(&w, '}');
	om_jw_key(&w, "truncated");
	om_jw_bool(&w, u->truncated);
	om_jw_close(&w, '}');
	return OM_OK;
}

/* ---- generations ---- */

static void
write_tokens(struct om_jw *w, const char *key, protobuf_c_boolean has, int64_t v)
{
	om_jw_key(w, key);
	if (has)
		om_jw_int(w, v);
	else
		om_jw_null(w);
}

static void
write_generation(struct om_jw *w, const Om__Generation *g)
{
	om_jw_open(w, '{');
	gw_write_text(w, "generation_id", g->generation_id);
	gw_write_text(w, "user", g->user);
	gw_write_text(w, "user_name", g->user_name);
	gw_write_text(w, "model", g->model);
	gw_write_text(w, "provider", g->provider);
	gw_write_text(w, "requested_model", g->requested_model);
	om_jw_key(w, "started_at");
	om_jw_time(w, g->started_us);
	om_jw_key(w, "finished_at");
	if (g->has_finished_us)
		om_jw_time(w, g->finished_us);
	else
		om_jw_null(w);
	gw_write_text(w, "day", g->day);
	gw_write_text(w, "state", state_name(g->state));
	gw_write_text(w, "cost", g->cost);
	gw_write_text(w, "cost_state", gw_cost_state_name(g->cost_state));
	gw_write_text(w, "byok_cost", g->byok_cost);
	om_jw_key(w, "is_byok");
	if (g->has_is_byok)
		om_jw_bool(w, g->is_byok);
	else
		om_jw_null(w);
	write_tokens(w, "prompt_tokens", g->has_prompt_tokens, g->prompt_tokens);
	write_tokens(w, "completion_tokens", g->has_completion_tokens, g->completion_tokens);
	write_tokens(w, "reasoning_tokens", g->has_reasoning_tokens, g->reasoning_tokens);
	write_tokens(w, "cached_tokens", g->has_cached_tokens, g->cached_tokens);
	write_tokens(w, "cache_write_tokens", g->has_cache_write_tokens, g->cache_write_tokens);
	gw_write_text(w, "chat_id", g->chat_id);
	gw_write_text(w, "message_id", g->message_id);
	gw_write_text(w, "turn_id", g->turn_id);
	gw_write_text(w, "origin", g->origin);
	gw_write_text(w, "task", g->task);
	gw_write_text(w, "source", g->source);
	om_jw_close(w, '}');
}

static om_status
read_cost_state(const struct gw_req *rq, Om__Filter *f, om_err *e)
{
	const char *v = gw_req_arg(rq, "cost_state");

	if (v == NULL)
		return OM_OK;
	for (size_t i = 0; i < sizeof cost_states / sizeof cost_states[0]; i++)
		if (strcmp(v, cost_states[i]) == 0) {
			f->has_cost_state = 1;
			f->cost_state = (Om__CostState)i;
			return OM_OK;
		}
	return om_fail(e, OM_INVALID, "cost_state: must be reported, looked_up, estimated or unknown");
}

om_status
gw_api_generations(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__GenerationsQuery q = OM__GENERATIONS_QUERY__INIT;
	Om__Period period = OM__PERIOD__INIT;
	Om__Filter filter = OM__FILTER__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	if ((s = read_filter(rq, &filter, e)) != OM_OK || (s = read_cost_state(rq, &filter, e)) != OM_OK ||
	    (s = gw_query_text(rq, "generation_id", 1, 128, &filter.generation_id, e)) != OM_OK ||
	    (s = gw_query_text(rq, "cursor", 1, 1024, &q.cursor, e)) != OM_OK ||
	    (s = gw_query_limit(rq, 1000, 100, &q.limit, e)) != OM_OK || (s = gw_query_period(rq, &period, e)) != OM_OK)
		return s;
	q.has_limit = 1;
	q.period = &period;
	q.filter = &filter;
	req.body_case = OM__REQUEST__BODY_GENERATIONS;
	req.generations = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_GENERATIONS)
		return gw_read_mismatch(e);
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	gw_write_text(&w, "timezone", rep->generations->timezone);
	om_jw_key(&w, "items");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < rep->generations->n_items; i++)
		write_generation(&w, rep->generations->items[i]);
	om_jw_close(&w, ']');
	gw_write_text(&w, "next_cursor", rep->generations->next_cursor);
	om_jw_close(&w, '}');
	return OM_OK;
}
