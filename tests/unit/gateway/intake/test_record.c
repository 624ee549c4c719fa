/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"

#include "intake/record.h"
#include "record.pb-c.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW ((om_time)1795452001 * OM_SECOND) /* 2026-11-23T16:40:01Z */

#define GOOD "\"v\":1,\"generation_id\":\"gen-1\",\"user\":{\"id\":\"u\"},\"started_at\":\"2026-11-23T10:00:00Z\""

static om_status
read_noted(const char *json, om_time now, struct om_arena *a, Om__Record *out, struct om_fit *notes, om_err *e)
{
	json_t *doc = NULL;
	om_status s = om_json_parse(json, strlen(json), &doc, e);

	if (s == OM_OK)
		s = gw_record_read(doc, now, a, out, notes, e);
	json_decref(doc);
	return s;
}

static om_status
read_one(const char *json, struct om_arena *a, Om__Record *out, om_err *e)
{
	struct om_fit notes;

	return read_noted(json, NOW, a, out, &notes, e);
}

static void
test_only_what_has_no_key_is_refused(void **state)
{
	static const struct {
		const char *json, *reason;
	} bad[] = {
	    {"3", "must be an object"},
	    {"null", "must be an object"},
	    {"[]", "must be an object"},
	    {"{}", "generation_id: is missing, and there is no turn_id either"},
	    {"{\"v\":1,\"user\":{\"id\":\"u\"},\"started_at\":\"2026-11-23T10:00:00Z\"}", "generation_id: is missing"},
	    {"{\"turn_id\":\"\",\"generation_id\":\"\"}", "generation_id: is missing"},
	    {"{\"generation_id\":true}", "generation_id: is missing"},
	    {"{\"generation_id\":[\"gen-1\"]}", "generation_id: is missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct om_arena a;
		om_err e = {.text = ""};
		Om__Record r;

		om_arena_init(&a, 1 << 20);
		assert_status(read_one(bad[i].json, &a, &r, &e), OM_INVALID, e);
		if (strncmp(e.text, bad[i].reason, strlen(bad[i].reason)) != 0)
			fail_msg("%s: \"%s\" does not begin with \"%s\"", bad[i].json, e.text, bad[i].reason);
		om_arena_fini(&a);
	}
}

/* Each with the one field that is noted, beside a cost that must stay. */
#define USAGE(more)    "{" GOOD ",\"usage\":{\"cost\":0.25," more "}}"
#define ORNAMENT(more) "{" GOOD ",\"usage\":{\"cost\":0.25}," more "}"
#define SOMEBODY(user)                                                                                    \
	"{\"generation_id\":\"gen-1\",\"usage\":{\"cost\":0.25},\"started_at\":\"2026-11-23T10:00:00Z\"," \
	"\"user\":" user "}"

static const struct {
	const char *json;
	om_fit_field field;
} odd[] = {
    {"{\"generation_id\":\"g\",\"usage\":{\"cost\":0.25}}", OM_FIT_USER_ID},
    {SOMEBODY("{}"), OM_FIT_USER_ID},
    {SOMEBODY("{\"id\":\"\"}"), OM_FIT_USER_ID},
    {SOMEBODY("{\"id\":7}"), OM_FIT_USER_ID},
    {SOMEBODY("{\"id\":\"a\\nb\"}"), OM_FIT_USER_ID},
    {SOMEBODY("{\"id\":\"u\",\"name\":\"a\\u0085b\"}"), OM_FIT_USER_NAME},
    {SOMEBODY("{\"id\":\"u\",\"email\":17}"), OM_FIT_USER_EMAIL},
    {SOMEBODY("{\"id\":\"u\",\"groups\":\"staff\"}"), OM_FIT_USER_GROUPS},
    {SOMEBODY("{\"id\":\"u\",\"groups\":[\"a\",1]}"), OM_FIT_USER_GROUPS},
    {SOMEBODY("{\"id\":\"u\",\"groups\":[\"a\"],\"inherited_groups\":\"a\"}"), OM_FIT_USER_INHERITED},
    {SOMEBODY("{\"id\":\"u\",\"groups\":[\"a\"],\"inherited_groups\":[\"b\"]}"), OM_FIT_USER_INHERITED},
    {SOMEBODY("{\"id\":\"u\",\"groups\":[\"a\"],\"inherited_groups\":[\"a\",1]}"), OM_FIT_USER_INHERITED},
    {ORNAMENT("\"kind\":7"), OM_FIT_KIND},
    {ORNAMENT("\"sender\":\"me\""), OM_FIT_SENDER},
    {ORNAMENT("\"sender\":7"), OM_FIT_SENDER},
    {ORNAMENT("\"number\":0"), OM_FIT_NUMBER},
    {ORNAMENT("\"number\":-1"), OM_FIT_NUMBER},
    {ORNAMENT("\"number\":1.5"), OM_FIT_NUMBER},
    {ORNAMENT("\"number\":\"7\""), OM_FIT_NUMBER},
    {ORNAMENT("\"record_id\":\"nope\""), OM_FIT_RECORD_ID},
    {ORNAMENT("\"state\":\"done\""), OM_FIT_STATE},
    {ORNAMENT("\"state\":1"), OM_FIT_STATE},
    {ORNAMENT("\"chat_id\":\"a\\u0085b\""), OM_FIT_CHAT_ID},
    {ORNAMENT("\"turn_id\":17"), OM_FIT_TURN_ID},
    {ORNAMENT("\"model\":{}"), OM_FIT_MODEL},
    {ORNAMENT("\"platform\":false"), OM_FIT_PLATFORM},
    {ORNAMENT("\"request\":0"), OM_FIT_REQUEST},
    {ORNAMENT("\"request\":\"2\""), OM_FIT_REQUEST},
    {ORNAMENT("\"request\":1000001"), OM_FIT_REQUEST},
    {ORNAMENT("\"finished_at\":\"1970-01-01T00:00:00Z\""), OM_FIT_FINISHED_AT},
    {ORNAMENT("\"finished_at\":\"2019-12-31T00:00:00Z\""), OM_FIT_FINISHED_AT},
    {ORNAMENT("\"finished_at\":\"2026-11-23T16:45:02Z\""), OM_FIT_FINISHED_AT},
    {ORNAMENT("\"finished_at\":\"2200-01-01T00:00:00Z\""), OM_FIT_FINISHED_AT},
    {ORNAMENT("\"finished_at\":\"yesterday\""), OM_FIT_FINISHED_AT},
    {ORNAMENT("\"finished_at\":1795452001"), OM_FIT_FINISHED_AT},
    {USAGE("\"prompt_tokens\":-35"), OM_FIT_PROMPT_TOKENS},
    {USAGE("\"prompt_tokens\":1151.5"), OM_FIT_PROMPT_TOKENS},
    {USAGE("\"prompt_tokens\":true"), OM_FIT_PROMPT_TOKENS},
    {USAGE("\"prompt_tokens\":\"1151\""), OM_FIT_PROMPT_TOKENS},
    {USAGE("\"prompt_tokens\":\"1,151\""), OM_FIT_PROMPT_TOKENS},
    {USAGE("\"completion_tokens\":1000000001"), OM_FIT_COMPLETION_TOKENS},
    {USAGE("\"completion_tokens\":9007199254740991"), OM_FIT_COMPLETION_TOKENS},
    {USAGE("\"completion_tokens\":1e300"), OM_FIT_COMPLETION_TOKENS},
    {USAGE("\"prompt_tokens_details\":{\"cached_tokens\":\"x\"}"), OM_FIT_CACHED_TOKENS},
    {USAGE("\"prompt_tokens_details\":[]"), OM_FIT_PROMPT_DETAILS},
    {USAGE("\"completion_tokens_details\":7"), OM_FIT_ANSWER_DETAILS},
    {USAGE("\"completion_tokens_details\":{\"reasoning_tokens\":-3}"), OM_FIT_REASONING_TOKENS},
    {USAGE("\"is_byok\":1"), OM_FIT_IS_BYOK},
    {USAGE("\"is_byok\":\"yes\""), OM_FIT_IS_BYOK},
    {USAGE("\"cost_details\":\"none\""), OM_FIT_COST_DETAILS},
    {USAGE("\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":-1}"), OM_FIT_BYOK_COST},
    {"{\"v\":2,\"generation_id\":\"g\",\"user\":{\"id\":\"u\"},\"usage\":{\"cost\":0.25}}", OM_FIT_V},
    {"{\"v\":\"1\",\"generation_id\":\"g\",\"user\":{\"id\":\"u\"},\"usage\":{\"cost\":0.25}}", OM_FIT_V},
    {"{\"generation_id\":\"g 1\",\"user\":{\"id\":\"u\"},\"usage\":{\"cost\":0.25}}", OM_FIT_GENERATION_ID},
    {"{\"generation_id\":17,\"user\":{\"id\":\"u\"},\"usage\":{\"cost\":0.25}}", OM_FIT_GENERATION_ID},
};

static void
test_one_odd_field_costs_at_most_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct om_arena a;
		struct om_fit notes;
		om_err e = {.text = ""};
		Om__Record r;

		om_arena_init(&a, 1 << 20);
		assert_status(read_noted(odd[i].json, NOW, &a, &r, &notes, &e), OM_OK, e);
		for (unsigned f = 0; f < OM_N_FIT; f++)
			if ((notes.why[f] != NULL) != (f == (unsigned)odd[i].field))
				fail_msg("%s: %s %s", odd[i].json, om_fit_name((om_fit_field)f),
				    notes.why[f] != NULL ? notes.why[f] : "is not noted");
		assert_string_equal(r.cost, "0.25");
		assert_true(r.has_content && r.content.len == 32 && r.record_id.len == 16);
		om_arena_fini(&a);
	}
}

