/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sample_mark.h - a word across the whole page, under its text.
 *
 * Drawn as shapes, not as text, so that who searches or copies from the page
 * does not meet its letters between the lines.
 */
#ifndef RD_MARK_H
#define RD_MARK_H

#include "canvas.h"

void rd_mark(struct rd_canvas *canvas, double width, double height, const char *word);

#endif
