/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * clean.h - text of users and providers, made fit for paper and cells.
 *
 * Shape     Clean text is valid UTF-8 without control characters.  Control
 *           characters become a space; bad bytes, noncharacters and the
 *           characters that turn the direction of the text around them become
 *           U+FFFD, so that they are seen and nothing is hidden.
 */
#ifndef RD_CLEAN_H
#define RD_CLEAN_H

#include "base/arena.h"

#include <stdbool.h>

/* rd_clean gives the text itself when it is clean, else a clean copy; NULL when
 * the arena is full.  NULL gives "". */
const char *rd_clean(struct om_arena *a, const char *text);

/* rd_clean_name gives a part of a file name: letters, digits, "._-" of ASCII
 * and "-" for everything else, at most max bytes, never empty, never beginning
 * with a dot. */
const char *rd_clean_name(struct om_arena *a, const char *text, size_t max);

/* rd_is_formula tells whether a spreadsheet that opens the text as a cell of a CSV file could take it for a
 * formula, or the apostrophe it begins with for its own mark of a text.  Blanks and characters without a
 * width in front are looked past, and the full-width signs are taken as their plain ones. */
bool rd_is_formula(const char *text);

/* rd_utf8_put writes one code point and returns its bytes, at most 4. */
size_t rd_utf8_put(unsigned code, char *out);

#endif
