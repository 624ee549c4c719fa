/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * PDF and XLSX as bytes: complete, the same again, and nothing when the disk is
 * full.  What stands in them is read by test_documents.py.
 */
#include "fixture.h"
#include "pdf/pdf.h"
#include "job/task.h"
#include "job/workdir.h"
#include "pdf/canvas.h"
#include "xlsx/verify.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct rd_fonts fonts;
static struct rd_workdir *work;
static char dir[64];

static const char *const team[] = {"Ada", "Grace"};

static const struct fx_shape shapes[] = {
    {.max_rows = 1000},
    {.n_models = 1, .n_requests = 1, .max_rows = 1000},
    {.n_models = 500, .n_requests = 2, .max_rows = 100000},
    {.users = fx_scripts, .n_users = 7, .n_models = 3, .n_requests = 4, .byok = true, .unsettled = 1, .max_rows = 1000},
    {.users = team,
	.n_users = 2,
	.n_models = 40,
	.n_requests = 3,
	.price = "1234567.890123456789012345",
	.max_rows = 7},
};

#define N_SHAPES (sizeof shapes / sizeof shapes[0])

static int
set_up(void **state)
{
	const char *at = getenv("FONT_DIR");

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)snprintf(dir, sizeof dir, "/tmp/rd-test-sinks.XXXXXX");
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
	return rmdir(dir); /* fails when something was left in it */
}

static const struct rd_doc *
doc_of(struct om_arena *a, const struct fx_shape *sh)
{
	const struct rd_terms terms = {.fee = {(om_i128)1 << 60}};
	struct rd_month m = fx_month(sh);
	const struct rd_doc *d;

	assert_int_equal(rd_statement_new(fx_reply(a, sh), &m, &terms, a, &d, NULL), OM_OK);
	return d;
}

static om_status
write_it(const struct rd_doc *d, bool xlsx, rd_paper paper, struct om_arena *a, struct rd_file *out, om_err *e)
{
	return xlsx ? fx_xlsx(d, work, paper, 0, a, out, e) : rd_write_pdf(d, &fonts, paper, a, out, e);
}

static bool
contains(const struct rd_file *f, const char *text)
{
	return memmem(f->data, f->n, text, strlen(text)) != NULL;
}

static unsigned
count(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

/* is_open_below: does the process hold a file open below this folder, but for
 * the folder that it has locked? */
static bool
is_open_below(const char *path)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *entry;
	bool found = false;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		char link[300], name[1024];
		ssize_t n;

		(void)snprintf(link, sizeof link, "/proc/self/fd/%s", entry->d_name);
		n = readlink(link, name, sizeof name - 1);
		name[n > 0 ? n : 0] = '\0';
		found |= strncmp(name, path, strlen(path)) == 0 && strstr(name, "/doc.") != NULL;
	}
	(void)closedir(d);
	return found;
}

static void
test_same_document_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SHAPES; i++)
		for (int xlsx = 0; xlsx < 2; xlsx++) {
			struct rd_file one, two, letter;
			struct om_arena a;

			om_arena_init(&a, (size_t)1 << 28);
			assert_int_equal(write_it(doc_of(&a, &shapes[i]), xlsx, RD_A4, &a, &one, NULL), OM_OK);
			assert_int_equal(write_it(doc_of(&a, &shapes[i]), xlsx, RD_A4, &a, &two, NULL), OM_OK);
			assert_int_equal(write_it(doc_of(&a, &shapes[i]), xlsx, RD_LETTER, &a, &letter, NULL), OM_OK);
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
	assert_int_equal(write_it(doc_of(&a, &shapes[3]), false, RD_A4, &a, &f, NULL), OM_OK);
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
	const struct rd_doc *base = doc_of(a, &shapes[1]);
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
	assert_int_equal(write_it(&d, false, RD_A4, &a, &f, &e), OM_TOO_LARGE);
	assert_non_null(strstr(e.text, "workbook"));
	d = long_doc(&a, 20001, 1); /* says that it has too many rows for paper */
	assert_int_equal(write_it(&d, false, RD_A4, &a, &f, &e), OM_OK);
	d = long_doc(&a, 200, 1);
	assert_int_equal(write_it(&d, false, RD_A4, &a, &g, &e), OM_OK);
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
	base = doc_of(&a, &shapes[3]);
	d = *base;
	sections = om_arena_array(&a, 2100, sizeof *sections);
	assert_non_null(sections);
	for (size_t i = 0; i < 2100; i++)
		sections[i] = base->sections[i % base->n_sections];
	d.sections = sections;
	d.n_sections = 1000;
	assert_int_equal(write_it(&d, false, RD_A4, &a, &with, &e), OM_OK);
	d.n_sections = 2100;
	assert_int_equal(write_it(&d, false, RD_A4, &a, &without, &e), OM_OK);
	assert_true(without.n < with.n / 10);
	om_arena_fini(&a);
}

