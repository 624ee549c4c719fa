/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "letters.h"

#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"

#include <string.h>

#define SPOOL_ID     16u
#define PAGE         256u
#define PAGE_TEXT    "256"
#define REASON_CHARS 255u
#define SPARE_MS     2000 /* no further letter is begun when less is left */

#define HELP "Dead letters that were sent through the ledger once more."
static struct om_stat stat_stored = OM_COUNTER("owui_metering_dead_letters_retried_total", "result=\"stored\"", HELP);
static struct om_stat stat_duplicate =
    OM_COUNTER("owui_metering_dead_letters_retried_total", "result=\"duplicate\"", HELP);
static struct om_stat stat_refused = OM_COUNTER("owui_metering_dead_letters_retried_total", "result=\"refused\"", HELP);

struct page {
	struct cd_letter_key keys[PAGE]; /* ascending */
	size_t n;
	struct cd_letter_key after; /* the page begins after it */
	bool first;                 /* of all */
	bool one_number;            /* only those that have the number of `after` */
};

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;
	struct cd_letter_key *k = &p->keys[p->n];

	if (v[0].n != SPOOL_ID || v[2].n != OM_SHA256 || p->n == PAGE)
		return om_fail(e, OM_DAMAGED, "a dead letter has no spool");
	memcpy(k->spool_id, v[0].p, SPOOL_ID);
	k->seq = (uint64_t)v[1].i;
	memcpy(k->content, v[2].p, OM_SHA256);
	p->n++;
	return OM_OK;
}

#define LIST_SQL(where) \
	"SELECT spool_id,seq,content FROM dead_letter WHERE " where " ORDER BY spool_id,seq,content LIMIT " PAGE_TEXT

static om_status
list(struct cd_db *db, void *arg, om_err *e)
{
	struct page *p = arg;
	const struct cd_val spool = CD_B(p->after.spool_id, SPOOL_ID), seq = CD_I((int64_t)p->after.seq);
	const struct cd_val v[] = {spool, spool, seq, seq, CD_B(p->after.content, OM_SHA256)};

	p->n = 0;
	if (p->one_number)
		return cd_db_query(db, LIST_SQL("spool_id=? AND seq=?"), v + 1, 2, keep_key, p, e);
	if (p->first)
		return cd_db_query(db, LIST_SQL("aside_us IS NULL"), NULL, 0, keep_key, p, e);
	return cd_db_query(db,
	    LIST_SQL("aside_us IS NULL AND (spool_id>? OR (spool_id=? AND (seq>? OR (seq=? AND content>?))))"), v,
	    sizeof v / sizeof v[0], keep_key, p, e);
}

static void
count(Om__RetryReply *out, cd_retried r)
{
	switch (r) {
	case CD_RETRIED_GONE:
		return;
	case CD_RETRIED_STORED:
		out->stored++;
		om_stat_add(&stat_stored, 1);
		break;
	case CD_RETRIED_DUPLICATE:
		out->duplicate++;
		om_stat_add(&stat_duplicate, 1);
		break;
	case CD_RETRIED_REFUSED:
		out->refused++;
		om_stat_add(&stat_refused, 1);
		break;
	}
	out->tried++;
}

/* retry_listed tries those of a number, or all. */
static om_status
retry_listed(struct cd_ledger *l, struct page *p, int64_t deadline_ms, Om__RetryReply *out, om_err *e)
{
	om_status s;

	do {
		s = cd_pool_run(l->pool, CD_TX_SNAPSHOT, deadline_ms, list, p, e);
		for (size_t i = 0; s == OM_OK && i < p->n; i++) {
			cd_retried r = CD_RETRIED_GONE;

			if (om_mono_ms() + SPARE_MS > deadline_ms && !p->one_number) {
				out->more = 1;
				return OM_OK;
			}
			s = cd_ledger_retry(l, &p->keys[i], deadline_ms, &r, e);
			if (s == OM_OK)
				count(out, r);
			p->after = p->keys[i];
		}
		p->first = false;
	} while (s == OM_OK && p->n == PAGE && !p->one_number);
	return s;
}

