/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rows.h - what all questions to the ledger share: conditions, figures, rows.
 */
#ifndef CD_READ_H
#define CD_READ_H

#include "database/db.h"
#include "value/period.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

#define CD_MAX_PARAMS 96u

/* SQL with its values, built by unchecked calls; cd_sql_done tells.  User data
 * are values only, never text of the statement. */
struct cd_sql {
	struct om_buf text;
	struct cd_val v[CD_MAX_PARAMS];
	size_t n;
	struct om_arena *a; /* borrowed */
};

void cd_sql_init(struct cd_sql *q, struct om_arena *a);
void cd_sql_fini(struct cd_sql *q);
void cd_sql_add(struct cd_sql *q, const char *text);
void cd_sql_value(struct cd_sql *q, struct cd_val v);
void cd_sql_day(struct cd_sql *q, om_day d);
om_status cd_sql_query(struct cd_db *db, struct cd_sql *q, cd_row_fn *fn, void *arg, om_err *e) OM_MUST;

/* cd_sql_where appends " WHERE …" for a period and a filter; rows: of
 * `generation`, else of usage_day or usage_sum, which know no single rows.  The
 * table is called g.  The filter may be NULL. */
void cd_sql_where(struct cd_sql *q, bool rows, const struct cd_period *p, const Om__Filter *f);

/* cd_filter_dims gives the keys (cd_dims) a filter looks at. */
unsigned cd_filter_dims(const Om__Filter *f);
/* cd_filter_is_of_rows tells whether it looks at what totals do not know. */
bool cd_filter_is_of_rows(const Om__Filter *f);

/* Sums of a group, nine columns. */
#define CD_N_FIGURES 9u
extern const char cd_day_sums[];        /* over usage_day */
extern const char cd_generation_sums[]; /* over generation */

/* cd_figures_read makes the message of nine columns; NULL when out of memory or
 * malformed, with the reason in e. */
Om__Figures *cd_figures_read(const struct cd_val *v, struct om_arena *a, om_err *e);

/* cd_read_text copies a text; NULL for null. */
char *cd_read_text(const struct cd_val *v, struct om_arena *a);

/* cd_read_money copies an amount without trailing zeros; NULL, with the reason,
 * when there is none. */
char *cd_read_money(const struct cd_val *v, struct om_arena *a, om_err *e);

/* A ledger row with its user's name, as the reads select it, and its message. */
extern const char cd_generation_columns[];
extern const char cd_generation_from[];
Om__Generation *cd_generation_read(const struct cd_val *v, struct om_arena *a, om_err *e);

#endif
