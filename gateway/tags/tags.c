/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tags.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define PART(text)                                \
	{                                         \
		.data = (text), .n = strlen(text) \
	}

om_status
gw_tag_key(const char *api_key, char out[GW_TAG_KEY], om_err *e)
{
	static const char label[] = "owui-metering tag key 1";
	const struct om_bytes part = PART(label);
	unsigned char mac[OM_SHA256];

	if (om_hmac_sha256(api_key, &part, 1, mac) != OM_OK)
		return om_fail(e, OM_INTERNAL, "HMAC-SHA256 failed");
	om_hex(mac, sizeof mac, out);
	om_secret_clear(mac, sizeof mac);
	return OM_OK;
}

bool
gw_tag_is_good(const char *key, const char *turn, uint32_t request, const char *user, const char *mac)
{
	char number[32], is[2 * OM_SHA256 + 1];
	const struct om_bytes parts[] = {PART("owui-tag-1\n"), PART(turn),
	    {.data = number, .n = (size_t)snprintf(number, sizeof number, "\n%u\n", request)}, PART(user)};
	unsigned char made[OM_SHA256];

	if (strchr(turn, '\n') != NULL || strchr(user, '\n') != NULL || strlen(mac) != GW_TAG_MAC)
		return false;
	if (om_hmac_sha256(key, parts, sizeof parts / sizeof parts[0], made) != OM_OK)
		return false;
	om_hex(made, sizeof made, is);
	return om_bytes_equal(is, mac, GW_TAG_MAC);
}
