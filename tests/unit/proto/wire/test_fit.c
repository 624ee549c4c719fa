/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What fits into a record, and what becomes of what does not. */
#include "check.h"

#include "record.pb-c.h"
#include "wire/fit.h"

#include <stdlib.h>
#include <string.h>

#define NOW ((om_time)1795452001 * OM_SECOND) /* 2026-11-23T16:40:01Z */

static struct om_arena arena;
static struct om_fit notes;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, (size_t)4 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_arena_fini(&arena);
	return 0;
}

static char *
copy(const char *text)
{
	char *p = om_arena_strdup(&arena, text);

	if (p == NULL)
		abort();
	return p;
}

static char *
many(size_t n, const char *unit)
{
	size_t len = strlen(unit);
	char *p = om_arena_alloc(&arena, n * len + 1);

	if (p == NULL)
		abort();
	for (size_t i = 0; i < n * len; i++)
		p[i] = unit[i % len];
	return p;
}

static Om__Record *
good(void)
{
	Om__Record *r = om_msg_new(&arena, &om__record__descriptor);

	if (r == NULL)
		abort();
	r->generation_id = copy("gen-1");
	r->user = om_msg_new(&arena, &om__user__descriptor);
	r->user->id = copy("u-1");
	r->state = OM__STATE__STATE_FINAL;
	r->cost = copy("0.25");
	r->has_started_us = 1;
	r->started_us = NOW - OM_SECOND;
	r->received_us = NOW;
	return r;
}

static void
fit(Om__Record *r)
{
	om_err e = {.text = ""};

	notes = (struct om_fit){.changed = false};
	assert_status(om_fit_record(r, &arena, &notes, &e), OM_OK, e);
	assert_string_equal(r->cost, "0.25"); /* whatever is odd about the rest */
}

/* repaired tells whether a field was noted, and nothing else. */
static void
repaired(om_fit_field field)
{
	for (unsigned f = 0; f < OM_N_FIT; f++)
		if ((notes.why[f] != NULL) != (f == (unsigned)field))
			fail_msg(
			    "%s: %s", om_fit_name((om_fit_field)f), notes.why[f] != NULL ? notes.why[f] : "not noted");
}

static void
packed(Om__Record *r, struct om_buf *out)
{
	om_buf_init(out, 1 << 20);
	om_msg_pack(&r->base, out);
	assert_int_equal(om_buf_done(out, NULL), OM_OK);
}

/* everything gives a record with each field at its limit, as older gateways sent it. */
static Om__Record *
everything(void)
{
	Om__Record *r = good();

	r->generation_id = many(128, "~");
	r->turn_id = many(128, "\xc3\xa4");
	r->chat_id = many(256, " ");
	r->message_id = many(256, "\xf0\x9f\x98\x80");
	r->source = many(64, "s");
	r->origin = many(64, "\xe2\x82\xac");
	r->task = copy("");
	r->model = many(256, "m");
	r->requested_model = many(256, "M");
	r->provider = many(128, "p");
	r->user->id = many(128, "\xc3\xa4");
	r->user->name = many(512, "n");
	r->user->email = many(320, "e");
	r->user->role = many(64, "r");
	r->user->groups = om_arena_array(&arena, OM_FIT_GROUPS, sizeof(char *));
	r->user->n_groups = OM_FIT_GROUPS;
	for (size_t i = 0; i < OM_FIT_GROUPS; i++)
		r->user->groups[i] = i == 1 ? copy("") : many(256, "g");
	r->has_prompt_tokens = r->has_completion_tokens = r->has_reasoning_tokens = 1;
	r->prompt_tokens = OM_FIT_TOKENS_MAX;
	r->has_finished_us = 1;
	r->finished_us = NOW + OM_DAY;
	r->byok_cost = copy("10000");
	r->has_cost_state = 1;
	r->cost_state = OM__COST_STATE__COST_REPORTED;
	return r;
}

