/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "document_settings.h"

#include "logo.h"
#include "wire/terms.h"

#include <string.h>

/* amount gives a decimal as costd reads it. */
static char *
amount(struct om_arena *a, om_money m)
{
	char text[OM_MONEY_TEXT];

	return om_arena_strdup(a, om_money_text(m, text));
}

/* read_terms gives the terms that are set. */
static Om__Terms
read_terms(struct om_arena *a, const struct rd_document_conf *c)
{
	Om__Terms t = OM__TERMS__INIT;

	t.minimum_charge_fee = amount(a, c->minimum_fee);
	t.minimum_charge_mode = om_arena_strdup(a, c->minimum_mode);
	t.markup_percent = amount(a, c->markup_percent);
	t.markup_per_million_tokens = amount(a, c->markup_per_million);
	t.tax_rate = amount(a, c->tax_rate);
	t.tax_name = c->tax_name != NULL ? om_arena_strdup(a, c->tax_name) : NULL;
	t.currency = om_arena_strdup(a, c->currency);
	if (!om_money_is_zero(c->exchange_rate))
		t.exchange_rate = amount(a, c->exchange_rate);
	t.exchange_rate_date = c->exchange_rate_date != NULL ? om_arena_strdup(a, c->exchange_rate_date) : NULL;
	t.exchange_rate_source = c->exchange_rate_source != NULL ? om_arena_strdup(a, c->exchange_rate_source) : NULL;
	return t;
}

om_status
rd_document_settings_open(
    const struct rd_document_conf *c, const char *json, struct rd_document_settings *out, om_err *e)
{
	struct om_arena *a = &out->texts;
	om_status s;

	memset(out, 0, sizeof *out);
	om_arena_init(a, (size_t)512 * 1024);
	out->terms = read_terms(a, c);
	s = om_terms_check_settings(&out->terms, e);
	if (s == OM_OK && c->issuer_logo != NULL)
		s = rd_logo_open(c->issuer_logo, &out->logo, e);
	if (s != OM_OK)
		return s;
	out->issuer = (struct rd_issuer){
	    .name = rd_terms_line(a, c->issuer_name),
	    .address = rd_terms_lines(a, c->issuer_address),
	    .vat_id = rd_terms_line(a, c->issuer_vat_id),
	    .contact = rd_terms_lines(a, c->issuer_contact),
	    .footer = rd_terms_lines(a, c->footer),
	    .logo = c->issuer_logo != NULL ? &out->logo : NULL,
	};
	out->json = json != NULL ? om_arena_strdup(a, json) : NULL;
	out->locale = rd_locale_named(c->locale);
	out->paper = strcmp(c->paper, "letter") == 0 ? RD_LETTER : RD_A4;
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

void
rd_document_settings_close(struct rd_document_settings *h)
{
	rd_logo_close(&h->logo);
	om_arena_fini(&h->texts);
}

om_status
rd_document_settings_month(const struct rd_document_settings *h, const struct rd_asked *asked, struct rd_month *out,
    rd_paper *paper_out, om_err *e)
{
	const Om__RenderQuery *q = asked->query;

	*paper_out = h->paper;
	*out = (struct rd_month){
	    .year = q->year <= 9999 ? (int)q->year : 0,
	    .month = q->month <= 12 ? (int)q->month : 0,
	    .user = q->user,
	    .group = q->group,
	    .locale = q->locale != NULL ? rd_locale_named(q->locale) : h->locale,
	    .issue = asked->issue,
	};
	if (out->locale == NULL && q->locale != NULL)
		return om_fail(e, OM_INVALID, "locale: must be one of %s", RD_LOCALES);
	if (q->paper != NULL && strcmp(q->paper, "a4") != 0 && strcmp(q->paper, "letter") != 0)
		return om_fail(e, OM_INVALID, "paper: must be one of a4|letter");
	if (q->paper != NULL)
		*paper_out = strcmp(q->paper, "letter") == 0 ? RD_LETTER : RD_A4;
	return rd_month_check(out, e);
}
