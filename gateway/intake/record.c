/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "record.h"

#include "base/digest.h"
#include "base/invariant.h"
#include "base/stats.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_ID     16
#define CANONICAL_MAX ((size_t)256 * 1024)
#define NAME_BYTES    64 /* that hold any name of a path */

/* ---- one member each ---- */

/* member gives what is there; null is the same as absent. */
static const json_t *
member(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_null(v) ? NULL : v;
}

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

om_status
gw_record_text(
    const json_t *o, const char *key, om_fit_field f, struct om_arena *a, struct om_fit *notes, char **out, om_err *e)
{
	const json_t *v = member(o, key);

	*out = NULL;
	if (v == NULL || (json_is_string(v) && json_string_length(v) == 0))
		return OM_OK;
	if (!json_is_string(v)) {
		om_fit_note(notes, f, "not a text: left out");
		return OM_OK;
	}
	*out = om_arena_strdup(a, json_string_value(v));
	return *out != NULL ? OM_OK : no_memory(e);
}

/* whole reads a member that is a number without fraction, as far as JSON carries
 * those exactly. */
static bool
whole(const json_t *o, const char *key, int64_t *out)
{
	bool has = false;

	return om_json_int(o, "", key, INT64_MIN, INT64_MAX, out, &has, NULL) == OM_OK && has;
}

om_status
gw_record_id(
    const json_t *o, const char *key, om_fit_field f, struct om_arena *a, struct om_fit *notes, char **out, om_err *e)
{
	int64_t number = 0;

	if (!whole(o, key, &number))
		return gw_record_text(o, key, f, a, notes, out, e);
	om_fit_note(notes, f, "a number: its digits are the id");
	*out = om_arena_printf(a, "%lld", (long long)number);
	return *out != NULL ? OM_OK : no_memory(e);
}

/* text_number reads a count that was sent as a text. */
static bool
text_number(const json_t *v, int64_t *out)
{
	const om_i128 one = (om_i128)1000000000000000000;
	om_money m;

	if (!json_is_string(v) || om_money_parse(json_string_value(v), &m, NULL) != OM_OK || m.v % one != 0 ||
	    m.v / one > OM_FIT_TOKENS_MAX || m.v < 0)
		return false;
	*out = (int64_t)(m.v / one);
	return true;
}

void
gw_record_count(
    const json_t *o, const char *key, om_fit_field f, struct om_fit *notes, int64_t *out, protobuf_c_boolean *has_out)
{
	const json_t *v = member(o, key);

	*has_out = v != NULL;
	if (v == NULL || whole(o, key, out))
		return; /* its bounds are judged with the whole record */
	if (text_number(v, out)) {
		om_fit_note(notes, f, "a text: taken as the number that it holds");
		return;
	}
	om_fit_note(notes, f, "not a whole number from 0 to 1000000000: left out");
	*has_out = 0;
}

om_status
gw_record_cost(
    const json_t *o, const char *key, om_fit_field f, struct om_arena *a, struct om_fit *notes, char **out, om_err *e)
{
	char text[OM_MONEY_TEXT];
	om_money m = OM_MONEY_ZERO;
	bool has = false;
	om_status s = om_json_money(o, "", key, &m, &has, NULL);

	*out = NULL;
	if (s != OM_OK || (has && !om_fit_cost(m))) {
		om_fit_note(notes, f, "not an amount from 0 to 10000 USD: left out");
		return OM_OK;
	}
	if (!has)
		return OM_OK;
	*out = om_arena_strdup(a, om_money_text(m, text));
	return *out != NULL ? OM_OK : no_memory(e);
}

const json_t *
gw_record_object(const json_t *o, const char *key, om_fit_field f, struct om_fit *notes)
{
	const json_t *v = member(o, key);

	if (v == NULL || json_is_object(v))
		return v;
	om_fit_note(notes, f, "not an object: left out");
	return NULL;
}

