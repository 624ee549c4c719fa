/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * otlp.h - traces in, packed records out.
 *
 * Promise   One record per generation and none per attempt, child or test span.
 *           Only a generation without an id is refused; an attribute that does not
 *           fit is repaired or left out (fit.h) and reported, so that one odd attribute
 *           never loses the amount.  Texts of prompts and answers are not taken
 *           over anywhere.
 * Tags      "owui|USER|CHAT||TASK" as session.id, which Open WebUI's connection
 *           header x-session-id is set to, says whose request it was; the request's
 *           own user comes first.  owui_turn and owui_request in the request's
 *           trace metadata are the turn and the number of the request within it, and
 *           owui_mac proves both and the user (tags.h); any other user is only told: whoever
 *           may send requests through Open WebUI can name one.
 */
#ifndef GW_OTLP_H
#define GW_OTLP_H

#include "spool/batch.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/money.h"
#include "wire/fit.h"

#include <stdbool.h>

#define GW_OTLP_TEXT ((size_t)8192) /* bytes; no attribute that is read has a longer value */

typedef enum gw_attr {
#define OM_ATTR(name, key) GW_ATTR_##name,
#include "otlp_attr.def"
#undef OM_ATTR
	GW_N_ATTRS
} gw_attr;

struct gw_value {
	enum { GW_VALUE_NONE, GW_VALUE_TEXT, GW_VALUE_NUMBER, GW_VALUE_ODD } kind; /* odd: neither text nor number */
	const char *text;                                                          /* as sent, ends with a zero byte */
	om_money number; /* a number is an exact decimal, whatever it stands for */
};

/* What spans take over from the resource that they came from. */
struct gw_resource {
	struct gw_value attr[GW_N_ATTRS];
	bool openrouter; /* it, or the scope within, says that OpenRouter sends it */
};

/* One span as far as it is read; texts are borrowed from the body or the arena. */
struct gw_span {
	const char *name; /* "" without one */
	bool has_parent;
	bool openrouter;          /* it, its scope or its resource says that OpenRouter sends it */
	bool failed;              /* its status is an error */
	const char *status_text;  /* "" without one */
	om_time start_us, end_us; /* 0: not known */
	struct gw_value attr[GW_N_ATTRS];
};

struct gw_traces {
	struct om_arena *arena;
	struct gw_batch *batch;
	om_time now;
	const char *tag_key;   /* that proves tags (tags.h); NULL: none is proven */
	bool told_are_unknown; /* TOLD_USERS: a user that is not proven counts for nobody */
	size_t n_accepted;     /* records */
	size_t n_rejected;     /* spans that should have become records, and parts that are none */
	const char *odd;       /* the first part that is not as OTLP has it; NULL */
	size_t n_tests;
	const char *reason;    /* of the first one rejected; NULL */
	size_t n_repaired;     /* fields */
	om_fit_field repaired; /* the first of them, and why */
	const char *repair;
};

/* gw_attr_of gives the attribute of that key, GW_N_ATTRS for one that is not read. */
gw_attr gw_attr_of(const char *key, size_t n);

/* gw_attr_is_openrouters tells whether only OpenRouter names an attribute so. */
bool gw_attr_is_openrouters(const char *key, size_t n);

/* gw_attr_says_openrouter: the service's name is theirs. */
bool gw_attr_says_openrouter(const struct gw_value *service);

/* gw_attr_text copies a text, unless it is longer than any attribute that is read;
 * the first value of a key stays.  A zero byte becomes another control character. */
void gw_attr_text(struct gw_value *v, const char *text, size_t n, struct om_arena *a);

/* gw_otlp_nanos turns nanoseconds since 1970 into an instant, 0 out of range. */
om_time gw_otlp_nanos(om_money nanos);

/* gw_otlp_span judges one span. */
om_status gw_otlp_span(struct gw_traces *t, const struct gw_span *span, om_err *e) OM_MUST;

/* The two encodings; OM_INVALID when the body is none of it. */
om_status gw_otlp_json(struct gw_traces *t, const char *text, size_t n, om_err *e) OM_MUST;
om_status gw_otlp_protobuf(struct gw_traces *t, const void *data, size_t n, om_err *e) OM_MUST;

#endif
