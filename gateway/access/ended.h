/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * ended.h - sessions that were ended, kept over a restart.
 *
 * Owns      The table ended_session in the spool's file: a session's id until its token
 *           would have expired anyway.
 * Promise   What gw_ended_keep reported as OM_OK is on disk.
 * Failure   As the spool's.
 * Threads   All calls from any thread; the spool's thread does the work.
 */
#ifndef GW_ENDED_H
#define GW_ENDED_H

#include "http/request.h"

struct gw_spool;

/* gw_ended_open makes the table if it is missing, and calls back, on the spool's thread,
 * for each session it has. */
om_status gw_ended_open(
    struct gw_spool *spool, void (*each)(void *arg, const struct gw_session *ended), void *arg, om_err *e) OM_MUST;

/* gw_ended_keep adds one. */
om_status gw_ended_keep(struct gw_spool *spool, const struct gw_session *ended, om_err *e) OM_MUST;

#endif
