/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * statement.h - costd's figures of one month made into a document: of one user,
 * of one group, or of everyone.
 *
 * Promise   Every table of the document adds up to costd's total to the last
 *           digit; where it does not, there is no document.
 * Failure   OM_PROTOCOL when the reply is not one; OM_INTERNAL when its parts
 *           do not add up; OM_NOMEM.
 * Threads   Pure.
 */
#ifndef RD_STATEMENT_H
#define RD_STATEMENT_H

#include "bill.h"
#include "doc.h"
#include "source/figures.h"
#include "terms/terms.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

struct rd_rows;

/* What makes a document more than a draft. */
struct rd_issue {
	const char *number;     /* NULL: not issued */
	const char *code;       /* verification code; NULL: none */
	const char *verify_url; /* NULL: none */
	const char *corrects;   /* number of the document this one replaces; NULL: none */
	om_time issued;         /* 0: not known */
	bool draft;             /* a draft in spite of a number */
	bool duplicate;         /* another file of what was issued in this format already */
	const char *cancels;    /* number of the document whose amounts this one takes back; NULL: none */
	om_time cancels_issued; /* that one's date of issue; 0: not known */
	const char *reason;     /* why; NULL: not said */
};

struct rd_month {
	int year;
	int month;                      /* 1 to 12 */
	const char *user;               /* id; NULL: everyone */
	const char *group;              /* NULL: everyone; not with user */
	const struct rd_locale *locale; /* NULL: English */
	struct rd_issue issue;
	const struct om_zone_table *zone; /* of all instants; set before a document is made, and outlives it */
	struct rd_rows *rows;             /* where the single requests come from; NULL: not shown, or the reply's */
};

/* rd_month_check: OM_INVALID beyond 2000-01 to 2199-12. */
om_status rd_month_check(const struct rd_month *m, om_err *e) OM_MUST;

/* rd_zone_of_reply reads the zone of a reply into the arena; OM_UNAVAILABLE:
 * there is none, as from an older costd. */
om_status rd_zone_of_reply(const Om__Zone *z, struct om_arena *a, struct om_zone_table *out, om_err *e) OM_MUST;

/* rd_month_set_zone makes it the month's. */
om_status rd_month_set_zone(struct rd_month *m, const Om__Zone *z, struct om_arena *a, om_err *e) OM_MUST;

/* rd_n_rows: single rows of the month, one per request, and what turns cost beyond
 * their known requests. */
uint64_t rd_n_rows(const Om__StatementReply *r);

/* rd_statement_new gives a document that borrows from the reply, the query and the
 * terms' texts. */
om_status rd_statement_new(const Om__StatementReply *r, const struct rd_month *m, const struct rd_terms *terms,
    struct om_arena *a, const struct rd_doc **out, om_err *e) OM_MUST;

/* ---- between statement.c, amounts.c, notes.c, tables.c, requests.c and people.c ---- */

struct rd_maker {
	const Om__StatementReply *reply;
	const struct rd_month *month;
	const struct rd_terms *terms;
	const struct rd_locale *locale;
	struct om_arena *arena;
	struct rd_figures total;
	struct rd_figures previous;
	struct rd_charges charges; /* of all users of the document, each by itself */
	struct rd_printed printed;
	om_money byok;  /* in the document's currency, rounded */
	om_money *days; /* of the chart */
	unsigned n_days;
};

#define RD_MAX_LINES 20

/* Lines under construction; a line without text is left out. */
struct rd_lines {
	struct rd_line *at; /* RD_MAX_LINES; NULL: out of memory */
	size_t n;
};
void rd_lines_add(struct rd_lines *l, const char *label, const char *text);

/* Short texts from the maker's arena. */
const char *rd_count_text(struct rd_maker *m, uint64_t n);
const char *rd_exact_text(struct rd_maker *m, om_money usd);
/* rd_change_text gives "+23.5%"; NULL when before is not above zero. */
const char *rd_change_text(struct rd_maker *m, om_money now, om_money before);
const char *rd_month_before(struct rd_maker *m);
bool rd_is_report(const struct rd_maker *m);

void rd_notes_make(struct rd_maker *m, struct rd_doc *d);

/* rd_bill_make makes the lines of the bill and the amount due. */
om_status rd_bill_make(struct rd_maker *m, struct rd_doc *d, om_err *e) OM_MUST;

/* rd_amounts_make gives the lines before the amount due: for the document, or,
 * without `printed`, exact ones for a user's page in a report. */
const struct rd_amount *rd_amounts_make(struct rd_maker *m, const struct rd_figures *f, const struct rd_charges *c,
    const struct rd_printed *printed, size_t *n_out);

/* Columns and one row of cells under construction. */
struct rd_row {
	struct rd_column *columns; /* NULL: only cells are made */
	struct rd_cell *cells;     /* NULL: only columns are made */
	unsigned n;
};
void rd_put_text(struct rd_row *r, const char *key, const char *title, const char *text);
/* rd_put_under puts it beneath the text of the column before. */
void rd_put_under(struct rd_row *r, const char *key, const char *title, const char *text);
void rd_put_count(struct rd_row *r, const char *key, const char *title, uint64_t n);
void rd_put_money(struct rd_row *r, const char *key, const char *title, om_money m);
void rd_put_day(struct rd_row *r, const char *key, const char *title, bool known, om_day day);
void rd_put_instant(struct rd_row *r, const char *key, const char *title, bool known, om_time at);

/* Names of a row, clean, and never empty. */
const char *rd_user_name(struct rd_maker *m, const Om__UsageRow *u);
const char *rd_model_name(struct rd_maker *m, const Om__UsageRow *u);

/* rd_tables_make makes all tables, fills m->days and m->charges, and proves the
 * sums. */
om_status rd_tables_make(struct rd_maker *m, const struct rd_table **out, size_t *n_out, om_err *e) OM_MUST;

/* rd_models_table makes the table of models of some rows, which must add up to
 * `total`; `parts` names them in the error. */
om_status rd_models_table(struct rd_maker *m, Om__UsageRow **rows, size_t n, const struct rd_figures *total,
    const char *parts, struct rd_table *out, om_err *e) OM_MUST;

om_status rd_requests_make(struct rd_maker *m, struct rd_table *out, om_err *e) OM_MUST;

/* rd_found_requests makes a table of requests that come one after the other, as
 * many as there are. */
om_status rd_found_requests(
    const struct rd_locale *l, struct rd_rows *rows, struct om_arena *a, struct rd_table *out, om_err *e) OM_MUST;

/* rd_found_usage makes a table of totals that were asked for. */
om_status rd_found_usage(
    const struct rd_locale *l, const Om__UsageReply *u, struct om_arena *a, struct rd_table *out, om_err *e) OM_MUST;

/* rd_changes_make makes up to two tables of the largest changes. */
om_status rd_changes_make(struct rd_maker *m, struct rd_table *out, size_t *n_out, om_err *e) OM_MUST;

#define RD_MAX_SECTIONS 1500u /* more users than these have no page each */

om_status rd_sections_make(struct rd_maker *m, const struct rd_section **out, size_t *n_out, om_err *e) OM_MUST;

#endif
