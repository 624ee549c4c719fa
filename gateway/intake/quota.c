/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "quota.h"

#include "spool/spool.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US (60 * OM_SECOND)
#define DAY_US    (86400 * OM_SECOND)

#define NAME               "owui_metering_intake_limited_total"
#define HELP               "Bodies with records that were answered 429 because their key had sent too much."
#define LIMITED(per_, of_) OM_COUNTER(NAME, "per=\"" per_ "\",of=\"" of_ "\"", HELP)

enum { RECORDS, BYTES, N_UNITS };
enum { MINUTE, DAY, N_SPANS };

static struct om_stat st_limited[N_SPANS][N_UNITS] = {
    [MINUTE] = {LIMITED("minute", "records"), LIMITED("minute", "bytes")},
    [DAY] = {LIMITED("day", "records"), LIMITED("day", "bytes")},
};

static const om_time length_us[N_SPANS] = {MINUTE_US, DAY_US};
static const char *const setting[N_SPANS][N_UNITS] = {
    [MINUTE] = {"INGEST_RECORDS_PER_MINUTE", "INGEST_BYTES_PER_MINUTE"},
    [DAY] = {"INGEST_RECORDS_PER_DAY", "INGEST_BYTES_PER_DAY"},
};

struct key {
	char name[GW_QUOTA_KEY_NAME]; /* "": free */
	struct {
		int64_t number; /* of minutes or days since 1970 */
		int64_t sent[N_UNITS];
		bool logged; /* that a limit was reached */
	} span[N_SPANS];
};

struct gw_quota {
	struct gw_spool *spool; /* borrowed */
	int64_t limit[N_SPANS][N_UNITS];
	pthread_mutex_t lock;
	struct key keys[GW_QUOTA_KEYS]; /* lock; the last is everyone else's */
};

/* The day's count of a key, as the table has it. */
struct day {
	char name[GW_QUOTA_KEY_NAME];
	int64_t number;
	int64_t sent[N_UNITS];
};

/* ---- the table ---- */

static om_status
make_table(struct gw_sqlite *db, void *arg, om_err *e)
{
	(void)arg;
	return gw_sqlite_run(db,
	    "CREATE TABLE IF NOT EXISTS quota(key TEXT PRIMARY KEY, day INTEGER NOT NULL, records INTEGER NOT NULL,"
	    " bytes INTEGER NOT NULL) WITHOUT ROWID",
	    e);
}

/* write_day runs within the transaction that stores the records.  Two of them may be
 * carried out in another order than they were counted in: the greater one is the later. */
static om_status
write_day(struct gw_sqlite *db, void *arg, om_err *e)
{
	static const char sql[] =
	    "INSERT INTO quota(key,day,records,bytes) VALUES(?1,?2,?3,?4) ON CONFLICT(key) DO UPDATE SET"
	    " records=iif(day=?2,max(records,?3),?3),bytes=iif(day=?2,max(bytes,?4),?4),day=?2";
	const struct day *d = arg;
	const struct gw_sqlite_value v[] = {
	    {.text = d->name}, {.number = d->number}, {.number = d->sent[RECORDS]}, {.number = d->sent[BYTES]}};

	return gw_sqlite_each(db, sql, v, sizeof v / sizeof v[0], NULL, NULL, e);
}

/* find gives the key of that name, or a free one, or that of everyone else. */
static struct key *
find(struct gw_quota *q, const char *name)
{
	size_t i = 0;

	while (i + 1 < GW_QUOTA_KEYS && q->keys[i].name[0] != '\0' && strcmp(q->keys[i].name, name) != 0)
		i++;
	if (q->keys[i].name[0] == '\0')
		(void)snprintf(q->keys[i].name, sizeof q->keys[i].name, "%s", i + 1 < GW_QUOTA_KEYS ? name : "others");
	return &q->keys[i];
}

static void
read_row(void *arg, const struct gw_sqlite_row *row)
{
	const char *name = gw_sqlite_text(row, 0);
	struct key *k;

	if (name == NULL || name[0] == '\0')
		return;
	k = find(arg, name);
	k->span[DAY].number = gw_sqlite_number(row, 1);
	k->span[DAY].sent[RECORDS] = gw_sqlite_number(row, 2);
	k->span[DAY].sent[BYTES] = gw_sqlite_number(row, 3);
}

struct reader {
	struct gw_quota *q;
	bool has_table;
};

static om_status
read_table(struct gw_sqlite *db, void *arg, om_err *e)
{
	struct reader *r = arg;
	int64_t n = 0;
	om_status s = gw_sqlite_int(db, "SELECT count(*) FROM sqlite_schema WHERE name='quota'", &n, e);

	r->has_table = n > 0;
	if (s != OM_OK || !r->has_table)
		return s;
	return gw_sqlite_each(db, "SELECT key,day,records,bytes FROM quota", NULL, 0, read_row, r->q, e);
}

