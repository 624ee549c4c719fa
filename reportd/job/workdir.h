/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * workdir.h - a private folder for temporary files.
 *
 * Promise   Only folders with reportd's prefix are ever removed, and only when no
 *           running process holds them: each process locks its own, so that
 *           what a killed process left is recognized at the next start.
 * Threads   rd_workdir_make and rd_workdir_drop from any thread.
 */
#ifndef RD_WORKDIR_H
#define RD_WORKDIR_H

#include "base/status.h"

#include <stdint.h>

#define RD_PATH 1200

struct rd_workdir;

/* rd_workdir_open makes the process's folder below dir (NULL: TMPDIR or /tmp). */
om_status rd_workdir_open(const char *dir, struct rd_workdir **out, om_err *e) OM_MUST;
void rd_workdir_close(struct rd_workdir **w);

/* rd_workdir_make makes a folder for one document, if `bytes` fit on the disk:
 * OM_FULL when not. */
om_status rd_workdir_make(struct rd_workdir *w, uint64_t bytes, char path[RD_PATH], om_err *e) OM_MUST;

/* rd_workdir_drop removes it with its files. */
void rd_workdir_drop(const char *path);

#endif
