/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storable.h"

#include "target.h"
#include "value/record.h"
#include "record.pb-c.h"
#include "wire/codec.h"

#include <string.h>

/* must_be_same: what fits for the gateway is not touched by costd. */
static void
must_be_same(Om__Record *r, const char *packed, size_t n)
{
	struct om_buf again;

	om_buf_init(&again, (size_t)8 << 20);
	om_msg_pack(&r->base, &again);
	must(om_buf_done(&again, NULL) == OM_OK && again.len == n && memcmp(again.data, packed, n) == 0);
	om_buf_fini(&again);
}

void
must_be_storable(const struct gw_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		size_t start = i > 0 ? b->ends[i - 1] : 0;
		Om__Record *r = NULL;
		struct cd_row row;
		struct om_arena a;

		om_arena_init(&a, (size_t)8 << 20);
		must(om_msg_unpack(&om__record__descriptor, b->bytes.data + start, b->ends[i] - start, &a, &r, NULL) ==
		    OM_OK);
		must(cd_record_fit(r, &a, NULL) == OM_OK);
		must_be_same(r, b->bytes.data + start, b->ends[i] - start);
		must(cd_record_row(r, &a, &row, NULL) == OM_OK);
		om_arena_fini(&a);
	}
}
