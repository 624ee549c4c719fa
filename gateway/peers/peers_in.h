/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * peers_in.h - whole requests to the peers, for ask.c, which makes them.
 */
#ifndef GW_PEERS_IN_H
#define GW_PEERS_IN_H

#include "peers.h"

/* gw_peers_call_costd asks any costd; a failure is told as the caller's (gw_peers_blame). */
om_status gw_peers_call_costd(
    struct gw_peers *p, Om__Request *req, struct om_arena *a, Om__Reply **reply_out, om_err *e) OM_MUST;

/* gw_peers_call_soon asks a peer that is there and answers at once. */
om_status gw_peers_call_soon(
    struct gw_peers *p, gw_peer who, Om__Request *req, struct om_arena *a, Om__Reply **reply_out) OM_MUST;

/* gw_peers_call_who asks costd about a session, over the connections that are for this alone. */
om_status gw_peers_call_who(
    struct gw_peers *p, Om__Request *req, struct om_arena *a, Om__Reply **reply_out, om_err *e) OM_MUST;

#endif
