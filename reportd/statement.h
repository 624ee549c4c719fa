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

/* What is charged besides the usage, in what currency, by whom: the settings. */
struct rd_terms {
	om_money fee;                /* per user with usage, and month */
	bool floor;                  /* the least a month's usage costs; otherwise added on top */
	om_money markup_percent;     /* of the usage */
	om_money markup_per_million; /* USD per million input and output tokens */
	om_money tax_rate;           /* percent of the net amount */
	const char *tax_name;        /* NULL: the language's word */
	const char *currency;        /* NULL: USD */
	om_money rate;               /* units of currency per USD; not used for USD */
	om_day rate_day;
	const char *rate_source;
	struct rd_issuer issuer;
};

/* What makes a document more than a draft. */
struct rd_issue {
	const char *number;     /* NULL: not issued */
	const char *code;       /* verification code; NULL: none */
	const char *verify_url; /* NULL: none */
	const char *corrects;   /* number of the document this one replaces; NULL: none */
	om_time issued;         /* 0: not known */
	bool draft;             /* a draft in spite of a number */
};

struct rd_month {
	int year;
	int month;                      /* 1 to 12 */
	const char *user;               /* id; NULL: everyone */
	const char *group;              /* NULL: everyone; not with user */
	const struct rd_locale *locale; /* NULL: English */
	struct rd_issue issue;
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
