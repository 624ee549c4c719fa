/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sink.h - a document written as a file's bytes.
 *
 * Promise   Same document, same bytes.  Nothing is returned but a complete file.
 * Owner     The bytes live in the arena.
 * Threads   Any thread; several at once.
 */
#ifndef RD_SINK_H
#define RD_SINK_H

#include "doc.h"
#include "pdf/font.h"
#include "terms/terms.h"

struct rd_task;
struct rd_workdir;

struct rd_file {
	unsigned char *data;
	size_t n;
	const char *name;
	const char *content_type;
};

om_status rd_write_pdf(const struct rd_doc *d, const struct rd_fonts *fonts, rd_paper paper, struct om_arena *a,
    struct rd_file *out, om_err *e) OM_MUST;

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
