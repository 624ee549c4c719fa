/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/digest.h"
#include "base/text.h"

#include <string.h>

static void
test_sha256_known_answer(void **state)
{
	/* FIPS 180-4's example "abc", in two parts */
	struct om_bytes parts[] = {{"a", 1}, {"bc", 2}};
	unsigned char out[OM_SHA256];
	char hex[2 * OM_SHA256 + 1];

	(void)state;
	assert_int_equal(om_sha256(parts, 2, out), OM_OK);
	om_hex(out, OM_SHA256, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
test_crc32_known_answer(void **state)
{
	(void)state;
	assert_int_equal(om_crc32(0, "123456789", 9), 0xcbf43926u);
	assert_int_equal(om_crc32(om_crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
}

static void
test_secrets_compare(void **state)
{
	(void)state;
	assert_true(om_secret_equal("key-1", "key-1"));
	assert_false(om_secret_equal("key-1", "key-2"));
	assert_false(om_secret_equal("key-1", "key-11"));
	assert_false(om_secret_equal("", "x"));
}

static void
test_random_differs(void **state)
{
	unsigned char a[32], b[32];

	(void)state;
	assert_int_equal(om_random(a, sizeof a, NULL), OM_OK);
	assert_int_equal(om_random(b, sizeof b, NULL), OM_OK);
	assert_memory_not_equal(a, b, sizeof a);
	om_secret_clear(a, sizeof a);
	memset(b, 0, sizeof b);
	assert_memory_equal(a, b, sizeof a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sha256_known_answer),
	    cmocka_unit_test(test_crc32_known_answer),
	    cmocka_unit_test(test_secrets_compare),
	    cmocka_unit_test(test_random_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
