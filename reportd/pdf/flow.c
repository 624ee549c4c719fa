/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pdf/flow.h"

const struct rd_style rd_body = {RD_REGULAR, 8.2, RD_BLACK};
const struct rd_style rd_body_bold = {RD_BOLD, 8.2, RD_BLACK};
const struct rd_style rd_label = {RD_REGULAR, 7.2, RD_GREY};
const struct rd_style rd_remark = {RD_REGULAR, 7.2, RD_GREY};
const struct rd_style rd_heading = {RD_BOLD, 10.5, RD_BLACK};

#define LEADING 1.42 /* of the type size */

void
rd_flow_page(struct rd_flow *f)
{
	rd_ink_page(f->ink);
	f->y = f->top;
}

void
rd_flow_need(struct rd_flow *f, double height)
{
	if (f->y + height > f->bottom && f->y > f->top)
		rd_flow_page(f);
}

void
rd_flow_heading(struct rd_flow *f, const char *title, const char *remark, double below)
{
	double space = f->y > f->top ? 26 : 0;

	rd_flow_need(f, space + 30 + below);
	if (f->y > f->top)
		f->y += space;
	rd_ink_bookmark(f->ink, title, f->y);
	rd_text(f->ink, &rd_heading, f->left, f->y + 9, title);
	f->y += 16;
	if (remark != NULL) {
		rd_text_cut(f->ink, &rd_remark, f->left, f->y + 5, f->right - f->left, remark);
		f->y += 11;
	}
	f->y += 2;
}

double
rd_flow_text(struct rd_flow *f, const struct rd_style *s, double x, double width, unsigned max_lines, const char *text)
{
	struct rd_wrapped w;

	rd_wrap(f->fonts, s, text, width, max_lines, &w);
	for (unsigned i = 0; i < w.n; i++)
		rd_text_line(f->ink, s, x, f->y + s->size + i * s->size * LEADING, &w, i, false);
	return w.n * s->size * LEADING;
}
