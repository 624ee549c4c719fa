/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What may become a record, and the row it amounts to. */
#include "record_fixture.h"

#include "value/record.h"
#include "record.pb-c.h"
#include "wire/fit.h"

#include <stdlib.h>
#include <string.h>

static struct om_arena arena;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, (size_t)16 * 1024 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

static Om__Record *
good(void)
{
	return fx_record(&arena, 1, "gen-1", "u-1", "0.003");
}

static char *
long_text(size_t n, const char *unit)
{
	struct om_buf b;
	char *text;

	om_buf_init(&b, (size_t)1024 * 1024);
	for (size_t i = 0; i < n; i++)
		om_buf_str(&b, unit);
	text = om_arena_strdup(&arena, b.data);
	om_buf_fini(&b);
	return text;
}

static void
refused(Om__Record *r, const char *why)
{
	om_err e = {.text = ""};

	assert_int_equal(cd_record_fit(r, &arena, &e), OM_INVALID);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void
accepted(Om__Record *r)
{
	om_err e = {.text = ""};

	if (cd_record_fit(r, &arena, &e) != OM_OK)
		fail_msg("%s", e.text);
}

static void
test_only_a_record_without_a_key_is_refused(void **state)
{
	Om__Record *r = good();

	(void)state;
	accepted(r);
	r->record_id.len = 15;
	refused(r, "record_id");
	r = good();
	r->generation_id = NULL;
	refused(r, "generation_id: is missing");
	r->turn_id = om_arena_strdup(&arena, "");
	refused(r, "generation_id: is missing");
	r->turn_id = long_text(128, "\xc3\xa4");
	accepted(r);
	r = good();
	memset(r->user, 0, sizeof *r->user);
	om__user__init(r->user);
	r->has_started_us = r->has_finished_us = false;
	accepted(r);
	assert_string_equal(r->user->id, OM_USER_UNKNOWN);
}

static void
test_decisions_count_from_one(void **state)
{
	Om__Record *r = good();

	(void)state;
	r->has_decision = true;
	r->decision = 0;
	refused(r, "decision");
	r->decision = CD_DECISIONS_MAX + 1;
	refused(r, "decision");
	r->decision = CD_DECISIONS_MAX;
	accepted(r);
}

static void
test_what_does_not_fit_costs_only_itself(void **state)
{
	Om__Record *r = good();

	(void)state;
	r->model = om_arena_strdup(&arena, "a\xff");
	r->provider = long_text(129, "p");
	r->user->name = om_arena_strdup(&arena,
	    "Ad\xc2\x85"
	    "a");
	r->prompt_tokens = -1;
	r->completion_tokens = 1000000001;
	memset(&r->state, 0x7f, sizeof r->state);
	r->started_us = INT64_MAX;
	r->has_content = true;
	r->content = r->record_id;
	accepted(r);
	assert_string_equal(r->model, "a");
	assert_null(r->provider);
	assert_string_equal(r->user->name, "Ada");
	assert_false(r->has_prompt_tokens || r->has_completion_tokens || r->has_started_us || r->has_content);
	assert_int_equal(r->state, OM__STATE__STATE_FINAL);
	assert_string_equal(r->cost, "0.003");
}

static void
test_amounts_are_bounded(void **state)
{
	static const char *const bad[] = {"-0.1", "10000.000000000000000001", "", "x", "NaN", "1e400", " 1", "1,5"};
	static const char *const fine[] = {"0", "10000", "1e-7", "0.000000000000000001", "7E-7"};
	Om__Record *r = good();

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		r->cost = om_arena_strdup(&arena, bad[i]);
		accepted(r);
		assert_null(r->cost);
	}
	for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
		r->cost = om_arena_strdup(&arena, fine[i]);
		accepted(r);
		assert_string_equal(r->cost, fine[i]);
	}
	r->has_cost_state = true;
	r->cost_state = OM__COST_STATE__COST_UNKNOWN;
	accepted(r);
	assert_int_equal(r->cost_state, OM__COST_STATE__COST_ESTIMATED);
}

static struct cd_row
row_of(const Om__Record *r)
{
	struct cd_row row;

	assert_int_equal(cd_record_row(r, &arena, &row, NULL), OM_OK);
	return row;
}

