/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "terms.h"

#include "answer/reply.h"
#include "peers/ask.h"
#include "base/text.h"
#include "wire/terms.h"

#include <string.h>

/* check_names: a misspelled name, if ignored, would leave an amount as it was. */
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
gw_terms_change(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_TERMS_CHANGE, OM__REPLY__BODY_TERMS};
	Om__TermsChange q = OM__TERMS_CHANGE__INIT;
	Om__Terms terms = OM__TERMS__INIT;
	const Om__TermsReply *all;
	json_t *doc = NULL;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s != OM_OK)
		return s;
	q.terms = &terms;
	s = read_change(rq, doc, &q, e);
	json_decref(doc);
	if (s == OM_OK)
		s = gw_ask_costd(parts->peers, ask, &q, rq->arena, &all, e);
	if (s == OM_OK)
		gw_reply_message(rp, &all->base);
	return s;
}