static void
test_little_memory_is_a_status(void **state)
{
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	for (size_t limit = 0; limit < 60000; limit += 4001)
		for (int xlsx = 0; xlsx < 2; xlsx++) {
			struct om_arena small;
			struct rd_file f;
			om_status s;

			om_arena_init(&small, limit);
			s = write_it(doc_of(&a, &shapes[1]), xlsx, RD_A4, &small, &f, NULL);
			assert_true(s == OM_OK || s == OM_NOMEM || s == OM_TOO_LARGE);
			om_arena_fini(&small);
		}
	om_arena_fini(&a);
}

/* A limit on the size of files is a full disk to whoever writes one. */
static void
test_full_disk_is_an_error_and_leaves_nothing(void **state)
{
	const struct fx_shape sh = {.n_models = 20, .n_requests = 60, .max_rows = 100000};
	struct rlimit old, limit;
	const struct rd_doc *d;
	unsigned fds, refused = 0;
	struct rd_file f;
	struct om_arena a;
	om_err e;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	d = doc_of(&a, &sh);
	assert_int_equal(write_it(d, true, RD_A4, &a, &f, &e), OM_OK);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	fds = count("/proc/self/fd");
	limit = old;
	for (limit.rlim_cur = 0; limit.rlim_cur < 800000; limit.rlim_cur += 29989) {
		om_status s;

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		s = write_it(d, true, RD_A4, &a, &f, &e);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_true(s == OM_OK || s == OM_FULL || s == OM_IO);
		assert_true((s == OM_OK) == (f.data != NULL));
		refused += s != OM_OK;
		if (s != OM_OK) /* the library loses two at most, when it fails while closing */
			assert_in_range(count("/proc/self/fd"), fds, fds + 2);
		fds = count("/proc/self/fd");
		assert_false(is_open_below(dir));
	}
	assert_true(refused > 5);
	assert_int_equal(write_it(d, true, RD_A4, &a, &f, &e), OM_OK);
	om_arena_fini(&a);
}

