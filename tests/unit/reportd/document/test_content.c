/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What documents of each kind say: in German, issued, with estimates, of a
 * group, of everyone.
 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "asserts.h"
#include "statement.pb-c.h"

static const char *const team[] = {"Ada", "Grace", "Alan"};

static const struct fx_shape one_user = {
    .n_models = 4, .n_requests = 6, .max_rows = 1000, .byok = true, .unsettled = 2};
static const struct fx_shape everyone = {.users = team, .n_users = 3, .n_models = 3, .n_requests = 5, .max_rows = 1000};

static void
test_german_words_numbers_and_months(void **state)
{
	const struct fx_shape sh = {.n_models = 1, .n_requests = 1, .max_rows = 10, .price = "1234567.895", .month = 3};
	const struct rd_terms terms = {.fee = usd("2.5"), .tax_rate = usd("19")};
	struct rd_month m = fx_month(&sh);
	const struct rd_doc *d;
	struct om_arena a;

	(void)state;
	m.locale = rd_locale_named("de");
	assert_non_null(m.locale);
	assert_null(rd_locale_named("xx"));
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(rd_statement_new(fx_reply(&a, &sh), &m, &terms, &a, &d, NULL), OM_OK);
	assert_string_equal(d->title, "Nutzungsabrechnung");
	assert_string_equal(d->month, "M\xc3\xa4rz 2026");
	assert_string_equal(line(d->facts, d->n_facts, "Zeitraum"), "01.03.2026 bis 31.03.2026");
	assert_string_equal(
	    line(d->facts, d->n_facts, "Februar 2026"), "987.654,32 USD (dieser Monat +246.913,58, +25,0\xc2\xa0%)");
	assert_string_equal(d->amounts[0].remark, "1 Anfrage");
	assert_string_equal(d->amounts[1].remark, "1 Nutzer");
	assert_string_equal(d->amounts[3].label, "USt.");
	assert_string_equal(d->amounts[3].remark, "19\xc2\xa0% des Nettobetrags");
	om_arena_fini(&a);
}

static void
test_an_issued_document_names_itself_and_a_draft_does_not(void **state)
{
	struct rd_month m = fx_month(&one_user);
	const struct rd_terms terms = {.floor = false};
	const struct rd_doc *d;
	Om__StatementReply *r;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	r = fx_reply(&a, &one_user);
	r->has_changed_us = 1;
	r->changed_us = r->to_us + 5;
	assert_int_equal(rd_statement_new(r, &m, &terms, &a, &d, NULL), OM_OK);
	assert_true(d->draft);
	assert_null(d->number);
	assert_null(d->verify);
	assert_int_equal(d->created, r->changed_us);
	assert_string_equal(line(d->facts, d->n_facts, "Document number"), "Draft, not issued");
	assert_null(line(d->facts, d->n_facts, "Date of issue"));
	m.issue = (struct rd_issue){.number = "2026-000012",
	    .code = "ABCD-EFGH",
	    .verify_url = "https://m.example/verify",
	    .corrects = "2026-000003",
	    .issued = 1793500000 * OM_SECOND};
	assert_int_equal(rd_statement_new(r, &m, &terms, &a, &d, NULL), OM_OK);
	assert_false(d->draft);
	assert_int_equal(d->created, 1793500000 * OM_SECOND);
	assert_string_equal(line(d->facts, d->n_facts, "Document number"), "2026-000012");
	assert_string_equal(line(d->facts, d->n_facts, "Replaces document"), "2026-000003");
	assert_string_equal(line(d->facts, d->n_facts, "Date of issue"), "2026-11-01");
	assert_string_equal(d->verify, "Verification code ABCD-EFGH, verify at https://m.example/verify");
	assert_string_equal(d->stem, "2026-000012-statement-2026-11");
	m.issue.draft = true;
	assert_int_equal(rd_statement_new(r, &m, &terms, &a, &d, NULL), OM_OK);
	assert_true(d->draft);
	om_arena_fini(&a);
}

