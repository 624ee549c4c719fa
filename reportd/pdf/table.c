/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * table.c - a table on pages.  Numbers get the width they need, texts share
 * the rest and wrap; where numbers alone would be too wide, the type shrinks.
 * Amounts stand with their decimal points in one line.
 */
#include "pdf/flow.h"

#include <string.h>

#define TYPE_SIZE  7.5
#define GAP        9.0  /* between columns */
#define TEXT_LEAST 80.0 /* of a text column */
#define PAD        3.4  /* above and below a row */
#define LEADING    1.3
#define MAX_LINES  3
#define MAX_UNDER  2
#define MAX_ROWS   20000u /* of one table on paper */

struct column {
	unsigned index; /* in the table */
	unsigned under; /* index of the column shown beneath, or the same index */
	rd_kind kind;
	bool group;
	double x, width;
	double before, after; /* RD_MONEY: the widest part before the point, and from it on */
};

struct grid {
	const struct rd_table *table;
	struct rd_flow *flow;
	struct column column[RD_MAX_COLUMNS];
	unsigned n;
	struct rd_style type, bold, small, head;
};

static bool
is_number(rd_kind kind)
{
	return kind == RD_INT || kind == RD_MONEY;
}

static double
most(double a, double b)
{
	return a > b ? a : b;
}

static void
set_type(struct grid *g, double size)
{
	g->type = (struct rd_style){RD_REGULAR, size, RD_BLACK};
	g->bold = (struct rd_style){RD_BOLD, size, RD_BLACK};
	g->small = (struct rd_style){RD_REGULAR, size * 0.84, RD_GREY};
	g->head = (struct rd_style){RD_REGULAR, size * 0.88, RD_GREY};
}

static void
choose_columns(struct grid *g)
{
	const struct rd_table *t = g->table;

	g->n = 0;
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (t->columns[i].sheet_only)
			continue;
		if (t->columns[i].under && g->n > 0) {
			g->column[g->n - 1].under = i;
			continue;
		}
		g->column[g->n++] =
		    (struct column){.index = i, .under = i, .kind = t->columns[i].kind};
	}
}

/* measure widens the columns so that a row's cells fit. */
static void
measure(struct grid *g, const struct rd_cell *cells, const struct rd_style *type)
{
	const struct rd_fonts *f = g->flow->fonts;
	char buf[RD_CELL_TEXT];

	for (unsigned i = 0; i < g->n; i++) {
		struct column *c = &g->column[i];
		const char *text = rd_cell_text(&cells[c->index], c->kind, buf);
		const char *point = c->kind == RD_MONEY ? strchr(text, '.') : NULL;

		if (point != NULL) {
			c->before = most(c->before, rd_text_width_n(f, type, text, (size_t)(point - text)));
			c->after = most(c->after, rd_text_width(f, type, point));
			c->width = most(c->width, c->before + c->after);
		} else {
			c->width = most(c->width, rd_text_width(f, type, text));
		}
		if (c->under != c->index) {
			text = rd_cell_text(&cells[c->under], RD_TEXT, buf);
			c->width = most(c->width, rd_text_width(f, &g->small, text));
		}
	}
}

static om_status
measure_all(struct grid *g, struct om_arena *a, om_err *e)
{
	const struct rd_table *t = g->table;
	struct rd_cell scratch[RD_MAX_COLUMNS];

	for (unsigned i = 0; i < g->n; i++) {
		struct column *c = &g->column[i];

		c->before = c->after = 0;
		c->width = rd_text_word(g->flow->fonts, &g->head, t->columns[c->index].title);
	}
	for (size_t r = 0; r < t->n_rows; r++) {
		const struct rd_cell *cells;
		om_status s;

		if (t->quiet != NULL && t->quiet[r])
			continue;
		s = rd_table_row(t, r, a, scratch, &cells, e);
		if (s != OM_OK)
			return s;
		measure(g, cells, &g->type);
	}
	if (t->total != NULL)
		measure(g, t->total, &g->bold);
	return OM_OK;
}

/* share gives the columns their final widths; false when the type is too
 * large for the page. */
static bool
share(struct grid *g)
{
	double room = g->flow->right - g->flow->left - GAP * (g->n - 1), fixed = 0, texts = 0, least = 0;
	double x = g->flow->left;
	unsigned n_texts = 0;

	for (unsigned i = 0; i < g->n; i++) {
		struct column *c = &g->column[i];

		if (c->kind != RD_TEXT) {
			fixed += c->width;
			continue;
		}
		n_texts++;
		texts += c->width;
		least += c->width < TEXT_LEAST ? c->width : TEXT_LEAST;
	}
	if (fixed + least > room)
		return false;
	for (unsigned i = 0; i < g->n; i++) {
		struct column *c = &g->column[i];

		if (c->kind == RD_TEXT && texts <= room - fixed) {
			c->width += (room - fixed - texts) / n_texts;
		} else if (c->kind == RD_TEXT) {
			double base = c->width < TEXT_LEAST ? c->width : TEXT_LEAST;

			c->width = base + (c->width - base) * (room - fixed - least) / (texts - least);
		} else if (n_texts == 0 && i > 0) {
			c->width += (room - fixed) / (g->n - 1);
		}
		c->x = x;
		x += c->width + GAP;
	}
	return true;
}

