/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "differing.h"

#include "document.h"
#include "names/persons.h"
#include "base/clock.h"
#include "base/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONTHS      1200u /* a hundred years */
#define PAGE        1000u
#define PAGE_BYTES  ((size_t)256 * 1024 * 1024)
#define DEADLINE_MS 60000

static struct om_stat differing = OM_GAUGE("owui_metering_documents_differing", NULL,
    "Issued documents that stand and show what their months do not amount to any more.");

/* A month with documents, and what was counted when it, or who is shown as whom, last changed. */
struct month {
	int year, month;
	int64_t documents, changed_us;
	int64_t differing;
	bool counted;
};

struct cd_differing {
	struct cd_pool *pool; /* borrowed */
	struct month months[MONTHS], now[MONTHS];
	size_t n, n_now;
};

om_status
cd_differing_new(struct cd_pool *p, struct cd_differing **out, om_err *e)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(*out)->pool = p;
	om_stat_register(&differing);
	return OM_OK;
}

void
cd_differing_free(struct cd_differing **d)
{
	free(*d);
	*d = NULL;
}

static om_status
keep_month(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_differing *d = arg;
	struct month *m = &d->now[d->n_now];

	(void)e;
	if (d->n_now == MONTHS)
		return OM_OK;
	*m = (struct month){.year = (int)v[0].i,
	    .month = (int)v[1].i,
	    .documents = v[2].i,
	    .changed_us = v[3].kind == CD_INT ? v[3].i : 0};
	for (size_t i = 0; i < d->n; i++) {
		const struct month *before = &d->months[i];

		if (before->year == m->year && before->month == m->month && before->documents == m->documents &&
		    before->changed_us == m->changed_us && before->counted) {
			m->differing = before->differing;
			m->counted = true;
		}
	}
	d->n_now++;
	return OM_OK;
}

/* read_months: documents are only ever added. */
static om_status
read_months(struct cd_db *db, void *arg, om_err *e)
{
	struct cd_differing *d = arg;

	d->n_now = 0;
	return cd_db_query(db,
	    "SELECT YEAR(m.of_month),MONTH(m.of_month),m.n,(SELECT GREATEST(COALESCE(MAX(g.changed_us),0)," CD_MERGES_US
	    ") FROM usage_day AS g WHERE g.day>=m.of_month AND g.day<m.of_month+INTERVAL 1 MONTH) FROM (SELECT "
	    "of_month,COUNT(*) AS n FROM "
	    "document "
	    "GROUP BY of_month) AS m ORDER BY m.of_month DESC",
	    NULL, 0, keep_month, d, e);
}

/* count_page adds those of one page of the month's list; *cursor is the next page's, in the arena. */
static om_status
count_page(struct cd_differing *d, struct month *m, char **cursor, struct om_arena *a, om_err *e)
{
	Om__DocumentsQuery q = OM__DOCUMENTS_QUERY__INIT;
	Om__DocumentsReply page = OM__DOCUMENTS_REPLY__INIT;
	om_status s;

	q.has_of_year = q.has_of_month = q.has_limit = 1;
	q.of_year = (uint32_t)m->year;
	q.of_month = (uint32_t)m->month;
	q.limit = PAGE;
	q.cursor = *cursor;
	s = cd_documents_list(d->pool, &q, om_mono_ms() + DEADLINE_MS, a, &page, e);
	for (size_t i = 0; s == OM_OK && i < page.n_items; i++)
		if (page.items[i]->differs)
			m->differing++;
	*cursor = s == OM_OK ? page.next_cursor : NULL;
	return s;
}

static om_status
count_month(struct cd_differing *d, struct month *m, om_err *e)
{
	char *cursor = NULL, next[128] = "";
	om_status s = OM_OK;

	m->differing = 0;
	do {
		struct om_arena a;

		om_arena_init(&a, PAGE_BYTES);
		s = count_page(d, m, &cursor, &a, e);
		if (cursor != NULL) {
			(void)snprintf(next, sizeof next, "%s", cursor);
			cursor = next;
		}
		om_arena_fini(&a);
	} while (s == OM_OK && cursor != NULL);
	m->counted = s == OM_OK;
	return s;
}

om_status
cd_differing_turn(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct cd_differing *d = arg;
	om_status s = cd_pool_run(d->pool, CD_TX_SNAPSHOT, om_mono_ms() + DEADLINE_MS, read_months, d, e);
	int64_t sum = 0;

	if (s != OM_OK)
		return s;
	for (size_t i = 0; s == OM_OK && i < d->n_now; i++) {
		if (!d->now[i].counted && om_duty_goes_on(t))
			s = count_month(d, &d->now[i], e);
		sum += d->now[i].differing;
	}
	memcpy(d->months, d->now, sizeof d->months);
	d->n = d->n_now;
	if (s == OM_OK)
		om_stat_set(&differing, sum);
	return s;
}
