/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * gzip.h - smaller replies for those who take them.
 */
#ifndef GW_GZIP_H
#define GW_GZIP_H

#include "request.h"

/* gw_gzip_reply compresses a large text reply if the client accepts it; on any
 * trouble the reply stays as it is. */
void gw_gzip_reply(const struct gw_req *rq, struct gw_reply *rp);

#endif
