/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any text as a page's cursor: refused, or one that we could have given. */
#include "target.h"
#include "value/cursor.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const cd_cursor_kind kinds[] = {CD_CURSOR_GENERATIONS, CD_CURSOR_USERS, CD_CURSOR_PRICES,
	    CD_CURSOR_UNSETTLED, CD_CURSOR_LETTERS, CD_CURSOR_DISCREPANCIES};
	struct cd_cursor c, again;
	struct om_arena a;
	char *text, *back;

	if (n == 0)
		return 0;
	om_arena_init(&a, (size_t)1 << 20);
	text = om_arena_strndup(&a, (const char *)data + 1, n - 1);
	must(text != NULL);
	if (cd_cursor_read(kinds[data[0] % 6], text, &c, &a, NULL) == OM_OK) {
		back = cd_cursor_text(kinds[data[0] % 6], &c, &a);
		must(back != NULL && cd_cursor_read(kinds[data[0] % 6], back, &again, &a, NULL) == OM_OK);
		must(again.us == c.us && strcmp(again.key, c.key) == 0);
	}
	om_arena_fini(&a);
	return 0;
}
