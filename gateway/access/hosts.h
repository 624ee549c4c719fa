/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * hosts.h - by which names this gateway may be called.
 *
 * A page of a stranger's name can have its name point to this gateway once the browser has loaded
 * it (DNS rebinding); to the browser both are then one site.  The Host header tells: it has the stranger's name.
 *
 * Rules     Any address, localhost, the names of PUBLIC_URL and ALLOWED_HOSTS, and names without a
 *           dot, which are in no public DNS.  Where neither setting is given, a trusted proxy has
 *           chosen by the name what it passes on, and is believed.
 * Threads   All calls from any thread.
 */
#ifndef GW_HOSTS_H
#define GW_HOSTS_H

#include "http/request.h"

struct gw_hosts;

/* For om_conf_opt.check: PUBLIC_URL, and names separated by commas. */
om_status gw_public_url_check(const char *url, om_err *e) OM_MUST;
om_status gw_hosts_check(const char *list, om_err *e) OM_MUST;

/* gw_hosts_new: NULL for a setting that is not given.  Both were checked; they are borrowed. */
om_status gw_hosts_new(const char *public_url, const char *allowed, struct gw_hosts **out, om_err *e) OM_MUST;
void gw_hosts_free(struct gw_hosts **h);

/* gw_hosts_allow tells whether the request's Host is one of ours, and fails with OM_MISDIRECTED. */
om_status gw_hosts_allow(const struct gw_hosts *h, const struct gw_req *rq, om_err *e) OM_MUST;

#endif
