/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * asserts.h - what the tests of documents ask of them, in short.  Included once
 * per program, after cmocka.h.
 */
#ifndef RD_ASSERTS_H
#define RD_ASSERTS_H

#include "fixture.h"
#include "document/statement.h"
#include "statement.pb-c.h"

#include <stdlib.h>
#include <string.h>

static inline om_money
usd(const char *text)
{
	om_money m;

	assert_int_equal(om_money_parse(text, &m, NULL), OM_OK);
	return m;
}

static inline void
assert_money(om_money m, const char *want)
{
	char text[OM_MONEY_TEXT];

	assert_string_equal(om_money_text(m, text), want);
}

static inline om_status
build(struct om_arena *a, const struct fx_shape *sh, const Om__StatementReply *r, const struct rd_terms *terms,
    const struct rd_doc **out, om_err *e)
{
	static const struct rd_terms no_fee = {.floor = false};
	struct rd_month m = fx_month(sh);

	return rd_statement_new(r, &m, terms != NULL ? terms : &no_fee, a, out, e);
}

static inline const struct rd_table *
table(const struct rd_doc *d, const char *name)
{
	for (size_t i = 0; i < d->n_tables; i++)
		if (strcmp(d->tables[i].name, name) == 0)
			return &d->tables[i];
	fail_msg("no table %s", name);
	abort();
}

static inline unsigned
column(const struct rd_table *t, const char *title)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		if (strcmp(t->columns[i].title, title) == 0)
			return i;
	fail_msg("no column %s", title);
	abort();
}

static inline const char *
line(const struct rd_line *lines, size_t n, const char *label)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(lines[i].label, label) == 0)
			return lines[i].text;
	return NULL;
}

static inline void
assert_table_adds_up(const struct rd_table *t, struct om_arena *a)
{
	struct rd_cell scratch[RD_MAX_COLUMNS];
	const struct rd_cell *cells;

	for (unsigned c = 0; c < t->n_columns; c++) {
		om_money money = OM_MONEY_ZERO;
		uint64_t n = 0;

		if (t->columns[c].kind != RD_INT && t->columns[c].kind != RD_MONEY)
			continue;
		for (size_t r = 0; r < t->n_rows; r++) {
			assert_int_equal(rd_table_row(t, r, a, scratch, &cells, NULL), OM_OK);
			if (!cells[c].known)
				continue;
			if (t->columns[c].kind == RD_INT)
				n += cells[c].u.n;
			else
				assert_int_equal(om_money_add(money, cells[c].u.money, &money), OM_OK);
		}
		assert_true(t->total[c].known);
		if (t->columns[c].kind == RD_INT)
			assert_int_equal(t->total[c].u.n, n);
		else
			assert_int_equal(om_money_cmp(t->total[c].u.money, money), 0);
	}
}

#endif
