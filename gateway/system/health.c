/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"
#include "answer/answer.h"
#include "intake/live.h"
#include "peers/peers.h"
#include "spool/spool.h"
#include "envelope.pb-c.h"
#include "base/json.h"
#include "base/stats.h"

#include <string.h>

om_status
gw_api_health(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	(void)app;
	(void)rq;
	(void)e;
	rp->type = "text/plain; charset=utf-8";
	rp->quiet = true;
	om_buf_str(&rp->body, "ok");
	return OM_OK;
}

/* write_parts writes the state of spool, costd and database, and whether the
 * whole is ready. */
static gw_spool_state
write_parts(struct gw_app *app, struct om_jw *w)
{
	static const char *const states[] = {
	    [GW_SPOOL_OK] = "ok", [GW_SPOOL_FULL] = "full", [GW_SPOOL_FAILED] = "failed"};
	struct gw_costd_status costd;
	struct gw_store_totals t;
	gw_spool_state spool = gw_spool_status(app->spool, &t);
	bool all;

	gw_peers_costd_status(app->peers, &costd);
	all = costd.reachable && costd.database_ok;
	om_jw_key(w, "status");
	om_jw_text(w, spool != GW_SPOOL_OK ? "unavailable" : all && t.quarantined == 0 ? "ready" : "degraded");
	om_jw_key(w, "spool");
	om_jw_open(w, '{');
	om_jw_key(w, "state");
	om_jw_text(w, states[spool]);
	om_jw_key(w, "pending");
	om_jw_int(w, t.pending);
	om_jw_key(w, "quarantined");
	om_jw_int(w, t.quarantined);
	om_jw_key(w, "oldest_pending_seconds");
	if (t.pending > 0 && t.oldest_us > 0)
		om_jw_int(w, om_now() > t.oldest_us ? (om_now() - t.oldest_us) / OM_SECOND : 0);
	else
		om_jw_null(w);
	om_jw_close(w, '}');
	om_jw_key(w, "costd");
	om_jw_open(w, '{');
	om_jw_key(w, "state");
	om_jw_text(w, costd.reachable ? "ok" : "unreachable");
	om_jw_close(w, '}');
	om_jw_key(w, "database");
	om_jw_open(w, '{');
	om_jw_key(w, "state");
	om_jw_text(w, !costd.reachable ? "unknown" : costd.database_ok ? "ok" : "unreachable");
	om_jw_close(w, '}');
	return spool;
}

om_status
gw_api_ready(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	gw_spool_state spool;
	struct om_jw w;

	(void)rq;
	(void)e;
	rp->quiet = true;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	spool = write_parts(app, &w);
	om_jw_close(&w, '}');
	rp->status = spool == GW_SPOOL_OK ? 200 : 503;
	if (rp->status == 503)
		gw_reply_header(rp, "Retry-After", "%d", 5);
	return OM_OK;
}

/* ask_pipeline asks costd what only it knows; NULL while it does not say. */
static const Om__PipelineReply *
ask_pipeline(struct gw_app *app, struct om_arena *a)
{
	Om__PipelineQuery q = OM__PIPELINE_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	struct gw_costd_status costd;
	Om__Reply *rep = NULL;

	gw_peers_costd_status(app->peers, &costd);
	if (!costd.reachable || !costd.database_ok)
		return NULL;
	req.body_case = OM__REQUEST__BODY_PIPELINE;
	req.pipeline = &q;
	if (gw_peers_ask_costd(app->peers, &req, a, &rep, NULL) != OM_OK || rep->body_case != OM__REPLY__BODY_PIPELINE)
		return NULL;
	return rep->pipeline;
}

