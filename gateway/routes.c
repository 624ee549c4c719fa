/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "routes.h"

#include "access/auth.h"
#include "access/hosts.h"
#include "access/wrong.h"
#include "calls/call.h"
#include "documents/documents.h"
#include "http/arguments.h"
#include "http/gzip.h"
#include "http/proxy.h"
#include "intake/intake.h"
#include "intake/refusal.h"
#include "pages/assets.h"
#include "read/read.h"
#include "senders/senders.h"
#include "settle/settle.h"
#include "system/system.h"
#include "terms/terms.h"
#include "base/invariant.h"

#include <stdio.h>
#include <string.h>

#define READERS ((unsigned)GW_SESSION | (unsigned)GW_READER)
#define ANY_KEY (READERS | (unsigned)GW_INGEST)

enum flag {
	HEAD_TOO = 1,       /* HEAD answers as GET without its body */
	SAME_ORIGIN = 2,    /* a browser must have sent it from our own pages */
	OLD_ERRORS = 4,     /* errors as clients of the older program read them */
	NO_AUTH = 8,        /* does not even look at keys and cookies */
	ANY_QUERY = 16,     /* does not look at the query */
	ASKS_ITSELF = 32,   /* takes a bad session for none */
	GIVES_FILE = 64,    /* POST /exports may ask for it */
	NO_RECORDS = 128,   /* what it refuses is no record */
	OTLP_ERRORS = 1024, /* errors in the encoding of the request */
	BY_TICKET = 2048    /* a browser may fetch it with a ticket in place of the session's header */
};

/* The parameters of usage and of generations, the filters from their table; a workbook has
 * a language, which stands first, and the others begin after it. */
#define LOCALE "locale "
static const char of_usage_workbook[] = LOCALE "from to group_by limit "
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) #name " "
#include "messages/dimensions.def"
    ;
static const char of_generations_workbook[] =
    LOCALE "from to chat_id generation_id state cost_state unsettled cursor limit "
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) #name " "
#define OM_DIMENSION_ROW(NAME, name, FIELD, least, most)      #name " "
#include "messages/dimensions.def"
    ;

#define OF_USAGE       (&of_usage_workbook[sizeof LOCALE - 1])
#define OF_GENERATIONS (&of_generations_workbook[sizeof LOCALE - 1])
#define OF_DOCUMENT    LOCALE "paper format "
#define FILE_TOO       (HEAD_TOO | GIVES_FILE | BY_TICKET)

struct route {
	const char *method;
	const char *path;   /* {} stands for one part */
	const char *params; /* names of query parameters, each followed by a space */
	unsigned who_may;
	unsigned flags;
	size_t body_bytes; /* 0: a body is not read */
	gw_handler *handler;
	struct gw_call call; /* without a handler */
};

#define NO_CALL              \
	{                    \
		.read = NULL \
	}

