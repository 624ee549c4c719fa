/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * auth.h - who sent a request, and whether they may make this call.
 */
#ifndef GW_AUTH_H
#define GW_AUTH_H

#include "access.h"

#define GW_COOKIE "auth_token"
#define GW_HEADER "X-Session-Token"

/* gw_auth_identify fills rq->who and rq->session from the bearer key, from the session's
 * cookie and header, or, by_ticket, from the ticket at the end of the query, which it takes off.
 * OM_UNAUTHENTICATED for a key, session or ticket that is not one; without any of them, rq->who is
 * GW_ANYONE. */
om_status gw_auth_identify(const struct gw_access *a, struct gw_req *rq, bool by_ticket, om_err *e) OM_MUST;

/* gw_auth_has_key tells whether the request shows a right key. */
bool gw_auth_has_key(const struct gw_access *a, const struct gw_req *rq);

/* gw_auth_cookie_of copies the named cookie's value; false without one, or with one that does not fit. */
bool gw_auth_cookie_of(const struct gw_req *rq, const char *name, char *out, size_t out_bytes);

/* gw_auth_allow says whether rq->who is in the set; an empty set is for anyone. */
om_status gw_auth_allow(const struct gw_req *rq, unsigned who_may, om_err *e) OM_MUST;

/* gw_auth_same_origin refuses what a page of another site sent through the
 * browser of a person who is logged in here. */
om_status gw_auth_same_origin(const struct gw_req *rq, om_err *e) OM_MUST;

/* gw_auth_cookie sets the session cookie; an empty token removes it.  gw_auth_mark_cookie sets the browser's mark. */
void gw_auth_cookie(const struct gw_access *a, const struct gw_req *rq, struct gw_reply *rp, const char *token);
void gw_auth_mark_cookie(const struct gw_access *a, const struct gw_req *rq, struct gw_reply *rp, const char *mark);

#endif
