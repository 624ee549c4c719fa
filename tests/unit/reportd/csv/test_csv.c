/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* CSV cells, and the files of single requests for programs. */
#include "fixture.h"
#include "csv/csv.h"
#include "csv/requests.h"
#include "job/workdir.h"
#include "source/rows.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct rd_workdir *work;

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/rd-test-csv.XXXXXX");
	return mkdtemp(dir) != NULL && rd_workdir_open(dir, &work, NULL) == OM_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	rd_workdir_close(&work);
	return rmdir(dir);
}

static void
test_cells_are_quoted_and_never_formulas(void **state)
{
	static const struct {
		const char *text, *cell;
	} cells[] = {
	    {NULL, ""},
	    {"", ""},
	    {"plain", "plain"},
	    {"a,b", "\"a,b\""},
	    {"say \"hi\"", "\"say \"\"hi\"\"\""},
	    {"two\r\nlines", "\"two\r\nlines\""},
	    {"=1+1", "'=1+1"},
	    {"+49", "'+49"},
	    {"-2", "'-2"},
	    {"@SUM(A1)", "'@SUM(A1)"},
	    {"\tx", "'\tx"},
	    {"\rx", "\"'\rx\""},
	    {"'quoted", "''quoted"},
	    {"\nx", "\"'\nx\""},
	    {"\xef\xbc\x9d"
	     "1+1",
		"'\xef\xbc\x9d"
		"1+1"},
	    {"\xef\xbc\x8b"
	     "1",
		"'\xef\xbc\x8b"
		"1"},
	    {"\xef\xbc\x8d"
	     "1",
		"'\xef\xbc\x8d"
		"1"},
	    {"\xef\xbc\xa0SUM(A1)", "'\xef\xbc\xa0SUM(A1)"},
	    {"\xef\xb9\xa6"
	     "1",
		"'\xef\xb9\xa6"
		"1"},
	    {"\xe2\x88\x92"
	     "1",
		"'\xe2\x88\x92"
		"1"},
	    {" =1", "\"' =1\""},
	    {"\xe2\x80\x8b=1", "'\xe2\x80\x8b=1"},
	    {"\xe3\x80\x80\xef\xbc\x9d"
	     "1",
		"'\xe3\x80\x80\xef\xbc\x9d"
		"1"},
	    {"\xef\xbc\xa1=1", "\xef\xbc\xa1=1"},
	    {"=\"a\",b", "\"'=\"\"a\"\",b\""},
	    {" room ", "\" room \""},
	    {"J\xc3\xbcrgen", "J\xc3\xbcrgen"},
	    {"bad\xff", "bad\xef\xbf\xbd"},
	};
	char got[256], want[256];
	struct rd_task t;
	struct rd_csv c;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
		rd_task_init(&t);
		assert_int_equal(rd_task_folder(&t, work, 10, NULL), OM_OK);
		assert_int_equal(rd_task_begin(&t, false, NULL), OM_OK);
		rd_csv_init(&c, &t);
		rd_csv_plain(&c, "1");
		rd_csv_text(&c, cells[i].text);
		assert_int_equal(rd_csv_row(&c, NULL), OM_OK);
		assert_int_equal(rd_csv_done(&c, NULL), OM_OK);
		assert_int_equal(rd_task_end(&t, NULL), OM_OK);
		n = sizeof got - 1;
		assert_int_equal(rd_task_read(&t, 0, got, &n, NULL), OM_OK);
		got[n] = '\0';
		(void)snprintf(want, sizeof want, "1,%s\r\n", cells[i].cell);
		assert_string_equal(got, want);
		rd_csv_fini(&c);
		rd_task_fini(&t);
	}
}

/* cell_of gives the n-th cell of a line without quotes. */
static const char *
cell_of(const char *line, unsigned n, char out[128])
{
	size_t length;

	for (; n > 0; n--)
		line = strchr(line, ',') + 1;
	length = strcspn(line, ",\r");
	(void)snprintf(out, 128, "%.*s", (int)length, line);
	return out;
}

static unsigned
column_named(const char *head, const char *name)
{
	char cell[128];
	unsigned n = 0;

	while (strcmp(cell_of(head, n, cell), name) != 0)
		n++;
	return n;
}

/* write_rows gives the file of a reply's rows, with a zero byte after it. */
static char *
write_rows(const Om__StatementReply *r, bool focus, struct om_arena *a)
{
	const struct rd_focus month = {.from = r->from_us, .to = r->to_us};
	struct rd_figures total;
	struct rd_rows rows;
	struct rd_task t;
	size_t n = (size_t)1 << 20;
	char *text = om_arena_alloc(a, n);

	assert_non_null(text);
	memset(text, 0, n);
	n--;
	assert_int_equal(rd_figures_read(r->total, &total, NULL), OM_OK);
	rd_rows_of_reply(&rows, r);
	rows.total = &total;
	rd_task_init(&t);
	assert_int_equal(rd_task_folder(&t, work, 1, NULL), OM_OK);
	assert_int_equal(rd_task_begin(&t, false, NULL), OM_OK);
	assert_int_equal(
	    focus ? rd_write_focus_csv(&rows, &month, &t, NULL) : rd_write_requests_csv(&rows, &t, NULL), OM_OK);
	assert_int_equal(rd_task_read(&t, 0, text, &n, NULL), OM_OK);
	rd_task_fini(&t);
	rd_rows_end(&rows);
	return text;
}

/* The files for programs have the rows that are no request, too: cost and requests
 * add up to the month's. */
