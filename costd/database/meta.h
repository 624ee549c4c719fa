/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * meta.h - facts of the installation kept in the database: the reporting time
 * zone that all days in it belong to, which shape the totals have, and numbers
 * that processes share.
 */
#ifndef CD_META_H
#define CD_META_H

#include "db.h"

#define CD_ZONE_BYTES 256

/* cd_meta_check_zone notes the zone in a new database; OM_INVALID when the days
 * belong to another one.  Commits. */
om_status cd_meta_check_zone(struct cd_db *db, om_err *e) OM_MUST;

/* cd_meta_guard_zone holds the zone until the end of the transaction.  If another
 * process changed it meanwhile, this process ends itself: its days are wrong. */
om_status cd_meta_guard_zone(struct cd_db *db, om_err *e) OM_MUST;

/* cd_meta_take_zone locks all writers out until the end of the transaction and
 * tells the zone in force ("" if none). */
om_status cd_meta_take_zone(struct cd_db *db, char out[CD_ZONE_BYTES], om_err *e) OM_MUST;
om_status cd_meta_set_zone(struct cd_db *db, const char *name, om_err *e) OM_MUST;

/* cd_meta_totals_are_new tells whether the totals were made in this shape; cd_meta_set_totals notes that they were.  cd_meta_take_totals
 * keeps the note from other processes until the end of the transaction. */
om_status cd_meta_take_totals(struct cd_db *db, om_err *e) OM_MUST;
om_status cd_meta_totals_are_new(struct cd_db *db, const char *shape, bool *out, om_err *e) OM_MUST;
om_status cd_meta_set_totals(struct cd_db *db, const char *shape, om_err *e) OM_MUST;

/* cd_meta_take_int locks a number until the end of the transaction; 0 when it
 * was never set.  cd_meta_get_int does not wait. */
om_status cd_meta_take_int(struct cd_db *db, const char *name, int64_t *out, om_err *e) OM_MUST;
om_status cd_meta_get_int(struct cd_db *db, const char *name, int64_t *out, om_err *e) OM_MUST;
om_status cd_meta_set_int(struct cd_db *db, const char *name, int64_t v, om_err *e) OM_MUST;

/*
 * cd_meta_check_server warns about a server that could lose a commit.  One is the node
 * of a cluster without a binary log (MariaDB 10.11.19, Galera 26.4.23, seen): when it is
 * killed just after it answered COMMIT, it may start again without that transaction,
 * which is then lost unless another node has it.
 */
om_status cd_meta_check_server(struct cd_db *db, om_err *e) OM_MUST;

#endif
