/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "usage_key.h"

#include "usage.pb-c.h"

#include <stddef.h>
#include <string.h>

static const struct {
	Om__Dimension group;
	const char *name;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
    {OM__DIMENSION__DIMENSION_DAY, "day", offsetof(Om__UsageRow, day)},
    {OM__DIMENSION__DIMENSION_MONTH, "month", offsetof(Om__UsageRow, month)},
    {OM__DIMENSION__DIMENSION_HOUR, "hour", offsetof(Om__UsageRow, hour)},
    {OM__DIMENSION__DIMENSION_USER, "user", offsetof(Om__UsageRow, user)},
    {OM__DIMENSION__DIMENSION_GROUP, "group", offsetof(Om__UsageRow, group)},
    {OM__DIMENSION__DIMENSION_MODEL, "model", offsetof(Om__UsageRow, model)},
    {OM__DIMENSION__DIMENSION_PROVIDER, "provider", offsetof(Om__UsageRow, provider)},
    {OM__DIMENSION__DIMENSION_ORIGIN, "origin", offsetof(Om__UsageRow, origin)},
    {OM__DIMENSION__DIMENSION_TASK, "task", offsetof(Om__UsageRow, task)},
    {OM__DIMENSION__DIMENSION_SOURCE, "source", offsetof(Om__UsageRow, source)},
};

const char *
rd_usage_key(const Om__UsageRow *row, Om__Dimension group, const char **name_out)
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
