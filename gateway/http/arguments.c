/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "arguments.h"

#include "base/text.h"
#include "base/zone.h"

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
gw_query_parse(struct gw_req *rq, const char *names, om_err *e)
{
	const char *p = rq->query;
	om_status s = OM_OK;

	rq->n_args = 0;
	while (s == OM_OK && *p != '\0') {
		size_t n = strcspn(p, "&");

		if (n > 0)
			s = parse_one(rq, names, p, n, e);
		p += n + (p[n] == '&');
	}
	return s;
}

om_status
gw_query_text(struct gw_req *rq, const char *name, size_t min, size_t max, char **out, om_err *e)
{
	const char *v = gw_req_arg(rq, name);
	size_t n;

	*out = NULL;
	if (v == NULL)
		return OM_OK;
	n = om_utf8_length(v, strlen(v));
	if (n < min || n > max)
		return om_fail(e, OM_INVALID, "%s: must have %zu to %zu characters", name, min, max);
	*out = om_arena_strdup(rq->arena, v);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
gw_query_limit(const struct gw_req *rq, uint32_t max, uint32_t def, uint32_t *out, om_err *e)
{
	const char *v = gw_req_arg(rq, "limit");
	uint64_t n = def;

	if (v != NULL && (!om_u64_parse(v, max, &n) || n == 0))
		return om_fail(e, OM_INVALID, "limit: must be a whole number from 1 to %u", (unsigned)max);
	*out = (uint32_t)n;
	return OM_OK;
}

/* read_end reads one end of a period; exactly one of *has_day, *has_us is set. */
static om_status
read_end(const char *name, const char *v, int32_t *day, protobuf_c_boolean *has_day, int64_t *us,
    protobuf_c_boolean *has_us, om_err *e)
{
	om_err why = {.text = ""};
	om_status s;

	if (strlen(v) <= 10) {
		s = om_day_parse(v, day, &why);
		*has_day = s == OM_OK;
	} else {
		s = om_time_parse(v, us, &why);
		*has_us = s == OM_OK;
	}
	if (s != OM_OK)
		return om_fail(e, OM_INVALID,
		    "%s: must be a day like 2026-11-23 or an instant like "
		    "2026-11-23T16:40:00Z",
		    name);
	return OM_OK;
}

om_status
gw_query_period(const struct gw_req *rq, Om__Period *out, om_err *e)
{
	const char *from = gw_req_arg(rq, "from"), *to = gw_req_arg(rq, "to");
	om_status s = OM_OK;

	if (from != NULL)
		s = read_end("from", from, &out->from_day, &out->has_from_day, &out->from_us, &out->has_from_us, e);
	if (s == OM_OK && to != NULL)
		s = read_end("to", to, &out->to_day, &out->has_to_day, &out->to_us, &out->has_to_us, e);
	if (s != OM_OK)
		return s;
	if ((out->has_from_day && out->has_to_us) || (out->has_from_us && out->has_to_day))
		return om_fail(e, OM_INVALID, "to: must be of the same kind as from, both days or both instants");
	if ((out->has_from_day && out->has_to_day && out->to_day < out->from_day) ||
	    (out->has_from_us && out->has_to_us && out->to_us < out->from_us))
		return om_fail(e, OM_INVALID, "to: must not be earlier than from");
	return OM_OK;
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
