/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * documents.h - documents and files; the list of documents is a row of calls.def.
 *
 * Does      Has reportd issue and cancel documents, gives out what costd keeps of them, has
 *           reportd make files and sends them.
 * Owns      Nothing: documents are costd's, files reportd's.
 * Promises  An issued file is held against its hash before it is sent.  A document that may
 *           still be issued is never said to have failed.
 * Never     Lays anything out, or makes a number.
 */
#ifndef GW_DOCUMENTS_H
#define GW_DOCUMENTS_H

#include "http/handler.h"

/* issue.c: POST /documents, POST /documents/{}/cancel, GET /documents/requests/{} */
gw_handler gw_document_issue, gw_document_cancel, gw_issue_request_show;

/* issued.c: GET /documents/{}, /documents/{}/file, /verify/{} */
gw_handler gw_document_show, gw_document_file_send, gw_document_verify;

/* files.c: a month's statement or report, and what the read calls show, as a file */
gw_handler gw_statement_send, gw_group_statement_send, gw_report_send, gw_user_report_send;
gw_handler gw_usage_file_send, gw_generations_file_send;

/* exports.c: POST /exports, GET and DELETE /exports/{}, GET /exports/{}/file */
gw_handler gw_export_begin, gw_export_show, gw_export_drop, gw_export_file_send;

#endif
