/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model.h"

#include "base/invariant.h"

#include <stdlib.h>
#include <string.h>

#define N_NAME 3u

struct alias {
	const char *name, *model;
	bool stored; /* the table has it */
};

/* The names that a list gives, beside its ids. */
struct names {
	const struct cd_tariff *list;
	size_t n_list;
	struct alias *alias; /* ascending by name */
	size_t n;
	struct om_arena *a;
	struct cd_val *write; /* what the table lacks */
	size_t n_write, room;
	om_time now;
};

static const char *
variant_of(const char *id)
{
	const char *slash = strrchr(id, '/');

	return strchr(slash != NULL ? slash : id, ':');
}

static int
cmp_to_id(const void *name, const void *tariff)
{
	return strcmp(name, ((const struct cd_tariff *)tariff)->model);
}

static bool
is_id(const struct names *w, const char *name)
{
	return bsearch(name, w->list, w->n_list, sizeof *w->list, cmp_to_id) != NULL;
}

static int
cmp_name(const void *pa, const void *pb)
{
	return strcmp(((const struct alias *)pa)->name, ((const struct alias *)pb)->name);
}

/* cmp_alias puts the id without a variant (":free") first among those of one name. */
static int
cmp_alias(const void *pa, const void *pb)
{
	const struct alias *a = pa, *b = pb;
	int c = cmp_name(pa, pb), with = (variant_of(a->model) != NULL) - (variant_of(b->model) != NULL);

	return c != 0 ? c : with != 0 ? with : strcmp(a->model, b->model);
}

static void
add_alias(struct names *w, const char *name, const char *model)
{
	if (name != NULL && !is_id(w, name))
		w->alias[w->n++] = (struct alias){.name = name, .model = model};
}

/* add_names adds those of one model.  "x:free" says nothing about "x", which may
 * just not be listed any more. */
static void
add_names(struct names *w, const struct cd_tariff *t)
{
	const char *variant = variant_of(t->model);

	if (t->slug == NULL)
		return;
	if (variant != NULL)
		add_alias(w, om_arena_printf(w->a, "%s%s", t->slug, variant), t->model);
	if (variant == NULL || strlen(t->slug) != (size_t)(variant - t->model) ||
	    strncmp(t->slug, t->model, (size_t)(variant - t->model)) != 0)
		add_alias(w, t->slug, t->model);
}

static void
collect(struct names *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_list; i++)
		add_names(w, &w->list[i]);
	om_check(w->n <= 2 * w->n_list); /* a name and its variant for each */
	qsort(w->alias, w->n, sizeof *w->alias, cmp_alias);
	for (size_t i = 0; i < w->n; i++)
		if (kept == 0 || cmp_name(&w->alias[kept - 1], &w->alias[i]) != 0)
			w->alias[kept++] = w->alias[i];
	w->n = kept;
}

static struct alias *
find_alias(const struct names *w, const char *name)
{
	const struct alias key = {.name = name};

	return bsearch(&key, w->alias, w->n, sizeof *w->alias, cmp_name);
}