static void
draw_rule(struct grid *g, rd_colour colour, double width)
{
	rd_ink_line(g->flow->ink, colour, width, g->flow->left, g->flow->y, g->flow->right, g->flow->y);
}

static double
head_height(struct grid *g, struct rd_wrapped *w)
{
	unsigned lines = 1;

	for (unsigned i = 0; i < g->n; i++) {
		const struct column *c = &g->column[i];

		rd_wrap(g->flow->fonts, &g->head, g->table->columns[c->index].title, c->width + 0.5, 3, &w[i]);
		lines = w[i].n > lines ? w[i].n : lines;
	}
	return lines * g->head.size * LEADING + 5;
}

static void
draw_head(struct grid *g)
{
	struct rd_wrapped w[RD_MAX_COLUMNS];
	double height = head_height(g, w);

	for (unsigned i = 0; i < g->n; i++) {
		const struct column *c = &g->column[i];
		bool right = is_number(c->kind);
		double y = g->flow->y + height - 5 - (w[i].n - 1) * g->head.size * LEADING;

		for (unsigned l = 0; l < w[i].n; l++)
			rd_text_line(g->flow->ink, &g->head, right ? c->x + c->width : c->x,
			    y + l * g->head.size * LEADING, &w[i], l, right);
	}
	g->flow->y += height;
	draw_rule(g, RD_GREY, 0.6);
}

static void
draw_number(struct grid *g, const struct column *c, const struct rd_style *s, double y, const char *text)
{
	const char *point = c->kind == RD_MONEY ? strchr(text, '.') : NULL;
	double x = c->x + c->width;

	if (point != NULL)
		x -= c->after + rd_text_width_n(g->flow->fonts, s, text, (size_t)(point - text));
	else
		x -= rd_text_width(g->flow->fonts, s, text);
	rd_text(g->flow->ink, s, x, y, text);
}

static bool
same_group(const struct column *c, const struct rd_cell *a, const struct rd_cell *b)
{
	char buf_a[RD_CELL_TEXT], buf_b[RD_CELL_TEXT];

	return strcmp(rd_cell_text(&a[c->index], RD_TEXT, buf_a), rd_cell_text(&b[c->index], RD_TEXT, buf_b)) == 0 &&
	    strcmp(rd_cell_text(&a[c->under], RD_TEXT, buf_a), rd_cell_text(&b[c->under], RD_TEXT, buf_b)) == 0;
}

/* A row's texts, wrapped, and how high they make it.  A text left out because
 * it is that of the row before has no lines. */
struct wrapped_row {
	struct rd_wrapped text[RD_MAX_COLUMNS];
	struct rd_wrapped under[RD_MAX_COLUMNS];
	double height;
};

static void
wrap_texts(struct grid *g, const struct rd_cell *cells, const struct rd_cell *before, const struct rd_style *type,
    struct wrapped_row *w)
{
	const struct rd_fonts *f = g->flow->fonts;
	double height = type->size * LEADING;
	char buf[RD_CELL_TEXT];

	for (unsigned i = 0; i < g->n; i++) {
		const struct column *c = &g->column[i];
		double h;

		if (c->kind != RD_TEXT)
			continue;
		w->text[i].n = w->under[i].n = 0;
		if (false && before != NULL && same_group(c, cells, before))
			continue;
		rd_wrap(f, type, rd_cell_text(&cells[c->index], RD_TEXT, buf), c->width, MAX_LINES, &w->text[i]);
		if (c->under != c->index)
			rd_wrap(f, &g->small, rd_cell_text(&cells[c->under], RD_TEXT, buf), c->width, MAX_UNDER,
			    &w->under[i]);
		h = w->text[i].n * type->size * LEADING + w->under[i].n * g->small.size * LEADING;
		height = most(height, h);
	}
	w->height = height + 2 * PAD;
}

static void
draw_row(struct grid *g, const struct rd_cell *cells, const struct rd_style *type, const struct wrapped_row *w)
{
	double first = g->flow->y + PAD + type->size * 0.95;
	struct rd_ink *ink = g->flow->ink;
	char buf[RD_CELL_TEXT];

	for (unsigned i = 0; i < g->n; i++) {
		const struct column *c = &g->column[i];
		double y = first;

		if (c->kind != RD_TEXT) {
			const char *text = rd_cell_text(&cells[c->index], c->kind, buf);

			if (is_number(c->kind))
				draw_number(g, c, type, y, text);
			else
				rd_text(ink, type, c->x, y, text);
			continue;
		}
		for (unsigned l = 0; l < w->text[i].n; l++)
			rd_text_line(ink, type, c->x, y + l * type->size * LEADING, &w->text[i], l, false);
		y += w->text[i].n * type->size * LEADING - (type->size - g->small.size) * 0.95;
		for (unsigned l = 0; l < w->under[i].n; l++)
			rd_text_line(ink, &g->small, c->x, y + l * g->small.size * LEADING, &w->under[i], l, false);
	}
	g->flow->y += w->height;
}

