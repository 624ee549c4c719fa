/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "session.h"

#include "known.h"
#include "peers/ask.h"
#include "base/invariant.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)64 * 1024)
#define AWAY_MS     2000 /* so long a costd that did not answer in time is not asked again */

_Static_assert(sizeof(((struct gw_session *)NULL)->secret) == OM_SHA256, "a secret is a hash");
_Static_assert(GW_ASK_SESSION == OM_SHA256, "and travels whole");

struct gw_sessions {
	const struct gw_keys *keys; /* borrowed, as peers */
	struct gw_peers *peers;
	struct gw_known *known;        /* owned */
	_Atomic int64_t away_until_ms; /* monotonic */
};

om_status
gw_sessions_new(const struct gw_keys *keys, struct gw_peers *peers, struct gw_sessions **out, om_err *e)
{
	struct gw_sessions *s = calloc(1, sizeof *s);

	*out = s;
	if (s == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s->keys = keys;
	s->peers = peers;
	return gw_known_new(&s->known, e);
}

void
gw_sessions_free(struct gw_sessions **sp)
{
	if (*sp != NULL)
		gw_known_free(&(*sp)->known);
	free(*sp);
	*sp = NULL;
}

/* ask puts one question about a session to costd; what is read of the reply is copied by `read`. */
static om_status
ask(struct gw_sessions *s, const unsigned char *secret, struct gw_ask kind, const void *query,
    void (*read)(void *arg, const void *reply), void *arg, om_err *e)
{
	const void *reply = NULL;
	struct om_arena a;
	om_status st;

	om_arena_init(&a, ARENA_BYTES);
	st = gw_ask_who(s->peers, secret, kind, query, &a, &reply, e);
	if (st == OM_OK && read != NULL)
		read(arg, reply);
	om_arena_fini(&a);
	return st;
}

/* away tells the caller that costd did not answer, whatever was wrong with it. */
static om_status
away(om_status st, const om_err *why, const char *what, om_err *e)
{
	if (st == OM_UNAUTHENTICATED)
		return om_fail(e, st, "%s", om_err_text(why, st));
	return om_fail(
	    e, OM_UNAVAILABLE, "%s: costd, which keeps the sessions, does not answer (%s)", what, om_err_text(why, st));
}

/* ---- beginning ---- */

static om_status
random_token(unsigned char raw[OM_SHA256], char text[GW_TOKEN_TEXT], om_err *e)
{
	om_status s = om_random(raw, OM_SHA256, e);

	om_hex(raw, OM_SHA256, text);
	return s;
}

static om_status
secret_of(const struct gw_sessions *s, const unsigned char cookie[OM_SHA256], const unsigned char header[OM_SHA256],
    unsigned char out[GW_SECRET])
{
	const struct om_bytes parts[] = {{cookie, OM_SHA256}, {header, OM_SHA256}};

	return om_hmac_sha256(s->keys->session, parts, 2, out);
}

static om_status
begin(struct gw_sessions *s, const struct gw_session *one, om_time now, const struct gw_link *link, om_err *e)
{
	static const struct gw_ask kind = {OM__REQUEST__BODY_SESSION_BEGIN, OM__REPLY__BODY_SESSION_BEGIN};
	unsigned char secret[GW_SECRET], spent[GW_SECRET];
	Om__SessionBegin q = OM__SESSION_BEGIN__INIT;
	om_err why = {.text = ""};
	om_status st;

	memcpy(secret, one->secret, sizeof secret);
	q.session = (ProtobufCBinaryData){.len = sizeof secret, .data = secret};
	q.lasts_us = one->expires_at - now;
	if (link != NULL) {
		memcpy(spent, link->secret, sizeof spent);
		q.has_link = q.has_link_left_us = 1;
		q.link = (ProtobufCBinaryData){.len = sizeof spent, .data = spent};
		q.link_left_us = link->ends_at - now;
	}
	st = ask(s, NULL, kind, &q, NULL, NULL, &why);
	return st == OM_OK ? st : away(st, &why, "nobody can log in now", e);
}

om_status
gw_sessions_begin(struct gw_sessions *s, om_time now, int64_t lifetime_s, const struct gw_link *link,
    struct gw_tokens *tokens, struct gw_session *out, om_err *e)
{
	unsigned char cookie[OM_SHA256], header[OM_SHA256];
	om_status st = random_token(cookie, tokens->cookie, e);

	om_check(lifetime_s > 0);
	*out = (struct gw_session){.expires_at = now + lifetime_s * OM_SECOND};
	if (st == OM_OK)
		st = random_token(header, tokens->header, e);
	if (st == OM_OK)
		st = secret_of(s, cookie, header, out->secret);
	if (st == OM_OK)
		st = begin(s, out, now, link, e);
	if (st == OM_OK)
		gw_known_keep(s->known, out);
	return st;
}

/* ---- checking ---- */

static void
read_session(void *arg, const void *reply)
{
	const Om__SessionReply *r = reply;
	struct gw_session *out = arg;

	out->expires_at = r->known ? om_now() + r->left_us : 0;
}

/* alone takes a session from what costd said of it some minutes ago. */
static om_status
alone(struct gw_sessions *s, struct gw_session *one, om_time now, om_status st, const om_err *why, om_err *e)
{
	if (!gw_known_find(s->known, one->secret, GW_SESSION_ALONE_MS, &one->expires_at) || now >= one->expires_at) {
		*one = (struct gw_session){.expires_at = 0};
		return away(st == OM_UNAUTHENTICATED ? OM_UNAVAILABLE : st, why, "it is not known who you are", e);
	}
	one->unconfirmed = true;
	return OM_OK;
}

/* confirm asks costd about one->secret and fills in the rest. */
static om_status
confirm(struct gw_sessions *s, struct gw_session *one, om_time now, om_err *e)
{
	static const struct gw_ask kind = {OM__REQUEST__BODY_SESSION_READ, OM__REPLY__BODY_SESSION_READ};
	Om__SessionQuery q = OM__SESSION_QUERY__INIT;
	om_err why = {.text = "it did not answer in time"};
	om_status st = OM_TIMEOUT;

	one->expires_at = 0;
	one->unconfirmed = false;
	if (om_mono_ms() >= atomic_load(&s->away_until_ms)) {
		st = ask(s, one->secret, kind, &q, read_session, one, &why);
		if (st == OM_TIMEOUT)
			atomic_store(&s->away_until_ms, om_mono_ms() + AWAY_MS);
	}
	if (st != OM_OK)
		return alone(s, one, now, st, &why, e);
	if (one->expires_at <= now) {
		gw_known_drop(s->known, one->secret);
		*one = (struct gw_session){.expires_at = 0};
		return om_fail(e, OM_UNAUTHENTICATED, "the session has ended; log in again");
	}
	gw_known_keep(s->known, one);
	return OM_OK;
}

om_status
gw_sessions_check(
    struct gw_sessions *s, const char *cookie, const char *header, om_time now, struct gw_session *out, om_err *e)
{
	unsigned char c[OM_SHA256], h[OM_SHA256];
	om_status st;

	*out = (struct gw_session){.expires_at = 0};
	if (!gw_token_read(cookie, c) || !gw_token_read(header, h))
		return om_fail(e, OM_UNAUTHENTICATED, "the session's tokens are malformed; log in again");
	st = secret_of(s, c, h, out->secret);
	return st == OM_OK ? confirm(s, out, now, e) : st;
}

bool
gw_sessions_runs(struct gw_sessions *s, const struct gw_session *session, om_time now)
{
	struct gw_session one = *session;

	return now < session->expires_at && confirm(s, &one, now, NULL) == OM_OK;
}

/* ---- ending ---- */

om_status
gw_sessions_end(struct gw_sessions *s, const struct gw_session *session, om_err *e)
{
	static const struct gw_ask kind = {OM__REQUEST__BODY_SESSION_END, OM__REPLY__BODY_SESSION_END};
	Om__SessionEnd q = OM__SESSION_END__INIT;
	om_err why = {.text = ""};
	om_status st = ask(s, session->secret, kind, &q, NULL, NULL, &why);

	gw_known_drop(s->known, session->secret);
	return st == OM_OK ? st
			   : away(st, &why, "this browser is logged out, but its session goes on until it expires", e);
}

static void
read_ended(void *arg, const void *reply)
{
	const Om__SessionsEndAllReply *r = reply;

	*(uint64_t *)arg = r->ended;
}

om_status
gw_sessions_end_all(struct gw_sessions *s, const struct gw_session *by, uint64_t *ended_out, om_err *e)
{
	static const struct gw_ask kind = {OM__REQUEST__BODY_SESSIONS_END_ALL, OM__REPLY__BODY_SESSIONS_END_ALL};
	Om__SessionsEndAll q = OM__SESSIONS_END_ALL__INIT;
	om_err why = {.text = ""};
	om_status st = ask(s, by->secret, kind, &q, read_ended, ended_out, &why);

	if (st != OM_OK)
		return away(st, &why, "the sessions go on", e);
	gw_known_clear(s->known);
	return st;
}

/* ---- tickets ---- */

static om_status
ticket_secret(
    const struct gw_sessions *s, const unsigned char raw[OM_SHA256], const char *path, unsigned char out[GW_SECRET])
{
	const struct om_bytes parts[] = {{raw, OM_SHA256}, {path, strlen(path)}};

	return om_hmac_sha256(s->keys->ticket, parts, 2, out);
}

static void
read_made(void *arg, const void *reply)
{
	const Om__TicketMakeReply *r = reply;

	*(om_time *)arg = om_now() + r->left_us;
}

om_status
gw_ticket_make(struct gw_sessions *s, const struct gw_session *session, const char *path, char out[GW_TOKEN_TEXT],
    om_time *ends_at_out, om_err *e)
{
	static const struct gw_ask kind = {OM__REQUEST__BODY_TICKET_MAKE, OM__REPLY__BODY_TICKET_MAKE};
	unsigned char raw[OM_SHA256], secret[GW_SECRET];
	Om__TicketMake q = OM__TICKET_MAKE__INIT;
	om_err why = {.text = ""};
	om_status st = random_token(raw, out, e);

	if (st == OM_OK)
		st = ticket_secret(s, raw, path, secret);
	if (st != OM_OK)
		return st;
	q.ticket = (ProtobufCBinaryData){.len = sizeof secret, .data = secret};
	st = ask(s, session->secret, kind, &q, read_made, ends_at_out, &why);
	return st == OM_OK ? st : away(st, &why, "there are no tickets now", e);
}

static void
read_spent(void *arg, const void *reply)
{
	const Om__TicketSpendReply *r = reply;
	struct gw_session *out = arg;

	out->expires_at = r->known ? om_now() + r->left_us : 0;
}

om_status
gw_ticket_spend(struct gw_sessions *s, const char *token, const char *path, struct gw_session *out, om_err *e)
{
	static const struct gw_ask kind = {OM__REQUEST__BODY_TICKET_SPEND, OM__REPLY__BODY_TICKET_SPEND};
	Om__TicketSpend q = OM__TICKET_SPEND__INIT;
	unsigned char raw[OM_SHA256];
	om_err why = {.text = ""};
	om_status st;

	*out = (struct gw_session){.expires_at = 0};
	if (!gw_token_read(token, raw))
		return om_fail(e, OM_UNAUTHENTICATED, "the ticket is malformed");
	if ((st = ticket_secret(s, raw, path, out->secret)) != OM_OK)
		return st;
	q.ticket = (ProtobufCBinaryData){.len = GW_SECRET, .data = out->secret};
	st = ask(s, NULL, kind, &q, read_spent, out, &why);
	if (st != OM_OK)
		return away(st, &why, "tickets are not taken now", e);
	if (out->expires_at == 0)
		return om_fail(e, OM_UNAUTHENTICATED,
		    "the ticket was used, is older than a minute, or is for another path; ask for another one");
	gw_known_keep(s->known, out);
	return OM_OK;
}
