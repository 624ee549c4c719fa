/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * flow.h - content running down the pages of a document, and the few styles
 * it is set in.
 */
#ifndef RD_FLOW_H
#define RD_FLOW_H

#include "doc.h"
#include "pdf/typeset.h"

struct rd_flow {
	struct rd_ink *ink;           /* borrowed */
	const struct rd_fonts *fonts; /* borrowed */
	double left, right, top, bottom;
	double y; /* where the next content begins */
};

/* The type on our pages. */
extern const struct rd_style rd_body, rd_body_bold, rd_label, rd_remark, rd_heading;

/* rd_flow_page goes on at the top of a new page. */
void rd_flow_page(struct rd_flow *f);

/* rd_flow_need begins a new page when fewer than `height` points are left. */
void rd_flow_need(struct rd_flow *f, double height);

/* rd_flow_heading writes a section's heading with a bookmark, together with at
 * least `below` points of what follows. */
void rd_flow_heading(struct rd_flow *f, const char *title, const char *remark, double below);

/* rd_flow_text writes a wrapped text from x on, `width` wide; returns its height. */
double rd_flow_text(
    struct rd_flow *f, const struct rd_style *s, double x, double width, unsigned max_lines, const char *text);

/* rd_flow_table writes a table over as many pages as it needs. */
om_status rd_flow_table(struct rd_flow *f, const struct rd_table *t, struct om_arena *a, om_err *e) OM_MUST;

/* rd_flow_chart writes the bars. */
void rd_flow_chart(struct rd_flow *f, const struct rd_chart *c);

#endif
