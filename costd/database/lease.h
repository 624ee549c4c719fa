/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * lease.h - work that one process does at a time, whichever of several, on whichever
 * node of a cluster.
 *
 * Life      take: the caller holds it for so long.  keep: for so long from now.
 *           done: it ends, with when it may be taken next.  A holder that is
 *           killed blocks the others until its time is over, and no longer.
 * Promise   No two hold it at a time, as far as their clocks agree.  Who took it
 *           is a number of its own (`id`), so that a holder whose time is over,
 *           and after whom another took it, is told so (OM_CONFLICT) and changes
 *           nothing.  As long as no other took it, it is still the holder's.
 * Where     A task that is no row of a table has a row in `lease`, made when it is
 *           first taken (cd_lease_tasks, key: its name).  Where the work is a row
 *           (a look-up, a month, a message), the lease stands in that row, in
 *           columns of the same names: what is due is found by one index, a row
 *           and its lease go away together, thousands of them need no second
 *           table, and a program of before, which may still run at another node,
 *           keeps to the leases of this one.  struct cd_lease_of says which.
 * Columns   lease_id BINARY(16), lease_until_us BIGINT, both null when it is free.
 *           And if it has a schedule: next_us BIGINT (not before; null: never),
 *           attempts INT (that failed, one after the other), last_error VARCHAR(255).
 * Cluster   Each change is an UPDATE with its condition, in a transaction.  Where
 *           two nodes take the same lease, the second to commit fails as in a
 *           deadlock (OM_STORE); cd_pool_run carries it out again, and then it is
 *           taken.  No locks of a server's are used, which other nodes do not see.
 * Clock     A lease that ends later than any that is taken now, by more than
 *           CD_LEASE_STRANGE_US, is of a clock that was ahead, and counts as free.
 *           So all programs take the same lease for the same time.
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_LEASE_H
#define CD_LEASE_H

#include "db.h"
#include "base/clock.h"

#define CD_LEASE_ID         16
#define CD_LEASE_NEVER      0 /* of next_us: it is not due any more */
#define CD_LEASE_STRANGE_US (60 * OM_SECOND)

struct cd_lease_of {
	const char *table, *key; /* the key is one column */
	bool scheduled;          /* the table has the schedule's columns */
	bool made;               /* the row is made when it is first taken */
};

/* The tasks of the table `lease`. */
extern const struct cd_lease_of cd_lease_tasks;

/* The table, for schema.c: the steps of the schema themselves are done under a lease. */
extern const char cd_lease_table[];

struct cd_lease {
	bool taken;
	unsigned char id[CD_LEASE_ID]; /* if it is taken */
	int64_t attempts;              /* that failed before, one after the other */
	om_time due_us;                /* if it is not: when it can be; INT64_MAX: never, or there is no such row */
};

/* How it ends. */
struct cd_lease_end {
	om_time next_us; /* not before; CD_LEASE_NEVER */
	int64_t attempts;
	const char *error; /* why the last attempt failed; NULL: it did not */
};

om_status cd_lease_take(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, om_time now, om_time for_us,
    struct cd_lease *out, om_err *e) OM_MUST;

/* cd_lease_hurry makes a task due now, if it has a row and nobody holds it. */
om_status cd_lease_hurry(
    struct cd_db *db, const struct cd_lease_of *of, struct cd_val key, om_time now, om_err *e) OM_MUST;

/* cd_lease_keep and cd_lease_done: OM_CONFLICT when it is another's, or free. */
om_status cd_lease_keep(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key,
    const unsigned char id[CD_LEASE_ID], om_time now, om_time for_us, om_err *e) OM_MUST;
/* end is NULL where there is no schedule. */
om_status cd_lease_done(struct cd_db *db, const struct cd_lease_of *of, struct cd_val key,
    const unsigned char id[CD_LEASE_ID], const struct cd_lease_end *end, om_err *e) OM_MUST;

/* Of a row, that nothing holds it, as a condition with the two values. */
#define CD_LEASE_FREE                     "(lease_until_us IS NULL OR lease_until_us<=? OR lease_until_us>?)"
#define CD_LEASE_FREE_VALUES(now, for_us) CD_I(now), CD_I((now) + (for_us) + CD_LEASE_STRANGE_US)

#endif
