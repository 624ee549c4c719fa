/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "canvas.h"

#include "base/invariant.h"
#include "base/text.h"

#include <hpdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct rd_canvas {
	HPDF_Doc doc; /* owned; NULL in the first pass */
	const struct rd_fonts *fonts;
	struct rd_canvas_opts opts;    /* texts borrowed */
	struct rd_used used[RD_FACES]; /* collected in the first pass */
	bool uses[RD_FACES];
	HPDF_Font font[RD_FACES]; /* NULL for those not used */
	HPDF_Page pages[RD_MAX_PAGES];
	unsigned n_pages;
	HPDF_Page page;   /* that is drawn on; NULL in the first pass */
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
    [RD_WATERMARK] = {0.94f, 0.943f, 0.95f},
};

static void
on_error(HPDF_STATUS code, HPDF_STATUS detail, void *arg)
{
	struct rd_canvas *canvas = arg;

	if (canvas->status != OM_OK)
		return; /* only the first says what went wrong */
	canvas->status = om_fail(&canvas->why, code == HPDF_FAILD_TO_ALLOC_MEM ? OM_NOMEM : OM_INTERNAL,
	    "libharu: error 0x%04lx, detail %lu", (unsigned long)code, (unsigned long)detail);
}

static bool
writes_nothing(const struct rd_canvas *canvas)
{
	return canvas->status != OM_OK || canvas->page == NULL;
}

void
rd_canvas_fail(struct rd_canvas *canvas, om_status s, const char *why)
{
	if (canvas->status == OM_OK)
		canvas->status = om_fail(&canvas->why, s, "%s", why);
}

const struct rd_fonts *
rd_canvas_fonts(const struct rd_canvas *canvas)
{
	return canvas->fonts;
}

static void
collect(struct rd_canvas *canvas, rd_face face, uint32_t c)
{
	if (c < RD_CODES && canvas->fonts->face[face].glyph[c] != 0)
		canvas->used[face].bit[c / 8] |= (unsigned char)(1u << (c % 8));
}

static void
collect_text(struct rd_canvas *canvas, rd_face face, const char *text)
{
	const char *end = text + strlen(text);

	canvas->uses[face] = true;
	while (text < end)
		collect(canvas, face, om_utf8_next(&text, end));
}

static void
set_info(struct rd_canvas *canvas, const struct rd_canvas_opts *o)
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
		(void)HPDF_SetInfoDateAttr(canvas->doc, HPDF_INFO_CREATION_DATE, date);
	}
	(void)HPDF_SetCurrentEncoder(canvas->doc, "UTF-8");
	(void)HPDF_SetInfoAttr(canvas->doc, HPDF_INFO_TITLE, o->title);
	(void)HPDF_SetInfoAttr(canvas->doc, HPDF_INFO_AUTHOR, o->author);
	(void)HPDF_SetInfoAttr(canvas->doc, HPDF_INFO_SUBJECT, o->subject);
	(void)HPDF_SetInfoAttr(canvas->doc, HPDF_INFO_CREATOR, o->author);
}

