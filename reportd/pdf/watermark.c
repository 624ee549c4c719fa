/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "watermark.h"

#include "sfnt.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

#define MAX_POINTS 512u
#define MAX_DEPTH  4
#define SPAN       0.64 /* of the page's diagonal */

/* Flags of an outline's point. */
#define ON_CURVE 0x01u
#define X_SHORT  0x02u
#define Y_SHORT  0x04u
#define REPEAT   0x08u
#define X_SAME   0x10u
#define Y_SAME   0x20u

/* Where glyphs go: font units, turned and scaled, to the page. */
struct pen {
	struct rd_canvas *canvas;
	const struct rd_font *font;
	struct rd_bytes glyf, loca;
	bool long_loca;
	double x, y;     /* of the glyph's origin */
	double cos, sin; /* of the angle, times the scale */
};

struct point {
	double x, y;
	bool on;
};

static struct point
at(const struct pen *p, struct point q)
{
	return (struct point){p->x + q.x * p->cos - q.y * p->sin, p->y - q.x * p->sin - q.y * p->cos, q.on};
}

static struct point
middle(struct point a, struct point b)
{
	return (struct point){(a.x + b.x) / 2, (a.y + b.y) / 2, true};
}

static void
curve(struct pen *p, struct point from, struct point by, struct point to)
{
	rd_canvas_shape_curve(p->canvas, from.x + (by.x - from.x) * 2 / 3, from.y + (by.y - from.y) * 2 / 3,
	    to.x + (by.x - to.x) * 2 / 3, to.y + (by.y - to.y) * 2 / 3, to.x, to.y);
}

/* contour draws one closed line of n points: between two points off the curve
 * lies one on it. */
static void
contour(struct pen *p, const struct point *points, size_t n)
{
	struct point first, last, now;

	if (n < 2)
		return;
	first = at(p, points[0]);
	if (!first.on) {
		struct point before = at(p, points[n - 1]);

		first = before.on ? before : middle(first, before);
	}
	last = first;
	rd_canvas_shape_move(p->canvas, first.x, first.y);
	for (size_t i = 0; i < n; i++) {
		struct point next = i + 1 < n ? at(p, points[i + 1]) : first;

		now = at(p, points[i]);
		if (now.on) {
			if (i > 0)
				rd_canvas_shape_line(p->canvas, now.x, now.y);
			last = now;
			continue;
		}
		next = next.on ? next : middle(now, next);
		curve(p, last, now, next);
		last = next;
		if (i + 1 < n && points[i + 1].on)
			i++;
	}
}

/* read_axis reads one axis of all points; returns where its bytes end. */
static size_t
read_axis(const struct rd_bytes *g, size_t from, const unsigned char *flags, unsigned n, bool y, struct point *out)
{
	unsigned one = y ? Y_SHORT : X_SHORT, same = y ? Y_SAME : X_SAME;
	int v = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t bytes = (flags[i] & one) != 0 ? 1 : (flags[i] & same) != 0 ? 0 : 2;

		if (from + bytes > g->n)
			return g->n;
		if (bytes == 1) {
			v += (flags[i] & same) != 0 ? g->at[from] : -(int)g->at[from];
			from++;
		} else if (bytes == 2) {
			v += (int16_t)(uint16_t)(g->at[from] << 8 | g->at[from + 1]);
			from += 2;
		}
		*(y ? &out[i].y : &out[i].x) = v;
	}
	return from;
}

static void
simple(struct pen *p, const struct rd_bytes *g, unsigned contours)
{
	unsigned char flags[MAX_POINTS] = {0};
	struct point points[MAX_POINTS];
	struct rd_bytes b = *g;
	unsigned n = rd_u16(&b, 10 + (contours - 1) * (size_t)2) + 1u, start = 0;
	size_t from = 10 + contours * (size_t)2;

	memset(points, 0, sizeof points);
	from += 2u + rd_u16(&b, from);
	if (b.short_of || n > MAX_POINTS)
		return;
	for (unsigned i = 0; i < n && from < b.n;) {
		unsigned char flag = b.at[from++];
		unsigned times = 1;

		if ((flag & REPEAT) != 0 && from < b.n)
			times += b.at[from++];
		for (; times > 0 && i < n; times--)
			flags[i++] = flag;
		if (from >= b.n)
			return;
	}
	for (unsigned i = 0; i < n; i++)
		points[i].on = (flags[i] & ON_CURVE) != 0;
	from = read_axis(&b, from, flags, n, false, points);
	(void)read_axis(&b, from, flags, n, true, points);
	for (unsigned c = 0; c < contours; c++) {
		unsigned end = rd_u16(&b, 10 + c * (size_t)2) + 1u;

		if (end > n || end < start)
			return;
		contour(p, points + start, end - start);
		start = end;
	}
}

static void
glyph(struct pen *p, unsigned number)
{
	struct rd_bytes g;
	size_t from =
	    p->long_loca ? rd_u32(&p->loca, number * (size_t)4) : (size_t)rd_u16(&p->loca, number * (size_t)2) * 2;
	size_t to = p->long_loca ? rd_u32(&p->loca, number * (size_t)4 + 4)
				 : (size_t)rd_u16(&p->loca, number * (size_t)2 + 2) * 2;
	unsigned contours;

	if (p->loca.short_of || from + 12 > to || to > p->glyf.n)
		return; /* a blank */
	g = (struct rd_bytes){p->glyf.at + from, to - from, false};
	contours = rd_u16(&g, 0);
	if (contours > 0 && contours < 64)
		simple(p, &g, contours);
}

void
rd_watermark_draw(struct rd_canvas *canvas, double width, double height, const char *word)
{
	const struct rd_font *font = &rd_canvas_fonts(canvas)->face[RD_BOLD];
	struct rd_bytes file = {font->data, font->n, false};
	struct rd_bytes head = rd_sfnt_table(&file, "head");
	const char *end = word + strlen(word);
	double em = rd_u16(&head, 18), diagonal = sqrt(width * width + height * height), wide = 0, size, up;
	struct pen p = {
	    .canvas = canvas,
	    .font = font,
	    .glyf = rd_sfnt_table(&file, "glyf"),
	    .loca = rd_sfnt_table(&file, "loca"),
	    .long_loca = rd_u16(&head, 50) != 0,
	};

	for (const char *c = word; c < end;) {
		uint32_t code = om_utf8_next(&c, end);

		wide += code < RD_CODES && font->advance[code] != RD_NO_GLYPH ? font->advance[code] : 0;
	}
	if (em < 1 || wide < 1)
		return;
	size = diagonal * SPAN / wide * 1000; /* of the type */
	size = size < height / 4 ? size : height / 4;
	up = size * 0.36; /* half the height of a capital letter */
	p.cos = width / diagonal * size / em;
	p.sin = height / diagonal * size / em;
	/* from the middle of the page back along the word, and down by half a letter */
	wide = wide * size / 1000 / 2;
	p.x = width / 2 - wide * width / diagonal + up * height / diagonal;
	p.y = height / 2 + wide * height / diagonal + up * width / diagonal;
	rd_canvas_shape(canvas, RD_WATERMARK);
	for (const char *c = word; c < end;) {
		uint32_t code = om_utf8_next(&c, end);

		if (code >= RD_CODES || font->advance[code] == RD_NO_GLYPH)
			continue;
		glyph(&p, font->glyph[code]);
		p.x += font->advance[code] * size / 1000 * width / diagonal;
		p.y -= font->advance[code] * size / 1000 * height / diagonal;
	}
	rd_canvas_shape_end(canvas);
}
