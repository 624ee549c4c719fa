/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * workbook.c - a document as sheets.  Every money column is followed by a
 * text column with the exact amount, since a cell's number is a binary64.
 */
#include "workbook.h"

#include "book.h"
#include "words/locale.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define SUMMARY      "Summary"
#define SHEET_ROWS   1048576u /* of a sheet, as far as spreadsheets go */
#define MOST_SHEETS  32u      /* of one table */
#define WIDTH_ROWS   1000u    /* looked at for the widths of the columns */
#define CHART_ROWS   10u      /* bars of models */
#define CHART_HEIGHT 16u      /* rows that the first chart covers */
#define RD_FORMULA   1024
#define UNKNOWN_ROWS 1000000u /* to make room for when their number is not known */

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

	for (size_t i = 0; i < d->n_tables; i++) {
		size_t n = d->tables[i].n_rows == RD_ROWS_UNKNOWN ? UNKNOWN_ROWS : d->tables[i].n_rows;

		cells += (uint64_t)n * d->tables[i].n_columns;
	}
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

/* The bill's lines so far, to see which sum is of which cells. */
struct bill {
	om_money sum;
	char cells[RD_FORMULA]; /* of the lines that count, "B12,B13" */
};

static void
count_line(struct bill *bill, const struct rd_book *b, om_money m)
{
	size_t n = strlen(bill->cells);

	if (om_money_add(bill->sum, m, &bill->sum) != OM_OK)
		bill->sum = OM_MONEY_ZERO; /* then no sum will match, and is written as it is */
	(void)snprintf(bill->cells + n, sizeof bill->cells - n, "%sB%u", n > 0 ? "," : "", rd_book_at(b) + 1);
}

static void
write_printed(struct rd_book *b, struct bill *bill, rd_cell_style style, const struct rd_amount *m, om_money amount)
{
	char text[RD_FORMULA + 8];
	bool sums = m == NULL || m->weight == RD_SUM;

	if (sums && bill->cells[0] != '\0' && om_money_cmp(bill->sum, amount) == 0) {
		(void)snprintf(text, sizeof text, "=SUM(%s)", bill->cells);
		rd_book_sum_cents(b, 1, style, text, amount);
	} else {
		rd_book_cents(b, 1, style, amount);
	}
	if (m != NULL && m->weight == RD_PLAIN)
		count_line(bill, b, amount);
}

