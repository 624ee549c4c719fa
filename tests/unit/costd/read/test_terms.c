/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The terms of a statement. */
#include "terms_fixture.h"

#include "read/read.h"
#include "statement.pb-c.h"
#include "terms.pb-c.h"
#include "wire/terms.h"

#include <pthread.h>
#include <string.h>

static Om__StatementReply *
statement(unsigned month, om_status wanted, om_err *e)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	Om__StatementReply *out = om_msg_new(&tx.a, &om__statement_reply__descriptor);

	q.year = 2026;
	q.month = month;
	assert_int_equal(cd_statement_read(tx.pool, NULL, &q, FX_DEADLINE, &tx.a, out, e), wanted);
	return out;
}

static void
test_a_statement_has_the_terms_of_its_month(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	fx_open_database(&tx);
	assert_null(statement(11, OM_OK, &e)->terms);
	(void)tx_offer(1, tx_make("5", NULL), TX_NOW);
	tx_change(TX_NOV, tx_make("6", NULL), NULL);
	assert_string_equal(statement(10, OM_OK, &e)->terms->markup_percent, "5");
	assert_string_equal(statement(11, OM_OK, &e)->terms->markup_percent, "6");
	fx_close(&tx);
}

static om_status
check_rows(om_err *e)
{
	struct cd_db *db = NULL;
	om_status s;

	fx_ok(cd_db_open(&tx.opts, &db, e), e);
	s = cd_terms_check_rows(db, e);
	cd_db_close(&db);
	return s;
}

static void
spoil(const char *sql, const char *why)
{
	om_err e = {.text = ""};

	fx_run(&tx, sql);
	e.text[0] = '\0';
	assert_int_equal(check_rows(&e), OM_DAMAGED);
	if (strstr(e.text, why) == NULL)
		fail_msg("%s", e.text);
}

static void
test_a_row_that_holds_no_terms_is_named(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", NULL), TX_NOW);
	fx_run(&tx, "UPDATE terms_version SET id=42");
	fx_ok(check_rows(&e), &e);
	spoil("UPDATE terms_version SET terms='{\"markup_percent\":'", "terms_version: terms of row 42: ");
	(void)statement(11, OM_DAMAGED, &e);
	assert_non_null(strstr(e.text, "row 42"));
	spoil("UPDATE terms_version SET terms='[]'", "terms_version: terms of row 42: is no JSON object");
	spoil("UPDATE terms_version SET terms='{\"markup_percent\":\"-3\"}'",
	    "terms of row 42: markup_percent: must be from 0 to 10000");
	spoil("UPDATE terms_version SET terms='{}',offered='x'", "terms_version: offered of row 42: ");
	spoil("UPDATE terms_version SET offered='{}',valid_from='2026-11-02'",
	    "terms_version: valid_from of row 42 is not the first day of a month");
	fx_close(&tx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_statement_has_the_terms_of_its_month),
	    cmocka_unit_test(test_a_row_that_holds_no_terms_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
