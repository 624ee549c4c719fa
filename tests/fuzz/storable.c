/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "storable.h"

#include "codec.h"
#include "record.h"
#include "target.h"

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
		must(cd_record_check(r, NULL) == OM_OK);
		must(cd_record_row(r, &a, &row, NULL) == OM_OK);
		om_arena_fini(&a);
	}
}
