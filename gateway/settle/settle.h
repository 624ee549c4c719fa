/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * settle.h - what could not be stored or taken; prices and what is not settled are rows
 * of calls.def.
 *
 * Does      Has costd try dead letters again or set them aside, lists what the calls that take records refused.
 * Owns      Nothing.
 * Promises  Every reply is in openapi.yaml.
 * Never     Judges a record.
 */
#ifndef GW_SETTLE_H
#define GW_SETTLE_H

#include "http/handler.h"

gw_handler gw_dead_letters_retry;     /* POST /dead-letters/retry */
gw_handler gw_dead_letters_set_aside; /* POST /dead-letters/set-aside */
gw_handler gw_refused_list;           /* GET /refused */

#endif
