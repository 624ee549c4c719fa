/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * bill.h - what a month is charged, from its figures and the terms.
 *
 * Order     1. the usage, as the ledger has it;
 *           2. the markup on the usage: percent, and per token;
 *           3. the minimum charge, per user with a request: the fee on top, or
 *              as a floor what usage and markup fall short of it;
 *           so far exact, in USD (a product beyond 10^-18 is rounded there);
 *           4. conversion: each line times the exchange rate;
 *           5. rounding: each line once, half to even, to the digits of the
 *              currency, as it is printed; a floor's line is what the others as
 *              printed fall short of the exact net amount, rounded, so that a payer it
 *              lifts pays the minimum to the cent (or what the others alone round to);
 *              where it lifts no payer, what they fall short of the minimum of all
 *              payers, converted and rounded: so no rounding takes a payer below it
 *              (rule 2; rd_terms.old_floor is rule 1, with no line in that case);
 *           6. net amount: the sum of the printed lines;
 *           7. tax on the net amount, rounded the same way;
 *           8. total: net amount and tax.
 * Of many   A group's bill and a report's are the sums of steps 1 to 3 of each user,
 *           then steps 4 to 8 once: they may differ by cents from the sum of the users'
 *           own statements.  BYOK costs are shown and are in no sum.
 * Failure   OM_INTERNAL when an amount is beyond all bounds.
 * Threads   Pure functions.
 */
#ifndef RD_BILL_H
#define RD_BILL_H

#include "source/figures.h"
#include "terms/terms.h"

/* Steps 1 to 3, exact, in USD. */
struct rd_charges {
	om_money usage;
	om_money fee;
	om_money markup; /* percent */
	om_money token_markup;
	om_money net;    /* their sum */
	uint64_t tokens; /* input and output */
	uint64_t payers; /* users with a request */
	uint64_t lifted; /* of them, those whom a floor lifts to the minimum */
};

/* rd_charges_of gives one user's charges. */
om_status rd_charges_of(
    const struct rd_terms *t, const struct rd_figures *f, struct rd_charges *out, om_err *e) OM_MUST;
om_status rd_charges_add(struct rd_charges *sum, const struct rd_charges *c, om_err *e) OM_MUST;

/* Steps 4 to 8, in the currency of the terms. */
struct rd_printed {
	int digits;
	om_money usage, fee, markup, token_markup;
	om_money net, tax, total;
};

om_status rd_bill_print(
    const struct rd_terms *t, const struct rd_charges *c, struct rd_printed *out, om_err *e) OM_MUST;

/* rd_bill_convert does steps 4 and 5 to an amount in USD. */
om_status rd_bill_convert(const struct rd_terms *t, om_money exact, int digits, om_money *out, om_err *e) OM_MUST;

/* rd_money_scale gives a * by / 10^shift, rounded once, half to even, to so many
 * fraction digits; OM_RANGE when it does not fit. */
om_status rd_money_scale(om_money a, om_money by, int shift, int digits, om_money *out) OM_MUST;

/* rd_share_of gives part / whole in percent, to a tenth; false when there is no
 * percentage. */
bool rd_share_of(om_money part, om_money whole, om_money *percent_out);

/* rd_currency_digits tells how many digits an amount in this currency has after
 * its point: 2 for most. */
int rd_currency_digits(const char *code);
bool rd_terms_in_usd(const struct rd_terms *t);
const char *rd_terms_currency(const struct rd_terms *t);
bool rd_terms_mark_up(const struct rd_terms *t);

#endif
