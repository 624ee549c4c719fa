/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "logo.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES  ((size_t)2 * 1024 * 1024)
#define MAX_SIDE   4000u
#define SHOWN_WIDE 640u /* pixels that the box on a page can show, generously */
#define SHOWN_HIGH 240u

static om_status
read_file(const char *path, unsigned char **out, size_t *n_out, om_err *e)
{
	FILE *f = fopen(path, "rbe");
	unsigned char *data;
	size_t n;

	if (f == NULL)
		return om_fail(e, OM_INVALID, "ISSUER_LOGO: %.160s cannot be read", path);
	data = malloc(MAX_BYTES + 1);
	n = data != NULL ? fread(data, 1, MAX_BYTES + 1, f) : 0;
	(void)fclose(f);
	if (data == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (n == 0 || n > MAX_BYTES) {
		free(data);
		return om_fail(e, OM_INVALID, "ISSUER_LOGO: %.160s is %s", path, n == 0 ? "empty" : "larger than 2 MB");
	}
	*out = data;
	*n_out = n;
	return OM_OK;
}

/* ---- JPEG ---- */

/* read_jpeg looks for the frame header, which tells size and colours. */
static om_status
read_jpeg(const unsigned char *d, size_t n, struct rd_image *out, om_err *e)
{
	for (size_t at = 2; at + 9 < n && d[at] == 0xff;) {
		unsigned marker = d[at + 1];
		size_t len = (size_t)d[at + 2] << 8 | d[at + 3];

		if (marker == 0xff) { /* filling */
			at++;
			continue;
		}
		if (marker >= 0xc0 && marker <= 0xc2) {
			out->height = (unsigned)d[at + 5] << 8 | d[at + 6];
			out->width = (unsigned)d[at + 7] << 8 | d[at + 8];
			if (d[at + 4] != 8 || (d[at + 9] != 1 && d[at + 9] != 3))
				return om_fail(
				    e, OM_INVALID, "ISSUER_LOGO: the JPEG is neither RGB nor grey; save it as RGB");
			return OM_OK;
		}
		if (len < 2 || (marker >= 0xc3 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc))
			break;
		at += 2 + len;
	}
	return om_fail(e, OM_INVALID, "ISSUER_LOGO: the JPEG is damaged or of an unusual kind");
}

/* ---- PNG ---- */

/* shrink averages blocks of pixels; step is at least 1. */
static void
shrink(unsigned char *rgb, unsigned wide, unsigned high, unsigned step, unsigned *wide_out, unsigned *high_out)
{
	unsigned w = wide / step, h = high / step;

	w = w > 0 ? w : 1;
	h = h > 0 ? h : 1;
	for (unsigned y = 0; y < h; y++)
		for (unsigned x = 0; x < w; x++)
			for (unsigned c = 0; c < 3; c++) {
				unsigned long sum = 0, n = 0;

				for (unsigned j = y * step; j < (y + 1) * step && j < high; j++)
					for (unsigned i = x * step; i < (x + 1) * step && i < wide; i++, n++)
						sum += rgb[((size_t)j * wide + i) * 3 + c];
				/* never beyond what is read next: blocks only shrink */
				rgb[((size_t)y * w + x) * 3 + c] = (unsigned char)(sum / (n > 0 ? n : 1));
			}
	*wide_out = w;
	*high_out = h;
}

static om_status
read_png(const unsigned char *data, size_t n, struct rd_image *out, om_err *e)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	png_color white = {255, 255, 255};
	unsigned char *rgb = NULL;
	unsigned step = 1;

	if (png_image_begin_read_from_memory(&image, data, n) == 0)
		return om_fail(e, OM_INVALID, "ISSUER_LOGO: %.100s", image.message);
	if (image.width == 0 || image.height == 0 || image.width > MAX_SIDE || image.height > MAX_SIDE) {
		png_image_free(&image);
		return om_fail(e, OM_INVALID, "ISSUER_LOGO: the picture is larger than %u pixels a side", MAX_SIDE);
	}
	image.format = PNG_FORMAT_RGB;
	rgb = malloc(PNG_IMAGE_SIZE(image));
	if (rgb == NULL || png_image_finish_read(&image, &white, rgb, 0, NULL) == 0) {
		bool full = rgb == NULL;

		png_image_free(&image);
		free(rgb);
		return full ? om_fail(e, OM_NOMEM, "out of memory")
			    : om_fail(e, OM_INVALID, "ISSUER_LOGO: %.100s", image.message);
	}
	while (image.width / step > SHOWN_WIDE || image.height / step > SHOWN_HIGH)
		step++;
	shrink(rgb, image.width, image.height, step, &out->width, &out->height);
	out->data = rgb;
	out->n = (size_t)out->width * out->height * 3;
	return OM_OK;
}

om_status
rd_logo_open(const char *path, struct rd_image *out, om_err *e)
{
	unsigned char *data;
	size_t n;
	om_status s;

	memset(out, 0, sizeof *out);
	s = read_file(path, &data, &n, e);
	if (s != OM_OK)
		return s;
	if (n > 8 && png_sig_cmp(data, 0, 8) == 0) {
		s = read_png(data, n, out, e);
		free(data);
		return s;
	}
	if (n > 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff)
		s = read_jpeg(data, n, out, e);
	else
		s = om_fail(e, OM_INVALID, "ISSUER_LOGO: %.160s is neither PNG nor JPEG", path);
	if (s == OM_OK && (out->width == 0 || out->height == 0 || out->width > MAX_SIDE || out->height > MAX_SIDE))
		s = om_fail(e, OM_INVALID, "ISSUER_LOGO: the picture is larger than %u pixels a side", MAX_SIDE);
	if (s != OM_OK) {
		free(data);
		memset(out, 0, sizeof *out);
		return s;
	}
	out->jpeg = true;
	out->data = data;
	out->n = n;
	return OM_OK;
}

void
rd_logo_close(struct rd_image *logo)
{
	void *data;

	memcpy(&data, &logo->data, sizeof data); /* this file's own; the others may not change it */
	free(data);
	memset(logo, 0, sizeof *logo);
}
