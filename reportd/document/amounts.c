/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * amounts.c - the bill as a document shows it: its lines, their remarks, and the
 * amount due.
 */
#include "statement_in.h"

#include "base/invariant.h"

#define MOST_AMOUNTS 8

static const char *
fee_remark(struct rd_maker *m, const struct rd_charges *c, const struct rd_printed *p)
{
	const struct rd_locale *t = m->locale;

	if (c->payers == 0)
		return t->none_without_request;
	if (m->terms->floor && om_money_is_zero(c->fee))
		return om_money_is_zero(p->fee) ? t->minimum_reached : t->minimum_rounded;
	if (m->terms->floor)
		return rd_fill(m->arena, rd_form(t, t->to_reach_minimum, c->lifted), rd_count_text(m, c->lifted));
	return rd_fill(m->arena, rd_form(t, t->n_users, c->payers), rd_count_text(m, c->payers));
}

const struct rd_amount *
rd_amounts_make(struct rd_maker *m, const struct rd_figures *f, const struct rd_charges *c,
    const struct rd_printed *printed, size_t *n_out)
{
	const struct rd_locale *t = m->locale;
	const struct rd_terms *terms = m->terms;
	struct rd_amount *at = om_arena_array(m->arena, MOST_AMOUNTS, sizeof *at);
	struct rd_printed exact = {0, c->usage, c->fee, c->markup, c->token_markup, c->net, OM_MONEY_ZERO, c->net};
	const struct rd_printed *p = printed != NULL ? printed : &exact;
	char percent[RD_SHOWN], price[RD_SHOWN];
	size_t n = 0;

	*n_out = 0;
	if (at == NULL)
		return NULL;
	at[n++] = (struct rd_amount){t->usage,
	    rd_fill(m->arena, rd_form(t, t->n_requests, f->requests), rd_count_text(m, f->requests)), p->usage, true,
	    c->usage, RD_PLAIN};
	if (!om_money_is_zero(terms->markup_percent))
		at[n++] = (struct rd_amount){t->markup,
		    rd_fill(m->arena, t->markup_percent, rd_show_percent(t, terms->markup_percent, percent)), p->markup,
		    true, c->markup, RD_PLAIN};
	if (!om_money_is_zero(terms->markup_per_million))
		at[n++] = (struct rd_amount){t->markup,
		    rd_fill(m->arena, t->markup_tokens, rd_show_money(t, terms->markup_per_million, price),
			rd_count_text(m, c->tokens)),
		    p->token_markup, true, c->token_markup, RD_PLAIN};
	if (!om_money_is_zero(terms->fee))
		at[n++] = (struct rd_amount){
		    t->minimum_charge, printed != NULL ? fee_remark(m, c, p) : NULL, p->fee, true, c->fee, RD_PLAIN};
	if (printed == NULL) {
		if (n > 1)
			at[n++] = (struct rd_amount){t->net, NULL, c->net, true, c->net, RD_SUM};
	} else if (!om_money_is_zero(terms->tax_rate)) {
		at[n++] = (struct rd_amount){t->net, NULL, p->net, false, OM_MONEY_ZERO, RD_SUM};
		at[n++] = (struct rd_amount){terms->tax_name != NULL ? terms->tax_name : t->vat,
		    rd_fill(m->arena, t->tax_remark, rd_show_percent(t, terms->tax_rate, percent)), p->tax, false,
		    OM_MONEY_ZERO, RD_PLAIN};
	}
	if (!om_money_is_zero(f->byok_cost))
		at[n++] = (struct rd_amount){t->byok_costs, t->byok_remark, printed != NULL ? m->byok : f->byok_cost,
		    true, f->byok_cost, RD_ASIDE};
	om_check(n <= MOST_AMOUNTS);
	*n_out = n;
	return at;
}

/* take_back makes all amounts those of a cancellation. */
static void
take_back(struct rd_charges *c, struct rd_printed *p)
{
	om_money *const all[] = {&c->usage, &c->fee, &c->markup, &c->token_markup, &c->net, &p->usage, &p->fee,
	    &p->markup, &p->token_markup, &p->net, &p->tax, &p->total};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		all[i]->v = -all[i]->v;
}

om_status
rd_bill_make(struct rd_maker *m, struct rd_doc *d, om_err *e)
{
	om_status s = OM_OK;

	if (m->month->user != NULL || m->reply->n_users == 0)
		s = rd_charges_of(m->terms, &m->total, &m->charges, e); /* of all users of the document, as one payer */
	if (s == OM_OK)
		s = rd_bill_print(m->terms, &m->charges, &m->printed, e);
	if (s == OM_OK)
		s = rd_bill_convert(m->terms, m->total.byok_cost, m->printed.digits, &m->byok, e);
	if (s != OM_OK)
		return s;
	if (m->month->issue.cancels != NULL)
		take_back(&m->charges, &m->printed);
	d->unsettled = m->month->issue.cancels != NULL ? 0 : m->total.unsettled; /* what is taken back stays */
	d->currency = rd_terms_currency(m->terms);
	d->digits = m->printed.digits;
	d->amounts = rd_amounts_make(m, &m->total, &m->charges, &m->printed, &d->n_amounts);
	d->due = m->printed.total;
	d->due_label = m->locale->amount_due;
	d->due_rule = m->locale->due_rule;
	return OM_OK;
}
