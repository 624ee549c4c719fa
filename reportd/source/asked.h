/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * asked.h - a document that is asked for: what any client may say of it, and what
 * reportd adds to that where it makes one to be issued or delivered.
 *
 * Owner     All of it is borrowed.
 * Threads   A value.
 */
#ifndef RD_ASKED_H
#define RD_ASKED_H

#include "month.h"
#include "reading.h"
#include "jobs.pb-c.h"
#include "usage.pb-c.h"
#include "base/arena.h"

struct rd_asked {
	const Om__RenderQuery *query; /* what any client may say; the rest is empty then */

	struct rd_issue issue;     /* what makes it more than a draft */
	struct rd_reading reading; /* the open snapshot that it is of; n 0: the ledger as it is */

	bool kept;                   /* figures, zone and terms are those that an issued document kept */
	ProtobufCBinaryData figures; /* a packed StatementReply; goes with kept, as zone */
	const Om__Zone *zone;
	const char *terms; /* JSON as a document keeps it, in place of the month's; NULL: the month's */

	bool with_figures; /* what an issued document keeps is asked for, too */
};

/* rd_asked_copy copies all but the query into the arena. */
om_status rd_asked_copy(const struct rd_asked *from, struct om_arena *a, struct rd_asked *out, om_err *e) OM_MUST;

#endif
