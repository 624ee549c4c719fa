/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * row_file.h - the temporary files that libxlsxwriter writes a sheet's rows to,
 * watched from outside.
 *
 * When a workbook fails, the library forgets to close them; they have no name
 * any more, so their space on a disk that is full already would stay taken
 * until the process ends.
 *
 * Threads   One workbook, one thread; several at once, each in a folder of its
 *           own.
 */
#ifndef RD_ROW_FILE_H
#define RD_ROW_FILE_H

#include "base/status.h"

#include <stdio.h>

struct rd_row_file {
	FILE *file;    /* the library's */
	char path[96]; /* the end of what /proc calls it: unlike any other's */
};

void rd_row_file_set(struct rd_row_file *s, FILE *file);

/* rd_row_files_check looks whether all rows reached the disk and whether there is
 * room for the rest: a workbook that fails while it is being closed cannot be
 * tidied up as well as one that is not closed.  OM_FULL if not. */
om_status rd_row_files_check(const struct rd_row_file *row_files, unsigned n, const char *dir, om_err *e) OM_MUST;

/* rd_row_files_tidy closes what a failed workbook left open: the noted files,
 * where they are still the same, and whatever else is open in its folder.  Of
 * the latter the number stays taken: the library may yet flush them at the end
 * of the process. */
void rd_row_files_tidy(const struct rd_row_file *row_files, unsigned n, const char *dir);

#endif
