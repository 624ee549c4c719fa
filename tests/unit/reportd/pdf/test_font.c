/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pdf/font.h"
#include "pdf/typeset.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rd_fonts fonts;

static int
set_up(void **state)
{
	const char *dir = getenv("FONT_DIR");

	(void)state;
	return rd_fonts_open(dir != NULL ? dir : "/usr/share/fonts/truetype", &fonts, NULL) == OM_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	rd_fonts_close(&fonts);
	return 0;
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static unsigned char *
copy_of(const void *data, size_t n)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, data, n);
	return copy;
}

static void
test_digits_are_equally_wide(void **state)
{
	(void)state;
	for (int face = RD_REGULAR; face <= RD_BOLD; face++)
		for (int c = '0'; c <= '9'; c++)
			assert_int_equal(fonts.face[face].advance[c], fonts.face[face].advance['0']);
}

static void
test_a_character_finds_its_face(void **state)
{
	(void)state;
	assert_int_equal(rd_fonts_face(&fonts, RD_REGULAR, 'A'), RD_REGULAR);
	assert_int_equal(rd_fonts_face(&fonts, RD_BOLD, 0x416), RD_BOLD);
	assert_int_equal(rd_fonts_face(&fonts, RD_REGULAR, 0x1f419), RD_FACES);
	assert_int_equal(rd_fonts_face(&fonts, RD_REGULAR, 0xe000), RD_FACES);
	if (fonts.face[RD_CJK].data != NULL)
		assert_int_equal(rd_fonts_face(&fonts, RD_BOLD, 0x82b1), RD_CJK);
	if (fonts.face[RD_KOREAN].data != NULL)
		assert_int_equal(rd_fonts_face(&fonts, RD_REGULAR, 0xae40), RD_KOREAN);
}

/* A subset, read like any font, has the used characters, as wide, and no others. */
static void
test_a_subset_has_what_was_used(void **state)
{
	uint32_t seed = 42;

	(void)state;
	for (int round = 0; round < 24; round++) {
		const struct rd_font *f = &fonts.face[round % RD_FACES];
		unsigned per_mille = round < 8 ? 2 : 150;
		struct rd_used used = {{0}};
		struct rd_font back;
		struct om_buf out;
		char *data;
		size_t n;

		if (f->data == NULL)
			continue;
		for (unsigned c = 0; c < RD_CODES - 1; c++)
			if ((next_random(&seed) % 1000 < per_mille || c == 'H') && f->glyph[c] != 0)
				used.bit[c / 8] |= (unsigned char)(1u << (c % 8));
		om_buf_init(&out, (size_t)1 << 26);
		assert_int_equal(rd_font_subset(f, &used, "Subset", &out, NULL), OM_OK);
		data = om_buf_take(&out, &n);
		assert_true(n < f->n);
		assert_int_equal(rd_font_read((unsigned char *)data, n, &back, NULL), OM_OK);
		for (unsigned c = 0; c < RD_CODES - 1; c++) {
			bool on = (used.bit[c / 8] >> (c % 8) & 1) != 0;

			assert_int_equal(back.advance[c], on ? f->advance[c] : RD_NO_GLYPH);
		}
		rd_font_fini(&back);
		om_buf_fini(&out);
	}
}

static void
test_a_damaged_font_is_refused_or_read(void **state)
{
	const struct rd_font *f = &fonts.face[RD_BOLD];
	struct rd_used used = {{0}};
	uint32_t seed = 7;

	(void)state;
	for (unsigned c = 'A'; c < 0x250; c++)
		used.bit[c / 8] |= (unsigned char)(1u << (c % 8));
	for (int round = 0; round < 300; round++) {
		size_t n = round % 3 == 0 ? next_random(&seed) % f->n : f->n;
		unsigned char *data = copy_of(f->data, n);
		struct rd_font bad;
		struct om_buf out;

		for (int i = 0; i < 6 && n > 4096; i++) /* the tables' directory and what follows it */
			data[next_random(&seed) % (i < 3 ? 400 : n)] = (unsigned char)next_random(&seed);
		om_buf_init(&out, (size_t)1 << 24);
		if (rd_font_read(data, n, &bad, NULL) == OM_OK)
			(void)!rd_font_subset(&bad, &used, "Bad", &out, NULL);
		om_buf_fini(&out);
		rd_font_fini(&bad);
	}
}

static void
test_a_missing_font_names_the_package(void **state)
{
	struct rd_fonts none;
	om_err e;

	(void)state;
	assert_int_equal(rd_fonts_open("/nonexistent", &none, &e), OM_NOT_FOUND);
	assert_non_null(strstr(e.text, "FONT_DIR"));
	assert_non_null(strstr(e.text, "fonts-dejavu-core"));
}

static void
test_wrapped_lines_fit_and_lose_nothing(void **state)
{
	static const char *const texts[] = {"", "one", "two words", "a/path/with-many_parts@example.org:8080/and/more",
	    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "   spaces   everywhere   ",
	    "\xe5\xb1\xb1\xe7\x94\xb0\xe8\x8a\xb1\xe5\xad\x90\xe5\xb1\xb1\xe7\x94\xb0\xe8\x8a\xb1\xe5\xad\x90",
	    "\xf0\x9f\x90\x99\xf0\x9f\x90\x99 octopus"};
	const struct rd_style style = {RD_REGULAR, 8, RD_BLACK};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		for (int step = 0; step < 27; step++) {
			double width = 10 + 7 * step;
			struct rd_wrapped w;
			size_t shown = 0, all = 0;

			rd_wrap(&fonts, &style, texts[i], width, RD_MAX_WRAP, &w);
			for (unsigned l = 0; l < w.n; l++) {
				assert_true(
				    rd_text_width_n(&fonts, &style, w.line[l].at, w.line[l].n) <= width + 0.02 ||
				    w.line[l].n <= 4);
				for (size_t k = 0; k < w.line[l].n; k++)
					shown += w.line[l].at[k] != ' ';
			}
			for (const char *p = texts[i]; *p != '\0'; p++)
				all += *p != ' ';
			assert_true(w.cut ? shown <= all : shown == all);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_digits_are_equally_wide),
	    cmocka_unit_test(test_a_character_finds_its_face),
	    cmocka_unit_test(test_a_subset_has_what_was_used),
	    cmocka_unit_test(test_a_damaged_font_is_refused_or_read),
	    cmocka_unit_test(test_a_missing_font_names_the_package),
	    cmocka_unit_test(test_wrapped_lines_fit_and_lose_nothing),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
