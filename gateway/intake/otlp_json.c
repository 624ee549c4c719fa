/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * OTLP/JSON.  A trace may carry whole conversations; they are cut out of the text
 * before it is parsed, and so are all texts longer than any attribute that is read.
 * Errors name a position, never what stands there.
 */
#include "otlp.h"

#include "http/request.h"
#include "base/json.h"

#include <string.h>

/* ---- cutting out ---- */

static const char *const hidden[] = {
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "span.input",
    "span.output",
    "trace.input",
    "trace.output",
};

static bool
is(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(text, word, n) == 0;
}

static bool
is_hidden(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		if (is(text, n, hidden[i]))
			return true;
	return false;
}

/* names_member tells whether a ':' follows: the string is a member's name. */
static bool
names_member(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p < end && *p == ':';
}

static const char *
string_end(const char *p, const char *end)
{
	while (p < end && *p != '"')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	return p;
}

/* cut_out copies the text without what is not read; broken text stays broken. */
static void
cut_out(const char *text, size_t n, struct om_buf *out)
{
	const char *end = text + n, *run = text, *p = text;
	bool after_key = false, after_value = false, hide = false;

	while (p < end) {
		const char *start, *stop;
		size_t len;
		bool name;

		p = memchr(p, '"', (size_t)(end - p));
		if (p == NULL)
			break;
		start = p + 1;
		stop = string_end(start, end);
		if (stop >= end)
			break;
		len = (size_t)(stop - start);
		name = names_member(stop + 1, end);
		if (!name && ((hide && after_value) || len > GW_OTLP_TEXT)) {
			om_buf_add(out, run, (size_t)(start - run));
			run = stop;
		} else if (!name && after_key) {
			hide = is_hidden(start, len);
		}
		after_key = name && is(start, len, "key");
		after_value = name && is(start, len, "stringValue");
		p = stop + 1;
	}
	om_buf_add(out, run, (size_t)(end - run));
}

/* ---- reading ---- */

static om_status
malformed(const char *what, om_err *e)
{
	return om_fail(e, OM_INVALID, "%s: not as OTLP has it", what);
}

/* leave_out passes over a part that is not as OTLP has it: its neighbours count.  A
 * static text. */
static void
leave_out(struct gw_traces *t, const char *what)
{
	t->odd = t->odd != NULL ? t->odd : what;
	if (t->n_rejected++ == 0)
		t->reason = "a part of the body is not as OTLP has it";
}

/* items gives a list's length; an absent one is empty, and so is what is no list. */
static const json_t *
items(struct gw_traces *t, const json_t *o, const char *key, size_t *n_out)
{
	const json_t *list = json_object_get(o, key);

	*n_out = json_array_size(list);
	if (list != NULL && !json_is_null(list) && !json_is_array(list))
		leave_out(t, key);
	return list;
}

static void
read_value(const json_t *o, struct gw_value *v, struct om_arena *a)
{
	static const char *const numbers[] = {"intValue", "doubleValue"};
	const json_t *text = json_object_get(o, "stringValue");

	if (json_is_string(text)) {
		gw_attr_text(v, json_string_value(text), json_string_length(text), a);
		return;
	}
	for (size_t i = 0; v->kind == GW_VALUE_NONE && i < 2; i++) {
		bool has = false;

		if (om_json_money(o, "", numbers[i], &v->number, &has, NULL) == OM_OK && has)
			v->kind = GW_VALUE_NUMBER;
	}
	if (v->kind == GW_VALUE_NONE && json_object_size(o) > 0)
		v->kind = GW_VALUE_ODD;
}

/* read_attributes also tells, in *openrouter, whether one is OpenRouter's. */
static void
read_attributes(struct gw_traces *t, const json_t *o, struct gw_value *attr, bool *openrouter)
{
	size_t n;
	const json_t *list = items(t, o, "attributes", &n);

	for (size_t i = 0; i < n; i++) {
		const json_t *pair = json_array_get(list, i), *key = json_object_get(pair, "key");
		gw_attr which;

		if (!json_is_object(pair) || !json_is_string(key)) {
			leave_out(t, "attributes");
			continue;
		}
		which = gw_attr_of(json_string_value(key), json_string_length(key));
		*openrouter |= gw_attr_is_openrouters(json_string_value(key), json_string_length(key));
		if (which != GW_N_ATTRS)
			read_value(json_object_get(pair, "value"), &attr[which], t->arena);
	}
}

static om_time
read_nanos(const json_t *o, const char *key)
{
	om_money m = OM_MONEY_ZERO;
	bool has = false;

	return om_json_money(o, "", key, &m, &has, NULL) == OM_OK && has ? gw_otlp_nanos(m) : 0;
}

