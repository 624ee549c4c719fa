/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * mark.h - the mark of a browser that has logged in before.
 *
 * Shape     A cookie beside the session's, signed (signed.h).  It opens nothing: who has it
 *           may try a password while the brake of their address is closed, and has a brake of their own.
 * Promise   Only who has JWT_SECRET makes one.
 */
#ifndef GW_MARK_H
#define GW_MARK_H

#include "http/request.h"
#include "keys.h"
#include "signed.h"

#define GW_MARK_COOKIE "browser_mark"
#define GW_MARK_S      ((int64_t)400 * 24 * 3600) /* as long as browsers keep a cookie */

om_status gw_mark_make(const struct gw_keys *keys, om_time now, char out[GW_SIGNED_TEXT], om_err *e) OM_MUST;

/* gw_mark_read gives the name by which the mark's tries are counted; false for what is no mark, or one that has ended. */
bool gw_mark_read(const struct gw_keys *keys, const char *text, om_time now, char name_out[GW_ADDRESS]);

#endif
