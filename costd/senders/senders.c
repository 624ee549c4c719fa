/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "senders.h"

#include "database/fill.h"
#include "base/text.h"

#include <string.h>

#define SENDER_ID     16u
#define VERSION_CHARS 64u
#define REASON_CHARS  256u
#define SILENT_US     (180 * OM_SECOND)
#define FORGET_US     (90 * OM_DAY)

/* ---- hearing ---- */

static bool
text_fits(const char *text, size_t max_chars)
{
	size_t n = text != NULL ? strlen(text) : 0;

	return om_utf8_valid(text, n) && om_text_clean(text, n) && om_utf8_length(text, n) <= max_chars;
}

static om_status
check(const Om__Sender *s, om_err *e)
{
	const uint64_t counts[] = {s->processes, s->seen, s->missed, s->faults, s->unnamed, s->queued, s->rejected};

	if ((s->has_sender && s->sender.len != SENDER_ID) || (unsigned)s->tap > OM__TAP__TAP_DOES_NOT_FIT ||
	    s->plugin[0] == '\0' || !text_fits(s->plugin, VERSION_CHARS) || !text_fits(s->openwebui, VERSION_CHARS) ||
	    !text_fits(s->reason, REASON_CHARS))
		return om_fail(e, OM_INVALID, "what the sender says of itself does not fit");
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (counts[i] > INT64_MAX)
			return om_fail(e, OM_INVALID, "a sender's count is beyond the range");
	return OM_OK;
}

struct hear {
	const Om__Sender *said;
	om_time now;
};

#define TAKE(c) c "=VALUES(" c "),"

static om_status
keep(struct cd_db *db, const struct hear *h, int64_t *affected_out, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO sender "
	    "(sender,plugin,openwebui,tap,reason,processes,seen,missed,faults,unnamed,queued,rejected,"
	    "first_us,last_us) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON DUPLICATE KEY UPDATE " TAKE("plugin")
		TAKE("openwebui") TAKE("tap") TAKE("reason") TAKE("processes") TAKE("seen") TAKE("missed")
		    TAKE("faults") TAKE("unnamed") TAKE("queued")
			TAKE("rejected") "last_us=GREATEST(last_us,VALUES(last_us))";
	static const unsigned char nameless[SENDER_ID];
	const Om__Sender *s = h->said;
	const struct cd_val v[] = {CD_B(s->has_sender ? s->sender.data : nameless, SENDER_ID), cd_t(s->plugin),
	    cd_t(s->openwebui), CD_I(s->tap), cd_t(s->reason), CD_I((int64_t)s->processes), CD_I((int64_t)s->seen),
	    CD_I((int64_t)s->missed), CD_I((int64_t)s->faults), CD_I((int64_t)s->unnamed), CD_I((int64_t)s->queued),
	    CD_I((int64_t)s->rejected), CD_I(h->now), CD_I(h->now)};

	return cd_db_exec(db, sql, v, sizeof v / sizeof v[0], 1, affected_out, e);
}

static om_status
keep_int(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

/* forget makes room when there is a new one. */
static om_status
forget(struct cd_db *db, om_time now, om_err *e)
{
	int64_t n = 0;
	om_status s = cd_db_exec(
	    db, "DELETE FROM sender WHERE last_us<?", (struct cd_val[]){CD_I(now - FORGET_US)}, 1, 1, NULL, e);

	if (s == OM_OK)
		s = cd_db_query(db, "SELECT COUNT(*) FROM sender", NULL, 0, keep_int, &n, e);
	if (s != OM_OK || n <= CD_SENDERS_MAX)
		return s;
	return cd_db_exec(db, "DELETE FROM sender ORDER BY last_us,sender LIMIT ?",
	    (struct cd_val[]){CD_I(n - CD_SENDERS_MAX)}, 1, 1, NULL, e);
}

static om_status
hear(struct cd_db *db, void *arg, om_err *e)
{
	const struct hear *h = arg;
	int64_t affected = 0;
	om_status s = keep(db, h, &affected, e);

	return s == OM_OK && affected == 1 ? forget(db, h->now, e) : s; /* one line: it is new; two: it was there */
}

om_status
cd_senders_hear(struct cd_pool *p, const Om__HeartbeatQuery *q, om_time now, int64_t deadline_ms, om_err *e)
{
	struct hear h = {.said = q->sender, .now = now};
	om_status s = check(q->sender, e);

	return s == OM_OK ? cd_pool_run(p, CD_TX_WRITE, deadline_ms, hear, &h, e) : s;
}

/* ---- reading ---- */

struct list {
	Om__SendersReply *out;
	om_time now;
	struct om_arena *a;
};

static om_status
keep_sender(void *arg, void *message, const struct cd_val *v, om_err *e)
{
	static const unsigned char nameless[SENDER_ID];
	struct list *l = arg;
	Om__Sender *s = message;

	(void)e;
	if (l->out->n_items == CD_SENDERS_MAX)
		return OM_OK;
	s->has_sender = v[0].n == SENDER_ID && memcmp(v[0].p, nameless, SENDER_ID) != 0;
	s->has_silent = true;
	s->silent = s->last_us < l->now - SILENT_US;
	l->out->items[l->out->n_items++] = s;
	return OM_OK;
}

static om_status
read_list(struct cd_db *db, void *arg, om_err *e)
{
	struct list *l = arg;

	l->out->n_items = 0;
	return cd_fill_query(db,
	    "SELECT sender,plugin,openwebui,tap,reason,processes,seen,missed,faults,unnamed,queued,rejected,first_us,"
	    "last_us FROM sender WHERE last_us>=? ORDER BY last_us DESC,sender",
	    (struct cd_val[]){CD_I(l->now - FORGET_US)}, 1, &om__sender__descriptor, l->a, keep_sender, l, e);
}

om_status
cd_senders_list(
    struct cd_pool *p, om_time now, int64_t deadline_ms, struct om_arena *a, Om__SendersReply *out, om_err *e)
{
	struct list l = {.out = out, .now = now, .a = a};

	out->items = om_arena_array(a, CD_SENDERS_MAX, sizeof(Om__Sender *));
	if (out->items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	return cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_list, &l, e);
}

static om_status
keep_counts(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_sender_counts *out = arg;

	(void)e;
	*out = (struct cd_sender_counts){.on = v[0].i, .off = v[1].i, .does_not_fit = v[2].i, .silent = v[3].i};
	return OM_OK;
}

om_status
cd_senders_count(struct cd_db *db, om_time now, struct cd_sender_counts *out, om_err *e)
{
	const struct cd_val since = CD_I(now - SILENT_US);

	return cd_db_query(db,
	    "SELECT COUNT(CASE WHEN last_us>=? AND tap=1 THEN 1 END),COUNT(CASE WHEN last_us>=? AND tap=0 THEN 1 END),"
	    "COUNT(CASE WHEN last_us>=? AND tap=2 THEN 1 END),COUNT(CASE WHEN last_us<? THEN 1 END) FROM sender",
	    (struct cd_val[]){since, since, since, since}, 4, keep_counts, out, e);
}