static void
test_files_of_rows_add_up(void **state)
{
	static const struct fx_shape sh = {.n_models = 3, .n_requests = 4, .max_rows = 100, .unsettled = 2, .rests = 2};

	(void)state;
	for (int focus = 0; focus < 2; focus++) {
		unsigned n_lines = 0, cost_at, requests_at, unsettled_at;
		uint64_t requests = 0, unsettled = 0;
		om_money cost = OM_MONEY_ZERO, m;
		const Om__StatementReply *r;
		char *head, *next, cell[128];
		struct om_arena a;

		om_arena_init(&a, (size_t)1 << 26);
		r = fx_reply(&a, &sh);
		head = write_rows(r, focus == 1, &a);
		cost_at = column_named(head, focus ? "BilledCost" : "cost");
		requests_at = column_named(head, focus ? "x_Requests" : "requests");
		unsettled_at = column_named(head, focus ? "x_Unsettled" : "unsettled");
		for (next = strchr(head, '\n') + 1; *next != '\0'; next = strchr(next, '\n') + 1, n_lines++) {
			if (cell_of(next, cost_at, cell)[0] != '\0') {
				assert_int_equal(om_money_parse(cell, &m, NULL), OM_OK);
				assert_int_equal(om_money_add(cost, m, &cost), OM_OK);
			}
			requests += strtoull(cell_of(next, requests_at, cell), NULL, 10);
			unsettled += strcmp(cell_of(next, unsettled_at, cell), "true") == 0;
		}
		assert_int_equal(n_lines, 14);
		assert_int_equal(requests, 12);
		assert_int_equal(unsettled, 2);
		assert_int_equal(om_money_parse(r->total->cost, &m, NULL), OM_OK);
		assert_int_equal(om_money_cmp(cost, m), 0);
		om_arena_fini(&a);
	}
}

/* When each charge of a month begins and ends, as FOCUS has it: to the second, an end
 * that is rounded up, and never beyond the month.  Microseconds since it began; an end
 * of 0 is not known. */
static const struct charge {
	om_time from, to;
	const char *start, *end;
} charges[] = {
    /* without a duration: it ends when it begins */
    {0, 0, "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"},
    {10500000, 0, "2026-11-01T00:00:10Z", "2026-11-01T00:00:10Z"},
    {10000000, 10000000, "2026-11-01T00:00:10Z", "2026-11-01T00:00:10Z"},
    {10700000, 10200000, "2026-11-01T00:00:10Z", "2026-11-01T00:00:10Z"}, /* two clocks */
    /* less than a second, and more */
    {10200000, 10700000, "2026-11-01T00:00:10Z", "2026-11-01T00:00:11Z"},
    {10900000, 11100000, "2026-11-01T00:00:10Z", "2026-11-01T00:00:12Z"},
    {10000000, 11000000, "2026-11-01T00:00:10Z", "2026-11-01T00:00:11Z"},
    {10000000, 11000001, "2026-11-01T00:00:10Z", "2026-11-01T00:00:12Z"},
    {10000000, 70000000, "2026-11-01T00:00:10Z", "2026-11-01T00:01:10Z"},
    /* the last of the month, which may well go on in the next */
    {30 * OM_DAY - 1, 0, "2026-11-30T23:59:59Z", "2026-11-30T23:59:59Z"},
    {30 * OM_DAY - 400000, 30 * OM_DAY - 1, "2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"},
    {30 * OM_DAY - 400000, 30 * OM_DAY + 1, "2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"},
    {30 * OM_DAY - 2 * OM_SECOND, 31 * OM_DAY, "2026-11-30T23:59:58Z", "2026-12-01T00:00:00Z"},
};

#define CHARGES (unsigned)(sizeof charges / sizeof charges[0])

static void
test_focus_charges_begin_and_end_within_their_month(void **state)
{
	static const struct fx_shape sh = {.n_models = 1, .n_requests = CHARGES, .max_rows = 100};
	char *head, *next, start[128], end[128], first[128], last[128];
	unsigned start_at, end_at, i = 0;
	Om__StatementReply *r;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	r = fx_reply(&a, &sh);
	for (unsigned k = 0; k < CHARGES; k++) {
		Om__Generation *g = r->generations[k];

		g->started_us = r->from_us + charges[k].from;
		g->has_finished_us = charges[k].to != 0;
		g->finished_us = r->from_us + charges[k].to;
	}
	head = write_rows(r, true, &a);
	start_at = column_named(head, "ChargePeriodStart");
	end_at = column_named(head, "ChargePeriodEnd");
	for (next = strchr(head, '\n') + 1; *next != '\0'; next = strchr(next, '\n') + 1, i++) {
		assert_true(i < CHARGES);
		assert_string_equal(cell_of(next, start_at, start), charges[i].start);
		assert_string_equal(cell_of(next, end_at, end), charges[i].end);
		assert_true(strcmp(start, end) <= 0); /* such texts are in the order of time */
		assert_true(strcmp(cell_of(next, column_named(head, "BillingPeriodStart"), first), start) <= 0);
		assert_true(strcmp(end, cell_of(next, column_named(head, "BillingPeriodEnd"), last)) <= 0);
		assert_true(strcmp(start, last) < 0);
	}
	assert_int_equal(i, CHARGES);
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cells_are_quoted_and_never_formulas),
	    cmocka_unit_test(test_files_of_rows_add_up),
	    cmocka_unit_test(test_focus_charges_begin_and_end_within_their_month),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
