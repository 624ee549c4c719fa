/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bring_up.h"

#include "pairing.h"
#include "renumber.h"
#include "database/meta.h"
#include "names/names.h"
#include "store/rollup.h"
#include "base/log.h"

#define LONG_S 86400 /* a step that rewrites a large table */

/* refresh_totals makes the totals from scratch when an older program gave them their shape. */
static om_status
refresh_totals(struct cd_db *db, om_err *e)
{
	char zone[CD_ZONE_BYTES], shape[CD_SHAPE_BYTES];
	bool is_new = false;
	om_status s = cd_db_begin(db, e);

	if (s == OM_OK)
		s = cd_meta_take_totals(db, e); /* from here on other processes that start wait */
	if (s == OM_OK)
		s = cd_meta_take_zone(db, zone, e); /* and from here on writers */
	if (s == OM_OK)
		s = cd_meta_totals_are_new(db, cd_rollup_shape(shape), &is_new, e);
	if (s == OM_OK && !is_new) {
		om_log(OM_LOG_INFO, "totals are made from scratch in their new shape", NULL);
		s = cd_db_run(db, "DELETE FROM usage_day", e);
		if (s == OM_OK)
			s = cd_db_run(db, "DELETE FROM usage_sum", e);
		if (s == OM_OK)
			s = cd_rollup_fill(db, e);
		if (s == OM_OK)
			s = cd_meta_set_totals(db, shape, e);
		if (s == OM_OK)
			s = cd_db_commit(db, e);
	}
	cd_db_rollback(db);
	return s;
}

/* check_long: a database of an older program, whose rows are to be copied. */
static om_status
check_long(struct cd_db *db, om_err *e)
{
	unsigned step = 0;
	om_status s = cd_schema_step(db, &step, e);

	return s == OM_OK && step > 0 && step < CD_RENUMBER_KEYS
	    ? om_fail(e, OM_UNAVAILABLE, "the database is brought to this program's form")
	    : s;
}

om_status
cd_bring_up_schema(const struct cd_db_opts *o, const struct cd_bring_up *how, om_err *e)
{
	const struct cd_schema_how steps = {
	    .work = cd_renumber_work, .tell = how->tell, .tell_arg = how->tell_arg, .stopping = how->stopping};
	struct cd_db_opts patient = *o;
	char shape[CD_SHAPE_BYTES];
	struct cd_db *db = NULL;
	bool is_new = false;
	om_status s = cd_db_open(o, &db, e);

	if (s == OM_OK && !cd_schema_is_current(db, cd_migrations, cd_n_migrations)) {
		patient.read_s = LONG_S;
		s = cd_schema_check(db, cd_migrations, cd_n_migrations, e);
		if (s == OM_OK && how->not_long)
			s = check_long(db, e);
		cd_db_close(&db);
		if (s == OM_OK)
			s = cd_db_open(&patient, &db, e);
	}
	if (s == OM_OK)
		s = cd_schema_apply(o, db, cd_migrations, cd_n_migrations, &steps, e);
	if (s == OM_OK)
		s = cd_names_open(db, e);
	if (s == OM_OK)
		s = cd_meta_totals_are_new(db, cd_rollup_shape(shape), &is_new, e);
	if (s == OM_OK && !is_new && patient.read_s != LONG_S) {
		patient.read_s = LONG_S;
		cd_db_close(&db);
		s = cd_db_open(&patient, &db, e);
	}
	if (s == OM_OK && !is_new)
		s = refresh_totals(db, e);
	cd_db_close(&db);
	return s;
}

/* pair_rows pairs the rows of an older program, which can take long. */
static om_status
pair_rows(const struct cd_db_opts *o, om_err *e)
{
	struct cd_db_opts patient = *o;
	struct cd_db *db = NULL;
	om_status s;

	patient.read_s = LONG_S;
	s = cd_db_open(&patient, &db, e);
	if (s == OM_OK)
		s = cd_pairing_upgrade(db, e);
	cd_db_close(&db);
	return s;
}

om_status
cd_bring_up(const struct cd_db_opts *o, const struct cd_bring_up *how, om_err *e)
{
	struct cd_db *db = NULL;
	om_status s = cd_bring_up_schema(o, how, e);

	if (s == OM_OK)
		s = cd_db_open(o, &db, e);
	if (s == OM_OK)
		s = cd_meta_check_zone(db, e);
	if (s == OM_OK)
		s = cd_meta_check_server(db, e);
	cd_db_close(&db);
	return s == OM_OK ? pair_rows(o, e) : s;
}

bool
cd_bring_up_is_final(om_status s)
{
	return s == OM_VERSION || s == OM_INVALID;
}
