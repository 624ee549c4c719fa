/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "delivery.h"

#include "database/column.h"
#include "database/lease.h"
#include "notify/outbox.h"
#include "read/groups.h"
#include "terms/rows.h"
#include "value/period.h"
#include "terms.pb-c.h"
#include "usage.pb-c.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/money.h"
#include "base/stats.h"
#include "base/text.h"
#include "base/zone.h"
#include "run/backoff.h"
#include "wire/terms.h"

#include <stdio.h>
#include <string.h>

#define KEEP_US ((om_time)CD_DELIVERY_KEEP_MS * 1000)
#define MARGIN  (3600 * OM_SECOND) /* records may still be on their way */
#define MAX_MONTHS \
	120u /* months noted at once, when none was noted for
#long */
#define MAX_FILES  100000u
#define BODY_BYTES ((size_t)8 * 1024 * 1024)
#define HELD_BYTES 256 /* why a month is held back */

static struct om_stat written =
    OM_COUNTER("owui_metering_deliveries_total", "result=\"written\"", "Months whose files were to be written.");
static struct om_stat failed =
    OM_COUNTER("owui_metering_deliveries_total", "result=\"failed\"", "Months whose files were to be written.");

static const struct cd_lease_of a_month = {.table = "delivery", .key = "month", .scheduled = true};

/* ---- which months ---- */

static om_status
keep_day(void *arg, const struct cd_val *v, om_err *e)
{
	return v[0].kind == CD_TEXT ? om_day_parse(v[0].p, arg, e) : OM_OK;
}

static om_status
period_of(om_day first, struct cd_period *out, om_err *e)
{
	int year, month, day;

	om_day_to_civil(first, &year, &month, &day);
	return cd_period_month((uint32_t)year, (uint32_t)month, out, e);
}

static om_status
month_total(struct cd_db *db, om_day first, struct om_arena *a, Om__Figures **out, om_err *e)
{
	struct cd_period p;
	om_status s = period_of(first, &p, e);

	return s == OM_OK ? cd_total_read(db, &p, NULL, a, out, e) : s;
}

static om_status
add_month(struct cd_db *db, om_day first, om_err *e)
{
	unsigned char raw[(CD_OUTBOX_ID - 1) / 2];
	char id[CD_OUTBOX_ID], day[OM_DAY_TEXT];
	om_status s = om_random(raw, sizeof raw, e);

	om_hex(raw, sizeof raw, id);
	return s != OM_OK ? s
			  : cd_db_exec(db,
				"INSERT INTO delivery (month,id,state,attempts,next_us) VALUES (?,?,0,0,0) "
				"ON DUPLICATE KEY UPDATE month=month",
				(struct cd_val[]){cd_t(om_day_text(first, day)), cd_t(id)}, 2, 1, NULL, e);
}

/* add_months notes the months that were closed since the newest one noted. */
static om_status
add_months(struct cd_db *db, om_time now, struct om_arena *a, om_err *e)
{
	om_day closed = cd_month_start(om_zone_day(now), -1), newest = 0, at;
	om_status s =
	    cd_db_query(db, "SELECT DATE_FORMAT(MAX(month),'%Y-%m-%d') FROM delivery", NULL, 0, keep_day, &newest, e);

	at = newest != 0 ? cd_month_start(newest, 1) : closed;
	for (unsigned i = 0; s == OM_OK && at <= closed && i < MAX_MONTHS; i++, at = cd_month_start(at, 1)) {
		Om__Figures *f = NULL;

		s = month_total(db, at, a, &f, e);
		if (s == OM_OK && (f->requests > 0 || strcmp(f->cost, "0") != 0))
			s = add_month(db, at, e);
	}
	return s;
}

/* ---- claiming one ---- */

struct claim {
	struct cd_schedule *sc;
	om_time now;
	struct om_arena *a;
	Om__DeliveryTakeReply *out;

	om_day months[MAX_MONTHS];
	char ids[MAX_MONTHS][CD_OUTBOX_ID];
	char *held[MAX_MONTHS];   /* why the month is held back, in the arena; NULL: it is not */
	bool changed[MAX_MONTHS]; /* it was not, or was and is not any more */
	size_t n;
};

