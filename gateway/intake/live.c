/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "live.h"

#include "base/digest.h"
#include "base/invariant.h"
#include "base/stats.h"
#include "base/sync.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_BYTES 8

struct item {
	om_time received_us;
	char *packed; /* owned; NULL: empty */
	size_t n;
};

struct gw_live {
	char nonce[2 * NONCE_BYTES + 1]; /* of this process */
	unsigned most;                   /* streams */

	pthread_mutex_t lock;
	pthread_cond_t news;
	bool stop;
	unsigned streams;
	uint64_t last;  /* number of the newest record; 0: none */
	uint64_t first; /* of the oldest that is kept; last + 1: none */
	size_t bytes;
	struct item ring[GW_LIVE_RECORDS]; /* record i at i % GW_LIVE_RECORDS */
};

static struct om_stat st_streams = OM_GAUGE("owui_metering_live_streams", NULL, "Live pages that are open.");
static struct om_stat st_refused =
    OM_COUNTER("owui_metering_live_refused_total", NULL, "Live pages refused because too many were open.");

om_status
gw_live_open(unsigned streams, struct gw_live **out, om_err *e)
{
	struct gw_live *l = calloc(1, sizeof *l);
	unsigned char raw[NONCE_BYTES];
	om_status s;

	*out = NULL;
	if (l == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = om_random(raw, sizeof raw, e);
	if (s != OM_OK) {
		free(l);
		return s;
	}
	om_hex(raw, sizeof raw, l->nonce);
	l->most = streams;
	l->first = 1;
	(void)pthread_mutex_init(&l->lock, NULL);
	om_cond_init(&l->news);
	om_stat_register(&st_streams);
	om_stat_register(&st_refused);
	*out = l;
	return OM_OK;
}

void
gw_live_close(struct gw_live **lp)
{
	struct gw_live *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	for (size_t i = 0; i < GW_LIVE_RECORDS; i++)
		free(l->ring[i].packed);
	(void)pthread_cond_destroy(&l->news);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

void
gw_live_stop(struct gw_live *l)
{
	if (l == NULL)
		return;
	(void)pthread_mutex_lock(&l->lock);
	l->stop = true;
	(void)pthread_cond_broadcast(&l->news);
	(void)pthread_mutex_unlock(&l->lock);
}

static struct item *
place(struct gw_live *l, uint64_t number)
{
	return &l->ring[number % GW_LIVE_RECORDS];
}

static void
drop_oldest(struct gw_live *l)
{
	struct item *it = place(l, l->first++);

	om_check(it->packed != NULL && l->bytes >= it->n);
	l->bytes -= it->n;
	free(it->packed);
	*it = (struct item){.packed = NULL};
}

/* add keeps one record; without memory it is left out, which its readers see as a
 * gap. */
static void
add(struct gw_live *l, const char *data, size_t n, om_time received_us)
{
	char *copy = malloc(n > 0 ? n : 1);

	while (l->first <= l->last &&
	    (copy == NULL || l->last - l->first + 1 == GW_LIVE_RECORDS || l->bytes + n > GW_LIVE_BYTES))
		drop_oldest(l);
	l->last++;
	if (copy == NULL) {
		l->first = l->last + 1;
		return;
	}
	memcpy(copy, data, n);
	*place(l, l->last) = (struct item){.received_us = received_us, .packed = copy, .n = n};
	l->bytes += n;
}

void
gw_live_note(void *arg, const struct gw_batch *b, om_time received_us)
{
	struct gw_live *l = arg;
	size_t skip = b->n > GW_LIVE_RECORDS ? b->n - GW_LIVE_RECORDS : 0;

	(void)pthread_mutex_lock(&l->lock);
	if (skip > 0) { /* they would fall out at once */
		while (l->first <= l->last)
			drop_oldest(l);
		l->last += skip;
		l->first = l->last + 1;
	}
	for (size_t i = skip; i < b->n; i++) {
		size_t start = i > 0 ? b->ends[i - 1] : 0;

		add(l, b->bytes.data + start, b->ends[i] - start, received_us);
	}
	(void)pthread_cond_broadcast(&l->news);
	(void)pthread_mutex_unlock(&l->lock);
}

om_time
gw_live_newest(struct gw_live *l)
{
	om_time t;

	(void)pthread_mutex_lock(&l->lock);
	t = l->first <= l->last ? place(l, l->last)->received_us : 0;
	(void)pthread_mutex_unlock(&l->lock);
	return t;
}

om_status
gw_live_enter(struct gw_live *l, om_err *e)
{
	om_status s = OM_OK;

	(void)pthread_mutex_lock(&l->lock);
	if (l->stop)
		s = om_fail(e, OM_UNAVAILABLE, "the gateway is stopping");
	else if (l->streams >= l->most)
		s = om_fail(e, OM_UNAVAILABLE,
		    "%u live pages are open, which is all that LIVE_STREAMS and HTTP_THREADS allow", l->streams);
	else
		l->streams++;
	om_stat_set(&st_streams, l->streams);
	(void)pthread_mutex_unlock(&l->lock);
	if (s != OM_OK)
		om_stat_add(&st_refused, 1);
	return s;
}

void
gw_live_leave(struct gw_live *l)
{
	(void)pthread_mutex_lock(&l->lock);
	l->streams--;
	om_stat_set(&st_streams, l->streams);
	(void)pthread_mutex_unlock(&l->lock);
}

bool
gw_live_seek(struct gw_live *l, const char *mark, uint64_t *at_out)
{
	size_t n = sizeof l->nonce - 1;
	uint64_t at = 0;
	bool known = mark != NULL && strncmp(mark, l->nonce, n) == 0 && mark[n] == '-' &&
	    om_u64_parse(mark + n + 1, UINT64_MAX, &at);

	(void)pthread_mutex_lock(&l->lock);
	if (mark == NULL)
		at = l->last;
	else if (known && (at > l->last || at + 1 < l->first))
		known = false;
	if (mark != NULL && !known)
		at = l->first - 1; /* all there is, after the gap */
	(void)pthread_mutex_unlock(&l->lock);
	*at_out = at;
	return mark == NULL || known;
}

void
gw_live_mark(const struct gw_live *l, uint64_t at, char out[GW_LIVE_MARK])
{
	(void)snprintf(out, GW_LIVE_MARK, "%s-%llu", l->nonce, (unsigned long long)at);
}

gw_live_got
gw_live_next(struct gw_live *l, uint64_t *at, int64_t wait_ms, struct om_buf *packed, om_time *received_us)
{
	int64_t until = om_mono_ms() + wait_ms;
	gw_live_got got = GW_LIVE_QUIET;

	(void)pthread_mutex_lock(&l->lock);
	while (!l->stop && *at >= l->last && om_cond_wait(&l->news, &l->lock, until))
		continue;
	if (l->stop) {
		got = GW_LIVE_STOPPED;
	} else if (*at < l->last && *at + 1 < l->first) {
		*at = l->first - 1;
		got = GW_LIVE_GAP;
	} else if (*at < l->last) {
		const struct item *it = place(l, ++*at);

		om_buf_reset(packed);
		om_buf_add(packed, it->packed, it->n);
		*received_us = it->received_us;
		got = GW_LIVE_RECORD;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return got;
}
