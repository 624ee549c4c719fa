/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * queue.h - requests to issue, carried out one after the other whether their callers
 * wait or not; it tells how far each request is.
 *
 * Name      A request has the name that its sender gave it.  Sent again, it is
 *           told the state or the document of the first; one that failed begins
 *           again.  The same name for something else is OM_CONFLICT.
 * Life      QUEUED ─▶ RUNNING ─▶ DONE | FAILED.  While costd is away a request
 *           stays RUNNING for RD_ISSUE_RETRY_MS.  What has ended is known for
 *           RD_ISSUE_KEEP_MS, the last RD_ISSUE_QUEUE of them; costd keeps the
 *           document's request for ever.
 * Threads   One that issues; all calls from any thread.
 */
#ifndef RD_ISSUE_QUEUE_H
#define RD_ISSUE_QUEUE_H

#include "issue.h"
#include "documents.pb-c.h"
#include "envelope.pb-c.h"

#define RD_ISSUE_QUEUE    64u
#define RD_ISSUE_KEEP_MS  600000
#define RD_ISSUE_RETRY_MS 60000

struct rd_issue_queue;

/* What issues one document; rd_issue but in tests. */
typedef om_status rd_issue_fn(void *arg, Om__IssueQuery *q, struct om_arena *a, Om__IssueReply **out, om_err *e);

struct rd_issue_queue_opts {
	rd_issue_fn *issue;
	void *arg;        /* borrowed */
	int64_t retry_ms; /* 0: RD_ISSUE_RETRY_MS */
	/* whatever is no IssueStart or IssueStateQuery goes on to */
	om_wire_handler *others;
	void *others_arg;
};

om_status rd_issue_queue_open(const struct rd_issue_queue_opts *o, struct rd_issue_queue **out, om_err *e) OM_MUST;
/* rd_issue_queue_stop waits for the document under way; what is queued is forgotten, and
 * calls are refused from now on. */
void rd_issue_queue_stop(struct rd_issue_queue *j);
/* rd_issue_queue_close does so, too; no call may be under way. */
void rd_issue_queue_close(struct rd_issue_queue **j);

/* rd_issue_queue_serve is an om_wire_handler; arg is the queue.  An IssueStart is
 * answered when the document is done or has failed, or after wait_ms with the state. */
om_status rd_issue_queue_serve(
    void *arg, const Om__Request *req, int64_t deadline_ms, struct om_arena *a, Om__Reply *rep, om_err *e);

#endif