om_status
rd_canvas_new(const struct rd_fonts *fonts, const struct rd_canvas_opts *o, struct rd_canvas **out, om_err *e)
{
	struct rd_canvas *canvas = calloc(1, sizeof *canvas);

	*out = NULL;
	if (canvas == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	canvas->fonts = fonts;
	canvas->opts = *o;
	*out = canvas;
	return OM_OK;
}

/* hand_over gives libharu a font's bytes by a path, all it takes: of a file
 * that is only in memory. */
static HPDF_Font
hand_over(struct rd_canvas *canvas, const struct om_buf *font)
{
	int fd = memfd_create("font", MFD_CLOEXEC);
	const char *name = NULL;
	size_t at = 0;
	char path[32];

	if (fd < 0) {
		rd_canvas_fail(canvas, OM_IO, "cannot make a file in memory for a font");
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
		name = HPDF_LoadTTFontFromFile(canvas->doc, path, HPDF_TRUE); /* which keeps it open */
	}
	(void)close(fd);
	return name != NULL ? HPDF_GetFont(canvas->doc, name, "UTF-8") : NULL;
}

static void
make_font(struct rd_canvas *canvas, rd_face face)
{
	struct om_buf bytes;
	om_err why;
	om_status s;

	collect(canvas, face, 'H'); /* libharu measures these two */
	collect(canvas, face, 'x');
	om_buf_init(&bytes, (size_t)64 * 1024 * 1024);
	s = rd_font_subset(
	    &canvas->fonts->face[face], &canvas->used[face], canvas->fonts->face[face].name, &bytes, &why);
	if (s != OM_OK)
		rd_canvas_fail(canvas, s, why.text);
	else
		canvas->font[face] = hand_over(canvas, &bytes);
	om_buf_fini(&bytes);
	if (canvas->font[face] == NULL)
		rd_canvas_fail(canvas, OM_INTERNAL, "libharu does not take a font");
}

void
rd_canvas_restart(struct rd_canvas *canvas)
{
	if (canvas->doc != NULL)
		return;
	canvas->n_pages = 0;
	if (canvas->status == OM_TOO_LARGE)
		canvas->status = OM_OK;
}

void
rd_canvas_start_writing(struct rd_canvas *canvas)
{
	om_check(canvas->doc == NULL); /* once */
	canvas->n_pages = 0;
	if (canvas->status != OM_OK)
		return;
	canvas->doc = HPDF_New(on_error, canvas);
	if (canvas->doc == NULL) {
		rd_canvas_fail(canvas, OM_NOMEM, "libharu: out of memory");
		return;
	}
	(void)HPDF_SetCompressionMode(canvas->doc, HPDF_COMP_ALL);
	(void)HPDF_UseUTFEncodings(canvas->doc);
	(void)HPDF_SetPageMode(
	    canvas->doc, canvas->opts.outline ? HPDF_PAGE_MODE_USE_OUTLINE : HPDF_PAGE_MODE_USE_NONE);
	set_info(canvas, &canvas->opts);
	for (int face = 0; face < RD_FACES && canvas->status == OM_OK; face++)
		if (canvas->uses[face])
			make_font(canvas, (rd_face)face);
}

void
rd_canvas_free(struct rd_canvas **ip)
{
	struct rd_canvas *canvas = *ip;

	*ip = NULL;
	if (canvas == NULL)
		return;
	if (canvas->doc != NULL)
		HPDF_Free(canvas->doc);
	free(canvas);
}

void
rd_canvas_page(struct rd_canvas *canvas)
{
	HPDF_Page p;

	if (canvas->status != OM_OK)
		return;
	if (canvas->n_pages == RD_MAX_PAGES) {
		rd_canvas_fail(canvas, OM_TOO_LARGE, "the document would be too long for paper; take the workbook");
		return;
	}
	if (canvas->doc == NULL) {
		canvas->n_pages++;
		return;
	}
	p = HPDF_AddPage(canvas->doc);
	if (p == NULL) {
		rd_canvas_fail(canvas, OM_INTERNAL, "libharu gave no page");
		return;
	}
	(void)HPDF_Page_SetWidth(p, (HPDF_REAL)canvas->opts.width);
	(void)HPDF_Page_SetHeight(p, (HPDF_REAL)canvas->opts.height);
	canvas->pages[canvas->n_pages++] = p;
	canvas->page = p;
}

unsigned
rd_canvas_pages(const struct rd_canvas *canvas)
{
	return canvas->n_pages;
}

void
rd_canvas_go(struct rd_canvas *canvas, unsigned page)
{
	om_check(page < canvas->n_pages);
	if (canvas->doc != NULL)
		canvas->page = canvas->pages[page];
}

static void
fill_colour(struct rd_canvas *canvas, rd_colour c)
{
	(void)HPDF_Page_SetRGBFill(canvas->page, colours[c].r, colours[c].g, colours[c].b);
}

void
rd_canvas_run(
    struct rd_canvas *canvas, rd_face face, double size, rd_colour colour, double x, double y, const char *text)
{
	om_check(face < RD_FACES);
	if (canvas->doc == NULL)
		collect_text(canvas, face, text);
	if (writes_nothing(canvas) || text[0] == '\0')
		return;
	if (canvas->font[face] == NULL) {
		rd_canvas_fail(canvas, OM_INTERNAL, "a font is written with that the first pass did not use");
		return;
	}
	y = canvas->opts.height - y;
	(void)HPDF_Page_BeginText(canvas->page);
	(void)HPDF_Page_SetFontAndSize(canvas->page, canvas->font[face], (HPDF_REAL)size);
	fill_colour(canvas, colour);
	(void)HPDF_Page_MoveTextPos(canvas->page, (HPDF_REAL)x, (HPDF_REAL)y);
	(void)HPDF_Page_ShowText(canvas->page, text);
	(void)HPDF_Page_EndText(canvas->page);
}

void
rd_canvas_line(struct rd_canvas *canvas, rd_colour colour, double width, double x1, double y1, double x2, double y2)
{
	if (writes_nothing(canvas))
		return;
	(void)HPDF_Page_SetLineWidth(canvas->page, (HPDF_REAL)width);
	(void)HPDF_Page_SetRGBStroke(canvas->page, colours[colour].r, colours[colour].g, colours[colour].b);
	(void)HPDF_Page_MoveTo(canvas->page, (HPDF_REAL)x1, (HPDF_REAL)(canvas->opts.height - y1));
	(void)HPDF_Page_LineTo(canvas->page, (HPDF_REAL)x2, (HPDF_REAL)(canvas->opts.height - y2));
	(void)HPDF_Page_Stroke(canvas->page);
}

void
rd_canvas_box(struct rd_canvas *canvas, rd_colour colour, double x, double y, double w, double h)
{
	if (writes_nothing(canvas))
		return;
	fill_colour(canvas, colour);
	(void)HPDF_Page_Rectangle(
	    canvas->page, (HPDF_REAL)x, (HPDF_REAL)(canvas->opts.height - y - h), (HPDF_REAL)w, (HPDF_REAL)h);
	(void)HPDF_Page_Fill(canvas->page);
}

void
rd_canvas_shape(struct rd_canvas *canvas, rd_colour colour)
{
	if (!writes_nothing(canvas))
		fill_colour(canvas, colour);
}

void
rd_canvas_shape_move(struct rd_canvas *canvas, double x, double y)
{
	if (!writes_nothing(canvas))
		(void)HPDF_Page_MoveTo(canvas->page, (HPDF_REAL)x, (HPDF_REAL)(canvas->opts.height - y));
}

void
rd_canvas_shape_line(struct rd_canvas *canvas, double x, double y)
{
	if (!writes_nothing(canvas))
		(void)HPDF_Page_LineTo(canvas->page, (HPDF_REAL)x, (HPDF_REAL)(canvas->opts.height - y));
}

void
rd_canvas_shape_curve(struct rd_canvas *canvas, double x1, double y1, double x2, double y2, double x, double y)
{
	double h = canvas->opts.height;

	if (!writes_nothing(canvas))
		(void)HPDF_Page_CurveTo(canvas->page, (HPDF_REAL)x1, (HPDF_REAL)(h - y1), (HPDF_REAL)x2,
		    (HPDF_REAL)(h - y2), (HPDF_REAL)x, (HPDF_REAL)(h - y));
}

void
rd_canvas_shape_end(struct rd_canvas *canvas)
{
	if (!writes_nothing(canvas))
		(void)HPDF_Page_Fill(canvas->page);
}

void
rd_canvas_image(struct rd_canvas *canvas, const struct rd_image *image, double x, double y, double w, double h)
{
	HPDF_Image drawn;

	if (writes_nothing(canvas))
		return;
	drawn = image->jpeg
	    ? HPDF_LoadJpegImageFromMem(canvas->doc, image->data, (HPDF_UINT)image->n)
	    : HPDF_LoadRawImageFromMem(canvas->doc, image->data, image->width, image->height, HPDF_CS_DEVICE_RGB, 8);
	if (drawn != NULL) /* else the handler has recorded why */
		(void)HPDF_Page_DrawImage(canvas->page, drawn, (HPDF_REAL)x, (HPDF_REAL)(canvas->opts.height - y - h),
		    (HPDF_REAL)w, (HPDF_REAL)h);
}

void
rd_canvas_bookmark(struct rd_canvas *canvas, int level, const char *title, double y)
{
	HPDF_Outline outline;
	HPDF_Destination place;

	if (writes_nothing(canvas))
		return;
	outline = HPDF_CreateOutline(
	    canvas->doc, level > 0 ? canvas->top : NULL, title, HPDF_GetEncoder(canvas->doc, "UTF-8"));
	place = HPDF_Page_CreateDestination(canvas->page);
	if (outline == NULL || place == NULL)
		return; /* the handler has recorded why */
	(void)HPDF_Destination_SetFitH(place, (HPDF_REAL)(canvas->opts.height - y));
	(void)HPDF_Outline_SetDestination(outline, place);
	if (level == 0)
		canvas->top = outline;
}

om_status
rd_canvas_done(struct rd_canvas *canvas, struct om_arena *a, unsigned char **out, size_t *n_out, om_err *e)
{
	static const char begin[] = "%PDF-", end[] = "%%EOF";
	unsigned char *data;
	HPDF_UINT32 size, got;

	*out = NULL;
	*n_out = 0;
	if (canvas->doc == NULL)
		rd_canvas_fail(canvas, OM_INTERNAL, "nothing was drawn");
	if (canvas->status == OM_OK)
		(void)HPDF_SaveToStream(canvas->doc);
	if (canvas->status != OM_OK)
		return om_fail(e, canvas->status, "%s", canvas->why.text);
	size = got = HPDF_GetStreamSize(canvas->doc);
	data = om_arena_alloc(a, (size_t)size + 1);
	if (data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)HPDF_ResetStream(canvas->doc);
	if (HPDF_ReadFromStream(canvas->doc, data, &got) != HPDF_OK || got != size || size < 32 ||
	    memcmp(data, begin, sizeof begin - 1) != 0 || memmem(data + size - 16, 16, end, sizeof end - 1) == NULL)
		return om_fail(e, OM_INTERNAL, "libharu gave an incomplete file");
	*out = data;
	*n_out = size;
	return OM_OK;
}
