/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * head.h - the bytes of a request's head, held to their one form, and the head of a reply.
 */
#ifndef GW_HEAD_H
#define GW_HEAD_H

#include "request.h"

#define GW_IDLE_HINT "timeout=9" /* what a kept connection's client is told, a second less than is true */

/* gw_head_end looks for the end of a head in the first n bytes that arrived, of which it has looked at
 * *at before: the length of the whole head, 0 while it is not all there.  *why is set, to a phrase
 * for the sender, as soon as a byte stands where none may: a control character, a line feed or a
 * carriage return alone, a blank before the request line. */
size_t gw_head_end(const char *head, size_t n, size_t *at, const char **why);

/* gw_head_fault tells why a whole head is refused, NULL when all of its lines have their one form: a
 * request line with a path of this server, and headers that are neither folded nor have a blank
 * before their colon. */
const char *gw_head_fault(const char *head, size_t n);

/* gw_head_write writes the status line and all headers; keep: the connection is
 * kept for another request. */
void gw_head_write(
    struct om_buf *out, const struct gw_req *rq, const struct gw_reply *rp, size_t n_body, bool chunked, bool keep);

#endif
