/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the settings of one reportd, and of several, make of the terms, against a real database. */
#include "terms_fixture.h"

#include "terms/offers.h"
#include "envelope.pb-c.h"
#include "terms.pb-c.h"
#include "base/zone.h"
#include "wire/terms.h"

#include <string.h>

static void
test_without_any_row_there_are_no_terms(void **state)
{
	(void)state;
	fx_open_database(&tx);
	assert_null(tx_of_month(TX_NOV));
	assert_int_equal(tx_all(TX_NOW).n_items, 0);
	fx_close(&tx);
}

static void
test_the_first_settings_are_valid_from_the_beginning_and_the_same_add_nothing(void **state)
{
	Om__TermsReply r;

	(void)state;
	fx_open_database(&tx);
	assert_null(tx_offer(1, tx_make("5", NULL), TX_NOW));
	assert_null(tx_offer(1, tx_make("5.0", "0"), TX_NOW + 10 * OM_SECOND)); /* the same, said otherwise */
	assert_null(tx_offer(2, tx_make("5", NULL), TX_NOW + 60 * OM_SECOND));
	r = tx_all(TX_NOW);
	assert_int_equal(r.n_items, 1);
	assert_false(r.items[0]->has_valid_from_day);
	assert_string_equal(r.items[0]->source, "settings");
	assert_true(r.items[0]->counts && !r.items[0]->withdrawn);
	assert_int_equal(r.items[0]->changed_us, TX_NOW);
	tx_assert_month(om_day_from_civil(1999, 1, 1), "5", "");
	fx_close(&tx);
}

static void
test_changed_settings_are_valid_from_the_running_month_of_the_zone(void **state)
{
	const om_time eve = om_zone_day_start(TX_DEC) - 1;

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", "19"), TX_NOW);
	(void)tx_offer(1, tx_make("7", "19"), eve);
	tx_assert_month(TX_OCT, "5", "19");
	tx_assert_month(TX_NOV, "7", "19");
	(void)tx_offer(1, tx_make("8", "19"), eve + 1);
	tx_assert_month(TX_NOV, "7", "19");
	tx_assert_month(TX_DEC, "8", "19");
	assert_int_equal(tx_rows(), 3);
	fx_close(&tx);
}

static void
test_the_running_month_is_one_of_the_reporting_zone(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", NULL), TX_NOW);
	fx_ok(om_zone_open("Pacific/Auckland", &e), &e);
	(void)tx_offer(1, tx_make("7", NULL), OM_DAY * (om_time)TX_DEC - OM_SECOND); /* UTC: still November */
	fx_ok(om_zone_open("UTC", &e), &e);
	tx_assert_month(TX_NOV, "5", "");
	tx_assert_month(TX_DEC, "7", "");
	fx_close(&tx);
}

static void
test_a_changed_setting_changes_nothing_else_of_the_terms(void **state)
{
	Om__Terms *t;

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", "19"), TX_NOW);
	tx_change(TX_NOV, tx_make(NULL, "7"), NULL);       /* a person sets the terms */
	(void)tx_offer(1, tx_make("6", "19"), TX_NOW + 1); /* MARKUP_PERCENT alone was set again */
	tx_assert_month(TX_NOV, "6", "7");
	tx_assert_month(TX_OCT, "5", "19");
	(void)tx_offer(1, tx_make("6", NULL), TX_NOW + 2); /* TAX_RATE was taken out */
	tx_assert_month(TX_NOV, "6", "");
	/* currency and rate go together */
	(void)tx_offer(1, tx_in_eur(tx_make("6", NULL), "0.9", "2026-11-01"), TX_NOW + 3);
	tx_change(TX_NOV, tx_in_eur(tx_make(NULL, NULL), "0.8", "2026-11-02"), NULL);
	t = tx_in_eur(tx_make("6", NULL), "0.9", "2026-11-01");
	t->exchange_rate_source = tx_text("Bundesbank");
	(void)tx_offer(1, t, TX_NOW + 4);
	t = tx_of_month(TX_NOV);
	assert_string_equal(t->exchange_rate, "0.9");
	assert_string_equal(t->exchange_rate_date, "2026-11-01");
	assert_string_equal(t->exchange_rate_source, "Bundesbank");
	(void)tx_offer(1, tx_make("6", NULL), TX_NOW + 5);
	t = tx_of_month(TX_NOV);
	assert_null(t->currency);
	assert_null(t->exchange_rate);
	fx_close(&tx);
}

