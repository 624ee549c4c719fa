/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bill.h"

#include "base/invariant.h"

#include <string.h>

__extension__ typedef unsigned __int128 u128;

/* ---- exact products ---- */

/* Up to 256 bits, lowest first. */
struct wide {
	uint64_t limb[4];
};

static struct wide
multiply(u128 a, u128 b)
{
	uint64_t x[2] = {(uint64_t)a, (uint64_t)(a >> 64)}, y[2] = {(uint64_t)b, (uint64_t)(b >> 64)};
	struct wide w = {{0, 0, 0, 0}};

	for (int i = 0; i < 2; i++) {
		u128 carry = 0;

		for (int k = 0; k < 2; k++) {
			u128 v = (u128)x[i] * y[k] + w.limb[i + k] + carry;

			w.limb[i + k] = (uint64_t)v;
			carry = v >> 64;
		}
		w.limb[i + 2] = (uint64_t)carry;
	}
	return w;
}

/* divide divides w in place and returns the rest. */
static uint64_t
divide(struct wide *w, uint64_t by)
{
	u128 rest = 0;

	for (int i = 3; i >= 0; i--) {
		u128 v = rest << 64 | w->limb[i];

		w->limb[i] = (uint64_t)(v / by);
		rest = v % by;
	}
	return (uint64_t)rest;
}

static u128
magnitude(om_money m)
{
	return m.v < 0 ? (u128)0 - (u128)m.v : (u128)m.v;
}

om_status
rd_money_scale(om_money a, om_money by, int shift, int digits, om_money *out)
{
	struct wide w = multiply(magnitude(a), magnitude(by));
	int drop = OM_MONEY_DIGITS + shift + OM_MONEY_DIGITS - digits;
	bool negative = (a.v < 0) != (by.v < 0), lost = false;
	uint64_t last = 0;
	om_money m = {1};
	u128 v, unit = 1;

	om_check(digits >= 0 && digits <= OM_MONEY_DIGITS && shift >= 0);
	*out = OM_MONEY_ZERO;
	for (int i = 0; i < drop; i++) {
		lost = lost || last != 0;
		last = divide(&w, 10);
	}
	if (w.limb[2] != 0 || w.limb[3] != 0)
		return OM_RANGE;
	v = (u128)w.limb[1] << 64 | w.limb[0];
	if (last > 5 || (last == 5 && (lost || (v & 1) != 0)))
		v++;
	for (int i = digits; i < OM_MONEY_DIGITS; i++)
		unit *= 10;
	if (v > (((u128)1 << 127) - 1) / unit)
		return OM_RANGE;
	m.v = negative ? -(om_i128)(v * unit) : (om_i128)(v * unit);
	return om_money_add(m, OM_MONEY_ZERO, out); /* which checks the bounds */
}

bool
rd_share_of(om_money part, om_money whole, om_money *percent_out)
{
	om_i128 p = part.v, w = whole.v, tenths;

	*percent_out = OM_MONEY_ZERO;
	if (p < 0 || w <= 0 || p > w)
		return false;
	while (w > (om_i128)1 << 110) { /* keep p * 2000 in range */
		p /= 10;
		w /= 10;
	}
	tenths = (p * 2000 / w + 1) / 2;
	percent_out->v = tenths * 100000000000000000;
	return true;
}

/* ---- the terms ---- */

const char *
rd_terms_currency(const struct rd_terms *t)
{
	return t->currency != NULL ? t->currency : "USD";
}

bool
rd_terms_in_usd(const struct rd_terms *t)
{
	return strcmp(rd_terms_currency(t), "USD") == 0;
}

bool
rd_terms_mark_up(const struct rd_terms *t)
{
	return !om_money_is_zero(t->markup_percent) || !om_money_is_zero(t->markup_per_million);
}

int
rd_currency_digits(const char *code)
{
	/* those of ISO 4217 with other than two */
	static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
	static const char three[] = "BHD IQD JOD KWD LYD OMR TND";

	return strstr(none, code) != NULL ? 0 : strstr(three, code) != NULL ? 3 : 2;
}

/* ---- charges ---- */

static om_status
too_large(om_err *e)
{
	return om_fail(e, OM_INTERNAL, "the charges are too large to add up");
}

