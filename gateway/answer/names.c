/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "names.h"

#include "base/invariant.h"

#include <stdio.h>
#include <string.h>

/* prefix_length is how much all names of the enum have in common, up to an underscore. */
static size_t
prefix_length(const ProtobufCEnumDescriptor *d)
{
	const char *first = d->values[0].name;
	size_t n = strlen(first);

	for (unsigned i = 1; i < d->n_values; i++) {
		size_t same = 0;

		while (same < n && d->values[i].name[same] == first[same])
			same++;
		n = same;
	}
	while (n > 0 && first[n - 1] != '_')
		n--;
	return n;
}

static const char *
lower(const char *name, char buf[GW_NAME])
{
	size_t n = 0;

	om_check(strlen(name) < GW_NAME);
	for (; name[n] != '\0'; n++)
		buf[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] - 'A' + 'a' : name[n]);
	buf[n] = '\0';
	return buf;
}

const char *
gw_enum_name(const ProtobufCEnumDescriptor *d, int value, char buf[GW_NAME])
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(d, value);

	om_check(d->n_values > 0);
	return lower((v != NULL ? v : &d->values[0])->name + prefix_length(d), buf);
}

bool
gw_enum_find(const ProtobufCEnumDescriptor *d, const char *name, size_t n, int *out)
{
	size_t prefix = prefix_length(d);
	char buf[GW_NAME];

	for (unsigned i = 0; i < d->n_values; i++) {
		if (strlen(lower(d->values[i].name + prefix, buf)) != n || strncmp(buf, name, n) != 0)
			continue;
		*out = d->values[i].value;
		return true;
	}
	return false;
}

om_status
gw_enum_read(const ProtobufCEnumDescriptor *d, const char *member, const char *name, size_t n, const char *end,
    int *out, om_err *e)
{
	size_t prefix = prefix_length(d), used = 0;
	char all[400] = "", buf[GW_NAME];

	if (gw_enum_find(d, name, n, out))
		return OM_OK;
	for (unsigned i = 0; i < d->n_values && used < sizeof all; i++)
		used += (size_t)snprintf(all + used, sizeof all - used, "%s%s",
		    i == 0                    ? ""
			: i + 1 < d->n_values ? ", "
					      : " or ",
		    lower(d->values[i].name + prefix, buf));
	return om_fail(e, OM_INVALID, "%s: must be %s%s", member, all, end);
}
