/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "throttle.h"
#include "base/invariant.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES      4096
#define ADDRESS      48
#define HOUR_MS      ((int64_t)3600 * 1000)
#define LONGEST_MS   ((int64_t)900 * 1000)
#define FORGOTTEN_MS (2 * HOUR_MS)

struct entry {
	char address[ADDRESS]; /* "" is free */
	int failures;
	bool known; /* has logged in */
	int64_t last_ms;
};

struct gw_throttle {
	bool overall;
	pthread_mutex_t lock;
	struct entry entries[ENTRIES];         /* lock */
	int64_t failed_ms[GW_THROTTLE_HOURLY]; /* lock; oldest first */
	size_t n_failed;                       /* lock */
};

om_status
gw_throttle_new(bool overall, struct gw_throttle **out, om_err *e)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(*out)->overall = overall;
	(void)pthread_mutex_init(&(*out)->lock, NULL);
	return OM_OK;
}

void
gw_throttle_free(struct gw_throttle **t)
{
	if (*t != NULL)
		(void)pthread_mutex_destroy(&(*t)->lock);
	free(*t);
	*t = NULL;
}

/* network cuts an IPv6 address to its /64, which one client owns as a whole. */
static void
network(const char *address, char out[ADDRESS])
{
	unsigned char a[16];

	if (inet_pton(AF_INET6, address, a) == 1) {
		memset(a + 8, 0, 8);
		if (inet_ntop(AF_INET6, a, out, ADDRESS) != NULL)
			return;
	}
	(void)snprintf(out, ADDRESS, "%s", address);
}

static struct entry *
find(struct gw_throttle *t, const char *key)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (strcmp(t->entries[i].address, key) == 0)
			return &t->entries[i];
	return NULL;
}

/* place finds the address or makes room for it: a free entry, else the one
 * unused for longest, addresses that never logged in first. */
static struct entry *
place(struct gw_throttle *t, const char *key, int64_t now_ms)
{
	struct entry *en = find(t, key), *oldest = &t->entries[0];

	if (en != NULL)
		return en;
	for (size_t i = 0; i < ENTRIES; i++) {
		en = &t->entries[i];
		if (en->address[0] == '\0') {
			oldest = en;
			break;
		}
		if ((oldest->known && !en->known) || (oldest->known == en->known && en->last_ms < oldest->last_ms))
			oldest = en;
	}
	*oldest = (struct entry){.last_ms = now_ms};
	memcpy(oldest->address, key, ADDRESS);
	return oldest;
}

static void
drop_old(struct gw_throttle *t, int64_t now_ms)
{
	size_t n = 0;

	while (n < t->n_failed && now_ms - t->failed_ms[n] >= HOUR_MS)
		n++;
	t->n_failed -= n;
	memmove(t->failed_ms, t->failed_ms + n, t->n_failed * sizeof t->failed_ms[0]);
}

static int64_t
delay_ms(int failures)
{
	int64_t d = 1000;

	if (failures < GW_THROTTLE_FREE)
		return 0;
	for (int i = GW_THROTTLE_FREE; i < failures && d < LONGEST_MS; i++)
		d *= 2;
	return d < LONGEST_MS ? d : LONGEST_MS;
}

om_status
gw_throttle_begin(struct gw_throttle *t, const char *address, int64_t now_ms, int64_t *wait_s_out)
{
	char key[ADDRESS] = "";
	struct entry *en;
	int64_t wait_ms;

	*wait_s_out = 0;
	network(address, key);
	(void)pthread_mutex_lock(&t->lock);
	drop_old(t, now_ms);
	en = place(t, key, now_ms);
	if (now_ms - en->last_ms >= FORGOTTEN_MS)
		en->failures = 0;
	wait_ms = en->last_ms + delay_ms(en->failures) - now_ms;
	if (en->failures == 0)
		wait_ms = 0;
	if (wait_ms <= 0 && !en->known && t->n_failed == GW_THROTTLE_HOURLY)
		wait_ms = t->failed_ms[0] + HOUR_MS - now_ms;
	if (wait_ms <= 0) {
		om_check(t->n_failed < GW_THROTTLE_HOURLY || en->known || !t->overall);
		en->failures++;
		en->last_ms = now_ms;
		if (!en->known && t->overall)
			t->failed_ms[t->n_failed++] = now_ms;
	}
	(void)pthread_mutex_unlock(&t->lock);
	if (wait_ms <= 0)
		return OM_OK;
	*wait_s_out = (wait_ms + 999) / 1000;
	return OM_THROTTLED;
}

static void
take_back(struct gw_throttle *t, const char *address, bool success)
{
	char key[ADDRESS] = "";
	struct entry *en;

	network(address, key);
	(void)pthread_mutex_lock(&t->lock);
	en = find(t, key);
	if (en != NULL) {
		en->failures = success || en->failures == 0 ? 0 : en->failures - 1;
		if (!en->known && t->n_failed > 0)
			t->n_failed--;
		en->known = en->known || success;
	}
	(void)pthread_mutex_unlock(&t->lock);
}

void
gw_throttle_succeed(struct gw_throttle *t, const char *address)
{
	take_back(t, address, true);
}

void
gw_throttle_undo(struct gw_throttle *t, const char *address)
{
	take_back(t, address, false);
}
