/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as any message between the services: a message or a status. */
#include "envelope.pb-c.h"
#include "record.pb-c.h"
#include "statement.pb-c.h"
#include "wire/codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

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
		om_msg_pack(m, &again); /* with what its sender left out */
		om_buf_fini(&again);
	} else if (m != NULL) {
		abort();
	}
	om_arena_fini(&a);
	return 0;
}