/* verify looks into bytes as if they were a file. */
static om_status
verify(const unsigned char *data, size_t n, const uint32_t *rows, unsigned n_sheets, om_err *e)
{
	int fd = memfd_create("book", MFD_CLOEXEC);
	om_status s;

	assert_true(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	s = rd_xlsx_verify(fd, rows, n_sheets, e);
	(void)close(fd);
	return s;
}

static void
test_a_damaged_workbook_is_found(void **state)
{
	const struct fx_shape sh = {.n_models = 4, .n_requests = 30, .max_rows = 100000};
	uint32_t rows[] = {0, 0, 0, 0}, seed = 3;
	unsigned char *copy;
	struct rd_file f;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	assert_int_equal(write_it(doc_of(&a, &sh), true, RD_A4, &a, &f, NULL), OM_OK);
	/* the counts the writer knew: found by trying, since it keeps them to itself */
	for (unsigned i = 0; i < 4; i++)
		for (rows[i] = 0; rows[i] < 1000; rows[i]++) {
			om_err e = {.text = ""};
			char name[32];

			(void)snprintf(name, sizeof name, "sheet%u.xml", i + 1);
			if (verify(f.data, f.n, rows, 4, &e) == OM_OK || strstr(e.text, name) == NULL)
				break;
		}
	assert_int_equal(verify(f.data, f.n, rows, 4, NULL), OM_OK);
	assert_int_equal(rows[3], 122); /* heading, requests, total */
	rows[3]++;
	assert_int_equal(verify(f.data, f.n, rows, 4, NULL), OM_FULL);
	rows[3]--;
	assert_int_equal(verify(f.data, f.n, rows, 3, NULL), OM_FULL);
	copy = malloc(f.n);
	assert_non_null(copy);
	for (int i = 0; i < 4000; i++) {
		size_t n = i % 4 == 0 ? (size_t)i * f.n / 4000 : f.n;

		memcpy(copy, f.data, f.n);
		if (i % 4 != 0) {
			seed = seed * 1664525u + 1013904223u;
			copy[(seed >> 4) % f.n] ^= (unsigned char)(1u << (seed >> 29));
		}
		if (i % 4 == 0)
			assert_int_equal(verify(copy, n, rows, 4, NULL), OM_FULL);
		else
			(void)!verify(copy, n, rows, 4, NULL); /* dates in it may change */
	}
	free(copy);
	om_arena_fini(&a);
}

static void
test_leftovers_are_removed_and_nothing_else(void **state)
{
	char dead[128], doc[160], file[200], living[128], foreign[128];
	struct rd_workdir *other;
	int lock;

	(void)state;
	(void)snprintf(dead, sizeof dead, "%s/owui-reportd.deadXX", dir);
	(void)snprintf(doc, sizeof doc, "%s/doc.abcdef", dead);
	(void)snprintf(file, sizeof file, "%s/book.xlsx", doc);
	(void)snprintf(living, sizeof living, "%s/owui-reportd.liveXX", dir);
	(void)snprintf(foreign, sizeof foreign, "%s/owui-reportd-of-somebody", dir);
	assert_int_equal(mkdir(dead, 0700), 0);
	assert_int_equal(mkdir(doc, 0700), 0);
	assert_true(close(open(file, O_CREAT | O_WRONLY, 0600)) == 0);
	assert_int_equal(mkdir(living, 0700), 0);
	assert_int_equal(mkdir(foreign, 0700), 0);
	lock = open(living, O_RDONLY | O_DIRECTORY);
	assert_true(lock >= 0 && flock(lock, LOCK_EX) == 0);

	assert_int_equal(rd_workdir_open(dir, &other, NULL), OM_OK);
	rd_workdir_close(&other);
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(access(living, F_OK), 0);
	assert_int_equal(access(foreign, F_OK), 0);
	(void)close(lock);
	assert_int_equal(rmdir(living), 0);
	assert_int_equal(rmdir(foreign), 0);
}

static void
test_no_room_is_said_before_writing(void **state)
{
	char path[RD_PATH];
	om_err e;

	(void)state;
	assert_int_equal(rd_workdir_make(work, UINT64_MAX, path, &e), OM_FULL);
	assert_non_null(strstr(e.text, "MB are needed"));
	assert_int_equal(rd_workdir_open("/nonexistent/folder", &(struct rd_workdir *){NULL}, &e), OM_IO);
	assert_non_null(strstr(e.text, "WORK_DIR"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_document_same_bytes),
	    cmocka_unit_test(test_pdf_has_no_actions),
	    cmocka_unit_test(test_pdf_has_bounds),
	    cmocka_unit_test(test_pdf_of_very_many_users_goes_without_their_pages),
	    cmocka_unit_test(test_little_memory_is_a_status),
	    cmocka_unit_test(test_full_disk_is_an_error_and_leaves_nothing),
	    cmocka_unit_test(test_a_damaged_workbook_is_found),
	    cmocka_unit_test(test_leftovers_are_removed_and_nothing_else),
	    cmocka_unit_test(test_no_room_is_said_before_writing),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
