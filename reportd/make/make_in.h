/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * make_in.h - what the files of this room share: the file of a job, whatever is in
 * it, and who makes which.  Only for the files of this room.
 */
#ifndef RD_MAKE_IN_H
#define RD_MAKE_IN_H

#include "make.h"
#include "document/doc.h"
#include "source/progress.h"
#include "source/source.h"
#include "jobs.pb-c.h"
#include "statement.pb-c.h"

/* ---- job_file.c ---- */

/* rd_job_file_has_kind tells whether there is a file of that format. */
bool rd_job_file_has_kind(Om__Format format);

/* rd_job_file_describe sets the task's facts: the file's names from stem and shown, and
 * what reply and document say; both may be NULL. */
void rd_job_file_describe(struct rd_task *t, const char *stem, const char *shown, Om__Format format,
    const Om__StatementReply *r, const struct rd_doc *d);

/* rd_job_file_progress asks the task whether to go on, and tells it of rows. */
struct rd_progress rd_job_file_progress(struct rd_task *t);

/* rd_job_file_begin makes the empty file where there is room for so many bytes and a
 * little more; `streams`: it may be read as it grows. */
om_status rd_job_file_begin(struct rd_parts *w, struct rd_task *t, bool streams, uint64_t bytes, om_err *e) OM_MUST;

/* rd_job_file_write_sheets makes the document the task's workbook. */
om_status rd_job_file_write_sheets(
    struct rd_parts *w, const struct rd_doc *d, rd_paper paper, struct rd_task *t, om_err *e) OM_MUST;

/* ---- archive.c ---- */

/* rd_make_archive writes everyone's statements of the source's moment and a manifest. */
om_status rd_make_archive(struct rd_parts *w, const struct rd_month *m, struct rd_source *src,
    const struct rd_terms *terms, rd_paper paper, struct rd_task *t, om_err *e) OM_MUST;

/* ---- usage.c ---- */

/* rd_make_usage makes a file of the totals that `what` asks for, rd_make_generations
 * one of the requests. */
om_status rd_make_usage(struct rd_parts *w, const Om__JobStart *what, struct rd_task *t, om_err *e) OM_MUST;
om_status rd_make_generations(struct rd_parts *w, const Om__JobStart *what, struct rd_task *t, om_err *e) OM_MUST;

#endif