static void
test_cost_states_follow_the_record(void **state)
{
	Om__Record *r = good();
	struct cd_row row = row_of(r);

	(void)state;
	assert_int_equal(cd_cost_state(&row), OM__COST_STATE__COST_REPORTED);
	assert_false(cd_row_is_unsettled(&row));
	r->has_cost_state = false; /* a cost whose state is not said was reported */
	row = row_of(r);
	assert_int_equal(cd_cost_state(&row), OM__COST_STATE__COST_REPORTED);
	r->has_cost_state = true;
	r->cost_state = OM__COST_STATE__COST_ESTIMATED;
	row = row_of(r);
	assert_int_equal(cd_cost_state(&row), OM__COST_STATE__COST_ESTIMATED);
	assert_true(cd_row_is_unsettled(&row));
	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	row = row_of(r);
	assert_int_equal(cd_cost_state(&row), OM__COST_STATE__COST_LOOKED_UP);
	r->cost = NULL;
	row = row_of(r);
	assert_int_equal(cd_cost_state(&row), OM__COST_STATE__COST_UNKNOWN);
	assert_true(cd_row_is_unsettled(&row));
}

static void
test_look_up_fills_but_does_not_overrule_the_witness(void **state)
{
	Om__Record *seen = good(), *book = good();
	struct cd_row a, b;

	(void)state;
	seen->state = OM__STATE__STATE_CANCELLED;
	seen->cost = NULL;
	seen->has_completion_tokens = false;
	seen->provider = NULL;
	book->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	book->user->id = om_arena_strdup(&arena, "somebody");
	book->model = om_arena_strdup(&arena, "x/dated");
	book->started_us -= OM_DAY;
	book->prompt_tokens = 0; /* not ready yet, or none */
	book->state = OM__STATE__STATE_FINAL;
	a = row_of(seen);
	b = row_of(book);
	(void)cd_join(&a, &b);
	assert_string_equal(a.cell[CD_F_USER_ID].v.text.p, "u-1");
	assert_string_equal(a.cell[CD_F_MODEL].v.text.p, "anthropic/claude-x");
	assert_string_equal(a.cell[CD_F_PROVIDER].v.text.p, "Anthropic");
	assert_int_equal(a.cell[CD_F_STARTED_US].v.i, seen->started_us);
	assert_int_equal(a.cell[CD_F_PROMPT_TOKENS].v.i, 30);
	assert_int_equal(a.cell[CD_F_COMPLETION_TOKENS].v.i, 7);
	assert_int_equal(a.cell[CD_F_STATE].v.i, OM__STATE__STATE_CANCELLED);
	seen->state = OM__STATE__STATE_OPEN;
	a = row_of(seen);
	(void)cd_join(&a, &b);
	assert_int_equal(a.cell[CD_F_STATE].v.i, OM__STATE__STATE_FINAL);
}

/* Records of two senders make a dispute only if each says both the least and the greatest of what it claims. */
static void
test_two_final_records_that_differ_are_in_dispute(void **state)
{
	Om__Record *one = good(), *other = fx_record(&arena, 2, "gen-1", "u-2", "0.005");

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		struct cd_row a = row_of(turn == 0 ? one : other), b = row_of(turn == 0 ? other : one);

		assert_int_equal(cd_row_disputed(&a), 0);
		assert_true(cd_join(&a, &b));
		assert_int_equal(cd_row_disputed(&a), CD_DISPUTED_COST | CD_DISPUTED_USER);
		assert_string_equal(a.cell[CD_F_USER_ID].v.text.p, OM_USER_UNKNOWN);
		assert_int_equal(om_money_cmp(a.cell[CD_F_COST].v.money, row_of(one).cell[CD_F_COST].v.money), 0);
		assert_int_equal(
		    om_money_cmp(a.cell[CD_F_COST_MOST].v.money, row_of(other).cell[CD_F_COST].v.money), 0);
	}
}

static void
test_what_the_provider_does_not_know_is_unproven_until_it_has_spoken(void **state)
{
	Om__Record *none = good(), *book = good();
	struct cd_row row = row_of(good()), unknown, known;

	(void)state;
	none->has_not_found = none->not_found = true;
	book->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	unknown = row_of(none);
	known = row_of(book);
	assert_int_equal(unknown.cell[CD_F_COST].rank, CD_RANK_NONE); /* it says nothing else */
	assert_false(cd_row_is_unproven(&row));
	assert_true(cd_join(&row, &unknown));
	assert_true(cd_row_is_unproven(&row));
	assert_true(cd_join(&row, &known));
	assert_false(cd_row_is_unproven(&row));
}

