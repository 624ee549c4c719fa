/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * access.h - who asks, and what they may: keys, the password, sessions.
 *
 * Does      Finds out who sent a request, begins and ends sessions, bounds how often a
 *           password or a code may be tried.
 * Owns      The keys of the settings, what is derived from them, and the counts of failed tries.
 *           The sessions are costd's.
 * Promises  Secrets are compared in constant time and never logged.  Neither the cookie nor
 *           the header of a session opens anything without the other.
 * Never     Uses what a call is about, or what anything costs.
 * Threads   All calls from any thread.
 */
#ifndef GW_ACCESS_H
#define GW_ACCESS_H

#include "http/handler.h"

struct gw_access_opts {
	const char *api_key;      /* texts are borrowed */
	const char *read_api_key; /* NULL: none */
	const char *password_hash;
	const char *jwt_secret;
	const char *cookie_secure; /* auto, on, off */
	int64_t session_lifetime_s;
	struct gw_peers *peers; /* borrowed */
};

om_status gw_access_open(const struct gw_access_opts *o, struct gw_access **out, om_err *e) OM_MUST;
void gw_access_close(struct gw_access **a);

/* gw_access_runs tells whether a session that was checked before is still good. */
bool gw_access_runs(struct gw_access *a, const struct gw_session *session);

/* gw_access_codes bounds how often one address may try codes of documents. */
struct gw_throttle *gw_access_codes(struct gw_access *a);

/* The handlers of login.c: POST /login, POST /login/link, POST /logout, POST /sessions/end-all, GET /session. */
gw_handler gw_session_begin, gw_session_begin_by_link, gw_session_end, gw_sessions_end_every, gw_session_show;

/* The handler of ticket.c: POST /tickets. */
gw_handler gw_ticket_give;

#endif
