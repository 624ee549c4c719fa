/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "codec.h"

#include <string.h>

void *
om_msg_new(struct om_arena *a, const ProtobufCMessageDescriptor *kind)
{
	void *m = om_arena_alloc(a, kind->sizeof_message);

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
om_msg_pack(const ProtobufCMessage *m, struct om_buf *out)
{
	struct {
		ProtobufCBuffer base;
		struct om_buf *out;
	} b = {.base = {.append = append}, .out = out};

	(void)protobuf_c_message_pack_to_buffer(m, &b.base);
}
