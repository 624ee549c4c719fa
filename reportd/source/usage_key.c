/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "usage_key.h"

#include <stddef.h>
#include <string.h>

static const struct {
	Om__Dimension group;
	const char *name;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
#define OM_DIMENSION(NAME, name) {OM__DIMENSION__DIMENSION_##NAME, #name, offsetof(Om__UsageRow, name)},
#include "messages/dimensions.def"
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
