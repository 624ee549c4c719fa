/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * clock.c - a wall clock that tests can set, for one process: preloaded, it adds
 * the seconds in the file CLOCK_OFFSET_FILE (one int64_t, mapped) to what the
 * system says.  The monotonic clock and everything that waits on it is left alone,
 * as when an administrator sets a machine's clock.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

static void __attribute__((constructor)) map_offset(void)
{
	const char *path = getenv("CLOCK_OFFSET_FILE");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);

	if (page != MAP_FAILED)
		offset = page;
	if (fd >= 0)
		(void)close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *out)
{
	int rv = (int)syscall(SYS_clock_gettime, id, out);

	if (rv == 0 && offset != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		out->tv_sec += *offset;
	return rv;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	out->tv_sec = now.tv_sec;
	out->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec now;
	time_t t = clock_gettime(CLOCK_REALTIME, &now) == 0 ? now.tv_sec : -1;

	if (out != NULL)
		*out = t;
	return t;
}
