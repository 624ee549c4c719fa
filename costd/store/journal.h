/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * journal.h - the evidence: records as they came, but for their users, and the batches they came in.
 *
 * Failure   As db.h.  Everything runs inside a transaction of the caller's.
 */
#ifndef CD_JOURNAL_H
#define CD_JOURNAL_H

#include "entry.h"
#include "base/clock.h"
#include "wire/codec.h"

/* One record on its way into the ledger. */
struct cd_item {
	uint64_t seq;
	const void *packed; /* borrowed */
	size_t n_packed;
	Om__Record *rec;      /* borrowed; NULL when it does not unpack; its user is the handle */
	const Om__User *user; /* as the record came */
	struct cd_entry entry;
	unsigned char content[OM_SHA256]; /* of cd_record_content */
	struct cd_row row;

	const char *refused;     /* why it can never be stored; NULL */
	bool repeated;           /* the batch has it twice; this is not the first */
	const char *refused_now; /* the same, found out in this transaction */
	bool known;              /* the journal had it, received no later: it says nothing new */
	bool earlier;            /* the journal had it, received later: the receipt was put right */
};

struct cd_batch {
	const unsigned char *spool_id; /* 16 bytes */
	uint64_t first_seq, last_seq;
	uint32_t new_records, duplicate_records, refused_records;
	om_time received_us; /* of the newest record; 0: none */
	uint64_t after_seq;  /* the gateway had all up to it acknowledged; 0: none */

	/* result: what of those the ledger does not know of; 0 to 0: nothing */
	uint64_t missing_first, missing_last;
};

/* cd_journal_append adds n records, ascending by record id; *new_out counts
 * those that were not there.  Those that were there with other content get
 * refused_now; of the others, `known` and `earlier` are set. */
om_status cd_journal_append(
    struct cd_db *db, struct cd_item *const *items, size_t n, int64_t *new_out, struct om_arena *a, om_err *e) OM_MUST;

/* cd_journal_batch notes a batch; a batch sent again keeps the counts of its
 * first time.  It also notes which earlier batches of the spool are not there
 * although they were acknowledged. */
om_status cd_journal_batch(struct cd_db *db, struct cd_batch *d, om_err *e) OM_MUST;

/* cd_journal_missing counts what was found missing. */
om_status cd_journal_missing(struct cd_db *db, int64_t *out, om_err *e) OM_MUST;

/* What a reporting path and the provider's books say of one generation. */
struct cd_two_costs {
	struct cd_text key;
	bool has_reported, has_looked_up;
	om_money reported, looked_up;
};

/* cd_journal_compare takes a row's cost, if it is one of the two. */
void cd_journal_compare(struct cd_two_costs *c, const struct cd_row *row);

/* cd_journal_discrepancies keeps those of n that differ, ascending by key. */
om_status cd_journal_discrepancies(
    struct cd_db *db, const struct cd_two_costs *c, size_t n, struct om_arena *a, om_err *e) OM_MUST;

/* cd_journal_differing counts all that were kept. */
om_status cd_journal_differing(struct cd_db *db, int64_t *out, om_err *e) OM_MUST;

#endif
