/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * subset.c - a small TrueType font with just the characters of one document.
 *
 * libharu 2.3.0 embeds only the glyphs in use by itself, but it forgets the
 * parts of composed glyphs whose number is beyond 32767, which is most Chinese
 * characters of the Droid font, and reading a whole font takes longer than the
 * rest of a document.  Here glyphs get new numbers: the missing glyph, one
 * per character in the order of their codes, then the parts of composed ones.
 */
#include "font.h"
#include "sfnt.h"

#include <stdlib.h>

#define MAX_GLYPHS 32768u /* what libharu can number */
#define N_TABLES   13u
#define MAX_DEPTH  8 /* of glyphs composed of composed glyphs */
#define NO_NUMBER  0xffffu

/* Flags of a part of a composed glyph. */
#define WORDS      0x0001u
#define SCALE      0x0008u
#define MORE       0x0020u
#define XY_SCALE   0x0040u
#define TWO_BY_TWO 0x0080u

struct subset {
	const struct rd_font *font;
	struct rd_bytes glyf, loca, hmtx;
	unsigned metrics, glyphs;
	bool long_loca;

	uint16_t *old;    /* owned; the old number of each new glyph */
	uint16_t *number; /* owned; the new number of a part, by its old one; NO_NUMBER */
	unsigned n;
	bool bad;
};

static void
put16(struct om_buf *b, unsigned v)
{
	om_buf_chr(b, (char)(v >> 8));
	om_buf_chr(b, (char)v);
}

static void
put32(struct om_buf *b, size_t v)
{
	put16(b, (unsigned)(v >> 16) & 0xffff);
	put16(b, (unsigned)v & 0xffff);
}

static void
set16(struct om_buf *b, size_t at, unsigned v)
{
	if (at + 2 <= b->len) {
		b->data[at] = (char)(v >> 8);
		b->data[at + 1] = (char)v;
	}
}

/* glyph_of gives the outline of an old glyph; empty for a blank. */
static struct rd_bytes
glyph_of(struct subset *s, size_t old)
{
	size_t from = s->long_loca ? rd_u32(&s->loca, old * 4) : (size_t)rd_u16(&s->loca, old * 2) * 2;
	size_t to = s->long_loca ? rd_u32(&s->loca, old * 4 + 4) : (size_t)rd_u16(&s->loca, old * 2 + 2) * 2;

	if (s->loca.short_of || from > to || to > s->glyf.n) {
		s->bad = true;
		return (struct rd_bytes){NULL, 0, false};
	}
	return (struct rd_bytes){s->glyf.at + from, to - from, false};
}

/* next_part steps from one part of a composed glyph to the next: *at is the
 * offset of its flags, 0 at the start and after the last. */
static bool
next_part(struct rd_bytes *g, size_t *at)
{
	unsigned flags;

	if (*at == 0) {
		*at = 10;
		return g->n >= 14 && (rd_u16(g, 0) & 0x8000u) != 0;
	}
	flags = rd_u16(g, *at);
	*at += 4 + ((flags & WORDS) != 0 ? 4u : 2u) +
	    ((flags & SCALE) != 0               ? 2u
		    : (flags & XY_SCALE) != 0   ? 4u
		    : (flags & TWO_BY_TWO) != 0 ? 8u
						: 0u);
	return (flags & MORE) != 0 && !g->short_of && *at + 4 <= g->n;
}

static void
add_glyph(struct subset *s, unsigned old)
{
	if (s->n == MAX_GLYPHS || old >= s->glyphs) {
		s->bad = true;
		return;
	}
	s->old[s->n++] = (uint16_t)old;
}

static void
add_parts(struct subset *s, unsigned old, int depth)
{
	struct rd_bytes g = glyph_of(s, old);

	if (depth > MAX_DEPTH) {
		s->bad = true;
		return;
	}
	for (size_t at = 0; !s->bad && next_part(&g, &at);) {
		unsigned part = rd_u16(&g, at + 2);

		if (part >= s->glyphs) {
			s->bad = true;
			return;
		}
		if (s->number[part] != NO_NUMBER)
			continue;
		s->number[part] = (uint16_t)s->n;
		add_glyph(s, part);
		add_parts(s, part, depth + 1);
	}
}

static bool
is_used(const struct subset *s, const struct rd_used *used, unsigned code)
{
	return (used->bit[code / 8] >> (code % 8) & 1) != 0 && s->font->glyph[code] != 0;
}

