/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ProtobufCMessageDescriptor *const kinds[] = {
    &om__request__descriptor, &om__reply__descriptor, &om__record__descriptor, &om__submit_batch__descriptor};

static void
pack_sample(struct om_buf *out)
{
	unsigned char id[16] = {1, 2, 3};
	char user_id[] = "u-1", gen[] = "gen-1", cost[] = "0.000000125";
	Om__User user = OM__USER__INIT;
	Om__Record r = OM__RECORD__INIT;

	user.id = user_id;
	r.record_id = (ProtobufCBinaryData){.data = id, .len = sizeof id};
	r.generation_id = gen;
	r.user = &user;
	r.cost = cost;
	r.received_us = 5;
	om_msg_pack(&r.base, out);
}

static void
test_record_round_trip(void **state)
{
	struct om_buf out;
	struct om_arena a;
	Om__Record *r = NULL;
	om_err e = {.text = ""};

	(void)state;
	om_buf_init(&out, 1000);
	om_arena_init(&a, 10000);
	pack_sample(&out);
	assert_int_equal(om_buf_done(&out, NULL), OM_OK);
	assert_status(om_msg_unpack(&om__record__descriptor, out.data, out.len, &a, &r, &e), OM_OK, e);
	assert_string_equal(r->generation_id, "gen-1");
	assert_string_equal(r->cost, "0.000000125");
	assert_null(r->model); /* absent stays absent */
	assert_false(r->has_prompt_tokens);
	om_arena_fini(&a);
	om_buf_fini(&out);
}

static void
test_small_arena_is_too_large(void **state)
{
	struct om_buf out;
	struct om_arena a;
	Om__Record *r = NULL;

	(void)state;
	om_buf_init(&out, 1000);
	pack_sample(&out);
	om_arena_init(&a, 64);
	assert_int_equal(om_msg_unpack(&om__record__descriptor, out.data, out.len, &a, &r, NULL), OM_TOO_LARGE);
	assert_null(r);
	om_arena_fini(&a);
	om_buf_fini(&out);
}

/* Any bytes: a message or a status, never a crash (the sanitizers watch). */
static void
test_any_bytes_are_decoded_or_refused(void **state)
{
	const char *text = getenv("SEED");
	unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 20261123;
	struct om_buf good;

	(void)state;
	print_message("SEED=%u\n", seed);
	om_buf_init(&good, 1000);
	pack_sample(&good);
	for (int round = 0; round < 20000; round++) {
		unsigned char raw[300];
		size_t n = (size_t)rand_r(&seed) % sizeof raw;
		struct om_arena a;
		ProtobufCMessage *m = NULL;
		om_status s;

		for (size_t i = 0; i < n; i++)
			raw[i] = round % 2 == 0 ? (unsigned char)rand_r(&seed) : (unsigned char)good.data[i % good.len];
		if (round % 2 == 1 && n > 0) /* a good message with some bytes changed */
			for (int k = 0; k < 3; k++)
				raw[(size_t)rand_r(&seed) % n] = (unsigned char)rand_r(&seed);
		om_arena_init(&a, 100000);
		s = om_msg_unpack(kinds[round % 4], raw, n, &a, &m, NULL);
		assert_true(s == OM_OK ? m != NULL : m == NULL);
		om_arena_fini(&a);
	}
	om_buf_fini(&good);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_record_round_trip),
	    cmocka_unit_test(test_small_arena_is_too_large),
	    cmocka_unit_test(test_any_bytes_are_decoded_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
