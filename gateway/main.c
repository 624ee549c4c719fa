/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"
#include "access/link.h"
#include "access/password.h"

#include <stdio.h>
#include <string.h>

/* login_link is for who has the settings of the gateway that runs: in its container, or by ./run. */
static int
login_link(void)
{
	struct gw_conf conf = {.port = 0};
	om_err e = {.text = ""};
	int rc = 2;

	if (om_conf_load(gw_conf_table, GW_CONF_SETTINGS, &conf, &e) == OM_OK)
		rc = gw_login_link_main(conf.jwt_secret, conf.password_hash, conf.public_url, conf.port);
	else
		(void)fprintf(stderr, "gateway: %s\n", e.text);
	om_conf_fini(gw_conf_table, GW_CONF_SETTINGS, &conf);
	return rc;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--hash-password") == 0)
		return gw_password_hash_main();
	if (argc == 2 && strcmp(argv[1], "--login-link") == 0)
		return login_link();
	return om_service_main(&gw_service, argc, argv);
}
