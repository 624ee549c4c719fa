/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The record body of the older program. */
#include "check.h"

#include "intake/record.h"
#include "record.pb-c.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define NOW ((om_time)1795452001 * OM_SECOND) /* 2026-11-23T16:40:01Z */

static void
id_is(const Om__Record *r, const char *uuid)
{
	char text[37];

	om_uuid_text(r->record_id.data, text);
	assert_string_equal(text, uuid);
	assert_memory_equal(r->record_id.data, r->content.data, 16);
}

#define OLD_USER "\"user\":{\"id\":\"u\",\"name\":\"Ada\",\"email\":\"a@b\",\"role\":\"admin\"}"

static om_status
read_old(const char *json, om_time now, struct om_arena *a, Om__Record *out, struct om_fit *notes, om_err *e)
{
	json_t *doc = NULL;
	om_status s = om_json_parse(json, strlen(json), &doc, e);

	if (s == OM_OK)
		s = gw_legacy_read(doc, now, a, out, notes, e);
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
	struct om_fit notes;
	om_err e = {.text = ""};
	Om__Record r, again;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_old(json, NOW, &a, &r, &notes, &e), OM_OK, e);
	assert_false(om_fit_any(&notes));
	assert_string_equal(r.turn_id, "act-1");
	assert_null(r.generation_id);
	assert_string_equal(r.source, "metering-record");
	assert_string_equal(r.model, "a/b");
	assert_string_equal(r.requested_model, "a/b");
	assert_string_equal(r.cost, "0.003");
	assert_int_equal(r.started_us, NOW);
	assert_true(r.has_cached_tokens && !r.has_reasoning_tokens);
	assert_int_equal(r.state, OM__STATE__STATE_FINAL);
	id_is(&r, "e15db330-dd16-e79d-219b-c81e02b21cc0"); /* as older gateways derived it */
	/* sent again later it is the same record */
	assert_status(read_old(json, NOW + OM_SECOND, &a, &again, &notes, &e), OM_OK, e);
	assert_memory_equal(r.record_id.data, again.record_id.data, 16);
	/* with other content it is another one of the same row */
	assert_status(
	    read_old("{\"user\":{\"id\":\"v\"},\"activity\":{\"id\":\"act-1\"}}", NOW, &a, &again, &notes, &e), OM_OK,
	    e);
	assert_memory_not_equal(r.record_id.data, again.record_id.data, 16);
	assert_string_equal(again.turn_id, "act-1");
	/* milliseconds, and seconds with a fraction */
	assert_status(read_old("{" OLD_USER ",\"activity\":{\"id\":\"act-1\",\"timestamp\":1795452001123}}", NOW, &a,
			  &again, &notes, &e),
	    OM_OK, e);
	assert_int_equal(again.started_us, 1795452001123000);
	assert_status(read_old("{" OLD_USER ",\"activity\":{\"id\":\"act-1\",\"timestamp\":1795452001.25}}", NOW, &a,
			  &again, &notes, &e),
	    OM_OK, e);
	assert_int_equal(again.started_us, 1795452001250000);
	om_arena_fini(&a);
}

static void
test_older_record_without_a_time_is_the_same_when_sent_again(void **state)
{
	static const char json[] = "{" OLD_USER ",\"activity\":{\"id\":\"act-1\",\"timestamp\":null}}";
	struct om_arena a;
	struct om_fit notes;
	om_err e = {.text = ""};
	Om__Record r, again;

	(void)state;
	om_arena_init(&a, 1 << 20);
	assert_status(read_old(json, NOW, &a, &r, &notes, &e), OM_OK, e);
	assert_false(r.has_started_us || r.has_finished_us);
	assert_status(read_old(json, NOW + OM_DAY, &a, &again, &notes, &e), OM_OK, e);
	assert_memory_equal(r.record_id.data, again.record_id.data, 16);
	assert_memory_equal(r.content.data, again.content.data, 32);
	om_arena_fini(&a);
}

#define ACTIVITY(more) "{" OLD_USER ",\"activity\":{\"id\":\"a\"," more "}}"

static void
test_older_record_is_refused_only_without_a_key(void **state)
{
	static const char *const bad[] = {"[]", "{\"activity\":[]}", "{" OLD_USER "}", "{" OLD_USER ",\"activity\":{}}",
	    "{" OLD_USER ",\"activity\":{\"id\":\"\"}}"};
	static const struct {
		const char *json;
		om_fit_field field;
		const char *user;
	} fine[] = {
	    {"{\"activity\":{\"id\":\"a\"}}", OM_FIT_USER_ID, OM_USER_UNKNOWN},
	    {"{\"user\":{\"id\":\"\"},\"activity\":{\"id\":\"a\"}}", OM_FIT_USER_ID, OM_USER_UNKNOWN},
	    {"{\"user\":{\"id\":\"u\",\"name\":\"A\\u0085\"},\"activity\":{\"id\":\"a\"}}", OM_FIT_USER_NAME, "u"},
	    {ACTIVITY("\"user_id\":\"other\""), OM_FIT_USER_ID, "u"},
	    {ACTIVITY("\"timestamp\":-1"), OM_FIT_STARTED_AT, "u"},
	    {ACTIVITY("\"timestamp\":0"), OM_FIT_STARTED_AT, "u"},
	    {ACTIVITY("\"timestamp\":9007199254740991"), OM_FIT_STARTED_AT, "u"},
	    {ACTIVITY("\"timestamp\":\"now\""), OM_FIT_STARTED_AT, "u"},
	    {ACTIVITY("\"cost\":-5"), OM_FIT_COST, "u"},
	    {ACTIVITY("\"prompt_token\":-5"), OM_FIT_PROMPT_TOKENS, "u"},
	    {ACTIVITY("\"completion_token\":\"1151\""), OM_FIT_COMPLETION_TOKENS, "u"},
	    {ACTIVITY("\"cached_tokens\":1.5"), OM_FIT_CACHED_TOKENS, "u"},
	};
	struct om_arena a;
	struct om_fit notes;
	om_err e = {.text = ""};
	Om__Record r;

	(void)state;
	om_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_status(read_old(bad[i], NOW, &a, &r, &notes, &e), OM_INVALID, e);
	for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
		assert_status(read_old(fine[i].json, NOW, &a, &r, &notes, &e), OM_OK, e);
		assert_non_null(notes.why[fine[i].field]);
		assert_string_equal(r.user->id, fine[i].user);
	}
	assert_status(read_old("{\"activity\":{\"id\":\"a\",\"user_id\":\"u\"}}", NOW, &a, &r, &notes, &e), OM_OK, e);
	assert_string_equal(r.user->id, "u");
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_older_record_is_read),
	    cmocka_unit_test(test_older_record_without_a_time_is_the_same_when_sent_again),
	    cmocka_unit_test(test_older_record_is_refused_only_without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