static void
read_time(
    const json_t *o, const char *key, om_fit_field f, struct om_fit *notes, int64_t *out, protobuf_c_boolean *has_out)
{
	om_time t = 0;
	bool has = false;

	if (om_json_time(o, "", key, &t, &has, NULL) != OM_OK)
		om_fit_note(notes, f, "not an RFC 3339 time: left out");
	*out = t;
	*has_out = has;
}

static void
read_bool(const json_t *o, const char *key, om_fit_field f, struct om_fit *notes, protobuf_c_boolean *out, int *has_out)
{
	const json_t *v = member(o, key);
	const char *text = json_is_string(v) ? json_string_value(v) : "";
	int64_t number = -1;

	*has_out = v != NULL;
	*out = json_is_true(v);
	if (v == NULL || json_is_boolean(v))
		return;
	(void)whole(o, key, &number);
	*out = number == 1 || strcmp(text, "true") == 0;
	if (*out || number == 0 || strcmp(text, "false") == 0) {
		om_fit_note(notes, f, "not true or false: taken as the one that it means");
		return;
	}
	om_fit_note(notes, f, "neither true nor false: left out");
	*has_out = 0;
}

/* ---- parts ---- */

struct text_field {
	const char *key;
	om_fit_field field;
	size_t offset; /* of a char * in Om__Record or Om__User */
};

#define RECORD(field) offsetof(Om__Record, field)
#define USER(field)   offsetof(Om__User, field)
#define COUNT(list)   (sizeof(list) / sizeof((list)[0]))

static const struct text_field record_texts[] = {
    {"source", OM_FIT_SOURCE, RECORD(source)},
    {"origin", OM_FIT_ORIGIN, RECORD(origin)},
    {"task", OM_FIT_TASK, RECORD(task)},
    {"kind", OM_FIT_KIND, RECORD(kind)},
    {"requested_model", OM_FIT_REQUESTED_MODEL, RECORD(requested_model)},
    {"model", OM_FIT_MODEL, RECORD(model)},
    {"provider", OM_FIT_PROVIDER, RECORD(provider)},
    {"platform", OM_FIT_PLATFORM, RECORD(platform)},
};

static const struct text_field record_ids[] = {
    {"generation_id", OM_FIT_GENERATION_ID, RECORD(generation_id)},
    {"turn_id", OM_FIT_TURN_ID, RECORD(turn_id)},
    {"chat_id", OM_FIT_CHAT_ID, RECORD(chat_id)},
    {"message_id", OM_FIT_MESSAGE_ID, RECORD(message_id)},
};

static const struct text_field user_texts[] = {
    {"name", OM_FIT_USER_NAME, USER(name)},
    {"email", OM_FIT_USER_EMAIL, USER(email)},
    {"role", OM_FIT_USER_ROLE, USER(role)},
};

typedef om_status reader(
    const json_t *o, const char *key, om_fit_field f, struct om_arena *a, struct om_fit *notes, char **out, om_err *e);

static om_status
read_all(const json_t *o, reader *one, const struct text_field *fields, size_t n, void *into, struct om_arena *a,
    struct om_fit *notes, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		char *value = NULL;

		s = one(o, fields[i].key, fields[i].field, a, notes, &value, e);
		memcpy((char *)into + fields[i].offset, &value, sizeof value);
	}
	return s;
}

static void
read_version(const json_t *o, struct om_fit *notes)
{
	int64_t number = 0;

	if (member(o, "v") != NULL && (!whole(o, "v", &number) || number != 1)) /* without one it is the first */
		om_fit_note(notes, OM_FIT_V, "not 1: read as 1");
}

static om_status
read_record_id(const json_t *o, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e)
{
	const json_t *v = member(o, "record_id");
	unsigned char *id = om_arena_alloc(a, RECORD_ID);

	if (id == NULL)
		return no_memory(e);
	if (v != NULL && json_is_string(v) && om_uuid_parse(json_string_value(v), id)) {
		out->record_id.data = id;
		out->record_id.len = RECORD_ID;
	} else if (v != NULL) {
		om_fit_note(notes, OM_FIT_RECORD_ID, "not a UUID: one is made of the content");
	}
	return OM_OK;
}

