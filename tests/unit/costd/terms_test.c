/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The terms of a month: what the settings and the API make of them, against a real database. */
#include "fixture.h"

#include "query.h"
#include "terms.h"
#include "terms_change.h"
#include "terms_offers.h"
#include "terms_rows.h"
#include "zone.h"

#include <pthread.h>
#include <string.h>

#define OCT   om_day_from_civil(2026, 10, 1)
#define NOV   om_day_from_civil(2026, 11, 1)
#define DEC   om_day_from_civil(2026, 12, 1)
#define NOW   (om_zone_day_start(om_day_from_civil(2026, 11, 20)) + OM_SECOND)
#define LATER (om_zone_day_start(om_day_from_civil(2026, 12, 20)))

static struct fx f;

static void
ok(om_status s, const om_err *e)
{
	if (s != OM_OK)
		fail_msg("%s", om_err_text(e, s));
}

static char *
text(const char *t)
{
	return om_arena_strdup(&f.a, t);
}

/* ---- what is said ---- */

static Om__Terms *
make(const char *markup, const char *tax)
{
	Om__Terms *t = om_msg_new(&f.a, &om__terms__descriptor);

	t->markup_percent = markup != NULL ? text(markup) : NULL;
	t->tax_rate = tax != NULL ? text(tax) : NULL;
	return t;
}

static Om__Terms *
in_eur(Om__Terms *t, const char *rate, const char *date)
{
	t->currency = text("EUR");
	t->exchange_rate = text(rate);
	t->exchange_rate_date = text(date);
	t->exchange_rate_source = text("ECB");
	return t;
}

static om_status
try_offer(unsigned char instance, Om__Terms *t, om_time now, char **conflict, om_err *e)
{
	Om__TermsOffer q = OM__TERMS_OFFER__INIT;
	Om__TermsOfferReply out = OM__TERMS_OFFER_REPLY__INIT;
	unsigned char id[8] = {instance};
	om_status s;

	q.instance = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	q.terms = t;
	s = cd_terms_offer(f.pool, &q, now, FX_DEADLINE, &f.a, &out, e);
	*conflict = out.conflict;
	return s;
}

/* offer gives the conflict. */
static const char *
offer(unsigned char instance, Om__Terms *t, om_time now)
{
	char *conflict = NULL;
	om_err e = {.text = ""};

	ok(try_offer(instance, t, now, &conflict, &e), &e);
	return conflict;
}

static om_status
try_change(om_day from, Om__Terms *t, const char *unset, bool withdrawn, om_time now, om_err *e)
{
	Om__TermsChange q = OM__TERMS_CHANGE__INIT;
	Om__TermsReply out = OM__TERMS_REPLY__INIT;
	char *names[1] = {unset != NULL ? text(unset) : NULL};

	q.has_valid_from_day = from != CD_TERMS_EVER;
	q.valid_from_day = from;
	q.terms = t;
	q.n_unset = unset != NULL;
	q.unset = names;
	q.has_withdrawn = q.withdrawn = withdrawn;
	return cd_terms_change(f.pool, &q, now, FX_DEADLINE, &f.a, &out, e);
}

static void
change(om_day from, Om__Terms *t, const char *unset)
{
	om_err e = {.text = ""};

	ok(try_change(from, t, unset, false, NOW, &e), &e);
}

static void
withdraw(om_day from)
{
	om_err e = {.text = ""};

	ok(try_change(from, make(NULL, NULL), NULL, true, NOW, &e), &e);
}

/* ---- what became of it ---- */

static Om__Terms *
of_month(om_day first)
{
	struct cd_db *db = NULL;
	Om__Terms *t = NULL;
	om_err e = {.text = ""};

	ok(cd_db_open(&f.opts, &db, &e), &e);
	ok(cd_terms_of_month(db, first, &f.a, &t, &e), &e);
	cd_db_close(&db);
	return t;
}

static void
assert_month(om_day first, const char *markup, const char *tax)
{
	Om__Terms *t = of_month(first);

	assert_non_null(t);
	assert_string_equal(t->markup_percent != NULL ? t->markup_percent : "", markup);
	assert_string_equal(t->tax_rate != NULL ? t->tax_rate : "", tax);
}

static Om__TermsReply
all(om_time now)
{
	Om__TermsReply out = OM__TERMS_REPLY__INIT;
	om_err e = {.text = ""};

	ok(cd_terms_query(f.pool, now, FX_DEADLINE, &f.a, &out, &e), &e);
	return out;
}

