/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "words/clean.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_clean_text_is_left_alone(void **state)
{
	static const char *const texts[] = {
	    "", "Ada", "=1+1", "<script>", "\xce\xa9 \xe5\xb1\xb1 \xf0\x9f\x90\x99", "\xef\xbf\xbd is fine"};
	struct om_arena a;

	(void)state;
	om_arena_init(&a, 0); /* no copy is made */
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_ptr_equal(rd_clean(&a, texts[i]), texts[i]);
	assert_string_equal(rd_clean(&a, NULL), "");
	assert_null(rd_clean(&a, "a\tb"));
	om_arena_fini(&a);
}

static void
test_bad_text_becomes_clean(void **state)
{
	static const char *const cases[][2] = {
	    {"a\tb\nc\x7f", "a b c "},
	    {"\x01\x1f", "  "},
	    {"\xc2\x85x", " x"},
	    {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"ab\xe2\x80\xae"
	     "cd",
		"ab\xef\xbf\xbd"
		"cd"},
	    {"\xe2\x80\xa8", " "},
	    {"\xef\xbf\xbe", "\xef\xbf\xbd"},
	    {"cut \xe5\xb1", "cut \xef\xbf\xbd\xef\xbf\xbd"},
	};
	struct om_arena a;

	(void)state;
	om_arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(rd_clean(&a, cases[i][0]), cases[i][1]);
	om_arena_fini(&a);
}

static void
test_any_bytes_become_clean(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[48];
		struct om_arena a;
		const char *clean;

		for (size_t i = 0; i < sizeof text - 1; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = (char)(seed >> 24 | 1);
		}
		text[sizeof text - 1] = '\0';
		om_arena_init(&a, 4096);
		clean = rd_clean(&a, text);
		assert_non_null(clean);
		assert_true(om_utf8_valid(clean, strlen(clean)));
		assert_true(om_text_clean(clean, strlen(clean)));
		om_arena_fini(&a);
	}
}

static void
test_file_names_are_plain(void **state)
{
	static const char *const cases[][2] = {{"u-1", "u-1"}, {"", "-"}, {"../../etc/passwd", "-.-..-etc-passwd"},
	    {"a b\"c\r\n", "a-b-c--"}, {"\xce\xa9", "--"}, {".hidden", "-hidden"}, {"0123456789abcdef", "0123456789"}};
	struct om_arena a;

	(void)state;
	om_arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *name = rd_clean_name(&a, cases[i][0], i == 6 ? 10 : 64);

		if (i != 2)
			assert_string_equal(name, cases[i][1]);
		assert_null(strchr(name, '/'));
		assert_true(name[0] != '.');
	}
	om_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean_text_is_left_alone),
	    cmocka_unit_test(test_bad_text_becomes_clean),
	    cmocka_unit_test(test_any_bytes_become_clean),
	    cmocka_unit_test(test_file_names_are_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
