/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * month_folder.h - a month's files as a folder that appears at once.
 *
 *   DIR/2026-10/                  what others see
 *     2026-000012-….pdf, statements/…, report.csv
 *     manifest.json               id of the delivery, totals, names, sizes, hashes, numbers, amounts
 *     SHA256SUMS                  the same hashes for `sha256sum -c`
 *   DIR/.2026-10.ID/              while it is made
 *
 * Promise   Files and folders are on the disk before the folder has its name; no
 *           unfinished file or folder is ever seen.  A folder that is there is
 *           never written to: if it is this delivery's (manifest.json says so and
 *           its files are whole), the work is done, otherwise that is an error.
 * Failure   OM_FULL, OM_IO; OM_CONFLICT: another folder has the name.
 * Threads   One.
 */
#ifndef RD_MONTH_FOLDER_H
#define RD_MONTH_FOLDER_H

#include "usage.pb-c.h"
#include "base/arena.h"
#include "base/digest.h"
#include "wire/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RD_FOLDER_FILE_NAME 300

struct rd_folder_file {
	char name[RD_FOLDER_FILE_NAME]; /* below the folder */
	uint64_t bytes;
	unsigned char sha256[OM_SHA256];
	const char *number; /* of an issued document, as what follows; NULL */
	const char *total, *currency;
};

/* What an issued document is known by, and its amount due as printed. */
struct rd_folder_document {
	const char *number, *total, *currency;
};

struct rd_month_folder {
	const char *id, *month; /* borrowed */
	int parent, dir;        /* descriptors; -1: none */
	int file;               /* being written; -1: none */
	char temp[128];         /* the folder's name while it is made */
	bool done;              /* it was there already, all of it */

	struct om_arena *arena; /* borrowed; of the list and its numbers */
	struct rd_folder_file *files;
	size_t n, room;
	Om__Figures *totals; /* what the files amount to, borrowed or of a folder that is done; NULL: not told */
};

/* rd_month_folder_check says whether there is such a folder to write to. */
om_status rd_month_folder_check(const char *dir, om_err *e) OM_MUST;

/* rd_month_folder_open begins a folder from scratch, or finds it done.  rd_month_folder_close after
 * any outcome: what was not published is removed. */
om_status rd_month_folder_open(const char *dir, const char *month, const char *id, struct om_arena *a,
    struct rd_month_folder *out, om_err *e) OM_MUST;
void rd_month_folder_close(struct rd_month_folder *o);

/* One file after the other: begin, write …, end.  name has at most one folder. */
om_status rd_month_folder_begin(struct rd_month_folder *o, const char *name, om_err *e) OM_MUST;
om_status rd_month_folder_write(struct rd_month_folder *o, const void *data, size_t n, om_err *e) OM_MUST;
/* of: what it is a document of, NULL for a table. */
om_status rd_month_folder_end(struct rd_month_folder *o, const struct rd_folder_document *of, om_err *e) OM_MUST;

om_status rd_month_folder_publish(struct rd_month_folder *o, om_err *e) OM_MUST;

#endif
