/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A spool as a crash leaves it, damaged at many places of its file and its log: cut
 * off, and with one byte changed.  It opens or says why not; what comes out is what
 * went in; and what does not come out was set aside or reported.
 */
#include "fixture/dir.h"

#include "spool/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDS 90
#define NOW     ((om_time)1795452001 * OM_SECOND)

struct image {
	unsigned char *data;
	size_t n;
};

static char *dir;
static struct image file, log_file;

static void
path_of(const char *name, char out[400])
{
	(void)snprintf(out, 400, "%s/%s", dir, name);
}

static struct image
load(const char *name)
{
	struct image i = {.n = 0};
	char path[400];
	struct stat st;
	int fd;

	path_of(name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	i.n = (size_t)st.st_size;
	i.data = malloc(i.n + 1);
	assert_non_null(i.data);
	assert_int_equal(read(fd, i.data, i.n), (ssize_t)i.n);
	(void)close(fd);
	return i;
}

static void
save(const char *name, const unsigned char *data, size_t n)
{
	char path[400];
	int fd;

	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), (ssize_t)n);
	(void)close(fd);
}

/* clear empties the folder and says whether a log had been kept aside. */
static bool
clear(void)
{
	const struct dirent *d;
	bool kept = false;
	DIR *o = opendir(dir);

	assert_non_null(o);
	while ((d = readdir(o)) != NULL) {
		char path[400];

		kept = kept || strstr(d->d_name, ".damaged-") != NULL;
		path_of(d->d_name, path);
		(void)unlink(path);
	}
	(void)closedir(o);
	return kept;
}

/* payload is a record's text, which tells its number. */
static size_t
payload(unsigned number, char out[300])
{
	(void)snprintf(out, 300, "record %06u %0200u", number, number);
	return strlen(out);
}

/* make writes a spool, half of it moved into the file, half in the log. */
static void
make(void)
{
	struct gw_store *st = NULL;
	om_err e = {.text = ""};

	assert_status(gw_store_open(dir, &st, &e), OM_OK, e);
	for (unsigned i = 1; i <= RECORDS; i++) {
		char text[300];

		assert_status(gw_store_begin(st, &e), OM_OK, e);
		assert_status(gw_store_put(st, NOW, text, payload(i, text), &e), OM_OK, e);
		assert_status(gw_store_commit(st, &e), OM_OK, e);
		if (i == RECORDS / 2)
			assert_status(gw_store_tidy(st, true, &e), OM_OK, e);
	}
	file = load("spool.db");
	log_file = load("spool.db-wal");
	gw_store_close(&st);
	(void)clear();
}

struct outcome {
	bool opened, reported;
	size_t rows;
	int64_t quarantined;
};

static struct outcome
look(void)
{
	struct gw_store *st = NULL;
	struct outcome out = {.rows = 0};
	struct gw_store_totals t;
	struct gw_row *rows;
	struct om_arena a;
	om_err e = {.text = ""};

	om_arena_init(&a, (size_t)16 << 20);
	out.opened = gw_store_open(dir, &st, &e) == OM_OK;
	if (!out.opened) {
		assert_true(e.text[0] != '\0');
	} else {
		out.reported = gw_store_damaged(st);
		if (gw_store_read(st, 1000, (size_t)4 << 20, &a, &rows, &out.rows, &e) != OM_OK)
			out.rows = 0;
		for (size_t i = 0; i < out.rows; i++) {
			char text[300];
			unsigned number = rows[i].n > 7
			    ? (unsigned)strtoul((const char *)rows[i].data + 7, NULL, 10) /* its place may be wrong */
			    : 0;

			assert_int_equal(rows[i].n, payload(number, text));
			assert_memory_equal(rows[i].data, text, rows[i].n);
		}
		gw_store_totals(st, &t);
		out.quarantined = t.quarantined;
		gw_store_close(&st);
	}
	om_arena_fini(&a);
	return out;
}

static void
check(const char *what, size_t at)
{
	struct outcome o = look();
	bool kept = clear();

	if (o.opened && o.rows + (size_t)o.quarantined < RECORDS && !o.reported && !kept)
		fail_msg("%s at %zu: %zu rows, %lld set aside, and nothing said", what, at, o.rows,
		    (long long)o.quarantined);
}

static int
set_up(void **state)
{
	(void)state;
	dir = fx_dir_make();
	make();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(file.data);
	free(log_file.data);
	fx_dir_remove(&dir);
	return 0;
}

static void
test_undamaged_is_whole(void **state)
{
	struct outcome o;

	(void)state;
	save("spool.db", file.data, file.n);
	save("spool.db-wal", log_file.data, log_file.n);
	o = look();
	assert_true(o.opened && !o.reported && !clear());
	assert_int_equal(o.rows, RECORDS);
}

static void
test_changed_bytes_in_the_log_are_noticed(void **state)
{
	(void)state;
	for (size_t at = 0; at < log_file.n; at += 997) {
		save("spool.db", file.data, file.n);
		log_file.data[at] ^= 0x10;
		save("spool.db-wal", log_file.data, log_file.n);
		log_file.data[at] ^= 0x10;
		check("a changed byte in the log", at);
	}
}

static void
test_changed_bytes_in_the_file_are_noticed(void **state)
{
	(void)state;
	for (size_t at = 0; at < file.n; at += 53) {
		file.data[at] ^= 0x10;
		save("spool.db", file.data, file.n);
		file.data[at] ^= 0x10;
		save("spool.db-wal", log_file.data, log_file.n);
		check("a changed byte in the file", at);
	}
}

/* A log cut off is what a power failure leaves: the commits before are there. */
static void
test_cut_logs_hold_what_stands_before(void **state)
{
	const size_t frame = 24 + 4096;
	size_t last = 0;

	(void)state;
	for (size_t at = 0; at < log_file.n; at += 1777) {
		struct outcome o;

		save("spool.db", file.data, file.n);
		save("spool.db-wal", log_file.data, at);
		o = look();
		(void)clear();
		if (!o.opened)
			fail_msg("cut at %zu: it did not open", at);
		assert_true(o.rows >= RECORDS / 2 && o.rows >= last);
		assert_true(o.rows <= RECORDS / 2 + at / frame);
		last = o.rows;
	}
	assert_true(last >= RECORDS - 2);
}

static void
test_cut_files_are_noticed(void **state)
{
	(void)state;
	for (size_t at = 1; at < file.n; at += 1501) {
		save("spool.db", file.data, at);
		check("a file cut off", at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_undamaged_is_whole),
	    cmocka_unit_test(test_changed_bytes_in_the_log_are_noticed),
	    cmocka_unit_test(test_changed_bytes_in_the_file_are_noticed),
	    cmocka_unit_test(test_cut_logs_hold_what_stands_before),
	    cmocka_unit_test(test_cut_files_are_noticed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
