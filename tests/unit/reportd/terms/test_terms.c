/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * From settings to what documents are made with: lines, the logo, what one
 * setting asks of another, and what a query may ask for.
 */
#include "terms/kept_terms.h"
#include "terms/logo.h"
#include "jobs.pb-c.h"
#include "terms.pb-c.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char address[] = "Street 1|10115 Berlin\\nGermany", name[] = "Us", usd[] = "USD", eur[] = "EUR", add[] = "add",
	    de[] = "de", letter[] = "letter", day[] = "2026-11-30", source[] = "ECB", png[] = RD_TEST_LOGO,
	    jpeg[] = RD_TEST_JPEG;

/* The same, as documents keep them. */
static const char kept_settings[] =
    "{\"MINIMUM_CHARGE_MODE\":\"add\",\"CURRENCY\":\"USD\",\"ISSUER_NAME\":\"Us\","
    "\"ISSUER_ADDRESS\":\"Street 1|10115 Berlin\\\\nGermany\",\"DOCUMENT_LOCALE\":\"de\"}";

static struct rd_document_conf
conf(void)
{
	return (struct rd_document_conf){.minimum_mode = add,
	    .currency = usd,
	    .locale = de,
	    .paper = letter,
	    .issuer_name = name,
	    .issuer_address = address};
}

static void
test_settings_become_terms(void **state)
{
	struct rd_document_conf c = conf();
	struct rd_document_settings h;

	(void)state;
	c.issuer_logo = png;
	assert_int_equal(rd_document_settings_open(&c, kept_settings, &h, NULL), OM_OK);
	assert_string_equal(h.issuer.address, "Street 1\n10115 Berlin\nGermany");
	assert_string_equal(h.issuer.name, "Us");
	assert_null(h.issuer.vat_id);
	assert_string_equal(h.locale->tag, "de");
	assert_int_equal(h.paper, RD_LETTER);
	assert_ptr_equal(h.issuer.logo, &h.logo);
	assert_false(h.logo.jpeg);
	assert_int_equal(h.logo.width, 480);
	assert_int_equal(h.logo.n, 480 * 150 * 3);
	assert_memory_equal(h.logo.data, "\xff\xff\xff", 3); /* transparent is white */
	rd_document_settings_close(&h);
}

static void
test_another_currency_needs_its_rate(void **state)
{
	struct rd_document_conf c = conf();
	struct rd_document_settings h;
	om_err e;

	(void)state;
	c.currency = eur;
	for (int i = 0; i < 4; i++) {
		static const char *const missing[] = {"EXCHANGE_RATE:", "EXCHANGE_RATE_DATE:", "EXCHANGE_RATE_SOURCE:"};

		if (i >= 1)
			assert_int_equal(om_money_parse("0.8637", &c.exchange_rate, NULL), OM_OK);
		if (i >= 2)
			c.exchange_rate_date = day;
		if (i >= 3)
			c.exchange_rate_source = source;
		assert_int_equal(rd_document_settings_open(&c, kept_settings, &h, &e), i < 3 ? OM_INVALID : OM_OK);
		if (i < 3)
			assert_non_null(strstr(e.text, missing[i]));
		rd_document_settings_close(&h);
	}
	c.currency = usd;
	assert_int_equal(rd_document_settings_open(&c, kept_settings, &h, &e), OM_INVALID);
	rd_document_settings_close(&h);
}

static om_status
open_bytes(const void *data, size_t n, struct rd_image *out, om_err *e)
{
	char path[] = "/tmp/rd-test-logo.XXXXXX";
	int fd = mkstemp(path);
	om_status s;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), (ssize_t)n);
	(void)close(fd);
	s = rd_logo_open(path, out, e);
	assert_int_equal(unlink(path), 0);
	return s;
}

