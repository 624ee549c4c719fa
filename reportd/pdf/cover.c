/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * cover.c - the first page: who issues the document, what it is, for whom, what is due
 * and how it was computed.
 */
#include "flow.h"

#include <stdio.h>
#include <string.h>

#define LOGO_WIDE 150.0
#define LOGO_HIGH 42.0
#define LABEL     84.0 /* of a fact's label */
#define ROW       17.0 /* of the bill */

static const struct rd_style brand = {RD_BOLD, 10.5, RD_ACCENT};
static const struct rd_style issuer = {RD_REGULAR, 7.2, RD_GREY};
static const struct rd_style issuer_name = {RD_BOLD, 7.2, RD_BLACK};
static const struct rd_style title = {RD_LIGHT, 26, RD_BLACK};
static const struct rd_style month = {RD_REGULAR, 12.5, RD_GREY};
static const struct rd_style due = {RD_BOLD, 18, RD_ACCENT};
static const struct rd_style due_row = {RD_BOLD, 10, RD_ACCENT};
static const struct rd_style exact = {RD_REGULAR, 7.6, RD_GREY};
static const struct rd_style rank = {RD_REGULAR, 7.6, RD_BLACK};

/* column gives where the right half of the first page begins. */
static double
column(const struct rd_flow *f)
{
	return f->left + (f->right - f->left) * 0.5;
}

/* draw_lines writes the lines of a setting; returns the y after them. */
static double
draw_lines(struct rd_flow *f, const struct rd_style *s, double x, double y, const char *text)
{
	char line[512];

	for (unsigned n = 0; text != NULL && *text != '\0' && n < 6; n++) {
		size_t len = strcspn(text, "\n");

		(void)snprintf(line, sizeof line, "%.*s", (int)len, text);
		rd_text_cut(f->canvas, s, x, y, f->right - x, line);
		y += s->size * RD_LEADING;
		text += len + (text[len] == '\n');
	}
	return y;
}

static void
draw_issuer(struct rd_flow *f, const struct rd_doc *d)
{
	const struct rd_issuer *i = d->issuer;
	double x = column(f), y = f->y + 7, low = f->y + 14;
	char vat[160];

	if (i->logo != NULL) {
		double scale = LOGO_WIDE / i->logo->width, high = LOGO_HIGH / i->logo->height;

		scale = scale < high ? scale : high;
		rd_canvas_image(f->canvas, i->logo, f->left, f->y, i->logo->width * scale, i->logo->height * scale);
		low = f->y + i->logo->height * scale;
	} else {
		rd_text_cut(f->canvas, &brand, f->left, f->y + 10, x - f->left - 20,
		    i->name != NULL ? i->name : "OWUI-Metering");
	}
	if (i->name != NULL && i->logo != NULL)
		y = draw_lines(f, &issuer_name, x, y, i->name);
	y = draw_lines(f, &issuer, x, y, i->address);
	y = draw_lines(f, &issuer, x, y, i->contact);
	if (i->vat_id != NULL) {
		(void)snprintf(vat, sizeof vat, "%s %s", d->locale->vat_id, i->vat_id);
		y = draw_lines(f, &issuer, x, y, vat);
	}
	y -= 7;
	f->y = (low > y ? low : y) + 28;
}

static void
draw_title(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a)
{
	char number[RD_SHOWN];
	const char *amount =
	    rd_fill(a, d->locale->amount_pattern, d->currency, rd_show_fixed(d->locale, d->due, d->digits, number));
	double w = amount != NULL ? rd_text_width(f->fonts, &due, amount) : 0, room = f->right - f->left - w - 24;
	struct rd_style s = title;

	while (s.size > 14 && rd_text_width(f->fonts, &s, d->title) > room)
		s.size -= 0.5;
	rd_text_cut(f->canvas, &s, f->left, f->y + 20, room, d->title);
	rd_text(f->canvas, &month, f->left, f->y + 39, d->month);
	rd_text_right(f->canvas, &rd_label, f->right, f->y + 2, d->due_label);
	if (amount != NULL)
		rd_text_right(f->canvas, &due, f->right, f->y + 21, amount);
	f->y += 54;
	rd_canvas_line(f->canvas, RD_ACCENT, 1.2, f->left, f->y, f->right, f->y);
	f->y += 13;
}

