/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * backoff.h - when to ask again.
 *
 * Threads   All calls from any thread.
 */
#ifndef CD_BACKOFF_H
#define CD_BACKOFF_H

#include "base/clock.h"

struct cd_backoff {
	om_time now;
	om_time first_us;      /* when the row was first planned */
	om_time give_up_us;    /* how long after that */
	om_time base_us;       /* first wait; 0: a second */
	om_time max_us;        /* longest wait, but the provider may wish for an hour */
	int64_t attempts;      /* so far, this one included */
	int64_t retry_after_s; /* the provider's wish; -1: none */
	uint32_t random;
};

/* cd_backoff_next gives the next instant: base, twice that, … up to max,
 * give or take a fifth; not before the provider wishes; the last time at the
 * end of the schedule.  0: the schedule is over. */
om_time cd_backoff_next(const struct cd_backoff *b);

/* cd_random gives bits for jitter; 0 when the system has none. */
uint32_t cd_random(void);

#endif
