/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * table.c - a table on pages.  Numbers get the width they need, texts share
 * the rest and wrap; where numbers alone would be too wide, the type shrinks.
 * Amounts stand with their decimal points in one line.  A table that goes on
 * carries its sums to the next page.
 */
#include "flow.h"

#include <stdio.h>
#include <string.h>

#define TYPE_SIZE  7.8
#define GAP        9.0  /* between columns */
#define TEXT_LEAST 80.0 /* of a text column */
#define PAD        3.2  /* above and below a row */
#define LEADING    1.3
#define MAX_LINES  3
#define MAX_UNDER  2
#define MAX_ROWS   20000u /* of one table on paper */

struct column {
	unsigned index; /* in the table */
	unsigned under; /* index of the column shown beneath, or the same index */
	rd_kind kind;
	bool right; /* a text that is a figure */
	double x, width;
	double before, after; /* RD_MONEY: the widest part before the point, and from it on */
};

struct grid {
	const struct rd_table *table;
	struct rd_flow *flow;
	struct om_arena *arena;
	struct column column[RD_MAX_COLUMNS];
	unsigned n;
	struct rd_style type, bold, small, head, quiet;
	struct rd_cell carried[RD_MAX_COLUMNS]; /* sums of the rows so far; of tables with a total */
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
	g->quiet = (struct rd_style){RD_REGULAR, size, RD_GREY};
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
		    (struct column){.index = i, .under = i, .kind = t->columns[i].kind, .right = t->columns[i].right};
	}
}

/* point_of tells where an amount's fraction begins. */
static const char *
point_of(const struct grid *g, rd_kind kind, const char *text)
{
	return kind == RD_MONEY ? strrchr(text, g->flow->locale->point[0]) : NULL;
}