static void
test_absurd_cost_is_none(void **state)
{
	static const char *const bad[] = {"-0.01", "10000.01", "1e300", "\"NaN\"", "\" 1\"", "true", "[]"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct om_arena a;
		struct om_fit notes;
		om_err e = {.text = ""};
		char json[512];
		Om__Record r;

		(void)snprintf(json, sizeof json, "{" GOOD ",\"usage\":{\"prompt_tokens\":3,\"cost\":%s}}", bad[i]);
		om_arena_init(&a, 1 << 20);
		assert_status(read_noted(json, NOW, &a, &r, &notes, &e), OM_OK, e);
		assert_non_null(notes.why[OM_FIT_COST]);
		assert_true(r.cost == NULL && !r.has_cost_state && r.prompt_tokens == 3);
		om_arena_fini(&a);
	}
}

static void
test_what_is_clear_is_repaired(void **state)
{
	struct om_arena a;
	om_err e = {.text = ""};
	Om__Record r;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(
	    read_one("{\"generation_id\":17,\"user\":{\"id\":-5,\"groups\":[\"a\",1,\"b\"]},\"state\":\"DONE\","
		     "\"platform\":\"OpenAI\",\"request\":\"2\",\"usage\":{\"prompt_tokens\":\"1151\","
		     "\"completion_tokens\":10.0,\"is_byok\":\"true\",\"cost_details\":{"
		     "\"upstream_inference_cost\":0.5}}}",
		&a, &r, &e),
	    OM_OK, e);
	assert_string_equal(r.generation_id, "17");
	assert_string_equal(r.user->id, "-5");
	assert_int_equal(r.user->n_groups, 2);
	assert_string_equal(r.user->groups[1], "b");
	assert_int_equal(r.state, OM__STATE__STATE_FINAL);
	assert_string_equal(r.platform, "openai");
	assert_int_equal(r.request, 2);
	assert_int_equal(r.prompt_tokens, 1151);
	assert_int_equal(r.completion_tokens, 10);
	assert_true(r.is_byok);
	assert_string_equal(r.byok_cost, "0.5");
	assert_false(r.has_started_us || r.has_finished_us);
	assert_status(read_one("{\"generation_id\":\"g\",\"state\":7,\"user\":{\"id\":1.5}}", &a, &r, &e), OM_OK, e);
	assert_int_equal(r.state, OM__STATE__STATE_OPEN);
	assert_string_equal(r.user->id, OM_USER_UNKNOWN);
	om_arena_fini(&a);
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
id_is(const Om__Record *r, const char *uuid)
{
	char text[37];

	om_uuid_text(r->record_id.data, text);
	assert_string_equal(text, uuid);
	assert_memory_equal(r->record_id.data, r->content.data, 16);
}

/* The ids are those that gateways before content hashes derived. */
static void
test_derived_id_is_what_it_always_was(void **state)
{
	static const char turn[] =
	    "{\"turn_id\":\"t "
	    "1\",\"state\":\"cancelled\",\"source\":\"filter-stream\",\"chat_id\":\"5b0c\",\"user\":{\"id\":"
	    "\"u-1\",\"name\":\"Ad\\u00e1\",\"groups\":[\"staff\",\"\"]},\"model\":\"m\",\"usage\":{\"prompt_tokens\":"
	    "30,"
	    "\"completion_tokens\":7,\"cost\":1.25e-7,\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":"
	    "\"0.25\"}},\"finished_at\":\"2026-11-23T17:00:00Z\"}";
	struct om_arena a;
	om_err e = {.text = ""};
	Om__Record r;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_one("{" GOOD "}", &a, &r, &e), OM_OK, e);
	id_is(&r, "312e248b-35b4-2893-81a9-67a44e80e9b3");
	assert_status(read_one("{" GOOD ",\"unknown\":[1],\"model\":null}", &a, &r, &e), OM_OK, e);
	id_is(&r, "312e248b-35b4-2893-81a9-67a44e80e9b3");
	assert_status(read_one(turn, &a, &r, &e), OM_OK, e); /* 20 minutes ahead: noted, and the same */
	id_is(&r, "39790e87-0df9-d65b-1727-d8a3af653225");
	om_arena_fini(&a);
}

