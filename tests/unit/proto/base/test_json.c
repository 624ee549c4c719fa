/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/json.h"

#include <string.h>

static json_t *
parse(const char *text)
{
	om_err e = {.text = ""};
	json_t *j = NULL;

	assert_status(om_json_parse(text, strlen(text), &j, &e), OM_OK, e);
	return j;
}

static void
test_parse_says_where(void **state)
{
	om_err e = {.text = ""};
	json_t *j;

	(void)state;
	assert_int_equal(om_json_parse("{\n\"a\": }", 8, &j, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "line 2, column 6"));
	assert_null(j);
	assert_int_equal(om_json_parse("{\"a\":1,\"a\":2}", 13, &j, &e), OM_INVALID);
	assert_int_equal(om_json_parse("\"\xff\"", 3, &j, &e), OM_INVALID);
	assert_int_equal(om_json_parse("{} x", 4, &j, &e), OM_INVALID);
	assert_int_equal(om_json_parse_object("[]", 2, &j, &e), OM_INVALID);
	assert_string_equal(e.text, "the body must be an object");
	json_decref(j);
	assert_int_equal(om_json_parse_object("{", 1, &j, &e), OM_INVALID);
	assert_null(j);
	assert_status(om_json_parse_object("{}", 2, &j, &e), OM_OK, e);
	json_decref(j);
	assert_int_equal(om_json_parse("", 0, &j, &e), OM_INVALID);
	assert_int_equal(om_json_parse("1e400", 5, &j, &e), OM_INVALID);
}

static void
mends_to(const char *text, const char *wanted)
{
	struct om_buf copy;
	struct om_json_span got;
	json_t *j = NULL;

	om_buf_init(&copy, 1 << 20);
	got = om_json_mend(text, strlen(text), &copy);
	assert_int_equal(got.n, strlen(wanted));
	assert_memory_equal(got.text, wanted, got.n);
	if (strcmp(text, wanted) == 0)
		assert_ptr_equal(got.text, text);
	else
		assert_int_equal(om_json_parse(got.text, got.n, &j, NULL), OM_OK);
	json_decref(j);
	om_buf_fini(&copy);
}

static void
test_mending_makes_readable_what_json_allows(void **state)
{
	(void)state;
	mends_to("[1e400,-1e400,1e40]", "[\"---\",\"----\",1e40]");
	mends_to("{\"a\":\"x\\u0000y\",\"b\":1E999}", "{\"a\":\"x\\u0001y\",\"b\":\"---\"}");
	mends_to("[\"\\ud83d\",\"\\ud83d\\ude00\",\"\\ude00\",\"\\uD83Dx\"]",
	    "[\"\\ufffd\",\"\\ud83d\\ude00\",\"\\ufffd\",\"\\ufffdx\"]");
	mends_to("{\"a\":NaN,\"b\":[Infinity,-Infinity],\"c\":\"NaN\"}", "{\"a\":{},\"b\":[{},{}],\"c\":\"NaN\"}");
	mends_to("\"a\xff\xe2\x82\"", "\"a\xc2\x8f\xc2\x9f\xc2\x8e\xc2\x92\xc2\x88\xc2\x92\"");
	mends_to("[\"a\tb\n\"]", "[\"a\\u0009b\\u000a\"]");
	/* what is fine, or no JSON at all, stays as it is */
	mends_to("[\"\xc3\xa4\xef\xbf\xbd\xf0\x9f\x98\x80\"]", "[\"\xc3\xa4\xef\xbf\xbd\xf0\x9f\x98\x80\"]");
	mends_to("[Na,Inf,-I", "[Na,Inf,-I");
	mends_to("[\"1e400 \\\\u0000 \\\" -\",0.1,-5,\"\"]", "[\"1e400 \\\\u0000 \\\" -\",0.1,-5,\"\"]");
	mends_to("\"a\\", "\"a\\");
	mends_to("\"\\u00", "\"\\u00");
	mends_to("[-", "[-");
	mends_to("", "");
}

/* ---- memory that runs out, at every allocation in turn ---- */

static json_malloc_t ours;
static unsigned long until_failure;

static void *
fail_in_time(size_t n)
{
	bool of_a_token = n >= 32 && (n & (n - 1)) == 0; /* those come from the spare */

	if (!of_a_token && until_failure > 0 && --until_failure == 0)
		return ours(PTRDIFF_MAX); /* no machine has that much */
	return ours(n);
}

