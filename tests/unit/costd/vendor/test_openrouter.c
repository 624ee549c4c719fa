/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Replies of the provider: the samples, and what must never become an amount. */
#include "record_fixture.h"

#include "value/record.h"
#include "vendor/openrouter.h"
#include "record.pb-c.h"
#include "settle.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW ((om_time)1790851300 * OM_SECOND)

static struct om_arena arena;

static int
set_up(void **state)
{
	(void)state;
	om_arena_init(&arena, (size_t)64 * 1024 * 1024);
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
sample(const char *name)
{
	char *path = om_arena_printf(&arena, "%s/%s", CD_SAMPLES, name);
	char *text = om_arena_alloc(&arena, 65536);
	FILE *f = fopen(path, "re");

	if (f == NULL)
		fail_msg("no file %s", path);
	else {
		assert_true(fread(text, 1, 65535, f) > 0);
		(void)fclose(f);
	}
	return text;
}

static unsigned left_out; /* of the last reply */

static om_status
read_it(const char *body, const char *id, Om__Record **out, om_err *e)
{
	struct cd_reply said;
	om_status s = cd_provider_generation(body, strlen(body), id, NOW, &arena, &said, e);

	*out = said.record;
	left_out = said.left_out;
	return s;
}

static Om__Record *
must_read(const char *body, const char *id)
{
	om_err e = {.text = ""};
	Om__Record *r = NULL;

	if (read_it(body, id, &r, &e) != OM_OK)
		fail_msg("%s", e.text);
	assert_int_equal(cd_record_fit(r, &arena, &e), OM_OK);
	assert_true(cd_record_is_look_up(r));
	return r;
}

static void
test_samples_of_generations(void **state)
{
	Om__Record *r = must_read(sample("generation.json"), "gen-1790762001-Kd83hQmZr2VxYt5LwB1c"), *again;

	(void)state;
	assert_string_equal(r->cost, "0.0033368");
	assert_null(r->byok_cost);
	assert_int_equal(r->prompt_tokens, 3120); /* native, not 2987 */
	assert_int_equal(r->completion_tokens, 412);
	assert_int_equal(r->reasoning_tokens, 145);
	assert_int_equal(r->cached_tokens, 2048);
	assert_int_equal(r->state, OM__STATE__STATE_FINAL);
	assert_string_equal(r->provider, "Amazon Bedrock");
	assert_string_equal(r->user->id, "9c1a6c0e-2a38-4a0e-8f6d-5d7f1f0b6a42"); /* external_user */
	assert_null(r->chat_id); /* a session id, but not one that the plugin made */
	assert_int_equal(left_out, 0);
	again = must_read(sample("generation.json"), "gen-1790762001-Kd83hQmZr2VxYt5LwB1c");
	assert_memory_equal(r->record_id.data, again->record_id.data, 16);

	r = must_read(sample("generation_cancelled.json"), "gen-1790763555-Hz7LbM4cPq1YxDk8GtRw");
	assert_string_equal(r->cost, "0.0000007"); /* 7e-7 */
	assert_int_equal(r->state, OM__STATE__STATE_CANCELLED);
	r = must_read(sample("generation_byok.json"), "gen-1790762377-Qp6NnT0aWe9RfJs3UvXb");
	assert_string_equal(r->cost, "0");
	assert_string_equal(r->byok_cost, "0.003765");
	assert_true(r->is_byok);
	assert_false(cd_provider_is_empty(r));
	r = must_read(sample("generation_byok_fee.json"), "gen-1790851288-Vt2CsA9eJm5WnKy6ZdQh");
	assert_string_equal(r->cost, "0.00018825");
	assert_string_equal(r->byok_cost, "0.003765");
}

static void
test_what_is_not_an_answer_is_refused_with_a_reason(void **state)
{
	static const char *const bad[][2] = {
	    {"", "not JSON"},
	    {"<html>blocked</html>", "not JSON"},
	    {"{\"data\":{\"total_cost\":0.1", "not JSON"},
	    {"null", "no data"},
	    {"[]", "no data"},
	    {"{\"error\":{\"message\":\"Resource not found\",\"code\":404}}", "Resource not found"},
	    {"{\"data\":[]}", "not an object"},
	    {"{\"data\":{}}", "total_cost: missing"},
	    {"{\"data\":{\"total_cost\":null}}", "total_cost: missing"},
	    {"{\"data\":{\"total_cost\":-0.1}}", "total_cost"},
	    {"{\"data\":{\"total_cost\":10001}}", "total_cost"},
	    {"{\"data\":{\"total_cost\":1e400}}", "total_cost"},
	    {"{\"data\":{\"total_cost\":NaN}}", "total_cost"},
	    {"{\"data\":{\"total_cost\":true}}", "total_cost"},
	    {"{\"data\":{\"total_cost\":\"NaN\"}}", "total_cost"},
	    {"{\"data\":{\"total_cost\":1,\"total_cost\":2}}", "not JSON"},
	    {"{\"data\":{\"total_cost\":10000.01,\"native_tokens_prompt\":1}}", "total_cost"},
	    {"{\"data\":{\"total_cost\":[1]}}", "total_cost"},
	    {"{\"data\":{\"usage\":1,\"native_tokens_prompt\":1}}", "total_cost: missing"},
	    {"{\"data\":{\"total_cost\":1,\"id\":\"gen-2\"}}", "another generation"},
	    {"{\"data\":{\"total_cost\":1,\"id\":\"gen 2\",\"cancelled\":true}}", "another generation"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		Om__Record *r = NULL;
		om_err e = {.text = ""};

		assert_int_equal(read_it(bad[i][0], "gen-1", &r, &e), OM_PROTOCOL);
		assert_null(r);
		if (strstr(e.text, bad[i][1]) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", bad[i][0], e.text, bad[i][1]);
	}
}

#define BIT(f) (1u << CD_REPLY_##f)
#define LONG   "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"

/* A minor field that does not fit never loses the amount. */
static void
test_a_good_cost_is_one_whatever_stands_beside_it(void **state)
{
	static const struct {
		const char *beside;
		unsigned left_out;
		int64_t prompt; /* -1: none */
	} cases[] = {
	    {"\"native_tokens_prompt\":1151", 0, 1151},
	    {"\"native_tokens_prompt\":1151.0", 0, 1151},
	    {"\"native_tokens_prompt\":\"1151\"", 0, 1151},
	    {"\"native_tokens_prompt\":0", 0, 0},
	    {"\"native_tokens_prompt\":null", 0, -1},
	    {"\"native_tokens_prompt\":-35", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":1151.5", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":\"-35\"", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":\"many\"", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":1000000001", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":\"1000000001\"", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":99999999999999999999999999", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":[3]", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_completion\":-1,\"native_tokens_reasoning\":1.5,\"native_tokens_cached\":true",
		BIT(COMPLETION_TOKENS) | BIT(REASONING_TOKENS) | BIT(CACHED_TOKENS), -1},
	    {"\"is_byok\":1", BIT(IS_BYOK), -1},
	    {"\"is_byok\":\"true\"", BIT(IS_BYOK), -1},
	    {"\"is_byok\":true,\"upstream_inference_cost\":-1", BIT(BYOK_COST), -1},
	    {"\"is_byok\":true,\"upstream_inference_cost\":10001", BIT(BYOK_COST), -1},
	    {"\"is_byok\":true,\"upstream_inference_cost\":{}", BIT(BYOK_COST), -1},
	    {"\"model\":\"a\\u0085b\"", BIT(MODEL), -1},
	    {"\"model\":\"" LONG LONG LONG LONG "m\"", BIT(MODEL), -1},
	    {"\"provider_name\":\"" LONG LONG "m\"", BIT(PROVIDER), -1},
	    {"\"provider_name\":7", BIT(PROVIDER), -1},
	    {"\"created_at\":\"soon\"", BIT(TIME), -1},
	    {"\"created_at\":\"1999-01-01T00:00:00Z\"", BIT(TIME), -1},
	    {"\"created_at\":\"2199-01-01T00:00:00Z\"", BIT(TIME), -1},
	    {"\"created_at\":1790851288", BIT(TIME), -1},
	    {"\"external_user\":\"" LONG LONG "m\"", BIT(USER), -1},
	    {"\"external_user\":\"a\\nb\"", BIT(USER), -1},
	    {"\"session_id\":\"a\\u009fb\"", BIT(SESSION), -1},
	    /* what the parser does not take */
	    {"\"model\":\"a\xff\"", BIT(MODEL), -1},
	    {"\"native_tokens_prompt\":1e400", BIT(PROMPT_TOKENS), -1},
	    {"\"native_tokens_prompt\":NaN", BIT(PROMPT_TOKENS), -1},
	    {"\"latency\":-Infinity,\"origin\":\"\xc3\",\"app\":\"\\ud83d\\u0000\"", 0, -1},
	    {"\"finish_reason\":7,\"cancelled\":\"no\",\"id\":12", 0, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *body = om_arena_printf(&arena, "{\"data\":{\"total_cost\":0.25,%s}}", cases[i].beside);
		Om__Record *r = must_read(body, "gen-1");

		assert_string_equal(r->cost, "0.25");
		if (left_out != cases[i].left_out)
			fail_msg("%s: left out %x, not %x", cases[i].beside, left_out, cases[i].left_out);
		if (r->has_prompt_tokens != (cases[i].prompt >= 0) ||
		    (r->has_prompt_tokens && r->prompt_tokens != cases[i].prompt))
			fail_msg("%s: %lld tokens", cases[i].beside, (long long)r->prompt_tokens);
		assert_false(r->has_completion_tokens || r->has_reasoning_tokens || r->has_cached_tokens);
		assert_null(r->byok_cost);
		assert_null(r->model);
		assert_null(r->provider);
		assert_string_equal(r->user->id, "unknown");
	}
	assert_string_equal(cd_reply_fields[CD_REPLY_PROMPT_TOKENS], "usage.prompt_tokens");
}

static void
test_odd_answers_that_are_sound(void **state)
{
	Om__Record *r = must_read("{\"data\":{\"total_cost\":9.9E-7,\"id\":\"gen-1\",\"cancelled\":true}}", "gen-1");

	(void)state;
	assert_string_equal(r->cost, "0.00000099");
	assert_null(r->other_id);
	assert_int_equal(r->finished_us, NOW); /* nothing says when it was */
	/* an interrupted request is answered under another id */
	r = must_read("{\"data\":{\"total_cost\":1,\"id\":\"gen-2\",\"cancelled\":true}}", "gen-1");
	assert_string_equal(r->generation_id, "gen-1");
	assert_string_equal(r->other_id, "gen-2");
	r = must_read("{\"data\":{\"total_cost\":0,\"native_tokens_prompt\":0}}", "gen-1");
	assert_true(cd_provider_is_empty(r));
	r = must_read("{\"data\":{\"total_cost\":0,\"native_tokens_prompt\":9}}", "gen-1");
	assert_false(cd_provider_is_empty(r));
	/* not BYOK: the upstream amount is not a second bill */
	r = must_read("{\"data\":{\"total_cost\":1,\"is_byok\":false,\"upstream_inference_cost\":1}}", "gen-1");
	assert_null(r->byok_cost);
	assert_false(cd_provider_lacks_byok(r));
	/* BYOK without the upstream bill is half an answer */
	r = must_read("{\"data\":{\"total_cost\":0.1,\"is_byok\":true,\"upstream_inference_cost\":null}}", "gen-1");
	assert_true(cd_provider_lacks_byok(r));
	r = must_read("{\"data\":{\"total_cost\":0.1,\"is_byok\":true}}", "gen-1");
	assert_true(cd_provider_lacks_byok(r));
	r = must_read("{\"data\":{\"total_cost\":0.1,\"is_byok\":true,\"upstream_inference_cost\":0}}", "gen-1");
	assert_false(cd_provider_lacks_byok(r));
}

static void
test_a_reply_without_a_time_has_that_of_its_id(void **state)
{
	Om__Record *r = must_read("{\"data\":{\"total_cost\":1}}", "gen-1790762001-Kd83"), *later;
	struct cd_reply said;

	(void)state;
	assert_true(r->finished_us == (om_time)1790762001 * OM_SECOND);
	/* so that the same answer is the same record, whenever it comes */
	assert_int_equal(
	    cd_provider_generation("{\"data\":{\"total_cost\":1}}", strlen("{\"data\":{\"total_cost\":1}}"),
		"gen-1790762001-Kd83", NOW + OM_DAY, &arena, &said, NULL),
	    OM_OK);
	later = said.record;
	assert_memory_equal(r->record_id.data, later->record_id.data, 16);
	assert_true(later->finished_us == r->finished_us);
	r = must_read("{\"data\":{\"total_cost\":1}}", "gen-9999999999-far-to-come");
	assert_true(r->finished_us == NOW);
	/* an id of the same bytes never stands for two contents */
	assert_int_equal(
	    cd_provider_generation("{\"data\":{\"total_cost\":1}}", strlen("{\"data\":{\"total_cost\":1}}"),
		"gen-9999999999-far-to-come", NOW + 1, &arena, &said, NULL),
	    OM_OK);
	assert_memory_not_equal(r->record_id.data, said.record->record_id.data, 16);
}

static void
test_a_reply_names_the_user_the_chat_and_the_task(void **state)
{
	static const char *const cases[][4] = {
	    /* what it says, user, chat, task */
	    {"\"external_user\":\"u-7\"", "u-7", NULL, NULL},
	    {"\"external_user\":\"\"", "unknown", NULL, NULL},
	    {"\"external_user\":null,\"session_id\":\"owui|u-7|c-1||title_generation\"", "u-7", "c-1",
		"title_generation"},
	    {"\"session_id\":\"owui|u-7|c-1||\"", "u-7", "c-1", NULL},
	    {"\"session_id\":\"owui|u-7|||\"", "u-7", NULL, NULL},
	    {"\"external_user\":\"u-8\",\"session_id\":\"owui|u-7|c-1||t\"", "u-8", "c-1", "t"},
	    {"\"external_user\":\"a\\nb\",\"session_id\":\"owui|u-7|c-1||\"", "u-7", "c-1", NULL},
	    {"\"session_id\":\"owui||c-1||t\"", "unknown", "c-1", "t"},
	    {"\"session_id\":\"owui|{{USER_ID}}|{{CHAT_ID}}||{{TASK}}\"", "unknown", NULL, NULL},
	    {"\"session_id\":\"7f3c2b19-8d51-4f0e-9a77-1c9f0a3e5b22\"", "unknown", NULL, NULL},
	    {"\"session_id\":\"owui|u-7|c-1|m-1|t\"", "unknown", NULL, NULL},
	    {"\"session_id\":\"owui|u-7|c-1||t|more\"", "unknown", NULL, NULL},
	    {"\"session_id\":\"owui|u-7|c-1\"", "unknown", NULL, NULL},
	    {"\"session_id\":\"owuix|u-7|c-1||t\"", "unknown", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *body = om_arena_printf(&arena, "{\"data\":{\"total_cost\":0.25,%s}}", cases[i][0]);
		Om__Record *r = must_read(body, "gen-1");
		const char *const said[] = {r->user->id, r->chat_id, r->task};

		for (size_t k = 0; k < 3; k++)
			if ((said[k] == NULL) != (cases[i][k + 1] == NULL) ||
			    (said[k] != NULL && strcmp(said[k], cases[i][k + 1]) != 0))
				fail_msg("%s: %s", cases[i][0], said[k] != NULL ? said[k] : "(none)");
	}
}

static void
test_any_bytes_are_read_totally(void **state)
{
	uint64_t seed = fx_seed();
	char *good = sample("generation.json");
	size_t n = strlen(good);

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct om_arena a;
		Om__ModelsReply models = OM__MODELS_REPLY__INIT;
		Om__CreditsReply credits = OM__CREDITS_REPLY__INIT;
		struct cd_reply said;
		char *copy;

		om_arena_init(&a, (size_t)16 * 1024 * 1024);
		copy = om_arena_strndup(&a, good, n);
		for (unsigned k = 0; k < 1 + i % 4; k++)
			copy[fx_random(&seed) % n] = (char)fx_random(&seed);
		if (cd_provider_generation(copy, n, "gen-1790762001-Kd83hQmZr2VxYt5LwB1c", NOW, &a, &said, NULL) ==
		    OM_OK)
			assert_int_equal(cd_record_fit(said.record, &a, NULL), OM_OK);
		(void)!cd_provider_models(copy, n, &a, &models, NULL);
		(void)!cd_provider_credits(copy, n, &a, &credits, NULL);
		om_arena_fini(&a);
	}
}

static const char *
price_of(const Om__ModelsReply *r, const char *id, const char *key)
{
	for (size_t i = 0; i < r->n_items; i++)
		for (size_t k = 0; strcmp(r->items[i]->id, id) == 0 && k < r->items[i]->n_prices; k++)
			if (strcmp(r->items[i]->prices[k]->key, key) == 0)
				return r->items[i]->prices[k]->value;
	return NULL;
}

static void
test_models_keep_the_provider_s_prices(void **state)
{
	static const char odd[] =
	    "{\"data\":[7,{\"name\":\"no "
	    "id\"},{\"id\":\"a/b\",\"pricing\":null},{\"id\":\"c/d\",\"pricing\":{\"prompt\":"
	    "\"0.00000008333333333333334\",\"discount\":0.25,\"overrides\":[{}],\"completion\":\"-1\"}}]}";
	Om__ModelsReply out = OM__MODELS_REPLY__INIT;
	char *body = sample("models.json");

	(void)state;
	assert_int_equal(cd_provider_models(body, strlen(body), &arena, &out, NULL), OM_OK);
	assert_int_equal(out.n_items, 14);
	assert_string_equal(price_of(&out, "openai/gpt-4o-mini", "prompt"), "0.00000015");
	assert_int_equal(out.items[0]->context_length, 128000);
	out = (Om__ModelsReply)OM__MODELS_REPLY__INIT;
	assert_int_equal(cd_provider_models(odd, sizeof odd - 1, &arena, &out, NULL), OM_OK);
	assert_int_equal(out.n_items, 2);
	assert_string_equal(price_of(&out, "c/d", "prompt"), "0.00000008333333333333334");
	assert_string_equal(price_of(&out, "c/d", "completion"), "-1");
	assert_string_equal(price_of(&out, "c/d", "discount"), "0.25");
	assert_null(price_of(&out, "c/d", "overrides"));
}

static void
test_credits_of_two_zeros_are_not_known(void **state)
{
	Om__CreditsReply out = OM__CREDITS_REPLY__INIT;
	char *body = sample("credits.json");

	(void)state;
	assert_int_equal(cd_provider_credits(body, strlen(body), &arena, &out, NULL), OM_OK);
	assert_true(out.known);
	assert_string_equal(out.total_credits, "250");
	assert_string_equal(out.remaining, "146.57182636");
	body = sample("credits_inference_key_quirk.json");
	out = (Om__CreditsReply)OM__CREDITS_REPLY__INIT;
	assert_int_equal(cd_provider_credits(body, strlen(body), &arena, &out, NULL), OM_OK);
	assert_false(out.known);
	body = sample("error_403_management.json");
	assert_int_equal(cd_provider_credits(body, strlen(body), &arena, &out, NULL), OM_PROTOCOL);
}

static void
test_retry_after_seconds_and_dates(void **state)
{
	const om_time now = (om_time)784111700 * OM_SECOND; /* 77 s before the date of RFC 9110 */

	(void)state;
	assert_int_equal(cd_retry_after("0", now), 0);
	assert_int_equal(cd_retry_after(" 120", now), 120);
	assert_int_equal(cd_retry_after("86400", now), 3600);
	assert_int_equal(cd_retry_after("99999999999999999999999", now), 3600);
	assert_int_equal(cd_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), 77);
	assert_int_equal(cd_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now + 100 * OM_SECOND), 0);
	assert_int_equal(cd_retry_after("Sun, 06 Nov 2094 08:49:37 GMT", now), 3600);
	assert_int_equal(cd_retry_after("", now), -1);
	assert_int_equal(cd_retry_after("soon", now), -1);
	assert_int_equal(cd_retry_after("-5", now), -1);
	assert_int_equal(cd_retry_after("12 s", now), -1);
	assert_int_equal(cd_retry_after("1.5", now), -1);
	assert_int_equal(cd_retry_after("Sun, 99 Nov 1994 08:49:37 GMT", now), -1);
	assert_int_equal(cd_retry_after("Sun, 06 ovD 1994 08:49:37 GMT", now), -1);
	assert_int_equal(cd_retry_after("Sun, 06 Nov 1994 08:49:37 CET", now), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_samples_of_generations),
	    cmocka_unit_test(test_what_is_not_an_answer_is_refused_with_a_reason),
	    cmocka_unit_test(test_a_good_cost_is_one_whatever_stands_beside_it),
	    cmocka_unit_test(test_odd_answers_that_are_sound),
	    cmocka_unit_test(test_a_reply_without_a_time_has_that_of_its_id),
	    cmocka_unit_test(test_a_reply_names_the_user_the_chat_and_the_task),
	    cmocka_unit_test(test_any_bytes_are_read_totally),
	    cmocka_unit_test(test_models_keep_the_provider_s_prices),
	    cmocka_unit_test(test_credits_of_two_zeros_are_not_known),
	    cmocka_unit_test(test_retry_after_seconds_and_dates),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