static void
write_lookups(struct om_jw *w, const Om__PipelineReply *p)
{
	om_jw_key(w, "missing_records");
	if (p != NULL && p->has_missing_records)
		om_jw_int(w, (int64_t)p->missing_records);
	else
		om_jw_null(w);
	om_jw_key(w, "dead_letters");
	if (p == NULL) {
		om_jw_null(w);
		om_jw_key(w, "lookups");
		om_jw_null(w);
		return;
	}
	om_jw_int(w, (int64_t)p->dead_letters);
	om_jw_key(w, "lookups");
	om_jw_open(w, '{');
	gw_write_count(w, "waiting", p->lookups_waiting);
	gw_write_count(w, "overdue", p->lookups_overdue);
	gw_write_count(w, "given_up", p->lookups_given_up);
	gw_write_time(w, "paused_until", p->has_paused_until_us, p->paused_until_us);
	gw_write_text(w, "last_error", p->last_error);
	om_jw_close(w, '}');
}

static void
write_refused(struct gw_app *app, struct om_jw *w)
{
	struct gw_store_totals t;

	(void)gw_spool_status(app->spool, &t);
	om_jw_key(w, "refused");
	om_jw_open(w, '{');
	gw_write_int(w, "last_day", true, gw_turned_away(&t, om_now()));
	gw_write_int(w, "total", true, t.turned_away);
	om_jw_close(w, '}');
}

/* write_delivery writes what is held back, and what keeps terms from being taken over. */
static void
write_delivery(struct om_jw *w, const Om__PipelineReply *p)
{
	om_jw_key(w, "delivery");
	om_jw_open(w, '{');
	gw_write_text(w, "held_month", p != NULL ? p->held_month : NULL);
	gw_write_text(w, "held_reason", p != NULL ? p->held_reason : NULL);
	om_jw_close(w, '}');
	gw_write_text(w, "terms_conflict", p != NULL ? p->terms_conflict : NULL);
}

om_status
gw_api_pipeline(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	const Om__PipelineReply *p = ask_pipeline(app, rq->arena);
	om_time event = gw_live_newest(app->live);
	struct om_jw w;

	(void)e;
	if (p != NULL && p->has_last_event_us && p->last_event_us > event)
		event = p->last_event_us;
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	gw_write_time(&w, "now", true, om_now());
	(void)write_parts(app, &w);
	gw_write_time(&w, "last_event_at", event > 0, event);
	gw_write_time(&w, "last_commit_at", p != NULL && p->has_last_commit_us, p != NULL ? p->last_commit_us : 0);
	write_lookups(&w, p);
	write_refused(app, &w);
	write_delivery(&w, p);
	om_jw_close(&w, '}');
	return OM_OK;
}

/* has_family tells whether the first n bytes have metrics of that name. */
static bool
has_family(const char *text, size_t n, const char *name, size_t name_len)
{
	const char *end = text + n;

	while (text < end && (text = memmem(text, (size_t)(end - text), "# TYPE ", 7)) != NULL) {
		text += 7;
		if ((size_t)(end - text) > name_len && strncmp(text, name, name_len) == 0 && text[name_len] == ' ')
			return true;
	}
	return false;
}

/* add_families appends another service's text without the metrics that are there
 * already: a name may stand in one place only. */
static void
add_families(struct om_buf *out, const char *text)
{
	size_t before = out->len;
	bool skip = false;

	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, "\n");

		if (strncmp(text, "# HELP ", 7) == 0 || strncmp(text, "# TYPE ", 7) == 0)
			skip = before > 0 && has_family(out->data, before, text + 7, strcspn(text + 7, " \n"));
		if (!skip) {
			om_buf_add(out, text, n);
			om_buf_chr(out, '\n');
		}
		text += n + (text[n] == '\n');
	}
}

om_status
gw_api_metrics(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	(void)e;
	rp->type = "text/plain; version=0.0.4; charset=utf-8";
	om_stats_write(&rp->body);
	add_families(&rp->body, gw_peers_costd_metrics(app->peers, rq->arena));
	add_families(&rp->body, gw_peers_reportd_metrics(app->peers, rq->arena));
	return OM_OK;
}
