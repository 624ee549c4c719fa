/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "canvas.h"

#include "base/text.h"

#include <hpdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct rd_ink {
	HPDF_Doc doc; /* owned; NULL in the rehearsal */
	const struct rd_fonts *fonts;
	struct rd_ink_opts opts;       /* texts borrowed */
	struct rd_used used[RD_FACES]; /* noted in the rehearsal */
	bool uses[RD_FACES];
	HPDF_Font font[RD_FACES]; /* NULL for those not used */
	HPDF_Page pages[RD_MAX_PAGES];
	unsigned n_pages;
	HPDF_Page page;   /* where ink goes; NULL in the rehearsal */
	HPDF_Outline top; /* the last bookmark of level 0 */
	om_status status; /* sticky */
	om_err why;
};

static const struct {
	float r, g, b;
} colours[] = {
    [RD_BLACK] = {0.11f, 0.12f, 0.14f},
    [RD_GREY] = {0.40f, 0.42f, 0.45f},
    [RD_PALE] = {0.62f, 0.64f, 0.67f},
    [RD_HAIR] = {0.84f, 0.85f, 0.87f},
    [RD_ACCENT] = {0.05f, 0.30f, 0.42f},
    [RD_TINT] = {0.945f, 0.96f, 0.968f},
    [RD_MARK] = {0.94f, 0.943f, 0.95f},
};

static void
on_error(HPDF_STATUS code, HPDF_STATUS detail, void *arg)
{
	struct rd_ink *ink = arg;

	if (ink->status != OM_OK)
		return; /* only the first says what went wrong */
	ink->status = om_fail(&ink->why, code == HPDF_FAILD_TO_ALLOC_MEM ? OM_NOMEM : OM_INTERNAL,
	    "libharu: error 0x%04lx, detail %lu", (unsigned long)code, (unsigned long)detail);
}

static bool
dry(const struct rd_ink *ink)
{
	return ink->status != OM_OK || ink->page == NULL;
}

void
rd_ink_fail(struct rd_ink *ink, om_status s, const char *why)
{
	if (ink->status == OM_OK)
		ink->status = om_fail(&ink->why, s, "%s", why);
}

const struct rd_fonts *
rd_ink_fonts(const struct rd_ink *ink)
{
	return ink->fonts;
}

static void
note(struct rd_ink *ink, rd_face face, uint32_t c)
{
	if (c < RD_CODES && ink->fonts->face[face].glyph[c] != 0)
		ink->used[face].bit[c / 8] |= (unsigned char)(1u << (c % 8));
}

static void
note_text(struct rd_ink *ink, rd_face face, const char *text)
{
	const char *end = text + strlen(text);

	ink->uses[face] = true;
	while (text < end)
		note(ink, face, om_utf8_next(&text, end));
}

static void
set_info(struct rd_ink *ink, const struct rd_ink_opts *o)
{
	time_t t = (time_t)(o->created / OM_SECOND);
	HPDF_Date date = {.ind = 'Z'};
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL) {
		date.year = tm.tm_year + 1900;
		date.month = tm.tm_mon + 1;
		date.day = tm.tm_mday;
		date.hour = tm.tm_hour;
		date.minutes = tm.tm_min;
		date.seconds = tm.tm_sec;
		(void)HPDF_SetInfoDateAttr(ink->doc, HPDF_INFO_CREATION_DATE, date);
	}
	(void)HPDF_SetCurrentEncoder(ink->doc, "UTF-8");
	(void)HPDF_SetInfoAttr(ink->doc, HPDF_INFO_TITLE, o->title);
	(void)HPDF_SetInfoAttr(ink->doc, HPDF_INFO_AUTHOR, o->author);
	(void)HPDF_SetInfoAttr(ink->doc, HPDF_INFO_SUBJECT, o->subject);
	(void)HPDF_SetInfoAttr(ink->doc, HPDF_INFO_CREATOR, o->author);
}