om_status
gw_quota_open(struct gw_spool *spool, const struct gw_quota_limits *l, struct gw_quota **out, om_err *e)
{
	struct gw_quota *q = calloc(1, sizeof *q);
	struct reader r = {.q = q};
	om_status s;

	*out = NULL;
	if (q == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t span = 0; span < N_SPANS; span++)
		for (size_t unit = 0; unit < N_UNITS; unit++)
			om_stat_register(&st_limited[span][unit]);
	q->spool = spool;
	q->limit[MINUTE][RECORDS] = l->records_minute;
	q->limit[MINUTE][BYTES] = l->bytes_minute;
	q->limit[DAY][RECORDS] = l->records_day;
	q->limit[DAY][BYTES] = l->bytes_day;
	(void)pthread_mutex_init(&q->lock, NULL);
	s = gw_spool_look(spool, read_table, &r, e);
	if (s == OM_OK && !r.has_table)
		s = gw_spool_run(spool, make_table, "", 0, e);
	if (s != OM_OK) {
		gw_quota_close(&q);
		return s;
	}
	*out = q;
	return OM_OK;
}

void
gw_quota_close(struct gw_quota **q)
{
	if (*q != NULL)
		(void)pthread_mutex_destroy(&(*q)->lock);
	free(*q);
	*q = NULL;
}

/* ---- counting ---- */

/* turn_over begins the minute and the day that `now` is in. */
static void
turn_over(struct key *k, om_time now)
{
	for (size_t span = 0; span < N_SPANS; span++) {
		int64_t number = now / length_us[span];

		if (k->span[span].number == number)
			continue;
		memset(&k->span[span], 0, sizeof k->span[span]);
		k->span[span].number = number;
	}
}

/* reached gives the limit that the key has reached and how long it stays so: the one
 * that is reached for longest. */
static bool
reached(const struct gw_quota *q, const struct key *k, om_time now, size_t *span_out, size_t *unit_out, int64_t *wait_s)
{
	*wait_s = 0;
	for (size_t span = N_SPANS; *wait_s == 0 && span-- > 0;)
		for (size_t unit = 0; unit < N_UNITS; unit++) {
			if (q->limit[span][unit] == 0 || k->span[span].sent[unit] < q->limit[span][unit])
				continue;
			*span_out = span;
			*unit_out = unit;
			*wait_s = (length_us[span] - now % length_us[span] + OM_SECOND - 1) / OM_SECOND;
		}
	return *wait_s > 0;
}

static om_status
refuse(const struct gw_quota *q, struct key *k, size_t span, size_t unit, int64_t wait_s, om_err *e)
{
	om_stat_add(&st_limited[span][unit], 1);
	if (!k->span[span].logged)
		om_log(OM_LOG_WARN, "a key has sent as much as it may", "key", k->name, "setting", setting[span][unit],
		    "wait_s", OM_I64(wait_s), NULL);
	k->span[span].logged = true;
	return om_fail(e, OM_THROTTLED, "this key has sent the %lld %s that %s allows; send it again in %lld s",
	    (long long)q->limit[span][unit], unit == RECORDS ? "records" : "bytes", setting[span][unit],
	    (long long)wait_s);
}

/* count adds to the key's counts, unless it has reached a limit; *day_out is then what the
 * table is to have. */
static om_status
count(struct gw_quota *q, const char *name, const int64_t more[N_UNITS], om_time now, struct day *day_out,
    int64_t *wait_s, om_err *e)
{
	size_t span = 0, unit = 0;
	om_status s = OM_OK;
	struct key *k;

	(void)pthread_mutex_lock(&q->lock);
	k = find(q, name);
	turn_over(k, now);
	if (reached(q, k, now, &span, &unit, wait_s))
		s = refuse(q, k, span, unit, *wait_s, e);
	for (span = 0; s == OM_OK && span < N_SPANS; span++)
		for (unit = 0; unit < N_UNITS; unit++)
			k->span[span].sent[unit] += more[unit];
	memcpy(day_out->name, k->name, sizeof day_out->name);
	day_out->number = k->span[DAY].number;
	memcpy(day_out->sent, k->span[DAY].sent, sizeof day_out->sent);
	(void)pthread_mutex_unlock(&q->lock);
	return s;
}

om_status
gw_quota_begin(struct gw_quota *q, const char *key, size_t n_bytes, om_time now, int64_t *wait_s_out, om_err *e)
{
	struct day day;

	return count(q, key, (const int64_t[]){0, (int64_t)n_bytes}, now, &day, wait_s_out, e);
}

/* take_back: the records were not stored. */
static void
take_back(struct gw_quota *q, const char *name, int64_t n, om_time now)
{
	struct key *k;

	(void)pthread_mutex_lock(&q->lock);
	k = find(q, name);
	for (size_t span = 0; span < N_SPANS; span++)
		if (k->span[span].number == now / length_us[span])
			k->span[span].sent[RECORDS] -= n;
	(void)pthread_mutex_unlock(&q->lock);
}

om_status
gw_quota_append(struct gw_quota *q, const char *key, struct gw_batch **b, om_time now, int64_t *wait_s_out, om_err *e)
{
	const int64_t n = (int64_t)(*b)->n;
	struct day day;
	om_status s = count(q, key, (const int64_t[]){n, 0}, now, &day, wait_s_out, e);

	om_check(sizeof day <= GW_SPOOL_ARG);
	if (s != OM_OK) {
		gw_batch_free(b);
		return s;
	}
	s = gw_spool_append_with(q->spool, b, now, write_day, &day, sizeof day, e);
	if (s != OM_OK)
		take_back(q, key, n, now);
	return s;
}
