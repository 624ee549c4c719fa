/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "history.h"

#include "model.h"
#include "database/meta.h"
#include "base/invariant.h"

#include <string.h>

#define FETCHED  "prices_fetched_us"
#define N_LINE   4u
#define N_CLOSE  3u
#define GRACE_US ((om_time)86400 * OM_SECOND)

/* A line in force. */
struct line {
	char *model;
	om_time from;
	unsigned char hash[OM_SHA256];
	struct line *next;
};

struct scan {
	struct om_arena *a;
	struct line *first, **end;
	size_t n;
};

static om_status
keep_line(void *arg, const struct cd_val *v, om_err *e)
{
	struct scan *scan = arg;
	struct line *l = om_arena_alloc(scan->a, sizeof *l);

	if (v[2].n != OM_SHA256)
		return om_fail(e, OM_DAMAGED, "the price history holds a malformed line");
	if (l == NULL || (l->model = om_arena_strndup(scan->a, v[0].p, v[0].n)) == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	l->from = v[1].i;
	memcpy(l->hash, v[2].p, OM_SHA256);
	*scan->end = l;
	scan->end = &l->next;
	scan->n++;
	return OM_OK;
}

/* write_changes closes and adds what differs. */
static om_status
write_changes(struct cd_db *db, const struct cd_tariff *list, size_t n, const struct scan *open, om_time fetched,
    struct om_arena *a, struct cd_price_change *out, om_err *e)
{
	struct cd_val *close = om_arena_array(a, open->n * N_CLOSE + 1, sizeof *close), *c = close;
	struct cd_val *add = om_arena_array(a, n * N_LINE + 1, sizeof *add), *p = add;
	const struct line *l = open->first;
	om_status s = OM_OK;

	if (close == NULL || add == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < n || l != NULL;) {
		int cmp = i == n ? 1 : l == NULL ? -1 : strcmp(list[i].model, l->model);

		om_check(i == 0 || i == n || strcmp(list[i - 1].model, list[i].model) < 0);
		if (cmp == 0 && memcmp(list[i].hash, l->hash, OM_SHA256) == 0) {
			out->same++;
			i++;
			l = l->next;
			continue;
		}
		if (cmp >= 0) {
			*c++ = CD_I(fetched);
			*c++ = cd_t(l->model);
			*c++ = CD_I(l->from);
			out->closed++;
			l = l->next;
		}
		if (cmp <= 0) {
			*p++ = cd_t(list[i].model);
			*p++ = CD_I(fetched);
			*p++ = CD_B(list[i].hash, OM_SHA256);
			*p++ = cd_t(list[i].pricing);
			out->added++;
			i++;
		}
	}
	om_check((size_t)(out->same + out->added) == n && (size_t)(out->same + out->closed) == open->n);
	if (out->closed > 0)
		s = cd_db_exec(db, "UPDATE price SET valid_until_us=? WHERE model=? AND valid_from_us=?", close,
		    N_CLOSE, (size_t)out->closed, NULL, e);
	if (s == OM_OK && out->added > 0)
		s = cd_db_exec(db, "INSERT INTO price (model,valid_from_us,hash,pricing) VALUES (?,?,?,?)", add, N_LINE,
		    (size_t)out->added, NULL, e);
	return s;
}

om_status
cd_price_store(struct cd_db *db, const struct cd_tariff *list, size_t n, om_time fetched, struct om_arena *a,
    struct cd_price_change *out, om_err *e)
{
	struct scan open = {.a = a, .first = NULL};
	om_time newest = 0;
	om_status s;

	memset(out, 0, sizeof *out);
	open.end = &open.first;
	s = cd_meta_take_int(db, FETCHED, &newest, e); /* from here on others wait */
	out->stale = newest >= fetched;
	if (s != OM_OK || out->stale)
		return s;
	s = cd_db_query(db,
	    "SELECT model,valid_from_us,hash FROM price WHERE valid_until_us IS NULL ORDER BY model FOR UPDATE", NULL,
	    0, keep_line, &open, e);
	if (s == OM_OK)
		s = write_changes(db, list, n, &open, fetched, a, out, e);
	if (s == OM_OK)
		s = cd_model_names_store(db, list, n, fetched, a, e);
	return s == OM_OK ? cd_meta_set_int(db, FETCHED, fetched, e) : s;
}

struct found {
	struct om_arena *a;
	om_time at;
	const char *pricing;
	size_t n;
	bool any;
};

static om_status
keep_found(void *arg, const struct cd_val *v, om_err *e)
{
	struct found *f = arg;

	f->any = true;
	if (v[1].kind == CD_INT && v[1].i <= f->at)
		return OM_OK; /* closed before */
	f->pricing = om_arena_strndup(f->a, v[0].p, v[0].n);
	f->n = v[0].n;
	return f->pricing != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* find_by gives the pricing under one name. */
static om_status
find_by(struct cd_db *db, struct cd_val model, struct found *f, om_err *e)
{
	om_status s = cd_db_query(db,
	    "SELECT pricing,valid_until_us FROM price WHERE model=? AND valid_from_us<=? "
	    "ORDER BY valid_from_us DESC LIMIT 1",
	    (struct cd_val[]){model, CD_I(f->at)}, 2, keep_found, f, e);

	if (s == OM_OK && !f->any)
		s = cd_db_query(db,
		    "SELECT pricing,valid_until_us FROM price WHERE model=? AND valid_from_us<=? "
		    "ORDER BY valid_from_us LIMIT 1",
		    (struct cd_val[]){model, CD_I(f->at + GRACE_US)}, 2, keep_found, f, e);
	return s;
}

om_status
cd_price_find(
    struct cd_db *db, struct cd_val model, om_time at, struct om_arena *a, const char **out, size_t *n_out, om_err *e)
{
	struct found f = {.a = a, .at = at};
	const char *name = NULL;
	size_t n = 0;
	om_status s = find_by(db, model, &f, e);

	if (s == OM_OK && f.pricing == NULL)
		s = cd_model_name(db, model.p, model.n, a, &name, &n, e);
	if (s == OM_OK && f.pricing == NULL && (n != model.n || memcmp(name, model.p, n) != 0)) {
		f.any = false;
		s = find_by(db, CD_B(name, n), &f, e);
	}
	*out = f.pricing;
	*n_out = f.n;
	return s;
}
