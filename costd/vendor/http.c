/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http.h"

#include "base/digest.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_BYTES        4096
#define CONNECT_MS       5000L
#define MAX_HEADER_LINES 200
#define MOST_DROPPED     ((size_t)1024 * 1024) /* of the reply to a POST */

struct cd_http {
	const struct cd_provider_opts *opts; /* borrowed */
	const atomic_bool *stop;             /* borrowed */
	CURL *curl;                          /* owned; keeps its connection */
	struct curl_slist *headers;          /* owned */
};

struct receive {
	struct cd_http_reply *reply;
	int header_lines;
};

om_status
cd_http_global(om_err *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return om_fail(e, OM_INTERNAL, "curl cannot be initialised");
	return OM_OK;
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct receive *r = arg;

	om_buf_add(&r->reply->body, data, size * n);
	return r->reply->body.status == OM_OK ? size * n : 0;
}

static size_t
take_header(char *data, size_t size, size_t n, void *arg)
{
	static const char name[] = "retry-after:";
	struct receive *r = arg;
	size_t len = size * n, at = sizeof name - 1;

	if (++r->header_lines > MAX_HEADER_LINES)
		return 0;
	if (len <= at || strncasecmp(data, name, at) != 0)
		return len;
	while (at < len && (data[at] == ' ' || data[at] == '\t'))
		at++;
	while (len > at && (data[len - 1] == '\r' || data[len - 1] == '\n' || data[len - 1] == ' '))
		len--;
	if (len - at < sizeof r->reply->retry_after) {
		memcpy(r->reply->retry_after, data + at, len - at);
		r->reply->retry_after[len - at] = '\0';
	}
	return size * n;
}

static int
look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(*(const atomic_bool *const *)arg) ? 1 : 0;
}

static om_status
set_headers(struct cd_http *h, om_err *e)
{
	char line[1024];
	struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");

	h->headers = list;
	if (list == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (h->opts->api_key == NULL)
		return OM_OK;
	if ((size_t)snprintf(line, sizeof line, "Authorization: Bearer %s", h->opts->api_key) >= sizeof line)
		return om_fail(e, OM_INVALID, "a key for the API that is asked is too long");
	list = curl_slist_append(list, line);
	om_secret_clear(line, sizeof line);
	if (list == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	h->headers = list;
	return OM_OK;
}

#define SET(option, value)                                       \
	do {                                                     \
		if (rv == CURLE_OK)                              \
			rv = curl_easy_setopt(c, option, value); \
	} while (0)

/* set_common: what all calls have in common; *stop ends one. */
static CURLcode
set_common(CURL *c, struct curl_slist *headers, const atomic_bool **stop)
{
	CURLcode rv = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_USERAGENT, "OWUI-Metering/" OM_PROGRAM_VERSION);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* or newer: 1.3 where the other side has it */
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, look_at_stop);
	SET(CURLOPT_XFERINFODATA, stop);
	return rv;
}

static CURLcode
set_options(struct cd_http *h)
{
	CURL *c = h->curl;
	CURLcode rv = set_common(c, h->headers, &h->stop);

	SET(CURLOPT_ACCEPT_ENCODING, "");
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	return rv;
}

om_status
cd_http_new(const struct cd_provider_opts *o, const atomic_bool *stop, struct cd_http **out, om_err *e)
{
	struct cd_http *h = calloc(1, sizeof *h);
	om_status s;

	*out = NULL;
	if (h == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	h->opts = o;
	h->stop = stop;
	h->curl = curl_easy_init();
	s = h->curl != NULL ? set_headers(h, e) : om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK && set_options(h) != CURLE_OK)
		s = om_fail(e, OM_INTERNAL, "curl refuses an option");
	if (s != OM_OK) {
		cd_http_free(&h);
		return s;
	}
	*out = h;
	return OM_OK;
}

void
cd_http_free(struct cd_http **hp)
{
	struct cd_http *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	for (struct curl_slist *l = h->headers; l != NULL; l = l->next)
		om_secret_clear(l->data, strlen(l->data));
	curl_slist_free_all(h->headers);
	if (h->curl != NULL)
		curl_easy_cleanup(h->curl);
	free(h);
}

