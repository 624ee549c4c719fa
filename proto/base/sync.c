/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sync.h"

#include "invariant.h"

#include <errno.h>
#include <time.h>

void
om_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(c, &attr);
	(void)pthread_condattr_destroy(&attr);
}

bool
om_cond_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ms)
{
	struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};

	int rc = pthread_cond_timedwait(c, m, &until);

	om_check(rc == 0 || rc == ETIMEDOUT); /* otherwise the mutex is not held, or one is none */
	return rc != ETIMEDOUT;
}
