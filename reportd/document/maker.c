/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "maker.h"

#include "words/clean.h"

void
rd_lines_add(struct rd_lines *l, const char *label, const char *text)
{
	if (l->at != NULL && text != NULL && text[0] != '\0' && l->n < RD_MAX_LINES)
		l->at[l->n++] = (struct rd_line){label, text};
}

const char *
rd_count_text(struct rd_maker *m, uint64_t n)
{
	char buf[RD_SHOWN];

	return om_arena_strdup(m->arena, rd_show_count(m->locale, n, buf));
}

const char *
rd_exact_text(struct rd_maker *m, om_money usd)
{
	char buf[RD_SHOWN];

	return om_arena_strdup(m->arena, rd_show_money(m->locale, usd, buf));
}

bool
rd_is_report(const struct rd_maker *m)
{
	return m->month->user == NULL && m->month->group == NULL;
}

const char *
rd_change_text(struct rd_maker *m, om_money now, om_money before)
{
	om_i128 d = now.v - before.v, b = before.v, tenths;
	char number[RD_SHOWN];
	bool less;

	if (b <= 0)
		return NULL;
	while (d > (om_i128)1 << 110 || d < -((om_i128)1 << 110)) { /* keep d * 2000 in range */
		d /= 10;
		b /= 10;
	}
	if (b == 0)
		return NULL;
	less = d < 0;
	tenths = ((less ? -d : d) * 2000 / b + 1) / 2;
	if (tenths > 99999)
		return NULL; /* such a percentage is too large to mean anything */
	(void)rd_show_fixed(m->locale, (om_money){tenths * 100000000000000000}, 1, number);
	return om_arena_printf(m->arena, "%s%s",
	    tenths == 0 ? ""
		: less  ? "-"
			: "+",
	    rd_fill(m->arena, m->locale->percent, number));
}

const char *
rd_month_before(struct rd_maker *m)
{
	const struct rd_month *mo = m->month;
	char buf[RD_SHOWN];

	return om_arena_strdup(m->arena,
	    mo->month == 1 ? rd_show_month(m->locale, mo->year - 1, 12, buf)
			   : rd_show_month(m->locale, mo->year, mo->month - 1, buf));
}

const char *
rd_user_name(struct rd_maker *m, const Om__UsageRow *u)
{
	const char *name = rd_clean(m->arena, u->user_name);

	/* a user whose name the ledger does not have */
	return name != NULL && name[0] == '\0' ? rd_clean(m->arena, u->user) : name;
}

const char *
rd_model_name(struct rd_maker *m, const Om__UsageRow *u)
{
	const char *model = rd_clean(m->arena, u->model);

	return model != NULL && model[0] == '\0' ? m->locale->model_not_known : model;
}
