/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "record.h"

#include "group_set.h"
#include "text.h"

#include <string.h>

#define MAX_TOKENS ((int64_t)1000000000)
#define LEAST_TIME ((om_time)946684800 * OM_SECOND)  /* 2000-01-01 */
#define MOST_TIME  ((om_time)7258118400 * OM_SECOND) /* 2200-01-01 */
#define MAX_GROUPS 64u
#define MAX_PACKED ((size_t)1024 * 1024)

static const om_money max_cost = {.v = (om_i128)10000 * 1000000000000000000};

struct text_field {
	const char *name;
	size_t offset; /* of a char * in Om__Record */
	size_t max_chars;
	cd_field field;
};

static const struct text_field texts[] = {
    {"turn_id", offsetof(Om__Record, turn_id), 128, CD_F_TURN_ID},
    {"source", offsetof(Om__Record, source), 64, CD_F_SOURCE},
    {"chat_id", offsetof(Om__Record, chat_id), 256, CD_F_CHAT_ID},
    {"message_id", offsetof(Om__Record, message_id), 256, CD_F_MESSAGE_ID},
    {"origin", offsetof(Om__Record, origin), 64, CD_F_ORIGIN},
    {"task", offsetof(Om__Record, task), 64, CD_F_TASK},
    {"requested_model", offsetof(Om__Record, requested_model), 256, CD_F_REQUESTED_MODEL},
    {"model", offsetof(Om__Record, model), 256, CD_F_MODEL},
    {"provider", offsetof(Om__Record, provider), 128, CD_F_PROVIDER},
    {"platform", offsetof(Om__Record, platform), 64, CD_F_PLATFORM},
    {"other_id", offsetof(Om__Record, other_id), 160, CD_F_OTHER_ID},
};
#define N_TEXTS (sizeof texts / sizeof texts[0])

struct count_field {
	const char *name;
	size_t has_offset, offset;
	cd_field field;
};

#define COUNT(name, FIELD)                                                                        \
	{                                                                                         \
#name, offsetof(Om__Record, has_##name), offsetof(Om__Record, name), CD_F_##FIELD \
	}
static const struct count_field counts[] = {
    COUNT(prompt_tokens, PROMPT_TOKENS),
    COUNT(completion_tokens, COMPLETION_TOKENS),
    COUNT(reasoning_tokens, REASONING_TOKENS),
    COUNT(cached_tokens, CACHED_TOKENS),
    COUNT(cache_write_tokens, CACHE_WRITE_TOKENS),
};
#define N_COUNTS (sizeof counts / sizeof counts[0])

static const char *
text_of(const Om__Record *r, const struct text_field *f)
{
	const char *p;

	memcpy(&p, (const char *)r + f->offset, sizeof p);
	return p;
}

static bool
count_of(const Om__Record *r, const struct count_field *f, int64_t *out)
{
	protobuf_c_boolean has;

	memcpy(&has, (const char *)r + f->has_offset, sizeof has);
	memcpy(out, (const char *)r + f->offset, sizeof *out);
	return has != 0;
}

static om_status
check_text(const char *name, const char *text, size_t max_chars, om_err *e)
{
	size_t n;

	if (text == NULL)
		return OM_OK;
	n = strlen(text);
	if (!om_utf8_valid(text, n))
		return om_fail(e, OM_INVALID, "%s: not UTF-8", name);
	if (!om_text_clean(text, n))
		return om_fail(e, OM_INVALID, "%s: has control characters", name);
	if (om_utf8_length(text, n) > max_chars)
		return om_fail(e, OM_INVALID, "%s: longer than %zu characters", name, max_chars);
	return OM_OK;
}

static om_status
check_user(const Om__User *u, om_err *e)
{
	om_status s;

	if (u == NULL || u->id == NULL || u->id[0] == '\0')
		return om_fail(e, OM_INVALID, "user.id: missing");
	if ((s = check_text("user.id", u->id, 128, e)) != OM_OK ||
	    (s = check_text("user.name", u->name, 512, e)) != OM_OK ||
	    (s = check_text("user.email", u->email, 320, e)) != OM_OK ||
	    (s = check_text("user.role", u->role, 64, e)) != OM_OK)
		return s;
	if (u->n_groups > MAX_GROUPS)
		return om_fail(e, OM_INVALID, "user.groups: more than %u", MAX_GROUPS);
	for (size_t i = 0; s == OM_OK && i < u->n_groups; i++)
		s = check_text("user.groups", u->groups[i], 256, e);
	return s;
}

