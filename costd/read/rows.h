/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rows.h - figures and ledger rows as messages, for all questions to the ledger.
 */
#ifndef CD_ROWS_H
#define CD_ROWS_H

#include "database/db.h"
#include "database/sql.h"
#include "value/figures.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

/* Sums of a group over any of the tables: CD_N_FIGURES columns, called "_" and the figure.  For two
 * groupings, one over the other, cd_figure_first calls them "f_", cd_figure_second sums these, and
 * cd_figure_same takes them as they are. */
extern const char *const cd_figure_sums;
extern const char *const cd_figure_first;
extern const char *const cd_figure_second;
extern const char *const cd_figure_same;

/* cd_figures_read makes the message of their values; NULL when out of memory or
 * malformed, with the reason in e. */
Om__Figures *cd_figures_read(const struct cd_val *v, struct om_arena *a, om_err *e);

/* A ledger row with its user's name.  cd_generation_select begins the query with
 * "SELECT …", cd_generation_from is its usual " FROM …", and cd_generation_query makes
 * the messages. */
typedef om_status cd_generation_fn(void *arg, Om__Generation *g, om_err *e);
/* Lists are in the order of (started_us, number); a cursor has the id of the last row. */
#define CD_NUMBER_OF_ID "(SELECT o.number FROM generation AS o WHERE o.generation_id=?)"

void cd_generation_select(struct cd_sql *q);
extern const char cd_generation_from[];
om_status cd_generation_query(struct cd_db *db, struct cd_sql *q, cd_generation_fn *fn, void *arg, om_err *e) OM_MUST;

/* cd_marks_add adds these marks to a list, as the API names them; the list has room for all marks of a row. */
void cd_marks_add(bool disputed, bool unproven, bool odd, struct om_arena *a, char ***list, size_t *n);

#endif
