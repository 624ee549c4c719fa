/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "json.h"

#include "invariant.h"
#include "text.h"

#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool
om_json_too_deep(const char *text, size_t n)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '[') && ++depth > OM_JSON_DEPTH)
			return true;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return false;
}

/* The library calls most of its failed allocations a fault of the text; so they
 * are noted.  One it overlooks: the buffer of a token, which grows by powers of
 * two; when it cannot grow, the library reads and writes past its end.  Such a piece
 * then comes from a spare, and the text ends at the next allocation. */
#define SPARE_BYTES ((size_t)1024 * 1024)
#define SPARE_PIECE ((size_t)64 * 1024)

static _Alignas(16) unsigned char spare[SPARE_BYTES]; /* untouched, it takes no memory */
static atomic_size_t spare_used;
static _Thread_local bool no_memory;

static void *
allocate(size_t n)
{
	void *p = malloc(n);
	size_t at;

	if (p != NULL)
		return p;
	no_memory = true;
	if (n < 32 || (n & (n - 1)) != 0)
		return NULL;
	if (n > SPARE_PIECE || (at = atomic_fetch_add(&spare_used, n)) > SPARE_BYTES - n)
		abort(); /* the library would go on to write past the end */
	return spare + at;
}

static void
release(void *p)
{
	uintptr_t at = (uintptr_t)p, first = (uintptr_t)spare;

	if (at < first || at >= first + SPARE_BYTES)
		free(p);
}

static void __attribute__((constructor)) watch_allocations(void)
{
	json_set_alloc_funcs(allocate, release);
}

json_t *
om_json_load(const char *text, size_t n, size_t flags, json_error_t *je, bool *no_memory_out)
{
	json_t *doc;

	no_memory = false;
	doc = json_loadb(text, n, flags, je);
	*no_memory_out = no_memory;
	if (no_memory) {
		json_decref(doc);
		doc = NULL;
	}
	return doc;
}

static om_status
refuse_depth(om_err *e)
{
	return om_fail(e, OM_INVALID, "not valid JSON: nested more than %d deep", OM_JSON_DEPTH);
}

om_status
om_json_parse(const char *text, size_t n, json_t **out, om_err *e)
{
	json_error_t je;
	bool out_of_memory;

	*out = NULL;
	if (om_json_too_deep(text, n))
		return refuse_depth(e);
	*out = om_json_load(text, n, OM_JSON_FLAGS, &je, &out_of_memory);
	if (out_of_memory)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (*out == NULL)
		return om_fail(e, OM_INVALID, "not valid JSON: line %d, column %d: %s", je.line, je.column, je.text);
	return OM_OK;
}

om_status
om_json_parse_object(const char *text, size_t n, json_t **out, om_err *e)
{
	om_status s = om_json_parse(text, n, out, e);

	return s == OM_OK && !json_is_object(*out) ? om_fail(e, OM_INVALID, "the body must be an object") : s;
}

/* ---- texts that are mended before they are parsed ---- */

/* refuse_at says where in the body something is wrong with a text that begins at
 * `from`; line and column are the text's own, from 1. */
static om_status
refuse_at(struct om_json_place from, int line, int column, const char *what, om_err *e)
{
	if (line == 1)
		column += (int)from.column;
	return om_fail(
	    e, OM_INVALID, "not valid JSON: line %lld, column %d: %s", (long long)from.line + line, column, what);
}

om_status
om_json_parse_mended(const char *text, size_t n, struct om_json_place from, json_t **out, om_err *e)
{
	struct om_json_span mended;
	struct om_buf copy;
	bool out_of_memory = false;
	json_error_t je;
	om_status s = OM_OK;

	*out = NULL;
	if (om_json_too_deep(text, n))
		return refuse_at(from, 1, 1, "nested too deep", e);
	om_buf_init(&copy, n * OM_JSON_MENDED + 1);
	mended = om_json_mend(text, n, &copy);
	if (copy.status == OM_OK)
		*out = om_json_load(mended.text, mended.n, OM_JSON_FLAGS, &je, &out_of_memory);
	if (copy.status != OM_OK || out_of_memory)
		s = om_fail(e, OM_NOMEM, "out of memory");
	else if (*out == NULL)
		s = refuse_at(from, je.line, je.column, je.text, e);
	om_buf_fini(&copy);
	return s;
}

/* ---- an array's items ---- */

