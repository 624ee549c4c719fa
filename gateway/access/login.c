/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "access_in.h"
#include "auth.h"
#include "link.h"
#include "mark.h"
#include "password.h"
#include "session.h"
#include "throttle.h"
#include "answer/reply.h"
#include "peers/peers.h"
#include "base/day.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"

#include <stdio.h>
#include <string.h>

static struct om_stat st_failed =
    OM_COUNTER("owui_metering_login_failures_total", NULL, "Logins with a wrong password.");
static struct om_stat st_throttled =
    OM_COUNTER("owui_metering_logins_throttled_total", NULL, "Logins refused because of too many failures.");

/* write_session: token is the header's of a session that has just begun; NULL for one that is asked about. */
static void
write_session(const struct gw_parts *parts, struct gw_reply *rp, om_time expires_at, const char *token)
{
	char today[OM_DAY_TEXT], first[OM_DAY_TEXT];
	struct gw_costd_status costd;
	om_time now = om_now();
	struct om_jw w;

	gw_peers_costd_status(parts->peers, &costd);
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	if (token != NULL)
		gw_write_text(&w, "token", token);
	gw_write_time(&w, "expires_at", expires_at);
	gw_write_text(&w, "timezone", costd.timezone);
	gw_write_text(&w, "currency", "USD");
	gw_write_text(&w, "version", OM_PROGRAM_VERSION);
	gw_write_time(&w, "now", now);
	gw_write_text(&w, "today", om_day_text(gw_peers_today(&costd, now), today));
	gw_write_text(&w, "first_day", costd.has_first_day ? om_day_text(costd.first_day, first) : NULL);
	om_jw_close(&w, '}');
}

/* A brake that lets a try pass, and the name under which it counts it. */
struct turn {
	struct gw_throttle *brake;
	char name[GW_ADDRESS];
};

/* take_turn: a browser that has logged in before has a brake of its own, so that nobody at the same address closes its
 * door; that of its address is there for it as well, so that who has its mark does not either. */
static om_status
take_turn(struct gw_access *a, const struct gw_req *rq, struct turn *out, int64_t *wait_s)
{
	char mark[GW_SIGNED_TEXT];
	om_status s = OM_THROTTLED;

	out->brake = a->marks;
	if (gw_auth_cookie_of(rq, GW_MARK_COOKIE, mark, sizeof mark) &&
	    gw_mark_read(&a->keys, mark, om_now(), out->name))
		s = gw_throttle_begin(out->brake, out->name, om_mono_ms(), wait_s);
	if (s == OM_OK)
		return s;
	out->brake = a->passwords;
	(void)snprintf(out->name, sizeof out->name, "%s", rq->client);
	return gw_throttle_begin(out->brake, out->name, om_mono_ms(), wait_s);
}

/* verify judges the password, which it keeps no copy of. */
static om_status
verify(struct gw_access *a, const struct gw_req *rq, struct gw_reply *rp, const char *password, size_t n, om_err *e)
{
	struct turn turn;
	int64_t wait_s;
	om_status s = take_turn(a, rq, &turn, &wait_s);

	if (s != OM_OK) {
		om_stat_add(&st_throttled, 1);
		gw_reply_header(rp, "Retry-After", "%lld", (long long)wait_s);
		return om_fail(e, s,
		    "too many failed logins; try again in %lld s, or take a link of gateway --login-link on the host",
		    (long long)wait_s);
	}
	s = gw_password_verify(a->opts.password_hash, password, n, e);
	if (s == OM_OK) {
		gw_throttle_succeed(turn.brake, turn.name);
	} else if (s == OM_UNAUTHENTICATED) {
		om_stat_add(&st_failed, 1);
		om_log(OM_LOG_WARN, "login failed", "client", rq->client, NULL);
	} else {
		gw_throttle_undo(turn.brake, turn.name);
	}
	return s;
}

/* mark gives the browser its mark for the next time. */
static void
mark(const struct gw_access *a, const struct gw_req *rq, struct gw_reply *rp)
{
	char text[GW_SIGNED_TEXT];

	if (gw_mark_make(&a->keys, om_now(), text, NULL) == OM_OK)
		gw_auth_mark_cookie(a, rq, rp, text);
}

/* enter begins a session for who has shown that they may, and gives the browser both of its tokens. */
static om_status
enter(const struct gw_parts *parts, const struct gw_req *rq, struct gw_reply *rp, const struct gw_link *link, om_err *e)
{
	struct gw_access *a = parts->access;
	struct gw_session session;
	struct gw_tokens tokens;
	om_status s = gw_sessions_begin(a->sessions, om_now(), a->opts.session_lifetime_s, link, &tokens, &session, e);

	if (s == OM_OK) {
		om_log(OM_LOG_INFO, "login", "client", rq->client, NULL);
		gw_auth_cookie(a, rq, rp, tokens.cookie);
		mark(a, rq, rp);
		write_session(parts, rp, session.expires_at, tokens.header);
	}
	om_secret_clear(&tokens, sizeof tokens);
	return s;
}

om_status
gw_session_begin(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	const json_t *password;
	json_t *doc = NULL;
	size_t n;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s != OM_OK)
		return s;
	password = json_object_get(doc, "password");
	n = json_string_length(password);
	if (!json_is_string(password) || n == 0 || n > GW_PASSWORD_MAX)
		s = om_fail(e, OM_INVALID, "password: must be a text of 1 to %d bytes", GW_PASSWORD_MAX);
	else
		s = verify(parts->access, rq, rp, json_string_value(password), n, e);
	json_decref(doc);
	return s == OM_OK ? enter(parts, rq, rp, NULL, e) : s;
}

om_status
gw_session_begin_by_link(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	struct gw_link link;
	const char *code;
	json_t *doc = NULL;
	om_status s = om_json_parse(rq->body, rq->n_body, &doc, e);

	if (s != OM_OK)
		return s;
	code = json_string_value(json_object_get(doc, "code"));
	s = code == NULL ? om_fail(e, OM_INVALID, "code: must be the text behind #link= of a login link")
			 : gw_link_read(&parts->access->keys, code, om_now(), &link, e);
	json_decref(doc);
	return s == OM_OK ? enter(parts, rq, rp, &link, e) : s;
}

om_status
gw_session_end(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	om_status s = OM_OK;

	if (rq->who == GW_SESSION)
		s = gw_sessions_end(parts->access->sessions, &rq->session, e);
	gw_auth_cookie(parts->access, rq, rp, "");
	rp->status = 204;
	return s;
}

om_status
gw_sessions_end_every(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	uint64_t ended = 0;
	struct om_jw w;
	om_status s = gw_sessions_end_all(parts->access->sessions, &rq->session, &ended, e);

	if (s != OM_OK)
		return s;
	om_log(OM_LOG_WARN, "all sessions were ended", "client", rq->client, "sessions", OM_I64(ended), NULL);
	gw_auth_cookie(parts->access, rq, rp, "");
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	om_jw_key(&w, "ended");
	om_jw_int(&w, (int64_t)ended);
	om_jw_close(&w, '}');
	return OM_OK;
}

om_status
gw_session_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	(void)e;
	write_session(parts, rp, rq->session.expires_at, NULL);
	return OM_OK;
}
