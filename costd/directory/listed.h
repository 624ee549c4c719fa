/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * listed.h - the persons of Open WebUI's list, in the table person.
 *
 * Meaning   listed_us  when the list had the person last
 *           gone_us    since when it has not; a person who comes back has none
 *           Name, address, role and groups of the list go before those of any record:
 *           their instants are CD_PEOPLE_LISTED_US (store/people.h) later.  What the list
 *           does not say of a person (no name) stays as it was; of groups it says all, so
 *           that a person without any has none.
 * Fitting   As the user of a record (wire/fit.h).  Who has no id is left out.
 * Groups    Names.  The direct ones, and those above them, which are the inherited ones unless
 *           a direct one has the same name: as the plugin tells them.  A circle of groups ends
 *           where it began.
 * Failure   As db.h.
 */
#ifndef CD_LISTED_H
#define CD_LISTED_H

#include "names/names.h"
#include "vendor/openwebui.h"
#include "base/clock.h"

struct cd_listed {
	char handle[CD_HANDLE + 1];
	const char *id;
	const char *name, *email, *role;       /* NULL: not said */
	const char *groups, *inherited_groups; /* texts of value/group_set.h; NULL: none */
};

/* cd_listed_make gives the persons of a list, ascending by handle, each once. */
om_status cd_listed_make(
    const struct cd_ow_list *list, struct om_arena *a, struct cd_listed **out, size_t *n_out, om_err *e) OM_MUST;

struct cd_listed_counts {
	int64_t listed, gone;
};

/* cd_listed_store notes them as listed `now`, and who was listed and is not among them as gone.  They
 * have numbers (names/learn.h); OM_STORE: one of them has none yet.  Inside the caller's transaction. */
om_status cd_listed_store(struct cd_db *db, const struct cd_listed *persons, size_t n, om_time now, struct om_arena *a,
    struct cd_listed_counts *out, om_err *e) OM_MUST;

om_status cd_listed_count(struct cd_db *db, struct cd_listed_counts *out, om_err *e) OM_MUST;

/* cd_listed_release: there is no list any more.  What it said counts as of then, so that newer records go
 * before it again; nobody is listed, and nobody gone. */
om_status cd_listed_release(struct cd_db *db, int64_t *released_out, om_err *e) OM_MUST;

#endif
