/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "record.h"

#include "group_set.h"
#include "base/invariant.h"
#include "base/text.h"
#include "base/zone.h"
#include "wire/fit.h"

#include <string.h>

#define MAX_PACKED  ((size_t)1024 * 1024)
#define FIRST_LATER 26u /* fields of Record from this number on came after the first gateways */

struct text_field {
	size_t offset; /* of a char * in Om__Record */
	cd_field field;
};

static const struct text_field texts[] = {
#define TAKE_OWN(NAME, column)                                /* cd_record_row */
#define TAKE_TEXT(NAME, column)                               {offsetof(Om__Record, column), CD_F_##NAME},
#define CD_FIELD(NAME, column, kind, tie, take, stored, like) TAKE_##take(NAME, column)
#include "join.def"
#undef CD_FIELD
};
#define N_TEXTS (sizeof texts / sizeof texts[0])

struct count_field {
	size_t has_offset, offset;
	cd_field field;
};

static const struct count_field counts[] = {
#define TOLD_MONEY(NAME, name)                 /* read by itself */
#define TOLD_COUNT(NAME, name)                 {offsetof(Om__Record, has_##name), offsetof(Om__Record, name), CD_F_##NAME},
#define OM_FIGURE_TOLD(NAME, name, kind, path) TOLD_##kind(NAME, name)
#include "messages/figures.def"
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

om_status
cd_record_fit(Om__Record *r, struct om_arena *a, om_err *e)
{
	if (r->record_id.len != CD_RECORD_ID)
		return om_fail(e, OM_INVALID, "record_id: must have 16 bytes, has %zu", r->record_id.len);
	if (protobuf_c_message_get_packed_size(&r->base) > MAX_PACKED)
		return om_fail(e, OM_INVALID, "larger than %zu bytes", MAX_PACKED);
	if (r->has_decision && (r->decision < 1 || r->decision > CD_DECISIONS_MAX))
		return om_fail(e, OM_INVALID, "decision: must be from 1 to %u", (unsigned)CD_DECISIONS_MAX);
	if (r->has_content && r->content.len != OM_SHA256)
		r->has_content = 0; /* it is compared as an older gateway's record is */
	return om_fit_record(r, a, NULL, e);
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

static bool
is_rank(uint8_t rank)
{
	return rank > CD_RANK_NONE && rank <= CD_RANK_MOST;
}

static void
set_text(struct cd_row *row, cd_field f, uint8_t rank, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return; /* an empty text says nothing */
	om_check(cd_fields[f].kind == CD_KIND_TEXT && is_rank(rank));
	row->cell[f].rank = rank;
	row->cell[f].v.text = (struct cd_text){.p = text, .n = strlen(text)};
}

static void
set_int(struct cd_row *row, cd_field f, uint8_t rank, int64_t v)
{
	om_check(cd_fields[f].kind == CD_KIND_INT && is_rank(rank));
	row->cell[f].rank = rank;
	row->cell[f].v.i = v;
}

static om_status
set_money(struct cd_row *row, cd_field f, uint8_t rank, const char *text, om_err *e)
{
	om_status s;

	if (text == NULL)
		return OM_OK;
	om_check(cd_fields[f].kind == CD_KIND_MONEY && is_rank(rank));
	s = om_money_parse(text, &row->cell[f].v.money, e);
	row->cell[f].rank = s == OM_OK ? rank : CD_RANK_NONE;
	return s;
}

static bool
is_import(const Om__Record *r)
{
	return r->source != NULL && strcmp(r->source, CD_IMPORT) == 0;
}

static bool
is_trace(const Om__Record *r)
{
	return r->source != NULL && strcmp(r->source, OM_SOURCE_OTLP) == 0;
}

/* told_rank is the rank of what a sender says of amounts, counts and the start. */
static uint8_t
told_rank(const Om__Record *r, bool before)
{
	return is_import(r) && !before ? CD_RANK_IMPORTED : CD_RANK_REPORTED;
}

static uint8_t
cost_rank(const Om__Record *r, bool before)
{
	if (cd_record_is_look_up(r))
		return CD_RANK_LOOKED_UP;
	if (r->cost != NULL && r->has_cost_state && r->cost_state == OM__COST_STATE__COST_ESTIMATED)
		return CD_RANK_FILL;
	return r->state == OM__STATE__STATE_OPEN && !before ? CD_RANK_OPENED : told_rank(r, before);
}

/* count_rank: a look-up's counts win by a rank of their own, or fill gaps (set_counts). */
static uint8_t
count_rank(const Om__Record *r, bool before)
{
	if (cd_record_is_look_up(r))
		return CD_RANK_FILL;
	return r->state == OM__STATE__STATE_OPEN && !before ? CD_RANK_OPENED : told_rank(r, before);
}

static uint8_t
state_rank(const Om__Record *r, bool before)
{
	if (r->state == OM__STATE__STATE_OPEN)
		return CD_RANK_FILL;
	return cd_record_is_look_up(r) ? CD_RANK_BOOKED : told_rank(r, before);
}

/* word_rank is the rank of what the path says about the generation itself: who, where,
 * which model.  A trace repeats what the provider was told. */
static uint8_t
word_rank(const Om__Record *r, bool before)
{
	if (cd_record_is_look_up(r))
		return CD_RANK_FILL;
	return is_trace(r) ? CD_RANK_BOOKED : told_rank(r, before);
}

#define QUEUED_US (31 * OM_DAY) /* a plugin may have kept a record for so long while no gateway answered */

/* seen_received is the receipt, for the question whether the day can be: of a record that its sender
 * numbered, the time it says, since a queue explains the wait. */
static om_time
seen_received(const Om__Record *r, om_time started)
{
	bool queued = r->has_sender && r->has_number && started >= r->received_us - QUEUED_US;

	return queued && started < r->received_us ? started : r->received_us;
}

static void
set_start(struct cd_row *out, const Om__Record *r, bool before)
{
	const bool looked_up = cd_record_is_look_up(r);
	const uint8_t rank = before && is_trace(r) ? CD_RANK_BOOKED : told_rank(r, before);
	const om_time seen = cd_record_seen_us(r);
	const bool told = r->has_started_us && is_possible(r, r->started_us) && !looked_up;

	set_int(out, CD_F_STARTED_US, told ? rank : CD_RANK_DERIVED, seen);
	if (before)
		return;
	set_int(out, CD_F_STARTED_LEAST, told ? rank : CD_RANK_DERIVED, seen);
	set_int(out, CD_F_STARTED_MOST, told ? rank : CD_RANK_DERIVED, seen < r->received_us ? seen : r->received_us);
	if (looked_up)
		set_int(out, CD_F_BOOKED_US, CD_RANK_LOOKED_UP, seen);
	else
		set_int(out, CD_F_RECEIVED_US, told ? rank : CD_RANK_DERIVED, seen_received(r, seen));
}

/* counts_nobody: a user who is only told and is not to count is known from the journal alone. */
static bool
counts_nobody(const Om__Record *r, struct cd_how how)
{
	return how.nobody || (r->has_told_only && r->told_only);
}

/* user_rank: the tag of a trace that is proven is the plugin's word. */
static uint8_t
user_rank(const Om__Record *r, struct cd_how how)
{
	if (strcmp(r->user->id, OM_USER_UNKNOWN) == 0 || counts_nobody(r, how))
		return CD_RANK_DERIVED;
	if (is_trace(r) && r->has_user_state && r->user_state == OM__USER_STATE__USER_PROVEN)
		return CD_RANK_REPORTED;
	return word_rank(r, how.before);
}

static void
set_user(struct cd_row *out, const Om__Record *r, struct cd_how how)
{
	static const char nobody[] = OM_USER_UNKNOWN;
	const char *user = counts_nobody(r, how) ? nobody : r->user->id;
	const uint8_t rank = user_rank(r, how);

	set_text(out, CD_F_USER_ID, rank, user);
	if (how.before)
		return;
	set_text(out, CD_F_USER_LEAST, rank, user);
	set_text(out, CD_F_USER_MOST, rank, user);
}

static om_status
set_amounts(struct cd_row *out, const Om__Record *r, bool before, om_err *e)
{
	const uint8_t rank = cost_rank(r, before);
	om_status s = set_money(out, CD_F_COST, rank, r->cost, e);

	if (r->has_is_byok) {
		set_int(out, CD_F_IS_BYOK, rank, r->is_byok != 0);
		if (!before)
			out->cell[CD_F_IS_BYOK_LEAST] = out->cell[CD_F_IS_BYOK];
	}
	if (s == OM_OK && r->has_is_byok && r->is_byok)
		s = set_money(out, CD_F_BYOK_COST, rank, r->byok_cost, e);
	if (!before) {
		out->cell[CD_F_COST_MOST] = out->cell[CD_F_COST];
		out->cell[CD_F_BYOK_MOST] = out->cell[CD_F_BYOK_COST];
	}
	return s;
}

static void
set_counts(struct cd_row *out, const Om__Record *r, bool before)
{
	const bool native = cd_record_is_look_up(r) && (r->source == NULL || strcmp(r->source, CD_EXPORT) != 0);
	const uint8_t rank = count_rank(r, before);

	for (size_t i = 0; i < N_COUNTS; i++) {
		int64_t v = 0;

		if (count_of(r, &counts[i], &v))
			set_int(out, counts[i].field, native && v > 0 ? CD_RANK_LOOKED_UP : rank, v);
	}
	if (before)
		return;
	out->cell[CD_F_PROMPT_MOST] = out->cell[CD_F_PROMPT_TOKENS];
	out->cell[CD_F_COMPLETION_MOST] = out->cell[CD_F_COMPLETION_TOKENS];
}

/* decide_count takes a count that an operator decided. */
static void
decide_count(struct cd_row *out, cd_field f, cd_field most, uint8_t rank, bool has, int64_t v)
{
	if (!has)
		return;
	set_int(out, f, rank, v);
	out->cell[most] = out->cell[f];
}

/* set_decided takes what an operator decided of the amount, the tokens and the user. */
static om_status
set_decided(struct cd_row *out, const Om__Record *r, om_err *e)
{
	const uint8_t rank = (uint8_t)(CD_RANK_OPERATOR + r->decision - 1);
	om_status s = set_money(out, CD_F_COST, rank, r->cost, e);

	out->cell[CD_F_COST_MOST] = out->cell[CD_F_COST];
	decide_count(out, CD_F_PROMPT_TOKENS, CD_F_PROMPT_MOST, rank, r->has_prompt_tokens, r->prompt_tokens);
	decide_count(
	    out, CD_F_COMPLETION_TOKENS, CD_F_COMPLETION_MOST, rank, r->has_completion_tokens, r->completion_tokens);
	if (strcmp(r->user->id, OM_USER_UNKNOWN) != 0) {
		set_text(out, CD_F_USER_LEAST, rank, r->user->id);
		set_text(out, CD_F_USER_MOST, rank, r->user->id);
		cd_row_follow(out);
	}
	return s;
}

static om_status
row_of(const Om__Record *r, struct cd_how how, struct om_arena *a, struct cd_row *out, om_err *e)
{
	const bool before = how.before;
	const uint8_t rank = word_rank(r, before);
	const char *key = r->generation_id, *groups;

	memset(out, 0, sizeof *out);
	if (key == NULL)
		key = om_arena_printf(a, CD_TURN_PREFIX "%s", r->turn_id);
	groups = cd_group_set_text(r->user->groups, r->user->n_groups, a);
	if (key == NULL || groups == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	out->key = (struct cd_text){.p = key, .n = strlen(key)};
	if (r->has_alone && r->alone)
		return OM_OK; /* an operator's record speaks of the row's pairing, and of nothing else */
	if (r->has_decision)
		return set_decided(out, r, e);
	if (r->has_not_found && r->not_found) {
		set_int(out, CD_F_NOT_FOUND, CD_RANK_LOOKED_UP, 1);
		return OM_OK;
	}
	set_user(out, r, how);
	set_text(out, CD_F_USER_GROUPS, rank, groups);
	set_start(out, r, before);
	if (r->has_finished_us && is_possible(r, r->finished_us))
		set_int(out, CD_F_FINISHED_US, rank, r->finished_us);
	else if (r->has_finished_us)
		set_int(out, CD_F_FINISHED_US, CD_RANK_DERIVED, r->received_us);
	set_int(out, CD_F_STATE, state_rank(r, before), r->state);
	for (size_t i = 0; i < N_TEXTS; i++)
		set_text(out, texts[i].field, rank, text_of(r, &texts[i]));
	if (r->has_request)
		set_int(out, CD_F_REQUEST, rank, r->request);
	set_counts(out, r, before);
	return set_amounts(out, r, before, e);
}

om_status
cd_record_row(const Om__Record *r, struct om_arena *a, struct cd_row *out, om_err *e)
{
	return row_of(r, (struct cd_how){.before = false}, a, out, e);
}

om_status
cd_record_row_as(const Om__Record *r, struct cd_how how, struct om_arena *a, struct cd_row *out, om_err *e)
{
	return row_of(r, how, a, out, e);
}

/* drop_later_fields takes away what older gateways did not know.  other_id and alone are of
 * costd's own records. */
static void
drop_later_fields(Om__Record *r)
{
	const ProtobufCMessageDescriptor *kind = &om__record__descriptor;
	const protobuf_c_boolean no = false;
	char *const none = NULL;

	for (unsigned i = 0; i < kind->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &kind->fields[i];

		if (f->id < FIRST_LATER || f->offset == offsetof(Om__Record, other_id) ||
		    f->offset == offsetof(Om__Record, alone))
			continue;
		om_check(f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_MESSAGE &&
		    f->default_value == NULL);
		if (f->type == PROTOBUF_C_TYPE_STRING)
			memcpy((char *)r + f->offset, &none, sizeof none);
		else
			memcpy((char *)r + f->quantifier_offset, &no, sizeof no);
	}
}

om_status
cd_record_content(const Om__Record *r, unsigned char out[OM_SHA256], om_err *e)
{
	Om__Record copy = *r;
	Om__User user = *r->user;
	struct om_buf b;
	om_status s;

	copy.received_us = 0;
	drop_later_fields(&copy);
	if (user.n_inherited_groups > 0) {
		user.n_inherited_groups = 0;
		copy.user = &user;
	}
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
	/* what an operator decided is not the provider's word */
	return rank >= CD_RANK_LOOKED_UP && rank < CD_RANK_OPERATOR ? OM__COST_STATE__COST_LOOKED_UP
								    : OM__COST_STATE__COST_REPORTED;
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
	if (row->is_part || !cd_row_is_openrouters(row))
		return false; /* it is no request, or no vendor can be asked: without a price it is unknown for good */
	if (row->cell[CD_F_COST].rank >= CD_RANK_OPERATOR)
		return false;
	return cd_cost_state(row) < OM__COST_STATE__COST_REPORTED || lacks_byok(row);
}

bool
cd_row_is_claimed(const struct cd_row *row)
{
	const uint8_t rank = row->cell[CD_F_COST].rank;

	return rank >= CD_RANK_BOOKED && rank < CD_RANK_LOOKED_UP;
}

bool
cd_row_is_unproven(const struct cd_row *row)
{
	return row->cell[CD_F_NOT_FOUND].rank != CD_RANK_NONE && row->cell[CD_F_COST].rank < CD_RANK_LOOKED_UP &&
	    row->cell[CD_F_SOURCE].rank != CD_RANK_IMPORTED;
}

#define OVER_MIDNIGHT_US ((om_time)3600 * OM_SECOND) /* so long a request may run, or its record be on its way */

bool
cd_row_is_odd_day(const struct cd_row *row)
{
	const struct cd_cell *start = &row->cell[CD_F_STARTED_US], *received = &row->cell[CD_F_RECEIVED_US],
			     *booked = &row->cell[CD_F_BOOKED_US];
	const om_day day = om_zone_day(start->v.i);

	if (row->is_part || received->rank < CD_RANK_REPORTED)
		return false; /* it is no request, or of an import, which comes late */
	if (received->v.i - start->v.i <= OVER_MIDNIGHT_US || om_zone_day(received->v.i) == day)
		return false;
	return booked->rank == CD_RANK_NONE || om_zone_day(booked->v.i) != day;
}

static bool
is_free_name(const struct cd_cell *c)
{
	static const char variant[] = ":free", router[] = "openrouter/free";
	const size_t n = sizeof variant - 1;

	if (c->rank == CD_RANK_NONE)
		return false;
	return (c->v.text.n > n && memcmp(c->v.text.p + c->v.text.n - n, variant, n) == 0) ||
	    (c->v.text.n == sizeof router - 1 && memcmp(c->v.text.p, router, sizeof router - 1) == 0);
}

static bool
is_zero_count(const struct cd_cell *c)
{
	return c->rank != CD_RANK_NONE && c->v.i == 0;
}

bool
cd_row_claims_zero(const struct cd_row *row)
{
	const struct cd_cell *c = row->cell;

	if (c[CD_F_STATE].v.i != OM__STATE__STATE_FINAL || c[CD_F_COST].rank != CD_RANK_REPORTED ||
	    !om_money_is_zero(c[CD_F_COST].v.money))
		return false;
	if (c[CD_F_BYOK_COST].rank != CD_RANK_NONE && !om_money_is_zero(c[CD_F_BYOK_COST].v.money))
		return false;
	if (is_zero_count(&c[CD_F_PROMPT_TOKENS]) && is_zero_count(&c[CD_F_COMPLETION_TOKENS]))
		return false;
	return !is_free_name(&c[CD_F_MODEL]) && !is_free_name(&c[CD_F_REQUESTED_MODEL]);
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
	if (row->key.n >= sizeof OM_FIT_LONG - 1 && memcmp(row->key.p, OM_FIT_LONG, sizeof OM_FIT_LONG - 1) == 0)
		return false; /* the hash of an id that could not stay */
	return cd_row_is_openrouters(row) && !cd_row_is_of_turn(row) && cd_generation_id_ok(row->key.p, row->key.n);
}
