/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "door_in.h"

#include "head.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_MS  3000 /* for what is refused to be thrown away */
#define OWN_FILES 256  /* files and sockets of everything else */
#define LOOK_MS   30   /* between two looks while there are too many */
#define SLICE_MS  250  /* how often a wait for a head looks whether the server stops */
#define SAFE_HEAD "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static _Thread_local struct gw_door *here;
static _Thread_local struct gw_conn *mine;

static struct om_stat st_open = OM_GAUGE("owui_metering_connections", NULL, "Connections that are open.");

/* ---- the thread that keeps deadlines and makes room ---- */

/* look is what has to be done now, and tells when to look again. */
static int64_t
look(struct gw_door *d, int64_t now)
{
	int64_t next = now + 60000;

	for (size_t i = 0; i < d->opts.most; i++) {
		struct gw_conn *c = &d->conns[i];

		if (c->fd < 0)
			continue;
		if (c->deadline_ms <= now)
			gw_crowd_end_late(c);
		else if (c->deadline_ms < next)
			next = c->deadline_ms;
	}
	return gw_crowd_thin(d, now) ? now + LOOK_MS : next;
}

static void *
work(void *arg)
{
	struct gw_door *d = arg;

	(void)pthread_mutex_lock(&d->lock);
	while (!d->end) {
		d->looked_ms = om_mono_ms();
		d->look_ms = look(d, d->looked_ms);
		(void)om_cond_wait(&d->wake, &d->lock, d->look_ms);
	}
	(void)pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* look_by wakes the thread if it would look later than that. */
static void
look_by(struct gw_door *d, int64_t at_ms)
{
	if (at_ms < d->look_ms) {
		d->look_ms = at_ms;
		(void)pthread_cond_signal(&d->wake);
	}
}

/* ---- coming and going ---- */

/* allow_files raises what the process may have open, as far as it may. */
static void
allow_files(size_t n)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most) != 0 || most.rlim_cur >= n)
		return;
	most.rlim_cur = most.rlim_max < n ? most.rlim_max : n;
	if (setrlimit(RLIMIT_NOFILE, &most) != 0 || most.rlim_cur < n)
		om_log(OM_LOG_WARN, "the process may have fewer files open than it can have connections", "files",
		    OM_I64(most.rlim_cur), "wanted", OM_I64(n), NULL);
}

om_status
gw_door_open(const struct gw_door_opts *o, struct gw_door **out, om_err *e)
{
	struct gw_door *d = calloc(1, sizeof *d);

	*out = NULL;
	if (d == NULL || (d->conns = calloc(o->most, sizeof *d->conns)) == NULL) {
		free(d);
		return om_fail(e, OM_NOMEM, "out of memory");
	}
	d->opts = *o;
	d->strangers = o->workers - (o->workers >= 4 ? o->workers / 4 : 1);
	if (d->opts.per_address > d->strangers)
		d->opts.per_address = d->strangers;
	for (size_t i = 0; i < o->most; i++)
		d->conns[i].fd = -1;
	om_stat_register(&st_open);
	allow_files(o->most + OWN_FILES);
	(void)pthread_mutex_init(&d->lock, NULL);
	om_cond_init(&d->wake);
	if (pthread_create(&d->thread, NULL, work, d) != 0) {
		free(d->conns);
		free(d);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	*out = d;
	return OM_OK;
}

void
gw_door_close(struct gw_door **dp)
{
	struct gw_door *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	(void)pthread_mutex_lock(&d->lock);
	d->end = true;
	(void)pthread_cond_signal(&d->wake);
	(void)pthread_mutex_unlock(&d->lock);
	(void)pthread_join(d->thread, NULL);
	(void)pthread_cond_destroy(&d->wake);
	(void)pthread_mutex_destroy(&d->lock);
	free(d->conns);
	free(d);
}

void
gw_door_stop(struct gw_door *d)
{
	atomic_store(&d->stopping, true);
}

void
gw_door_enter(struct gw_door *d)
{
	here = d;
	mine = NULL;
}

static struct gw_conn *
find_peer(struct gw_door *d, struct in_addr peer, in_port_t port)
{
	for (size_t i = 0; i < d->opts.most; i++) {
		struct gw_conn *c = &d->conns[i];

		if (c->fd >= 0 && c->peer.s_addr == peer.s_addr && c->peer_port == port)
			return c;
	}
	return NULL;
}

/* admit enters a connection; false: it is not let in, as there is no room to keep it, or as its peer has
 * one from the same port to another of our addresses, which could not be told from it. */
static bool
admit(struct gw_door *d, int fd, const struct sockaddr_in *peer)
{
	char text[INET_ADDRSTRLEN] = "";
	struct gw_conn *c = NULL;
	int64_t now = om_mono_ms();

	(void)inet_ntop(AF_INET, &peer->sin_addr, text, sizeof text);
	(void)pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->opts.most && c == NULL; i++)
		if (d->conns[i].fd < 0)
			c = &d->conns[i];
	if (c != NULL && find_peer(d, peer->sin_addr, peer->sin_port) != NULL)
		c = NULL;
	if (c != NULL) {
		*c = (struct gw_conn){.fd = fd,
		    .state = GW_AWAITING,
		    .since_ms = now,
		    .deadline_ms = GW_NEVER_MS,
		    .direct = d->opts.proxies == NULL || !gw_proxies_trust(d->opts.proxies, text),
		    .peer = peer->sin_addr,
		    .peer_port = peer->sin_port,
		    .door = d};
		gw_address_key(text, c->key);
		om_stat_add(&st_open, 1);
		if (gw_crowd_is_dense(d))
			look_by(d, d->looked_ms + LOOK_MS); /* the thread makes room */
	}
	(void)pthread_mutex_unlock(&d->lock);
	return c != NULL;
}

