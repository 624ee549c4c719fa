/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"
#include "answer/answer.h"
#include "http/arguments.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/text.h"
#include "wire/codec.h"

#include <string.h>

#define ID_CHARS 160 /* "owui:" and a turn id is longer than the provider's ids */

static const char *const cost_states[] = {"unknown", "estimated", "reported", "looked_up"};
static const char *const states[] = {"open", "error", "cancelled", "final"};

const char *
gw_cost_state_name(Om__CostState s)
{
	return (unsigned)s < sizeof cost_states / sizeof cost_states[0] ? cost_states[s] : "unknown";
}

const char *
gw_state_name(Om__State s)
{
	return (unsigned)s < sizeof states / sizeof states[0] ? states[s] : "open";
}

/* ---- the question ---- */

/* read_names reads a comma list of n names; their numbers go to *out. */
static om_status
read_names(struct gw_req *rq, const char *arg, const char *const *names, size_t n, int **out, size_t *n_out, om_err *e)
{
	const char *p = gw_req_arg(rq, arg);
	unsigned seen = 0;

	if (p == NULL)
		return OM_OK;
	*out = om_arena_array(rq->arena, n, sizeof **out);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	while (p != NULL) {
		size_t len = strcspn(p, ","), at = 0;

		while (at < n && (strlen(names[at]) != len || strncmp(names[at], p, len) != 0))
			at++;
		if (at == n || (seen & 1u << at) != 0)
			return om_fail(e, OM_INVALID, "%s: must be %s, %s, %s or %s, each at most once", arg, names[0],
			    names[1], names[2], names[3]);
		seen |= 1u << at;
		(*out)[(*n_out)++] = (int)at;
		p = p[len] == ',' ? p + len + 1 : NULL;
	}
	return OM_OK;
}

/* read_unsettled reads whether rows are asked for whose cost is not final. */
static om_status
read_unsettled(struct gw_req *rq, Om__Filter *f, om_err *e)
{
	const char *text = gw_req_arg(rq, "unsettled");

	if (text == NULL)
		return OM_OK;
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return om_fail(e, OM_INVALID, "unsettled: must be 0 or 1");
	f->has_unsettled = 1;
	f->unsettled = text[0] == '1';
	return OM_OK;
}

om_status
gw_read_generations(struct gw_req *rq, struct gw_generations_question *q, om_err *e)
{
	int *state = NULL, *cost_state = NULL;
	om_status s;

	om__generations_query__init(&q->query);
	om__period__init(&q->period);
	om__filter__init(&q->filter);
	if ((s = gw_read_filter(rq, true, &q->filter, e)) != OM_OK ||
	    (s = read_names(rq, "state", states, 4, &state, &q->filter.n_states, e)) != OM_OK ||
	    (s = read_names(rq, "cost_state", cost_states, 4, &cost_state, &q->filter.n_cost_states, e)) != OM_OK ||
	    (s = gw_query_text(rq, "generation_id", 1, ID_CHARS, &q->filter.generation_id, e)) != OM_OK ||
	    (s = gw_query_text(rq, "chat_id", 1, 256, &q->filter.chat_id, e)) != OM_OK ||
	    (s = read_unsettled(rq, &q->filter, e)) != OM_OK ||
	    (s = gw_query_text(rq, "cursor", 1, 1024, &q->query.cursor, e)) != OM_OK ||
	    (s = gw_query_limit(rq, 1000, 100, &q->query.limit, e)) != OM_OK ||
	    (s = gw_query_period(rq, &q->period, e)) != OM_OK)
		return s;
	q->filter.states = om_arena_array(rq->arena, 4, sizeof *q->filter.states);
	q->filter.cost_states = om_arena_array(rq->arena, 4, sizeof *q->filter.cost_states);
	if (q->filter.states == NULL || q->filter.cost_states == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; state != NULL && i < q->filter.n_states; i++)
		q->filter.states[i] = (Om__State)state[i];
	for (size_t i = 0; cost_state != NULL && i < q->filter.n_cost_states; i++)
		q->filter.cost_states[i] = (Om__CostState)cost_state[i];
	q->query.has_limit = 1;
	q->query.period = &q->period;
	q->query.filter = &q->filter;
	return OM_OK;
}

