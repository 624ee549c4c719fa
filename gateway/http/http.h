/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * http.h - the HTTP server.  Only http.c uses civetweb.
 *
 * Does      Makes a request of the bytes that civetweb hands over, and bytes of its reply.
 * Owns      The listening socket, the workers, and the deadlines of their sockets.
 * Never     Treats one call otherwise than another.
 * Promises  Every request civetweb hands over is answered here, with the security
 *           headers; civetweb never gets to serve files, CORS, CGI or sockets of
 *           its own.  A connection is
 *           kept for another request only where the end of this one is beyond
 *           doubt, and while enough workers are free.  A body has one deadline for all
 *           of it, and a reply too.  Who has shown no key or session never holds all workers
 *           (door.h).
 * Threads   `serve` runs on one of `threads` worker threads.
 */
#ifndef GW_HTTP_H
#define GW_HTTP_H

#include "proxy.h"

struct gw_http;

struct gw_http_opts {
	const char *address;
	int port; /* 0: any that is free */
	int threads;
	int body_timeout_ms;              /* for callers with a valid key or session */
	int stranger_ms;                  /* for the bodies of all others, and for every head */
	int per_address;                  /* connections without a valid key or session from one address */
	const struct gw_proxies *proxies; /* borrowed; NULL: none */
	void (*serve)(void *arg, struct gw_req *rq, struct gw_reply *rp);
	void *arg;
};

om_status gw_http_open(const struct gw_http_opts *o, struct gw_http **out, om_err *e) OM_MUST;

/* gw_http_close answers new requests with 503, waits a few seconds for those under
 * way, then ends. */
void gw_http_close(struct gw_http **h);

int gw_http_port(const struct gw_http *h);

#endif
