/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pdf/font.h"

#include "log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FONT_BYTES ((size_t)64 * 1024 * 1024)
#define CODES          65536u

/* Bytes with bounds: reading beyond the end gives zero and marks it. */
struct bytes {
	const unsigned char *at;
	size_t n;
	bool short_of;
};

static unsigned
u16(struct bytes *b, size_t at)
{
	if (at + 2 > b->n || at + 2 < at) {
		b->short_of = true;
		return 0;
	}
	return (unsigned)b->at[at] << 8 | b->at[at + 1];
}

static uint32_t
u32(struct bytes *b, size_t at)
{
	return (uint32_t)u16(b, at) << 16 | u16(b, at + 2);
}

/* table narrows the file to one of its tables; empty when there is none. */
static struct bytes
table(struct bytes *file, const char *tag)
{
	unsigned n = u16(file, 4);

	for (unsigned i = 0; i < n && !file->short_of; i++) {
		size_t entry = 12 + (size_t)i * 16;
		size_t at = u32(file, entry + 8), len = u32(file, entry + 12);

		if (entry + 16 <= file->n && memcmp(file->at + entry, tag, 4) == 0 && at <= file->n &&
		    len <= file->n - at)
			return (struct bytes){file->at + at, len, false};
	}
	return (struct bytes){NULL, 0, true};
}

/* unicode_map finds the segment map of the basic plane: platform 3, encoding 1,
 * format 4, the one libharu uses. */
static size_t
unicode_map(struct bytes *cmap)
{
	unsigned n = u16(cmap, 2);

	for (unsigned i = 0; i < n && !cmap->short_of; i++) {
		size_t entry = 4 + (size_t)i * 8;
		size_t at = u32(cmap, entry + 4);

		if (u16(cmap, entry) == 3 && u16(cmap, entry + 2) == 1 && u16(cmap, at) == 4)
			return at;
	}
	return 0;
}

om_status
rd_font_read(const unsigned char *data, size_t n, uint16_t advance[CODES], om_err *e)
{
	struct bytes file = {data, n, false};
	struct bytes head = table(&file, "head"), hhea = table(&file, "hhea"), hmtx = table(&file, "hmtx"),
		     cmap = table(&file, "cmap"), maxp = table(&file, "maxp");
	unsigned em = u16(&head, 18), metrics = u16(&hhea, 34), glyphs = u16(&maxp, 4), segments;
	size_t map = unicode_map(&cmap), ends, starts, deltas, offsets, chars = 0;

	memset(advance, 0xff, CODES * sizeof *advance);
	if (em == 0 || metrics == 0 || glyphs == 0 || map == 0 || metrics > hmtx.n / 4)
		return om_fail(e, OM_DAMAGED, "no TrueType font with a Unicode map");
	segments = u16(&cmap, map + 6) / 2;
	ends = map + 14;
	starts = ends + (size_t)segments * 2 + 2;
	deltas = starts + (size_t)segments * 2;
	offsets = deltas + (size_t)segments * 2;
	for (unsigned i = 0; i < segments && !cmap.short_of; i++) {
		unsigned first = u16(&cmap, starts + i * 2u), last = u16(&cmap, ends + i * 2u);
		unsigned delta = u16(&cmap, deltas + i * 2u), offset = u16(&cmap, offsets + i * 2u);

		for (unsigned c = first; c <= last && c < 0xffff && !cmap.short_of; c++) {
			unsigned glyph = c;

			if (offset != 0)
				glyph = u16(&cmap, offsets + i * 2u + offset + (size_t)(c - first) * 2);
			if (glyph != 0 || offset == 0)
				glyph = (glyph + delta) & 0xffff;
			if (glyph == 0 || glyph >= glyphs)
				continue;
			chars++;
			advance[c] = (uint16_t)(u16(&hmtx, (glyph < metrics ? glyph : metrics - 1) * 4u) * 1000u / em);
		}
	}
	if (cmap.short_of || chars == 0)
		return om_fail(e, OM_DAMAGED, "the font's Unicode map is damaged");
	return OM_OK;
}

