/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "offers.h"

#include "rows.h"
#include "database/meta.h"
#include "value/period.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "base/zone.h"
#include "wire/terms.h"

#include <ctype.h>
#include <string.h>

#define INSTANCE       8u
#define SILENT_US      (30 * OM_SECOND)
#define MAX_OFFERS     64u
#define CONFLICT_BYTES ((size_t)16 * 1024)
#define TOLD           "terms_conflict" /* the row of meta with the conflict that was logged last */

struct offer {
	char id[2 * INSTANCE + 1];
	Om__Terms *terms;
};

struct offers {
	struct om_arena *a;
	struct offer of[MAX_OFFERS];
	size_t n;
};

/* ---- the instances that reported lately ---- */

static om_status
keep_offer(void *arg, const struct cd_val *v, om_err *e)
{
	struct offers *l = arg;
	struct offer *o = &l->of[l->n];
	om_status s;

	if (l->n == MAX_OFFERS || v[0].n != INSTANCE)
		return OM_OK;
	om_hex(v[0].p, INSTANCE, o->id);
	s = cd_terms_parse(v[1].p, v[1].n, l->a, &o->terms, NULL);
	if (s == OM_NOMEM)
		return om_fail(e, s, "out of memory");
	l->n += s == OM_OK; /* terms that cannot be read are left out; their row is deleted after SILENT_US */
	return OM_OK;
}

static om_status
read_offers(struct cd_db *db, om_time now, struct offers *l, om_err *e)
{
	l->n = 0;
	/* a time that lies ahead was noted before the clock was set back */
	return cd_db_query(db,
	    "SELECT instance,terms FROM terms_offer WHERE heard_us>? AND heard_us<? ORDER BY instance",
	    (struct cd_val[]){CD_I(now - SILENT_US), CD_I(now + SILENT_US)}, 2, keep_offer, l, e);
}

static om_status
note_offer(struct cd_db *db, const Om__TermsOffer *q, om_time now, struct om_arena *a, om_err *e)
{
	const struct cd_val id = CD_B(q->instance.data, q->instance.len);
	const char *terms;
	om_status s = cd_db_exec(db, "DELETE FROM terms_offer WHERE heard_us<=? OR heard_us>=?",
	    (struct cd_val[]){CD_I(now - SILENT_US), CD_I(now + SILENT_US)}, 2, 1, NULL, e);

	if (s != OM_OK)
		return s;
	if (q->terms == NULL)
		return cd_db_exec(db, "DELETE FROM terms_offer WHERE instance=?", &id, 1, 1, NULL, e);
	terms = cd_terms_text(q->terms, a);
	if (terms == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	return cd_db_exec(db,
	    "INSERT INTO terms_offer (instance,heard_us,terms) VALUES (?,?,?) ON DUPLICATE KEY UPDATE "
	    "heard_us=VALUES(heard_us),terms=VALUES(terms)",
	    (struct cd_val[]){id, CD_I(now), cd_t(terms)}, 3, 1, NULL, e);
}

/* ---- the conflict ---- */

static bool
same_text(Om__Terms *a, Om__Terms *b, unsigned i)
{
	Om__Terms x = OM__TERMS__INIT, y = OM__TERMS__INIT;

	*om_terms_text(&x, i) = *om_terms_text(a, i);
	*om_terms_text(&y, i) = *om_terms_text(b, i);
	return om_terms_same(&x, &y);
}

static void
add_value(struct om_buf *b, Om__Terms *t, unsigned i)
{
	const char *text = *om_terms_text(t, i);

	om_buf_str(b, text != NULL ? text : "not set");
}

static void
add_differences(struct om_buf *b, Om__Terms *x, Om__Terms *y)
{
	const char *between = ": ";

	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++) {
		if (same_text(x, y, i))
			continue;
		om_buf_str(b, between);
		for (const char *p = om_terms_name(i); *p != '\0'; p++)
			om_buf_chr(b, (char)toupper((unsigned char)*p));
		om_buf_chr(b, ' ');
		add_value(b, x, i);
		om_buf_str(b, " and ");
		add_value(b, y, i);
		between = ", ";
	}
}

