/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * link.h - login links: whoever may read JWT_SECRET, which is who runs the gateway on the host, logs in without the
 * password, and while the brake on passwords is closed.
 *
 * Shape     PUBLIC_URL or http://127.0.0.1:PORT, and "/login#link=<code>".  What stands behind # is in no request and no
 *           log; the page trades the code by POST.  The code is signed (signed.h).
 * Promise   A code begins one session, within GW_LINK_S; costd keeps which were used.
 */
#ifndef GW_LINK_H
#define GW_LINK_H

#include "session.h"

#define GW_LINK_S 600

/* gw_link_read gives what costd spends; OM_UNAUTHENTICATED for what is no code, or one that has ended. */
om_status gw_link_read(
    const struct gw_keys *keys, const char *code, om_time now, struct gw_link *out, om_err *e) OM_MUST;

/* gw_login_link_main is `gateway --login-link`: it prints a link, with the settings of the gateway that runs. */
int gw_login_link_main(const char *jwt_secret, const char *password_hash, const char *public_url, int64_t port);

#endif
