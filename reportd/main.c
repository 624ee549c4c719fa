/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * reportd - makes documents of a month: rows in, files out.
 */
#include "app.h"

int
main(int argc, char **argv)
{
	return om_service_main(&rd_app, argc, argv);
}
