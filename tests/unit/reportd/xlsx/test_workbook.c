/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * XLSX as bytes: complete, the same again, and nothing when the disk is full.  What
 * stands in them is read by test_documents.py.
 */
#include "statement_fixture.h"
#include "workbook_fixture.h"
#include "job/workdir.h"
#include "xlsx/verify.h"
#include "base/log.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static struct rd_workdir *work;
static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)snprintf(dir, sizeof dir, "/tmp/rd-test-workbook.XXXXXX");
	return mkdtemp(dir) != NULL && rd_workdir_open(dir, &work, NULL) == OM_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	rd_workdir_close(&work);
	return rmdir(dir); /* fails when something was left in it */
}

static om_status
write_it(const struct rd_doc *d, rd_paper paper, struct om_arena *a, struct fx_book *out, om_err *e)
{
	return fx_xlsx(d, work, paper, 0, a, out, e);
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
	for (size_t i = 0; i < FX_SHAPES; i++) {
		struct fx_book one, two, letter;
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
test_little_memory_is_a_status(void **state)
{
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	for (size_t limit = 0; limit < 60000; limit += 4001) {
		struct om_arena small;
		struct fx_book f;
		om_status s;

		om_arena_init(&small, limit);
		s = write_it(fx_statement(&a, &fx_shapes[1]), RD_A4, &small, &f, NULL);
		assert_true(s == OM_OK || s == OM_NOMEM || s == OM_TOO_LARGE);
		om_arena_fini(&small);
	}
	om_arena_fini(&a);
}

/* A limit on the size of files is a full disk to the process that writes one. */
static void
test_full_disk_is_an_error_and_leaves_nothing(void **state)
{
	const struct fx_shape sh = {.n_models = 20, .n_requests = 60, .max_rows = 100000};
	struct rlimit old, limit;
	const struct rd_doc *d;
	unsigned fds, refused = 0;
	struct fx_book f;
	struct om_arena a;
	om_err e;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	d = fx_statement(&a, &sh);
	assert_int_equal(write_it(d, RD_A4, &a, &f, &e), OM_OK);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	fds = count("/proc/self/fd");
	limit = old;
	for (limit.rlim_cur = 0; limit.rlim_cur < 800000; limit.rlim_cur += 29989) {
		om_status s;

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		s = write_it(d, RD_A4, &a, &f, &e);
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
	assert_int_equal(write_it(d, RD_A4, &a, &f, &e), OM_OK);
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
	struct fx_book f;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 28);
	assert_int_equal(write_it(fx_statement(&a, &sh), RD_A4, &a, &f, NULL), OM_OK);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_document_same_bytes),
	    cmocka_unit_test(test_little_memory_is_a_status),
	    cmocka_unit_test(test_full_disk_is_an_error_and_leaves_nothing),
	    cmocka_unit_test(test_a_damaged_workbook_is_found),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
