/* SPDX-License-Identifier: AGPL-3.0-or-later */
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
static const struct fx_shape nothing = {.max_rows = 1000};

static void
test_every_table_adds_up(void **state)
{
	const struct fx_shape *shapes[] = {&one_user, &everyone};
	const struct rd_terms terms = {.fee = usd("0.0123")};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct rd_doc *d;
		struct om_arena a;

		om_arena_init(&a, (size_t)1 << 26);
		assert_int_equal(build(&a, shapes[i], fx_reply(&a, shapes[i]), &terms, &d, NULL), OM_OK);
		assert_int_equal(d->n_tables, i == 0 ? 3 : 5);
		for (size_t t = 0; t < d->n_tables; t++)
			assert_table_adds_up(&d->tables[t], &a);
		assert_int_equal(table(d, "Days")->n_rows, 30);
		om_arena_fini(&a);
	}
}

/* Each way the parts can fail to add up to the total. */
static void
test_a_wrong_part_gives_no_document(void **state)
{
	const struct fx_shape *sh = &everyone;

	(void)state;
	for (int i = 0; i < 14; i++) {
		Om__StatementReply *r;
		const struct rd_doc *d;
		struct om_arena a;
		om_err e = {.text = ""};
		char wrong[] = "0.000000000000000001";

		om_arena_init(&a, (size_t)1 << 26);
		r = fx_reply(&a, sh);
		switch (i) {
		case 0:
			r->total->cost = wrong;
			break;
		case 1:
			r->models[0]->figures->cost = wrong;
			break;
		case 2:
			r->days[3]->figures->cost = wrong;
			break;
		case 3:
			r->users[1]->figures->cost = wrong;
			break;
		case 4:
			r->user_models[2]->figures->cost = wrong;
			break;
		case 5:
			r->generations[7]->cost = wrong;
			break;
		case 6:
			r->n_generations--;
			break;
		case 7:
			r->rows_left_out = 1;
			break;
		case 8:
			r->total->prompt_tokens++;
			break;
		case 9:
			r->models[0]->figures->completion_tokens--;
			break;
		case 10:
			r->days[0]->figures->unsettled = 1;
			break;
		case 11:
			r->users[0]->figures->cached_tokens++;
			break;
		case 12:
			r->n_models--;
			break;
		case 13:
			r->user_models[0]->figures->byok_cost = wrong;
			break;
		default:
			break;
		}
		assert_int_equal(build(&a, sh, r, NULL, &d, &e), OM_INTERNAL);
		assert_null(d);
		assert_non_null(strstr(e.text, "control total"));
		om_arena_fini(&a);
	}
}

static void
test_a_reply_that_is_none_is_a_protocol_error(void **state)
{
	const struct fx_shape *sh = &one_user;

	(void)state;
	for (int i = 0; i < 9; i++) {
		Om__StatementReply *r;
		const struct rd_doc *d;
		struct om_arena a;
		char bad[] = "12,5", stranger[] = "u-2", may[] = "2026-05-01", twice[] = "2026-11-01";
		om_err e = {.text = ""};

		om_arena_init(&a, (size_t)1 << 26);
		r = fx_reply(&a, sh);
		switch (i) {
		case 0:
			r->total->cost = bad;
			break;
		case 1:
			r->previous_total->byok_cost = bad;
			break;
		case 2:
			r->models[0]->figures->cost = bad;
			break;
		case 3:
			r->generations[0]->byok_cost = bad;
			break;
		case 4:
			r->user->id = stranger;
			break;
		case 5:
			r->user = NULL;
			break;
		case 6:
			r->from_day++;
			break;
		case 7:
			r->days[2]->day = may;
			break;
		case 8:
			r->days[2]->day = twice;
			break;
		default:
			break;
		}
		assert_int_equal(build(&a, sh, r, NULL, &d, &e), OM_PROTOCOL);
		om_arena_fini(&a);
	}
}

static void
test_sums_beyond_all_bounds_are_refused(void **state)
{
	char huge[] = "99999999999999999999";
	struct fx_shape sh = {.n_models = 1, .n_requests = 1, .max_rows = 10, .price = huge};
	const struct rd_terms terms = {.fee = usd("1")};
	const struct rd_doc *d;
	struct om_arena a;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), &terms, &d, &e), OM_INTERNAL);
	assert_non_null(strstr(e.text, "too large"));
	om_arena_fini(&a);
}

