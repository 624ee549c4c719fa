/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "text.h"

#include <string.h>

/* decode returns the bytes of the code point at s, 0 when it is malformed
 * (table 3-7 of the Unicode standard). */
static size_t
decode(const unsigned char *s, size_t n, uint32_t *cp)
{
	uint32_t c = s[0];
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;

	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		len = 2;
		c &= 0x1f;
	} else if (c >= 0xe0 && c <= 0xef) {
		len = 3;
		lo = c == 0xe0 ? 0xa0 : 0x80;
		hi = c == 0xed ? 0x9f : 0xbf;
		c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		len = 4;
		lo = c == 0xf0 ? 0x90 : 0x80;
		hi = c == 0xf4 ? 0x8f : 0xbf;
		c &= 0x07;
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (s[i] < lo || s[i] > hi)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
		lo = 0x80;
		hi = 0xbf;
	}
	*cp = c;
	return len;
}

uint32_t
om_utf8_next(const char **p, const char *end)
{
	uint32_t cp = 0;
	size_t len = decode((const unsigned char *)*p, (size_t)(end - *p), &cp);

	if (len == 0) {
		(*p)++;
		return 0xfffd;
	}
	*p += len;
	return cp;
}

bool
om_utf8_valid(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t cp;

	while (n > 0) {
		size_t len = decode(s, n, &cp);

		if (len == 0)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

size_t
om_utf8_length(const char *text, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

bool
om_text_clean(const char *text, size_t n)
{
	const char *end = text + n;

	while (text < end) {
		uint32_t cp = om_utf8_next(&text, end);

		if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			return false;
	}
	return true;
}

bool
om_text_token(const char *text, size_t max)
{
	size_t n = strlen(text);

	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

void
om_hex(const void *data, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
om_unhex(const char *text, size_t digits, unsigned char *out)
{
	if (digits % 2 != 0)
		return false;
	for (size_t i = 0; i < digits; i += 2) {
		int hi = hex_value(text[i]);
		int lo = hi < 0 ? -1 : hex_value(text[i + 1]);

		if (lo < 0)
			return false;
		out[i / 2] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

bool
om_uuid_parse(const char *text, unsigned char out[16])
{
	static const size_t group[] = {8, 4, 4, 4, 12};

	if (strlen(text) != 36)
		return false;
	for (size_t g = 0; g < 5; g++) {
		if (g > 0 && *text++ != '-')
			return false;
		if (!om_unhex(text, group[g], out))
			return false;
		text += group[g];
		out += group[g] / 2;
	}
	return true;
}

void
om_uuid_text(const unsigned char id[16], char out[37])
{
	static const size_t group[] = {4, 2, 2, 2, 6};

	for (size_t g = 0; g < 5; g++) {
		if (g > 0)
			*out++ = '-';
		om_hex(id, group[g], out);
		id += group[g];
		out += group[g] * 2;
	}
}

void
om_b64url(const void *data, size_t n, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *p = data;
	uint32_t bits = 0;
	int have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (have += 8; have >= 6; have -= 6)
			*out++ = digits[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*out++ = digits[bits << (6 - have) & 63];
	*out = '\0';
}

bool
om_unb64url(const char *text, unsigned char *out, size_t *n_out)
{
	size_t room = *n_out, n = 0;
	uint32_t bits = 0;
	int have = 0;

	*n_out = 0;
	for (; *text != '\0'; text++) {
		char c = *text;
		int v = c >= 'A' && c <= 'Z' ? c - 'A'
		    : c >= 'a' && c <= 'z'   ? c - 'a' + 26
		    : c >= '0' && c <= '9'   ? c - '0' + 52
		    : c == '-'               ? 62
		    : c == '_'               ? 63
					     : -1;

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			if (n == room)
				return false;
			out[n++] = (unsigned char)(bits >> have & 255);
		}
	}
	if (have == 6 || (bits & ((1u << have) - 1)) != 0)
		return false; /* a lone digit, or bits that encode nothing */
	*n_out = n;
	return true;
}

bool
om_u64_parse(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	*out = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned d = (unsigned)(*text - '0');

		if (*text < '0' || *text > '9' || v > (max - d) / 10 || d > max)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}