static void
choose_glyphs(struct subset *s, const struct rd_used *used)
{
	unsigned chars;

	add_glyph(s, 0);
	for (unsigned c = 0; c < RD_CODES; c++)
		if (is_used(s, used, c))
			add_glyph(s, s->font->glyph[c]);
	chars = s->n;
	for (unsigned i = 0; i < chars; i++)
		add_parts(s, s->old[i], 0);
}

/* ---- tables ---- */

static void
write_glyphs(struct subset *s, struct om_buf *glyf, struct om_buf *loca)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct rd_bytes g = glyph_of(s, s->old[i]);
		size_t start = glyf->len;

		put32(loca, start);
		om_buf_add(glyf, g.at, g.n);
		for (size_t at = 0; next_part(&g, &at);)
			set16(glyf, start + at + 2, s->number[rd_u16(&g, at + 2) & 0xffff]);
		while (glyf->len % 4 != 0 && glyf->status == OM_OK)
			om_buf_chr(glyf, 0);
	}
	put32(loca, glyf->len);
}

static void
write_metrics(struct subset *s, struct om_buf *hmtx)
{
	const size_t full = (size_t)s->metrics * 4; /* bytes of glyphs with a width of their own */

	for (unsigned i = 0; i < s->n; i++) {
		size_t old = s->old[i];
		bool own = old < s->metrics;

		put16(hmtx, rd_u16(&s->hmtx, own ? old * 4 : full - 4));
		put16(hmtx, rd_u16(&s->hmtx, own ? old * 4 + 2 : full + (old - s->metrics) * 2));
	}
}

/* write_map writes runs of codes as segments: new numbers follow the codes. */
static void
write_map(const struct subset *s, const struct rd_used *used, struct om_buf *cmap)
{
	unsigned segments = 1, number = 1, run = 0, power = 1, log = 0;
	struct om_buf ends, starts, deltas;
	bool in = false;

	om_buf_init(&ends, (size_t)RD_CODES * 2);
	om_buf_init(&starts, (size_t)RD_CODES * 2);
	om_buf_init(&deltas, (size_t)RD_CODES * 2);
	for (unsigned c = 0; c < RD_CODES; c++) {
		bool on = c < 0xffff && is_used(s, used, c);

		if (on && !in) {
			segments++;
			run = c;
			put16(&starts, c);
			put16(&deltas, (number - run) & 0xffff);
		}
		if (!on && in)
			put16(&ends, c - 1);
		number += on;
		in = on;
	}
	put16(&ends, 0xffff);
	put16(&starts, 0xffff);
	put16(&deltas, 1);
	while (power * 2 <= segments) {
		power *= 2;
		log++;
	}
	put16(cmap, 0); /* version, one map: platform 3, encoding 1 */
	put16(cmap, 1);
	put16(cmap, 3);
	put16(cmap, 1);
	put32(cmap, 12);
	put16(cmap, 4); /* format, length, language */
	put16(cmap, 16 + segments * 8);
	put16(cmap, 0);
	put16(cmap, segments * 2);
	put16(cmap, power * 2);
	put16(cmap, log);
	put16(cmap, (segments - power) * 2);
	om_buf_add(cmap, ends.data, ends.len);
	put16(cmap, 0);
	om_buf_add(cmap, starts.data, starts.len);
	om_buf_add(cmap, deltas.data, deltas.len);
	for (unsigned i = 0; i < segments; i++)
		put16(cmap, 0);
	if (ends.status != OM_OK || starts.status != OM_OK || deltas.status != OM_OK || segments > 8000)
		om_buf_fail(cmap, OM_TOO_LARGE);
	om_buf_fini(&ends);
	om_buf_fini(&starts);
	om_buf_fini(&deltas);
}

/* write_name writes the two names libharu wants: PostScript name and style. */
static void
write_name(const char *name, struct om_buf *out)
{
	static const char style[] = "Regular";
	unsigned n = (unsigned)strlen(name), m = sizeof style - 1;

	put16(out, 0);
	put16(out, 2);
	put16(out, 6 + 2 * 12);
	for (unsigned i = 0; i < 2; i++) {
		put16(out, 1); /* Macintosh, Roman, English */
		put16(out, 0);
		put16(out, 0);
		put16(out, i == 0 ? 2 : 6);
		put16(out, i == 0 ? m : n);
		put16(out, i == 0 ? 0 : m);
	}
	om_buf_add(out, style, m);
	om_buf_add(out, name, n);
}