static void
test_the_amount_due_is_rounded_half_even_once(void **state)
{
	static const struct {
		const char *price, *due;
	} cases[] = {{"0.005", "0"}, {"0.015", "0.02"}, {"0.025", "0.02"}, {"0.0250000001", "0.03"},
	    {"1234567.895", "1234567.9"}, {"0.000000000000000001", "0"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fx_shape sh = {.n_models = 1, .n_requests = 1, .max_rows = 10, .price = cases[i].price};
		const struct rd_doc *d;
		struct om_arena a;

		om_arena_init(&a, (size_t)1 << 26);
		assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
		assert_money(d->due, cases[i].due);
		assert_money(d->amounts[0].exact, cases[i].price);
		assert_money(d->amounts[0].amount, cases[i].due);
		om_arena_fini(&a);
	}
}

static void
test_minimum_charge_is_added_or_a_floor(void **state)
{
	static const struct {
		const char *price, *fee;
		bool floor;
		const char *charge, *sum;
	} cases[] = {
	    {"1.25", "0.50", false, "0.5", "1.75"},
	    {"1.25", "5", true, "3.75", "5"},
	    {"7.125", "5", true, "0", "7.12"},
	    {"5", "5", true, "0", "5"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fx_shape sh = {.n_models = 1, .n_requests = 1, .max_rows = 10, .price = cases[i].price};
		struct rd_terms terms = {.fee = usd(cases[i].fee), .floor = cases[i].floor};
		const struct rd_doc *d;
		struct om_arena a;

		om_arena_init(&a, (size_t)1 << 26);
		assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), &terms, &d, NULL), OM_OK);
		assert_int_equal(d->n_amounts, 2);
		assert_string_equal(d->amounts[1].label, "Minimum charge");
		assert_money(d->amounts[1].exact, cases[i].charge);
		assert_money(d->due, cases[i].sum);
		assert_non_null(line(d->notes, d->n_notes, "Minimum charge"));
		om_arena_fini(&a);
	}
}

static void
test_report_charges_each_user_with_usage(void **state)
{
	const struct rd_terms terms = {.fee = usd("2.50")};
	const struct rd_table *users;
	const struct rd_doc *d;
	struct om_arena a;
	unsigned charge, total;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &everyone, fx_reply(&a, &everyone), &terms, &d, NULL), OM_OK);
	users = table(d, "Users");
	charge = column(users, "Minimum charge (USD)");
	total = column(users, "Total (USD)");
	assert_int_equal(users->n_rows, 3);
	assert_money(users->total[charge].u.money, "7.5");
	assert_money(d->amounts[1].exact, "7.5");
	assert_int_equal(om_money_cmp(om_money_round(users->total[total].u.money, 2), d->due), 0);
	assert_string_equal(d->amounts[1].remark, "3 users");
	om_arena_fini(&a);
}

static void
test_a_month_without_usage_says_so_and_costs_nothing(void **state)
{
	const struct rd_terms terms = {.fee = usd("5")};
	const struct rd_doc *d;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &nothing, fx_reply(&a, &nothing), &terms, &d, NULL), OM_OK);
	assert_string_equal(d->nothing, "There was no usage in November 2026.");
	assert_money(d->due, "0");
	assert_string_equal(line(d->facts, d->n_facts, "October 2026"), "no usage");
	om_arena_fini(&a);
}

