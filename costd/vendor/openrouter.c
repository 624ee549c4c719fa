/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "openrouter.h"

#include "value/record.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"

#include <string.h>
#include <time.h>

#define MAX_TOKENS    1000000000
#define RETRY_AFTER_S 3600
#define MAX_NAME      256u
#define MAX_PROVIDER  128u
#define MAX_USER      128u
#define MAX_CHAT      256u
#define MAX_TASK      64u
#define MAX_OTHER_ID  160u
#define LEAST_TIME    ((om_time)946684800 * OM_SECOND) /* 2000-01-01 */
#define AHEAD_US      (300 * OM_SECOND)                /* so far may the provider's clock be ahead */

static const om_money max_cost = {.v = (om_i128)10000 * 1000000000000000000};

const char *const cd_reply_fields[CD_N_REPLY_FIELDS] = {
#define CD_REPLY(id, key, name) [CD_REPLY_##id] = (name),
#include "openrouter.def"
#undef CD_REPLY
};

static const char *const keys[CD_N_REPLY_FIELDS] = {
#define CD_REPLY(id, key, name) [CD_REPLY_##id] = (key),
#include "openrouter.def"
#undef CD_REPLY
};

/* One reply on its way into a record. */
struct reply {
	const json_t *data;
	struct cd_reply *out;
	struct om_arena *a;
	om_time now;
};

static bool
is_there(const struct reply *p, cd_reply_field f)
{
	const json_t *v = json_object_get(p->data, keys[f]);

	return v != NULL && !json_is_null(v);
}

/* leave_out notes a field that does not fit; nothing is billed by it. */
static void
leave_out(const struct reply *p, cd_reply_field f)
{
	if (is_there(p, f))
		p->out->left_out |= 1u << f;
}

/* amount reads what may be one; a reason, but no amount, where it does not fit. */
static om_status
amount(const struct reply *p, const char *key, char **out, om_err *e)
{
	char buf[OM_MONEY_TEXT];
	bool has = false;
	om_money m;
	om_status s = om_json_money(p->data, "data.", key, &m, &has, e);

	*out = NULL;
	if (s != OM_OK || !has)
		return s;
	if (om_money_is_negative(m) || om_money_cmp(m, max_cost) > 0)
		return om_fail(e, OM_PROTOCOL, "data.%s: %s is not from 0 to 10000", key, om_money_text(m, buf));
	*out = om_arena_strdup(p->a, om_money_text(m, buf));
	return OM_OK;
}

/* count takes a number, also one that is written as a text. */
static void
count(const struct reply *p, cd_reply_field f, int64_t *out, protobuf_c_boolean *has_out)
{
	const char *text = json_string_value(json_object_get(p->data, keys[f]));
	uint64_t n = 0;
	bool has = false;

	if (text != NULL && om_u64_parse(text, MAX_TOKENS, &n)) {
		*out = (int64_t)n;
		has = true;
	} else if (om_json_int(p->data, "", keys[f], 0, MAX_TOKENS, out, &has, NULL) != OM_OK || !has) {
		*out = 0;
		has = false;
		leave_out(p, f);
	}
	*has_out = has;
}

/* short_text copies a text that is fit for the ledger; what is not is as good
 * as absent, for nothing is billed by it. */
static char *
short_text(const json_t *o, const char *key, size_t max, struct om_arena *a)
{
	const char *text = NULL;

	if (om_json_text(o, "data.", key, max, &text, NULL) != OM_OK || text == NULL)
		return NULL;
	return om_arena_strdup(a, text);
}

static char *
text_of(const struct reply *p, cd_reply_field f, size_t max)
{
	char *text = short_text(p->data, keys[f], max, p->a);

	if (text == NULL)
		leave_out(p, f);
	return text != NULL && text[0] != '\0' ? text : NULL;
}

/* part_of copies a part of a session id, if it fits. */
static char *
part_of(const struct reply *p, const char *from, const char *to, size_t max)
{
	size_t n = (size_t)(to - from);

	if (n == 0 || om_utf8_length(from, n) > max || from[0] == '{') /* a placeholder that was not filled */
		return NULL;
	return om_arena_strndup(p->a, from, n);
}

/* read_session takes "owui|USER|CHAT||TASK", as a connection's header
 * x-session-id says it; another session id is ignored. */