static om_status
check_amount(const char *name, const char *text, om_err *e)
{
	om_money m;

	if (text == NULL)
		return OM_OK;
	if (om_money_parse(text, &m, NULL) != OM_OK)
		return om_fail(e, OM_INVALID, "%s: not an amount", name);
	if (om_money_is_negative(m) || om_money_cmp(m, max_cost) > 0)
		return om_fail(e, OM_INVALID, "%s: must be from 0 to 10000", name);
	return OM_OK;
}

static om_status
check_time(const char *name, bool has, om_time t, om_err *e)
{
	if (has && (t < LEAST_TIME || t >= MOST_TIME))
		return om_fail(e, OM_INVALID, "%s: must be from 2000 to 2199", name);
	return OM_OK;
}

om_status
cd_record_check(const Om__Record *r, om_err *e)
{
	om_status s;

	if (r->record_id.len != CD_RECORD_ID)
		return om_fail(e, OM_INVALID, "record_id: must have 16 bytes, has %zu", r->record_id.len);
	if (protobuf_c_message_get_packed_size(&r->base) > MAX_PACKED)
		return om_fail(e, OM_INVALID, "larger than %zu bytes", MAX_PACKED);
	if (r->generation_id != NULL && !om_text_token(r->generation_id, 128))
		return om_fail(e, OM_INVALID, "generation_id: must be 1 to 128 printable characters without space");
	if (r->generation_id == NULL && (r->turn_id == NULL || r->turn_id[0] == '\0'))
		return om_fail(e, OM_INVALID, "generation_id or turn_id: both missing");
	if ((unsigned)r->state > OM__STATE__STATE_FINAL)
		return om_fail(e, OM_INVALID, "state: unknown");
	if (!r->has_started_us && !r->has_finished_us)
		return om_fail(e, OM_INVALID, "started_us or finished_us: both missing");
	if (r->cost != NULL && r->has_cost_state &&
	    ((unsigned)r->cost_state > OM__COST_STATE__COST_LOOKED_UP || r->cost_state == OM__COST_STATE__COST_UNKNOWN))
		return om_fail(e, OM_INVALID, "cost_state: says nothing about the cost");
	if ((s = check_user(r->user, e)) != OM_OK || (s = check_amount("cost", r->cost, e)) != OM_OK ||
	    (s = check_amount("byok_cost", r->byok_cost, e)) != OM_OK ||
	    (s = check_time("started_us", r->has_started_us != 0, r->started_us, e)) != OM_OK ||
	    (s = check_time("finished_us", r->has_finished_us != 0, r->finished_us, e)) != OM_OK)
		return s;
	for (size_t i = 0; s == OM_OK && i < N_TEXTS; i++)
		s = check_text(texts[i].name, text_of(r, &texts[i]), texts[i].max_chars, e);
	for (size_t i = 0; s == OM_OK && i < N_COUNTS; i++) {
		int64_t v = 0;

		if (count_of(r, &counts[i], &v) && (v < 0 || v > MAX_TOKENS))
			s = om_fail(e, OM_INVALID, "%s: must be from 0 to 1000000000", counts[i].name);
	}
	return s;
}

bool
cd_record_is_look_up(const Om__Record *r)
{
	return r->cost != NULL && r->has_cost_state && r->cost_state == OM__COST_STATE__COST_LOOKED_UP;
}

#define EARLIEST ((om_time)1577836800 * OM_SECOND) /* 2020-01-01 */
#define LATER_US (300 * OM_SECOND)                 /* a sender's clock may be so much ahead */

bool
cd_record_has_sent(const Om__Record *r)
{
	return r->has_content && r->content.len == OM_SHA256;
}

