/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * intake.h - bodies in any form that senders use, made packed records.
 *
 * Does      Reads records (record.h), the older program's records, and traces (otlp.h),
 *           and gives them to the spool; shows new records to the clients of /live (live.h).
 * Owns      The ring of the newest records, and the counts of what each key sent.
 * Promises  A call that returns success took what it says: it is on disk.  What it refuses
 *           is named with field and reason, and counted (refusal.h).  A key that has sent as
 *           much as it may is answered 429 with Retry-After (quota.h).
 * Never     Keeps anything but these, or looks at what a record costs.
 */
#ifndef GW_INTAKE_H
#define GW_INTAKE_H

#include "http/handler.h"

gw_handler gw_records_take, gw_legacy_take; /* ingest.c: POST /events, /metering/record */
gw_handler gw_traces_take;                  /* traces.c: POST and PUT /traces */

/* gw_traces_fail makes the reply an OTLP failure, in the encoding of the request. */
void gw_traces_fail(struct gw_reply *rp, const struct gw_req *rq, om_status s, const char *detail);

#endif
