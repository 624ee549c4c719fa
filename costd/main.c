/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* costd - the ledger of OWUI-Metering. */
#include "app.h"
#include "documents/accept.h"
#include "import/run.h"
#include "ledger/check.h"
#include "ledger/pairing.h"

#include <string.h>

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--check") == 0)
		return cd_audit_main(CD_AUDIT_CHECK);
	if (argc == 2 && strcmp(argv[1], "--rebuild-totals") == 0)
		return cd_audit_main(CD_AUDIT_REBUILD);
	if (argc == 2 && strcmp(argv[1], "--pair") == 0)
		return cd_pairing_main(false);
	if (argc == 3 && strcmp(argv[1], "--pair") == 0 && strcmp(argv[2], "--dry-run") == 0)
		return cd_pairing_main(true);
	if (argc == 2 && strcmp(argv[1], "--accept-clock") == 0)
		return cd_accept_main();
	if (argc == 3 && strcmp(argv[1], "import") == 0)
		return cd_import_main(argv[2]);
	return om_service_main(&cd_service, argc, argv);
}
