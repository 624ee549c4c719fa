/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static bool
valid(const char *s)
{
	return om_utf8_valid(s, strlen(s));
}

static void
test_utf8_well_formed_only(void **state)
{
	(void)state;
	assert_true(valid("Ada Αδα Ада 愛達 \xf0\x9f\x98\x80"));
	assert_false(valid("\x80"));
	assert_false(valid("\xc0\xaf")); /* overlong */
	assert_false(valid("\xe0\x80\xaf"));
	assert_false(valid("\xed\xa0\x80"));     /* surrogate */
	assert_false(valid("\xf4\x90\x80\x80")); /* beyond U+10FFFF */
	assert_false(valid("\xe2\x82"));         /* cut */
	assert_false(valid("\xff"));
	assert_int_equal(om_utf8_length("A愛\xf0\x9f\x98\x80", 8), 3);
}

static void
test_utf8_next_steps_over_bad_bytes(void **state)
{
	const char *s = "a\xff\xe2\x82"
			"b",
		   *end = s + 5;

	(void)state;
	assert_int_equal(om_utf8_next(&s, end), 'a');
	assert_int_equal(om_utf8_next(&s, end), 0xfffd);
	assert_int_equal(om_utf8_next(&s, end), 0xfffd);
	assert_int_equal(om_utf8_next(&s, end), 0xfffd);
	assert_int_equal(om_utf8_next(&s, end), 'b');
	assert_ptr_equal(s, end);
}

static void
test_clean_and_token(void **state)
{
	(void)state;
	assert_true(om_text_clean("Ada Lovelace", 12));
	assert_false(om_text_clean("a\nb", 3));
	assert_false(om_text_clean("a\x7f", 2));
	assert_false(om_text_clean("\xc2\x85", 2)); /* NEL */
	assert_true(om_text_token("gen-1785000002-AbC", 128));
	assert_false(om_text_token("", 128));
	assert_false(om_text_token("a b", 128));
	assert_false(om_text_token("ä", 128));
	assert_false(om_text_token("abcd", 3));
}

static void
test_hex_uuid_base64_round_trip(void **state)
{
	unsigned char id[16], back[64];
	char text[128];
	size_t n;

	(void)state;
	assert_true(om_uuid_parse("0190f6d2-1234-7ABC-8def-0123456789ab", id));
	om_uuid_text(id, text);
	assert_string_equal(text, "0190f6d2-1234-7abc-8def-0123456789ab");
	assert_false(om_uuid_parse("0190f6d2-1234-7abc-8def-0123456789a", id));
	assert_false(om_uuid_parse("0190f6d2-1234-7abc-8def-0123456789ag", id));
	assert_false(om_uuid_parse("0190f6d2x1234-7abc-8def-0123456789ab", id));
	for (size_t len = 0; len <= 48; len++) {
		unsigned char raw[48];

		for (size_t i = 0; i < len; i++)
			raw[i] = (unsigned char)(i * 37 + len);
		om_b64url(raw, len, text);
		assert_int_equal(strlen(text), OM_B64_LEN(len));
		n = sizeof back;
		assert_true(om_unb64url(text, back, &n));
		assert_int_equal(n, len);
		assert_memory_equal(back, raw, len);
	}
	n = sizeof back;
	assert_false(om_unb64url("a", back, &n));
	n = sizeof back;
	assert_false(om_unb64url("ab=", back, &n));
	n = sizeof back;
	assert_false(om_unb64url("ab", back, &n)); /* 'b' has bits that encode nothing */
	n = 2;
	assert_false(om_unb64url("AAAA", back, &n)); /* no room */
}

static void
test_u64_bounds(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(om_u64_parse("18446744073709551615", UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_false(om_u64_parse("18446744073709551616", UINT64_MAX, &v));
	assert_true(om_u64_parse("1000", 1000, &v));
	assert_false(om_u64_parse("1001", 1000, &v));
	assert_false(om_u64_parse("5", 3, &v));
	assert_false(om_u64_parse("", 1000, &v));
	assert_false(om_u64_parse("+1", 1000, &v));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_utf8_well_formed_only),
	    cmocka_unit_test(test_utf8_next_steps_over_bad_bytes),
	    cmocka_unit_test(test_clean_and_token),
	    cmocka_unit_test(test_hex_uuid_base64_round_trip),
	    cmocka_unit_test(test_u64_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
