/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * resolve.h - settlement: rows without a cost are asked for at the provider.
 *
 * Schedule  In the database (lookup.h), shared by all costd processes: a row is
 *           claimed under a lease, so nobody asks twice at once.
 * Outcome   200 with a sound body   the ledger gets the provider's word
 *           404                     not yet: later
 *           429, 5xx, no answer     later, Retry-After honoured; everything
 *                                   waits a moment
 *           401, 402                the key: this process waits for minutes, no
 *                                   attempt is counted
 *           403                     the row (another account's); when different
 *                                   rows get it one after the other and none an
 *                                   answer, the key
 *           anything else           later, the reason is kept with the row
 * Threads   Its own; cd_resolver_wake from any.
 */
#ifndef CD_RESOLVE_H
#define CD_RESOLVE_H

#include "ledger/ledger.h"
#include "vendor/http.h"

struct cd_resolver;

struct cd_resolver_opts {
	unsigned workers;
	int64_t rate;         /* look-ups begun per minute */
	om_time timeout_us;   /* of one look-up */
	om_time pause_us;     /* the first, when the key is refused */
	om_time zero_wait_us; /* as long an answer without cost and tokens is not believed */
};

/* cd_resolver_new starts the workers and makes the ledger wake them. */
om_status cd_resolver_new(struct cd_ledger *l, const struct cd_provider_opts *o, const struct cd_resolver_opts *how,
    struct cd_resolver **out, om_err *e) OM_MUST;

/* cd_resolver_paused_until tells how long all look-ups of this process wait; 0:
 * they do not. */
om_time cd_resolver_paused_until(struct cd_resolver *r);

/* cd_resolver_stop ends what is under way and gives its claims back;
 * cd_resolver_free waits for that.  No ledger call may be under way then. */
void cd_resolver_stop(struct cd_resolver *r);
void cd_resolver_free(struct cd_resolver **r);

#endif
