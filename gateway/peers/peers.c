/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "peers_in.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COSTD_SOCKETS   4
#define COSTD_MS        15000
#define REPORTD_SOCKETS 2
#define WHO_SOCKETS     2
#define WHO_MS          4000
#define JOB_SOCKETS     16 /* to each; most of them wait for jobs */
#define SOON_MS         1000
#define LOOK_EVERY_MS   2000
#define LOOK_MS         1500
#define LOOK_ARENA      ((size_t)64 * 1024)

struct gw_peers {
	struct om_wire_client *submit; /* owned, as the others */
	struct om_wire_client *look;
	struct om_wire_client *costd;
	struct om_wire_client *who;
	struct om_wire_client *reportd;
	struct om_fleet *reportds; /* one by one, for jobs; owned */
	int files;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	struct gw_costd_status status;
};

static struct om_stat st_costd = OM_GAUGE("owui_metering_costd_up", NULL, "1 while costd answers the gateway.");
static struct om_stat st_database =
    OM_GAUGE("owui_metering_database_up", NULL, "1 while costd says that its database answers.");

static struct om_wire_client_opts
options(const struct gw_peers_opts *o, const char *peer, const char *urls, unsigned sockets)
{
	return (struct om_wire_client_opts){
	    .peer = peer,
	    .urls = urls,
	    .tls = o->tls,
	    .sockets = sockets,
	    .self = OM_CALLER_GATEWAY,
	    .key = o->key,
	    .allow_no_mac = o->allow_no_mac,
	};
}

static om_status
open_client(const struct gw_peers_opts *o, const char *peer, const char *urls, unsigned sockets,
    struct om_wire_client **out, om_err *e)
{
	struct om_wire_client_opts client = options(o, peer, urls, sockets);
	om_err why = {.text = ""};
	om_status s = om_wire_client_open(&client, out, &why);

	return s == OM_OK ? s : om_fail(e, s, "%s: %s", peer, why.text);
}

/* look asks costd how it is. */
static void
look(struct gw_peers *p)
{
	Om__StatusQuery query = OM__STATUS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	struct gw_costd_status now = {.reachable = false};
	Om__Reply *rep = NULL;
	struct om_arena a;
	om_err e = {.text = ""};
	bool before;

	om_arena_init(&a, LOOK_ARENA);
	req.body_case = OM__REQUEST__BODY_STATUS;
	req.status = &query;
	if (om_wire_call(p->look, &req, LOOK_MS, &a, &rep, &e) == OM_OK &&
	    rep->body_case == OM__REPLY__BODY_STATUS_REPLY) {
		now.reachable = om_wire_connected(p->who) > 0;
		if (!now.reachable)
			(void)om_fail(&e, OM_UNAVAILABLE, "no connection to ask who has a session");
		now.database_ok = rep->status_reply->has_database_ok && rep->status_reply->database_ok;
		now.has_first_day = rep->status_reply->has_first_day != 0;
		now.first_day = rep->status_reply->first_day;
		now.today = rep->status_reply->today;
		now.today_ends_us = rep->status_reply->has_today_ends_us ? rep->status_reply->today_ends_us : 0;
		if (rep->status_reply->timezone != NULL)
			(void)snprintf(now.timezone, sizeof now.timezone, "%s", rep->status_reply->timezone);
	}
	(void)pthread_mutex_lock(&p->lock);
	before = p->status.reachable;
	p->status.reachable = now.reachable;
	p->status.database_ok = now.database_ok;
	if (now.today_ends_us != 0) {
		p->status.today = now.today;
		p->status.today_ends_us = now.today_ends_us;
	}
	if (now.has_first_day) {
		p->status.has_first_day = true;
		p->status.first_day = now.first_day;
	}
	if (now.timezone[0] != '\0')
		memcpy(p->status.timezone, now.timezone, sizeof now.timezone);
	(void)pthread_mutex_unlock(&p->lock);
	om_arena_fini(&a);
	om_stat_set(&st_costd, now.reachable);
	om_stat_set(&st_database, now.database_ok);
	if (before != now.reachable)
		om_log(now.reachable ? OM_LOG_INFO : OM_LOG_WARN,
		    now.reachable ? "costd answers" : "costd does not answer", "why", now.reachable ? NULL : e.text,
		    NULL);
}

