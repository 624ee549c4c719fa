/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pdf.c - a document as pages: in which order its parts stand.
 */
#include "pdf.h"

#include "flow.h"

#define MARGIN_X   56.0
#define MARGIN_TOP 54.0
#define MARGIN_LOW 58.0
#define LABEL      92.0

#define NEARLY_EMPTY 0.25 /* of a page */

static const struct rd_style note = {RD_REGULAR, 7.6, RD_BLACK};
static const struct rd_style name = {RD_LIGHT, 20, RD_BLACK};

/* notes_height tells how much room the notes take together. */
static double
notes_height(struct rd_flow *f, const struct rd_doc *d)
{
	double height = 0;

	for (size_t i = 0; i < d->n_notes; i++) {
		struct rd_wrapped w;

		rd_wrap(f->fonts, &note, d->notes[i].text, f->right - f->left - LABEL, RD_MAX_WRAP, &w);
		height += w.n * note.size * RD_LEADING + 4;
	}
	return height;
}

static void
draw_note(struct rd_flow *f, const char *label, const char *text)
{
	struct rd_wrapped w;
	double width = f->right - f->left - LABEL;

	rd_wrap(f->fonts, &note, text, width, RD_MAX_WRAP, &w);
	rd_flow_need(f, w.n * note.size * RD_LEADING + 4);
	rd_text_cut(f->canvas, &rd_label, f->left, f->y + 7.6, LABEL - 8, label);
	f->y += rd_flow_text(f, &note, f->left + LABEL, width, RD_MAX_WRAP, text) + 4;
}

static void
draw_notes(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a)
{
	char most[RD_SHOWN];

	rd_flow_heading(f, 0, d->locale->notes, NULL, notes_height(f, d));
	for (size_t i = 0; i < d->n_notes; i++)
		draw_note(f, d->notes[i].label, d->notes[i].text);
	if (f->users_left_out) {
		const char *text =
		    rd_fill(a, d->locale->pages_left_out_text, rd_show_count(d->locale, RD_MAX_PAGES, most));

		draw_note(f, d->locale->pages_left_out, text != NULL ? text : "");
	}
}

/* draw_section writes one user's page; under: the bookmark that theirs hang from,
 * before the first. */
static om_status
draw_section(struct rd_flow *f, const struct rd_doc *d, const struct rd_section *s, const char *under,
    struct om_arena *a, om_err *e)
{
	om_status rc;

	rd_flow_page(f);
	if (under != NULL)
		rd_canvas_bookmark(f->canvas, 0, under, 0);
	rd_canvas_bookmark(f->canvas, 1, s->title, 0);
	f->y += rd_flow_text(f, &name, f->left, f->right - f->left, 2, s->title);
	rd_text_cut(f->canvas, &rd_remark, f->left, f->y + 7, f->right - f->left, s->id);
	f->y += 18;
	rd_canvas_line(f->canvas, RD_ACCENT, 1.2, f->left, f->y, f->right, f->y);
	f->y += 18;
	rd_flow_tiles(f, s->tiles, s->n_tiles);
	if (s->n_amounts > 1) { /* else it is the total of the table */
		rd_flow_heading(f, -1, d->locale->bill_exact, NULL, 0);
		rd_bill_draw(f, d, s->amounts, s->n_amounts, false);
	}
	f->of = s->title;
	rc = rd_flow_table(f, s->table, a, e);
	f->of = NULL;
	return rc;
}

static om_status
draw(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a, om_err *e)
{
	om_status s = OM_OK;

	rd_flow_page(f);
	rd_cover_draw(f, d, a);
	if (d->nothing == NULL) {
		if (d->kind == RD_REPORT)
			rd_cover_ranks(f, d);
		rd_flow_chart(f, &d->chart);
		for (size_t i = 0; s == OM_OK && i < d->n_tables; i++)
			if (!d->tables[i].sheet_only)
				s = rd_flow_table(f, &d->tables[i], a, e);
	}
	if (s != OM_OK)
		return s;
	draw_notes(f, d, a);
	for (size_t i = 0; s == OM_OK && d->nothing == NULL && !f->users_left_out && i < d->n_sections; i++)
		s = draw_section(f, d, &d->sections[i], i == 0 ? d->locale->users : NULL, a, e);
	if (s == OM_OK)
		rd_page_foot_draw(f, d, a);
	return s;
}

/* measure draws once without writing.  A report that would be too long goes without
 * the pages per user; what would leave the last page nearly empty is set a
 * little closer, if that saves the page. */
static om_status
measure(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a, om_err *e)
{
	om_status s = draw(f, d, a, e);
	unsigned pages = rd_canvas_pages(f->canvas);
	bool empty = f->y - f->top < (f->bottom - f->top) * NEARLY_EMPTY;

	if (s == OM_OK && d->n_sections > 0 && pages == RD_MAX_PAGES) {
		f->users_left_out = true;
		rd_canvas_restart(f->canvas);
		return draw(f, d, a, e);
	}
	for (int tenths = 9; s == OM_OK && d->n_sections == 0 && pages > 1 && empty && tenths > 4; tenths--) {
		f->spacing = tenths / 10.0;
		rd_canvas_restart(f->canvas);
		s = draw(f, d, a, e);
		if (rd_canvas_pages(f->canvas) < pages)
			return s;
	}
	f->spacing = 1;
	return s;
}

om_status
rd_write_pdf(const struct rd_doc *d, const struct rd_fonts *fonts, rd_paper paper, struct om_arena *a,
    struct rd_file *out, om_err *e)
{
	double width = paper == RD_A4 ? 595.276 : 612, height = paper == RD_A4 ? 841.89 : 792;
	struct rd_canvas_opts o = {
	    .width = width,
	    .height = height,
	    .title = rd_fill(a, d->locale->document_title, d->title, d->month, d->subject),
	    .author = d->issuer->name != NULL ? d->issuer->name : "OWUI-Metering",
	    .subject = d->number != NULL ? om_arena_printf(a, "%s, %s", d->month, d->number) : d->month,
	    .created = d->created,
	    .outline = d->kind == RD_REPORT,
	};
	struct rd_flow f = {
	    .fonts = fonts,
	    .locale = d->locale,
	    .zone = d->zone,
	    .spacing = 1,
	    .width = width,
	    .height = height,
	    .left = MARGIN_X,
	    .right = width - MARGIN_X,
	    .top = MARGIN_TOP,
	    .bottom = height - MARGIN_LOW - rd_page_foot_height(d),
	    .watermark = rd_doc_watermark(d),
	};
	om_status s;

	*out = (struct rd_file){.content_type = "application/pdf", .name = om_arena_printf(a, "%s.pdf", d->stem)};
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = rd_canvas_new(fonts, &o, &f.canvas, e);
	if (s != OM_OK)
		return s;
	s = measure(&f, d, a, e);
	if (s == OM_OK) {
		rd_canvas_start_writing(f.canvas);
		s = draw(&f, d, a, e);
	}
	if (s == OM_OK)
		s = rd_canvas_done(f.canvas, a, &out->data, &out->n, e);
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	rd_canvas_free(&f.canvas);
	return s;
}
