/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "join.h"

#include "base/invariant.h"

#include <string.h>

const struct cd_field_info cd_fields[CD_N_FIELDS] = {
#define CD_FIELD(name, column_, kind_, tie_, since_, take_) \
	[CD_F_##name] = {.column = #column_, .kind = CD_KIND_##kind_, .tie = CD_TIE_##tie_, .since = (since_)},
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

int
cd_cell_cmp(cd_field f, const struct cd_cell *a, const struct cd_cell *b)
{
	int c = (a->rank > b->rank) - (a->rank < b->rank);

	om_check(f < CD_N_FIELDS);
	if (c != 0 || a->rank == CD_RANK_NONE)
		return c;
	switch (cd_fields[f].kind) {
	case CD_KIND_TEXT:
		c = cd_text_cmp(a->v.text, b->v.text);
		break;
	case CD_KIND_INT:
		c = (a->v.i > b->v.i) - (a->v.i < b->v.i);
		break;
	case CD_KIND_MONEY:
		c = om_money_cmp(a->v.money, b->v.money);
		break;
	}
	return cd_fields[f].tie == CD_TIE_MAX ? c : -c;
}

bool
cd_join(struct cd_row *into, const struct cd_row *other)
{
	bool changed = false;

	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		if (cd_cell_cmp((cd_field)f, &into->cell[f], &other->cell[f]) < 0) {
			into->cell[f] = other->cell[f];
			changed = true;
		}
	}
	return changed;
}
