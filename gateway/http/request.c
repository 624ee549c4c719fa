/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "request.h"

#include "base/invariant.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLY_BYTES   ((size_t)64 * 1024 * 1024)
#define HEADERS_BYTES 8192
#define MAX_HEADERS   64 /* of which the server sees no more */

static struct om_stat st_requests[5] = {
    OM_COUNTER("owui_metering_http_requests_total", "code=\"1xx\"", "Answers given, by class."),
    OM_COUNTER("owui_metering_http_requests_total", "code=\"2xx\"", "Answers given, by class."),
    OM_COUNTER("owui_metering_http_requests_total", "code=\"3xx\"", "Answers given, by class."),
    OM_COUNTER("owui_metering_http_requests_total", "code=\"4xx\"", "Answers given, by class."),
    OM_COUNTER("owui_metering_http_requests_total", "code=\"5xx\"", "Answers given, by class."),
};
static struct om_stat st_time =
    OM_HISTOGRAM("owui_metering_http_request_seconds", NULL, "How long requests took, body and reply included.");

const char *
gw_req_header(const struct gw_req *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_headers; i++)
		if (strcasecmp(rq->headers[i].name, name) == 0)
			return rq->headers[i].value;
	return NULL;
}

const char *
gw_req_arg(const struct gw_req *rq, const char *name)
{
	for (size_t i = 0; i < rq->n_args; i++)
		if (strcmp(rq->args[i].name, name) == 0)
			return rq->args[i].value;
	return NULL;
}

void
gw_reply_init(struct gw_reply *rp)
{
	*rp = (struct gw_reply){.status = 200};
	om_buf_init(&rp->headers, HEADERS_BYTES);
	om_buf_init(&rp->body, REPLY_BYTES);
}

void
gw_reply_fini(struct gw_reply *rp)
{
	if (rp->send_done != NULL)
		rp->send_done(rp->send_arg);
	om_buf_fini(&rp->headers);
	om_buf_fini(&rp->body);
}

void
gw_reply_header(struct gw_reply *rp, const char *name, const char *fmt, ...)
{
	char value[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof value, fmt, ap);
	va_end(ap);
	for (char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '_';
	om_buf_printf(&rp->headers, "%s: %s\r\n", name, value);
}

static bool
is_plain(uint32_t c)
{
	return c < 0x80 && c != 0 &&
	    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", (int)c) != NULL;
}

/* is_shown tells whether a character may stand in a name that a person sees: none that ends a
 * header, names another folder, or turns the direction of the text. */
static bool
is_shown(uint32_t c)
{
	return c >= 0x20 && c != '/' && c != '\\' && (c < 0x7f || c > 0x9f) && c != 0x61c && c != 0x200e &&
	    c != 0x200f && (c < 0x2028 || c > 0x202e) && (c < 0x2066 || c > 0x2069) && c != 0xfeff && c != 0xfffd;
}

/* put_name writes as many whole characters as fit into `out`, those of UTF-8 percent-encoded where they
 * may be; a dot in front would hide the file. */
static void
put_name(char *out, size_t room, const char *name, bool encoded)
{
	const char *end = name + strlen(name), *p = name;
	size_t n = 0;

	while (p < end && n + 13 <= room) { /* four bytes, encoded, and the zero */
		const char *at = p;
		uint32_t c = om_utf8_next(&p, end);

		if (is_plain(c) && !(c == '.' && n == 0))
			out[n++] = (char)c;
		else if (!encoded || !is_shown(c) || c == '.')
			out[n++] = '_';
		else
			for (; at < p; at++)
				n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned)(unsigned char)*at);
	}
	out[n] = '\0';
}

void
gw_reply_filename(struct gw_reply *rp, const char *plain, const char *shown)
{
	char name[200], encoded[720];

	plain = plain != NULL && plain[0] != '\0' ? plain : "file";
	put_name(name, sizeof name, plain, false);
	put_name(encoded, sizeof encoded, shown != NULL && shown[0] != '\0' ? shown : plain, true);
	gw_reply_header(rp, "Content-Disposition", "attachment; filename=\"%s\"; filename*=UTF-8''%s", name, encoded);
}

