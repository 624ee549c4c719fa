/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "typeset.h"

#include "words/clean.h"
#include "base/text.h"

#include <string.h>

#define UNKNOWN   0xfffdu
#define RUN_BYTES 512
#define ELLIPSIS  "\xe2\x80\xa6"

/* next decodes a character and tells its face; one that no face has becomes
 * U+FFFD, and that "?" where the font lacks it, too. */
static uint32_t
next(const struct rd_fonts *f, rd_face wanted, const char **p, const char *end, rd_face *face)
{
	uint32_t c = om_utf8_next(p, end);

	*face = rd_fonts_face(f, wanted, c);
	if (*face == RD_FACES) {
		*face = rd_fonts_face(f, wanted, UNKNOWN);
		c = *face != RD_FACES ? UNKNOWN : '?';
		*face = *face != RD_FACES ? *face : wanted;
	}
	return c;
}

static double
advance(const struct rd_fonts *f, rd_face face, uint32_t c, double size)
{
	uint16_t w = f->face[face].advance[c & 0xffff];

	return w == RD_NO_GLYPH ? 0 : w * size / 1000;
}

double
rd_text_width_n(const struct rd_fonts *f, const struct rd_style *s, const char *text, size_t n)
{
	const char *end = text + n;
	double w = 0;

	while (text < end) {
		rd_face face;
		uint32_t c = next(f, s->face, &text, end, &face);

		w += advance(f, face, c, s->size);
	}
	return w;
}

double
rd_text_width(const struct rd_fonts *f, const struct rd_style *s, const char *text)
{
	return rd_text_width_n(f, s, text, strlen(text));
}

double
rd_text_word(const struct rd_fonts *f, const struct rd_style *s, const char *text)
{
	double most = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		double w = rd_text_width_n(f, s, text, n);

		most = w > most ? w : most;
		text += n + (text[n] == ' ');
	}
	return most;
}

/* write_n writes runs one after the other; returns the width. */
static double
write_n(struct rd_canvas *canvas, const struct rd_style *s, double x, double y, const char *text, size_t n)
{
	const struct rd_fonts *f = rd_canvas_fonts(canvas);
	const char *end = text + n;
	char run[RUN_BYTES];
	rd_face face = s->face, of = s->face;
	double at = 0, w = 0;
	size_t len = 0;

	for (;;) {
		uint32_t c = text < end ? next(f, s->face, &text, end, &of) : 0;

		if (len > 0 && (c == 0 || of != face || len + 4 >= sizeof run)) {
			run[len] = '\0';
			rd_canvas_run(canvas, face, s->size, s->colour, x + at, y, run);
			at += w;
			w = 0;
			len = 0;
		}
		if (c == 0)
			return at;
		face = of;
		len += rd_utf8_put(c, run + len);
		w += advance(f, face, c, s->size);
	}
}

void
rd_text(struct rd_canvas *canvas, const struct rd_style *s, double x, double y, const char *text)
{
	(void)write_n(canvas, s, x, y, text, strlen(text));
}

void
rd_text_right(struct rd_canvas *canvas, const struct rd_style *s, double right, double y, const char *text)
{
	rd_text(canvas, s, right - rd_text_width(rd_canvas_fonts(canvas), s, text), y, text);
}

void
rd_text_centre(struct rd_canvas *canvas, const struct rd_style *s, double middle, double y, const char *text)
{
	rd_text(canvas, s, middle - rd_text_width(rd_canvas_fonts(canvas), s, text) / 2, y, text);
}

void
rd_text_figure(struct rd_canvas *canvas, const struct rd_style *s, double x, double y, const char *text, size_t quiet)
{
	struct rd_style pale = *s;
	size_t n = strlen(text);

	pale.colour = RD_GREY;
	quiet = quiet < n ? quiet : n;
	x += write_n(canvas, s, x, y, text, quiet);
	(void)write_n(canvas, &pale, x, y, text + quiet, n - quiet);
}

static bool
breaks_after(uint32_t c)
{
	return c == ' ' || c == '/' || c == '-' || c == '_' || c == '@' || c == ':' || (c >= 0x2e80 && c <= 0xd7ff) ||
	    (c >= 0xf900 && c <= 0xfaff);
}

/* fit gives the bytes of text that fit into width, whole characters, at least
 * one; *broken_out: those up to the last good place to break, 0 if none. */
static size_t
fit(const struct rd_fonts *f, const struct rd_style *s, const char *text, const char *end, double width,
    size_t *broken_out)
{
	const char *p = text;
	double w = 0;

	*broken_out = 0;
	while (p < end) {
		const char *before = p;
		rd_face face;
		uint32_t c = next(f, s->face, &p, end, &face);

		w += advance(f, face, c, s->size);
		if (w > width + 0.01 && c != ' ' && before > text)
			return (size_t)(before - text);
		if (breaks_after(c) && !(c == '-' && p < end && *p >= '0' && *p <= '9'))
			*broken_out = (size_t)(p - text);
	}
	*broken_out = (size_t)(p - text);
	return *broken_out;
}

void
rd_wrap(const struct rd_fonts *f, const struct rd_style *s, const char *text, double width, unsigned max_lines,
    struct rd_wrapped *out)
{
	const char *end = text + strlen(text);
	size_t broken;

	out->n = 0;
	out->cut = false;
	max_lines = max_lines < RD_MAX_WRAP ? max_lines : RD_MAX_WRAP;
	while (text < end && out->n < max_lines) {
		size_t n = fit(f, s, text, end, width, &broken);

		if (n < (size_t)(end - text) && out->n + 1 == max_lines) {
			double room = width - rd_text_width(f, s, ELLIPSIS);

			n = fit(f, s, text, end, room, &broken);
			out->cut = true;
		} else if (broken > 0) {
			n = broken;
		}
		out->line[out->n].at = text;
		out->line[out->n].n = n;
		while (out->line[out->n].n > 0 && text[out->line[out->n].n - 1] == ' ')
			out->line[out->n].n--;
		out->n++;
		text += n;
		while (text < end && *text == ' ')
			text++;
	}
}

void
rd_text_line(struct rd_canvas *canvas, const struct rd_style *s, double x, double y, const struct rd_wrapped *w,
    unsigned line, bool right)
{
	const struct rd_fonts *f = rd_canvas_fonts(canvas);
	bool cut = w->cut && line + 1 == w->n;

	if (right)
		x -= rd_text_width_n(f, s, w->line[line].at, w->line[line].n) +
		    (cut ? rd_text_width(f, s, ELLIPSIS) : 0);
	x += write_n(canvas, s, x, y, w->line[line].at, w->line[line].n);
	if (cut)
		rd_text(canvas, s, x, y, ELLIPSIS);
}

void
rd_text_cut(struct rd_canvas *canvas, const struct rd_style *s, double x, double y, double width, const char *text)
{
	struct rd_wrapped w;

	rd_wrap(rd_canvas_fonts(canvas), s, text, width, 1, &w);
	if (w.n > 0)
		rd_text_line(canvas, s, x, y, &w, 0, false);
}
