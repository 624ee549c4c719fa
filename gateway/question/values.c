/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* values.c - the kinds of values that several questions have. */
#include "question.h"

#include "answer/names.h"
#include "base/day.h"
#include "base/text.h"

#include <string.h>

om_status
gw_argument_text(struct gw_req *rq, const char *name, size_t min, size_t max, char **out, om_err *e)
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
gw_argument_limit(const struct gw_req *rq, uint32_t max, uint32_t def, uint32_t *out, om_err *e)
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
gw_argument_period(const struct gw_req *rq, Om__Period *out, om_err *e)
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

om_status
gw_argument_flag(
    const struct gw_req *rq, const char *name, protobuf_c_boolean *has_out, protobuf_c_boolean *out, om_err *e)
{
	const char *text = gw_req_arg(rq, name);

	*has_out = text != NULL;
	*out = false;
	if (text == NULL)
		return OM_OK;
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return om_fail(e, OM_INVALID, "%s: must be 0 or 1", name);
	*out = text[0] == '1';
	return OM_OK;
}

om_status
gw_read_month(const char *text, uint32_t *year, uint32_t *month, om_err *e)
{
	char y[5] = "", m[3] = "";
	uint64_t yn = 0, mn = 0;

	if (strlen(text) == 7 && text[4] == '-') {
		memcpy(y, text, 4);
		memcpy(m, text + 5, 2);
	}
	if (!om_u64_parse(y, 2199, &yn) || !om_u64_parse(m, 12, &mn) || yn < 2000 || mn == 0)
		return om_fail(e, OM_INVALID, "month: must be one of the years 2000 to 2199, like 2026-11");
	*year = (uint32_t)yn;
	*month = (uint32_t)mn;
	return OM_OK;
}

om_status
gw_read_kind(const char *text, Om__DocumentKind *out, om_err *e)
{
	int kind = 0;
	om_status s = gw_enum_read(&om__document_kind__descriptor, "kind", text, strlen(text), "", &kind, e);

	*out = (Om__DocumentKind)kind;
	return s;
}
