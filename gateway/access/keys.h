/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * keys.h - the keys that come from JWT_SECRET, one for each purpose.
 *
 * Shape     Each is the text of 64 hexadecimal digits that gw_key_hash takes.
 * Promise   Another JWT_SECRET gives other keys: no session, ticket, mark or login link of before
 *           opens anything.  So does another PASSWORD_HASH for sessions and for tickets.
 */
#ifndef GW_KEYS_H
#define GW_KEYS_H

#include "base/digest.h"
#include "base/status.h"

#define GW_KEY_TEXT (2 * OM_SHA256 + 1)

struct gw_keys {
	char session[GW_KEY_TEXT];
	char ticket[GW_KEY_TEXT];
	char mark[GW_KEY_TEXT];
	char link[GW_KEY_TEXT];
};

om_status gw_keys_make(const char *jwt_secret, const char *password_hash, struct gw_keys *out) OM_MUST;

/* gw_token_read gives the bytes of a token in lower-case hexadecimal digits; false for anything else. */
bool gw_token_read(const char *text, unsigned char out[OM_SHA256]);

#endif
