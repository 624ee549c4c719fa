/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * SQLite ends its log at the first frame whose checksum fails and forgets what
 * stands after it: right for a write that a power failure cut off, and a silent loss
 * where a byte in the middle was damaged.  So the log is read before SQLite sees it, and
 * kept aside when a commit stands at or after a bad frame.
 */
#include "store_in.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES  32
#define FRAME_BYTES 24
#define PAGE_BYTES  4096
#define COPY_BYTES  ((size_t)64 * 1024)

struct sums {
	bool big_endian;
	uint32_t a, b;
};

static uint32_t
big(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
word(const struct sums *s, const unsigned char *p)
{
	return s->big_endian ? big(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void
add(struct sums *s, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		s->a += word(s, p + i) + s->b;
		s->b += word(s, p + i + 4) + s->a;
	}
}

/* is_damaged tells whether a commit may stand where SQLite will not find it. */
static bool
is_damaged(int fd)
{
	unsigned char head[HEAD_BYTES], frame[FRAME_BYTES + PAGE_BYTES];
	struct sums s = {.a = 0};
	bool bad = false;
	ssize_t n = pread(fd, head, sizeof head, 0);

	if (n < (ssize_t)sizeof head || pread(fd, frame, sizeof frame, HEAD_BYTES) < (ssize_t)sizeof frame)
		return false; /* no frame at all */
	s.big_endian = (head[3] & 1) != 0;
	add(&s, head, 24);
	if ((big(head) | 1) != 0x377f0683 || big(head + 8) != PAGE_BYTES || big(head + 24) != s.a ||
	    big(head + 28) != s.b)
		return true;
	for (off_t at = HEAD_BYTES; pread(fd, frame, sizeof frame, at) == (ssize_t)sizeof frame;
	     at += (off_t)sizeof frame) {
		bool ours = memcmp(frame + 8, head + 16, 8) == 0; /* not left over from before a reset */

		if (!bad) {
			add(&s, frame, 8);
			add(&s, frame + FRAME_BYTES, PAGE_BYTES);
			bad = !ours || big(frame + 16) != s.a || big(frame + 20) != s.b;
		}
		if (bad && ours && big(frame + 4) != 0)
			return true;
	}
	return false;
}

static om_status
copy(int from, int to, om_err *e)
{
	char *chunk = malloc(COPY_BYTES);
	om_status s = chunk != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
	ssize_t n = 1;

	for (off_t at = 0; s == OM_OK && n > 0; at += n) {
		n = pread(from, chunk, COPY_BYTES, at);
		if (n < 0 || (n > 0 && write(to, chunk, (size_t)n) != n))
			s = om_fail(e, OM_IO, "the damaged log cannot be kept aside: %s", strerror(errno));
	}
	if (s == OM_OK && fsync(to) != 0)
		s = om_fail(e, OM_IO, "the damaged log cannot be kept aside: %s", strerror(errno));
	free(chunk);
	return s;
}

/* keep_aside copies the log to a name of its own. */
static om_status
keep_aside(struct gw_store *st, int log, om_err *e)
{
	char path[3300];
	om_status s;
	int fd = -1;

	for (int i = 1; fd < 0 && i < 1000; i++) {
		(void)snprintf(path, sizeof path, "%s/spool.db-wal.damaged-%d", st->dir, i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		return om_fail(e, OM_IO, "the damaged log cannot be kept aside: %s", strerror(errno));
	s = copy(log, fd, e);
	(void)close(fd);
	if (s != OM_OK) {
		(void)unlink(path);
		return s;
	}
	st->damaged = true;
	om_log(OM_LOG_ERROR, "the spool's log is damaged; what stands before the damage is used, and all of it is kept",
	    "kept", path, NULL);
	return OM_OK;
}

om_status
gw_wal_check(struct gw_store *st, om_err *e)
{
	char path[3300];
	om_status s = OM_OK;
	int fd;

	(void)snprintf(path, sizeof path, "%s/spool.db-wal", st->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return OM_OK; /* there is none, or SQLite reports why it cannot be read */
	if (is_damaged(fd))
		s = keep_aside(st, fd, e);
	(void)close(fd);
	return s;
}
