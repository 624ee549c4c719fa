/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * socket.h - what client and server share of nng; inside wire/ only.
 */
#ifndef OM_SOCKET_H
#define OM_SOCKET_H

#include "wire.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#define OM_URL_BYTES 256

struct om_urls {
	unsigned n;
	char url[OM_WIRE_MAX_URLS][OM_URL_BYTES];
};

/* om_urls_split refuses an empty list, foreign schemes, and what does not parse. */
om_status om_urls_split(const char *text, struct om_urls *out, om_err *e) OM_MUST;

bool om_url_is_tls(const char *url);

/* om_tls_config makes the configuration for one end of tls+tcp; free it with
 * nng_tls_config_free after it was handed to a dialer or listener. */
om_status om_tls_config(
    const struct om_wire_tls *tls, nng_tls_mode mode, const char *url, nng_tls_config **out, om_err *e) OM_MUST;

#endif
