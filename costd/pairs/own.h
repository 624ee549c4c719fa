/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * own.h - what the records of one row say by themselves, without what pairing
 * added to the row or took from it.
 *
 * Failure   As db.h.
 */
#ifndef CD_OWN_H
#define CD_OWN_H

#include "pair.h"
#include "database/db.h"

struct cd_own {
	struct cd_row all;  /* the join of all records */
	struct cd_row told; /* of those that are no look-ups */
	bool alone;         /* an operator said that the row is part of no other */
};

/* cd_own_read reads the journal; texts live in the arena. */
om_status cd_own_read(struct cd_db *db, struct cd_text key, struct om_arena *a, struct cd_own *out, om_err *e) OM_MUST;

/* cd_own_side gives the row as pairing sees it; texts are the rows'. */
void cd_own_side(const struct cd_own *own, struct cd_side *out);

/* cd_row_is_own tells whether the cells of a row are what its records say,
 * and no look-up's: then cd_row_side needs no journal. */
bool cd_row_is_own(const struct cd_row *row);
void cd_row_side(const struct cd_row *row, struct cd_side *out);

#endif
