/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * renumber.h - the rows of before step 20 of the schema, copied into the tables of that step.
 *
 * Promise   Rows, totals and documents hold the same afterwards, to the last digit: what was a text is a number
 *           that stands for it.  The journal loses what is a person's.
 * Pieces    A few thousand rows a transaction, with the place it came to (table meta, names that begin
 *           with "renumber_"): after a crash the work goes on there.
 * Order     Where two users' claims were equal, the greater user's text counted; the handles, which are joined
 *           since, have another order.  So entries whose user did not count then are marked, and do not count now.
 * Failure   As db.h and database/schema.h.
 */
#ifndef CD_RENUMBER_H
#define CD_RENUMBER_H

#include "database/schema.h"

#define CD_RENUMBER_STEP 20u /* rows are copied after its statements, */
#define CD_RENUMBER_KEYS 21u /* and what needs the keys is done after those of this one */

extern const struct cd_schema_work cd_renumber_work[];

#endif
