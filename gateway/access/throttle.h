/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * throttle.h - how often a password or a code may be tried.
 *
 * Promise   Per address a few tries are free, then each failure doubles the
 *           wait, up to a quarter of an hour.  Over all addresses at most
 *           GW_THROTTLE_HOURLY tries fail in any hour; an address that has logged
 *           in before is only held to its own wait, so that other people's tries cannot
 *           lock the administrator out.
 * Clock     The caller's, monotonic milliseconds.
 * Threads   All calls from any thread.  A try counts as failed from its start,
 *           so that many at once gain nothing.
 */
#ifndef GW_THROTTLE_H
#define GW_THROTTLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_THROTTLE_FREE   5
#define GW_THROTTLE_HOURLY 100

struct gw_throttle;

/* gw_throttle_new with overall bounds the failures of all addresses together,
 * too; without, each address is held to its own wait only. */
om_status gw_throttle_new(bool overall, struct gw_throttle **out, om_err *e) OM_MUST;
void gw_throttle_free(struct gw_throttle **t);

/* gw_throttle_begin counts a try, or returns OM_THROTTLED and how long to wait. */
om_status gw_throttle_begin(struct gw_throttle *t, const char *address, int64_t now_ms, int64_t *wait_s_out) OM_MUST;

/* gw_throttle_succeed forgives the try that began and what the address failed before. */
void gw_throttle_succeed(struct gw_throttle *t, const char *address);

/* gw_throttle_undo takes a try back that was not decided. */
void gw_throttle_undo(struct gw_throttle *t, const char *address);

#endif
