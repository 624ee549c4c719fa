/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "auth.h"

#include "access_in.h"
#include "mark.h"
#include "session.h"
#include "ticket.h"
#include "base/digest.h"
#include "base/invariant.h"

#include <string.h>
#include <strings.h>

/* bearer gives the key of an Authorization header: after "Bearer", or bare as
 * older filters send it. */
static const char *
bearer(const char *value)
{
	if (strncasecmp(value, "bearer", 6) == 0 && (value[6] == ' ' || value[6] == '\t'))
		value += 6;
	return value + strspn(value, " \t");
}

bool
gw_auth_cookie_of(const struct gw_req *rq, const char *name, char *out, size_t out_bytes)
{
	const char *p = gw_req_header(rq, "Cookie");
	size_t n = strlen(name);

	while (p != NULL && *p != '\0') {
		size_t len;

		p += strspn(p, " \t;");
		len = strcspn(p, ";");
		if (len > n && strncmp(p, name, n) == 0 && p[n] == '=') {
			const char *value = p + n + 1;
			size_t value_len = len - n - 1;

			while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
				value_len--;
			if (value_len >= out_bytes)
				return false;
			memcpy(out, value, value_len);
			out[value_len] = '\0';
			return value_len > 0;
		}
		p += len;
	}
	return false;
}

static om_status
identify_key(const struct gw_access *a, struct gw_req *rq, const char *key, om_err *e)
{
	bool ingest = om_secret_equal(key, a->opts.api_key);
	bool reader = a->opts.read_api_key != NULL && om_secret_equal(key, a->opts.read_api_key);

	if (!ingest && !reader)
		return om_fail(e, OM_UNAUTHENTICATED, "the key is wrong");
	rq->who = ingest ? GW_INGEST : GW_READER;
	return OM_OK;
}

/* identify_session: the cookie alone is no session, since other ports of the host get it too; nor is the
 * header alone. */
static om_status
identify_session(const struct gw_access *a, struct gw_req *rq, om_err *e)
{
	const char *header = gw_req_header(rq, GW_HEADER);
	char token[GW_TOKEN_TEXT];
	om_status s;

	if (header == NULL || !gw_auth_cookie_of(rq, GW_COOKIE, token, sizeof token))
		return OM_OK;
	s = gw_sessions_check(a->sessions, token, header, om_now(), &rq->session, e);
	om_secret_clear(token, sizeof token);
	if (s == OM_OK)
		rq->who = GW_SESSION;
	return s;
}

bool
gw_auth_has_key(const struct gw_access *a, const struct gw_req *rq)
{
	const char *authorization = gw_req_header(rq, "Authorization");
	struct gw_req as = *rq;

	return authorization != NULL && identify_key(a, &as, bearer(authorization), NULL) == OM_OK;
}

om_status
gw_auth_identify(const struct gw_access *a, struct gw_req *rq, bool by_ticket, om_err *e)
{
	const char *authorization = gw_req_header(rq, "Authorization");
	bool found = false;

	rq->who = GW_ANYONE;
	if (by_ticket) {
		om_status s = gw_ticket_take(a, rq, &found, e);

		if (s != OM_OK || found)
			return s;
	}
	return authorization != NULL ? identify_key(a, rq, bearer(authorization), e) : identify_session(a, rq, e);
}

om_status
gw_auth_allow(const struct gw_req *rq, unsigned who_may, om_err *e)
{
	om_check((rq->who & (rq->who - 1u)) == 0); /* one of them asks */
	if (who_may == GW_ANYONE || (who_may & rq->who) != 0)
		return OM_OK;
	switch (rq->who) {
	case GW_ANYONE:
		return om_fail(e, OM_UNAUTHENTICATED,
		    (who_may & GW_INGEST) != 0 ? "an API key is needed"
					       : "log in, or send a key that may read; a session is its cookie and "
						 "the header " GW_HEADER " together");
	case GW_INGEST:
		return om_fail(e, OM_FORBIDDEN, "the ingest key may not use this call");
	case GW_READER:
		return om_fail(e, OM_FORBIDDEN, "the read key may not use this call");
	case GW_SESSION:
		break;
	}
	return om_fail(e, OM_FORBIDDEN, "a session may not use this call; it needs an API key");
}

/* without_port cuts a default port, which browsers leave out of Origin. */
static size_t
without_port(const char *host, bool https)
{
	const char *port = https ? ":443" : ":80";
	size_t n = strlen(host), p = strlen(port);

	return n > p && strcmp(host + n - p, port) == 0 ? n - p : n;
}

om_status
gw_auth_same_origin(const struct gw_req *rq, om_err *e)
{
	const char *origin = gw_req_header(rq, "Origin"), *host = gw_req_header(rq, "Host");
	const char *site = gw_req_header(rq, "Sec-Fetch-Site");
	bool https;
	size_t n;

	if (site != NULL && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)
		return om_fail(e, OM_FORBIDDEN, "the request comes from another site");
	if (origin == NULL)
		return OM_OK;
	https = strncasecmp(origin, "https://", 8) == 0;
	if (!https && strncasecmp(origin, "http://", 7) != 0)
		return om_fail(e, OM_FORBIDDEN, "the request comes from another site");
	origin += https ? 8 : 7;
	n = without_port(origin, https);
	if (host == NULL || without_port(host, https) != n || strncasecmp(origin, host, n) != 0)
		return om_fail(e, OM_FORBIDDEN,
		    "the request comes from another site (a proxy in front must pass the Host header on)");
	return OM_OK;
}

static void
set_cookie(const struct gw_access *a, const struct gw_req *rq, struct gw_reply *rp, const char *name, const char *value,
    int64_t lasts_s)
{
	const char *choice = a->opts.cookie_secure;
	bool secure = strcmp(choice, "on") == 0 || (strcmp(choice, "auto") == 0 && rq->https);

	om_buf_printf(&rp->headers, "Set-Cookie: %s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s\r\n", name,
	    value, (long long)lasts_s, secure ? "; Secure" : "");
}

void
gw_auth_cookie(const struct gw_access *a, const struct gw_req *rq, struct gw_reply *rp, const char *token)
{
	set_cookie(a, rq, rp, GW_COOKIE, token, token[0] != '\0' ? a->opts.session_lifetime_s : 0);
}

void
gw_auth_mark_cookie(const struct gw_access *a, const struct gw_req *rq, struct gw_reply *rp, const char *mark)
{
	set_cookie(a, rq, rp, GW_MARK_COOKIE, mark, GW_MARK_S);
}
