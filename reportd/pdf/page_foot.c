/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * page_foot.c - the foot of every page: what this is, how to verify it, the issuer's
 * own text, and the number of the page.
 */
#include "flow.h"

#include <stdio.h>
#include <string.h>

#define LINE       9.2
#define MOST_LINES 2 /* of the issuer's footer */

static const struct rd_style foot = {RD_REGULAR, 6.6, RD_GREY};
static const struct rd_style strong = {RD_BOLD, 6.6, RD_GREY};

static unsigned
footer_lines(const struct rd_doc *d)
{
	unsigned n = 0;

	for (const char *p = d->issuer->footer; p != NULL && n < MOST_LINES; n++) {
		p = strchr(p, '\n');
		p = p != NULL ? p + 1 : NULL;
	}
	return n;
}

double
rd_page_foot_height(const struct rd_doc *d)
{
	return LINE * (1.0 + (d->verify != NULL ? 1.0 : 0.0) + footer_lines(d));
}

static void
draw_foot(struct rd_flow *f, const struct rd_doc *d, const char *number, const char *what, const char *page)
{
	double y = f->bottom + 28, x = f->left, room = f->right - f->left - 90;
	const char *line = d->issuer->footer;

	rd_canvas_line(f->canvas, RD_HAIR, 0.5, f->left, y - 12, f->right, y - 12);
	if (number != NULL) {
		rd_text(f->canvas, &strong, x, y, number);
		x += rd_text_width(f->fonts, &strong, number) + 8;
	}
	rd_text_cut(f->canvas, &foot, x, y, room - (x - f->left), what);
	rd_text_right(f->canvas, &foot, f->right, y, page);
	if (d->verify != NULL) {
		y += LINE;
		rd_text_cut(f->canvas, &foot, f->left, y, f->right - f->left, d->verify);
	}
	for (unsigned i = 0; i < footer_lines(d); i++) {
		char text[512];

		(void)snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
		y += LINE;
		rd_text_cut(f->canvas, &foot, f->left, y, f->right - f->left, text);
		line += strcspn(line, "\n");
		line += *line == '\n' ? 1 : 0;
	}
}

/* rd_page_foot_draw goes back over all pages, now that their number is known. */
void
rd_page_foot_draw(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a)
{
	unsigned n = rd_canvas_pages(f->canvas);
	const char *what = om_arena_printf(a, "%s \xc2\xb7 %s \xc2\xb7 %s", d->title, d->month, d->subject);
	const char *number = rd_doc_number(d, a);
	char page[RD_SHOWN], pages[RD_SHOWN];

	for (unsigned i = 0; i < n; i++) {
		const char *text = rd_fill(
		    a, d->locale->page_of, rd_show_count(d->locale, i + 1, page), rd_show_count(d->locale, n, pages));

		if (what == NULL || text == NULL)
			return;
		rd_canvas_go(f->canvas, i);
		draw_foot(f, d, number, what, text);
	}
}