static void
read_session(const struct reply *p, Om__Record *r)
{
	static const char prefix[] = "owui|";
	const char *text = text_of(p, CD_REPLY_SESSION, MAX_USER + MAX_CHAT + MAX_TASK + sizeof prefix + 2);
	const char *end[4];
	const char *at;

	if (text == NULL || strncmp(text, prefix, sizeof prefix - 1) != 0)
		return;
	at = text + sizeof prefix - 1;
	for (unsigned i = 0; i < 3; i++) {
		end[i] = strchr(at, '|');
		if (end[i] == NULL)
			return;
		at = end[i] + 1;
	}
	end[3] = at + strlen(at);
	if (end[2] != end[1] + 1 || strchr(at, '|') != NULL)
		return;
	if (r->user->id == NULL)
		r->user->id = part_of(p, text + sizeof prefix - 1, end[0], MAX_USER);
	r->chat_id = part_of(p, end[0] + 1, end[1], MAX_CHAT);
	r->task = part_of(p, at, end[3], MAX_TASK);
}

/* read_user: who it was, by what the request said of its user.  Nothing
 * else is used, so that equal replies make equal records. */
static void
read_user(const struct reply *p, Om__Record *r)
{
	r->user->id = text_of(p, CD_REPLY_USER, MAX_USER);
	read_session(p, r);
	if (r->user->id == NULL)
		r->user->id = om_arena_strdup(p->a, OM_USER_UNKNOWN);
}

static bool
is_sane(const struct reply *p, om_time t)
{
	return t >= LEAST_TIME && t <= p->now + AHEAD_US;
}

/* read_time: when it was; the books' time, else that of the id ("gen-", seconds,
 * "-"), else that of the answer. */
static void
read_time(const struct reply *p, Om__Record *r)
{
	om_time at = 0;
	uint64_t seconds = 0;
	bool has = false;
	const char *digits = strncmp(r->generation_id, CD_OPENROUTER_ID, sizeof CD_OPENROUTER_ID - 1) == 0
	    ? r->generation_id + sizeof CD_OPENROUTER_ID - 1
	    : "";
	const char *dash = strchr(digits, '-');

	if (om_json_time(p->data, "", keys[CD_REPLY_TIME], &at, &has, NULL) != OM_OK || !has || !is_sane(p, at)) {
		leave_out(p, CD_REPLY_TIME);
		if (dash != NULL &&
		    om_u64_parse(om_arena_strndup(p->a, digits, (size_t)(dash - digits)), 9999999999, &seconds))
			at = (om_time)seconds * OM_SECOND;
		if (!is_sane(p, at))
			at = p->now;
	}
	r->has_finished_us = true;
	r->finished_us = at;
}

/* check_id takes a reply about another id for an interrupted request alone, where the
 * provider really does that; the caller compares it with the row. */
static om_status
check_id(const struct reply *p, Om__Record *r, bool cancelled, om_err *e)
{
	const char *about = json_string_value(json_object_get(p->data, "id"));

	if (about == NULL || strcmp(about, r->generation_id) == 0)
		return OM_OK;
	if (!cancelled || !om_text_token(about, MAX_OTHER_ID))
		return om_fail(e, OM_PROTOCOL, "the reply is about another generation (%.128s)", about);
	r->other_id = om_arena_strdup(p->a, about);
	return OM_OK;
}

static void
read_byok(const struct reply *p, Om__Record *r)
{
	bool byok = false, has = false;

	if (om_json_bool(p->data, "", keys[CD_REPLY_IS_BYOK], &byok, &has, NULL) != OM_OK)
		leave_out(p, CD_REPLY_IS_BYOK);
	r->has_is_byok = has;
	r->is_byok = has && byok;
	if (r->is_byok && amount(p, keys[CD_REPLY_BYOK_COST], &r->byok_cost, NULL) != OM_OK)
		leave_out(p, CD_REPLY_BYOK_COST);
}

static om_status
fill_record(const struct reply *p, Om__Record *r, om_err *e)
{
	const char *finish = json_string_value(json_object_get(p->data, "finish_reason"));
	bool cancelled = json_is_true(json_object_get(p->data, "cancelled"));
	om_status s = check_id(p, r, cancelled, e);

	if (s == OM_OK)
		s = amount(p, "total_cost", &r->cost, e);
	if (s == OM_OK && r->cost == NULL)
		s = om_fail(e, OM_PROTOCOL, "data.total_cost: missing");
	if (s != OM_OK)
		return s;
	read_byok(p, r);
	count(p, CD_REPLY_PROMPT_TOKENS, &r->prompt_tokens, &r->has_prompt_tokens);
	count(p, CD_REPLY_COMPLETION_TOKENS, &r->completion_tokens, &r->has_completion_tokens);
	count(p, CD_REPLY_REASONING_TOKENS, &r->reasoning_tokens, &r->has_reasoning_tokens);
	count(p, CD_REPLY_CACHED_TOKENS, &r->cached_tokens, &r->has_cached_tokens);
	r->has_cost_state = true;
	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	r->state = cancelled                                 ? OM__STATE__STATE_CANCELLED
	    : finish != NULL && strcmp(finish, "error") == 0 ? OM__STATE__STATE_ERROR
							     : OM__STATE__STATE_FINAL;
	r->model = text_of(p, CD_REPLY_MODEL, MAX_NAME);
	r->provider = text_of(p, CD_REPLY_PROVIDER, MAX_PROVIDER);
	read_user(p, r);
	read_time(p, r);
	return OM_OK;
}

