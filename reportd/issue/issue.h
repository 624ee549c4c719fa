/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * issue.h - makes a document that stays: costd says what becomes of the request
 * and gives a number, the document is made with it, and costd gets file and
 * figures.
 *
 * Does      Issues documents (queue.h one after the other), and writes a closed month's
 *           files into a folder (delivery.h).
 * Owns      A lease of costd's while it works; the delivery's thread, the queue and its
 *           thread.
 * What      An original or a correction is made of the ledger's figures; a
 *           cancellation and a further file of an issued document of those that
 *           it kept, with the terms that it kept.
 * Promises  The number is costd's until the file is there: whichever service is killed
 *           on the way, no number is lost and none is used twice.  A request that is
 *           sent again finds the document it issued.  A further file shows the
 *           amount that was issued, or is not made.
 * Never     Lays out or writes a document itself: a job makes it, as for any client.
 * Threads   All calls from any thread.
 */
#ifndef RD_ISSUE_H
#define RD_ISSUE_H

#include "source/asked.h"
#include "source/reading.h"
#include "documents.pb-c.h"
#include "jobs.pb-c.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "run/duty.h"
#include "wire/wire.h"

#define RD_ISSUE_MS ((int64_t)600000)

/* A document that was made, in the arena. */
struct rd_made {
	Om__RenderReply *file;
	char *user_name; /* of a user's statement; NULL: none */

	/* what an issued document keeps, where it was asked for */
	ProtobufCBinaryData figures; /* the packed StatementReply that was shown, without its rows */
	char *terms;                 /* JSON: what it was made with; NULL: not asked for */
};

struct rd_jobs;

struct rd_issuing {
	struct om_wire_client *costd; /* borrowed, as all of these */
	struct om_fleet *fleet;       /* the same, process by process */
	struct om_duties *duties;     /* keep leases */
	struct rd_jobs *jobs;         /* make what a delivery writes beside documents */
	/* makes a document of the query and what is added to it */
	om_status (*make)(void *arg, Om__RenderQuery *q, const struct rd_asked *more, int64_t deadline_ms,
	    struct om_arena *a, struct rd_made *out, om_err *e);
	/* tells what is wrong with a query before a number is taken; NULL: it is not checked */
	om_status (*check)(void *arg, const Om__RenderQuery *q, om_err *e);
	void *arg;              /* of both */
	const char *public_url; /* where readers reach the gateway; NULL: not known */
};

/* Of the delivery: all its documents show one moment. */
struct rd_moment {
	struct rd_reading *in; /* that snapshot */
	Om__Figures *now;      /* what the document shows of it */
};

/* rd_issue answers an IssueQuery; of: NULL, but in a delivery.  OM_UNAVAILABLE: ask
 * again, with the same request; *out lives in the arena. */
om_status rd_issue(struct rd_issuing *is, Om__IssueQuery *q, const struct rd_moment *of, int64_t deadline_ms,
    struct om_arena *a, Om__IssueReply **out, om_err *e) OM_MUST;

#endif