static double
draw_fact(struct rd_flow *f, const struct rd_line *l, bool strong, double x, double label, double right)
{
	struct rd_wrapped w;
	double y = f->y;

	rd_wrap(f->fonts, &rd_label, l->label, label - 8, 2, &w);
	for (unsigned i = 0; i < w.n; i++)
		rd_text_line(f->canvas, &rd_label, x, y + 8.2 + i * 9.6, &w, i, false);
	f->y = y;
	y = rd_flow_text(
	    f, strong ? &rd_body_bold : &rd_body, x + label, right - x - label, strong ? RD_MAX_WRAP : 4, l->text);
	return (y > w.n * 10.0 ? y : w.n * 10.0) + 2.2;
}

/* draw_facts writes those about the recipient to the left, the others to the right. */
static void
draw_facts(struct rd_flow *f, const struct rd_doc *d)
{
	double top = f->y, left = top, x = column(f);

	for (size_t i = 0; i < d->n_recipient; i++) {
		f->y = left;
		left += draw_fact(f, &d->facts[i], i == 0, f->left, 54, x - 22);
	}
	f->y = top;
	for (size_t i = d->n_recipient; i < d->n_facts; i++)
		f->y += draw_fact(f, &d->facts[i], false, x, LABEL, f->right);
	f->y = (left > f->y ? left : f->y) + 12;
}

/* ---- the bill ---- */

/* Where a column of amounts has its points, and how wide it is. */
struct amounts {
	double before, after;
};

static const char *
fraction_of(const struct rd_flow *f, const char *text)
{
	const char *point = strrchr(text, f->locale->point[0]);

	return point != NULL ? point : text + strlen(text);
}

static void
measure(const struct rd_flow *f, const struct rd_style *s, const char *text, struct amounts *m)
{
	const char *point = fraction_of(f, text);
	double before = rd_text_width_n(f->fonts, s, text, (size_t)(point - text));
	double after = rd_text_width(f->fonts, s, point);

	m->before = before > m->before ? before : m->before;
	m->after = after > m->after ? after : m->after;
}

static void
draw_amount(struct rd_flow *f, const struct rd_style *s, double right, const struct amounts *m, const char *text)
{
	const char *point = fraction_of(f, text);
	double x = right - m->after - rd_text_width_n(f->fonts, s, text, (size_t)(point - text));

	rd_text(f->canvas, s, x, f->y + 11.5, text);
}

static void
draw_bill_row(struct rd_flow *f, const struct rd_style *s, const char *label, const char *remark, double room)
{
	double at = f->left + rd_text_width(f->fonts, s, label) + 8;

	rd_text(f->canvas, s, f->left, f->y + 11.5, label);
	if (remark != NULL && room > at + 10)
		rd_text_cut(f->canvas, &rd_remark, at, f->y + 11.5, room - at, remark);
}

/* draw_bill_part writes the lines of the sum, or the asides. */
static void
draw_bill_part(struct rd_flow *f, const struct rd_doc *d, const struct rd_amount *amounts, size_t n, bool due_too,
    bool asides, const struct amounts *rounded, const struct amounts *precise, double split)
{
	char text[RD_SHOWN];

	for (size_t i = 0; i < n; i++) {
		const struct rd_amount *m = &amounts[i];
		bool sum = m->weight == RD_SUM;

		if ((m->weight == RD_ASIDE) != asides)
			continue;
		rd_flow_rule(f, sum ? RD_GREY : RD_HAIR, sum ? 0.6 : 0.4);
		draw_bill_row(f, sum ? &rd_body_bold : &rd_body, m->label, m->remark,
		    split - precise->before - precise->after - 10);
		if (due_too && m->has_exact)
			draw_amount(f, &exact, split, precise, rd_show_money(f->locale, m->exact, text));
		if (due_too && !asides)
			draw_amount(f, sum ? &rd_body_bold : &rd_body, f->right, rounded,
			    rd_show_fixed(f->locale, m->amount, d->digits, text));
		if (!due_too)
			draw_amount(f, sum ? &rd_body_bold : &rd_body, f->right, precise,
			    rd_show_money(f->locale, m->amount, text));
		f->y += ROW;
	}
}

