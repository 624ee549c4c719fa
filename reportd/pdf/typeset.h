/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * typeset.h - lines of text of any script: measured, cut, wrapped, written.
 *
 * Shape     A text is split into runs of characters that one face has; what no
 *           face has is written as U+FFFD.
 */
#ifndef RD_TYPESET_H
#define RD_TYPESET_H

#include "canvas.h"

#include <stdbool.h>

struct rd_style {
	rd_face face;
	double size;
	rd_colour colour;
};

#define RD_MAX_WRAP 8

/* A wrapped text borrows from the text. */
struct rd_wrapped {
	unsigned n;
	struct {
		const char *at;
		size_t n;
	} line[RD_MAX_WRAP];
	bool cut; /* more text than lines: the last one ends in an ellipsis */
};

double rd_text_width(const struct rd_fonts *f, const struct rd_style *s, const char *text);
double rd_text_width_n(const struct rd_fonts *f, const struct rd_style *s, const char *text, size_t n);

/* rd_text_word gives the width of the widest word. */
double rd_text_word(const struct rd_fonts *f, const struct rd_style *s, const char *text);

void rd_text(struct rd_canvas *canvas, const struct rd_style *s, double x, double y, const char *text);
void rd_text_right(struct rd_canvas *canvas, const struct rd_style *s, double right, double y, const char *text);
void rd_text_centre(struct rd_canvas *canvas, const struct rd_style *s, double middle, double y, const char *text);
/* rd_text_figure writes an amount and, in a paler colour, what its text has
 * beyond `quiet` bytes. */
void rd_text_figure(
    struct rd_canvas *canvas, const struct rd_style *s, double x, double y, const char *text, size_t quiet);

/* rd_wrap breaks at spaces and after / - _ @ : (not in a date) and between CJK characters, or
 * anywhere when a word is wider than the line; at most max_lines lines. */
void rd_wrap(const struct rd_fonts *f, const struct rd_style *s, const char *text, double width, unsigned max_lines,
    struct rd_wrapped *out);

/* rd_text_line writes one line of a wrapped text; right: ending at x. */
void rd_text_line(struct rd_canvas *canvas, const struct rd_style *s, double x, double y, const struct rd_wrapped *w,
    unsigned line, bool right);

/* rd_text_cut writes one line, cut with an ellipsis where it is too wide. */
void rd_text_cut(
    struct rd_canvas *canvas, const struct rd_style *s, double x, double y, double width, const char *text);

#endif