/* the upstream amount repeats the cost on requests without BYOK. */
static void
test_byok_cost_counts_on_byok_only(void **state)
{
	Om__Record *r = good();
	struct cd_row row;

	(void)state;
	r->byok_cost = om_arena_strdup(&arena, "0.003");
	row = row_of(r);
	assert_int_equal(row.cell[CD_F_BYOK_COST].rank, CD_RANK_NONE);
	r->has_is_byok = true;
	r->is_byok = false;
	row = row_of(r);
	assert_int_equal(row.cell[CD_F_BYOK_COST].rank, CD_RANK_NONE);
	r->is_byok = true;
	row = row_of(r);
	assert_int_equal(row.cell[CD_F_BYOK_COST].rank, CD_RANK_REPORTED);
}

static void
test_key_is_the_generation_or_the_turn(void **state)
{
	Om__Record *r = good();
	struct cd_row row = row_of(r);

	(void)state;
	assert_string_equal(row.key.p, "gen-1");
	assert_true(cd_row_can_look_up(&row));
	r->generation_id = NULL;
	r->turn_id = om_arena_strdup(&arena, "t1");
	row = row_of(r);
	assert_string_equal(row.key.p, "owui:t1");
	assert_false(cd_row_can_look_up(&row));
	r->generation_id = om_fit_long("gen 1", 5, &arena); /* no id that the provider gave */
	r->platform = om_arena_strdup(&arena, CD_OPENROUTER);
	row = row_of(r);
	assert_false(cd_row_can_look_up(&row));
	r->generation_id = NULL;
	r->has_started_us = false;
	row = row_of(r);
	assert_int_equal(row.cell[CD_F_STARTED_US].v.i, r->finished_us);
}

static void
test_ids_that_may_go_into_a_url(void **state)
{
	static const char *const bad[] = {"", "a/b", "a?b", "a#b", "a@b", "a b", "a\r\nb", "a%2f", "../x"};

	(void)state;
	assert_true(cd_generation_id_ok("gen-1790762001-Kd83hQmZr2VxYt5LwB1c", 35));
	assert_true(cd_generation_id_ok("gen-dec:1.a_b", 13));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(cd_generation_id_ok(bad[i], strlen(bad[i])));
	assert_false(cd_generation_id_ok(long_text(129, "a"), 129));
}

static void
test_content_leaves_the_time_of_receipt_out(void **state)
{
	unsigned char a[OM_SHA256], b[OM_SHA256];
	Om__Record *r = good();

	(void)state;
	assert_int_equal(cd_record_content(r, a, NULL), OM_OK);
	r->received_us++;
	assert_int_equal(cd_record_content(r, b, NULL), OM_OK);
	assert_memory_equal(a, b, OM_SHA256);
	r->kind = om_arena_strdup(&arena, "chat"); /* what older gateways passed over */
	r->has_number = 1;
	r->number = 7;
	r->user->n_inherited_groups = 1;
	r->user->inherited_groups = om_arena_array(&arena, 1, sizeof(char *));
	r->user->inherited_groups[0] = om_arena_strdup(&arena, "g");
	assert_int_equal(cd_record_content(r, b, NULL), OM_OK);
	assert_memory_equal(a, b, OM_SHA256);
	assert_int_equal(r->user->n_inherited_groups, 1);
	r->cost = om_arena_strdup(&arena, "0.0030");
	assert_int_equal(cd_record_content(r, b, NULL), OM_OK);
	assert_memory_not_equal(a, b, OM_SHA256);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_a_record_without_a_key_is_refused),
	    cmocka_unit_test(test_decisions_count_from_one),
	    cmocka_unit_test(test_what_does_not_fit_costs_only_itself),
	    cmocka_unit_test(test_amounts_are_bounded),
	    cmocka_unit_test(test_cost_states_follow_the_record),
	    cmocka_unit_test(test_look_up_fills_but_does_not_overrule_the_witness),
	    cmocka_unit_test(test_two_final_records_that_differ_are_in_dispute),
	    cmocka_unit_test(test_what_the_provider_does_not_know_is_unproven_until_it_has_spoken),
	    cmocka_unit_test(test_byok_cost_counts_on_byok_only),
	    cmocka_unit_test(test_key_is_the_generation_or_the_turn),
	    cmocka_unit_test(test_ids_that_may_go_into_a_url),
	    cmocka_unit_test(test_content_leaves_the_time_of_receipt_out),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