static om_status
read_file(const char *path, unsigned char **out, size_t *n_out, om_err *e)
{
	FILE *f = fopen(path, "rbe");
	unsigned char *data = NULL;
	long size = -1;

	if (f == NULL)
		return om_fail(e, OM_NOT_FOUND, "%.200s cannot be read", path);
	if (fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	if (size > 0 && (size_t)size <= MAX_FONT_BYTES && fseek(f, 0, SEEK_SET) == 0)
		data = malloc((size_t)size);
	if (data != NULL && fread(data, 1, (size_t)size, f) != (size_t)size) {
		free(data);
		data = NULL;
	}
	(void)fclose(f);
	if (data == NULL)
		return om_fail(e, OM_IO, "%.200s cannot be read", path);
	*out = data;
	*n_out = (size_t)size;
	return OM_OK;
}

/* open_face looks for a file in dir, then in its folder below. */
static om_status
open_face(const char *dir, const char *folder, const char *file, struct rd_font *out, om_err *e)
{
	unsigned char *data = NULL;
	char path[1200];
	size_t n = 0;
	om_status s;
	om_err why;

	(void)snprintf(path, sizeof path, "%s/%s", dir, file);
	s = read_file(path, &data, &n, &why);
	if (s == OM_NOT_FOUND) {
		(void)snprintf(path, sizeof path, "%s/%s/%s", dir, folder, file);
		s = read_file(path, &data, &n, &why);
	}
	if (s != OM_OK)
		return om_fail(e, s, "%s", why.text);
	out->path = strdup(path);
	out->advance = malloc(CODES * sizeof *out->advance);
	if (out->path == NULL || out->advance == NULL)
		s = om_fail(e, OM_NOMEM, "out of memory");
	else if (rd_font_read(data, n, out->advance, &why) != OM_OK)
		s = om_fail(e, OM_DAMAGED, "%.150s: %.80s", path, why.text);
	free(data);
	return s;
}

om_status
rd_fonts_open(const char *dir, struct rd_fonts *out, om_err *e)
{
	om_status s;
	om_err why;

	*out = (struct rd_fonts){.face = {{NULL, NULL}}};
	s = open_face(dir, "dejavu", "DejaVuSans.ttf", &out->face[RD_REGULAR], &why);
	if (s == OM_OK)
		s = open_face(dir, "dejavu", "DejaVuSans-Bold.ttf", &out->face[RD_BOLD], &why);
	if (s != OM_OK) {
		rd_fonts_close(out);
		return om_fail(e, s, "FONT_DIR: %.180s; install the package fonts-dejavu-core", why.text);
	}
	s = open_face(dir, "droid", "DroidSansFallbackFull.ttf", &out->face[RD_CJK], &why);
	if (s == OM_NOT_FOUND)
		s = open_face(dir, "droid", "DroidSansFallback.ttf", &out->face[RD_CJK], &why);
	if (s != OM_OK) {
		free(out->face[RD_CJK].path);
		free(out->face[RD_CJK].advance);
		out->face[RD_CJK] = (struct rd_font){NULL, NULL};
		om_log(OM_LOG_WARN,
		    "Chinese, Japanese and Korean names will show as boxes; install the package "
		    "fonts-droid-fallback",
		    "why", why.text, NULL);
	}
	return OM_OK;
}

void
rd_fonts_close(struct rd_fonts *f)
{
	for (int i = 0; i < RD_FACES; i++) {
		free(f->face[i].path);
		free(f->face[i].advance);
		f->face[i] = (struct rd_font){NULL, NULL};
	}
}

rd_face
rd_fonts_face(const struct rd_fonts *f, rd_face wanted, uint32_t code)
{
	if (code >= CODES)
		return RD_FACES;
	if (f->face[wanted].advance[code] != RD_NO_GLYPH)
		return wanted;
	if (f->face[RD_CJK].advance != NULL && f->face[RD_CJK].advance[code] != RD_NO_GLYPH)
		return RD_CJK;
	return RD_FACES;
}
