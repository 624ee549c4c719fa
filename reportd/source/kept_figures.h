/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * kept_figures.h - the figures that an issued document keeps, packed: all but the
 * single requests, which stay in the ledger.
 *
 * Limits    What each user used of each model is left out where the figures of
 *           thousands of users would be too large; it is in the document's file.
 * Owner     What is given lives in the arena.
 * Threads   Pure functions.
 */
#ifndef RD_KEPT_FIGURES_H
#define RD_KEPT_FIGURES_H

#include "statement.pb-c.h"
#include "base/arena.h"

om_status rd_kept_figures_pack(
    const Om__StatementReply *r, struct om_arena *a, ProtobufCBinaryData *out, om_err *e) OM_MUST;

/* rd_kept_figures_unpack: OM_DAMAGED when they cannot be read. */
om_status rd_kept_figures_unpack(
    const ProtobufCBinaryData *kept, struct om_arena *a, Om__StatementReply **out, om_err *e) OM_MUST;

/* rd_kept_figures_lack_people tells whether the table of each user's models was left
 * out. */
bool rd_kept_figures_lack_people(const Om__StatementReply *kept);

#endif
