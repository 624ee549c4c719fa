/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * run.h - history from elsewhere: the SQLite file of the older OWUI-Metering
 * and the CSV file of OpenRouter's activity export.
 *
 * Room import
 *   Does      history from files: what a file is (source.h, csv.c, sqlite.c), and its
 *             rows, a page at a time (page.h)
 *   Owns      nothing: what it reads becomes batches of the ledger
 *   Promises  repeatable
 *   Never     writes a row itself
 *
 * Promise   Repeatable: a record's id follows from its content, so what was
 *           imported before is a duplicate.  A call that the ledger has under another
 *           id is left out: a turn whose generation it has, a span of
 *           that generation.  What may be the same call by its tokens and time is
 *           paired by the ledger (pair.h), whatever file or path it came by.
 *           What does not fit is repaired or left out by the rules of fit.h and
 *           never costs the row's money; only a row without an id or without a
 *           credible time (before 2020, or yet to come) is left out completely.  The
 *           report says what was left out, what was repaired, and why.
 * Cost      n log n in the rows of the file and of the ledger's same days.
 * Threads   One.
 */
#ifndef CD_RUN_H
#define CD_RUN_H

#include "ledger/ledger.h"

#include <stdio.h>

#define CD_IMPORT_READ_S 600 /* how long one statement of an import may take: of the pool that is handed in */

/* cd_import_run imports into a ledger that is ready and prints to `out`. */
om_status cd_import_run(struct cd_ledger *l, const char *path, FILE *out, om_err *e) OM_MUST;

#endif