static void
write_file(const struct om_buf tables[N_TABLES], const char *const tags[N_TABLES], struct om_buf *out)
{
	size_t at = 12 + N_TABLES * 16;

	put32(out, 0x00010000);
	put16(out, N_TABLES);
	put16(out, 128);
	put16(out, 3);
	put16(out, N_TABLES * 16 - 128);
	for (unsigned i = 0; i < N_TABLES; i++) {
		om_buf_add(out, tags[i], 4);
		put32(out, 0); /* libharu makes its own checksums */
		put32(out, at);
		put32(out, tables[i].len);
		at += (tables[i].len + 3) / 4 * 4;
	}
	for (unsigned i = 0; i < N_TABLES; i++) {
		om_buf_add(out, tables[i].data, tables[i].len);
		for (size_t n = tables[i].len; n % 4 != 0; n++)
			om_buf_chr(out, 0);
	}
}

static om_status
write_subset(struct subset *s, const struct rd_used *used, const char *name, struct om_buf *out, om_err *e)
{
	/* in the order of their tags, as the format wants */
	static const char *const tags[N_TABLES] = {
	    "OS/2", "cmap", "cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post", "prep"};
	enum { CMAP = 1, GLYF = 4, HEAD = 5, HHEA = 6, HMTX = 7, LOCA = 8, MAXP = 9, NAME = 10, POST = 11 };
	struct rd_bytes file = {s->font->data, s->font->n, false};
	struct om_buf t[N_TABLES];
	om_status rc = OM_OK;

	for (unsigned i = 0; i < N_TABLES; i++) {
		struct rd_bytes from = rd_sfnt_table(&file, tags[i]);
		bool copy = i != CMAP && i != GLYF && i != HMTX && i != LOCA && i != NAME;

		om_buf_init(&t[i], out->limit_bytes);
		if (copy)
			om_buf_add(&t[i], from.at, i == POST && from.n > 32 ? 32 : from.n);
	}
	write_glyphs(s, &t[GLYF], &t[LOCA]);
	write_metrics(s, &t[HMTX]);
	write_map(s, used, &t[CMAP]);
	write_name(name, &t[NAME]);
	set16(&t[HEAD], 50, 1); /* long offsets */
	set16(&t[HHEA], 34, s->n);
	set16(&t[MAXP], 4, s->n);
	set16(&t[POST], 0, 3); /* no glyph names */
	set16(&t[POST], 2, 0);
	for (unsigned i = 0; rc == OM_OK && i < N_TABLES; i++)
		rc = om_buf_done(&t[i], e);
	if (rc == OM_OK)
		write_file(t, tags, out);
	for (unsigned i = 0; i < N_TABLES; i++)
		om_buf_fini(&t[i]);
	return rc == OM_OK ? om_buf_done(out, e) : rc;
}

om_status
rd_font_subset(const struct rd_font *f, const struct rd_used *used, const char *name, struct om_buf *out, om_err *e)
{
	struct rd_bytes file = {f->data, f->n, false};
	struct rd_bytes head = rd_sfnt_table(&file, "head"), hhea = rd_sfnt_table(&file, "hhea"),
			maxp = rd_sfnt_table(&file, "maxp");
	struct subset s = {
	    .font = f,
	    .glyf = rd_sfnt_table(&file, "glyf"),
	    .loca = rd_sfnt_table(&file, "loca"),
	    .hmtx = rd_sfnt_table(&file, "hmtx"),
	    .metrics = rd_u16(&hhea, 34),
	    .glyphs = rd_u16(&maxp, 4),
	    .long_loca = rd_u16(&head, 50) != 0,
	    .old = malloc(MAX_GLYPHS * sizeof *s.old),
	    .number = malloc(RD_CODES * sizeof *s.number),
	};
	om_status rc;

	if (s.old == NULL || s.number == NULL) {
		rc = om_fail(e, OM_NOMEM, "out of memory");
	} else {
		memset(s.number, 0xff, RD_CODES * sizeof *s.number);
		choose_glyphs(&s, used);
		rc = s.bad ? om_fail(e, OM_DAMAGED, "a font's outlines are damaged")
			   : write_subset(&s, used, name, out, e);
		if (rc == OM_OK && (s.bad || s.hmtx.short_of))
			rc = om_fail(e, OM_DAMAGED, "a font's outlines are damaged");
	}
	free(s.old);
	free(s.number);
	return rc;
}
