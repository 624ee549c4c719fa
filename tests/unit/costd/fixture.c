/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fixture.h"

#include "ledger/check.h"
#include "price/pricing.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

const struct cd_bring_up fx_at_once = {.not_long = false};

void
fx_open(struct fx *f)
{
	om_err e = {.text = ""};

	fx_open_database(f);
	fx_ok(cd_store_init(&e), &e);
	fx_ok(cd_bring_up(&f->opts, &fx_at_once, &e), &e);
	f->ledger = calloc(1, sizeof *f->ledger);
	assert_non_null(f->ledger);
	*f->ledger = (struct cd_ledger){
	    .pool = f->pool,
	    .times =
		{
		    .delay_us = 5 * OM_SECOND,
		    .open_delay_us = 900 * OM_SECOND,
		    .max_delay_us = INT64_C(6) * 3600 * OM_SECOND,
		    .give_up_us = 7 * OM_DAY,
		},
	};
}

om_status
fx_submit(struct fx *f, Om__Record *const *r, size_t n, uint64_t first, Om__SubmitReply *out)
{
	static unsigned char spool[16] = "test spool 12345";
	Om__SubmitBatch b = OM__SUBMIT_BATCH__INIT;
	om_err e = {.text = ""};
	om_status s;

	b.spool_id = (ProtobufCBinaryData){.len = 16, .data = spool};
	b.first_seq = first;
	b.last_seq = first + n - 1;
	b.n_entries = n;
	b.entries = om_arena_array(&f->a, n, sizeof(Om__SpoolEntry *));
	for (size_t i = 0; i < n; i++) {
		Om__SpoolEntry *entry = om_msg_new(&f->a, &om__spool_entry__descriptor);

		entry->seq = first + i;
		om_msg_ready(&r[i]->base);
		entry->record.len = om__record__get_packed_size(r[i]);
		entry->record.data = om_arena_alloc(&f->a, entry->record.len + 1);
		(void)om__record__pack(r[i], entry->record.data);
		b.entries[i] = entry;
	}
	s = cd_ledger_submit(f->ledger, &b, FX_DEADLINE, &f->a, out, &e);
	if (s != OM_OK)
		print_message("submit: %s\n", om_err_text(&e, s));
	else
		assert_int_equal(out->new_records + out->duplicate_records + out->refused_records, n);
	return s;
}

struct cd_price_change
fx_store_prices(struct fx *f, const char *json, om_time fetched)
{
	struct cd_price_change c;
	struct cd_tariff *list = NULL;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};
	size_t n = 0;

	fx_ok(cd_pricing_list(json, strlen(json), &f->a, &list, &n, &e), &e);
	fx_ok(cd_db_open(&f->opts, &db, &e), &e);
	fx_ok(cd_db_begin(db, &e), &e);
	fx_ok(cd_price_store(db, list, n, fetched, &f->a, &c, &e), &e);
	fx_ok(cd_db_commit(db, &e), &e);
	cd_db_close(&db);
	return c;
}

void
fx_no_differences(struct fx *f)
{
	struct cd_check_result r;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	fx_ok(cd_db_open(&f->opts, &db, &e), &e);
	fx_ok(cd_check_ledger(db, &r, &e), &e);
	cd_db_close(&db);
	assert_int_equal(r.wrong_rows, 0);
	assert_int_equal(r.wrong_totals, 0);
}
