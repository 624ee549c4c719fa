/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * book_in.h - what book.c and format.c share.  Only for these two.
 */
#ifndef RD_BOOK_IN_H
#define RD_BOOK_IN_H

#include "book.h"
#include "row_file.h"

#include <xlsxwriter.h>

#define MAX_SHEETS 64
#define ACCENT     0x0D4D6B
#define HAIR       0xD5D8DC
#define TINT       0xEEF3F5
#define GREY       0x666B73
#define WHITE      0xFFFFFF
#define BAND       0xEEF3F5

typedef enum shape { TEXT, TEXT_RIGHT, TEXT_INDENT, COUNT, MONEY, CENTS, DAY, INSTANT, SHAPES } shape;

#define STYLES (RD_S_DUE + 1)

struct rd_book {
	lxw_workbook *book;                 /* owned until closed */
	lxw_format *format[STYLES][SHAPES]; /* the workbook's */
	lxw_worksheet *first, *sheet;
	struct rd_row_file row_files[MAX_SHEETS];
	uint32_t rows[MAX_SHEETS]; /* rows with something in them */
	unsigned n_sheets;
	unsigned row;
	bool row_used;
	rd_paper paper;
	const struct om_zone_table *zone; /* borrowed */
	int digits;                       /* of an amount in the bill's currency */
	char header[256], footer[256];
	lxw_format *band; /* of every other row */
	char dir[1200];
	char path[1300];
	om_status status; /* sticky */
	om_err why;
};

void rd_book_check(struct rd_book *b, lxw_error rc);
void rd_book_fail(struct rd_book *b, om_status s, const char *why);
bool rd_book_ready(const struct rd_book *b);

#endif