static om_status
object_in(const char *body, size_t n, json_t **root_out, const json_t **data_out, om_err *e)
{
	om_err why = {.text = ""};
	const json_t *data = NULL;
	json_t *root = NULL;

	*root_out = NULL;
	if (om_json_parse_mended(body, n, (struct om_json_place){.line = 0}, &root, &why) != OM_OK)
		return om_fail(e, OM_PROTOCOL, "the reply is not JSON: %.120s", why.text);
	data = json_object_get(root, "data");
	if (data == NULL) {
		const char *m = json_string_value(json_object_get(json_object_get(root, "error"), "message"));

		(void)om_fail(
		    e, OM_PROTOCOL, "the reply has no data%s%.120s", m != NULL ? ": " : "", m != NULL ? m : "");
		json_decref(root);
		return OM_PROTOCOL;
	}
	*root_out = root;
	*data_out = data;
	return OM_OK;
}

/* make_id: the first half of a hash over the content, without the time of
 * receipt: so the same answer is the same record, whichever costd got it. */
static om_status
make_id(Om__Record *r, struct om_arena *a, om_err *e)
{
	unsigned char none[CD_RECORD_ID] = {0}, sum[OM_SHA256];
	Om__Record copy = *r;
	om_status s;

	copy.record_id = (ProtobufCBinaryData){.len = sizeof none, .data = none};
	s = cd_record_content(&copy, sum, e);
	if (s != OM_OK)
		return s;
	r->record_id.data = om_arena_alloc(a, CD_RECORD_ID);
	if (r->record_id.data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r->record_id.len = CD_RECORD_ID;
	memcpy(r->record_id.data, sum, CD_RECORD_ID);
	return OM_OK;
}

om_status
cd_provider_generation(
    const char *body, size_t n, const char *id, om_time now, struct om_arena *a, struct cd_reply *out, om_err *e)
{
	Om__Record *r = om_msg_new(a, &om__record__descriptor);
	Om__User *u = om_msg_new(a, &om__user__descriptor);
	struct reply p = {.out = out, .a = a, .now = now};
	json_t *root = NULL;
	om_status s;

	*out = (struct cd_reply){.record = NULL};
	if (r == NULL || u == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = object_in(body, n, &root, &p.data, e);
	if (s != OM_OK)
		return s;
	r->generation_id = om_arena_strdup(a, id);
	r->source = om_arena_strdup(a, CD_LOOK_UP);
	r->user = u;
	r->received_us = now;
	if (a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	else if (!json_is_object(p.data))
		s = om_fail(e, OM_PROTOCOL, "data: not an object");
	else
		s = fill_record(&p, r, e);
	json_decref(root);
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		s = make_id(r, a, e);
	if (s != OM_OK)
		return s == OM_NOMEM ? s : OM_PROTOCOL;
	out->record = r;
	return OM_OK;
}

bool
cd_provider_is_empty(const Om__Record *r)
{
	return strcmp(r->cost, "0") == 0 && r->byok_cost == NULL && r->prompt_tokens == 0 && r->completion_tokens == 0;
}

bool
cd_provider_lacks_byok(const Om__Record *r)
{
	return r->has_is_byok && r->is_byok && r->byok_cost == NULL;
}

bool
cd_provider_is_cache_hit(const char *body, size_t n)
{
	const json_t *data = NULL;
	json_t *root = NULL;
	bool hit;

	if (object_in(body, n, &root, &data, NULL) != OM_OK)
		return false;
	hit = json_string_length(json_object_get(data, "response_cache_source_id")) > 0;
	json_decref(root);
	return hit;
}

/* ---- the price list ---- */

/* price_text: a price is a string; numbers (discount) are written as decimals;
 * anything else is no price. */
static char *
price_text(const json_t *v, struct om_arena *a)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (json_is_string(v)) {
		const char *text = json_string_value(v);

		return strlen(text) <= 64 && om_text_clean(text, strlen(text)) ? om_arena_strdup(a, text) : NULL;
	}
	if (json_is_number(v) && om_money_from_double(json_number_value(v), &m, NULL) == OM_OK)
		return om_arena_strdup(a, om_money_text(m, buf));
	return NULL;
}

static void
read_prices(json_t *pricing, struct om_arena *a, Om__Model *m)
{
	const char *key;
	json_t *v;

	m->prices = om_arena_array(a, json_object_size(pricing) + 1, sizeof(Om__Price *));
	if (m->prices == NULL)
		return;
	json_object_foreach(pricing, key, v)
	{
		char *value = strlen(key) <= 64 ? price_text(v, a) : NULL;
		Om__Price *p = value != NULL ? om_msg_new(a, &om__price__descriptor) : NULL;

		if (p == NULL)
			continue;
		p->key = om_arena_strdup(a, key);
		p->value = value;
		m->prices[m->n_prices++] = p;
	}
}

om_status
cd_provider_models(const char *body, size_t n, struct om_arena *a, Om__ModelsReply *out, om_err *e)
{
	const json_t *data = NULL;
	json_t *root = NULL;
	om_status s = object_in(body, n, &root, &data, e);

	if (s != OM_OK)
		return s;
	if (!json_is_array(data))
		s = om_fail(e, OM_PROTOCOL, "data: not an array");
	out->items = om_arena_array(a, json_array_size(data) + 1, sizeof(Om__Model *));
	for (size_t i = 0; s == OM_OK && out->items != NULL && i < json_array_size(data); i++) {
		const json_t *o = json_array_get(data, i);
		Om__Model *m = om_msg_new(a, &om__model__descriptor);
		bool has = false;

		if (m == NULL)
			break;
		m->id = short_text(o, "id", MAX_NAME, a);
		if (m->id == NULL || m->id[0] == '\0')
			continue;
		m->name = short_text(o, "name", MAX_NAME, a);
		if (m->name == NULL)
			m->name = m->id;
		if (om_json_int(o, "", "context_length", 0, INT64_MAX, &m->context_length, &has, NULL) == OM_OK)
			m->has_context_length = has;
		read_prices(json_object_get(o, "pricing"), a, m);
		out->items[out->n_items++] = m;
	}
	json_decref(root);
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s;
}

/* ---- the balance ---- */

om_status
cd_provider_credits(const char *body, size_t n, struct om_arena *a, Om__CreditsReply *out, om_err *e)
{
	om_money credits = OM_MONEY_ZERO, usage = OM_MONEY_ZERO, left;
	bool has_credits = false, has_usage = false;
	char buf[OM_MONEY_TEXT];
	const json_t *data = NULL;
	json_t *root = NULL;
	om_status s = object_in(body, n, &root, &data, e);

	if (s != OM_OK)
		return s;
	s = om_json_money(data, "data.", "total_credits", &credits, &has_credits, e);
	if (s == OM_OK)
		s = om_json_money(data, "data.", "total_usage", &usage, &has_usage, e);
	if (s == OM_OK)
		s = om_money_sub(credits, usage, &left);
	json_decref(root);
	if (s != OM_OK)
		return om_fail(e, OM_PROTOCOL, "the balance is not readable");
	out->known = has_credits && has_usage && !(om_money_is_zero(credits) && om_money_is_zero(usage));
	if (!out->known)
		return OM_OK;
	out->total_credits = om_arena_strdup(a, om_money_text(credits, buf));
	out->total_usage = om_arena_strdup(a, om_money_text(usage, buf));
	out->remaining = om_arena_strdup(a, om_money_text(left, buf));
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

/* ---- Retry-After ---- */

/* number reads exactly n digits. */
static bool
number(const char *p, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*out = 10 * *out + (p[i] - '0');
	}
	return true;
}

/* http_date reads "Sun, 06 Nov 1994 08:49:37 GMT", the one form that is sent
 * today (RFC 9110 section 5.6.7). */
static bool
http_date(const char *value, om_time *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int day, year, month = 0;
	char iso[40];

	if (strlen(value) != 29 || strcmp(value + 25, " GMT") != 0 || value[3] != ',')
		return false;
	while (month < 12 && strncmp(months + (size_t)3 * (size_t)month, value + 8, 3) != 0)
		month++;
	if (month == 12 || !number(value + 5, 2, &day) || !number(value + 12, 4, &year))
		return false;
	(void)snprintf(iso, sizeof iso, "%04d-%02d-%02dT%.8sZ", year, month + 1, day, value + 17);
	return om_time_parse(iso, out, NULL) == OM_OK;
}

int64_t
cd_retry_after(const char *value, om_time now)
{
	uint64_t seconds = 0;
	om_time at = 0;
	int64_t left;

	while (*value == ' ' || *value == '\t')
		value++;
	if (*value >= '0' && *value <= '9') {
		if (!om_u64_parse(value, UINT64_MAX, &seconds))
			return value[strspn(value, "0123456789")] == '\0' ? RETRY_AFTER_S : -1;
		return seconds > RETRY_AFTER_S ? RETRY_AFTER_S : (int64_t)seconds;
	}
	if (!http_date(value, &at))
		return -1;
	left = at > now ? (at - now + OM_SECOND - 1) / OM_SECOND : 0;
	return left > RETRY_AFTER_S ? RETRY_AFTER_S : left;
}
