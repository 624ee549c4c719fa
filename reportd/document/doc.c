/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "doc.h"

#include "base/invariant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

const char *
rd_doc_watermark(const struct rd_doc *d)
{
	if (d->draft)
		return d->locale->draft_mark;
	return d->duplicate ? d->locale->duplicate_mark : NULL;
}

const char *
rd_doc_number(const struct rd_doc *d, struct om_arena *a)
{
	const char *watermark = rd_doc_watermark(d);

	if (d->draft || d->number == NULL)
		return watermark;
	return watermark != NULL ? om_arena_printf(a, "%s \xc2\xb7 %s", d->number, watermark) : d->number;
}

const char *
rd_money_text(om_money m, char buf[OM_MONEY_TEXT])
{
	const char *point;
	size_t n, fraction;

	(void)om_money_text(m, buf);
	n = strlen(buf);
	point = strchr(buf, '.');
	fraction = point != NULL ? n - (size_t)(point - buf) - 1 : 0;
	if (point == NULL)
		buf[n++] = '.';
	for (; fraction < 2; fraction++)
		buf[n++] = '0';
	buf[n] = '\0';
	return buf;
}

const char *
rd_cell_text(const struct rd_cell *c, rd_kind kind, const struct om_zone_table *zone, char buf[RD_CELL_TEXT])
{
	_Static_assert(RD_CELL_TEXT >= OM_MONEY_TEXT + 4 && RD_CELL_TEXT >= OM_TIME_TEXT, "room for every kind");

	buf[0] = '\0';
	if (!c->known)
		return buf;
	switch (kind) {
	case RD_TEXT:
		return c->u.text;
	case RD_INT:
		(void)snprintf(buf, RD_CELL_TEXT, "%" PRIu64, c->u.n);
		return buf;
	case RD_MONEY:
		return rd_money_text(c->u.money, buf);
	case RD_DAY:
		return om_day_text(c->u.day, buf);
	case RD_INSTANT:
		return om_zone_table_text(zone, c->u.at, buf);
	}
	return buf;
}

const char *
rd_cell_shown(const struct rd_cell *c, rd_kind kind, const struct rd_locale *l, const struct om_zone_table *zone,
    char buf[RD_SHOWN])
{
	_Static_assert(RD_SHOWN >= OM_MONEY_TEXT * 2, "room for a separator between all digits");

	buf[0] = '\0';
	if (!c->known)
		return buf;
	switch (kind) {
	case RD_TEXT:
		return c->u.text;
	case RD_INT:
		return rd_show_count(l, c->u.n, buf);
	case RD_MONEY:
		return rd_show_money(l, c->u.money, buf);
	case RD_DAY:
		return rd_show_day(l, c->u.day, buf);
	case RD_INSTANT:
		return rd_show_instant(l, zone, c->u.at, buf);
	}
	return buf;
}

/* check_sum: a column's total is the sum of its rows.  Sums may pass any bound on the
 * way, so they wrap around. */
static void
check_sum(const struct rd_table *t, unsigned column)
{
	const struct rd_cell *total = &t->total[column];
	u128 money = 0;
	uint64_t n = 0;

	for (size_t row = 0; row < t->n_rows; row++) {
		const struct rd_cell *c = &t->cells[row * t->n_columns + column];

		if (c->known && t->columns[column].kind == RD_INT)
			n += c->u.n;
		else if (c->known)
			money += (u128)c->u.money.v;
	}
	om_check(t->columns[column].kind == RD_INT ? total->u.n == n : (u128)total->u.money.v == money);
}

void
rd_table_check(const struct rd_table *t)
{
	om_check(t->n_columns > 0 && t->n_columns <= RD_MAX_COLUMNS);
	om_check((t->cells != NULL) != (t->fill != NULL));
	for (unsigned i = 0; t->cells != NULL && t->total != NULL && i < t->n_columns; i++)
		if (t->total[i].known && (t->columns[i].kind == RD_INT || t->columns[i].kind == RD_MONEY))
			check_sum(t, i);
}

om_status
rd_table_row(const struct rd_table *t, size_t row, struct om_arena *a, struct rd_cell *scratch,
    const struct rd_cell **out, om_err *e)
{
	om_check(row < t->n_rows);
	*out = scratch;
	if (t->cells == NULL)
		return t->fill(t->from, row, a, scratch, e);
	*out = t->cells + row * t->n_columns;
	return OM_OK;
}
