/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "codec.h"

#include "base/invariant.h"

#include <stdbool.h>
#include <string.h>

void *
om_msg_new(struct om_arena *a, const ProtobufCMessageDescriptor *kind)
{
	void *m;

	om_check(kind->magic == PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
	m = om_arena_alloc(a, kind->sizeof_message);

	if (m != NULL)
		protobuf_c_message_init(kind, m);
	return m;
}

static void *
arena_alloc(void *data, size_t n)
{
	return om_arena_alloc(data, n);
}

static void
arena_free(void *data, void *p)
{
	(void)data;
	(void)p; /* goes with the arena */
}

om_status
om_msg_unpack(
    const ProtobufCMessageDescriptor *kind, const void *data, size_t n, struct om_arena *a, void *out, om_err *e)
{
	ProtobufCAllocator alloc = {.alloc = arena_alloc, .free = arena_free, .allocator_data = a};
	ProtobufCMessage *m = protobuf_c_message_unpack(kind, &alloc, n, data);

	memcpy(out, &m, sizeof(void *)); /* *out is a pointer to this kind of message */
	if (m != NULL)
		return OM_OK;
	if (a->no_memory)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (a->failed)
		return om_fail(
		    e, OM_TOO_LARGE, "%s: needs more than %zu bytes of memory", kind->short_name, a->limit_bytes);
	return om_fail(e, OM_PROTOCOL, "%s: %zu bytes are not such a message", kind->short_name, n);
}

/* ready_parts goes on with what a field of messages holds. */
static void
ready_parts(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
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
		if (many[i] != NULL)
			om_msg_ready(many[i]);
}

/* is_chosen tells whether a oneof holds this member: all members share one place. */
static bool
is_chosen(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	uint32_t chosen;

	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
		return true;
	memcpy(&chosen, (const char *)m + f->quantifier_offset, sizeof chosen);
	return chosen == f->id;
}

/* has_flag tells whether the field has a has_ and a default; a text needs no has_,
 * since NULL says the same. */
static bool
has_flag(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_OPTIONAL && (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 &&
	    f->type != PROTOBUF_C_TYPE_STRING && f->default_value != NULL;
}

void
om_msg_ready(ProtobufCMessage *m)
{
	om_check(m->descriptor != NULL && m->descriptor->magic == PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		protobuf_c_boolean has;

		if (f->type == PROTOBUF_C_TYPE_MESSAGE && is_chosen(m, f))
			ready_parts(m, f);
		if (!has_flag(f))
			continue;
		memcpy(&has, (char *)m + f->quantifier_offset, sizeof has);
		if (!has) { /* one that is ready is not written: another thread may read it */
			has = 1;
			memcpy((char *)m + f->quantifier_offset, &has, sizeof has);
		}
	}
}

static void
append(ProtobufCBuffer *base, size_t n, const uint8_t *data)
{
	struct {
		ProtobufCBuffer base;
		struct om_buf *out;
	} *b = (void *)base;

	om_buf_add(b->out, data, n);
}

void
om_msg_pack(ProtobufCMessage *m, struct om_buf *out)
{
	struct {
		ProtobufCBuffer base;
		struct om_buf *out;
	} b = {.base = {.append = append}, .out = out};

	om_msg_ready(m);
	(void)protobuf_c_message_pack_to_buffer(m, &b.base);
}

om_status
om_msg_has(const void *part, const char *what, om_err *e)
{
	return part != NULL ? OM_OK : om_fail(e, OM_PROTOCOL, "the peer's message came without its %s", what);
}
