/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * share.h - what a row counts beside the rows it is paired with.
 *
 * Part      A row that is one request of another row's, or matched to it, counts
 *           nothing; its values fill what the other does not know.  Where nothing
 *           but the likeness of both says that they are one, and senders said
 *           the cost of both, it is one more claim of that cost.  A turn's sum
 *           counts the cost that its generations leave over, and no request:
 *           the sum less what was reported for them (what is known of them where
 *           nothing was), never below nothing.
 * Threads   Pure functions.
 */
#ifndef CD_SHARE_H
#define CD_SHARE_H

#include "own.h"
#include "value/figures.h"

/* cd_share_fill lets a part's values fill the row that counts; usage too, unless
 * the part is the sum of several requests.  cd_share_claim takes the cost of a matched part
 * as a claim beside the row's own; the row is filled after that. */
void cd_share_fill(struct cd_row *row, const struct cd_row *part, bool usage);
void cd_share_claim(struct cd_row *row, const struct cd_row *part);

/* cd_share_add adds what is to be taken off a sum for one generation: the figures that
 * records say. */
void cd_share_add(struct cd_figures *sum, const struct cd_own *own);
/* cd_share_spend takes off what an earlier sum of the same turn covers. */
void cd_share_spend(struct cd_figures *sum, const struct cd_row *other);

/* cd_share_part makes the row of a part that counts nothing; cd_share_rest that of a
 * sum, less `off`. */
void cd_share_part(struct cd_row *row);
void cd_share_rest(struct cd_row *row, const struct cd_figures *off);

#endif
