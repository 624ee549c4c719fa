/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "month.h"

#include "wire/zones.h"

#include <string.h>

om_status
rd_month_check(const struct rd_month *m, om_err *e)
{
	if (m->month < 1 || m->month > 12)
		return om_fail(e, OM_INVALID, "month: must be 1 to 12");
	if (m->year < 2000 || m->year > 2199)
		return om_fail(e, OM_INVALID, "year: must be 2000 to 2199");
	if (m->user != NULL && (m->user[0] == '\0' || strlen(m->user) > 1024))
		return om_fail(e, OM_INVALID, "user: must be 1 to 1024 bytes");
	if (m->group != NULL && (m->group[0] == '\0' || strlen(m->group) > 1024))
		return om_fail(e, OM_INVALID, "group: must be 1 to 1024 bytes");
	if (m->user != NULL && m->group != NULL)
		return om_fail(e, OM_INVALID, "user, group: one of them, not both");
	return OM_OK;
}

om_status
rd_zone_of_reply(const Om__Zone *z, struct om_arena *a, struct om_zone_table *out, om_err *e)
{
	if (z == NULL)
		return om_fail(e, OM_UNAVAILABLE,
		    "costd sends no time zone: it is older than this reportd; update costd, then ask again");
	return om_zone_read(z, a, out, e);
}

om_status
rd_month_set_zone(struct rd_month *m, const Om__Zone *z, struct om_arena *a, om_err *e)
{
	struct om_zone_table *table = om_arena_alloc(a, sizeof *table);
	om_status s;

	m->zone = NULL;
	if (table == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = rd_zone_of_reply(z, a, table, e);
	if (s == OM_OK)
		m->zone = table;
	return s;
}
