/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * merge.h - one person who has several ids, as when Open WebUI moved to another server.
 *
 * Room persons
 *   Does      merges a person into another one and takes that back
 *   Owns      the table merge, and person.shown, which follows from it
 *   Promises  no row, total or document changes: who a person is shown as is looked up when it is
 *             read, so that what was merged comes apart again to the last digit
 *   Never     logs who
 *
 * Chains    Whoever is merged into somebody who is merged themselves is shown as the last of the
 *           chain.  A circle is refused.
 * Failure   OM_NOT_FOUND  there is no such person
 *           OM_INVALID    a person into themselves; "unknown", which is nobody
 *           OM_CONFLICT   the person is merged already, or into somebody who is merged into them;
 *                         not merged, when it is to be taken back
 *           else as pool.h.
 * Threads   All calls from any thread.
 */
#ifndef CD_MERGE_H
#define CD_MERGE_H

#include "database/pool.h"
#include "usage.pb-c.h"
#include "base/clock.h"
#include "wire/codec.h"

/* cd_merge gives the user that the person is shown as then; said again, it changes nothing. */
om_status cd_merge(struct cd_pool *p, const Om__MergeQuery *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__UserReply *out, om_err *e) OM_MUST;

#endif
