/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * backoff.h - when to try again: the one rule for everything that is tried again later.
 *
 * Rule      The waits double from a first one to a longest one, give or take a
 *           fifth, so that processes that failed together do not come back
 *           together.
 * Threads   All calls from any thread.
 */
#ifndef OM_BACKOFF_H
#define OM_BACKOFF_H

#include "base/clock.h"

struct om_backoff {
	om_time now;
	om_time first_us;      /* when it was first planned */
	om_time give_up_us;    /* how long after that */
	om_time base_us;       /* first wait; 0: a second */
	om_time max_us;        /* longest wait, unless the peer asks for more, up to an hour */
	int64_t attempts;      /* so far, this one included */
	int64_t retry_after_s; /* what the peer asked for; -1: nothing */
	uint32_t random;       /* om_backoff_random */
};

#define OM_BACKOFF_FOR_EVER (3650 * OM_DAY) /* a give_up_us that no schedule reaches */

/* om_backoff_next gives the next instant: base, twice that, … up to max,
 * give or take a fifth; not before the instant that the peer asked for; the last time
 * at the
 * end of the schedule.  0: the schedule is over. */
om_time om_backoff_next(const struct om_backoff *b);

/* om_backoff_random gives bits for jitter; 0 when the system has none. */
uint32_t om_backoff_random(void);

#endif
