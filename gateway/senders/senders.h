/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * senders.h - what plugins say of themselves; the list of senders is a row of calls.def.
 *
 * Does      Hands a heartbeat to costd, past the spool: it is no record.
 * Owns      Nothing.
 * Promises  A member that does not fit is left out; only a heartbeat without a version
 *           or with an unknown state of the tap is refused.
 * Never     Keeps anything, or counts a refusal as a refused record.
 */
#ifndef GW_SENDERS_H
#define GW_SENDERS_H

#include "http/handler.h"

gw_handler gw_heartbeat_take; /* POST /senders/heartbeat */

#endif