/* ---- the answer ---- */

static void
write_bool(struct om_jw *w, const char *key, protobuf_c_boolean has, protobuf_c_boolean v)
{
	om_jw_key(w, key);
	if (has)
		om_jw_bool(w, v);
	else
		om_jw_null(w);
}

static void
write_list(struct om_jw *w, const char *key, char *const *texts, size_t n)
{
	om_jw_key(w, key);
	om_jw_open(w, '[');
	for (size_t i = 0; i < n; i++)
		om_jw_text(w, texts[i]);
	om_jw_close(w, ']');
}

/* A figure that a row or a record says, null where it says nothing. */
#define TOLD_COUNT(from, name) gw_write_int(w, #name, (from)->has_##name, (from)->name);
#define TOLD_MONEY(from, name) gw_write_text(w, #name, (from)->name);

/* write_generation writes the members of a row and leaves the object open. */
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
	gw_write_time(w, "finished_at", g->has_finished_us, g->finished_us);
	gw_write_text(w, "day", g->day);
	gw_write_text(w, "state", gw_state_name(g->state));
	gw_write_text(w, "cost_state", gw_cost_state_name(g->cost_state));
	write_bool(w, "is_byok", g->has_is_byok, g->is_byok);
#define OM_FIGURE_TOLD(NAME, name, kind, path) TOLD_##kind(g, name)
#include "messages/figures.def"
	gw_write_text(w, "chat_id", g->chat_id);
	gw_write_text(w, "message_id", g->message_id);
	gw_write_text(w, "turn_id", g->turn_id);
	gw_write_text(w, "origin", g->origin);
	gw_write_text(w, "task", g->task);
	gw_write_text(w, "kind", g->kind);
	gw_write_text(w, "source", g->source);
	write_list(w, "groups", g->groups, g->n_groups);
	gw_write_text(w, "platform", g->platform);
	write_list(w, "marks", g->marks, g->n_marks);
	gw_write_int(w, "requests", true, g->has_requests ? g->requests : 1);
	om_jw_key(w, "unsettled");
	om_jw_bool(w, g->has_unsettled && g->unsettled);
	gw_write_text(w, "other_id", g->other_id);
}

om_status
gw_api_generations(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_generations_question q;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s = gw_read_generations(rq, &q, e);

	if (s != OM_OK)
		return s;
	req.body_case = OM__REQUEST__BODY_GENERATIONS;
	req.generations = &q.query;
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
	for (size_t i = 0; i < rep->generations->n_items; i++) {
		write_generation(&w, rep->generations->items[i]);
		om_jw_close(&w, '}');
	}
	om_jw_close(&w, ']');
	gw_write_text(&w, "next_cursor", rep->generations->next_cursor);
	om_jw_close(&w, '}');
	return OM_OK;
}

/* ---- one row and its history ---- */

static void
write_record(struct om_jw *w, const Om__Record *r)
{
	bool has_cost = r->cost != NULL;
	char id[37] = "";

	if (r->record_id.len == 16)
		om_uuid_text(r->record_id.data, id);
	om_jw_open(w, '{');
	gw_write_text(w, "record_id", id);
	gw_write_time(w, "received_at", true, r->received_us);
	gw_write_text(w, "source", r->source);
	gw_write_text(w, "state", gw_state_name(r->state));
	gw_write_text(w, "user", r->user->id);
	gw_write_text(w, "user_name", r->user->name);
	write_list(w, "groups", r->user->groups, r->user->n_groups);
	gw_write_text(w, "requested_model", r->requested_model);
	gw_write_text(w, "model", r->model);
	gw_write_text(w, "provider", r->provider);
	gw_write_time(w, "started_at", r->has_started_us, r->started_us);
	gw_write_time(w, "finished_at", r->has_finished_us, r->finished_us);
	gw_write_text(w, "cost_state",
	    !has_cost               ? "unknown"
		: r->has_cost_state ? gw_cost_state_name(r->cost_state)
				    : "reported");
	write_bool(w, "is_byok", r->has_is_byok, r->is_byok);
#define OM_FIGURE_TOLD(NAME, name, kind, path) TOLD_##kind(r, name)
#include "messages/figures.def"
	gw_write_text(w, "chat_id", r->chat_id);
	gw_write_text(w, "message_id", r->message_id);
	gw_write_text(w, "turn_id", r->turn_id);
	gw_write_text(w, "origin", r->origin);
	gw_write_text(w, "task", r->task);
	gw_write_text(w, "kind", r->kind);
	gw_write_text(w, "generation_id", r->generation_id);
	gw_write_int(w, "request", r->has_request, r->request);
	gw_write_text(w, "platform", r->platform);
	gw_write_text(w, "other_id", r->other_id);
	om_jw_close(w, '}');
}