static om_status
build_url(struct cd_http *h, const char *path, const char *query, const char *value, char url[URL_BYTES], om_err *e)
{
	size_t base = strlen(h->opts->base_url);
	char *escaped = NULL;
	int n;

	while (base > 0 && h->opts->base_url[base - 1] == '/')
		base--;
	if (query != NULL) {
		escaped = curl_easy_escape(h->curl, value, 0);
		if (escaped == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
	}
	n = snprintf(url, URL_BYTES, "%.*s%s%s%s%s%s", (int)(base > 2048 ? 2048 : base), h->opts->base_url, path,
	    query != NULL ? "?" : "", query != NULL ? query : "", query != NULL ? "=" : "",
	    query != NULL ? escaped : "");
	curl_free(escaped);
	return n > 0 && n < URL_BYTES ? OM_OK : om_fail(e, OM_INVALID, "the URL is too long");
}

om_status
cd_http_get(struct cd_http *h, const char *path, const char *query, const char *value, size_t max_bytes,
    long timeout_ms, struct cd_http_reply *out, om_err *e)
{
	struct receive r = {.reply = out};
	char url[URL_BYTES];
	const char *type = NULL;
	long status = 0;
	om_status s;
	CURLcode rv;

	*out = (struct cd_http_reply){.status = 0};
	om_buf_init(&out->body, max_bytes);
	s = build_url(h, path, query, value, url, e);
	if (s != OM_OK)
		return s;
	rv = curl_easy_setopt(h->curl, CURLOPT_URL, url);
	if (rv == CURLE_OK)
		rv = curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	if (rv == CURLE_OK)
		rv = curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, &r);
	if (rv == CURLE_OK)
		rv = curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, &r);
	if (rv == CURLE_OK)
		rv = curl_easy_perform(h->curl);
	if (out->body.status == OM_TOO_LARGE)
		return om_fail(e, OM_TOO_LARGE, "the reply is larger than %zu bytes", max_bytes);
	if (rv != CURLE_OK)
		return om_fail(e, OM_UNAVAILABLE, "no reply: %s", curl_easy_strerror(rv));
	(void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	out->status = (int)status;
	if (curl_easy_getinfo(h->curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
		(void)snprintf(out->type, sizeof out->type, "%.*s", (int)strcspn(type, "; \t"), type);
	return OM_OK;
}

/* ---- POST ---- */

static size_t
drop_body(char *data, size_t size, size_t n, void *arg)
{
	size_t *total = arg;

	(void)data;
	*total += size * n;
	return *total <= MOST_DROPPED ? size * n : 0; /* only the status counts */
}

static struct curl_slist *
copy_headers(const struct cd_http_post *p)
{
	struct curl_slist *list = NULL, *more;

	for (size_t i = 0; i < p->n_headers; i++) {
		more = curl_slist_append(list, p->headers[i]);
		if (more == NULL) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = more;
	}
	return list;
}

static CURLcode
post(CURL *c, const struct cd_http_post *p, struct curl_slist *headers, const atomic_bool *stop, long *status)
{
	CURLcode rv = set_common(c, headers, &stop);
	size_t received = 0;

	SET(CURLOPT_URL, p->url);
	SET(CURLOPT_TIMEOUT_MS, p->timeout_ms);
	SET(CURLOPT_POSTFIELDSIZE, (long)strlen(p->body));
	SET(CURLOPT_POSTFIELDS, p->body);
	SET(CURLOPT_WRITEFUNCTION, drop_body);
	SET(CURLOPT_WRITEDATA, &received);
	if (rv == CURLE_OK)
		rv = curl_easy_perform(c);
	/* a reply that is too long has told its status all the same */
	if (rv == CURLE_OK || rv == CURLE_WRITE_ERROR)
		(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
	return rv;
}

om_status
cd_http_post(const struct cd_http_post *p, const atomic_bool *stop, int *status_out, om_err *e)
{
	struct curl_slist *headers = copy_headers(p);
	CURL *c = curl_easy_init();
	long status = 0;
	om_status s = OM_OK;
	CURLcode rv;

	*status_out = 0;
	if (c == NULL || (headers == NULL && p->n_headers > 0)) {
		s = om_fail(e, OM_NOMEM, "out of memory");
	} else {
		rv = post(c, p, headers, stop, &status);
		*status_out = (int)status;
		if (status == 0)
			s = om_fail(e, OM_UNAVAILABLE, "%s", curl_easy_strerror(rv));
	}
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	return s;
}

#undef SET

bool
cd_http_is_json(const struct cd_http_reply *r)
{
	size_t n = strlen(r->type);

	return n == 0 || strcasecmp(r->type, "application/json") == 0 ||
	    (n > 5 && strcasecmp(r->type + n - 5, "+json") == 0);
}

void
cd_http_reply_fini(struct cd_http_reply *r)
{
	om_buf_fini(&r->body);
}
