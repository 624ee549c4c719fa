/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "session.h"

#include "base/digest.h"
#include "base/invariant.h"
#include "base/text.h"

#include <jwt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_BYTES 16
#define LAST_S   253402300799 /* the end of the year 9999 */

struct ended {
	char id[2 * ID_BYTES + 1];
	om_time expires_at;
};

struct gw_sessions {
	unsigned char *secret; /* owned */
	int secret_bytes;

	pthread_mutex_t lock;
	struct ended *ended; /* owned; lock; in no order */
	size_t n_ended, cap_ended;
};

om_status
gw_sessions_new(const char *secret, struct gw_sessions **out, om_err *e)
{
	struct gw_sessions *s = calloc(1, sizeof *s);
	size_t n = strlen(secret);

	*out = s;
	if (s == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)pthread_mutex_init(&s->lock, NULL);
	s->secret = malloc(n + 1);
	if (s->secret == NULL) {
		gw_sessions_free(out);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	memcpy(s->secret, secret, n + 1);
	s->secret_bytes = (int)n;
	return OM_OK;
}

void
gw_sessions_free(struct gw_sessions **sp)
{
	struct gw_sessions *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->secret != NULL)
		om_secret_clear(s->secret, (size_t)s->secret_bytes);
	free(s->secret);
	free(s->ended);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

om_status
gw_sessions_begin(
    struct gw_sessions *s, om_time now, int64_t lifetime_s, char token[GW_TOKEN_MAX], struct gw_session *out, om_err *e)
{
	unsigned char raw[ID_BYTES];
	int64_t now_s = now / OM_SECOND, exp_s = now_s + lifetime_s;
	jwt_t *jwt = NULL;
	char *text = NULL;
	om_status st = om_random(raw, sizeof raw, e);

	om_check(lifetime_s > 0);
	if (st != OM_OK)
		return st;
	om_hex(raw, sizeof raw, out->id);
	out->expires_at = exp_s * OM_SECOND;
	if (jwt_new(&jwt) == 0 && jwt_add_grant(jwt, "sub", "admin") == 0 && jwt_add_grant(jwt, "jti", out->id) == 0 &&
	    jwt_add_grant_int(jwt, "iat", (long)now_s) == 0 && jwt_add_grant_int(jwt, "exp", (long)exp_s) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, s->secret, s->secret_bytes) == 0)
		text = jwt_encode_str(jwt);
	jwt_free(jwt);
	if (text == NULL || strlen(text) >= GW_TOKEN_MAX)
		st = om_fail(e, OM_INTERNAL, "cannot sign a session token");
	else
		memcpy(token, text, strlen(text) + 1);
	free(text);
	return st;
}

static bool
is_ended(struct gw_sessions *s, const char *id)
{
	bool found = false;

	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_ended && !found; i++)
		found = strcmp(s->ended[i].id, id) == 0;
	(void)pthread_mutex_unlock(&s->lock);
	return found;
}

static bool
is_id(const char *id)
{
	unsigned char raw[ID_BYTES];

	return id != NULL && strlen(id) == sizeof raw * 2 && om_unhex(id, sizeof raw * 2, raw);
}

om_status
gw_sessions_check(struct gw_sessions *s, const char *token, om_time now, struct gw_session *out, om_err *e)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	jwt_t *jwt = NULL;
	const char *id;
	long exp_s = 0;
	bool ok;

	*out = (struct gw_session){.expires_at = 0};
	if (strlen(token) >= GW_TOKEN_MAX || strspn(token, alphabet) != strlen(token))
		return om_fail(e, OM_UNAUTHENTICATED, "the session token is malformed");
	if (jwt_decode(&jwt, token, s->secret, s->secret_bytes) != 0)
		return om_fail(e, OM_UNAUTHENTICATED, "the gateway did not sign the session token");
	id = jwt_get_grant(jwt, "jti");
	exp_s = jwt_get_grant_int(jwt, "exp");
	ok = jwt_get_alg(jwt) == JWT_ALG_HS256 && is_id(id) && exp_s > 0 && exp_s < LAST_S;
	if (ok) {
		memcpy(out->id, id, strlen(id) + 1);
		out->expires_at = (om_time)exp_s * OM_SECOND;
	}
	jwt_free(jwt);
	if (!ok)
		return om_fail(e, OM_UNAUTHENTICATED, "the gateway did not sign the session token");
	if (now >= out->expires_at || is_ended(s, out->id)) {
		*out = (struct gw_session){.expires_at = 0};
		return om_fail(e, OM_UNAUTHENTICATED, "the session has ended; log in again");
	}
	return OM_OK;
}

om_status
gw_sessions_end(struct gw_sessions *s, const char *id, om_time expires_at, om_time now, om_err *e)
{
	om_status st = OM_OK;
	size_t kept = 0;

	if (!is_id(id))
		return om_fail(e, OM_INVALID, "not a session id");
	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_ended; i++)
		if (s->ended[i].expires_at > now)
			s->ended[kept++] = s->ended[i];
	s->n_ended = kept;
	if (s->n_ended == s->cap_ended) {
		size_t cap = s->cap_ended == 0 ? 16 : s->cap_ended * 2;
		struct ended *p = realloc(s->ended, cap * sizeof *p);

		if (p == NULL) {
			st = om_fail(e, OM_NOMEM, "out of memory");
		} else {
			s->ended = p;
			s->cap_ended = cap;
		}
	}
	if (st == OM_OK) {
		memcpy(s->ended[s->n_ended].id, id, strlen(id) + 1);
		s->ended[s->n_ended++].expires_at = expires_at;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return st;
}

bool
gw_sessions_runs(struct gw_sessions *s, const struct gw_session *session, om_time now)
{
	return now < session->expires_at && !is_ended(s, session->id);
}
