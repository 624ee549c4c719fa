/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * check.h - the ledger recomputed from its evidence.
 *
 * CHECK     Every row from the journal, every total from the rows, in one
 *           snapshot, and whether the terms can be read; differences are
 *           printed.  Changes nothing; costd may run.
 * REBUILD   Days and totals made anew from the rows, for the zone that is set.
 *           Writers wait meanwhile; a costd that runs with another zone ends.
 */
#ifndef CD_AUDIT_H
#define CD_AUDIT_H

#include "database/db.h"

typedef enum cd_audit_kind { CD_AUDIT_CHECK, CD_AUDIT_REBUILD } cd_audit_kind;

/* cd_audit_main loads the settings and carries it out: 0 all well, 1 failed or
 * differences found, 2 a setting is wrong. */
int cd_audit_main(cd_audit_kind kind);

struct cd_audit_result {
	int64_t rows, wrong_rows, records, wrong_totals;
};

/* Both inside a transaction of the caller's. */
om_status cd_audit_check(struct cd_db *db, struct cd_audit_result *out, om_err *e) OM_MUST;
om_status cd_audit_rebuild(struct cd_db *db, int64_t *moved_out, om_err *e) OM_MUST;

#endif
