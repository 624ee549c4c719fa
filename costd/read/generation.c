/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One ledger row with its evidence: the records it is the join of, and where its
 * look-up stands.
 */
#include "read.h"

#include "rows.h"
#include "database/column.h"
#include "database/fill.h"
#include "database/sql.h"
#include "store/entry.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#include <string.h>

#define MAX_RECORDS 1000u
#define MAX_KEYS    1000u
#define MAX_PARTS   64u /* whose records are read */

struct ask {
	const Om__GenerationQuery *q;
	Om__GenerationReply *out;
	struct om_arena *a;
};

static om_status
keep_row(void *arg, Om__Generation *g, om_err *e)
{
	struct ask *ask = arg;

	(void)e;
	ask->out->generation = g;
	return OM_OK;
}

/* is_of tells whether a record is the row's or a part's: another one may have the same hash. */
static bool
is_of(const struct ask *ask, const Om__Record *r)
{
	const Om__Generation *g = ask->out->generation;
	struct cd_row row;

	if (cd_record_row(r, ask->a, &row, NULL) != OM_OK)
		return false;
	for (size_t i = 0; i < g->n_parts; i++)
		if (strcmp(g->parts[i], row.key.p) == 0)
			return true;
	return strcmp(g->generation_id, row.key.p) == 0;
}

static om_status
add_hash(struct cd_sql *q, const char *key, om_err *e)
{
	int64_t hash = 0;
	om_status s = cd_key_hash((struct cd_text){.p = key, .n = strlen(key)}, &hash, e);

	cd_sql_value(q, CD_I(hash));
	return s;
}

static om_status
keep_record(void *arg, const struct cd_val *v, om_err *e)
{
	struct ask *ask = arg;
	Om__GenerationReply *out = ask->out;
	struct cd_how how;
	Om__Record *r = NULL;
	om_status s;

	if (out->n_records == MAX_RECORDS) {
		out->truncated = true;
		return OM_OK;
	}
	s = cd_entry_read(v, ask->a, &r, &how, e);
	if (s == OM_OK && is_of(ask, r))
		out->records[out->n_records++] = r;
	return s;
}

/* read_records reads the records of the row and of its parts. */
static om_status
read_records(struct cd_db *db, struct ask *ask, om_err *e)
{
	const Om__Generation *g = ask->out->generation;
	struct cd_sql q;
	om_status s = OM_OK;

	cd_sql_init(&q, ask->a);
	cd_sql_add(
	    &q, "SELECT " CD_ENTRY_COLUMNS_OF(CD_OWN_ID_TEXT("r.person")) " FROM record AS r WHERE r.key_hash IN (?");
	s = add_hash(&q, ask->q->generation_id, e);
	for (size_t i = 0; s == OM_OK && i < g->n_parts && i < MAX_PARTS; i++) {
		cd_sql_add(&q, ",?");
		s = add_hash(&q, g->parts[i], e);
	}
	ask->out->truncated = g->n_parts > MAX_PARTS;
	cd_sql_add(&q, ") ORDER BY r.received_us,r.record_id LIMIT ?");
	cd_sql_value(&q, CD_I(MAX_RECORDS + 1));
	if (s == OM_OK)
		s = cd_sql_query(db, &q, keep_record, ask, e);
	cd_sql_fini(&q);
	return s;
}

static om_status
keep_lookup(void *arg, void *lookup, const struct cd_val *v, om_err *e)
{
	struct ask *ask = arg;

	(void)v;
	(void)e;
	ask->out->lookup = lookup;
	return OM_OK;
}

struct keys {
	struct ask *ask;
	char **list;
	size_t n;
};

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	struct keys *k = arg;

	if (k->n == MAX_KEYS)
		return OM_OK;
	k->list[k->n] = cd_column_text(&v[0], k->ask->a);
	return k->list[k->n++] != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* read_keys reads the rows that this one is paired with. */
static om_status
read_keys(struct cd_db *db, struct ask *ask, const char *sql, char ***out, size_t *n_out, om_err *e)
{
	struct keys k = {.ask = ask, .list = om_arena_array(ask->a, MAX_KEYS, sizeof(char *))};
	om_status s;

	if (k.list == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_db_query(db, sql, (struct cd_val[]){cd_t(ask->q->generation_id)}, 1, keep_key, &k, e);
	*out = k.list;
	*n_out = k.n;
	return s;
}

static om_status
work(struct cd_db *db, void *arg, om_err *e)
{
	static const char lookup[] =
	    "SELECT attempts,first_us,next_us,last_status,last_error FROM lookup WHERE generation_id=?";
	struct ask *ask = arg;
	const struct cd_val v[] = {cd_t(ask->q->generation_id)};
	struct cd_sql q;
	om_status s;

	ask->out->generation = NULL;
	ask->out->n_records = 0;
	ask->out->lookup = NULL;
	cd_sql_init(&q, ask->a);
	cd_generation_select(&q);
	cd_sql_add(&q, cd_generation_from);
	cd_sql_add(&q, " WHERE g.generation_id=?");
	cd_sql_value(&q, v[0]);
	s = cd_generation_query(db, &q, keep_row, ask, e);
	cd_sql_fini(&q);
	if (s == OM_OK && ask->out->generation == NULL)
		s = om_fail(e, OM_NOT_FOUND, "no generation with this id is in the ledger");
	if (s == OM_OK)
		s = read_keys(db, ask, "SELECT target FROM link WHERE ledger_key=? ORDER BY target",
		    &ask->out->generation->part_of, &ask->out->generation->n_part_of, e);
	if (s == OM_OK)
		s = read_keys(db, ask, "SELECT ledger_key FROM link WHERE target=? ORDER BY ledger_key",
		    &ask->out->generation->parts, &ask->out->generation->n_parts, e);
	if (s == OM_OK)
		s = read_records(db, ask, e);
	return s == OM_OK ? cd_fill_query(db, lookup, v, 1, &om__lookup__descriptor, ask->a, keep_lookup, ask, e) : s;
}

om_status
cd_generation_read(struct cd_pool *p, const Om__GenerationQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__GenerationReply *out, om_err *e)
{
	struct ask ask = {.q = q, .out = out, .a = a};
	om_status s;

	out->timezone = om_arena_strdup(a, om_zone_name());
	out->records = om_arena_array(a, MAX_RECORDS, sizeof(Om__Record *));
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, work, &ask, e);
	return s == OM_OK && a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}
