/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * shown.h - the figures that issued documents show, beside what their months are now.
 *
 * Threads   Pure functions, and questions in a transaction of the caller's.
 */
#ifndef CD_SHOWN_H
#define CD_SHOWN_H

#include "database/db.h"
#include "documents.pb-c.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

/* cd_shown_load gives the total that the document of this number shows.  OM_DAMAGED: what is
 * stored of it cannot be read. */
om_status cd_shown_load(struct cd_db *db, const char *number, struct om_arena *a, Om__Figures **out, om_err *e) OM_MUST;

/* cd_shown_same compares all but `unsettled`: a request may be settled at the very cost that the
 * document shows. */
om_status cd_shown_same(const Om__Figures *x, const Om__Figures *y, bool *out, om_err *e) OM_MUST;

/* cd_shown_compare sets `differs` and `difference` of documents that stand: what the month of each
 * amounts to now, less what the document shows.  All n are of one state of the database. */
om_status cd_shown_compare(struct cd_db *db, Om__Document *const *d, size_t n, struct om_arena *a, om_err *e) OM_MUST;

#endif
