/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * statement_in.h - the parts of a statement or report, each made by a file of its
 * own.  Only for the files of this room.
 */
#ifndef RD_STATEMENT_IN_H
#define RD_STATEMENT_IN_H

#include "cells.h"
#include "maker.h"
#include "usage.pb-c.h"

/* rd_notes_make makes what the document says about its own figures. */
void rd_notes_make(struct rd_maker *m, struct rd_doc *d);

/* rd_bill_make makes the lines of the bill and the amount due. */
om_status rd_bill_make(struct rd_maker *m, struct rd_doc *d, om_err *e) OM_MUST;

/* rd_amounts_make gives the lines before the amount due: for the document, or,
 * without `printed`, exact ones for a user's page in a report. */
const struct rd_amount *rd_amounts_make(struct rd_maker *m, const struct rd_figures *f, const struct rd_charges *c,
    const struct rd_printed *printed, size_t *n_out);

/* rd_tables_make makes all tables, fills m->days and m->charges, and proves the
 * sums. */
om_status rd_tables_make(struct rd_maker *m, const struct rd_table **out, size_t *n_out, om_err *e) OM_MUST;

/* rd_models_table makes the table of models of some rows, which must add up to
 * `total`; `parts` names them in the error. */
om_status rd_models_table(struct rd_maker *m, Om__UsageRow **rows, size_t n, const struct rd_figures *total,
    const char *parts, struct rd_table *out, om_err *e) OM_MUST;

/* rd_requests_make makes the table of the single requests. */
om_status rd_requests_make(struct rd_maker *m, struct rd_table *out, om_err *e) OM_MUST;

/* rd_changes_make makes up to two tables of the largest changes. */
om_status rd_changes_make(struct rd_maker *m, struct rd_table *out, size_t *n_out, om_err *e) OM_MUST;

#define RD_MAX_SECTIONS 1500u /* of a report with more users, none has a page */

/* rd_sections_make makes a page for each user of a report. */
om_status rd_sections_make(struct rd_maker *m, const struct rd_section **out, size_t *n_out, om_err *e) OM_MUST;

#endif
