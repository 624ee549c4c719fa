/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "event.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW ((om_time)1795452001 * OM_SECOND) /* 2026-11-23T16:40:01Z */

struct bad {
	const char *json;
	const char *reason; /* how it begins */
};

#define GOOD "\"v\":1,\"generation_id\":\"gen-1\",\"user\":{\"id\":\"u\"},\"started_at\":\"2026-11-23T10:00:00Z\""

static const struct bad bad_records[] = {
    {"3", "must be an object"},
    {"{\"v\":null}", "v: must be 1"},
    {"{\"generation_id\":\"g\"}", "user: is missing"}, /* without a version it is the first */
    {"{\"v\":2}", "v: must be 1"},
    {"{\"v\":\"1\"}", "v: must be 1"},
    {"{\"v\":1,\"generation_id\":\"g\",\"started_at\":\"2026-11-23T10:00:00Z\"}", "user: is missing"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":\"u\"}", "user: must be an object"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":{}}", "user.id: must be"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":{\"id\":\"\"}}", "user.id: must be"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":{\"id\":7}}", "user.id: must be a string"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":{\"id\":\"a\\nb\"}}", "user.id: must not contain control"},
    {"{" GOOD ",\"chat_id\":\"a\\u0085b\"}", "chat_id: must not contain control"},
    {"{\"v\":1,\"user\":{\"id\":\"u\"},\"started_at\":\"2026-11-23T10:00:00Z\"}", "generation_id: is missing"},
    {"{\"v\":1,\"user\":{\"id\":\"u\"},\"turn_id\":\"\",\"started_at\":\"2026-11-23T10:00:00Z\"}",
	"generation_id: is missing"},
    {"{\"v\":1,\"generation_id\":\"a b\",\"user\":{\"id\":\"u\"}}", "generation_id: must be 1 to 128"},
    {"{\"v\":1,\"generation_id\":\"\",\"user\":{\"id\":\"u\"}}", "generation_id: must be 1 to 128"},
    {"{\"v\":1,\"generation_id\":\"g\\u00e9\",\"user\":{\"id\":\"u\"}}", "generation_id: must be 1 to 128"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":{\"id\":\"u\"}}", "started_at: is missing"},
    {"{\"v\":1,\"record_id\":\"nope\",\"generation_id\":\"g\",\"user\":{\"id\":\"u\"}}", "record_id: must be a UUID"},
    {"{" GOOD ",\"state\":\"done\"}", "state: must be open, final, cancelled or error"},
    {"{" GOOD ",\"state\":1}", "state: must be a string"},
    {"{" GOOD ",\"finished_at\":\"1970-01-01T00:00:00Z\"}", "finished_at: must be from 2020-01-01"},
    {"{" GOOD ",\"finished_at\":\"2200-01-01T00:00:00Z\"}", "finished_at: must be from 2020-01-01"},
    {"{" GOOD ",\"finished_at\":\"yesterday\"}", "finished_at: not an RFC 3339 time"},
    {"{" GOOD ",\"finished_at\":1795452001}", "finished_at: must be a string"},
    {"{" GOOD ",\"usage\":{\"cost\":-0.01}}", "usage.cost: must be an amount from 0 to 10000 USD"},
    {"{" GOOD ",\"usage\":{\"cost\":10000.01}}", "usage.cost: must be an amount from 0 to 10000 USD"},
    {"{" GOOD ",\"usage\":{\"cost\":1e300}}", "usage.cost: "},
    {"{" GOOD ",\"usage\":{\"cost\":\"NaN\"}}", "usage.cost: "},
    {"{" GOOD ",\"usage\":{\"cost\":\" 1\"}}", "usage.cost: "},
    {"{" GOOD ",\"usage\":{\"cost\":true}}", "usage.cost: must be a number or a decimal string"},
    {"{" GOOD ",\"usage\":[]}", "usage: must be an object"},
    {"{" GOOD ",\"usage\":{\"prompt_tokens\":-1}}", "usage.prompt_tokens: must be a whole number from 0"},
    {"{" GOOD ",\"usage\":{\"prompt_tokens\":1.5}}", "usage.prompt_tokens: must be a whole number from 0"},
    {"{" GOOD ",\"usage\":{\"completion_tokens\":1000000001}}", "usage.completion_tokens: must be a whole number"},
    {"{" GOOD ",\"usage\":{\"completion_tokens\":9007199254740991}}", "usage.completion_tokens: must be a whole"},
    {"{" GOOD ",\"usage\":{\"prompt_tokens_details\":{\"cached_tokens\":\"3\"}}}",
	"usage.prompt_tokens_details.cached_tokens: must be"},
    {"{" GOOD ",\"usage\":{\"completion_tokens_details\":{\"reasoning_tokens\":-3}}}",
	"usage.completion_tokens_details.reasoning_tokens: must be"},
    {"{" GOOD ",\"usage\":{\"is_byok\":\"yes\"}}", "usage.is_byok: must be true or false"},
    {"{" GOOD ",\"usage\":{\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":-1}}}",
	"usage.cost_details.upstream_inference_cost: must be an amount"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":{\"id\":\"u\",\"groups\":\"staff\"}}", "user.groups: must be a list"},
    {"{\"v\":1,\"generation_id\":\"g\",\"user\":{\"id\":\"u\",\"groups\":[\"a\",1]}}",
	"user.groups[1]: must be a text"},
};

