/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * tags.h - rows paired because they name the same turn, message or request number.
 */
#ifndef CD_TAGS_H
#define CD_TAGS_H

#include "links.h"

/* cd_tags_concern tells whether there is anything that the seeds could be paired
 * with, at the price of two look-ups in the index of sides. */
om_status cd_tags_concern(struct cd_pairs *c, bool *out, om_err *e) OM_MUST;

/* cd_tags_decide decides about the lines by tag of all that share a turn or a
 * message with a seed.  What such a line frees or takes becomes a seed. */
om_status cd_tags_decide(struct cd_pairs *c, om_err *e) OM_MUST;

#endif
