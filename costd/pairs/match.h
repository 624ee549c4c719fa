/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * match.h - the rows that no tag ties, matched one for one.
 *
 * Windows   Turns are matched in the order of time, so that a change reaches back
 *           a few times CD_NEAR_US at most: what lies farther back keeps its
 *           match.  Forward, all is matched again up to the first gap that is
 *           too long for a pair.
 */
#ifndef CD_MATCH_H
#define CD_MATCH_H

#include "links.h"

/* cd_match_decide decides about the matches of the seeds and of all that hangs on
 * them. */
om_status cd_match_decide(struct cd_pairs *c, om_err *e) OM_MUST;

#endif
