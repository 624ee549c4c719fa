/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sink_pdf.c - what stands where on the pages of a document.
 */
#include "pdf/flow.h"
#include "sink.h"

#include <string.h>

#define MARGIN_X   54.0
#define MARGIN_TOP 52.0
#define MARGIN_LOW 62.0

static const struct rd_style brand = {RD_BOLD, 7.2, RD_ACCENT};
static const struct rd_style title = {RD_BOLD, 21, RD_BLACK};
static const struct rd_style month = {RD_REGULAR, 12, RD_GREY};
static const struct rd_style due = {RD_BOLD, 17, RD_ACCENT};
static const struct rd_style due_row = {RD_BOLD, 8.2, RD_ACCENT};
static const struct rd_style figure = {RD_REGULAR, 12.5, RD_BLACK};
static const struct rd_style plain_note = {RD_REGULAR, 7.6, RD_BLACK};
static const struct rd_style foot = {RD_REGULAR, 6.6, RD_GREY};

static void
draw_title(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a)
{
	const char *amount =
	    om_arena_printf(a, "%s %s", d->currency, om_money_text_fixed(d->due, 2, (char[OM_MONEY_TEXT]){0}));
	double y = f->y, w = amount != NULL ? rd_text_width(f->fonts, &due, amount) : 0;

	rd_ink_box(f->ink, RD_ACCENT, f->left, y, 26, 2.6);
	rd_text(f->ink, &brand, f->left, y + 15, "OWUI-Metering");
	rd_text_cut(f->ink, &title, f->left, y + 44, f->right - f->left - w - 24, d->title);
	rd_text(f->ink, &month, f->left, y + 62, d->month);
	rd_text_right(f->ink, &rd_label, f->right, y + 24, d->due_label);
	if (amount != NULL)
		rd_text_right(f->ink, &due, f->right, y + 44, amount);
	f->y = y + 78;
	rd_ink_line(f->ink, RD_HAIR, 0.6, f->left, f->y, f->right, f->y);
	f->y += 12;
}

static void
draw_facts(struct rd_flow *f, const struct rd_doc *d)
{
	for (size_t i = 0; i < d->n_facts; i++) {
		const struct rd_style *s = i == 0 ? &rd_body_bold : &rd_body;

		rd_text(f->ink, &rd_label, f->left, f->y + 8, d->facts[i].label);
		f->y += rd_flow_text(f, s, f->left + 96, f->right - f->left - 96, 3, d->facts[i].text) + 2.4;
	}
	f->y += 8;
}

static void
draw_tiles(struct rd_flow *f, const struct rd_doc *d)
{
	double w = (f->right - f->left) / (double)(d->n_tiles > 0 ? d->n_tiles : 1);
	char buf[RD_CELL_TEXT];

	if (d->n_tiles == 0)
		return;
	rd_ink_box(f->ink, RD_TINT, f->left, f->y, f->right - f->left, 40);
	for (size_t i = 0; i < d->n_tiles; i++) {
		double x = f->left + w * (double)i + 12;

		rd_text_cut(f->ink, &rd_label, x, f->y + 14, w - 16, d->tiles[i].label);
		rd_text_cut(
		    f->ink, &figure, x, f->y + 30, w - 16, rd_cell_text(&d->tiles[i].cell, d->tiles[i].kind, buf));
	}
	f->y += 40;
}

static void
draw_amount(struct rd_flow *f, const struct rd_style *s, double point, const char *label, const char *remark,
    const char *amount)
{
	const char *dot = strchr(amount, '.');
	size_t whole = dot != NULL ? (size_t)(dot - amount) : strlen(amount);
	double x = point - rd_text_width_n(f->fonts, s, amount, whole);
	double at = f->left + rd_text_width(f->fonts, s, label) + 8;

	rd_text(f->ink, s, f->left, f->y + 11, label);
	if (remark != NULL)
		rd_text_cut(f->ink, &rd_remark, at, f->y + 11, x - at - 8, remark);
	rd_text(f->ink, s, x, f->y + 11, amount);
	f->y += 16.5;
}