const char *
gw_http_reason(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} table[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {421, "Misdirected Request"},
	    {429, "Too Many Requests"},
	    {500, "Internal Server Error"},
	    {503, "Service Unavailable"},
	    {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].status == status)
			return table[i].phrase;
	return status < 500 ? "Request Refused" : "Server Error";
}

/* hints adds the headers that go with a failure. */
static void
hints(struct gw_reply *rp, om_status s)
{
	if (rp->status == 401)
		gw_reply_header(rp, "WWW-Authenticate", "Bearer realm=\"owui-metering\"");
	if (rp->status == 503 && strstr(rp->headers.len > 0 ? rp->headers.data : "", "Retry-After:") == NULL)
		gw_reply_header(rp, "Retry-After", "%d", s == OM_FULL ? 30 : 5);
}

void
gw_reply_problem(struct gw_reply *rp, const struct gw_req *rq, om_status s, const char *detail, const char *extra)
{
	struct om_jw w;

	om_check(s != OM_OK);
	rp->status = om_status_http(s);
	rp->type = "application/problem+json";
	rp->cache_control = NULL;
	rp->data = NULL;
	hints(rp, s);
	om_buf_reset(&rp->body);
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "type");
	om_jw_text(&w, "about:blank");
	om_jw_key(&w, "title");
	om_jw_text(&w, gw_http_reason(rp->status));
	om_jw_key(&w, "status");
	om_jw_int(&w, rp->status);
	om_jw_key(&w, "detail");
	om_jw_text(&w, detail);
	om_jw_key(&w, "request_id");
	om_jw_text(&w, rq->request_id);
	if (extra != NULL)
		om_buf_str(&rp->body, extra);
	om_jw_close(&w, '}');
}

void
gw_reply_legacy(struct gw_reply *rp, om_status s, const char *detail)
{
	struct om_jw w;

	rp->status = om_status_http(s);
	rp->type = "application/json";
	rp->cache_control = NULL;
	rp->data = NULL;
	hints(rp, s);
	om_buf_reset(&rp->body);
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "success");
	om_jw_bool(&w, false);
	om_jw_key(&w, "error");
	om_jw_text(&w, detail);
	om_jw_close(&w, '}');
}

void
gw_reply_note(const struct gw_req *rq, const struct gw_reply *rp, size_t bytes, om_time start)
{
	int64_t micros = om_now() - start;
	int class = rp->status / 100;

	om_stat_add(&st_requests[class >= 1 && class <= 5 ? class - 1 : 4], 1);
	if (rp->send == NULL) /* a stream lasts as long as its client watches it */
		om_stat_observe_us(&st_time, micros > 0 ? micros : 0);
	om_log(rp->quiet && rp->status == 200 ? OM_LOG_DEBUG : OM_LOG_INFO, "request", "status", OM_I64(rp->status),
	    "ms", OM_I64(micros / 1000), "bytes", OM_I64(bytes), "method", rq->method, "path",
	    rq->route != NULL ? rq->route : "-", NULL); /* a path that is no route may hold anything, a person too */
}

static bool
is_token(const char *name)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";

	if (*name == '\0')
		return false;
	for (const char *p = name; *p != '\0'; p++) {
		bool alnum = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');

		if (!alnum && strchr(extra, *p) == NULL)
			return false;
	}
	return true;
}

static size_t
count_header(const struct gw_req *rq, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < rq->n_headers; i++)
		n += strcasecmp(rq->headers[i].name, name) == 0;
	return n;
}

static om_status
check_lengths(const struct gw_req *rq, om_err *e)
{
	const char *cl = gw_req_header(rq, "Content-Length");
	const char *te = gw_req_header(rq, "Transfer-Encoding");
	uint64_t n;

	if (cl != NULL && te != NULL)
		return om_fail(e, OM_INVALID, "Content-Length and Transfer-Encoding are both given");
	if (cl != NULL && !om_u64_parse(cl, INT64_MAX - 1, &n))
		return om_fail(e, OM_INVALID, "Content-Length is not a decimal number");
	if (te != NULL && strcasecmp(te, "chunked") != 0)
		return om_fail(e, OM_INVALID, "Transfer-Encoding is not chunked");
	return OM_OK;
}

