/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * routes.h - all calls: method, path, who may, which parameters, how large a body, and
 * the handler; those of calls.def among them.  openapi.yaml says the same in full.
 */
#ifndef GW_ROUTES_H
#define GW_ROUTES_H

#include "http/handler.h"

struct gw_assets;
struct gw_hosts;
struct gw_proxies;

/* What the calls are answered with; all borrowed. */
struct gw_routes {
	const struct gw_parts *parts;
	const struct gw_proxies *proxies;
	const struct gw_hosts *hosts;
	struct gw_assets *assets; /* for what is no call */
};

/* gw_routes_serve answers any request. */
void gw_routes_serve(const struct gw_routes *to, struct gw_req *rq, struct gw_reply *rp);

/* gw_routes_export is gw_parts.begin_export. */
om_status gw_routes_export(
    const struct gw_parts *parts, struct gw_req *rq, const char *target, struct gw_reply *rp, om_err *e) OM_MUST;

/* gw_routes_takes_ticket is gw_parts.takes_ticket. */
bool gw_routes_takes_ticket(struct gw_req *rq, const char *target);

#endif
