/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * where.h - a period and a filter as conditions of a statement.
 *
 * Promise   The same filter means the same rows in every question.
 * Failure   As db.h.
 */
#ifndef CD_WHERE_H
#define CD_WHERE_H

#include "database/sql.h"
#include "value/period.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

/* cd_where_add appends " WHERE …" for a period and a filter; rows: of
 * `generation`, else of usage_day or usage_sum, which know no single rows.  The
 * table is called g.  The filter may be NULL.  What the filter names is looked up in db. */
om_status cd_where_add(
    struct cd_sql *q, struct cd_db *db, bool rows, const struct cd_period *p, const Om__Filter *f, om_err *e) OM_MUST;

/* cd_where_dims gives the keys (CD_DIM_… of rollup.h) a filter looks at. */
unsigned cd_where_dims(const Om__Filter *f);
/* cd_where_is_of_rows tells whether it looks at what totals do not know. */
bool cd_where_is_of_rows(const Om__Filter *f);

#endif
