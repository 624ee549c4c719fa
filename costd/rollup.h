/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rollup.h - daily totals, moved by the difference each row makes.
 *
 * Promise   usage_day is at every commit the sum of the rows of `generation`
 *           per (day, user, model, provider, origin, task).
 */
#ifndef CD_ROLLUP_H
#define CD_ROLLUP_H

#include "db.h"
#include "join.h"
#include "zone.h"

#define CD_DIM 16

struct cd_figures {
	int64_t requests;
	int64_t prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, cache_write_tokens;
	om_money cost, byok_cost;
	int64_t unsettled;
};

/* One movement of one line of usage_day. */
struct cd_delta {
	om_day day;
	unsigned char dim[CD_DIM];
	const struct cd_row *row; /* borrowed: its keys */
	struct cd_figures by;
};

/* cd_rollup_move writes the movements from old (NULL: the row is new) to now
 * and adds to *n (two at most).  old_day is the day stored with the old row:
 * its total stands there, whatever the time zone data say today. */
om_status cd_rollup_move(const struct cd_row *old, om_day old_day, const struct cd_row *now, struct cd_delta *out,
    size_t *n, om_err *e) OM_MUST;

/* cd_rollup_apply sorts the movements, sums those of one line and writes them;
 * the order keeps two processes from waiting for each other. */
om_status cd_rollup_apply(struct cd_db *db, struct cd_delta *d, size_t n, struct om_arena *a, om_err *e) OM_MUST;

/* CD_DIM_SQL computes dim from the columns of a row. */
#define CD_DIM_PART(col) "IF(" col " IS NULL,'-',CONCAT(OCTET_LENGTH(" col "),':'," col ")),','"
#define CD_DIM_SQL                                                                                 \
	"UNHEX(LEFT(SHA2(CONCAT(" CD_DIM_PART("user_id") "," CD_DIM_PART("model") "," CD_DIM_PART( \
	    "provider") "," CD_DIM_PART("origin") "," CD_DIM_PART("task") "),256),32))"

om_day cd_row_day(const struct cd_row *row);

#endif
