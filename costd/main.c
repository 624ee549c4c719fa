/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* costd - the ledger of OWUI-Metering. */
#include "app.h"
#include "commands.h"

int
main(int argc, char **argv)
{
	int code;

	return cd_commands_run(argc, argv, &code) ? code : om_service_main(&cd_service, argc, argv);
}
