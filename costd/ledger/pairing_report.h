/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pairing_report.h - what pairing all rows did or would do, printed for a person: the
 * pairs, what each month counts less for them, and the documents issued for it.
 *
 * Failure   As db.h.
 */
#ifndef CD_PAIRING_REPORT_H
#define CD_PAIRING_REPORT_H

#include "database/db.h"

#include <stdio.h>

/* cd_pairing_report prints what the upgrade paired. */
om_status cd_pairing_report(struct cd_db *db, FILE *out, om_err *e) OM_MUST;

/* cd_pairing_dry_run prints what would be paired and changes nothing, also in the
 * database of an older program, whose schema stays as it is.  It opens a connection
 * of its own, whose temporary tables end with it. */
om_status cd_pairing_dry_run(const struct cd_db_opts *o, FILE *out, om_err *e) OM_MUST;

#endif