static void
test_same_content_is_the_same_whenever_it_comes(void **state)
{
	static const char *const pairs[][2] = {
	    {"{" GOOD ",\"model\":\"m\"}", "{\"model\":\"m\"," GOOD "}"},
	    {"{\"generation_id\":\"g\",\"model\":\"m\"}", "{ \"model\":\"m\", \"generation_id\":\"g\"}"},
	    {"{\"turn_id\":\"t\",\"user\":{\"id\":\"u\"}}", "{\"user\":{\"id\":\"u\"},\"turn_id\":\"t\"}"},
	    {"{\"record_id\":\"0190f6d2-0000-7000-8000-000000000001\"," GOOD "}",
		"{" GOOD ",\"record_id\":\"0190F6D2-0000-7000-8000-000000000001\"}"},
	    {"{" GOOD ",\"finished_at\":\"2027-01-01T00:00:00Z\"}",
		"{\"finished_at\":\"2027-01-01T00:00:00Z\"," GOOD "}"},
	};
	struct om_arena a;
	om_err e = {.text = ""};
	struct om_fit notes;
	Om__Record one, other;

	(void)state;
	om_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		assert_status(read_noted(pairs[i][0], NOW, &a, &one, &notes, &e), OM_OK, e);
		assert_status(read_noted(pairs[i][1], NOW + 90 * OM_DAY, &a, &other, &notes, &e), OM_OK, e);
		assert_memory_equal(one.record_id.data, other.record_id.data, 16);
		if (i != 3) /* there the sender's own spelling of the id differs */
			assert_memory_equal(one.content.data, other.content.data, 32);
	}
	om_arena_fini(&a);
}

