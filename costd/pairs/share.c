/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "share.h"

#include "base/invariant.h"

#include <string.h>

static const cd_field words[] = {CD_F_USER_ID, CD_F_USER_GROUPS, CD_F_MODEL, CD_F_REQUESTED_MODEL, CD_F_ORIGIN,
    CD_F_TASK, CD_F_CHAT_ID, CD_F_MESSAGE_ID, CD_F_PLATFORM, CD_F_KIND};
static const cd_field usages[] = {
    CD_F_IS_BYOK,
    CD_F_IS_BYOK_LEAST,
    CD_F_COST_MOST,
    CD_F_BYOK_MOST,
    CD_F_PROMPT_MOST,
    CD_F_COMPLETION_MOST,
#define OM_FIGURE_TOLD(NAME, name, kind, path) CD_F_##NAME,
#include "messages/figures.def"
};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void
fill(struct cd_row *row, const struct cd_row *part, cd_field f, uint8_t rank)
{
	struct cd_cell c = part->cell[f];

	if (c.rank <= CD_RANK_DERIVED)
		return; /* nothing, or what stands in for something missing */
	om_check(rank > CD_RANK_DERIVED);
	if (c.rank > rank)
		c.rank = rank;
	if (cd_cell_cmp(f, &row->cell[f], &c) < 0)
		row->cell[f] = c;
}

void
cd_share_claim(struct cd_row *row, const struct cd_row *part)
{
	if (row->cell[CD_F_COST].rank != CD_RANK_REPORTED || part->cell[CD_F_COST].rank != CD_RANK_REPORTED)
		return;
	fill(row, part, CD_F_COST, CD_RANK_REPORTED);
	fill(row, part, CD_F_COST_MOST, CD_RANK_REPORTED);
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

static om_money
amount_of(const struct cd_cell *c)
{
	return c->rank != CD_RANK_NONE ? c->v.money : OM_MONEY_ZERO;
}

static int64_t
count_less(int64_t from, int64_t off)
{
	return from > off ? from - off : 0;
}

static om_money
amount_less(om_money from, om_money off)
{
	return om_money_cmp(from, off) > 0 ? (om_money){.v = from.v - off.v} : OM_MONEY_ZERO;
}

void
cd_share_add(struct cd_figures *sum, const struct cd_own *own)
{
	struct cd_figures more = {.requests = 0};

#define TAKE_COUNT(NAME, name)                 more.name = count_of(cell_of(own, CD_F_##NAME));
#define TAKE_MONEY(NAME, name)                 more.name = amount_of(cell_of(own, CD_F_##NAME));
#define OM_FIGURE_TOLD(NAME, name, kind, path) TAKE_##kind(NAME, name)
#include "messages/figures.def"
	if (cd_figures_add(&more, sum) == OM_OK) /* else it is more than any sum can be */
		*sum = more;
}

void
cd_share_spend(struct cd_figures *sum, const struct cd_row *other)
{
#define SPEND_COUNT(NAME, name)                sum->name = count_less(sum->name, count_of(&other->cell[CD_F_##NAME]));
#define SPEND_MONEY(NAME, name)                sum->name = amount_less(sum->name, amount_of(&other->cell[CD_F_##NAME]));
#define OM_FIGURE_TOLD(NAME, name, kind, path) SPEND_##kind(NAME, name)
#include "messages/figures.def"
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

void
cd_share_rest(struct cd_row *row, const struct cd_figures *off)
{
	const struct cd_cell *cost = &row->cell[CD_F_COST];

	if (cost->rank <= CD_RANK_DERIVED || om_money_cmp(cost->v.money, off->cost) <= 0) {
		cd_share_part(row);
		return;
	}
	row->is_part = true;
#define REST_COUNT(c, name) (c)->v.i = count_less((c)->v.i, off->name);
#define REST_MONEY(c, name) (c)->v.money = amount_less((c)->v.money, off->name);
#define OM_FIGURE_TOLD(NAME, name, kind, path)           \
	if (row->cell[CD_F_##NAME].rank != CD_RANK_NONE) \
	REST_##kind(&row->cell[CD_F_##NAME], name)
#include "messages/figures.def"
	if (row->cell[CD_F_COST_MOST].rank != CD_RANK_NONE)
		REST_MONEY(&row->cell[CD_F_COST_MOST], cost)
	if (row->cell[CD_F_BYOK_MOST].rank != CD_RANK_NONE)
		REST_MONEY(&row->cell[CD_F_BYOK_MOST], byok_cost)
	if (row->cell[CD_F_PROMPT_MOST].rank != CD_RANK_NONE)
		REST_COUNT(&row->cell[CD_F_PROMPT_MOST], prompt_tokens)
	if (row->cell[CD_F_COMPLETION_MOST].rank != CD_RANK_NONE)
		REST_COUNT(&row->cell[CD_F_COMPLETION_MOST], completion_tokens)
}
