/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * accept.h - a person says that the clock is right, although documents are
 * dated by one that was ahead (issuing.h).
 */
#ifndef CD_ACCEPT_H
#define CD_ACCEPT_H

#include "issuing.h"

struct cd_accepted {
	om_time before_us;            /* the last date of issue, as it was */
	struct cd_number before, now; /* the last number; year 0: none */
	om_time now_us;
	bool changed;
};

/* cd_accept_clock makes the newest document that is not ahead of `now` the last
 * one, and nothing else; in a transaction of the caller's. */
om_status cd_accept_clock(struct cd_db *db, om_time now, struct cd_accepted *out, om_err *e) OM_MUST;

#endif