static om_status
read_one(const char *json, struct om_arena *a, Om__Record *out, om_err *e)
{
	json_t *doc = NULL;
	om_status s = om_json_parse(json, strlen(json), &doc, e);

	if (s == OM_OK)
		s = gw_event_read(doc, NOW, a, out, e);
	json_decref(doc);
	return s;
}

static void
test_bad_record_gives_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_records / sizeof bad_records[0]; i++) {
		struct om_arena a;
		om_err e = {.text = ""};
		Om__Record r;

		om_arena_init(&a, 1 << 20);
		assert_status(read_one(bad_records[i].json, &a, &r, &e), OM_INVALID, e);
		if (strncmp(e.text, bad_records[i].reason, strlen(bad_records[i].reason)) != 0)
			fail_msg("%s: \"%s\" does not begin with \"%s\"", bad_records[i].json, e.text,
			    bad_records[i].reason);
		om_arena_fini(&a);
	}
}

static void
test_long_text_is_refused_at_its_limit(void **state)
{
	char json[2048], name[600];

	(void)state;
	memset(name, 'x', sizeof name);
	for (int n = 512; n <= 513; n++) {
		struct om_arena a;
		om_err e = {.text = ""};
		Om__Record r;

		(void)snprintf(json, sizeof json,
		    "{\"v\":1,\"turn_id\":\"t\",\"user\":{\"id\":\"u\",\"name\":\"%.*s\"},"
		    "\"started_at\":\"2026-11-23T10:00:00Z\"}",
		    n, name);
		om_arena_init(&a, 1 << 20);
		assert_status(read_one(json, &a, &r, &e), n == 512 ? OM_OK : OM_INVALID, e);
		om_arena_fini(&a);
	}
}

static const char full[] =
    "{\"v\":1,\"record_id\":\"0190f6d2-0000-7000-8000-000000000001\",\"generation_id\":\"gen-1785000002-AbC\","
    "\"state\":\"cancelled\",\"source\":\"filter-stream\",\"turn_id\":\"a91f\",\"chat_id\":\"5b0c\",\"message_id\":"
    "\"9d1e\","
    "\"origin\":\"ui\",\"task\":null,\"user\":{\"id\":\"u-1\",\"name\":\"Ad\\u00e1\",\"email\":\"ada@example.org\","
    "\"role\":\"user\",\"groups\":[\"staff\",\"\"]},\"requested_model\":\"my-preset\",\"model\":\"anthropic/claude-x\","
    "\"provider\":\"Anthropic\",\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":7,\"cost\":1.25e-7,"
    "\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":\"0.25\"},"
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":3},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":2}},\"new_field\":{\"of\":[\"a newer\",\"plugin\"]},"
    "\"started_at\":\"2026-11-23T16:40:01.120Z\",\"finished_at\":\"2026-11-23T17:40:03.900+01:00\"}";

