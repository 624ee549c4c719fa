/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"

#include "access/auth.h"
#include "http/arguments.h"
#include "http/gzip.h"
#include "http/proxy.h"
#include "intake/refusal.h"
#include "pages/assets.h"

#include <stdio.h>
#include <string.h>

#define READERS ((unsigned)GW_SESSION | (unsigned)GW_READER)
#define ANY_KEY (READERS | (unsigned)GW_INGEST)

enum flag {
	HEAD_TOO = 1,      /* HEAD answers as GET without its body */
	SAME_ORIGIN = 2,   /* a browser must have sent it from our own pages */
	OLD_ERRORS = 4,    /* errors as clients of the older program read them */
	NO_AUTH = 8,       /* does not even look at keys and cookies */
	ANY_QUERY = 16,    /* does not look at the query */
	ASKS_ITSELF = 32,  /* takes a bad session for none */
	GIVES_FILE = 64,   /* POST /exports may ask for it */
	NO_RECORDS = 128,  /* what it refuses is no record */
	OTLP_ERRORS = 1024 /* errors in the encoding of the request */
};

/* The filters of totals, and those of single rows besides. */
static const char of_usage[] = "from to group_by limit "
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) #name " "
#include "messages/dimensions.def"
    ;
static const char of_usage_book[] = "from to group_by limit locale "
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) #name " "
#include "messages/dimensions.def"
    ;
#define ROW_FILTERS "from to limit cursor chat_id generation_id state cost_state unsettled "
static const char of_generations[] = ROW_FILTERS
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) #name " "
#define OM_DIMENSION_ROW(NAME, name, FIELD, least, most)      #name " "
#include "messages/dimensions.def"
    ;
static const char of_generations_book[] = ROW_FILTERS "locale "
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) #name " "
#define OM_DIMENSION_ROW(NAME, name, FIELD, least, most)      #name " "
#include "messages/dimensions.def"
    ;
#define OF_DOCUMENT "locale paper format "
#define FILE_TOO    (HEAD_TOO | GIVES_FILE)

struct route {
	const char *method;
	const char *path;   /* {} stands for one part */
	const char *params; /* names of query parameters, each followed by a space */
	unsigned who_may;
	unsigned flags;
	size_t body_bytes; /* 0: a body is not read */
	gw_handler *handler;
};

