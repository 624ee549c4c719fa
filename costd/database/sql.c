/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sql.h"

#include "base/invariant.h"

#define SQL_BYTES ((size_t)16 * 1024)

void
cd_sql_init(struct cd_sql *q, struct om_arena *a)
{
	om_buf_init(&q->text, SQL_BYTES);
	q->n = 0;
	q->a = a;
}

void
cd_sql_fini(struct cd_sql *q)
{
	om_buf_fini(&q->text);
}

void
cd_sql_add(struct cd_sql *q, const char *text)
{
	om_buf_str(&q->text, text);
}

void
cd_sql_value(struct cd_sql *q, struct cd_val v)
{
	om_check(q->n <= CD_SQL_VALUES);
	if (q->n == CD_SQL_VALUES)
		om_buf_fail(&q->text, OM_TOO_LARGE);
	else
		q->v[q->n++] = v;
}

void
cd_sql_day(struct cd_sql *q, om_day d)
{
	char day[OM_DAY_TEXT];

	cd_sql_value(q, cd_t(om_arena_strdup(q->a, om_day_text(d, day))));
}

om_status
cd_sql_query(struct cd_db *db, struct cd_sql *q, cd_row_fn *fn, void *arg, om_err *e)
{
	om_status s = om_buf_done(&q->text, e);

	if (s == OM_OK && q->a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s == OM_OK ? cd_db_query(db, q->text.data, q->v, q->n, fn, arg, e) : s;
}

size_t
cd_sql_in_size(size_t n)
{
	size_t size = 1;

	while (size < n && size < CD_SQL_IN_MAX)
		size *= 8;
	return size;
}

void
cd_sql_in(struct om_buf *sql, size_t n)
{
	om_check(n == cd_sql_in_size(n));
	om_buf_str(sql, "(?");
	for (size_t i = 1; i < n; i++)
		om_buf_str(sql, ",?");
	om_buf_chr(sql, ')');
}