static size_t
skip_blank(const char *text, size_t n, size_t at)
{
	while (at < n && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
		at++;
	return at;
}

bool
om_json_is_array(const char *text, size_t n)
{
	size_t at = skip_blank(text, n, 0);

	return at < n && text[at] == '[';
}

void
om_json_items_init(struct om_json_items *it, const char *text, size_t n)
{
	*it = (struct om_json_items){.text = text, .n = n, .at = skip_blank(text, n, 0) + 1};
}

/* place gives the line and column of where the items are; it counts on from where
 * it was asked last. */
static struct om_json_place
place(struct om_json_items *it)
{
	for (; it->counted < it->at; it->counted++) {
		unsigned char c = (unsigned char)it->text[it->counted];

		it->place.column += (c & 0xc0) != 0x80;
		if (c == '\n') {
			it->place.line++;
			it->place.column = 0;
		}
	}
	return it->place;
}

/* give_up ends the reading: after this no item can be told from the next. */
static om_status
give_up(struct om_json_items *it, const char *what, om_err *e)
{
	it->ended = true;
	return refuse_at(place(it), 1, 1, what, e);
}

/* item_end finds the ',' or ']' after an item; n when nothing closes it. */
static size_t
item_end(const char *text, size_t n, size_t at)
{
	size_t depth = 0;
	bool quoted = false;

	for (; at < n; at++) {
		char c = text[at];

		if (quoted && c == '\\')
			at++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (depth == 0 && (c == ',' || c == ']'))
			return at;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return n;
}

static om_status
end_array(struct om_json_items *it, om_err *e)
{
	it->at = skip_blank(it->text, it->n, it->at + 1);
	if (it->at < it->n)
		return give_up(it, "more text after the array", e);
	it->ended = true;
	return OM_OK;
}

om_status
om_json_items_next(struct om_json_items *it, json_t **out, om_err *e)
{
	size_t stop;
	om_status s;

	*out = NULL;
	if (it->ended)
		return OM_OK;
	it->at = skip_blank(it->text, it->n, it->at);
	if (it->at < it->n && it->text[it->at] == ']' && !it->comma)
		return end_array(it, e);
	stop = item_end(it->text, it->n, it->at);
	if (stop >= it->n)
		return give_up(it, "nothing closes the string or the bracket that is open here", e);
	if (stop == it->at)
		s = refuse_at(place(it), 1, 1, "no item stands here", e);
	else
		s = om_json_parse_mended(it->text + it->at, stop - it->at, place(it), out, e);
	it->comma = it->text[stop] == ',';
	it->at = stop + it->comma;
	return s;
}

/* ---- reading ---- */

/* lookup gives NULL for an absent key and for null. */
static const json_t *
lookup(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_null(v) ? NULL : v;
}

om_status
om_json_text(const json_t *o, const char *where, const char *key, size_t max_chars, const char **out, om_err *e)
{
	const json_t *v = lookup(o, key);
	const char *text;
	size_t n;

	if (v == NULL)
		return OM_OK;
	if (!json_is_string(v))
		return om_fail(e, OM_INVALID, "%s%s: must be a string", where, key);
	text = json_string_value(v);
	n = json_string_length(v);
	if (om_utf8_length(text, n) > max_chars)
		return om_fail(e, OM_INVALID, "%s%s: must have at most %zu characters", where, key, max_chars);
	if (!om_text_clean(text, n))
		return om_fail(e, OM_INVALID, "%s%s: must not contain control characters", where, key);
	*out = text;
	return OM_OK;
}

om_status
om_json_int(
    const json_t *o, const char *where, const char *key, int64_t min, int64_t max, int64_t *out, bool *has, om_err *e)
{
	const json_t *v = lookup(o, key);
	int64_t i = 0;
	bool whole = false;

	if (v == NULL)
		return OM_OK;
	if (json_is_integer(v)) {
		i = json_integer_value(v);
		whole = true;
	} else if (json_is_real(v)) {
		double d = json_real_value(v);

		whole = d == trunc(d) && fabs(d) <= 9007199254740992.0;
		i = whole ? (int64_t)d : 0;
	}
	if (!whole || i < min || i > max)
		return om_fail(e, OM_INVALID, "%s%s: must be a whole number from %lld to %lld", where, key,
		    (long long)min, (long long)max);
	*out = i;
	*has = true;
	return OM_OK;
}

om_status
om_json_bool(const json_t *o, const char *where, const char *key, bool *out, bool *has, om_err *e)
{
	const json_t *v = lookup(o, key);

	if (v == NULL)
		return OM_OK;
	if (!json_is_boolean(v))
		return om_fail(e, OM_INVALID, "%s%s: must be true or false", where, key);
	*out = json_is_true(v);
	*has = true;
	return OM_OK;
}

om_status
om_json_money(const json_t *o, const char *where, const char *key, om_money *out, bool *has, om_err *e)
{
	const json_t *v = lookup(o, key);
	om_err why = {.text = ""};
	om_status s;

	if (v == NULL)
		return OM_OK;
	if (json_is_string(v) && strlen(json_string_value(v)) == json_string_length(v)) {
		s = om_money_parse(json_string_value(v), out, &why);
	} else if (json_is_integer(v)) {
		char text[32];

		(void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
		s = om_money_parse(text, out, &why);
	} else if (json_is_real(v)) {
		s = om_money_from_double(json_real_value(v), out, &why);
	} else {
		return om_fail(e, OM_INVALID, "%s%s: must be a number or a decimal string", where, key);
	}
	if (s != OM_OK)
		return om_fail(e, OM_INVALID, "%s%s: %s", where, key, why.text);
	*has = true;
	return OM_OK;
}

om_status
om_json_time(const json_t *o, const char *where, const char *key, om_time *out, bool *has, om_err *e)
{
	const char *text = NULL;
	om_err why = {.text = ""};
	om_status s = om_json_text(o, where, key, 64, &text, e);

	if (s != OM_OK || text == NULL)
		return s;
	if (om_time_parse(text, out, &why) != OM_OK)
		return om_fail(e, OM_INVALID, "%s%s: %s", where, key, why.text);
	*has = true;
	return OM_OK;
}

om_status
om_json_object(const json_t *o, const char *where, const char *key, const json_t **out, om_err *e)
{
	const json_t *v = lookup(o, key);

	if (v == NULL)
		return OM_OK;
	if (!json_is_object(v))
		return om_fail(e, OM_INVALID, "%s%s: must be an object", where, key);
	*out = v;
	return OM_OK;
}

void
om_jw_init(struct om_jw *w, struct om_buf *out)
{
	*w = (struct om_jw){.out = out};
}

static void
before_value(struct om_jw *w)
{
	if (w->comma)
		om_buf_chr(w->out, ',');
	w->comma = true;
}

void
om_jw_open(struct om_jw *w, char bracket)
{
	om_check(bracket == '{' || bracket == '[');
	before_value(w);
	om_buf_chr(w->out, bracket);
	w->comma = false;
}

void
om_jw_close(struct om_jw *w, char bracket)
{
	om_check(bracket == '}' || bracket == ']');
	om_buf_chr(w->out, bracket);
	w->comma = true;
}

/* is_plain tells of a byte that stands in a string as it is: most do. */
static bool
is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void
write_string(struct om_buf *out, const char *text, size_t n)
{
	const char *end = text + n, *run = text;

	om_buf_chr(out, '"');
	while (text < end) {
		const char *at = text;
		uint32_t cp;

		if (is_plain(*text)) {
			text++;
			continue;
		}
		cp = om_utf8_next(&text, end);
		if (cp != '"' && cp != '\\' && cp >= 0x20 && cp != 0x7f && cp != 0xfffd && cp != 0x2028 && cp != 0x2029)
			continue;
		om_buf_add(out, run, (size_t)(at - run));
		if (cp == '"' || cp == '\\')
			om_buf_printf(out, "\\%c", (char)cp);
		else if (cp == 0xfffd)
			om_buf_str(out, "\xef\xbf\xbd");
		else
			om_buf_printf(out, "\\u%04x", (unsigned)cp);
		run = text;
	}
	om_buf_add(out, run, (size_t)(end - run));
	om_buf_chr(out, '"');
}

void
om_jw_key(struct om_jw *w, const char *key)
{
	before_value(w);
	write_string(w->out, key, strlen(key));
	om_buf_chr(w->out, ':');
	w->comma = false;
}

void
om_jw_text_n(struct om_jw *w, const char *text, size_t n)
{
	before_value(w);
	write_string(w->out, text, n);
}

void
om_jw_text(struct om_jw *w, const char *text)
{
	if (text == NULL)
		om_jw_null(w);
	else
		om_jw_text_n(w, text, strlen(text));
}

/* om_jw_int writes the digits itself: a long reply is mostly numbers, and printf took a sixth of its time. */
void
om_jw_int(struct om_jw *w, int64_t v)
{
	uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char text[24], *first = text + sizeof text;

	do {
		*--first = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (v < 0)
		*--first = '-';
	before_value(w);
	om_buf_add(w->out, first, (size_t)(text + sizeof text - first));
}

void
om_jw_bool(struct om_jw *w, bool v)
{
	before_value(w);
	om_buf_str(w->out, v ? "true" : "false");
}

void
om_jw_null(struct om_jw *w)
{
	before_value(w);
	om_buf_str(w->out, "null");
}

void
om_jw_raw(struct om_jw *w, const char *json)
{
	before_value(w);
	om_buf_str(w->out, json);
}

void
om_jw_time(struct om_jw *w, om_time t)
{
	char text[OM_TIME_TEXT];

	om_jw_text(w, om_time_text(t, text));
}
