/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A generation's root span is the only one with its tokens and cost.  Its name
 * and its parent are the caller's to choose; what tells it is its type and a
 * generation id without the ":attempt-0" that children append.
 */
#include "otlp.h"

#include "codec.h"
#include "event.h"
#include "json.h"
#include "text.h"

#include <string.h>
#include <strings.h>

#define ONE ((om_i128)1000000000000000000) /* a whole one of om_money */

static const char *const keys[GW_N_ATTRS] = {
#define OM_ATTR(name, key) [GW_ATTR_##name] = (key),
#include "otlp_attr.def"
#undef OM_ATTR
};

gw_attr
gw_attr_of(const char *key, size_t n)
{
	for (unsigned i = 0; i < GW_N_ATTRS; i++)
		if (strlen(keys[i]) == n && memcmp(keys[i], key, n) == 0)
			return (gw_attr)i;
	return GW_N_ATTRS;
}

void
gw_attr_text(struct gw_value *v, const char *text, size_t n, struct om_arena *a)
{
	if (v->kind != GW_VALUE_NONE || n == 0 || n > GW_OTLP_TEXT || !om_utf8_valid(text, n) ||
	    memchr(text, '\0', n) != NULL)
		return;
	v->text = om_arena_strndup(a, text, n);
	v->kind = v->text != NULL ? GW_VALUE_TEXT : GW_VALUE_NONE;
}

om_time
gw_otlp_nanos(om_money nanos)
{
	om_i128 us = nanos.v / ONE / 1000;

	return us > 0 && us < INT64_MAX ? (om_time)us : 0;
}

/* ---- one value each; what cannot be read is not known ---- */

static const char *
text_of(const struct gw_span *sp, gw_attr which, size_t max_chars)
{
	const struct gw_value *v = &sp->attr[which];
	size_t n;

	if (v->kind != GW_VALUE_TEXT)
		return NULL;
	n = strlen(v->text);
	return om_utf8_length(v->text, n) <= max_chars && om_text_clean(v->text, n) ? v->text : NULL;
}

/* first_text gives the first of these attributes that can be read. */
static char *
first_text(const struct gw_span *sp, const gw_attr *which, size_t n, size_t max_chars, struct om_arena *a)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = text_of(sp, which[i], max_chars);

		if (text != NULL)
			return om_arena_strdup(a, text);
	}
	return NULL;
}

static bool
number_of(const struct gw_span *sp, gw_attr which, om_money *out)
{
	const struct gw_value *v = &sp->attr[which];

	if (v->kind == GW_VALUE_TEXT)
		return om_money_parse(v->text, out, NULL) == OM_OK;
	*out = v->number;
	return v->kind == GW_VALUE_NUMBER;
}

static void
read_tokens(const struct gw_span *sp, gw_attr which, int64_t *out, protobuf_c_boolean *has_out)
{
	om_money m;

	if (*has_out || !number_of(sp, which, &m) || m.v < 0 || m.v % ONE != 0 || m.v / ONE > GW_TOKENS_MAX)
		return;
	*out = (int64_t)(m.v / ONE);
	*has_out = 1;
}

/* read_byok asks the list of attempts, whose last successful one is the bill's. */
static void
read_byok(const struct gw_span *sp, Om__Record *r)
{
	gw_attr which = sp->attr[GW_ATTR_ATTEMPTS].kind == GW_VALUE_TEXT ? GW_ATTR_ATTEMPTS : GW_ATTR_ATTEMPTS_COPY;
	const char *text = sp->attr[which].kind == GW_VALUE_TEXT ? sp->attr[which].text : "";
	json_t *list = NULL;

	if (text[0] == '\0' || om_json_parse(text, strlen(text), &list, NULL) != OM_OK)
		return;
	for (size_t i = json_array_size(list); i > 0; i--) {
		const json_t *o = json_array_get(list, i - 1);
		bool byok = false, has = false;
		int64_t status = 200;

		if (!json_is_object(o) || om_json_bool(o, "", "is_byok", &byok, &has, NULL) != OM_OK || !has)
			continue;
		if (om_json_int(o, "", "status", 0, 999, &status, &has, NULL) != OM_OK || status < 200 || status > 299)
			continue;
		r->has_is_byok = 1;
		r->is_byok = byok;
		break;
	}
	json_decref(list);
}

/* read_cost leaves the amount to the look-up where the span's is no evidence: on
 * BYOK it has not been seen whose bill it is, and a zero beside an error may only
 * mean that nobody had counted yet. */
static void
read_cost(const struct gw_span *sp, struct om_arena *a, Om__Record *r)
{
	char text[OM_MONEY_TEXT];
	om_money m, max;

	if (r->is_byok || !number_of(sp, GW_ATTR_COST, &m) || om_money_is_negative(m) ||
	    (sp->failed && om_money_is_zero(m)))
		return;
	if (om_money_parse(GW_COST_MAX_USD, &max, NULL) != OM_OK || om_money_cmp(m, max) > 0)
		return;
	r->cost = om_arena_strdup(a, om_money_text(m, text));
	r->has_cost_state = 1;
	r->cost_state = OM__COST_STATE__COST_REPORTED;
}

static bool
was_stopped(const struct gw_span *sp)
{
	static const char *const words[] = {"disconnect", "abort", "cancel"};
	const char *texts[] = {sp->status_text, text_of(sp, GW_ATTR_STATUS_TEXT, 512)};

	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; texts[t] != NULL && i < sizeof words / sizeof words[0]; i++)
			if (strcasestr(texts[t], words[i]) != NULL)
				return true;
	return false;
}

