/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * verify.c - reads a ZIP by its central directory and inflates each entry
 * through a small window, looking for rows on the way.
 */
#include "xlsx/verify.h"

#include <stdbool.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define WINDOW   65536u
#define NO_SHEET (~0u)
#define TAIL     32u /* bytes kept from window to window */

struct zip {
	const unsigned char *at;
	size_t n;
};

struct entry {
	char name[128];
	unsigned method;
	uint32_t crc, packed, unpacked;
	size_t data; /* offset */
};

/* What was seen of an entry's text. */
struct seen {
	uint32_t crc;
	uint64_t bytes;
	uint32_t rows;
	char tail[TAIL + 1];
	size_t n_tail;
};

static uint32_t
u16(const struct zip *z, size_t at)
{
	return at + 2 <= z->n && at + 2 > at ? (uint32_t)z->at[at] | (uint32_t)z->at[at + 1] << 8 : 0;
}

static uint32_t
u32(const struct zip *z, size_t at)
{
	return u16(z, at) | u16(z, at + 2) << 16;
}

static om_status
incomplete(om_err *e, const char *what)
{
	return om_fail(e, OM_FULL, "the workbook came out incomplete (%s); is the disk with WORK_DIR full?", what);
}

/* look counts the rows in a piece of text, of which the first n_old bytes were
 * seen before. */
static void
look(struct seen *s, const char *text, size_t n_old, size_t n)
{
	static const char row[] = "<row ";
	const size_t len = sizeof row - 1;
	const char *p = text, *end = text + n;

	while ((p = memmem(p, (size_t)(end - p), row, len)) != NULL) {
		p += len;
		if ((size_t)(p - text) > n_old)
			s->rows++;
	}
}

static void
see(struct seen *s, const unsigned char *data, size_t n)
{
	char joint[2 * TAIL];
	size_t head = n < TAIL ? n : TAIL, keep;

	s->crc = (uint32_t)crc32(s->crc, data, (uInt)n);
	s->bytes += n;
	/* rows that lie across the border, then those inside */
	memcpy(joint, s->tail, s->n_tail);
	memcpy(joint + s->n_tail, data, head);
	look(s, joint, s->n_tail, s->n_tail + (head < 4 ? head : 4));
	look(s, (const char *)data, 0, n);
	if (n >= TAIL) {
		memcpy(s->tail, data + n - TAIL, TAIL);
		s->n_tail = TAIL;
		return;
	}
	keep = s->n_tail + n > TAIL ? TAIL - n : s->n_tail;
	memmove(s->tail, s->tail + s->n_tail - keep, keep);
	memcpy(s->tail + keep, data, n);
	s->n_tail = keep + n;
}

static om_status
unpack(const struct zip *z, const struct entry *f, struct seen *s, om_err *e)
{
	unsigned char window[WINDOW];
	z_stream st = {.zalloc = NULL};
	int rv;

	*s = (struct seen){.crc = 0};
	if (f->method == 0) {
		see(s, z->at + f->data, f->packed);
		return OM_OK;
	}
	if (f->method != 8)
		return incomplete(e, f->name);
	if (inflateInit2(&st, -MAX_WBITS) != Z_OK)
		return om_fail(e, OM_NOMEM, "out of memory");
	st.next_in = z->at + f->data;
	st.avail_in = f->packed;
	do {
		st.next_out = window;
		st.avail_out = WINDOW;
		rv = inflate(&st, Z_NO_FLUSH);
		see(s, window, WINDOW - st.avail_out);
	} while (rv == Z_OK && s->bytes <= f->unpacked);
	(void)inflateEnd(&st);
	return rv == Z_STREAM_END ? OM_OK : incomplete(e, f->name);
}

/* read_entry reads the directory's entry at *at and steps over it. */
static om_status
read_entry(const struct zip *z, size_t *at, struct entry *f, om_err *e)
{
	size_t name = u16(z, *at + 28), local;

	if (u32(z, *at) != 0x02014b50u || name == 0 || name >= sizeof f->name || *at + 46 + name > z->n)
		return incomplete(e, "its directory");
	memcpy(f->name, z->at + *at + 46, name);
	f->name[name] = '\0';
	f->method = u16(z, *at + 10);
	f->crc = u32(z, *at + 16);
	f->packed = u32(z, *at + 20);
	f->unpacked = u32(z, *at + 24);
	local = u32(z, *at + 42);
	f->data = local + 30 + u16(z, local + 26) + u16(z, local + 28);
	if (u32(z, local) != 0x04034b50u || f->data > z->n || f->packed > z->n - f->data)
		return incomplete(e, f->name);
	*at += 46 + name + u16(z, *at + 30) + u16(z, *at + 32);
	return OM_OK;
}

static bool
ends_in(const struct seen *s, const char *text)
{
	size_t n = strlen(text), len = s->n_tail;

	while (len > 0 && (s->tail[len - 1] == '\n' || s->tail[len - 1] == '\r'))
		len--;
	return len >= n && memcmp(s->tail + len - n, text, n) == 0;
}

/* sheet_of gives the number in the name of a sheet's entry. */
static unsigned
sheet_of(const char *name)
{
	static const char begin[] = "xl/worksheets/sheet", end[] = ".xml";
	unsigned n = 0;

	if (strncmp(name, begin, sizeof begin - 1) != 0)
		return NO_SHEET;
	for (name += sizeof begin - 1; *name >= '0' && *name <= '9' && n < 1000; name++)
		n = n * 10 + (unsigned)(*name - '0');
	return strcmp(name, end) == 0 ? n : NO_SHEET;
}

om_status
rd_xlsx_verify(const unsigned char *data, size_t n, const uint32_t *rows, unsigned n_sheets, om_err *e)
{
	struct zip z = {data, n};
	unsigned sheets = 0, entries;
	struct entry f;
	struct seen seen;
	size_t end, at;

	if (n < 22)
		return incomplete(e, "no file");
	end = n - 22; /* libxlsxwriter writes no comment behind it */
	if (u32(&z, end) != 0x06054b50u)
		return incomplete(e, "its end");
	entries = u16(&z, end + 10);
	at = u32(&z, end + 16);
	for (unsigned i = 0; i < entries; i++) {
		unsigned sheet;
		om_status s = read_entry(&z, &at, &f, e);

		if (s == OM_OK)
			s = unpack(&z, &f, &seen, e);
		if (s != OM_OK)
			return s;
		if (seen.crc != f.crc || seen.bytes != f.unpacked)
			return incomplete(e, f.name);
		sheet = sheet_of(f.name);
		if (sheet == NO_SHEET)
			continue;
		if (sheet == 0 || sheet > n_sheets || !ends_in(&seen, "</worksheet>") || seen.rows != rows[sheet - 1])
			return incomplete(e, f.name);
		sheets++;
	}
	return sheets == n_sheets ? OM_OK : incomplete(e, "a sheet is missing");
}
