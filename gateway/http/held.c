/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "held.h"

#include "proxy.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS 1000 /* for the peer to read the answer and to close */

struct answer {
	int fd; /* -1: this place is free */
	bool sent;
	int64_t due_ms; /* when it is sent; after that, when it is closed */
	unsigned char key[16];
	size_t n;
	char data[GW_HELD_BYTES];
};

struct gw_held {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* an earlier answer, or the end */
	bool end;
	struct answer answers[GW_HELD_ALL]; /* lock */
};

static struct om_stat st_held =
    OM_COUNTER("owui_metering_answers_held_total", NULL, "Answers to wrong keys that were held back.");

static void
drop(struct answer *a)
{
	char waste[4096];

	while (recv(a->fd, waste, sizeof waste, MSG_DONTWAIT) > 0) /* or the answer could be lost */
		;
	(void)close(a->fd);
	a->fd = -1;
}

/* take_turn sends or closes what is due, and tells when the next one is. */
static int64_t
take_turn(struct gw_held *h, int64_t now)
{
	int64_t next = now + 60000;

	for (size_t i = 0; i < GW_HELD_ALL; i++) {
		struct answer *a = &h->answers[i];

		if (a->fd >= 0 && a->due_ms <= now && a->sent)
			drop(a);
		if (a->fd >= 0 && a->due_ms <= now) {
			(void)send(a->fd, a->data, a->n, MSG_DONTWAIT | MSG_NOSIGNAL);
			(void)shutdown(a->fd, SHUT_WR);
			a->sent = true;
			a->due_ms = now + LINGER_MS;
		}
		if (a->fd >= 0 && a->due_ms < next)
			next = a->due_ms;
	}
	return next;
}

static void *
work(void *arg)
{
	struct gw_held *h = arg;

	(void)pthread_mutex_lock(&h->lock);
	while (!h->end)
		(void)om_cond_wait(&h->wake, &h->lock, take_turn(h, om_mono_ms()));
	(void)pthread_mutex_unlock(&h->lock);
	return NULL;
}

om_status
gw_held_open(struct gw_held **out, om_err *e)
{
	struct gw_held *h = calloc(1, sizeof *h);

	*out = NULL;
	if (h == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < GW_HELD_ALL; i++)
		h->answers[i].fd = -1;
	(void)pthread_mutex_init(&h->lock, NULL);
	om_cond_init(&h->wake);
	if (pthread_create(&h->thread, NULL, work, h) != 0) {
		free(h);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	*out = h;
	return OM_OK;
}

void
gw_held_close(struct gw_held **hp)
{
	struct gw_held *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	(void)pthread_mutex_lock(&h->lock);
	h->end = true;
	(void)pthread_cond_signal(&h->wake);
	(void)pthread_mutex_unlock(&h->lock);
	(void)pthread_join(h->thread, NULL);
	for (size_t i = 0; i < GW_HELD_ALL; i++)
		if (h->answers[i].fd >= 0)
			drop(&h->answers[i]);
	(void)pthread_cond_destroy(&h->wake);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

/* place gives a free one, NULL when the address or all together have as many as they may. */
static struct answer *
place(struct gw_held *h, const unsigned char key[16])
{
	struct answer *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < GW_HELD_ALL; i++) {
		struct answer *a = &h->answers[i];

		if (a->fd < 0)
			found = a;
		else
			n += !a->sent && memcmp(a->key, key, 16) == 0;
	}
	return n < GW_HELD_EACH ? found : NULL;
}

void
gw_held_put(struct gw_held *h, int fd, const char *client, const void *data, size_t n, int64_t due_ms)
{
	unsigned char key[16];
	struct answer *a;

	om_check(fd >= 0 && n <= GW_HELD_BYTES);
	gw_address_key(client, key);
	(void)pthread_mutex_lock(&h->lock);
	a = place(h, key);
	if (a != NULL) {
		a->fd = fd;
		a->sent = false;
		a->due_ms = due_ms;
		a->n = n;
		memcpy(a->key, key, sizeof a->key);
		memcpy(a->data, data, n);
		om_stat_add(&st_held, 1);
		(void)pthread_cond_signal(&h->wake);
	}
	(void)pthread_mutex_unlock(&h->lock);
	if (a == NULL)
		(void)close(fd);
}
