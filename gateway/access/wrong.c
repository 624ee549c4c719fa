/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wrong.h"

#include "http/proxy.h"
#include "base/log.h"
#include "base/stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ADDRESSES 512
#define SECOND_MS 1000
#define STEP_MS   100 /* each wrong key beyond the free ones holds its answer back so much longer */
#define MOST      (GW_WRONG_FREE + GW_WRONG_HOLD_MS / STEP_MS)

#define REFUSED "owui_metering_auth_refused_total"
#define WHY \
	"Requests that were refused for who sent them: wrong keys, ended or wrong sessions, neither, or not allowed."

static struct om_stat st_key = OM_COUNTER(REFUSED, "reason=\"key\"", WHY);
static struct om_stat st_session = OM_COUNTER(REFUSED, "reason=\"session\"", WHY);
static struct om_stat st_nothing = OM_COUNTER(REFUSED, "reason=\"nothing\"", WHY);
static struct om_stat st_not_allowed = OM_COUNTER(REFUSED, "reason=\"not_allowed\"", WHY);

/* What an address has used up: wrong keys, less one for each second since. */
struct account {
	unsigned char key[16];
	int64_t used_ms; /* wrong keys, each a second; at the instant last_ms */
	int64_t last_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct account accounts[ADDRESSES]; /* lock */
static char last_client[GW_ADDRESS];       /* lock; of the last wrong key */
static int64_t told_ms;                    /* lock; when a line was written */
static atomic_int untold;                  /* wrong keys since; changes with the lock alone */

/* account_of gives the address's, or the one that was used least lately. */
static struct account *
account_of(const unsigned char key[16], int64_t now)
{
	struct account *oldest = &accounts[0];

	for (size_t i = 0; i < ADDRESSES; i++) {
		struct account *a = &accounts[i];

		if (a->last_ms != 0 && memcmp(a->key, key, sizeof a->key) == 0)
			return a;
		if (a->last_ms < oldest->last_ms)
			oldest = a;
	}
	*oldest = (struct account){.last_ms = now};
	memcpy(oldest->key, key, sizeof oldest->key);
	return oldest;
}

static int
charge(struct account *a, int64_t now)
{
	int64_t beyond;

	a->used_ms -= now - a->last_ms;
	a->used_ms = (a->used_ms > 0 ? a->used_ms : 0) + SECOND_MS;
	a->used_ms = a->used_ms < (int64_t)MOST * SECOND_MS ? a->used_ms : (int64_t)MOST * SECOND_MS;
	a->last_ms = now;
	beyond = a->used_ms / SECOND_MS - GW_WRONG_FREE;
	return beyond > 0 ? (int)beyond * STEP_MS : 0;
}

static void
tell(int64_t now)
{
	const int n = atomic_load(&untold);

	if (n == 0 || (told_ms != 0 && now - told_ms < SECOND_MS))
		return;
	told_ms = now;
	atomic_store(&untold, 0);
	om_log(OM_LOG_WARN, "wrong keys", "count", OM_I64(n), "last_client", last_client, NULL);
}

void
gw_wrong_tell(int64_t now_ms)
{
	if (atomic_load(&untold) == 0)
		return;
	(void)pthread_mutex_lock(&lock);
	tell(now_ms);
	(void)pthread_mutex_unlock(&lock);
}

static int
note_key(const struct gw_req *rq, int64_t now)
{
	unsigned char key[16];
	int hold_ms;

	gw_address_key(rq->client, key);
	(void)pthread_mutex_lock(&lock);
	hold_ms = charge(account_of(key, now), now);
	(void)snprintf(last_client, sizeof last_client, "%s", rq->client);
	atomic_fetch_add(&untold, 1);
	tell(now);
	(void)pthread_mutex_unlock(&lock);
	return hold_ms;
}

int
gw_wrong_note(const struct gw_req *rq, om_status s, int64_t now_ms)
{
	if (s == OM_FORBIDDEN) {
		om_stat_add(&st_not_allowed, 1);
	} else if (s == OM_UNAUTHENTICATED && gw_req_header(rq, "Authorization") != NULL) {
		om_stat_add(&st_key, 1);
		return note_key(rq, now_ms);
	} else if (s == OM_UNAUTHENTICATED) {
		om_stat_add(gw_req_header(rq, "Cookie") != NULL ? &st_session : &st_nothing, 1);
	}
	return 0;
}