static const char *
read_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : "";
}

static bool
read_failed(const json_t *status)
{
	int64_t code = 0;
	bool has = false;

	if (strcmp(read_text(status, "code"), "STATUS_CODE_ERROR") == 0 || strcmp(read_text(status, "code"), "2") == 0)
		return true;
	return om_json_int(status, "", "code", 0, 2, &code, &has, NULL) == OM_OK && code == 2;
}

/* is_id: only zeros, which some senders write, mean that there is no id. */
static bool
is_id(const char *hex)
{
	return hex[strspn(hex, "0")] != '\0';
}

static om_status
read_span(struct gw_traces *t, const json_t *o, const struct gw_resource *from, om_err *e)
{
	const json_t *status = json_object_get(o, "status");
	struct gw_span sp;

	if (!json_is_object(o)) {
		leave_out(t, "spans");
		return OM_OK;
	}
	memset(&sp, 0, sizeof sp);
	sp.attr[GW_ATTR_TRACE_ID] = from->attr[GW_ATTR_TRACE_ID];
	sp.openrouter = from->openrouter;
	sp.name = read_text(o, "name");
	sp.has_parent = is_id(read_text(o, "parentSpanId"));
	sp.failed = read_failed(status);
	sp.status_text = read_text(status, "message");
	sp.start_us = read_nanos(o, "startTimeUnixNano");
	sp.end_us = read_nanos(o, "endTimeUnixNano");
	read_attributes(t, o, sp.attr, &sp.openrouter);
	return gw_otlp_span(t, &sp, e);
}

static om_status
read_resource(struct gw_traces *t, const json_t *o, om_err *e)
{
	struct gw_resource from;
	const json_t *scopes, *spans;
	size_t n_scopes, n_spans;
	om_status s = OM_OK;

	if (!json_is_object(o)) {
		leave_out(t, "resourceSpans");
		return OM_OK;
	}
	memset(&from, 0, sizeof from);
	read_attributes(t, json_object_get(o, "resource"), from.attr, &from.openrouter);
	from.openrouter |= gw_attr_says_openrouter(&from.attr[GW_ATTR_SERVICE]);
	scopes = items(t, o, "scopeSpans", &n_scopes);
	for (size_t i = 0; s == OM_OK && i < n_scopes; i++) {
		const json_t *scope = json_array_get(scopes, i);

		if (!json_is_object(scope)) {
			leave_out(t, "scopeSpans");
			continue;
		}
		from.openrouter |= strcmp(read_text(json_object_get(scope, "scope"), "name"), "openrouter") == 0;
		spans = items(t, scope, "spans", &n_spans);
		for (size_t k = 0; s == OM_OK && k < n_spans; k++)
			s = read_span(t, json_array_get(spans, k), &from, e);
	}
	return s;
}

/* read_body makes a tree of the body without its texts. */
static om_status
read_body(const char *text, size_t n, json_t **out, om_err *e)
{
	const struct om_json_place place = {.line = 0};
	struct om_buf kept;
	om_status s;

	om_buf_init(&kept, GW_BODY_EVENTS);
	cut_out(text, n, &kept);
	s = om_buf_done(&kept, NULL);
	if (s != OM_OK && s != OM_NOMEM)
		s = om_fail(e, OM_TOO_LARGE, "the trace has more than %zu bytes besides its texts", GW_BODY_EVENTS);
	if (s == OM_OK)
		s = om_json_parse_mended(kept.data != NULL ? kept.data : "", kept.len, place, out, NULL);
	if (s == OM_INVALID)
		(void)om_fail(e, s, "the body is not valid JSON");
	else if (s == OM_NOMEM)
		(void)om_fail(e, s, "out of memory");
	om_buf_fini(&kept);
	return s;
}

om_status
gw_otlp_json(struct gw_traces *t, const char *text, size_t n, om_err *e)
{
	const json_t *list = NULL;
	json_t *doc = NULL;
	size_t n_list = 0;
	om_status s = read_body(text, n, &doc, e);

	if (s != OM_OK)
		return s;
	if (!json_is_object(doc))
		s = malformed("the body", e);
	else
		list = items(t, doc, "resourceSpans", &n_list);
	for (size_t i = 0; s == OM_OK && i < n_list; i++)
		s = read_resource(t, json_array_get(list, i), e);
	json_decref(doc);
	if (s == OM_OK && t->odd != NULL && t->n_accepted == 0 && t->n_tests == 0)
		s = malformed(t->odd, e); /* there is nothing else in it */
	return s;
}