static void
test_who_counted_it_is_read(void **state)
{
	struct om_arena a;
	om_err e = {.text = ""};
	struct om_fit notes;
	Om__Record r;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_noted("{\"generation_id\":\"g\",\"user\":{\"id\":\"u\",\"groups\":[\"a\",\"b\"],"
				 "\"inherited_groups\":[\"b\"]},\"kind\":\"embedding\",\"number\":9007199254740991,"
				 "\"sender\":\"00112233-4455-6677-8899-aabbccddeeff\"}",
			  NOW, &a, &r, &notes, &e),
	    OM_OK, e);
	assert_false(om_fit_any(&notes));
	assert_string_equal(r.kind, "embedding");
	assert_true(r.has_sender && r.sender.len == 16 && r.sender.data[15] == 0xff);
	assert_true(r.has_number && r.number == 9007199254740991);
	assert_int_equal(r.user->n_inherited_groups, 1);
	assert_string_equal(r.user->inherited_groups[0], "b");
	om_arena_fini(&a);
}

/* Two that become the same by repair, or by what older gateways passed over. */
static void
test_other_content_is_another(void **state)
{
	static const char *const pairs[][2] = {
	    {"{" GOOD ",\"model\":\"m\"}", "{" GOOD ",\"model\":\"n\"}"},
	    {"{" GOOD ",\"model\":\"m\"}", "{" GOOD ",\"model\":\"m\\u0085\"}"},
	    {"{" GOOD ",\"usage\":{\"prompt_tokens\":7}}", "{" GOOD ",\"usage\":{\"prompt_tokens\":\"7\"}}"},
	    {"{" GOOD ",\"usage\":{\"cost\":-1}}", "{" GOOD ",\"usage\":{\"cost\":-2}}"},
	    {"{" GOOD "}", "{" GOOD ",\"platform\":\"openai\"}"},
	    {"{" GOOD "}", "{" GOOD ",\"request\":1}"},
	    {"{" GOOD "}", "{" GOOD ",\"kind\":\"chat\"}"},
	    {"{" GOOD ",\"number\":1}", "{" GOOD ",\"number\":2}"},
	};
	struct om_arena a;
	om_err e = {.text = ""};
	Om__Record one, other;

	(void)state;
	om_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		assert_status(read_one(pairs[i][0], &a, &one, &e), OM_OK, e);
		assert_status(read_one(pairs[i][1], &a, &other, &e), OM_OK, e);
		assert_memory_not_equal(one.record_id.data, other.record_id.data, 16);
		assert_memory_not_equal(one.content.data, other.content.data, 32);
	}
	om_arena_fini(&a);
}

