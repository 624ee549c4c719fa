/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Languages: every text says the same things, and numbers and dates are written
 * the way of the language.
 */
#include "zone_fixture.h"
#include "words/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The texts of a language, by the names that English has for them. */
struct named {
	const char *id, *text;
};

static size_t
texts_of(const struct rd_locale *l, struct named *out)
{
	size_t n = 0;

#define RD_PHRASE(id, text) out[n++] = (struct named){#id, l->id};
#define RD_FORMS(id, ...)                                  \
	for (int form = 0; form < RD_PLURAL_FORMS; form++) \
		if (l->id[form] != NULL)                   \
			out[n++] = (struct named){#id, l->id[form]};
#define RD_PLURAL_RULE(which)
#include "words/locale/en.def"
#undef RD_PHRASE
#undef RD_FORMS
#undef RD_PLURAL_RULE
	return n;
}

static unsigned
places(const char *text)
{
	unsigned found = 0;

	for (const char *p = text; (p = strchr(p, '{')) != NULL; p++)
		if (p[1] >= '1' && p[1] <= '9' && p[2] == '}')
			found |= 1u << (p[1] - '0');
	return found;
}

static void
test_every_language_fills_in_the_same(void **state)
{
	static const char tags[] = RD_LOCALES;
	struct named english[512], other[512];
	size_t n = texts_of(rd_locale_named("en"), english);
	char tag[16];

	(void)state;
	assert_true(n > 100);
	for (const char *at = tags; *at != '\0';) {
		size_t len = strcspn(at, "|"), m;

		(void)snprintf(tag, sizeof tag, "%.*s", (int)len, at);
		assert_non_null(rd_locale_named(tag));
		m = texts_of(rd_locale_named(tag), other);
		for (size_t i = 0; i < m; i++) {
			const struct named *same = NULL;

			for (size_t k = 0; k < n; k++)
				if (strcmp(english[k].id, other[i].id) == 0)
					same = &english[k];
			assert_non_null(same);
			if (same == NULL)
				return; /* not reached */
			if (places(same->text) != places(other[i].text))
				fail_msg("%s: %s fills in other places than English", tag, other[i].id);
			if (other[i].text[0] == '\0')
				fail_msg("%s: %s is empty", tag, other[i].id);
		}
		at += len + (at[len] == '|');
	}
}

static om_money
amount(const char *text)
{
	om_money m;

	assert_int_equal(om_money_parse(text, &m, NULL), OM_OK);
	return m;
}

static void
test_numbers_and_dates(void **state)
{
	const struct rd_locale *en = rd_locale_named("en"), *de = rd_locale_named("de");
	om_day day = om_day_from_civil(2026, 3, 5);
	char buf[RD_SHOWN];

	(void)state;
	assert_string_equal(rd_show_count(en, 999, buf), "999");
	assert_string_equal(rd_show_count(en, 1000, buf), "1,000");
	assert_string_equal(rd_show_count(de, UINT64_MAX, buf), "18.446.744.073.709.551.615");
	assert_string_equal(rd_show_money(en, amount("1234567.5"), buf), "1,234,567.50");
	assert_string_equal(rd_show_money(de, amount("-1234.000000000000000001"), buf), "-1.234,000000000000000001");
	assert_string_equal(rd_show_money(en, amount("-99999999999999999999"), buf), "-99,999,999,999,999,999,999.00");
	assert_string_equal(rd_show_fixed(de, amount("1502"), 0, buf), "1.502");
	assert_string_equal(rd_show_percent(en, amount("7.5"), buf), "7.5%");
	assert_string_equal(rd_show_percent(de, amount("19"), buf), "19\xc2\xa0%");
	assert_string_equal(rd_show_day(en, day, buf), "2026-03-05");
	assert_string_equal(rd_show_day(de, day, buf), "05.03.2026");
	assert_string_equal(rd_show_month(de, 2026, 3, buf), "M\xc3\xa4rz 2026");
	assert_string_equal(rd_show_month(en, 2026, 12, buf), "December 2026");
	assert_string_equal(
	    rd_show_instant(de, fx_zone(NULL), OM_DAY * day + 82800 * OM_SECOND, buf), "06.03.2026 00:00");
	assert_string_equal(rd_show_instant(en, fx_zone(NULL), OM_DAY * day, buf), "2026-03-05 01:00");
}

static void
test_texts_are_filled_in_any_order(void **state)
{
	const struct rd_locale *en = rd_locale_named(NULL);
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 16);
	assert_string_equal(rd_fill(&a, "{2} {1}, {1}{3}", "one", "two"), "two one, one");
	assert_string_equal(rd_fill(&a, "{0} {} {x} 100% %s {", "never"), "{0} {} {x} 100% %s {");
	assert_string_equal(rd_fill(&a, "{1}", "{1}"), "{1}");
	assert_string_equal(rd_form(en, en->n_requests, 1), "{1} request");
	assert_string_equal(rd_form(en, en->n_requests, 0), "{1} requests");
	om_arena_fini(&a);
	om_arena_init(&a, 0);
	assert_null(rd_fill(&a, "{1}", "one"));
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_language_fills_in_the_same),
	    cmocka_unit_test(test_numbers_and_dates),
	    cmocka_unit_test(test_texts_are_filled_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