static void
test_what_fits_is_not_touched(void **state)
{
	Om__Record *r = everything();
	struct om_buf before, after;

	(void)state;
	packed(r, &before);
	fit(r);
	packed(r, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	assert_false(notes.changed);
	repaired(OM_FIT_FINISHED_AT); /* a day ahead: noted, and as it was sent */
	om_buf_fini(&before);
	om_buf_fini(&after);
}

static void
test_only_a_record_without_a_key_is_refused(void **state)
{
	om_err e = {.text = ""};
	Om__Record *r = good();

	(void)state;
	r->generation_id = copy("  ");
	assert_status(om_fit_record(r, &arena, NULL, &e), OM_INVALID, e);
	assert_non_null(strstr(e.text, "generation_id: is missing"));
	r->turn_id = copy("");
	assert_status(om_fit_record(r, &arena, NULL, &e), OM_INVALID, e);
	r->turn_id = copy("t");
	fit(r);
}

static void
test_ids_become_their_hash(void **state)
{
	static const char hashed[] = /* printf 'gen 1' | sha256sum */
	    "long:6144214b4f3365c03499535c30978ab647500e34d15025beb895ce57cd1c1cfe";
	Om__Record *r = good();

	(void)state;
	r->generation_id = copy("gen 1");
	fit(r);
	repaired(OM_FIT_GENERATION_ID);
	assert_string_equal(r->generation_id, hashed);
	fit(r); /* what it became fits */
	assert_false(om_fit_any(&notes));
	r->generation_id = many(129, "x");
	fit(r);
	assert_int_equal(strlen(r->generation_id), 5 + 64);
	r->generation_id = copy("g\xc3\xa9");
	fit(r);
	repaired(OM_FIT_GENERATION_ID);
	r->turn_id = many(129, "\xc3\xa4");
	fit(r);
	repaired(OM_FIT_TURN_ID);
	r->chat_id = copy("a\nb");
	fit(r);
	repaired(OM_FIT_CHAT_ID);
	r->message_id = many(257, "x");
	fit(r);
	repaired(OM_FIT_MESSAGE_ID);
	r->user->id = copy("a\xc2\x85");
	fit(r);
	repaired(OM_FIT_USER_ID);
	assert_memory_equal(r->user->id, "long:", 5);
}

static void
test_nobody_is_unknown(void **state)
{
	Om__Record *r = good();

	(void)state;
	r->user = NULL;
	fit(r);
	repaired(OM_FIT_USER_ID);
	assert_string_equal(r->user->id, OM_USER_UNKNOWN);
	r->user->id = copy("");
	fit(r);
	assert_string_equal(r->user->id, OM_USER_UNKNOWN);
	fit(r);
	assert_false(om_fit_any(&notes));
}

static void
test_texts_are_cleaned_cut_or_left_out(void **state)
{
	Om__Record *r = good();

	(void)state;
	r->user->name = copy("A\x01"
			     "d\x7f\xc2\x80"
			     "a\xc2\x9f\xff \xc2\xa0!");
	fit(r);
	repaired(OM_FIT_USER_NAME);
	assert_string_equal(r->user->name, "Ada \xc2\xa0!");
	r->user->name = many(513, "\xc3\xa4");
	fit(r);
	assert_int_equal(strlen(r->user->name), 2 * 512);
	r->user->email = many(321, "e");
	fit(r);
	repaired(OM_FIT_USER_EMAIL);
	assert_null(r->user->email);
	r->provider = many(129, "p");
	fit(r);
	repaired(OM_FIT_PROVIDER);
	assert_null(r->provider);
	r->model = copy("\x01\x02");
	fit(r);
	repaired(OM_FIT_MODEL);
	assert_null(r->model);
	r->platform = copy("OpenRouter");
	fit(r);
	assert_false(om_fit_any(&notes));
	assert_string_equal(r->platform, "openrouter");
}

static void
test_groups_stay_as_far_as_they_fit(void **state)
{
	Om__Record *r = good();

	(void)state;
	r->user->groups = om_arena_array(&arena, 66, sizeof(char *));
	r->user->n_groups = 66;
	for (size_t i = 0; i < 66; i++)
		r->user->groups[i] = copy(i == 0 ? "\xc2\x85" : "g");
	r->user->groups[1] = many(257, "\xc3\xa4");
	fit(r);
	repaired(OM_FIT_USER_GROUPS);
	assert_int_equal(r->user->n_groups, 63); /* the first 64, one of which held nothing */
	assert_int_equal(strlen(r->user->groups[0]), 2 * 256);
	assert_string_equal(r->user->groups[62], "g");
}

static void
test_inherited_groups_are_groups(void **state)
{
	Om__Record *r = good();

	(void)state;
	r->user->groups = om_arena_array(&arena, 2, sizeof(char *));
	r->user->groups[0] = copy("a");
	r->user->groups[1] = many(257, "b");
	r->user->inherited_groups = om_arena_array(&arena, 2, sizeof(char *));
	r->user->inherited_groups[0] = many(258, "b"); /* cut, it is the one that was cut */
	r->user->inherited_groups[1] = copy("a");
	r->user->n_groups = r->user->n_inherited_groups = 2;
	fit(r);
	assert_int_equal(r->user->n_inherited_groups, 2);
	assert_string_equal(r->user->inherited_groups[0], r->user->groups[1]);
	r->user->n_groups = 1;
	fit(r);
	repaired(OM_FIT_USER_INHERITED);
	assert_int_equal(r->user->n_inherited_groups, 1);
	assert_string_equal(r->user->inherited_groups[0], "a");
}

static void
test_sender_and_number_stay_where_they_fit(void **state)
{
	static unsigned char id[16];
	Om__Record *r = good();

	(void)state;
	r->has_sender = r->has_number = 1;
	r->sender = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	r->number = 1;
	fit(r);
	assert_false(om_fit_any(&notes));
	r->sender.len = 15;
	fit(r);
	repaired(OM_FIT_SENDER);
	assert_false(r->has_sender);
	r->number = 0;
	fit(r);
	repaired(OM_FIT_NUMBER);
	assert_false(r->has_number);
}

static void
test_numbers_out_of_bounds_are_left_out(void **state)
{
	Om__Record *r = good();

	(void)state;
	r->has_prompt_tokens = r->has_reasoning_tokens = r->has_request = 1;
	r->prompt_tokens = -35;
	r->reasoning_tokens = 3;
	fit(r);
	assert_false(r->has_prompt_tokens || r->has_request);
	assert_int_equal(r->reasoning_tokens, 3);
	assert_non_null(notes.why[OM_FIT_REQUEST]);
	r->has_cache_write_tokens = r->has_request = 1;
	r->cache_write_tokens = OM_FIT_TOKENS_MAX + 1;
	r->request = OM_FIT_REQUEST_MAX;
	fit(r);
	repaired(OM_FIT_CACHE_WRITE_TOKENS);
	assert_true(r->has_request);
	r->byok_cost = copy("-0.1");
	fit(r);
	repaired(OM_FIT_BYOK_COST);
	assert_null(r->byok_cost);
}

static void
test_absurd_cost_is_none(void **state)
{
	static const char *const bad[] = {"", "-1", "-0.000000000000000001", "10000.000000000000000001", "1e300", "abc",
	    "NaN", "Infinity", " 1", "0x10"};
	Om__Record *r = good();
	om_err e = {.text = ""};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		notes = (struct om_fit){.changed = false};
		r->cost = copy(bad[i]);
		r->has_cost_state = 1;
		r->cost_state = OM__COST_STATE__COST_REPORTED;
		assert_status(om_fit_record(r, &arena, &notes, &e), OM_OK, e);
		repaired(OM_FIT_COST);
		assert_true(r->cost == NULL && !r->has_cost_state && notes.changed);
	}
}

