/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "health.h"

#include "answer/reply.h"
#include "peers/peers.h"
#include "spool/spool.h"
#include "base/clock.h"

om_status
gw_health_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	(void)parts;
	(void)rq;
	(void)e;
	rp->type = "text/plain; charset=utf-8";
	rp->quiet = true;
	om_buf_str(&rp->body, "ok");
	return OM_OK;
}

static void
write_spool(struct om_jw *w, gw_spool_state state, const struct gw_store_totals *t)
{
	static const char *const states[] = {
	    [GW_SPOOL_OK] = "ok", [GW_SPOOL_FULL] = "full", [GW_SPOOL_FAILED] = "failed"};
	om_time now = om_now();

	gw_write_open(w, "spool", '{');
	gw_write_text(w, "state", states[state]);
	gw_write_int(w, "pending", t->pending);
	gw_write_int(w, "quarantined", t->quarantined);
	if (t->pending > 0 && t->oldest_us > 0)
		gw_write_int(w, "oldest_pending_seconds", now > t->oldest_us ? (now - t->oldest_us) / OM_SECOND : 0);
	else
		gw_write_null(w, "oldest_pending_seconds");
	om_jw_close(w, '}');
}

static void
write_state(struct om_jw *w, const char *part, const char *state)
{
	gw_write_open(w, part, '{');
	gw_write_text(w, "state", state);
	om_jw_close(w, '}');
}

gw_spool_state
gw_health_write(const struct gw_parts *parts, struct om_jw *w)
{
	struct gw_costd_status costd;
	struct gw_store_totals t;
	gw_spool_state spool = gw_spool_status(parts->spool, &t);
	bool all;

	gw_peers_costd_status(parts->peers, &costd);
	all = costd.reachable && costd.database_ok && t.quarantined == 0;
	gw_write_text(w, "status", spool != GW_SPOOL_OK ? "unavailable" : all ? "ready" : "degraded");
	write_spool(w, spool, &t);
	write_state(w, "costd", costd.reachable ? "ok" : "unreachable");
	write_state(w, "database", !costd.reachable ? "unknown" : costd.database_ok ? "ok" : "unreachable");
	return spool;
}

om_status
gw_ready_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	gw_spool_state spool;
	struct om_jw w;

	(void)rq;
	(void)e;
	rp->quiet = true;
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	spool = gw_health_write(parts, &w);
	om_jw_close(&w, '}');
	rp->status = spool == GW_SPOOL_OK ? 200 : 503;
	if (rp->status == 503)
		gw_reply_header(rp, "Retry-After", "%d", 5);
	return OM_OK;
}
