/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * signed.h - a random value with an end, which only who has the key makes: marks of browsers, login links.
 *
 * Shape     "<32 digits>.<the end in seconds since 1970, 16 digits>.<MAC, 64 digits>", hexadecimal.
 */
#ifndef GW_SIGNED_H
#define GW_SIGNED_H

#include "base/clock.h"
#include "base/status.h"

#include <stdbool.h>

#define GW_SIGNED_TEXT (32 + 1 + 16 + 1 + 64 + 1)

om_status gw_signed_make(const char *key, om_time ends_at, char out[GW_SIGNED_TEXT], om_err *e) OM_MUST;

/* gw_signed_read tells whether the text was made with the key; the caller looks at its end. */
bool gw_signed_read(const char *key, const char *text, om_time *ends_at_out);

#endif
