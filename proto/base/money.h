/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * money.h - exact amounts in USD.
 *
 * Shape     A signed integer of 10^-18 USD, magnitude below 10^38: what
 *           DECIMAL(38,18) holds.  Every operation says OM_RANGE instead of
 *           wrapping.  Binary floating point appears in one function only,
 *           the one that reads a JSON number.
 * Threads   Pure functions.
 */
#ifndef OM_MONEY_H
#define OM_MONEY_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

#define OM_MONEY_DIGITS 18
#define OM_MONEY_TEXT   48 /* bytes that hold any amount as text */

__extension__ typedef __int128 om_i128;

typedef struct om_money {
	om_i128 v;
} om_money;

#define OM_MONEY_ZERO ((om_money){0})

/* om_money_parse reads a decimal: sign, digits, fraction, exponent, nothing
 * else, no spaces.  Digits beyond 10^-18 are rounded half to even.
 * OM_INVALID when it is no number, OM_RANGE when it does not fit. */
om_status om_money_parse(const char *text, om_money *out, om_err *e) OM_MUST;

/* om_money_from_double reads a JSON number through its shortest decimal that
 * reads back to the same binary64, which gives back exactly what an encoder
 * printed from a binary64.  NaN and infinities are OM_INVALID. */
om_status om_money_from_double(double value, om_money *out, om_err *e) OM_MUST;

/* om_money_text writes the exact amount without trailing zeros or exponent
 * ("0", "0.000000125", "-3.5") and returns buf. */
const char *om_money_text(om_money m, char buf[OM_MONEY_TEXT]);

/* om_money_text_fixed writes exactly `digits` (0 to 18) fraction digits; the
 * caller rounds first, digits beyond are cut. */
const char *om_money_text_fixed(om_money m, int digits, char buf[OM_MONEY_TEXT]);

om_status om_money_add(om_money a, om_money b, om_money *out) OM_MUST;
om_status om_money_sub(om_money a, om_money b, om_money *out) OM_MUST;

/* om_money_round rounds half to even to `digits` fraction digits, 0 to 18. */
om_money om_money_round(om_money m, int digits);

int om_money_cmp(om_money a, om_money b); /* -1, 0, 1 */
bool om_money_is_negative(om_money m);
bool om_money_is_zero(om_money m);

/* om_money_to_double gives the nearest binary64, for spreadsheet cells and
 * chart geometry only; never calculate on with it. */
double om_money_to_double(om_money m);

#endif