static void
break_page(struct grid *g)
{
	char title[160];
	struct rd_style s = rd_label;
	size_t n;

	rd_flow_page(g->flow);
	n = strlen(g->table->title);
	n = n < sizeof title - 16 ? n : sizeof title - 16;
	memcpy(title, g->table->title, n);
	memcpy(title + n, ", continued", 12);
	rd_text(g->flow->ink, &s, g->flow->left, g->flow->y + 6, title);
	g->flow->y += 14;
	draw_head(g);
}

/* draw_between writes the hairline above a row: only under what the row does
 * not leave out. */
static void
draw_between(struct grid *g, const struct rd_cell *cells, const struct rd_cell *before)
{
	const struct column *first = &g->column[0];
	bool grouped = false && g->n > 1 && same_group(first, cells, before);

	rd_ink_line(g->flow->ink, RD_HAIR, 0.4, grouped ? g->column[1].x : g->flow->left, g->flow->y, g->flow->right,
	    g->flow->y);
}

/* rows_left counts the rows from `row` on that a page shows, up to `most_of_them`. */
static size_t
rows_left(const struct rd_table *t, size_t row, size_t most_of_them)
{
	size_t n = 0;

	for (; row < t->n_rows && n < most_of_them; row++)
		n += t->quiet == NULL || !t->quiet[row];
	return n;
}

static om_status
draw_rows(struct grid *g, struct om_arena *a, om_err *e)
{
	const struct rd_table *t = g->table;
	struct rd_cell scratch[2][RD_MAX_COLUMNS];
	const struct rd_cell *cells, *before = NULL;
	double total = t->total != NULL ? g->bold.size * LEADING + 2 * PAD + 2 : 0;
	struct wrapped_row w;

	for (size_t r = 0, drawn = 0; r < t->n_rows; r++) {
		double need;
		size_t left;
		om_status s;

		if (t->quiet != NULL && t->quiet[r])
			continue;
		s = rd_table_row(t, r, a, scratch[drawn++ % 2], &cells, e);
		if (s != OM_OK)
			return s;
		wrap_texts(g, cells, before, &g->type, &w);
		/* the total is on a page with two rows, if there are two */
		left = rows_left(t, r, 3);
		need = w.height + (left == 1 ? total : left == 2 && drawn > 1 ? total + w.height : 0);
		if (g->flow->y + need > g->flow->bottom) {
			break_page(g);
			before = NULL;
			wrap_texts(g, cells, NULL, &g->type, &w);
		} else if (before != NULL) {
			draw_between(g, cells, before);
		}
		draw_row(g, cells, &g->type, &w);
		before = cells;
	}
	return OM_OK;
}

static void
draw_total(struct grid *g)
{
	struct rd_cell cells[RD_MAX_COLUMNS];
	struct column *first = &g->column[0];
	struct wrapped_row w;

	memcpy(cells, g->table->total, g->table->n_columns * sizeof *cells);
	draw_rule(g, RD_GREY, 0.6);
	if (!is_number(first->kind)) {
		first->kind = RD_TEXT;
		cells[first->index] = (struct rd_cell){.known = true, .u.text = "Total"};
	}
	wrap_texts(g, cells, NULL, &g->bold, &w);
	draw_row(g, cells, &g->bold, &w);
	draw_rule(g, RD_GREY, 0.6);
}

om_status
rd_flow_table(struct rd_flow *f, const struct rd_table *t, struct om_arena *a, om_err *e)
{
	struct grid g = {.table = t, .flow = f};
	double size = TYPE_SIZE;
	om_status s;

	rd_flow_heading(f, t->title, t->remark, t->n_rows == 0 ? 12 : 70);
	if (t->n_rows == 0 || t->n_rows > MAX_ROWS) {
		f->y += rd_flow_text(f, &rd_body, f->left, f->right - f->left, 2,
		    t->n_rows == 0 ? t->empty
				   : "This table has too many rows for paper; the workbook of this document holds it.");
		return OM_OK;
	}
	choose_columns(&g);
	do {
		set_type(&g, size);
		s = measure_all(&g, a, e);
		if (s != OM_OK)
			return s;
		size *= 0.94;
	} while (!share(&g) && size > 1);
	draw_head(&g);
	s = draw_rows(&g, a, e);
	if (s == OM_OK && t->total != NULL)
		draw_total(&g);
	return s;
}