static void
test_unknown_words_mean_the_least(void **state)
{
	Om__Record *r = good();
	om_err e = {.text = ""};

	(void)state;
	r->state = (Om__State)4;
	fit(r);
	repaired(OM_FIT_STATE);
	assert_int_equal(r->state, OM__STATE__STATE_FINAL);
	r->has_cost_state = 1;
	r->cost_state = (Om__CostState)17;
	fit(r);
	repaired(OM_FIT_COST_STATE);
	assert_int_equal(r->cost_state, OM__COST_STATE__COST_ESTIMATED);
	r->cost = NULL;
	r->has_cost_state = 0;
	r->state = (Om__State)4;
	assert_status(om_fit_record(r, &arena, NULL, &e), OM_OK, e);
	assert_int_equal(r->state, OM__STATE__STATE_OPEN);
}

static void
test_times_stay_while_they_can_be_stored(void **state)
{
	const om_time stays[] = {NOW + 301 * OM_SECOND, NOW + 400 * OM_DAY, (om_time)1577836799 * OM_SECOND};
	const om_time goes[] = {
	    INT64_MIN, -1, 0, (om_time)946684799 * OM_SECOND, (om_time)7258118400 * OM_SECOND, INT64_MAX};
	Om__Record *r = good();

	(void)state;
	r->started_us = NOW + 300 * OM_SECOND;
	fit(r);
	assert_false(om_fit_any(&notes));
	for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++) {
		r->started_us = stays[i];
		fit(r);
		repaired(OM_FIT_STARTED_AT);
		assert_true(r->has_started_us && r->started_us == stays[i] && !notes.changed);
	}
	for (size_t i = 0; i < sizeof goes / sizeof goes[0]; i++) {
		r->has_started_us = 1;
		r->started_us = goes[i];
		fit(r);
		repaired(OM_FIT_STARTED_AT);
		assert_false(r->has_started_us);
		assert_true(notes.changed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_fits_is_not_touched),
	    cmocka_unit_test(test_only_a_record_without_a_key_is_refused),
	    cmocka_unit_test(test_ids_become_their_hash),
	    cmocka_unit_test(test_nobody_is_unknown),
	    cmocka_unit_test(test_texts_are_cleaned_cut_or_left_out),
	    cmocka_unit_test(test_groups_stay_as_far_as_they_fit),
	    cmocka_unit_test(test_inherited_groups_are_groups),
	    cmocka_unit_test(test_sender_and_number_stay_where_they_fit),
	    cmocka_unit_test(test_numbers_out_of_bounds_are_left_out),
	    cmocka_unit_test(test_absurd_cost_is_none),
	    cmocka_unit_test(test_unknown_words_mean_the_least),
	    cmocka_unit_test(test_times_stay_while_they_can_be_stored),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
