/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * ticket.h - tickets in the URLs of files and of the live stream, which a browser fetches without
 * our header.
 *
 * Shape     "…&ticket=" and 64 hexadecimal digits, always at the end of the query.
 */
#ifndef GW_TICKET_H
#define GW_TICKET_H

#include "access.h"

/* gw_ticket_take takes a ticket off the end of rq->query, so that nothing that reads or logs the query
 * sees it, and spends it: *found_out tells that there was one, and rq is the session's then. */
om_status gw_ticket_take(const struct gw_access *a, struct gw_req *rq, bool *found_out, om_err *e) OM_MUST;

#endif
