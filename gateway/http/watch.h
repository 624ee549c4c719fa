/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * watch.h - deadlines for sockets that civetweb reads and writes.
 *
 * civetweb waits for silence, not for a total: a byte now and then holds a worker
 * for as long as the sender likes.  Its descriptor is not in its interface, so
 * it is found by its addresses among the open ones.
 *
 * Why it never shuts down another connection: civetweb keeps the descriptor open until it has
 * told that the connection ends, so its number cannot be given to anything else
 * between gw_watch_find and gw_watch_release, and shutdown() happens only
 * between these two, under the lock release takes.  Two open descriptors with
 * the same peer address, peer port and local port can only be two
 * connections of one peer to two addresses of this host, and numbers already
 * found are skipped: a mix-up would stay between that peer's own two.
 *
 * Threads   All calls from any thread; one thread of its own.
 */
#ifndef GW_WATCH_H
#define GW_WATCH_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_watch;

om_status gw_watch_open(size_t slots, struct gw_watch **out, om_err *e) OM_MUST;
void gw_watch_close(struct gw_watch **w);

/* gw_watch_find gives a slot for the connection, -1 if it cannot be found. */
int gw_watch_find(struct gw_watch *w, const char *peer_address, int peer_port, int local_port);

/* gw_watch_arm shuts the socket down when the monotonic deadline passes: only for
 * reading, so that an answer can still be sent, or for both. */
void gw_watch_arm(struct gw_watch *w, int slot, int64_t deadline_ms, bool both);

/* gw_watch_disarm tells whether the deadline had passed. */
bool gw_watch_disarm(struct gw_watch *w, int slot);

/* gw_watch_fd gives the descriptor; use it before release only. */
int gw_watch_fd(struct gw_watch *w, int slot);

void gw_watch_release(struct gw_watch *w, int slot);

#endif
