/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * documents.h - what the calls that issue documents and those that read them
 * share.
 *
 * Failure   OM_INVALID names the member or parameter: "month: must be …".
 * Threads   One request, one thread.
 */
#ifndef GW_API_ISSUED_H
#define GW_API_ISSUED_H

#include "app.h"
#include "http/request.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "base/json.h"

/* gw_document_write writes one document as the contract's Document. */
void gw_document_write(struct om_jw *w, const Om__Document *d);

om_status gw_document_kind(const char *text, Om__DocumentKind *out, om_err *e) OM_MUST;

/* gw_document_month reads "2026-11". */
om_status gw_document_month(const char *text, uint32_t *year, uint32_t *month, om_err *e) OM_MUST;

/* gw_document_format reads "pdf" or "xlsx"; NULL is a PDF. */
om_status gw_document_format(const char *text, Om__Format *out, om_err *e) OM_MUST;

/* gw_document_number takes the number from the path, into the arena. */
om_status gw_document_number(struct gw_req *rq, char **out, om_err *e) OM_MUST;

/* gw_document_ask asks costd for one document; it lives in the request's arena. */
om_status gw_document_ask(
    struct gw_app *app, struct gw_req *rq, Om__DocumentQuery *q, Om__Document **out, om_err *e) OM_MUST;

#endif