static Om__State
state_of(const struct gw_span *sp, const Om__Record *r)
{
	if (sp->failed)
		return was_stopped(sp) ? OM__STATE__STATE_CANCELLED : OM__STATE__STATE_ERROR;
	return r->cost != NULL || r->has_prompt_tokens || r->has_completion_tokens ? OM__STATE__STATE_FINAL
										   : OM__STATE__STATE_OPEN;
}

static void
read_times(const struct gw_span *sp, om_time now, Om__Record *r)
{
	if (gw_event_time_check(sp->start_us, "", now, NULL) == OM_OK) {
		r->has_started_us = 1;
		r->started_us = sp->start_us;
	}
	if (gw_event_time_check(sp->end_us, "", now, NULL) == OM_OK) {
		r->has_finished_us = 1;
		r->finished_us = sp->end_us;
	}
	if (!r->has_started_us && !r->has_finished_us) {
		r->has_finished_us = 1;
		r->finished_us = now;
	}
}

/* is_uuid: Open WebUI's chat ids are; its own session ids are not. */
static bool
is_uuid(const char *text)
{
	unsigned char id[16];

	return text != NULL && strlen(text) == 36 && om_uuid_parse(text, id);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static om_status
read_record(struct gw_traces *t, const struct gw_span *sp, const char *id, Om__Record *r, om_err *e)
{
	static const gw_attr users[] = {GW_ATTR_USER, GW_ATTR_USER_COPY, GW_ATTR_USER_OLD};
	static const gw_attr providers[] = {GW_ATTR_PROVIDER, GW_ATTR_PROVIDER_OLD, GW_ATTR_SLUG, GW_ATTR_SLUG_OLD};
	static const gw_attr models[] = {GW_ATTR_MODEL}, wanted[] = {GW_ATTR_REQUEST_MODEL};
	struct om_arena *a = t->arena;

	om__record__init(r);
	r->user = om_arena_alloc(a, sizeof *r->user);
	if (r->user == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om__user__init(r->user);
	r->generation_id = om_arena_strdup(a, id);
	r->source = om_arena_strdup(a, OM_SOURCE_OTLP);
	r->user->id = first_text(sp, users, COUNT(users), 128, a);
	if (r->user->id == NULL)
		r->user->id = om_arena_strdup(a, OM_USER_UNKNOWN);
	r->requested_model = first_text(sp, wanted, COUNT(wanted), 256, a);
	r->model = first_text(sp, models, COUNT(models), 256, a);
	r->provider = first_text(sp, providers, COUNT(providers), 128, a);
	if (is_uuid(text_of(sp, GW_ATTR_SESSION, 256)))
		r->chat_id = om_arena_strdup(a, sp->attr[GW_ATTR_SESSION].text);
	read_tokens(sp, GW_ATTR_PROMPT, &r->prompt_tokens, &r->has_prompt_tokens);
	read_tokens(sp, GW_ATTR_PROMPT_OLD, &r->prompt_tokens, &r->has_prompt_tokens);
	read_tokens(sp, GW_ATTR_ANSWER, &r->completion_tokens, &r->has_completion_tokens);
	read_tokens(sp, GW_ATTR_ANSWER_OLD, &r->completion_tokens, &r->has_completion_tokens);
	read_tokens(sp, GW_ATTR_CACHED, &r->cached_tokens, &r->has_cached_tokens);
	read_tokens(sp, GW_ATTR_CACHE_WRITE, &r->cache_write_tokens, &r->has_cache_write_tokens);
	read_tokens(sp, GW_ATTR_REASONING, &r->reasoning_tokens, &r->has_reasoning_tokens);
	read_byok(sp, r);
	read_cost(sp, a, r);
	read_times(sp, t->now, r);
	r->state = state_of(sp, r);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : gw_event_derive_id(a, r, e);
}

/* ---- which spans ---- */

static bool
is_test(const struct gw_span *sp)
{
	return strcmp(sp->name, "openrouter-connection-test") == 0 || strcmp(sp->name, "Test Generation") == 0;
}

/* generation_id gives the root span's generation; NULL for any other span. */
static const char *
generation_id(const struct gw_span *sp)
{
	const struct gw_value *id = &sp->attr[GW_ATTR_RESPONSE_ID], *type = &sp->attr[GW_ATTR_SPAN_TYPE];
	bool typed = type->kind == GW_VALUE_TEXT, root = typed && strcmp(type->text, "generation") == 0;

	if (typed ? !root : sp->has_parent)
		return NULL;
	if (id->kind != GW_VALUE_TEXT && root)
		id = &sp->attr[GW_ATTR_TRACE_ID];
	if (id->kind != GW_VALUE_TEXT)
		return root ? "" : NULL; /* a generation without its id */
	return strchr(id->text, ':') == NULL ? id->text : NULL;
}

om_status
gw_otlp_span(struct gw_traces *t, const struct gw_span *span, om_err *e)
{
	const char *id = generation_id(span);
	Om__Record r;
	om_status s;

	if (is_test(span)) {
		t->n_tests++;
		return OM_OK;
	}
	if (id == NULL)
		return OM_OK;
	if (!om_text_token(id, 128)) {
		if (t->n_rejected++ == 0)
			t->reason = "gen_ai.response.id: must be 1 to 128 printable ASCII characters without spaces";
		return OM_OK;
	}
	if (t->n_accepted == GW_EVENTS_MAX)
		return om_fail(e, OM_TOO_LARGE, "more than %d generations in one body", GW_EVENTS_MAX);
	s = read_record(t, span, id, &r, e);
	r.received_us = t->now;
	if (s == OM_OK)
		s = gw_batch_add(t->batch, &r, e);
	if (s == OM_OK)
		t->n_accepted++;
	return s;
}
