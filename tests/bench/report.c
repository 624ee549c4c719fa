/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * report.c - makes documents over and over, with reportd's own code or with the
 * bare library, and says how long it took:
 *
 *   report pdf|pdf-bare N        statements of one user, made one after the other
 *   report xlsx|xlsx-bare ROWS   one workbook with so many requests
 *
 * Prints a line of JSON: seconds, how many, pages or cells, bytes, peak memory.
 * The bare ones write the same pages' number of words with the same fonts, and
 * the same cells in constant memory.
 */
#include "fixture.h"
#include "document/search_table.h"
#include "document/statement.h"
#include "job/task.h"
#include "pdf/pdf.h"
#include "source/rows.h"
#include "xlsx/workbook.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/clock.h"

#include <hpdf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xlsxwriter.h>

#define KINDS 1000u /* of different rows, repeated */
#define FONTS "/usr/share/fonts/truetype"
#define LINES 50 /* of a bare page */
#define CELLS 6  /* of a line */
#define ARENA ((size_t)1 << 30)

static void
die(const char *what, const om_err *e)
{
	(void)fprintf(stderr, "%s: %s\n", what, e != NULL ? e->text : "failed");
	exit(1);
}

static long
peak_kb(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kb = -1;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return kb;
}

/* cpu_s is the processor's time, which others on the machine do not lengthen;
 * one thread does all the work. */
static double
cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_began;

static int64_t
begin(void)
{
	cpu_began = cpu_s();
	return om_mono_ms();
}

static void
tell(int64_t began_ms, long n, long parts, long bytes)
{
	(void)printf(
	    "{\"cpu\": %.3f, \"seconds\": %.3f, \"n\": %ld, \"parts\": %ld, \"bytes\": %ld, \"peak_kb\": %ld}\n",
	    cpu_s() - cpu_began, (double)(om_mono_ms() - began_ms) / 1000.0, n, parts, bytes, peak_kb());
}

static const struct fx_shape one_user = {.n_models = 8, .n_requests = 40, .days = 28};

/* ---- PDF ---- */

static long
pages_in(const unsigned char *data, size_t n)
{
	static const char mark[] = "/Type /Page\n";
	long pages = 0;

	for (const unsigned char *p = data; (p = memmem(p, (size_t)(data + n - p), mark, sizeof mark - 1)) != NULL; p++)
		pages++;
	return pages;
}

static void
make_statements(long n)
{
	struct rd_month month = fx_month(&one_user);
	const struct rd_terms terms = {.floor = false};
	struct rd_fonts fonts;
	struct om_arena given;
	Om__StatementReply *reply;
	om_err e = {.text = ""};
	long pages = 0, bytes = 0;
	int64_t began;

	om_arena_init(&given, ARENA);
	reply = fx_reply(&given, &one_user);
	if (rd_fonts_open(FONTS, &fonts, &e) != OM_OK)
		die("fonts", &e);
	began = begin();
	for (long i = 0; i < n; i++) {
		const struct rd_doc *d;
		struct om_arena a;
		struct rd_file f;

		om_arena_init(&a, ARENA);
		if (rd_statement_new(reply, &month, &terms, &a, &d, &e) != OM_OK ||
		    rd_write_pdf(d, &fonts, RD_A4, &a, &f, &e) != OM_OK)
			die("a statement", &e);
		bytes = (long)f.n;
		if (i == 0)
			pages = pages_in(f.data, f.n);
		om_arena_fini(&a);
	}
	tell(began, n, pages, bytes);
	rd_fonts_close(&fonts);
	om_arena_fini(&given);
}

