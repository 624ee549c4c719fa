/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "accept.h"

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