om_status
gw_req_check(const struct gw_req *rq, const char *http_version, om_err *e)
{
	static const char *const once[] = {
	    "Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Authorization", "Origin"};
	const char *path_end = rq->path + strlen(rq->path);
	const char *why = NULL;

	if (rq->n_headers >= MAX_HEADERS)
		return om_fail(e, OM_INVALID, "%d or more header lines", MAX_HEADERS);
	for (size_t i = 0; i < rq->n_headers; i++) {
		if (!is_token(rq->headers[i].name))
			return om_fail(e, OM_INVALID, "a header's name has characters that may not stand there");
		for (const char *p = rq->headers[i].value; *p != '\0'; p++)
			if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
				return om_fail(e, OM_INVALID, "a header's value has control characters");
	}
	for (size_t i = 0; i < sizeof once / sizeof once[0]; i++)
		if (count_header(rq, once[i]) > 1)
			return om_fail(e, OM_INVALID, "the header %s is given twice", once[i]);
	if (strcmp(http_version, "1.0") != 0 && count_header(rq, "Host") == 0)
		return om_fail(e, OM_INVALID, "the header Host is missing");
	if (rq->path[0] != '/')
		return om_fail(e, OM_INVALID, "the path does not begin with /");
	if (gw_percent_decode(rq->arena, rq->path, (size_t)(path_end - rq->path), false, &why) == NULL)
		return om_fail(e, gw_decode_fault(rq), "the path %s", why);
	return check_lengths(rq, e);
}

char *
gw_percent_decode(struct om_arena *a, const char *text, size_t n, bool plus_is_space, const char **why)
{
	char *out = om_arena_alloc(a, n + 1);
	size_t len = 0;

	if (out == NULL) {
		*why = "does not fit into memory";
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%') {
			if (n - i < 3 || !om_unhex(text + i + 1, 2, &c)) {
				*why = "has a % that two hexadecimal digits do not follow";
				return NULL;
			}
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		out[len++] = (char)c;
	}
	if (!om_utf8_valid(out, len)) {
		*why = "is not UTF-8";
		return NULL;
	}
	if (!om_text_clean(out, len)) {
		*why = "has control characters";
		return NULL;
	}
	return out;
}

bool
gw_media_is(const struct gw_req *rq, const char *type)
{
	const char *v = gw_req_header(rq, "Content-Type");
	size_t n = strlen(type);

	if (v == NULL || strncasecmp(v, type, n) != 0)
		return false;
	v += n;
	v += strspn(v, " \t");
	if (*v == '\0')
		return true;
	if (*v++ != ';')
		return false;
	v += strspn(v, " \t");
	if (strncasecmp(v, "charset=", 8) != 0)
		return true; /* a parameter without a meaning here */
	v += 8;
	return strcasecmp(v, "utf-8") == 0 || strcasecmp(v, "\"utf-8\"") == 0;
}

/* weight reads ";q=0.5" after a coding; true unless it is zero. */
static bool
weight(const char *p, const char *end)
{
	for (; p < end; p++)
		if ((*p == 'q' || *p == 'Q') && end - p > 2 && p[1] == '=')
			return strtod(p + 2, NULL) > 0;
	return true;
}

bool
gw_accepts_gzip(const struct gw_req *rq)
{
	const char *v = gw_req_header(rq, "Accept-Encoding");

	while (v != NULL && *v != '\0') {
		size_t n = strcspn(v, ",");
		size_t lead = strspn(v, " \t");

		if (lead < n && strncasecmp(v + lead, "gzip", 4) == 0 &&
		    (lead + 4 == n || strchr("; \t", v[lead + 4]) != NULL))
			return weight(v + lead + 4, v + n);
		v += n;
		v += *v == ',';
	}
	return false;
}

bool
gw_etag_matches(const struct gw_req *rq, const char *etag)
{
	const char *v = gw_req_header(rq, "If-None-Match");
	size_t n = strlen(etag);

	while (v != NULL && *v != '\0') {
		v += strspn(v, " \t,");
		if (*v == '*')
			return true;
		if (strncmp(v, "W/", 2) == 0)
			v += 2;
		if (strncmp(v, etag, n) == 0 && (v[n] == '\0' || strchr(", \t", v[n]) != NULL))
			return true;
		v += strcspn(v, ",");
	}
	return false;
}
