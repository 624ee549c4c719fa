/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * app.h - the gateway's parts, put together.
 */
#ifndef GW_APP_H
#define GW_APP_H

#include "settings.h"
#include "base/status.h"

struct gw_app {
	const struct gw_conf *conf; /* borrowed; the rest is owned */
	struct gw_proxies *proxies;
	struct gw_sessions *sessions;
	struct gw_throttle *throttle;        /* of passwords */
	struct gw_throttle *verify_throttle; /* of verification codes */
	struct gw_live *live;
	struct gw_spool *spool;
	struct gw_peers *peers;
	struct gw_forward *forward;
	struct gw_assets *assets;
	struct gw_http *http;
};

/* om_service's start and stop; conf is a struct gw_conf. */
om_status gw_app_start(const void *conf, void **self_out, om_err *e) OM_MUST;
void gw_app_stop(void *self);

#endif
