/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "join.h"

#include "base/invariant.h"
#include "wire/codec.h"

#include <string.h>

const struct cd_field_info cd_fields[CD_N_FIELDS] = {
#define CD_FIELD(name, column_, kind_, tie_, take_, stored_, like_) \
	[CD_F_##name] = {.column = #column_,                        \
	    .kind = CD_KIND_##kind_,                                \
	    .tie = CD_TIE_##tie_,                                   \
	    .stored = CD_AS_##stored_,                              \
	    .like = CD_F_##like_},
#include "join.def"
#undef CD_FIELD
};

int
cd_text_cmp(struct cd_text a, struct cd_text b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

static int
cmp_kind(cd_kind kind, const struct cd_cell *a, const struct cd_cell *b)
{
	switch (kind) {
	case CD_KIND_TEXT:
		return cd_text_cmp(a->v.text, b->v.text);
	case CD_KIND_INT:
		return (a->v.i > b->v.i) - (a->v.i < b->v.i);
	case CD_KIND_MONEY:
		return om_money_cmp(a->v.money, b->v.money);
	}
	return 0;
}

/* cmp_value orders the values of two cells of one rank. */
static int
cmp_value(cd_field f, const struct cd_cell *a, const struct cd_cell *b)
{
	return cmp_kind(cd_fields[f].kind, a, b);
}

bool
cd_cell_same(cd_kind kind, const struct cd_cell *a, const struct cd_cell *b)
{
	return cmp_kind(kind, a, b) == 0;
}

static bool
is_least(cd_tie tie, uint8_t rank)
{
	if (tie == CD_TIE_COUNT && rank <= CD_RANK_FILL)
		return false;
	return tie == CD_TIE_MIN || (tie != CD_TIE_MAX && rank < CD_RANK_LOOKED_UP);
}

int
cd_cell_cmp(cd_field f, const struct cd_cell *a, const struct cd_cell *b)
{
	int c = (a->rank > b->rank) - (a->rank < b->rank);

	om_check(f < CD_N_FIELDS);
	if (c != 0 || a->rank == CD_RANK_NONE)
		return c;
	c = cmp_value(f, a, b);
	return is_least(cd_fields[f].tie, a->rank) ? -c : c;
}

/* ---- disputes ---- */

/* is_claimed: senders alone have spoken, and one of them at least saw the end. */
static bool
is_claimed(const struct cd_cell *c, uint8_t least)
{
	return c->rank >= least && c->rank < CD_RANK_LOOKED_UP;
}

static bool
amounts_differ(const struct cd_row *row, cd_field least, cd_field most)
{
	const struct cd_cell *a = &row->cell[least], *b = &row->cell[most];

	return is_claimed(a, CD_RANK_BOOKED) && a->rank == b->rank && om_money_cmp(a->v.money, b->v.money) < 0;
}

/* counts_differ: the least and the greatest claim of those that saw the end. */
static bool
counts_differ(const struct cd_row *row, cd_field least, cd_field most, uint8_t from)
{
	const struct cd_cell *a = &row->cell[least], *b = &row->cell[most];

	return is_claimed(a, from) && a->rank == b->rank && a->v.i < b->v.i;
}

static bool
users_differ(const struct cd_row *row)
{
	const struct cd_cell *a = &row->cell[CD_F_USER_LEAST], *b = &row->cell[CD_F_USER_MOST];

	return a->rank == CD_RANK_REPORTED && cmp_value(CD_F_USER_LEAST, a, b) != 0;
}

static bool
starts_differ(const struct cd_row *row)
{
	const struct cd_cell *a = &row->cell[CD_F_STARTED_LEAST], *b = &row->cell[CD_F_STARTED_MOST];

	return is_claimed(a, CD_RANK_BOOKED) && b->v.i - a->v.i > CD_DISPUTED_APART_US;
}

static bool
has(const struct cd_row *row, cd_field f)
{
	return row->cell[f].rank != CD_RANK_NONE;
}

unsigned
cd_row_disputed(const struct cd_row *row)
{
	unsigned of = 0;

	if (amounts_differ(row, CD_F_COST, CD_F_COST_MOST) || amounts_differ(row, CD_F_BYOK_COST, CD_F_BYOK_MOST) ||
	    counts_differ(row, CD_F_IS_BYOK_LEAST, CD_F_IS_BYOK, CD_RANK_BOOKED))
		of |= CD_DISPUTED_COST;
	if (counts_differ(row, CD_F_PROMPT_TOKENS, CD_F_PROMPT_MOST, CD_RANK_IMPORTED) ||
	    counts_differ(row, CD_F_COMPLETION_TOKENS, CD_F_COMPLETION_MOST, CD_RANK_IMPORTED))
		of |= CD_DISPUTED_TOKENS;
	if (users_differ(row))
		of |= CD_DISPUTED_USER;
	if (starts_differ(row) && !has(row, CD_F_BOOKED_US))
		of |= CD_DISPUTED_START;
	return of;
}

om_money
cd_row_disputed_cost(const struct cd_row *row)
{
	if (!amounts_differ(row, CD_F_COST, CD_F_COST_MOST))
		return OM_MONEY_ZERO;
	return (om_money){.v = row->cell[CD_F_COST_MOST].v.money.v - row->cell[CD_F_COST].v.money.v};
}

void
cd_row_follow(struct cd_row *row)
{
	static const char unknown[] = OM_USER_UNKNOWN;
	struct cd_cell *user = &row->cell[CD_F_USER_ID], *start = &row->cell[CD_F_STARTED_US];

	*user = row->cell[CD_F_USER_MOST];
	if (users_differ(row))
		user->v.text = (struct cd_text){.p = unknown, .n = sizeof unknown - 1};
	*start = row->cell[CD_F_STARTED_LEAST];
	if (!starts_differ(row))
		return;
	start->v.i = row->cell[has(row, CD_F_BOOKED_US) ? CD_F_BOOKED_US : CD_F_STARTED_MOST].v.i;
}

/* ---- joining ---- */

bool
cd_join(struct cd_row *into, const struct cd_row *other)
{
	bool changed = false;

	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		if (f == CD_F_USER_ID || f == CD_F_STARTED_US)
			continue;
		if (cd_cell_cmp((cd_field)f, &into->cell[f], &other->cell[f]) < 0) {
			into->cell[f] = other->cell[f];
			changed = true;
		}
	}
	if (changed)
		cd_row_follow(into);
	return changed;
}

void
cd_join_before(struct cd_row *into, const struct cd_row *other)
{
	for (unsigned f = 0; f < CD_F_COST_MOST; f++) {
		const struct cd_cell *a = &into->cell[f], *b = &other->cell[f];
		int c = (a->rank > b->rank) - (a->rank < b->rank);

		if (c == 0 && a->rank != CD_RANK_NONE)
			c = cd_fields[f].tie == CD_TIE_MIN ? -cmp_value((cd_field)f, a, b)
							   : cmp_value((cd_field)f, a, b);
		if (c < 0)
			into->cell[f] = *b;
	}
}

void
cd_row_of_before(struct cd_row *row)
{
	static const struct {
		cd_field from, to;
	} claims[] = {
	    {CD_F_COST, CD_F_COST_MOST},
	    {CD_F_BYOK_COST, CD_F_BYOK_MOST},
	    {CD_F_IS_BYOK, CD_F_IS_BYOK_LEAST},
	    {CD_F_PROMPT_TOKENS, CD_F_PROMPT_MOST},
	    {CD_F_COMPLETION_TOKENS, CD_F_COMPLETION_MOST},
	    {CD_F_STARTED_US, CD_F_STARTED_LEAST},
	    {CD_F_STARTED_US, CD_F_STARTED_MOST},
	    {CD_F_STARTED_US, CD_F_RECEIVED_US}, /* its day is not doubted */
	    {CD_F_USER_ID, CD_F_USER_LEAST},
	    {CD_F_USER_ID, CD_F_USER_MOST},
	};

	for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++)
		row->cell[claims[i].to] = row->cell[claims[i].from];
}

void
cd_history_init(struct cd_history *h, struct cd_text key)
{
	memset(h, 0, sizeof *h);
	h->row.key = key;
}

void
cd_history_add(struct cd_history *h, const struct cd_row *entry, bool before)
{
	if (before)
		cd_join_before(&h->before, entry);
	else
		(void)cd_join(&h->row, entry);
	h->any_before = h->any_before || before;
}

void
cd_history_end(struct cd_history *h)
{
	if (!h->any_before)
		return;
	cd_row_of_before(&h->before);
	(void)cd_join(&h->row, &h->before);
	h->any_before = false;
}
