/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "font.h"

#include "sfnt.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FONT_BYTES ((size_t)64 * 1024 * 1024)

/* unicode_map finds the segment map of the basic plane: platform 3, encoding 1,
 * format 4. */
static size_t
unicode_map(struct rd_bytes *cmap)
{
	unsigned n = rd_u16(cmap, 2);

	for (unsigned i = 0; i < n && !cmap->short_of; i++) {
		size_t entry = 4 + (size_t)i * 8;
		size_t at = rd_u32(cmap, entry + 4);

		if (rd_u16(cmap, entry) == 3 && rd_u16(cmap, entry + 2) == 1 && rd_u16(cmap, at) == 4)
			return at;
	}
	return 0;
}

/* read_map fills f->glyph; returns the number of characters, 0 when the map is
 * damaged. */
static size_t
read_map(struct rd_bytes *cmap, size_t map, unsigned glyphs, struct rd_font *f)
{
	unsigned segments = rd_u16(cmap, map + 6) / 2;
	size_t ends = map + 14, starts = ends + (size_t)segments * 2 + 2, deltas = starts + (size_t)segments * 2,
	       offsets = deltas + (size_t)segments * 2, chars = 0;

	for (size_t i = 0; i < segments && !cmap->short_of; i++) {
		unsigned first = rd_u16(cmap, starts + i * 2), last = rd_u16(cmap, ends + i * 2);
		unsigned delta = rd_u16(cmap, deltas + i * 2), offset = rd_u16(cmap, offsets + i * 2);

		for (unsigned c = first; c <= last && c < 0xffff && !cmap->short_of; c++) {
			unsigned glyph = c;

			if (offset != 0)
				glyph = rd_u16(cmap, offsets + i * 2 + offset + (size_t)(c - first) * 2);
			if (glyph != 0 || offset == 0)
				glyph = (glyph + delta) & 0xffff;
			if (glyph == 0 || glyph >= glyphs)
				continue;
			f->glyph[c] = (uint16_t)glyph;
			chars++;
		}
	}
	return cmap->short_of ? 0 : chars;
}

