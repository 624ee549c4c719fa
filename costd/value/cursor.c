/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cursor.h"

#include "base/invariant.h"
#include "base/text.h"

#include <string.h>

#define MAX_PAGE     1000u
#define DEFAULT_PAGE 100u
#define HEAD_BYTES   9u /* kind, then the instant, most significant byte first */

char *
cd_cursor_text(cd_cursor_kind kind, const struct cd_cursor *c, struct om_arena *a)
{
	size_t n = HEAD_BYTES + strlen(c->key); /* a cursor that is written always has a key */
	unsigned char *raw = om_arena_alloc(a, n);
	char *text = om_arena_alloc(a, OM_B64_LEN(n) + 1);

	if (raw == NULL || text == NULL)
		return NULL;
	om_check(kind > 0 && (int)kind <= UINT8_MAX);
	raw[0] = (unsigned char)kind;
	for (unsigned i = 0; i < 8; i++)
		raw[1 + i] = (unsigned char)((uint64_t)c->us >> (56 - 8 * i));
	memcpy(raw + HEAD_BYTES, c->key, n - HEAD_BYTES);
	om_b64url(raw, n, text);
	return text;
}

om_status
cd_cursor_read(cd_cursor_kind kind, const char *text, struct cd_cursor *out, struct om_arena *a, om_err *e)
{
	static const char bad[] = "cursor: not one that this service gave";
	unsigned char raw[CD_CURSOR_CHARS];
	uint64_t us = 0;
	size_t n = sizeof raw;
	const char *key = (const char *)raw + HEAD_BYTES;

	if (strlen(text) > CD_CURSOR_CHARS || !om_unb64url(text, raw, &n) || n <= HEAD_BYTES || raw[0] != kind)
		return om_fail(e, OM_INVALID, "%s", bad);
	n -= HEAD_BYTES;
	if (memchr(key, 0, n) != NULL || !om_utf8_valid(key, n) || !om_text_clean(key, n))
		return om_fail(e, OM_INVALID, "%s", bad);
	for (unsigned i = 0; i < 8; i++)
		us = us << 8 | raw[1 + i];
	memcpy(&out->us, &us, sizeof us);
	out->key = om_arena_strndup(a, key, n);
	return out->key != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
cd_page_size(bool has, uint32_t asked, size_t *out, om_err *e)
{
	*out = has ? asked : DEFAULT_PAGE;
	if (*out < 1 || *out > MAX_PAGE)
		return om_fail(e, OM_INVALID, "limit: must be from 1 to %u", MAX_PAGE);
	return OM_OK;
}
