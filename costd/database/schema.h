/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * schema.h - the tables, made by numbered steps that only go forward.
 *
 * Promise   Each step is carried out once, under a lease (lease.h) that holds at all
 *           nodes of a cluster, and noted with the SHA-256 of its text.  Steps may
 *           be repeated after a crash half-way: they use IF NOT EXISTS.
 * Work      What SQL alone cannot do belongs to a step as a function, which is carried out
 *           after the step's text and before the step is noted.  It commits piece by piece, so
 *           that it goes on where it was when it is carried out again.
 * Failure   OM_VERSION: a step that was carried out has another text now, or
 *           the database is newer than this program.  Never go on then.
 *           OM_STORE: another process carries out the steps; try again.  One that was killed
 *           half-way holds others off for a quarter of a minute.
 */
#ifndef CD_SCHEMA_H
#define CD_SCHEMA_H

#include "db.h"

#include <stdatomic.h>

struct cd_migration {
	unsigned version;
	const char *name;
	const char *sql;
};

/* A step's work is at a piece. */
struct cd_schema_turn;

struct cd_schema_work {
	unsigned version; /* of the step; 0 ends the list */
	om_status (*run)(struct cd_db *db, struct cd_schema_turn *turn, unsigned version, om_err *e);
};

/* Told now and then how far the steps are, as text for a person; may be called from the calling
 * thread alone. */
typedef void cd_schema_tell_fn(void *arg, const char *text);

struct cd_schema_how {
	const struct cd_schema_work *work; /* NULL: the steps have none */
	cd_schema_tell_fn *tell;           /* NULL: nobody is told */
	void *tell_arg;
	const atomic_bool *stopping; /* work ends with OM_UNAVAILABLE after a piece when it is set; NULL: never */
};

/* cd_schema_hold is called in the transaction of each piece, before its commit: OM_STORE when
 * another process has taken the steps over. */
om_status cd_schema_hold(struct cd_schema_turn *turn, struct cd_db *db, om_err *e) OM_MUST;
void cd_schema_tell(struct cd_schema_turn *turn, const char *text);

extern const struct cd_migration cd_migrations[]; /* ascending; from costd/database/schema/ */
extern const size_t cd_n_migrations;

/* cd_schema_apply brings the database to the newest of n steps, over db; while that is
 * at a step, the lease is kept over another connection, made by o. */
om_status cd_schema_apply(const struct cd_db_opts *o, struct cd_db *db, const struct cd_migration *m, size_t n,
    const struct cd_schema_how *how, om_err *e) OM_MUST;

/* cd_schema_check: OM_VERSION when the database is newer than the program, or a step was carried
 * out with another text.  A database without any tables is in order. */
om_status cd_schema_check(struct cd_db *db, const struct cd_migration *m, size_t n, om_err *e) OM_MUST;

/* cd_schema_is_current tells whether nothing is left to do, without waiting. */
bool cd_schema_is_current(struct cd_db *db, const struct cd_migration *m, size_t n);

/* cd_schema_step tells the last step that was carried out. */
om_status cd_schema_step(struct cd_db *db, unsigned *out, om_err *e) OM_MUST;

/* cd_schema_next gives the next statement of a script, without comments and the
 * semicolon, as a string to free(); NULL at the end.  *at moves on. */
char *cd_schema_next(const char **at);

#endif
