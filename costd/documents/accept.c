/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "accept.h"

#include "settings.h"
#include "ledger/bring_up.h"
#include "store/store.h"
#include "base/log.h"
#include "base/zone.h"

#include <stdio.h>

static om_status
keep_newest(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_accepted *out = arg;

	(void)e;
	out->now = (struct cd_number){.year = (int)v[0].i, .seq = (int)v[1].i};
	out->now_us = v[2].i;
	return OM_OK;
}

om_status
cd_accept_clock(struct cd_db *db, om_time now, struct cd_accepted *out, om_err *e)
{
	struct cd_issuing st;
	om_status s = cd_issuing_lock(db, &st, e);

	*out = (struct cd_accepted){.before = st.last, .now = st.last, .before_us = st.last_us, .now_us = st.last_us};
	if (s != OM_OK || cd_issuing_check_clock(st.last_us, now, NULL) == OM_OK)
		return s;
	out->changed = true;
	out->now = (struct cd_number){.year = 0};
	out->now_us = 0;
	s = cd_db_query(db,
	    "SELECT year,seq,issued_us FROM document WHERE issued_us<=? ORDER BY issued_us DESC,year DESC,seq DESC "
	    "LIMIT 1",
	    (struct cd_val[]){CD_I(now)}, 1, keep_newest, out, e);
	if (s == OM_OK)
		s = cd_db_exec(db, "UPDATE issuing SET year=?,seq=?,issued_us=? WHERE id=1",
		    (struct cd_val[]){CD_I(out->now.year), CD_I(out->now.seq), CD_I(out->now_us)}, 3, 1, NULL, e);
	return s;
}

static void
print_accepted(const struct cd_accepted *done, om_time now)
{
	char before[CD_NUMBER], number[CD_NUMBER], dated[OM_TIME_TEXT], last[OM_TIME_TEXT], clock[OM_TIME_TEXT];

	(void)om_time_text(done->before_us, dated);
	(void)om_time_text(done->now_us, last);
	(void)om_time_text(now, clock);
	if (!done->changed)
		(void)printf(
		    "nothing to do: the last date of issue, %s, does not lie ahead of the clock, %s\n", dated, clock);
	else if (done->now.year == 0)
		(void)printf(
		    "%s of %s lies ahead of the clock, %s; no document is older: the next one is dated by the clock\n",
		    cd_number_text(done->before, before), dated, clock);
	else
		(void)printf("%s of %s lies ahead of the clock, %s; the last document is %s of %s now\n",
		    cd_number_text(done->before, before), dated, clock, cd_number_text(done->now, number), last);
}

static om_status
accept_now(struct cd_db *db, om_err *e)
{
	struct cd_accepted done;
	om_time now = om_now();
	om_status s = cd_db_begin(db, e);

	if (s == OM_OK)
		s = cd_accept_clock(db, now, &done, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s != OM_OK)
		cd_db_rollback(db);
	else
		print_accepted(&done, now);
	return s;
}

static om_status
carry_out(const struct cd_settings *conf, om_err *e)
{
	struct cd_db_opts o;
	struct cd_db *db = NULL;
	om_status s = om_zone_open(conf->timezone, e);

	cd_settings_db(conf, &o);
	if (s == OM_OK)
		s = cd_store_init(e);
	if (s == OM_OK)
		s = cd_bring_up_schema(&o, e);
	if (s == OM_OK)
		s = cd_db_open(&o, &db, e);
	if (s == OM_OK)
		s = accept_now(db, e);
	cd_db_close(&db);
	return s;
}

int
cd_accept_main(void)
{
	struct cd_settings conf = {0};
	om_err e = {.text = ""};
	om_status s;
	int rc = 2;

	om_log_init("costd", OM_LOG_INFO);
	s = om_conf_load(cd_settings_table, CD_N_SETTINGS, &conf, &e);
	if (s == OM_OK) {
		s = carry_out(&conf, &e);
		rc = s == OM_OK ? 0 : 1;
	}
	if (s != OM_OK)
		(void)fprintf(stderr, "costd: %s\n", om_err_text(&e, s));
	om_conf_fini(cd_settings_table, CD_N_SETTINGS, &conf);
	return rc;
}
