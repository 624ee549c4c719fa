/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * statement.c - the document: whose, of which month, its facts and its bill.
 */
#include "statement.h"

#include "statement_in.h"
#include "words/clean.h"

#include <inttypes.h>
#include <string.h>

/* ---- the month before ---- */

/* compared_text shows an amount that is only compared: cents do, where there are whole dollars. */
static const char *
compared_text(struct rd_maker *m, om_money usd, bool cents)
{
	char buf[RD_SHOWN];

	return cents ? om_arena_strdup(m->arena, rd_show_fixed(m->locale, om_money_round(usd, 2), 2, buf))
		     : rd_exact_text(m, usd);
}

static const char *
before_text(struct rd_maker *m)
{
	const char *change = rd_change_text(m, m->total.cost, m->previous.cost), *was, *diff;
	const om_money dollar = {(om_i128)1000000000 * 1000000000};
	bool cents = om_money_cmp(m->previous.cost, dollar) >= 0;
	om_money d;

	if (m->previous.requests == 0 && om_money_is_zero(m->previous.cost))
		return m->locale->no_usage_then;
	if (om_money_sub(m->total.cost, m->previous.cost, &d) != OM_OK)
		return NULL;
	was = compared_text(m, m->previous.cost, cents);
	diff = om_arena_printf(m->arena, "%s%s", d.v > 0 ? "+" : "", compared_text(m, d, cents));
	return change != NULL ? rd_fill(m->arena, m->locale->before_percent, was, diff, change)
			      : rd_fill(m->arena, m->locale->before_text, was, diff);
}

/* ---- parts ---- */

static void
add_recipient(struct rd_maker *m, const struct rd_doc *d, struct rd_lines *l)
{
	const struct rd_locale *t = m->locale;
	const Om__StatementReply *r = m->reply;
	const char *users =
	    rd_fill(m->arena, rd_form(t, t->users_with_usage, r->n_users), rd_count_text(m, r->n_users));

	if (m->month->user != NULL) {
		rd_lines_add(l, t->recipient, d->subject);
		rd_lines_add(l, t->email, r->user != NULL ? rd_clean(m->arena, r->user->email) : NULL);
		rd_lines_add(l, t->user_id, rd_clean(m->arena, m->month->user));
	} else {
		rd_lines_add(l, rd_is_report(m) ? t->recipient : t->group_name, d->subject);
		if (rd_is_report(m) || r->n_users > 0)
			rd_lines_add(l, t->users, users);
	}
}

static const char *
exchange_text(struct rd_maker *m)
{
	const struct rd_terms *terms = m->terms;
	char rate[RD_SHOWN], day[RD_SHOWN];

	if (rd_terms_in_usd(terms))
		return NULL;
	return rd_fill(m->arena, m->locale->exchange_text, rd_show_money(m->locale, terms->rate, rate),
	    rd_terms_currency(terms), rd_show_day(m->locale, terms->rate_day, day),
	    terms->rate_source != NULL ? terms->rate_source : "");
}

static const char *
number_text(struct rd_maker *m, const struct rd_doc *d)
{
	if (d->draft || d->number == NULL)
		return m->locale->number_draft;
	return d->duplicate ? rd_fill(m->arena, m->locale->number_duplicate, d->number) : d->number;
}

static const char *
cancels_text(struct rd_maker *m)
{
	const struct rd_issue *issue = &m->month->issue;
	const char *number = issue->cancels != NULL ? rd_clean(m->arena, issue->cancels) : NULL;
	char day[RD_SHOWN];

	if (number == NULL || issue->cancels_issued == 0)
		return number;
	return rd_fill(m->arena, m->locale->cancels_issued, number,
	    rd_show_day(m->locale, om_zone_table_day(m->month->zone, issue->cancels_issued), day));
}

