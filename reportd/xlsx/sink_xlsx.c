/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sink_xlsx.c - a document as sheets.  Every money column is followed by a
 * text column with the exact amount, since a cell's number is a binary64.
 */
#include "sink.h"
#include "text.h"
#include "workdir.h"
#include "xlsx/book.h"

#include <string.h>

#define SUMMARY        "Summary"
#define WIDEST         48.0
#define BYTES_PER_CELL 90u /* of temporary space, generously */
#define BYTES_AT_LEAST ((uint64_t)2 * 1024 * 1024)

#define SPAN_FIRST 1 /* of the summary's paragraphs */
#define SPAN_LAST  3
#define SPAN_CHARS 100

/* room_for estimates the temporary space: the sheets, the same packed, and the
 * library's copy. */
static uint64_t
room_for(const struct rd_doc *d)
{
	uint64_t cells = 0;

	for (size_t i = 0; i < d->n_tables; i++)
		cells += (uint64_t)d->tables[i].n_rows * d->tables[i].n_columns;
	return BYTES_AT_LEAST + cells * BYTES_PER_CELL;
}

/* ---- the summary ---- */

static void
write_lines(struct rd_book *b, const struct rd_line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		rd_book_text(b, 0, RD_S_MUTED, RD_LEFT, lines[i].label);
		rd_book_text(b, 1, RD_S_CELL, RD_LEFT, lines[i].text);
		(void)rd_book_next(b);
	}
}

static void
write_tiles(struct rd_book *b, const struct rd_doc *d)
{
	for (size_t i = 0; i < d->n_tiles; i++) {
		const struct rd_tile *t = &d->tiles[i];

		rd_book_text(b, 0, RD_S_MUTED, RD_LEFT, t->label);
		if (t->kind == RD_INT)
			rd_book_count(b, 1, RD_S_CELL, t->cell.u.n);
		else
			rd_book_text(b, 1, RD_S_CELL, RD_LEFT, t->cell.u.text);
		(void)rd_book_next(b);
	}
}

static void
write_amount(struct rd_book *b, rd_cell_style style, const char *label, const char *remark, om_money m, bool cents)
{
	char text[OM_MONEY_TEXT];

	rd_book_text(b, 0, style, RD_LEFT, label);
	if (cents)
		rd_book_cents(b, 1, style, m);
	else
		rd_book_money(b, 1, style, m);
	rd_book_text(b, 2, style, RD_RIGHT, cents ? om_money_text_fixed(m, 2, text) : rd_money_text(m, text));
	rd_book_text(b, 3, style, RD_INDENT, remark != NULL ? remark : "");
	(void)rd_book_next(b);
}

static void
write_bill(struct rd_book *b, const struct rd_doc *d)
{
	rd_book_text(b, 0, RD_S_HEAD, RD_LEFT, "Amounts");
	rd_book_text(b, 1, RD_S_HEAD, RD_RIGHT, "USD");
	rd_book_text(b, 2, RD_S_HEAD, RD_RIGHT, "USD, exact");
	rd_book_text(b, 3, RD_S_HEAD, RD_LEFT, "");
	(void)rd_book_next(b);
	for (int aside = 0; aside < 2; aside++) {
		for (size_t i = 0; i < d->n_amounts; i++) {
			const struct rd_amount *m = &d->amounts[i];

			if ((m->weight == RD_ASIDE) == (aside == 1))
				write_amount(b, m->weight == RD_SUM ? RD_S_TOTAL : RD_S_CELL, m->label, m->remark,
				    m->has_exact ? m->exact : m->amount, false);
		}
		if (aside == 0)
			write_amount(b, RD_S_DUE, d->due_label, d->due_rule, d->due, true);
	}
}

static const struct rd_table *
table_named(const struct rd_doc *d, const char *name)
{
	for (size_t i = 0; i < d->n_tables; i++)
		if (strcmp(d->tables[i].name, name) == 0)
			return &d->tables[i];
	return NULL;
}

/* sheet_column gives the column a table's column stands in on its sheet. */
static unsigned
sheet_column(const struct rd_table *t, unsigned column)
{
	unsigned at = 0;

	for (unsigned i = 0; i < column; i++)
		at += t->columns[i].kind == RD_MONEY ? 2 : 1;
	return at;
}

