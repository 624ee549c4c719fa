/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "row_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* name_of_fd gives the path of an open file, as /proc has it. */
static bool
name_of_fd(int fd, char *out, size_t room)
{
	char link[48];
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, out, room - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

void
rd_row_file_set(struct rd_row_file *s, FILE *file)
{
	char path[PATH_MAX];
	size_t n;

	s->file = file;
	s->path[0] = '\0';
	if (file == NULL || !name_of_fd(fileno(file), path, sizeof path))
		return;
	n = strlen(path);
	(void)snprintf(s->path, sizeof s->path, "%s", path + (n < sizeof s->path ? 0 : n - sizeof s->path + 1));
}

om_status
rd_row_files_check(const struct rd_row_file *row_files, unsigned n, const char *dir, om_err *e)
{
	struct statvfs fs;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		FILE *f = row_files[i].file;
		long at = f != NULL && fflush(f) == 0 && ferror(f) == 0 ? ftell(f) : -1;

		if (at < 0)
			return om_fail(e, OM_FULL, "a sheet cannot be written; is the disk with WORK_DIR full?");
		bytes += (uint64_t)at;
	}
	if (statvfs(dir, &fs) != 0 || (uint64_t)fs.f_bavail * fs.f_frsize < bytes + bytes / 4 + 65536)
		return om_fail(e, OM_FULL, "the workbook does not fit on the disk with WORK_DIR");
	return OM_OK;
}

static FILE *
file_of_path(const struct rd_row_file *row_files, unsigned n, const char *path)
{
	for (unsigned i = 0; i < n; i++) {
		size_t m = strlen(row_files[i].path), len = strlen(path);

		if (m > 0 && len >= m && strcmp(path + len - m, row_files[i].path) == 0)
			return row_files[i].file;
	}
	return NULL;
}

void
rd_row_files_tidy(const struct rd_row_file *row_files, unsigned n, const char *dir)
{
	DIR *d = opendir("/proc/self/fd");
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	size_t len = strlen(dir);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (d != NULL && null >= 0 && (entry = readdir(d)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		FILE *file;

		if (!name_of_fd(fd, path, sizeof path) || strncmp(path, dir, len) != 0 || path[len] != '/')
			continue;
		file = file_of_path(row_files, n, path);
		if (file != NULL)
			(void)fclose(file);
		else
			(void)dup3(null, fd, O_CLOEXEC);
	}
	if (d != NULL)
		(void)closedir(d);
	if (null >= 0)
		(void)close(null);
}