/* read_state leaves an unknown state to om_fit_record, which decides it by the usage. */
static void
read_state(const json_t *o, struct om_fit *notes, Om__Record *out)
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
	const json_t *v = member(o, "state");

	out->state = OM__STATE__STATE_FINAL;
	for (size_t i = 0; json_is_string(v) && i < COUNT(states); i++)
		if (strcmp(json_string_value(v), states[i].name) == 0) {
			out->state = states[i].state;
			return;
		}
	if (v == NULL)
		return;
	om_fit_note(notes, OM_FIT_STATE, "not open, final, cancelled or error: final where there is usage, else open");
	out->state = (Om__State)(OM__STATE__STATE_FINAL + 1);
}

static om_status
read_names(
    const json_t *list, om_fit_field f, struct om_arena *a, struct om_fit *notes, char ***out, size_t *n_out, om_err *e)
{
	size_t n = json_array_size(list), kept = 0;

	if (list != NULL && !json_is_array(list))
		om_fit_note(notes, f, "not a list: left out");
	*out = om_arena_array(a, OM_FIT_GROUPS + 1, sizeof **out);
	if (*out == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n && kept <= OM_FIT_GROUPS; i++) { /* one more tells that there are more */
		const json_t *item = json_array_get(list, i);

		if (!json_is_string(item)) {
			om_fit_note(notes, f, "one that is not a text: left out");
			continue;
		}
		if (((*out)[kept++] = om_arena_strdup(a, json_string_value(item))) == NULL)
			return no_memory(e);
	}
	*n_out = kept;
	return OM_OK;
}

static om_status
read_groups(const json_t *user, struct om_arena *a, struct om_fit *notes, Om__User *out, om_err *e)
{
	om_status s = read_names(member(user, "groups"), OM_FIT_USER_GROUPS, a, notes, &out->groups, &out->n_groups, e);

	return s == OM_OK ? read_names(member(user, "inherited_groups"), OM_FIT_USER_INHERITED, a, notes,
				&out->inherited_groups, &out->n_inherited_groups, e)
			  : s;
}

om_status
gw_record_user(const json_t *user, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e)
{
	om_status s;

	out->user = om_arena_alloc(a, sizeof *out->user);
	if (out->user == NULL)
		return no_memory(e);
	om__user__init(out->user);
	if (user == NULL)
		return OM_OK;
	s = gw_record_id(user, "id", OM_FIT_USER_ID, a, notes, &out->user->id, e);
	if (s == OM_OK)
		s = read_all(user, gw_record_text, user_texts, COUNT(user_texts), out->user, a, notes, e);
	return s == OM_OK ? read_groups(user, a, notes, out->user, e) : s;
}

/* read_byok keeps the upstream bill only where there is one. */
static om_status
read_byok(const json_t *usage, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e)
{
	const json_t *details = gw_record_object(usage, "cost_details", OM_FIT_COST_DETAILS, notes);

	read_bool(usage, "is_byok", OM_FIT_IS_BYOK, notes, &out->is_byok, &out->has_is_byok);
	if (details == NULL || !out->is_byok)
		return OM_OK;
	return gw_record_cost(details, "upstream_inference_cost", OM_FIT_BYOK_COST, a, notes, &out->byok_cost, e);
}

/* holder gives the object that has the last name of a path, NULL where there is none. */
static const json_t *
holder(const json_t *o, const char *path)
{
	char name[NAME_BYTES];

	for (const char *dot; o != NULL && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
		size_t n = (size_t)(dot - path);

		om_check(n < sizeof name);
		memcpy(name, path, n);
		name[n] = '\0';
		o = json_object_get(o, name);
	}
	return json_is_object(o) ? o : NULL;
}

static const char *
last_name(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL ? dot + 1 : path;
}