/* find_adopted gives the first instance whose settings were last adopted, or l->n. */
static size_t
find_adopted(const struct offers *l, const Om__Terms *last)
{
	size_t i = 0;

	while (i < l->n && (last == NULL || !om_terms_same(l->of[i].terms, last)))
		i++;
	return i;
}

/* describe_conflict compares the instance that is followed, or the first, with the others. */
static char *
describe_conflict(const struct offers *l, const Om__Terms *last)
{
	const size_t adopted = find_adopted(l, last);
	const struct offer *ref = &l->of[adopted < l->n ? adopted : 0], *other = NULL;
	unsigned more = 0;
	struct om_buf b;
	char *text = NULL;

	for (size_t i = 0; i < l->n; i++) {
		if (om_terms_same(ref->terms, l->of[i].terms))
			continue;
		if (other == NULL)
			other = &l->of[i];
		else
			more++;
	}
	if (other == NULL)
		return NULL;
	om_buf_init(&b, CONFLICT_BYTES);
	om_buf_printf(&b, "the reportd instances %s and %s run with different settings", ref->id, other->id);
	add_differences(&b, ref->terms, other->terms);
	if (more > 0)
		om_buf_printf(&b, " (and %u more differ)", more);
	if (adopted < l->n)
		om_buf_printf(&b, "; the terms follow %s until they agree", ref->id);
	else
		om_buf_str(&b, "; the terms follow neither until they agree");
	if (om_buf_done(&b, NULL) == OM_OK)
		text = om_arena_strndup(l->a, b.data, b.len);
	else
		l->a->failed = true;
	om_buf_fini(&b);
	return text;
}

