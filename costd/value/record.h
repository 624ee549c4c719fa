/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * record.h - from a record to the row it amounts to.
 *
 * Room value
 *   Does      what a record amounts to: its row, the join of rows, figures, groups,
 *             periods, hours, cursors
 *   Owns      nothing: texts are borrowed, results live in the arena that is handed in
 *   Promises  pure and total functions: no clock, no state
 *   Never     SQL, threads, logs
 *
 * Ranks     Every record comes from a reporting path (plugin, OTLP, import) or
 *           is the provider's answer to a look-up (cost_state LOOKED_UP).
 *             cost, BYOK      an operator's decision > looked up > reported >
 *                             imported > reported while the end was open > estimated.
 *             native tokens   a look-up's counts are the billing basis of its
 *                             cost, so they win; but its zeros only fill gaps,
 *                             for the provider answers with zeros at first.
 *                             So do those of the provider's export, which does
 *                             not say whose tokens they are.
 *             state           error, cancelled, final as a sender saw it > as
 *                             a look-up says it > open.
 *             all else        the reporting path wins: the look-up names a
 *                             dated model and the time it wrote its books.
 *                             What a trace says comes before what a look-up
 *                             says and after all others; any other user
 *                             replaces the user "unknown".
 * Key       The generation id, else "owui:" and the turn id; such rows can
 *           never be looked up.
 * Threads   Pure functions.
 */
#ifndef CD_RECORD_H
#define CD_RECORD_H

#include "join.h"
#include "record.pb-c.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/digest.h"
#include "wire/codec.h"

#define CD_RECORD_ID     16
#define CD_KEY_BYTES     640
#define CD_TURN_PREFIX   "owui:"
#define CD_OPENROUTER    "openrouter"      /* platform */
#define CD_OPENROUTER_ID "gen-"            /* how all its generation ids begin */
#define CD_OPERATOR      "operator"        /* source of what an operator says */
#define CD_IMPORT        "import"          /* source of what an older filter kept */
#define CD_LOOK_UP       "look-up"         /* source of a look-up's record */
#define CD_EXPORT        "activity-export" /* of a line of the provider's export */

/* cd_record_fit makes the record fit for its row (fit.h), as the gateway does, and says why
 * one can never be stored: it has no id of its own, no key, or is too large. */
om_status cd_record_fit(Om__Record *r, struct om_arena *a, om_err *e) OM_MUST;

/* cd_record_row gives the row of one record that fits, whose received_us is the
 * earliest receipt; texts point into the record or the arena. */
om_status cd_record_row(const Om__Record *r, struct om_arena *a, struct cd_row *out, om_err *e) OM_MUST;

/* cd_record_has_sent: the gateway hashed what the sender sent, before any repair.
 * Then a time before 2020 or more than five minutes after the receipt is replaced by
 * the receipt here and not in the gateway, for the earliest receipt counts. */
bool cd_record_has_sent(const Om__Record *r);

/* How an entry of the journal is read. */
struct cd_how {
	bool before; /* a program before step 17 of the schema stored it: its row is for cd_join_before */
	bool nobody; /* what it says of the user does not count: by the rules of before, another record's did */
};

/* cd_record_row_as gives the row of a record that the journal has. */
om_status cd_record_row_as(
    const Om__Record *r, struct cd_how how, struct om_arena *a, struct cd_row *out, om_err *e) OM_MUST;

/* cd_record_content hashes a record as older gateways knew it: without its time
 * of receipt, which differs when a client sends the record again, and without the
 * fields that came later. */
om_status cd_record_content(const Om__Record *r, unsigned char out[OM_SHA256], om_err *e) OM_MUST;

/* cd_record_seen_us is the instant at which what the record reports happened. */
om_time cd_record_seen_us(const Om__Record *r);

bool cd_record_is_look_up(const Om__Record *r);

/* cd_cost_state reads the state off the winning cell. */
Om__CostState cd_cost_state(const struct cd_row *row);

/* cd_row_requests: what the row counts, 1 or 0. */
int64_t cd_row_requests(const struct cd_row *row);
/* cd_row_is_of_turn: it has no generation id. */
bool cd_row_is_of_turn(const struct cd_row *row);
/* cd_row_is_openrouters: its platform says so or, where none is known, its id may
 * be one of theirs (they begin with "gen-"). */
bool cd_row_is_openrouters(const struct cd_row *row);
/* cd_row_is_unsettled: its cost is not final.  Rows of other platforms are never
 * waited for. */
bool cd_row_is_unsettled(const struct cd_row *row);

/* cd_row_is_claimed: senders alone said what it cost. */
bool cd_row_is_claimed(const struct cd_row *row);
/* cd_row_is_unproven: the provider does not know the id, and it is no import's, of which the provider may
 * have forgotten. */
bool cd_row_is_unproven(const struct cd_row *row);
/* cd_row_is_odd_day: it is of another day than its records were received on, and neither its sender's queue
 * nor the provider's books explain that. */
bool cd_row_is_odd_day(const struct cd_row *row);

/* cd_row_claims_zero: a sender says that an answer cost nothing, and neither the model's name (a free
 * variant) nor the counts (an answer out of the provider's cache has no tokens) say why; nor is it paid
 * elsewhere, to the upstream provider. */
bool cd_row_claims_zero(const struct cd_row *row);

/* cd_generation_id_ok: ids that may be put into a URL. */
bool cd_generation_id_ok(const char *id, size_t n);
/* cd_row_can_look_up: whether the provider can know this row. */
bool cd_row_can_look_up(const struct cd_row *row);

#endif
