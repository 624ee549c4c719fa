/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * notes.c - what a document says about its own figures.
 */
#include "statement_in.h"
#include "words/clean.h"
#include "statement.pb-c.h"

#include <stdio.h>

static const char *
terms_text(struct rd_maker *m)
{
	if (om_money_is_zero(m->terms->fee))
		return NULL;
	return rd_fill(
	    m->arena, m->terms->floor ? m->locale->fee_floor : m->locale->fee_on_top, rd_exact_text(m, m->terms->fee));
}

/* unsettled_text says how many requests may still change and by what: their
 * estimates, where costd tells of them. */
static const char *
unsettled_text(struct rd_maker *m)
{
	const struct rd_locale *t = m->locale;
	const Om__StatementReply *r = m->reply;
	uint64_t n = m->total.unsettled;
	const char *some = rd_count_text(m, n), *all = rd_count_text(m, m->total.requests);
	om_money sum;

	if (rd_n_rows(r) == 0)
		return NULL;
	if (n == 0)
		return om_money_is_zero(m->total.disputed_cost) ? t->all_settled : NULL;
	if (!r->has_estimated || r->estimated > n || r->estimated_cost == NULL ||
	    om_money_parse(r->estimated_cost, &sum, NULL) != OM_OK)
		return rd_fill(m->arena, rd_form(t, t->unsettled_text, n), some, all);
	return rd_fill(m->arena, rd_form(t, t->estimated_text, n), some, all, rd_count_text(m, r->estimated),
	    rd_exact_text(m, sum), rd_count_text(m, n - r->estimated));
}

/* disputed_text says by how much senders disagree about costs, while nobody who knows better has spoken. */
static const char *
disputed_text(struct rd_maker *m)
{
	if (om_money_is_zero(m->total.disputed_cost))
		return NULL;
	return rd_fill(m->arena, m->locale->in_dispute_text, rd_exact_text(m, m->total.disputed_cost));
}

static const char *
unproven_text(struct rd_maker *m)
{
	const Om__StatementReply *r = m->reply;

	if (!r->has_unproven || r->unproven == 0)
		return NULL;
	return rd_fill(m->arena, rd_form(m->locale, m->locale->unproven_text, r->unproven),
	    rd_count_text(m, r->unproven), rd_count_text(m, m->total.requests));
}

static const char *
rounding_text(struct rd_maker *m, const struct rd_doc *d)
{
	const struct rd_locale *t = m->locale;
	char digits[16];

	(void)snprintf(digits, sizeof digits, "%d", d->digits);
	return om_arena_printf(m->arena, "%s %s%s%s%s%s", t->rounding_tables,
	    rd_fill(m->arena, d->digits == 0 ? t->rounding_whole : t->rounding_digits, d->currency, digits),
	    rd_terms_in_usd(m->terms) ? "" : " ", rd_terms_in_usd(m->terms) ? "" : t->rounding_convert,
	    rd_is_report(m) ? " " : "", rd_is_report(m) ? t->rounding_report : "");
}

static void
add_cancellation(struct rd_maker *m, struct rd_lines *l)
{
	const struct rd_locale *t = m->locale;
	const struct rd_issue *issue = &m->month->issue;

	if (issue->cancels == NULL)
		return;
	rd_lines_add(l, t->cancellation, rd_fill(m->arena, t->cancellation_text, rd_clean(m->arena, issue->cancels)));
	rd_lines_add(l, t->reason, issue->reason != NULL ? rd_clean(m->arena, issue->reason) : NULL);
}

/* outside_text warns, on a draft, of an exchange rate of another month. */
static const char *
outside_text(struct rd_maker *m, const struct rd_doc *d)
{
	char day[RD_SHOWN];

	if (!d->draft || !m->terms->rate_outside || rd_terms_in_usd(m->terms))
		return NULL;
	return rd_fill(m->arena, m->locale->rate_outside_text, rd_show_day(m->locale, m->terms->rate_day, day));
}

void
rd_notes_make(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_locale *t = m->locale;
	const struct rd_issue *issue = &m->month->issue;
	struct rd_lines l = {om_arena_array(m->arena, RD_MAX_LINES, sizeof(struct rd_line)), 0};

	if (issue->corrects != NULL)
		rd_lines_add(
		    &l, t->correction, rd_fill(m->arena, t->correction_text, rd_clean(m->arena, issue->corrects)));
	add_cancellation(m, &l);
	if (d->duplicate && d->number != NULL)
		rd_lines_add(&l, t->duplicate, rd_fill(m->arena, t->duplicate_text, d->number));
	rd_lines_add(&l, t->exchange_rate, outside_text(m, d));
	if (issue->cancels == NULL) { /* what is taken back does not change any more */
		if (m->reply->generated_us < m->reply->to_us)
			rd_lines_add(&l, t->running, t->running_text);
		rd_lines_add(&l, t->not_yet_settled, unsettled_text(m));
		rd_lines_add(&l, t->in_dispute, disputed_text(m));
	}
	rd_lines_add(&l, t->unproven, unproven_text(m));
	rd_lines_add(&l, t->minimum_charge, terms_text(m));
	if (rd_terms_mark_up(m->terms))
		rd_lines_add(&l, t->markup, t->markup_note);
	if (!om_money_is_zero(m->total.byok_cost))
		rd_lines_add(&l, t->byok, t->byok_text);
	rd_lines_add(&l, t->tokens, t->tokens_text);
	rd_lines_add(&l, t->rounding, rounding_text(m, d));
	if (rd_is_report(m) && m->reply->n_users > RD_MAX_SECTIONS)
		rd_lines_add(&l, t->pages_left_out,
		    rd_fill(m->arena, t->pages_left_out_text, rd_count_text(m, RD_MAX_SECTIONS)));
	d->notes = l.at;
	d->n_notes = l.n;
}