static int64_t
rows(void)
{
	return fx_int(&f, "SELECT COUNT(*) FROM terms_version");
}

/* ---- the settings ---- */

static void
test_without_any_row_there_are_no_terms(void **state)
{
	(void)state;
	fx_open(&f);
	assert_null(of_month(NOV));
	assert_int_equal(all(NOW).n_items, 0);
	fx_close(&f);
}

static void
test_the_first_settings_are_valid_from_the_beginning_and_the_same_add_nothing(void **state)
{
	Om__TermsReply r;

	(void)state;
	fx_open(&f);
	assert_null(offer(1, make("5", NULL), NOW));
	assert_null(offer(1, make("5.0", "0"), NOW + 10 * OM_SECOND)); /* the same, said otherwise */
	assert_null(offer(2, make("5", NULL), NOW + 60 * OM_SECOND));
	r = all(NOW);
	assert_int_equal(r.n_items, 1);
	assert_false(r.items[0]->has_valid_from_day);
	assert_string_equal(r.items[0]->source, "settings");
	assert_true(r.items[0]->counts && !r.items[0]->withdrawn);
	assert_int_equal(r.items[0]->changed_us, NOW);
	assert_month(om_day_from_civil(1999, 1, 1), "5", "");
	fx_close(&f);
}

static void
test_changed_settings_are_valid_from_the_running_month_of_the_zone(void **state)
{
	const om_time eve = om_zone_day_start(DEC) - 1;

	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", "19"), NOW);
	(void)offer(1, make("7", "19"), eve);
	assert_month(OCT, "5", "19");
	assert_month(NOV, "7", "19");
	(void)offer(1, make("8", "19"), eve + 1);
	assert_month(NOV, "7", "19");
	assert_month(DEC, "8", "19");
	assert_int_equal(rows(), 3);
	fx_close(&f);
}

static void
test_the_running_month_is_one_of_the_reporting_zone(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", NULL), NOW);
	ok(om_zone_open("Pacific/Auckland", &e), &e);
	(void)offer(1, make("7", NULL), OM_DAY * (om_time)DEC - OM_SECOND); /* UTC: still November */
	ok(om_zone_open("UTC", &e), &e);
	assert_month(NOV, "5", "");
	assert_month(DEC, "7", "");
	fx_close(&f);
}

static void
test_a_changed_setting_changes_nothing_else_of_the_terms(void **state)
{
	Om__Terms *t;

	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", "19"), NOW);
	change(NOV, make(NULL, "7"), NULL);       /* a person's word */
	(void)offer(1, make("6", "19"), NOW + 1); /* MARKUP_PERCENT alone was set anew */
	assert_month(NOV, "6", "7");
	assert_month(OCT, "5", "19");
	(void)offer(1, make("6", NULL), NOW + 2); /* TAX_RATE was taken out */
	assert_month(NOV, "6", "");
	/* currency and rate go together */
	(void)offer(1, in_eur(make("6", NULL), "0.9", "2026-11-01"), NOW + 3);
	change(NOV, in_eur(make(NULL, NULL), "0.8", "2026-11-02"), NULL);
	t = in_eur(make("6", NULL), "0.9", "2026-11-01");
	t->exchange_rate_source = text("Bundesbank");
	(void)offer(1, t, NOW + 4);
	t = of_month(NOV);
	assert_string_equal(t->exchange_rate, "0.9");
	assert_string_equal(t->exchange_rate_date, "2026-11-01");
	assert_string_equal(t->exchange_rate_source, "Bundesbank");
	(void)offer(1, make("6", NULL), NOW + 5);
	t = of_month(NOV);
	assert_null(t->currency);
	assert_null(t->exchange_rate);
	fx_close(&f);
}

static void
test_a_confirmed_rate_stays_so_until_another_is_set(void **state)
{
	Om__Terms *t;

	(void)state;
	fx_open(&f);
	(void)offer(1, in_eur(make("5", NULL), "0.9", "2026-09-30"), NOW);
	t = make(NULL, NULL);
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	change(NOV, t, NULL);
	assert_true(of_month(NOV)->exchange_rate_confirmed);
	assert_false(om_terms_rate_outside(of_month(NOV), NOV));
	assert_true(om_terms_rate_outside(of_month(DEC), DEC)); /* it was said of November */
	assert_true(om_terms_rate_outside(of_month(OCT), OCT));
	(void)offer(1, in_eur(make("6", NULL), "0.9", "2026-09-30"), NOW + 1);
	assert_true(of_month(NOV)->exchange_rate_confirmed);
	(void)offer(1, in_eur(make("6", NULL), "0.91", "2026-09-30"), NOW + 2);
	assert_false(of_month(NOV)->exchange_rate_confirmed);
	assert_true(om_terms_rate_outside(of_month(NOV), NOV));
	/* the settings confirm nothing */
	t = in_eur(make("6", NULL), "0.92", "2026-09-30");
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	(void)offer(1, t, NOW + 3);
	assert_true(om_terms_rate_outside(of_month(NOV), NOV));
	fx_close(&f);
}

