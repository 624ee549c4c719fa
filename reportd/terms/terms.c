/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "terms.h"

#include "words/clean.h"
#include "wire/terms.h"

#include <string.h>

const char *
rd_terms_line(struct om_arena *a, const char *text)
{
	return text != NULL ? rd_clean(a, text) : NULL;
}

const char *
rd_terms_lines(struct om_arena *a, const char *text)
{
	const char *clean = rd_terms_line(a, text);
	size_t n = 0;
	char *out;

	if (clean == NULL || (out = om_arena_strdup(a, clean)) == NULL)
		return NULL;
	for (const char *p = clean; *p != '\0'; p++) {
		bool two = p[0] == '\\' && p[1] == 'n';

		out[n++] = (char)(two || *p == '|' ? '\n' : *p);
		p += two ? 1 : 0;
	}
	out[n] = '\0';
	return out;
}

static om_status
read_decimal(const char *text, om_money *out)
{
	*out = OM_MONEY_ZERO;
	return text != NULL ? om_money_parse(text, out, NULL) : OM_OK;
}

om_status
rd_terms_of(const Om__Terms *t, om_day first, const struct rd_issuer *issuer, struct om_arena *a, struct rd_terms *out,
    om_err *e)
{
	om_err why;

	*out = (struct rd_terms){.issuer = *issuer};
	if (om_terms_check(t, &why) != OM_OK)
		return om_fail(e, OM_PROTOCOL, "the month's terms: %s", why.text);
	if (read_decimal(t->minimum_charge_fee, &out->fee) != OM_OK ||
	    read_decimal(t->markup_percent, &out->markup_percent) != OM_OK ||
	    read_decimal(t->markup_per_million_tokens, &out->markup_per_million) != OM_OK ||
	    read_decimal(t->tax_rate, &out->tax_rate) != OM_OK || read_decimal(t->exchange_rate, &out->rate) != OM_OK ||
	    (t->exchange_rate_date != NULL && om_day_parse(t->exchange_rate_date, &out->rate_day, NULL) != OM_OK))
		return om_fail(e, OM_PROTOCOL, "the month's terms are malformed");
	out->floor = t->minimum_charge_mode != NULL && strcmp(t->minimum_charge_mode, "floor") == 0;
	out->tax_name = rd_terms_line(a, t->tax_name);
	out->currency = rd_terms_line(a, t->currency);
	out->rate_source = rd_terms_line(a, t->exchange_rate_source);
	out->rate_outside = om_terms_rate_outside(t, first);
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}
