/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "keys.h"

#include "base/text.h"

#include <string.h>

/* derive makes the key of one purpose; no two purposes have one label. */
static om_status
derive(const char *secret, const char *label, const char *bound_to, char out[GW_KEY_TEXT])
{
	const struct om_bytes parts[] = {{label, strlen(label) + 1}, {bound_to, strlen(bound_to)}};
	unsigned char key[OM_SHA256];
	om_status s = om_hmac_sha256(secret, parts, 2, key);

	om_hex(key, sizeof key, out);
	om_secret_clear(key, sizeof key);
	return s;
}

om_status
gw_keys_make(const char *jwt_secret, const char *password_hash, struct gw_keys *out)
{
	om_status s = derive(jwt_secret, "owui-metering session", password_hash, out->session);

	if (s == OM_OK)
		s = derive(jwt_secret, "owui-metering ticket", password_hash, out->ticket);
	if (s == OM_OK)
		s = derive(jwt_secret, "owui-metering mark", "", out->mark);
	if (s == OM_OK)
		s = derive(jwt_secret, "owui-metering login link", "", out->link);
	return s;
}

bool
gw_token_read(const char *text, unsigned char out[OM_SHA256])
{
	static const size_t digits = (size_t)2 * OM_SHA256;

	return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits && om_unhex(text, digits, out);
}
