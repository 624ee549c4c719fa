/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lease_keeper.h"

#include "base/invariant.h"

#include <stdio.h>

#define NAME "leases"

static om_status
keep_once(void *arg, struct om_duty_turn *t, om_err *e)
{
	struct rd_lease_keeper *k = arg;

	(void)t;
	if (k->request_id[0] != '\0')
		om_log_request(k->request_id);
	return k->keep(k->arg, e);
}

om_status
rd_lease_keeper_start(
    struct rd_lease_keeper *k, struct om_duties *duties, int64_t every_ms, rd_lease_keep_fn *keep, void *arg, om_err *e)
{
	const struct om_duty row = {.name = NAME,
	    .failed = "costd could not be told that work goes on",
	    .every_ms = every_ms,
	    .asleep = true,
	    .run = keep_once,
	    .arg = k};
	om_status s;

	om_check(keep != NULL && every_ms > 0);
	*k = (struct rd_lease_keeper){.duties = duties, .keep = keep, .arg = arg};
	(void)snprintf(k->request_id, sizeof k->request_id, "%s", om_log_request_id());
	s = om_duties_add(duties, &row, &k->entry, e);
	if (s == OM_OK)
		om_duties_wake_in(duties, NAME, every_ms);
	return s;
}

void
rd_lease_keeper_stop(struct rd_lease_keeper *k)
{
	om_duties_remove(k->duties, &k->entry);
}