static void
test_parse_without_memory_does_not_blame_the_text(void **state)
{
	static const char text[] = "[{\"model\":\"a name of more than sixteen bytes\",\"cost\":0.000000125,"
				   "\"list\":[1,2,\"x\",null,{\"a\":true}]}]";
	unsigned long failures = 0;
	json_free_t theirs;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* they end the program where memory runs out */
#endif
	json_get_alloc_funcs(&ours, &theirs);
	json_set_alloc_funcs(fail_in_time, theirs);
	for (unsigned long at = 1;; at++) {
		om_err e = {.text = ""};
		json_t *j = NULL;
		om_status s;

		until_failure = at;
		s = om_json_parse(text, sizeof text - 1, &j, &e);
		if (until_failure > 0) { /* it needed fewer */
			assert_status(s, OM_OK, e);
			json_decref(j);
			break;
		}
		assert_int_equal(s, OM_NOMEM);
		assert_null(j);
		failures++;
	}
	json_set_alloc_funcs(ours, theirs);
	assert_true(failures > 5);
}

static void
test_parse_refuses_deep_nesting(void **state)
{
	char text[2 * (OM_JSON_DEPTH + 1)];
	json_t *j = NULL;
	om_err e = {.text = ""};

	(void)state;
	memset(text, '[', OM_JSON_DEPTH + 1);
	memset(text + OM_JSON_DEPTH + 1, ']', OM_JSON_DEPTH + 1);
	assert_int_equal(om_json_parse(text, sizeof text, &j, &e), OM_INVALID);
	assert_non_null(strstr(e.text, "deep"));
	assert_status(om_json_parse(text + 1, sizeof text - 2, &j, &e), OM_OK, e);
	json_decref(j);
	assert_false(om_json_too_deep("\"[[[\\\"[\"", 9));
	assert_status(om_json_parse("[\"\\\"{{{\",{}]", 12, &j, &e), OM_OK, e);
	json_decref(j);
}

static void
test_a_text_of_bad_bytes_does_not_swell(void **state)
{
	static char text[100000];
	struct om_json_span got;
	struct om_buf copy;

	(void)state;
	memset(text, '\xff', sizeof text);
	text[0] = text[sizeof text - 1] = '"';
	om_buf_init(&copy, 1 << 20);
	got = om_json_mend(text, sizeof text, &copy);
	assert_in_range(got.n, sizeof text + 1, sizeof text + 200);
	assert_memory_equal(got.text + got.n - 3, "\x7f\x7f\"", 3);
	om_buf_fini(&copy);
}

/* items reads an array item by item: how many there are, which of them are no JSON (a bit
 * each), and what was said of the last of these. */
static om_status
items(const char *text, size_t *n_out, unsigned *bad_out, om_err *e)
{
	struct om_json_items it;
	json_t *whole = NULL, *item = NULL;
	om_status all = om_json_parse(text, strlen(text), &whole, NULL);

	om_json_items_init(&it, text, strlen(text));
	*n_out = *bad_out = 0;
	while (!it.ended) {
		om_status s = om_json_items_next(&it, &item, e);

		if (s != OM_OK)
			*bad_out |= 1u << *n_out;
		if (item != NULL && whole != NULL)
			assert_true(json_equal(item, json_array_get(whole, *n_out)));
		*n_out += s != OM_OK || item != NULL;
		json_decref(item);
	}
	assert_true(whole == NULL || json_array_size(whole) == *n_out);
	json_decref(whole);
	return all;
}

static void
test_items_are_those_of_the_whole_array(void **state)
{
	static const char *const good[] = {"[]", " [ ] \n", "[1]",
	    "[1,-2.5e3 ,true,null,\"]\",[[]],{\"a\":[1,{}]} ]\r\n", "[123456789012345678901234567890,\"\xc3\x84\"]",
	    "[\"\\\\\",\"\\\"]\",\",\"]", "\n[\n{\"a\":1}\n,\n{\"a\":2}\n]"};
	om_err e = {.text = ""};
	unsigned bad;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(om_json_is_array(good[i], strlen(good[i])));
		assert_status(items(good[i], &n, &bad, &e), OM_OK, e);
		assert_int_equal(bad, 0);
	}
	assert_int_equal(n, 2);
	assert_false(om_json_is_array(" {}", 3));
	assert_false(om_json_is_array("", 0));
}

