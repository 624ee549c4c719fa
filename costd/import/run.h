/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * run.h - history from elsewhere: the SQLite file of the older OWUI-Metering
 * and the CSV file of OpenRouter's activity export.
 *
 * Promise   Repeatable: a record's id follows from its content, so what was
 *           imported before is a duplicate.  A call that the ledger knows by
 *           another id is left out: a turn whose generation it has, a span of
 *           that generation.  What may be the same call by its tokens and time is
 *           paired by the ledger (pair.h), whatever file or path it came by.
 *           What does not fit is repaired or left out by the rules of fit.h and
 *           never costs the row's money; only a row without an id or without a
 *           credible time (before 2020, or yet to come) is left out whole.  The
 *           report says what was left out, what was repaired, and why.
 * Cost      n log n in the rows of the file and of the ledger's same days.
 * Threads   One.
 */
#ifndef CD_IMPORT_H
#define CD_IMPORT_H

#include "ledger/ledger.h"
#include "record.pb-c.h"
#include "wire/codec.h"
#include "wire/fit.h"

#include <stdio.h>

struct cd_import;

/* cd_import_main loads the settings and imports the file: 0 all well, 1 failed,
 * 2 a setting is wrong. */
int cd_import_main(const char *path);

/* cd_import_run imports into a ledger that is ready and prints to `out`. */
om_status cd_import_run(struct cd_ledger *l, const char *path, FILE *out, om_err *e) OM_MUST;

/* ---- for the readers of files ---- */

/* cd_import_record gives a record to fill in; it lives until cd_import_add or
 * cd_import_skip, in the arena of cd_import_arena. */
om_status cd_import_record(struct cd_import *im, Om__Record **out, om_err *e) OM_MUST;
struct om_arena *cd_import_arena(struct cd_import *im);

/* cd_import_note notes that a field of this record could not be read and is left
 * out; `why` is a static text. */
void cd_import_note(struct cd_import *im, om_fit_field f, const char *why);

/* cd_import_add takes the record.  `where` names its place for a person;
 * `span` is the hexadecimal span id of a row that was made of a trace, or
 * NULL. */
om_status cd_import_add(struct cd_import *im, const char *where, const char *span, om_err *e) OM_MUST;

/* cd_import_skip leaves the row out. */
void cd_import_skip(struct cd_import *im, const char *where, const char *why);

/* cd_import_progress: done of total, in any unit. */
void cd_import_progress(struct cd_import *im, int64_t done, int64_t total);

om_status cd_import_sqlite(struct cd_import *im, const char *path, om_err *e) OM_MUST; /* import_sqlite.c */
om_status cd_import_csv(struct cd_import *im, const char *path, om_err *e) OM_MUST;    /* import_csv.c */

#endif
