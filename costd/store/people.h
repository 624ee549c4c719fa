/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * people.h - who was seen, and what they were last known as.
 *
 * Promise   Per attribute the value seen at the latest instant wins, the
 *           greater one between equals, whatever the order of arrival.  A value
 *           is seen at the time that its record says, but not after its receipt.
 *           What a trace or an import says counts until any other record says
 *           something.
 */
#ifndef CD_PEOPLE_H
#define CD_PEOPLE_H

#include "database/db.h"
#include "record.pb-c.h"
#include "wire/codec.h"

/* cd_people_see notes the users of n records, whose rows are written; a look-up is
 * a sighting only where the row's user is the look-up's. */
om_status cd_people_see(
    struct cd_db *db, const Om__Record *const *records, size_t n, struct om_arena *a, om_err *e) OM_MUST;

/* A user as the reads select it: columns that fill a User (database/fill.h). */
extern const char cd_people_columns[];

#endif
