/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * http.h - GET at the provider or at Open WebUI, and POST to an address of the
 * settings; http.c is the only file that uses curl.
 *
 * Room vendor
 *   Does      asks the provider and Open WebUI, and says what their replies mean
 *             (openrouter.h, openwebui.h); carries HTTP for rooms that have something
 *             to send
 *   Owns      the connections that leave costd
 *   Promises  any bytes give a meaning or OM_PROTOCOL; time and size are bounded
 *   Never     SQL; logs the key
 *
 * Promise   Goes to the configured address and nowhere else: no redirects, no
 *           proxy from the environment, http and https only.  The key travels
 *           in the Authorization header only, to that address only; neither it nor
 *           an address is ever logged.  Bodies, headers and time are bounded by
 *           this program, not by the peer.
 * Threads   One cd_http, one thread at a time; cd_http_post from any; cd_http_global
 *           once at start.
 */
#ifndef CD_HTTP_H
#define CD_HTTP_H

#include "base/buf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cd_provider_opts {
	const char *base_url;
	const char *api_key; /* NULL: none */
};

struct cd_http;

struct cd_http_reply {
	int status;           /* HTTP; 0: no answer, why is in the error */
	char retry_after[64]; /* "": no such header */
	char type[64];        /* content type without parameters, "": none */
	struct om_buf body;   /* cd_http_reply_fini */
};

om_status cd_http_global(om_err *e) OM_MUST;

/* cd_http_new: everything under way ends soon after *stop becomes true. */
om_status cd_http_new(
    const struct cd_provider_opts *o, const atomic_bool *stop, struct cd_http **out, om_err *e) OM_MUST;
void cd_http_free(struct cd_http **h);

/* cd_http_get asks for base_url + path; `query` is NULL or a name, `value` its
 * value, escaped here.  OM_OK whenever there is a status; OM_UNAVAILABLE when
 * there is none; OM_TOO_LARGE when the body passes max_bytes. */
om_status cd_http_get(struct cd_http *h, const char *path, const char *query, const char *value, size_t max_bytes,
    long timeout_ms, struct cd_http_reply *out, om_err *e) OM_MUST;
/* cd_http_is_json: a reply without a type may be. */
bool cd_http_is_json(const struct cd_http_reply *r);
void cd_http_reply_fini(struct cd_http_reply *r);

struct cd_http_post {
	const char *url;
	const char *const *headers; /* "Name: value" */
	size_t n_headers;
	const char *body;
	long timeout_ms;
};

/* cd_http_post sends the body; of the reply the status alone is read.  OM_OK whenever
 * there is one; OM_UNAVAILABLE when there is none.  Ends soon after *stop becomes true. */
om_status cd_http_post(const struct cd_http_post *p, const atomic_bool *stop, int *status_out, om_err *e) OM_MUST;

#endif