static const struct route routes[] = {
#define GW_CALL(method_, path_, params_, who_, flags_, NAME, reader_) \
	{.method = (method_),                                         \
	    .path = (path_),                                          \
	    .params = (params_),                                      \
	    .who_may = (who_),                                        \
	    .flags = (flags_),                                        \
	    .call = {.ask = {OM__REQUEST__BODY_##NAME, OM__REPLY__BODY_##NAME}, .read = (reader_)}},
#include "calls.def"
#undef GW_CALL
    {"GET", "/healthcheck", "", GW_ANYONE, HEAD_TOO | NO_AUTH | ANY_QUERY, 0, gw_health_show, NO_CALL},
    {"GET", "/readyz", "", GW_ANYONE, HEAD_TOO | NO_AUTH | ANY_QUERY, 0, gw_ready_show, NO_CALL},
    {"POST", "/api/v1/events", "", GW_INGEST, 0, GW_BODY_EVENTS, gw_records_take, NO_CALL},
    {"POST", "/api/v1/traces", "", GW_INGEST, OTLP_ERRORS, GW_BODY_TRACES, gw_traces_take, NO_CALL},
    {"PUT", "/api/v1/traces", "", GW_INGEST, OTLP_ERRORS, GW_BODY_TRACES, gw_traces_take, NO_CALL},
    {"POST", "/api/v1/metering/record", "", GW_INGEST, OLD_ERRORS, GW_BODY_SMALL, gw_legacy_take, NO_CALL},
    {"POST", "/api/v1/login", "", GW_ANYONE, SAME_ORIGIN | NO_AUTH, GW_BODY_SMALL, gw_session_begin, NO_CALL},
    {"POST", "/api/v1/login/link", "", GW_ANYONE, SAME_ORIGIN | NO_AUTH, GW_BODY_SMALL, gw_session_begin_by_link,
	NO_CALL},
    {"POST", "/api/v1/logout", "", GW_ANYONE, SAME_ORIGIN | ASKS_ITSELF, 0, gw_session_end, NO_CALL},
    {"GET", "/api/v1/session", "", READERS, 0, 0, gw_session_show, NO_CALL},
    {"POST", "/api/v1/sessions/end-all", "", GW_SESSION, SAME_ORIGIN, 0, gw_sessions_end_every, NO_CALL},
    {"POST", "/api/v1/tickets", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_ticket_give, NO_CALL},
    {"GET", "/api/v1/live", "last_event_id ", GW_SESSION, BY_TICKET, 0, gw_live_follow, NO_CALL},
    {"GET", "/api/v1/pipeline", "", READERS, 0, 0, gw_pipeline_show, NO_CALL},
    {"GET", "/api/v1/settings", "", GW_SESSION, 0, 0, gw_settings_show, NO_CALL},
    {"GET", "/api/v1/plugin", "", GW_SESSION, BY_TICKET, 0, gw_plugin_send, NO_CALL},
    {"GET", "/api/v1/user/{}", "", GW_SESSION, 0, 0, gw_user_show, NO_CALL},
    {"POST", "/api/v1/user/{}/merge", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_user_merge, NO_CALL},
    {"POST", "/api/v1/user/{}/unmerge", "", GW_SESSION, SAME_ORIGIN, 0, gw_user_unmerge, NO_CALL},
    {"GET", "/api/v1/statements/{}/{}", OF_DOCUMENT, READERS, FILE_TOO, 0, gw_statement_send, NO_CALL},
    {"GET", "/api/v1/statements/group/{}/{}", OF_DOCUMENT, READERS, FILE_TOO, 0, gw_group_statement_send, NO_CALL},
    {"GET", "/api/v1/reports/{}", OF_DOCUMENT, READERS, FILE_TOO, 0, gw_report_send, NO_CALL},
    {"GET", "/api/v1/usage.csv", OF_USAGE, READERS, FILE_TOO, 0, gw_usage_file_send, NO_CALL},
    {"GET", "/api/v1/usage.xlsx", of_usage_workbook, READERS, FILE_TOO, 0, gw_usage_file_send, NO_CALL},
    {"GET", "/api/v1/generations.csv", OF_GENERATIONS, READERS, FILE_TOO, 0, gw_generations_file_send, NO_CALL},
    {"GET", "/api/v1/generations.xlsx", of_generations_workbook, READERS, FILE_TOO, 0, gw_generations_file_send,
	NO_CALL},
    {"POST", "/api/v1/exports", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_export_begin, NO_CALL},
    {"GET", "/api/v1/exports/{}", "", GW_SESSION, 0, 0, gw_export_show, NO_CALL},
    {"DELETE", "/api/v1/exports/{}", "", GW_SESSION, SAME_ORIGIN, 0, gw_export_drop, NO_CALL},
    {"GET", "/api/v1/exports/{}/file", "", GW_SESSION, HEAD_TOO | BY_TICKET, 0, gw_export_file_send, NO_CALL},
    {"POST", "/api/v1/documents", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_document_issue, NO_CALL},
    {"GET", "/api/v1/documents/requests/{}", "", READERS, 0, 0, gw_issue_request_show, NO_CALL},
    {"GET", "/api/v1/documents/{}", "", READERS, 0, 0, gw_document_show, NO_CALL},
    {"GET", "/api/v1/documents/{}/file", "format duplicate ", READERS, HEAD_TOO | BY_TICKET, 0, gw_document_file_send,
	NO_CALL},
    {"POST", "/api/v1/documents/{}/cancel", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_document_cancel, NO_CALL},
    {"PUT", "/api/v1/terms", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_terms_change, NO_CALL},
    {"GET", "/api/v1/verify/{}", "", GW_ANYONE, NO_AUTH, 0, gw_document_verify, NO_CALL},
    {"POST", "/api/v1/user/report", "", GW_SESSION, SAME_ORIGIN | OLD_ERRORS, GW_BODY_SMALL, gw_user_report_send,
	NO_CALL},
    {"POST", "/api/v1/generations/{}/decision", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, NULL,
	{.ask = {OM__REQUEST__BODY_DECISION, OM__REPLY__BODY_DECISION}, .read = gw_read_decision}},
    {"POST", "/api/v1/dead-letters/retry", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_dead_letters_retry, NO_CALL},
    {"POST", "/api/v1/dead-letters/set-aside", "", GW_SESSION, SAME_ORIGIN, GW_BODY_SMALL, gw_dead_letters_set_aside,
	NO_CALL},
    {"GET", "/api/v1/refused", "", READERS, 0, 0, gw_refused_list, NO_CALL},
    {"POST", "/api/v1/senders/heartbeat", "", GW_INGEST, NO_RECORDS, GW_BODY_SMALL, gw_heartbeat_take, NO_CALL},
    {"GET", "/api/v1/metrics", "", ANY_KEY, 0, 0, gw_metrics_show, NO_CALL},
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
		rq->route = r->path;
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
	if (r->handler == gw_traces_take)
		return GW_MEDIA_TRACES;
	return r->handler == gw_records_take ? GW_MEDIA_EVENTS : GW_MEDIA_JSON;
}

/* has_body: without length and chunks there is none, which is a connection test
 * where traces are taken. */
static bool
has_body(const struct gw_req *rq)
{
	return gw_req_header(rq, "Content-Length") != NULL || gw_req_header(rq, "Transfer-Encoding") != NULL;
}

static om_status
answer(const struct route *r, const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	om_check((r->handler != NULL) != (r->call.ask.question != OM__REQUEST__BODY__NOT_SET));
	if (r->handler != NULL)
		return r->handler(parts, rq, rp, e);
	return gw_call_answer(&r->call, parts, rq, rp, e);
}

/* identify says who asks; the questions to costd are then asked in the session's name. */
static om_status
identify(const struct gw_parts *parts, const struct route *r, struct gw_req *rq, om_err *e)
{
	om_status s = gw_auth_identify(parts->access, rq, (r->flags & BY_TICKET) != 0, e);

	if (s == OM_UNAUTHENTICATED && (r->flags & ASKS_ITSELF) != 0)
		s = OM_OK;
	gw_ask_for(s == OM_OK && rq->who == GW_SESSION ? rq->session.secret : NULL, !rq->session.unconfirmed);
	return s;
}

static om_status
run(const struct gw_parts *parts, const struct route *r, struct gw_req *rq, struct gw_reply *rp, om_err *e)
{
	om_status s = OM_OK;

	if ((r->flags & NO_AUTH) == 0)
		s = identify(parts, r, rq, e);
	if (s == OM_OK)
		s = gw_auth_allow(rq, r->who_may, e);
	gw_wrong_tell(om_mono_ms());
	if (s != OM_OK)
		rp->hold_ms = gw_wrong_note(rq, s, om_mono_ms());
	if (s == OM_OK && (r->flags & SAME_ORIGIN) != 0)
		s = gw_auth_same_origin(rq, e);
	if (s == OM_OK && (r->flags & ANY_QUERY) == 0)
		s = gw_arguments_read(rq, r->params, e);
	if (s == OM_OK && r->body_bytes > 0)
		s = gw_media_check(rq, media_of(r), e);
	if (s == OM_OK && r->body_bytes > 0 && (media_of(r) != GW_MEDIA_TRACES || has_body(rq)))
		s = rq->read_body(rq, r->body_bytes, e);
	return s == OM_OK ? answer(r, parts, rq, rp, e) : s;
}

om_status
gw_routes_export(const struct gw_parts *parts, struct gw_req *rq, const char *target, struct gw_reply *rp, om_err *e)
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
	s = gw_arguments_read(&ask, r->params, e);
	return s == OM_OK ? answer(r, parts, &ask, rp, e) : s;
}

bool
gw_routes_takes_ticket(struct gw_req *rq, const char *target)
{
	struct gw_req ask = *rq;
	const struct route *r;
	char allow[64];

	ask.method = "GET";
	ask.path = om_arena_strndup(rq->arena, target, strcspn(target, "?"));
	r = ask.path != NULL ? find(&ask, allow, sizeof allow) : NULL;
	return r != NULL && (r->flags & BY_TICKET) != 0;
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

/* note_refusal keeps that a sender with the key was refused before its body was read; what
 * is wrong in a body the handler notes. */
static void
note_refusal(struct gw_spool *spool, const struct route *r, const struct gw_req *rq, om_status s)
{
	if (r->who_may != GW_INGEST || rq->who != GW_INGEST || (r->flags & NO_RECORDS) != 0 ||
	    (s != OM_TOO_LARGE && s != OM_MEDIA))
		return;
	gw_refusals_keep_body(spool, rq, strrchr(r->path, '/') + 1,
	    s == OM_MEDIA ? "a content type or encoding that this call does not take" : "too large for one body");
}

/* check_host: who shows a right key is no stranger's page in a browser, and may call us by any name, as monitoring and
 * the plugin do; so may probes, which are told only whether we work. */
static om_status
check_host(const struct gw_routes *to, const struct gw_req *rq, om_err *e)
{
	om_status s = gw_hosts_allow(to->hosts, rq, e);

	if (s == OM_OK || strcmp(rq->path, "/healthcheck") == 0 || strcmp(rq->path, "/readyz") == 0 ||
	    gw_auth_has_key(to->parts->access, rq))
		return OM_OK;
	return s;
}

void
gw_routes_serve(const struct gw_routes *to, struct gw_req *rq, struct gw_reply *rp)
{
	const struct route *r;
	om_err e = {.text = ""};
	char allow[64];
	om_status s;

	gw_proxies_apply(to->proxies, rq);
	r = find(rq, allow, sizeof allow); /* first, so that the log names it whatever follows */
	s = check_host(to, rq, &e);
	if (s != OM_OK) {
		if (gw_req_header(rq, "Authorization") != NULL) { /* or keys could be guessed here, uncounted */
			s = om_fail(&e, OM_UNAUTHENTICATED, "the key is wrong");
			rp->hold_ms = gw_wrong_note(rq, s, om_mono_ms());
		}
		gw_reply_problem(rp, rq, s, om_err_text(&e, s), NULL);
		return;
	}
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
			gw_assets_serve(to->assets, rq, rp);
		return;
	}
	s = run(to->parts, r, rq, rp, &e);
	gw_ask_for(NULL, false);
	note_refusal(to->parts->spool, r, rq, s);
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
