/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * schema.h - the tables, made by numbered steps that only go forward.
 *
 * Promise   Each step is carried out once, under a lease (lease.h) that holds at all
 *           nodes of a cluster, and noted with the SHA-256 of its text.  Steps may
 *           be repeated after a crash half-way: they use IF NOT EXISTS.
 * Failure   OM_VERSION: a step that was carried out has another text now, or
 *           the database is newer than this program.  Never go on then.
 *           OM_STORE: another process carries out the steps; try again.  One that was killed
 *           half-way holds others off for a quarter of a minute.
 */
#ifndef CD_SCHEMA_H
#define CD_SCHEMA_H

#include "db.h"

struct cd_migration {
	unsigned version;
	const char *name;
	const char *sql;
};

extern const struct cd_migration cd_migrations[]; /* ascending; from costd/database/schema/ */
extern const size_t cd_n_migrations;

/* cd_schema_apply brings the database to the newest of n steps, over db; while that is
 * at a step, the lease is kept over another connection, made by o. */
om_status cd_schema_apply(
    const struct cd_db_opts *o, struct cd_db *db, const struct cd_migration *m, size_t n, om_err *e) OM_MUST;

/* cd_schema_is_current tells whether nothing is left to do, without waiting. */
bool cd_schema_is_current(struct cd_db *db, const struct cd_migration *m, size_t n);

/* cd_schema_step tells the last step that was carried out. */
om_status cd_schema_step(struct cd_db *db, unsigned *out, om_err *e) OM_MUST;

/* cd_schema_next gives the next statement of a script, without comments and the
 * semicolon, as a string to free(); NULL at the end.  *at moves on. */
char *cd_schema_next(const char **at);

#endif
