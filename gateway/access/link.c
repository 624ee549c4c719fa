/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "link.h"

#include "signed.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

om_status
gw_link_read(const struct gw_keys *keys, const char *code, om_time now, struct gw_link *out, om_err *e)
{
	const struct om_bytes part = {code, strlen(code)};

	if (!gw_signed_read(keys->link, code, &out->ends_at) || out->ends_at <= now)
		return om_fail(e, OM_UNAUTHENTICATED,
		    "the login link is none of this gateway, or older than %d minutes; make another one",
		    GW_LINK_S / 60);
	return om_hmac_sha256(keys->link, &part, 1, out->secret);
}

int
gw_login_link_main(const char *jwt_secret, const char *password_hash, const char *public_url, int64_t port)
{
	size_t n = public_url != NULL ? strlen(public_url) : 0;
	char code[GW_SIGNED_TEXT], local[64];
	struct gw_keys keys;
	om_err e = {.text = ""};
	om_status s = gw_keys_make(jwt_secret, password_hash, &keys);

	if (s == OM_OK)
		s = gw_signed_make(keys.link, om_now() + GW_LINK_S * OM_SECOND, code, &e);
	om_secret_clear(&keys, sizeof keys);
	if (s != OM_OK) {
		(void)fprintf(stderr, "gateway: %s\n", om_err_text(&e, s));
		return 1;
	}
	(void)snprintf(local, sizeof local, "http://127.0.0.1:%lld", (long long)port);
	while (n > 0 && public_url[n - 1] == '/')
		n--;
	return printf("%.*s/login#link=%s\n", n > 0 ? (int)n : (int)strlen(local), n > 0 ? public_url : local, code) >
		    0 &&
		fflush(stdout) == 0
	    ? 0
	    : 1;
}
