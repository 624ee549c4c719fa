/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cells.h"

#include "base/invariant.h"

static void
add_cell(struct rd_row *r, struct rd_column col, struct rd_cell cell)
{
	om_check(r->n < RD_MAX_COLUMNS);
	if (r->columns != NULL)
		r->columns[r->n] = col;
	if (r->cells != NULL)
		r->cells[r->n] = cell;
	r->n++;
}

void
rd_put_text(struct rd_row *r, const char *key, const char *title, const char *text)
{
	add_cell(r, (struct rd_column){.key = key, .title = title, .kind = RD_TEXT},
	    (struct rd_cell){.known = text != NULL && text[0] != '\0', .u.text = text});
}

void
rd_put_under(struct rd_row *r, const char *key, const char *title, const char *text)
{
	rd_put_text(r, key, title, text);
	if (r->columns != NULL)
		r->columns[r->n - 1].under = true;
}

void
rd_put_count(struct rd_row *r, const char *key, const char *title, uint64_t n)
{
	add_cell(r, (struct rd_column){.key = key, .title = title, .kind = RD_INT},
	    (struct rd_cell){.known = true, .u.n = n});
}

void
rd_put_money(struct rd_row *r, const char *key, const char *title, om_money m)
{
	add_cell(r, (struct rd_column){.key = key, .title = title, .kind = RD_MONEY},
	    (struct rd_cell){.known = true, .u.money = m});
}

void
rd_put_day(struct rd_row *r, const char *key, const char *title, bool known, om_day day)
{
	add_cell(r, (struct rd_column){.key = key, .title = title, .kind = RD_DAY},
	    (struct rd_cell){.known = known, .u.day = day});
}

void
rd_put_instant(struct rd_row *r, const char *key, const char *title, bool known, om_time at)
{
	add_cell(r, (struct rd_column){.key = key, .title = title, .kind = RD_INSTANT},
	    (struct rd_cell){.known = known, .u.at = at});
}
