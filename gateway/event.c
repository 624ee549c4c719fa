/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "event.h"

#include "digest.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define EARLIEST      ((om_time)1577836800 * OM_SECOND) /* 2020-01-01 */
#define RECORD_ID     16
#define GROUPS_MAX    64
#define CANONICAL_MAX ((size_t)256 * 1024)

/* ---- one field each ---- */

struct text_field {
	const char *key;
	size_t max;    /* code points */
	size_t offset; /* of a char * in Om__Record or Om__User */
};

#define RECORD(field) offsetof(Om__Record, field)
#define USER(field)   offsetof(Om__User, field)

static const struct text_field record_texts[] = {
    {"turn_id", 128, RECORD(turn_id)},
    {"source", 64, RECORD(source)},
    {"chat_id", 256, RECORD(chat_id)},
    {"message_id", 256, RECORD(message_id)},
    {"origin", 64, RECORD(origin)},
    {"task", 64, RECORD(task)},
    {"requested_model", 256, RECORD(requested_model)},
    {"model", 256, RECORD(model)},
    {"provider", 128, RECORD(provider)},
};

static const struct text_field user_texts[] = {
    {"name", 512, USER(name)},
    {"email", 320, USER(email)},
    {"role", 64, USER(role)},
};

/* copy_text puts an optional text into the arena; empty means absent. */
static om_status
copy_text(const json_t *o, const char *where, const char *key, size_t max, struct om_arena *a, char **out, om_err *e)
{
	const char *text = NULL;
	om_status s = om_json_text(o, where, key, max, &text, e);

	if (s != OM_OK || text == NULL || text[0] == '\0')
		return s;
	*out = om_arena_strdup(a, text);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
copy_texts(const json_t *o, const char *where, const struct text_field *fields, size_t n, void *into,
    struct om_arena *a, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		char *value = NULL;

		s = copy_text(o, where, fields[i].key, fields[i].max, a, &value, e);
		memcpy((char *)into + fields[i].offset, &value, sizeof value);
	}
	return s;
}