static void
test_full_record_is_read_in_full(void **state)
{
	struct om_arena a;
	om_err e = {.text = ""};
	char uuid[37];
	Om__Record r;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_one(full, &a, &r, &e), OM_OK, e);
	om_uuid_text(r.record_id.data, uuid);
	assert_string_equal(uuid, "0190f6d2-0000-7000-8000-000000000001");
	assert_string_equal(r.generation_id, "gen-1785000002-AbC");
	assert_int_equal(r.state, OM__STATE__STATE_CANCELLED);
	assert_string_equal(r.user->name, "Ad\xc3\xa1");
	assert_int_equal(r.user->n_groups, 2);
	assert_string_equal(r.user->groups[1], "");
	assert_null(r.task);
	assert_string_equal(r.cost, "0.000000125");
	assert_int_equal(r.cost_state, OM__COST_STATE__COST_REPORTED);
	assert_string_equal(r.byok_cost, "0.25");
	assert_int_equal(r.reasoning_tokens, 2);
	assert_true(r.has_cached_tokens && r.cached_tokens == 0);
	assert_int_equal(r.started_us, 1795452001120000);
	assert_int_equal(r.finished_us, 1795452003900000);
	assert_int_equal(r.received_us, NOW);
	om_arena_fini(&a);
}

static void
test_absent_is_not_zero(void **state)
{
	struct om_arena a;
	om_err e = {.text = ""};
	Om__Record r;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_one("{" GOOD ",\"usage\":{\"cost\":null,\"is_byok\":null}}", &a, &r, &e), OM_OK, e);
	assert_null(r.cost);
	assert_false(r.has_cost_state || r.has_prompt_tokens || r.has_is_byok || r.has_finished_us);
	assert_int_equal(r.state, OM__STATE__STATE_FINAL);
	assert_status(read_one("{" GOOD ",\"usage\":{\"cost\":0}}", &a, &r, &e), OM_OK, e);
	assert_string_equal(r.cost, "0");
	om_arena_fini(&a);
}

static void
test_upstream_cost_without_byok_is_left_out(void **state)
{
	struct om_arena a;
	om_err e = {.text = ""};
	Om__Record r;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_one("{" GOOD ",\"usage\":{\"cost\":1,\"is_byok\":false,"
			       "\"cost_details\":{\"upstream_inference_cost\":1}}}",
			  &a, &r, &e),
	    OM_OK, e);
	assert_null(r.byok_cost);
	om_arena_fini(&a);
}

static void
test_derived_id_depends_on_content_alone(void **state)
{
	struct om_arena a;
	om_err e = {.text = ""};
	Om__Record one, again, other;
	json_t *doc = NULL;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_one("{" GOOD ",\"model\":\"m\"}", &a, &one, &e), OM_OK, e);
	/* another order of the fields, another receive time */
	assert_status(
	    om_json_parse("{\"model\":\"m\"," GOOD "}", strlen("{\"model\":\"m\"," GOOD "}"), &doc, &e), OM_OK, e);
	assert_status(gw_event_read(doc, NOW + OM_SECOND, &a, &again, &e), OM_OK, e);
	json_decref(doc);
	assert_status(read_one("{" GOOD ",\"model\":\"n\"}", &a, &other, &e), OM_OK, e);
	assert_memory_equal(one.record_id.data, again.record_id.data, 16);
	assert_memory_not_equal(one.record_id.data, other.record_id.data, 16);
	om_arena_fini(&a);
}

static om_status
read_body(const char *body, bool lines, struct gw_events *ev, struct om_arena *a, om_err *e)
{
	struct gw_batch *b = gw_batch_new();
	om_status s;

	assert_non_null(b);
	s = lines ? gw_events_ndjson(body, strlen(body), NOW, a, b, ev, e)
		  : gw_events_json(body, strlen(body), NOW, a, b, ev, e);
	assert_int_equal(b->n, ev->n_accepted);
	gw_batch_free(&b);
	return s;
}

static void
test_array_keeps_the_good_and_lists_the_bad(void **state)
{
	struct om_arena a;
	struct gw_events ev;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_body("[{" GOOD "},{\"v\":1},{" GOOD "},null]", false, &ev, &a, &e), OM_OK, e);
	assert_int_equal(ev.n_accepted, 2);
	assert_int_equal(ev.n_rejected, 2);
	assert_int_equal(ev.rejected[0].index, 1);
	assert_string_equal(ev.rejected[0].reason, "user: is missing");
	assert_int_equal(ev.rejected[1].index, 3);
	assert_status(read_body("[]", false, &ev, &a, &e), OM_OK, e);
	assert_int_equal(ev.n_accepted + ev.n_rejected, 0);
	om_arena_fini(&a);
}

