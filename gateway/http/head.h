/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * head.h - whether a request's head was read to its end, and the head of a reply.
 */
#ifndef GW_HEAD_H
#define GW_HEAD_H

#include "request.h"

#define GW_IDLE_HINT "timeout=9" /* what a kept connection's client is told, a second less than is true */

/* gw_head_whole tells whether the list of headers is all that the head holds.
 * civetweb ends names and values with zero bytes in the text it received, and ends the
 * list at a folded line and reports nothing; a header after it, like a length,
 * would be missed and its body be taken for the next request.  Names and values
 * must be civetweb's own. */
bool gw_head_whole(const struct gw_header *headers, size_t n);

/* gw_head_write writes the status line and all headers; keep: the connection is
 * kept for another request. */
void gw_head_write(
    struct om_buf *out, const struct gw_req *rq, const struct gw_reply *rp, size_t n_body, bool chunked, bool keep);

#endif
