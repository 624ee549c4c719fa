/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "zones.h"

#include <ctype.h>
#include <string.h>

static bool
is_name(const char *text)
{
	size_t n = strlen(text);

	for (const char *p = text; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("/_+-", *p) == NULL)
			return false;
	return n > 0 && n < OM_ZONE_NAME;
}

static om_status
check(const Om__Zone *z, om_err *e)
{
	if (z->name == NULL || !is_name(z->name))
		return om_fail(e, OM_PROTOCOL, "a time zone without a proper name");
	if (z->n_at_s > OM_ZONE_SHIFTS)
		return om_fail(e, OM_PROTOCOL, "time zone %s: %zu shifts; at most %u are taken", z->name, z->n_at_s,
		    OM_ZONE_SHIFTS);
	if (z->n_offset_s != z->n_at_s + 1)
		return om_fail(
		    e, OM_PROTOCOL, "time zone %s: %zu offsets for %zu shifts", z->name, z->n_offset_s, z->n_at_s);
	for (size_t i = 1; i < z->n_at_s; i++)
		if (z->at_s[i] <= z->at_s[i - 1])
			return om_fail(
			    e, OM_PROTOCOL, "time zone %s: shift %zu is not after the one before", z->name, i + 1);
	for (size_t i = 0; i < z->n_offset_s; i++)
		if (z->offset_s[i] < -OM_ZONE_FAR_S || z->offset_s[i] > OM_ZONE_FAR_S)
			return om_fail(
			    e, OM_PROTOCOL, "time zone %s: an offset of %ld s", z->name, (long)z->offset_s[i]);
	return OM_OK;
}

om_status
om_zone_read(const Om__Zone *z, struct om_arena *a, struct om_zone_table *out, om_err *e)
{
	om_status s = check(z, e);
	int64_t *at_s;
	int32_t *offset_s;
	char *name;

	*out = (struct om_zone_table){.name = NULL};
	if (s != OM_OK)
		return s;
	name = om_arena_strdup(a, z->name);
	at_s = om_arena_array(a, z->n_at_s + 1, sizeof *at_s); /* never empty */
	offset_s = om_arena_array(a, z->n_offset_s, sizeof *offset_s);
	if (name == NULL || at_s == NULL || offset_s == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (z->n_at_s > 0)
		memcpy(at_s, z->at_s, z->n_at_s * sizeof *at_s);
	memcpy(offset_s, z->offset_s, z->n_offset_s * sizeof *offset_s);
	*out = (struct om_zone_table){.name = name, .n = z->n_at_s, .at_s = at_s, .offset_s = offset_s};
	return OM_OK;
}

Om__Zone *
om_zone_write(const struct om_zone_table *t, struct om_arena *a)
{
	Om__Zone *z = om_msg_new(a, &om__zone__descriptor);
	int64_t *at_s = om_arena_array(a, t->n + 1, sizeof *at_s);
	int32_t *offset_s = om_arena_array(a, t->n + 1, sizeof *offset_s);
	char *name = om_arena_strdup(a, t->name);

	if (z == NULL || at_s == NULL || offset_s == NULL || name == NULL)
		return NULL;
	if (t->n > 0)
		memcpy(at_s, t->at_s, t->n * sizeof *at_s);
	memcpy(offset_s, t->offset_s, (t->n + 1) * sizeof *offset_s);
	z->name = name;
	z->n_at_s = t->n;
	z->at_s = at_s;
	z->n_offset_s = t->n + 1;
	z->offset_s = offset_s;
	return z;
}
