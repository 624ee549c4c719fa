/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sessions.h - who is logged in, for all gateways.
 *
 * Room sessions
 *   Does      keeps sessions and the tickets that act for them
 *   Owns      the tables session, ticket and login_link
 *   Promises  a session that was ended opens nothing any more: at once where it was ended,
 *             within CD_SESSION_TRUST_MS in other processes; a ticket and a login link work once
 *   Never     learns a password, or keeps what opens a session: the database has hashes
 *
 * Shape     A secret is CD_SECRET bytes that cannot be guessed, hence hashed without a salt.
 * Failure   What is malformed is OM_INVALID; the rest is the database's.
 * Threads   All calls from any thread.
 */
#ifndef CD_SESSIONS_H
#define CD_SESSIONS_H

#include "database/pool.h"
#include "sessions.pb-c.h"
#include "base/clock.h"

#define CD_SECRET           32u
#define CD_SESSION_TRUST_MS 5000 /* how long a session that was found is taken for running without another look */
#define CD_TICKET_US        (60 * OM_SECOND)

struct cd_sessions;

om_status cd_sessions_new(struct cd_pool *pool, struct cd_sessions **out, om_err *e) OM_MUST;
void cd_sessions_free(struct cd_sessions **s);

/* cd_sessions_begin makes a session; begun again it changes nothing.  OM_UNAUTHENTICATED when
 * it names a login link that another session has spent, or one that has ended. */
om_status cd_sessions_begin(
    struct cd_sessions *s, const Om__SessionBegin *q, om_time now, int64_t deadline_ms, om_err *e) OM_MUST;

/* cd_sessions_read tells whether the session runs and when it ends, and notes that it was seen. */
om_status cd_sessions_read(struct cd_sessions *s, const ProtobufCBinaryData *session, om_time now, int64_t deadline_ms,
    Om__SessionReply *out, om_err *e) OM_MUST;

/* cd_sessions_check is for each question that names a session: OM_UNAUTHENTICATED unless it runs. */
om_status cd_sessions_check(
    struct cd_sessions *s, const ProtobufCBinaryData *session, om_time now, int64_t deadline_ms, om_err *e) OM_MUST;

om_status cd_sessions_end(
    struct cd_sessions *s, const ProtobufCBinaryData *session, int64_t deadline_ms, om_err *e) OM_MUST;
om_status cd_sessions_end_all(
    struct cd_sessions *s, int64_t deadline_ms, Om__SessionsEndAllReply *out, om_err *e) OM_MUST;

/* cd_ticket_make makes a ticket of the session, which must be spent within CD_TICKET_US. */
om_status cd_ticket_make(struct cd_sessions *s, const ProtobufCBinaryData *session, const Om__TicketMake *q,
    om_time now, int64_t deadline_ms, Om__TicketMakeReply *out, om_err *e) OM_MUST;

/* cd_ticket_spend: known is false for a ticket that is not there, late or spent already.  One whose
 * commit was not answered counts as spent. */
om_status cd_ticket_spend(struct cd_sessions *s, const Om__TicketSpend *q, om_time now, int64_t deadline_ms,
    Om__TicketSpendReply *out, om_err *e) OM_MUST;

#endif
