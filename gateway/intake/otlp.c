/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A generation's root span is the only one with its tokens and cost.  Its name
 * and its parent are the caller's to choose; what tells it is its type and a
 * generation id without the ":attempt-0" that children append.
 */
#include "otlp.h"

#include "record.h"
#include "record.pb-c.h"
#include "base/json.h"
#include "base/text.h"
#include "tags/tags.h"
#include "wire/codec.h"

#include <string.h>
#include <strings.h>

#define ONE         ((om_i128)1000000000000000000) /* the om_money of 1 */
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

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

bool
gw_attr_is_openrouters(const char *key, size_t n)
{
	static const char *const prefixes[] = {"openrouter.", "trace.metadata.openrouter."};

	for (size_t i = 0; i < 2; i++)
		if (n > strlen(prefixes[i]) && memcmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

bool
gw_attr_says_openrouter(const struct gw_value *service)
{
	return service->kind == GW_VALUE_TEXT && strcmp(service->text, "openrouter") == 0;
}

void
gw_attr_text(struct gw_value *v, const char *text, size_t n, struct om_arena *a)
{
	char *copy;

	if (v->kind != GW_VALUE_NONE || n == 0 || n > GW_OTLP_TEXT || (copy = om_arena_alloc(a, n + 1)) == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		copy[i] = (char)(text[i] == '\0' ? 1 : text[i]);
	v->text = copy;
	v->kind = GW_VALUE_TEXT;
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
	return om_utf8_valid(v->text, n) && om_utf8_length(v->text, n) <= max_chars && om_text_clean(v->text, n)
	    ? v->text
	    : NULL;
}

/* first_text gives the first of these attributes that fits, or else the first that
 * is a text, which is made to fit with the record. */
static char *
first_text(const struct gw_span *sp, const gw_attr *which, size_t n, size_t max_chars, struct om_arena *a)
{
	const char *any = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *text = text_of(sp, which[i], max_chars);

		if (text != NULL)
			return om_arena_strdup(a, text);
		if (any == NULL && sp->attr[which[i]].kind == GW_VALUE_TEXT)
			any = sp->attr[which[i]].text;
	}
	return any != NULL ? om_arena_strdup(a, any) : NULL;
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

static bool
count_of(const struct gw_span *sp, gw_attr which, int64_t *out)
{
	om_money m;

	if (!number_of(sp, which, &m) || m.v < 0 || m.v % ONE != 0 || m.v / ONE > OM_FIT_TOKENS_MAX)
		return false;
	*out = (int64_t)(m.v / ONE);
	return true;
}

/* read_count reads the first of two attributes that is a count. */
static void
read_count(const struct gw_span *sp, gw_attr first, gw_attr second, om_fit_field f, struct om_fit *notes, int64_t *out,
    protobuf_c_boolean *has_out)
{
	*has_out = count_of(sp, first, out) || count_of(sp, second, out);
	if (!*has_out && (sp->attr[first].kind != GW_VALUE_NONE || sp->attr[second].kind != GW_VALUE_NONE))
		om_fit_note(notes, f, "not a whole number in its bounds: left out");
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

/* cost_attr gives the attribute with the cost, the more reliable attribute first. */
static gw_attr
cost_attr(const struct gw_span *sp)
{
	static const gw_attr costs[] = {GW_ATTR_COST, GW_ATTR_COST_PLAIN, GW_ATTR_COST_AMOUNT};

	for (size_t i = 0; i < COUNT(costs); i++)
		if (sp->attr[costs[i]].kind != GW_VALUE_NONE)
			return costs[i];
	return GW_N_ATTRS;
}

/* cost_state: only a cost that the provider named is a report; one that another program
 * worked out is an estimate.  A span that names no source has the provider's cost. */
static Om__CostState
cost_state(const struct gw_span *sp, gw_attr which)
{
	const struct gw_value *source = &sp->attr[GW_ATTR_COST_SOURCE];

	if (which == GW_ATTR_COST || source->kind == GW_VALUE_NONE ||
	    (source->kind == GW_VALUE_TEXT && strcasecmp(source->text, "provider") == 0))
		return OM__COST_STATE__COST_REPORTED;
	return OM__COST_STATE__COST_ESTIMATED;
}

/* read_cost leaves the amount to the look-up where the span's proves nothing: with
 * BYOK no trace was seen that says whose bill the amount is, and a zero beside an error
 * may only mean that the tokens were not counted yet. */
static void
read_cost(const struct gw_span *sp, struct om_arena *a, struct om_fit *notes, Om__Record *r)
{
	gw_attr which = cost_attr(sp);
	const struct gw_value *currency = &sp->attr[GW_ATTR_COST_CURRENCY];
	char text[OM_MONEY_TEXT];
	om_money m;

	if (which == GW_N_ATTRS || r->is_byok)
		return;
	if (which == GW_ATTR_COST_AMOUNT && currency->kind != GW_VALUE_NONE &&
	    (currency->kind != GW_VALUE_TEXT || strcasecmp(currency->text, "USD") != 0)) {
		om_fit_note(notes, OM_FIT_COST, "in another currency than USD: left out");
		return;
	}
	if (!number_of(sp, which, &m) || !om_fit_cost(m)) {
		om_fit_note(notes, OM_FIT_COST, "not an amount from 0 to 10000 USD: left out");
		return;
	}
	if (sp->failed && om_money_is_zero(m))
		return;
	r->cost = om_arena_strdup(a, om_money_text(m, text));
	r->has_cost_state = 1;
	r->cost_state = cost_state(sp, which);
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
read_times(const struct gw_span *sp, Om__Record *r)
{
	r->has_started_us = sp->start_us != 0;
	r->started_us = sp->start_us;
	r->has_finished_us = sp->end_us != 0;
	r->finished_us = sp->end_us;
}

/* is_uuid: Open WebUI's chat ids are; its own session ids are not. */
static bool
is_uuid(const char *text)
{
	unsigned char id[16];

	return text != NULL && strlen(text) == 36 && om_uuid_parse(text, id);
}

/* ---- tags ---- */

/* tag_part gives the part of "owui|USER|CHAT||TASK" with that number, NULL where it
 * is empty or the session id is none of these. */
static char *
tag_part(const struct gw_span *sp, unsigned number, struct om_arena *a)
{
	static const char prefix[] = "owui|";
	const struct gw_value *v = &sp->attr[GW_ATTR_SESSION];
	const char *p = v->kind == GW_VALUE_TEXT ? v->text : "";
	size_t n;

	if (strncmp(p, prefix, sizeof prefix - 1) != 0)
		return NULL;
	for (; number > 0; number--) {
		if ((p = strchr(p, '|')) == NULL)
			return NULL;
		p++;
	}
	n = strcspn(p, "|");
	if (n == 0 || strncmp(p, "{{", 2) == 0) /* what Open WebUI did not fill in */
		return NULL;
	return om_arena_strndup(a, p, n);
}

static void
read_session(const struct gw_span *sp, struct om_arena *a, Om__Record *r)
{
	char *user = tag_part(sp, 1, a);

	if (r->user->id == NULL)
		r->user->id = user;
	r->chat_id = tag_part(sp, 2, a);
	r->task = tag_part(sp, 4, a);
	if (is_uuid(text_of(sp, GW_ATTR_SESSION, 256)))
		r->chat_id = om_arena_strdup(a, sp->attr[GW_ATTR_SESSION].text);
}

static void
read_turn(const struct gw_span *sp, struct om_arena *a, struct om_fit *notes, Om__Record *r)
{
	const struct gw_value *turn = &sp->attr[GW_ATTR_TURN];
	char digits[OM_MONEY_TEXT];
	int64_t n = 0;

	if (turn->kind == GW_VALUE_TEXT)
		r->turn_id = om_arena_strdup(a, turn->text);
	else if (turn->kind == GW_VALUE_NUMBER)
		r->turn_id = om_arena_strdup(a, om_money_text(turn->number, digits));
	read_count(sp, GW_ATTR_REQUEST, GW_ATTR_REQUEST, OM_FIT_REQUEST, notes, &n, &r->has_request);
	r->request = n > OM_FIT_REQUEST_MAX ? 0 : (uint32_t)n; /* 0 is none */
}

/* read_user_state judges who names the user, from the attributes as they were sent. */
static void
read_user_state(const struct gw_traces *t, const struct gw_span *sp, Om__Record *r)
{
	const struct gw_value *mac = &sp->attr[GW_ATTR_MAC];
	const bool known = strcmp(r->user->id, OM_USER_UNKNOWN) != 0;
	const bool proven = known && t->tag_key != NULL && r->turn_id != NULL && mac->kind == GW_VALUE_TEXT &&
	    gw_tag_is_good(t->tag_key, r->turn_id, r->has_request ? r->request : 0, r->user->id, mac->text);

	r->has_user_state = 1;
	r->user_state = proven ? OM__USER_STATE__USER_PROVEN
	    : known            ? OM__USER_STATE__USER_TOLD
			       : OM__USER_STATE__USER_UNKNOWN;
	if (r->user_state == OM__USER_STATE__USER_TOLD && t->told_are_unknown)
		r->has_told_only = r->told_only = 1;
}

/* kind_of: an operation that may be of several kinds (text_completion, generate_content) says none. */
static char *
kind_of(const struct gw_span *sp, struct om_arena *a)
{
	const struct gw_value *v = &sp->attr[GW_ATTR_OPERATION];

	if (v->kind != GW_VALUE_TEXT)
		return NULL;
	if (strcmp(v->text, "chat") == 0)
		return om_arena_strdup(a, "chat");
	return strcmp(v->text, "embeddings") == 0 ? om_arena_strdup(a, "embedding") : NULL;
}

/* ---- the record ---- */

static om_status
read_who(const struct gw_span *sp, struct om_arena *a, Om__Record *r, om_err *e)
{
	static const gw_attr users[] = {GW_ATTR_USER, GW_ATTR_USER_COPY, GW_ATTR_USER_OLD};
	char digits[OM_MONEY_TEXT];

	r->user = om_msg_new(a, &om__user__descriptor);
	if (r->user == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->user->id = first_text(sp, users, COUNT(users), 128, a);
	for (size_t i = 0; r->user->id == NULL && i < COUNT(users); i++)
		if (sp->attr[users[i]].kind == GW_VALUE_NUMBER) /* its digits are the id, as in records */
			r->user->id = om_arena_strdup(a, om_money_text(sp->attr[users[i]].number, digits));
	read_session(sp, a, r);
	if (r->user->id == NULL)
		r->user->id = om_arena_strdup(a, OM_USER_UNKNOWN);
	return OM_OK;
}

static void
read_usage(const struct gw_span *sp, struct om_arena *a, struct om_fit *notes, Om__Record *r)
{
	read_count(sp, GW_ATTR_PROMPT, GW_ATTR_PROMPT_OLD, OM_FIT_PROMPT_TOKENS, notes, &r->prompt_tokens,
	    &r->has_prompt_tokens);
	read_count(sp, GW_ATTR_ANSWER, GW_ATTR_ANSWER_OLD, OM_FIT_COMPLETION_TOKENS, notes, &r->completion_tokens,
	    &r->has_completion_tokens);
	read_count(
	    sp, GW_ATTR_CACHED, GW_ATTR_CACHED, OM_FIT_CACHED_TOKENS, notes, &r->cached_tokens, &r->has_cached_tokens);
	read_count(sp, GW_ATTR_CACHE_WRITE, GW_ATTR_CACHE_WRITE, OM_FIT_CACHE_WRITE_TOKENS, notes,
	    &r->cache_write_tokens, &r->has_cache_write_tokens);
	read_count(sp, GW_ATTR_REASONING, GW_ATTR_REASONING, OM_FIT_REASONING_TOKENS, notes, &r->reasoning_tokens,
	    &r->has_reasoning_tokens);
	read_byok(sp, r);
	read_cost(sp, a, notes, r);
}

static om_status
read_record(
    struct gw_traces *t, const struct gw_span *sp, const char *id, Om__Record *r, struct om_fit *notes, om_err *e)
{
	static const gw_attr providers[] = {GW_ATTR_PROVIDER, GW_ATTR_PROVIDER_OLD, GW_ATTR_SLUG, GW_ATTR_SLUG_OLD};
	static const gw_attr models[] = {GW_ATTR_MODEL}, wanted[] = {GW_ATTR_REQUEST_MODEL};
	struct om_arena *a = t->arena;
	om_status s;

	om__record__init(r);
	*notes = (struct om_fit){.changed = false};
	s = read_who(sp, a, r, e);
	if (s != OM_OK)
		return s;
	r->generation_id = om_arena_strdup(a, id);
	r->source = om_arena_strdup(a, OM_SOURCE_OTLP);
	r->platform = sp->openrouter ? om_arena_strdup(a, "openrouter") : NULL;
	r->kind = kind_of(sp, a);
	r->requested_model = first_text(sp, wanted, COUNT(wanted), 256, a);
	r->model = first_text(sp, models, COUNT(models), 256, a);
	r->provider = first_text(sp, providers, COUNT(providers), 128, a);
	read_turn(sp, a, notes, r);
	read_user_state(t, sp, r);
	read_usage(sp, a, notes, r);
	read_times(sp, r);
	r->state = state_of(sp, r);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : gw_record_finish(NULL, t->now, a, r, notes, e);
}

/* ---- which spans ---- */

static bool
is_test(const struct gw_span *sp)
{
	return strcmp(sp->name, "openrouter-connection-test") == 0 || strcmp(sp->name, "Test Generation") == 0;
}

/* is_child: what stands after a generation's id in the ids of its attempts and
 * streams.  Ids of others than OpenRouter may have colons of their own. */
static bool
is_child(const struct gw_span *sp, const char *id)
{
	if (sp->openrouter)
		return strchr(id, ':') != NULL;
	return strstr(id, ":attempt-") != NULL || strstr(id, ":generation") != NULL;
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
	return is_child(sp, id->text) ? NULL : id->text;
}

static void
note_repairs(struct gw_traces *t, const struct om_fit *notes)
{
	gw_record_count_repairs(notes);
	for (unsigned f = 0; f < OM_N_FIT; f++) {
		if (notes->why[f] == NULL)
			continue;
		if (t->n_repaired++ == 0) {
			t->repaired = (om_fit_field)f;
			t->repair = notes->why[f];
		}
	}
}

om_status
gw_otlp_span(struct gw_traces *t, const struct gw_span *span, om_err *e)
{
	const char *id = generation_id(span);
	struct om_fit notes;
	Om__Record r;
	om_status s;

	if (is_test(span)) {
		t->n_tests++;
		return OM_OK;
	}
	if (id == NULL)
		return OM_OK;
	if (t->n_accepted == GW_RECORDS_MAX)
		return om_fail(e, OM_TOO_LARGE, "more than %d generations in one body", GW_RECORDS_MAX);
	s = read_record(t, span, id, &r, &notes, e);
	if (s == OM_INVALID) {
		t->n_rejected++;
		t->reason = "gen_ai.response.id: is missing";
		return OM_OK;
	}
	if (s == OM_OK)
		s = gw_batch_add(t->batch, &r, e);
	if (s != OM_OK)
		return s;
	note_repairs(t, &notes);
	t->n_accepted++;
	return OM_OK;
}