static om_status
read_body(const char *body, bool lines, struct gw_records *rs, struct om_arena *a, om_err *e)
{
	struct gw_batch *b = gw_batch_new();
	om_status s;

	assert_non_null(b);
	s = lines ? gw_records_ndjson(body, strlen(body), NOW, a, b, rs, e)
		  : gw_records_json(body, strlen(body), NOW, a, b, rs, e);
	assert_int_equal(b->n, rs->n_accepted);
	gw_batch_free(&b);
	return s;
}

static void
test_array_keeps_the_good_and_lists_the_bad(void **state)
{
	struct om_arena a;
	struct gw_records rs;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(
	    read_body("[{" GOOD "},{\"v\":1},{" GOOD ",\"state\":\"odd\"},null]", false, &rs, &a, &e), OM_OK, e);
	assert_int_equal(rs.n_accepted, 2);
	assert_int_equal(rs.n_rejected, 2);
	assert_int_equal(rs.rejected[0].index, 1);
	assert_string_equal(rs.rejected[0].reason, "generation_id: is missing, and there is no turn_id either");
	assert_int_equal(rs.n_repaired, 1);
	assert_int_equal(rs.repaired[0].index, 2);
	assert_int_equal(rs.repaired[0].field, OM_FIT_STATE);
	assert_int_equal(rs.rejected[1].index, 3);
	assert_status(read_body("[]", false, &rs, &a, &e), OM_OK, e);
	assert_int_equal(rs.n_accepted + rs.n_rejected, 0);
	om_arena_fini(&a);
}

static void
test_malformed_json_names_line_and_column(void **state)
{
	struct om_arena a;
	struct gw_records rs;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(
	    read_body("[{" GOOD "},\n{\"v\":1,\"v\":1},\n{" GOOD "},\n{\"v\":1,]", false, &rs, &a, &e), OM_OK, e);
	assert_int_equal(rs.n_accepted, 2);
	assert_int_equal(rs.n_rejected, 2);
	assert_int_equal(rs.rejected[0].index, 1);
	assert_non_null(strstr(rs.rejected[0].reason, "line 2, column 10: duplicate"));
	assert_string_equal(rs.rejected[0].kind, "not valid JSON");
	assert_int_equal(rs.rejected[1].index, 3);
	assert_non_null(strstr(rs.rejected[1].reason, "line 4, column 1: nothing closes"));
	assert_status(read_body("{\n\"v\":1,]", false, &rs, &a, &e), OM_INVALID, e);
	assert_non_null(strstr(e.text, "line 2, column"));
	assert_status(read_body("\"text\"", false, &rs, &a, &e), OM_INVALID, e);
	om_arena_fini(&a);
}

