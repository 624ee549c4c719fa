/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "terms.h"

#include "clean.h"
#include "logo.h"
#include "settings.h"
#include "statement.h"

#include <string.h>

/* lines gives a setting's text, clean, with \n for each "\n" or "|" in it. */
static const char *
lines(struct om_arena *a, const char *text)
{
	const char *clean = rd_clean(a, text);
	size_t n = 0;
	char *out;

	if (text == NULL || clean == NULL || (out = om_arena_strdup(a, clean)) == NULL)
		return NULL;
	for (const char *p = clean; *p != '\0'; p++) {
		bool two = p[0] == '\\' && p[1] == 'n';

		out[n++] = (char)(two || *p == '|' ? '\n' : *p);
		p += two ? 1 : 0;
	}
	out[n] = '\0';
	return out;
}

static const char *
one(struct om_arena *a, const char *text)
{
	return text != NULL ? rd_clean(a, text) : NULL;
}

om_status
rd_house_open(const struct rd_conf *c, struct rd_house *out, om_err *e)
{
	struct om_arena *a = &out->texts;
	om_status s;

	memset(out, 0, sizeof *out);
	om_arena_init(a, (size_t)64 * 1024);
	s = rd_settings_check(c, e);
	if (s == OM_OK && c->issuer_logo != NULL)
		s = rd_logo_open(c->issuer_logo, &out->logo, e);
	if (s != OM_OK)
		return s;
	out->terms = (struct rd_terms){
	    .fee = c->minimum_fee,
	    .floor = strcmp(c->minimum_mode, "floor") == 0,
	    .markup_percent = c->markup_percent,
	    .markup_per_million = c->markup_per_million,
	    .tax_rate = c->tax_rate,
	    .tax_name = one(a, c->tax_name),
	    .currency = one(a, c->currency),
	    .rate = c->exchange_rate,
	    .rate_source = one(a, c->exchange_rate_source),
	    .issuer =
		{
		    .name = one(a, c->issuer_name),
		    .address = lines(a, c->issuer_address),
		    .vat_id = one(a, c->issuer_vat_id),
		    .contact = lines(a, c->issuer_contact),
		    .footer = lines(a, c->footer),
		    .logo = c->issuer_logo != NULL ? &out->logo : NULL,
		},
	};
	if (c->exchange_rate_date != NULL)
		s = om_day_parse(c->exchange_rate_date, &out->terms.rate_day, e);
	out->locale = rd_locale_named(c->locale);
	out->paper = strcmp(c->paper, "letter") == 0 ? RD_LETTER : RD_A4;
	if (s == OM_OK && a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s;
}

void
rd_house_close(struct rd_house *h)
{
	rd_logo_close(&h->logo);
	om_arena_fini(&h->texts);
}

om_status
rd_house_month(const struct rd_house *h, const Om__RenderQuery *q, struct rd_month *out, rd_paper *paper_out, om_err *e)
{
	*paper_out = h->paper;
	*out = (struct rd_month){
	    .year = q->year <= 9999 ? (int)q->year : 0,
	    .month = q->month <= 12 ? (int)q->month : 0,
	    .user = q->user,
	    .group = q->group,
	    .locale = q->locale != NULL ? rd_locale_named(q->locale) : h->locale,
	    .issue =
		{
		    .number = q->number,
		    .code = q->verification_code,
		    .verify_url = q->verify_url,
		    .corrects = q->corrects,
		    .issued = q->has_issued_us ? q->issued_us : 0,
		    .draft = q->has_draft && q->draft,
		},
	};
	if (out->locale == NULL && q->locale != NULL)
		return om_fail(e, OM_INVALID, "locale: must be one of %s", RD_LOCALES);
	if (q->paper != NULL && strcmp(q->paper, "a4") != 0 && strcmp(q->paper, "letter") != 0)
		return om_fail(e, OM_INVALID, "paper: must be one of a4|letter");
	if (q->paper != NULL)
		*paper_out = strcmp(q->paper, "letter") == 0 ? RD_LETTER : RD_A4;
	return rd_month_check(out, e);
}