static void
test_the_first_settings_keep_what_a_person_said_of_the_beginning(void **state)
{
	(void)state;
	fx_open(&f);
	change(NOV, make("9", NULL), NULL);
	assert_month(OCT, "", ""); /* there are rows, and none for that month */
	(void)offer(1, make("5", "19"), NOW + 1);
	assert_month(OCT, "5", "19");
	assert_month(NOV, "9", "");
	fx_close(&f);

	fx_open(&f);
	change(CD_TERMS_EVER, make("9", NULL), NULL);
	(void)offer(1, make("5", "19"), NOW + 1);
	assert_month(OCT, "9", "");
	assert_int_equal(rows(), 2);
	assert_null(offer(1, make("5", "19"), NOW + 2));
	assert_int_equal(rows(), 2);
	(void)offer(1, make("5", "20"), NOW + 3);
	assert_month(OCT, "9", "");
	assert_month(NOV, "9", "20");
	fx_close(&f);
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
	fx_open(&f);
	assert_int_equal(try_offer(1, make("much", NULL), NOW, &conflict, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "markup_percent: "));
	t = make(NULL, NULL);
	t->tax_name = text("VAT\n");
	assert_int_equal(try_offer(1, t, NOW, &conflict, &e), OM_INVALID);
	t->tax_name = text("VAT\xff");
	assert_int_equal(try_offer(1, t, NOW, &conflict, &e), OM_INVALID);
	assert_string_equal(e.text, "tax_name: must be text without control characters");
	q.instance = (ProtobufCBinaryData){.len = 3, .data = (unsigned char *)text("abc")};
	assert_int_equal(cd_terms_offer(f.pool, &q, NOW, FX_DEADLINE, &f.a, &out, &e), OM_INVALID);
	assert_int_equal(rows() + fx_int(&f, "SELECT COUNT(*) FROM terms_offer"), 0);
	fx_close(&f);
}

/* ---- two instances ---- */

static void
test_settings_that_differ_are_not_adopted_while_both_are_heard(void **state)
{
	const char *why = "the reportd instances 0100000000000000 and 0200000000000000 run with different settings: "
			  "MARKUP_PERCENT 5 and 7, TAX_RATE not set and 19; the terms follow 0100000000000000 until "
			  "they agree";
	Om__PipelineReply p = OM__PIPELINE_REPLY__INIT;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&f);
	assert_null(offer(1, make("5", NULL), NOW));
	assert_string_equal(offer(2, make("7", "19"), NOW + 1), why);
	assert_string_equal(offer(1, make("5", NULL), NOW + 2), why);
	assert_string_equal(all(NOW + 3).conflict, why);
	assert_int_equal(rows(), 1);
	assert_null(all(NOW + 2 + 30 * OM_SECOND).conflict);
	/* the other one is silent for half a minute */
	assert_string_equal(offer(2, make("7", "19"), NOW + 2 + 30 * OM_SECOND - 1), why);
	assert_int_equal(rows(), 1);
	assert_null(offer(2, make("7", "19"), NOW + 2 + 30 * OM_SECOND));
	assert_int_equal(rows(), 2);
	assert_month(NOV, "7", "19");
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM terms_offer"), 1);
	/* now it is the second that is followed; the pipeline asks the wall clock */
	(void)offer(2, make("7", "19"), om_now());
	(void)offer(1, make("5", NULL), om_now());
	ok(cd_query_pipeline(f.pool, FX_DEADLINE, &p, &f.a, &e), &e);
	assert_non_null(strstr(p.terms_conflict, "the terms follow 0200000000000000"));
	fx_close(&f);
}

