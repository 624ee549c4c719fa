/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The terms of a month as people change them and documents read them, against a real database. */
#include "terms_fixture.h"

#include "terms/change.h"
#include "terms/offers.h"
#include "statement.pb-c.h"
#include "terms.pb-c.h"
#include "wire/terms.h"

#include <pthread.h>
#include <string.h>

static void
test_a_change_keeps_what_it_does_not_name(void **state)
{
	Om__TermsReply r;

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", "19"), TX_NOW);
	tx_change(TX_DEC, tx_make(NULL, "7"), NULL);
	tx_assert_month(TX_NOV, "5", "19");
	tx_assert_month(TX_DEC, "5", "7");
	tx_change(TX_DEC, tx_make("6", NULL), NULL);
	tx_assert_month(TX_DEC, "6", "7");
	tx_change(TX_DEC, tx_make(NULL, NULL), "tax_rate");
	tx_assert_month(TX_DEC, "6", "");
	tx_change(TX_OCT, tx_make("4", NULL), NULL); /* of the day before all others but the beginning */
	tx_assert_month(TX_NOV, "4", "19");
	tx_assert_month(TX_OCT, "4", "19");
	tx_assert_month(om_day_from_civil(2026, 9, 1), "5", "19");
	r = tx_all(TX_NOW);
	assert_int_equal(r.n_items, 5);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r.items[i]->valid_from_day, TX_DEC);
	assert_true(r.items[0]->counts && !r.items[1]->counts && !r.items[2]->counts);
	assert_true(r.items[0]->changed_us > r.items[1]->changed_us);
	assert_true(r.items[1]->changed_us > r.items[2]->changed_us);
	assert_string_equal(r.items[0]->source, "api");
	assert_string_equal(r.items[1]->terms->tax_rate, "7");
	assert_int_equal(r.items[3]->valid_from_day, TX_OCT);
	assert_false(r.items[4]->has_valid_from_day);
	fx_close(&tx);
}

static void
test_the_beginning_is_changed_for_its_own_months_only(void **state)
{
	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", "19"), TX_NOW);
	tx_change(TX_NOV, tx_make("6", NULL), NULL);
	tx_change(CD_TERMS_EVER, tx_make(NULL, "7"), NULL);
	tx_assert_month(TX_OCT, "5", "7");
	tx_assert_month(TX_NOV, "6", "19");
	fx_close(&tx);
}

static void
test_withdrawn_terms_do_not_count(void **state)
{
	Om__TermsReply r;
	om_err e = {.text = ""};

	(void)state;
	fx_open_database(&tx);
	(void)tx_offer(1, tx_make("5", NULL), TX_NOW);
	tx_change(TX_NOV, tx_make("6", NULL), NULL);
	tx_change(TX_NOV, tx_make("7", NULL), NULL);
	tx_withdraw(TX_NOV);
	tx_assert_month(TX_NOV, "5", ""); /* not the one before, which it took the place of */
	assert_int_equal(tx_try_change(TX_NOV, tx_make(NULL, NULL), NULL, true, TX_NOW, &e), OM_NOT_FOUND);
	assert_int_equal(tx_try_change(TX_DEC, tx_make(NULL, NULL), NULL, true, TX_NOW, &e), OM_NOT_FOUND);
	r = tx_all(TX_NOW);
	assert_int_equal(r.n_items, 4);
	assert_true(r.items[0]->withdrawn);
	assert_true(!r.items[0]->counts && !r.items[1]->counts && !r.items[2]->counts && r.items[3]->counts);
	tx_change(TX_NOV, tx_make("8", NULL), NULL);
	tx_assert_month(TX_NOV, "8", "");
	tx_withdraw(CD_TERMS_EVER);
	tx_assert_month(TX_OCT, "", ""); /* no charge, and not the settings */
	fx_close(&tx);
}

static void
test_a_confirmation_is_of_its_month_and_never_taken_over(void **state)
{
	Om__Terms *t;

	(void)state;
	fx_open_database(&tx);
	t = tx_in_eur(tx_make("5", NULL), "0.9", "2026-09-30");
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	tx_change(TX_NOV, t, NULL);
	assert_true(tx_of_month(TX_NOV)->exchange_rate_confirmed);
	assert_false(tx_of_month(TX_DEC)->exchange_rate_confirmed);
	tx_change(TX_NOV, tx_make("6", NULL), NULL);
	assert_false(tx_of_month(TX_NOV)->exchange_rate_confirmed);
	fx_close(&tx);
}

static void
refuse(om_day from, Om__Terms *t, const char *unset, bool withdrawn, const char *why)
{
	om_err e = {.text = ""};

	assert_int_equal(tx_try_change(from, t, unset, withdrawn, TX_NOW, &e), OM_INVALID);
	assert_string_equal(e.text, why);
}

