/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "statement.h"

#include "clean.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_LINES 16

static const char *const month_names[] = {"January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December"};

static const char cents_rule[] = "rounded once, to cents, half to even";

/* Lines under construction; a line without text is left out. */
struct lines {
	struct rd_line *at;
	size_t n;
};

static void
add_line(struct lines *l, const char *label, const char *text)
{
	if (l->at != NULL && text != NULL && text[0] != '\0' && l->n < MAX_LINES)
		l->at[l->n++] = (struct rd_line){label, text};
}

om_status
rd_month_check(const struct rd_month *m, om_err *e)
{
	if (m->month < 1 || m->month > 12)
		return om_fail(e, OM_INVALID, "month: must be 1 to 12");
	if (m->year < 2000 || m->year > 2199)
		return om_fail(e, OM_INVALID, "year: must be 2000 to 2199");
	if (m->user != NULL && (m->user[0] == '\0' || strlen(m->user) > 1024))
		return om_fail(e, OM_INVALID, "user: must be 1 to 1024 bytes");
	return OM_OK;
}

om_status
rd_charge_of(const struct rd_terms *terms, const struct rd_figures *f, om_money *out, om_err *e)
{
	*out = OM_MONEY_ZERO;
	if (f->requests == 0)
		return OM_OK;
	if (!terms->floor) {
		*out = terms->fee;
		return OM_OK;
	}
	if (om_money_sub(terms->fee, f->cost, out) != OM_OK)
		return om_fail(e, OM_INTERNAL, "the costs are too large to add up");
	if (om_money_is_negative(*out))
		*out = OM_MONEY_ZERO;
	return OM_OK;
}

/* ---- texts ---- */

/* change_text gives "+23.5 %"; NULL when the month before cost nothing. */
static const char *
change_text(struct om_arena *a, om_money now, om_money before)
{
	om_i128 d = now.v - before.v, b = before.v, tenths;
	bool less;

	if (b <= 0)
		return NULL;
	while (d > (om_i128)1 << 110 || d < -((om_i128)1 << 110)) { /* keep d * 2000 in range */
		d /= 10;
		b /= 10;
	}
	if (b == 0)
		return NULL;
	less = d < 0;
	tenths = ((less ? -d : d) * 2000 / b + 1) / 2;
	if (tenths > 99999)
		return NULL; /* says nothing any more */
	return om_arena_printf(a, "%s%d.%d %%",
	    tenths == 0 ? ""
		: less  ? "-"
			: "+",
	    (int)(tenths / 10), (int)(tenths % 10));
}

static const char *
before_text(struct rd_maker *m, om_err *e)
{
	const struct rd_bill *b = &m->bill;
	char was[OM_MONEY_TEXT], diff[OM_MONEY_TEXT];
	const char *change = change_text(m->arena, b->total.cost, b->previous.cost);
	om_money d;

	if (b->previous.requests == 0 && om_money_is_zero(b->previous.cost))
		return "no usage";
	if (om_money_sub(b->total.cost, b->previous.cost, &d) != OM_OK) {
		(void)om_fail(e, OM_INTERNAL, "the costs are too large to compare");
		return NULL;
	}
	return om_arena_printf(m->arena, "USD %s (this month %s%s%s%s)", rd_money_text(b->previous.cost, was),
	    d.v > 0 ? "+" : "", rd_money_text(d, diff), change != NULL ? ", " : "", change != NULL ? change : "");
}

static const char *
terms_text(struct rd_maker *m)
{
	char fee[OM_MONEY_TEXT];

	if (om_money_is_zero(m->terms->fee))
		return NULL;
	return om_arena_printf(m->arena,
	    m->terms->floor ? "A user with at least one request in the month pays at least USD %s; what the usage "
			      "falls short of that is charged."
			    : "USD %s are added per user with at least one request in the month.",
	    rd_money_text(m->terms->fee, fee));
}

static const char *
unsettled_text(struct rd_maker *m)
{
	const struct rd_figures *t = &m->bill.total;

	if (t->requests == 0)
		return NULL;
	if (t->unsettled == 0)
		return "All requests are settled: each cost is the provider's own figure.";
	return om_arena_printf(m->arena,
	    "%" PRIu64 " of %" PRIu64 " requests: the provider's figure for their cost is still missing. Those with an "
	    "estimate count with the estimate, the others count as zero, and the amounts of this document may change "
	    "until all are settled.",
	    t->unsettled, t->requests);
}

/* ---- parts ---- */

