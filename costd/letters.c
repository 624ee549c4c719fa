/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "letters.h"

#include "log.h"
#include "stats.h"

#include <string.h>

#define SPOOL_ID  16u
#define PAGE      256u
#define PAGE_TEXT "256"
#define SPARE_MS  2000 /* no further letter is begun when less is left */

#define HELP "Dead letters that were sent through the ledger once more."
static struct om_stat stat_stored = OM_COUNTER("owui_metering_dead_letters_retried_total", "result=\"stored\"", HELP);
static struct om_stat stat_duplicate =
    OM_COUNTER("owui_metering_dead_letters_retried_total", "result=\"duplicate\"", HELP);
static struct om_stat stat_refused = OM_COUNTER("owui_metering_dead_letters_retried_total", "result=\"refused\"", HELP);

/* Keys of letters, ascending. */
struct page {
	unsigned char spool_id[PAGE][SPOOL_ID];
	uint64_t seq[PAGE];
	size_t n;
	unsigned char after_spool[SPOOL_ID]; /* the page begins behind this key */
	uint64_t after_seq;
	bool first;
};

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;

	if (v[0].n != SPOOL_ID || p->n == PAGE)
		return om_fail(e, OM_DAMAGED, "a dead letter has no spool");
	memcpy(p->spool_id[p->n], v[0].p, SPOOL_ID);
	p->seq[p->n++] = (uint64_t)v[1].i;
	return OM_OK;
}

static om_status
list(struct cd_db *db, void *arg, om_err *e)
{
	struct page *p = arg;
	const struct cd_val v[] = {
	    CD_B(p->after_spool, SPOOL_ID),
	    CD_B(p->after_spool, SPOOL_ID),
	    CD_I((int64_t)p->after_seq),
	};

	p->n = 0;
	if (p->first)
		return cd_db_query(db, "SELECT spool_id,seq FROM dead_letter ORDER BY spool_id,seq LIMIT " PAGE_TEXT,
		    NULL, 0, keep_key, p, e);
	return cd_db_query(db,
	    "SELECT spool_id,seq FROM dead_letter WHERE spool_id>? OR (spool_id=? AND seq>?) ORDER BY spool_id,seq "
	    "LIMIT " PAGE_TEXT,
	    v, sizeof v / sizeof v[0], keep_key, p, e);
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

static om_status
retry_all(struct cd_ledger *l, struct page *p, int64_t deadline_ms, Om__RetryReply *out, om_err *e)
{
	om_status s;

	p->first = true;
	do {
		s = cd_pool_run(l->pool, CD_TX_SNAPSHOT, deadline_ms, list, p, e);
		for (size_t i = 0; s == OM_OK && i < p->n; i++) {
			cd_retried r = CD_RETRIED_GONE;

			if (om_mono_ms() + SPARE_MS > deadline_ms) {
				out->more = 1;
				return OM_OK;
			}
			s = cd_ledger_retry(l, p->spool_id[i], p->seq[i], deadline_ms, &r, e);
			if (s == OM_OK)
				count(out, r);
			memcpy(p->after_spool, p->spool_id[i], SPOOL_ID);
			p->after_seq = p->seq[i];
		}
		p->first = false;
	} while (s == OM_OK && p->n == PAGE);
	return s;
}

om_status
cd_letters_retry(struct cd_ledger *l, const Om__RetryQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__RetryReply *out, om_err *e)
{
	cd_retried r = CD_RETRIED_GONE;
	om_status s;

	om_stat_register(&stat_stored);
	om_stat_register(&stat_duplicate);
	om_stat_register(&stat_refused);
	if (q->has_spool_id != q->has_seq || (q->has_spool_id && (q->spool_id.len != SPOOL_ID || q->seq > INT64_MAX)))
		return om_fail(e, OM_INVALID, "spool_id and seq do not name a dead letter");
	if (!q->has_spool_id) {
		struct page *p = om_arena_alloc(a, sizeof *p);

		s = p != NULL ? retry_all(l, p, deadline_ms, out, e) : om_fail(e, OM_NOMEM, "out of memory");
	} else {
		s = cd_ledger_retry(l, q->spool_id.data, q->seq, deadline_ms, &r, e);
		if (s == OM_OK && r == CD_RETRIED_GONE)
			s = om_fail(e, OM_NOT_FOUND, "there is no such dead letter");
		if (s == OM_OK)
			count(out, r);
	}
	if (s == OM_OK)
		om_log(OM_LOG_INFO, "dead letters tried again", "tried", OM_I64(out->tried), "stored",
		    OM_I64(out->stored), "duplicate", OM_I64(out->duplicate), "refused", OM_I64(out->refused), NULL);
	return s;
}

static om_status
keep_count(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

om_status
cd_letters_count(struct cd_db *db, int64_t *out, om_err *e)
{
	*out = 0;
	return cd_db_query(db, "SELECT COUNT(*) FROM dead_letter", NULL, 0, keep_count, out, e);
}
