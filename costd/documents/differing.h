/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * differing.h - how many issued documents show what their months do not amount to any more.
 *
 * An issued document does not close its month: a late record or the provider's word changes the
 * ledger, and the document stays.  Each document that stands says so when it is read; this duty counts
 * them for the metric, and looks again only at months that changed since.
 *
 * Metric    owui_metering_documents_differing
 * Threads   cd_differing_turn from one at a time.
 */
#ifndef CD_DIFFERING_H
#define CD_DIFFERING_H

#include "database/pool.h"
#include "run/duty.h"

#define CD_DIFFERING_EVERY_MS 15000

struct cd_differing;

om_status cd_differing_new(struct cd_pool *p, struct cd_differing **out, om_err *e) OM_MUST;
void cd_differing_free(struct cd_differing **d);

/* cd_differing_turn is a duty's run; arg is the cd_differing. */
om_duty_fn cd_differing_turn;

#endif