static void
test_estimates_say_what_they_could_change(void **state)
{
	const struct rd_doc *d;
	Om__StatementReply *r;
	struct om_arena a;
	char sum[] = "0.0125";

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	r = fx_reply(&a, &one_user);
	r->has_estimated = 1;
	r->estimated = 1;
	r->estimated_cost = sum;
	assert_int_equal(build(&a, &one_user, r, NULL, &d, NULL), OM_OK);
	assert_int_equal(d->unsettled, 2);
	assert_non_null(strstr(line(d->notes, d->n_notes, "Not yet settled"),
	    "2 of 24 requests: the provider's figure for their cost is still missing. 1 with an estimate, USD 0.0125 "
	    "in "
	    "all, which may turn out higher or lower; 1 without one"));
	om_arena_fini(&a);
}

/* A request can be unsettled with a cost (the fee, where the upstream bill is missing),
 * and settled without one (there is no price for it). */
static void
test_notes_claim_no_more_than_is_known(void **state)
{
	struct fx_shape sh = one_user;
	const struct rd_doc *d;
	struct om_arena a;
	const char *text;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
	text = line(d->notes, d->n_notes, "Not yet settled");
	assert_non_null(strstr(text, "the others with what is known of their cost"));
	assert_null(strstr(text, "zero"));
	sh.unsettled = 0;
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
	assert_non_null(strstr(line(d->notes, d->n_notes, "Not yet settled"), "each known cost is the provider's own"));
	om_arena_fini(&a);
}

static void
test_a_report_has_changes_groups_and_a_page_per_user(void **state)
{
	struct fx_shape sh = everyone;
	const struct rd_table *t;
	const struct rd_doc *d;
	struct om_arena a;

	(void)state;
	sh.groups = true;
	sh.before = true;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
	assert_int_equal(d->n_sections, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(
		    d->sections[i].title, table(d, "Users")->cells[i * table(d, "Users")->n_columns].u.text);
		assert_table_adds_up(d->sections[i].table, &a);
		assert_int_equal(om_money_cmp(d->sections[i].amounts[0].amount,
				     d->sections[i].table->total[column(d->sections[i].table, "Cost (USD)")].u.money),
		    0);
	}
	assert_null(table(d, "Groups")->total); /* they overlap */
	t = table(d, "Changes users");
	assert_true(t->page_only);
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct rd_cell *c = t->cells + i * t->n_columns;
		om_money diff = c[column(t, "Change (USD)")].u.money;

		assert_int_equal(c[column(t, "Before (USD)")].u.money.v + diff.v, c[column(t, "Cost (USD)")].u.money.v);
		if (i > 0) {
			om_money last = (c - t->n_columns)[column(t, "Change (USD)")].u.money;

			assert_true((last.v < 0 ? -last.v : last.v) >= (diff.v < 0 ? -diff.v : diff.v));
		}
	}
	assert_int_equal(t->n_rows, 4); /* three of this month, one who is gone */
	om_arena_fini(&a);
}

static void
test_a_group_has_its_members_and_no_pages(void **state)
{
	struct fx_shape sh = everyone;
	const struct rd_terms terms = {.fee = usd("1")};
	struct rd_month m;
	const struct rd_doc *d;
	struct om_arena a;
	om_err e;

	(void)state;
	sh.group = "research & law";
	om_arena_init(&a, (size_t)1 << 26);
	m = fx_month(&sh);
	assert_int_equal(rd_statement_new(fx_reply(&a, &sh), &m, &terms, &a, &d, NULL), OM_OK);
	assert_int_equal(d->kind, RD_GROUP_STATEMENT);
	assert_string_equal(d->subject, "research & law");
	assert_string_equal(d->stem, "statement-group-research---law-2026-11");
	assert_int_equal(d->n_sections, 0);
	assert_money(d->amounts[1].exact, "3"); /* per member */
	assert_int_equal(table(d, "Users")->n_rows, 3);
	m.group = "another";
	assert_int_equal(rd_statement_new(fx_reply(&a, &sh), &m, &terms, &a, &d, &e), OM_PROTOCOL);
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_german_words_numbers_and_months),
	    cmocka_unit_test(test_an_issued_document_names_itself_and_a_draft_does_not),
	    cmocka_unit_test(test_estimates_say_what_they_could_change),
	    cmocka_unit_test(test_notes_claim_no_more_than_is_known),
	    cmocka_unit_test(test_a_report_has_changes_groups_and_a_page_per_user),
	    cmocka_unit_test(test_a_group_has_its_members_and_no_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