static void
test_a_conflict_ends_when_the_other_says_that_it_stops(void **state)
{
	(void)state;
	fx_open(&f);
	assert_null(offer(1, make("5", NULL), NOW));
	assert_non_null(offer(2, make("7", NULL), NOW + 1));
	assert_null(offer(1, NULL, NOW + 2));
	assert_null(all(NOW + 2).conflict);
	assert_int_equal(rows(), 1); /* who stops changes nothing */
	assert_null(offer(2, make("7", NULL), NOW + 3));
	assert_month(NOV, "7", "");
	assert_null(offer(3, NULL, NOW + 4)); /* never heard of */
	fx_close(&f);
}

static void
test_of_three_nobody_is_followed_whose_settings_were_never_adopted(void **state)
{
	const char *said;

	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", NULL), NOW);
	(void)offer(1, NULL, NOW + 1);
	(void)offer(2, make("6", NULL), NOW + 2);
	(void)offer(2, NULL, NOW + 3);
	fx_run(&f, "UPDATE terms_version SET offered='{}'");
	(void)offer(3, make("7", NULL), NOW + 4);
	(void)offer(3, NULL, NOW + 5);
	fx_run(&f, "UPDATE terms_version SET offered='{}'");
	fx_run(&f,
	    "INSERT INTO terms_offer SELECT UNHEX('0400000000000000'),MAX(changed_us)+1,'{\"markup_percent\":\"8\"}' "
	    "FROM "
	    "terms_version");
	fx_run(&f,
	    "INSERT INTO terms_offer SELECT UNHEX('0500000000000000'),MAX(changed_us)+1,'{\"markup_percent\":\"9\"}' "
	    "FROM "
	    "terms_version");
	said = offer(6, make("1", NULL), NOW + 6);
	assert_string_equal(said,
	    "the reportd instances 0400000000000000 and 0500000000000000 run with different settings: MARKUP_PERCENT 8 "
	    "and 9 (and 1 more differ); the terms follow neither until they agree");
	/* what an offer does not hold is passed over */
	fx_run(&f, "UPDATE terms_offer SET terms='{' WHERE instance<>UNHEX('0600000000000000')");
	assert_null(all(NOW + 6).conflict);
	fx_close(&f);
}

static void
test_an_offer_of_a_time_to_come_is_forgotten(void **state)
{
	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", NULL), LATER); /* a clock that jumps */
	assert_null(offer(2, make("7", NULL), NOW));
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM terms_offer"), 1);
	assert_month(NOV, "7", "");
	/* and the newest row is the one that was added last */
	assert_int_equal(fx_int(&f, "SELECT MIN(changed_us)+1=MAX(changed_us) FROM terms_version"), 1);
	fx_close(&f);
}

/* ---- the API ---- */

static void
test_a_change_keeps_what_it_does_not_name(void **state)
{
	Om__TermsReply r;

	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", "19"), NOW);
	change(DEC, make(NULL, "7"), NULL);
	assert_month(NOV, "5", "19");
	assert_month(DEC, "5", "7");
	change(DEC, make("6", NULL), NULL);
	assert_month(DEC, "6", "7");
	change(DEC, make(NULL, NULL), "tax_rate");
	assert_month(DEC, "6", "");
	change(OCT, make("4", NULL), NULL); /* of the day before all others but the beginning */
	assert_month(NOV, "4", "19");
	assert_month(OCT, "4", "19");
	assert_month(om_day_from_civil(2026, 9, 1), "5", "19");
	r = all(NOW);
	assert_int_equal(r.n_items, 5);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r.items[i]->valid_from_day, DEC);
	assert_true(r.items[0]->counts && !r.items[1]->counts && !r.items[2]->counts);
	assert_true(r.items[0]->changed_us > r.items[1]->changed_us);
	assert_true(r.items[1]->changed_us > r.items[2]->changed_us);
	assert_string_equal(r.items[0]->source, "api");
	assert_string_equal(r.items[1]->terms->tax_rate, "7");
	assert_int_equal(r.items[3]->valid_from_day, OCT);
	assert_false(r.items[4]->has_valid_from_day);
	fx_close(&f);
}

static void
test_the_beginning_is_changed_for_its_own_months_only(void **state)
{
	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", "19"), NOW);
	change(NOV, make("6", NULL), NULL);
	change(CD_TERMS_EVER, make(NULL, "7"), NULL);
	assert_month(OCT, "5", "7");
	assert_month(NOV, "6", "19");
	fx_close(&f);
}

