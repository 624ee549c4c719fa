/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * write.h - rows that changed, into the ledger, with all that hangs on them:
 * estimates, totals, plans of look-ups.
 *
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_WRITE_H
#define CD_WRITE_H

#include "links.h"
#include "lookup.h"

/* cd_write_calls stores the rows at work that are new or differ from what is
 * stored.  *next_out becomes the earliest look-up planned, if that is earlier. */
om_status cd_write_calls(struct cd_calls *c, const struct cd_lookup_times *times, om_time *next_out, om_err *e) OM_MUST;

#endif
