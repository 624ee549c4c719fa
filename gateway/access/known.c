/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct known {
	unsigned char secret[GW_SECRET];
	om_time expires_at;   /* 0: free */
	int64_t confirmed_ms; /* monotonic */
};

struct gw_known {
	pthread_mutex_t lock;
	struct known row[GW_KNOWN]; /* lock */
};

om_status
gw_known_new(struct gw_known **out, om_err *e)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)pthread_mutex_init(&(*out)->lock, NULL);
	return OM_OK;
}

void
gw_known_free(struct gw_known **k)
{
	if (*k != NULL)
		(void)pthread_mutex_destroy(&(*k)->lock);
	free(*k);
	*k = NULL;
}

static struct known *
find(struct gw_known *k, const unsigned char secret[GW_SECRET])
{
	for (size_t i = 0; i < GW_KNOWN; i++)
		if (k->row[i].expires_at != 0 && memcmp(k->row[i].secret, secret, GW_SECRET) == 0)
			return &k->row[i];
	return NULL;
}

static struct known *
oldest(struct gw_known *k)
{
	struct known *at = &k->row[0];

	for (size_t i = 0; i < GW_KNOWN && at->expires_at != 0; i++)
		if (k->row[i].expires_at == 0 || k->row[i].confirmed_ms < at->confirmed_ms)
			at = &k->row[i];
	return at;
}

void
gw_known_keep(struct gw_known *k, const struct gw_session *session)
{
	struct known *at;

	(void)pthread_mutex_lock(&k->lock);
	at = find(k, session->secret);
	if (at == NULL)
		at = oldest(k);
	*at = (struct known){.expires_at = session->expires_at, .confirmed_ms = om_mono_ms()};
	memcpy(at->secret, session->secret, GW_SECRET);
	(void)pthread_mutex_unlock(&k->lock);
}

bool
gw_known_find(struct gw_known *k, const unsigned char secret[GW_SECRET], int64_t within_ms, om_time *expires_at_out)
{
	const struct known *at;
	bool found;

	(void)pthread_mutex_lock(&k->lock);
	at = find(k, secret);
	found = at != NULL && om_mono_ms() - at->confirmed_ms <= within_ms;
	if (found)
		*expires_at_out = at->expires_at;
	(void)pthread_mutex_unlock(&k->lock);
	return found;
}

void
gw_known_drop(struct gw_known *k, const unsigned char secret[GW_SECRET])
{
	struct known *at;

	(void)pthread_mutex_lock(&k->lock);
	at = find(k, secret);
	if (at != NULL)
		*at = (struct known){.expires_at = 0};
	(void)pthread_mutex_unlock(&k->lock);
}

void
gw_known_clear(struct gw_known *k)
{
	(void)pthread_mutex_lock(&k->lock);
	memset(k->row, 0, sizeof k->row);
	(void)pthread_mutex_unlock(&k->lock);
}
