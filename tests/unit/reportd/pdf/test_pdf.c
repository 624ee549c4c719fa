/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * PDF as bytes: complete, the same again, bounded.  What stands in them is read by
 * test_documents.py.
 */
#include "statement_fixture.h"
#include "document/statement.h"
#include "pdf/pdf.h"
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
	const char *at = getenv("FONT_DIR");

	(void)state;
	return rd_fonts_open(at != NULL ? at : "/usr/share/fonts/truetype", &fonts, NULL) == OM_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	rd_fonts_close(&fonts);
	return 0;
}

static om_status
write_it(const struct rd_doc *d, rd_paper paper, struct om_arena *a, struct rd_file *out, om_err *e)
{
	return rd_write_pdf(d, &fonts, paper, a, out, e);
}

static bool
contains(const struct rd_file *f, const char *text)
{
	return memmem(f->data, f->n, text, strlen(text)) != NULL;
}

static void
test_same_document_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < FX_SHAPES; i++) {
		struct rd_file one, two, letter;
		struct om_arena a;

		om_arena_init(&a, (size_t)1 << 28);
		assert_int_equal(write_it(fx_statement(&a, &fx_shapes[i]), RD_A4, &a, &one, NULL), OM_OK);
		assert_int_equal(write_it(fx_statement(&a, &fx_shapes[i]), RD_A4, &a, &two, NULL), OM_OK);
		assert_int_equal(write_it(fx_statement(&a, &fx_shapes[i]), RD_LETTER, &a, &letter, NULL), OM_OK);
		assert_int_equal(one.n, two.n);
		assert_memory_equal(one.data, two.data, one.n);
		assert_true(letter.n != one.n || memcmp(letter.data, one.data, one.n) != 0);
		om_arena_fini(&a);
	}
}

static void
test_pdf_has_no_actions(void **state)
{
	static const char *const banned[] = {
	    "/JS", "/JavaScript", "/URI", "/Launch", "/OpenAction", "/AA", "/EmbeddedFile"};
	struct rd_file f;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	assert_int_equal(write_it(fx_statement(&a, &fx_shapes[3]), RD_A4, &a, &f, NULL), OM_OK);
	assert_string_equal(f.name, "report-2026-11.pdf");
	assert_memory_equal(f.data, "%PDF-1.", 7);
	assert_true(contains(&f, "/Outlines"));
	assert_true(contains(&f, "/CreationDate"));
	for (size_t i = 0; i < sizeof banned / sizeof banned[0]; i++)
		assert_false(contains(&f, banned[i]));
	om_arena_fini(&a);
}

/* A table of n rows of the same cells. */
static struct rd_doc
long_doc(struct om_arena *a, size_t n_rows, unsigned n_tables)
{
	static const struct rd_column columns[] = {
	    {.title = "Name", .kind = RD_TEXT}, {.title = "Cost", .kind = RD_MONEY}};
	struct rd_table *tables = om_arena_array(a, n_tables, sizeof *tables);
	struct rd_cell *cells = om_arena_array(a, n_rows * 2, sizeof *cells);
	const struct rd_doc *base = fx_statement(a, &fx_shapes[1]);
	struct rd_doc d = *base;

	assert_non_null(cells);
	for (size_t i = 0; i < n_rows; i++) {
		cells[2 * i] = (struct rd_cell){.known = true, .u.text = "a row that goes on and on"};
		cells[2 * i + 1] = (struct rd_cell){.known = true, .u.money = {(om_i128)1 << 100}};
	}
	for (unsigned i = 0; i < n_tables; i++)
		tables[i] = (struct rd_table){.name = "T",
		    .title = "Long",
		    .empty = "None.",
		    .columns = columns,
		    .n_columns = 2,
		    .n_rows = n_rows,
		    .cells = cells};
	d.tables = tables;
	d.n_tables = n_tables;
	return d;
}

static void
test_pdf_has_bounds(void **state)
{
	struct rd_file f, g;
	struct rd_doc d;
	struct om_arena a;
	om_err e;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	d = long_doc(&a, 20000, 5);
	assert_int_equal(write_it(&d, RD_A4, &a, &f, &e), OM_TOO_LARGE);
	assert_non_null(strstr(e.text, "workbook"));
	d = long_doc(&a, 20001, 1); /* says that it has too many rows for paper */
	assert_int_equal(write_it(&d, RD_A4, &a, &f, &e), OM_OK);
	d = long_doc(&a, 200, 1);
	assert_int_equal(write_it(&d, RD_A4, &a, &g, &e), OM_OK);
	assert_true(f.n < g.n);
	om_arena_fini(&a);
}

/* Pages per user that would make a report too long are left out, all of them. */
static void
test_pdf_of_very_many_users_goes_without_their_pages(void **state)
{
	const struct rd_doc *base;
	struct rd_section *sections;
	struct rd_file with, without;
	struct rd_doc d;
	struct om_arena a;
	om_err e;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	base = fx_statement(&a, &fx_shapes[3]);
	d = *base;
	sections = om_arena_array(&a, 2100, sizeof *sections);
	assert_non_null(sections);
	for (size_t i = 0; i < 2100; i++)
		sections[i] = base->sections[i % base->n_sections];
	d.sections = sections;
	d.n_sections = 1000;
	assert_int_equal(write_it(&d, RD_A4, &a, &with, &e), OM_OK);
	d.n_sections = 2100;
	assert_int_equal(write_it(&d, RD_A4, &a, &without, &e), OM_OK);
	assert_true(without.n < with.n / 10);
	om_arena_fini(&a);
}

static void
test_a_jpeg_stands_in_the_file_as_it_was(void **state)
{
	static const unsigned char jpeg[] = {0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 'J', 'F', 'I', 'F', 0x00, 0x01, 0x01,
	    0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0xff, 0xc0, 0x00, 0x0b, 0x08, 0x00, 0x08, 0x00, 0x08, 0x01, 0x01,
	    0x11, 0x00, 0xff, 0xd9};
	const struct rd_image logo = {.jpeg = true, .data = jpeg, .n = sizeof jpeg, .width = 8, .height = 8};
	const struct rd_terms terms = {.issuer.logo = &logo};
	struct rd_month m = fx_month(&fx_shapes[1]);
	const struct rd_doc *d;
	struct rd_file f;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(rd_statement_new(fx_reply(&a, &fx_shapes[1]), &m, &terms, &a, &d, NULL), OM_OK);
	assert_int_equal(write_it(d, RD_A4, &a, &f, NULL), OM_OK);
	assert_true(contains(&f, "/DCTDecode"));
	assert_non_null(memmem(f.data, f.n, jpeg, sizeof jpeg));
	om_arena_fini(&a);
}

static void
test_little_memory_is_a_status(void **state)
{
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	for (size_t limit = 0; limit < 60000; limit += 4001) {
		struct om_arena small;
		struct rd_file f;
		om_status s;

		om_arena_init(&small, limit);
		s = write_it(fx_statement(&a, &fx_shapes[1]), RD_A4, &small, &f, NULL);
		assert_true(s == OM_OK || s == OM_NOMEM || s == OM_TOO_LARGE);
		om_arena_fini(&small);
	}
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_document_same_bytes),
	    cmocka_unit_test(test_pdf_has_no_actions),
	    cmocka_unit_test(test_pdf_has_bounds),
	    cmocka_unit_test(test_pdf_of_very_many_users_goes_without_their_pages),
	    cmocka_unit_test(test_a_jpeg_stands_in_the_file_as_it_was),
	    cmocka_unit_test(test_little_memory_is_a_status),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
