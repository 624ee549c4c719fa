/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * offers.h - the settings that each reportd says it runs with, and how they
 * become terms.
 *
 * First     The first offer ever is a row from the beginning of time.  A row of the API
 *           that counts from there keeps its terms: the settings' row repeats them.
 * Changed   An offer that is not what the settings last offered is a row from the first
 *           day of the running month: the terms of that month with the changed settings
 *           laid over.  Currency and rate are taken together.
 * Conflict  While another instance was heard with other settings within half a minute,
 *           nothing is adopted.
 * Threads   All calls from any thread, and from any number of processes.
 */
#ifndef CD_TERMS_OFFERS_H
#define CD_TERMS_OFFERS_H

#include "database/pool.h"
#include "terms.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

/* cd_terms_offer takes what a reportd says; OM_INVALID names the setting that is none. */
om_status cd_terms_offer(struct cd_pool *p, const Om__TermsOffer *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, Om__TermsOfferReply *out, om_err *e) OM_MUST;

/* cd_terms_conflict tells in which settings the instances that are heard differ, fit
 * for a person, in the arena; NULL: in none. */
om_status cd_terms_conflict(struct cd_db *db, om_time now, struct om_arena *a, char **out, om_err *e) OM_MUST;

#endif
