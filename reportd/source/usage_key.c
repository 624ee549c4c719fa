/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "usage_key.h"

#include <stddef.h>
#include <string.h>

static const struct {
	Om__Group group;
	const char *name;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
    {OM__GROUP__GROUP_DAY, "day", offsetof(Om__UsageRow, day)},
    {OM__GROUP__GROUP_MONTH, "month", offsetof(Om__UsageRow, month)},
    {OM__GROUP__GROUP_HOUR, "hour", offsetof(Om__UsageRow, hour)},
    {OM__GROUP__GROUP_USER, "user", offsetof(Om__UsageRow, user)},
    {OM__GROUP__GROUP_GROUP, "group", offsetof(Om__UsageRow, group)},
    {OM__GROUP__GROUP_MODEL, "model", offsetof(Om__UsageRow, model)},
    {OM__GROUP__GROUP_PROVIDER, "provider", offsetof(Om__UsageRow, provider)},
    {OM__GROUP__GROUP_ORIGIN, "origin", offsetof(Om__UsageRow, origin)},
    {OM__GROUP__GROUP_TASK, "task", offsetof(Om__UsageRow, task)},
    {OM__GROUP__GROUP_SOURCE, "source", offsetof(Om__UsageRow, source)},
};

const char *
rd_usage_key(const Om__UsageRow *row, Om__Group group, const char **name_out)
{
	const char *value = NULL;

	*name_out = "";
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
		if (groups[i].group == group) {
			*name_out = groups[i].name;
			if (row != NULL)
				memcpy(&value, (const char *)row + groups[i].offset, sizeof value);
		}
	return value;
}
