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
#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#define MAX_RECORDS 1000u
#define MAX_KEYS    1000u

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

static om_status
keep_record(void *arg, const struct cd_val *v, om_err *e)
{
	struct ask *ask = arg;
	Om__GenerationReply *out = ask->out;
	Om__Record *r = NULL;
	om_status s;

	if (out->n_records == MAX_RECORDS) {
		out->truncated = true;
		return OM_OK;
	}
	s = om_msg_unpack(&om__record__descriptor, v[0].p, v[0].n, ask->a, &r, e);
	if (s != OM_OK)
		return s;
	out->records[out->n_records++] = r;
	return OM_OK;
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
	static const char records[] =
	    "SELECT payload FROM record WHERE ledger_key=? OR ledger_key IN (SELECT ledger_key "
	    "FROM link WHERE target=?) ORDER BY received_us,record_id LIMIT ?";
	struct ask *ask = arg;
	const struct cd_val key = cd_t(ask->q->generation_id), v[] = {key, key, CD_I(MAX_RECORDS + 1)};
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
		s = cd_db_query(db, records, v, 3, keep_record, ask, e);
	if (s == OM_OK)
		s = read_keys(db, ask, "SELECT target FROM link WHERE ledger_key=? ORDER BY target",
		    &ask->out->generation->part_of, &ask->out->generation->n_part_of, e);
	if (s == OM_OK)
		s = read_keys(db, ask, "SELECT ledger_key FROM link WHERE target=? ORDER BY ledger_key",
		    &ask->out->generation->parts, &ask->out->generation->n_parts, e);
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