static void
test_a_confirmed_rate_stays_so_until_another_is_set(void **state)
{
	Om__Terms *t;

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_in_eur(tx_make("5", NULL), "0.9", "2026-09-30"), TX_NOW);
	t = tx_make(NULL, NULL);
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	tx_change(TX_NOV, t, NULL);
	assert_true(tx_of_month(TX_NOV)->exchange_rate_confirmed);
	assert_false(om_terms_rate_outside(tx_of_month(TX_NOV), TX_NOV));
	assert_true(om_terms_rate_outside(tx_of_month(TX_DEC), TX_DEC)); /* it was said of November */
	assert_true(om_terms_rate_outside(tx_of_month(TX_OCT), TX_OCT));
	(void)tx_offer(1, tx_in_eur(tx_make("6", NULL), "0.9", "2026-09-30"), TX_NOW + 1);
	assert_true(tx_of_month(TX_NOV)->exchange_rate_confirmed);
	(void)tx_offer(1, tx_in_eur(tx_make("7", NULL), "0.9", "2026-09-30"), TX_LATER);
	assert_true(om_terms_rate_outside(tx_of_month(TX_DEC), TX_DEC));
	(void)tx_offer(1, tx_in_eur(tx_make("7", NULL), "0.91", "2026-09-30"), TX_NOW + 2);
	assert_false(tx_of_month(TX_NOV)->exchange_rate_confirmed);
	assert_true(om_terms_rate_outside(tx_of_month(TX_NOV), TX_NOV));
	/* the settings confirm nothing */
	t = tx_in_eur(tx_make("6", NULL), "0.92", "2026-09-30");
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	(void)tx_offer(1, t, TX_NOW + 3);
	assert_true(om_terms_rate_outside(tx_of_month(TX_NOV), TX_NOV));
	fx_close(&tx);
}

static void
test_the_first_settings_keep_what_a_person_said_of_the_beginning(void **state)
{
	(void)state;
	fx_open_database(&tx);
	tx_change(TX_NOV, tx_make("9", NULL), NULL);
	tx_assert_month(TX_OCT, "", ""); /* there are rows, and none for that month */
	(void)tx_offer(1, tx_make("5", "19"), TX_NOW + 1);
	tx_assert_month(TX_OCT, "5", "19");
	tx_assert_month(TX_NOV, "9", "");
	fx_close(&tx);

	fx_open_database(&tx);
	tx_change(CD_TERMS_EVER, tx_make("9", NULL), NULL);
	(void)tx_offer(1, tx_make("5", "19"), TX_NOW + 1);
	tx_assert_month(TX_OCT, "9", "");
	assert_int_equal(tx_rows(), 2);
	assert_null(tx_offer(1, tx_make("5", "19"), TX_NOW + 2));
	assert_int_equal(tx_rows(), 2);
	(void)tx_offer(1, tx_make("5", "20"), TX_NOW + 3);
	tx_assert_month(TX_OCT, "9", "");
	tx_assert_month(TX_NOV, "9", "20");
	fx_close(&tx);
}

static void
test_what_is_no_setting_is_refused(void **state)
{
	Om__TermsOffer q = OM__TERMS_OFFER__INIT;
	Om__TermsOfferReply out = OM__TERMS_OFFER_REPLY__INIT;
	char *conflict = NULL;
	om_err e = {.text = ""};
	Om__Terms *t;

	(void)state;
	fx_open_database(&tx);
	assert_int_equal(tx_try_offer(1, tx_make("much", NULL), TX_NOW, &conflict, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "markup_percent: "));
	t = tx_make(NULL, NULL);
	t->tax_name = tx_text("VAT\n");
	assert_int_equal(tx_try_offer(1, t, TX_NOW, &conflict, &e), OM_INVALID);
	t->tax_name = tx_text("VAT\xff");
	assert_int_equal(tx_try_offer(1, t, TX_NOW, &conflict, &e), OM_INVALID);
	assert_string_equal(e.text, "tax_name: must be text without control characters");
	q.instance = (ProtobufCBinaryData){.len = 3, .data = (unsigned char *)tx_text("abc")};
	assert_int_equal(cd_terms_offer(tx.pool, &q, TX_NOW, FX_DEADLINE, &tx.a, &out, &e), OM_INVALID);
	assert_int_equal(tx_rows() + fx_int(&tx, "SELECT COUNT(*) FROM terms_offer"), 0);
	fx_close(&tx);
}