static om_status
write_name(struct names *w, const char *name, const char *model, om_err *e)
{
	if (w->n_write == w->room) {
		size_t room = w->room == 0 ? 256 : 2 * w->room;
		struct cd_val *p = om_arena_array(w->a, room * N_NAME, sizeof *p);

		if (p == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		if (w->n_write > 0)
			memcpy(p, w->write, w->n_write * N_NAME * sizeof *p);
		w->write = p;
		w->room = room;
	}
	w->write[N_NAME * w->n_write] = cd_t(name);
	w->write[N_NAME * w->n_write + 1] = cd_t(model);
	w->write[N_NAME * w->n_write++ + 2] = CD_I(w->now);
	return OM_OK;
}

/* keep_stored compares a name of the table with the list: it leads where the list
 * says, to itself if it has become an id, or on to where its model is listed now. */
static om_status
keep_stored(void *arg, const struct cd_val *v, om_err *e)
{
	struct names *w = arg;
	struct alias *said = find_alias(w, v[0].p);
	const struct alias *on = is_id(w, v[1].p) ? NULL : find_alias(w, v[1].p);
	const char *name = om_arena_strndup(w->a, v[0].p, v[0].n), *model = NULL;

	if (name == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (said != NULL) {
		said->stored = true;
		model = said->model;
	} else if (is_id(w, name)) {
		model = name;
	} else if (on != NULL) {
		model = on->model;
	}
	return model == NULL || strcmp(model, v[1].p) == 0 ? OM_OK : write_name(w, name, model, e);
}

om_status
cd_model_names_store(
    struct cd_db *db, const struct cd_tariff *list, size_t n, om_time now, struct om_arena *a, om_err *e)
{
	struct names w = {.list = list, .n_list = n, .a = a, .now = now};
	om_status s;

	w.alias = om_arena_array(a, 2 * n + 1, sizeof *w.alias);
	if (w.alias == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	collect(&w);
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_db_query(db, "SELECT name,model FROM model_name ORDER BY name FOR UPDATE", NULL, 0, keep_stored, &w, e);
	for (size_t i = 0; s == OM_OK && i < w.n; i++)
		if (!w.alias[i].stored)
			s = write_name(&w, w.alias[i].name, w.alias[i].model, e);
	if (s != OM_OK || w.n_write == 0)
		return s;
	return cd_db_exec(db,
	    "INSERT INTO model_name (name,model,since_us) VALUES (?,?,?) "
	    "ON DUPLICATE KEY UPDATE model=VALUES(model),since_us=VALUES(since_us)",
	    w.write, N_NAME, w.n_write, NULL, e);
}

struct found {
	struct om_arena *a;
	const char *model;
	size_t n;
};

static om_status
keep_model(void *arg, const struct cd_val *v, om_err *e)
{
	struct found *f = arg;

	f->model = om_arena_strndup(f->a, v[0].p, v[0].n);
	f->n = v[0].n;
	return f->model != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
cd_model_name(
    struct cd_db *db, const char *name, size_t n, struct om_arena *a, const char **out, size_t *n_out, om_err *e)
{
	struct found f = {.a = a};
	om_status s = cd_db_query(
	    db, "SELECT model FROM model_name WHERE name=?", (struct cd_val[]){CD_B(name, n)}, 1, keep_model, &f, e);

	if (s == OM_OK && f.model == NULL)
		s = keep_model(&f, &CD_B(name, n), e);
	*out = f.model;
	*n_out = f.n;
	return s;
}

struct name_scan {
	struct om_arena *a;
	const char **names;
	size_t n, room;
};

static om_status
keep_name(void *arg, const struct cd_val *v, om_err *e)
{
	struct name_scan *scan = arg;

	if (scan->n == scan->room) {
		size_t room = scan->room == 0 ? 8 : 2 * scan->room;
		const char **names = om_arena_array(scan->a, room, sizeof *names);

		if (names == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		for (size_t i = 0; i < scan->n; i++)
			names[i] = scan->names[i];
		scan->names = names;
		scan->room = room;
	}
	scan->names[scan->n] = om_arena_strndup(scan->a, v[0].p, v[0].n);
	return scan->names[scan->n++] != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
cd_model_names(
    struct cd_db *db, const char *name, struct om_arena *a, const char *const **out, size_t *n_out, om_err *e)
{
	struct name_scan scan = {.a = a};
	const struct cd_val v[] = {cd_t(name), cd_t(name), cd_t(name), cd_t(name)};
	om_status s = cd_db_query(db,
	    "SELECT " CD_MODEL_LISTED
	    " AS n UNION SELECT mo.name FROM model_name AS mo WHERE mo.model=" CD_MODEL_LISTED,
	    v, 4, keep_name, &scan, e);

	*out = scan.names;
	*n_out = scan.n;
	return s;
}
