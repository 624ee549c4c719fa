/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * book.h - sheets and cells in a workbook; only this room uses libxlsxwriter.
 *
 * Shape     Sheets one after the other, rows from the top, each written once:
 *           memory does not grow with the rows.
 * Errors    Sticky; rd_book_done tells the first.
 * Threads   One workbook, one thread; several at once.
 *
 * What libxlsxwriter 1.1.4 does wrong and how this code stays clear of it:
 *   - a full temporary disk is not reported and rows are missing: the finished
 *     file is read back and every sheet's rows are counted.
 *   - text is copied as it is: it arrives clean (clean.h); _xHHHH_ is escaped
 *     and length is bounded here.
 *   - text that begins with = or holds an address is only safe in the plain
 *     string call: no other is used for it, and none makes a formula.
 *   - NaN becomes a broken cell: numbers come from whole numbers and amounts.
 *   - closing is not safe in two threads at once: it is done in turn.
 *   - LC_NUMERIC other than "C" breaks numbers: reportd never sets a locale.
 */
#ifndef RD_BOOK_H
#define RD_BOOK_H

#include "document/doc.h"
#include "terms/terms.h"

typedef enum rd_cell_style {
	RD_S_CELL,
	RD_S_HEAD,
	RD_S_TOTAL,
	RD_S_TITLE,
	RD_S_MUTED,
	RD_S_WRAP,
	RD_S_DUE
} rd_cell_style;

typedef enum rd_align { RD_LEFT, RD_RIGHT, RD_INDENT } rd_align;

struct rd_book;

struct rd_book_opts {
	const char *dir; /* for the file and what the library needs meanwhile */
	const char *title;
	const char *author;
	const char *subject;
	om_time created;
	const struct om_zone_table *zone; /* of rd_book_instant; it outlives the book */
	rd_paper paper;
	int digits;            /* after the point of rd_book_cents */
	const char *head_left; /* on each printed page */
	const char *head_right;
	const char *page_text; /* "Page &P of &N" */
};

om_status rd_book_new(const struct rd_book_opts *o, struct rd_book **out, om_err *e) OM_MUST;
void rd_book_free(struct rd_book **b);

/* rd_book_sheet begins a sheet; the next row is its first. */
void rd_book_sheet(struct rd_book *b, const char *name, bool landscape);
/* rd_book_next goes to the next row and returns its number, counted from 0. */
unsigned rd_book_next(struct rd_book *b);
unsigned rd_book_at(const struct rd_book *b);

void rd_book_text(struct rd_book *b, unsigned col, rd_cell_style style, rd_align align, const char *text);
void rd_book_count(struct rd_book *b, unsigned col, rd_cell_style style, uint64_t n);
/* rd_book_money writes the nearest binary64 of the amount. */
void rd_book_money(struct rd_book *b, unsigned col, rd_cell_style style, om_money m);
/* rd_book_cents writes an amount that is already rounded to cents. */
void rd_book_cents(struct rd_book *b, unsigned col, rd_cell_style style, om_money m);
/* The same as formulas, with the value they come to. */
void rd_book_sum_count(struct rd_book *b, unsigned col, rd_cell_style style, const char *text, uint64_t n);
void rd_book_sum_money(struct rd_book *b, unsigned col, rd_cell_style style, const char *text, om_money m);
void rd_book_sum_cents(struct rd_book *b, unsigned col, rd_cell_style style, const char *text, om_money m);
void rd_book_day(struct rd_book *b, unsigned col, rd_cell_style style, om_day d);
/* rd_book_instant writes the local time. */
void rd_book_instant(struct rd_book *b, unsigned col, rd_cell_style style, om_time t);
/* rd_book_paragraph writes a long text over the columns first to last, which
 * are `chars` wide together. */
void rd_book_paragraph(struct rd_book *b, unsigned first, unsigned last, unsigned chars, const char *text);

/* rd_book_height makes the row so many lines high; before its cells. */
void rd_book_height(struct rd_book *b, unsigned lines);
void rd_book_width(struct rd_book *b, unsigned col, double chars);
/* rd_book_head freezes the rows up to this one, repeats it in print, filters
 * and bands the rows after it, up to last_row. */
void rd_book_head(struct rd_book *b, unsigned row, unsigned n_columns, unsigned last_row);

/* A chart on the first sheet: a column of numbers of another sheet, over what
 * stands in that sheet's first column. */
struct rd_book_chart {
	const char *title;
	const char *sheet;
	unsigned column;
	unsigned first_row, last_row;
	bool across; /* bars, the first at the top; otherwise columns over days */
};
void rd_book_chart(struct rd_book *b, unsigned row, const struct rd_book_chart *c);

/* rd_book_done closes the file and looks whether all of it is there. */
om_status rd_book_done(struct rd_book *b, om_err *e) OM_MUST;
const char *rd_book_path(const struct rd_book *b);

#endif
