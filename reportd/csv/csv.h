/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * csv.h - rows of RFC 4180 into a task's file.
 *
 * Shape     UTF-8 without a byte order mark, lines end in CR LF, cells are quoted where
 *           they must be.  A text cell that a spreadsheet would take for a
 *           formula (rd_is_formula: it begins with = + - @ in any width, TAB, CR or
 *           LF), and one that begins with an apostrophe, gets an apostrophe in front:
 *           take the first one away to have the text back.
 * Use       Unchecked calls; the first failure is kept and returned by rd_csv_row
 *           and rd_csv_done.  Each row has as many cells as the first.
 */
#ifndef RD_CSV_H
#define RD_CSV_H

#include "job/task.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/money.h"

struct rd_csv {
	struct rd_task *task; /* borrowed */
	struct om_buf buf;
	unsigned cells;   /* of the row, so far */
	unsigned columns; /* cells of the first row; 0: there is none yet */
	om_status status;
	om_err why;
};

void rd_csv_init(struct rd_csv *c, struct rd_task *t);
void rd_csv_fini(struct rd_csv *c);

/* rd_csv_text writes text that users or providers wrote; NULL gives an empty cell. */
void rd_csv_text(struct rd_csv *c, const char *text);
/* rd_csv_plain writes a text of the program's own, as a column's name or a number. */
void rd_csv_plain(struct rd_csv *c, const char *text);
void rd_csv_count(struct rd_csv *c, bool has, int64_t n);
void rd_csv_time(struct rd_csv *c, bool has, om_time t);
/* rd_csv_row ends the row. */
om_status rd_csv_row(struct rd_csv *c, om_err *e) OM_MUST;
/* rd_csv_done writes the rest out. */
om_status rd_csv_done(struct rd_csv *c, om_err *e) OM_MUST;

#endif