static om_status
read_usage(const json_t *o, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e)
{
	const json_t *usage = gw_record_object(o, "usage", OM_FIT_USAGE, notes);
	om_status s;

	(void)gw_record_object(usage, "prompt_tokens_details", OM_FIT_PROMPT_DETAILS, notes);
	(void)gw_record_object(usage, "completion_tokens_details", OM_FIT_ANSWER_DETAILS, notes);
#define TOLD_MONEY(NAME, name, path) /* below */
#define TOLD_COUNT(NAME, name, path) \
	gw_record_count(holder(o, path), last_name(path), OM_FIT_##NAME, notes, &out->name, &out->has_##name);
#define OM_FIGURE_TOLD(NAME, name, kind, path) TOLD_##kind(NAME, name, path)
#include "messages/figures.def"
	s = gw_record_cost(usage, "cost", OM_FIT_COST, a, notes, &out->cost, e);
	if (s != OM_OK)
		return s;
	if (out->cost != NULL) {
		out->has_cost_state = 1;
		out->cost_state = OM__COST_STATE__COST_REPORTED;
	}
	return read_byok(usage, a, notes, out, e);
}

static void
read_request(const json_t *o, struct om_fit *notes, Om__Record *out)
{
	protobuf_c_boolean has = 0;
	int64_t n = 0;

	gw_record_count(o, "request", OM_FIT_REQUEST, notes, &n, &has);
	out->has_request = has;
	out->request = n < 0 || n > OM_FIT_REQUEST_MAX ? 0 : (uint32_t)n; /* 0 is none */
}

/* read_sender reads who counted the record, and as which. */
static om_status
read_sender(const json_t *o, struct om_arena *a, struct om_fit *notes, Om__Record *out, om_err *e)
{
	const json_t *v = member(o, "sender");
	unsigned char *id = om_arena_alloc(a, RECORD_ID);
	int64_t n = 0;

	if (id == NULL)
		return no_memory(e);
	out->has_sender = v != NULL && json_is_string(v) && om_uuid_parse(json_string_value(v), id);
	if (out->has_sender)
		out->sender = (ProtobufCBinaryData){.len = RECORD_ID, .data = id};
	else if (v != NULL)
		om_fit_note(notes, OM_FIT_SENDER, "not a UUID: left out");
	out->has_number = whole(o, "number", &n);
	out->number = n > 0 ? (uint64_t)n : 0; /* 0 is none */
	if (!out->has_number && member(o, "number") != NULL)
		om_fit_note(notes, OM_FIT_NUMBER, "not a whole number from 1: left out");
	return OM_OK;
}

/* ---- what it is known by ---- */

static int
add_to_hash(const char *data, size_t n, void *arg)
{
	om_hash_add(arg, data, n);
	return 0;
}

/* hash_json hashes the JSON with its keys in order, without blanks, and with
 * numbers of full precision. */
static om_status
hash_json(const json_t *o, unsigned char out[OM_SHA256], om_err *e)
{
	struct om_hash *h = om_hash_new();
	int rc = h != NULL ? json_dump_callback(o, add_to_hash, h,
				 JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY)
			   : -1;

	if (rc != 0) {
		om_hash_free(&h);
		return no_memory(e);
	}
	return om_hash_done(&h, out) == OM_OK ? OM_OK : om_fail(e, OM_INTERNAL, "SHA-256 failed");
}

/* hash_packed hashes the record as packed, with its id's bytes zero and without what this
 * gateway says of its user, which another may say otherwise of the same body.  A trace's
 * platform, kind and request number are read off attributes that older gateways
 * passed over, and are left out of it. */
static om_status
hash_packed(const Om__Record *r, bool is_trace, unsigned char out[OM_SHA256], om_err *e)
{
	static unsigned char zeros[RECORD_ID];
	Om__Record copy = *r;
	struct om_buf b;
	om_status s;

	copy.record_id.data = zeros;
	copy.record_id.len = RECORD_ID;
	copy.has_user_state = copy.has_told_only = 0;
	if (is_trace) {
		copy.platform = copy.kind = NULL;
		copy.has_request = 0;
	}
	om_buf_init(&b, CANONICAL_MAX);
	om_msg_pack(&copy.base, &b);
	s = om_buf_done(&b, e);
	if (s == OM_OK && om_sha256(&(struct om_bytes){.data = b.data, .n = b.len}, 1, out) != OM_OK)
		s = om_fail(e, OM_INTERNAL, "SHA-256 failed");
	om_buf_fini(&b);
	return s;
}

static om_status
identify(const json_t *o, struct om_arena *a, Om__Record *r, const struct om_fit *notes, om_err *e)
{
	bool named = r->record_id.len > 0;
	unsigned char *content = om_arena_alloc(a, OM_SHA256), *id = om_arena_alloc(a, RECORD_ID);
	om_status s;

	if (content == NULL || id == NULL)
		return no_memory(e);
	s = o != NULL && (named || notes->changed) ? hash_json(o, content, e) : hash_packed(r, o == NULL, content, e);
	if (s != OM_OK)
		return s;
	if (!named) {
		memcpy(id, content, RECORD_ID);
		r->record_id.data = id;
		r->record_id.len = RECORD_ID;
	}
	r->has_content = 1;
	r->content.data = content;
	r->content.len = OM_SHA256;
	return OM_OK;
}

om_status
gw_record_finish(const json_t *o, om_time now, struct om_arena *a, Om__Record *r, struct om_fit *notes, om_err *e)
{
	om_status s;

	r->received_us = now; /* what is ahead of it is noted */
	s = om_fit_record(r, a, notes, e);
	r->received_us = 0;
	if (s == OM_OK)
		s = identify(o, a, r, notes, e);
	r->received_us = now;
	if (s == OM_OK && o != NULL) { /* whoever sends records sees the users: the plugin, an older filter */
		r->has_user_state = 1;
		r->user_state = strcmp(r->user->id, OM_USER_UNKNOWN) == 0 ? OM__USER_STATE__USER_UNKNOWN
									  : OM__USER_STATE__USER_PROVEN;
	}
	return s;
}

om_status
gw_record_read(const json_t *o, om_time now, struct om_arena *a, Om__Record *out, struct om_fit *notes, om_err *e)
{
	const json_t *user;
	om_status s;

	om__record__init(out);
	*notes = (struct om_fit){.changed = false};
	if (!json_is_object(o))
		return om_fail(e, OM_INVALID, "must be an object");
	read_version(o, notes);
	read_state(o, notes, out);
	user = gw_record_object(o, "user", OM_FIT_USER, notes);
	if ((s = read_record_id(o, a, notes, out, e)) != OM_OK ||
	    (s = read_all(o, gw_record_id, record_ids, COUNT(record_ids), out, a, notes, e)) != OM_OK ||
	    (s = gw_record_user(user, a, notes, out, e)) != OM_OK ||
	    (s = read_all(o, gw_record_text, record_texts, COUNT(record_texts), out, a, notes, e)) != OM_OK ||
	    (s = read_usage(o, a, notes, out, e)) != OM_OK || (s = read_sender(o, a, notes, out, e)) != OM_OK)
		return s;
	read_request(o, notes, out);
	read_time(o, "started_at", OM_FIT_STARTED_AT, notes, &out->started_us, &out->has_started_us);
	read_time(o, "finished_at", OM_FIT_FINISHED_AT, notes, &out->finished_us, &out->has_finished_us);
	return gw_record_finish(o, now, a, out, notes, e);
}

/* ---- counting ---- */

static struct om_stat dropped[OM_N_FIT] = {
#define OM_FIT(id, name)                                                                       \
	[OM_FIT_##id] = OM_COUNTER("owui_metering_fields_dropped_total", "field=\"" name "\"", \
	    "Fields of records that were repaired or left out because they did not fit."),
#include "wire/fit.def"
#undef OM_FIT
};

void
gw_record_count_repairs(const struct om_fit *notes)
{
	for (unsigned f = 0; f < OM_N_FIT; f++)
		if (notes->why[f] != NULL)
			om_stat_add(&dropped[f], 1);
}