static void
test_an_item_that_is_no_json_leaves_its_neighbours(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		unsigned bad; /* a bit each */
	} cases[] = {
	    {"[1,{\"a\":1,\"a\":2},3]", 3, 2},
	    {"[1,{\"a\" 1},3]", 3, 2},
	    {"[1,{\"a\":1],{\"b\":2}]", 3, 2},
	    {"[tru,\"\\x\",3]", 3, 3},
	    {"[1},2]", 2, 1},
	    {"[01,{},-]", 3, 5},
	    {"[,1,,2,]", 5, 21},
	    {"[1 2,3]", 2, 1},
	    {"[\"\xff\",1e400,NaN,-Infinity,\"a\tb\",\"\\u0000\"]", 6, 0},
	    /* the array itself cannot be followed */
	    {"[", 1, 1},
	    {"[1", 1, 1},
	    {"[1,", 2, 2},
	    {"[1,2,{]", 3, 4},
	    {"[1,\"a],2]", 2, 2},
	    {"[1,\"a\\", 2, 2},
	    {"[1]]", 2, 2},
	    {"[] x", 1, 1},
	};
	om_err e = {.text = ""};
	unsigned bad;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(items(cases[i].text, &n, &bad, &e), OM_INVALID);
		assert_int_equal(n, cases[i].n);
		assert_int_equal(bad, cases[i].bad);
	}
}

static void
test_an_item_too_deep_leaves_its_neighbours(void **state)
{
	char text[2 * (OM_JSON_DEPTH + 1) + 8];
	om_err e = {.text = ""};
	unsigned bad;
	size_t n, deep = OM_JSON_DEPTH + 1;

	(void)state;
	(void)snprintf(text, sizeof text, "[1,");
	memset(text + 3, '[', deep);
	memset(text + 3 + deep, ']', deep);
	(void)snprintf(text + 3 + 2 * deep, sizeof text - 3 - 2 * deep, ",2]");
	assert_int_equal(items(text, &n, &bad, &e), OM_INVALID);
	assert_int_equal(n, 3);
	assert_int_equal(bad, 2);
	assert_non_null(strstr(e.text, "line 1, column 4: nested too deep"));
}

static void
test_items_say_where_in_the_whole_text(void **state)
{
	om_err e = {.text = ""};
	unsigned bad;
	size_t n;

	(void)state;
	(void)items("[{},\n {},\n  {\"a\": }]", &n, &bad, &e);
	assert_int_equal(n, 3);
	assert_non_null(strstr(e.text, "line 3, column 9"));
	(void)items("[\"\xc3\x84\",{\n\"a\" 1}]", &n, &bad, &e);
	assert_non_null(strstr(e.text, "line 2, column 5"));
	(void)items("[\"\xc3\x84\",x]", &n, &bad, &e);
	assert_non_null(strstr(e.text, "line 1, column 6"));
	(void)items("[1,\n {\"a\":]", &n, &bad, &e);
	assert_non_null(strstr(e.text, "line 2, column 2: nothing closes"));
}

static void
test_getters(void **state)
{
	json_t *j = parse(
	    "{\"s\":\"Ada\",\"n\":5,\"r\":7.0,\"f\":7.5,\"m\":7.4e-7,\"t\":\"0.5\",\"b\":true,\"z\":null,\"o\":{},"
	    "\"time\":\"2026-11-23T16:40:01Z\",\"c\":\"a\\u0007\","
	    "\"big\":123456789012345678901234567890}");
	const json_t *o = NULL;
	const char *text = NULL;
	om_err e = {.text = ""};
	char buf[OM_MONEY_TEXT];
	bool has = false, flag = false;
	om_money m;
	om_time t;
	int64_t i = -1;

	(void)state;
	assert_int_equal(om_json_text(j, "", "s", 3, &text, &e), OM_OK);
	assert_string_equal(text, "Ada");
	assert_int_equal(om_json_text(j, "user.", "s", 2, &text, &e), OM_INVALID);
	assert_string_equal(e.text, "user.s: must have at most 2 characters");
	assert_int_equal(om_json_text(j, "", "n", 9, &text, &e), OM_INVALID);
	assert_int_equal(om_json_text(j, "", "c", 9, &text, &e), OM_INVALID);
	assert_int_equal(om_json_int(j, "", "n", 0, 10, &i, &has, &e), OM_OK);
	assert_int_equal(i, 5);
	assert_int_equal(om_json_int(j, "", "r", 0, 10, &i, &has, &e), OM_OK);
	assert_int_equal(i, 7);
	assert_int_equal(om_json_int(j, "", "f", 0, 10, &i, &has, &e), OM_INVALID);
	assert_int_equal(om_json_int(j, "", "n", 6, 10, &i, &has, &e), OM_INVALID);
	assert_string_equal(e.text, "n: must be a whole number from 6 to 10");
	assert_int_equal(om_json_int(j, "", "big", 0, INT64_MAX, &i, &has, &e), OM_INVALID);
	has = false;
	assert_int_equal(om_json_int(j, "", "z", 0, 10, &i, &has, &e), OM_OK);
	assert_int_equal(om_json_int(j, "", "absent", 0, 10, &i, &has, &e), OM_OK);
	assert_false(has); /* null and absent are not zero */
	assert_int_equal(om_json_money(j, "", "m", &m, &has, &e), OM_OK);
	assert_string_equal(om_money_text(m, buf), "0.00000074");
	assert_int_equal(om_json_money(j, "", "t", &m, &has, &e), OM_OK);
	assert_string_equal(om_money_text(m, buf), "0.5");
	assert_int_equal(om_json_money(j, "", "n", &m, &has, &e), OM_OK);
	assert_string_equal(om_money_text(m, buf), "5");
	assert_int_equal(om_json_money(j, "", "s", &m, &has, &e), OM_INVALID);
	assert_int_equal(om_json_bool(j, "", "b", &flag, &has, &e), OM_OK);
	assert_true(flag);
	assert_int_equal(om_json_bool(j, "", "n", &flag, &has, &e), OM_INVALID);
	assert_int_equal(om_json_time(j, "", "time", &t, &has, &e), OM_OK);
	assert_int_equal(om_json_time(j, "", "s", &t, &has, &e), OM_INVALID);
	assert_int_equal(om_json_object(j, "", "o", &o, &e), OM_OK);
	assert_non_null(o);
	assert_int_equal(om_json_object(j, "", "s", &o, &e), OM_INVALID);
	json_decref(j);
}