static void
write_summary(struct rd_book *b, const struct rd_doc *d)
{
	const struct rd_table *days = table_named(d, "Days");

	rd_book_sheet(b, SUMMARY, false);
	rd_book_width(b, 0, 24);
	rd_book_width(b, 1, 24);
	rd_book_width(b, 2, 32);
	rd_book_width(b, 3, 50);
	rd_book_text(b, 0, RD_S_TITLE, RD_LEFT, d->title);
	(void)rd_book_next(b);
	rd_book_text(b, 0, RD_S_MUTED, RD_LEFT, d->month);
	(void)rd_book_next(b);
	(void)rd_book_next(b);
	write_lines(b, d->facts, d->n_facts);
	(void)rd_book_next(b);
	if (d->nothing != NULL) {
		rd_book_text(b, 0, RD_S_DUE, RD_LEFT, d->nothing);
		(void)rd_book_next(b);
	} else {
		write_tiles(b, d);
	}
	(void)rd_book_next(b);
	write_bill(b, d);
	(void)rd_book_next(b);
	for (size_t i = 0; i < d->n_tables; i++)
		if (d->tables[i].sheet_remark != NULL) {
			rd_book_text(b, 0, RD_S_DUE, RD_LEFT, d->tables[i].title);
			rd_book_paragraph(b, SPAN_FIRST, SPAN_LAST, SPAN_CHARS, d->tables[i].sheet_remark);
			(void)rd_book_next(b);
		}
	for (size_t i = 0; i < d->n_notes; i++) {
		rd_book_text(b, 0, RD_S_MUTED, RD_LEFT, d->notes[i].label);
		rd_book_paragraph(b, SPAN_FIRST, SPAN_LAST, SPAN_CHARS, d->notes[i].text);
		(void)rd_book_next(b);
	}
	(void)rd_book_next(b);
	if (d->nothing == NULL && days != NULL && days->n_rows > 0) {
		unsigned col = days->n_columns;

		while (col > 0 && days->columns[col - 1].kind != RD_MONEY)
			col--;
		rd_book_chart(b, rd_book_at(b), d->chart.title, days->name, sheet_column(days, col - 1), 1,
		    (unsigned)days->n_rows);
	}
}

/* ---- a table ---- */

static void
widen(double *width, const char *text)
{
	double n = (double)om_utf8_length(text, strlen(text)) + 1.5;

	n = n < WIDEST ? n : WIDEST;
	*width = n > *width ? n : *width;
}

static void
write_cell(struct rd_book *b, unsigned col, rd_cell_style style, rd_kind kind, const struct rd_cell *c, double *widths)
{
	char buf[RD_CELL_TEXT];
	const char *text = rd_cell_text(c, kind, buf);

	if (!c->known) {
		if (style == RD_S_TOTAL)
			rd_book_text(b, col, style, RD_LEFT, "");
		if (style == RD_S_TOTAL && kind == RD_MONEY)
			rd_book_text(b, col + 1, style, RD_LEFT, "");
		return;
	}
	switch (kind) {
	case RD_TEXT:
		rd_book_text(b, col, style, RD_LEFT, text);
		break;
	case RD_INT:
		rd_book_count(b, col, style, c->u.n);
		break;
	case RD_MONEY:
		rd_book_money(b, col, style, c->u.money);
		rd_book_text(b, col + 1, style, RD_RIGHT, text);
		widen(&widths[col + 1], text);
		break;
	case RD_DAY:
		rd_book_day(b, col, style, c->u.day);
		break;
	case RD_INSTANT:
		rd_book_instant(b, col, style, c->u.at);
		text = "2000-00-00 00:00:00";
		break;
	}
	widen(&widths[col], text);
}

static void
write_row(struct rd_book *b, const struct rd_table *t, rd_cell_style style, const struct rd_cell *cells, double *widths)
{
	unsigned col = 0;

	for (unsigned i = 0; i < t->n_columns; i++) {
		write_cell(b, col, style, t->columns[i].kind, &cells[i], widths);
		col += t->columns[i].kind == RD_MONEY ? 2 : 1;
	}
}

/* head_width lets a heading stand in two lines. */
static double
head_width(const char *title)
{
	double half = (double)strlen(title) / 2 + 3;

	return half > 11 ? half : 11;
}

