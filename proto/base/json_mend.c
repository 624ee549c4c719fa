/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "json.h"
#include "text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE_BYTES 6  /* of \uXXXX */
#define TOLD_APART   64 /* bad bytes of one string that keep what they were */

struct mending {
	const char *end; /* of the text */
	bool quoted;
	unsigned n_bad; /* bytes that are no UTF-8, of the string so far */
};

/* A piece of the text, and what stands for it if that is something else. */
struct piece {
	const char *at;
	size_t len;
	bool huge; /* a text of dashes as long stands for it */
	char instead[8];
};

/* escaped reads the code unit of an escape that begins at p; -1 for any other text. */
static long
escaped(const char *p, const char *end)
{
	unsigned char two[2];

	if (end - p < ESCAPE_BYTES || p[0] != '\\' || p[1] != 'u' || !om_unhex(p + 2, 4, two))
		return -1;
	return two[0] << 8 | two[1];
}

static void
mend_escape(const char *end, struct piece *f)
{
	long unit = escaped(f->at, end), next;

	f->len = end - f->at < 2 ? 1 : 2;
	if (unit < 0)
		return;
	f->len = ESCAPE_BYTES;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		next = escaped(f->at + ESCAPE_BYTES, end);
		if (next >= 0xdc00 && next <= 0xdfff) {
			f->len = 2 * (size_t)ESCAPE_BYTES;
			return;
		}
	}
	if (unit >= 0xd800 && unit <= 0xdfff)
		(void)snprintf(f->instead, sizeof f->instead, "\\ufffd");
	if (unit == 0)
		(void)snprintf(f->instead, sizeof f->instead, "\\u0001");
}

/* mend_high steps over a character that is not ASCII.  A byte that is no UTF-8
 * becomes two C1 characters that hold its halves. */
static void
mend_high(struct mending *m, struct piece *f)
{
	const char *next = f->at;
	unsigned byte = (unsigned char)*f->at;

	(void)om_utf8_next(&next, m->end);
	f->len = (size_t)(next - f->at);
	if (f->len > 1)
		return;
	if (m->n_bad++ < TOLD_APART)
		(void)snprintf(f->instead, sizeof f->instead, "\xc2%c\xc2%c", (char)(0x80 | byte >> 4),
		    (char)(0x90 | (byte & 0xf)));
	else
		(void)snprintf(f->instead, sizeof f->instead, "\x7f");
}

static void
mend_quoted(struct mending *m, struct piece *f)
{
	unsigned char c;

	while (f->at < m->end && (c = (unsigned char)*f->at) != '"' && c != '\\' && c >= 0x20 && c < 0x80)
		f->at++;
	f->len = f->at < m->end;
	if (f->at == m->end)
		return;
	c = (unsigned char)*f->at;
	if (c == '"')
		m->quoted = false;
	else if (c == '\\')
		mend_escape(m->end, f);
	else if (c >= 0x80)
		mend_high(m, f);
	else
		(void)snprintf(f->instead, sizeof f->instead, "\\u%04x", c > 0 ? c : 1u);
}

static bool
is_huge(const char *p, size_t n)
{
	char *copy = strndup(p, n); /* the text may end here, without a zero byte */
	bool huge = copy != NULL && isinf(strtod(copy, NULL));

	free(copy);
	return huge;
}

static void
mend_number(const char *end, struct piece *f)
{
	const char *p = f->at;
	bool exponent = false;
	size_t n = 0;

	while (p + n < end && p[n] != '\0' && strchr("+-.eE0123456789", p[n]) != NULL) {
		exponent |= p[n] == 'e' || p[n] == 'E';
		n++;
	}
	f->len = n;
	f->huge = n > 1 && (exponent || n > 300) && is_huge(p, n);
}

/* mend_word takes what is no number out of the text; false where none stands. */
static bool
mend_word(const char *end, struct piece *f)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(end - f->at) < n || memcmp(f->at, words[i], n) != 0)
			continue;
		f->len = n;
		(void)snprintf(f->instead, sizeof f->instead, "{}");
		return true;
	}
	return false;
}

static void
mend_bare(struct mending *m, struct piece *f)
{
	char c = *f->at;

	if (c == '"') {
		m->quoted = true;
		m->n_bad = 0;
	} else if ((c == 'N' || c == 'I' || c == '-') && mend_word(m->end, f)) {
		return;
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		mend_number(m->end, f);
	}
}

static void
dashes(struct om_buf *out, size_t n)
{
	om_buf_chr(out, '"');
	while (n-- > 2)
		om_buf_chr(out, '-');
	om_buf_chr(out, '"');
}

struct om_json_span
om_json_mend(const char *text, size_t n, struct om_buf *copy)
{
	struct mending m = {.end = text + n};
	const char *p = text, *run = text;

	while (p < m.end) {
		struct piece f = {.at = p, .len = 1};

		if (m.quoted)
			mend_quoted(&m, &f);
		else
			mend_bare(&m, &f);
		p = f.at + f.len;
		if (f.instead[0] == '\0' && !f.huge)
			continue;
		om_buf_add(copy, run, (size_t)(f.at - run));
		if (f.huge)
			dashes(copy, f.len);
		else
			om_buf_str(copy, f.instead);
		run = p;
	}
	if (run == text)
		return (struct om_json_span){.text = text, .n = n};
	om_buf_add(copy, run, (size_t)(m.end - run));
	return copy->status == OM_OK ? (struct om_json_span){.text = copy->data, .n = copy->len}
				     : (struct om_json_span){.text = text, .n = n};
}
