/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * lookup.h - the schedule of look-ups, kept in the database.
 *
 * Life      A row of the provider's that is not settled (record.h), or one whose
 *           reported cost is to be verified, as one of the sample or as a
 *           suspicious zero, is planned when it is written, claimed
 *           under a lease by one worker of one process, and then settled (the ledger
 *           takes it off), postponed, or given up (next_us null; it stays visible,
 *           unless its cost was only to be verified).
 * Turns     Whoever may send records can name ids that the provider never made, as many
 *           as the key's quota lets through.  So that these do not delay the others for
 *           days, a look-up waits in a lane, which the id of its sender decides, and the
 *           lanes take turns; within a lane, every other turn is for the row that waits
 *           longest, and the turns between them are for the newest row of one number of
 *           attempts after the other.  A row that was just made, and each later attempt
 *           for it, so waits for a few turns, however many rows wait before it.
 * Pause     When the provider wishes all to wait, all processes do, also after
 *           a restart: the end of the pause stands in `meta`.
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_LOOKUP_H
#define CD_LOOKUP_H

#include "database/lease.h"
#include "value/join.h"
#include "record.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

#define CD_VERIFY_ALL    1000000u
#define CD_VERIFY_SECRET 16u

struct cd_lookup_times {
	om_time delay_us;                       /* first look-up of a row that is complete but for its cost */
	om_time open_delay_us;                  /* of a row whose end was not seen */
	om_time max_delay_us;                   /* longest wait between two look-ups */
	om_time give_up_us;                     /* after the first plan */
	uint32_t verify;                        /* reported costs looked up too, of CD_VERIFY_ALL */
	unsigned char secret[CD_VERIFY_SECRET]; /* which ones, so that no sender can tell */
};

/* What a write did to one row. */
struct cd_lookup_change {
	const struct cd_row *old; /* NULL: the row is new */
	const struct cd_row *now;
	unsigned lane; /* of the record that made it */
};

/* cd_lookup_lane gives the lane of a record's look-up, of CD_LANES. */
#define CD_LANES 16u
unsigned cd_lookup_lane(const Om__Record *r);

/* cd_lookup_plan plans what became unsettled and takes off what became
 * settled; ascending by key.  *next_out becomes the earliest new plan, if
 * that is earlier. */
om_status cd_lookup_plan(struct cd_db *db, const struct cd_lookup_times *t, const struct cd_lookup_change *c, size_t n,
    om_time now, om_time *next_out, struct om_arena *a, om_err *e) OM_MUST;

struct cd_lookup_claim {
	bool found;
	bool settled; /* the row has its cost already: drop the plan */
	bool verify;  /* it has a reported cost, which is only compared */
	char *id;     /* in the arena, like the next */
	char *user;   /* the handle */
	char *cost;   /* the reported one, or NULL */
	char *byok_cost;
	char *model; /* by the list's name, or NULL */
	om_time began_us, ended_us;
	om_time first_us;
	int64_t attempts;
	struct cd_lease lease;
};

/* cd_lookup_claim leases the row whose turn it is; turn counts the claims of this process. */
om_status cd_lookup_claim(struct cd_db *db, uint64_t turn, om_time now, om_time lease_us, struct cd_lookup_claim *out,
    struct om_arena *a, om_err *e) OM_MUST;

/* cd_lookup_compare weighs a reply about another id (found->other_id) against the
 * claimed row: *why_out says what contradicts it, to be read after "the reply is
 * about another generation"; NULL when nothing does.  What is not known on both
 * sides contradicts nothing. */
om_status cd_lookup_compare(struct cd_db *db, const struct cd_lookup_claim *c, const Om__Record *found,
    struct om_arena *a, const char **why_out, om_err *e) OM_MUST;

/* cd_lookup_next gives the earliest plan; INT64_MAX when there is none. */
om_status cd_lookup_next(struct cd_db *db, om_time *out, om_err *e) OM_MUST;

/* cd_lookup_postpone ends the lease; next 0 gives up.  Where another worker has the row
 * by now, or it was settled, that stands. */
om_status cd_lookup_postpone(struct cd_db *db, const struct cd_lookup_claim *c, int64_t attempts, om_time next,
    int http_status, const char *why, om_err *e) OM_MUST;

/* cd_lookup_pause makes all wait until then; cd_lookup_paused tells until when,
 * 0 or the past when they do not. */
om_status cd_lookup_pause(struct cd_db *db, om_time until, om_err *e) OM_MUST;
om_status cd_lookup_paused(struct cd_db *db, om_time *out, om_err *e) OM_MUST;

om_status cd_lookup_drop(struct cd_db *db, const char *id, om_err *e) OM_MUST;

struct cd_lookup_counts {
	int64_t pending, given_up, verifying;
};
om_status cd_lookup_count(struct cd_db *db, struct cd_lookup_counts *out, om_err *e) OM_MUST;

#endif
