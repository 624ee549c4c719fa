/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * tags.h - which tags in requests to the provider were written by a plugin.
 *
 * Does      Makes the key that plugins sign their tags with, and judges a tag's MAC.
 * Owns      Nothing: the key follows from the ingest key, so that nothing is stored, all
 *           gateways of one ingest key have the same, and it ends with that key.
 * Promises  A MAC that is judged good was made by a holder of the tag key, for this turn,
 *           this request of it, and this user.
 * Never     Says anything about amounts or models: the provider may answer with another
 *           model than was asked for, so that the MAC does not cover it.
 * MAC       HMAC-SHA256 with the key's hexadecimal digits, over
 *           "owui-tag-1\n" TURN "\n" REQUEST "\n" USER, REQUEST in decimal, 0 for none;
 *           its first 32 hexadecimal digits, in lower case.
 * Threads   Pure functions.
 */
#ifndef GW_TAGS_H
#define GW_TAGS_H

#include "base/digest.h"

#include <stdbool.h>

#define GW_TAG_KEY_HEADER "X-Tag-Key"         /* of answers to whoever sends with the ingest key */
#define GW_TAG_KEY        (2 * OM_SHA256 + 1) /* bytes of the key's text, with the zero */
#define GW_TAG_MAC        32                  /* hexadecimal digits */

/* gw_tag_key derives the key from the ingest key. */
om_status gw_tag_key(const char *api_key, char out[GW_TAG_KEY], om_err *e) OM_MUST;

/* gw_tag_is_good judges the MAC of a tag; texts as they were sent, none of them NULL. */
bool gw_tag_is_good(const char *key, const char *turn, uint32_t request, const char *user, const char *mac);

#endif
