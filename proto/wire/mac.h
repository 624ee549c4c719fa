/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * mac.h - the end of a frame that proves who made it; inside wire/ only.
 *
 * Shape     A frame is a packed Request or Reply.  Its last OM_MAC_BYTES are field 5
 *           of either, message Mac of envelope.proto, always written in these bytes,
 *           so that they are read and checked before anything else is:
 *
 *             2a 42  0d caller:u32  12 10 nonce[16]  19 count:u64  22 20 mac[32]
 *
 *           mac is HMAC-SHA-256 under the caller's key over a word for the direction,
 *           for a reply the request's mac, and all of the frame but these 32 bytes.
 *           A peer that knows no Mac skips the field.
 * Threads   Pure functions.
 */
#ifndef OM_MAC_H
#define OM_MAC_H

#include "base/digest.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define OM_MAC_BYTES ((size_t)68)
#define OM_MAC_NONCE 16

struct om_mac {
	uint32_t caller; /* an om_caller */
	unsigned char nonce[OM_MAC_NONCE];
	uint64_t count;
	unsigned char mac[OM_SHA256];
};

/* om_mac_read tells whether the frame ends with a Mac, and gives it. */
bool om_mac_read(const void *frame, size_t n, struct om_mac *out);

/* om_mac_put writes the last OM_MAC_BYTES of the frame of n bytes in all, and m->mac.
 * of: the mac of the request that a reply answers; NULL for a request. */
om_status om_mac_put(
    void *frame, size_t n, const char *key, const unsigned char *of, struct om_mac *m, om_err *e) OM_MUST;

/* om_mac_fits tells whether m, read from the frame, was made with this key. */
bool om_mac_fits(const void *frame, size_t n, const char *key, const unsigned char *of, const struct om_mac *m);

/* ---- the side that asks ---- */

/* Where a connection stands. */
struct om_mac_now {
	unsigned char nonce[OM_MAC_NONCE]; /* zeros: not known */
	uint64_t count;                    /* of the last request */
};

void om_mac_forget(struct om_mac_now *now);

/* The side that asks, and whom: all borrowed. */
struct om_mac_side {
	uint32_t self; /* an om_caller */
	const char *key;
	const char *peer;  /* its name, for messages */
	bool allow_no_mac; /* an answer without a MAC is taken too */
};

/* om_mac_ask ends the frame of a request, which has OM_MAC_BYTES of room at its end. */
om_status om_mac_ask(void *frame, size_t n, const struct om_mac_side *side, struct om_mac_now *now,
    struct om_mac *asked, om_err *e) OM_MUST;

/* om_mac_answered looks at the answer to what was asked.  OM_PROTOCOL: it is not the peer's.  *again: it
 * says nothing but the nonce, which stands in now; the request was not carried out. */
om_status om_mac_answered(const void *frame, size_t n, const struct om_mac_side *side, const struct om_mac *asked,
    struct om_mac_now *now, bool *again, om_err *e) OM_MUST;

#endif
