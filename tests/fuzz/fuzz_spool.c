/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Any bytes as the spool's file and as its log: it opens and every row that comes
 * out passed its checksum, or it does not open and says why; nothing else.  And any
 * bytes as a row's payload, as costd meets it.
 */
#include "target.h"
#include "spool/store.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "wire/codec.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[96];

static void
put_file(const char *name, const uint8_t *data, size_t n)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	(void)close(fd);
}

/* The spool sets a damaged file aside under a name of its own, so that a name here is not enough. */
static void
clean(void)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	must(d != NULL);
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			must(unlinkat(dirfd(d), entry->d_name, 0) == 0);
	}
	(void)closedir(d);
}

static void
make_dir(void)
{
	const char *in = getenv("TMPDIR");

	(void)snprintf(dir, sizeof dir, "%s/fuzz-spool-XXXXXX", in != NULL ? in : "/tmp");
	must(mkdtemp(dir) != NULL);
}

static void
row(const uint8_t *data, size_t n)
{
	Om__Record *r = NULL;
	struct cd_row out;
	struct om_arena a;

	om_arena_init(&a, (size_t)4 << 20);
	if (om_msg_unpack(&om__record__descriptor, data, n, &a, &r, NULL) == OM_OK &&
	    cd_record_fit(r, &a, NULL) == OM_OK)
		must(cd_record_row(r, &a, &out, NULL) == OM_OK);
	om_arena_fini(&a);
}

/* The first byte says: a row, a file, or where a file ends and its log begins. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct gw_store *st = NULL;
	struct gw_row *rows;
	struct om_arena a;
	size_t n_rows;
	om_err e = {.text = ""};

	if (n == 0)
		return 0;
	if (data[0] % 4 == 0) {
		row(data + 1, n - 1);
		return 0;
	}
	if (dir[0] == '\0')
		make_dir();
	clean();
	if (data[0] % 4 == 1) {
		put_file("spool.db", data + 1, n - 1);
	} else {
		size_t pages = n > 2 ? data[1] : 0, split = 2 + pages * 4096;

		if (split > n)
			split = n > 2 ? 2 : n;
		put_file("spool.db", data + (n > 2 ? 2 : n), split - (n > 2 ? 2 : n));
		put_file("spool.db-wal", data + split, n - split);
	}
	if (gw_store_open(dir, &st, &e) != OM_OK) {
		must(e.text[0] != '\0');
		return 0;
	}
	om_arena_init(&a, (size_t)64 << 20);
	if (gw_store_begin(st, NULL) == OM_OK && gw_store_put(st, FUZZ_NOW, "x", 1, NULL) == OM_OK)
		(void)!gw_store_commit(st, NULL);
	else
		gw_store_rollback(st);
	(void)!gw_store_read(st, 100, (size_t)1 << 20, &a, &rows, &n_rows, NULL);
	om_arena_fini(&a);
	gw_store_close(&st);
	return 0;
}
