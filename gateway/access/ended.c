/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ended.h"

#include "spool/spool.h"
#include "base/invariant.h"

#include <stdio.h>
#include <string.h>

struct reader {
	void (*each)(void *arg, const struct gw_session *ended);
	void *arg;
	bool has_table;
};

static void
read_row(void *arg, const struct gw_sqlite_row *row)
{
	const struct reader *r = arg;
	struct gw_session ended = {.expires_at = gw_sqlite_number(row, 1)};
	const char *id = gw_sqlite_text(row, 0);

	if (id == NULL || strlen(id) >= sizeof ended.id)
		return; /* the disk damaged it: no such id was ever made */
	(void)snprintf(ended.id, sizeof ended.id, "%s", id);
	r->each(r->arg, &ended);
}

static om_status
read_table(struct gw_sqlite *db, void *arg, om_err *e)
{
	const struct gw_sqlite_value now = {.number = om_now()};
	struct reader *r = arg;
	int64_t n;
	om_status s = gw_sqlite_int(db, "SELECT count(*) FROM sqlite_schema WHERE name='ended_session'", &n, e);

	r->has_table = n > 0;
	if (s != OM_OK || !r->has_table)
		return s;
	return gw_sqlite_each(
	    db, "SELECT id,expires_us FROM ended_session WHERE expires_us>?1", &now, 1, read_row, r, e);
}

static om_status
make_table(struct gw_sqlite *db, void *arg, om_err *e)
{
	(void)arg;
	return gw_sqlite_run(db,
	    "CREATE TABLE IF NOT EXISTS ended_session(id TEXT PRIMARY KEY, expires_us INTEGER NOT NULL) WITHOUT ROWID",
	    e);
}

om_status
gw_ended_open(struct gw_spool *spool, void (*each)(void *arg, const struct gw_session *ended), void *arg, om_err *e)
{
	struct reader r = {.each = each, .arg = arg};
	om_status s = gw_spool_look(spool, read_table, &r, e);

	return s == OM_OK && !r.has_table ? gw_spool_run(spool, make_table, "", 0, e) : s;
}

/* add_row also drops the rows of tokens that have expired. */
static om_status
add_row(struct gw_sqlite *db, void *arg, om_err *e)
{
	const struct gw_session *ended = arg;
	const struct gw_sqlite_value now = {.number = om_now()};
	const struct gw_sqlite_value row[] = {{.text = ended->id}, {.number = ended->expires_at}};
	om_status s = gw_sqlite_each(db, "DELETE FROM ended_session WHERE expires_us<=?1", &now, 1, NULL, NULL, e);

	if (s != OM_OK)
		return s;
	return gw_sqlite_each(
	    db, "INSERT OR REPLACE INTO ended_session(id,expires_us) VALUES(?1,?2)", row, 2, NULL, NULL, e);
}

om_status
gw_ended_keep(struct gw_spool *spool, const struct gw_session *ended, om_err *e)
{
	om_check(ended->id[0] != '\0');
	return gw_spool_run(spool, add_row, ended, sizeof *ended, e);
}
