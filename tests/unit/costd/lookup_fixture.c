/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lookup_fixture.h"

#include "value/record.h"

void
fx_submit_one(struct fx *f, Om__Record *r)
{
	static uint64_t seq = 1;
	Om__SubmitReply out = OM__SUBMIT_REPLY__INIT;

	assert_int_equal(fx_submit(f, &r, 1, seq++, &out), OM_OK);
	assert_int_equal(out.new_records, 1);
}

Om__Record *
fx_look_up(struct fx *f, uint64_t id, const char *generation, const char *user, const char *cost)
{
	Om__Record *r = fx_record(&f->a, id, generation, user, cost);

	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	r->source = om_arena_strdup(&f->a, CD_LOOK_UP);
	r->has_started_us = false;
	return r;
}

void
fx_settle(struct fx *f, Om__Record *r)
{
	om_err e = {.text = ""};

	fx_ok(cd_ledger_settle(f->ledger, r, FX_DEADLINE, &f->a, &e), &e);
}

Om__Record *
fx_byok(Om__Record *r, const char *upstream, struct om_arena *a)
{
	r->has_is_byok = r->is_byok = true;
	r->byok_cost = upstream != NULL ? om_arena_strdup(a, upstream) : NULL;
	return r;
}

struct cd_lookup_claim
fx_claim(struct fx *f, const char *generation)
{
	struct cd_lookup_claim c;
	struct cd_db *db = NULL;
	om_err e = {.text = ""};

	fx_run(f, om_arena_printf(&f->a, "UPDATE lookup SET next_us=IF(generation_id='%s',1,2)", generation));
	fx_ok(cd_db_open(&f->opts, &db, &e), &e);
	fx_ok(cd_lookup_claim(db, 0, 1, OM_SECOND, &c, &f->a, &e), &e);
	cd_db_rollback(db);
	cd_db_close(&db);
	assert_true(c.found);
	assert_string_equal(c.id, generation);
	return c;
}