void
rd_bill_draw(struct rd_flow *f, const struct rd_doc *d, const struct rd_amount *amounts, size_t n, bool due_too)
{
	struct amounts rounded = {0, 0}, precise = {0, 0};
	char text[RD_SHOWN];
	double split;

	for (size_t i = 0; i < n; i++) {
		if (amounts[i].has_exact)
			measure(f, due_too ? &exact : &rd_body_bold, rd_show_money(f->locale, amounts[i].exact, text),
			    &precise);
		measure(f, &rd_body_bold, rd_show_fixed(f->locale, amounts[i].amount, d->digits, text), &rounded);
	}
	measure(f, &due_row, rd_show_fixed(f->locale, d->due, d->digits, text), &rounded);
	split = due_too ? f->right - rounded.before - rounded.after - 26 : f->right;
	if (due_too) {
		rd_text_right(f->canvas, &rd_label, split, f->y + 6, d->locale->exact_usd);
		rd_text_right(f->canvas, &rd_label, f->right, f->y + 6, d->currency);
		f->y += 11;
	}
	draw_bill_part(f, d, amounts, n, due_too, false, &rounded, &precise, split);
	if (due_too) {
		rd_flow_rule(f, RD_ACCENT, 1.2);
		f->y += 2;
		draw_bill_row(f, &due_row, d->due_label, d->due_rule, split);
		draw_amount(f, &due_row, f->right, &rounded, rd_show_fixed(f->locale, d->due, d->digits, text));
		f->y += ROW + 2;
	}
	draw_bill_part(f, d, amounts, n, due_too, true, &rounded, &precise, split);
	if (!due_too)
		rd_flow_rule(f, RD_HAIR, 0.4);
}

/* ---- the first ranks of a report ---- */

#define RANKS  5
#define MERGED 5000 /* rows at most, since each name is compared with each */

static unsigned
cost_column(const struct rd_table *t)
{
	unsigned c = 0;

	while (c < t->n_columns && strcmp(t->columns[c].key, "cost") != 0)
		c++;
	return c;
}

struct ranked {
	const char *name;
	om_money cost;
};

static bool
same_name(const struct rd_cell *a, const struct rd_cell *b)
{
	return a->known && b->known && strcmp(a->u.text, b->u.text) == 0;
}

/* add_up gives what all rows of this name cost: a model has one for each provider.
 * False for a name that was seen before. */
static bool
add_up(const struct rd_table *t, size_t row, unsigned cost, om_money *out)
{
	const struct rd_cell *mine = t->cells + row * t->n_columns;

	*out = mine[cost].u.money;
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct rd_cell *cells = t->cells + i * t->n_columns;

		if (i == row || !same_name(mine, cells))
			continue;
		if (i < row || om_money_add(*out, cells[cost].u.money, out) != OM_OK)
			return false;
	}
	return true;
}

/* rank_rows finds the rows with the highest costs.  Users of one name stay apart. */
static size_t
rank_rows(const struct rd_table *t, unsigned cost, struct ranked out[RANKS])
{
	const bool merge = strcmp(t->name, "Models") == 0 && t->n_rows <= MERGED;
	size_t n = 0;

	for (size_t i = 0; i < t->n_rows; i++) {
		const struct rd_cell *cells = t->cells + i * t->n_columns;
		struct ranked r = {cells[0].known ? cells[0].u.text : NULL, cells[cost].u.money};
		size_t at;

		if (merge && !add_up(t, i, cost, &r.cost))
			continue;
		for (at = n < RANKS ? n++ : RANKS; at > 0 && om_money_cmp(out[at - 1].cost, r.cost) < 0; at--)
			if (at < RANKS)
				out[at] = out[at - 1];
		if (at < RANKS)
			out[at] = r;
	}
	return n;
}

