/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "money.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

#define MAX_EXPONENT \
	1000 /* a larger exponent gives zero or OM_RANGE anyway; the bound
#keeps sums of exponents from overflowing */

static u128
pow10_u128(int n)
{
	u128 p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

/* 10^38, the first magnitude that does not fit; below 2^127. */
static u128
limit(void)
{
	return pow10_u128(38);
}

static om_status
from_magnitude(bool negative, u128 mag, om_money *out)
{
	if (mag >= limit())
		return OM_RANGE;
	out->v = negative ? -(om_i128)mag : (om_i128)mag;
	return OM_OK;
}

static u128
magnitude(om_money m)
{
	return m.v < 0 ? (u128)0 - (u128)m.v : (u128)m.v;
}

/* round_half_even divides by 10^drop; `sticky` tells of non-zero digits that
 * were lost before. */
static u128
round_half_even(u128 v, int drop, bool sticky)
{
	u128 unit, rest, half;

	if (drop <= 0)
		return v;
	if (drop > 38)
		return 0; /* v < 10^38 is less than half a unit */
	unit = pow10_u128(drop);
	rest = v % unit;
	half = unit / 2;
	v /= unit;
	if (rest > half || (rest == half && (sticky || (v & 1) != 0)))
		v++;
	return v;
}

om_status
om_money_parse(const char *text, om_money *out, om_err *e)
{
	const char *p = text;
	bool negative = false, sticky = false, any = false, point = false;
	u128 v = 0;
	int kept = 0;     /* significant digits read, of which 38 are in v */
	int fraction = 0; /* of the digits in v, how many stand after the point */
	int skipped = 0;  /* integer digits beyond the 38 kept */
	int dropped = 0;  /* the first digit beyond the 38 */
	int exponent = 0, scale;

	*out = OM_MONEY_ZERO;
	if (*p == '-' || *p == '+')
		negative = *p++ == '-';
	for (; isdigit((unsigned char)*p) || (*p == '.' && !point); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		any = true;
		if (kept == 0 && *p == '0') {
			fraction += point ? 1 : 0;
		} else if (kept < 38) {
			v = v * 10 + (unsigned)(*p - '0');
			kept++;
			fraction += point ? 1 : 0;
		} else {
			if (kept++ == 38)
				dropped = *p - '0';
			else
				sticky = sticky || *p != '0';
			skipped += point ? 0 : 1;
		}
		if (fraction > MAX_EXPONENT || kept > MAX_EXPONENT)
			return om_fail(e, OM_RANGE, "the amount has too many digits");
	}
	if (!any)
		return om_fail(e, OM_INVALID, "not a decimal number");
	if (*p == 'e' || *p == 'E') {
		bool down = false;

		p++;
		if (*p == '-' || *p == '+')
			down = *p++ == '-';
		if (!isdigit((unsigned char)*p))
			return om_fail(e, OM_INVALID, "not a decimal number");
		for (; isdigit((unsigned char)*p); p++)
			if (exponent <= MAX_EXPONENT)
				exponent = exponent * 10 + (*p - '0');
		if (down)
			exponent = -exponent;
	}
	if (*p != '\0')
		return om_fail(e, OM_INVALID, "not a decimal number");
	if (v == 0)
		return OM_OK;

	/* value = v * 10^scale in units of 10^-18 */
	scale = OM_MONEY_DIGITS - fraction + skipped + exponent;
	if (scale > 0) {
		if (scale > 38 || v >= limit() / pow10_u128(scale) + 1)
			return om_fail(e, OM_RANGE, "the amount is too large");
		v *= pow10_u128(scale);
	} else if (scale < 0) {
		v = round_half_even(v, -scale, sticky || dropped != 0);
	} else if (dropped > 5 || (dropped == 5 && (sticky || (v & 1) != 0))) {
		v++;
	}
	if (from_magnitude(negative, v, out) != OM_OK)
		return om_fail(e, OM_RANGE, "the amount is too large");
	return OM_OK;
}

om_status
om_money_from_double(double value, om_money *out, om_err *e)
{
	char text[40];

	*out = OM_MONEY_ZERO;
	if (!isfinite(value))
		return om_fail(e, OM_INVALID, "not a finite number");
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return om_money_parse(text, out, e);
}

const char *
om_money_text_fixed(om_money m, int digits, char buf[OM_MONEY_TEXT])
{
	u128 v = magnitude(m) / pow10_u128(OM_MONEY_DIGITS - digits);
	char rev[OM_MONEY_TEXT];
	size_t n = 0, at = 0;

	for (int i = 0; i < digits; i++, v /= 10)
		rev[n++] = (char)('0' + (int)(v % 10));
	if (digits > 0)
		rev[n++] = '.';
	do {
		rev[n++] = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v != 0);
	if (m.v < 0)
		buf[at++] = '-';
	while (n > 0)
		buf[at++] = rev[--n];
	buf[at] = '\0';
	return buf;
}

const char *
om_money_text(om_money m, char buf[OM_MONEY_TEXT])
{
	size_t n;

	(void)om_money_text_fixed(m, OM_MONEY_DIGITS, buf);
	n = strlen(buf);
	while (buf[n - 1] == '0')
		n--;
	if (buf[n - 1] == '.')
		n--;
	buf[n] = '\0';
	return buf;
}

om_status
om_money_add(om_money a, om_money b, om_money *out)
{
	om_money r = OM_MONEY_ZERO;

	if (__builtin_add_overflow(a.v, b.v, &r.v) || magnitude(r) >= limit()) {
		*out = OM_MONEY_ZERO;
		return OM_RANGE;
	}
	*out = r;
	return OM_OK;
}

om_status
om_money_sub(om_money a, om_money b, om_money *out)
{
	return om_money_add(a, (om_money){-b.v}, out);
}

om_money
om_money_round(om_money m, int digits)
{
	int drop = OM_MONEY_DIGITS - digits;
	u128 v = round_half_even(magnitude(m), drop, false) * pow10_u128(drop);

	if (v >= limit())
		v = limit() - pow10_u128(drop); /* only at the very edge of the range */
	return (om_money){m.v < 0 ? -(om_i128)v : (om_i128)v};
}

int
om_money_cmp(om_money a, om_money b)
{
	return (a.v > b.v) - (a.v < b.v);
}

bool
om_money_is_negative(om_money m)
{
	return m.v < 0;
}

bool
om_money_is_zero(om_money m)
{
	return m.v == 0;
}

double
om_money_to_double(om_money m)
{
	char text[OM_MONEY_TEXT];

	return strtod(om_money_text(m, text), NULL);
}
