/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app.h"
#include "access/password.h"

#include <string.h>

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--hash-password") == 0)
		return gw_password_hash_main();
	return om_service_main(&gw_service, argc, argv);
}