om_status
rd_font_read(unsigned char *data, size_t n, struct rd_font *out, om_err *e)
{
	struct rd_bytes file = {data, n, false};
	struct rd_bytes head = rd_sfnt_table(&file, "head"), hhea = rd_sfnt_table(&file, "hhea"),
			hmtx = rd_sfnt_table(&file, "hmtx"), cmap = rd_sfnt_table(&file, "cmap"),
			maxp = rd_sfnt_table(&file, "maxp");
	unsigned em = rd_u16(&head, 18), metrics = rd_u16(&hhea, 34), glyphs = rd_u16(&maxp, 4);
	size_t map = unicode_map(&cmap);

	*out = (struct rd_font){
	    .data = data,
	    .n = n,
	    .advance = malloc(RD_CODES * sizeof *out->advance),
	    .glyph = calloc(RD_CODES, sizeof *out->glyph),
	};
	if (out->advance == NULL || out->glyph == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (em == 0 || metrics == 0 || glyphs == 0 || map == 0 || metrics > hmtx.n / 4)
		return om_fail(e, OM_DAMAGED, "no TrueType font with a Unicode map");
	if (read_map(&cmap, map, glyphs, out) == 0)
		return om_fail(e, OM_DAMAGED, "the font's Unicode map is damaged");
	for (size_t c = 0; c < RD_CODES; c++) {
		unsigned g = out->glyph[c];
		unsigned width = rd_u16(&hmtx, (g < metrics ? g : metrics - 1) * (size_t)4) * 1000u / em;

		out->advance[c] = (uint16_t)(g == 0 || width >= RD_NO_GLYPH ? RD_NO_GLYPH : width);
	}
	return OM_OK;
}

void
rd_font_fini(struct rd_font *f)
{
	free(f->data);
	free(f->advance);
	free(f->glyph);
	*f = (struct rd_font){.data = NULL};
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

/* open_face looks for a file in the folders where distributions put it. */
static om_status
open_face(const char *dir, const char *file, struct rd_font *out, om_err *e)
{
	static const char *const folders[] = {
	    ".", "open-sans", "dejavu", "droid", "../../fonts-droid-fallback/truetype"};
	unsigned char *data = NULL;
	om_status s = OM_NOT_FOUND;
	char path[1200];
	size_t n = 0;
	om_err why = {.text = ""};

	for (size_t i = 0; s == OM_NOT_FOUND && i < sizeof folders / sizeof folders[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s/%s", dir, folders[i], file);
		s = read_file(path, &data, &n, &why);
	}
	if (s == OM_NOT_FOUND)
		return om_fail(e, s, "%.100s is not in %.100s", file, dir);
	if (s == OM_OK)
		s = rd_font_read(data, n, out, &why);
	if (s != OM_OK) {
		rd_font_fini(out);
		return om_fail(e, s, "%.150s: %.80s", path, why.text);
	}
	return OM_OK;
}

/* The files of each face, the preferred one first. */
static const struct {
	const char *file, *name;
} sources[RD_FACES][2] = {
    [RD_REGULAR] = {{"OpenSans-Regular.ttf", "OpenSans"}, {"DejaVuSans.ttf", "DejaVuSans"}},
    [RD_BOLD] = {{"OpenSans-Semibold.ttf", "OpenSans-Semibold"}, {"DejaVuSans-Bold.ttf", "DejaVuSans-Bold"}},
    [RD_LIGHT] = {{"OpenSans-Light.ttf", "OpenSans-Light"}, {"DejaVuSans.ttf", "DejaVuSansLight"}},
    [RD_WIDE] = {{"DejaVuSans.ttf", "DejaVuSansWide"}, {NULL, NULL}},
    [RD_CJK] = {{"DroidSansFallbackFull.ttf", "DroidSansFallbackFull"}, {NULL, NULL}},
    [RD_KOREAN] = {{"DroidSansFallback.ttf", "DroidSansFallback"}, {NULL, NULL}},
};

static om_status
open_first(const char *dir, rd_face face, struct rd_font *out, om_err *e)
{
	om_status s = OM_NOT_FOUND;

	for (size_t i = 0; i < 2 && s != OM_OK && sources[face][i].file != NULL; i++) {
		s = open_face(dir, sources[face][i].file, out, e);
		out->name = sources[face][i].name;
	}
	return s;
}

om_status
rd_fonts_open(const char *dir, struct rd_fonts *out, om_err *e)
{
	static const struct {
		rd_face face;
		const char *lost;
	} stand_ins[] = {
	    {RD_WIDE, "rare letters will show as boxes; install the package fonts-dejavu-core"},
	    {RD_CJK, "Chinese and Japanese names will show as boxes; install the package fonts-droid-fallback"},
	    {RD_KOREAN, "Korean names will show as boxes; install the package fonts-droid-fallback"},
	};
	om_err why;

	memset(out, 0, sizeof *out);
	for (int face = RD_REGULAR; face <= RD_LIGHT; face++) {
		om_status s = open_first(dir, (rd_face)face, &out->face[face], &why);

		if (s != OM_OK) {
			rd_fonts_close(out);
			return om_fail(e, s,
			    "FONT_DIR: %.120s; install the package fonts-open-sans or fonts-dejavu-core", why.text);
		}
	}
	for (size_t i = 0; i < sizeof stand_ins / sizeof stand_ins[0]; i++)
		if (open_first(dir, stand_ins[i].face, &out->face[stand_ins[i].face], &why) != OM_OK)
			om_log(OM_LOG_WARN, stand_ins[i].lost, "why", why.text, NULL);
	return OM_OK;
}

void
rd_fonts_close(struct rd_fonts *f)
{
	for (int i = 0; i < RD_FACES; i++)
		rd_font_fini(&f->face[i]);
}

rd_face
rd_fonts_face(const struct rd_fonts *f, rd_face wanted, uint32_t code)
{
	static const rd_face stand_ins[] = {RD_WIDE, RD_CJK, RD_KOREAN};

	if (code >= RD_CODES)
		return RD_FACES;
	if (f->face[wanted].advance[code] != RD_NO_GLYPH)
		return wanted;
	for (size_t i = 0; i < sizeof stand_ins / sizeof stand_ins[0]; i++) {
		const struct rd_font *face = &f->face[stand_ins[i]];

		if (face->advance != NULL && face->advance[code] != RD_NO_GLYPH)
			return stand_ins[i];
	}
	return RD_FACES;
}
