/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "arguments.h"
#include "base/invariant.h"

#include <string.h>
#include <strings.h>

/* known gives the list's own copy of a name, cut into the arena; NULL if it is
 * not in the list. */
static const char *
known(struct om_arena *a, const char *names, const char *name)
{
	size_t n = strlen(name);

	while (*names != '\0') {
		size_t len = strcspn(names, " ");

		if (len == n && strncmp(names, name, n) == 0)
			return om_arena_strndup(a, names, len);
		names += len + (names[len] == ' ');
	}
	return NULL;
}

static om_status
parse_one(struct gw_req *rq, const char *names, const char *text, size_t n, om_err *e)
{
	const char *eq = memchr(text, '=', n), *why = NULL, *name;
	size_t name_len = eq != NULL ? (size_t)(eq - text) : n;
	char *raw = gw_percent_decode(rq->arena, text, name_len, true, &why), *value;

	if (raw == NULL)
		return om_fail(e, gw_decode_fault(rq), "the name of a query parameter %s", why);
	name = known(rq->arena, names, raw);
	if (name == NULL)
		return om_fail(e, OM_INVALID, "%.64s: is not a parameter of this call", raw);
	if (gw_req_arg(rq, name) != NULL)
		return om_fail(e, OM_INVALID, "%s: is given twice", name);
	value = gw_percent_decode(rq->arena, eq != NULL ? eq + 1 : "", eq != NULL ? n - name_len - 1 : 0, true, &why);
	if (value == NULL)
		return om_fail(e, gw_decode_fault(rq), "%s: %s", name, why);
	if (rq->n_args == GW_QUERY_MAX)
		return om_fail(e, OM_INVALID, "too many query parameters");
	rq->args[rq->n_args].name = name;
	rq->args[rq->n_args++].value = value;
	return OM_OK;
}

om_status
gw_arguments_read(struct gw_req *rq, const char *names, om_err *e)
{
	const char *p = rq->query;
	om_status s = OM_OK;

	om_check(names[0] == '\0' || names[strlen(names) - 1] == ' ');
	rq->n_args = 0;
	while (s == OM_OK && *p != '\0') {
		size_t n = strcspn(p, "&");

		if (n > 0)
			s = parse_one(rq, names, p, n, e);
		p += n + (p[n] == '&');
	}
	return s;
}

bool
gw_media_is_lines(const struct gw_req *rq)
{
	return gw_media_is(rq, "application/x-ndjson") || gw_media_is(rq, "application/ndjson") ||
	    gw_media_is(rq, "application/jsonl");
}

om_status
gw_media_check(const struct gw_req *rq, enum gw_media wanted, om_err *e)
{
	static const struct {
		const char *type, *text;
	} other[] = {
	    [GW_MEDIA_JSON] = {"application/json", ""},
	    [GW_MEDIA_EVENTS] = {"application/x-ndjson", " or application/x-ndjson"},
	    [GW_MEDIA_TRACES] = {"application/x-protobuf", " or application/x-protobuf"},
	};
	const char *encoding = gw_req_header(rq, "Content-Encoding"), *length = gw_req_header(rq, "Content-Length");
	bool traces = wanted == GW_MEDIA_TRACES;
	bool empty = length != NULL ? strcmp(length, "0") == 0 : gw_req_header(rq, "Transfer-Encoding") == NULL;

	if (encoding != NULL && strcasecmp(encoding, "identity") != 0 && !(traces && strcasecmp(encoding, "gzip") == 0))
		return om_fail(e, OM_MEDIA, "Content-Encoding: bodies are taken as they are%s",
		    traces ? " or with gzip" : ", not compressed");
	if (gw_media_is(rq, "application/json") || gw_media_is(rq, other[wanted].type) ||
	    (wanted == GW_MEDIA_EVENTS && gw_media_is_lines(rq)) || (traces && empty))
		return OM_OK;
	return om_fail(e, OM_MEDIA, "Content-Type: must be application/json%s in UTF-8", other[wanted].text);
}
