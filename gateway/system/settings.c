/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "system.h"

#include "answer/reply.h"
#include "pages/plugin_source.h"
#include "peers/ask.h"
#include "wire/describe.h"

/* ask_service gives what a peer says; one that does not answer has no version. */
static const Om__SettingsReply *
ask_service(const struct gw_parts *parts, gw_peer who, Om__SettingsReply *silent, struct om_arena *a)
{
	static const struct gw_ask ask = {OM__REQUEST__BODY_SETTINGS, OM__REPLY__BODY_SETTINGS};
	Om__SettingsQuery q = OM__SETTINGS_QUERY__INIT;
	const Om__SettingsReply *said = NULL;

	return gw_ask_soon(parts->peers, who, ask, &q, a, &said) == OM_OK ? said : silent;
}

om_status
gw_settings_show(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	static char costd[] = "costd", reportd[] = "reportd";
	Om__SettingsReply own = OM__SETTINGS_REPLY__INIT, no_costd = OM__SETTINGS_REPLY__INIT,
			  no_reportd = OM__SETTINGS_REPLY__INIT;
	struct om_jw w;
	om_status s = om_settings_describe(parts->self, parts->conf, rq->arena, &own, e);

	if (s != OM_OK)
		return s;
	no_costd.service = costd;
	no_reportd.service = reportd;
	no_costd.version = no_reportd.version = NULL;
	w = gw_reply_json(rp);
	om_jw_open(&w, '{');
	gw_write_open(&w, "services", '[');
	gw_answer_message(&w, &own.base);
	gw_answer_message(&w, &ask_service(parts, GW_COSTD, &no_costd, rq->arena)->base);
	gw_answer_message(&w, &ask_service(parts, GW_REPORTD, &no_reportd, rq->arena)->base);
	om_jw_close(&w, ']');
	om_jw_close(&w, '}');
	return OM_OK;
}

om_status
gw_plugin_send(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	(void)parts;
	(void)e;
	rp->cache_control = "private, no-cache";
	gw_reply_header(rp, "ETag", "%s", gw_plugin_etag);
	if (gw_etag_matches(rq, gw_plugin_etag)) {
		rp->status = 304;
		return OM_OK;
	}
	rp->type = "text/plain; charset=utf-8";
	om_buf_add(&rp->body, gw_plugin_source, gw_plugin_bytes);
	return OM_OK;
}
