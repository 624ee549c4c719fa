/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rollup.h - daily totals, moved by the difference each row makes.
 *
 * Promise   At every commit usage_day is the sum of the rows of `generation`
 *           per day and combination of all keys, and usage_sum is the sum of
 *           usage_day per day and the keys of a cube.
 * Cubes     usage_sum holds a few coarser totals beside each other, so that what
 *           is asked for all the time adds up some dozen lines, however many
 *           lines usage_day has.  cd_rollup_pick names the smallest that has the keys
 *           of a question.
 */
#ifndef CD_ROLLUP_H
#define CD_ROLLUP_H

#include "database/db.h"
#include "value/figures.h"
#include "value/join.h"
#include "base/buf.h"
#include "base/day.h"

#define CD_SHAPE_BYTES 256

/* The keys a line can have (proto/messages/dimensions.def), as numbers and as a set. */
enum {
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) CD_DIM_AT_##NAME,
#include "messages/dimensions.def"
	CD_N_DIMS
};
enum {
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) CD_DIM_##NAME = 1 << CD_DIM_AT_##NAME,
#include "messages/dimensions.def"
	CD_DIM_ALL = (1 << CD_N_DIMS) - 1
};

/* One movement of one line of usage_day. */
struct cd_delta {
	om_day day;
	uint32_t key[CD_N_DIMS]; /* numbers (names/names.h); 0: none */
	struct cd_figures by;
};

/* cd_rollup_move writes the movements from old (NULL: the row is new) to now
 * and adds to *n (two at most).  old_day is the day stored with the old row:
 * its total stands under that day, whatever day the time zone gives it now. */
om_status cd_rollup_move(struct cd_db *db, const struct cd_row *old, om_day old_day, const struct cd_row *now,
    struct cd_delta *out, size_t *n, om_err *e) OM_MUST;

/* cd_rollup_apply sorts the movements, sums those of one line and writes them;
 * the order keeps two processes from waiting for each other. */
om_status cd_rollup_apply(struct cd_db *db, struct cd_delta *d, size_t n, struct om_arena *a, om_err *e) OM_MUST;

#define CD_N_CUBES 5u /* of usage_sum; numbered from 1 */

/* cd_rollup_pick gives the cube that answers for these keys; 0: usage_day. */
unsigned cd_rollup_pick(unsigned wanted);

/* cd_rollup_shape describes the keys and cubes: totals of another shape are made from
 * scratch (meta.h).  Figures are no part of it: a new one is zero in the lines of before. */
const char *cd_rollup_shape(char out[CD_SHAPE_BYTES]);

/* cd_rollup_fill makes all lines from scratch; the tables must be empty. */
om_status cd_rollup_fill(struct cd_db *db, om_err *e) OM_MUST;

/* cd_rollup_fill_sums makes those of usage_sum from usage_day; the table must be empty. */
om_status cd_rollup_fill_sums(struct cd_db *db, om_err *e) OM_MUST;

/* cd_rollup_compare calls fn with day, number of the person, cube, requests and cost for each
 * line that differs from what it must be, by how much. */
om_status cd_rollup_compare(struct cd_db *db, cd_row_fn *fn, void *arg, om_err *e) OM_MUST;

om_day cd_row_day(const struct cd_row *row);

#endif
