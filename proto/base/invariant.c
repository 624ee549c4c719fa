/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "invariant.h"

#include <stdio.h>
#include <stdlib.h>

void
om_check_failed(const char *condition, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: invariant does not hold: %s\n", file, line, condition);
	abort();
}
