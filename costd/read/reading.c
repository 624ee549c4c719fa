/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "reading.h"

#include "rows.h"
#include "where.h"
#include "database/sql.h"
#include "usage.pb-c.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PAGE 5000u
#define MAX_PAGE     20000u
#define IDLE_MS      60000
#define FINISHED_MS  5000 /* the last page may be asked for again if its reply was lost */
#define LIFE_MS      1800000
#define HELD_LIFE_MS 14400000
#define OPEN_TRIES   3
#define KEY_BYTES    (4 * 160 + 1)

static struct om_stat open_readings = OM_GAUGE("owui_metering_readings", NULL, "Snapshots held open for documents.");

/* A place in the rows: after this one. */
struct mark {
	bool begun;
	int64_t us;
	char key[KEY_BYTES];
	uint64_t rows;
	om_money cost;
};

struct reading {
	bool used, busy; /* lock; busy: one thread works with all that follows */
	bool finished;   /* the last page was given */
	bool hold;       /* other statements may follow */
	int64_t opened_ms, touched_ms;
	unsigned char id[CD_READING_ID];
	struct cd_slot *slot; /* held */
	struct cd_reading_of of;
	char *user, *group; /* owned */
	uint64_t next_page;
	struct mark before, after; /* where the page given last begins and ends */
};

struct cd_readings {
	struct cd_pool *pool; /* borrowed */

	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct reading all[CD_READINGS];
};

