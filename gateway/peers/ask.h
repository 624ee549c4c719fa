/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * ask.h - one question to costd or reportd, and its reply.
 *
 * Shape     A question is a message of Request's body and the kind of body that its
 *           reply must have:
 *             static const struct gw_ask ask = {OM__REQUEST__BODY_USERS, OM__REPLY__BODY_USERS};
 *             const Om__UsersReply *users;
 *             s = gw_ask_costd(peers, ask, &query, rq->arena, &users, e);
 *           reply_out is where a pointer to the reply's message goes, NULL on failure.
 * Owner     The reply lives in the arena.
 * Failure   A reply of another kind is OM_UNAVAILABLE with its own text, as what a peer
 *           or the way to it cannot do (peers.h).
 * Threads   All calls from any thread.
 */
#ifndef GW_ASK_H
#define GW_ASK_H

#include "peers.h"
#include "envelope.pb-c.h"

struct gw_ask {
	Om__Request__BodyCase question;
	Om__Reply__BodyCase reply;
};

/* gw_ask_costd asks any costd, and waits as long as a person does. */
om_status gw_ask_costd(
    struct gw_peers *p, struct gw_ask ask, const void *query, struct om_arena *a, void *reply_out, om_err *e) OM_MUST;

/* gw_ask_soon asks a peer that is there and answers at once; the reason is not told. */
om_status gw_ask_soon(
    struct gw_peers *p, gw_peer who, struct gw_ask ask, const void *query, struct om_arena *a, void *reply_out) OM_MUST;

/* gw_ask_for has the questions that this thread asks costd name a session, in whose name they are asked;
 * NULL: none.  The bytes are GW_ASK_SESSION and are copied.  reportd does not know sessions: for one that costd
 * has not confirmed it is not asked to issue. */
#define GW_ASK_SESSION 32
void gw_ask_for(const unsigned char *session, bool confirmed);

/* gw_ask_who asks about that session, over a connection of its own, so that who is logged in does not wait
 * for what others ask.  With a session it is OM_UNAVAILABLE at once when there is no connection; without one,
 * as at a login, a connection is waited for.  The status is costd's own. */
om_status gw_ask_who(struct gw_peers *p, const unsigned char *session, struct gw_ask ask, const void *query,
    struct om_arena *a, void *reply_out, om_err *e) OM_MUST;

/* gw_ask_any_reportd asks one reportd after the other until one takes the question; *at_out
 * is which.  The status is reportd's own: gw_peers_blame turns it into the caller's. */
om_status gw_ask_any_reportd(struct gw_peers *p, struct gw_ask ask, const void *query, int deadline_ms,
    struct om_arena *a, void *reply_out, unsigned *at_out, om_err *e) OM_MUST;

/* gw_ask_reportd asks the one that has what the question is about, likewise. */
om_status gw_ask_reportd(struct gw_peers *p, unsigned at, struct gw_ask ask, const void *query, int deadline_ms,
    struct om_arena *a, void *reply_out, om_err *e) OM_MUST;

/* gw_ask_lacks is the failure for a reply that lacks what each reply of its kind has. */
om_status gw_ask_lacks(const char *what, om_err *e);

#endif
