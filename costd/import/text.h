/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * text.h - numbers, times and words of files that a person may have had in a
 * spreadsheet, which writes them as its language does.
 *
 * Marks     "1,234" is 1234 in one language and 1.234 in another.  A file has one
 *           language: the amounts in it that can be read in one way only tell which
 *           mark parts the fraction; without such, commas part thousands in a file
 *           whose fields are parted by commas, and elsewhere nothing is guessed.
 * Threads   Pure functions.
 */
#ifndef CD_IMPORT_TEXT_H
#define CD_IMPORT_TEXT_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CD_NUMBER_TEXT 128

/* Which marks the file's amounts have before their fractions. */
struct cd_marks {
	bool point, comma;
};
void cd_marks_note(struct cd_marks *m, const char *text);
/* cd_marks_of gives '.', ',' or, where that is not known, 0. */
char cd_marks_of(const struct cd_marks *m, char separator);

/* cd_number_plain writes a number as om_money_parse reads it.  False: it is none, or
 * `mark` is 0 and it may be two. */
bool cd_number_plain(const char *text, char mark, char out[CD_NUMBER_TEXT]);

/* cd_number_whole reads a whole number, negative ones too: "10", "10.0", "1,234".
 * With `mark` 0 the reading that is whole is taken, if only one is. */
bool cd_number_whole(const char *text, char mark, int64_t *out);

/* cd_time_read reads "2026-09-30 09:53:25.217" (or ",217", or without seconds), which
 * is UTC, "30.09.2026 09:53:25" likewise, and RFC 3339. */
bool cd_time_read(const char *text, om_time *out);

/* cd_bool_read reads "true", "TRUE", "1", "WAHR" and their opposites; an empty text is
 * false. */
bool cd_bool_read(const char *text, bool *out);

#endif
