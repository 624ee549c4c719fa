/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/arena.h"
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

static void
test_buf_builds_text(void **state)
{
	struct om_buf b;
	size_t n;
	char *text;

	(void)state;
	om_buf_init(&b, 1000);
	om_buf_str(&b, "one ");
	om_buf_printf(&b, "%d %s", 2, "three");
	om_buf_chr(&b, '!');
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	assert_string_equal(b.data, "one 2 three!");
	text = om_buf_take(&b, &n);
	assert_int_equal(n, 12);
	free(text);
	text = om_buf_take(&b, &n); /* what is left is empty, not NULL */
	assert_string_equal(text, "");
	free(text);
	om_buf_fini(&b);
}

static void
test_buf_ceiling_is_sticky(void **state)
{
	struct om_buf b;
	om_err e;
	size_t n;

	(void)state;
	om_buf_init(&b, 4);
	om_buf_str(&b, "1234");
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	om_buf_chr(&b, '5');
	om_buf_str(&b, "");
	assert_int_equal(om_buf_done(&b, &e), OM_TOO_LARGE);
	assert_string_equal(e.text, "larger than 4 bytes");
	assert_string_equal(b.data, "1234");
	assert_null(om_buf_take(&b, &n));
	om_buf_reset(&b);
	om_buf_str(&b, "ok");
	assert_int_equal(om_buf_done(&b, NULL), OM_OK);
	om_buf_fini(&b);
}

static void
test_arena_gives_zeroed_aligned_memory_up_to_its_ceiling(void **state)
{
	struct om_arena a;

	(void)state;
	om_arena_init(&a, 100000);
	for (size_t i = 1; i < 200; i++) {
		unsigned char *p = om_arena_alloc(&a, i);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, i);
	}
	assert_non_null(om_arena_alloc(&a, 50000));
	assert_string_equal(om_arena_printf(&a, "%s-%d", "x", 7), "x-7");
	assert_string_equal(om_arena_strndup(&a, "abcdef", 3), "abc");
	assert_false(a.failed);
	assert_null(om_arena_alloc(&a, 60000));
	assert_true(a.failed);
	assert_non_null(om_arena_alloc(&a, 10));
	om_arena_fini(&a);
}

static void
test_arena_array_overflow_is_refused(void **state)
{
	struct om_arena a;

	(void)state;
	om_arena_init(&a, SIZE_MAX);
	assert_null(om_arena_array(&a, SIZE_MAX / 2, 3));
	om_arena_fini(&a);
}

static void
test_status_texts_and_codes(void **state)
{
	(void)state;
	assert_string_equal(om_status_text(OM_OK), "success");
	assert_int_equal(om_status_http(OM_NOT_FOUND), 404);
	assert_int_equal(om_status_from_code(4), OM_NOT_FOUND);
	assert_int_equal(om_status_from_code(4711), OM_PROTOCOL);
	assert_string_equal(om_err_text(NULL, OM_FULL), "no space left");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_buf_builds_text),
	    cmocka_unit_test(test_buf_ceiling_is_sticky),
	    cmocka_unit_test(test_arena_gives_zeroed_aligned_memory_up_to_its_ceiling),
	    cmocka_unit_test(test_arena_array_overflow_is_refused),
	    cmocka_unit_test(test_status_texts_and_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
