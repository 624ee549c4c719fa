/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * chart.c - one bar per day.  The scale is chosen in exact money, so that its
 * labels are exact; only the length of a bar is floating point.
 */
#include "pdf/flow.h"

#include <stdio.h>
#include <string.h>

#define HEIGHT 128.0
#define FOOT   16.0 /* below the bars: the days */
#define STEPS  4    /* at most, up the scale */

static const struct rd_style axis = {RD_REGULAR, 6.2, RD_GREY};
static const struct rd_style value = {RD_REGULAR, 5.4, RD_GREY};

/* step_for gives the smallest 1, 2 or 5 times a power of ten of which STEPS
 * reach the top. */
static om_money
step_for(om_money top)
{
	static const int lead[] = {1, 2, 5};
	om_i128 step = 1;

	for (om_i128 power = 1; power < (om_i128)1 << 120; power *= 10)
		for (size_t i = 0; i < 3; i++) {
			step = power * lead[i];
			if (step * STEPS >= top.v)
				return (om_money){step};
		}
	return (om_money){step};
}

/* How the bars' values are written: so that the highest shows three digits. */
struct brief {
	unsigned thousands; /* cut, and told by a letter */
	int digits;         /* after the point */
};

static struct brief
brief_for(om_money top)
{
	const om_i128 one = 1000000000000000000;
	struct brief b = {0, 0};

	while (top.v >= 10000 * one && b.thousands < 4) {
		top.v /= 1000;
		b.thousands++;
	}
	for (om_i128 v = top.v; v < 100 * one && b.digits < OM_MONEY_DIGITS; v *= 10)
		b.digits++;
	if (b.thousands == 0 && b.digits == 1)
		b.digits = 2; /* cents, not tenths */
	return b;
}

static const char *
brief_text(om_money m, const struct brief *b, char buf[OM_MONEY_TEXT])
{
	static const char letters[] = "\0kMGT";
	size_t n;

	for (unsigned i = 0; i < b->thousands; i++)
		m.v /= 1000;
	(void)om_money_text_fixed(om_money_round(m, b->digits), b->digits, buf);
	n = strlen(buf);
	buf[n] = letters[b->thousands];
	buf[n + 1] = '\0';
	return buf;
}

void
rd_flow_chart(struct rd_flow *f, const struct rd_chart *c)
{
	om_money top = OM_MONEY_ZERO, step, at = OM_MONEY_ZERO;
	double wide = 0, x0, x1, y0, y1, slot, full;
	char text[OM_MONEY_TEXT];
	struct brief brief;
	int steps = 0, digits;

	for (unsigned i = 0; i < c->n; i++)
		top = om_money_cmp(c->values[i], top) > 0 ? c->values[i] : top;
	if (om_money_is_zero(top) || c->n == 0)
		return;
	step = step_for(top);
	brief = brief_for(top);
	digits = (int)strlen(strchr(rd_money_text(step, text), '.')) - 1;
	rd_flow_heading(f, c->title, c->remark, HEIGHT + FOOT);
	while (om_money_cmp(at, top) < 0) {
		double w;

		at.v += step.v;
		steps++;
		w = rd_text_width(f->fonts, &axis, om_money_text_fixed(at, digits, text));
		wide = w > wide ? w : wide;
	}
	full = om_money_to_double(at);
	x0 = f->left + wide + 7;
	x1 = f->right;
	y0 = f->y + 8 + rd_text_width(f->fonts, &value, brief_text(top, &brief, text)) * om_money_to_double(top) / full;
	y1 = f->y + HEIGHT;
	at = OM_MONEY_ZERO;
	for (int i = 0; i <= steps; i++, at.v += step.v) {
		double y = y1 - (y1 - y0) * i / steps;

		rd_ink_line(f->ink, i == 0 ? RD_GREY : RD_HAIR, i == 0 ? 0.6 : 0.4, x0, y, x1, y);
		rd_text_right(f->ink, &axis, x0 - 5, y + 2.1, om_money_text_fixed(at, digits, text));
	}
	slot = (x1 - x0) / c->n;
	for (unsigned i = 0; i < c->n; i++) {
		double v = om_money_to_double(c->values[i]), x = x0 + slot * i, h;
		char day[16];

		(void)snprintf(day, sizeof day, "%u", i + 1);
		rd_text_centre(f->ink, &axis, x + slot / 2, y1 + 9, day);
		if (v <= 0)
			continue;
		h = (y1 - y0) * v / full;
		rd_ink_box(f->ink, RD_ACCENT, x + slot * 0.2, y1 - h, slot * 0.6, h);
		rd_text_up(f->ink, &value, x + slot / 2 + 1.9, y1 - h - 2.5, brief_text(c->values[i], &brief, text));
	}
	f->y = y1 + FOOT;
}
