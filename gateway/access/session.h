/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * session.h - sessions and tickets, which costd keeps for all gateways.
 *
 * Shape     A session is two random tokens of 32 bytes: the cookie has one, the header
 *           X-Session-Token the other.  Cookies are shared by all ports of a host, so that a
 *           page of another service gets the cookie; the header is sent by our own pages
 *           alone.  costd is told a keyed hash of both, the session's secret, and keeps a hash
 *           of that.  A ticket is one random token, which the path that it opens is hashed with.
 * Promise   A session that costd says has ended is refused from then on.  While costd does not
 *           answer, one that it knew within GW_SESSION_ALONE_MS is taken as unconfirmed: it may read.
 * Failure   OM_UNAUTHENTICATED for what costd does not know, OM_UNAVAILABLE when it does not answer.
 * Threads   All calls from any thread.
 */
#ifndef GW_SESSION_H
#define GW_SESSION_H

#include "http/request.h"
#include "keys.h"

#define GW_SESSION_ALONE_MS ((int64_t)600 * 1000)
#define GW_TOKEN_TEXT       (2 * OM_SHA256 + 1)

struct gw_peers;
struct gw_sessions;

/* What a browser gets of a session; who has sent it overwrites it. */
struct gw_tokens {
	char cookie[GW_TOKEN_TEXT];
	char header[GW_TOKEN_TEXT];
};

/* A login link that a new session spends. */
struct gw_link {
	unsigned char secret[GW_SECRET];
	om_time ends_at;
};

/* keys and peers are borrowed. */
om_status gw_sessions_new(
    const struct gw_keys *keys, struct gw_peers *peers, struct gw_sessions **out, om_err *e) OM_MUST;
void gw_sessions_free(struct gw_sessions **s);

/* gw_sessions_begin makes a session that lasts for lifetime_s from now on; link may be NULL. */
om_status gw_sessions_begin(struct gw_sessions *s, om_time now, int64_t lifetime_s, const struct gw_link *link,
    struct gw_tokens *tokens, struct gw_session *out, om_err *e) OM_MUST;

/* gw_sessions_check gives the session of both tokens. */
om_status gw_sessions_check(struct gw_sessions *s, const char *cookie, const char *header, om_time now,
    struct gw_session *out, om_err *e) OM_MUST;

/* gw_sessions_runs tells whether a session that was checked before is still good. */
bool gw_sessions_runs(struct gw_sessions *s, const struct gw_session *session, om_time now);

/* gw_sessions_end ends one, gw_sessions_end_all every session of the installation.  This gateway takes none of
 * them any more, even if costd was not reached. */
om_status gw_sessions_end(struct gw_sessions *s, const struct gw_session *session, om_err *e) OM_MUST;
om_status gw_sessions_end_all(
    struct gw_sessions *s, const struct gw_session *by, uint64_t *ended_out, om_err *e) OM_MUST;

/* gw_ticket_make makes a ticket that acts for the session, for one path with its query. */
om_status gw_ticket_make(struct gw_sessions *s, const struct gw_session *session, const char *path,
    char out[GW_TOKEN_TEXT], om_time *ends_at_out, om_err *e) OM_MUST;

/* gw_ticket_spend gives the session that the ticket becomes; once. */
om_status gw_ticket_spend(
    struct gw_sessions *s, const char *token, const char *path, struct gw_session *out, om_err *e) OM_MUST;

#endif
