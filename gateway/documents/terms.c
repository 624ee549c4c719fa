/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Terms of months: costd keeps them, with their history. */
#include "wire/terms.h"

#include "routes.h"
#include "answer/answer.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "base/text.h"

#include <string.h>

static om_status
ask(struct gw_app *app, struct gw_req *rq, Om__Request *req, const Om__TermsReply **out, om_err *e)
{
	Om__Reply *rep = NULL;
	om_status s = gw_peers_ask_costd(app->peers, req, rq->arena, &rep, e);

	if (s != OM_OK)
		return s;
	if (rep->body_case != OM__REPLY__BODY_TERMS)
		return gw_read_mismatch(e);
	*out = rep->terms;
	for (size_t i = 0; s == OM_OK && i < rep->terms->n_items; i++)
		s = om_msg_has(rep->terms->items[i]->terms, "terms of a day", e);
	return s;
}

/* ---- writing ---- */

static void
write_bool(struct om_jw *w, const char *key, bool v)
{
	om_jw_key(w, key);
	om_jw_bool(w, v);
}

static void
write_version(struct om_jw *w, const Om__TermsVersion *v)
{
	char day[OM_DAY_TEXT];

	om_jw_open(w, '{');
	gw_write_text(w, "valid_from", v->has_valid_from_day ? om_day_text(v->valid_from_day, day) : NULL);
	om_jw_key(w, "changed_at");
	om_jw_time(w, v->changed_us);
	gw_write_text(w, "source", v->source);
	write_bool(w, "withdrawn", v->withdrawn != 0);
	write_bool(w, "counts", v->counts != 0);
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		gw_write_text(w, om_terms_name(i), *om_terms_text(v->terms, i));
	write_bool(w, OM_TERMS_CONFIRMED, v->terms->has_exchange_rate_confirmed && v->terms->exchange_rate_confirmed);
	om_jw_close(w, '}');
}

static void
write_versions(struct om_jw *w, const char *key, const Om__TermsReply *r, bool all)
{
	om_jw_key(w, key);
	om_jw_open(w, '[');
	for (size_t i = 0; i < r->n_items; i++)
		if (all || r->items[i]->counts)
			write_version(w, r->items[i]);
	om_jw_close(w, ']');
}

static void
write_terms(struct gw_reply *rp, const Om__TermsReply *r)
{
	struct om_jw w;

	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	write_versions(&w, "items", r, false);
	write_versions(&w, "history", r, true);
	gw_write_text(&w, "conflict", r->conflict);
	om_jw_close(&w, '}');
}

om_status
gw_api_terms(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__TermsQuery q = OM__TERMS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	const Om__TermsReply *found = NULL;
	om_status s;

	req.body_case = OM__REQUEST__BODY_TERMS;
	req.terms = &q;
	s = ask(app, rq, &req, &found, e);
	if (s == OM_OK && found != NULL)
		write_terms(rp, found);
	return s;
}

/* ---- changing ---- */

/* check_names: a letter too many would leave an amount as it was. */
static om_status
check_names(json_t *doc, om_err *e)
{
	const char *name;
	json_t *value;

	json_object_foreach(doc, name, value)
	{
		if (om_terms_find(name) == OM_TERMS_TEXTS && strcmp(name, "valid_from") != 0 &&
		    strcmp(name, "withdrawn") != 0 && strcmp(name, OM_TERMS_CONFIRMED) != 0)
			return om_fail(e, OM_INVALID, "%.64s: is no member of terms", name);
	}
	return OM_OK;
}

/* read_from reads the month from which on they are valid; null is a value here. */
static om_status
read_from(const json_t *doc, Om__TermsChange *q, om_err *e)
{
	const json_t *v = json_object_get(doc, "valid_from");
	const char *text = json_string_value(v);
	char day[OM_DAY_TEXT] = "0000-00-01";
	om_day first = 0;

	if (v == NULL)
		return om_fail(e, OM_INVALID, "valid_from: is missing (null: from the beginning of time)");
	if (json_is_null(v))
		return OM_OK;
	if (text == NULL || strlen(text) != json_string_length(v) || (strlen(text) != 7 && strlen(text) != 10))
		return om_fail(e, OM_INVALID, "valid_from: must be a month, like 2026-11, or null");
	memcpy(day, text, strlen(text));
	if (om_day_parse(day, &first, NULL) != OM_OK || strcmp(day + 7, "-01") != 0)
		return om_fail(e, OM_INVALID, "valid_from: must be a month or its first day, like 2026-11-01");
	if (first < om_day_from_civil(2000, 1, 1) || first > om_day_from_civil(2199, 12, 1))
		return om_fail(e, OM_INVALID, "valid_from: the year must be from 2000 to 2199");
	q->has_valid_from_day = 1;
	q->valid_from_day = first;
	return OM_OK;
}

/* read_unset takes the names of those that are null. */
static om_status
read_unset(struct gw_req *rq, const json_t *doc, Om__TermsChange *q, om_err *e)
{
	q->unset = om_arena_array(rq->arena, OM_TERMS_TEXTS, sizeof *q->unset);
	for (unsigned i = 0; q->unset != NULL && i < OM_TERMS_TEXTS; i++) {
		if (!json_is_null(json_object_get(doc, om_terms_name(i))))
			continue;
		q->unset[q->n_unset] = om_arena_strdup(rq->arena, om_terms_name(i));
		if (q->unset[q->n_unset++] == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
	}
	return q->unset != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static bool
says_nothing(Om__TermsChange *q)
{
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		if (*om_terms_text(q->terms, i) != NULL)
			return false;
	return q->n_unset == 0 && !q->terms->has_exchange_rate_confirmed;
}

static om_status
read_change(struct gw_req *rq, json_t *doc, Om__TermsChange *q, om_err *e)
{
	bool withdrawn = false, has = false;
	om_status s;

	if (!json_is_object(doc))
		return om_fail(e, OM_INVALID, "the body must be an object");
	if ((s = check_names(doc, e)) != OM_OK || (s = read_from(doc, q, e)) != OM_OK ||
	    (s = om_terms_read(doc, OM_TERMS_LOWER, rq->arena, q->terms, e)) != OM_OK ||
	    (s = read_unset(rq, doc, q, e)) != OM_OK ||
	    (s = om_json_bool(doc, "", "withdrawn", &withdrawn, &has, e)) != OM_OK)
		return s;
	if (withdrawn && !says_nothing(q))
		return om_fail(e, OM_INVALID, "withdrawn: goes together with valid_from only");
	q->has_withdrawn = q->withdrawn = withdrawn;
	return OM_OK;
}

om_status
gw_api_terms_change(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	Om__TermsChange q = OM__TERMS_CHANGE__INIT;
	Om__Terms terms = OM__TERMS__INIT;
	Om__Request req = OM__REQUEST__INIT;
	const Om__TermsReply *found = NULL;
	json_t *doc = NULL;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s != OM_OK)
		return s;
	q.terms = &terms;
	s = read_change(rq, doc, &q, e);
	json_decref(doc);
	if (s != OM_OK)
		return s;
	req.body_case = OM__REQUEST__BODY_TERMS_CHANGE;
	req.terms_change = &q;
	s = ask(app, rq, &req, &found, e);
	if (s == OM_OK && found != NULL)
		write_terms(rp, found);
	return s;
}
