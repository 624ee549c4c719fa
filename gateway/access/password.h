/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * password.h - passwords and their hashes; password.c is the only file that uses
 * argon2.
 */
#ifndef GW_PASSWORD_H
#define GW_PASSWORD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define GW_PASSWORD_MAX 1024 /* bytes */
#define GW_PASSWORD_MIN 12   /* characters of a new one */

/* gw_password_check says whether an encoded hash can be used: well-formed, and
 * its cost parameters are not so high that a login could stop the machine.
 * Fits om_conf_opt.check. */
om_status gw_password_check(const char *encoded, om_err *e) OM_MUST;

/* gw_password_is_weak tells that the hash costs less than what is advised today. */
bool gw_password_is_weak(const char *encoded);

/* gw_password_verify takes the time the hash's parameters say.  OM_UNAUTHENTICATED
 * for a wrong password; OM_UNAVAILABLE when too many others are being verified. */
om_status gw_password_verify(const char *encoded, const char *password, size_t n, om_err *e) OM_MUST;

/* gw_password_hash gives the encoded hash of a new password. */
om_status gw_password_hash(const char *password, size_t n, char *out, size_t out_bytes, om_err *e) OM_MUST;

/* gw_password_hash_main is `gateway --hash-password`: one line in, one line out. */
int gw_password_hash_main(void);

#endif
