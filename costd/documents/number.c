/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "number.h"

#include "base/digest.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool
cd_number_parse(const char *text, struct cd_number *out)
{
	char year[5], again[CD_NUMBER];
	uint64_t y = 0, n = 0;

	if (strlen(text) < 11 || strlen(text) >= CD_NUMBER || text[4] != '-')
		return false;
	memcpy(year, text, 4);
	year[4] = '\0';
	if (!om_u64_parse(year, 9999, &y) || !om_u64_parse(text + 5, INT32_MAX, &n) || n == 0)
		return false;
	*out = (struct cd_number){.year = (int)y, .seq = (int)n};
	return strcmp(cd_number_text(*out, again), text) == 0;
}

const char *
cd_number_text(struct cd_number n, char buf[CD_NUMBER])
{
	(void)snprintf(buf, CD_NUMBER, "%04d-%06d", n.year, n.seq);
	return buf;
}

bool
cd_code_read(const char *typed, char out[CD_CODE + 1])
{
	size_t n = 0;

	for (; *typed != '\0'; typed++) {
		char c = *typed;

		if (c == '-' || c == ' ')
			continue;
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c == 'O')
			c = '0';
		if (c == 'I' || c == 'L')
			c = '1';
		if (n == CD_CODE || strchr(alphabet, c) == NULL)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return n == CD_CODE;
}

om_status
cd_code_make(char out[CD_CODE + 1], om_err *e)
{
	unsigned char raw[CD_CODE];
	om_status s = om_random(raw, sizeof raw, e);

	for (size_t i = 0; i < CD_CODE; i++)
		out[i] = alphabet[raw[i] % 32];
	out[CD_CODE] = '\0';
	return s;
}
