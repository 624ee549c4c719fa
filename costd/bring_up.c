/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bring_up.h"

#include "meta.h"
#include "schema.h"

om_status
cd_bring_up(const struct cd_db_opts *o, om_err *e)
{
	struct cd_db *db = NULL;
	om_status s = cd_db_open(o, &db, e);

	if (s == OM_OK)
		s = cd_schema_apply(db, cd_migrations, cd_n_migrations, e);
	if (s == OM_OK)
		s = cd_meta_check_zone(db, e);
	if (s == OM_OK)
		s = cd_meta_check_server(db, e);
	cd_db_close(&db);
	return s;
}

bool
cd_bring_up_is_final(om_status s)
{
	return s == OM_VERSION || s == OM_INVALID;
}