static unsigned
write_head(struct rd_book *b, const struct rd_table *t, struct om_arena *a, double *widths)
{
	unsigned col = 0;

	rd_book_height(b, 2);
	for (unsigned i = 0; i < t->n_columns; i++) {
		const char *title = t->columns[i].title;
		rd_kind kind = t->columns[i].kind;

		rd_book_text(b, col, RD_S_HEAD, kind == RD_INT || kind == RD_MONEY ? RD_RIGHT : RD_LEFT, title);
		widths[col++] = head_width(title);
		if (kind == RD_MONEY) {
			const char *exact = om_arena_printf(a, "%s (exact)", title);

			rd_book_text(b, col, RD_S_HEAD, RD_RIGHT, exact != NULL ? exact : "");
			widths[col++] = head_width(title) + 3;
		}
	}
	return col;
}

static om_status
write_rows(struct rd_book *b, const struct rd_table *t, double *widths, om_err *e)
{
	struct rd_cell scratch[RD_MAX_COLUMNS];
	const struct rd_cell *cells;
	struct om_arena row;

	for (size_t r = 0; r < t->n_rows; r++) {
		om_status s;

		om_arena_init(&row, (size_t)1024 * 1024);
		s = rd_table_row(t, r, &row, scratch, &cells, e);
		if (s == OM_OK) {
			write_row(b, t, RD_S_CELL, cells, widths);
			(void)rd_book_next(b);
		}
		om_arena_fini(&row);
		if (s != OM_OK)
			return s;
	}
	return OM_OK;
}

static om_status
write_table(struct rd_book *b, const struct rd_table *t, struct om_arena *a, om_err *e)
{
	double widths[2 * RD_MAX_COLUMNS];
	unsigned head, n;
	om_status s;

	rd_book_sheet(b, t->name, true);
	if (t->sheet_remark != NULL) {
		rd_book_text(b, 0, RD_S_DUE, RD_LEFT, t->sheet_remark);
		(void)rd_book_next(b);
	}
	head = rd_book_at(b);
	n = write_head(b, t, a, widths);
	rd_book_head(b, head, n, head + (unsigned)t->n_rows);
	(void)rd_book_next(b);
	s = write_rows(b, t, widths, e);
	if (s != OM_OK)
		return s;
	if (t->n_rows == 0) {
		rd_book_text(b, 0, RD_S_MUTED, RD_LEFT, t->empty);
	} else if (t->total != NULL) {
		struct rd_cell total[RD_MAX_COLUMNS];

		memcpy(total, t->total, t->n_columns * sizeof *total);
		write_row(b, t, RD_S_TOTAL, total, widths);
		rd_book_text(b, 0, RD_S_TOTAL, RD_LEFT, "Total");
	}
	for (unsigned i = 0; i < n; i++)
		rd_book_width(b, i, widths[i]);
	return OM_OK;
}

static om_status
write_book(struct rd_book *b, const struct rd_doc *d, struct om_arena *a, struct rd_file *out, om_err *e)
{
	om_status s = OM_OK;

	write_summary(b, d);
	for (size_t i = 0; s == OM_OK && i < d->n_tables; i++)
		if (!d->tables[i].page_only)
			s = write_table(b, &d->tables[i], a, e);
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s == OM_OK ? rd_book_done(b, a, &out->data, &out->n, e) : s;
}

om_status
rd_write_xlsx(
    const struct rd_doc *d, struct rd_workdir *work, rd_paper paper, struct om_arena *a, struct rd_file *out, om_err *e)
{
	struct rd_book_opts o = {
	    .title = om_arena_printf(a, "%s %s, %s", d->title, d->month, d->subject),
	    .author = "OWUI-Metering",
	    .subject = d->month,
	    .created = d->created,
	    .paper = paper,
	};
	char path[RD_PATH];
	struct rd_book *b;
	om_status s;

	*out = (struct rd_file){
	    .content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	    .name = om_arena_printf(a, "%s.xlsx", d->stem),
	};
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = rd_workdir_make(work, room_for(d), path, e);
	if (s != OM_OK)
		return s;
	o.dir = path;
	s = rd_book_new(&o, &b, e);
	if (s == OM_OK)
		s = write_book(b, d, a, out, e);
	rd_book_free(&b);
	rd_workdir_drop(path);
	return s;
}
