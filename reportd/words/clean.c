/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "clean.h"

#include "base/text.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

/* cleaned returns what stands for a code point: mostly itself. */
static uint32_t
cleaned(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029)
		return ' ';
	if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return REPLACEMENT; /* marks, embeddings, overrides and isolates of direction */
	if (c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c & 0xfffeu) == 0xfffeu || (c >= 0xfdd0 && c <= 0xfdef))
		return REPLACEMENT; /* byte order mark, annotations, noncharacters */
	return c;
}

/* is_blank tells whether a reader may drop the character at the beginning of a cell. */
static bool
is_blank(uint32_t c)
{
	return c == ' ' || c == 0xa0 || c == 0xad || (c >= 0x2000 && c <= 0x200f) || c == 0x202f || c == 0x205f ||
	    c == 0x2060 || c == 0x3000 || c == 0xfeff;
}

bool
rd_is_formula(const char *text)
{
	const char *end = text + strlen(text);
	uint32_t c = ' ';

	while (text < end && is_blank(c))
		c = om_utf8_next(&text, end);
	switch (c) {
	case '=':
	case '+':
	case '-':
	case '@':
	case '\t':
	case '\r':
	case '\n':
	case '\'':
	case 0x2212: /* the minus sign */
	case 0xfe62: /* the small forms of + - = @ ... */
	case 0xfe63:
	case 0xfe66:
	case 0xfe6b:
	case 0xff0b: /* ... and their full-width forms */
	case 0xff0d:
	case 0xff1d:
	case 0xff20:
		return true;
	default:
		return false;
	}
}

size_t
rd_utf8_put(unsigned c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

const char *
rd_clean(struct om_arena *a, const char *text)
{
	const char *p, *end;
	char *out, *w;
	size_t n;

	if (text == NULL)
		return "";
	n = strlen(text);
	end = text + n;
	for (p = text; p < end;) {
		const char *at = p;
		uint32_t c = om_utf8_next(&p, end);

		if (cleaned(c) != c || (c == REPLACEMENT && p - at == 1))
			break;
		if (p == end)
			return text;
	}
	if (n == 0)
		return text;
	out = w = om_arena_alloc(a, 3 * n + 1); /* a bad byte grows to three */
	if (out == NULL)
		return NULL;
	for (p = text; p < end;)
		w += rd_utf8_put(cleaned(om_utf8_next(&p, end)), w);
	*w = '\0';
	return out;
}

const char *
rd_clean_name(struct om_arena *a, const char *text, size_t max)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(text);
	char *out;

	n = n < max ? n : max;
	out = om_arena_strndup(a, text, n);
	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strchr(plain, out[i]) == NULL || (i == 0 && out[i] == '.'))
			out[i] = '-';
	return n > 0 ? out : "-";
}