static void
test_ndjson_bad_line_costs_only_itself(void **state)
{
	struct om_arena a;
	struct gw_records rs;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(
	    read_body("{" GOOD "}\r\n\n{\"v\":\n{" GOOD "}\n{\"\xff\"}\n{" GOOD "}", true, &rs, &a, &e), OM_OK, e);
	assert_int_equal(rs.n_accepted, 3);
	assert_int_equal(rs.n_rejected, 2);
	assert_int_equal(rs.rejected[0].index, 1);
	assert_non_null(strstr(rs.rejected[0].reason, "line 3"));
	assert_int_equal(rs.rejected[1].index, 3);
	om_arena_fini(&a);
}

static void
test_lines_under_the_name_of_json_are_records(void **state)
{
	struct om_arena a;
	struct gw_records rs;
	om_err e = {.text = ""};

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_body("\n {" GOOD "}\r\n{\"v\":\n{" GOOD "}\n", false, &rs, &a, &e), OM_OK, e);
	assert_int_equal(rs.n_accepted, 2);
	assert_int_equal(rs.n_rejected, 1);
	assert_int_equal(rs.rejected[0].index, 1);
	assert_status(read_body("{" GOOD "}\n", false, &rs, &a, &e), OM_OK, e);
	assert_int_equal(rs.n_accepted, 1);
	/* one record over several lines, with the mistake in its last */
	assert_status(read_body("{\n\"v\":1\n}\n}", false, &rs, &a, &e), OM_INVALID, e);
	assert_status(read_body("{" GOOD "}{" GOOD "}", false, &rs, &a, &e), OM_INVALID, e);
	assert_status(read_body("[]\n[]", false, &rs, &a, &e), OM_OK, e);
	assert_int_equal(rs.n_accepted, 0);
	assert_int_equal(rs.n_rejected, 1);
	om_arena_fini(&a);
}

static void
test_too_many_records_are_too_large(void **state)
{
	size_t n = GW_RECORDS_MAX + 1;
	char *body = malloc(2 * n + 2);
	struct om_arena a;
	struct gw_records rs;
	om_err e = {.text = ""};

	(void)state;
	assert_non_null(body);
	om_arena_init(&a, (size_t)64 << 20);
	for (size_t i = 0; i < n; i++)
		memcpy(body + 2 * i, "3\n", 3);
	assert_status(read_body(body, true, &rs, &a, &e), OM_TOO_LARGE, e);
	for (size_t i = 0; i < n; i++)
		memcpy(body + 1 + 2 * i, i + 1 < n ? "3," : "3]", 3);
	body[0] = '[';
	assert_status(read_body(body, false, &rs, &a, &e), OM_TOO_LARGE, e);
	free(body);
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_what_has_no_key_is_refused),
	    cmocka_unit_test(test_one_odd_field_costs_at_most_itself),
	    cmocka_unit_test(test_absurd_cost_is_none),
	    cmocka_unit_test(test_what_is_clear_is_repaired),
	    cmocka_unit_test(test_full_record_is_read_in_full),
	    cmocka_unit_test(test_absent_is_not_zero),
	    cmocka_unit_test(test_upstream_cost_without_byok_is_left_out),
	    cmocka_unit_test(test_derived_id_is_what_it_always_was),
	    cmocka_unit_test(test_same_content_is_the_same_whenever_it_comes),
	    cmocka_unit_test(test_who_counted_it_is_read),
	    cmocka_unit_test(test_other_content_is_another),
	    cmocka_unit_test(test_array_keeps_the_good_and_lists_the_bad),
	    cmocka_unit_test(test_malformed_json_names_line_and_column),
	    cmocka_unit_test(test_ndjson_bad_line_costs_only_itself),
	    cmocka_unit_test(test_lines_under_the_name_of_json_are_records),
	    cmocka_unit_test(test_too_many_records_are_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
