/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * page.h - rows of a file on their way into the ledger, a page of them at a time; for
 * the readers of files (source.h).
 *
 * Use       For each row: cd_page_record, fill it in, then cd_page_add or cd_page_skip.
 *           A full page is searched in the ledger and submitted as a batch.
 * Owner     Who made the page frees it; records and what is copied for them live in
 *           its arena until the row is added or skipped.
 * Failure   OM_INVALID says what is wrong with the file; otherwise as ledger.h.
 * Threads   One.
 */
#ifndef CD_PAGE_H
#define CD_PAGE_H

#include "ledger/ledger.h"
#include "wire/codec.h"
#include "wire/fit.h"

#include <stdio.h>

struct cd_page;

/* cd_page_new borrows the ledger and the stream that progress and report go to;
 * `wait_ms` is how long each page may take in the ledger. */
om_status cd_page_new(struct cd_ledger *l, FILE *out, int64_t wait_ms, struct cd_page **page_out, om_err *e) OM_MUST;
void cd_page_free(struct cd_page **page);

/* cd_page_finish submits what is left, if `s`, the reader's status, is OM_OK, and
 * prints the report of what was done; the result is `s` or what failed. */
om_status cd_page_finish(struct cd_page *page, om_status s, om_err *e) OM_MUST;

/* cd_page_record gives a record to fill in; it lives until cd_page_add or
 * cd_page_skip, in the arena of cd_page_arena. */
om_status cd_page_record(struct cd_page *page, Om__Record **out, om_err *e) OM_MUST;
struct om_arena *cd_page_arena(struct cd_page *page);

/* cd_page_note notes that a field of this record could not be read and is left
 * out; `why` is a static text. */
void cd_page_note(struct cd_page *page, om_fit_field f, const char *why);

/* cd_page_add takes the record.  `where` names its place for a person;
 * `span` is the hexadecimal span id of a row that was made of a trace, or
 * NULL. */
om_status cd_page_add(struct cd_page *page, const char *where, const char *span, om_err *e) OM_MUST;

/* cd_page_skip leaves the row out. */
void cd_page_skip(struct cd_page *page, const char *where, const char *why);

/* cd_page_progress: done of total, in any unit. */
void cd_page_progress(struct cd_page *page, int64_t done, int64_t total);

#endif