/* is_possible: records of older gateways were judged when they were accepted. */
static bool
is_possible(const Om__Record *r, om_time t)
{
	return !cd_record_has_sent(r) || (t >= EARLIEST && t <= r->received_us + LATER_US);
}

om_time
cd_record_seen_us(const Om__Record *r)
{
	if (r->has_started_us && is_possible(r, r->started_us))
		return r->started_us;
	return r->has_finished_us && is_possible(r, r->finished_us) ? r->finished_us : r->received_us;
}

static void
set_text(struct cd_row *row, cd_field f, uint8_t rank, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return; /* an empty text says nothing */
	row->cell[f].rank = rank;
	row->cell[f].v.text = (struct cd_text){.p = text, .n = strlen(text)};
}

static void
set_int(struct cd_row *row, cd_field f, uint8_t rank, int64_t v)
{
	row->cell[f].rank = rank;
	row->cell[f].v.i = v;
}

static om_status
set_money(struct cd_row *row, cd_field f, uint8_t rank, const char *text, om_err *e)
{
	om_status s;

	if (text == NULL)
		return OM_OK;
	s = om_money_parse(text, &row->cell[f].v.money, e);
	row->cell[f].rank = s == OM_OK ? rank : CD_RANK_NONE;
	return s;
}

static uint8_t
cost_rank(const Om__Record *r)
{
	if (cd_record_is_look_up(r))
		return CD_RANK_LOOKED_UP;
	if (r->cost != NULL && r->has_cost_state && r->cost_state == OM__COST_STATE__COST_ESTIMATED)
		return CD_RANK_FILL;
	return CD_RANK_REPORTED;
}

static uint8_t
state_rank(const Om__Record *r)
{
	if (r->state == OM__STATE__STATE_OPEN)
		return CD_RANK_FILL;
	return cd_record_is_look_up(r) ? CD_RANK_BOOKED : CD_RANK_REPORTED;
}

/* word_rank is that of what the path says about the generation itself: who, where,
 * when, which model.  A trace repeats what the provider was told. */
static uint8_t
word_rank(const Om__Record *r)
{
	if (cd_record_is_look_up(r))
		return CD_RANK_FILL;
	return r->source != NULL && strcmp(r->source, OM_SOURCE_OTLP) == 0 ? CD_RANK_BOOKED : CD_RANK_REPORTED;
}

