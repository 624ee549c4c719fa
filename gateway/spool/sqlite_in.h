/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sqlite_in.h - the open database inside the spool, and the one place that includes SQLite.
 */
#ifndef GW_SQLITE_IN_H
#define GW_SQLITE_IN_H

#include "sqlite.h"

#include <sqlite3.h>
#include <stdbool.h>

struct gw_sqlite {
	sqlite3 *handle; /* owned */
	int wal_pages;   /* after the last commit */
	bool failed;     /* the disk or the file; sticky */
};

/* gw_sqlite_open opens or makes the file; after a failure gw_sqlite_close is called all
 * the same. */
om_status gw_sqlite_open(struct gw_sqlite *db, const char *path, om_err *e) OM_MUST;
void gw_sqlite_close(struct gw_sqlite *db);

/* gw_sqlite_fail turns SQLite's last error into a status. */
om_status gw_sqlite_fail(struct gw_sqlite *db, const char *doing, om_err *e);

/* gw_sqlite_checkpoint moves the log's pages into the file, and empties the log. */
om_status gw_sqlite_checkpoint(struct gw_sqlite *db, bool truncate, om_err *e) OM_MUST;

#endif
