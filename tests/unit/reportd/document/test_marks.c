/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a document says of itself: duplicates, cancellations, doubtful rates, and the
 * remark of a floor that only roundings miss. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "asserts.h"

#define ARENA ((size_t)1 << 26)

static const struct fx_shape one = {.n_models = 1, .n_requests = 1, .price = "9.9949", .max_rows = 100};
static const struct fx_shape several = {.n_models = 3, .n_requests = 7, .byok = true, .unsettled = 1, .max_rows = 100};

/* Terms with a floor and a currency, where only roundings miss the minimum. */
static struct rd_terms
example(const char *currency, const char *rate)
{
	return (struct rd_terms){
	    .fee = usd("10"),
	    .floor = true,
	    .markup_percent = usd("0.04"),
	    .markup_per_million = usd("1"),
	    .tax_rate = usd("19"),
	    .currency = currency,
	    .rate = usd(rate),
	    .rate_day = om_day_from_civil(2026, 12, 2),
	    .rate_source = "a bank",
	};
}

static const struct rd_doc *
make(struct om_arena *a, const struct fx_shape *sh, const struct rd_terms *terms, const struct rd_issue *issue,
    const char *locale)
{
	struct rd_month m = fx_month(sh);
	const struct rd_doc *d;

	m.locale = rd_locale_named(locale);
	if (issue != NULL)
		m.issue = *issue;
	assert_int_equal(rd_statement_new(fx_reply(a, sh), &m, terms, a, &d, NULL), OM_OK);
	return d;
}

static const struct rd_amount *
amount_named(const struct rd_doc *d, const char *label)
{
	for (size_t i = 0; i < d->n_amounts; i++)
		if (strcmp(d->amounts[i].label, label) == 0)
			return &d->amounts[i];
	fail_msg("no line \"%s\"", label);
	abort();
}

static void
test_a_floor_missed_by_roundings_says_what_it_charges(void **state)
{
	struct rd_terms terms = example(NULL, "0");
	struct om_arena a;
	const struct rd_doc *d;

	(void)state;
	om_arena_init(&a, ARENA);
	d = make(&a, &one, &terms, NULL, NULL);
	assert_int_equal(om_money_cmp(amount_named(d, "Usage")->amount, usd("9.99")), 0);
	assert_int_equal(om_money_cmp(amount_named(d, "Minimum charge")->amount, usd("0.01")), 0);
	assert_int_equal(om_money_cmp(amount_named(d, "Net amount")->amount, usd("10")), 0);
	assert_string_equal(amount_named(d, "Minimum charge")->remark, "makes up for lines rounded below the minimum");
	terms.old_floor = true; /* as such a document was issued before */
	d = make(&a, &one, &terms, NULL, NULL);
	assert_int_equal(om_money_cmp(amount_named(d, "Net amount")->amount, usd("9.99")), 0);
	assert_string_equal(amount_named(d, "Minimum charge")->remark, "reached");
	om_arena_fini(&a);
}

static void
test_a_cancellation_is_the_document_the_other_way_round(void **state)
{
	static const char *const currencies[][2] = {
	    {NULL, "0"}, {"EUR", "0.8637"}, {"JPY", "150.25"}, {"KWD", "0.3071"}};
	const struct rd_issue issued = {.number = "2026-000001"};
	const struct rd_issue cancelled = {.number = "2026-000002", .cancels = "2026-000001"};
	const struct fx_shape *shapes[] = {&one, &several};

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct rd_terms terms = example(currencies[i % 4][0], currencies[i % 4][1]);
		const struct rd_doc *d, *c;
		struct om_arena a;

		terms.old_floor = i < 8;
		om_arena_init(&a, ARENA);
		d = make(&a, shapes[i / 4 % 2], &terms, &issued, NULL);
		c = make(&a, shapes[i / 4 % 2], &terms, &cancelled, NULL);
		assert_int_equal(c->due.v + d->due.v, 0);
		assert_int_equal(c->n_amounts, d->n_amounts);
		for (size_t k = 0; k < d->n_amounts; k++) {
			const struct rd_amount *x = &d->amounts[k], *y = &c->amounts[k];
			int sign = x->weight == RD_ASIDE ? -1 : 1;

			assert_string_equal(x->label, y->label);
			assert_int_equal(x->amount.v + sign * y->amount.v, 0);
			assert_int_equal(x->exact.v + sign * y->exact.v, 0);
		}
		assert_int_equal(c->n_tables, d->n_tables);
		assert_int_equal(table(c, "Models")->total[1].u.n, table(d, "Models")->total[1].u.n);
		om_arena_fini(&a);
	}
}

