/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * callers.h - who asks a server, and that it asks now; inside wire/ only.
 *
 * Replays   Each connection gets a nonce when it is made, and a request names the nonce
 *           of the connection that it comes by and a count above the last one's.  So a
 *           frame that was recorded is worth nothing, on that connection or another, and
 *           no clocks are compared.  A caller learns the nonce from the reply to its first
 *           request, which is not carried out.
 * Refusals  owui_metering_wire_refused_total{reason}, and a log line a second at most:
 *             no_mac          the frame ends with no Mac, or is too short for one
 *             unknown_caller  it names a caller that has no key here
 *             mac             its mac was not made with that caller's key
 *             replay          its count was used before, or its nonce is another connection's
 *             right           the caller may not ask that
 * Threads   All calls from any thread.
 */
#ifndef OM_CALLERS_H
#define OM_CALLERS_H

#include "mac.h"
#include "wire.h"

#include <nng/nng.h>

struct om_callers;

/* What one request proved. */
struct om_asker {
	unsigned who;                      /* an om_caller; every om_caller for a frame without a Mac that is taken */
	const char *key;                   /* the caller's, with which the reply is to be proved; NULL: it is not */
	struct om_mac mac;                 /* the request's */
	bool learns_nonce;                 /* the request is not to be carried out: the reply tells the nonce */
	unsigned char nonce[OM_MAC_NONCE]; /* the connection's */
};

/* om_callers_new watches the connections of the socket, which must have none yet.  NULL in *out:
 * no caller has a key, and nothing is checked. */
om_status om_callers_new(const struct om_wire_server_opts *o, nng_socket s, struct om_callers **out, om_err *e) OM_MUST;

/* om_callers_free: the socket is closed. */
void om_callers_free(struct om_callers **c);

/* om_callers_check looks at a frame as received.  A failing status is all that the caller
 * is told; out->key is NULL then.  c may be NULL. */
om_status om_callers_check(struct om_callers *c, nng_msg *frame, struct om_asker *out) OM_MUST;

/* om_callers_may counts and logs a caller that asks what it may not. */
om_status om_callers_may(const struct om_asker *asker, unsigned may, const char *what, om_err *e) OM_MUST;

#endif
