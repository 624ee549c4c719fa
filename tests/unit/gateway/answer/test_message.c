/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every rule of message.h and every kind of exception in answer.def, on the messages that have them. */
#include "answer/message.h"

#include "check.h"
#include "envelope.pb-c.h"

#include <string.h>

static struct om_buf out;

static int
set_up(void **state)
{
	(void)state;
	om_buf_init(&out, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	om_buf_fini(&out);
	return 0;
}

static const char *
written(const void *m)
{
	struct om_jw w;

	om_buf_reset(&out);
	om_jw_init(&w, &out);
	gw_answer_message(&w, m);
	return out.data;
}

/* some gives the members of these fields. */
static const char *
some(const void *m, const char *fields)
{
	struct om_jw w;

	om_buf_reset(&out);
	om_jw_init(&w, &out);
	om_jw_open(&w, '{');
	gw_answer_some(&w, m, fields);
	om_jw_close(&w, '}');
	return out.data;
}

static char word[] = "a \"word\"";

static void
test_absent_is_null_and_present_is_its_value(void **state)
{
	Om__Generation g = OM__GENERATION__INIT;

	(void)state;
	assert_string_equal(some(&g, "model prompt_tokens is_byok finished_us "),
	    "{\"model\":null,\"prompt_tokens\":null,\"is_byok\":null,\"finished_at\":null}");
	g.model = word;
	g.has_prompt_tokens = g.has_is_byok = g.has_finished_us = 1;
	g.prompt_tokens = -5;
	g.is_byok = 1;
	g.finished_us = 1795452001120000;
	assert_string_equal(some(&g, "model prompt_tokens is_byok finished_us "),
	    "{\"model\":\"a \\\"word\\\"\",\"prompt_tokens\":-5,\"is_byok\":true,"
	    "\"finished_at\":\"2026-11-23T16:40:01.120000Z\"}");
}

static void
test_counts_never_turn_negative(void **state)
{
	Om__RetryReply r = OM__RETRY_REPLY__INIT;
	Om__Figures f = OM__FIGURES__INIT;

	(void)state;
	r.tried = UINT32_MAX;
	f.requests = UINT64_MAX;
	assert_string_equal(
	    written(&r), "{\"tried\":4294967295,\"stored\":0,\"duplicate\":0,\"refused\":0,\"more\":false}");
	assert_string_equal(some(&f, "requests "), "{\"requests\":9223372036854775807}");
}

static void
test_day_is_a_date_without_the_suffix(void **state)
{
	Om__TermsVersion v = OM__TERMS_VERSION__INIT;

	(void)state;
	assert_string_equal(some(&v, "valid_from_day "), "{\"valid_from\":null}");
	v.has_valid_from_day = 1;
	v.valid_from_day = 20758;
	assert_string_equal(some(&v, "valid_from_day "), "{\"valid_from\":\"2026-11-01\"}");
}

static void
test_enum_is_its_name_and_none_is_null(void **state)
{
	Om__UnsettledItem u = OM__UNSETTLED_ITEM__INIT;

	(void)state;
	u.reason = OM__UNSETTLED_REASON__UNSETTLED_GIVEN_UP;
	u.no_estimate = OM__NO_ESTIMATE__NO_ESTIMATE_NONE;
	assert_string_equal(some(&u, "reason no_estimate "), "{\"reason\":\"given_up\",\"no_estimate\":null}");
	u.no_estimate = OM__NO_ESTIMATE__NO_ESTIMATE_UNPRICED;
	assert_string_equal(some(&u, "no_estimate "), "{\"no_estimate\":\"unpriced\"}");
}

static void
test_bytes_are_hexadecimal_or_a_uuid(void **state)
{
	unsigned char id[16] = {0xab, 0xcd, [15] = 0x0f};
	Om__DeadLetter d = OM__DEAD_LETTER__INIT;
	Om__Sender s = OM__SENDER__INIT;

	(void)state;
	d.spool_id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
	assert_string_equal(some(&d, "spool_id "), "{\"spool_id\":\"abcd000000000000000000000000000f\"}");
	assert_string_equal(some(&s, "sender "), "{\"sender\":null}");
	s.has_sender = 1;
	s.sender = d.spool_id;
	assert_string_equal(some(&s, "sender "), "{\"sender\":\"abcd0000-0000-0000-0000-00000000000f\"}");
	s.sender.len = 3;
	assert_string_equal(some(&s, "sender "), "{\"sender\":null}");
}

static void
test_lists_are_arrays_and_pairs_are_an_object(void **state)
{
	static char key[] = "prompt", value[] = "0.0001";
	char *texts[] = {word, key};
	Om__Price price = OM__PRICE__INIT, *prices[] = {&price};
	Om__UnpairReply unpaired = OM__UNPAIR_REPLY__INIT;
	Om__Model m = OM__MODEL__INIT;

	(void)state;
	assert_string_equal(written(&unpaired), "{\"unpaired\":[]}");
	unpaired.unpaired = texts;
	unpaired.n_unpaired = 2;
	assert_string_equal(written(&unpaired), "{\"unpaired\":[\"a \\\"word\\\"\",\"prompt\"]}");
	price.key = key;
	price.value = value;
	assert_non_null(strstr(written(&m), "\"pricing\":{}"));
	m.prices = prices;
	m.n_prices = 1;
	assert_non_null(strstr(written(&m), "\"pricing\":{\"prompt\":\"0.0001\"}"));
}

static void
test_list_of_messages_has_its_cursor(void **state)
{
	Om__Discrepancy d = OM__DISCREPANCY__INIT, *items[] = {&d, &d};
	Om__DiscrepanciesReply r = OM__DISCREPANCIES_REPLY__INIT;
	Om__SendersReply none = OM__SENDERS_REPLY__INIT;

	(void)state;
	assert_string_equal(written(&r), "{\"items\":[],\"next_cursor\":null}");
	assert_string_equal(written(&none), "{\"items\":[],\"next_cursor\":null}");
	d.difference = word;
	r.items = items;
	r.n_items = 2;
	assert_non_null(strstr(written(&r), "\"difference\":\"a \\\"word\\\"\"},{\"generation_id\":"));
}

static void
test_message_is_an_object_or_null(void **state)
{
	Om__GenerationReply r = OM__GENERATION_REPLY__INIT;
	Om__Lookup l = OM__LOOKUP__INIT;

	(void)state;
	assert_string_equal(some(&r, "lookup "), "{\"lookup\":null}");
	l.attempts = 2;
	r.lookup = &l;
	assert_string_equal(some(&r, "lookup "),
	    "{\"lookup\":{\"attempts\":2,\"first_at\":\"1970-01-01T00:00:00.000000Z\",\"next_at\":null,"
	    "\"last_status\":null,\"last_error\":null,\"given_up\":true}}");
}

static void
test_raw_text_stays_json(void **state)
{
	static char json[] = "{\"prompt\":\"1\"}";
	Om__PriceLine p = OM__PRICE_LINE__INIT;

	(void)state;
	p.pricing = json;
	assert_string_equal(
	    some(&p, "pricing valid_until_us "), "{\"pricing\":{\"prompt\":\"1\"},\"valid_until\":null}");
}

static void
test_row_has_the_dimensions_it_is_grouped_by(void **state)
{
	static char user[] = "u-1", zero[] = "0";
	Om__Dimension by[] = {OM__DIMENSION__DIMENSION_MODEL, OM__DIMENSION__DIMENSION_USER};
	Om__Figures f = OM__FIGURES__INIT;
	Om__UsageRow row = OM__USAGE_ROW__INIT, *rows[] = {&row};
	Om__UsageReply u = OM__USAGE_REPLY__INIT;
	const char *text;

	(void)state;
	f.cost = f.byok_cost = zero;
	row.user = user;
	row.day = zero;
	row.figures = u.total = &f;
	u.rows = rows;
	u.n_rows = 1;
	u.group_by = by;
	u.n_group_by = 2;
	text = written(&u);
	assert_non_null(strstr(text, "\"rows\":[{\"user\":\"u-1\",\"user_name\":null,\"model\":null,\"requests\":0,"));
	assert_non_null(strstr(text, "\"currency\":\"USD\""));
	assert_null(strstr(text, "group_by"));
	assert_null(strstr(text, "\"day\""));
	assert_int_equal(om_buf_done(&out, NULL), OM_OK);
}

static void
test_reply_that_lacks_a_needed_message_fails(void **state)
{
	Om__GenerationReply g = OM__GENERATION_REPLY__INIT;
	Om__TermsVersion v = OM__TERMS_VERSION__INIT;
	Om__UsageReply u = OM__USAGE_REPLY__INIT;

	(void)state;
	(void)written(&u);
	assert_int_equal(om_buf_done(&out, NULL), OM_UNAVAILABLE);
	(void)written(&v);
	assert_int_equal(om_buf_done(&out, NULL), OM_UNAVAILABLE);
	(void)written(&g);
	assert_int_equal(om_buf_done(&out, NULL), OM_UNAVAILABLE);
}

static void
test_record_has_its_user_in_three_members(void **state)
{
	Om__Record r = OM__RECORD__INIT;
	Om__User u = OM__USER__INIT;

	(void)state;
	u.id = u.name = word;
	r.user = &u;
	assert_non_null(strstr(written(&r), "\"user\":\"a \\\"word\\\"\",\"user_name\":\"a \\\"word\\\"\""));
	assert_non_null(strstr(written(&r), "\"groups\":[]"));
	assert_non_null(strstr(written(&r), "\"cost_state\":\"unknown\""));
	assert_null(strstr(written(&r), "content"));
	assert_null(strstr(written(&r), "number"));
	r.cost = word;
	assert_non_null(strstr(written(&r), "\"cost_state\":\"reported\""));
	r.has_cost_state = 1;
	r.cost_state = OM__COST_STATE__COST_ESTIMATED;
	assert_non_null(strstr(written(&r), "\"cost_state\":\"estimated\""));
}

static void
test_secret_is_never_written(void **state)
{
	Om__Setting s = OM__SETTING__INIT;

	(void)state;
	s.name = s.description = word;
	s.value = word;
	assert_non_null(strstr(written(&s), "\"value\":\"a \\\"word\\\"\""));
	s.masked = 1;
	assert_non_null(strstr(written(&s), "\"value\":null"));
}

static void
test_document_shows_month_and_code_as_printed(void **state)
{
	static char code[] = "0123456789ABCDEF";
	Om__Document d = OM__DOCUMENT__INIT;
	const char *text;

	(void)state;
	d.number = d.total = d.currency = d.filename = d.content_type = word;
	d.verification_code = code;
	d.year = 2026;
	d.month = 3;
	text = written(&d);
	assert_non_null(strstr(text, "\"month\":\"2026-03\""));
	assert_non_null(strstr(text, "\"verification_code\":\"0123-4567-89AB-CDEF\""));
	assert_null(strstr(text, "content_type"));
	assert_null(strstr(text, "\"year\""));
}

static void
test_progress_stays_below_one_until_done(void **state)
{
	Om__JobReply r = OM__JOB_REPLY__INIT;

	(void)state;
	r.state = OM__JOB_STATE__JOB_RUNNING;
	assert_non_null(strstr(written(&r), "\"progress\":null"));
	r.has_rows_total = 1;
	r.rows_total = 8;
	r.rows_done = 1;
	r.bytes = 5;
	assert_non_null(strstr(written(&r), "\"progress\":0.125"));
	assert_non_null(strstr(written(&r), "\"bytes\":null"));
	r.rows_done = 8;
	assert_non_null(strstr(written(&r), "\"progress\":0.999"));
	r.state = OM__JOB_STATE__JOB_DONE;
	assert_non_null(strstr(written(&r), "\"progress\":1"));
	assert_non_null(strstr(written(&r), "\"bytes\":5"));
}

static void
test_nulls_have_the_same_keys(void **state)
{
	struct om_jw w;

	(void)state;
	om_jw_init(&w, &out);
	om_jw_open(&w, '{');
	gw_answer_nulls(&w, &om__pipeline_reply__descriptor, "last_commit_us dead_letters paused_until_us ");
	om_jw_close(&w, '}');
	assert_string_equal(out.data, "{\"last_commit_at\":null,\"dead_letters\":null,\"paused_until\":null}");
}

int
main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    WITH(test_absent_is_null_and_present_is_its_value),
	    WITH(test_counts_never_turn_negative),
	    WITH(test_day_is_a_date_without_the_suffix),
	    WITH(test_enum_is_its_name_and_none_is_null),
	    WITH(test_bytes_are_hexadecimal_or_a_uuid),
	    WITH(test_lists_are_arrays_and_pairs_are_an_object),
	    WITH(test_list_of_messages_has_its_cursor),
	    WITH(test_message_is_an_object_or_null),
	    WITH(test_raw_text_stays_json),
	    WITH(test_row_has_the_dimensions_it_is_grouped_by),
	    WITH(test_reply_that_lacks_a_needed_message_fails),
	    WITH(test_record_has_its_user_in_three_members),
	    WITH(test_secret_is_never_written),
	    WITH(test_document_shows_month_and_code_as_printed),
	    WITH(test_progress_stays_below_one_until_done),
	    WITH(test_nulls_have_the_same_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
