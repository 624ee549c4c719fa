/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"
#include "answer/answer.h"
#include "pages/plugin_source.h"
#include "peers/peers.h"
#include "envelope.pb-c.h"
#include "wire/describe.h"

static void
write_service(struct om_jw *w, const Om__SettingsReply *r)
{
	om_jw_open(w, '{');
	gw_write_text(w, "service", r->service);
	gw_write_text(w, "version", r->version);
	om_jw_key(w, "settings");
	om_jw_open(w, '[');
	for (size_t i = 0; i < r->n_settings; i++) {
		const Om__Setting *s = r->settings[i];

		om_jw_open(w, '{');
		gw_write_text(w, "name", s->name);
		gw_write_text(w, "value", s->masked ? NULL : s->value);
		om_jw_key(w, "masked");
		om_jw_bool(w, s->masked);
		om_jw_key(w, "is_default");
		om_jw_bool(w, s->is_default);
		gw_write_text(w, "description", s->description);
		om_jw_close(w, '}');
	}
	om_jw_close(w, ']');
	om_jw_close(w, '}');
}

/* write_peer writes what a peer says; one that does not answer has no version. */
static void
write_peer(struct om_jw *w, const char *name, om_status s, const Om__Reply *rep)
{
	if (s == OM_OK && rep->body_case == OM__REPLY__BODY_SETTINGS) {
		write_service(w, rep->settings);
		return;
	}
	om_jw_open(w, '{');
	gw_write_text(w, "service", name);
	gw_write_text(w, "version", NULL);
	om_jw_key(w, "settings");
	om_jw_open(w, '[');
	om_jw_close(w, ']');
	om_jw_close(w, '}');
}

om_status
gw_api_settings(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	const struct om_service self = {.name = "gateway", .settings = gw_conf_table, .n_settings = GW_CONF_SETTINGS};
	Om__SettingsReply own = OM__SETTINGS_REPLY__INIT;
	Om__SettingsQuery q = OM__SETTINGS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *costd = NULL, *reportd = NULL;
	struct om_jw w;
	om_status s = om_settings_describe(&self, app->conf, rq->arena, &own, e), of_costd, of_reportd;

	if (s != OM_OK)
		return s;
	req.body_case = OM__REQUEST__BODY_SETTINGS;
	req.settings = &q;
	of_costd = gw_peers_ask_soon(app->peers, GW_COSTD, &req, rq->arena, &costd);
	of_reportd = gw_peers_ask_soon(app->peers, GW_REPORTD, &req, rq->arena, &reportd);
	rp->type = "application/json";
	om_jw_init(&w, &rp->body);
	om_jw_open(&w, '{');
	om_jw_key(&w, "services");
	om_jw_open(&w, '[');
	write_service(&w, &own);
	write_peer(&w, "costd", of_costd, costd);
	write_peer(&w, "reportd", of_reportd, reportd);
	om_jw_close(&w, ']');
	om_jw_close(&w, '}');
	return OM_OK;
}

om_status
gw_api_plugin(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	(void)app;
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
