/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sqlite.h - statements in the spool's database, for each room that has a table there.
 *
 * Failure   OM_FULL: no space left.  OM_NOMEM.  Everything else (OM_IO) means that the
 *           disk or the file cannot be relied upon; the spool's thread gives up then.
 * Threads   Only on the spool's thread, from within gw_spool_run and gw_spool_look.
 */
#ifndef GW_SQLITE_H
#define GW_SQLITE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct gw_sqlite;
struct gw_sqlite_row;

/* A value of a statement: a text, or a number where text is NULL. */
struct gw_sqlite_value {
	const char *text; /* borrowed until the statement has run */
	int64_t number;
};

/* gw_sqlite_run runs statements that give no rows. */
om_status gw_sqlite_run(struct gw_sqlite *db, const char *sql, om_err *e) OM_MUST;

/* gw_sqlite_int gives the first column of the first row. */
om_status gw_sqlite_int(struct gw_sqlite *db, const char *sql, int64_t *out, om_err *e) OM_MUST;

/* gw_sqlite_each runs one statement with n values for ?1, ?2, ... and calls back for
 * each row; each may be NULL where the statement gives none. */
om_status gw_sqlite_each(struct gw_sqlite *db, const char *sql, const struct gw_sqlite_value *values, size_t n,
    void (*each)(void *arg, const struct gw_sqlite_row *row), void *arg, om_err *e) OM_MUST;

/* The columns of a row, from 0; a text lives until the callback returns, NULL for none. */
const char *gw_sqlite_text(const struct gw_sqlite_row *row, int column);
int64_t gw_sqlite_number(const struct gw_sqlite_row *row, int column);

#endif