static void
draw_rank(struct rd_flow *f, const struct rd_table *t, om_money whole, double x, double w)
{
	struct ranked ranks[RANKS] = {{NULL, {0}}};
	unsigned cost = cost_column(t);
	struct rd_brief brief;
	double y = f->y;
	size_t n;

	if (t->cells == NULL || t->n_rows == 0 || cost == t->n_columns)
		return;
	n = rank_rows(t, cost, ranks);
	brief = rd_brief_for(ranks[0].cost);
	rd_text_cut(f->canvas, &rd_label, x, y + 6, w, t->title);
	y += 11;
	for (size_t i = 0; i < n; i++) {
		double share = om_money_to_double(ranks[i].cost) / om_money_to_double(whole);
		char text[RD_SHOWN];
		const char *amount = rd_brief_text(f, ranks[i].cost, &brief, text);
		double wide = rd_text_width(f->fonts, &rank, amount);

		share = share < 0 ? 0 : share > 1 ? 1 : share;
		if (ranks[i].name != NULL)
			rd_text_cut(f->canvas, &rank, x, y + 9, w - wide - 8, ranks[i].name);
		rd_text_right(f->canvas, &rank, x + w, y + 9, amount);
		rd_canvas_box(f->canvas, RD_HAIR, x, y + 13, w, 1.1);
		if (share > 0)
			rd_canvas_box(f->canvas, RD_ACCENT, x, y + 13, w * share, 1.1);
		y += 19;
	}
}

/* rd_cover_ranks puts the first of users, groups and models side by side. */
void
rd_cover_ranks(struct rd_flow *f, const struct rd_doc *d)
{
	static const char *const names[] = {"Users", "Groups", "Models"};
	const struct rd_table *found[3];
	om_money whole = OM_MONEY_ZERO;
	size_t n = 0, rows = 0;
	double gap = 24, w;

	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < d->n_tables; k++)
			if (strcmp(d->tables[k].name, names[i]) == 0) {
				const struct rd_table *t = &d->tables[k];

				found[n++] = t;
				rows = t->n_rows > rows ? t->n_rows : rows;
				if (t->total != NULL)
					whole = t->total[cost_column(t)].u.money;
			}
	if (n == 0 || rows == 0 || whole.v <= 0)
		return;
	rows = rows < RANKS ? rows : RANKS;
	rd_flow_heading(f, -1, d->locale->at_a_glance, d->locale->ranks_remark, 11 + 19 * (double)rows);
	w = (f->right - f->left - gap * (n > 2 ? 2 : 1)) / (n > 2 ? 3 : 2);
	for (size_t i = 0; i < n; i++)
		draw_rank(f, found[i], whole, f->left + (w + gap) * (double)i, w);
	f->y += 11 + 19 * (double)rows;
}

void
rd_cover_draw(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a)
{
	rd_canvas_bookmark(f->canvas, 0, d->title, 0);
	draw_issuer(f, d);
	draw_title(f, d, a);
	draw_facts(f, d);
	if (d->nothing != NULL)
		rd_flow_heading(f, -1, d->nothing, NULL, 0);
	else
		rd_flow_tiles(f, d->tiles, d->n_tiles);
	{
		const char *heading = rd_fill(a, d->locale->bill, d->currency);

		rd_flow_heading(f, 0, heading != NULL ? heading : "", NULL, (double)(d->n_amounts + 2) * ROW);
	}
	rd_bill_draw(f, d, d->amounts, d->n_amounts, true);
}
