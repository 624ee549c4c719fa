/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "signed.h"

#include "base/digest.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define NONCE_BYTES  ((size_t)16)
#define NONCE_CHARS  (2 * NONCE_BYTES)
#define END_CHARS    ((size_t)16)
#define SIGNED_CHARS (NONCE_CHARS + 1 + END_CHARS)

/* sign writes the MAC over the beginning. */
static om_status
sign(const char *key, const char *text, char out[2 * OM_SHA256 + 1])
{
	const struct om_bytes part = {text, SIGNED_CHARS};
	unsigned char mac[OM_SHA256];
	om_status s = om_hmac_sha256(key, &part, 1, mac);

	om_hex(mac, sizeof mac, out);
	return s;
}

om_status
gw_signed_make(const char *key, om_time ends_at, char out[GW_SIGNED_TEXT], om_err *e)
{
	unsigned char nonce[NONCE_BYTES];
	char mac[2 * OM_SHA256 + 1];
	om_status s = om_random(nonce, sizeof nonce, e);

	if (s != OM_OK)
		return s;
	om_hex(nonce, sizeof nonce, out);
	(void)snprintf(out + NONCE_CHARS, END_CHARS + 2, ".%016llx", (unsigned long long)(ends_at / OM_SECOND));
	s = sign(key, out, mac);
	(void)snprintf(out + SIGNED_CHARS, GW_SIGNED_TEXT - SIGNED_CHARS, ".%s", mac);
	return s;
}

bool
gw_signed_read(const char *key, const char *text, om_time *ends_at_out)
{
	char mac[2 * OM_SHA256 + 1];
	unsigned char raw[END_CHARS / 2];
	uint64_t s = 0;

	if (strlen(text) != GW_SIGNED_TEXT - 1 || text[SIGNED_CHARS] != '.' || sign(key, text, mac) != OM_OK ||
	    !om_secret_equal(text + SIGNED_CHARS + 1, mac) || !om_unhex(text + NONCE_CHARS + 1, END_CHARS, raw))
		return false;
	for (size_t i = 0; i < sizeof raw; i++)
		s = s << 8 | raw[i];
	*ends_at_out = s < (uint64_t)(INT64_MAX / OM_SECOND) ? (om_time)s * OM_SECOND : INT64_MAX;
	return true;
}
