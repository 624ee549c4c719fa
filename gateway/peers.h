/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * peers.h - costd and reportd, as the HTTP side asks them.
 *
 * Failure   What a peer or the way to it cannot do is OM_UNAVAILABLE, with the
 *           reason; what the question got wrong stays what the peer said.
 * Threads   All calls from any thread; one thread of its own asks costd how it is.
 */
#ifndef GW_PEERS_H
#define GW_PEERS_H

#include "settings.h"
#include "wire.h"

#include <stdbool.h>

#define GW_ZONE_BYTES 64

struct gw_peers;

struct gw_costd_status {
	bool reachable;
	bool database_ok;
	char timezone[GW_ZONE_BYTES]; /* "UTC" until costd was heard */
};

om_status gw_peers_open(const struct gw_conf *c, struct gw_peers **out, om_err *e) OM_MUST;
void gw_peers_close(struct gw_peers **p);

/* gw_peers_submit is the connection for batches, of the forwarder alone. */
struct om_wire_client *gw_peers_submit(struct gw_peers *p);

om_status gw_peers_ask_costd(
    struct gw_peers *p, Om__Request *req, struct om_arena *a, Om__Reply **reply_out, om_err *e) OM_MUST;
om_status gw_peers_ask_reportd(
    struct gw_peers *p, Om__Request *req, struct om_arena *a, Om__Reply **reply_out, om_err *e) OM_MUST;

/* gw_peers_metrics gives a peer's Prometheus text, NULL if it is not there at once. */
const char *gw_peers_costd_metrics(struct gw_peers *p, struct om_arena *a);
const char *gw_peers_reportd_metrics(struct gw_peers *p, struct om_arena *a);

/* gw_peers_costd_status is what costd said within the last seconds. */
void gw_peers_costd_status(struct gw_peers *p, struct gw_costd_status *out);

#endif
