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
 *           401, 402, 403           the key: everything waits for minutes, no
 *                                   attempt is counted
 *           anything else           later, the reason is kept with the row
 * Threads   Its own; cd_resolver_wake from any.
 */
#ifndef CD_RESOLVE_H
#define CD_RESOLVE_H

#include "ledger.h"
#include "openrouter.h"

struct cd_resolver;

/* cd_resolver_new starts n workers and makes the ledger wake them. */
om_status cd_resolver_new(
    struct cd_ledger *l, const struct cd_provider_opts *o, unsigned n, struct cd_resolver **out, om_err *e) OM_MUST;

/* cd_resolver_paused_until tells how long all look-ups of this process wait; 0:
 * they do not. */
om_time cd_resolver_paused_until(struct cd_resolver *r);

/* cd_resolver_stop ends what is under way and gives its claims back;
 * cd_resolver_free waits for that.  No ledger call may be under way then. */
void cd_resolver_stop(struct cd_resolver *r);
void cd_resolver_free(struct cd_resolver **r);

#endif
