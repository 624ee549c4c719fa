/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * statement.h - costd's figures of one month made into a document: of one user,
 * or of everyone.
 *
 * Promise   Every table of the document adds up to costd's total to the last
 *           digit; where it does not, there is no document.
 * Failure   OM_PROTOCOL when the reply is not one; OM_INTERNAL when its parts
 *           do not add up; OM_NOMEM.
 * Threads   Pure, but for the reporting zone: it must be the reply's.
 */
#ifndef RD_STATEMENT_H
#define RD_STATEMENT_H

#include "codec.h"
#include "doc.h"
#include "figures.h"

/* What is charged besides the usage. */
struct rd_terms {
	om_money fee; /* per user with usage, and month */
	bool floor;   /* the least a month costs; otherwise added on top */
};

struct rd_month {
	int year;
	int month;        /* 1 to 12 */
	const char *user; /* id; NULL: everyone */
};

/* rd_month_check: OM_INVALID beyond 2000-01 to 2199-12. */
om_status rd_month_check(const struct rd_month *m, om_err *e) OM_MUST;

/* rd_statement_new gives a document that borrows from the reply. */
om_status rd_statement_new(const Om__StatementReply *r, const struct rd_month *m, const struct rd_terms *terms,
    struct om_arena *a, const struct rd_doc **out, om_err *e) OM_MUST;

/* ---- between statement.c and tables.c ---- */

struct rd_bill {
	struct rd_figures total;
	struct rd_figures previous;
	om_money charges; /* minimum charges of all users */
	uint64_t charged; /* users they are for */
	om_money sum;     /* total.cost + charges */
};

struct rd_maker {
	const Om__StatementReply *reply;
	const struct rd_month *month;
	const struct rd_terms *terms;
	struct om_arena *arena;
	struct rd_bill bill;
	om_money *days; /* of the chart */
	unsigned n_days;
};

/* rd_charge_of returns the minimum charge for one user's month. */
om_status rd_charge_of(const struct rd_terms *terms, const struct rd_figures *f, om_money *out, om_err *e) OM_MUST;

/* rd_tables_make makes all tables, fills m->days, and proves the sums. */
om_status rd_tables_make(struct rd_maker *m, const struct rd_table **out, size_t *n_out, om_err *e) OM_MUST;

#endif
