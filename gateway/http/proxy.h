/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * proxy.h - which peers' X-Forwarded-* headers are believed, and what they say.
 */
#ifndef GW_PROXY_H
#define GW_PROXY_H

#include "request.h"

struct gw_proxies; /* a parsed list */

/* gw_proxy_check says whether a list can be read; fits om_conf_opt.check. */
om_status gw_proxy_check(const char *list, om_err *e) OM_MUST;

/* gw_proxies_new parses the list; NULL gives an empty one. */
om_status gw_proxies_new(const char *list, struct gw_proxies **out, om_err *e) OM_MUST;
void gw_proxies_free(struct gw_proxies **p);

/* gw_proxies_trust tells whether the address is one of theirs. */
bool gw_proxies_trust(const struct gw_proxies *p, const char *address);

/* gw_address_key gives what clients are counted by: an IPv4 address as a whole, of IPv6 the /64, which
 * one client has as a whole; zeros for what is no address. */
void gw_address_key(const char *address, unsigned char out[16]);

/* gw_proxies_apply fills rq->client and rq->https: the peer itself, or, when the
 * peer is trusted, the last address of X-Forwarded-For that is not.  Each address has
 * one form, and one of IPv4 mapped into IPv6 is that of IPv4. */
void gw_proxies_apply(const struct gw_proxies *p, struct gw_req *rq);

#endif
