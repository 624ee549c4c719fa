/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * check.h - the ledger recomputed from its evidence and compared.
 *
 * Promise   Every row is compared with the journal, every total with the rows, in
 *           the one state that the caller's snapshot sees; differences are logged,
 *           at most a hundred of them by name.  Nothing is changed; costd may run.
 * Failure   As db.h.
 */
#ifndef CD_CHECK_H
#define CD_CHECK_H

#include "database/db.h"

struct cd_check_result {
	int64_t rows, wrong_rows, records, wrong_totals;
};

/* cd_check_ledger compares inside a snapshot that the caller opened; OM_OK with
 * counts of what differs in *out. */
om_status cd_check_ledger(struct cd_db *db, struct cd_check_result *out, om_err *e) OM_MUST;

#endif
