/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * reading.h - an open snapshot of costd's, by name: which process has it, and
 * its id.
 *
 * Life      costd ends one that it is not asked about for a minute; rd_reading_keep
 *           asks.  The caller that opened it ends it.
 * Failure   OM_NOT_FOUND: it is over, or costd was started again.
 * Threads   A value; the calls from any thread.
 */
#ifndef RD_READING_H
#define RD_READING_H

#include "wire/codec.h"
#include "wire/fleet.h"

#define RD_READING_ID 64 /* bytes, at most */

struct rd_reading {
	struct om_wire_client *costd; /* borrowed: the process that has it */
	unsigned at;                  /* its place in the fleet */
	unsigned char id[RD_READING_ID];
	size_t n; /* 0: there is none */
};

/* rd_reading_set takes what costd's process `at` named; OM_PROTOCOL when it is no id. */
om_status rd_reading_set(
    struct rd_reading *r, struct om_fleet *costd, unsigned at, ProtobufCBinaryData id, om_err *e) OM_MUST;

ProtobufCBinaryData rd_reading_id(struct rd_reading *r);

om_status rd_reading_keep(struct rd_reading *r, om_err *e) OM_MUST;
/* rd_reading_end: what cannot be ended ends by itself. */
void rd_reading_end(struct rd_reading *r);

#endif
