/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "watch.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "base/sync.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_LOOK 256 /* descriptors tried before the list of open ones is read */

struct slot {
	bool used;
	int fd;
	bool armed, both, fired;
	int64_t deadline_ms;
};

struct gw_watch {
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t wake; /* an earlier deadline, or stop */
	bool stop;
	int64_t look_ms; /* when the thread looks again by itself */
	size_t n;
	struct slot *slots; /* owned */
};

static void *
work(void *arg)
{
	struct gw_watch *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		int64_t now = om_mono_ms(), first = now + 60000;

		for (size_t i = 0; i < w->n; i++) {
			struct slot *s = &w->slots[i];

			if (!s->armed)
				continue;
			if (s->deadline_ms <= now) {
				s->armed = false;
				s->fired = true;
				(void)shutdown(s->fd, s->both ? SHUT_RDWR : SHUT_RD);
			} else if (s->deadline_ms < first) {
				first = s->deadline_ms;
			}
		}
		w->look_ms = first;
		(void)om_cond_wait(&w->wake, &w->lock, first);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

om_status
gw_watch_open(size_t slots, struct gw_watch **out, om_err *e)
{
	struct gw_watch *w = calloc(1, sizeof *w);

	*out = NULL;
	if (w == NULL || (w->slots = calloc(slots, sizeof *w->slots)) == NULL) {
		free(w);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	w->n = slots;
	(void)pthread_mutex_init(&w->lock, NULL);
	om_cond_init(&w->wake);
	if (pthread_create(&w->thread, NULL, work, w) != 0) {
		free(w->slots);
		free(w);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	*out = w;
	return OM_OK;
}

void
gw_watch_close(struct gw_watch **wp)
{
	struct gw_watch *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->thread, NULL);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->slots);
	free(w);
}

struct wanted {
	struct in_addr address;
	in_port_t peer_port, local_port; /* network order */
};

static bool
is_wanted(int fd, const struct wanted *want)
{
	struct sockaddr_in a = {.sin_family = AF_UNSPEC};
	socklen_t n = sizeof a;

	if (getpeername(fd, (struct sockaddr *)&a, &n) != 0 || a.sin_family != AF_INET ||
	    a.sin_port != want->peer_port || a.sin_addr.s_addr != want->address.s_addr)
		return false;
	n = sizeof a;
	return getsockname(fd, (struct sockaddr *)&a, &n) == 0 && a.sin_port == want->local_port;
}

static bool
is_taken(const struct gw_watch *w, int fd)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->slots[i].used && w->slots[i].fd == fd)
			return true;
	return false;
}

/* search tries small numbers first, then whatever is open. */
static int
search(const struct gw_watch *w, const struct wanted *want)
{
	const struct dirent *d;
	DIR *dir;
	int found = -1;

	for (int fd = 3; fd < FIRST_LOOK; fd++)
		if (is_wanted(fd, want) && !is_taken(w, fd))
			return fd;
	dir = opendir("/proc/self/fd");
	while (dir != NULL && found < 0 && (d = readdir(dir)) != NULL) {
		long fd = strtol(d->d_name, NULL, 10);

		if (fd >= FIRST_LOOK && is_wanted((int)fd, want) && !is_taken(w, (int)fd))
			found = (int)fd;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return found;
}

int
gw_watch_find(struct gw_watch *w, const char *peer_address, int peer_port, int local_port)
{
	struct wanted want = {.peer_port = htons((uint16_t)peer_port), .local_port = htons((uint16_t)local_port)};
	int slot = -1, fd;

	if (inet_pton(AF_INET, peer_address, &want.address) != 1)
		return -1;
	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n && slot < 0; i++)
		if (!w->slots[i].used)
			slot = (int)i;
	fd = slot >= 0 ? search(w, &want) : -1;
	if (fd >= 0)
		w->slots[slot] = (struct slot){.used = true, .fd = fd};
	else
		slot = -1;
	(void)pthread_mutex_unlock(&w->lock);
	return slot;
}

void
gw_watch_arm(struct gw_watch *w, int slot, int64_t deadline_ms, bool both)
{
	struct slot *s = &w->slots[slot];

	om_check(slot >= 0 && (size_t)slot < w->n);
	(void)pthread_mutex_lock(&w->lock);
	s->armed = true;
	s->fired = false;
	s->both = both;
	s->deadline_ms = deadline_ms;
	if (deadline_ms < w->look_ms)
		(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

bool
gw_watch_disarm(struct gw_watch *w, int slot)
{
	bool fired;

	(void)pthread_mutex_lock(&w->lock);
	w->slots[slot].armed = false;
	fired = w->slots[slot].fired;
	(void)pthread_mutex_unlock(&w->lock);
	return fired;
}

int
gw_watch_fd(struct gw_watch *w, int slot)
{
	int fd;

	(void)pthread_mutex_lock(&w->lock);
	fd = w->slots[slot].fd;
	(void)pthread_mutex_unlock(&w->lock);
	return fd;
}

void
gw_watch_release(struct gw_watch *w, int slot)
{
	(void)pthread_mutex_lock(&w->lock);
	w->slots[slot] = (struct slot){.used = false};
	(void)pthread_mutex_unlock(&w->lock);
}
