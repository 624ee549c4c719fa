/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * gzip.h - replies compressed for clients that accept it, and compressed bodies unpacked.
 */
#ifndef GW_GZIP_H
#define GW_GZIP_H

#include "request.h"

/* gw_gzip_reply compresses a large text reply if the client accepts it; on any
 * trouble the reply stays as it is. */
void gw_gzip_reply(const struct gw_req *rq, struct gw_reply *rp);

/* gw_gunzip_body replaces a body sent with Content-Encoding: gzip by what it
 * unpacks to; plain must live as long as the body, and its limit holds. */
om_status gw_gunzip_body(struct gw_req *rq, struct om_buf *plain, om_err *e) OM_MUST;

#endif