static const struct route routes[] = {
    {"GET", "/healthcheck", "", GW_ANYONE, HEAD_TOO | NO_AUTH | ANY_QUERY, 0, gw_api_health},
    {"GET", "/readyz", "", GW_ANYONE, HEAD_TOO | NO_AUTH | ANY_QUERY, 0, gw_api_ready},
    {"POST", "/api/v1/events", "", GW_INGEST, 0, GW_BODY_EVENTS, gw_api_events},
    {"POST", "/api/v1/traces", "", GW_INGEST, OTLP_ERRORS, GW_BODY_TRACES, gw_api_traces},
    {"PUT", "/api/v1/traces", "", GW_INGEST, OTLP_ERRORS, GW_BODY_TRACES, gw_api_traces},
    {"POST", "/api/v1/metering/record", "", GW_INGEST, OLD_ERRORS, GW_BODY_SMALL, gw_api_record},
    {"POST", "/api/v1/login", "", GW_ANYONE, SAME_ORIGIN | NO_AUTH, GW_BODY_SMALL, gw_api_login},
    {"POST", "/api/v1/logout", "", GW_ANYONE, SAME_ORIGIN | ASKS_ITSELF, 0, gw_api_logout},
    {"GET", "/api/v1/session", "", READERS, 0, 0, gw_api_session},
    {"GET", "/api/v1/usage", of_usage, READERS, 0, 0, gw_api_usage},
    {"GET", "/api/v1/generations", of_generations, READERS, 0, 0, gw_api_generations},
    {"GET", "/api/v1/generations/{}", "", READERS, 0, 0, gw_api_generation},
    {"POST", "/api/v1/generations/{}/unpair", "", GW_SESSION, SAME_ORIGIN, 0, gw_api_unpair},
    {"GET", "/api/v1/live", "", GW_SESSION, 0, 0, gw_api_live},
    {"GET", "/api/v1/pipeline", "", READERS, 0, 0, gw_api_pipeline},
    {"GET", "/api/v1/settings", "", GW_SESSION, 0, 0, gw_api_settings},
    {"GET", "/api/v1/plugin", "", GW_SESSION, 0, 0, gw_api_plugin},
    {"GET", "/api/v1/users", "q cursor limit ", GW_SESSION, 0, 0, gw_api_users},
    {"GET", "/api/v1/user/{}", "", GW_SESSION, 0, 0, gw_api_user},
    {"GET", "/api/v1/models", "", READERS, 0, 0, gw_api_models},
    {"GET", "/api/v1/credits", "", READERS, 0, 0, gw_api_credits},
    {"GET", "/api/v1/statements/{}/{}", OF_DOCUMENT, READERS, FILE_TOO, 0, gw_api_statement},
    {"GET", "/api/v1/statements/group/{}/{}", OF_DOCUMENT, READERS, FILE_TOO, 0, gw_api_group_statement},
    {"GET", "/api/v1/reports/{}", OF_DOCUMENT, READERS, FILE_TOO, 0, gw_api_report},
    {"GET", "/api/v1/usage.csv", of_usage, READERS, FILE_TOO, 0, gw_api_usage_csv},
    {"GET", "/api/v1/usage.xlsx", of_usage_book, READERS, FILE_TOO, 0, gw_api_usage_xlsx},
    {"GET", "/api/v1/generations.csv", of_generations, READERS, FILE_TOO, 0, gw_api_generations_csv},
    {"GET", "/api/v1/generations.xlsx", of_generations_book, READERS, FILE_TOO, 0, gw_api_generations_xlsx},
    {"POST", "/api/v1/exports", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_api_export_begin},
    {"GET", "/api/v1/exports/{}", "", GW_SESSION, 0, 0, gw_api_export},
    {"DELETE", "/api/v1/exports/{}", "", GW_SESSION, SAME_ORIGIN, 0, gw_api_export_drop},
    {"GET", "/api/v1/exports/{}/file", "", GW_SESSION, HEAD_TOO, 0, gw_api_export_file},
    {"POST", "/api/v1/documents", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_api_document_issue},
    {"GET", "/api/v1/documents", "year month user group kind cursor limit ", READERS, 0, 0, gw_api_documents},
    {"GET", "/api/v1/documents/requests/{}", "", READERS, 0, 0, gw_api_document_request},
    {"GET", "/api/v1/documents/{}", "", READERS, 0, 0, gw_api_document},
    {"GET", "/api/v1/documents/{}/file", "format duplicate ", READERS, HEAD_TOO, 0, gw_api_document_file},
    {"POST", "/api/v1/documents/{}/cancel", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_api_document_cancel},
    {"GET", "/api/v1/terms", "", READERS, 0, 0, gw_api_terms},
    {"PUT", "/api/v1/terms", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_api_terms_change},
    {"GET", "/api/v1/verify/{}", "", GW_ANYONE, NO_AUTH, 0, gw_api_verify},
    {"POST", "/api/v1/user/report", "", GW_SESSION, SAME_ORIGIN | OLD_ERRORS, GW_BODY_SMALL, gw_api_user_report},
    {"GET", "/api/v1/prices", "model cursor limit ", READERS, 0, 0, gw_api_prices},
    {"GET", "/api/v1/unsettled", "cursor limit ", READERS, 0, 0, gw_api_unsettled},
    {"GET", "/api/v1/dead-letters", "cursor limit ", GW_SESSION, 0, 0, gw_api_dead_letters},
    {"POST", "/api/v1/dead-letters/retry", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_api_retry_dead_letters},
    {"GET", "/api/v1/refused", "", READERS, 0, 0, gw_api_refused},
    {"POST", "/api/v1/senders/heartbeat", "", GW_INGEST, NO_RECORDS, GW_BODY_SMALL, gw_api_heartbeat},
    {"GET", "/api/v1/senders", "", READERS, 0, 0, gw_api_senders},
    {"GET", "/api/v1/discrepancies", "cursor limit ", READERS, 0, 0, gw_api_discrepancies},
    {"GET", "/api/v1/metrics", "", ANY_KEY, 0, 0, gw_api_metrics},
};

#define N_ROUTES (sizeof routes / sizeof routes[0])

/* match compares a path with a pattern and decodes the parts {} stands for. */
static bool
match(const char *pattern, const char *path, struct gw_req *rq)
{
	const char *why = NULL;
	size_t n_params = 0;

	for (;;) {
		size_t pn, n;

		if (*pattern != '/' || *path != '/')
			return *pattern == '\0' && *path == '\0';
		pattern++;
		path++;
		pn = strcspn(pattern, "/");
		n = strcspn(path, "/");
		if (pn == 2 && strncmp(pattern, "{}", 2) == 0) {
			if (n == 0 || n_params == GW_PARAMS)
				return false;
			rq->param[n_params] = gw_percent_decode(rq->arena, path, n, false, &why);
			if (rq->param[n_params++] == NULL)
				return false;
		} else if (pn != n || strncmp(pattern, path, n) != 0) {
			return false;
		}
		pattern += pn;
		path += n;
	}
}

static bool
method_is(const struct route *r, const char *method)
{
	return strcmp(r->method, method) == 0 || ((r->flags & HEAD_TOO) != 0 && strcmp(method, "HEAD") == 0);
}

/* find gives the route, or NULL and the methods the path does know. */
static const struct route *
find(struct gw_req *rq, char *allow, size_t allow_bytes)
{
	allow[0] = '\0';
	for (size_t i = 0; i < N_ROUTES; i++) {
		const struct route *r = &routes[i];
		size_t used = strlen(allow);

		if (!match(r->path, rq->path, rq))
			continue;
		if (method_is(r, rq->method))
			return r;
		(void)snprintf(allow + used, allow_bytes - used, "%s%s%s", used > 0 ? ", " : "", r->method,
		    (r->flags & HEAD_TOO) != 0 ? ", HEAD" : "");
	}
	return NULL;
}

