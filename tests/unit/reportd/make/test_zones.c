/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Documents of different time zones, made at the same time. */
#include "fixture.h"
#include "workbook_fixture.h"
#include "document/statement.h"
#include "job/workdir.h"
#include "pdf/pdf.h"
#include "statement.pb-c.h"
#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARENA ((size_t)1 << 28)
#define TIMES 3 /* each thread, each file */

static char dir[64];
static struct rd_fonts fonts;
static struct rd_workdir *work;

/* What the first request, at 09:00:00.12 UTC on the first of November, and the figures,
 * as of 09:00:12 UTC on the first of December, are in each zone. */
static const struct zone_case {
	const char *zone, *first, *as_of, *issued;
} cases[] = {
    {"Europe/Berlin", "2026-11-01 10:00", "2026-12-01 10:00", "2026-12-01"},
    {"Asia/Kathmandu", "2026-11-01 14:45", "2026-12-01 14:45", "2026-12-02"},
    {"America/St_Johns", "2026-11-01 05:30", "2026-12-01 05:30", "2026-12-01"},
    {"Pacific/Kiritimati", "2026-11-01 23:00", "2026-12-01 23:00", "2026-12-02"},
};

#define CASES (sizeof cases / sizeof cases[0])

/* One thread's document, and what it is to be. */
struct maker {
	pthread_t thread;
	const struct zone_case *of;
	struct om_arena arena;   /* of what follows */
	struct rd_file files[2]; /* made alone: pages, workbook */
	unsigned wrong;
};

static const char *
fact(const struct rd_doc *d, const char *label)
{
	for (size_t i = 0; i < d->n_facts; i++)
		if (strcmp(d->facts[i].label, label) == 0)
			return d->facts[i].text;
	return "";
}

static om_status
make(const struct zone_case *of, struct om_arena *a, const struct rd_doc **out)
{
	const struct fx_shape sh = {.n_models = 2, .n_requests = 6, .max_rows = 1000, .zone = of->zone};
	struct rd_terms *terms = om_arena_alloc(a, sizeof *terms);
	struct rd_month m = fx_month(&sh);

	m.issue.number = "2026-000001";
	m.issue.issued = (om_day_from_civil(2026, 12, 1) * OM_DAY) + (om_time)20 * 3600 * OM_SECOND;
	return rd_statement_new(fx_reply(a, &sh), &m, terms, a, out, NULL);
}

static om_status
write_file(const struct rd_doc *d, bool xlsx, struct om_arena *a, struct rd_file *out)
{
	struct fx_book book;
	om_status s;

	if (!xlsx)
		return rd_write_pdf(d, &fonts, RD_A4, a, out, NULL);
	s = fx_xlsx(d, work, RD_A4, 0, a, &book, NULL);
	*out = (struct rd_file){.data = book.data, .n = book.n};
	return s;
}

/* looks_right: the document's instants, as far as they can be seen here. */
static bool
looks_right(const struct rd_doc *d, const struct zone_case *of, struct om_arena *a)
{
	const struct rd_table *t = &d->tables[d->n_tables - 1];
	struct rd_cell scratch[RD_MAX_COLUMNS];
	const struct rd_cell *cells;
	char text[RD_CELL_TEXT];

	return t->columns[0].kind == RD_INSTANT && rd_table_row(t, 0, a, scratch, &cells, NULL) == OM_OK &&
	    strcmp(rd_cell_text(&cells[0], RD_INSTANT, d->zone, text), of->first) == 0 &&
	    strcmp(fact(d, "Figures as of"), of->as_of) == 0 && strcmp(fact(d, "Date of issue"), of->issued) == 0;
}

static void *
make_many(void *arg)
{
	struct maker *me = arg;

	for (unsigned i = 0; i < 2 * TIMES; i++) {
		const struct rd_file *want = &me->files[i % 2];
		const struct rd_doc *d;
		struct rd_file f;
		struct om_arena a;

		om_arena_init(&a, ARENA);
		if (make(me->of, &a, &d) != OM_OK || !looks_right(d, me->of, &a) ||
		    write_file(d, i % 2 == 1, &a, &f) != OM_OK || f.n != want->n ||
		    memcmp(f.data, want->data, f.n) != 0)
			me->wrong++;
		om_arena_fini(&a);
	}
	return NULL;
}

static void
test_documents_of_different_zones_at_the_same_time(void **state)
{
	struct maker makers[CASES];

	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		const struct rd_doc *d;

		makers[i] = (struct maker){.of = &cases[i]};
		om_arena_init(&makers[i].arena, ARENA);
		assert_int_equal(make(&cases[i], &makers[i].arena, &d), OM_OK);
		assert_string_equal(fact(d, "Time zone"), cases[i].zone);
		assert_string_equal(fact(d, "Figures as of"), cases[i].as_of);
		assert_string_equal(fact(d, "Date of issue"), cases[i].issued);
		assert_true(looks_right(d, &cases[i], &makers[i].arena));
		assert_int_equal(write_file(d, false, &makers[i].arena, &makers[i].files[0]), OM_OK);
		assert_int_equal(write_file(d, true, &makers[i].arena, &makers[i].files[1]), OM_OK);
	}
	for (size_t i = 1; i < CASES; i++) /* else nothing is proven */
		assert_false(makers[i].files[1].n == makers[0].files[1].n &&
		    memcmp(makers[i].files[1].data, makers[0].files[1].data, makers[0].files[1].n) == 0);
	for (size_t i = 0; i < CASES; i++)
		assert_int_equal(pthread_create(&makers[i].thread, NULL, make_many, &makers[i]), 0);
	for (size_t i = 0; i < CASES; i++) {
		assert_int_equal(pthread_join(makers[i].thread, NULL), 0);
		assert_int_equal(makers[i].wrong, 0);
		om_arena_fini(&makers[i].arena);
	}
	assert_string_equal(om_zone_name(), "UTC");
}

static void
test_a_document_without_a_zone_is_none(void **state)
{
	const struct fx_shape sh = {.n_models = 1, .n_requests = 1, .max_rows = 10};
	const struct rd_terms terms = {.floor = false};
	struct rd_month m = fx_month(&sh);
	const struct rd_doc *d;
	Om__StatementReply *r;
	struct om_arena a;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, ARENA);
	r = fx_reply(&a, &sh);
	assert_int_equal(rd_month_set_zone(&m, NULL, &a, &e), OM_UNAVAILABLE);
	assert_non_null(strstr(e.text, "costd"));
	assert_null(m.zone);
	assert_int_equal(rd_statement_new(r, &m, &terms, &a, &d, &e), OM_INTERNAL);
	assert_int_equal(rd_month_set_zone(&m, r->zone, &a, &e), OM_OK);
	assert_int_equal(rd_statement_new(r, &m, &terms, &a, &d, &e), OM_OK);
	assert_string_equal(d->zone->name, "Europe/Berlin");
	om_arena_fini(&a);
}

static int
set_up(void **state)
{
	const char *at = getenv("FONT_DIR");

	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/rd-test-zones.XXXXXX");
	for (size_t i = 0; i < CASES; i++)
		(void)fx_zone(cases[i].zone); /* while there is one thread */
	if (mkdtemp(dir) == NULL || rd_workdir_open(dir, &work, NULL) != OM_OK)
		return -1;
	return rd_fonts_open(at != NULL ? at : "/usr/share/fonts/truetype", &fonts, NULL) == OM_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	rd_workdir_close(&work);
	rd_fonts_close(&fonts);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_documents_of_different_zones_at_the_same_time),
	    cmocka_unit_test(test_a_document_without_a_zone_is_none),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
