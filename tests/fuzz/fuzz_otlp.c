/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as a trace, in JSON and in protobuf. */
#include "storable.h"
#include "target.h"
#include "intake/otlp.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct om_arena a;
	struct gw_traces t = {.arena = &a, .now = FUZZ_NOW};
	om_status s;

	if (n == 0)
		return 0;
	om_arena_init(&a, (size_t)16 << 20);
	t.batch = gw_batch_new();
	must(t.batch != NULL);
	s = data[0] % 2 == 0 ? gw_otlp_json(&t, (const char *)data + 1, n - 1, NULL)
			     : gw_otlp_protobuf(&t, data + 1, n - 1, NULL);
	must(s != OM_OK || t.n_accepted == t.batch->n);
	must(s != OM_OK || (t.n_rejected > 0) == (t.reason != NULL));
	must(s != OM_OK || (t.n_repaired > 0) == (t.repair != NULL));
	must_be_storable(t.batch);
	gw_batch_free(&t.batch);
	om_arena_fini(&a);
	return 0;
}
