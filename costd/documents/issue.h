/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * issue.h - how a document gets its number.
 *
 * Room documents
 *   Does      numbers, files and standing of documents; which month is due (delivery.h)
 *   Owns      the tables issuing, document and those of its files, and delivery
 *   Promises  numbers without a gap; nothing that was issued is edited or deleted
 *   Never     lays a document out
 *
 *   begin    who asks is given the next number, for as long as it says within
 *            CD_ISSUE_KEEP_MS each time that it still needs it
 *   keep     that; or drop: the number is given back
 *   finish   number, file, figures and hash are stored in one transaction
 *
 * What is issued already for the same person, group and month decides what a
 * request becomes (standing.h): another file of a number needs no lease, and
 * is stored by cd_file_add.
 *
 * Promise   The numbers of a year are 1, 2, 3 … without a gap, in the order of their
 *           dates of issue, even when a process is killed in between: a number that was
 *           not finished is given to the next request.  One document is
 *           being issued at a time.  A request that is sent again finds the
 *           document it issued.
 *           Two originals of the same are not issued.
 * Year      That of the date of issue in the reporting zone.
 * Clock     issuing.h: a last date that lies ahead is refused until a person
 *           says costd --accept-clock.  Numbers that a clock ahead gave stay, and
 *           later ones of that year go on after them.
 * Failure   OM_THROTTLED: another document is being issued; ask again.
 *           OM_CONFLICT: the number was not kept and is another's, the request
 *           contradicts what was issued, or the clock does.
 * Threads   All calls from any thread, and from any number of processes.
 */
#ifndef CD_ISSUE_H
#define CD_ISSUE_H

#include "database/pool.h"
#include "documents.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

#define CD_ISSUE_KEEP_MS 15000

/* now is the wall clock, for tests. */
om_status cd_issue_begin(struct cd_pool *p, const Om__IssueBegin *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, Om__IssueBeginReply *out, om_err *e) OM_MUST;
om_status cd_issue_keep(struct cd_pool *p, const Om__IssueKeep *q, om_time now, int64_t deadline_ms, om_err *e) OM_MUST;
/* cd_issue_drop gives the number back; one that is another's by now stays where it is. */
om_status cd_issue_drop(struct cd_pool *p, const Om__IssueDrop *q, int64_t deadline_ms, om_err *e) OM_MUST;
om_status cd_issue_finish(struct cd_pool *p, const Om__IssueFinish *q, om_time now, int64_t deadline_ms,
    struct om_arena *a, Om__IssueFinishReply *out, om_err *e) OM_MUST;
om_status cd_file_add(struct cd_pool *p, const Om__FileAdd *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__FileAddReply *out, om_err *e) OM_MUST;

#endif