static void
test_malformed_json_names_line_and_column(void **state)
{
	struct om_arena a;
	struct gw_events ev;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_body("[\n{\"v\":1,]", false, &ev, &a, &e), OM_INVALID, e);
	assert_non_null(strstr(e.text, "line 2, column"));
	assert_status(read_body("[{\"v\":1,\"v\":1}]", false, &ev, &a, &e), OM_INVALID, e);
	assert_status(read_body("\"text\"", false, &ev, &a, &e), OM_INVALID, e);
	assert_status(read_body("[\"\xff\"]", false, &ev, &a, &e), OM_INVALID, e);
	om_arena_fini(&a);
}

static void
test_ndjson_bad_line_costs_only_itself(void **state)
{
	struct om_arena a;
	struct gw_events ev;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(
	    read_body("{" GOOD "}\r\n\n{\"v\":\n{" GOOD "}\n\"\xff\"\n{" GOOD "}", true, &ev, &a, &e), OM_OK, e);
	assert_int_equal(ev.n_accepted, 3);
	assert_int_equal(ev.n_rejected, 2);
	assert_int_equal(ev.rejected[0].index, 1);
	assert_non_null(strstr(ev.rejected[0].reason, "line 3"));
	assert_int_equal(ev.rejected[1].index, 3);
	om_arena_fini(&a);
}

static void
test_lines_under_the_name_of_json_are_records(void **state)
{
	struct om_arena a;
	struct gw_events ev;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_body("\n {" GOOD "}\r\n{\"v\":\n{" GOOD "}\n", false, &ev, &a, &e), OM_OK, e);
	assert_int_equal(ev.n_accepted, 2);
	assert_int_equal(ev.n_rejected, 1);
	assert_int_equal(ev.rejected[0].index, 1);
	assert_status(read_body("{" GOOD "}\n", false, &ev, &a, &e), OM_OK, e);
	assert_int_equal(ev.n_accepted, 1);
	/* one record over several lines, with the mistake in its last */
	assert_status(read_body("{\n\"v\":1\n}\n}", false, &ev, &a, &e), OM_INVALID, e);
	assert_status(read_body("{" GOOD "}{" GOOD "}", false, &ev, &a, &e), OM_INVALID, e);
	assert_status(read_body("[]\n[]", false, &ev, &a, &e), OM_INVALID, e);
	om_arena_fini(&a);
}

static void
test_too_many_records_are_too_large(void **state)
{
	size_t n = GW_EVENTS_MAX + 1;
	char *body = malloc(2 * n + 2);
	struct om_arena a;
	struct gw_events ev;
	om_err e = {.text = ""};

	(void)state;
	assert_non_null(body);
	om_arena_init(&a, (size_t)64 << 20);
	for (size_t i = 0; i < n; i++)
		memcpy(body + 2 * i, "3\n", 3);
	assert_status(read_body(body, true, &ev, &a, &e), OM_TOO_LARGE, e);
	for (size_t i = 0; i < n; i++)
		memcpy(body + 1 + 2 * i, i + 1 < n ? "3," : "3]", 3);
	body[0] = '[';
	assert_status(read_body(body, false, &ev, &a, &e), OM_TOO_LARGE, e);
	free(body);
	om_arena_fini(&a);
}

/* ---- the older body ---- */

#define OLD_USER "\"user\":{\"id\":\"u\",\"name\":\"Ada\",\"email\":\"a@b\",\"role\":\"admin\"}"

static om_status
read_old(const char *json, om_time now, struct om_arena *a, Om__Record *out, om_err *e)
{
	json_t *doc = NULL;
	om_status s = om_json_parse(json, strlen(json), &doc, e);

	if (s == OM_OK)
		s = gw_legacy_read(doc, now, a, out, e);
	json_decref(doc);
	return s;
}

