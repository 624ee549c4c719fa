/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "backoff.h"

#include "base/digest.h"

#define NO_BASE   OM_SECOND
#define MOST_WISH (3600 * OM_SECOND)

om_time
om_backoff_next(const struct om_backoff *b)
{
	om_time base = b->base_us <= 0 ? NO_BASE : b->base_us;
	om_time most = b->max_us < base ? base : b->max_us;
	om_time end = b->first_us + b->give_up_us, wait = base, asked, jitter;

	if (b->now >= end)
		return 0;
	for (int64_t i = 1; i < b->attempts && wait < most; i++)
		wait *= 2;
	if (wait > most)
		wait = most;
	jitter = wait / 5 * (om_time)(b->random % 2001) / 1000; /* 0 to two fifths */
	wait = wait - wait / 5 + jitter;
	if (b->retry_after_s >= 0) {
		asked = b->retry_after_s * OM_SECOND;
		if (asked > MOST_WISH)
			asked = MOST_WISH;
		if (asked < base)
			asked = base;
		wait = asked + jitter / 4;
	}
	return b->now + wait < end ? b->now + wait : end;
}

uint32_t
om_backoff_random(void)
{
	uint32_t r = 0;

	return om_random(&r, sizeof r, NULL) == OM_OK ? r : 0;
}
