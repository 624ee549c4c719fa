/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * users.h - users as messages.
 *
 * Failure   As db.h.
 */
#ifndef CD_USERS_H
#define CD_USERS_H

#include "database/sql.h"
#include "record.pb-c.h"
#include "wire/codec.h"

/* cd_users_select begins the query "SELECT … FROM person AS p", whose columns fill a User
 * (database/fill.h). */
void cd_users_select(struct cd_sql *q);

/* cd_user_load gives the user that the person with this id is shown as; OM_NOT_FOUND: there is none. */
om_status cd_user_load(struct cd_db *db, const char *id, struct om_arena *a, Om__User **out, om_err *e) OM_MUST;

#endif
