/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "health.h"

#include "answer/reply.h"
#include "intake/live.h"
#include "peers/ask.h"

/* ask_pipeline asks costd for its part; NULL while costd does not answer. */
static const Om__PipelineReply *
ask_pipeline(const struct gw_parts *parts, struct om_arena *a)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_PIPELINE, OM__REPLY__BODY_PIPELINE};
	Om__PipelineQuery q = OM__PIPELINE_QUERY__INIT;
	const Om__PipelineReply *said = NULL;
	struct gw_costd_status costd;

	gw_peers_costd_status(parts->peers, &costd);
	if (!costd.reachable || !costd.database_ok)
		return NULL;
	return gw_ask_costd(parts->peers, ask, &q, a, &said, NULL) == OM_OK ? said : NULL;
}

/* write_some writes members of costd's reply, null while costd does not answer. */
static void
write_some(struct om_jw *w, const Om__PipelineReply *p, const char *fields)
{
	if (p != NULL)
		gw_answer_some(w, &p->base, fields);
	else
		gw_answer_nulls(w, &om__pipeline_reply__descriptor, fields);
}

static void
write_lookups(struct om_jw *w, const Om__PipelineReply *p)
{
	if (p == NULL) {
		gw_write_null(w, "lookups");
		return;
	}
	gw_write_open(w, "lookups", '{');
	write_some(w, p, "lookups_waiting lookups_overdue lookups_given_up paused_until_us last_error ");
	om_jw_close(w, '}');
}

static void
write_refused(const struct gw_parts *parts, struct om_jw *w)
{
	struct gw_store_totals t;

	(void)gw_spool_status(parts->spool, &t);
	gw_write_open(w, "refused", '{');
	gw_write_int(w, "last_day", gw_turned_away(&t, om_now()));
	gw_write_int(w, "total", t.turned_away);
	om_jw_close(w, '}');
}

om_status
gw_pipeline_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	const Om__PipelineReply *p = ask_pipeline(parts, rq->arena);
	om_time newest = gw_live_newest(parts->live);
	struct om_jw w = gw_reply_json(rp);

	(void)e;
	if (p != NULL && p->has_last_event_us && p->last_event_us > newest)
		newest = p->last_event_us;
	om_jw_open(&w, '{');
	gw_write_time(&w, "now", om_now());
	(void)gw_health_write(parts, &w);
	gw_write_time(&w, "last_event_at", newest);
	write_some(&w, p, "last_commit_us missing_records dead_letters dead_letters_aside ");
	write_lookups(&w, p);
	write_refused(parts, &w);
	gw_write_open(&w, "delivery", '{');
	write_some(&w, p, "held_month held_reason ");
	om_jw_close(&w, '}');
	write_some(&w, p, "terms_conflict ");
	om_jw_close(&w, '}');
	return OM_OK;
}
