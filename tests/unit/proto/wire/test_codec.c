/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "sample.h"
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "usage.pb-c.h"
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

/* Journals keep records as they were packed, and hashes of them: the bytes never change. */
static void
test_records_are_packed_as_ever(void **state)
{
	static const unsigned char want[] = {0x0a, 16, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 5, 'g',
	    'e', 'n', '-', '1', 0x20, 0, 0x2a, 5, 0x0a, 3, 'u', '-', '1', 0x9a, 1, 11, '0', '.', '0', '0', '0', '0',
	    '0', '0', '1', '2', '5', 0xc8, 1, 5};
	struct om_buf out;

	(void)state;
	om_buf_init(&out, 1000);
	pack_sample(&out);
	assert_int_equal(out.len, sizeof want);
	assert_memory_equal(out.data, want, sizeof want);
	om_buf_fini(&out);
}

/* A field that is always sent is sent once it is set, however deep it stands. */
static void
test_defaults_are_told_wherever_they_stand(void **state)
{
	Om__Reply rep = OM__REPLY__INIT;
	Om__UsageReply usage = OM__USAGE_REPLY__INIT;
	Om__UsageRow row = OM__USAGE_ROW__INIT, *rows[] = {&row};
	Om__Figures figures = OM__FIGURES__INIT;
	Om__Reply *got = NULL;
	struct om_buf out;
	struct om_arena a;
	om_err e = {.text = ""};

	(void)state;
	figures.requests = 3;
	row.figures = &figures;
	usage.rows = rows;
	usage.n_rows = 1;
	rep.status = 4;
	rep.body_case = OM__REPLY__BODY_USAGE;
	rep.usage = &usage;
	om_buf_init(&out, 1000);
	om_arena_init(&a, 10000);
	om_msg_pack(&rep.base, &out);
	assert_status(om_msg_unpack(&om__reply__descriptor, out.data, out.len, &a, &got, &e), OM_OK, e);
	assert_int_equal(got->status, 4);
	assert_int_equal(got->usage->rows[0]->figures->requests, 3);
	assert_int_equal(got->usage->rows[0]->figures->prompt_tokens, 0);
	assert_true(got->usage->rows[0]->figures->has_prompt_tokens); /* told, and zero */
	assert_string_equal(got->usage->rows[0]->figures->cost, "0");
	assert_false(got->usage->truncated);
	assert_string_equal(got->usage->timezone, "");
	assert_null(got->usage->total); /* a message has no default */
	assert_int_equal(om_msg_has(got->usage->total, "total", &e), OM_PROTOCOL);
	assert_non_null(strstr(e.text, "total"));
	om_arena_fini(&a);
	om_buf_fini(&out);
}

/* same tells whether two messages are packed alike. */
static bool
same(ProtobufCMessage *a, ProtobufCMessage *b)
{
	struct om_buf x, y;
	bool is;

	om_buf_init(&x, 1 << 20);
	om_buf_init(&y, 1 << 20);
	om_msg_pack(a, &x);
	om_msg_pack(b, &y);
	is = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	om_buf_fini(&x);
	om_buf_fini(&y);
	return is;
}

/* strip_and_read packs as a peer does that lacks the k-th field, and has one that this
 * program does not have. */
static bool
strip_and_read(unsigned body, size_t k)
{
	static const char newer[] = "\xd2\xbb\x01\x03new"; /* field 3002, a text */
	Om__Reply rep = OM__REPLY__INIT, *got = NULL;
	struct om_arena a;
	om_err e = {.text = ""};
	bool stripped;
	uint8_t *packed;
	size_t n;

	om_arena_init(&a, 1 << 20);
	assert_true(sample_reply(&rep.base, body, &a));
	stripped = sample_strip(&rep.base, k);
	n = om__reply__get_packed_size(&rep); /* as it is: om_msg_pack would tell the defaults */
	packed = om_arena_alloc(&a, n + sizeof newer);
	assert_non_null(packed);
	(void)om__reply__pack(&rep, packed);
	memcpy(packed + n, newer, sizeof newer - 1);
	assert_status(om_msg_unpack(&om__reply__descriptor, packed, n + sizeof newer - 1, &a, &got, &e), OM_OK, e);
	assert_int_equal(got->body_case, body);
	got->base.n_unknown_fields = 0;
	assert_true(same(&got->base, &rep.base));
	om_arena_fini(&a);
	return stripped;
}

/* A reply of every kind, with each of its fields left out in turn and one that is not
 * known: it is read, and what was left out has its default. */
static void
test_replies_of_other_versions_are_read(void **state)
{
	unsigned kinds_seen = 0;

	(void)state;
	for (unsigned i = 0; i < om__reply__descriptor.n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &om__reply__descriptor.fields[i];
		size_t k = 0;

		if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
			continue;
		kinds_seen++;
		while (strip_and_read(f->id, k))
			k++;
	}
	assert_true(kinds_seen > 30);
}

/* requires tells the name of a message that a reply of this kind needs more of than
 * a peer of another version may know. */
static const char *requires(const ProtobufCMessageDescriptor *kind)
{
	for (unsigned i = 0; i < kind->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &kind->fields[i];
		const char *inner = f->type == PROTOBUF_C_TYPE_MESSAGE ? requires(f->descriptor) : NULL;

		if (f->label == PROTOBUF_C_LABEL_REQUIRED)
			return kind->name;
		if (inner != NULL)
			return inner;
	}
	return NULL;
}

static void
test_no_reply_requires_a_field(void **state)
{
	const char *name = requires(&om__reply__descriptor);

	(void)state;
	if (name != NULL)
		fail_msg("%s has a required field and stands in replies", name);
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
	    cmocka_unit_test(test_records_are_packed_as_ever),
	    cmocka_unit_test(test_defaults_are_told_wherever_they_stand),
	    cmocka_unit_test(test_replies_of_other_versions_are_read),
	    cmocka_unit_test(test_no_reply_requires_a_field),
	    cmocka_unit_test(test_small_arena_is_too_large),
	    cmocka_unit_test(test_any_bytes_are_decoded_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
