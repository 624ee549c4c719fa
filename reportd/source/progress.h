/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * progress.h - two calls of a long reading: one asks whether to go on, one tells how
 * far it is.
 *
 * Threads   Called from the thread that reads.
 */
#ifndef RD_PROGRESS_H
#define RD_PROGRESS_H

#include "base/status.h"

#include <stdint.h>

struct rd_progress {
	om_status (*go_on)(void *arg, om_err *e);    /* fails: the reading ends with that; NULL: it goes on */
	void (*rows_read)(void *arg, uint64_t rows); /* so many more; NULL: not told */
	void *arg;                                   /* borrowed; of both */
};

#endif
