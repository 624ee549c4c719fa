/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Words, sets of groups and persons of the rows of before. */
#include "renumber_in.h"

#include "names/learn.h"
#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define SQL_BYTES   ((size_t)8 * 1024)
#define PEOPLE      2000
#define PEOPLE_TEXT "2000"

struct column {
	const char *table, *name;
};

/* run_with runs a statement about all values of a column, which are t.x. */
static om_status
run_with(struct cd_db *db, const char *before, const struct column *c, const char *after, om_err *e)
{
	struct om_buf b;
	om_status s;

	om_buf_init(&b, SQL_BYTES);
	om_buf_printf(&b, "%s(SELECT DISTINCT %s AS x FROM %s WHERE %s IS NOT NULL) AS t%s", before, c->name, c->table,
	    c->name, after);
	s = om_buf_done(&b, e);
	if (s == OM_OK)
		s = cd_db_run(db, b.data, e);
	om_buf_fini(&b);
	return s;
}

om_status
cd_renumber_words(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	static const struct column columns[] = {
	    {"generation_before", "model"},
	    {"generation_before", "provider"},
	    {"generation_before", "requested_model"},
	    {"generation_before", "origin"},
	    {"generation_before", "task"},
	    {"generation_before", "source"},
	    {"generation_before", "platform"},
	    {"generation_before", "kind"},
	    {"usage_day_before", "model"},
	    {"usage_day_before", "provider"},
	    {"usage_day_before", "origin"},
	    {"usage_day_before", "task"},
	    {"usage_day_before", "source"},
	    {"usage_day_before", "platform"},
	    {"turn_before", "model"},
	    {"turn_before", "source"},
	    {"turn_before", "platform"},
	};
	size_t i = 0;
	om_status s = cd_renumber_index(p, sizeof columns / sizeof columns[0], &i, e);

	if (s != OM_OK || p->done)
		return s;
	return run_with(db, "INSERT INTO word (text) SELECT t.x FROM ", &columns[i],
	    " LEFT JOIN word AS w ON w.text=t.x WHERE w.id IS NULL", e);
}

om_status
cd_renumber_sets(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	static const struct column columns[] = {
	    {"generation_before", "user_groups"},
	    {"usage_day_before", "user_groups"},
	};
	size_t i = 0;
	om_status s = cd_renumber_index(p, sizeof columns / sizeof columns[0], &i, e);

	if (s != OM_OK || p->done)
		return s;
	return run_with(db, "INSERT INTO group_set (hash,text) SELECT UNHEX(SHA2(t.x,256)),t.x FROM ", &columns[i],
	    " LEFT JOIN group_set AS g ON g.hash=UNHEX(SHA2(t.x,256)) WHERE g.id IS NULL", e);
}

/* ---- persons ---- */

static om_status
note_id(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_learning *l = arg;
	char handle[CD_HANDLE + 1];
	char *id = om_arena_strndup(l->a, v[0].p, v[0].n);
	om_status s = cd_handle(v[0].p, v[0].n, handle, e);

	if (s == OM_OK && id != NULL)
		cd_learn_note_person(l, id, om_arena_strdup(l->a, handle));
	return s == OM_OK && l->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}

/* cd_renumber_ids finds those whom only rows, totals or documents name. */
om_status
cd_renumber_ids(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	static const struct column columns[] = {
	    {"generation_before", "user_id"},
	    {"generation_before", "user_least"},
	    {"generation_before", "user_most"},
	    {"usage_day_before", "user_id"},
	    {"turn_before", "user_id"},
	    {"document", "user_id"},
	};
	struct cd_learning l;
	char sql[256];
	size_t i = 0;
	om_status s = cd_renumber_index(p, sizeof columns / sizeof columns[0], &i, e);

	if (s != OM_OK || p->done)
		return s;
	cd_learn_init(&l, p->a);
	(void)snprintf(sql, sizeof sql,
	    "SELECT t.x FROM (SELECT DISTINCT %s AS x FROM %s WHERE %s<>'') AS t LEFT JOIN person AS p ON "
	    "p.external_id=t.x "
	    "WHERE p.id IS NULL",
	    columns[i].name, columns[i].table, columns[i].name);
	s = cd_db_query(db, sql, NULL, 0, note_id, &l, e);
	return s == OM_OK ? cd_learn_within(db, &l, e) : s;
}

enum { V_ID, N_ATTRS = 11, N_VALUES = N_ATTRS + 2 };
#define ATTRS "name,name_us,email,email_us,role,role_us,groups_json,groups_us,inherited_json,first_seen_us,last_seen_us"

struct people {
	struct cd_val v[PEOPLE * N_VALUES];
	size_t n;
	struct om_arena *a;
};

static om_status
keep_person(void *arg, const struct cd_val *v, om_err *e)
{
	struct people *w = arg;
	struct cd_val *out = &w->v[N_VALUES * w->n++];
	char *handle = om_arena_alloc(w->a, CD_HANDLE + 1);
	om_status s = handle != NULL ? cd_handle(v[V_ID].p, v[V_ID].n, handle, e) : OM_NOMEM;

	out[0] = cd_t(handle);
	for (size_t i = 0; i <= N_ATTRS; i++) {
		out[i + 1] = v[i];
		if (v[i].kind == CD_TEXT)
			out[i + 1].p = om_arena_strndup(w->a, v[i].p, v[i].n);
	}
	return s == OM_OK && w->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}

/* cd_renumber_people copies what is known of everyone.  The place is how many are copied, by their ids. */
om_status
cd_renumber_people(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	static const char select[] = "SELECT id," ATTRS " FROM user_before ORDER BY id LIMIT " PEOPLE_TEXT " OFFSET ?";
	static const char insert[] =
	    "INSERT INTO person (handle,external_id," ATTRS
	    ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON DUPLICATE KEY UPDATE "
	    "name=VALUES(name),name_us=VALUES(name_us),email=VALUES(email),email_us=VALUES(email_us),role=VALUES(role),"
	    "role_us=VALUES(role_us),groups_json=VALUES(groups_json),groups_us=VALUES(groups_us),"
	    "inherited_json=VALUES(inherited_json),first_seen_us=VALUES(first_seen_us),last_seen_us=VALUES(last_seen_"
	    "us)";
	struct people *w = om_arena_alloc(p->a, sizeof *w);
	uint64_t before = 0;
	om_status s;

	if (w == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (p->at[0] != '\0' && !om_u64_parse(p->at, INT64_MAX, &before))
		return om_fail(e, OM_DAMAGED, "meta: %.60s is no place of the copying", p->at);
	w->a = p->a;
	s = cd_db_query(db, select, (struct cd_val[]){CD_I((int64_t)before)}, 1, keep_person, w, e);
	if (s == OM_OK && w->n > 0)
		s = cd_db_exec(db, insert, w->v, N_VALUES, w->n, NULL, e);
	p->done = w->n < PEOPLE;
	(void)snprintf(p->at, sizeof p->at, "%llu", (unsigned long long)before + w->n);
	return s;
}
