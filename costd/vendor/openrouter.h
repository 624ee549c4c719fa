/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * openrouter.h - what OpenRouter's replies mean.
 *
 * Promise   Reading is total: any bytes give a meaning or OM_PROTOCOL with the
 *           reason; never a wrong amount.
 * Threads   Pure functions.
 */
#ifndef CD_OPENROUTER_H
#define CD_OPENROUTER_H

#include "record.pb-c.h"
#include "settle.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

typedef enum cd_reply_field {
#define CD_REPLY(id, key, name) CD_REPLY_##id,
#include "openrouter.def"
#undef CD_REPLY
	CD_N_REPLY_FIELDS
} cd_reply_field;

extern const char *const cd_reply_fields[CD_N_REPLY_FIELDS]; /* their names */

struct cd_reply {
	Om__Record *record;
	unsigned left_out; /* bits of cd_reply_field: what did not fit */
};

/* cd_provider_generation makes the record of a look-up from the body of
 * GET /generation.  A good total_cost is an answer, whatever stands beside it.  Its
 * record_id follows from its content, so the same answer is the same record.  Its
 * user is whom the request named (`external_user`, else a session id that the plugin made), or
 * unknown.  A reply about another id is one for an interrupted request only, and
 * other_id names it: it is to be compared with the row (cd_lookup_compare). */
om_status cd_provider_generation(const char *body, size_t n, const char *id, om_time now, struct om_arena *a,
    struct cd_reply *out, om_err *e) OM_MUST;

/* cd_provider_is_empty: no cost and no tokens, as the provider answers before
 * its books are written. */
bool cd_provider_is_empty(const Om__Record *r);

/* cd_provider_lacks_byok: the bill of the key's owner is not in it. */
bool cd_provider_lacks_byok(const Om__Record *r);

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