static void
test_withdrawn_terms_do_not_count(void **state)
{
	Om__TermsReply r;
	om_err e = {.text = ""};

	(void)state;
	fx_open(&f);
	(void)offer(1, make("5", NULL), NOW);
	change(NOV, make("6", NULL), NULL);
	change(NOV, make("7", NULL), NULL);
	withdraw(NOV);
	assert_month(NOV, "5", ""); /* not the one before, which it took the place of */
	assert_int_equal(try_change(NOV, make(NULL, NULL), NULL, true, NOW, &e), OM_NOT_FOUND);
	assert_int_equal(try_change(DEC, make(NULL, NULL), NULL, true, NOW, &e), OM_NOT_FOUND);
	r = all(NOW);
	assert_int_equal(r.n_items, 4);
	assert_true(r.items[0]->withdrawn);
	assert_true(!r.items[0]->counts && !r.items[1]->counts && !r.items[2]->counts && r.items[3]->counts);
	change(NOV, make("8", NULL), NULL);
	assert_month(NOV, "8", "");
	withdraw(CD_TERMS_EVER);
	assert_month(OCT, "", ""); /* no charge, and not the settings */
	fx_close(&f);
}

static void
test_a_confirmation_is_of_its_month_and_never_taken_over(void **state)
{
	Om__Terms *t;

	(void)state;
	fx_open(&f);
	t = in_eur(make("5", NULL), "0.9", "2026-09-30");
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	change(NOV, t, NULL);
	assert_true(of_month(NOV)->exchange_rate_confirmed);
	assert_false(of_month(DEC)->exchange_rate_confirmed);
	change(NOV, make("6", NULL), NULL);
	assert_false(of_month(NOV)->exchange_rate_confirmed);
	fx_close(&f);
}

static void
refuse(om_day from, Om__Terms *t, const char *unset, bool withdrawn, const char *why)
{
	om_err e = {.text = ""};

	assert_int_equal(try_change(from, t, unset, withdrawn, NOW, &e), OM_INVALID);
	assert_string_equal(e.text, why);
}

static void
test_a_change_that_does_not_fit_is_refused_by_name(void **state)
{
	const char *month = "valid_from: must be the first day of a month";
	const char *years = "valid_from: must lie in the years 2000 to 2199";
	Om__Terms *t;

	(void)state;
	fx_open(&f);
	refuse(NOV + 1, make("1", NULL), NULL, false, month);
	refuse(om_day_from_civil(1999, 12, 1), make("1", NULL), NULL, false, years);
	refuse(om_day_from_civil(2200, 1, 1), make("1", NULL), NULL, false, years);
	change(om_day_from_civil(2000, 1, 1), make("1", NULL), NULL);
	change(om_day_from_civil(2199, 12, 1), make("1", NULL), NULL);
	refuse(NOV, make("-1", NULL), NULL, false, "markup_percent: must be from 0 to 10000");
	refuse(NOV, make("1", NULL), "markup_percent", false, "markup_percent: is both set and unset");
	refuse(NOV, make("1", NULL), "discount", false, "unset: there are no terms named discount");
	refuse(NOV, make("1", NULL), NULL, true, "withdrawn: goes with no terms");
	refuse(NOV, make(NULL, NULL), "tax_rate", true, "withdrawn: goes with no terms");
	t = make(NULL, NULL);
	t->tax_name = text("VAT\x7f");
	refuse(NOV, t, NULL, false, "tax_name: must be text without control characters");
	t = make(NULL, NULL);
	t->currency = text("EUR");
	refuse(NOV, t, NULL, false, "exchange_rate: is needed, and not 0, since currency is EUR");
	t = in_eur(make(NULL, NULL), "0.9", "2026-11-01");
	t->has_exchange_rate_confirmed = t->exchange_rate_confirmed = true;
	refuse(CD_TERMS_EVER, t, NULL, false, "exchange_rate_confirmed: is said of one month; give valid_from");
	assert_int_equal(rows(), 2);
	change(NOV, make("1", NULL), OM_TERMS_CONFIRMED);
	fx_run(&f,
	    "INSERT INTO terms_version (valid_from,changed_us,source,withdrawn,terms) SELECT '2026-01-01',seq,1,0,'{}' "
	    "FROM seq_1_to_9997");
	{
		om_err e = {.text = ""};

		assert_int_equal(try_change(NOV, make("1", NULL), NULL, false, NOW, &e), OM_CONFLICT);
	}
	fx_close(&f);
}

