/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * delivery.h - writes the closed month's files into a folder, when costd says
 * that they are due.
 *
 * What      Everything is of one moment, a snapshot that costd keeps open.
 *           Statements and reports that were issued and show it are taken, others
 *           corrected or issued, each once, however often a month is begun again.
 * Promise   The month's folder appears at once and whole (month_folder.h); costd hears
 *           of it, or gives the month out again.
 * Threads   rd_delivery_turn is a duty's, of those of the issuing, with one worker.
 */
#ifndef RD_DELIVERY_H
#define RD_DELIVERY_H

#include "issue.h"

#define RD_DELIVERY_MS 10000

struct rd_delivery;

struct rd_delivery_opts {
	struct rd_issuing *issuing;   /* borrowed, as all of these */
	struct rd_offering *offering; /* costd hears of the settings before it says which month is due */
	const char *dir;
	const char *files;  /* a list that rd_delivery_files_check let pass */
	const char *locale; /* NULL: as documents are otherwise */
};

/* rd_delivery_files_check says whether a list of files can be read; fits
 * om_conf_opt.check. */
om_status rd_delivery_files_check(const char *list, om_err *e) OM_MUST;

om_status rd_delivery_new(const struct rd_delivery_opts *o, struct rd_delivery **out, om_err *e) OM_MUST;
/* rd_delivery_free: after the duties ended; NULL is allowed. */
void rd_delivery_free(struct rd_delivery **d);

/* rd_delivery_turn asks whether a month is due and writes it; it ends after the file that
 * is being made when the duties are stopped. */
om_status rd_delivery_turn(void *arg, struct om_duty_turn *t, om_err *e) OM_MUST;

#endif