static om_status
keep_month(void *arg, const struct cd_val *v, om_err *e)
{
	struct claim *c = arg;
	om_status s;

	if (c->n == MAX_MONTHS)
		return OM_OK;
	s = om_day_parse(v[0].p, &c->months[c->n], e);
	(void)snprintf(c->ids[c->n], CD_OUTBOX_ID, "%s", v[1].p);
	c->held[c->n] = cd_column_text(&v[2], c->a);
	c->changed[c->n] = false;
	c->n++;
	return s == OM_OK && c->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}

/* is_ready tells whether the month's usage is what will be written. */
static om_status
is_ready(struct cd_db *db, struct claim *c, om_day first, bool *out, om_err *e)
{
	om_time end = om_zone_day_start(cd_month_start(first, 1));
	Om__Figures *f = NULL;
	om_status s;

	*out = c->now >= end + c->sc->grace_us;
	if (*out || c->now < end + MARGIN)
		return OM_OK;
	s = month_total(db, first, c->a, &f, e);
	*out = s == OM_OK && f->unsettled == 0;
	return s;
}

/* find_obstacle gives what is wrong with the month's terms, NULL: nothing. */
static om_status
find_obstacle(struct cd_db *db, struct claim *c, om_day first, char **out, om_err *e)
{
	char day[OM_DAY_TEXT], why[HELD_BYTES];
	Om__Terms *t = NULL;
	om_status s = cd_terms_of_month(db, first, c->a, &t, e);

	*out = NULL;
	if (s != OM_OK || t == NULL || !om_terms_rate_outside(t, first))
		return s;
	(void)snprintf(why, sizeof why,
	    "the exchange rate of %s is dated %s, outside of %.7s: confirm it, or set a rate of that month",
	    t->currency, t->exchange_rate_date, om_day_text(first, day));
	*out = om_arena_strdup(c->a, why);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* hold_back notes why the month is held back, or that it is not any more. */
static om_status
hold_back(struct cd_db *db, struct claim *c, size_t i, char *why, om_err *e)
{
	const char *before = c->held[i];
	char day[OM_DAY_TEXT];

	if (before == why || (before != NULL && why != NULL && strcmp(before, why) == 0))
		return OM_OK;
	c->changed[i] = (before == NULL) != (why == NULL);
	c->held[i] = why;
	return cd_db_exec(db, "UPDATE delivery SET held=LEFT(?,255) WHERE month=?",
	    (struct cd_val[]){cd_t(why), cd_t(om_day_text(c->months[i], day))}, 2, 1, NULL, e);
}

static om_status
is_due(struct cd_db *db, struct claim *c, size_t i, bool *out, om_err *e)
{
	char *why = NULL;
	om_status s = is_ready(db, c, c->months[i], out, e);

	if (s != OM_OK || (!*out && c->held[i] == NULL))
		return s;
	s = find_obstacle(db, c, c->months[i], &why, e);
	*out = *out && why == NULL;
	return s == OM_OK ? hold_back(db, c, i, why, e) : s;
}

/* hold_month leases it to the caller, and says which it is. */
static om_status
hold_month(struct cd_db *db, struct claim *c, size_t i, om_err *e)
{
	char day[OM_DAY_TEXT];
	struct cd_lease lease;
	int year, month, ignored;
	om_status s = cd_lease_take(db, &a_month, cd_t(om_day_text(c->months[i], day)), c->now, KEEP_US, &lease, e);

	if (s != OM_OK || !lease.taken)
		return s;
	om_day_to_civil(c->months[i], &year, &month, &ignored);
	c->out->has_lease_id = c->out->has_year = c->out->has_month = c->out->has_keep_ms = true;
	c->out->lease_id = cd_column_bytes(lease.id, CD_LEASE_ID, c->a);
	c->out->delivery_id = om_arena_strdup(c->a, c->ids[i]);
	c->out->year = (uint32_t)year;
	c->out->month = (uint32_t)month;
	c->out->keep_ms = CD_DELIVERY_KEEP_MS;
	return c->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static om_status
claim(struct cd_db *db, void *arg, om_err *e)
{
	struct claim *c = arg;
	bool due = false;
	om_status s = add_months(db, c->now, c->a, e);

	c->n = 0;
	*c->out = (Om__DeliveryTakeReply)OM__DELIVERY_TAKE_REPLY__INIT;
	if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT DATE_FORMAT(month,'%Y-%m-%d'),id,held FROM delivery WHERE state=0 AND next_us<=? "
		    "AND " CD_LEASE_FREE " ORDER BY month FOR UPDATE",
		    (struct cd_val[]){CD_I(c->now), CD_LEASE_FREE_VALUES(c->now, KEEP_US)}, 3, keep_month, c, e);
	for (size_t i = 0; s == OM_OK && !due && i < c->n; i++) {
		s = is_due(db, c, i, &due, e);
		if (s == OM_OK && due)
			s = hold_month(db, c, i, e);
	}
	return s;
}

static void
tell_held(const struct claim *c)
{
	char day[OM_DAY_TEXT];

	for (size_t i = 0; i < c->n; i++) {
		if (!c->changed[i])
			continue;
		(void)om_day_text(c->months[i], day);
		day[7] = '\0';
		om_log(c->held[i] != NULL ? OM_LOG_WARN : OM_LOG_INFO,
		    c->held[i] != NULL ? "a month's files are held back" : "a month's files are not held back any more",
		    "month", day, "why", c->held[i], NULL);
	}
}

static om_status
claim_month(
    struct cd_schedule *sc, om_time now, int64_t deadline_ms, struct om_arena *a, Om__DeliveryTakeReply *out, om_err *e)
{
	struct claim *c = om_arena_alloc(a, sizeof *c);
	om_status s;

	if (c == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	*c = (struct claim){.sc = sc, .now = now, .a = a, .out = out};
	s = cd_pool_run(sc->pool, CD_TX_WRITE, deadline_ms, claim, c, e);
	if (s == OM_OK)
		tell_held(c);
	return s;
}

/* ---- reporting back ---- */

struct report {
	struct cd_schedule *sc;
	const ProtobufCBinaryData *lease;
	om_status (*note)(struct cd_db *db, struct report *r, om_err *e);
	const char *failure;          /* of note_failed */
	const Om__DeliveryDone *done; /* of note_written */
	om_time now;
	struct om_arena *a;

	bool found;
	om_day month;
	char id[CD_OUTBOX_ID];
	int64_t attempts;
};

static om_status
keep_lease(void *arg, const struct cd_val *v, om_err *e)
{
	struct report *r = arg;

	r->found = true;
	(void)snprintf(r->id, sizeof r->id, "%s", v[1].p);
	r->attempts = v[2].i;
	return om_day_parse(v[0].p, &r->month, e);
}

static void
write_file(struct om_jw *w, const Om__DeliveredFile *f)
{
	char hex[2 * OM_SHA256 + 1] = "";

	if (f->sha256.len == OM_SHA256)
		om_hex(f->sha256.data, OM_SHA256, hex);
	om_jw_open(w, '{');
	om_jw_key(w, "name");
	om_jw_text(w, f->name);
	om_jw_key(w, "bytes");
	om_jw_int(w, (int64_t)f->bytes);
	om_jw_key(w, "sha256");
	om_jw_text(w, hex);
	om_jw_key(w, "number");
	om_jw_text(w, f->number);
	om_jw_key(w, "total");
	om_jw_text(w, f->total);
	om_jw_key(w, "currency");
	om_jw_text(w, f->currency);
	om_jw_close(w, '}');
}

static void
write_body(struct om_buf *out, const struct report *r, const Om__Figures *f)
{
	char day[OM_DAY_TEXT];
	struct om_jw w;

	om_jw_init(&w, out);
	om_jw_open(&w, '{');
	om_jw_key(&w, "id");
	om_jw_text(&w, r->id);
	om_jw_key(&w, "type");
	om_jw_text(&w, "month.delivered");
	om_jw_key(&w, "month");
	om_jw_text_n(&w, om_day_text(r->month, day), 7);
	om_jw_key(&w, "timezone");
	om_jw_text(&w, om_zone_name());
	om_jw_key(&w, "delivered_at");
	om_jw_time(&w, r->now);
	om_jw_key(&w, "currency");
	om_jw_text(&w, "USD");
	om_jw_key(&w, "totals");
	om_jw_open(&w, '{');
	om_jw_key(&w, "requests");
	om_jw_int(&w, (int64_t)f->requests);
	om_jw_key(&w, "cost");
	om_jw_text(&w, f->cost);
	om_jw_key(&w, "byok_cost");
	om_jw_text(&w, f->byok_cost);
	om_jw_key(&w, "unsettled");
	om_jw_int(&w, (int64_t)f->unsettled);
	om_jw_close(&w, '}');
	om_jw_key(&w, "files");
	om_jw_open(&w, '[');
	for (size_t i = 0; i < r->done->n_files; i++)
		write_file(&w, r->done->files[i]);
	om_jw_close(&w, ']');
	om_jw_close(&w, '}');
}

/* check_amount makes it the shortest text of the amount. */
static om_status
check_amount(char **text, const char *name, struct om_arena *a, om_err *e)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (om_money_parse(*text, &m, NULL) != OM_OK)
		return om_fail(e, OM_INVALID, "totals.%s: is no amount", name);
	*text = om_arena_strdup(a, om_money_text(m, buf));
	return *text != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
check_totals(Om__Figures *f, struct om_arena *a, om_err *e)
{
	om_status s;

	if (f == NULL)
		return OM_OK;
	if (f->requests > INT64_MAX || f->unsettled > INT64_MAX)
		return om_fail(e, OM_INVALID, "totals: a count is beyond the range");
	s = check_amount(&f->cost, "cost", a, e);
	return s == OM_OK ? check_amount(&f->byok_cost, "byok_cost", a, e) : s;
}

/* add_message: another system is told of the month, if there is one to tell. */
static om_status
add_message(struct cd_db *db, const struct report *r, const char *body, om_err *e)
{
	char day[OM_DAY_TEXT];
	const struct cd_message m = {.id = r->id, .event = "month.delivered", .subject = day, .body = body};

	if (!r->sc->webhook)
		return OM_OK;
	(void)om_day_text(r->month, day);
	day[7] = '\0';
	return cd_outbox_add(db, &m, r->now, e);
}

/* end_lease ends it, with when the month is tried again if it was not written. */
static om_status
end_lease(struct cd_db *db, const struct report *r, const struct cd_lease_end *end, om_err *e)
{
	char day[OM_DAY_TEXT];

	return cd_lease_done(db, &a_month, cd_t(om_day_text(r->month, day)), r->lease->data, end, e);
}

static om_status
note_written(struct cd_db *db, struct report *r, om_err *e)
{
	const struct cd_lease_end end = {.next_us = r->now, .attempts = r->attempts};
	Om__Figures *f = r->done->totals; /* of the snapshot that the files were made of */
	char day[OM_DAY_TEXT];
	struct om_buf body;
	om_status s = f == NULL ? month_total(db, r->month, r->a, &f, e) : OM_OK;

	if (s != OM_OK)
		return s;
	om_buf_init(&body, BODY_BYTES);
	write_body(&body, r, f);
	s = om_buf_done(&body, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "UPDATE delivery SET state=1,written_us=?,body=? WHERE month=?",
		    (struct cd_val[]){CD_I(r->now), CD_B(body.data, body.len), cd_t(om_day_text(r->month, day))}, 3, 1,
		    NULL, e);
	if (s == OM_OK)
		s = add_message(db, r, body.data, e);
	om_buf_fini(&body);
	return s == OM_OK ? end_lease(db, r, &end, e) : s;
}

static om_status
note_failed(struct cd_db *db, struct report *r, om_err *e)
{
	const struct om_backoff b = {.now = r->now,
	    .first_us = r->now,
	    .give_up_us = OM_BACKOFF_FOR_EVER,
	    .base_us = 60 * OM_SECOND,
	    .max_us = 3600 * OM_SECOND,
	    .attempts = r->attempts + 1,
	    .retry_after_s = -1,
	    .random = om_backoff_random()};
	const struct cd_lease_end end = {
	    .next_us = om_backoff_next(&b), .attempts = r->attempts + 1, .error = r->failure};

	return end_lease(db, r, &end, e);
}

static om_status
note_kept(struct cd_db *db, struct report *r, om_err *e)
{
	char day[OM_DAY_TEXT];

	return cd_lease_keep(db, &a_month, cd_t(om_day_text(r->month, day)), r->lease->data, r->now, KEEP_US, e);
}

/* report finds the month by its lease and notes what is to be noted. */
static om_status
report(struct cd_db *db, void *arg, om_err *e)
{
	struct report *r = arg;
	om_status s;

	r->found = false;
	s = cd_db_query(db,
	    "SELECT DATE_FORMAT(month,'%Y-%m-%d'),id,attempts FROM delivery WHERE state=0 AND lease_id=? FOR UPDATE",
	    (struct cd_val[]){CD_B(r->lease->data, r->lease->len)}, 1, keep_lease, r, e);
	if (s == OM_OK && (!r->found || r->lease->len != CD_LEASE_ID))
		s = om_fail(e, OM_CONFLICT, "the month was not kept in time and is another's");
	return s == OM_OK ? r->note(db, r, e) : s;
}

/* month_text is the reported month, like 2026-11. */
static const char *
month_text(const struct report *r, char day[OM_DAY_TEXT])
{
	(void)om_day_text(r->month, day);
	day[7] = '\0';
	return day;
}

om_status
cd_delivery_take(
    struct cd_schedule *sc, om_time now, int64_t deadline_ms, struct om_arena *a, Om__DeliveryTakeReply *out, om_err *e)
{
	om_stat_register(&written);
	om_stat_register(&failed);
	return claim_month(sc, now, deadline_ms, a, out, e);
}

om_status
cd_delivery_keep(
    struct cd_schedule *sc, const Om__DeliveryKeep *q, om_time now, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	struct report r = {.sc = sc, .lease = &q->lease_id, .note = note_kept, .now = now, .a = a};

	return cd_pool_run(sc->pool, CD_TX_WRITE, deadline_ms, report, &r, e);
}

om_status
cd_delivery_fail(
    struct cd_schedule *sc, const Om__DeliveryFail *q, om_time now, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	struct report r = {
	    .sc = sc, .lease = &q->lease_id, .note = note_failed, .failure = q->failure, .now = now, .a = a};
	char day[OM_DAY_TEXT];
	om_status s = cd_pool_run(sc->pool, CD_TX_WRITE, deadline_ms, report, &r, e);

	if (s != OM_OK)
		return s;
	om_stat_add(&failed, 1);
	om_log(
	    OM_LOG_WARN, "a month's files could not be written", "month", month_text(&r, day), "why", q->failure, NULL);
	return OM_OK;
}

om_status
cd_delivery_done(
    struct cd_schedule *sc, const Om__DeliveryDone *q, om_time now, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	struct report r = {.sc = sc, .lease = &q->lease_id, .note = note_written, .done = q, .now = now, .a = a};
	char day[OM_DAY_TEXT];
	om_status s;

	if (q->n_files == 0 || q->n_files > MAX_FILES)
		return om_fail(e, OM_INVALID, "files: must be from 1 to %u", MAX_FILES);
	s = check_totals(q->totals, a, e);
	if (s == OM_OK)
		s = cd_pool_run(sc->pool, CD_TX_WRITE, deadline_ms, report, &r, e);
	if (s != OM_OK)
		return s;
	om_stat_add(&written, 1);
	om_log(OM_LOG_INFO, "a month's files were written", "month", month_text(&r, day), "files", OM_I64(q->n_files),
	    NULL);
	if (sc->webhook && sc->written != NULL)
		sc->written(sc->written_arg);
	return OM_OK;
}

static om_status
keep_count(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

om_status
cd_delivery_count_held(struct cd_db *db, int64_t *out, om_err *e)
{
	*out = 0;
	return cd_db_query(
	    db, "SELECT COUNT(*) FROM delivery WHERE state=0 AND held IS NOT NULL", NULL, 0, keep_count, out, e);
}
