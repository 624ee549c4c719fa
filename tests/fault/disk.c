/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * disk.c - a disk that tests can break, for one process: preloaded, it does to syncs and writes of files below
 * the folder DISK_FOLDER what the first byte of the file DISK_FAULT_FILE (mapped) says:
 *
 *   e  syncs fail with EIO            s  syncs do not return before the byte changes
 *   w  writes fail with EIO
 *   i  every other write stops halfway or is interrupted by a signal
 *   l  syncs are said to be done and are not
 *
 * Its second byte becomes 1 when the fault has hit something.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static volatile char *order;
static const char *folder;
static atomic_uint n_writes;

static void __attribute__((constructor)) map_order(void)
{
	const char *path = getenv("DISK_FAULT_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	folder = getenv("DISK_FOLDER");
	if (page != MAP_FAILED && folder != NULL)
		order = page;
	if (fd >= 0)
		(void)close(fd);
}

/* concerns tells whether the fault `what` is on and the file is below the folder. */
static int
concerns(int fd, char what)
{
	char link[64], path[4096];
	ssize_t n;

	if (order == NULL || order[0] != what)
		return 0;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0 || strncmp(path, folder, strlen(folder)) != 0)
		return 0;
	order[1] = 1;
	return 1;
}

static int
sync_with(long call, int fd)
{
	while (concerns(fd, 's'))
		(void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	if (concerns(fd, 'e')) {
		errno = EIO;
		return -1;
	}
	if (concerns(fd, 'l'))
		return 0;
	return (int)syscall(call, fd);
}

int
fsync(int fd)
{
	return sync_with(SYS_fsync, fd);
}

int
fdatasync(int fildes)
{
	return sync_with(SYS_fdatasync, fildes);
}

ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t offset)
{
	if (concerns(fd, 'w')) {
		errno = EIO;
		return -1;
	}
	if (n > 1 && concerns(fd, 'i'))
		switch (atomic_fetch_add(&n_writes, 1) % 4) {
		case 1:
			n /= 2;
			break;
		case 3:
			errno = EINTR;
			return -1;
		default:
			break;
		}
	return syscall(SYS_pwrite64, fd, buf, n, offset);
}
