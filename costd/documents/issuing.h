/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * issuing.h - the one row that every issuing locks, the numbers
 * that it gives, and the requests by their names.
 *
 * Use       Inside a transaction of the caller's; cd_issuing_lock comes first.
 * Clock     A number's date of issue is the clock's, and later than the last
 *           one's.  When the last date lies more than CD_AHEAD_US ahead of the
 *           clock, one of the two is wrong, and a person must say which.
 */
#ifndef CD_ISSUING_H
#define CD_ISSUING_H

#include "document.h"
#include "database/lease.h"
#include "documents.pb-c.h"
#include "base/clock.h"
#include "base/digest.h"
#include "wire/codec.h"

#define CD_AHEAD_US (2 * OM_SECOND)

#define CD_ISSUE_LOST "the number was not kept in time and is another's; issue the document again"

struct cd_issuing {
	bool found;
	struct cd_number last;
	om_time last_us;
	bool held; /* the rest is of who holds the next number */
	unsigned char lease_id[CD_LEASE_ID];
	struct cd_number next;
	om_time next_us;
	char code[CD_CODE + 1];
};

/* The lease of the next number stands in the row, whose key is CD_ISSUING_ROW. */
extern const struct cd_lease_of cd_issuing_lease;
#define CD_ISSUING_ROW CD_I(1)

/* cd_issuing_lock holds the row until the transaction ends. */
om_status cd_issuing_lock(struct cd_db *db, struct cd_issuing *out, om_err *e) OM_MUST;

/* cd_issuing_is_mine tells whether the caller's lease is the one that counts. */
bool cd_issuing_is_mine(const struct cd_issuing *st, const ProtobufCBinaryData *lease);

/* cd_issuing_check_clock: OM_CONFLICT, naming both instants, when a date of
 * issue lies ahead of the clock. */
om_status cd_issuing_check_clock(om_time dated_us, om_time now, om_err *e) OM_MUST;

/* cd_issuing_next gives the next number and its date of issue. */
om_status cd_issuing_next(struct cd_db *db, const struct cd_issuing *st, om_time now, struct cd_number *number_out,
    om_time *dated_us_out, om_err *e) OM_MUST;

/* cd_request_hash: two requests are the same when all that is asked for is: not their
 * name, nor what becomes of it when something is issued already.  The hash of a request
 * is the same in every version. */
om_status cd_request_hash(const Om__IssueQuery *q, unsigned char out[OM_SHA256], om_err *e) OM_MUST;

/* cd_request_find gives the number that the request of this name led to before.
 * OM_CONFLICT: it asked for something else. */
om_status cd_request_find(struct cd_db *db, const Om__IssueQuery *q, const unsigned char params[OM_SHA256],
    bool *found_out, struct cd_number *out, om_err *e) OM_MUST;

om_status cd_request_remember(struct cd_db *db, const Om__IssueQuery *q, const unsigned char params[OM_SHA256],
    struct cd_number n, om_err *e) OM_MUST;

#endif
