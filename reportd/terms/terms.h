/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * terms.h - what is charged besides the usage, in what currency, by whom.
 *
 * Does      Reads the terms of a month as costd names them, the settings that shape
 *           documents (document_settings.h), and what an issued document kept of
 *           both (kept_terms.h); tells costd the terms that are set (offer.h).
 * Owns      The settings' texts and the logo, from the start on; nothing else.
 * Promises  Texts are clean.  A document is made with the terms that costd names for
 *           its month, or with those that an issued one kept.
 * Never     Computes an amount; decides from which month on terms hold (costd does).
 */
#ifndef RD_TERMS_H
#define RD_TERMS_H

#include "issuer.h"
#include "source/month.h"
#include "jobs.pb-c.h"
#include "terms.pb-c.h"
#include "base/clock.h"
#include "base/money.h"
#include "wire/codec.h"

struct rd_terms {
	om_money fee;                /* per user with usage, and month */
	bool floor;                  /* the least a month's usage costs; otherwise added on top */
	om_money markup_percent;     /* of the usage */
	om_money markup_per_million; /* USD per million input and output tokens */
	om_money tax_rate;           /* percent of the net amount */
	const char *tax_name;        /* NULL: the language's word */
	const char *currency;        /* NULL: USD */
	om_money rate;               /* units of currency per USD; not used for USD */
	om_day rate_day;
	const char *rate_source;
	bool rate_outside; /* dated outside the month, and not confirmed */
	bool old_floor;    /* a floor is rounded as in documents without FLOOR_RULE */
	struct rd_issuer issuer;
};

typedef enum rd_paper { RD_A4, RD_LETTER } rd_paper;

/* rd_terms_line gives a text, clean; NULL for none. */
const char *rd_terms_line(struct om_arena *a, const char *text);
/* rd_terms_lines gives a setting's text, clean, with \n for each "\n" or "|" in it;
 * NULL for none. */
const char *rd_terms_lines(struct om_arena *a, const char *text);

/* rd_terms_of gives the terms of the month whose first day that is, as costd has
 * them.  Texts are clean and live in the arena; OM_PROTOCOL when they cannot be read. */
om_status rd_terms_of(const Om__Terms *t, om_day first, const struct rd_issuer *issuer, struct om_arena *a,
    struct rd_terms *out, om_err *e) OM_MUST;

#endif
