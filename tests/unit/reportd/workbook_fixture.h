/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * workbook_fixture.h - a workbook as bytes.
 */
#ifndef RD_WORKBOOK_FIXTURE_H
#define RD_WORKBOOK_FIXTURE_H

#include "xlsx/workbook.h"

/* A workbook that was written; all of it lives in the arena. */
struct fx_book {
	unsigned char *data; /* NULL: it was not */
	size_t n;
};

/* fx_xlsx writes a workbook and gives its bytes. */
om_status fx_xlsx(const struct rd_doc *d, struct rd_workdir *work, rd_paper paper, unsigned sheet_rows,
    struct om_arena *a, struct fx_book *out, om_err *e);

#endif