om_status
cd_letters_retry(struct cd_ledger *l, const Om__RetryQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__RetryReply *out, om_err *e)
{
	bool one = q->which_case == OM__RETRY_QUERY__WHICH_ONE;
	struct page *p;
	om_status s;

	om_stat_register(&stat_stored);
	om_stat_register(&stat_duplicate);
	om_stat_register(&stat_refused);
	if (q->which_case == OM__RETRY_QUERY__WHICH__NOT_SET)
		return om_fail(e, OM_INVALID, "neither one dead letter nor all are asked for");
	if (one && (q->one->spool_id.len != SPOOL_ID || q->one->seq > INT64_MAX))
		return om_fail(e, OM_INVALID, "spool_id and seq do not name a dead letter");
	p = om_arena_alloc(a, sizeof *p);
	if (p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	p->first = true;
	p->one_number = one;
	if (one) {
		memcpy(p->after.spool_id, q->one->spool_id.data, SPOOL_ID);
		p->after.seq = q->one->seq;
	}
	s = retry_listed(l, p, deadline_ms, out, e);
	if (s == OM_OK && p->one_number && out->tried == 0)
		s = om_fail(e, OM_NOT_FOUND, "there is no such dead letter");
	if (s == OM_OK)
		om_log(OM_LOG_INFO, "dead letters tried again", "tried", OM_I64(out->tried), "stored",
		    OM_I64(out->stored), "duplicate", OM_I64(out->duplicate), "refused", OM_I64(out->refused), NULL);
	return s;
}

/* ---- set aside ---- */

struct aside {
	const Om__SetAsideQuery *q;
	om_time now;
	int64_t changed;
};

/* set_one_aside takes all that have the number. */
static om_status
set_one_aside(struct cd_db *db, struct aside *w, const Om__DeadLetterNumber *one, om_err *e)
{
	const struct cd_val v[] = {
	    CD_I(w->now), cd_t(w->q->reason), CD_B(one->spool_id.data, one->spool_id.len), CD_I((int64_t)one->seq)};
	int64_t changed = 0;
	bool found = false;
	om_status s = cd_db_query(db, "SELECT 1 FROM dead_letter WHERE spool_id=? AND seq=? LIMIT 1 FOR UPDATE", v + 2,
	    2, cd_found, &found, e);

	if (s == OM_OK && !found)
		return om_fail(e, OM_NOT_FOUND, "there is no dead letter with the number %llu of that spool",
		    (unsigned long long)one->seq);
	if (s == OM_OK)
		s = cd_db_exec(db,
		    "UPDATE dead_letter SET aside_us=?,aside_reason=? WHERE spool_id=? AND seq=? AND aside_us IS NULL",
		    v, 4, 1, &changed, e);
	w->changed += changed;
	return s;
}

static om_status
set_aside(struct cd_db *db, void *arg, om_err *e)
{
	struct aside *w = arg;
	om_status s = OM_OK;

	w->changed = 0;
	if (w->q->n_letters == 0)
		return cd_db_exec(db, "UPDATE dead_letter SET aside_us=?,aside_reason=? WHERE aside_us IS NULL",
		    (struct cd_val[]){CD_I(w->now), cd_t(w->q->reason)}, 2, 1, &w->changed, e);
	for (size_t i = 0; s == OM_OK && i < w->q->n_letters; i++)
		s = set_one_aside(db, w, w->q->letters[i], e);
	return s;
}

static om_status
check_aside(const Om__SetAsideQuery *q, om_err *e)
{
	size_t n = om_utf8_valid(q->reason, strlen(q->reason)) ? om_utf8_length(q->reason, strlen(q->reason)) : 0;

	if (n == 0 || n > REASON_CHARS)
		return om_fail(e, OM_INVALID, "reason: must have 1 to %u characters", REASON_CHARS);
	for (size_t i = 0; i < q->n_letters; i++)
		if (q->letters[i]->spool_id.len != SPOOL_ID || q->letters[i]->seq > INT64_MAX)
			return om_fail(e, OM_INVALID, "spool_id and seq do not name a dead letter");
	return OM_OK;
}

om_status
cd_letters_set_aside(struct cd_pool *p, const Om__SetAsideQuery *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, Om__SetAsideReply *out, om_err *e)
{
	struct aside w = {.q = q, .now = now};
	om_status s = check_aside(q, e);

	(void)a;
	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, set_aside, &w, e);
	if (s != OM_OK)
		return s;
	out->set_aside = (uint64_t)w.changed;
	om_log(OM_LOG_INFO, "dead letters set aside", "count", OM_I64(w.changed), NULL);
	return OM_OK;
}

static om_status
keep_counts(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_letters_counts *out = arg;

	(void)e;
	out->aside = v[1].i;
	out->waiting = v[0].i - v[1].i;
	return OM_OK;
}

om_status
cd_letters_count(struct cd_db *db, struct cd_letters_counts *out, om_err *e)
{
	*out = (struct cd_letters_counts){.waiting = 0};
	return cd_db_query(db, "SELECT COUNT(*),COUNT(aside_us) FROM dead_letter", NULL, 0, keep_counts, out, e);
}