static void
test_a_logo_that_is_none_is_refused_at_the_start(void **state)
{
	static unsigned char bytes[3 * 1024 * 1024];
	static const char *const files[] = {RD_TEST_LOGO, RD_TEST_JPEG};
	uint32_t seed = 11;
	struct rd_image logo;
	om_err e;

	(void)state;
	assert_int_equal(rd_logo_open("/nonexistent/logo.png", &logo, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "ISSUER_LOGO"));
	assert_int_equal(open_bytes("<svg/>", 6, &logo, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "neither PNG nor JPEG"));
	assert_int_equal(open_bytes(bytes, sizeof bytes, &logo, &e), OM_INVALID);
	assert_int_equal(open_bytes("", 0, &logo, &e), OM_INVALID);
	for (size_t f = 0; f < 2; f++) {
		FILE *in = fopen(files[f], "rb");
		size_t n;

		assert_non_null(in);
		n = fread(bytes, 1, sizeof bytes, in);
		(void)fclose(in);
		assert_int_equal(open_bytes(bytes, n / 2 - n / 2 * f, &logo, &e), OM_INVALID);
		for (int i = 0; i < 300; i++) { /* damaged: refused or read, never more */
			unsigned char was;

			seed = seed * 1664525u + 1013904223u;
			was = bytes[(seed >> 8) % n];
			bytes[(seed >> 8) % n] ^= (unsigned char)(1u << (seed >> 29));
			if (open_bytes(bytes, n, &logo, &e) == OM_OK)
				rd_logo_close(&logo);
			bytes[(seed >> 8) % n] = was;
		}
	}
}

static void
test_a_jpeg_stays_as_it_is(void **state)
{
	struct rd_image logo;

	(void)state;
	assert_int_equal(rd_logo_open(jpeg, &logo, NULL), OM_OK);
	assert_true(logo.jpeg);
	assert_int_equal(logo.width, 240);
	assert_int_equal(logo.height, 80);
	assert_memory_equal(logo.data, "\xff\xd8\xff", 3);
	rd_logo_close(&logo);
}

static void
test_a_query_chooses_language_and_paper(void **state)
{
	char en[] = "en", a4[] = "a4", xx[] = "xx", user[] = "u-1", group[] = "g", number[] = "2026-000001";
	Om__RenderQuery q = OM__RENDER_QUERY__INIT;
	struct rd_asked asked = {.query = &q};
	struct rd_document_conf c = conf();
	struct rd_document_settings h;
	struct rd_month m;
	rd_paper paper;
	om_err e;

	(void)state;
	assert_int_equal(rd_document_settings_open(&c, kept_settings, &h, NULL), OM_OK);
	q.year = 2026;
	q.month = 11;
	assert_int_equal(rd_document_settings_month(&h, &asked, &m, &paper, &e), OM_OK);
	assert_string_equal(m.locale->tag, "de");
	assert_int_equal(paper, RD_LETTER);
	q.locale = en;
	q.paper = a4;
	asked.issue.number = number;
	q.user = user;
	assert_int_equal(rd_document_settings_month(&h, &asked, &m, &paper, &e), OM_OK);
	assert_string_equal(m.locale->tag, "en");
	assert_int_equal(paper, RD_A4);
	assert_string_equal(m.issue.number, "2026-000001");
	q.group = group;
	assert_int_equal(rd_document_settings_month(&h, &asked, &m, &paper, &e), OM_INVALID);
	q.group = NULL;
	q.locale = xx;
	assert_int_equal(rd_document_settings_month(&h, &asked, &m, &paper, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "en|de"));
	q.locale = NULL;
	q.paper = xx;
	assert_int_equal(rd_document_settings_month(&h, &asked, &m, &paper, &e), OM_INVALID);
	q.paper = NULL;
	q.month = 13;
	assert_int_equal(rd_document_settings_month(&h, &asked, &m, &paper, &e), OM_INVALID);
	rd_document_settings_close(&h);
}

/* eur gives the terms of a month as costd has them. */
static Om__Terms
terms_in_eur(void)
{
	static char fee[] = "10", floor[] = "floor", tax[] = "19", rate[] = "0.9", told[] = "a bank";
	Om__Terms t = OM__TERMS__INIT;

	t.minimum_charge_fee = fee;
	t.minimum_charge_mode = floor;
	t.tax_rate = tax;
	t.currency = eur;
	t.exchange_rate = rate;
	t.exchange_rate_date = day;
	t.exchange_rate_source = told;
	return t;
}

