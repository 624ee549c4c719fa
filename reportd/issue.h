/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * issue.h - makes a document that stays: takes a number from costd, has the
 * document made with it, and gives file and figures to costd.
 *
 * Promise   The number is costd's until the file is there: whoever dies on the
 *           way, no number is lost and none is used twice.  A request that is
 *           sent again finds the document it issued.
 * Time      What was begun is finished even when nobody waits any more, up to
 *           RD_ISSUE_MS, so that asking again finds it.
 * Threads   All calls from any thread.
 */
#ifndef RD_ISSUE_H
#define RD_ISSUE_H

#include "wire.h"

#define RD_ISSUE_MS ((int64_t)600000)

struct rd_issuing {
	struct om_wire_client *costd; /* borrowed, as all of these */
	om_wire_handler *render;      /* makes documents: answers RenderQuery */
	void *render_arg;
	const char *public_url; /* where readers reach the gateway; NULL: not known */
	const char *terms;      /* the settings documents are made with, as JSON */
};

/* rd_issue answers an IssueQuery.  OM_UNAVAILABLE: ask again, with the same
 * request; *out lives in the arena. */
om_status rd_issue(struct rd_issuing *is, Om__IssueQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__IssueReply **out, om_err *e) OM_MUST;

/* rd_issue_figures packs what is kept of a document's figures: all but the
 * single requests, which stay in the ledger. */
om_status rd_issue_figures(
    const Om__StatementReply *r, struct om_arena *a, ProtobufCBinaryData *out, om_err *e) OM_MUST;

/* rd_issue_serve is an om_wire_handler that answers IssueQuery itself and hands
 * everything else to `render`; arg is the issuer. */
om_status rd_issue_serve(
    void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e);

#endif
