/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * store.h - the spool's file: SQLite in WAL mode, synchronous FULL, one
 * connection.
 *
 * Promise   What gw_store_commit reported as OM_OK survives kill -9 and power
 *           loss.  A row whose checksum fails is set aside, never dropped.
 * Failure   OM_FULL: no space; the transaction is undone and the store is as
 *           before.  OM_NOMEM: likewise.  Everything else (OM_IO) means the disk
 *           or the file cannot be relied upon: stop the process; what was
 *           committed is read again at the next start.
 * Threads   One store, one thread at a time.
 */
#ifndef GW_STORE_H
#define GW_STORE_H

#include "base/arena.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_SPOOL_ID 16

struct gw_sqlite;
struct gw_store;

struct gw_row {
	uint64_t seq;
	om_time received_us;
	const unsigned char *data; /* in the arena */
	size_t n;
};

/* What a call that takes records (a door) refused: one line for each sender and reason. */
struct gw_refusal {
	const char *door;   /* "events", "record", "traces" */
	const char *sender; /* address and program */
	const char *reason; /* never a value of what was sent */
	int64_t count;      /* records, or bodies that could not be read */
	om_time first_us, last_us;
};

#define GW_DOOR         16 /* bytes of its texts, with the zero */
#define GW_SENDER       128
#define GW_REASON       160
#define GW_REFUSALS_MAX 1000 /* lines; those that are longest ago go */
#define GW_HOURS        24

/* Totals since the spool was made, and what it holds now. */
struct gw_store_totals {
	int64_t accepted;
	int64_t new_records;
	int64_t duplicate_records;
	int64_t refused_records;
	int64_t pending;
	int64_t pending_bytes;
	int64_t quarantined;
	om_time oldest_us;         /* receive time of the first pending record; 0: none */
	uint64_t acknowledged_seq; /* the last forgotten; 0: none */
	int64_t turned_away;       /* what was refused before it became a record */
	struct {
		int64_t hour; /* since 1970 */
		int64_t count;
	} hours[GW_HOURS]; /* of these, by hour % GW_HOURS */
};

/* gw_turned_away gives what could not be taken in this hour and the 23 before. */
int64_t gw_turned_away(const struct gw_store_totals *t, om_time now);

/* gw_store_open makes the folder and the file if need be; OM_UNAVAILABLE when
 * another process has them.  Every record is read and checked. */
om_status gw_store_open(const char *dir, struct gw_store **out, om_err *e) OM_MUST;
void gw_store_close(struct gw_store **st);

/* gw_store_id gives the spool's own id, made with it. */
const unsigned char *gw_store_id(const struct gw_store *st);

/* gw_store_damaged tells whether the file or its log were found damaged at start
 * beyond single records; it was logged what, and nothing was deleted. */
bool gw_store_damaged(const struct gw_store *st);

/* gw_store_totals as of the last commit. */
void gw_store_totals(const struct gw_store *st, struct gw_store_totals *out);

/* gw_store_room tells whether `bytes` more can be written while enough stays free
 * to record what is acknowledged. */
om_status gw_store_room(struct gw_store *st, size_t bytes, om_err *e) OM_MUST;

/* Changes, between begin and commit.  After a failure: rollback. */
om_status gw_store_begin(struct gw_store *st, om_err *e) OM_MUST;
om_status gw_store_put(struct gw_store *st, om_time received_us, const void *data, size_t n, om_err *e) OM_MUST;
/* gw_store_forget counts what became of the oldest records up to last, which must
 * be as many as the counts say; they are not read again. */
om_status gw_store_forget(struct gw_store *st, uint64_t first, uint64_t last, uint32_t new_records, uint32_t duplicates,
    uint32_t refused, om_err *e) OM_MUST;
/* gw_store_sweep deletes at most max_rows of the forgotten. */
om_status gw_store_sweep(struct gw_store *st, int max_rows, om_err *e) OM_MUST;
/* gw_store_refuse adds to the line of that door, sender and reason; of first_us and
 * last_us only the last is read. */
om_status gw_store_refuse(struct gw_store *st, const struct gw_refusal *r, om_err *e) OM_MUST;
om_status gw_store_commit(struct gw_store *st, om_err *e) OM_MUST;
void gw_store_rollback(struct gw_store *st);

/* gw_store_read gives the oldest records in order: at most max rows and about
 * max_bytes (one row at least).  Damaged ones are set aside on the way. */
om_status gw_store_read(struct gw_store *st, size_t max_rows, size_t max_bytes, struct om_arena *a,
    struct gw_row **rows_out, size_t *n_out, om_err *e) OM_MUST;

/* gw_store_db is the open database, for the tables of others. */
struct gw_sqlite *gw_store_db(struct gw_store *st);

/* gw_store_refusals gives the lines, newest first, at most GW_REFUSALS_MAX. */
om_status gw_store_refusals(
    struct gw_store *st, struct om_arena *a, struct gw_refusal **out, size_t *n_out, om_err *e) OM_MUST;

/* gw_store_tidy moves a long log's pages into the file; thorough, it also sweeps,
 * shortens the log and gives freed space back.  Cheap when there is nothing to do. */
om_status gw_store_tidy(struct gw_store *st, bool thorough, om_err *e) OM_MUST;

#endif
