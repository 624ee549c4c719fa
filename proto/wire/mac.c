/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "mac.h"

#include "base/invariant.h"
#include "base/log.h"

#include <string.h>

/* Where each part begins, from the start of the field; the bytes between are protobuf's tags and lengths. */
enum { CALLER = 3, NONCE = 9, COUNT = 26, MAC = 36 };

static const struct {
	unsigned char at, byte;
} tags[] = {{0, 0x2a}, {1, 0x42}, {2, 0x0d}, {7, 0x12}, {8, OM_MAC_NONCE}, {25, 0x19}, {34, 0x22}, {35, OM_SHA256}};
#define N_TAGS (sizeof tags / sizeof tags[0])

_Static_assert(MAC + OM_SHA256 == OM_MAC_BYTES, "the mac is the end of the field");

static void
put_le(unsigned char *at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t
get_le(const unsigned char *at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

bool
om_mac_read(const void *frame, size_t n, struct om_mac *out)
{
	const unsigned char *at;

	if (n < OM_MAC_BYTES)
		return false;
	at = (const unsigned char *)frame + n - OM_MAC_BYTES;
	for (size_t i = 0; i < N_TAGS; i++)
		if (at[tags[i].at] != tags[i].byte)
			return false;
	out->caller = (uint32_t)get_le(at + CALLER, sizeof out->caller);
	memcpy(out->nonce, at + NONCE, OM_MAC_NONCE);
	out->count = get_le(at + COUNT, sizeof out->count);
	memcpy(out->mac, at + MAC, OM_SHA256);
	return true;
}

static om_status
make(const void *frame, size_t n, const char *key, const unsigned char *of, unsigned char out[OM_SHA256])
{
	static const char request[] = "owui-metering request", reply[] = "owui-metering reply";
	const struct om_bytes parts[] = {
	    {of == NULL ? request : reply, of == NULL ? sizeof request : sizeof reply},
	    {of == NULL ? "" : (const char *)of, of == NULL ? 0 : OM_SHA256},
	    {frame, n - OM_SHA256},
	};

	return om_hmac_sha256(key, parts, sizeof parts / sizeof parts[0], out);
}

om_status
om_mac_put(void *frame, size_t n, const char *key, const unsigned char *of, struct om_mac *m, om_err *e)
{
	unsigned char *at = (unsigned char *)frame + n - OM_MAC_BYTES;

	om_check(n >= OM_MAC_BYTES);
	for (size_t i = 0; i < N_TAGS; i++)
		at[tags[i].at] = tags[i].byte;
	put_le(at + CALLER, m->caller, sizeof m->caller);
	memcpy(at + NONCE, m->nonce, OM_MAC_NONCE);
	put_le(at + COUNT, m->count, sizeof m->count);
	if (make(frame, n, key, of, m->mac) != OM_OK)
		return om_fail(e, OM_INTERNAL, "libcrypto makes no HMAC");
	memcpy(at + MAC, m->mac, OM_SHA256);
	return OM_OK;
}

bool
om_mac_fits(const void *frame, size_t n, const char *key, const unsigned char *of, const struct om_mac *m)
{
	unsigned char right[OM_SHA256];

	return make(frame, n, key, of, right) == OM_OK && om_bytes_equal(right, m->mac, OM_SHA256);
}

/* ---- the side that asks ---- */

static const unsigned char no_nonce[OM_MAC_NONCE];

void
om_mac_forget(struct om_mac_now *now)
{
	memset(now->nonce, 0, sizeof now->nonce);
}

om_status
om_mac_ask(
    void *frame, size_t n, const struct om_mac_side *side, struct om_mac_now *now, struct om_mac *asked, om_err *e)
{
	*asked = (struct om_mac){.caller = side->self, .count = ++now->count};
	memcpy(asked->nonce, now->nonce, sizeof asked->nonce);
	return om_mac_put(frame, n, side->key, NULL, asked, e);
}

om_status
om_mac_answered(const void *frame, size_t n, const struct om_mac_side *side, const struct om_mac *asked,
    struct om_mac_now *now, bool *again, om_err *e)
{
	struct om_mac got;

	*again = false;
	if (!om_mac_read(frame, n, &got)) {
		if (side->allow_no_mac)
			return OM_OK;
		return om_fail(e, OM_PROTOCOL,
		    "the answer has no MAC: %s refuses the key of %s (do both have the same WIRE_KEY_ settings?), is "
		    "older, or another program listens at its address",
		    side->peer, om_log_service());
	}
	if (!om_mac_fits(frame, n, side->key, asked->mac, &got))
		return om_fail(e, OM_PROTOCOL, "the MAC of an answer of %s was made with another key", side->peer);
	*again = !om_bytes_equal(got.nonce, no_nonce, OM_MAC_NONCE);
	if (*again)
		memcpy(now->nonce, got.nonce, sizeof now->nonce);
	return OM_OK;
}
