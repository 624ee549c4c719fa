/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * watermark.h - a word across the whole page, under its text.
 *
 * Drawn as shapes, not as text, so that a search or a copy of the page does
 * not find its letters between the lines.
 */
#ifndef RD_WATERMARK_H
#define RD_WATERMARK_H

#include "canvas.h"

void rd_watermark_draw(struct rd_canvas *canvas, double width, double height, const char *word);

#endif
