/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * store_in.h - the store's inside.
 */
#ifndef GW_STORE_IN_H
#define GW_STORE_IN_H

#include "sqlite_in.h"
#include "store.h"

#include <stdbool.h>

enum statement {
	BEGIN,
	COMMIT,
	PUT,
	RANGE,
	SWEEP,
	COUNT,
	READ,
	SET_ASIDE,
	DROP_DAMAGED,
	REFUSE,
	REFUSE_HOUR,
	DROP_REFUSALS,
	N_STATEMENTS,
};

struct gw_store {
	char dir[3200];
	int lock_fd;
	struct gw_sqlite db;
	sqlite3_stmt *st[N_STATEMENTS];
	unsigned char id[GW_SPOOL_ID];
	bool damaged; /* something was found at start that is more than single records */

	/* Rows up to this number are acknowledged; they are swept away bit by bit,
	 * because deleting many takes space in the log, and noting a number does not. */
	struct gw_store_state {
		uint64_t forgotten;
		int64_t unswept;
		struct gw_store_totals totals;
	} now, next; /* committed; with the open transaction's changes */
};

/* gw_wal_check reads a log that the process before left, before SQLite does, and keeps a damaged one
 * aside. */
om_status gw_wal_check(struct gw_store *st, om_err *e) OM_MUST;

/* gw_store_count_refused counts what was refused in an hour. */
void gw_store_count_refused(struct gw_store_totals *t, int64_t hour, int64_t n);

/* gw_store_read_after gives the records after a number, as gw_store_read. */
om_status gw_store_read_after(struct gw_store *st, uint64_t after, size_t max_rows, size_t max_bytes,
    struct om_arena *a, struct gw_row **rows_out, size_t *n_out, om_err *e) OM_MUST;

#endif
