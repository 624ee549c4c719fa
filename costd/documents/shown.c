/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "shown.h"

#include "number.h"
#include "database/column.h"
#include "database/sql.h"
#include "names/persons.h"
#include "read/groups.h"
#include "value/period.h"
#include "statement.pb-c.h"
#include "base/clock.h"
#include "base/money.h"

#include <stdlib.h>
#include <string.h>

#define FIGURES_BYTES ((size_t)64 * 1024 * 1024) /* a ceiling for what is stored of one document */
#define SINGLY        8u /* more statements of a month are compared by one question for all users */
#define ALL_USERS     1000000u
#define LATE_US       (INT64_C(60) * 1000000) /* a change is noted so long before it is committed, at most */

/* ---- what a document shows ---- */

struct blob {
	struct om_arena *a;
	ProtobufCBinaryData bytes;
};

static om_status
keep_blob(void *arg, const struct cd_val *v, om_err *e)
{
	struct blob *b = arg;

	b->bytes = cd_column_bytes(v[0].p, v[0].n, b->a);
	return b->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

om_status
cd_shown_load(struct cd_db *db, const char *number, struct om_arena *a, Om__Figures **out, om_err *e)
{
	struct blob b = {.a = a};
	Om__StatementReply *shown = NULL;
	om_err why = {.text = ""};
	struct cd_number n;
	om_status s;

	*out = NULL;
	if (!cd_number_parse(number, &n))
		return om_fail(e, OM_DAMAGED, "%.30s is no number", number);
	s = cd_db_query(db, "SELECT figures FROM document WHERE year=? AND seq=?",
	    (struct cd_val[]){CD_I(n.year), CD_I(n.seq)}, 2, keep_blob, &b, e);
	if (s != OM_OK)
		return s;
	s = om_msg_unpack(&om__statement_reply__descriptor, b.bytes.data, b.bytes.len, a, &shown, &why);
	if (s == OM_OK)
		s = om_msg_has(shown->total, "total", &why);
	if (s != OM_OK)
		return om_fail(e, OM_DAMAGED, "the figures of %s: %s", number, om_err_text(&why, s));
	*out = shown->total;
	return OM_OK;
}

static om_status
same_amount(const char *a, const char *b, bool *out, om_err *e)
{
	om_money x = OM_MONEY_ZERO, y = OM_MONEY_ZERO;
	om_status s = om_money_parse(a, &x, e);

	if (s == OM_OK)
		s = om_money_parse(b, &y, e);
	*out = s == OM_OK && om_money_cmp(x, y) == 0;
	return s;
}

om_status
cd_shown_same(const Om__Figures *x, const Om__Figures *y, bool *out, om_err *e)
{
	Om__Figures now = *x;
	bool same = true;
	om_status s = OM_OK;

	now.unsettled = y->unsettled;
#define SAME_COUNT(name) same = same && now.name == y->name;
#define SAME_MONEY(name)        \
	if (s == OM_OK && same) \
		s = same_amount(now.name, y->name, &same, e);
#define OM_FIGURE(name, kind) SAME_##kind(name)
#include "messages/figures.def"
	*out = s == OM_OK && same;
	return s;
}

/* ---- what the months are now ---- */

/* A month of which documents are compared. */
struct month {
	uint32_t year, month;
	struct cd_period days;
	om_time changed_us;  /* when a line of it, or who is shown as whom, changed last */
	size_t n_statements; /* that are to be compared */
	bool have_users;     /* users is all of them, by id */
	struct cd_group_rows users;
};

struct comparison {
	struct cd_db *db;
	struct om_arena *a;
	struct month *months; /* in the arena */
	size_t n_months;
};

static om_status
keep_time(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(om_time *)arg = v[0].kind == CD_INT ? v[0].i : 0;
	return OM_OK;
}

static om_status
month_of(struct comparison *c, const Om__Document *d, struct month **out, om_err *e)
{
	struct month *m;
	struct cd_sql q;
	om_status s;

	for (size_t i = 0; i < c->n_months; i++) {
		*out = &c->months[i];
		if ((*out)->year == d->year && (*out)->month == d->month)
			return OM_OK;
	}
	m = *out = &c->months[c->n_months++];
	m->year = d->year;
	m->month = d->month;
	s = cd_period_month(d->year, d->month, &m->days, e);
	if (s != OM_OK)
		return s;
	cd_sql_init(&q, c->a);
	cd_sql_add(
	    &q, "SELECT GREATEST(COALESCE(MAX(changed_us),0)," CD_MERGES_US ") FROM usage_day WHERE day>=? AND day<?");
	cd_sql_day(&q, m->days.from_day);
	cd_sql_day(&q, m->days.to_day);
	s = cd_sql_query(c->db, &q, keep_time, &m->changed_us, e);
	cd_sql_fini(&q);
	return s;
}

/* may_differ tells whether the month changed since the document was made. */
static bool
may_differ(const struct month *m, const Om__Document *d)
{
	return m->changed_us + LATE_US > d->issued_us;
}

static int
by_user(const void *a, const void *b)
{
	const Om__UsageRow *const *x = a, *const *y = b;

	return strcmp((*x)->user, (*y)->user);
}

static om_status
find_user(struct comparison *c, struct month *m, const char *user, Om__Figures **out, om_err *e)
{
	static const Om__Dimension users[] = {OM__DIMENSION__DIMENSION_USER};
	const struct cd_groups g = {.by = users, .n_by = 1, .order = CD_ORDER_TIME_COST, .limit = ALL_USERS};
	Om__Filter nothing = OM__FILTER__INIT;
	Om__UsageRow wanted = OM__USAGE_ROW__INIT, *key = &wanted, **found;
	om_status s = OM_OK;

	if (!m->have_users)
		s = cd_groups_read(c->db, &g, &m->days, &nothing, c->a, &m->users, e);
	if (s != OM_OK)
		return s;
	if (!m->have_users && m->users.n > 0)
		qsort(m->users.rows, m->users.n, sizeof(Om__UsageRow *), by_user);
	m->have_users = true;
	wanted.user = om_arena_strdup(c->a, user);
	if (c->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	found = m->users.n > 0 ? bsearch(&key, m->users.rows, m->users.n, sizeof(Om__UsageRow *), by_user) : NULL;
	*out = found != NULL ? (*found)->figures : om_msg_new(c->a, &om__figures__descriptor);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

/* figures_now gives what the document would show if it were made now. */
static om_status
figures_now(struct comparison *c, struct month *m, const Om__Document *d, Om__Figures **out, om_err *e)
{
	Om__Filter f = OM__FILTER__INIT;

	if (d->user != NULL && m->n_statements > SINGLY)
		return find_user(c, m, d->user, out, e);
	f.user = d->user;
	f.group = d->group;
	return cd_total_read(c->db, &m->days, &f, c->a, out, e);
}

static om_status
set_difference(Om__Document *d, const Om__Figures *now, const Om__Figures *shown, struct om_arena *a, om_err *e)
{
	om_money x = OM_MONEY_ZERO, y = OM_MONEY_ZERO;
	char text[OM_MONEY_TEXT];
	bool same = false;
	om_status s = cd_shown_same(now, shown, &same, e);

	if (s == OM_OK)
		s = om_money_parse(now->cost, &x, e);
	if (s == OM_OK)
		s = om_money_parse(shown->cost, &y, e);
	if (s == OM_OK)
		s = om_money_sub(x, y, &x);
	if (s != OM_OK)
		return om_fail(e, s, "the figures of %s cannot be compared", d->number);
	d->differs = !same;
	d->difference = om_arena_strdup(a, om_money_text(x, text));
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static om_status
compare_one(struct comparison *c, Om__Document *d, om_err *e)
{
	Om__Figures *now = NULL, *shown = NULL;
	struct month *m = NULL;
	struct om_arena piece;
	om_status s = month_of(c, d, &m, e);

	if (s == OM_OK && !may_differ(m, d))
		return OM_OK;
	om_arena_init(&piece, FIGURES_BYTES);
	if (s == OM_OK)
		s = cd_shown_load(c->db, d->number, &piece, &shown, e);
	if (s == OM_OK)
		s = figures_now(c, m, d, &now, e);
	if (s == OM_OK)
		s = set_difference(d, now, shown, c->a, e);
	om_arena_fini(&piece);
	return s;
}

om_status
cd_shown_compare(struct cd_db *db, Om__Document *const *d, size_t n, struct om_arena *a, om_err *e)
{
	struct comparison c = {.db = db, .a = a, .months = om_arena_array(a, n + 1, sizeof(struct month))};
	om_status s = c.months != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
	struct month *m = NULL;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		s = month_of(&c, d[i], &m, e);
		if (s == OM_OK && d[i]->user != NULL && may_differ(m, d[i]))
			m->n_statements++;
	}
	for (size_t i = 0; s == OM_OK && i < n; i++)
		s = compare_one(&c, d[i], e);
	return s;
}
