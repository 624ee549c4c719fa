/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * decimal.h - exact non-negative decimals, wider than om_money: a price of any
 * number of digits times tokens, added up, rounded once at the end.
 *
 * Failure   Sticky: what does not fit, or is no number, makes the result bad,
 *           and cd_dec_money says OM_RANGE.
 * Threads   Pure functions.
 */
#ifndef CD_DECIMAL_H
#define CD_DECIMAL_H

#include "base/money.h"

#include <stdbool.h>
#include <stdint.h>

#define CD_DEC_LIMBS  32
#define CD_DEC_DIGITS 60 /* a text with more digits is bad */

struct cd_dec {
	uint32_t limb[CD_DEC_LIMBS]; /* least significant first */
	unsigned scale;              /* the value is limbs * 10^-scale */
	bool bad;
};

/* cd_dec_parse reads digits, fraction, exponent; *negative_out tells a minus
 * sign, which the value itself does not keep. */
void cd_dec_parse(const char *text, struct cd_dec *out, bool *negative_out);

bool cd_dec_is_zero(const struct cd_dec *d);
void cd_dec_add(struct cd_dec *d, const struct cd_dec *by);
void cd_dec_mul(struct cd_dec *d, const struct cd_dec *by);
void cd_dec_mul_int(struct cd_dec *d, uint64_t by);
/* cd_dec_rest makes 1 - d; bad when d is more than 1. */
void cd_dec_rest(struct cd_dec *d);

/* cd_dec_money rounds half to even. */
om_status cd_dec_money(const struct cd_dec *d, om_money *out) OM_MUST;

#endif
