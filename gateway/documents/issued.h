/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * issued.h - what the calls that issue documents and those that read them
 * share.
 *
 * Failure   OM_INVALID names the member or parameter: "month: must be …".
 * Threads   One request, one thread.
 */
#ifndef GW_ISSUED_H
#define GW_ISSUED_H

#include "documents.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"

/* gw_document_format reads "pdf" or "xlsx"; NULL is a PDF. */
om_status gw_document_format(const char *text, Om__Format *out, om_err *e) OM_MUST;

/* gw_document_number takes the number from the path, into the arena. */
om_status gw_document_number(struct gw_req *rq, char **out, om_err *e) OM_MUST;

/* gw_document_ask asks costd for the one document that q describes; it lives in the
 * request's arena. */
om_status gw_document_ask(
    const struct gw_parts *parts, struct gw_req *rq, Om__DocumentQuery *q, Om__Document **out, om_err *e) OM_MUST;

#endif
