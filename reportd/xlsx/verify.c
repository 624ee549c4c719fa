/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * verify.c - reads a ZIP by its central directory and inflates each entry
 * through a small window, looking for rows on the way.
 */
#include "verify.h"

#include <stdbool.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define ZLIB_CONST
#include <zlib.h>

#define WINDOW   65536u
#define NO_SHEET (~0u)
#define TAIL     32u /* bytes kept from window to window */

struct zip {
	int fd;
	uint64_t n;
};

struct entry {
	char name[128];
	unsigned method;
	uint32_t crc, packed, unpacked;
	uint64_t data; /* offset */
};

/* What was seen of an entry's text. */
struct seen {
	uint32_t crc;
	uint64_t bytes;
	uint32_t rows;
	char tail[TAIL + 1];
	size_t n_tail;
};

/* get reads n bytes at an offset; false when they are not there. */
static bool
get(const struct zip *z, uint64_t at, void *out, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(z->fd, (char *)out + got, n - got, (off_t)(at + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return true;
}

static uint32_t
u16(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t
u32(const unsigned char *p)
{
	return u16(p) | u16(p + 2) << 16;
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
	/* rows that lie across the border of two windows, then those inside */
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

/* inflate_all unpacks an entry window by window; a sheet of a million rows has
 * more than a GB. */
static om_status
inflate_all(
    const struct zip *z, const struct entry *f, struct seen *s, unsigned char *in, unsigned char *out, om_err *e)
{
	z_stream st = {.zalloc = NULL};
	uint64_t at = f->data, end = f->data + f->packed;
	int rv = Z_OK;

	if (inflateInit2(&st, -MAX_WBITS) != Z_OK)
		return om_fail(e, OM_NOMEM, "out of memory");
	while (rv == Z_OK && s->bytes <= f->unpacked) {
		if (st.avail_in == 0 && at < end) {
			size_t n = end - at < WINDOW ? (size_t)(end - at) : WINDOW;

			if (!get(z, at, in, n))
				break;
			at += n;
			st.next_in = in;
			st.avail_in = (uInt)n;
		}
		st.next_out = out;
		st.avail_out = WINDOW;
		rv = inflate(&st, Z_NO_FLUSH);
		see(s, out, WINDOW - st.avail_out);
	}
	(void)inflateEnd(&st);
	return rv == Z_STREAM_END ? OM_OK : incomplete(e, f->name);
}

static om_status
copy_all(const struct zip *z, const struct entry *f, struct seen *s, unsigned char *in, om_err *e)
{
	for (uint64_t done = 0; done < f->packed;) {
		size_t n = f->packed - done < WINDOW ? (size_t)(f->packed - done) : WINDOW;

		if (!get(z, f->data + done, in, n))
			return incomplete(e, f->name);
		see(s, in, n);
		done += n;
	}
	return OM_OK;
}

static om_status
unpack(const struct zip *z, const struct entry *f, struct seen *s, om_err *e)
{
	unsigned char in[WINDOW], out[WINDOW];

	*s = (struct seen){.crc = 0};
	if (f->method == 0)
		return copy_all(z, f, s, in, e);
	return f->method == 8 ? inflate_all(z, f, s, in, out, e) : incomplete(e, f->name);
}

/* read_entry reads the directory's entry at *at and steps over it. */
static om_status
read_entry(const struct zip *z, uint64_t *at, struct entry *f, om_err *e)
{
	unsigned char head[46], local[30];
	size_t name;
	uint64_t begin;

	if (!get(z, *at, head, sizeof head) || u32(head) != 0x02014b50u)
		return incomplete(e, "its directory");
	name = u16(head + 28);
	if (name == 0 || name >= sizeof f->name || !get(z, *at + 46, f->name, name))
		return incomplete(e, "its directory");
	f->name[name] = '\0';
	f->method = u16(head + 10);
	f->crc = u32(head + 16);
	f->packed = u32(head + 20);
	f->unpacked = u32(head + 24);
	begin = u32(head + 42);
	if (!get(z, begin, local, sizeof local) || u32(local) != 0x04034b50u)
		return incomplete(e, f->name);
	f->data = begin + 30 + u16(local + 26) + u16(local + 28);
	if (f->data > z->n || f->packed > z->n - f->data)
		return incomplete(e, f->name);
	*at += 46 + name + u16(head + 30) + u16(head + 32);
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
rd_xlsx_verify(int fd, const uint32_t *rows, unsigned n_sheets, om_err *e)
{
	struct zip z = {.fd = fd};
	unsigned sheets = 0, entries;
	struct entry f;
	struct seen seen;
	unsigned char end[22];
	struct stat st;
	uint64_t at;

	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof end)
		return incomplete(e, "no file");
	z.n = (uint64_t)st.st_size;
	/* libxlsxwriter writes no comment after it */
	if (!get(&z, z.n - sizeof end, end, sizeof end) || u32(end) != 0x06054b50u)
		return incomplete(e, "its end");
	entries = u16(end + 10);
	at = u32(end + 16);
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
