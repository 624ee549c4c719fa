/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "share.h"

#include <string.h>

static const cd_field words[] = {CD_F_USER_ID, CD_F_USER_GROUPS, CD_F_MODEL, CD_F_REQUESTED_MODEL, CD_F_ORIGIN,
    CD_F_TASK, CD_F_CHAT_ID, CD_F_MESSAGE_ID, CD_F_PLATFORM, CD_F_KIND};
static const cd_field usages[] = {CD_F_COST, CD_F_IS_BYOK, CD_F_BYOK_COST, CD_F_PROMPT_TOKENS, CD_F_COMPLETION_TOKENS,
    CD_F_REASONING_TOKENS, CD_F_CACHED_TOKENS, CD_F_CACHE_WRITE_TOKENS};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void
fill(struct cd_row *row, const struct cd_row *part, cd_field f, uint8_t rank)
{
	struct cd_cell c = part->cell[f];

	if (c.rank <= CD_RANK_DERIVED)
		return; /* nothing, or what stands in for something missing */
	if (c.rank > rank)
		c.rank = rank;
	if (cd_cell_cmp(f, &row->cell[f], &c) < 0)
		row->cell[f] = c;
}

void
cd_share_fill(struct cd_row *row, const struct cd_row *part, bool usage)
{
	for (size_t i = 0; i < COUNT(words); i++)
		fill(row, part, words[i], CD_RANK_PAIRED);
	if (!usage)
		return;
	for (size_t i = 0; i < COUNT(usages); i++)
		fill(row, part, usages[i], CD_RANK_BOOKED);
	fill(row, part, CD_F_STATE, CD_RANK_BOOKED - 1);
}

/* cell_of gives what was reported or, where nothing was, what is known. */
static const struct cd_cell *
cell_of(const struct cd_own *own, cd_field f)
{
	return &(own->told.cell[f].rank != CD_RANK_NONE ? &own->told : &own->all)->cell[f];
}

static int64_t
count_of(const struct cd_cell *c)
{
	return c->rank != CD_RANK_NONE ? c->v.i : 0;
}

void
cd_usage_add(struct cd_usage *sum, const struct cd_own *own)
{
	const struct cd_cell *cost = cell_of(own, CD_F_COST), *byok = cell_of(own, CD_F_BYOK_COST);

	if ((cost->rank != CD_RANK_NONE && om_money_add(sum->cost, cost->v.money, &sum->cost) != OM_OK) ||
	    (byok->rank != CD_RANK_NONE && om_money_add(sum->byok, byok->v.money, &sum->byok) != OM_OK))
		return; /* more than any sum can be */
	sum->prompt += count_of(cell_of(own, CD_F_PROMPT_TOKENS));
	sum->completion += count_of(cell_of(own, CD_F_COMPLETION_TOKENS));
	sum->reasoning += count_of(cell_of(own, CD_F_REASONING_TOKENS));
	sum->cached += count_of(cell_of(own, CD_F_CACHED_TOKENS));
	sum->cache_write += count_of(cell_of(own, CD_F_CACHE_WRITE_TOKENS));
}

static void
spend(int64_t *left, const struct cd_cell *c)
{
	*left = *left > count_of(c) ? *left - count_of(c) : 0;
}

static void
spend_cost(om_money *left, const struct cd_cell *c)
{
	if (c->rank != CD_RANK_NONE)
		left->v = om_money_cmp(*left, c->v.money) > 0 ? left->v - c->v.money.v : 0;
}

void
cd_usage_spend(struct cd_usage *sum, const struct cd_row *other)
{
	spend_cost(&sum->cost, &other->cell[CD_F_COST]);
	spend_cost(&sum->byok, &other->cell[CD_F_BYOK_COST]);
	spend(&sum->prompt, &other->cell[CD_F_PROMPT_TOKENS]);
	spend(&sum->completion, &other->cell[CD_F_COMPLETION_TOKENS]);
	spend(&sum->reasoning, &other->cell[CD_F_REASONING_TOKENS]);
	spend(&sum->cached, &other->cell[CD_F_CACHED_TOKENS]);
	spend(&sum->cache_write, &other->cell[CD_F_CACHE_WRITE_TOKENS]);
}

void
cd_share_part(struct cd_row *row)
{
	row->is_part = true;
	for (size_t i = 0; i < COUNT(usages); i++)
		memset(&row->cell[usages[i]], 0, sizeof row->cell[usages[i]]);
	row->cell[CD_F_COST].rank = CD_RANK_REPORTED;
	row->cell[CD_F_COST].v.money = OM_MONEY_ZERO;
}

static void
take_off(struct cd_cell *c, int64_t off)
{
	if (c->rank != CD_RANK_NONE)
		c->v.i = c->v.i > off ? c->v.i - off : 0;
}

void
cd_share_rest(struct cd_row *row, const struct cd_usage *off)
{
	struct cd_cell *cost = &row->cell[CD_F_COST], *byok = &row->cell[CD_F_BYOK_COST];

	if (cost->rank <= CD_RANK_DERIVED || om_money_cmp(cost->v.money, off->cost) <= 0) {
		cd_share_part(row);
		return;
	}
	row->is_part = true;
	cost->v.money.v -= off->cost.v;
	if (byok->rank != CD_RANK_NONE)
		byok->v.money.v = om_money_cmp(byok->v.money, off->byok) > 0 ? byok->v.money.v - off->byok.v : 0;
	take_off(&row->cell[CD_F_PROMPT_TOKENS], off->prompt);
	take_off(&row->cell[CD_F_COMPLETION_TOKENS], off->completion);
	take_off(&row->cell[CD_F_REASONING_TOKENS], off->reasoning);
	take_off(&row->cell[CD_F_CACHED_TOKENS], off->cached);
	take_off(&row->cell[CD_F_CACHE_WRITE_TOKENS], off->cache_write);
}
