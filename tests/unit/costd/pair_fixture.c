/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pair_fixture.h"

#include "ledger/check.h"
#include "value/record.h"

#include <string.h>

#define SIDES                                                                                      \
	"SELECT CONCAT_WS('|',ledger_key,turn_id,message_id,request,(at_us-1795000000000000) DIV " \
	"1000000,user_id,model,"                                                                   \
	"prompt_tokens,completion_tokens,alone) FROM as_text_turn ORDER BY ledger_key"
#define ALL                                                                                                           \
	"SELECT "                                                                                                     \
	"CONCAT_WS('|',generation_id,user_id,started_us,state,cost_state,cost,prompt_tokens,completion_tokens,model," \
	"turn_id,"                                                                                                    \
	"message_id,requests,unsettled,link_kind,HEX(ranks)) FROM as_text_generation ORDER BY generation_id"
#define LINKS "SELECT CONCAT_WS('|',ledger_key,target,kind) FROM link ORDER BY ledger_key,target"

struct fx pf;
uint64_t pf_next_seq;
static uint64_t next_id;

void
pf_set_up(void)
{
	fx_open(&pf);
	next_id = 1;
	pf_next_seq = 1;
}

Om__Record *
pf_record(const char *id, const char *turn, const char *user, const char *cost, om_time at)
{
	Om__Record *r = fx_record(&pf.a, next_id++, id, user, cost);

	r->turn_id = turn != NULL ? om_arena_strdup(&pf.a, turn) : NULL;
	r->source = om_arena_strdup(&pf.a, id == NULL ? "filter-outlet" : OM_SOURCE_OTLP);
	r->model = om_arena_strdup(&pf.a, "m");
	r->prompt_tokens = 25;
	r->started_us = at;
	r->finished_us = at + OM_SECOND;
	r->received_us = at + 2 * OM_SECOND;
	return r;
}

void
pf_send(Om__Record *r)
{
	Om__SubmitReply out;

	assert_int_equal(fx_submit(&pf, &r, 1, pf_next_seq++, &out), OM_OK);
	assert_int_equal(out.refused_records, 0);
}

static om_status
check(struct cd_db *db, void *arg, om_err *e)
{
	return cd_check_ledger(db, arg, e);
}

/* holds: rows, links and totals are what the journal makes of them. */
void
pf_holds(void)
{
	struct cd_check_result r;
	om_err e = {.text = ""};

	assert_int_equal(cd_pool_run(pf.pool, CD_TX_SNAPSHOT, FX_DEADLINE, check, &r, &e), OM_OK);
	if (r.wrong_rows > 0)
		print_message("%s\n%s\n%s\n", fx_text(&pf, SIDES), fx_text(&pf, ALL), fx_text(&pf, LINKS));
	assert_int_equal(r.wrong_rows, 0);
	assert_int_equal(r.wrong_totals, 0);
}

Om__Record *
pf_look_up(const char *id, const char *cost, om_time at)
{
	Om__Record *r = pf_record(id, NULL, OM_USER_UNKNOWN, cost, at);

	r->source = om_arena_strdup(&pf.a, CD_LOOK_UP);
	r->cost_state = OM__COST_STATE__COST_LOOKED_UP;
	r->has_started_us = false;
	r->prompt_tokens = 31; /* native ones */
	return r;
}

char *
pf_rows(void)
{
	return fx_text(&pf, ALL);
}

char *
pf_links(void)
{
	return fx_text(&pf, LINKS);
}