/* measure widens the columns so that a row's cells fit. */
static void
measure(struct grid *g, const struct rd_cell *cells, const struct rd_style *type)
{
	const struct rd_fonts *f = g->flow->fonts;
	char buf[RD_SHOWN];

	for (unsigned i = 0; i < g->n; i++) {
		struct column *c = &g->column[i];
		const char *text = rd_cell_shown(&cells[c->index], c->kind, g->flow->locale, g->flow->zone, buf);
		const char *point = point_of(g, c->kind, text);

		if (point != NULL) {
			c->before = most(c->before, rd_text_width_n(f, type, text, (size_t)(point - text)));
			c->after = most(c->after, rd_text_width(f, type, point));
			c->width = most(c->width, c->before + c->after);
		} else {
			c->width = most(c->width, rd_text_width(f, type, text));
		}
		if (c->under != c->index) {
			text = rd_cell_shown(&cells[c->under], RD_TEXT, g->flow->locale, g->flow->zone, buf);
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

		const char *title = t->columns[c->index].title;
		struct rd_wrapped w;

		c->before = c->after = 0;
		c->width = rd_text_word(g->flow->fonts, &g->head, title);
		for (int k = 0; k < 40; k++) { /* headings of two lines at most */
			rd_wrap(g->flow->fonts, &g->head, title, c->width + 0.5, 3, &w);
			if (w.n <= 2)
				break;
			c->width += 2;
		}
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
	double x = g->flow->left, more = 0;
	unsigned n_texts = 0;

	for (unsigned i = 0; i < g->n; i++) {
		struct column *c = &g->column[i];

		if (c->kind != RD_TEXT || c->right) {
			fixed += c->width;
			continue;
		}
		n_texts++;
		texts += c->width;
		least += c->width < TEXT_LEAST ? c->width : TEXT_LEAST;
	}
	if (fixed + least > room)
		return false;
	if (n_texts > 0 && g->n > 1 && texts < room - fixed) { /* there is room between columns, too */
		more = (room - fixed - texts) / 2 / (g->n - 1);
		more = more < GAP ? more : GAP;
		room -= more * (g->n - 1);
	}
	for (unsigned i = 0; i < g->n; i++) {
		struct column *c = &g->column[i];

		if (c->kind == RD_TEXT && !c->right && texts <= room - fixed) {
			c->width += (room - fixed - texts) / n_texts;
		} else if (c->kind == RD_TEXT && !c->right) {
			double base = c->width < TEXT_LEAST ? c->width : TEXT_LEAST;

			c->width = base + (c->width - base) * (room - fixed - least) / (texts - least);
		} else if (n_texts == 0 && i > 0) {
			c->width += (room - fixed) / (g->n - 1);
		}
		c->x = x;
		x += c->width + GAP + more;
	}
	return true;
}

static void
draw_rule(struct grid *g, rd_colour colour, double width)
{
	rd_canvas_line(g->flow->canvas, colour, width, g->flow->left, g->flow->y, g->flow->right, g->flow->y);
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
		bool right = is_number(c->kind) || c->right;
		double y = g->flow->y + height - 5 - (w[i].n - 1) * g->head.size * LEADING;

		for (unsigned l = 0; l < w[i].n; l++)
			rd_text_line(g->flow->canvas, &g->head, right ? c->x + c->width : c->x,
			    y + l * g->head.size * LEADING, &w[i], l, right);
	}
	g->flow->y += height;
	draw_rule(g, RD_GREY, 0.6);
}

static void
draw_number(struct grid *g, const struct column *c, const struct rd_style *s, double y, const char *text)
{
	const char *point = point_of(g, c->kind, text);
	double x = c->x + c->width;

	if (point == NULL) {
		rd_text_right(g->flow->canvas, s, x, y, text);
		return;
	}
	x -= c->after + rd_text_width_n(g->flow->fonts, s, text, (size_t)(point - text));
	/* digits beyond the cent are paler */
	rd_text_figure(g->flow->canvas, s, x, y, text, s->face == RD_BOLD ? SIZE_MAX : (size_t)(point - text) + 3);
}

/* A row's texts, wrapped, and how high they make it. */
struct wrapped_row {
	struct rd_wrapped text[RD_MAX_COLUMNS];
	struct rd_wrapped under[RD_MAX_COLUMNS];
	double height;
};

static void
wrap_texts(struct grid *g, const struct rd_cell *cells, const struct rd_style *type, struct wrapped_row *w)
{
	const struct rd_fonts *f = g->flow->fonts;
	double height = type->size * LEADING;
	char buf[RD_SHOWN];

	for (unsigned i = 0; i < g->n; i++) {
		const struct column *c = &g->column[i];
		double h;

		if (c->kind != RD_TEXT)
			continue;
		w->text[i].n = w->under[i].n = 0;
		rd_wrap(f, type, rd_cell_shown(&cells[c->index], RD_TEXT, g->flow->locale, g->flow->zone, buf),
		    c->width, MAX_LINES, &w->text[i]);
		if (c->under != c->index)
			rd_wrap(f, &g->small,
			    rd_cell_shown(&cells[c->under], RD_TEXT, g->flow->locale, g->flow->zone, buf), c->width,
			    MAX_UNDER, &w->under[i]);
		h = w->text[i].n * type->size * LEADING + w->under[i].n * g->small.size * LEADING;
		height = most(height, h);
	}
	w->height = height + 2 * PAD * g->flow->spacing;
}

static void
draw_row(struct grid *g, const struct rd_cell *cells, const struct rd_style *type, const struct wrapped_row *w)
{
	double first = g->flow->y + PAD * g->flow->spacing + type->size * 0.95;
	struct rd_canvas *canvas = g->flow->canvas;
	char buf[RD_SHOWN];

	for (unsigned i = 0; i < g->n; i++) {
		const struct column *c = &g->column[i];
		double y = first;

		if (c->kind != RD_TEXT) {
			const char *text =
			    rd_cell_shown(&cells[c->index], c->kind, g->flow->locale, g->flow->zone, buf);

			if (is_number(c->kind))
				draw_number(g, c, type, y, text);
			else
				rd_text(canvas, type, c->x, y, text);
			continue;
		}
		for (unsigned l = 0; l < w->text[i].n; l++)
			rd_text_line(canvas, type, c->right ? c->x + c->width : c->x, y + l * type->size * LEADING,
			    &w->text[i], l, c->right);
		y += w->text[i].n * type->size * LEADING - (type->size - g->small.size) * 0.95;
		for (unsigned l = 0; l < w->under[i].n; l++)
			rd_text_line(canvas, &g->small, c->x, y + l * g->small.size * LEADING, &w->under[i], l, false);
	}
	g->flow->y += w->height;
}

/* number_width tells how much of its column a number takes. */
static double
number_width(struct grid *g, const struct column *c, const struct rd_cell *cells, const struct rd_style *type)
{
	char buf[RD_SHOWN];
	const char *text = rd_cell_shown(&cells[c->index], c->kind, g->flow->locale, g->flow->zone, buf);
	double w = c->kind == RD_MONEY ? c->before + c->after : rd_text_width(g->flow->fonts, type, text);

	return w < c->width ? w : c->width;
}

/* draw_sums writes a row of sums, with a label in the first column. */
static void
draw_sums(struct grid *g, const struct rd_cell *sums, const char *word, const struct rd_style *type)
{
	struct rd_cell cells[RD_MAX_COLUMNS];
	struct column *first = &g->column[0];
	struct wrapped_row w;
	rd_kind kind = first->kind;
	double width = first->width;

	memcpy(cells, sums, g->table->n_columns * sizeof *cells);
	if (!is_number(first->kind)) {
		first->kind = RD_TEXT;
		cells[first->index] = (struct rd_cell){.known = true, .u.text = word};
		if (g->n > 1 && is_number(g->column[1].kind)) /* a long label may use the room before a number */
			first->width += g->column[1].width - number_width(g, &g->column[1], cells, type);
	}
	wrap_texts(g, cells, type, &w);
	draw_row(g, cells, type, &w);
	first->kind = kind;
	first->width = width;
}

static void
break_page(struct grid *g)
{
	const struct rd_locale *t = g->flow->locale;
	char title[320];
	const char *const args[] = {title};
	const char *text;

	if (g->table->total != NULL) {
		draw_rule(g, RD_GREY, 0.6);
		draw_sums(g, g->carried, t->carried_forward, &g->quiet);
	}
	rd_flow_page(g->flow);
	(void)snprintf(title, sizeof title, "%.200s%s%s", g->flow->of != NULL ? g->flow->of : "",
	    g->flow->of != NULL ? " \xc2\xb7 " : "", g->table->title);
	text = rd_fill_n(g->arena, t->continued, args, 1);
	rd_text_cut(g->flow->canvas, &rd_label, g->flow->left, g->flow->y + 6, g->flow->right - g->flow->left,
	    text != NULL ? text : "");
	g->flow->y += 14;
	draw_head(g);
	if (g->table->total != NULL)
		draw_sums(g, g->carried, t->brought_forward, &g->quiet);
}

static om_status
carry(struct grid *g, const struct rd_cell *cells, om_err *e)
{
	bool wrong = false;

	for (unsigned i = 0; i < g->n; i++) {
		unsigned c = g->column[i].index;
		struct rd_cell *sum = &g->carried[c];

		if (!is_number(g->column[i].kind) || !cells[c].known)
			continue;
		if (g->column[i].kind == RD_INT)
			wrong |= __builtin_add_overflow(sum->u.n, cells[c].u.n, &sum->u.n);
		else
			wrong |= om_money_add(sum->u.money, cells[c].u.money, &sum->u.money) != OM_OK;
		sum->known = true;
	}
	return wrong ? om_fail(e, OM_INTERNAL, "the figures are too large to carry over") : OM_OK;
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

/* draw_rows keeps room for the row that a page ends with: the sums to carry, or
 * the total, which stands on a page with two rows, if there are two. */
static om_status
draw_rows(struct grid *g, struct om_arena *a, om_err *e)
{
	const struct rd_table *t = g->table;
	struct rd_cell scratch[RD_MAX_COLUMNS];
	const struct rd_cell *cells;
	double end = t->total != NULL ? g->bold.size * LEADING + 2 * PAD * g->flow->spacing + 2 : 0;
	struct wrapped_row w;
	bool first = true;

	for (size_t r = 0; r < t->n_rows; r++) {
		double need;
		om_status s;

		if (t->quiet != NULL && t->quiet[r])
			continue;
		s = rd_table_row(t, r, a, scratch, &cells, e);
		if (s != OM_OK)
			return s;
		wrap_texts(g, cells, &g->type, &w);
		need = w.height + end + (rows_left(t, r, 3) == 2 && !first ? w.height : 0);
		if (g->flow->y + need > g->flow->bottom) {
			break_page(g);
			first = true;
		}
		if (!first || (t->total != NULL && g->carried[g->column[g->n - 1].index].known))
			draw_rule(g, RD_HAIR, 0.4);
		draw_row(g, cells, &g->type, &w);
		if (t->total != NULL)
			s = carry(g, cells, e);
		if (s != OM_OK)
			return s;
		first = false;
	}
	return OM_OK;
}

/* draw_end writes the total, which is what was carried to its end. */
static om_status
draw_end(struct grid *g, om_err *e)
{
	const struct rd_table *t = g->table;

	for (unsigned i = 0; i < g->n; i++) {
		unsigned c = g->column[i].index;
		const struct rd_cell *sum = &g->carried[c];

		if ((g->column[i].kind == RD_INT && sum->u.n != t->total[c].u.n) ||
		    (g->column[i].kind == RD_MONEY && om_money_cmp(sum->u.money, t->total[c].u.money) != 0))
			return om_fail(
			    e, OM_INTERNAL, "control total: the rows of \"%s\" do not carry to its total", t->name);
	}
	draw_rule(g, RD_GREY, 0.6);
	draw_sums(g, t->total, g->flow->locale->total, &g->bold);
	draw_rule(g, RD_GREY, 0.6);
	return OM_OK;
}

om_status
rd_flow_table(struct rd_flow *f, const struct rd_table *t, struct om_arena *a, om_err *e)
{
	struct grid g = {.table = t, .flow = f, .arena = a};
	double size = TYPE_SIZE;
	om_status s;

	rd_flow_heading(f, f->of == NULL ? 0 : -1, t->title, t->remark, t->n_rows == 0 ? 12 : 70);
	if (t->n_rows == 0 || t->n_rows > MAX_ROWS) {
		f->y += rd_flow_text(
		    f, &rd_body, f->left, f->right - f->left, 2, t->n_rows == 0 ? t->empty : f->locale->too_many_rows);
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
		return draw_end(&g, e);
	draw_rule(&g, RD_GREY, 0.6);
	return s;
}
