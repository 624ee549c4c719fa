/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * standing.h - what a request becomes of, given what is issued already for the
 * same kind, person, group and month.
 *
 *   ORIGINAL                  where nothing stands, a new number; another format is a
 *                             file of the oldest that stands
 *   CORRECTION, CANCELLATION  a new number in the place of the one that is named
 *   DUPLICATE                 a file of the oldest that stands, which says so
 *   TAKE                      the one with the same figures, or its correction
 *
 * Use       In a transaction of the caller's who locked `issuing`.
 * Failure   OM_CONFLICT says what is issued and what can be done about it.
 */
#ifndef CD_STANDING_H
#define CD_STANDING_H

#include "document.h"
#include "documents.pb-c.h"

struct cd_decision {
	enum { CD_NEXT_NUMBER, CD_NEXT_FILE, CD_NEXT_NOTHING } next; /* NOTHING: `of` is what was asked for */
	Om__IssueRole role;                                          /* of a number */
	Om__Document *of;                                            /* NULL for an original */
};

/* cd_standing_decide: `found` is the document that this request led to before,
 * looked at only by one that takes what stands; NULL if there is none. */
om_status cd_standing_decide(struct cd_db *db, const Om__IssueBegin *b, Om__Document *found, struct om_arena *a,
    struct cd_decision *out, om_err *e) OM_MUST;

/* What was decided is checked again before it is stored. */
om_status cd_standing_check_original(struct cd_db *db, const Om__IssueQuery *q, struct om_arena *a, om_err *e) OM_MUST;
om_status cd_standing_check_correction(struct cd_db *db, const Om__IssueQuery *q, const char *corrects,
    struct om_arena *a, Om__Document **old_out, om_err *e) OM_MUST;
om_status cd_standing_check_cancellation(
    struct cd_db *db, const Om__IssueQuery *q, struct om_arena *a, Om__Document **old_out, om_err *e) OM_MUST;
/* *known_out: an equal duplicate is there. */
om_status cd_standing_check_file(struct cd_db *db, const Om__IssueQuery *q, const char *number, struct om_arena *a,
    Om__Document **doc_out, bool *known_out, om_err *e) OM_MUST;

/* cd_standing_load gives figures and terms of a document with it. */
om_status cd_standing_load(
    struct cd_db *db, Om__Document *d, struct om_arena *a, Om__Standing **out, om_err *e) OM_MUST;

#endif
