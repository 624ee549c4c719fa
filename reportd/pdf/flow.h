/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * flow.h - content placed from the top to the bottom of each page, and the few styles
 * it is set in.
 */
#ifndef RD_FLOW_H
#define RD_FLOW_H

#include "typeset.h"
#include "document/doc.h"

struct rd_flow {
	struct rd_canvas *canvas;         /* borrowed */
	const struct rd_fonts *fonts;     /* borrowed */
	const struct rd_locale *locale;   /* borrowed */
	const struct om_zone_table *zone; /* borrowed */
	double width, height;             /* of the page */
	double left, right, top, bottom;
	double y;              /* where the next content begins */
	double spacing;        /* of the space between rows and sections: 1, or less */
	bool users_left_out;   /* the pages per user do not fit */
	const char *watermark; /* a word across each page; NULL: none */
	const char *of;        /* before the title of a table that goes on; NULL: nothing */
};

/* The type sizes on pages. */
extern const struct rd_style rd_body, rd_body_bold, rd_label, rd_remark, rd_heading;

#define RD_LEADING 1.42 /* of the type size */

/* rd_flow_page goes on at the top of a new page. */
void rd_flow_page(struct rd_flow *f);

/* rd_flow_need begins a new page when fewer than `height` points are left. */
void rd_flow_need(struct rd_flow *f, double height);

/* rd_flow_heading writes a section's heading, together with at least `below`
 * points of what follows; level: of its bookmark, below 0: none. */
void rd_flow_heading(struct rd_flow *f, int level, const char *title, const char *remark, double below);

/* rd_flow_text writes a wrapped text from x on, `width` wide; returns its height. */
double rd_flow_text(
    struct rd_flow *f, const struct rd_style *s, double x, double width, unsigned max_lines, const char *text);

/* rd_flow_rule writes a line across the page. */
void rd_flow_rule(struct rd_flow *f, rd_colour colour, double width);

/* rd_flow_tiles writes a few figures side by side. */
void rd_flow_tiles(struct rd_flow *f, const struct rd_tile *tiles, size_t n);

/* rd_flow_table writes a table over as many pages as it needs. */
om_status rd_flow_table(struct rd_flow *f, const struct rd_table *t, struct om_arena *a, om_err *e) OM_MUST;

/* rd_flow_chart writes the bars. */
void rd_flow_chart(struct rd_flow *f, const struct rd_chart *c);

/* A short form of amounts, so that the highest of them shows three digits. */
struct rd_brief {
	unsigned thousands; /* cut, and told by a letter */
	int digits;         /* after the point */
};
struct rd_brief rd_brief_for(om_money top);
const char *rd_brief_text(const struct rd_flow *f, om_money m, const struct rd_brief *b, char buf[RD_SHOWN]);

/* The parts of the first page, and what stands on every one. */
void rd_cover_draw(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a);
void rd_cover_ranks(struct rd_flow *f, const struct rd_doc *d);
void rd_bill_draw(struct rd_flow *f, const struct rd_doc *d, const struct rd_amount *amounts, size_t n, bool due);
double rd_page_foot_height(const struct rd_doc *d);
void rd_page_foot_draw(struct rd_flow *f, const struct rd_doc *d, struct om_arena *a);

#endif
