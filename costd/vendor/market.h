/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * market.h - the provider's price list and our balance there, fetched when
 * they are asked for, and kept for a while.
 *
 * Promise   One fetch of a kind at a time; a call that comes meanwhile gets the
 *           last answer.  When the provider does not answer, the last answer
 *           stands (its age is in fetched_us).
 * Threads   All calls from any thread.
 */
#ifndef CD_MARKET_H
#define CD_MARKET_H

#include "http.h"
#include "settle.pb-c.h"
#include "wire/codec.h"

struct cd_market;

om_status cd_market_new(const struct cd_provider_opts *o, struct cd_market **out, om_err *e) OM_MUST;
/* cd_market_stop ends fetches; free only when no call is under way. */
void cd_market_stop(struct cd_market *m);
void cd_market_free(struct cd_market **m);

om_status cd_market_models(
    struct cd_market *m, int64_t deadline_ms, struct om_arena *a, Om__ModelsReply *out, om_err *e) OM_MUST;
om_status cd_market_credits(
    struct cd_market *m, int64_t deadline_ms, struct om_arena *a, Om__CreditsReply *out, om_err *e) OM_MUST;

#endif
