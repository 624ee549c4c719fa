/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * statement.h - costd's figures of one month made into a document: of one user,
 * of one group, or of everyone.
 *
 * Does      Makes tables, amounts, facts and notes in one language (doc.h), under the
 *           terms of the month; the bill in the order of bill.h.
 * Owns      Nothing: a document lives in the caller's arena.
 * Promises  Every table of the document adds up to costd's total to the last
 *           digit; where it does not, there is no document.
 * Never     Uses a file's format; asks costd.
 * Failure   OM_PROTOCOL when the reply is not one; OM_INTERNAL when its parts
 *           do not add up; OM_NOMEM.
 * Threads   Pure.
 */
#ifndef RD_STATEMENT_H
#define RD_STATEMENT_H

#include "doc.h"
#include "source/month.h"
#include "terms/terms.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

/* rd_statement_new gives a document that borrows from the reply, the query and the
 * terms' texts. */
om_status rd_statement_new(const Om__StatementReply *r, const struct rd_month *m, const struct rd_terms *terms,
    struct om_arena *a, const struct rd_doc **out, om_err *e) OM_MUST;

#endif
