/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * door.h - the connections of the HTTP server: which are let in, which must make room, and
 * which bytes civetweb gets to read.
 *
 * Does      civetweb gives each connection a worker until it closes, tells nothing of a connection
 *           before its first request, waits for silence rather than for a total, and reads heads that
 *           can be read in two ways.  None of this can be set.  So its calls of accept() and
 *           recv() are answered here: door.c defines both names, which the linker prefers to those
 *           of the C library, and passes the calls of all other threads on.
 * Owns      The list of open connections, their deadlines, and one thread that keeps both.
 * Promises  civetweb reads one head at a time, whole, in its one form (head.h), and after it no byte
 *           that is not of its body: what follows stays in the kernel.  In place of any other head it
 *           reads a harmless one, and gw_conn_fault tells why.
 *           While connections that have not shown a valid key or session are more than their
 *           share, of one address or in all, those that have waited longest are cut off:
 *           for a head, for a body, or for a reply to be taken.  Those at work never are.
 * Why it never shuts down another connection: accept() enters the descriptor before civetweb has
 *           seen it, gw_door_leave takes it out before civetweb closes it, and shutdown() happens
 *           between these two, under the lock both take.
 * Threads   All calls from any thread; what names no connection is about the one that the
 *           calling worker serves.
 */
#ifndef GW_DOOR_H
#define GW_DOOR_H

#include "proxy.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_door;
struct gw_conn; /* one connection */

struct gw_door_opts {
	size_t most;                      /* connections that can be open at the same time */
	size_t workers;                   /* connections that are served at the same time */
	size_t per_address;               /* of them without a valid key or session, from one address */
	int head_ms;                      /* for a head to arrive, after its first byte */
	const struct gw_proxies *proxies; /* borrowed; their connections are not counted by their address; NULL: none */
};

om_status gw_door_open(const struct gw_door_opts *o, struct gw_door **out, om_err *e) OM_MUST;
void gw_door_close(struct gw_door **d);

/* gw_door_stop ends every wait for a head. */
void gw_door_stop(struct gw_door *d);

/* gw_door_enter makes the door answer the calling thread's accept() and recv(). */
void gw_door_enter(struct gw_door *d);

/* gw_door_leave takes out the connection that civetweb is about to close. */
void gw_door_leave(struct gw_door *d, const char *peer_address, int peer_port);

/* gw_conn_mine gives the connection whose head the calling thread read last, NULL if there is none. */
struct gw_conn *gw_conn_mine(void);

/* gw_conn_fault tells why its head was refused, NULL if it was not; the phrase is the sender's to read. */
const char *gw_conn_fault(const struct gw_conn *c, om_status *status_out);

/* gw_conn_prove notes that a valid key or session was shown on it. */
void gw_conn_prove(struct gw_conn *c);

/* gw_conn_next lets the next head be read. */
void gw_conn_next(struct gw_conn *c);

int gw_conn_fd(const struct gw_conn *c);

/* gw_conn_drain ends the connection for writing, then reads and drops what the peer still sends, until it
 * closes or some seconds have passed: closing a socket with unread bytes could destroy the answer before
 * the peer has read it. */
void gw_conn_drain(struct gw_conn *c);

/* gw_conn_part gives a descriptor of the caller's own, to answer later: civetweb closes another socket in its place.  -1: there is none; the connection closes without an answer. */
int gw_conn_part(struct gw_conn *c);

typedef enum gw_wait { GW_WAIT_BODY, GW_WAIT_REPLY } gw_wait;

/* gw_conn_wait begins a wait for the peer, which the monotonic deadline ends: the socket is shut down
 * for reading, so that an answer can still be sent; a wait for the reply to be taken ends both ways.
 * client: the address that a trusted proxy told; NULL: not known. */
void gw_conn_wait(struct gw_conn *c, gw_wait what, int64_t deadline_ms, const char *client);

typedef enum gw_waited { GW_IN_TIME, GW_LATE, GW_CUT } gw_waited;

/* gw_conn_go_on ends the wait, and tells whether it was ended before. */
gw_waited gw_conn_go_on(struct gw_conn *c);

#endif
