/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * system.h - how the system is, and how it is set.
 *
 * Does      Tells the health of this process, how records move from here to the ledger, metrics and
 *           settings of all services, and gives the plugin's source.
 * Owns      Nothing.
 * Promises  Never tells a secret.  What a peer does not say in time is null.
 * Never     Changes anything.
 */
#ifndef GW_SYSTEM_H
#define GW_SYSTEM_H

#include "http/handler.h"

gw_handler gw_health_show, gw_ready_show;    /* health.c: GET /healthcheck, /readyz */
gw_handler gw_pipeline_show;                 /* pipeline.c: GET /pipeline */
gw_handler gw_metrics_show;                  /* metrics.c: GET /metrics */
gw_handler gw_settings_show, gw_plugin_send; /* settings.c: GET /settings, /plugin */

#endif