om_status
cd_record_row(const Om__Record *r, struct om_arena *a, struct cd_row *out, om_err *e)
{
	bool looked_up = cd_record_is_look_up(r);
	bool native = looked_up && (r->source == NULL || strcmp(r->source, CD_EXPORT) != 0);
	uint8_t rank = word_rank(r), billed = cost_rank(r), counted = looked_up ? CD_RANK_FILL : CD_RANK_REPORTED;
	const char *key = r->generation_id, *groups;
	om_status s;

	memset(out, 0, sizeof *out);
	if (key == NULL)
		key = om_arena_printf(a, CD_TURN_PREFIX "%s", r->turn_id);
	groups = cd_group_set_text(r->user->groups, r->user->n_groups, a);
	if (key == NULL || groups == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	out->key = (struct cd_text){.p = key, .n = strlen(key)};
	if (r->has_alone && r->alone)
		return OM_OK; /* a word about the row's pairing, and about nothing else */
	set_text(out, CD_F_USER_ID, strcmp(r->user->id, OM_USER_UNKNOWN) == 0 ? CD_RANK_DERIVED : rank, r->user->id);
	set_text(out, CD_F_USER_GROUPS, rank, groups);
	if (r->has_started_us && is_possible(r, r->started_us) && !looked_up)
		set_int(out, CD_F_STARTED_US, rank, r->started_us);
	else
		set_int(out, CD_F_STARTED_US, CD_RANK_DERIVED, cd_record_seen_us(r));
	if (r->has_finished_us && is_possible(r, r->finished_us))
		set_int(out, CD_F_FINISHED_US, rank, r->finished_us);
	else if (r->has_finished_us)
		set_int(out, CD_F_FINISHED_US, CD_RANK_DERIVED, r->received_us);
	set_int(out, CD_F_STATE, state_rank(r), r->state);
	s = set_money(out, CD_F_COST, billed, r->cost, e);
	if (r->has_is_byok)
		set_int(out, CD_F_IS_BYOK, billed, r->is_byok != 0);
	if (s == OM_OK && r->has_is_byok && r->is_byok)
		s = set_money(out, CD_F_BYOK_COST, billed, r->byok_cost, e);
	for (size_t i = 0; i < N_TEXTS; i++)
		set_text(out, texts[i].field, rank, text_of(r, &texts[i]));
	if (r->has_request)
		set_int(out, CD_F_REQUEST, rank, r->request);
	for (size_t i = 0; i < N_COUNTS; i++) {
		int64_t v = 0;

		if (count_of(r, &counts[i], &v))
			set_int(out, counts[i].field, native && v > 0 ? CD_RANK_LOOKED_UP : counted, v);
	}
	return s;
}

om_status
cd_record_content(const Om__Record *r, unsigned char out[OM_SHA256], om_err *e)
{
	Om__Record copy = *r;
	struct om_buf b;
	om_status s;

	copy.received_us = 0;
	copy.has_content = copy.has_request = false;
	copy.platform = NULL;
	om_buf_init(&b, 2 * MAX_PACKED);
	om_msg_pack(&copy.base, &b);
	s = om_buf_done(&b, e);
	if (s == OM_OK)
		s = om_sha256(&(struct om_bytes){.data = b.data, .n = b.len}, 1, out);
	om_buf_fini(&b);
	return s;
}

Om__CostState
cd_cost_state(const struct cd_row *row)
{
	uint8_t rank = row->cell[CD_F_COST].rank;

	if (rank == CD_RANK_NONE)
		return OM__COST_STATE__COST_UNKNOWN;
	if (rank < CD_RANK_BOOKED)
		return OM__COST_STATE__COST_ESTIMATED;
	return rank < CD_RANK_LOOKED_UP ? OM__COST_STATE__COST_REPORTED : OM__COST_STATE__COST_LOOKED_UP;
}

int64_t
cd_row_requests(const struct cd_row *row)
{
	return row->is_part ? 0 : 1;
}

bool
cd_row_is_openrouters(const struct cd_row *row)
{
	static const char prefix[] = CD_OPENROUTER_ID;
	const struct cd_cell *platform = &row->cell[CD_F_PLATFORM];

	if (platform->rank != CD_RANK_NONE)
		return platform->v.text.n == sizeof CD_OPENROUTER - 1 &&
		    memcmp(platform->v.text.p, CD_OPENROUTER, sizeof CD_OPENROUTER - 1) == 0;
	return cd_row_is_of_turn(row) ||
	    (row->key.n >= sizeof prefix - 1 && memcmp(row->key.p, prefix, sizeof prefix - 1) == 0);
}

bool
cd_row_is_of_turn(const struct cd_row *row)
{
	return row->key.n >= sizeof CD_TURN_PREFIX - 1 &&
	    memcmp(row->key.p, CD_TURN_PREFIX, sizeof CD_TURN_PREFIX - 1) == 0;
}

/* lacks_byok: the provider took its fee, and the bill of the key's owner is not known. */
static bool
lacks_byok(const struct cd_row *row)
{
	const struct cd_cell *is = &row->cell[CD_F_IS_BYOK];

	return is->rank != CD_RANK_NONE && is->v.i != 0 && row->cell[CD_F_BYOK_COST].rank == CD_RANK_NONE;
}

bool
cd_row_is_unsettled(const struct cd_row *row)
{
	if (!cd_row_is_openrouters(row))
		return false; /* nobody can be asked: without a price it is unknown for good */
	return cd_cost_state(row) < OM__COST_STATE__COST_REPORTED || lacks_byok(row);
}

bool
cd_generation_id_ok(const char *id, size_t n)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";

	return n >= 1 && n <= 128 && strspn(id, allowed) == n;
}

bool
cd_row_can_look_up(const struct cd_row *row)
{
	return cd_row_is_openrouters(row) && !cd_row_is_of_turn(row) && cd_generation_id_ok(row->key.p, row->key.n);
}
