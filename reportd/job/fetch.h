/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * fetch.h - has a file made as a job of this process, and takes it away.
 *
 * Threads   All calls from any thread.
 */
#ifndef RD_FETCH_H
#define RD_FETCH_H

#include "jobs.h"
#include "source/asked.h"
#include "jobs.pb-c.h"

#include <stdatomic.h>

struct rd_fetch {
	struct rd_jobs *jobs;    /* borrowed */
	const atomic_bool *stop; /* gives up when it is set */

	/* The file: its name, then its parts. */
	om_status (*begin)(void *arg, const char *name, om_err *e);
	om_status (*write)(void *arg, const void *data, size_t n, om_err *e);
	void *arg;
};

/* rd_fetch returns when all of the file was given.  more: as for rd_jobs_start. */
om_status rd_fetch(const struct rd_fetch *f, Om__RenderQuery *what, const struct rd_asked *more, om_err *e) OM_MUST;

#endif
