/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * provider.h - what OpenRouter's replies mean.
 *
 * Promise   Reading is total: any bytes give a meaning or OM_PROTOCOL with the
 *           reason; never a wrong amount.
 * Threads   Pure functions.
 */
#ifndef CD_PROVIDER_H
#define CD_PROVIDER_H

#include "clock.h"
#include "codec.h"

/* cd_provider_generation makes the record of a look-up from the body of
 * GET /generation.  Its record_id follows from its content, so the same answer
 * is the same record.  user_id is the row's.  A reply about another id is taken
 * only for an interrupted request, where the provider really does that. */
om_status cd_provider_generation(const char *body, size_t n, const char *id, const char *user_id, om_time now,
    struct om_arena *a, Om__Record **out, om_err *e) OM_MUST;

/* cd_provider_is_empty: no cost and no tokens, as the provider answers before
 * its books are written. */
bool cd_provider_is_empty(const Om__Record *r);

/* cd_provider_is_cache_hit: the body says that another generation's answer was
 * given again, which costs nothing and counts no tokens. */
bool cd_provider_is_cache_hit(const char *body, size_t n);

/* cd_provider_models reads GET /models; entries without an id are left out,
 * prices stay the provider's strings. */
om_status cd_provider_models(const char *body, size_t n, struct om_arena *a, Om__ModelsReply *out, om_err *e) OM_MUST;

/* cd_provider_credits reads GET /credits.  Two zeros mean that the key may not
 * see the balance. */
om_status cd_provider_credits(const char *body, size_t n, struct om_arena *a, Om__CreditsReply *out, om_err *e) OM_MUST;

/* cd_retry_after reads the header's value, seconds or an HTTP date: seconds
 * from now on, at most an hour; -1 when it says nothing. */
int64_t cd_retry_after(const char *value, om_time now);

#endif