void
gw_door_leave(struct gw_door *d, const char *peer_address, int peer_port)
{
	struct in_addr peer = {.s_addr = 0};
	struct gw_conn *c;

	mine = NULL;
	if (inet_pton(AF_INET, peer_address, &peer) != 1)
		return;
	(void)pthread_mutex_lock(&d->lock);
	c = find_peer(d, peer, htons((uint16_t)peer_port));
	if (c != NULL) {
		c->fd = -1;
		om_stat_add(&st_open, -1);
	}
	(void)pthread_mutex_unlock(&d->lock);
}

/* ---- one connection ---- */

struct gw_conn *
gw_conn_mine(void)
{
	return mine;
}

const char *
gw_conn_fault(const struct gw_conn *c, om_status *status_out)
{
	*status_out = c->fault_status;
	return c->fault;
}

int
gw_conn_fd(const struct gw_conn *c)
{
	return c->fd; /* changes only while no worker has it */
}

void
gw_conn_prove(struct gw_conn *c)
{
	(void)pthread_mutex_lock(&c->door->lock);
	c->proven = true;
	(void)pthread_mutex_unlock(&c->door->lock);
}

void
gw_conn_next(struct gw_conn *c)
{
	c->past_head = false;
	(void)pthread_mutex_lock(&c->door->lock);
	c->state = GW_AWAITING;
	c->since_ms = om_mono_ms();
	(void)pthread_mutex_unlock(&c->door->lock);
}

void
gw_conn_wait(struct gw_conn *c, gw_wait what, int64_t deadline_ms, const char *client)
{
	struct gw_door *d = c->door;
	int64_t now = om_mono_ms();

	(void)pthread_mutex_lock(&d->lock);
	if (!c->direct && client != NULL)
		gw_address_key(client, c->key);
	c->state = what == GW_WAIT_BODY ? GW_IN_BODY : GW_IN_REPLY;
	c->since_ms = now;
	c->deadline_ms = deadline_ms;
	look_by(d, gw_crowd_is_dense(d) ? d->looked_ms + LOOK_MS : deadline_ms);
	(void)pthread_mutex_unlock(&d->lock);
}

gw_waited
gw_conn_go_on(struct gw_conn *c)
{
	gw_waited how;

	(void)pthread_mutex_lock(&c->door->lock);
	how = c->late ? GW_LATE : c->cut ? GW_CUT : GW_IN_TIME;
	c->state = GW_AT_WORK;
	c->deadline_ms = GW_NEVER_MS;
	(void)pthread_mutex_unlock(&c->door->lock);
	return how;
}

void
gw_conn_drain(struct gw_conn *c)
{
	int64_t until = om_mono_ms() + DRAIN_MS, left = DRAIN_MS;
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	char waste[16384];
	ssize_t n = 1;

	gw_conn_wait(c, GW_WAIT_BODY, until, NULL);
	(void)shutdown(c->fd, SHUT_WR);
	while (n != 0 && left > 0 && poll(&p, 1, (int)left) > 0) {
		n = recvfrom(c->fd, waste, sizeof waste, MSG_DONTWAIT, NULL, NULL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
		left = until - om_mono_ms();
	}
	(void)gw_conn_go_on(c);
}

int
gw_conn_part(struct gw_conn *c)
{
	int unused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int taken = unused >= 0 ? fcntl(c->fd, F_DUPFD_CLOEXEC, 0) : -1;

	/* civetweb shuts its descriptor down before it closes it: it is to be another socket by then */
	if (taken >= 0 && dup3(unused, c->fd, O_CLOEXEC) < 0) {
		(void)close(taken);
		taken = -1;
	}
	if (unused >= 0)
		(void)close(unused);
	return taken;
}

/* ---- what civetweb reads ---- */

static struct gw_conn *
find_fd(struct gw_door *d, int fd)
{
	struct gw_conn *found = NULL;

	if (mine != NULL && mine->fd == fd)
		return mine;
	(void)pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->opts.most && found == NULL; i++)
		if (d->conns[i].fd == fd)
			found = &d->conns[i];
	(void)pthread_mutex_unlock(&d->lock);
	return found;
}

