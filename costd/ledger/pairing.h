/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pairing.h - all rows of a ledger paired at once: those that stood before there was
 * pairing, and all of them to see whether it holds.
 *
 * Failure   As db.h.
 */
#ifndef CD_PAIRING_H
#define CD_PAIRING_H

#include "database/db.h"

/* cd_pairing_upgrade pairs the rows of before, page by page, a transaction each.
 * It may be cut anywhere and begun again; nothing is done when all is done. */
om_status cd_pairing_upgrade(struct cd_db *db, om_err *e) OM_MUST;

/* cd_pairing_check compares `turn` and `link` with what the journal makes of them;
 * *wrong_out counts the rows that differ, which are logged.  Changes nothing. */
om_status cd_pairing_check(struct cd_db *db, int64_t *wrong_out, om_err *e) OM_MUST;

#endif
