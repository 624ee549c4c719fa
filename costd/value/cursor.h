/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * cursor.h - where a page ended, as opaque text.
 *
 * Promise   Reading is total: any text gives a position or OM_INVALID.
 */
#ifndef CD_CURSOR_H
#define CD_CURSOR_H

#include "base/arena.h"

#include <stdint.h>

#define CD_CURSOR_CHARS 1024

typedef enum cd_cursor_kind {
	CD_CURSOR_GENERATIONS = 1,
	CD_CURSOR_USERS = 2,
	CD_CURSOR_DOCUMENTS = 27,
	CD_CURSOR_PRICES = 50,
	CD_CURSOR_UNSETTLED = 51,
	CD_CURSOR_LETTERS = 52,
	CD_CURSOR_DISCREPANCIES = 53,
	CD_CURSOR_DISPUTES = 54,
} cd_cursor_kind;

struct cd_cursor {
	int64_t us; /* 0 where the key alone tells */
	const char *key;
};

/* cd_cursor_text gives NULL when the arena is full. */
char *cd_cursor_text(cd_cursor_kind kind, const struct cd_cursor *c, struct om_arena *a);
om_status cd_cursor_read(
    cd_cursor_kind kind, const char *text, struct cd_cursor *out, struct om_arena *a, om_err *e) OM_MUST;

/* cd_page_size checks how many items a page may have. */
om_status cd_page_size(bool has, uint32_t asked, size_t *out, om_err *e) OM_MUST;

#endif
