/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bring_up.h - a database that is ready for the ledger.
 */
#ifndef CD_BRING_UP_H
#define CD_BRING_UP_H

#include "database/schema.h"

/* How the database is brought up. */
struct cd_bring_up {
	cd_schema_tell_fn *tell; /* how far it is; NULL: nobody is told */
	void *tell_arg;
	const atomic_bool *stopping; /* NULL: never */
	bool not_long;               /* rows are not copied now: OM_UNAVAILABLE when there are some to copy */
};

/* cd_bring_up connects, brings the schema forward, and compares the reporting
 * time zone (om_zone_open was called), and the key of the handles.  OM_VERSION, OM_INVALID: waiting does
 * not help. */
om_status cd_bring_up(const struct cd_db_opts *o, const struct cd_bring_up *how, om_err *e) OM_MUST;
/* cd_bring_up_schema brings schema and totals to this program's shape, however
 * long it takes, and nothing else. */
om_status cd_bring_up_schema(const struct cd_db_opts *o, const struct cd_bring_up *how, om_err *e) OM_MUST;
bool cd_bring_up_is_final(om_status s);

#endif
