/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * held.h - answers that are held back for a while, so that whoever guesses has to wait.
 *
 * Does      Takes a connection from its worker, sends its answer when the time has come, and closes it.
 * Owns      The descriptors it was given, and one thread.
 * Promises  No worker waits.  Of one address at most GW_HELD_EACH answers are held, in all at most
 *           GW_HELD_ALL: what is beyond is closed without its answer.
 * Threads   All calls from any thread.
 */
#ifndef GW_HELD_H
#define GW_HELD_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define GW_HELD_EACH  16
#define GW_HELD_ALL   128
#define GW_HELD_BYTES 2048 /* of an answer, at most */

struct gw_held;

om_status gw_held_open(struct gw_held **out, om_err *e) OM_MUST;

/* gw_held_close closes the connections without their answers. */
void gw_held_close(struct gw_held **h);

/* gw_held_put sends n bytes at the monotonic instant due_ms, and closes fd, which it owns from now on.
 * client: the address that is counted. */
void gw_held_put(struct gw_held *h, int fd, const char *client, const void *data, size_t n, int64_t due_ms);

#endif