om_status
cd_terms_conflict(struct cd_db *db, om_time now, struct om_arena *a, char **out, om_err *e)
{
	struct offers *l = om_arena_alloc(a, sizeof *l);
	Om__Terms *last = NULL;
	om_status s;

	*out = NULL;
	if (l == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	l->a = a;
	s = read_offers(db, now, l, e);
	if (s != OM_OK || l->n < 2)
		return s;
	s = cd_terms_last_offered(db, a, &last, e);
	if (s == OM_DAMAGED) /* adopting the offer reports it; a conflict is one all the same */
		s = OM_OK;
	if (s == OM_OK)
		*out = describe_conflict(l, last);
	return s == OM_OK && a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}

/* ---- adopting ---- */

/* lay_over gives the terms with the settings laid over that changed since `last`. */
static void
lay_over(Om__Terms *terms, Om__Terms *last, Om__Terms *offer)
{
	bool rate = false;

	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		rate = rate || (om_terms_of_rate(i) && !same_text(last, offer, i));
	for (unsigned i = 0; i < OM_TERMS_TEXTS; i++)
		if (om_terms_of_rate(i) ? rate : !same_text(last, offer, i))
			*om_terms_text(terms, i) = *om_terms_text(offer, i);
	if (rate)
		cd_terms_unconfirm(terms); /* it was another rate that was confirmed */
}

struct work {
	const Om__TermsOffer *q;
	om_time now;
	struct om_arena *a;

	char *conflict; /* in the arena */
	bool tell;      /* it is another one than the one logged last */
	bool adopted;
	om_day from;
};

static om_status
add_row(struct cd_db *db, struct work *w, om_time changed, const Om__Terms *terms, om_err *e)
{
	const struct cd_terms_row row = {.from = w->from,
	    .changed_us = changed,
	    .source = CD_TERMS_SETTINGS,
	    .terms = terms,
	    .offered = w->q->terms};

	w->adopted = true;
	return cd_terms_add(db, &row, w->a, e);
}

static om_status
adopt(struct cd_db *db, struct work *w, om_time changed, om_err *e)
{
	Om__Terms *last = NULL, *terms = NULL;
	om_day from;
	om_status s = cd_terms_last_offered(db, w->a, &last, e);

	if (s != OM_OK || (last != NULL && om_terms_same(last, w->q->terms)))
		return s;
	w->from = last == NULL ? CD_TERMS_EVER : cd_month_start(om_zone_day(w->now), 0);
	s = cd_terms_in_force(db, w->from, w->a, &terms, &from, e);
	if (s != OM_OK)
		return s;
	if (terms == NULL && (last == NULL || (terms = om_msg_new(w->a, &om__terms__descriptor)) == NULL))
		return last == NULL ? add_row(db, w, changed, w->q->terms, e) : om_fail(e, OM_NOMEM, "out of memory");
	if (from != w->from)
		cd_terms_unconfirm(terms);
	if (last != NULL)
		lay_over(terms, last, w->q->terms);
	return add_row(db, w, changed, om_terms_check(terms, NULL) == OM_OK ? terms : w->q->terms, e);
}

/* note_conflict notes which conflict is logged, so that of several processes one does. */
static om_status
note_conflict(struct cd_db *db, struct work *w, om_err *e)
{
	unsigned char sum[OM_SHA256];
	int64_t told = 0, is = 0;
	om_status s = cd_meta_get_int(db, TOLD, &told, e);

	if (s == OM_OK && w->conflict != NULL) {
		const struct om_bytes text = {.data = w->conflict, .n = strlen(w->conflict)};

		if (om_sha256(&text, 1, sum) != OM_OK)
			return om_fail(e, OM_INTERNAL, "SHA-256 failed");
		memcpy(&is, sum, sizeof is);
		is = (is & INT64_MAX) | 1; /* 0 is none */
	}
	w->tell = s == OM_OK && is != told;
	return w->tell ? cd_meta_set_int(db, TOLD, is, e) : s;
}

static om_status
work(struct cd_db *db, void *arg, om_err *e)
{
	struct work *w = arg;
	om_time changed = 0;
	om_status s = cd_terms_take(db, w->now, &changed, e);

	w->tell = w->adopted = false;
	if (s == OM_OK)
		s = note_offer(db, w->q, w->now, w->a, e);
	if (s == OM_OK)
		s = cd_terms_conflict(db, w->now, w->a, &w->conflict, e);
	if (s == OM_OK)
		s = note_conflict(db, w, e);
	if (s == OM_OK && w->q->terms != NULL && w->conflict == NULL)
		s = adopt(db, w, changed, e);
	return s;
}

static void
tell(const struct work *w)
{
	char day[OM_DAY_TEXT];

	if (w->tell && w->conflict != NULL)
		om_log(OM_LOG_WARN, "settings that differ are not adopted as terms", "why", w->conflict, NULL);
	else if (w->tell)
		om_log(OM_LOG_INFO, "all reportd instances run with the same settings again", NULL);
	if (w->adopted)
		om_log(OM_LOG_INFO, "the settings' terms were adopted", "valid_from",
		    w->from == CD_TERMS_EVER ? "the beginning" : om_day_text(w->from, day), NULL);
}

om_status
cd_terms_offer(struct cd_pool *p, const Om__TermsOffer *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__TermsOfferReply *out, om_err *e)
{
	struct work w = {.q = q, .now = now, .a = a};
	om_status s;

	if (q->instance.len != INSTANCE)
		return om_fail(e, OM_INVALID, "instance: must have %u bytes", INSTANCE);
	if (q->terms != NULL) {
		cd_terms_unconfirm(q->terms); /* a setting never confirms a rate, only a person does */
		s = cd_terms_clean(q->terms, e);
		if (s == OM_OK)
			s = om_terms_check(q->terms, e);
		if (s != OM_OK)
			return s;
	}
	s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, work, &w, e);
	if (s != OM_OK)
		return s;
	tell(&w);
	out->conflict = w.conflict;
	return OM_OK;
}
