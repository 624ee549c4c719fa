/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "task.h"

#include "base/invariant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)256 * 1024)

void
rd_task_init(struct rd_task *t)
{
	memset(t, 0, sizeof *t);
	t->fd = -1;
	t->idle_ms = RD_TASK_IDLE_MS;
	t->now = om_mono_ms;
	atomic_store(&t->rows_total, -1);
	atomic_store(&t->asked_ms, om_mono_ms());
	(void)pthread_mutex_init(&t->lock, NULL);
}

void
rd_task_fini(struct rd_task *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	rd_workdir_drop(t->dir);
	om_hash_free(&t->hash);
	free(t->figures);
	free(t->terms);
	(void)pthread_mutex_destroy(&t->lock);
}

om_status
rd_task_go_on(struct rd_task *t, om_err *e)
{
	if (atomic_load(&t->cancel))
		return om_fail(e, OM_UNAVAILABLE, "cancelled");
	if (t->now() - atomic_load(&t->asked_ms) > t->idle_ms) {
		atomic_store(&t->cancel, true);
		return om_fail(e, OM_UNAVAILABLE, "given up: no client asks for it any more");
	}
	return OM_OK;
}

void
rd_task_expect(struct rd_task *t, uint64_t rows)
{
	int64_t before = atomic_load(&t->rows_total);

	atomic_store(&t->rows_total, (before < 0 ? 0 : before) + (int64_t)rows);
}

void
rd_task_progress(struct rd_task *t, uint64_t rows)
{
	atomic_fetch_add(&t->rows_done, rows);
}

void
rd_task_set_facts(struct rd_task *t, const struct rd_task_facts *f)
{
	(void)pthread_mutex_lock(&t->lock);
	t->facts = *f;
	(void)pthread_mutex_unlock(&t->lock);
}

void
rd_task_get_facts(struct rd_task *t, struct rd_task_facts *out)
{
	(void)pthread_mutex_lock(&t->lock);
	*out = t->facts;
	(void)pthread_mutex_unlock(&t->lock);
}

om_status
rd_task_set_figures(struct rd_task *t, const void *data, size_t n, const char *terms, om_err *e)
{
	void *copy = malloc(n + 1);
	char *text = strdup(terms);

	if (copy == NULL || text == NULL) {
		free(copy);
		free(text);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	memcpy(copy, data, n);
	(void)pthread_mutex_lock(&t->lock);
	free(t->figures);
	free(t->terms);
	t->figures = copy;
	t->n_figures = n;
	t->terms = text;
	(void)pthread_mutex_unlock(&t->lock);
	return OM_OK;
}

om_status
rd_task_folder(struct rd_task *t, struct rd_workdir *w, uint64_t bytes, om_err *e)
{
	if (t->dir[0] != '\0')
		return OM_OK;
	return rd_workdir_make(w, bytes, t->dir, e);
}

static om_status
wrong(int err, om_err *e)
{
	return om_fail(e, err == ENOSPC || err == EDQUOT || err == EFBIG ? OM_FULL : OM_IO,
	    "the file cannot be written: %.100s", strerror(err));
}

static om_status
open_file(struct rd_task *t, const char *path, int flags, om_err *e)
{
	t->fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0)
		return wrong(errno, e);
	om_hash_free(&t->hash);
	t->hash = om_hash_new();
	return t->hash != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
rd_task_begin(struct rd_task *t, bool streams, om_err *e)
{
	char path[RD_PATH + 8];
	om_status s;

	om_check(t->dir[0] != '\0' && t->fd < 0);
	(void)snprintf(path, sizeof path, "%s/file", t->dir);
	s = open_file(t, path, O_RDWR | O_CREAT | O_EXCL, e);
	if (s == OM_OK)
		atomic_store(&t->streams, streams);
	return s;
}

om_status
rd_task_write(struct rd_task *t, const void *data, size_t n, om_err *e)
{
	const char *p = data;
	uint64_t at = atomic_load(&t->bytes);

	om_check(t->fd >= 0 && t->hash != NULL);
	om_hash_add(t->hash, data, n);
	while (n > 0) {
		ssize_t put = pwrite(t->fd, p, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return wrong(put < 0 ? errno : EIO, e);
		p += put;
		n -= (size_t)put;
		at += (uint64_t)put;
		atomic_store(&t->bytes, at);
	}
	return OM_OK;
}

om_status
rd_task_adopt(struct rd_task *t, const char *path, om_err *e)
{
	char *copy = malloc(COPY_BYTES);
	om_status s = copy != NULL ? open_file(t, path, O_RDONLY, e) : om_fail(e, OM_NOMEM, "out of memory");
	uint64_t at = 0;
	ssize_t n = 1;

	while (s == OM_OK && n > 0) {
		n = pread(t->fd, copy, COPY_BYTES, (off_t)at);
		if (n < 0)
			s = wrong(errno, e);
		if (n > 0)
			om_hash_add(t->hash, copy, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	free(copy);
	if (s == OM_OK)
		atomic_store(&t->bytes, at);
	return s;
}

om_status
rd_task_end(struct rd_task *t, om_err *e)
{
	struct stat st;

	om_check(t->fd >= 0 && t->hash != NULL);
	if (fstat(t->fd, &st) != 0)
		return wrong(errno, e);
	if ((uint64_t)st.st_size != atomic_load(&t->bytes))
		return om_fail(e, OM_FULL, "the file came out incomplete");
	if (om_hash_done(&t->hash, t->sha256) != OM_OK)
		return om_fail(e, OM_INTERNAL, "the file cannot be hashed");
	return OM_OK;
}

bool
rd_task_again(struct rd_task *t)
{
	bool given;

	(void)pthread_mutex_lock(&t->lock);
	given = t->given;
	if (!given)
		atomic_store(&t->streams, false);
	(void)pthread_mutex_unlock(&t->lock);
	if (given)
		return false;
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	rd_workdir_drop(t->dir);
	t->dir[0] = '\0';
	atomic_store(&t->bytes, 0);
	atomic_store(&t->rows_done, 0);
	atomic_store(&t->rows_total, -1);
	return true;
}

bool
rd_task_claim(struct rd_task *t)
{
	bool given;

	(void)pthread_mutex_lock(&t->lock);
	t->given = t->given || atomic_load(&t->streams);
	given = t->given;
	(void)pthread_mutex_unlock(&t->lock);
	return given;
}

om_status
rd_task_read(struct rd_task *t, uint64_t offset, void *out, size_t *n, om_err *e)
{
	uint64_t there = atomic_load(&t->bytes);
	size_t want = offset >= there ? 0 : there - offset < *n ? (size_t)(there - offset) : *n;
	size_t got = 0;

	*n = 0;
	while (got < want) {
		ssize_t r = pread(t->fd, (char *)out + got, want - got, (off_t)(offset + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return om_fail(
			    e, OM_IO, "the file cannot be read: %s", r < 0 ? strerror(errno) : "it ends early");
		got += (size_t)r;
	}
	*n = got;
	return OM_OK;
}
