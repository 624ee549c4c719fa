/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * reportd - canvas: rows in, documents out.
 */
#include "app.h"

int
main(int argc, char **argv)
{
	return om_service_main(&rd_app, argc, argv);
}
