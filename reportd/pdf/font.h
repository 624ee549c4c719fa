/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * font.h - the TrueType fonts that documents are set in: which characters each
 * has, how wide they are, and a small font of just the characters in use.
 *
 * Shape     Widths are in thousandths of the type size, cut to whole numbers
 *           the way libharu writes them into a document, so that what is
 *           measured here is what a reader shows.
 * Limits    Characters of the basic multilingual plane; no shaping (Arabic,
 *           Indic scripts), no right-to-left order.
 * Threads   Loaded once at the start, read from any thread.
 */
#ifndef RD_FONT_H
#define RD_FONT_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The last three stand in for characters that the first three lack. */
typedef enum rd_face { RD_REGULAR, RD_BOLD, RD_LIGHT, RD_WIDE, RD_CJK, RD_KOREAN, RD_FACES } rd_face;

#define RD_NO_GLYPH 0xffffu
#define RD_CODES    65536u

struct rd_font {
	const char *name;    /* in documents: letters, digits and "-" */
	unsigned char *data; /* owned; the file; NULL: not there */
	size_t n;
	uint16_t *advance; /* owned; RD_CODES, RD_NO_GLYPH where there is no character */
	uint16_t *glyph;   /* owned; RD_CODES */
};

struct rd_fonts {
	struct rd_font face[RD_FACES];
};

/* The characters of one face that a document uses. */
struct rd_used {
	unsigned char bit[RD_CODES / 8];
};

/* rd_fonts_open finds and reads the fonts under dir.  Without the stand-ins it
 * goes on and says so in the log; without the others it fails. */
om_status rd_fonts_open(const char *dir, struct rd_fonts *out, om_err *e) OM_MUST;
void rd_fonts_close(struct rd_fonts *f);

/* rd_font_read takes the bytes of a font (malloc'ed): any bytes give a font
 * or OM_DAMAGED, and either way rd_font_fini frees them. */
om_status rd_font_read(unsigned char *data, size_t n, struct rd_font *out, om_err *e) OM_MUST;
void rd_font_fini(struct rd_font *f);

/* rd_fonts_face tells the face for a character: the wanted one, a stand-in, or
 * RD_FACES when none has it. */
rd_face rd_fonts_face(const struct rd_fonts *f, rd_face wanted, uint32_t code);

/* rd_font_subset appends a TrueType font with the used characters only.  Its name is
 * `name`. */
om_status rd_font_subset(
    const struct rd_font *f, const struct rd_used *used, const char *name, struct om_buf *out, om_err *e) OM_MUST;

#endif
