/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "flow.h"

#include "watermark.h"
#include "base/invariant.h"

const struct rd_style rd_body = {RD_REGULAR, 8.4, RD_BLACK};
const struct rd_style rd_body_bold = {RD_BOLD, 8.4, RD_BLACK};
const struct rd_style rd_label = {RD_REGULAR, 7.2, RD_GREY};
const struct rd_style rd_remark = {RD_REGULAR, 7.2, RD_GREY};
const struct rd_style rd_heading = {RD_BOLD, 10.8, RD_BLACK};

static const struct rd_style figure = {RD_LIGHT, 16, RD_BLACK};

void
rd_flow_page(struct rd_flow *f)
{
	om_check(f->top < f->bottom && f->left < f->right);
	rd_canvas_page(f->canvas);
	f->y = f->top;
	if (f->watermark != NULL)
		rd_watermark_draw(f->canvas, f->width, f->height, f->watermark);
}

void
rd_flow_need(struct rd_flow *f, double height)
{
	if (f->y + height > f->bottom && f->y > f->top)
		rd_flow_page(f);
}

void
rd_flow_heading(struct rd_flow *f, int level, const char *title, const char *remark, double below)
{
	double space = f->y > f->top ? 26 * f->spacing : 0;

	rd_flow_need(f, space + 30 + below);
	if (f->y > f->top)
		f->y += space;
	if (level >= 0)
		rd_canvas_bookmark(f->canvas, level, title, f->y);
	rd_text_cut(f->canvas, &rd_heading, f->left, f->y + 9, f->right - f->left, title);
	f->y += 15;
	if (remark != NULL) {
		rd_text_cut(f->canvas, &rd_remark, f->left, f->y + 6, f->right - f->left, remark);
		f->y += 11;
	}
	f->y += 3;
}

double
rd_flow_text(struct rd_flow *f, const struct rd_style *s, double x, double width, unsigned max_lines, const char *text)
{
	struct rd_wrapped w;

	rd_wrap(f->fonts, s, text, width, max_lines, &w);
	for (unsigned i = 0; i < w.n; i++)
		rd_text_line(f->canvas, s, x, f->y + s->size + i * s->size * RD_LEADING, &w, i, false);
	return w.n * s->size * RD_LEADING;
}

void
rd_flow_rule(struct rd_flow *f, rd_colour colour, double width)
{
	rd_canvas_line(f->canvas, colour, width, f->left, f->y, f->right, f->y);
}

void
rd_flow_tiles(struct rd_flow *f, const struct rd_tile *tiles, size_t n)
{
	double gap = 18, w = (f->right - f->left + gap) / 4;
	char buf[RD_SHOWN];

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *text = rd_cell_shown(&tiles[i].cell, tiles[i].kind, f->locale, f->zone, buf);
		double x = f->left + w * (double)i, wide = rd_text_width(f->fonts, &figure, text);
		struct rd_style s = figure;

		if (wide > w - gap)
			s.size *= (w - gap) / wide; /* large numbers in smaller type */
		rd_canvas_line(f->canvas, RD_HAIR, 0.6, x, f->y, x + w - gap, f->y);
		rd_text_cut(f->canvas, &rd_label, x, f->y + 13, w - gap, tiles[i].label);
		rd_text(f->canvas, &s, x, f->y + 31, text);
	}
	f->y += 36;
}
