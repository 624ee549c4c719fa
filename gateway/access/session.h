/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * session.h - the signed token in the session cookie.
 *
 * Shape     A JWT, HS256, with jti, iat and exp.  No other algorithm is taken.
 * Promise   A token ended by gw_sessions_end is refused from then on, and after a
 *           restart too: the caller keeps the id durably (ended.h) and gives
 *           it back at start.
 * Clock     The caller's; seconds since 1970 as in the token.
 * Threads   All calls from any thread.
 */
#ifndef GW_SESSION_H
#define GW_SESSION_H

#include "http/request.h"

#define GW_TOKEN_MAX 1024

struct gw_sessions;

om_status gw_sessions_new(const char *secret, struct gw_sessions **out, om_err *e) OM_MUST;
void gw_sessions_free(struct gw_sessions **s);

/* gw_sessions_begin makes a token that is good for lifetime_s from now on. */
om_status gw_sessions_begin(struct gw_sessions *s, om_time now, int64_t lifetime_s, char token[GW_TOKEN_MAX],
    struct gw_session *out, om_err *e) OM_MUST;

/* gw_sessions_check returns OM_UNAUTHENTICATED for anything but a good token. */
om_status gw_sessions_check(
    struct gw_sessions *s, const char *token, om_time now, struct gw_session *out, om_err *e) OM_MUST;

/* gw_sessions_end refuses the id until its token would have expired anyway. */
om_status gw_sessions_end(struct gw_sessions *s, const char *id, om_time expires_at, om_time now, om_err *e) OM_MUST;

/* gw_sessions_runs tells whether a session that was checked before is still good. */
bool gw_sessions_runs(struct gw_sessions *s, const struct gw_session *session, om_time now);

#endif
