/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "workdir.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define OWN_NAME "owui-reportd."
#define DOC_NAME "doc."

struct rd_workdir {
	int lock; /* the folder itself, locked as long as the process runs */
	char path[RD_PATH - 64];
};

static bool
is_named(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && strlen(name) == n + 6 && strchr(name, '/') == NULL;
}

/* empty_dir removes files, and folders for documents where there may be some. */
static void
empty_dir(int dir, bool documents)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again >= 0 ? fdopendir(again) : NULL;
	const struct dirent *entry;

	if (d == NULL) {
		if (again >= 0)
			(void)close(again);
		return;
	}
	while ((entry = readdir(d)) != NULL) {
		int sub;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, entry->d_name, 0) == 0 || !documents || !is_named(entry->d_name, DOC_NAME))
			continue;
		sub = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			continue;
		empty_dir(sub, false);
		(void)close(sub);
		(void)unlinkat(dir, entry->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

/* remove_leftovers removes the folders of processes that are gone. */
static void
remove_leftovers(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	struct stat st;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		int fd;

		if (!is_named(entry->d_name, OWN_NAME))
			continue;
		fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0) {
			empty_dir(fd, true);
			if (unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR) == 0)
				om_log(
				    OM_LOG_INFO, "removed what a killed process left", "folder", entry->d_name, NULL);
		}
		(void)close(fd);
	}
	(void)closedir(d);
}

/* make_own makes and locks the folder; another process that starts may take
 * it for a leftover in between, so it must still be there when this process has the
 * lock. */
static om_status
make_own(struct rd_workdir *w, const char *dir, om_err *e)
{
	for (int tries = 0; tries < 8; tries++) {
		struct stat a, b;

		(void)snprintf(w->path, sizeof w->path, "%s/" OWN_NAME "XXXXXX", dir);
		if (mkdtemp(w->path) == NULL)
			return om_fail(e, OM_IO, "WORK_DIR: cannot make a folder in %.150s: %s", dir, strerror(errno));
		w->lock = open(w->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (w->lock < 0)
			continue;
		if (flock(w->lock, LOCK_EX | LOCK_NB) == 0 && fstat(w->lock, &a) == 0 && stat(w->path, &b) == 0 &&
		    a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			return OM_OK;
		(void)close(w->lock);
		w->lock = -1;
	}
	return om_fail(e, OM_IO, "WORK_DIR: cannot lock a folder in %.150s", dir);
}

om_status
rd_workdir_open(const char *dir, struct rd_workdir **out, om_err *e)
{
	struct rd_workdir *w = calloc(1, sizeof *w);
	om_status s;

	*out = NULL;
	if (w == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	w->lock = -1;
	if (dir == NULL)
		dir = getenv("TMPDIR");
	if (dir == NULL || dir[0] == '\0')
		dir = "/tmp";
	if (strlen(dir) > sizeof w->path - 32) {
		free(w);
		return om_fail(e, OM_INVALID, "WORK_DIR: the path is too long");
	}
	remove_leftovers(dir);
	s = make_own(w, dir, e);
	if (s != OM_OK) {
		free(w);
		return s;
	}
	*out = w;
	return OM_OK;
}

void
rd_workdir_close(struct rd_workdir **wp)
{
	struct rd_workdir *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	empty_dir(w->lock, true);
	(void)rmdir(w->path);
	(void)close(w->lock);
	free(w);
}

om_status
rd_workdir_make(struct rd_workdir *w, uint64_t bytes, char path[RD_PATH], om_err *e)
{
	struct statvfs fs;
	int err;

	(void)snprintf(path, RD_PATH, "%s/" DOC_NAME "XXXXXX", w->path);
	if (statvfs(w->path, &fs) != 0)
		return om_fail(e, OM_IO, "the folder for temporary files is gone: %s", strerror(errno));
	if ((uint64_t)fs.f_bavail * fs.f_frsize < bytes)
		return om_fail(e, OM_FULL,
		    "the disk with the folder for temporary files is full: %llu MB are free, %llu MB are needed",
		    (unsigned long long)((uint64_t)fs.f_bavail * fs.f_frsize >> 20),
		    (unsigned long long)((bytes >> 20) + 1));
	if (mkdtemp(path) == NULL) {
		err = errno;
		path[0] = '\0';
		return om_fail(e, err == ENOSPC || err == EDQUOT ? OM_FULL : OM_IO,
		    "cannot make a folder for temporary files: %s", strerror(err));
	}
	return OM_OK;
}

void
rd_workdir_drop(const char *path)
{
	int fd = path[0] != '\0' ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	empty_dir(fd, false);
	(void)close(fd);
	(void)rmdir(path);
}
