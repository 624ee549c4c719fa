/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sql.h - a statement that is put together from fixed pieces, with its values.
 *
 * Use       cd_sql_init, add pieces and values in the order of the text, cd_sql_query,
 *           cd_sql_fini.  The calls between are not checked: cd_sql_query says
 *           whether memory or room for values ran out.
 * Promise   What a person wrote is a value only, never text of the statement.
 * Threads   One.
 */
#ifndef CD_SQL_H
#define CD_SQL_H

#include "db.h"
#include "base/buf.h"
#include "base/day.h"

#define CD_SQL_VALUES 96u

struct cd_sql {
	struct om_buf text;
	struct cd_val v[CD_SQL_VALUES];
	size_t n;
	struct om_arena *a; /* borrowed; of values that are made here */
};

void cd_sql_init(struct cd_sql *q, struct om_arena *a);
void cd_sql_fini(struct cd_sql *q);
void cd_sql_add(struct cd_sql *q, const char *text);
void cd_sql_value(struct cd_sql *q, struct cd_val v);
/* cd_sql_day adds a day as a value, like 2026-11-30. */
void cd_sql_day(struct cd_sql *q, om_day d);
om_status cd_sql_query(struct cd_db *db, struct cd_sql *q, cd_row_fn *fn, void *arg, om_err *e) OM_MUST;

/* cd_sql_in appends "(?,?,…)" for n values, n one of the few sizes that
 * cd_sql_in_size gives, so that few different statements are prepared: at most
 * CD_SQL_IN_MAX, which is under the server's in_predicate_conversion_threshold. */
#define CD_SQL_IN_MAX 512u
size_t cd_sql_in_size(size_t n);
void cd_sql_in(struct om_buf *sql, size_t n);

#endif