static void
write_bill(struct rd_book *b, const struct rd_doc *d, struct om_arena *a)
{
	const struct rd_locale *l = d->locale;
	const char *title = rd_fill(a, l->bill, d->currency);
	struct bill bill = {.sum = OM_MONEY_ZERO};
	char text[OM_MONEY_TEXT];

	rd_book_text(b, 0, RD_S_HEAD, RD_LEFT, title != NULL ? title : "");
	rd_book_text(b, 1, RD_S_HEAD, RD_RIGHT, d->currency);
	rd_book_text(b, 2, RD_S_HEAD, RD_RIGHT, l->exact_usd);
	rd_book_text(b, 3, RD_S_HEAD, RD_LEFT, "");
	(void)rd_book_next(b);
	for (int aside = 0; aside < 2; aside++) {
		for (size_t i = 0; i < d->n_amounts; i++) {
			const struct rd_amount *m = &d->amounts[i];
			rd_cell_style style = m->weight == RD_SUM ? RD_S_TOTAL : RD_S_CELL;

			if ((m->weight == RD_ASIDE) != (aside == 1))
				continue;
			rd_book_text(b, 0, style, RD_LEFT, m->label);
			write_printed(b, &bill, style, m, m->amount);
			rd_book_text(b, 2, style, RD_RIGHT, m->has_exact ? rd_money_text(m->exact, text) : "");
			rd_book_text(b, 3, style, RD_INDENT, m->remark != NULL ? m->remark : "");
			(void)rd_book_next(b);
		}
		if (aside == 1)
			continue;
		rd_book_text(b, 0, RD_S_DUE, RD_LEFT, d->due_label);
		write_printed(b, &bill, RD_S_DUE, NULL, d->due);
		/* what is due is an amount in the document's currency and no other */
		rd_book_text(b, 2, RD_S_DUE, RD_RIGHT,
		    strcmp(d->currency, "USD") == 0 ? om_money_text_fixed(d->due, d->digits, text) : "");
		rd_book_text(b, 3, RD_S_DUE, RD_INDENT, d->due_rule != NULL ? d->due_rule : "");
		(void)rd_book_next(b);
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

/* write_chart draws the last amounts of a table, at a row of the summary. */
static void
write_chart(struct rd_book *b, const struct rd_doc *d, const char *name, const char *title, bool across, unsigned row)
{
	const struct rd_table *t = table_named(d, name);
	unsigned col = t != NULL ? t->n_columns : 0;
	struct rd_book_chart c = {.title = title, .sheet = name, .first_row = 1, .across = across};

	while (col > 0 && t->columns[col - 1].kind != RD_MONEY)
		col--;
	if (col == 0 || t->n_rows == 0 || t->n_rows == RD_ROWS_UNKNOWN || t->page_only)
		return;
	c.column = sheet_column(t, col - 1);
	c.last_row = (unsigned)(across && t->n_rows > CHART_ROWS ? CHART_ROWS : t->n_rows);
	rd_book_chart(b, row, &c);
}

static void
write_summary(struct rd_book *b, const struct rd_doc *d, struct om_arena *a)
{

	rd_book_sheet(b, SUMMARY, false);
	rd_book_width(b, 0, 24);
	rd_book_width(b, 1, 24);
	rd_book_width(b, 2, 32);
	rd_book_width(b, 3, 50);
	rd_book_text(b, 0, RD_S_TITLE, RD_LEFT, d->title);
	(void)rd_book_next(b);
	if (d->duplicate)
		rd_book_text(b, 1, RD_S_DUE, RD_LEFT, d->locale->duplicate_mark);
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
	write_bill(b, d, a);
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
	if (d->nothing == NULL) {
		write_chart(b, d, "Days", d->chart.title, false, rd_book_at(b));
		write_chart(b, d, "Models", table_named(d, "Models") != NULL ? table_named(d, "Models")->title : "",
		    true, rd_book_at(b) + CHART_HEIGHT);
	}
}

/* ---- a table ---- */

static void
widen(double *width, const char *text)
{
	double n;

	if (width == NULL)
		return;
	n = (double)om_utf8_length(text, strlen(text)) + 1.5;
	n = n < WIDEST ? n : WIDEST;
	*width = n > *width ? n : *width;
}

static void
write_cell(struct rd_book *b, unsigned col, rd_cell_style style, rd_kind kind, const struct rd_cell *c, double *widths)
{
	char buf[RD_CELL_TEXT];
	bool as_text = kind == RD_TEXT || kind == RD_MONEY || (widths != NULL && kind != RD_INSTANT);
	const char *text = as_text ? rd_cell_text(c, kind, NULL, buf) : "";

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
		widen(widths != NULL ? &widths[col + 1] : NULL, text);
		break;
	case RD_DAY:
		rd_book_day(b, col, style, c->u.day);
		break;
	case RD_INSTANT:
		rd_book_instant(b, col, style, c->u.at);
		text = "2000-00-00 00:00:00";
		break;
	}
	widen(widths != NULL ? &widths[col] : NULL, text);
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
write_head(struct rd_book *b, const struct rd_table *t, const struct rd_locale *l, struct om_arena *a, double *widths)
{
	unsigned col = 0;

	rd_book_height(b, 2);
	for (unsigned i = 0; i < t->n_columns; i++) {
		const char *title = t->columns[i].title;
		rd_kind kind = t->columns[i].kind;

		rd_book_text(b, col, RD_S_HEAD, kind == RD_INT || kind == RD_MONEY ? RD_RIGHT : RD_LEFT, title);
		widths[col++] = head_width(title);
		if (kind == RD_MONEY) {
			const char *exact = om_arena_printf(a, "%s (%s)", title, l->total_exact);

			rd_book_text(b, col, RD_S_HEAD, RD_RIGHT, exact != NULL ? exact : "");
			widths[col++] = head_width(title) + 3;
		}
	}
	return col;
}

/* A table on its way into one or several sheets. */
struct writer {
	struct rd_book *book;
	const struct rd_table *table;
	const struct rd_doc *doc;
	struct om_arena *arena;
	unsigned sheet_rows; /* that fit on a sheet */

	double widths[2 * RD_MAX_COLUMNS];
	unsigned n_columns; /* of the sheet */
	unsigned n_sheets, head;
	struct {
		char name[32];
		unsigned first, last; /* rows of figures, counted from 1 */
	} sheet[MOST_SHEETS];
};

static om_status
begin_sheet(struct writer *w, om_err *e)
{
	const struct rd_table *t = w->table;

	if (w->n_sheets == MOST_SHEETS)
		return om_fail(e, OM_TOO_LARGE, "the table has more rows than %u sheets hold", MOST_SHEETS);
	(void)snprintf(w->sheet[w->n_sheets].name, sizeof w->sheet[0].name, w->n_sheets == 0 ? "%.24s" : "%.24s %u",
	    t->name, w->n_sheets + 1);
	rd_book_sheet(w->book, w->sheet[w->n_sheets].name, true);
	if (t->sheet_remark != NULL && w->n_sheets == 0) {
		rd_book_text(w->book, 0, RD_S_DUE, RD_LEFT, t->sheet_remark);
		(void)rd_book_next(w->book);
	}
	w->head = rd_book_at(w->book);
	w->n_columns = write_head(w->book, t, w->doc->locale, w->arena, w->widths);
	(void)rd_book_next(w->book);
	w->sheet[w->n_sheets].first = w->sheet[w->n_sheets].last = w->head + 2;
	w->n_sheets++;
	return OM_OK;
}

static void
end_sheet(struct writer *w)
{
	unsigned last = rd_book_at(w->book);

	w->sheet[w->n_sheets - 1].last = last;
	rd_book_head(w->book, w->head, w->n_columns, last > 0 ? last - 1 : 0);
	for (unsigned i = 0; i < w->n_columns; i++)
		rd_book_width(w->book, i, w->widths[i]);
}

static om_status
write_rows(struct writer *w, size_t *n_out, om_err *e)
{
	const struct rd_table *t = w->table;
	struct rd_cell scratch[RD_MAX_COLUMNS];
	const struct rd_cell *cells;
	struct om_arena row;

	for (*n_out = 0; *n_out < t->n_rows; ++*n_out) {
		om_status s;

		om_arena_init(&row, (size_t)1024 * 1024);
		s = rd_table_row(t, *n_out, &row, scratch, &cells, e);
		if (s == OM_OK &&
		    rd_book_at(w->book) + 1 >= w->sheet_rows) { /* the last row of a sheet is for the total */
			end_sheet(w);
			s = begin_sheet(w, e);
		}
		if (s == OM_OK) {
			write_row(w->book, t, RD_S_CELL, cells, *n_out < WIDTH_ROWS ? w->widths : NULL);
			(void)rd_book_next(w->book);
		}
		om_arena_fini(&row);
		if (s == OM_NOT_FOUND && t->n_rows == RD_ROWS_UNKNOWN)
			return OM_OK;
		if (s != OM_OK)
			return s;
	}
	return OM_OK;
}

/* column_name writes "A" to "ZZ". */
static void
column_name(unsigned col, char out[3])
{
	unsigned at = 0;

	if (col >= 26)
		out[at++] = (char)('A' + col / 26 - 1);
	out[at++] = (char)('A' + col % 26);
	out[at] = '\0';
}

/* sum_text writes the formula of a column's sum over all sheets. */
static const char *
sum_text(const struct writer *w, unsigned col, char out[RD_FORMULA])
{
	char name[3];
	int n = snprintf(out, RD_FORMULA, "=SUM(");

	column_name(col, name);
	for (unsigned i = 0; i < w->n_sheets && n > 0 && n < RD_FORMULA; i++) {
		bool here = i + 1 == w->n_sheets;

		n += snprintf(out + n, (size_t)(RD_FORMULA - n), "%s%s%s%s%s%u:%s%u", i > 0 ? "," : "", here ? "" : "'",
		    here ? "" : w->sheet[i].name, here ? "" : "'!", name, w->sheet[i].first, name, w->sheet[i].last);
	}
	if (n > 0 && n < RD_FORMULA)
		(void)snprintf(out + n, (size_t)(RD_FORMULA - n), ")");
	return out;
}

static void
write_total(struct writer *w)
{
	const struct rd_table *t = w->table;
	struct rd_book *b = w->book;
	char text[RD_FORMULA], exact[OM_MONEY_TEXT];
	unsigned col = 0;

	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct rd_cell *c = &t->total[i];
		rd_kind kind = t->columns[i].kind;

		if (c->known && kind == RD_INT) {
			rd_book_sum_count(b, col, RD_S_TOTAL, sum_text(w, col, text), c->u.n);
		} else if (c->known && kind == RD_MONEY) {
			rd_book_sum_money(b, col, RD_S_TOTAL, sum_text(w, col, text), c->u.money);
			rd_book_text(b, col + 1, RD_S_TOTAL, RD_RIGHT, rd_money_text(c->u.money, exact));
		} else {
			rd_book_text(b, col, RD_S_TOTAL, RD_LEFT, i == 0 ? w->doc->locale->total : "");
			if (kind == RD_MONEY)
				rd_book_text(b, col + 1, RD_S_TOTAL, RD_LEFT, "");
		}
		col += kind == RD_MONEY ? 2 : 1;
	}
}

static om_status
write_table(struct rd_book *b, const struct rd_doc *d, const struct rd_table *t, unsigned sheet_rows,
    struct om_arena *a, om_err *e)
{
	struct writer w = {.book = b, .table = t, .doc = d, .arena = a, .sheet_rows = sheet_rows};
	size_t n = 0;
	om_status s = begin_sheet(&w, e);

	if (s == OM_OK)
		s = write_rows(&w, &n, e);
	if (s != OM_OK)
		return s;
	end_sheet(&w);
	if (n == 0)
		rd_book_text(b, 0, RD_S_MUTED, RD_LEFT, t->empty);
	else if (t->total != NULL)
		write_total(&w);
	return OM_OK;
}

static om_status
write_book(struct rd_book *b, const struct rd_doc *d, unsigned sheet_rows, struct om_arena *a, om_err *e)
{
	om_status s = OM_OK;

	if (d->n_facts > 0) /* else only tables were asked for */
		write_summary(b, d, a);
	for (size_t i = 0; s == OM_OK && i < d->n_tables; i++)
		if (!d->tables[i].page_only)
			s = write_table(b, d, &d->tables[i], sheet_rows, a, e);
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s == OM_OK ? rd_book_done(b, e) : s;
}

om_status
rd_write_xlsx(const struct rd_doc *d, const struct rd_xlsx_opts *how, struct rd_task *t, struct om_arena *a, om_err *e)
{
	const struct rd_locale *l = d->locale;
	struct rd_book_opts o = {
	    .title = rd_fill(a, l->document_title, d->title, d->month, d->subject),
	    .author = d->issuer != NULL && d->issuer->name != NULL ? d->issuer->name : "OWUI-Metering",
	    .subject = d->month,
	    .created = d->created,
	    .zone = d->zone,
	    .paper = how->paper,
	    .digits = d->digits,
	    .head_left = om_arena_printf(a, "%s %s", d->title, d->month),
	    .head_right = d->duplicate ? rd_doc_number(d, a)
		: d->number != NULL    ? d->number
		: d->draft             ? l->draft
				       : "",
	    .page_text = rd_fill(a, l->page_of, "&P", "&N"),
	};
	unsigned rows = how->sheet_rows > 0 ? how->sheet_rows : SHEET_ROWS;
	struct rd_book *b = NULL;
	om_status s = a->failed ? om_fail(e, OM_NOMEM, "out of memory") : rd_task_folder(t, how->work, room_for(d), e);

	if (s != OM_OK)
		return s;
	o.dir = t->dir;
	s = rd_book_new(&o, &b, e);
	if (s == OM_OK)
		s = write_book(b, d, rows, a, e);
	if (s == OM_OK)
		s = rd_task_adopt(t, rd_book_path(b), e);
	rd_book_free(&b);
	return s;
}
