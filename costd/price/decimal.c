/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "decimal.h"

#include "base/invariant.h"

#include <string.h>

#define MOST_EXPONENT 60

/* times multiplies by a small number and adds one. */
static void
times(struct cd_dec *d, uint32_t by, uint32_t plus)
{
	uint64_t carry = plus;

	for (unsigned i = 0; i < CD_DEC_LIMBS; i++) {
		carry += (uint64_t)d->limb[i] * by;
		d->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry != 0)
		d->bad = true;
}

/* over divides by a small number and gives the remainder. */
static uint32_t
over(struct cd_dec *d, uint32_t by)
{
	uint64_t rest = 0;

	om_check(by > 0);
	for (unsigned i = CD_DEC_LIMBS; i-- > 0;) {
		rest = rest << 32 | d->limb[i];
		d->limb[i] = (uint32_t)(rest / by);
		rest %= by;
	}
	return (uint32_t)rest;
}

/* widen gives the value more fraction digits. */
static void
widen(struct cd_dec *d, unsigned scale)
{
	while (d->scale < scale) {
		times(d, 10, 0);
		d->scale++;
	}
	om_check(d->scale >= scale);
}

/* read_exponent reads what follows the e; false when that is no exponent. */
static bool
read_exponent(const char *p, int *out)
{
	bool minus = *p == '-';

	*out = 0;
	p += *p == '-' || *p == '+';
	if (*p == '\0')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if ((*out = 10 * *out + (*p - '0')) > MOST_EXPONENT)
			return false;
	if (minus)
		*out = -*out;
	return *p == '\0';
}

void
cd_dec_parse(const char *text, struct cd_dec *out, bool *negative_out)
{
	unsigned digits = 0;
	bool point = false;
	int exponent = 0;

	*out = (struct cd_dec){.scale = 0};
	*negative_out = *text == '-';
	text += *text == '-' || *text == '+';
	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		if (++digits > CD_DEC_DIGITS) {
			out->bad = true;
			return;
		}
		times(out, 10, (uint32_t)(*text - '0'));
		out->scale += point;
	}
	if (digits == 0 || (*text != '\0' && *text != 'e' && *text != 'E') ||
	    (*text != '\0' && !read_exponent(text + 1, &exponent))) {
		out->bad = true;
		return;
	}
	if (exponent < 0)
		out->scale += (unsigned)-exponent;
	for (; exponent > 0; exponent--) {
		if (out->scale > 0)
			out->scale--;
		else
			times(out, 10, 0);
	}
}

bool
cd_dec_is_zero(const struct cd_dec *d)
{
	static const uint32_t zero[CD_DEC_LIMBS];

	return memcmp(d->limb, zero, sizeof zero) == 0;
}

void
cd_dec_add(struct cd_dec *d, const struct cd_dec *by)
{
	struct cd_dec other = *by;
	uint64_t carry = 0;

	widen(d, other.scale);
	widen(&other, d->scale);
	for (unsigned i = 0; i < CD_DEC_LIMBS; i++) {
		carry += (uint64_t)d->limb[i] + other.limb[i];
		d->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	d->bad = d->bad || other.bad || carry != 0;
}

void
cd_dec_mul(struct cd_dec *d, const struct cd_dec *by)
{
	struct cd_dec product = {.scale = d->scale + by->scale, .bad = d->bad || by->bad};

	for (unsigned i = 0; i < CD_DEC_LIMBS; i++) {
		uint64_t carry = 0;

		for (unsigned k = 0; k < CD_DEC_LIMBS && d->limb[i] != 0; k++) {
			if (i + k >= CD_DEC_LIMBS) {
				product.bad = product.bad || by->limb[k] != 0 || carry != 0;
				continue;
			}
			carry += (uint64_t)d->limb[i] * by->limb[k] + product.limb[i + k];
			product.limb[i + k] = (uint32_t)carry;
			carry >>= 32;
		}
		product.bad = product.bad || carry != 0;
	}
	*d = product;
}

void
cd_dec_mul_int(struct cd_dec *d, uint64_t by)
{
	const struct cd_dec n = {.limb = {(uint32_t)by, (uint32_t)(by >> 32)}};

	cd_dec_mul(d, &n);
}

void
cd_dec_rest(struct cd_dec *d)
{
	struct cd_dec one = {.limb = {1}};
	uint64_t borrow = 0;

	widen(&one, d->scale);
	for (unsigned i = 0; i < CD_DEC_LIMBS; i++) {
		uint64_t sub = (uint64_t)d->limb[i] + borrow;

		borrow = one.limb[i] < sub;
		d->limb[i] = (uint32_t)(one.limb[i] - sub);
	}
	d->bad = d->bad || one.bad || borrow != 0;
}

om_status
cd_dec_money(const struct cd_dec *d, om_money *out)
{
	static const unsigned wide = 4; /* limbs of 128 bits */
	struct cd_dec v = *d;
	uint32_t last = 0;
	bool below = false; /* something other than zero was cut off after the last digit */
	om_i128 m = 0;

	widen(&v, OM_MONEY_DIGITS);
	for (; v.scale > OM_MONEY_DIGITS; v.scale--) {
		below = below || last != 0;
		last = over(&v, 10);
	}
	if (last > 5 || (last == 5 && (below || (v.limb[0] & 1) != 0)))
		times(&v, 1, 1);
	for (unsigned i = wide; i < CD_DEC_LIMBS; i++)
		v.bad = v.bad || v.limb[i] != 0;
	if (v.bad || (v.limb[wide - 1] >> 30) != 0)
		return OM_RANGE;
	for (unsigned i = wide; i-- > 0;)
		m = m << 32 | v.limb[i];
	om_check(m >= 0);
	out->v = m;
	return om_money_add(*out, OM_MONEY_ZERO, out);
}