static void
write_lookup(struct om_jw *w, const Om__Lookup *l)
{
	om_jw_key(w, "lookup");
	if (l == NULL) {
		om_jw_null(w);
		return;
	}
	om_jw_open(w, '{');
	gw_write_count(w, "attempts", l->attempts);
	gw_write_time(w, "first_at", true, l->first_us);
	gw_write_time(w, "next_at", l->has_next_us, l->next_us);
	gw_write_int(w, "last_status", l->has_last_status, l->last_status);
	gw_write_text(w, "last_error", l->last_error);
	om_jw_key(w, "given_up");
	om_jw_bool(w, !l->has_next_us);
	om_jw_close(w, '}');
}

/* read_id copies the id of the path. */
static om_status
read_id(const struct gw_req *rq, char **out, om_err *e)
{
	if (om_utf8_length(rq->param[0], strlen(rq->param[0])) > ID_CHARS)
		return om_fail(e, OM_NOT_FOUND, "no generation with this id is in the ledger");
	*out = om_arena_strdup(rq->arena, rq->param[0]);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* check_parts: what the answer cannot do without. */
static om_status
check_parts(const Om__GenerationReply *g, om_err *e)
{
	om_status s = om_msg_has(g->generation, "generation", e);

	for (size_t i = 0; s == OM_OK && i < g->n_records; i++)
		s = om_msg_has(g->records[i]->user, "user of a record", e);
	return s;
}

om_status
gw_api_generation(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__GenerationQuery q = OM__GENERATION_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	const Om__GenerationReply *g;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s = read_id(rq, &q.generation_id, e);

	if (s != OM_OK)
		return s;
	req.body_case = OM__REQUEST__BODY_GENERATION;
	req.generation = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_GENERATION)
		return gw_read_mismatch(e);
	g = rep->generation;
	if ((s = check_parts(g, e)) != OM_OK)
		return s;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	gw_write_text(&w, "timezone", g->timezone);
	om_jw_key(&w, "generation");
	write_generation(&w, g->generation);
	write_list(&w, "part_of", g->generation->part_of, g->generation->n_part_of);
	write_list(&w, "parts", g->generation->parts, g->generation->n_parts);
	om_jw_close(&w, '}');
	om_jw_key(&w, "records");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < g->n_records; i++)
		write_record(&w, g->records[i]);
	om_jw_close(&w, ']');
	om_jw_key(&w, "truncated");
	om_jw_bool(&w, g->truncated);
	write_lookup(&w, g->lookup);
	om_jw_close(&w, '}');
	return OM_OK;
}

om_status
gw_api_unpair(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__UnpairQuery q = OM__UNPAIR_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s = read_id(rq, &q.generation_id, e);

	if (s != OM_OK)
		return s;
	req.body_case = OM__REQUEST__BODY_UNPAIR;
	req.unpair = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_UNPAIR)
		return gw_read_mismatch(e);
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	write_list(&w, "unpaired", rep->unpair->unpaired, rep->unpair->n_unpaired);
	om_jw_close(&w, '}');
	return OM_OK;
}