static long
bare_pdf(long pages)
{
	HPDF_Doc pdf = HPDF_New(NULL, NULL);
	HPDF_Font regular, bold;
	char text[64];
	long bytes;

	if (pdf == NULL)
		die("libharu", NULL);
	(void)HPDF_SetCompressionMode(pdf, HPDF_COMP_ALL);
	(void)HPDF_UseUTFEncodings(pdf);
	regular = HPDF_GetFont(
	    pdf, HPDF_LoadTTFontFromFile(pdf, FONTS "/open-sans/OpenSans-Regular.ttf", HPDF_TRUE), "UTF-8");
	bold =
	    HPDF_GetFont(pdf, HPDF_LoadTTFontFromFile(pdf, FONTS "/open-sans/OpenSans-Bold.ttf", HPDF_TRUE), "UTF-8");
	for (long p = 0; p < pages; p++) {
		HPDF_Page page = HPDF_AddPage(pdf);

		(void)HPDF_Page_SetSize(page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
		for (int line = 0; line < LINES; line++)
			for (int cell = 0; cell < CELLS; cell++) {
				(void)HPDF_Page_BeginText(page);
				(void)HPDF_Page_SetFontAndSize(page, line == 0 ? bold : regular, 9);
				(void)snprintf(text, sizeof text, "%d.%06d", line, cell * 7919);
				(void)HPDF_Page_TextOut(
				    page, 40.0f + 85.0f * (float)cell, 800.0f - 15.0f * (float)line, text);
				(void)HPDF_Page_EndText(page);
			}
	}
	if (HPDF_SaveToStream(pdf) != HPDF_OK)
		die("libharu", NULL);
	bytes = (long)HPDF_GetStreamSize(pdf);
	HPDF_Free(pdf);
	return bytes;
}

/* ---- XLSX ---- */

static void
give_rows(struct om_arena *a, struct rd_rows *rows, long n)
{
	struct fx_shape sh = one_user;
	Om__StatementReply *reply;
	Om__Generation **all = calloc((size_t)n, sizeof(void *));

	sh.n_requests = KINDS / sh.n_models;
	sh.max_rows = KINDS;
	reply = fx_reply(a, &sh);
	if (all == NULL || reply->n_generations == 0)
		die("rows", NULL);
	for (long i = 0; i < n; i++)
		all[i] = reply->generations[(size_t)i % reply->n_generations];
	*rows = (struct rd_rows){.given = all, .n_given = (size_t)n, .page = all, .n_page = (size_t)n, .last = true};
}

static void
make_workbook(long n)
{
	static const struct rd_issuer nobody = {.name = NULL};
	const struct rd_locale *l = rd_locale_named(NULL);
	struct rd_table table;
	struct rd_doc d = {.locale = l,
	    .zone = &om_zone_utc,
	    .issuer = &nobody,
	    .title = "Requests",
	    .month = "",
	    .subject = "",
	    .currency = "USD",
	    .digits = 2};
	struct rd_xlsx_opts how = {.paper = RD_A4};
	struct rd_task t;
	struct rd_rows rows;
	struct om_arena a;
	om_err e = {.text = ""};
	int64_t began;

	om_arena_init(&a, ARENA);
	give_rows(&a, &rows, n);
	if (rd_workdir_open(NULL, &how.work, &e) != OM_OK ||
	    rd_search_table_of_requests(l, &rows, &a, &table, &e) != OM_OK)
		die("a table", &e);
	d.tables = &table;
	d.n_tables = 1;
	rd_task_init(&t);
	began = begin();
	if (rd_write_xlsx(&d, &how, &t, &a, &e) != OM_OK || rd_task_end(&t, &e) != OM_OK)
		die("a workbook", &e);
	tell(began, n, n * (long)table.n_columns, (long)atomic_load(&t.bytes));
	rd_task_fini(&t);
	rd_workdir_close(&how.work);
}

/* A cell as the library takes it. */
struct bare_cell {
	char *text;
	double v;
	lxw_format *format;
};

static void
bare_workbook(long n)
{
	const struct rd_locale *l = rd_locale_named(NULL);
	lxw_workbook_options opts = {.constant_memory = LXW_TRUE};
	char path[] = "/tmp/bench-XXXXXX.xlsx", buf[RD_CELL_TEXT];
	struct bare_cell *cells = calloc((size_t)KINDS * 2 * RD_MAX_COLUMNS, sizeof *cells);
	unsigned width = 0;
	struct rd_cell scratch[RD_MAX_COLUMNS];
	const struct rd_cell *row;
	struct rd_table table;
	struct rd_rows rows;
	struct om_arena a;
	lxw_workbook *book;
	lxw_worksheet *sheet;
	lxw_format *money, *date, *count, *text;
	FILE *made;
	int64_t began;
	long bytes = 0;

	om_arena_init(&a, ARENA);
	give_rows(&a, &rows, KINDS);
	if (cells == NULL || mkstemps(path, 5) < 0 || rd_search_table_of_requests(l, &rows, &a, &table, NULL) != OM_OK)
		die("cells", NULL);
	opts.tmpdir = (char[]){"/tmp"};
	book = workbook_new_opt(path, &opts);
	sheet = workbook_add_worksheet(book, "Requests");
	money = workbook_add_format(book);
	date = workbook_add_format(book);
	count = workbook_add_format(book);
	text = workbook_add_format(book);
	format_set_num_format(money, "#,##0.00################");
	format_set_num_format(date, "yyyy-mm-dd hh:mm:ss");
	format_set_num_format(count, "#,##0");
	for (size_t r = 0; r < KINDS; r++) {
		struct bare_cell *c = cells + r * 2 * RD_MAX_COLUMNS;

		if (rd_table_row(&table, r, &a, scratch, &row, NULL) != OM_OK)
			die("a row", NULL);
		for (unsigned i = 0; i < table.n_columns; i++, c++) {
			rd_kind kind = table.columns[i].kind;
			const char *shown = rd_cell_text(&row[i], kind, &om_zone_utc, buf);

			if (!row[i].known)
				c->format = NULL;
			else if (kind == RD_TEXT)
				*c = (struct bare_cell){.text = strdup(shown), .format = text};
			else if (kind == RD_INT)
				*c = (struct bare_cell){.v = (double)row[i].u.n, .format = count};
			else if (kind == RD_MONEY)
				*c = (struct bare_cell){.v = om_money_to_double(row[i].u.money), .format = money};
			else
				*c = (struct bare_cell){.v = 46000.123456, .format = date};
			if (kind == RD_MONEY) {
				c++;
				if (row[i].known)
					*c = (struct bare_cell){.text = strdup(shown), .format = text};
			}
		}
		width = (unsigned)(c - (cells + r * 2 * RD_MAX_COLUMNS));
	}
	began = begin();
	for (long r = 0; r < n; r++) {
		const struct bare_cell *c = cells + (size_t)(r % KINDS) * 2 * RD_MAX_COLUMNS;

		for (unsigned i = 0; i < width; i++, c++) {
			lxw_error rc = LXW_NO_ERROR;

			if (c->text != NULL)
				rc = worksheet_write_string(sheet, (lxw_row_t)r, (lxw_col_t)i, c->text, c->format);
			else if (c->format != NULL)
				rc = worksheet_write_number(sheet, (lxw_row_t)r, (lxw_col_t)i, c->v, c->format);
			if (rc != LXW_NO_ERROR)
				die(lxw_strerror(rc), NULL);
		}
	}
	if (workbook_close(book) != LXW_NO_ERROR)
		die("closing", NULL);
	made = fopen(path, "rbe");
	if (made != NULL && fseek(made, 0, SEEK_END) == 0)
		bytes = ftell(made);
	if (made != NULL)
		(void)fclose(made);
	tell(began, n, n * (long)table.n_columns, bytes);
	(void)unlink(path);
}

int
main(int argc, char **argv)
{
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0, pages = argc > 3 ? strtol(argv[3], NULL, 10) : 2, bytes = 0;
	int64_t began;

	if (n <= 0) {
		(void)fprintf(stderr, "usage: report pdf|xlsx|xlsx-bare N, report pdf-bare N PAGES\n");
		return 2;
	}
	if (strcmp(argv[1], "pdf") == 0) {
		make_statements(n);
	} else if (strcmp(argv[1], "pdf-bare") == 0) {
		began = begin();
		for (long i = 0; i < n; i++)
			bytes = bare_pdf(pages);
		tell(began, n, pages, bytes);
	} else if (strcmp(argv[1], "xlsx") == 0) {
		make_workbook(n);
	} else {
		bare_workbook(n);
	}
	return 0;
}
