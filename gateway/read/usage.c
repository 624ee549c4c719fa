/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"
#include "answer/answer.h"
#include "http/arguments.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "usage.pb-c.h"
#include "base/json.h"

#include <string.h>

static const struct {
	const char *name;
	Om__Dimension group;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
    {"hour", OM__DIMENSION__DIMENSION_HOUR, offsetof(Om__UsageRow, hour)},
    {"day", OM__DIMENSION__DIMENSION_DAY, offsetof(Om__UsageRow, day)},
    {"month", OM__DIMENSION__DIMENSION_MONTH, offsetof(Om__UsageRow, month)},
    {"user", OM__DIMENSION__DIMENSION_USER, offsetof(Om__UsageRow, user)},
    {"group", OM__DIMENSION__DIMENSION_GROUP, offsetof(Om__UsageRow, group)},
    {"model", OM__DIMENSION__DIMENSION_MODEL, offsetof(Om__UsageRow, model)},
    {"provider", OM__DIMENSION__DIMENSION_PROVIDER, offsetof(Om__UsageRow, provider)},
    {"origin", OM__DIMENSION__DIMENSION_ORIGIN, offsetof(Om__UsageRow, origin)},
    {"task", OM__DIMENSION__DIMENSION_TASK, offsetof(Om__UsageRow, task)},
    {"source", OM__DIMENSION__DIMENSION_SOURCE, offsetof(Om__UsageRow, source)},
};

#define N_GROUPS (sizeof groups / sizeof groups[0])

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
			    "group_by: must be hour, day, month, user, group, model, provider, origin, task or source, "
			    "each "
			    "at most once");
		q->group_by[q->n_group_by++] = groups[at].group;
		p = p[n] == ',' ? p + n + 1 : NULL;
	}
	return OM_OK;
}

om_status
gw_read_filter(struct gw_req *rq, Om__Filter *f, om_err *e)
{
	om_status s;

	if ((s = gw_query_text(rq, "user", 1, 128, &f->user, e)) != OM_OK ||
	    (s = gw_query_text(rq, "group", 0, 256, &f->group, e)) != OM_OK ||
	    (s = gw_query_text(rq, "model", 0, 256, &f->model, e)) != OM_OK ||
	    (s = gw_query_text(rq, "provider", 0, 128, &f->provider, e)) != OM_OK ||
	    (s = gw_query_text(rq, "origin", 0, 64, &f->origin, e)) != OM_OK ||
	    (s = gw_query_text(rq, "task", 0, 64, &f->task, e)) != OM_OK)
		return s;
	return gw_query_text(rq, "source", 0, 64, &f->source, e);
}

om_status
gw_read_usage(struct gw_req *rq, struct gw_usage_question *q, om_err *e)
{
	om_status s;

	om__usage_query__init(&q->query);
	om__period__init(&q->period);
	om__filter__init(&q->filter);
	if ((s = read_groups(rq, &q->query, e)) != OM_OK || (s = gw_read_filter(rq, &q->filter, e)) != OM_OK ||
	    (s = gw_query_limit(rq, 10000, 10000, &q->query.limit, e)) != OM_OK)
		return s;
	q->query.has_limit = 1;
	q->query.period = &q->period;
	q->query.filter = &q->filter;
	return gw_query_period(rq, &q->period, e);
}

/* ---- the answer ---- */

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
			if (groups[i].group == OM__DIMENSION__DIMENSION_USER)
				gw_write_text(w, "user_name", row->user_name);
		}
	write_figures(w, row->figures);
	om_jw_close(w, '}');
}

om_status
gw_api_usage(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_usage_question q;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	const Om__UsageReply *u;
	struct om_jw w;
	om_status s = gw_read_usage(rq, &q, e);

	if (s != OM_OK)
		return s;
	req.body_case = OM__REQUEST__BODY_USAGE;
	req.usage = &q.query;
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
