/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * renumber_in.h - the pieces of the copying; between renumber.c, which carries them out in turn, and the files that
 * know the tables.
 */
#ifndef CD_RENUMBER_IN_H
#define CD_RENUMBER_IN_H

#include "database/db.h"

#define CD_PLACE_BYTES 704 /* a row's id of 160 characters, and an instant */

/* Where a piece is. */
struct cd_renumber_place {
	char at[CD_PLACE_BYTES]; /* as the piece wrote it; "" at the beginning */
	bool done;
	int64_t rows;       /* that this step copied */
	struct om_arena *a; /* of this step */
};

/* A step of a piece: some rows, in the caller's transaction; it moves the place. */
typedef om_status cd_renumber_fn(struct cd_db *db, struct cd_renumber_place *p, om_err *e);

cd_renumber_fn cd_renumber_words, cd_renumber_sets, cd_renumber_ids, cd_renumber_people, cd_renumber_records,
    cd_renumber_rows, cd_renumber_turns, cd_renumber_days, cd_renumber_sums, cd_renumber_losers, cd_renumber_claims,
    cd_renumber_documents;

/* cd_renumber_number reads the number that a place's text begins with; *rest_out is what follows it. */
om_status cd_renumber_number(const char *text, int64_t *out, const char **rest_out, om_err *e) OM_MUST;

/* cd_renumber_index moves the place of a piece that works through a list of n; *i_out is where it is, n: done. */
om_status cd_renumber_index(struct cd_renumber_place *p, size_t n, size_t *i_out, om_err *e) OM_MUST;

#endif
