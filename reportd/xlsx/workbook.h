/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * workbook.h - a document written as a workbook, XLSX.
 *
 * Does      Writes a document's tables as sheets, row by row.
 * Owns      Nothing: the file is the task's, in the task's folder.
 * Promises  Same document, same bytes.  The finished file is read back and counted
 *           before it is the task's.  No text becomes a formula.
 * Shape     Sheets Summary, Users, Models, Days, …, Requests, and Requests 2 beyond
 *           1,048,576 rows.  Totals are SUM formulas with the value they come to.
 * Never     Asks costd; holds all rows in memory.
 * Threads   Any thread; several at once.
 */
#ifndef RD_WORKBOOK_H
#define RD_WORKBOOK_H

#include "document/doc.h"
#include "job/task.h"
#include "terms/terms.h"

struct rd_xlsx_opts {
	struct rd_workdir *work;
	rd_paper paper;
	unsigned sheet_rows; /* that go on one sheet; 0: as many as spreadsheets take */
};

/* rd_write_xlsx writes the workbook into the task's folder and makes it the
 * task's file.  A document without facts is its tables, without a summary. */
om_status rd_write_xlsx(
    const struct rd_doc *d, const struct rd_xlsx_opts *how, struct rd_task *t, struct om_arena *a, om_err *e) OM_MUST;

#endif
