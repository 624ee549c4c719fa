/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What an operator says of a row, and that the provider does not know it: records of costd's own. */
#include "ledger.h"

#include "store/store.h"
#include "value/record.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/fit.h"

#include <stdio.h>
#include <string.h>

#define REASON_CHARS 500u
#define USER_CHARS   128u

/* new_record makes a record about the row of this key, whose id follows from the parts: said again, it is
 * the same record. */
static om_status
new_record(const char *key, const char *source, const struct om_bytes *parts, size_t n, struct om_arena *a,
    Om__Record **out, om_err *e)
{
	static const size_t prefix = sizeof CD_TURN_PREFIX - 1;
	Om__Record *r = om_msg_new(a, &om__record__descriptor);
	unsigned char *sum = om_arena_alloc(a, OM_SHA256);
	char *text = om_arena_strdup(a, key);

	*out = r;
	if (r == NULL || sum == NULL || text == NULL || (r->user = om_msg_new(a, &om__user__descriptor)) == NULL ||
	    (r->user->id = om_arena_strdup(a, OM_USER_UNKNOWN)) == NULL ||
	    (r->source = om_arena_strdup(a, source)) == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (om_sha256(parts, n, sum) != OM_OK)
		return om_fail(e, OM_INTERNAL, "SHA-256 failed");
	r->record_id = (ProtobufCBinaryData){.len = CD_RECORD_ID, .data = sum};
	if (strncmp(key, CD_TURN_PREFIX, prefix) == 0)
		r->turn_id = text + prefix;
	else
		r->generation_id = text;
	r->received_us = om_now();
	return OM_OK;
}

/* ---- pairs ---- */

struct unpairing {
	struct om_arena *a;
	const char *key;
	Om__UnpairReply *out;
	size_t cap;
};

static om_status
keep_part(void *arg, const struct cd_val *v, om_err *e)
{
	struct unpairing *u = arg;
	Om__UnpairReply *out = u->out;

	if (out->n_unpaired == u->cap) {
		size_t cap = u->cap == 0 ? 8 : 2 * u->cap;
		char **p = om_arena_array(u->a, cap, sizeof *p);

		if (p == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		if (u->cap > 0)
			memcpy(p, out->unpaired, u->cap * sizeof *p);
		out->unpaired = p;
		u->cap = cap;
	}
	out->unpaired[out->n_unpaired] = om_arena_strndup(u->a, v[0].p, v[0].n);
	return out->unpaired[out->n_unpaired++] != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
find_parts(struct cd_db *db, void *arg, om_err *e)
{
	struct unpairing *u = arg;
	const struct cd_val key[] = {cd_t(u->key), cd_t(u->key)};
	bool found = false;
	om_status s;

	u->out->n_unpaired = 0;
	s = cd_db_query(db, "SELECT 1 FROM generation WHERE generation_id=?", key, 1, cd_found, &found, e);
	if (s == OM_OK && !found)
		return om_fail(e, OM_NOT_FOUND, "no row with this id is in the ledger");
	if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT ledger_key FROM link WHERE ledger_key=? UNION SELECT ledger_key FROM link WHERE target=?",
		    key, 2, keep_part, u, e);
	if (s == OM_OK && u->out->n_unpaired == 0)
		s = om_fail(e, OM_CONFLICT, "the row is not paired with another one");
	return s;
}

/* set_alone stores that one row is part of no other. */
static om_status
set_alone(struct cd_ledger *l, const char *key, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	const struct om_bytes parts[] = {{"alone:", 6}, {key, strlen(key)}};
	Om__Record *r = NULL;
	om_status s = new_record(key, CD_OPERATOR, parts, 2, a, &r, e);

	if (s != OM_OK)
		return s;
	r->has_alone = r->alone = true;
	return cd_ledger_settle(l, r, deadline_ms, a, e);
}

om_status
cd_ledger_unpair(struct cd_ledger *l, const Om__UnpairQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__UnpairReply *out, om_err *e)
{
	struct unpairing u = {.a = a, .key = q->generation_id, .out = out};
	om_status s = cd_pool_run(l->pool, CD_TX_SNAPSHOT, deadline_ms, find_parts, &u, e);

	for (size_t i = 0; s == OM_OK && i < out->n_unpaired; i++)
		s = set_alone(l, out->unpaired[i], deadline_ms, a, e);
	if (s == OM_OK)
		om_log(OM_LOG_INFO, "pairing undone by an operator", "rows", OM_I64(out->n_unpaired), NULL);
	return s;
}

/* ---- decisions ---- */

struct deciding {
	const Om__DecisionQuery *q;
	bool found, is_part;
	uint32_t before; /* decisions about the row so far */
};

/* cell_decisions reads off a rank how many decisions there were about a field. */
static uint32_t
cell_decisions(const struct cd_val *ranks, cd_field f)
{
	const uint8_t rank = f < ranks->n ? (uint8_t)ranks->p[f] : CD_RANK_NONE;

	return rank >= CD_RANK_OPERATOR && rank <= CD_RANK_MOST ? (uint32_t)(rank - CD_RANK_OPERATOR) + 1 : 0;
}

static om_status
keep_ranks(void *arg, const struct cd_val *v, om_err *e)
{
	struct deciding *d = arg;
	static const cd_field decided[] = {CD_F_COST, CD_F_PROMPT_TOKENS, CD_F_COMPLETION_TOKENS, CD_F_USER_MOST};

	(void)e;
	d->found = true;
	d->is_part = v[0].i == 0;
	d->before = 0;
	for (size_t i = 0; i < sizeof decided / sizeof decided[0]; i++) {
		const uint32_t n = cell_decisions(&v[1], decided[i]);

		d->before = n > d->before ? n : d->before;
	}
	return OM_OK;
}

static om_status
find_row(struct cd_db *db, void *arg, om_err *e)
{
	struct deciding *d = arg;
	bool user_known = false;
	om_status s;

	d->found = false;
	s = cd_db_query(db, "SELECT requests,ranks FROM generation WHERE generation_id=?",
	    (struct cd_val[]){cd_t(d->q->generation_id)}, 1, keep_ranks, d, e);
	if (s == OM_OK && d->q->user != NULL)
		s = cd_db_query(db,
		    "SELECT 1 FROM person WHERE external_id=? AND COALESCE(first_seen_us,listed_us) IS NOT NULL",
		    (struct cd_val[]){cd_t(d->q->user)}, 1, cd_found, &user_known, e);
	if (s == OM_OK && !d->found)
		return om_fail(e, OM_NOT_FOUND, "no row with this id is in the ledger");
	if (s == OM_OK && d->is_part)
		return om_fail(e, OM_CONFLICT, "the row is part of another one; decide about that");
	if (s == OM_OK && d->q->user != NULL && !user_known)
		return om_fail(e, OM_INVALID, "user: nobody with this id was ever seen");
	if (s == OM_OK && d->before >= CD_DECISIONS_MAX)
		return om_fail(e, OM_CONFLICT, "%u decisions about the row are enough", (unsigned)CD_DECISIONS_MAX);
	return s;
}

static bool
is_clean(const char *text, size_t chars)
{
	const size_t n = strlen(text);

	return n > 0 && om_utf8_valid(text, n) && om_text_clean(text, n) && om_utf8_length(text, n) <= chars;
}

static om_status
check_tokens(const char *name, bool has, int64_t n, om_err *e)
{
	if (has && (n < 0 || n > OM_FIT_TOKENS_MAX))
		return om_fail(e, OM_INVALID, "%s: must be from 0 to %lld", name, (long long)OM_FIT_TOKENS_MAX);
	return OM_OK;
}

static om_status
check_decision(const Om__DecisionQuery *q, om_err *e)
{
	om_money cost = OM_MONEY_ZERO, most = OM_MONEY_ZERO;
	om_status s = OM_OK;

	if (q->cost == NULL && q->user == NULL && !q->has_prompt_tokens && !q->has_completion_tokens)
		return om_fail(e, OM_INVALID, "cost: it, prompt_tokens, completion_tokens or user is needed");
	if (q->cost != NULL && om_money_parse(q->cost, &cost, NULL) != OM_OK)
		return om_fail(e, OM_INVALID, "cost: must be an amount in USD");
	s = om_money_parse(OM_FIT_COST_MAX, &most, e);
	if (s == OM_OK && (cost.v < 0 || om_money_cmp(cost, most) > 0))
		return om_fail(e, OM_INVALID, "cost: must be from 0 to " OM_FIT_COST_MAX " USD");
	if (q->user != NULL && (!is_clean(q->user, USER_CHARS) || strcmp(q->user, OM_USER_UNKNOWN) == 0))
		return om_fail(e, OM_INVALID, "user: must be a user's id");
	if (s == OM_OK)
		s = check_tokens("prompt_tokens", q->has_prompt_tokens, q->prompt_tokens, e);
	if (s == OM_OK)
		s = check_tokens("completion_tokens", q->has_completion_tokens, q->completion_tokens, e);
	if (s == OM_OK && !is_clean(q->reason, REASON_CHARS))
		return om_fail(e, OM_INVALID, "reason: must have from 1 to %u characters", REASON_CHARS);
	return s;
}

static const char *
count_text(struct om_arena *a, bool has, int64_t n)
{
	return has ? om_arena_printf(a, "%lld", (long long)n) : "";
}

static om_status
record_decision(const struct deciding *d, struct om_arena *a, Om__Record **out, om_err *e)
{
	const Om__DecisionQuery *q = d->q;
	const char *number = om_arena_printf(a, "%u", (unsigned)d->before + 1);
	const char *const said[] = {"decision", q->generation_id, number, q->cost != NULL ? q->cost : "",
	    count_text(a, q->has_prompt_tokens, q->prompt_tokens),
	    count_text(a, q->has_completion_tokens, q->completion_tokens), q->user != NULL ? q->user : "", q->reason};
	struct om_bytes parts[sizeof said / sizeof said[0]];
	om_status s;

	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		parts[i] = (struct om_bytes){said[i], strlen(said[i]) + 1}; /* the zero ends each */
	s = new_record(q->generation_id, CD_OPERATOR, parts, sizeof said / sizeof said[0], a, out, e);
	if (s != OM_OK)
		return s;
	(*out)->has_decision = true;
	(*out)->decision = d->before + 1;
	(*out)->reason = q->reason;
	(*out)->cost = q->cost;
	(*out)->has_prompt_tokens = q->has_prompt_tokens;
	(*out)->prompt_tokens = q->prompt_tokens;
	(*out)->has_completion_tokens = q->has_completion_tokens;
	(*out)->completion_tokens = q->completion_tokens;
	(*out)->has_cost_state = q->cost != NULL;
	(*out)->cost_state = OM__COST_STATE__COST_REPORTED;
	if (q->user != NULL)
		(*out)->user->id = q->user;
	return OM_OK;
}

om_status
cd_ledger_decide(struct cd_ledger *l, const Om__DecisionQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DecisionReply *out, om_err *e)
{
	struct deciding d = {.q = q};
	Om__Record *r = NULL;
	om_status s = check_decision(q, e);

	if (s == OM_OK)
		s = cd_pool_run(l->pool, CD_TX_SNAPSHOT, deadline_ms, find_row, &d, e);
	if (s == OM_OK)
		s = record_decision(&d, a, &r, e);
	if (s == OM_OK)
		s = cd_ledger_settle(l, r, deadline_ms, a, e);
	if (s != OM_OK)
		return s;
	out->generation_id = q->generation_id;
	out->has_decision = true;
	out->decision = r->decision;
	return OM_OK;
}

/* ---- what the provider does not know ---- */

om_status
cd_ledger_not_found(struct cd_ledger *l, const char *id, int64_t deadline_ms, struct om_arena *a, om_err *e)
{
	const struct om_bytes parts[] = {{"not-found:", 10}, {id, strlen(id)}};
	Om__Record *r = NULL;
	om_status s = new_record(id, CD_LOOK_UP, parts, 2, a, &r, e);

	if (s != OM_OK)
		return s;
	r->has_not_found = r->not_found = true;
	return cd_ledger_settle(l, r, deadline_ms, a, e);
}
