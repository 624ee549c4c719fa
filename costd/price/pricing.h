/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pricing.h - the provider's price list and what tokens cost by it.
 *
 * Room price
 *   Does      what tokens cost at an instant (pricing.h, decimal.h), what they cost before
 *             (history.h), a row's estimate (estimate.h), one name for a model (model.h)
 *   Owns      the tables price and model_name
 *   Promises  no estimate rather than a wrong one
 *   Never     asks the vendor; moves a total
 *
 * Rules     Prices are decimal strings in USD per token, and are multiplied out
 *           exactly and rounded once.  prompt_tokens include cached and cache
 *           write tokens, completion_tokens include reasoning.  A key that is
 *           missing is not priced apart: cached tokens then cost what others
 *           do.  `overrides` apply where all their conditions hold, later ones
 *           win per key.  `discount` takes off its fraction.
 *           Not a price, so that there is no estimate: anything negative (-1
 *           means "not known"), a condition not known here, a list that prices
 *           things but no tokens.
 * Threads   Pure functions.
 */
#ifndef CD_PRICING_H
#define CD_PRICING_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/money.h"

struct cd_tariff {
	char *model;
	char *slug;    /* the name in the provider's books, where it is another; or NULL */
	char *pricing; /* JSON, keys in order, so that equal prices are equal texts */
	unsigned char hash[OM_SHA256];
};

/* cd_pricing_list reads the body of GET /models: all models with a price,
 * ascending.  A list that is empty or not whole is OM_PROTOCOL, for a model that it
 * leaves out would count as no longer offered. */
om_status cd_pricing_list(
    const char *body, size_t n, struct om_arena *a, struct cd_tariff **out, size_t *n_out, om_err *e) OM_MUST;

struct cd_tokens {
	int64_t prompt, completion, reasoning, cached, cache_write;
};

/* cd_pricing_estimate multiplies out; false when this is no price of tokens. */
bool cd_pricing_estimate(const char *pricing, size_t n, const struct cd_tokens *t, om_time at, om_money *out);

#endif
