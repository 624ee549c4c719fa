/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "testpoint.h"

#ifdef OM_TEST_POINTS

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KILLED 137 /* the exit code that a shell gives for kill -9 */

void
om_crash_point(const char *name)
{
	static atomic_long passed;
	const char *wanted = getenv("CRASH_POINT");
	size_t n = strlen(name);
	long nth;

	if (wanted == NULL || strncmp(wanted, name, n) != 0 || wanted[n] != ':')
		return;
	nth = strtol(wanted + n + 1, NULL, 10);
	if (atomic_fetch_add(&passed, 1) + 1 == nth)
		_exit(KILLED);
}

bool
om_mistake(const char *name)
{
	const char *wanted = getenv("MISTAKE");

	return wanted != NULL && strcmp(wanted, name) == 0;
}

#else
typedef int om_testpoint_unused; /* a file must declare something */
#endif
