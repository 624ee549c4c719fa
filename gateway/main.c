/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"
#include "settings.h"
#include "access/password.h"

#include <string.h>

int
main(int argc, char **argv)
{
	static const struct om_service service = {
	    .name = "gateway",
	    .purpose = "takes usage records over HTTP, keeps them until costd has them, answers questions",
	    .settings = gw_conf_table,
	    .n_settings = GW_CONF_SETTINGS,
	    .conf_bytes = sizeof(struct gw_conf),
	    .start = gw_app_start,
	    .stop = gw_app_stop,
	};

	if (argc == 2 && strcmp(argv[1], "--hash-password") == 0)
		return gw_password_hash_main();
	return om_service_main(&service, argc, argv);
}
