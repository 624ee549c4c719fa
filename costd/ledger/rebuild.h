/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rebuild.h - days and totals made again from the rows, for the zone that is set.
 *
 * Promise   All or nothing: it is one transaction of the caller's, and writers wait
 *           until that ends.  A costd that runs with another zone ends itself.
 * Failure   As db.h.
 */
#ifndef CD_REBUILD_H
#define CD_REBUILD_H

#include "database/db.h"

/* cd_rebuild_totals also fills fields that a newer program reads from the records
 * of older rows.  *moved_out counts the rows that belong to another day now. */
om_status cd_rebuild_totals(struct cd_db *db, int64_t *moved_out, om_err *e) OM_MUST;

#endif