static void
test_the_months_terms_go_before_the_settings(void **state)
{
	om_day november = om_day_from_civil(2026, 11, 1), december = om_day_from_civil(2026, 12, 1);
	Om__Terms t = terms_in_eur();
	struct rd_month m = {.year = 2026, .month = 11, .locale = rd_locale_named("de")};
	struct rd_document_conf c = conf();
	struct rd_made_with with;
	struct rd_document_settings h;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 20);
	assert_int_equal(om_money_parse("3", &c.minimum_fee, NULL), OM_OK);
	assert_int_equal(rd_document_settings_open(&c, kept_settings, &h, NULL), OM_OK);
	assert_string_equal(h.terms.minimum_charge_fee, "3");
	assert_int_equal(rd_terms_used(&h, &t, november, &m, RD_A4, &a, &with, NULL), OM_OK);
	assert_string_equal(with.terms.currency, "EUR");
	assert_true(with.terms.floor);
	assert_false(with.terms.rate_outside);
	assert_string_equal(with.terms.issuer.name, "Us");
	assert_non_null(strstr(with.kept, "\"EXCHANGE_RATE\":\"0.9\""));
	assert_non_null(strstr(with.kept, "\"MINIMUM_CHARGE_FEE\":\"10\""));
	assert_non_null(strstr(with.kept, "\"PAPER\":\"a4\""));
	assert_int_equal(rd_terms_used(&h, &t, december, &m, RD_A4, &a, &with, NULL), OM_OK);
	assert_true(with.terms.rate_outside);
	assert_int_equal(rd_terms_used(&h, NULL, december, &m, RD_A4, &a, &with, NULL), OM_OK);
	assert_string_equal(with.terms.currency, "USD"); /* an older costd: the settings */
	assert_null(strstr(with.kept, "EXCHANGE_RATE"));
	t.exchange_rate_source = NULL;
	assert_int_equal(rd_terms_used(&h, &t, november, &m, RD_A4, &a, &with, NULL), OM_PROTOCOL);
	rd_document_settings_close(&h);
	om_arena_fini(&a);
}

static void
test_a_document_can_be_made_again_of_what_it_kept(void **state)
{
	om_day november = om_day_from_civil(2026, 11, 1);
	Om__Terms t = terms_in_eur(), again = OM__TERMS__INIT;
	struct rd_month m = {.year = 2026, .month = 11, .locale = rd_locale_named("de")};
	struct rd_document_conf c = conf(), later = conf();
	char other[] = "Others";
	struct rd_made_with with, kept;
	struct rd_document_settings h, now;
	struct om_arena a;
	om_err e;

	(void)state;
	om_arena_init(&a, (size_t)1 << 20);
	assert_int_equal(rd_document_settings_open(&c, kept_settings, &h, NULL), OM_OK);
	assert_int_equal(rd_terms_used(&h, &t, november, &m, RD_LETTER, &a, &with, NULL), OM_OK);
	later.issuer_name = other;
	assert_int_equal(rd_document_settings_open(&later, NULL, &now, NULL), OM_OK);
	assert_int_equal(rd_terms_kept(&now, with.kept, november, &a, &kept, &e), OM_OK);
	assert_string_equal(kept.terms.issuer.name, "Us");
	assert_string_equal(kept.terms.issuer.address, "Street 1\n10115 Berlin\nGermany");
	assert_string_equal(kept.terms.currency, "EUR");
	assert_int_equal(om_money_cmp(kept.terms.rate, with.terms.rate), 0);
	assert_string_equal(kept.locale->tag, "de");
	assert_string_equal(kept.paper, "letter");
	assert_false(kept.terms.old_floor);
	assert_int_equal(rd_terms_kept_charges(with.kept, &a, &again, &e), OM_OK);
	assert_string_equal(again.exchange_rate, "0.9");
	/* as documents were kept before there was a FLOOR_RULE */
	assert_int_equal(
	    rd_terms_kept(&now, "{\"MINIMUM_CHARGE_FEE\":\"5\",\"CURRENCY\":\"USD\"}", november, &a, &kept, &e), OM_OK);
	assert_true(kept.terms.old_floor);
	assert_int_equal(rd_terms_kept(&now, "nothing", november, &a, &kept, &e), OM_DAMAGED);
	rd_document_settings_close(&now);
	rd_document_settings_close(&h);
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings_become_terms),
	    cmocka_unit_test(test_another_currency_needs_its_rate),
	    cmocka_unit_test(test_a_logo_that_is_none_is_refused_at_the_start),
	    cmocka_unit_test(test_a_jpeg_stays_as_it_is),
	    cmocka_unit_test(test_a_query_chooses_language_and_paper),
	    cmocka_unit_test(test_the_months_terms_go_before_the_settings),
	    cmocka_unit_test(test_a_document_can_be_made_again_of_what_it_kept),
	};

	om_log_init("test", OM_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
