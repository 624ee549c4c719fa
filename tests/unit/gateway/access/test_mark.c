/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is signed: marks of browsers, and login links. */
#include "check.h"

#include "access/link.h"
#include "access/mark.h"

#include <string.h>

#define NOW ((om_time)1795000000 * OM_SECOND)

static struct gw_keys keys, others;

static int
set_up(void **state)
{
	(void)state;
	assert_int_equal(gw_keys_make("secret", "hash", &keys), OM_OK);
	assert_int_equal(gw_keys_make("another", "hash", &others), OM_OK);
	return 0;
}

static void
test_a_mark_is_good_until_its_end(void **state)
{
	char one[GW_SIGNED_TEXT], two[GW_SIGNED_TEXT], name[GW_ADDRESS], other[GW_ADDRESS];
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_mark_make(&keys, NOW, one, &e), OM_OK, e);
	assert_status(gw_mark_make(&keys, NOW, two, &e), OM_OK, e);
	assert_int_equal(strlen(one), GW_SIGNED_TEXT - 1);
	assert_true(gw_mark_read(&keys, one, NOW, name));
	assert_true(gw_mark_read(&keys, two, NOW, other));
	assert_string_not_equal(name, other); /* each has a brake of its own */
	assert_true(gw_mark_read(&keys, one, NOW + GW_MARK_S * OM_SECOND - 1, name));
	assert_false(gw_mark_read(&keys, one, NOW + GW_MARK_S * OM_SECOND, name));
	assert_false(gw_mark_read(&others, one, NOW, name));
}

static void
test_no_byte_of_it_can_be_changed(void **state)
{
	char mark[GW_SIGNED_TEXT], name[GW_ADDRESS];
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_mark_make(&keys, NOW, mark, &e), OM_OK, e);
	for (size_t i = 0; i < GW_SIGNED_TEXT - 1; i++) {
		const char was = mark[i];

		mark[i] = was == '0' ? '1' : '0';
		if (gw_mark_read(&keys, mark, NOW, name))
			fail_msg("changed at %zu", i);
		mark[i] = was;
	}
	assert_true(gw_mark_read(&keys, mark, NOW, name));
	mark[GW_SIGNED_TEXT - 2] = '\0';
	assert_false(gw_mark_read(&keys, mark, NOW, name));
	assert_false(gw_mark_read(&keys, "", NOW, name));
}

static void
test_a_link_is_no_mark_and_ends(void **state)
{
	char mark[GW_SIGNED_TEXT], code[GW_SIGNED_TEXT], name[GW_ADDRESS];
	struct gw_link one, again;
	om_err e = {.text = ""};

	(void)state;
	assert_status(gw_mark_make(&keys, NOW, mark, &e), OM_OK, e);
	assert_status(gw_signed_make(keys.link, NOW + 60 * OM_SECOND, code, &e), OM_OK, e);
	assert_false(gw_mark_read(&keys, code, NOW, name));
	assert_int_equal(gw_link_read(&keys, mark, NOW, &one, NULL), OM_UNAUTHENTICATED);
	assert_int_equal(gw_link_read(&keys, code, NOW + 60 * OM_SECOND, &one, NULL), OM_UNAUTHENTICATED);
	assert_int_equal(gw_link_read(&others, code, NOW, &one, NULL), OM_UNAUTHENTICATED);
	assert_status(gw_link_read(&keys, code, NOW, &one, &e), OM_OK, e);
	assert_status(gw_link_read(&keys, code, NOW + 1, &again, &e), OM_OK, e);
	assert_true(one.ends_at == NOW + 60 * OM_SECOND);
	assert_memory_equal(one.secret, again.secret, GW_SECRET); /* by which costd knows that it was used */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_mark_is_good_until_its_end),
	    cmocka_unit_test(test_no_byte_of_it_can_be_changed),
	    cmocka_unit_test(test_a_link_is_no_mark_and_ends),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