static void
test_what_a_cancellation_says(void **state)
{
	const struct rd_terms terms = {.floor = false};
	struct rd_issue issue = {.number = "2026-000002", .cancels = "2026-000001"};
	struct fx_shape sh = several;
	struct om_arena a;
	const struct rd_doc *d;

	(void)state;
	om_arena_init(&a, ARENA);
	d = make(&a, &sh, &terms, &issue, NULL);
	assert_string_equal(d->title, "Cancellation of a usage statement");
	assert_string_equal(d->stem, "2026-000002-cancellation-statement-2026-11");
	assert_string_equal(line(d->facts, d->n_facts, "Cancels document"), "2026-000001"); /* no date known */
	assert_null(line(d->notes, d->n_notes, "Reason"));
	assert_null(line(d->notes, d->n_notes, "Not yet settled"));
	assert_int_equal(d->unsettled, 0);
	assert_int_equal(make(&a, &sh, &terms, NULL, NULL)->unsettled, 1);
	assert_null(rd_doc_watermark(d));
	issue.cancels_issued =
	    om_day_from_civil(2026, 12, 1) * OM_DAY + (om_time)23 * 3600 * OM_SECOND; /* the next day in Berlin */
	issue.reason = "Wrong\nperson";
	d = make(&a, &sh, &terms, &issue, "de");
	assert_string_equal(d->title, "Storno einer Nutzungsabrechnung");
	assert_string_equal(line(d->facts, d->n_facts, "Storniert Beleg"), "2026-000001 vom 02.12.2026");
	assert_string_equal(line(d->notes, d->n_notes, "Grund"), "Wrong person");
	assert_non_null(strstr(line(d->notes, d->n_notes, "Storno"), "2026-000001"));
	sh.group = "staff";
	sh.users = fx_scripts;
	sh.n_users = 2;
	d = make(&a, &sh, &terms, &issue, NULL);
	assert_string_equal(d->title, "Cancellation of a group usage statement");
	assert_string_equal(d->stem, "2026-000002-cancellation-statement-group-staff-2026-11");
	sh.group = NULL;
	d = make(&a, &sh, &terms, &issue, NULL);
	assert_string_equal(d->title, "Cancellation of a usage report");
	assert_string_equal(d->stem, "2026-000002-cancellation-report-2026-11");
	om_arena_fini(&a);
}

static void
test_a_duplicate_says_so_and_a_draft_never(void **state)
{
	const struct rd_terms terms = {.floor = false};
	struct rd_issue issue = {.number = "2026-000001", .duplicate = true};
	struct om_arena a;
	const struct rd_doc *d;

	(void)state;
	om_arena_init(&a, ARENA);
	d = make(&a, &one, &terms, &issue, NULL);
	assert_string_equal(d->stem, "2026-000001-statement-2026-11-duplicate");
	assert_string_equal(line(d->facts, d->n_facts, "Document number"), "2026-000001, duplicate");
	assert_non_null(strstr(line(d->notes, d->n_notes, "Duplicate"), "2026-000001"));
	assert_string_equal(rd_doc_watermark(d), "DUPLICATE");
	assert_string_equal(rd_doc_number(d, &a), "2026-000001 \xc2\xb7 DUPLICATE");
	d = make(&a, &one, &terms, &issue, "de");
	assert_string_equal(rd_doc_watermark(d), "ZWEITSCHRIFT");
	issue.draft = true;
	d = make(&a, &one, &terms, &issue, NULL);
	assert_string_equal(rd_doc_watermark(d), "DRAFT");
	assert_string_equal(rd_doc_number(d, &a), "DRAFT");
	assert_string_equal(d->stem, "2026-000001-statement-2026-11");
	assert_null(line(d->notes, d->n_notes, "Duplicate"));
	issue = (struct rd_issue){.duplicate = true};
	d = make(&a, &one, &terms, &issue, NULL);
	assert_string_equal(rd_doc_watermark(d), "DRAFT");
	assert_string_equal(d->stem, "statement-u-1-2026-11");
	issue = (struct rd_issue){.number = "2026-000001"};
	d = make(&a, &one, &terms, &issue, NULL);
	assert_null(rd_doc_watermark(d));
	assert_string_equal(rd_doc_number(d, &a), "2026-000001");
	om_arena_fini(&a);
}

static void
test_a_doubtful_rate_is_noted_on_drafts_only(void **state)
{
	const struct rd_issue issued = {.number = "2026-000001"};
	struct rd_terms terms = example("EUR", "0.86");
	const struct rd_doc *d;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, ARENA);
	d = make(&a, &one, &terms, NULL, NULL);
	assert_null(line(d->notes, d->n_notes, "Exchange rate"));
	terms.rate_outside = true;
	d = make(&a, &one, &terms, NULL, NULL);
	assert_non_null(strstr(line(d->notes, d->n_notes, "Exchange rate"), "dated 2026-12-02, outside this month"));
	d = make(&a, &one, &terms, NULL, "de");
	assert_non_null(strstr(line(d->notes, d->n_notes, "Wechselkurs"), "02.12.2026"));
	d = make(&a, &one, &terms, &issued, NULL);
	assert_null(line(d->notes, d->n_notes, "Exchange rate"));
	terms.currency = NULL;
	d = make(&a, &one, &terms, NULL, NULL);
	assert_null(line(d->notes, d->n_notes, "Exchange rate"));
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_floor_missed_by_roundings_says_what_it_charges),
	    cmocka_unit_test(test_a_cancellation_is_the_document_the_other_way_round),
	    cmocka_unit_test(test_what_a_cancellation_says),
	    cmocka_unit_test(test_a_duplicate_says_so_and_a_draft_never),
	    cmocka_unit_test(test_a_doubtful_rate_is_noted_on_drafts_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
