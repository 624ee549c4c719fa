/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * people.h - who was seen, and what they were last known as.
 *
 * Promise   Per attribute the value seen at the latest instant wins, the
 *           greater one between equals, whatever the order of arrival.  A value
 *           is seen at the time that its record says, but not after its receipt.
 *           What a trace or an import says counts until any other record says
 *           something; what Open WebUI's list says (directory/listed.h), whatever a
 *           record says.
 * Persons   A person is there from the first record that names them (names/learn.h); these are
 *           what is known of them, by their handles.
 */
#ifndef CD_PEOPLE_H
#define CD_PEOPLE_H

#include "journal.h"

/* The instant that stands beside an attribute is the one it was seen at; of what only fills gaps so much
 * earlier, so that anything else is newer, and of what Open WebUI's list says so much later. */
#define CD_PEOPLE_GAP_US    ((om_time)1 << 60)
#define CD_PEOPLE_LISTED_US ((om_time)1 << 60)

/* cd_people_see notes the users of n records, whose rows are written; a look-up is
 * a sighting only where the row's user is the look-up's. */
om_status cd_people_see(
    struct cd_db *db, const struct cd_item *const *items, size_t n, struct om_arena *a, om_err *e) OM_MUST;

#endif
