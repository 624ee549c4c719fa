/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"
#include "answer/answer.h"
#include "http/arguments.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "settle.pb-c.h"
#include "usage.pb-c.h"
#include "base/text.h"
#include "wire/codec.h"

#include <string.h>

static void
write_names(struct om_jw *w, const char *key, char *const *names, size_t n)
{
	om_jw_key(w, key);
	om_jw_open(w, '[');
	for (size_t i = 0; i < n; i++)
		om_jw_text(w, names[i]);
	om_jw_close(w, ']');
}

static void
write_user(struct om_jw *w, const Om__User *u)
{
	om_jw_open(w, '{');
	gw_write_text(w, "id", u->id);
	gw_write_text(w, "name", u->name);
	gw_write_text(w, "email", u->email);
	gw_write_text(w, "role", u->role);
	write_names(w, "groups", u->groups, u->n_groups);
	write_names(w, "inherited_groups", u->inherited_groups, u->n_inherited_groups);
	om_jw_key(w, "first_seen_at");
	om_jw_time(w, u->first_seen_us);
	om_jw_key(w, "last_seen_at");
	om_jw_time(w, u->last_seen_us);
	om_jw_close(w, '}');
}

om_status
gw_api_users(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__UsersQuery q = OM__USERS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	const Om__UsersReply *users;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	if ((s = gw_query_text(rq, "q", 0, 200, &q.q, e)) != OM_OK ||
	    (s = gw_query_text(rq, "cursor", 1, 1024, &q.cursor, e)) != OM_OK ||
	    (s = gw_query_limit(rq, 1000, 100, &q.limit, e)) != OM_OK)
		return s;
	q.has_limit = 1;
	req.body_case = OM__REQUEST__BODY_USERS;
	req.users = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_USERS)
		return gw_read_mismatch(e);
	users = rep->users;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "items");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < users->n_items; i++)
		write_user(&w, users->items[i]);
	om_jw_close(&w, ']');
	gw_write_text(&w, "next_cursor", users->next_cursor);
	om_jw_close(&w, '}');
	return OM_OK;
}

om_status
gw_api_user(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__UserQuery q = OM__USER_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	if (om_utf8_length(rq->param[0], strlen(rq->param[0])) > 128)
		return om_fail(e, OM_NOT_FOUND, "there is no such user");
	q.id = om_arena_strdup(rq->arena, rq->param[0]);
	if (q.id == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	req.body_case = OM__REQUEST__BODY_USER;
	req.user = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s == OM_NOT_FOUND)
		return om_fail(e, OM_NOT_FOUND, "there is no such user");
	if (s == OM_OK && rep->body_case != OM__REPLY__BODY_USER)
		return gw_read_mismatch(e);
	if (s == OM_OK)
		s = om_msg_has(rep->user->user, "user", e);
	if (s != OM_OK)
		return s;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	write_user(&w, rep->user->user);
	return OM_OK;
}

om_status
gw_api_models(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__ModelsQuery q = OM__MODELS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	req.body_case = OM__REQUEST__BODY_MODELS;
	req.models = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_MODELS)
		return gw_read_mismatch(e);
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "fetched_at");
	om_jw_time(&w, rep->models->fetched_us);
	om_jw_key(&w, "items");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < rep->models->n_items; i++) {
		const Om__Model *m = rep->models->items[i];

		om_jw_open(&w, '{');
		gw_write_text(&w, "id", m->id);
		gw_write_text(&w, "name", m->name);
		om_jw_key(&w, "context_length");
		if (m->has_context_length)
			om_jw_int(&w, m->context_length);
		else
			om_jw_null(&w);
		om_jw_key(&w, "pricing");
		om_jw_open(&w, '{');
		for (size_t p = 0; p < m->n_prices; p++)
			gw_write_text(&w, m->prices[p]->key, m->prices[p]->value);
		om_jw_close(&w, '}');
		om_jw_close(&w, '}');
	}
	om_jw_close(&w, ']');
	gw_write_text(&w, "next_cursor", NULL);
	om_jw_close(&w, '}');
	return OM_OK;
}

om_status
gw_api_credits(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__CreditsQuery q = OM__CREDITS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	const Om__CreditsReply *c;
	Om__Reply *rep = NULL;
	struct om_jw w;
	om_status s;

	req.body_case = OM__REQUEST__BODY_CREDITS;
	req.credits = &q;
	s = gw_peers_ask_costd(app->peers, &req, rq->arena, &rep, e);
	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_CREDITS)
		return gw_read_mismatch(e);
	c = rep->credits;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "fetched_at");
	om_jw_time(&w, c->fetched_us);
	om_jw_key(&w, "known");
	om_jw_bool(&w, c->known);
	gw_write_text(&w, "total_credits", c->total_credits);
	gw_write_text(&w, "total_usage", c->total_usage);
	gw_write_text(&w, "remaining", c->remaining);
	om_jw_close(&w, '}');
	return OM_OK;
}
