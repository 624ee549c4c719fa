/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lease.h"

#include "base/digest.h"
#include "base/invariant.h"

#include <stdio.h>
#include <string.h>

#define SQL_BYTES 512

const struct cd_lease_of cd_lease_tasks = {.table = "lease", .key = "name", .scheduled = true, .made = true};

const char cd_lease_table[] =
    "CREATE TABLE IF NOT EXISTS lease (name VARCHAR(160) NOT NULL, lease_id BINARY(16), lease_until_us BIGINT,"
    "next_us BIGINT, attempts INT NOT NULL, last_error VARCHAR(255), PRIMARY KEY (name)) "
    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin";

/* write_sql puts a statement together; all its parts are this program's own. */
static const char *
write_sql(
    char out[SQL_BYTES], const char *before, const char *table, const char *between, const char *key, const char *after)
{
	int n = snprintf(out, SQL_BYTES, "%s%s%s%s=?%s", before, table, between, key, after);

	om_check(n > 0 && n < SQL_BYTES);
	return out;
}

static om_status
make_row(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, om_err *e)
{
	char sql[SQL_BYTES];
	int n = snprintf(sql, sizeof sql,
	    "INSERT INTO %s (%s,next_us,attempts) VALUES (?,0,0) ON DUPLICATE KEY UPDATE attempts=%s.attempts",
	    of->table, of->key, of->table);

	om_check(n > 0 && n < SQL_BYTES && of->scheduled);
	return cd_db_exec(db, sql, &key, 1, 1, NULL, e);
}

struct state {
	bool found;
	om_time next_us, until_us;
	int64_t attempts;
};

static om_status
read_state(void *arg, const struct cd_val *v, om_err *e)
{
	struct state *st = arg;

	(void)e;
	st->found = true;
	st->until_us = v[0].kind == CD_INT ? v[0].i : 0;
	st->next_us = v[1].kind == CD_INT ? v[1].i : INT64_MAX;
	st->attempts = v[2].i;
	return OM_OK;
}

static om_status
find_state(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, struct cd_lease *out, om_err *e)
{
	struct state st = {.found = false};
	char sql[SQL_BYTES];
	om_status s = cd_db_query(db,
	    write_sql(sql,
		of->scheduled ? "SELECT lease_until_us,next_us,attempts FROM " : "SELECT lease_until_us,0,0 FROM ",
		of->table, " WHERE ", of->key, ""),
	    &key, 1, read_state, &st, e);

	out->attempts = st.attempts;
	out->due_us = !st.found ? INT64_MAX : st.until_us > st.next_us ? st.until_us : st.next_us;
	return s;
}

om_status
cd_lease_take(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, om_time now, om_time for_us,
    struct cd_lease *out, om_err *e)
{
	char sql[SQL_BYTES];
	int64_t taken = 0;
	om_status s;

	om_check(for_us > 0);
	*out = (struct cd_lease){.taken = false};
	s = om_random(out->id, CD_LEASE_ID, e);
	if (s == OM_OK && of->made)
		s = make_row(db, of, key, e);
	if (s == OM_OK)
		s = cd_db_exec(db,
		    write_sql(sql, "UPDATE ", of->table, " SET lease_id=?,lease_until_us=? WHERE ", of->key,
			of->scheduled ? " AND " CD_LEASE_FREE " AND next_us<=?" : " AND " CD_LEASE_FREE),
		    (struct cd_val[]){CD_B(out->id, CD_LEASE_ID), CD_I(now + for_us), key,
			CD_LEASE_FREE_VALUES(now, for_us), CD_I(now)},
		    of->scheduled ? 6 : 5, 1, &taken, e);
	om_check(taken <= 1);
	out->taken = s == OM_OK && taken == 1;
	return s == OM_OK ? find_state(db, of, key, out, e) : s;
}

om_status
cd_lease_hurry(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, om_time now, om_err *e)
{
	char sql[SQL_BYTES];

	om_check(of->scheduled);
	return cd_db_exec(db,
	    write_sql(
		sql, "UPDATE ", of->table, " SET next_us=? WHERE ", of->key, " AND lease_id IS NULL AND next_us>?"),
	    (struct cd_val[]){CD_I(now), key, CD_I(now)}, 3, 1, NULL, e);
}

/* check_holder locks the row; the UPDATE's count does not show who holds it, since a
 * row that it leaves as it is is not counted. */
static om_status
check_holder(
    struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, const unsigned char id[CD_LEASE_ID], om_err *e)
{
	char sql[SQL_BYTES];
	bool mine = false;
	om_status s = cd_db_query(db,
	    write_sql(sql, "SELECT 1 FROM ", of->table, " WHERE ", of->key, " AND lease_id=? FOR UPDATE"),
	    (struct cd_val[]){key, CD_B(id, CD_LEASE_ID)}, 2, cd_found, &mine, e);

	return s == OM_OK && !mine ? om_fail(e, OM_CONFLICT, "it was not kept in time, and another process has it") : s;
}

om_status
cd_lease_keep(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, const unsigned char id[CD_LEASE_ID],
    om_time now, om_time for_us, om_err *e)
{
	char sql[SQL_BYTES];
	om_status s = check_holder(db, of, key, id, e);

	om_check(for_us > 0);
	if (s != OM_OK)
		return s;
	return cd_db_exec(db, write_sql(sql, "UPDATE ", of->table, " SET lease_until_us=? WHERE ", of->key, ""),
	    (struct cd_val[]){CD_I(now + for_us), key}, 2, 1, NULL, e);
}

om_status
cd_lease_done(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, const unsigned char id[CD_LEASE_ID],
    const struct cd_lease_end *end, om_err *e)
{
	static const char free_it[] = " SET lease_id=NULL,lease_until_us=NULL WHERE ";
	static const char put_off[] =
	    " SET lease_id=NULL,lease_until_us=NULL,next_us=?,attempts=?,last_error=LEFT(?,255) WHERE ";
	char sql[SQL_BYTES];
	om_status s = check_holder(db, of, key, id, e);

	om_check(of->scheduled == (end != NULL));
	if (s != OM_OK)
		return s;
	if (end == NULL)
		return cd_db_exec(db, write_sql(sql, "UPDATE ", of->table, free_it, of->key, ""), &key, 1, 1, NULL, e);
	om_check(end->attempts >= 0);
	return cd_db_exec(db, write_sql(sql, "UPDATE ", of->table, put_off, of->key, ""),
	    (struct cd_val[]){end->next_us == CD_LEASE_NEVER ? CD_NONE : CD_I(end->next_us), CD_I(end->attempts),
		cd_t(end->error), key},
	    4, 1, NULL, e);
}
