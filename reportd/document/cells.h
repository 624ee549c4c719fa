/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * cells.h - a table's columns and the cells of one row, put one after the other by
 * the same calls, so that both agree.
 *
 * Promise   Never more than RD_MAX_COLUMNS.
 * Threads   Pure.
 */
#ifndef RD_CELLS_H
#define RD_CELLS_H

#include "doc.h"

/* Columns and one row of cells under construction. */
struct rd_row {
	struct rd_column *columns; /* NULL: only cells are made */
	struct rd_cell *cells;     /* NULL: only columns are made */
	unsigned n;
};
void rd_put_text(struct rd_row *r, const char *key, const char *title, const char *text);
/* rd_put_under puts it beneath the text of the column before. */
void rd_put_under(struct rd_row *r, const char *key, const char *title, const char *text);
void rd_put_count(struct rd_row *r, const char *key, const char *title, uint64_t n);
void rd_put_money(struct rd_row *r, const char *key, const char *title, om_money m);
void rd_put_day(struct rd_row *r, const char *key, const char *title, bool known, om_day day);
void rd_put_instant(struct rd_row *r, const char *key, const char *title, bool known, om_time at);

#endif