static void
test_older_record_is_read(void **state)
{
	static const char json[] =
	    "{" OLD_USER ",\"activity\":{\"id\":\"act-1\",\"timestamp\":1795452001,\"user_id\":\"u\",\"model\":\"a/b\","
	    "\"prompt_token\":30,\"completion_token\":7,\"reasoning_token\":null,\"cached_tokens\":0,\"cost\":0.003}}";
	struct om_arena a;
	om_err e = {.text = ""};
	Om__Record r, again;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_old(json, NOW, &a, &r, &e), OM_OK, e);
	assert_string_equal(r.turn_id, "act-1");
	assert_null(r.generation_id);
	assert_string_equal(r.source, "metering-record");
	assert_string_equal(r.model, "a/b");
	assert_string_equal(r.requested_model, "a/b");
	assert_string_equal(r.cost, "0.003");
	assert_int_equal(r.started_us, NOW);
	assert_true(r.has_cached_tokens && !r.has_reasoning_tokens);
	assert_int_equal(r.state, OM__STATE__STATE_FINAL);
	/* sent again later it is the same record */
	assert_status(read_old(json, NOW + OM_SECOND, &a, &again, &e), OM_OK, e);
	assert_memory_equal(r.record_id.data, again.record_id.data, 16);
	/* with other content it is another one of the same row */
	assert_status(read_old("{" OLD_USER ",\"activity\":{\"id\":\"act-1\",\"timestamp\":null}}", NOW + OM_SECOND, &a,
			  &again, &e),
	    OM_OK, e);
	assert_memory_not_equal(r.record_id.data, again.record_id.data, 16);
	assert_string_equal(again.turn_id, "act-1");
	assert_int_equal(again.started_us, NOW + OM_SECOND);
	assert_status(
	    read_old("{\"user\":{\"id\":\"v\"},\"activity\":{\"id\":\"act-1\"}}", NOW, &a, &again, &e), OM_OK, e);
	assert_memory_not_equal(r.record_id.data, again.record_id.data, 16);
	/* milliseconds */
	assert_status(
	    read_old("{" OLD_USER ",\"activity\":{\"id\":\"act-1\",\"timestamp\":1795452001123}}", NOW, &a, &again, &e),
	    OM_OK, e);
	assert_int_equal(again.started_us, 1795452001123000);
	om_arena_fini(&a);
}

static void
test_older_record_bad_input_gives_its_reason(void **state)
{
	static const struct bad bad[] = {
	    {"[]", "the body must be an object"},
	    {"{\"activity\":{\"id\":\"a\"}}", "user: is missing"},
	    {"{" OLD_USER "}", "activity: is missing"},
	    {"{" OLD_USER ",\"activity\":{}}", "activity.id: must be"},
	    {"{" OLD_USER ",\"activity\":{\"id\":\"\"}}", "activity.id: must be"},
	    {"{\"user\":{\"id\":\"\"},\"activity\":{\"id\":\"a\"}}", "user.id: must be"},
	    {"{" OLD_USER ",\"activity\":{\"id\":\"a\",\"user_id\":\"other\"}}", "activity.user_id: must be the same"},
	    {"{" OLD_USER ",\"activity\":{\"id\":\"a\",\"timestamp\":-1}}", "activity.timestamp: must be"},
	    {"{" OLD_USER ",\"activity\":{\"id\":\"a\",\"timestamp\":0}}", "activity.timestamp: must be from 2020"},
	    {"{" OLD_USER ",\"activity\":{\"id\":\"a\",\"timestamp\":9007199254740991}}",
		"activity.timestamp: must be"},
	    {"{" OLD_USER ",\"activity\":{\"id\":\"a\",\"cost\":-5}}", "activity.cost: must be an amount"},
	    {"{" OLD_USER ",\"activity\":{\"id\":\"a\",\"prompt_token\":-5}}", "activity.prompt_token: must be"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct om_arena a;
		om_err e = {.text = ""};
		Om__Record r;

		om_arena_init(&a, 1 << 20);
		assert_status(read_old(bad[i].json, NOW, &a, &r, &e), OM_INVALID, e);
		if (strncmp(e.text, bad[i].reason, strlen(bad[i].reason)) != 0)
			fail_msg("%s: \"%s\"", bad[i].json, e.text);
		om_arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_record_gives_its_reason),
	    cmocka_unit_test(test_long_text_is_refused_at_its_limit),
	    cmocka_unit_test(test_full_record_is_read_in_full),
	    cmocka_unit_test(test_absent_is_not_zero),
	    cmocka_unit_test(test_upstream_cost_without_byok_is_left_out),
	    cmocka_unit_test(test_derived_id_depends_on_content_alone),
	    cmocka_unit_test(test_array_keeps_the_good_and_lists_the_bad),
	    cmocka_unit_test(test_malformed_json_names_line_and_column),
	    cmocka_unit_test(test_ndjson_bad_line_costs_only_itself),
	    cmocka_unit_test(test_lines_under_the_name_of_json_are_records),
	    cmocka_unit_test(test_too_many_records_are_too_large),
	    cmocka_unit_test(test_older_record_is_read),
	    cmocka_unit_test(test_older_record_bad_input_gives_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
