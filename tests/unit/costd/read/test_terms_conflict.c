/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Terms that are in conflict, as the pipeline says it. */
#include "terms_fixture.h"

#include "read/read.h"
#include "envelope.pb-c.h"
#include "terms.pb-c.h"
#include "wire/terms.h"

#include <string.h>

static void
test_settings_that_differ_are_not_adopted_while_both_are_heard(void **state)
{
	const char *why = "the reportd instances 0100000000000000 and 0200000000000000 run with different settings: "
			  "MARKUP_PERCENT 5 and 7, TAX_RATE not set and 19; the terms follow 0100000000000000 until "
			  "they agree";
	Om__PipelineReply p = OM__PIPELINE_REPLY__INIT;
	om_err e = {.text = ""};

	(void)state;
	fx_open_database(&tx);
	assert_null(tx_offer(1, tx_make("5", NULL), TX_NOW));
	assert_string_equal(tx_offer(2, tx_make("7", "19"), TX_NOW + 1), why);
	assert_string_equal(tx_offer(1, tx_make("5", NULL), TX_NOW + 2), why);
	assert_string_equal(tx_all(TX_NOW + 3).conflict, why);
	assert_int_equal(tx_rows(), 1);
	assert_string_equal(tx_all(TX_NOW + 30 * OM_SECOND).conflict, why);
	assert_null(tx_all(TX_NOW + 1 + 30 * OM_SECOND).conflict);
	/* the other one is silent for half a minute */
	assert_string_equal(tx_offer(2, tx_make("7", "19"), TX_NOW + 2 + 30 * OM_SECOND - 1), why);
	assert_int_equal(tx_rows(), 1);
	assert_null(tx_offer(2, tx_make("7", "19"), TX_NOW + 2 + 30 * OM_SECOND));
	assert_int_equal(tx_rows(), 2);
	tx_assert_month(TX_NOV, "7", "19");
	assert_int_equal(fx_int(&tx, "SELECT COUNT(*) FROM terms_offer"), 1);
	/* now it is the second that is followed; the pipeline asks the wall clock */
	(void)tx_offer(2, tx_make("7", "19"), om_now());
	(void)tx_offer(1, tx_make("5", NULL), om_now());
	fx_ok(cd_pipeline_read(tx.pool, FX_DEADLINE, &p, &tx.a, &e), &e);
	assert_non_null(strstr(p.terms_conflict, "the terms follow 0200000000000000"));
	fx_close(&tx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings_that_differ_are_not_adopted_while_both_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
