/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * canvas.h - pages, text, lines and boxes in a PDF; only canvas.c uses libharu.
 *
 * Shape     Points, from the top left corner of the page; y grows downwards
 *           and is a text's base line.
 * Use       A document is drawn twice, by the same calls: the first pass only
 *           collects the characters in use; the second, after
 *           rd_canvas_start_writing, writes pages with fonts of just these.
 * Errors    Sticky: after a failure every call does nothing, and rd_canvas_done
 *           tells the first reason.
 * Limits    RD_MAX_PAGES, so that no document takes memory without end.
 * Threads   One document, one thread; several documents at once.
 *
 * What libharu 2.3.0 does wrong and how this code stays clear of it:
 *   - saving to a file hides a full disk: documents are saved to memory.
 *   - one failure makes all later calls fail with other codes: the handler
 *     keeps the first.
 *   - it loses parts of composed glyphs, and takes long to read a whole font:
 *     it gets small ones (see subset.c).
 *   - bad UTF-8 and characters a font lacks come out wrong: text arrives
 *     clean and split into runs that the run's font has (see typeset.h).
 */
#ifndef RD_CANVAS_H
#define RD_CANVAS_H

#include "font.h"
#include "document/doc.h"
#include "base/arena.h"
#include "base/clock.h"

#include <stddef.h>

#define RD_MAX_PAGES 2000u

typedef enum rd_colour { RD_BLACK, RD_GREY, RD_PALE, RD_HAIR, RD_ACCENT, RD_TINT, RD_WATERMARK } rd_colour;

struct rd_canvas;

struct rd_canvas_opts {
	double width, height;
	const char *title;
	const char *author;
	const char *subject;
	om_time created;
	bool outline; /* programs that show the PDF open its bookmarks, too */
};

om_status rd_canvas_new(
    const struct rd_fonts *fonts, const struct rd_canvas_opts *o, struct rd_canvas **out, om_err *e) OM_MUST;
void rd_canvas_free(struct rd_canvas **ip);

/* rd_canvas_restart begins the first pass again from the first page. The characters
 * collected so far stay; the failure that the document was too long is forgotten. */
void rd_canvas_restart(struct rd_canvas *canvas);

/* rd_canvas_start_writing ends the first pass: what follows is written. */
void rd_canvas_start_writing(struct rd_canvas *canvas);

/* rd_canvas_page adds a page and goes to it. */
void rd_canvas_page(struct rd_canvas *canvas);
unsigned rd_canvas_pages(const struct rd_canvas *canvas);
/* rd_canvas_go goes back to a page, counted from 0. */
void rd_canvas_go(struct rd_canvas *canvas, unsigned page);

/* rd_canvas_run writes text that this face has. */
void rd_canvas_run(
    struct rd_canvas *canvas, rd_face face, double size, rd_colour colour, double x, double y, const char *text);
void rd_canvas_line(
    struct rd_canvas *canvas, rd_colour colour, double width, double x1, double y1, double x2, double y2);
void rd_canvas_box(struct rd_canvas *canvas, rd_colour colour, double x, double y, double w, double h);

/* A filled shape: moves, lines and curves between begin and end. */
void rd_canvas_shape(struct rd_canvas *canvas, rd_colour colour);
void rd_canvas_shape_move(struct rd_canvas *canvas, double x, double y);
void rd_canvas_shape_line(struct rd_canvas *canvas, double x, double y);
void rd_canvas_shape_curve(struct rd_canvas *canvas, double x1, double y1, double x2, double y2, double x, double y);
void rd_canvas_shape_end(struct rd_canvas *canvas);

/* rd_canvas_image draws a picture into a box of its own proportions. */
void rd_canvas_image(struct rd_canvas *canvas, const struct rd_image *image, double x, double y, double w, double h);

/* rd_canvas_bookmark names this place of the page in the reader's outline: level 0,
 * or 1 beneath the last one of level 0. */
void rd_canvas_bookmark(struct rd_canvas *canvas, int level, const char *title, double y);

void rd_canvas_fail(struct rd_canvas *canvas, om_status s, const char *why);
const struct rd_fonts *rd_canvas_fonts(const struct rd_canvas *canvas);

/* rd_canvas_done gives the file's bytes, from the arena. */
om_status rd_canvas_done(
    struct rd_canvas *canvas, struct om_arena *a, unsigned char **out, size_t *n_out, om_err *e) OM_MUST;

#endif
