/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * persons.h - persons by Open WebUI's id.
 *
 * Failure   As db.h.
 */
#ifndef CD_PERSONS_H
#define CD_PERSONS_H

#include "names.h"
#include "database/sql.h"
#include "base/clock.h"

/* cd_person_shown gives the number of the person that the one with this id is shown as; 0: there
 * is none. */
om_status cd_person_shown(struct cd_db *db, const char *id, int64_t *out, om_err *e) OM_MUST;

/* cd_person_number gives the person's own number, whoever they are merged into; 0: there is none. */
om_status cd_person_number(struct cd_db *db, const char *id, int64_t *out, om_err *e) OM_MUST;

/* cd_persons_merged notes that who is shown as whom changes in this transaction; SQL for when it last did, 0: never. */
om_status cd_persons_merged(struct cd_db *db, om_time now, om_err *e) OM_MUST;
#define CD_MERGES_US "COALESCE((SELECT CAST(me.value AS SIGNED) FROM meta AS me WHERE me.name='merges_us'),0)"

/* cd_persons_where appends " AND column …" for all persons that are shown as the one with this id;
 * nothing for NULL. */
om_status cd_persons_where(struct cd_sql *q, struct cd_db *db, const char *column, const char *id, om_err *e) OM_MUST;

#endif