om_status
cd_readings_new(struct cd_pool *p, struct cd_readings **out, om_err *e)
{
	struct cd_readings *r = calloc(1, sizeof *r);

	*out = NULL;
	if (r == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->pool = p;
	(void)pthread_mutex_init(&r->lock, NULL);
	om_cond_init(&r->freed);
	om_stat_register(&open_readings);
	*out = r;
	return OM_OK;
}

/* clear ends a reading that the calling thread has marked busy. */
static void
clear(struct cd_readings *r, struct reading *g)
{
	cd_pool_give(r->pool, &g->slot);
	free(g->user);
	free(g->group);
	(void)pthread_mutex_lock(&r->lock);
	om_stat_add(&open_readings, g->used ? -1 : 0);
	*g = (struct reading){.used = false};
	(void)pthread_cond_broadcast(&r->freed);
	(void)pthread_mutex_unlock(&r->lock);
}

static void
release(struct cd_readings *r, struct reading *g)
{
	(void)pthread_mutex_lock(&r->lock);
	g->touched_ms = om_mono_ms();
	g->busy = false;
	(void)pthread_cond_broadcast(&r->freed);
	(void)pthread_mutex_unlock(&r->lock);
}

static bool
is_over(const struct reading *g, int64_t now_ms)
{
	return now_ms - g->touched_ms >= (g->finished && !g->hold ? FINISHED_MS : IDLE_MS) ||
	    now_ms - g->opened_ms >= (g->hold ? HELD_LIFE_MS : LIFE_MS);
}

/* claim_over makes one that is over (or finished for good, if the room is needed) busy. */
static struct reading *
claim_over(struct cd_readings *r, int64_t now_ms, bool finished_too)
{
	struct reading *found = NULL;

	(void)pthread_mutex_lock(&r->lock);
	for (unsigned i = 0; i < CD_READINGS && found == NULL; i++) {
		struct reading *g = &r->all[i];

		if (g->used && !g->busy && (is_over(g, now_ms) || (finished_too && g->finished && !g->hold)))
			found = g;
	}
	if (found != NULL)
		found->busy = true;
	(void)pthread_mutex_unlock(&r->lock);
	return found;
}

void
cd_readings_sweep(struct cd_readings *r, int64_t now_ms)
{
	struct reading *g;

	while ((g = claim_over(r, now_ms, false)) != NULL)
		clear(r, g);
}

void
cd_readings_free(struct cd_readings **rp)
{
	struct cd_readings *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	cd_readings_sweep(r, INT64_MAX);
	(void)pthread_cond_destroy(&r->freed);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

/* reserve gives an unused place, busy. */
static om_status
reserve(struct cd_readings *r, struct reading **out, om_err *e)
{
	struct reading *g, *found = NULL;

	cd_readings_sweep(r, om_mono_ms());
	for (;;) {
		(void)pthread_mutex_lock(&r->lock);
		for (unsigned i = 0; i < CD_READINGS && found == NULL; i++)
			if (!r->all[i].used)
				found = &r->all[i];
		if (found != NULL) {
			found->used = found->busy = true;
			found->opened_ms = found->touched_ms = om_mono_ms();
			om_stat_add(&open_readings, 1);
		}
		(void)pthread_mutex_unlock(&r->lock);
		if (found != NULL)
			break;
		if ((g = claim_over(r, om_mono_ms(), true)) == NULL)
			return om_fail(
			    e, OM_THROTTLED, "%u documents with all their rows are being read; try again", CD_READINGS);
		clear(r, g);
	}
	*out = found;
	return OM_OK;
}

/* aim makes the rows those of `of`, from the first on; when it fails, they stay
 * what they were. */
static om_status
aim(struct reading *g, const struct cd_reading_of *of, om_err *e)
{
	char *user = of->user != NULL ? strdup(of->user) : NULL;
	char *group = of->group != NULL ? strdup(of->group) : NULL;

	if ((of->user != NULL && user == NULL) || (of->group != NULL && group == NULL)) {
		free(user);
		free(group);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	free(g->user);
	free(g->group);
	g->of = *of;
	g->of.user = g->user = user;
	g->of.group = g->group = group;
	g->next_page = 0;
	g->before = g->after = (struct mark){.begun = false};
	g->finished = false;
	return OM_OK;
}

/* end_or_release ends the reading after a failure of the database, since the snapshot
 * may then be another one, and otherwise releases it. */
static void
end_or_release(struct cd_readings *r, struct reading *g, om_status s)
{
	if (cd_db_broken(cd_slot_db(g->slot)) || s == OM_STORE || s == OM_STORE_DATA || s == OM_UNAVAILABLE)
		clear(r, g);
	else
		release(r, g);
}

om_status
cd_readings_open(struct cd_readings *r, bool hold, int64_t deadline_ms, cd_work_fn *fn, void *arg,
    const struct cd_reading_of *of, unsigned char id_out[CD_READING_ID], om_err *e)
{
	struct reading *g = NULL;
	om_status s = om_random(id_out, CD_READING_ID, e);

	if (s == OM_OK)
		s = reserve(r, &g, e);
	if (s != OM_OK)
		return s;
	/* a connection that broke while it lay idle is noticed only now */
	for (int i = 0; i < OPEN_TRIES; i++) {
		cd_pool_give(r->pool, &g->slot);
		s = cd_pool_take(r->pool, deadline_ms, &g->slot, e);
		if (s == OM_OK)
			s = cd_db_begin_snapshot(cd_slot_db(g->slot), e);
		if (s == OM_OK)
			s = fn(cd_slot_db(g->slot), arg, e);
		if ((s != OM_STORE && s != OM_UNAVAILABLE) || om_mono_ms() >= deadline_ms)
			break;
	}
	if (s == OM_OK)
		s = aim(g, of, e);
	if (s != OM_OK) {
		clear(r, g);
		return s;
	}
	(void)pthread_mutex_lock(&r->lock);
	g->hold = hold;
	memcpy(g->id, id_out, CD_READING_ID);
	(void)pthread_mutex_unlock(&r->lock);
	release(r, g);
	return OM_OK;
}

/* look_up gives the reading of that id, or NULL; the lock is held. */
static struct reading *
look_up(struct cd_readings *r, const ProtobufCBinaryData *id)
{
	for (unsigned i = 0; i < CD_READINGS && id->len == CD_READING_ID; i++)
		if (r->all[i].used && memcmp(r->all[i].id, id->data, CD_READING_ID) == 0)
			return &r->all[i];
	return NULL;
}

/* find gives the reading, busy with the calling thread. */
static om_status
find(struct cd_readings *r, const ProtobufCBinaryData *id, int64_t deadline_ms, struct reading **out, om_err *e)
{
	struct reading *found;
	bool waiting = true;
	om_status s = OM_OK;

	(void)pthread_mutex_lock(&r->lock);
	for (;;) {
		found = look_up(r, id);
		if (found == NULL || !found->busy || !waiting)
			break;
		waiting = om_cond_wait(&r->freed, &r->lock, deadline_ms);
	}
	if (found == NULL)
		s = om_fail(e, OM_NOT_FOUND, "there is no such reading, or it is over");
	else if (found->busy)
		s = om_fail(e, OM_UNAVAILABLE, "another request reads these rows");
	else
		found->busy = true;
	(void)pthread_mutex_unlock(&r->lock);
	*out = found;
	return s;
}

struct page {
	struct om_arena *a;
	Om__RowsReply *out;
	size_t limit;
	struct mark at;
	bool more;
};

static om_status
keep_row(void *arg, Om__Generation *g, om_err *e)
{
	struct page *page = arg;
	om_money cost;
	om_status s = OM_OK;
	int n;

	if (page->out->n_rows == page->limit) {
		page->more = true;
		return OM_OK;
	}
	page->out->rows[page->out->n_rows++] = g;
	page->at.begun = true;
	page->at.rows++;
	page->at.us = g->started_us;
	n = snprintf(page->at.key, KEY_BYTES, "%s", g->generation_id);
	if (n < 0 || n >= KEY_BYTES)
		return om_fail(e, OM_INTERNAL, "a generation's id is too long");
	if (g->cost != NULL)
		s = om_money_parse(g->cost, &cost, e);
	if (s == OM_OK && g->cost != NULL)
		s = om_money_add(page->at.cost, cost, &page->at.cost);
	return s;
}

static om_status
read_page(struct cd_db *db, const struct reading *g, struct page *page, om_err *e)
{
	Om__Filter f = OM__FILTER__INIT;
	struct cd_sql q;
	om_status s;

	f.user = g->user;
	f.group = g->group;
	cd_sql_init(&q, page->a);
	cd_generation_select(&q);
	cd_sql_add(&q, cd_generation_from);
	s = cd_where_add(&q, db, true, &g->of.month, &f, e);
	if (page->at.begun) {
		cd_sql_add(&q, " AND g.started_us>=? AND (g.started_us>? OR g.number>" CD_NUMBER_OF_ID ")");
		cd_sql_value(&q, CD_I(page->at.us));
		cd_sql_value(&q, CD_I(page->at.us));
		cd_sql_value(&q, cd_t(om_arena_strdup(page->a, page->at.key)));
	}
	cd_sql_add(&q, " ORDER BY g.started_us,g.number LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)page->limit + 1));
	if (s == OM_OK)
		s = cd_generation_query(db, &q, keep_row, page, e);
	cd_sql_fini(&q);
	return s;
}

/* give_page answers for a reading that is busy with the calling thread. */
static om_status
give_page(struct reading *g, const Om__RowsQuery *q, struct om_arena *a, Om__RowsReply *out, om_err *e)
{
	struct page page = {.a = a, .out = out, .limit = q->has_limit ? q->limit : DEFAULT_PAGE};
	bool again = g->next_page > 0 && q->page == g->next_page - 1;
	om_status s;

	if (page.limit > MAX_PAGE)
		return om_fail(e, OM_INVALID, "limit: must be at most %u", MAX_PAGE);
	if (!again && (q->page != g->next_page || g->finished))
		return om_fail(e, OM_INVALID, "page: %llu is not the next one", (unsigned long long)q->page);
	page.at = again ? g->before : g->after;
	out->rows = om_arena_array(a, page.limit, sizeof(Om__Generation *));
	if (out->rows == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = read_page(cd_slot_db(g->slot), g, &page, e);
	if (s != OM_OK)
		return s;
	if (!page.more && (page.at.rows != g->of.rows || om_money_cmp(page.at.cost, g->of.cost) != 0))
		return om_fail(e, OM_DAMAGED, "the month's rows do not amount to its total; run costd --check");
	out->done = !page.more;
	g->before = again ? g->before : g->after;
	g->after = page.at;
	g->next_page = q->page + 1;
	g->finished = !page.more;
	return OM_OK;
}

om_status
cd_readings_again(struct cd_readings *r, const ProtobufCBinaryData *id, int64_t deadline_ms, cd_work_fn *fn, void *arg,
    const struct cd_reading_of *of, om_err *e)
{
	struct reading *g = NULL;
	om_status s = find(r, id, deadline_ms, &g, e);

	if (s != OM_OK)
		return s;
	s = fn(cd_slot_db(g->slot), arg, e);
	if (s == OM_OK)
		s = aim(g, of, e);
	end_or_release(r, g, s);
	return s;
}

/* touch notes that a reading is needed, and sends a question over its idle
 * connection, so that no network device closes it.  A reading that is busy is
 * noted as asked for when its question ends. */
static om_status
touch(struct cd_readings *r, const ProtobufCBinaryData *id, om_err *e)
{
	struct reading *g;
	bool busy;
	om_status s;

	(void)pthread_mutex_lock(&r->lock);
	g = look_up(r, id);
	busy = g != NULL && g->busy;
	if (g != NULL)
		g->busy = true;
	(void)pthread_mutex_unlock(&r->lock);
	if (g == NULL)
		return om_fail(e, OM_NOT_FOUND, "there is no such reading, or it is over");
	if (busy)
		return OM_OK;
	s = cd_db_run(cd_slot_db(g->slot), "DO 1", e);
	end_or_release(r, g, s);
	return s;
}

om_status
cd_readings_rows(struct cd_readings *r, const Om__RowsQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__RowsReply *out, om_err *e)
{
	struct reading *g = NULL;
	om_status s;

	if (q->has_keep && q->keep)
		return touch(r, &q->reading_id, e);
	s = find(r, &q->reading_id, deadline_ms, &g, e);
	if (s != OM_OK)
		return s;
	if (q->has_limit && q->limit == 0) {
		clear(r, g);
		out->done = true;
		return OM_OK;
	}
	s = give_page(g, q, a, out, e);
	end_or_release(r, g, s);
	return s;
}