static void
test_writer_makes_json_that_reads_back(void **state)
{
	const char *evil = "q\"b\\n\n\x1f\x7f Ä \xff \xe2\x80\xa8";
	struct om_buf out;
	struct om_jw w;
	json_t *j;

	(void)state;
	om_buf_init(&out, 10000);
	om_jw_init(&w, &out);
	om_jw_open(&w, '{');
	om_jw_key(&w, "list");
	om_jw_open(&w, '[');
	om_jw_int(&w, -5);
	om_jw_bool(&w, true);
	om_jw_null(&w);
	om_jw_open(&w, '{');
	om_jw_close(&w, '}');
	om_jw_close(&w, ']');
	om_jw_key(&w, "text");
	om_jw_text(&w, evil);
	om_jw_key(&w, "none");
	om_jw_text(&w, NULL);
	om_jw_key(&w, "at");
	om_jw_time(&w, 0);
	om_jw_close(&w, '}');
	assert_int_equal(om_buf_done(&out, NULL), OM_OK);
	j = parse(out.data);
	assert_int_equal(json_array_size(json_object_get(j, "list")), 4);
	assert_string_equal(
	    json_string_value(json_object_get(j, "text")), "q\"b\\n\n\x1f\x7f Ä \xef\xbf\xbd \xe2\x80\xa8");
	assert_true(json_is_null(json_object_get(j, "none")));
	assert_string_equal(json_string_value(json_object_get(j, "at")), "1970-01-01T00:00:00.000000Z");
	json_decref(j);
	om_buf_fini(&out);
}

static void
test_writer_writes_every_whole_number(void **state)
{
	struct om_buf out;
	struct om_jw w;

	(void)state;
	om_buf_init(&out, 1000);
	om_jw_init(&w, &out);
	om_jw_open(&w, '[');
	om_jw_int(&w, 0);
	om_jw_int(&w, 10);
	om_jw_int(&w, -1);
	om_jw_int(&w, INT64_MAX);
	om_jw_int(&w, INT64_MIN);
	om_jw_close(&w, ']');
	assert_int_equal(om_buf_done(&out, NULL), OM_OK);
	assert_string_equal(out.data, "[0,10,-1,9223372036854775807,-9223372036854775808]");
	om_buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse_says_where),
	    cmocka_unit_test(test_mending_makes_readable_what_json_allows),
	    cmocka_unit_test(test_parse_without_memory_does_not_blame_the_text),
	    cmocka_unit_test(test_parse_refuses_deep_nesting),
	    cmocka_unit_test(test_a_text_of_bad_bytes_does_not_swell),
	    cmocka_unit_test(test_items_are_those_of_the_whole_array),
	    cmocka_unit_test(test_an_item_that_is_no_json_leaves_its_neighbours),
	    cmocka_unit_test(test_an_item_too_deep_leaves_its_neighbours),
	    cmocka_unit_test(test_items_say_where_in_the_whole_text),
	    cmocka_unit_test(test_getters),
	    cmocka_unit_test(test_writer_makes_json_that_reads_back),
	    cmocka_unit_test(test_writer_writes_every_whole_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