static void *
work(void *arg)
{
	struct gw_peers *p = arg;
	bool stop = false;

	while (!stop) {
		int64_t next;

		look(p);
		next = om_mono_ms() + LOOK_EVERY_MS;
		(void)pthread_mutex_lock(&p->lock);
		while (!p->stop && om_cond_wait(&p->wake, &p->lock, next))
			continue;
		stop = p->stop;
		(void)pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static om_status
open_reportds(const struct gw_peers_opts *o, struct om_fleet **out, om_err *e)
{
	struct om_wire_client_opts client = options(o, "reportd", o->reportd_urls, JOB_SOCKETS);
	om_err why = {.text = ""};
	om_status s = om_fleet_open(&client, out, &why);

	return s == OM_OK ? s : om_fail(e, s, "reportd: %s", why.text);
}

om_status
gw_peers_open(const struct gw_peers_opts *o, struct gw_peers **out, om_err *e)
{
	struct gw_peers *p = calloc(1, sizeof *p);
	om_status s;

	*out = NULL;
	if (p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	(void)pthread_mutex_init(&p->lock, NULL);
	om_cond_init(&p->wake);
	p->files = o->files;
	(void)snprintf(p->status.timezone, sizeof p->status.timezone, "UTC");
	if ((s = open_client(o, "costd", o->costd_urls, 1, &p->submit, e)) != OM_OK ||
	    (s = open_client(o, "costd", o->costd_urls, 1, &p->look, e)) != OM_OK ||
	    (s = open_client(o, "costd", o->costd_urls, COSTD_SOCKETS, &p->costd, e)) != OM_OK ||
	    (s = open_client(o, "costd", o->costd_urls, WHO_SOCKETS, &p->who, e)) != OM_OK ||
	    (s = open_client(o, "reportd", o->reportd_urls, REPORTD_SOCKETS, &p->reportd, e)) != OM_OK ||
	    (s = open_reportds(o, &p->reportds, e)) != OM_OK) {
		gw_peers_close(&p);
		return s;
	}
	if (pthread_create(&p->thread, NULL, work, p) != 0) {
		gw_peers_close(&p);
		return om_fail(e, OM_NOMEM, "cannot start a thread");
	}
	p->running = true;
	*out = p;
	return OM_OK;
}

void
gw_peers_close(struct gw_peers **pp)
{
	struct gw_peers *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_signal(&p->wake);
	(void)pthread_mutex_unlock(&p->lock);
	if (p->running)
		(void)pthread_join(p->thread, NULL);
	om_wire_client_free(&p->submit);
	om_wire_client_free(&p->look);
	om_wire_client_free(&p->costd);
	om_wire_client_free(&p->who);
	om_wire_client_free(&p->reportd);
	om_fleet_free(&p->reportds);
	(void)pthread_cond_destroy(&p->wake);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

struct om_wire_client *
gw_peers_submit(struct gw_peers *p)
{
	return p->submit;
}

int
gw_peers_files(const struct gw_peers *p)
{
	return p->files;
}

/* blame tells the question's faults from those of the peer. */
static om_status
blame(om_status s)
{
	switch (s) {
	case OM_OK:
	case OM_INVALID:
	case OM_RANGE:
	case OM_NOT_FOUND:
	case OM_CONFLICT:
		return s;
	case OM_TOO_LARGE:
		return OM_INVALID;
	case OM_UNAUTHENTICATED:
	case OM_FORBIDDEN:
	case OM_METHOD:
	case OM_MISDIRECTED:
	case OM_TIMEOUT:
	case OM_MEDIA:
	case OM_THROTTLED:
	case OM_INTERNAL:
	case OM_UNAVAILABLE:
	case OM_FULL:
	case OM_IO:
	case OM_STORE:
	case OM_STORE_DATA:
	case OM_PROTOCOL:
	case OM_VERSION:
	case OM_NOMEM:
	case OM_DAMAGED:
		break;
	}
	return OM_UNAVAILABLE;
}

om_status
gw_peers_blame(om_status s, const om_err *why, om_err *e)
{
	om_status blamed = blame(s);

	if (s == OM_OK)
		return s;
	if (blamed == OM_UNAVAILABLE)
		om_log(OM_LOG_WARN, "a question was not answered", "status", om_status_text(s), "why",
		    om_err_text(why, s), NULL);
	return om_fail(e, blamed, "%s", om_err_text(why, s));
}

struct om_fleet *
gw_peers_reportds(struct gw_peers *p)
{
	return p->reportds;
}

static om_status
ask(struct om_wire_client *c, Om__Request *req, int deadline_ms, struct om_arena *a, Om__Reply **reply_out, om_err *e)
{
	om_err why = {.text = ""};
	om_status s = om_wire_call(c, req, deadline_ms, a, reply_out, &why);

	if (s == OM_UNAUTHENTICATED && req->has_session) /* it ended since it was looked at */
		return om_fail(e, s, "%s", om_err_text(&why, s));
	return gw_peers_blame(s, &why, e);
}

om_status
gw_peers_call_costd(struct gw_peers *p, Om__Request *req, struct om_arena *a, Om__Reply **reply_out, om_err *e)
{
	return ask(p->costd, req, COSTD_MS, a, reply_out, e);
}

om_status
gw_peers_call_who(struct gw_peers *p, Om__Request *req, struct om_arena *a, Om__Reply **reply_out, om_err *e)
{
	if (req->has_session && om_wire_connected(p->who) == 0)
		return om_fail(e, OM_UNAVAILABLE, "costd cannot be reached (no connection)");
	return om_wire_call(p->who, req, WHO_MS, a, reply_out, e);
}

static om_status
ask_soon(struct om_wire_client *c, Om__Request *req, struct om_arena *a, Om__Reply **reply_out)
{
	return om_wire_connected(c) == 0 ? OM_UNAVAILABLE : om_wire_call(c, req, SOON_MS, a, reply_out, NULL);
}

om_status
gw_peers_call_soon(struct gw_peers *p, gw_peer who, Om__Request *req, struct om_arena *a, Om__Reply **reply_out)
{
	return ask_soon(who == GW_COSTD ? p->costd : p->reportd, req, a, reply_out);
}

static const char *
metrics(struct om_wire_client *c, struct om_arena *a)
{
	Om__MetricsQuery query = OM__METRICS_QUERY__INIT;
	Om__Request req = OM__REQUEST__INIT;
	Om__Reply *rep = NULL;

	req.body_case = OM__REQUEST__BODY_METRICS;
	req.metrics = &query;
	if (ask_soon(c, &req, a, &rep) != OM_OK || rep->body_case != OM__REPLY__BODY_METRICS)
		return NULL;
	return rep->metrics->text;
}

const char *
gw_peers_costd_metrics(struct gw_peers *p, struct om_arena *a)
{
	return metrics(p->costd, a);
}

const char *
gw_peers_reportd_metrics(struct gw_peers *p, struct om_arena *a)
{
	return metrics(p->reportd, a);
}

void
gw_peers_costd_status(struct gw_peers *p, struct gw_costd_status *out)
{
	(void)pthread_mutex_lock(&p->lock);
	*out = p->status;
	(void)pthread_mutex_unlock(&p->lock);
}

int32_t
gw_peers_today(const struct gw_costd_status *s, int64_t now_us)
{
	if (s->today_ends_us == 0) /* costd was not heard yet: UTC */
		return (int32_t)(now_us / OM_DAY);
	/* costd may not answer for longer than the day lasts */
	return now_us < s->today_ends_us ? s->today : s->today + 1 + (int32_t)((now_us - s->today_ends_us) / OM_DAY);
}
