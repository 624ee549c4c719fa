/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * json.h - JSON in through jansson with errors that name the field, JSON out
 * as a stream into an om_buf.
 *
 * Reading   The getters take an object and a key.  An absent key and null both
 *           mean "not known": the getter leaves *out alone and returns OM_OK.
 *           A wrong type or bound is OM_INVALID with "user.name: must be …",
 *           where `where` is the path of the object ("" at the top, "user.").
 * Writing   om_jw_* are unchecked; om_buf_done of the buffer tells the end.
 *           Text that is not UTF-8 is written with U+FFFD in place of bad bytes.
 */
#ifndef OM_JSON_H
#define OM_JSON_H

#include "buf.h"
#include "clock.h"
#include "money.h"

#include <jansson.h>
#include <stdbool.h>

/* The parser recurses, and civetweb's threads have 100 kB of stack. */
#define OM_JSON_DEPTH 64

/* om_json_too_deep tells whether brackets nest deeper than OM_JSON_DEPTH; for callers
 * that use the parser themselves. */
bool om_json_too_deep(const char *text, size_t n);

/* How the parser is called: an integer of any length is a number like others,
 * out of range where it is read, and does not spoil the whole text. */
#define OM_JSON_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL)

/* om_json_load calls the parser, for callers that checked the depth; it tells a failed
 * allocation from a fault of the text. */
json_t *om_json_load(const char *text, size_t n, size_t flags, json_error_t *je, bool *no_memory_out);

/* om_json_parse refuses duplicate keys, trailing data, NUL, bad UTF-8 and what
 * is too deep; free *out with json_decref. */
om_status om_json_parse(const char *text, size_t n, json_t **out, om_err *e) OM_MUST;

/* om_json_parse_object parses a body, which must be an object; free *out in any case. */
om_status om_json_parse_object(const char *text, size_t n, json_t **out, om_err *e) OM_MUST;

/* om_json_mend gives a text that the parser takes for one that it does not, so that at
 * most the member with the odd text is lost.  In a string:
 *   - a zero (\u0000) becomes another control character, and half of a surrogate
 *     pair U+FFFD;
 *   - a control character that stands there bare is escaped;
 *   - a byte that is no UTF-8 becomes two control characters (C1) that hold its
 *     halves, so that texts that differ in such bytes go on to differ: two ids stay
 *     two, and a hash over the content is one of what was sent.  From the 65th of a
 *     string on each becomes DEL.  A caller that takes control characters out of a
 *     text takes these out as well.
 * Outside of strings:
 *   - a number beyond binary64 becomes a text of dashes;
 *   - NaN, Infinity and -Infinity, which some write for a number, become an empty
 *     object: like null it is no id, no text and no number, but it is reported.
 * It stands in `copy`, OM_JSON_MENDED times as long at most; where there is nothing
 * to mend, and without memory, it is the text itself.  It is meant for one JSON text:
 * after a string that is not closed it takes what is outside for what is inside. */
#define OM_JSON_MENDED 6
struct om_json_span {
	const char *text;
	size_t n;
};
struct om_json_span om_json_mend(const char *text, size_t n, struct om_buf *copy);

/* How many lines, and characters of its own line, stand before a text in its body. */
struct om_json_place {
	size_t line, column;
};

/* om_json_parse_mended parses what om_json_mend makes of the text.  `from` tells where in
 * the body it begins, for the error; a column is that of the mended text. */
om_status om_json_parse_mended(const char *text, size_t n, struct om_json_place from, json_t **out, om_err *e) OM_MUST;

/* The items of a text that is one array, a tree each: a long list takes the
 * memory of its longest item. */
struct om_json_items {
	const char *text; /* borrowed */
	size_t n, at, counted;
	struct om_json_place place; /* of what was counted */
	bool comma;                 /* an item must follow */
	bool ended;
};

/* om_json_is_array tells whether the text begins as an array does. */
bool om_json_is_array(const char *text, size_t n);
void om_json_items_init(struct om_json_items *it, const char *text, size_t n);
/* *out, mended, is NULL at the end; free it with json_decref.  What is no JSON is
 * OM_INVALID; call again for the items after it.  Where an item ends is told by the
 * brackets outside of strings alone; where nothing closes them, or more text follows
 * the array, that error is the last, and `ended` is set. */
om_status om_json_items_next(struct om_json_items *it, json_t **out, om_err *e) OM_MUST;

/* ---- reading ---- */

/* *out points into the object. max_chars counts code points; control
 * characters are refused. */
om_status om_json_text(
    const json_t *o, const char *where, const char *key, size_t max_chars, const char **out, om_err *e) OM_MUST;
/* A JSON integer, or a real without fraction; *has is set when there is one. */
om_status om_json_int(const json_t *o, const char *where, const char *key, int64_t min, int64_t max, int64_t *out,
    bool *has, om_err *e) OM_MUST;
om_status om_json_bool(const json_t *o, const char *where, const char *key, bool *out, bool *has, om_err *e) OM_MUST;
/* A number or a decimal string; any sign and size that om_money holds. */
om_status om_json_money(
    const json_t *o, const char *where, const char *key, om_money *out, bool *has, om_err *e) OM_MUST;
om_status om_json_time(const json_t *o, const char *where, const char *key, om_time *out, bool *has, om_err *e) OM_MUST;
om_status om_json_object(const json_t *o, const char *where, const char *key, const json_t **out, om_err *e) OM_MUST;

/* ---- writing ---- */

struct om_jw {
	struct om_buf *out; /* borrowed */
	bool comma;         /* the next value needs one before it */
};

void om_jw_init(struct om_jw *w, struct om_buf *out);
void om_jw_open(struct om_jw *w, char bracket);  /* '{' or '[' */
void om_jw_close(struct om_jw *w, char bracket); /* '}' or ']' */
void om_jw_key(struct om_jw *w, const char *key);
void om_jw_text(struct om_jw *w, const char *text); /* NULL writes null */
void om_jw_text_n(struct om_jw *w, const char *text, size_t n);
void om_jw_int(struct om_jw *w, int64_t v);
void om_jw_bool(struct om_jw *w, bool v);
void om_jw_null(struct om_jw *w);
void om_jw_time(struct om_jw *w, om_time t);
void om_jw_raw(struct om_jw *w, const char *json); /* a whole value that is JSON already */

#endif