static void
draw_bill(struct rd_flow *f, const struct rd_doc *d)
{
	char text[OM_MONEY_TEXT];
	double after = 0, point;

	rd_flow_heading(f, "Amounts in USD", NULL, (double)(d->n_amounts + 1) * 16.5 + 4);
	for (size_t i = 0; i < d->n_amounts; i++) {
		double w =
		    rd_text_width(f->fonts, &rd_body_bold, strchr(rd_money_text(d->amounts[i].amount, text), '.'));

		after = w > after ? w : after;
	}
	point = f->right - after;
	for (int aside = 0; aside < 2; aside++) {
		for (size_t i = 0; i < d->n_amounts; i++) {
			const struct rd_amount *m = &d->amounts[i];

			if ((m->weight == RD_ASIDE) != (aside == 1))
				continue;
			rd_ink_line(f->ink, m->weight == RD_SUM ? RD_GREY : RD_HAIR, m->weight == RD_SUM ? 0.6 : 0.4,
			    f->left, f->y, f->right, f->y);
			draw_amount(f, m->weight == RD_SUM ? &rd_body_bold : &rd_body, point, m->label, m->remark,
			    rd_money_text(m->amount, text));
		}
		if (aside == 0) {
			rd_ink_line(f->ink, RD_GREY, 0.6, f->left, f->y, f->right, f->y);
			rd_ink_box(f->ink, RD_TINT, f->left, f->y + 0.3, f->right - f->left, 16.2);
			draw_amount(
			    f, &due_row, point, d->due_label, d->due_rule, om_money_text_fixed(d->due, 2, text));
			rd_ink_line(f->ink, RD_GREY, 0.6, f->left, f->y, f->right, f->y);
		}
	}
}

static void
draw_notes(struct rd_flow *f, const struct rd_doc *d)
{
	rd_flow_heading(f, "Notes", NULL, 40);
	for (size_t i = 0; i < d->n_notes; i++) {
		struct rd_wrapped w;
		double width = f->right - f->left - 96;

		rd_wrap(f->fonts, &plain_note, d->notes[i].text, width, RD_MAX_WRAP, &w);
		rd_flow_need(f, w.n * plain_note.size * 1.42 + 4);
		rd_text(f->ink, &rd_label, f->left, f->y + 7.6, d->notes[i].label);
		f->y += rd_flow_text(f, &plain_note, f->left + 96, width, RD_MAX_WRAP, d->notes[i].text) + 4;
	}
}

/* draw_feet goes back over all pages, now that their number is known. */
static void
draw_feet(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a)
{
	unsigned n = rd_ink_pages(f->ink);
	const char *left = om_arena_printf(a, "%s \xc2\xb7 %s \xc2\xb7 %s", d->title, d->month, d->subject);
	double y = f->bottom + 26;

	for (unsigned i = 0; i < n; i++) {
		const char *page = om_arena_printf(a, "Page %u of %u", i + 1, n);

		if (left == NULL || page == NULL)
			return;
		rd_ink_go(f->ink, i);
		rd_ink_line(f->ink, RD_HAIR, 0.4, f->left, y - 12, f->right, y - 12);
		rd_text_cut(f->ink, &foot, f->left, y, f->right - f->left - 90, left);
		rd_text_right(f->ink, &foot, f->right, y, page);
	}
}

static om_status
draw(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a, om_err *e)
{
	om_status s = OM_OK;

	rd_flow_page(f);
	rd_ink_bookmark(f->ink, d->title, 0);
	draw_title(f, d, a);
	draw_facts(f, d);
	if (d->nothing != NULL) {
		rd_flow_heading(f, d->nothing, NULL, 0);
		f->y += 6;
	} else {
		draw_tiles(f, d);
	}
	draw_bill(f, d);
	if (d->nothing == NULL) {
		rd_flow_chart(f, &d->chart);
		for (size_t i = 0; s == OM_OK && i < d->n_tables; i++)
			if (!d->tables[i].sheet_only)
				s = rd_flow_table(f, &d->tables[i], a, e);
	}
	if (s == OM_OK) {
		draw_notes(f, d);
		draw_feet(f, d, a);
	}
	return s;
}

om_status
rd_write_pdf(const struct rd_doc *d, const struct rd_fonts *fonts, rd_paper paper, struct om_arena *a,
    struct rd_file *out, om_err *e)
{
	double width = paper == RD_A4 ? 595.276 : 612, height = paper == RD_A4 ? 841.89 : 792;
	struct rd_ink_opts o = {
	    .width = width,
	    .height = height,
	    .title = om_arena_printf(a, "%s %s, %s", d->title, d->month, d->subject),
	    .author = "OWUI-Metering",
	    .subject = d->month,
	    .created = d->created,
	};
	struct rd_flow f = {
	    .fonts = fonts,
	    .left = MARGIN_X,
	    .right = width - MARGIN_X,
	    .top = MARGIN_TOP,
	    .bottom = height - MARGIN_LOW,
	};
	om_status s;

	*out = (struct rd_file){.content_type = "application/pdf", .name = om_arena_printf(a, "%s.pdf", d->stem)};
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = rd_ink_new(fonts, &o, &f.ink, e);
	if (s != OM_OK)
		return s;
	s = draw(&f, d, a, e); /* rehearsal */
	if (s == OM_OK) {
		rd_ink_perform(f.ink);
		s = draw(&f, d, a, e);
	}
	if (s == OM_OK)
		s = rd_ink_done(f.ink, a, &out->data, &out->n, e);
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	rd_ink_free(&f.ink);
	return s;
}
