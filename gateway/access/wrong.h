/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * wrong.h - refused callers: counted by cause, wrong keys logged at a bounded rate and slowed by address.
 *
 * Promise   A right key is never slowed: what is counted here is looked at after a key was found to be
 *           wrong.  GW_WRONG_FREE wrong keys of an address are answered at once, and one more each
 *           second; the answers to others are held back, up to GW_WRONG_HOLD_MS.  Keys are long and
 *           random: this keeps the log, the metrics and the workers quiet, not the keys secret.
 * Clock     The caller's, monotonic milliseconds.
 * Threads   All calls from any thread; one account for the whole process.
 */
#ifndef GW_WRONG_H
#define GW_WRONG_H

#include "http/request.h"

#define GW_WRONG_FREE    100
#define GW_WRONG_HOLD_MS 1000

/* gw_wrong_note counts that a request was refused by gw_auth_identify or gw_auth_allow, and gives how many
 * milliseconds its answer is to be held back. */
int gw_wrong_note(const struct gw_req *rq, om_status s, int64_t now_ms);

/* gw_wrong_tell logs what has not been logged yet, at most once a second. */
void gw_wrong_tell(int64_t now_ms);

#endif
