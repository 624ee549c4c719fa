/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"
#include "answer/answer.h"
#include "http/arguments.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "usage.pb-c.h"
#include "base/json.h"
#include "wire/codec.h"

#include <string.h>

static const struct {
	const char *name;
	Om__Dimension group;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
#define OM_DIMENSION(NAME, name) {#name, OM__DIMENSION__DIMENSION_##NAME, offsetof(Om__UsageRow, name)},
#include "messages/dimensions.def"
};

#define N_GROUPS (sizeof groups / sizeof groups[0])

/* ---- the question ---- */

static om_status
refuse_groups(om_err *e)
{
	static const char names[] = ""
#define OM_DIMENSION(NAME, name) ", " #name
#include "messages/dimensions.def"
	    ;

	return om_fail(e, OM_INVALID, "group_by: must be of these, each at most once: %s", &names[2]);
}

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
			return refuse_groups(e);
		q->group_by[q->n_group_by++] = groups[at].group;
		p = p[n] == ',' ? p + n + 1 : NULL;
	}
	return OM_OK;
}

/* The texts of a filter, and how long they may be. */
static const struct {
	const char *name;
	size_t offset; /* of a char * in Om__Filter */
	bool rows;     /* totals do not know it */
	size_t least, most;
} filters[] = {
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) {#name, offsetof(Om__Filter, name), false, least, most},
#define OM_DIMENSION_ROW(NAME, name, FIELD, least, most)      {#name, offsetof(Om__Filter, name), true, least, most},
#include "messages/dimensions.def"
};

om_status
gw_read_filter(struct gw_req *rq, bool rows, Om__Filter *f, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < sizeof filters / sizeof filters[0]; i++)
		if (rows || !filters[i].rows)
			s = gw_query_text(rq, filters[i].name, filters[i].least, filters[i].most,
			    (char **)(void *)((char *)f + filters[i].offset), e);
	return s;
}

om_status
gw_read_usage(struct gw_req *rq, struct gw_usage_question *q, om_err *e)
{
	om_status s;

	om__usage_query__init(&q->query);
	om__period__init(&q->period);
	om__filter__init(&q->filter);
	if ((s = read_groups(rq, &q->query, e)) != OM_OK || (s = gw_read_filter(rq, false, &q->filter, e)) != OM_OK ||
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
#define WRITE_COUNT(name)     gw_write_count(w, #name, f->name);
#define WRITE_MONEY(name)     gw_write_text(w, #name, f->name);
#define OM_FIGURE(name, kind) WRITE_##kind(name)
#include "messages/figures.def"
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

/* check_parts: what the answer cannot do without. */
static om_status
check_parts(const Om__UsageReply *u, om_err *e)
{
	om_status s = om_msg_has(u->total, "total", e);

	for (size_t i = 0; s == OM_OK && i < u->n_rows; i++)
		s = om_msg_has(u->rows[i]->figures, "figures of a row", e);
	return s;
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
	if ((s = check_parts(u, e)) != OM_OK)
		return s;
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