om_status
gw_event_cost(const json_t *o, const char *where, const char *key, struct om_arena *a, char **out, om_err *e)
{
	char text[OM_MONEY_TEXT];
	om_money m = OM_MONEY_ZERO, max = OM_MONEY_ZERO;
	bool has = false;
	om_status s = om_json_money(o, where, key, &m, &has, e);

	if (s != OM_OK || !has)
		return s;
	if (om_money_parse(GW_COST_MAX_USD, &max, NULL) != OM_OK || om_money_is_negative(m) || om_money_cmp(m, max) > 0)
		return om_fail(e, OM_INVALID, "%s%s: must be an amount from 0 to %s USD", where, key, GW_COST_MAX_USD);
	*out = om_arena_strdup(a, om_money_text(m, text));
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
gw_event_time_check(om_time t, const char *what, om_time now, om_err *e)
{
	if (t < EARLIEST || t > now + OM_DAY)
		return om_fail(e, OM_INVALID, "%s: must be from 2020-01-01 to one day ahead of now", what);
	return OM_OK;
}

static om_status
read_time(const json_t *o, const char *key, om_time now, int64_t *out, int *has_out, om_err *e)
{
	om_time t = 0;
	bool has = false;
	om_status s = om_json_time(o, "", key, &t, &has, e);

	if (s == OM_OK && has)
		s = gw_event_time_check(t, key, now, e);
	*out = t;
	*has_out = has;
	return s;
}

static om_status
read_tokens(const json_t *o, const char *where, const char *key, int64_t *out, int *has_out, om_err *e)
{
	bool has = false;
	om_status s = om_json_int(o, where, key, 0, GW_TOKENS_MAX, out, &has, e);

	*has_out = has;
	return s;
}

/* ---- parts ---- */

static om_status
read_version(const json_t *o, om_err *e)
{
	int64_t v = 0;
	bool has = false;

	if (json_object_get(o, "v") == NULL) /* the first */
		return OM_OK;
	if (om_json_int(o, "", "v", 1, 1, &v, &has, NULL) != OM_OK || !has)
		return om_fail(e, OM_INVALID, "v: must be 1");
	return OM_OK;
}

static om_status
read_ids(const json_t *o, struct om_arena *a, Om__Record *out, om_err *e)
{
	const char *text = NULL;
	unsigned char *id;
	om_status s = om_json_text(o, "", "record_id", 36, &text, e);

	if (s != OM_OK)
		return s;
	if (text != NULL) {
		id = om_arena_alloc(a, RECORD_ID);
		if (id == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		if (!om_uuid_parse(text, id))
			return om_fail(e, OM_INVALID, "record_id: must be a UUID");
		out->record_id.data = id;
		out->record_id.len = RECORD_ID;
	}
	text = NULL;
	s = om_json_text(o, "", "generation_id", 128, &text, e);
	if (s != OM_OK || text == NULL)
		return s;
	if (!om_text_token(text, 128))
		return om_fail(
		    e, OM_INVALID, "generation_id: must be 1 to 128 printable ASCII characters without spaces");
	out->generation_id = om_arena_strdup(a, text);
	return out->generation_id != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
read_state(const json_t *o, Om__Record *out, om_err *e)
{
	static const struct {
		const char *name;
		Om__State state;
	} states[] = {
	    {"open", OM__STATE__STATE_OPEN},
	    {"final", OM__STATE__STATE_FINAL},
	    {"cancelled", OM__STATE__STATE_CANCELLED},
	    {"error", OM__STATE__STATE_ERROR},
	};
	const char *text = NULL;
	om_status s = om_json_text(o, "", "state", 64, &text, e);

	out->state = OM__STATE__STATE_FINAL;
	if (s != OM_OK || text == NULL)
		return s;
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (strcmp(text, states[i].name) == 0) {
			out->state = states[i].state;
			return OM_OK;
		}
	return om_fail(e, OM_INVALID, "state: must be open, final, cancelled or error");
}

static om_status
read_groups(const json_t *user, struct om_arena *a, Om__User *out, om_err *e)
{
	const json_t *list = json_object_get(user, "groups");
	size_t n = json_array_size(list);

	if (list == NULL || json_is_null(list))
		return OM_OK;
	if (!json_is_array(list) || n > GROUPS_MAX)
		return om_fail(e, OM_INVALID, "user.groups: must be a list of at most %d texts", GROUPS_MAX);
	out->groups = om_arena_array(a, n + 1, sizeof *out->groups);
	if (out->groups == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);
		const char *text = json_string_value(item);

		if (text == NULL || om_utf8_length(text, json_string_length(item)) > 256 ||
		    !om_text_clean(text, json_string_length(item)))
			return om_fail(e, OM_INVALID,
			    "user.groups[%zu]: must be a text of at most 256 characters without control characters", i);
		if ((out->groups[i] = om_arena_strdup(a, text)) == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
	}
	out->n_groups = n;
	return OM_OK;
}

static om_status
read_user(const json_t *o, struct om_arena *a, Om__Record *out, om_err *e)
{
	const json_t *user = NULL;
	om_status s = om_json_object(o, "", "user", &user, e);

	if (s != OM_OK)
		return s;
	if (user == NULL)
		return om_fail(e, OM_INVALID, "user: is missing");
	out->user = om_arena_alloc(a, sizeof *out->user);
	if (out->user == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	om__user__init(out->user);
	s = copy_text(user, "user.", "id", 128, a, &out->user->id, e);
	if (s == OM_OK && out->user->id == NULL)
		return om_fail(e, OM_INVALID, "user.id: must be a text of 1 to 128 characters");
	if (s == OM_OK)
		s = copy_texts(user, "user.", user_texts, sizeof user_texts / sizeof user_texts[0], out->user, a, e);
	if (s == OM_OK)
		s = read_groups(user, a, out->user, e);
	return s;
}

/* read_byok keeps the upstream bill only where there is one. */
static om_status
read_byok(const json_t *usage, struct om_arena *a, Om__Record *out, om_err *e)
{
	const json_t *details = NULL;
	bool byok = false, has = false;
	om_status s = om_json_bool(usage, "usage.", "is_byok", &byok, &has, e);

	if (s != OM_OK)
		return s;
	out->has_is_byok = has;
	out->is_byok = byok;
	s = om_json_object(usage, "usage.", "cost_details", &details, e);
	if (s != OM_OK || details == NULL || !byok)
		return s;
	return gw_event_cost(details, "usage.cost_details.", "upstream_inference_cost", a, &out->byok_cost, e);
}

static om_status
read_usage(const json_t *o, struct om_arena *a, Om__Record *out, om_err *e)
{
	const json_t *usage = NULL, *prompt = NULL, *completion = NULL;
	om_status s = om_json_object(o, "", "usage", &usage, e);

	if (s != OM_OK || usage == NULL)
		return s;
	if ((s = read_tokens(usage, "usage.", "prompt_tokens", &out->prompt_tokens, &out->has_prompt_tokens, e)) !=
		OM_OK ||
	    (s = read_tokens(usage, "usage.", "completion_tokens", &out->completion_tokens, &out->has_completion_tokens,
		 e)) != OM_OK ||
	    (s = om_json_object(usage, "usage.", "prompt_tokens_details", &prompt, e)) != OM_OK ||
	    (s = om_json_object(usage, "usage.", "completion_tokens_details", &completion, e)) != OM_OK)
		return s;
	if (prompt != NULL) {
		static const char where[] = "usage.prompt_tokens_details.";

		s = read_tokens(prompt, where, "cached_tokens", &out->cached_tokens, &out->has_cached_tokens, e);
		if (s == OM_OK)
			s = read_tokens(prompt, where, "cache_write_tokens", &out->cache_write_tokens,
			    &out->has_cache_write_tokens, e);
	}
	if (s == OM_OK && completion != NULL)
		s = read_tokens(completion, "usage.completion_tokens_details.", "reasoning_tokens",
		    &out->reasoning_tokens, &out->has_reasoning_tokens, e);
	if (s == OM_OK)
		s = gw_event_cost(usage, "usage.", "cost", a, &out->cost, e);
	if (s == OM_OK && out->cost != NULL) {
		out->has_cost_state = 1;
		out->cost_state = OM__COST_STATE__COST_REPORTED;
	}
	return s == OM_OK ? read_byok(usage, a, out, e) : s;
}

om_status
gw_event_derive_id(struct om_arena *a, Om__Record *r, om_err *e)
{
	unsigned char hash[OM_SHA256], *id = om_arena_alloc(a, RECORD_ID);
	struct om_bytes part;
	struct gw_batch *b = gw_batch_new();
	om_status s;

	if (id == NULL || b == NULL) {
		gw_batch_free(&b);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	r->record_id.data = id;
	r->record_id.len = RECORD_ID;
	s = gw_batch_add(b, r, e);
	part.data = b->bytes.data;
	part.n = b->bytes.len;
	if (s == OM_OK)
		s = om_sha256(&part, 1, hash);
	gw_batch_free(&b);
	if (s != OM_OK)
		return om_fail(e, s, "cannot make a record id");
	memcpy(id, hash, RECORD_ID);
	return OM_OK;
}

om_status
gw_event_read(const json_t *o, om_time now, struct om_arena *a, Om__Record *out, om_err *e)
{
	om_status s;

	om__record__init(out);
	if (!json_is_object(o))
		return om_fail(e, OM_INVALID, "must be an object");
	if ((s = read_version(o, e)) != OM_OK || (s = read_ids(o, a, out, e)) != OM_OK ||
	    (s = read_state(o, out, e)) != OM_OK || (s = read_user(o, a, out, e)) != OM_OK ||
	    (s = copy_texts(o, "", record_texts, sizeof record_texts / sizeof record_texts[0], out, a, e)) != OM_OK ||
	    (s = read_usage(o, a, out, e)) != OM_OK ||
	    (s = read_time(o, "started_at", now, &out->started_us, &out->has_started_us, e)) != OM_OK ||
	    (s = read_time(o, "finished_at", now, &out->finished_us, &out->has_finished_us, e)) != OM_OK)
		return s;
	if (out->generation_id == NULL && out->turn_id == NULL)
		return om_fail(e, OM_INVALID, "generation_id: is missing, and there is no turn_id either");
	if (!out->has_started_us && !out->has_finished_us)
		return om_fail(e, OM_INVALID, "started_at: is missing, and there is no finished_at either");
	if (out->record_id.data == NULL)
		s = gw_event_derive_id(a, out, e);
	out->received_us = now;
	return s;
}