static void
make_facts(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_locale *t = m->locale;
	const Om__StatementReply *r = m->reply;
	const struct rd_issue *issue = &m->month->issue;
	struct rd_lines l = {om_arena_array(m->arena, RD_MAX_LINES, sizeof(struct rd_line)), 0};
	char first[RD_SHOWN], last[RD_SHOWN], at[RD_SHOWN];
	bool running = r->generated_us < r->to_us;

	add_recipient(m, d, &l);
	d->n_recipient = l.n;
	rd_lines_add(&l, t->document_number, number_text(m, d));
	rd_lines_add(&l, t->corrects, issue->corrects != NULL ? rd_clean(m->arena, issue->corrects) : NULL);
	rd_lines_add(&l, t->cancels, cancels_text(m));
	if (issue->issued != 0)
		rd_lines_add(&l, t->date_of_issue,
		    om_arena_strdup(m->arena, rd_show_day(t, om_zone_table_day(m->month->zone, issue->issued), at)));
	if (rd_n_rows(r) > 0)
		rd_lines_add(&l, t->figures_as_of,
		    om_arena_strdup(m->arena,
			rd_show_instant(t, m->month->zone, r->has_changed_us ? r->changed_us : r->generated_us, at)));
	rd_lines_add(&l, t->period,
	    rd_fill(m->arena, running ? t->period_running : t->period_days, rd_show_day(t, r->from_day, first),
		rd_show_day(t, r->to_day - 1, last)));
	rd_lines_add(&l, t->time_zone, rd_clean(m->arena, r->timezone));
	rd_lines_add(
	    &l, t->currency, rd_terms_in_usd(m->terms) ? t->us_dollar : rd_fill(m->arena, t->converted, d->currency));
	rd_lines_add(&l, t->exchange_rate, exchange_text(m));
	rd_lines_add(&l, rd_month_before(m), before_text(m));
	d->facts = l.at;
	d->n_facts = l.n;
}

static void
make_tiles(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_locale *t = m->locale;
	const char *change = rd_change_text(m, m->total.cost, m->previous.cost);
	struct rd_tile *at = om_arena_array(m->arena, 4, sizeof *at);
	size_t n = 0;

	if (at == NULL)
		return;
	at[n++] = (struct rd_tile){t->requests, RD_INT, {.known = true, .u.n = m->total.requests}};
	at[n++] = (struct rd_tile){t->input_tokens, RD_INT, {.known = true, .u.n = m->total.prompt_tokens}};
	at[n++] = (struct rd_tile){t->output_tokens, RD_INT, {.known = true, .u.n = m->total.completion_tokens}};
	if (change != NULL)
		at[n++] = (struct rd_tile){t->against_before, RD_TEXT, {.known = true, .u.text = change}};
	d->tiles = at;
	d->n_tiles = n;
}

/* ---- the whole ---- */

static om_status
check_reply(const Om__StatementReply *r, const struct rd_month *m, om_err *e)
{
	om_day from = om_day_from_civil(m->year, m->month, 1);
	om_day to = m->month == 12 ? om_day_from_civil(m->year + 1, 1, 1) : om_day_from_civil(m->year, m->month + 1, 1);

	if (m->zone == NULL)
		return om_fail(e, OM_INTERNAL, "a document without a time zone");
	if (r->from_day != from || r->to_day != to)
		return om_fail(e, OM_PROTOCOL, "costd answered for another month");
	if ((m->user == NULL) != (r->user == NULL) || (m->user != NULL && strcmp(m->user, r->user->id) != 0))
		return om_fail(e, OM_PROTOCOL, "costd answered for another user");
	if ((m->group == NULL) != (r->group == NULL) || (m->group != NULL && strcmp(m->group, r->group) != 0))
		return om_fail(e, OM_PROTOCOL, "costd answered for another group");
	if (r->n_generations + r->rows_left_out != rd_n_rows(r))
		return om_fail(e, OM_INTERNAL,
		    "control total: %zu rows and %" PRIu64 " left out are not the %" PRIu64
		    " requests of the total and "
		    "the %" PRIu64 " rests of turns",
		    r->n_generations, r->rows_left_out, r->total->requests, rd_n_rows(r) - r->total->requests);
	return OM_OK;
}

static void
make_names(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_month *mo = m->month;
	const char *name = m->reply->user != NULL ? rd_clean(m->arena, m->reply->user->name) : NULL;
	const char *whose = mo->user != NULL ? mo->user : mo->group;
	const char *number = mo->issue.number != NULL ? rd_clean_name(m->arena, mo->issue.number, 32) : NULL;
	/* the name of what is issued stays with costd: of a person's document, the number says whose it is */
	const char *shown = mo->user != NULL && number != NULL ? NULL : whose;
	const char *safe = shown != NULL ? rd_clean_name(m->arena, shown, 64) : "";
	bool cancels = mo->issue.cancels != NULL;
	char month[RD_SHOWN];

	d->month = om_arena_strdup(m->arena, rd_show_month(m->locale, mo->year, mo->month, month));
	if (mo->user != NULL) {
		d->kind = RD_STATEMENT;
		d->title = cancels ? m->locale->statement_cancelled : m->locale->statement;
		d->subject = name != NULL && name[0] != '\0' ? name : rd_clean(m->arena, mo->user);
	} else if (mo->group != NULL) {
		d->kind = RD_GROUP_STATEMENT;
		d->title = cancels ? m->locale->group_statement_cancelled : m->locale->group_statement;
		d->subject = rd_clean(m->arena, mo->group);
	} else {
		d->kind = RD_REPORT;
		d->title = cancels ? m->locale->report_cancelled : m->locale->report;
		d->subject = m->locale->all_users;
	}
	d->stem = om_arena_printf(m->arena, "%s%s%s%s%s%s-%04d-%02d%s", number != NULL ? number : "",
	    number != NULL ? "-" : "", cancels ? "cancellation-" : "", whose == NULL ? "report" : "statement",
	    shown == NULL          ? ""
		: mo->user != NULL ? "-"
				   : "-group-",
	    safe != NULL ? safe : "", mo->year, mo->month,
	    mo->issue.duplicate && number != NULL && !mo->issue.draft ? "-duplicate" : "");
}