static void
make_facts(struct rd_maker *m, struct rd_doc *d, const char *previous, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	char first[OM_DAY_TEXT], last[OM_DAY_TEXT], issued[OM_TIME_TEXT];
	struct lines l = {om_arena_array(m->arena, MAX_LINES, sizeof(struct rd_line)), 0};
	bool running = r->generated_us < r->to_us;

	if (m->month->user != NULL) {
		add_line(&l, "Recipient", d->subject);
		add_line(&l, "E-mail", r->user != NULL ? rd_clean(m->arena, r->user->email) : NULL);
		add_line(&l, "User id", rd_clean(m->arena, m->month->user));
	} else {
		add_line(&l, "Users", om_arena_printf(m->arena, "all (%zu with usage in this month)", r->n_users));
	}
	add_line(&l, "Period",
	    om_arena_printf(m->arena, "%s to %s%s", om_day_text(r->from_day, first), om_day_text(r->to_day - 1, last),
		running ? " (not over yet)" : ""));
	add_line(&l, "Time zone", rd_clean(m->arena, r->timezone));
	add_line(&l, "Date of issue", om_arena_strdup(m->arena, om_zone_text(r->generated_us, issued)));
	add_line(&l, "Currency", "US dollar (USD)");
	add_line(&l, previous, before_text(m, e));
	d->facts = l.at;
	d->n_facts = l.n;
}

static void
make_tiles(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_figures *t = &m->bill.total;
	const char *change = change_text(m->arena, t->cost, m->bill.previous.cost);
	struct rd_tile *at = om_arena_array(m->arena, 4, sizeof *at);
	size_t n = 0;

	if (at == NULL)
		return;
	at[n++] = (struct rd_tile){"Requests", RD_INT, {.known = true, .u.n = t->requests}};
	at[n++] = (struct rd_tile){"Input tokens", RD_INT, {.known = true, .u.n = t->prompt}};
	at[n++] = (struct rd_tile){"Output tokens", RD_INT, {.known = true, .u.n = t->completion}};
	if (change != NULL)
		at[n++] = (struct rd_tile){"Against the month before", RD_TEXT, {.known = true, .u.text = change}};
	d->tiles = at;
	d->n_tiles = n;
}

static void
make_amounts(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_figures *t = &m->bill.total;
	struct rd_amount *at = om_arena_array(m->arena, 4, sizeof *at);
	size_t n = 0;

	if (at == NULL)
		return;
	at[n++] = (struct rd_amount){"Usage",
	    om_arena_printf(m->arena, "%" PRIu64 " %s", t->requests, t->requests == 1 ? "request" : "requests"),
	    t->cost, true, t->cost, RD_PLAIN};
	if (!om_money_is_zero(m->terms->fee))
		at[n++] = (struct rd_amount){"Minimum charge",
		    m->bill.charged == 0
			? "none without a request"
			: om_arena_printf(m->arena,
			      m->terms->floor ? "to reach the monthly minimum, %" PRIu64 " %s" : "%" PRIu64 " %s",
			      m->bill.charged, m->bill.charged == 1 ? "user" : "users"),
		    m->bill.charges, true, m->bill.charges, RD_PLAIN};
	at[n++] = (struct rd_amount){"Total", "exact", m->bill.sum, true, m->bill.sum, RD_SUM};
	if (!om_money_is_zero(t->byok))
		at[n++] = (struct rd_amount){"BYOK costs",
		    "billed by the providers of the users' own keys, not part of this sum", t->byok, true, t->byok,
		    RD_ASIDE};
	d->amounts = at;
	d->n_amounts = n;
	d->due = om_money_round(m->bill.sum, 2);
	d->due_label = "Amount due";
	d->due_rule = cents_rule;
}

static void
make_notes(struct rd_maker *m, struct rd_doc *d)
{
	const Om__StatementReply *r = m->reply;
	struct lines l = {om_arena_array(m->arena, MAX_LINES, sizeof(struct rd_line)), 0};

	if (r->generated_us < r->to_us)
		add_line(&l, "Running month",
		    "The month was not over when this document was made; it holds the usage until then.");
	add_line(&l, "Not yet settled", unsettled_text(m));
	add_line(&l, "Minimum charge", terms_text(m));
	if (!om_money_is_zero(m->bill.total.byok))
		add_line(&l, "BYOK",
		    "Requests made with a user's own provider key are billed by that provider. Their costs are shown "
		    "and are in no sum of this document.");
	add_line(
	    &l, "Tokens", "Cached tokens are part of the input tokens, reasoning tokens part of the output tokens.");
	add_line(&l, "Rounding",
	    m->month->user != NULL
		? "Amounts are exact to the last digit and totals are their exact sums. Only the amount due is "
		  "rounded, "
		  "once, to cents; a half cent goes to the even cent."
		: "Amounts are exact to the last digit and totals are their exact sums. Only the amount due is "
		  "rounded, "
		  "once, to cents; a half cent goes to the even cent. The users' statements round one by one, so "
		  "their amounts due may add up to a few cents more or less.");
	d->notes = l.at;
	d->n_notes = l.n;
}

/* ---- the whole ---- */