static void
test_a_change_that_does_not_fit_is_refused_by_name(void **state)
{
	const char *month = "valid_from: must be the first day of a month";
	const char *years = "valid_from: must lie in the years 2000 to 2199";
	Om__Terms *t;

	(void)state;
	fx_open_database(&tx);
	refuse(TX_NOV + 1, tx_make("1", NULL), NULL, false, month);
	refuse(om_day_from_civil(1999, 12, 1), tx_make("1", NULL), NULL, false, years);
	refuse(om_day_from_civil(2200, 1, 1), tx_make("1", NULL), NULL, false, years);
	tx_change(om_day_from_civil(2000, 1, 1), tx_make("1", NULL), NULL);
	tx_change(om_day_from_civil(2199, 12, 1), tx_make("1", NULL), NULL);
	refuse(TX_NOV, tx_make("-1", NULL), NULL, false, "markup_percent: must be from 0 to 10000");
	refuse(TX_NOV, tx_make("1", NULL), "markup_percent", false, "markup_percent: is both set and unset");
	refuse(TX_NOV, tx_make("1", NULL), "discount", false, "unset: there are no terms named discount");
	refuse(TX_NOV, tx_make("1", NULL), NULL, true, "withdrawn: goes with no terms");
	refuse(TX_NOV, tx_make(NULL, NULL), "tax_rate", true, "withdrawn: goes with no terms");
	t = tx_make(NULL, NULL);
	t->tax_name = tx_text("VAT\x7f");
	refuse(TX_NOV, t, NULL, false, "tax_name: must be text without control characters");
	t = tx_make(NULL, NULL);
	t->currency = tx_text("EUR");
	refuse(TX_NOV, t, NULL, false, "exchange_rate: is needed, and not 0, since currency is EUR");
	t = tx_in_eur(tx_make(NULL, NULL), "0.9", "2026-11-01");
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	refuse(CD_TERMS_EVER, t, NULL, false, "exchange_rate_confirmed: applies to one month; give valid_from");
	assert_int_equal(tx_rows(), 2);
	tx_change(TX_NOV, tx_make("1", NULL), OM_TERMS_CONFIRMED);
	fx_run(&tx,
	    "INSERT INTO terms_version (valid_from,changed_us,source,withdrawn,terms) SELECT '2026-01-01',seq,1,0,'{}' "
	    "FROM seq_1_to_9997");
	{
		om_err e = {.text = ""};

		assert_int_equal(tx_try_change(TX_NOV, tx_make("1", NULL), NULL, false, TX_NOW, &e), OM_CONFLICT);
	}
	fx_close(&tx);
}

#define AT_ONCE 6
#define EACH    5

static void *
offer_and_change(void *arg)
{
	const unsigned char instance = *(const unsigned char *)arg;
	struct om_arena a;
	om_status s = OM_OK;

	om_arena_init(&a, (size_t)64 * 1024 * 1024);
	for (unsigned i = 0; s == OM_OK && i < EACH; i++) {
		Om__TermsOffer offer = OM__TERMS_OFFER__INIT;
		Om__TermsOfferReply offered = OM__TERMS_OFFER_REPLY__INIT;
		Om__TermsChange change = OM__TERMS_CHANGE__INIT;
		Om__TermsReply changed = OM__TERMS_REPLY__INIT;
		Om__Terms t = OM__TERMS__INIT, u = OM__TERMS__INIT;
		unsigned char id[8] = {instance};

		t.markup_percent = om_arena_strdup(&a, "5");
		offer.instance = (ProtobufCBinaryData){.len = sizeof id, .data = id};
		offer.terms = &t;
		s = cd_terms_offer(tx.pool, &offer, TX_NOW, FX_DEADLINE, &a, &offered, NULL);
		change.has_valid_from_day = true;
		change.valid_from_day = TX_NOV;
		change.terms = &u;
		if (s == OM_OK)
			s = cd_terms_change(tx.pool, &change, TX_NOW, FX_DEADLINE, &a, &changed, NULL);
	}
	om_arena_fini(&a);
	return s == OM_OK ? arg : NULL;
}

static void
test_of_several_at_once_one_is_the_first_and_each_row_has_its_own_time(void **state)
{
	unsigned char instance[AT_ONCE];
	pthread_t thread[AT_ONCE];

	(void)state;
	fx_open_database(&tx);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		instance[i] = (unsigned char)(i + 1);
		assert_int_equal(pthread_create(&thread[i], NULL, offer_and_change, &instance[i]), 0);
	}
	for (unsigned i = 0; i < AT_ONCE; i++) {
		void *all_well = NULL;

		assert_int_equal(pthread_join(thread[i], &all_well), 0);
		assert_non_null(all_well);
	}
	assert_int_equal(fx_int(&tx, "SELECT COUNT(*) FROM terms_version WHERE source=0"), 1);
	assert_int_equal(fx_int(&tx, "SELECT COUNT(DISTINCT changed_us) FROM terms_version"), AT_ONCE * EACH + 1);
	tx_assert_month(TX_NOV, "5", "");
	fx_close(&tx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_change_keeps_what_it_does_not_name),
	    cmocka_unit_test(test_the_beginning_is_changed_for_its_own_months_only),
	    cmocka_unit_test(test_withdrawn_terms_do_not_count),
	    cmocka_unit_test(test_a_confirmation_is_of_its_month_and_never_taken_over),
	    cmocka_unit_test(test_a_change_that_does_not_fit_is_refused_by_name),
	    cmocka_unit_test(test_of_several_at_once_one_is_the_first_and_each_row_has_its_own_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