static void
make_issue(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_issue *issue = &m->month->issue;
	const Om__StatementReply *r = m->reply;
	const char *code = issue->code != NULL ? rd_clean(m->arena, issue->code) : NULL;

	d->draft = issue->number == NULL || issue->draft;
	d->duplicate = issue->duplicate && !d->draft;
	d->number = issue->number != NULL ? rd_clean(m->arena, issue->number) : NULL;
	d->code = code;
	if (code != NULL && issue->verify_url != NULL)
		d->verify = rd_fill(m->arena, m->locale->verify_at, rd_clean(m->arena, issue->verify_url), code);
	else if (code != NULL)
		d->verify = rd_fill(m->arena, m->locale->verification_code, code);
	/* the same figures give the same bytes, whenever they are asked for */
	d->created = issue->issued != 0 ? issue->issued
	    : r->has_changed_us         ? r->changed_us
	    : rd_n_rows(r) == 0         ? r->from_us
					: r->generated_us;
}

static om_status
start(struct rd_maker *m, om_err *e)
{
	om_status s = check_reply(m->reply, m->month, e);

	if (s == OM_OK)
		s = rd_figures_read(m->reply->total, &m->total, e);
	if (s == OM_OK)
		s = rd_figures_read(m->reply->previous_total, &m->previous, e);
	if (s != OM_OK)
		return s;
	m->n_days = (unsigned)(m->reply->to_day - m->reply->from_day);
	m->days = om_arena_array(m->arena, m->n_days, sizeof *m->days);
	return m->days != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

om_status
rd_statement_new(const Om__StatementReply *r, const struct rd_month *month, const struct rd_terms *terms,
    struct om_arena *a, const struct rd_doc **out, om_err *e)
{
	struct rd_maker m = {.reply = r,
	    .month = month,
	    .terms = terms,
	    .locale = month->locale != NULL ? month->locale : rd_locale_named(NULL),
	    .arena = a};
	struct rd_doc *d = om_arena_alloc(a, sizeof *d);
	struct rd_issuer *issuer = om_arena_alloc(a, sizeof *issuer);
	om_status s;

	*out = NULL;
	if (d == NULL || issuer == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = start(&m, e);
	if (s == OM_OK)
		s = rd_tables_make(&m, &d->tables, &d->n_tables, e);
	if (s == OM_OK)
		s = rd_bill_make(&m, d, e);
	if (s == OM_OK && rd_is_report(&m) && (r->n_user_models > 0 || month->issue.cancels == NULL))
		s = rd_sections_make(&m, &d->sections, &d->n_sections, e);
	if (s != OM_OK)
		return s;
	for (size_t i = 0; i < d->n_tables; i++)
		rd_table_check(&d->tables[i]);
	for (size_t i = 0; i < d->n_sections; i++)
		rd_table_check(d->sections[i].table);

	d->locale = m.locale;
	d->zone = month->zone;
	*issuer = terms->issuer;
	d->issuer = issuer;
	make_names(&m, d);
	make_issue(&m, d);
	make_facts(&m, d);
	make_tiles(&m, d);
	rd_notes_make(&m, d);
	if (m.total.requests == 0 && om_money_is_zero(m.total.cost) && om_money_is_zero(m.total.byok_cost))
		d->nothing = rd_fill(a, m.locale->nothing, d->month);
	d->chart = (struct rd_chart){
	    .title = m.locale->cost_per_day,
	    .remark = m.locale->chart_remark,
	    .first = r->from_day,
	    .n = m.n_days,
	    .values = m.days,
	};
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	*out = d;
	return OM_OK;
}
