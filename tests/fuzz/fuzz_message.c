/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as any message between the services: a message or a status. */
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "statement.pb-c.h"
#include "wire/codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* has_field_zero: protobuf-c 1.4 reads a field of number zero if its tag is longer than it
 * need be, packs it with a short tag, and refuses that one.  No field has that number. */
static bool
has_field_zero(const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->n_unknown_fields; i++)
		if (m->unknown_fields[i].tag == 0)
			return true;
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		ProtobufCMessage *one = NULL, **many = &one;
		uint32_t chosen;
		size_t k = 1;

		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		memcpy(&chosen, (const char *)m + f->quantifier_offset, sizeof chosen);
		if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && chosen != f->id)
			continue;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			memcpy(&k, (const char *)m + f->quantifier_offset, sizeof k);
			memcpy(&many, (const char *)m + f->offset, sizeof(void *));
		} else {
			memcpy(&one, (const char *)m + f->offset, sizeof(void *));
		}
		for (size_t at = 0; at < k; at++)
			if (many[at] != NULL && has_field_zero(many[at]))
				return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const ProtobufCMessageDescriptor *const kinds[] = {&om__request__descriptor, &om__reply__descriptor,
	    &om__record__descriptor, &om__statement_reply__descriptor};
	ProtobufCMessage *m = NULL;
	struct om_arena a;
	struct om_buf again;

	if (n == 0)
		return 0;
	om_arena_init(&a, (size_t)1 << 20);
	if (om_msg_unpack(kinds[data[0] % 4], data + 1, n - 1, &a, &m, NULL) == OM_OK) {
		om_buf_init(&again, (size_t)1 << 22);
		om_msg_pack(m, &again); /* with what its sender left out, and it can be read once more */
		if (!has_field_zero(m) && om_buf_done(&again, NULL) == OM_OK &&
		    om_msg_unpack(kinds[data[0] % 4], again.data, again.len, &a, &m, NULL) == OM_PROTOCOL)
			abort();
		om_buf_fini(&again);
	} else if (m != NULL) {
		abort();
	}
	om_arena_fini(&a);
	return 0;
}
