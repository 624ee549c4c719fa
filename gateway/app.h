/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * app.h - the gateway's parts, put together.
 */
#ifndef GW_APP_H
#define GW_APP_H

#include "routes.h"
#include "settings.h"
#include "tags/tags.h"

struct gw_app {
	const struct gw_conf *conf; /* borrowed */
	char tag_key[GW_TAG_KEY];
	struct gw_parts parts; /* what handlers may use; owned, as the rest */
	struct gw_proxies *proxies;
	struct gw_hosts *hosts;
	struct gw_forward *forward;
	struct gw_assets *assets;
	struct gw_routes routes;
	struct gw_http *http;
};

/* The gateway as a service; its start and stop are these, conf is a struct gw_conf. */
extern const struct om_service gw_service;
om_status gw_app_start(const void *conf, void **self_out, om_err *e) OM_MUST;
void gw_app_stop(void *self);

#endif
