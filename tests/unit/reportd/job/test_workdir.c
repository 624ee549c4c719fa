/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Folders for temporary files: what a killed process left, and room on the disk. */
#include "job/workdir.h"
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct rd_workdir *work;
static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/rd-test-workdir.XXXXXX");
	return mkdtemp(dir) != NULL && rd_workdir_open(dir, &work, NULL) == OM_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	rd_workdir_close(&work);
	return rmdir(dir); /* fails when something was left in it */
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
	(void)snprintf(foreign, sizeof foreign, "%s/owui-reportd-of-others", dir);
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
	    cmocka_unit_test(test_leftovers_are_removed_and_nothing_else),
	    cmocka_unit_test(test_no_room_is_said_before_writing),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
