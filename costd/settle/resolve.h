/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * resolve.h - settlement: rows without a cost are asked for at the provider.
 *
 * Room settle
 *   Does      brings costs (resolve.h) and prices (prices.h) from outside into the ledger,
 *             estimates what waited for a price (sweep.h), sends dead letters once more
 *             (letters.h)
 *   Owns      when the provider is asked: its threads and leases
 *   Promises  no two processes ask for the same at once; a killed one loses nothing
 *   Never     writes a record but through the ledger
 *
 * Schedule  In the database (lookup.h), shared by all costd processes: a row is
 *           claimed under a lease, so no two processes ask for it at once.
 * Outcome   200 with a sound body   the ledger gets a record of the answer
 *           404                     not yet: later
 *           429, 5xx, no answer     later, Retry-After honoured; everything
 *                                   waits a moment
 *           401, 402                the key: this process waits for minutes, no
 *                                   attempt is counted
 *           403                     the row (another account's); when different
 *                                   rows get it one after the other and none an
 *                                   answer, the key
 *           anything else           later, the reason is kept with the row
 * Threads   cd_resolver_turn is a duty's, with up to CD_RESOLVER_WORKERS workers;
 *           cd_resolver_paused_until from any.
 */
#ifndef CD_RESOLVE_H
#define CD_RESOLVE_H

#include "ledger/ledger.h"
#include "vendor/http.h"
#include "run/duty.h"

#define CD_RESOLVER_WORKERS 16u

struct cd_resolver;

struct cd_resolver_opts {
	unsigned workers;
	int64_t rate;          /* look-ups begun per minute */
	om_time timeout_us;    /* of one look-up */
	om_time pause_us;      /* the first, when the key is refused */
	bool told_are_unknown; /* TOLD_USERS: a user whom the provider names counts for nobody */
	om_time zero_wait_us;  /* as long an answer without cost and tokens is not believed */
};

/* cd_resolver_new: what is under way ends soon after *stop becomes true, and gives its
 * claim back. */
om_status cd_resolver_new(struct cd_ledger *l, const struct cd_provider_opts *o, const struct cd_resolver_opts *how,
    const atomic_bool *stop, struct cd_resolver **out, om_err *e) OM_MUST;
void cd_resolver_free(struct cd_resolver **r);

/* cd_resolver_turn looks one row up, if one is due.  The duty is to be woken when a
 * look-up was planned (ledger.h). */
om_status cd_resolver_turn(void *arg, struct om_duty_turn *t, om_err *e) OM_MUST;

/* cd_resolver_paused_until tells how long all look-ups of this process wait; 0:
 * they do not. */
om_time cd_resolver_paused_until(struct cd_resolver *r);

#endif
