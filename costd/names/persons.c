/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "persons.h"

#include "database/meta.h"

#include <string.h>

static om_status
keep_number(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

om_status
cd_person_shown(struct cd_db *db, const char *id, int64_t *out, om_err *e)
{
	*out = 0;
	return cd_db_query(db, "SELECT " CD_SHOWN("p") " FROM person AS p WHERE p.external_id=?",
	    (struct cd_val[]){cd_t(id)}, 1, keep_number, out, e);
}

om_status
cd_person_number(struct cd_db *db, const char *id, int64_t *out, om_err *e)
{
	char handle[CD_HANDLE + 1];
	om_status s = cd_handle(id, strlen(id), handle, e);

	return s == OM_OK ? cd_names_find(db, CD_PERSON, handle, strlen(handle), out, e) : s;
}

om_status
cd_persons_merged(struct cd_db *db, om_time now, om_err *e)
{
	int64_t before = 0;
	om_status s = cd_meta_take_int(db, "merges_us", &before, e);

	return s == OM_OK ? cd_meta_set_int(db, "merges_us", now > before ? now : before + 1, e) : s;
}

om_status
cd_persons_where(struct cd_sql *q, struct cd_db *db, const char *column, const char *id, om_err *e)
{
	int64_t shown = 0, others = 0;
	om_status s;

	if (id == NULL)
		return OM_OK;
	s = cd_person_shown(db, id, &shown, e);
	if (s == OM_OK)
		s = cd_db_query(db, "SELECT COUNT(*) FROM person WHERE shown=?", (struct cd_val[]){CD_I(shown)}, 1,
		    keep_number, &others, e);
	if (s != OM_OK)
		return s;
	om_buf_printf(&q->text, " AND %s", column);
	cd_sql_add(q, others == 0 ? "=?" : " IN (SELECT pw.id FROM person AS pw WHERE pw.id=? OR pw.shown=?)");
	cd_sql_value(q, CD_I(shown));
	if (others > 0)
		cd_sql_value(q, CD_I(shown));
	return OM_OK;
}
