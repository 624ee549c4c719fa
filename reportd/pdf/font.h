/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * font.h - the TrueType fonts that documents are set in: which characters each
 * has and how wide they are.
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

#include "status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum rd_face { RD_REGULAR, RD_BOLD, RD_CJK, RD_FACES } rd_face;

#define RD_NO_GLYPH 0xffffu

struct rd_font {
	char *path;        /* owned; NULL: not there */
	uint16_t *advance; /* owned; 65536, RD_NO_GLYPH where there is no character */
};

struct rd_fonts {
	struct rd_font face[RD_FACES];
};

/* rd_fonts_open finds and reads the fonts under dir.  Without the CJK font it
 * goes on and says so in the log; without another one it fails. */
om_status rd_fonts_open(const char *dir, struct rd_fonts *out, om_err *e) OM_MUST;
void rd_fonts_close(struct rd_fonts *f);

/* rd_font_read reads a font from bytes, for the tests: any bytes give widths
 * or OM_DAMAGED. */
om_status rd_font_read(const unsigned char *data, size_t n, uint16_t advance[65536], om_err *e) OM_MUST;

/* rd_fonts_face tells the face for a character: the wanted one, RD_CJK, or
 * RD_FACES when none has it. */
rd_face rd_fonts_face(const struct rd_fonts *f, rd_face wanted, uint32_t code);

#endif
