/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * source.h - a kind of file that history is imported from; csv.c and sqlite.c are one
 * each, run.c picks.  A new kind is one file and a row in run.c.
 */
#ifndef CD_SOURCE_H
#define CD_SOURCE_H

#include "page.h"

struct cd_source {
	/* is_mine tells by the head of the file whether it is of this kind; false also when
	 * it cannot be opened. */
	bool (*is_mine)(const char *path);
	/* read gives the page all rows of the file; OM_INVALID when the file cannot be read. */
	om_status (*read)(struct cd_page *page, const char *path, om_err *e);
};

extern const struct cd_source cd_source_csv, cd_source_sqlite;

#endif
