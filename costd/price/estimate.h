/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * estimate.h - what a row without a cost will probably cost.
 *
 * Shape     An estimate is no record: it follows from the row (its tokens, its
 *           model, its start) and the price history, and stands in the cost's
 *           cell with the lowest rank there is.  So any reported or looked-up
 *           cost takes its place, and the row without it is still the join of
 *           its records.
 * Failure   As db.h.  cd_estimate_row runs inside a transaction of the caller's.
 */
#ifndef CD_ESTIMATE_H
#define CD_ESTIMATE_H

#include "database/db.h"
#include "value/join.h"
#include "settle.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

/* cd_estimate_row sets or takes away the estimate of a row to which no
 * record gave a cost; only OpenRouter's rows have one. */
om_status cd_estimate_row(struct cd_db *db, struct cd_row *row, struct om_arena *a, om_err *e) OM_MUST;

/* cd_estimate_why says why a row has none; NONE when the next sweep gives it
 * one. */
om_status cd_estimate_why(
    struct cd_db *db, const struct cd_row *row, struct om_arena *a, Om__NoEstimate *out, om_err *e) OM_MUST;

/* cd_estimate_is_free tells whether the list has the row's model for nothing; a model without a price
 * is not known to be free. */
om_status cd_estimate_is_free(
    struct cd_db *db, const struct cd_row *row, struct om_arena *a, bool *out, om_err *e) OM_MUST;

/* cd_estimate_ignore takes an estimate off a row, so that it can be compared
 * with its records. */
void cd_estimate_ignore(struct cd_row *row);

#endif