static void
test_facts_name_period_zone_and_issue(void **state)
{
	struct fx_shape sh = one_user;
	const struct rd_doc *d;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	sh.year = 2024;
	sh.month = 2;
	sh.days = 20;
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
	assert_string_equal(d->title, "Usage statement");
	assert_string_equal(d->month, "February 2024");
	assert_string_equal(line(d->facts, d->n_facts, "Recipient"), "Ada Lovelace");
	assert_string_equal(line(d->facts, d->n_facts, "Period"), "2024-02-01 to 2024-02-29");
	assert_string_equal(line(d->facts, d->n_facts, "Time zone"), "Europe/Berlin");
	assert_string_equal(line(d->facts, d->n_facts, "Figures as of"), "2024-03-01 10:00");
	assert_non_null(strstr(line(d->facts, d->n_facts, "January 2024"), "+25.0%"));
	assert_non_null(strstr(line(d->notes, d->n_notes, "Not yet settled"), "2 of 24 requests"));
	assert_non_null(line(d->notes, d->n_notes, "BYOK"));
	assert_null(line(d->notes, d->n_notes, "Running month"));
	assert_string_equal(d->stem, "statement-u-1-2024-02");
	sh.running = true;
	sh.month = 12;
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
	assert_string_equal(line(d->facts, d->n_facts, "Period"), "2024-12-01 to 2024-12-31 (not over yet)");
	assert_non_null(line(d->notes, d->n_notes, "Running month"));
	sh.month = 1;
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
	assert_non_null(line(d->facts, d->n_facts, "December 2023"));
	om_arena_fini(&a);
}

static void
test_byok_is_in_no_sum(void **state)
{
	struct fx_shape with = one_user, without = one_user;
	const struct rd_doc *d, *d2;
	struct om_arena a;

	(void)state;
	without.byok = false;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &with, fx_reply(&a, &with), NULL, &d, NULL), OM_OK);
	assert_int_equal(build(&a, &without, fx_reply(&a, &without), NULL, &d2, NULL), OM_OK);
	assert_int_equal(om_money_cmp(d->due, d2->due), 0);
	assert_int_equal(d->amounts[d->n_amounts - 1].weight, RD_ASIDE);
	assert_int_equal(d2->amounts[d2->n_amounts - 1].weight, RD_PLAIN);
	om_arena_fini(&a);
}

static void
test_rows_left_out_are_said(void **state)
{
	struct fx_shape sh = one_user;
	const struct rd_doc *d;
	struct om_arena a;

	(void)state;
	sh.max_rows = 5;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), NULL, &d, NULL), OM_OK);
	assert_non_null(strstr(table(d, "Requests")->sheet_remark, "19 of 24 requests"));
	assert_int_equal(table(d, "Requests")->n_rows, 5);
	assert_table_adds_up(table(d, "Requests"), &a);
	om_arena_fini(&a);
}

/* Rows that have a cost and are no request: rows are more than requests, and all adds up. */
static void
test_what_is_left_of_a_turn_costs_and_is_no_request(void **state)
{
	static const struct fx_shape shapes[] = {
	    {.n_models = 4, .n_requests = 6, .max_rows = 1000, .unsettled = 2, .rests = 3},
	    {.users = team, .n_users = 3, .n_models = 2, .n_requests = 4, .max_rows = 1000, .rests = 1},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct rd_table *t;
		const struct rd_doc *d;
		struct om_arena a;

		om_arena_init(&a, (size_t)1 << 26);
		assert_int_equal(build(&a, &shapes[i], fx_reply(&a, &shapes[i]), NULL, &d, NULL), OM_OK);
		t = table(d, "Requests");
		assert_int_equal(t->n_rows, 24 + shapes[i].rests);
		assert_int_equal(t->total[column(t, "Requests")].u.n, 24);
		for (size_t n = 0; n < d->n_tables; n++)
			assert_table_adds_up(&d->tables[n], &a);
		om_arena_fini(&a);
	}
}

static void
test_a_month_of_rests_alone_is_not_nothing(void **state)
{
	static const struct fx_shape sh = {.n_models = 1, .rests = 2, .max_rows = 1000};
	const struct rd_terms terms = {.fee = usd("5"), .floor = true};
	const struct rd_doc *d;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	assert_int_equal(build(&a, &sh, fx_reply(&a, &sh), &terms, &d, NULL), OM_OK);
	assert_null(d->nothing);
	assert_int_equal(table(d, "Requests")->n_rows, 2);
	assert_non_null(line(d->facts, d->n_facts, "Figures as of"));
	assert_non_null(line(d->notes, d->n_notes, "Not yet settled"));
	assert_false(om_money_is_zero(d->due));
	assert_string_equal(d->amounts[0].remark, "0 requests");
	om_arena_fini(&a);
}

