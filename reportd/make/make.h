/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * make.h - makes the file a job asks for: figures from costd in, one complete
 * file out.
 *
 * Does      Decides what a file is made of: which figures and rows, under which terms,
 *           by which writer; names the file.
 * Owns      Nothing beyond a file's making.
 * Promises  A file is whole, or the job says why not.  A reading that costd lost is
 *           begun again once, as long as no client has read of the file.
 * Never     Gives a document its number (issue/ does); computes an amount.
 * Threads   rd_make from any worker.  A document has its own time zone, that
 *           of the reply it is made from; the process's is never asked.
 */
#ifndef RD_MAKE_H
#define RD_MAKE_H

#include "job/task.h"
#include "pdf/font.h"
#include "source/asked.h"
#include "terms/document_settings.h"
#include "terms/offer.h"
#include "jobs.pb-c.h"
#include "wire/fleet.h"

struct rd_parts {
	struct om_fleet *costd; /* borrowed, as all of these */
	const struct rd_fonts *fonts;
	struct rd_workdir *work;
	const struct rd_document_settings *settings;
	struct rd_offering *offering; /* NULL: costd is not told of the settings */
};

/* rd_make_stats registers the times that documents take. */
void rd_make_stats(void);

/* rd_make is the jobs' maker; arg is the parts, more what reportd adds to a document that
 * it asks for itself, or NULL. */
om_status rd_make(
    void *arg, const Om__JobStart *what, const struct rd_asked *more, struct rd_task *t, om_err *e) OM_MUST;

/* rd_make_check says what is wrong with a question before it waits in a queue. */
om_status rd_make_check(const struct rd_parts *w, const Om__JobStart *what, om_err *e) OM_MUST;

#endif