/* ---- several processes ---- */

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
		s = cd_terms_offer(f.pool, &offer, NOW, FX_DEADLINE, &a, &offered, NULL);
		change.has_valid_from_day = true;
		change.valid_from_day = NOV;
		change.terms = &u;
		if (s == OM_OK)
			s = cd_terms_change(f.pool, &change, NOW, FX_DEADLINE, &a, &changed, NULL);
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
	fx_open(&f);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		instance[i] = (unsigned char)(i + 1);
		assert_int_equal(pthread_create(&thread[i], NULL, offer_and_change, &instance[i]), 0);
	}
	for (unsigned i = 0; i < AT_ONCE; i++) {
		void *all_well = NULL;

		assert_int_equal(pthread_join(thread[i], &all_well), 0);
		assert_non_null(all_well);
	}
	assert_int_equal(fx_int(&f, "SELECT COUNT(*) FROM terms_version WHERE source=0"), 1);
	assert_int_equal(fx_int(&f, "SELECT COUNT(DISTINCT changed_us) FROM terms_version"), AT_ONCE * EACH + 1);
	assert_month(NOV, "5", "");
	fx_close(&f);
}

/* ---- reading them ---- */

static Om__StatementReply *
statement(unsigned month, om_status wanted, om_err *e)
{
	Om__StatementQuery q = OM__STATEMENT_QUERY__INIT;
	Om__StatementReply *out = om_msg_new(&f.a, &om__statement_reply__descriptor);

	q.year = 2026;
	q.month = month;
	assert_int_equal(cd_query_statement(f.pool, NULL, &q, FX_DEADLINE, &f.a, out, e), wanted);
	return out;
}

static void
test_a_statement_has_the_terms_of_its_month(void **state)
{
	om_err e = {.text = ""};

	(void)state;
	fx_open(&f);
	assert_null(statement(11, OM_OK, &e)->terms);
	(void)offer(1, make("5", NULL), NOW);
	change(NOV, make("6", NULL), NULL);
	assert_string_equal(statement(10, OM_OK, &e)->terms->markup_percent, "5");
	assert_string_equal(statement(11, OM_OK, &e)->terms->markup_percent, "6");
	fx_close(&f);
}

static om_status
check_rows(om_err *e)
{
	struct cd_db *db = NULL;
	om_status s;

	ok(cd_db_open(&f.opts, &db, e), e);
	s = cd_terms_check_rows(db, e);
	cd_db_close(&db);
	return s;
}

static void
spoil(const char *sql, const char *why)
{
	om_err e = {.text = ""};

	fx_run(&f, sql);
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
	fx_open(&f);
	(void)offer(1, make("5", NULL), NOW);
	fx_run(&f, "UPDATE terms_version SET id=42");
	ok(check_rows(&e), &e);
	spoil("UPDATE terms_version SET terms='{\"markup_percent\":'", "terms_version: terms of row 42: ");
	(void)statement(11, OM_DAMAGED, &e);
	assert_non_null(strstr(e.text, "row 42"));
	spoil("UPDATE terms_version SET terms='[]'", "terms_version: terms of row 42: is no JSON object");
	spoil("UPDATE terms_version SET terms='{\"markup_percent\":\"-3\"}'",
	    "terms of row 42: markup_percent: must be from 0 to 10000");
	spoil("UPDATE terms_version SET terms='{}',offered='x'", "terms_version: offered of row 42: ");
	spoil("UPDATE terms_version SET offered='{}',valid_from='2026-11-02'",
	    "terms_version: valid_from of row 42 is not the first day of a month");
	fx_close(&f);
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
	    cmocka_unit_test(test_settings_that_differ_are_not_adopted_while_both_are_heard),
	    cmocka_unit_test(test_a_conflict_ends_when_the_other_says_that_it_stops),
	    cmocka_unit_test(test_of_three_nobody_is_followed_whose_settings_were_never_adopted),
	    cmocka_unit_test(test_an_offer_of_a_time_to_come_is_forgotten),
	    cmocka_unit_test(test_a_change_keeps_what_it_does_not_name),
	    cmocka_unit_test(test_the_beginning_is_changed_for_its_own_months_only),
	    cmocka_unit_test(test_withdrawn_terms_do_not_count),
	    cmocka_unit_test(test_a_confirmation_is_of_its_month_and_never_taken_over),
	    cmocka_unit_test(test_a_change_that_does_not_fit_is_refused_by_name),
	    cmocka_unit_test(test_of_several_at_once_one_is_the_first_and_each_row_has_its_own_time),
	    cmocka_unit_test(test_a_statement_has_the_terms_of_its_month),
	    cmocka_unit_test(test_a_row_that_holds_no_terms_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