static enum gw_media
media_of(const struct route *r)
{
	if (r->handler == gw_api_traces)
		return GW_MEDIA_TRACES;
	return r->handler == gw_api_events ? GW_MEDIA_EVENTS : GW_MEDIA_JSON;
}

/* has_body: without length and chunks there is none, which is a connection test
 * where traces are taken. */
static bool
has_body(const struct gw_req *rq)
{
	return gw_req_header(rq, "Content-Length") != NULL || gw_req_header(rq, "Transfer-Encoding") != NULL;
}

static om_status
run(struct gw_app *app, const struct route *r, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	om_status s = OM_OK;

	if ((r->flags & NO_AUTH) == 0) {
		s = gw_auth_identify(app, rq, e);
		if (s != OM_OK && (r->flags & ASKS_ITSELF) != 0)
			s = OM_OK;
	}
	if (s == OM_OK)
		s = gw_auth_allow(rq, r->who_may, e);
	if (s == OM_OK && (r->flags & SAME_ORIGIN) != 0)
		s = gw_auth_same_origin(rq, e);
	if (s == OM_OK && (r->flags & ANY_QUERY) == 0)
		s = gw_query_parse(rq, r->params, e);
	if (s == OM_OK && r->body_bytes > 0)
		s = gw_media_check(rq, media_of(r), e);
	if (s == OM_OK && r->body_bytes > 0 && (media_of(r) != GW_MEDIA_TRACES || has_body(rq)))
		s = rq->read_body(rq, r->body_bytes, e);
	return s == OM_OK ? r->handler(app, rq, rp, e) : s;
}

om_status
gw_routes_export(struct gw_app *app, struct gw_req *rq, const char *target, struct gw_reply *rp, om_err *e)
{
	size_t n = strcspn(target, "?");
	struct gw_req ask = *rq;
	const struct route *r;
	char allow[64];
	om_status s;

	ask.method = "GET";
	ask.path = om_arena_strndup(rq->arena, target, n);
	ask.query = target[n] == '?' ? target + n + 1 : "";
	ask.n_args = 0;
	ask.as_export = true;
	if (ask.path == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	r = find(&ask, allow, sizeof allow);
	if (r == NULL || (r->flags & GIVES_FILE) == 0)
		return om_fail(e, OM_INVALID, "target: must be the path and query of a call that gives a file");
	s = gw_query_parse(&ask, r->params, e);
	return s == OM_OK ? r->handler(app, &ask, rp, e) : s;
}

static bool
is_api(const char *path)
{
	return strncmp(path, "/api", 4) == 0 && (path[4] == '/' || path[4] == '\0');
}

static void
refuse_method(struct gw_req *rq, struct gw_reply *rp, const char *allow)
{
	gw_reply_header(rp, "Allow", "%s", allow);
	gw_reply_problem(rp, rq, OM_METHOD, "this path does not know that method", NULL);
}

/* note_refusal keeps what a sender with the key was not let say at all; what a body
 * says wrong is noted by the handler, who knows. */
static void
note_refusal(struct gw_app *app, const struct route *r, const struct gw_req *rq, om_status s)
{
	if (r->who_may != GW_INGEST || rq->who != GW_INGEST || (r->flags & NO_RECORDS) != 0 ||
	    (s != OM_TOO_LARGE && s != OM_MEDIA))
		return;
	gw_refusals_keep_body(app, rq, strrchr(r->path, '/') + 1,
	    s == OM_MEDIA ? "a content type or encoding that this call does not take" : "too large for one body");
}

void
gw_routes_serve(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp)
{
	const struct route *r;
	om_err e = {.text = ""};
	char allow[64];
	om_status s;

	gw_proxies_apply(app->proxies, rq);
	r = find(rq, allow, sizeof allow);
	if (r == NULL && allow[0] != '\0') {
		refuse_method(rq, rp, allow);
		return;
	}
	if (r == NULL) {
		bool get = strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;

		if (is_api(rq->path))
			gw_reply_problem(rp, rq, OM_NOT_FOUND, "there is no such call", NULL);
		else if (!get)
			refuse_method(rq, rp, "GET, HEAD");
		else
			gw_assets_serve(app->assets, rq, rp);
		return;
	}
	s = run(app, r, rq, rp, &e);
	note_refusal(app, r, rq, s);
	if (s == OM_OK)
		s = om_buf_done(&rp->body, &e);
	if (s == OM_OK) {
		gw_gzip_reply(rq, rp);
		return;
	}
	if ((r->flags & OLD_ERRORS) != 0)
		gw_reply_legacy(rp, s, om_err_text(&e, s));
	else if ((r->flags & OTLP_ERRORS) != 0)
		gw_traces_fail(rp, rq, s, om_err_text(&e, s));
	else
		gw_reply_problem(rp, rq, s, om_err_text(&e, s), NULL);
}