/* take reads exactly what was seen to be there. */
static bool
take(int fd, char *to, size_t n)
{
	while (n > 0) {
		ssize_t got = recvfrom(fd, to, n, 0, NULL, NULL);

		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		n -= got > 0 ? (size_t)got : 0;
		to += got > 0 ? got : 0;
	}
	return true;
}

/* receive_head reads until the head is whole or cannot become one: its length; 0: the peer sent nothing;
 * -1: the connection is broken. */
static ssize_t
receive_head(struct gw_conn *c, char *buf, size_t room, const char **why)
{
	size_t have = 0, seen = 0, end = 0;

	while (end == 0 && *why == NULL) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		ssize_t n = have < room ? recvfrom(c->fd, buf + have, room - have, MSG_PEEK, NULL, NULL) : -1;

		if (have == room) {
			*why = "the head is too large";
		} else if (n == 0 && have == 0) {
			return 0;
		} else if (n == 0) {
			*why = "the head ended before it was complete";
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return -1;
		} else if (n < 0) {
			(void)poll(&p, 1, SLICE_MS);
			if (atomic_load(&c->door->stopping))
				return -1;
		} else {
			end = gw_head_end(buf, have + (size_t)n, &seen, why);
			if (!take(c->fd, buf + have, end > 0 ? end - have : (size_t)n))
				return -1;
			have += (size_t)n;
		}
	}
	return (ssize_t)(end > 0 ? end : have);
}

/* read_head gives civetweb a whole head in its one form, or a harmless one in its place. */
static ssize_t
read_head(struct gw_conn *c, char *buf, size_t room)
{
	const char *why = NULL;
	gw_waited how;
	ssize_t n;

	c->fault = NULL;
	(void)pthread_mutex_lock(&c->door->lock);
	c->deadline_ms = om_mono_ms() + c->door->opts.head_ms;
	look_by(c->door, c->deadline_ms);
	(void)pthread_mutex_unlock(&c->door->lock);
	n = receive_head(c, buf, room, &why);
	how = gw_conn_go_on(c);
	if (n <= 0)
		return n;
	c->past_head = true;
	c->fault_status = OM_INVALID;
	if (why == NULL) {
		why = gw_head_fault(buf, (size_t)n);
	} else if (how != GW_IN_TIME) {
		c->fault_status = how == GW_LATE ? OM_TIMEOUT : OM_UNAVAILABLE;
		why = how == GW_LATE ? "the head did not arrive in time" : "too many connections are open";
	}
	c->fault = why;
	if (why == NULL)
		return n;
	om_check(room > sizeof SAFE_HEAD);
	memcpy(buf, SAFE_HEAD, sizeof SAFE_HEAD - 1);
	return sizeof SAFE_HEAD - 1;
}

/* The two names that civetweb calls.  They are declared under names of their own, as the headers of the C
 * library declare them with types that it alone has. */
__attribute__((used, visibility("default"))) int door_accept(int, struct sockaddr *, socklen_t *) __asm__("accept");
__attribute__((used, visibility("default"))) ssize_t door_recv(int, void *, size_t, int) __asm__("recv");

int
door_accept(int fd, struct sockaddr *peer, socklen_t *n)
{
	int got = accept4(fd, peer, n, here != NULL ? SOCK_CLOEXEC : 0);

	if (got < 0 || here == NULL)
		return got;
	om_check(peer != NULL && peer->sa_family == AF_INET);
	if (admit(here, got, (const struct sockaddr_in *)(const void *)peer))
		return got;
	(void)close(got);
	errno = ECONNABORTED;
	return -1;
}

ssize_t
door_recv(int fd, void *buf, size_t n, int flags)
{
	struct gw_conn *c = here != NULL ? find_fd(here, fd) : NULL;

	if (c == NULL)
		return recvfrom(fd, buf, n, flags, NULL, NULL);
	mine = c;
	if (c->past_head)
		return recvfrom(fd, buf, n, flags, NULL, NULL);
	return read_head(c, buf, n);
}