om_status
rd_charges_of(const struct rd_terms *t, const struct rd_figures *f, struct rd_charges *out, om_err *e)
{
	struct rd_charges c = {.usage = f->cost, .payers = f->requests > 0 ? 1 : 0};
	const om_i128 one = 1000000000000000000;

	*out = (struct rd_charges){.tokens = 0};
	if (__builtin_add_overflow(f->prompt_tokens, f->completion_tokens, &c.tokens))
		return too_large(e);
	if (c.payers > 0 && !t->floor)
		c.fee = t->fee;
	if (rd_money_scale(f->cost, t->markup_percent, 2, OM_MONEY_DIGITS, &c.markup) != OM_OK ||
	    rd_money_scale((om_money){(om_i128)c.tokens * one}, t->markup_per_million, 6, OM_MONEY_DIGITS,
		&c.token_markup) != OM_OK ||
	    om_money_add(c.usage, c.markup, &c.net) != OM_OK || om_money_add(c.net, c.token_markup, &c.net) != OM_OK)
		return too_large(e);
	if (c.payers > 0 && t->floor && om_money_cmp(t->fee, c.net) > 0 && om_money_sub(t->fee, c.net, &c.fee) != OM_OK)
		return too_large(e);
	if (om_money_add(c.net, c.fee, &c.net) != OM_OK)
		return too_large(e);
	om_check(c.net.v == c.usage.v + c.markup.v + c.token_markup.v + c.fee.v);
	c.lifted = t->floor && !om_money_is_zero(c.fee) ? 1 : 0;
	*out = c;
	return OM_OK;
}

om_status
rd_charges_add(struct rd_charges *sum, const struct rd_charges *c, om_err *e)
{
	if (om_money_add(sum->usage, c->usage, &sum->usage) != OM_OK ||
	    om_money_add(sum->fee, c->fee, &sum->fee) != OM_OK ||
	    om_money_add(sum->markup, c->markup, &sum->markup) != OM_OK ||
	    om_money_add(sum->token_markup, c->token_markup, &sum->token_markup) != OM_OK ||
	    om_money_add(sum->net, c->net, &sum->net) != OM_OK ||
	    __builtin_add_overflow(sum->tokens, c->tokens, &sum->tokens) ||
	    __builtin_add_overflow(sum->lifted, c->lifted, &sum->lifted) ||
	    __builtin_add_overflow(sum->payers, c->payers, &sum->payers))
		return too_large(e);
	return OM_OK;
}

/* ---- the printed lines ---- */

static om_status
convert(const struct rd_terms *t, om_money exact, int digits, om_money *out)
{
	if (!rd_terms_in_usd(t))
		return rd_money_scale(exact, t->rate, 0, digits, out);
	*out = om_money_round(exact, digits);
	return OM_OK;
}

static om_status
print_line(const struct rd_terms *t, om_money exact, int digits, om_money *net, om_money *out)
{
	om_status s = convert(t, exact, digits, out);

	return s == OM_OK ? om_money_add(*net, *out, net) : s;
}

/* least_of gives what a floor asks for, in the currency: the exact net amount
 * where a payer is lifted to the minimum, which all of them reach then; where no payer
 * is lifted, the minimum of all payers, since the other lines may have been rounded
 * below it. */
static om_status
least_of(const struct rd_terms *t, const struct rd_charges *c, int digits, om_money *out)
{
	const om_i128 one = 1000000000000000000;
	om_money all = c->net;
	om_status s = OM_OK;

	if (om_money_is_zero(c->fee))
		s = rd_money_scale((om_money){(om_i128)c->payers * one}, t->fee, 0, OM_MONEY_DIGITS, &all);
	return s == OM_OK ? convert(t, all, digits, out) : s;
}

/* print_fee rounds a fee on top as any line.  A floor's takes what is missing. */
static om_status
print_fee(const struct rd_terms *t, const struct rd_charges *c, struct rd_printed *p)
{
	om_money least;
	om_status s;

	if (!t->floor || (om_money_is_zero(c->fee) && (c->payers == 0 || t->old_floor)))
		return print_line(t, c->fee, p->digits, &p->net, &p->fee);
	s = least_of(t, c, p->digits, &least);
	if (s != OM_OK || om_money_cmp(least, p->net) <= 0)
		return s;
	s = om_money_sub(least, p->net, &p->fee);
	p->net = least;
	return s;
}

om_status
rd_bill_convert(const struct rd_terms *t, om_money exact, int digits, om_money *out, om_err *e)
{
	return convert(t, exact, digits, out) == OM_OK ? OM_OK : too_large(e);
}

om_status
rd_bill_print(const struct rd_terms *t, const struct rd_charges *c, struct rd_printed *out, om_err *e)
{
	struct rd_printed p = {.digits = rd_currency_digits(rd_terms_currency(t))};

	*out = p;
	if (print_line(t, c->usage, p.digits, &p.net, &p.usage) != OM_OK ||
	    print_line(t, c->markup, p.digits, &p.net, &p.markup) != OM_OK ||
	    print_line(t, c->token_markup, p.digits, &p.net, &p.token_markup) != OM_OK ||
	    print_fee(t, c, &p) != OM_OK || rd_money_scale(p.net, t->tax_rate, 2, p.digits, &p.tax) != OM_OK ||
	    om_money_add(p.net, p.tax, &p.total) != OM_OK)
		return too_large(e);
	om_check(p.net.v == p.usage.v + p.markup.v + p.token_markup.v + p.fee.v); /* the lines as printed */
	om_check(p.total.v == p.net.v + p.tax.v);
	*out = p;
	return OM_OK;
}
