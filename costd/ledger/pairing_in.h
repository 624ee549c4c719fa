/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pairing_in.h - one step of the pairing of all rows; between pairing.c, which writes
 * what it finds, and pairing_report.c, which prints what would be found.
 */
#ifndef CD_PAIRING_IN_H
#define CD_PAIRING_IN_H

#include "pairs/links.h"
#include "value/record.h"

/* A place in the sides, by (time, key). */
struct cd_pairing_place {
	om_time at;
	char key[CD_KEY_BYTES];
};

/* Where the pairing is.  The first phase notes the sides of the rows of turns, the
 * second pairs the sides; each step is a page. */
struct cd_pairing_step {
	struct cd_pairs *c;            /* borrowed; the rows at work of this step alone */
	char after[CD_KEY_BYTES];      /* the last key of the first phase */
	struct cd_pairing_place place; /* of the second phase */
	bool noted, done;              /* the first phase is over; both are */
	int64_t pairs;                 /* found so far */
};

/* cd_pairing_take_step does a step inside a transaction of the caller's and writes
 * rows and links unless st->c is a dry run. */
om_status cd_pairing_take_step(struct cd_pairing_step *st, om_err *e) OM_MUST;

#endif
