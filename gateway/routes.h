/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * routes.h - the table of calls: method, path, who may, which parameters, how
 * large a body, and the handler.  openapi.yaml says the same in full.
 */
#ifndef GW_ROUTES_H
#define GW_ROUTES_H

#include "app.h"
#include "http/request.h"

/* A handler fills the reply, or returns a failing status and its reason, which
 * the router turns into the reply. */
typedef om_status gw_handler(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp, om_err *e);

/* gw_routes_serve answers any request. */
void gw_routes_serve(struct gw_app *app, struct gw_req *rq, struct gw_reply *rp);

/* gw_traces_fail makes the reply an OTLP failure, in the encoding of the request. */
void gw_traces_fail(struct gw_reply *rp, const struct gw_req *rq, om_status s, const char *detail);

/* The handlers, by file. */
gw_handler gw_api_health, gw_api_ready, gw_api_pipeline, gw_api_metrics; /* api_health.c */
gw_handler gw_api_events, gw_api_record;                                 /* api_ingest.c */
gw_handler gw_api_traces;                                                /* api_traces.c */
gw_handler gw_api_login, gw_api_logout, gw_api_session;                  /* api_session.c */
gw_handler gw_api_usage;                                                 /* api_usage.c */
gw_handler gw_api_generations, gw_api_generation, gw_api_unpair;         /* api_generations.c */
gw_handler gw_api_settings, gw_api_plugin;                               /* api_settings.c */
gw_handler gw_api_live;                                                  /* api_live.c */
gw_handler gw_api_users, gw_api_user, gw_api_models, gw_api_credits;     /* api_lists.c */
gw_handler gw_api_prices, gw_api_unsettled, gw_api_dead_letters;
gw_handler gw_api_retry_dead_letters, gw_api_discrepancies, gw_api_refused;        /* api_settle.c */
gw_handler gw_api_heartbeat, gw_api_senders;                                       /* api_senders.c */
gw_handler gw_api_document_issue, gw_api_document_cancel, gw_api_document_request; /* api_issue.c */
gw_handler gw_api_documents, gw_api_document, gw_api_document_file, gw_api_verify; /* api_issued.c */
gw_handler gw_api_terms, gw_api_terms_change;                                      /* api_terms.c */
/* api_documents.c */
gw_handler gw_api_statement, gw_api_group_statement, gw_api_report, gw_api_user_report;
gw_handler gw_api_usage_csv, gw_api_usage_xlsx, gw_api_generations_csv, gw_api_generations_xlsx;
gw_handler gw_api_export_begin, gw_api_export, gw_api_export_drop, gw_api_export_file; /* api_exports.c */

/* gw_routes_export answers as the call that `target` is would, but begins an
 * export in place of sending its file. */
om_status gw_routes_export(
    struct gw_app *app, struct gw_req *rq, const char *target, struct gw_reply *rp, om_err *e) OM_MUST;

#endif
