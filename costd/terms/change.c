/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "change.h"

#include "offers.h"
#include "rows.h"
#include "base/log.h"
#include "wire/terms.h"

#include <string.h>

#define FIRST_YEAR 2000
#define LAST_YEAR  2199

struct work {
	const Om__TermsChange *q;
	om_time now;
	om_day from;
	bool withdrawn;
	struct om_arena *a;
	Om__TermsReply *out;
};

static om_status
read_all(struct cd_db *db, void *arg, om_err *e)
{
	struct work *w = arg;
	om_status s = cd_terms_list(db, w->a, w->out, e);

	return s == OM_OK ? cd_terms_conflict(db, w->now, w->a, &w->out->conflict, e) : s;
}

om_status
cd_terms_read(struct cd_pool *p, om_time now, int64_t deadline_ms, struct om_arena *a, Om__TermsReply *out, om_err *e)
{
	struct work w = {.now = now, .a = a, .out = out};

	return cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_all, &w, e);
}

/* ---- what is asked for ---- */

static om_status
check_day(om_day day, om_err *e)
{
	const om_day least = om_day_from_civil(FIRST_YEAR, 1, 1), most = om_day_from_civil(LAST_YEAR, 12, 1);
	int year, month, of_month;

	if (day < least || day > most)
		return om_fail(e, OM_INVALID, "valid_from: must lie in the years %d to %d", FIRST_YEAR, LAST_YEAR);
	om_day_to_civil(day, &year, &month, &of_month);
	return of_month == 1 ? OM_OK : om_fail(e, OM_INVALID, "valid_from: must be the first day of a month");
}

static bool
is_empty(Om__Terms *t)
{
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		if (*om_terms_text(t, i) != NULL)
			return false;
	return !t->exchange_rate_confirmed;
}

static om_status
check_unset(const Om__TermsChange *q, om_err *e)
{
	for (size_t i = 0; i < q->n_unset; i++) {
		const char *name = q->unset[i];
		const unsigned n = om_terms_find(name);
		bool set;

		if (n == OM_TERMS_TEXTS && strcmp(name, OM_TERMS_CONFIRMED) != 0)
			return om_fail(e, OM_INVALID, "unset: there are no terms named %.60s", name);
		set = n < OM_TERMS_TEXTS ? *om_terms_text(q->terms, n) != NULL : q->terms->exchange_rate_confirmed;
		if (set)
			return om_fail(e, OM_INVALID, "%s: is both set and unset", name);
	}
	return OM_OK;
}

static om_status
check(const Om__TermsChange *q, om_err *e)
{
	om_status s = q->has_valid_from_day ? check_day(q->valid_from_day, e) : OM_OK;

	if (s == OM_OK && q->withdrawn && (q->n_unset > 0 || !is_empty(q->terms)))
		s = om_fail(e, OM_INVALID, "withdrawn: goes with no terms");
	if (s == OM_OK)
		s = check_unset(q, e);
	if (s == OM_OK)
		s = cd_terms_clean(q->terms, e);
	if (s == OM_OK && !q->has_valid_from_day && q->terms->exchange_rate_confirmed)
		s = om_fail(e, OM_INVALID, OM_TERMS_CONFIRMED ": applies to one month; give valid_from");
	return s;
}

/* ---- changing ---- */

/* merge gives the terms with what is asked for. */
static void
merge(Om__Terms *terms, const Om__TermsChange *q)
{
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		if (*om_terms_text(q->terms, i) != NULL)
			*om_terms_text(terms, i) = *om_terms_text(q->terms, i);
	for (size_t i = 0; i < q->n_unset; i++)
		if (om_terms_find(q->unset[i]) < OM_TERMS_TEXTS)
			*om_terms_text(terms, om_terms_find(q->unset[i])) = NULL;
	cd_terms_unconfirm(terms);
	terms->has_exchange_rate_confirmed = terms->exchange_rate_confirmed = q->terms->exchange_rate_confirmed;
}

static om_status
make_row(struct cd_db *db, const struct work *w, struct cd_terms_row *row, om_err *e)
{
	Om__Terms *terms = NULL;
	om_day from;
	om_status s = cd_terms_in_force(db, w->from, w->a, &terms, &from, e);

	if (s == OM_OK && w->withdrawn && (terms == NULL || from != w->from))
		s = om_fail(e, OM_NOT_FOUND, "there are no terms of that day to withdraw");
	if (s == OM_OK && (terms == NULL || w->withdrawn) && (terms = om_msg_new(w->a, &om__terms__descriptor)) == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s != OM_OK)
		return s;
	merge(terms, w->q);
	*row =
	    (struct cd_terms_row){.from = w->from, .source = CD_TERMS_API, .withdrawn = w->withdrawn, .terms = terms};
	return om_terms_check(terms, e);
}

static om_status
change(struct cd_db *db, void *arg, om_err *e)
{
	struct work *w = arg;
	struct cd_terms_row row;
	om_time changed = 0;
	int64_t n = 0;
	om_status s = cd_terms_take(db, w->now, &changed, e);

	if (s == OM_OK)
		s = cd_terms_count(db, &n, e);
	if (s == OM_OK && n >= CD_TERMS_MAX)
		s = om_fail(e, OM_CONFLICT, "the terms were changed %d times; no further change is kept", CD_TERMS_MAX);
	if (s == OM_OK)
		s = make_row(db, w, &row, e);
	if (s == OM_OK) {
		row.changed_us = changed;
		s = cd_terms_add(db, &row, w->a, e);
	}
	return s == OM_OK ? read_all(db, w, e) : s;
}

om_status
cd_terms_change(struct cd_pool *p, const Om__TermsChange *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__TermsReply *out, om_err *e)
{
	struct work w = {.q = q,
	    .now = now,
	    .from = q->has_valid_from_day ? q->valid_from_day : CD_TERMS_EVER,
	    .withdrawn = q->has_withdrawn && q->withdrawn,
	    .a = a,
	    .out = out};
	char day[OM_DAY_TEXT];
	om_status s = check(q, e);

	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, change, &w, e);
	if (s == OM_OK)
		om_log(OM_LOG_INFO, w.withdrawn ? "terms were withdrawn" : "terms were changed", "valid_from",
		    w.from == CD_TERMS_EVER ? "the beginning" : om_day_text(w.from, day), NULL);
	return s;
}
