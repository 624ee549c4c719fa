/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * doc.h - a document as facts, amounts, tables, a chart and notes, whatever its format.
 * statement.c makes one, pdf/ and xlsx/ write it.
 *
 * Owner     A document and all its parts live in one arena.
 * Promise   Texts are clean (see clean.h).  A table's total is the exact sum of
 *           its rows.
 * Threads   Never changed after it is made.
 */
#ifndef RD_DOC_H
#define RD_DOC_H

#include "terms/issuer.h"
#include "words/locale.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/money.h"
#include "base/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rd_kind { RD_TEXT, RD_INT, RD_MONEY, RD_DAY, RD_INSTANT } rd_kind;

struct rd_cell {
	bool known; /* false: an empty cell */
	union {
		const char *text;
		uint64_t n;
		om_money money;
		om_day day;
		om_time at;
	} u;
};

struct rd_column {
	const char *key;   /* the same in every language, ASCII: "input_tokens" */
	const char *title; /* in the document's */
	rd_kind kind;
	bool right;      /* a text that is a figure: to the right */
	bool under;      /* a page shows the text small, beneath that of the column before */
	bool sheet_only; /* a page does not show the column */
};

#define RD_ROWS_UNKNOWN SIZE_MAX /* fill gives OM_NOT_FOUND after the last row */

struct rd_table {
	const char *name; /* of the sheet: short, ASCII, unique in the document */
	const char *title;
	const char *remark;       /* on a page, under the title; NULL: none */
	const char *sheet_remark; /* on a sheet, above everything; NULL: none */
	const char *empty;        /* what to say in place of no rows */
	const struct rd_column *columns;
	unsigned n_columns;
	size_t n_rows;
	const struct rd_cell *cells; /* n_rows * n_columns; NULL: fill makes them */
	const struct rd_cell *total; /* n_columns; NULL: none */
	const bool *quiet;           /* n_rows: those that a page does not show; NULL: it shows all */
	bool sheet_only;             /* a page does not show the table */
	bool page_only;              /* a workbook does not show the table */

	/* fill makes the cells of one row, for tables too long to keep. */
	om_status (*fill)(const void *from, size_t row, struct om_arena *a, struct rd_cell *out, om_err *e);
	const void *from;
};

#define RD_MAX_COLUMNS 32

struct rd_line {
	const char *label;
	const char *text;
};

/* A figure that the first page shows large. */
struct rd_tile {
	const char *label;
	rd_kind kind;
	struct rd_cell cell;
};

typedef enum rd_weight { RD_PLAIN, RD_SUM, RD_ASIDE } rd_weight;

/* One line of the bill.  Its amount is in the document's currency, rounded, as
 * printed; a sum is that of the amounts printed above it.  An aside is not part
 * of any sum. */
struct rd_amount {
	const char *label;
	const char *remark; /* NULL: none */
	om_money amount;
	bool has_exact; /* what was rounded (and converted) is known: */
	om_money exact; /* in USD, to the last digit */
	rd_weight weight;
};

/* One bar per day, gaps included. */
struct rd_chart {
	const char *title;
	const char *remark;
	om_day first;
	unsigned n;
	const om_money *values;
};

typedef enum rd_doc_kind { RD_STATEMENT, RD_GROUP_STATEMENT, RD_REPORT } rd_doc_kind;

/* One user's page in a report: exact amounts in USD, no rounded one. */
struct rd_section {
	const char *title; /* the user's name */
	const char *id;
	const struct rd_tile *tiles;
	size_t n_tiles;
	const struct rd_amount *amounts; /* amount is exact, too */
	size_t n_amounts;
	const struct rd_table *table; /* of the user's models */
};

struct rd_doc {
	rd_doc_kind kind;
	const struct rd_locale *locale;   /* of all texts */
	const struct om_zone_table *zone; /* of all instants; never NULL */
	const struct rd_issuer *issuer;   /* never NULL */
	const char *title;                /* "Usage statement" */
	const char *month;                /* "November 2026" */
	const char *subject;              /* whose: the user's name, or "All users" */
	const char *stem;                 /* file name without its ending, ASCII */
	const char *currency;             /* of the bill and the amount due: "USD" */
	int digits;                       /* after the point of an amount in it */
	om_time created;                  /* when it was issued; of a draft: when its figures last changed */

	bool draft;         /* says so across each page, */
	bool duplicate;     /* and so does this; not both */
	const char *number; /* of an issued document; NULL: none */
	const char *code;   /* to verify it by; NULL: none */
	const char *verify; /* one line at the foot of each page; NULL: none */

	const struct rd_line *facts;
	size_t n_facts;
	size_t n_recipient;          /* of the facts, the first ones: about the recipient */
	const struct rd_tile *tiles; /* a few, to be seen at once */
	size_t n_tiles;
	const struct rd_amount *amounts;
	size_t n_amounts;
	const char *due_label;
	const char *due_rule;
	om_money due;        /* rounded to digits */
	uint64_t unsettled;  /* requests whose cost may still change */
	const char *nothing; /* the sentence where there was no usage; NULL: there was */
	struct rd_chart chart;
	const struct rd_table *tables;
	size_t n_tables;
	const struct rd_section *sections; /* a report's, in the order of its users */
	size_t n_sections;
	const struct rd_line *notes;
	size_t n_notes;
};

/* rd_doc_watermark gives the word across each page: a draft's or a duplicate's; NULL: none. */
const char *rd_doc_watermark(const struct rd_doc *d);

/* rd_doc_number gives what each page is known by: its watermark, its number, or both;
 * NULL: nothing, or out of memory. */
const char *rd_doc_number(const struct rd_doc *d, struct om_arena *a);

/* rd_money_text writes the exact amount with at least two fraction digits, in no
 * language, and returns buf. */
const char *rd_money_text(om_money m, char buf[OM_MONEY_TEXT]);

#define RD_CELL_TEXT 64 /* bytes that hold any cell's text but RD_TEXT's */

/* rd_cell_text gives a cell as text in no language, for machines: buf, or the
 * cell's own; "" when it is not known.  Instants are local times of the zone. */
const char *rd_cell_text(
    const struct rd_cell *c, rd_kind kind, const struct om_zone_table *zone, char buf[RD_CELL_TEXT]);

/* rd_cell_shown gives it the way a language writes it. */
const char *rd_cell_shown(const struct rd_cell *c, rd_kind kind, const struct rd_locale *l,
    const struct om_zone_table *zone, char buf[RD_SHOWN]);

/* rd_table_check aborts where a table is not made as it must be: a total is not the sum
 * of the rows that are here, or a row has more cells than there may be. */
void rd_table_check(const struct rd_table *t);

/* rd_table_row gives the cells of a row: the table's own, or those filled into
 * scratch (RD_MAX_COLUMNS cells). */
om_status rd_table_row(const struct rd_table *t, size_t row, struct om_arena *a, struct rd_cell *scratch,
    const struct rd_cell **out, om_err *e) OM_MUST;

#endif
