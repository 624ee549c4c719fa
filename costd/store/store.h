/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * store.h - journal and ledger rows in the database.  The SQL of `generation`
 * is made from join.def.
 *
 * Room store
 *   Does      reads and writes the ledger's tables: rows here, the evidence in journal.h
 *             and dead.h, totals in rollup.h, who was seen in people.h
 *   Owns      the tables record, batch, missing, dead_letter, discrepancy, generation,
 *             usage_day and usage_sum; of the table person, what is known of each
 *   Promises  what the totals hold is the sum of the rows that moved them
 *   Never     begins or ends a transaction; decides what a record means
 *
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_STORE_H
#define CD_STORE_H

#include "database/db.h"
#include "value/join.h"
#include "base/buf.h"
#include "base/day.h"

/* A row as found in the database. */
struct cd_stored {
	struct cd_row row;
	om_day day;
	bool unsettled; /* as the totals count it */
	uint8_t disputed;
	bool odd_day, unproven;
	int mark;       /* the column `marked` */
	size_t n_known; /* fields join.def had when the row was written; the others have no value */
};

/* Columns of CD_ROW_COLUMNS, in the order of a result. */
enum {
	CD_C_KEY,
	CD_C_FIELDS,
	CD_C_DAY = CD_C_FIELDS + CD_N_FIELDS,
	CD_C_COST_STATE,
	CD_C_REQUESTS,
	CD_C_UNSETTLED,
	CD_C_LINK,
	CD_C_DISPUTED, /* these follow from the cells, so that lists find them */
	CD_C_DISPUTED_COST,
	CD_C_ODD_DAY,
	CD_C_UNPROVEN,
	CD_C_MARKED,
	CD_C_RANKS,
	CD_C_COUNT
};

/* The column `marked`: in dispute or unproven; of an odd day and nothing else.  0: neither. */
enum { CD_MARKED = 1, CD_MARKED_DAY = 2 };
int cd_store_mark(bool disputed_or_unproven, bool odd_day);

/* cd_store_columns is "g.generation_id,…,g.ranks" of the table generation called g, with texts where the table
 * has numbers (of users the handles); made once, by cd_store_init, before threads start. */
om_status cd_store_init(om_err *e) OM_MUST;
const char *cd_store_columns(void);
/* cd_store_read makes a row of a result row; texts are copied to the arena. */
om_status cd_store_read(const struct cd_val *v, struct om_arena *a, struct cd_stored *out, om_err *e) OM_MUST;

/* cd_store_lock loads the rows that exist among n keys (ascending) and locks
 * them.  found_out[i] is NULL where there is none. */
om_status cd_store_lock(struct cd_db *db, const struct cd_text *keys, size_t n, struct cd_stored **found_out,
    struct om_arena *a, om_err *e) OM_MUST;

/* cd_store_insert adds rows that must not exist; one that does is OM_STORE:
 * another process was faster, try again. */
om_status cd_store_insert(
    struct cd_db *db, const struct cd_row *const *rows, size_t n, struct om_arena *a, om_err *e) OM_MUST;
om_status cd_store_update(
    struct cd_db *db, const struct cd_row *const *rows, size_t n, struct om_arena *a, om_err *e) OM_MUST;

/* cd_store_key orders texts as the database does. */
int cd_store_key_cmp(struct cd_text a, struct cd_text b);

#endif