static void
test_a_conflict_ends_when_the_other_says_that_it_stops(void **state)
{
	(void)state;
	fx_open_database(&tx);
	assert_null(tx_offer(1, tx_make("5", NULL), TX_NOW));
	assert_non_null(tx_offer(2, tx_make("7", NULL), TX_NOW + 1));
	assert_null(tx_offer(1, NULL, TX_NOW + 2));
	assert_null(tx_all(TX_NOW + 2).conflict);
	assert_int_equal(tx_rows(), 1); /* a reportd that stops changes nothing */
	assert_null(tx_offer(2, tx_make("7", NULL), TX_NOW + 3));
	tx_assert_month(TX_NOV, "7", "");
	assert_null(tx_offer(3, NULL, TX_NOW + 4)); /* never heard of */
	fx_close(&tx);
}

static void
test_of_three_nobody_is_followed_whose_settings_were_never_adopted(void **state)
{
	const char *said;

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", NULL), TX_NOW);
	(void)tx_offer(1, NULL, TX_NOW + 1);
	(void)tx_offer(2, tx_make("6", NULL), TX_NOW + 2);
	(void)tx_offer(2, NULL, TX_NOW + 3);
	fx_run(&tx, "UPDATE terms_version SET offered='{}'");
	(void)tx_offer(3, tx_make("7", NULL), TX_NOW + 4);
	(void)tx_offer(3, NULL, TX_NOW + 5);
	fx_run(&tx, "UPDATE terms_version SET offered='{}'");
	fx_run(&tx,
	    "INSERT INTO terms_offer SELECT UNHEX('0400000000000000'),MAX(changed_us)+1,'{\"markup_percent\":\"8\"}' "
	    "FROM "
	    "terms_version");
	fx_run(&tx,
	    "INSERT INTO terms_offer SELECT UNHEX('0500000000000000'),MAX(changed_us)+1,'{\"markup_percent\":\"9\"}' "
	    "FROM "
	    "terms_version");
	said = tx_offer(6, tx_make("1", NULL), TX_NOW + 6);
	assert_string_equal(said,
	    "the reportd instances 0400000000000000 and 0500000000000000 run with different settings: MARKUP_PERCENT 8 "
	    "and 9 (and 1 more differ); the terms follow neither until they agree");
	fx_run(&tx, "UPDATE terms_version SET offered='{'");
	assert_string_equal(tx_all(TX_NOW + 6).conflict, said);
	/* what an offer does not hold is passed over */
	fx_run(&tx, "UPDATE terms_offer SET terms='{' WHERE instance<>UNHEX('0600000000000000')");
	assert_null(tx_all(TX_NOW + 6).conflict);
	fx_close(&tx);
}

static void
test_an_offer_of_a_time_to_come_is_forgotten(void **state)
{
	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", NULL), TX_LATER); /* a clock that jumps */
	assert_null(tx_offer(2, tx_make("7", NULL), TX_NOW));
	assert_int_equal(fx_int(&tx, "SELECT COUNT(*) FROM terms_offer"), 1);
	tx_assert_month(TX_NOV, "7", "");
	/* and the newest row is the one that was added last */
	assert_int_equal(fx_int(&tx, "SELECT MIN(changed_us)+1=MAX(changed_us) FROM terms_version"), 1);
	fx_close(&tx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_without_any_row_there_are_no_terms),
	    cmocka_unit_test(test_the_first_settings_are_valid_from_the_beginning_and_the_same_add_nothing),
	    cmocka_unit_test(test_changed_settings_are_valid_from_the_running_month_of_the_zone),
	    cmocka_unit_test(test_the_running_month_is_one_of_the_reporting_zone),
	    cmocka_unit_test(test_a_changed_setting_changes_nothing_else_of_the_terms),
	    cmocka_unit_test(test_a_confirmed_rate_stays_so_until_another_is_set),
	    cmocka_unit_test(test_the_first_settings_keep_what_a_person_said_of_the_beginning),
	    cmocka_unit_test(test_what_is_no_setting_is_refused),
	    cmocka_unit_test(test_a_conflict_ends_when_the_other_says_that_it_stops),
	    cmocka_unit_test(test_of_three_nobody_is_followed_whose_settings_were_never_adopted),
	    cmocka_unit_test(test_an_offer_of_a_time_to_come_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