om_status
rd_ink_new(const struct rd_fonts *fonts, const struct rd_ink_opts *o, struct rd_ink **out, om_err *e)
{
	struct rd_ink *ink = calloc(1, sizeof *ink);

	*out = NULL;
	if (ink == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	ink->fonts = fonts;
	ink->opts = *o;
	*out = ink;
	return OM_OK;
}

/* hand_over gives libharu a font's bytes by a path, all it takes: of a file
 * that is only in memory. */
static HPDF_Font
hand_over(struct rd_ink *ink, const struct om_buf *font)
{
	int fd = memfd_create("font", MFD_CLOEXEC);
	const char *name = NULL;
	size_t at = 0;
	char path[32];

	if (fd < 0) {
		rd_ink_fail(ink, OM_IO, "cannot make a file in memory for a font");
		return NULL;
	}
	while (at < font->len) {
		ssize_t n = write(fd, font->data + at, font->len - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (at == font->len) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		name = HPDF_LoadTTFontFromFile(ink->doc, path, HPDF_TRUE); /* which keeps it open */
	}
	(void)close(fd);
	return name != NULL ? HPDF_GetFont(ink->doc, name, "UTF-8") : NULL;
}

static void
make_font(struct rd_ink *ink, rd_face face)
{
	struct om_buf bytes;
	om_err why;
	om_status s;

	note(ink, face, 'H'); /* libharu measures these two */
	note(ink, face, 'x');
	om_buf_init(&bytes, (size_t)64 * 1024 * 1024);
	s = rd_font_subset(&ink->fonts->face[face], &ink->used[face], ink->fonts->face[face].name, &bytes, &why);
	if (s != OM_OK)
		rd_ink_fail(ink, s, why.text);
	else
		ink->font[face] = hand_over(ink, &bytes);
	om_buf_fini(&bytes);
	if (ink->font[face] == NULL)
		rd_ink_fail(ink, OM_INTERNAL, "libharu does not take a font");
}

void
rd_ink_again(struct rd_ink *ink)
{
	if (ink->doc != NULL)
		return;
	ink->n_pages = 0;
	if (ink->status == OM_TOO_LARGE)
		ink->status = OM_OK;
}

void
rd_ink_perform(struct rd_ink *ink)
{
	ink->n_pages = 0;
	if (ink->status != OM_OK)
		return;
	ink->doc = HPDF_New(on_error, ink);
	if (ink->doc == NULL) {
		rd_ink_fail(ink, OM_NOMEM, "libharu: out of memory");
		return;
	}
	(void)HPDF_SetCompressionMode(ink->doc, HPDF_COMP_ALL);
	(void)HPDF_UseUTFEncodings(ink->doc);
	(void)HPDF_SetPageMode(ink->doc, ink->opts.outline ? HPDF_PAGE_MODE_USE_OUTLINE : HPDF_PAGE_MODE_USE_NONE);
	set_info(ink, &ink->opts);
	for (int face = 0; face < RD_FACES && ink->status == OM_OK; face++)
		if (ink->uses[face])
			make_font(ink, (rd_face)face);
}

void
rd_ink_free(struct rd_ink **ip)
{
	struct rd_ink *ink = *ip;

	*ip = NULL;
	if (ink == NULL)
		return;
	if (ink->doc != NULL)
		HPDF_Free(ink->doc);
	free(ink);
}

void
rd_ink_page(struct rd_ink *ink)
{
	HPDF_Page p;

	if (ink->status != OM_OK)
		return;
	if (ink->n_pages == RD_MAX_PAGES) {
		rd_ink_fail(ink, OM_TOO_LARGE, "the document would be too long for paper; take the workbook");
		return;
	}
	if (ink->doc == NULL) {
		ink->n_pages++;
		return;
	}
	p = HPDF_AddPage(ink->doc);
	if (p == NULL) {
		rd_ink_fail(ink, OM_INTERNAL, "libharu gave no page");
		return;
	}
	(void)HPDF_Page_SetWidth(p, (HPDF_REAL)ink->opts.width);
	(void)HPDF_Page_SetHeight(p, (HPDF_REAL)ink->opts.height);
	ink->pages[ink->n_pages++] = p;
	ink->page = p;
}

unsigned
rd_ink_pages(const struct rd_ink *ink)
{
	return ink->n_pages;
}

void
rd_ink_go(struct rd_ink *ink, unsigned page)
{
	if (page < ink->n_pages && ink->doc != NULL)
		ink->page = ink->pages[page];
}

static void
fill_colour(struct rd_ink *ink, rd_colour c)
{
	(void)HPDF_Page_SetRGBFill(ink->page, colours[c].r, colours[c].g, colours[c].b);
}

void
rd_ink_run(struct rd_ink *ink, rd_face face, double size, rd_colour colour, double x, double y, const char *text)
{
	if (ink->doc == NULL)
		note_text(ink, face, text);
	if (dry(ink) || text[0] == '\0')
		return;
	if (ink->font[face] == NULL) {
		rd_ink_fail(ink, OM_INTERNAL, "a font was not rehearsed");
		return;
	}
	y = ink->opts.height - y;
	(void)HPDF_Page_BeginText(ink->page);
	(void)HPDF_Page_SetFontAndSize(ink->page, ink->font[face], (HPDF_REAL)size);
	fill_colour(ink, colour);
	(void)HPDF_Page_MoveTextPos(ink->page, (HPDF_REAL)x, (HPDF_REAL)y);
	(void)HPDF_Page_ShowText(ink->page, text);
	(void)HPDF_Page_EndText(ink->page);
}

void
rd_ink_line(struct rd_ink *ink, rd_colour colour, double width, double x1, double y1, double x2, double y2)
{
	if (dry(ink))
		return;
	(void)HPDF_Page_SetLineWidth(ink->page, (HPDF_REAL)width);
	(void)HPDF_Page_SetRGBStroke(ink->page, colours[colour].r, colours[colour].g, colours[colour].b);
	(void)HPDF_Page_MoveTo(ink->page, (HPDF_REAL)x1, (HPDF_REAL)(ink->opts.height - y1));
	(void)HPDF_Page_LineTo(ink->page, (HPDF_REAL)x2, (HPDF_REAL)(ink->opts.height - y2));
	(void)HPDF_Page_Stroke(ink->page);
}

void
rd_ink_box(struct rd_ink *ink, rd_colour colour, double x, double y, double w, double h)
{
	if (dry(ink))
		return;
	fill_colour(ink, colour);
	(void)HPDF_Page_Rectangle(
	    ink->page, (HPDF_REAL)x, (HPDF_REAL)(ink->opts.height - y - h), (HPDF_REAL)w, (HPDF_REAL)h);
	(void)HPDF_Page_Fill(ink->page);
}

void
rd_ink_shape(struct rd_ink *ink, rd_colour colour)
{
	if (!dry(ink))
		fill_colour(ink, colour);
}

void
rd_ink_shape_move(struct rd_ink *ink, double x, double y)
{
	if (!dry(ink))
		(void)HPDF_Page_MoveTo(ink->page, (HPDF_REAL)x, (HPDF_REAL)(ink->opts.height - y));
}

void
rd_ink_shape_line(struct rd_ink *ink, double x, double y)
{
	if (!dry(ink))
		(void)HPDF_Page_LineTo(ink->page, (HPDF_REAL)x, (HPDF_REAL)(ink->opts.height - y));
}

void
rd_ink_shape_curve(struct rd_ink *ink, double x1, double y1, double x2, double y2, double x, double y)
{
	double h = ink->opts.height;

	if (!dry(ink))
		(void)HPDF_Page_CurveTo(ink->page, (HPDF_REAL)x1, (HPDF_REAL)(h - y1), (HPDF_REAL)x2,
		    (HPDF_REAL)(h - y2), (HPDF_REAL)x, (HPDF_REAL)(h - y));
}

void
rd_ink_shape_end(struct rd_ink *ink)
{
	if (!dry(ink))
		(void)HPDF_Page_Fill(ink->page);
}

void
rd_ink_image(struct rd_ink *ink, const struct rd_image *image, double x, double y, double w, double h)
{
	HPDF_Image drawn;

	if (dry(ink))
		return;
	drawn = image->jpeg
	    ? HPDF_LoadJpegImageFromMem(ink->doc, image->data, (HPDF_UINT)image->n)
	    : HPDF_LoadRawImageFromMem(ink->doc, image->data, image->width, image->height, HPDF_CS_DEVICE_RGB, 8);
	if (drawn != NULL) /* else the handler has noted why */
		(void)HPDF_Page_DrawImage(
		    ink->page, drawn, (HPDF_REAL)x, (HPDF_REAL)(ink->opts.height - y - h), (HPDF_REAL)w, (HPDF_REAL)h);
}

void
rd_ink_bookmark(struct rd_ink *ink, int level, const char *title, double y)
{
	HPDF_Outline outline;
	HPDF_Destination place;

	if (dry(ink))
		return;
	outline = HPDF_CreateOutline(ink->doc, level > 0 ? ink->top : NULL, title, HPDF_GetEncoder(ink->doc, "UTF-8"));
	place = HPDF_Page_CreateDestination(ink->page);
	if (outline == NULL || place == NULL)
		return; /* the handler has noted why */
	(void)HPDF_Destination_SetFitH(place, (HPDF_REAL)(ink->opts.height - y));
	(void)HPDF_Outline_SetDestination(outline, place);
	if (level == 0)
		ink->top = outline;
}

om_status
rd_ink_done(struct rd_ink *ink, struct om_arena *a, unsigned char **out, size_t *n_out, om_err *e)
{
	static const char begin[] = "%PDF-", end[] = "%%EOF";
	unsigned char *data;
	HPDF_UINT32 size, got;

	*out = NULL;
	*n_out = 0;
	if (ink->doc == NULL)
		rd_ink_fail(ink, OM_INTERNAL, "nothing was drawn");
	if (ink->status == OM_OK)
		(void)HPDF_SaveToStream(ink->doc);
	if (ink->status != OM_OK)
		return om_fail(e, ink->status, "%s", ink->why.text);
	size = got = HPDF_GetStreamSize(ink->doc);
	data = om_arena_alloc(a, (size_t)size + 1);
	if (data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)HPDF_ResetStream(ink->doc);
	if (HPDF_ReadFromStream(ink->doc, data, &got) != HPDF_OK || got != size || size < 32 ||
	    memcmp(data, begin, sizeof begin - 1) != 0 || memmem(data + size - 16, 16, end, sizeof end - 1) == NULL)
		return om_fail(e, OM_INTERNAL, "libharu gave an incomplete file");
	*out = data;
	*n_out = size;
	return OM_OK;
}