static om_status
check_reply(const Om__StatementReply *r, const struct rd_month *m, om_err *e)
{
	om_day from = om_day_from_civil(m->year, m->month, 1);
	om_day to = m->month == 12 ? om_day_from_civil(m->year + 1, 1, 1) : om_day_from_civil(m->year, m->month + 1, 1);

	if (r->from_day != from || r->to_day != to)
		return om_fail(e, OM_PROTOCOL, "costd answered for another month");
	if ((m->user == NULL) != (r->user == NULL) || (m->user != NULL && strcmp(m->user, r->user->id) != 0))
		return om_fail(e, OM_PROTOCOL, "costd answered for another user");
	if (r->n_generations + r->rows_left_out != r->total->requests)
		return om_fail(e, OM_INTERNAL,
		    "control total: %zu rows and %" PRIu64 " left out are not the %" PRIu64 " requests of the total",
		    r->n_generations, r->rows_left_out, r->total->requests);
	return OM_OK;
}

static om_status
make_bill(struct rd_maker *m, om_err *e)
{
	struct rd_bill *b = &m->bill;
	om_status s = OM_OK;

	if (m->month->user != NULL) {
		s = rd_charge_of(m->terms, &b->total, &b->charges, e);
		b->charged = b->total.requests > 0 ? 1 : 0;
	}
	if (s == OM_OK && om_money_add(b->total.cost, b->charges, &b->sum) != OM_OK)
		s = om_fail(e, OM_INTERNAL, "the charges are too large to add up");
	return s;
}

static void
make_names(struct rd_maker *m, struct rd_doc *d)
{
	const struct rd_month *mo = m->month;
	const char *name = m->reply->user != NULL ? rd_clean(m->arena, m->reply->user->name) : NULL;

	d->month = om_arena_printf(m->arena, "%s %d", month_names[mo->month - 1], mo->year);
	if (mo->user != NULL) {
		const char *safe = rd_clean_name(m->arena, mo->user, 64);

		d->title = "Usage statement";
		d->subject = name != NULL && name[0] != '\0' ? name : rd_clean(m->arena, mo->user);
		d->stem =
		    om_arena_printf(m->arena, "statement-%s-%04d-%02d", safe != NULL ? safe : "", mo->year, mo->month);
	} else {
		d->title = "Usage report";
		d->subject = "All users";
		d->stem = om_arena_printf(m->arena, "report-%04d-%02d", mo->year, mo->month);
	}
}

om_status
rd_statement_new(const Om__StatementReply *r, const struct rd_month *month, const struct rd_terms *terms,
    struct om_arena *a, const struct rd_doc **out, om_err *e)
{
	struct rd_maker m = {.reply = r, .month = month, .terms = terms, .arena = a};
	struct rd_doc *d = om_arena_alloc(a, sizeof *d);
	om_err why = {.text = ""};
	om_status s = check_reply(r, month, e);
	const char *previous;

	*out = NULL;
	if (s == OM_OK)
		s = rd_figures_read(r->total, &m.bill.total, e);
	if (s == OM_OK)
		s = rd_figures_read(r->previous_total, &m.bill.previous, e);
	if (s != OM_OK)
		return s;
	m.n_days = (unsigned)(r->to_day - r->from_day);
	m.days = om_arena_array(a, m.n_days, sizeof *m.days);
	if (d == NULL || m.days == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = rd_tables_make(&m, &d->tables, &d->n_tables, e);
	if (s == OM_OK)
		s = make_bill(&m, e);
	if (s != OM_OK)
		return s;

	d->kind = month->user != NULL ? RD_STATEMENT : RD_REPORT;
	d->locale = month->locale != NULL ? month->locale : rd_locale_named(NULL);
	d->issuer = &terms->issuer;
	d->draft = month->issue.number == NULL || month->issue.draft;
	d->currency = "USD";
	d->digits = 2;
	d->unsettled = r->total->unsettled;
	d->created = r->generated_us;
	make_names(&m, d);
	previous = month->month == 1 ? om_arena_printf(a, "December %d", month->year - 1)
				     : om_arena_printf(a, "%s %d", month_names[month->month - 2], month->year);
	make_facts(&m, d, previous, &why);
	if (why.text[0] != '\0')
		return om_fail(e, OM_INTERNAL, "%s", why.text);
	make_tiles(&m, d);
	make_amounts(&m, d);
	make_notes(&m, d);
	if (m.bill.total.requests == 0 && om_money_is_zero(m.bill.total.cost) && om_money_is_zero(m.bill.total.byok))
		d->nothing = om_arena_printf(a, "There was no usage in %s.", d->month);
	d->chart = (struct rd_chart){
	    .title = "Cost per day",
	    .remark = "USD; the exact amounts are in the table of days.",
	    .first = r->from_day,
	    .n = m.n_days,
	    .values = m.days,
	};
	if (a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	*out = d;
	return OM_OK;
}