/* Each way in which such rows can fail to add up. */
static void
test_wrong_rests_give_no_document(void **state)
{
	const struct fx_shape sh = {.n_models = 4, .n_requests = 6, .max_rows = 1000, .unsettled = 2, .rests = 3};

	(void)state;
	for (int i = 0; i < 5; i++) {
		Om__StatementReply *r;
		const struct rd_doc *d;
		struct om_arena a;
		om_err e = {.text = ""};

		om_arena_init(&a, (size_t)1 << 26);
		r = fx_reply(&a, &sh);
		switch (i) {
		case 0:
			r->rests--;
			break;
		case 1:
			r->has_rests = 0;
			r->rests = 0;
			break;
		case 2:
			r->generations[6]->requests = 1;
			break;
		case 3:
			r->generations[5]->requests = 0;
			break;
		default:
			r->generations[5]->unsettled = 1;
			break;
		}
		assert_int_equal(build(&a, &sh, r, NULL, &d, &e), OM_INTERNAL);
		assert_non_null(strstr(e.text, "control total"));
		om_arena_fini(&a);
	}
}

/* An older costd's rows: each is a request, and which is settled is not known. */
static void
test_rows_that_do_not_say_are_a_request_each(void **state)
{
	const struct rd_doc *d;
	Om__StatementReply *r;
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	r = fx_reply(&a, &one_user);
	r->has_rests = 0;
	for (size_t i = 0; i < r->n_generations; i++)
		r->generations[i]->has_requests = r->generations[i]->has_unsettled = 0;
	assert_int_equal(build(&a, &one_user, r, NULL, &d, NULL), OM_OK);
	assert_table_adds_up(table(d, "Requests"), &a);
	om_arena_fini(&a);
}

static void
test_money_text_has_two_digits_at_least(void **state)
{
	static const char *const cases[][2] = {{"0", "0.00"}, {"5", "5.00"}, {"0.1", "0.10"}, {"0.12", "0.12"},
	    {"0.123", "0.123"}, {"-3.5", "-3.50"}, {"1234567.123456789012345678", "1234567.123456789012345678"}};
	char text[OM_MONEY_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(rd_money_text(usd(cases[i][0]), text), cases[i][1]);
}

static void
test_little_memory_is_a_status(void **state)
{
	const struct rd_terms terms = {.fee = usd("1")};
	struct om_arena a;

	(void)state;
	om_arena_init(&a, (size_t)1 << 26);
	for (size_t limit = 0; limit < 40000; limit += 257) {
		const struct rd_doc *d;
		struct om_arena small;
		om_status s;

		om_arena_init(&small, limit);
		s = build(&small, &everyone, fx_reply(&a, &everyone), &terms, &d, NULL);
		assert_true(s == OM_OK || (s == OM_NOMEM && d == NULL));
		om_arena_fini(&small);
	}
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_table_adds_up),
	    cmocka_unit_test(test_a_wrong_part_gives_no_document),
	    cmocka_unit_test(test_a_reply_that_is_none_is_a_protocol_error),
	    cmocka_unit_test(test_sums_beyond_all_bounds_are_refused),
	    cmocka_unit_test(test_the_amount_due_is_rounded_half_even_once),
	    cmocka_unit_test(test_minimum_charge_is_added_or_a_floor),
	    cmocka_unit_test(test_report_charges_each_user_with_usage),
	    cmocka_unit_test(test_a_month_without_usage_says_so_and_costs_nothing),
	    cmocka_unit_test(test_facts_name_period_zone_and_issue),
	    cmocka_unit_test(test_byok_is_in_no_sum),
	    cmocka_unit_test(test_rows_left_out_are_said),
	    cmocka_unit_test(test_what_is_left_of_a_turn_costs_and_is_no_request),
	    cmocka_unit_test(test_a_month_of_rests_alone_is_not_nothing),
	    cmocka_unit_test(test_wrong_rests_give_no_document),
	    cmocka_unit_test(test_rows_that_do_not_say_are_a_request_each),
	    cmocka_unit_test(test_money_text_has_two_digits_at_least),
	    cmocka_unit_test(test_little_memory_is_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
