/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * access_in.h - the inside of struct gw_access.
 */
#ifndef GW_ACCESS_IN_H
#define GW_ACCESS_IN_H

#include "access.h"
#include "keys.h"

struct gw_access {
	struct gw_access_opts opts;
	struct gw_keys keys;
	struct gw_sessions *sessions;  /* owned, as the next three */
	struct gw_throttle *passwords; /* tries, of all addresses together too */
	struct gw_throttle *marks;     /* tries of browsers that have logged in before */
	struct gw_throttle *codes;     /* tries of verification codes */
};

#endif
