/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sample.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ID_BYTES 16

static void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static size_t
size_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return sizeof(uint64_t);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		break;
	}
	return sizeof(uint32_t);
}

/* set_one puts a value where it belongs: a one, as a number and as a text. */
static void
set_one(const ProtobufCFieldDescriptor *f, void *at, struct om_arena *a)
{
	const uint64_t one = 1;
	ProtobufCBinaryData bytes;
	void *p;

	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		p = sample_make(f->descriptor, a);
		memcpy(at, &p, sizeof p);
		break;
	case PROTOBUF_C_TYPE_STRING:
		p = must(om_arena_strdup(a, "1"));
		memcpy(at, &p, sizeof p);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes = (ProtobufCBinaryData){.len = ID_BYTES, .data = must(om_arena_alloc(a, ID_BYTES))};
		memset(bytes.data, 1, ID_BYTES);
		memcpy(at, &bytes, sizeof bytes);
		break;
	default:
		memcpy(at, &one, size_of(f->type)); /* little endian, as all machines it is built for */
	}
}

static void
set_field(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, struct om_arena *a)
{
	char *at = (char *)m + f->offset, *told = (char *)m + f->quantifier_offset;
	const protobuf_c_boolean has = 1;
	const size_t n = 1;
	void *list;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		list = must(om_arena_alloc(a, size_of(f->type)));
		set_one(f, list, a);
		memcpy(told, &n, sizeof n);
		memcpy(at, &list, sizeof list);
		return;
	}
	set_one(f, at, a);
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
		memcpy(told, &f->id, sizeof f->id);
	else if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_MESSAGE &&
	    f->type != PROTOBUF_C_TYPE_STRING)
		memcpy(told, &has, sizeof has);
}

/* is_other: another one of the same oneof is chosen. */
static bool
is_other(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	uint32_t chosen;

	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
		return false;
	memcpy(&chosen, (const char *)m + f->quantifier_offset, sizeof chosen);
	return chosen != 0 && chosen != f->id;
}

void *
sample_make(const ProtobufCMessageDescriptor *kind, struct om_arena *a)
{
	ProtobufCMessage *m = must(om_msg_new(a, kind));

	for (unsigned i = 0; i < kind->n_fields; i++)
		if (!is_other(m, &kind->fields[i]))
			set_field(m, &kind->fields[i], a);
	return m;
}

bool
sample_reply(ProtobufCMessage *reply, unsigned body, struct om_arena *a)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(reply->descriptor, body);

	if (f == NULL)
		return false;
	set_field(reply, f, a);
	return true;
}

static bool
is_set(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *at = (const char *)m + f->offset, *told = (const char *)m + f->quantifier_offset;
	protobuf_c_boolean has;
	const void *p;
	size_t n;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		memcpy(&n, told, sizeof n);
		return n > 0;
	}
	if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING) {
		memcpy(&p, at, sizeof p);
		return p != NULL && p != f->default_value;
	}
	memcpy(&has, told, sizeof has);
	return has != 0 || f->default_value != NULL;
}

static void
unset(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	char *at = (char *)m + f->offset, *told = (char *)m + f->quantifier_offset;
	const protobuf_c_boolean has = 0;
	const size_t none = 0;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		memcpy(told, &none, sizeof none);
	} else if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING) {
		memcpy(at, &f->default_value, sizeof(void *));
	} else {
		memset(at, 0, size_of(f->type));
		if (f->default_value != NULL)
			memcpy(at, f->default_value, size_of(f->type));
		memcpy(told, &has, sizeof has);
	}
}

static bool strip(ProtobufCMessage *m, size_t *left);

static bool
strip_within(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t *left)
{
	ProtobufCMessage *one, **many = &one;
	size_t n = 1;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		memcpy(&n, (char *)m + f->quantifier_offset, sizeof n);
		memcpy(&many, (char *)m + f->offset, sizeof(void *));
	} else {
		memcpy(&one, (char *)m + f->offset, sizeof(void *));
	}
	for (size_t i = 0; i < n; i++)
		if (many[i] != NULL && strip(many[i], left))
			return true;
	return false;
}

/* strip goes on until it has passed so many fields. */
static bool
strip(ProtobufCMessage *m, size_t *left)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

		if (is_other(m, f))
			continue;
		if (f->label != PROTOBUF_C_LABEL_REQUIRED && (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 &&
		    is_set(m, f) && (*left)-- == 0) {
			unset(m, f);
			return true;
		}
		if (f->type == PROTOBUF_C_TYPE_MESSAGE && strip_within(m, f, left))
			return true;
	}
	return false;
}

bool
sample_strip(ProtobufCMessage *m, size_t k)
{
	return strip(m, &k);
}
