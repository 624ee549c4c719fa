/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * intake_in.h - what the calls that take records share: the count of what a key sends.
 */
#ifndef GW_INTAKE_IN_H
#define GW_INTAKE_IN_H

#include "http/handler.h"

struct gw_batch;

/* gw_intake_begin counts the body, before it is looked into; OM_THROTTLED sets Retry-After. */
om_status gw_intake_begin(const struct gw_parts *parts, struct gw_req *rq, struct gw_reply *rp, om_err *e) OM_MUST;

/* gw_intake_append counts and stores the records; it takes the batch, whatever comes of it. */
om_status gw_intake_append(const struct gw_parts *parts, const struct gw_req *rq, struct gw_reply *rp,
    struct gw_batch **b, om_time now, om_err *e) OM_MUST;

#endif
