/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How records move from the gateways into the ledger: what waits, what failed.  Each
 * question reads a few lines at the end of an index, so that it can be asked all the time.
 */
#include "read.h"

#include "database/fill.h"
#include "ledger/lookup.h"
#include "terms/offers.h"
#include "envelope.pb-c.h"

#define LATE_US (60 * OM_SECOND)

struct ask {
	Om__PipelineReply *out;
	struct om_arena *a;
	bool found;
	om_day first;
};

static om_status
read_pause(struct cd_db *db, struct ask *ask, om_err *e)
{
	om_time until = 0;
	om_status s = cd_lookup_paused(db, &until, e);

	ask->out->has_paused_until_us = s == OM_OK && until > om_now();
	ask->out->paused_until_us = until;
	return s;
}

static om_status
read_pipeline(struct cd_db *db, void *arg, om_err *e)
{
	/* the newest few batches: of several gateways, the newest record may not be
	 * in the newest batch */
	static const char batch[] = "SELECT MAX(committed_us) AS last_commit_us,"
				    "MAX(COALESCE(received_us,committed_us)) AS last_event_us FROM (SELECT "
				    "committed_us,received_us FROM batch ORDER BY committed_us DESC LIMIT 16) AS t";
	static const char counts[] =
	    "SELECT (SELECT COUNT(*) FROM dead_letter WHERE aside_us IS NULL) AS dead_letters,"
	    "(SELECT COUNT(aside_us) FROM dead_letter) AS dead_letters_aside,"
	    "(SELECT COUNT(*) FROM lookup WHERE next_us IS NOT NULL) AS lookups_waiting,"
	    "(SELECT COUNT(*) FROM lookup WHERE next_us<? AND (lease_until_us IS NULL OR lease_until_us<?)) AS "
	    "lookups_overdue,(SELECT COUNT(*) FROM lookup WHERE next_us IS NULL) AS lookups_given_up,"
	    "(SELECT CAST(COALESCE(SUM(last_seq-first_seq+1),0) AS SIGNED) FROM missing) AS missing_records";
	static const char error[] = "SELECT last_error FROM lookup WHERE next_us IS NOT NULL AND last_error IS NOT "
				    "NULL ORDER BY next_us LIMIT 1";
	static const char held[] = "SELECT DATE_FORMAT(month,'%Y-%m') AS held_month,held AS held_reason FROM delivery "
				   "WHERE state=0 AND held IS NOT NULL ORDER BY month LIMIT 1";
	const om_time late = om_now() - LATE_US;
	struct ask *ask = arg;
	const struct cd_val times[] = {CD_I(late), CD_I(late)};
	ProtobufCMessage *out = &ask->out->base;
	om_status s;

	ask->out->last_error = ask->out->held_month = ask->out->held_reason = NULL;
	s = cd_fill_into(db, batch, NULL, 0, out, ask->a, e);
	if (s == OM_OK)
		s = cd_fill_into(db, counts, times, 2, out, ask->a, e);
	if (s == OM_OK)
		s = cd_fill_into(db, error, NULL, 0, out, ask->a, e);
	if (s == OM_OK)
		s = read_pause(db, arg, e);
	if (s == OM_OK)
		s = cd_fill_into(db, held, NULL, 0, out, ask->a, e);
	return s == OM_OK ? cd_terms_conflict(db, om_now(), ask->a, &ask->out->terms_conflict, e) : s;
}

om_status
cd_pipeline_read(struct cd_pool *p, int64_t deadline_ms, Om__PipelineReply *out, struct om_arena *a, om_err *e)
{
	struct ask ask = {.out = out, .a = a};

	return cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_pipeline, &ask, e);
}

static om_status
keep_first(void *arg, const struct cd_val *v, om_err *e)
{
	struct ask *ask = arg;

	(void)e;
	ask->found = v[0].kind == CD_INT;
	ask->first = (om_day)v[0].i;
	return OM_OK;
}

static om_status
read_first(struct cd_db *db, void *arg, om_err *e)
{
	return cd_db_query(db,
	    "SELECT DATEDIFF(day,'1970-01-01') FROM usage_sum WHERE cube=1 AND (requests>0 OR cost<>0) ORDER BY day "
	    "LIMIT 1",
	    NULL, 0, keep_first, arg, e);
}

om_status
cd_first_day_read(struct cd_pool *p, int64_t deadline_ms, bool *found_out, om_day *out, om_err *e)
{
	struct ask ask = {.found = false};
	om_status s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, read_first, &ask, e);

	*found_out = s == OM_OK && ask.found;
	*out = ask.first;
	return s;
}
