/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any text as records: JSON, NDJSON, and the older program's body. */
#include "storable.h"
#include "target.h"
#include "intake/record.h"
#include "record.pb-c.h"

static void
older(const char *text, size_t n, struct om_arena *a, struct gw_batch *b)
{
	json_t *doc = NULL;
	struct om_fit notes;
	Om__Record r;

	if (om_json_parse_mended(text, n, (struct om_json_place){.line = 0}, &doc, NULL) != OM_OK)
		return;
	if (gw_legacy_read(doc, FUZZ_NOW, a, &r, &notes, NULL) == OM_OK)
		must(gw_batch_add(b, &r, NULL) == OM_OK);
	json_decref(doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct gw_records rs = {.n_accepted = 0};
	const char *text = (const char *)data + 1;
	struct gw_batch *b;
	struct om_arena a;
	om_status s = OM_OK;

	if (n == 0)
		return 0;
	b = gw_batch_new();
	must(b != NULL);
	om_arena_init(&a, (size_t)16 << 20);
	if (data[0] % 3 == 0)
		s = gw_records_json(text, n - 1, FUZZ_NOW, &a, b, &rs, NULL);
	else if (data[0] % 3 == 1)
		s = gw_records_ndjson(text, n - 1, FUZZ_NOW, &a, b, &rs, NULL);
	else
		older(text, n - 1, &a, b);
	if (s == OM_OK && data[0] % 3 != 2)
		must(rs.n_accepted == b->n);
	for (size_t i = 0; s == OM_OK && i < rs.n_rejected; i++)
		must(rs.rejected[i].reason != NULL && rs.rejected[i].reason[0] != '\0');
	must(rs.n_repaired <= GW_REPAIRS_MAX);
	for (size_t i = 0; s == OM_OK && i < rs.n_repaired; i++)
		must(rs.repaired[i].reason != NULL && rs.repaired[i].field < OM_N_FIT);
	must_be_storable(b);
	gw_batch_free(&b);
	om_arena_fini(&a);
	return 0;
}
