/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "figures.h"

#include "record.h"
#include "base/invariant.h"

static int64_t
count(const struct cd_cell *c)
{
	return c->rank == CD_RANK_NONE ? 0 : c->v.i;
}

static om_money
amount(const struct cd_cell *c)
{
	return c->rank == CD_RANK_NONE ? OM_MONEY_ZERO : c->v.money;
}

struct cd_figures
cd_figures_of(const struct cd_row *row, int sign)
{
	struct cd_figures f = {
	    .requests = sign * cd_row_requests(row),
	    .unsettled = cd_row_is_unsettled(row) ? sign : 0,
	    .disputed_cost.v = sign * cd_row_disputed_cost(row).v,
	};

	om_check(sign == 1 || sign == -1);
#define TAKE_COUNT(NAME, name)                 f.name = sign * count(&row->cell[CD_F_##NAME]);
#define TAKE_MONEY(NAME, name)                 f.name.v = sign * amount(&row->cell[CD_F_##NAME]).v;
#define OM_FIGURE_TOLD(NAME, name, kind, path) TAKE_##kind(NAME, name)
#include "messages/figures.def"
	return f;
}

om_status
cd_figures_add(struct cd_figures *sum, const struct cd_figures *f)
{
	om_status s = OM_OK;

#define ADD_COUNT(name) sum->name += f->name;
#define ADD_MONEY(name) \
	if (s == OM_OK) \
		s = om_money_add(sum->name, f->name, &sum->name);
#define OM_FIGURE(name, kind) ADD_##kind(name)
#include "messages/figures.def"
	return s;
}

bool
cd_figures_are_zero(const struct cd_figures *f)
{
	return true
#define ZERO_COUNT(name)      &&f->name == 0
#define ZERO_MONEY(name)      &&om_money_is_zero(f->name)
#define OM_FIGURE(name, kind) ZERO_##kind(name)
#include "messages/figures.def"
	    ;
}
