/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * chart.c - one bar per day.  The scale is chosen in exact money, so that its
 * labels are exact; only the length of a bar is floating point.
 */
#include "flow.h"

#include <stdio.h>
#include <string.h>

#define HEIGHT 112.0
#define LEAST  66.0 /* where that saves a page */
#define FOOT   16.0 /* below the bars: the days */
#define STEPS  4    /* at most, up the scale */

static const struct rd_style axis = {RD_REGULAR, 6.4, RD_GREY};
static const struct rd_style weekend = {RD_REGULAR, 6.4, RD_PALE};

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

struct rd_brief
rd_brief_for(om_money top)
{
	const om_i128 one = 1000000000000000000;
	struct rd_brief b = {0, 0};

	while (top.v >= 10000 * one && b.thousands < 4) {
		top.v /= 1000;
		b.thousands++;
	}
	for (om_i128 v = top.v; v > 0 && v < 100 * one && b.digits < OM_MONEY_DIGITS; v *= 10)
		b.digits++;
	if (b.thousands == 0 && b.digits == 1)
		b.digits = 2; /* cents, not tenths */
	return b;
}

const char *
rd_brief_text(const struct rd_flow *f, om_money m, const struct rd_brief *b, char buf[RD_SHOWN])
{
	static const char letters[] = "\0kMGT";
	size_t n;

	for (unsigned i = 0; i < b->thousands; i++)
		m.v /= 1000;
	(void)rd_show_fixed(f->locale, om_money_round(m, b->digits), b->digits, buf);
	n = strlen(buf);
	buf[n] = letters[b->thousands];
	buf[n + 1] = '\0';
	return buf;
}

/* is_weekend: 1970-01-01 was a Thursday. */
static bool
is_weekend(om_day d)
{
	int day = (int)((d % 7 + 7) % 7);

	return day == 2 || day == 3;
}

void
rd_flow_chart(struct rd_flow *f, const struct rd_chart *c)
{
	om_money top = OM_MONEY_ZERO, step, at = OM_MONEY_ZERO;
	double wide = 0, high, x0, x1, y0, y1, slot, full;
	char plain[OM_MONEY_TEXT], text[RD_SHOWN];
	int steps = 0, digits;

	for (unsigned i = 0; i < c->n; i++)
		top = om_money_cmp(c->values[i], top) > 0 ? c->values[i] : top;
	if (om_money_is_zero(top) || c->n == 0)
		return;
	step = step_for(top);
	digits = (int)strlen(strchr(rd_money_text(step, plain), '.')) - 1;
	high = f->bottom - f->y - 57 - FOOT;
	high = high < LEAST || high > HEIGHT ? HEIGHT : high;
	rd_flow_heading(f, 0, c->title, c->remark, high + FOOT);
	while (om_money_cmp(at, top) < 0) {
		double w;

		at.v += step.v;
		steps++;
		w = rd_text_width(f->fonts, &axis, rd_show_fixed(f->locale, at, digits, text));
		wide = w > wide ? w : wide;
	}
	full = om_money_to_double(at);
	x0 = f->left + wide + 8;
	x1 = f->right;
	y0 = f->y + 6;
	y1 = f->y + high;
	at = OM_MONEY_ZERO;
	for (int i = 0; i <= steps; i++, at.v += step.v) {
		double y = y1 - (y1 - y0) * i / steps;

		rd_canvas_line(f->canvas, i == 0 ? RD_GREY : RD_HAIR, i == 0 ? 0.6 : 0.4, x0, y, x1, y);
		rd_text_right(f->canvas, &axis, x0 - 6, y + 2.2, rd_show_fixed(f->locale, at, digits, text));
	}
	slot = (x1 - x0) / c->n;
	for (unsigned i = 0; i < c->n; i++) {
		double v = om_money_to_double(c->values[i]), x = x0 + slot * i, h;
		char day[16];

		(void)snprintf(day, sizeof day, "%u", i + 1);
		rd_text_centre(
		    f->canvas, is_weekend(c->first + (om_day)i) ? &weekend : &axis, x + slot / 2, y1 + 10, day);
		if (v <= 0)
			continue;
		h = (y1 - y0) * v / full;
		rd_canvas_box(f->canvas, RD_ACCENT, x + slot * 0.22, y1 - h, slot * 0.56, h);
	}
	f->y = y1 + FOOT;
}
