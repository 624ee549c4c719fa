/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * rows.h - figures and ledger rows as messages, for all questions to the ledger.
 */
#ifndef CD_ROWS_H
#define CD_ROWS_H

#include "database/db.h"
#include "usage.pb-c.h"
#include "wire/codec.h"

/* Sums of a group, nine columns. */
#define CD_N_FIGURES 9u
extern const char cd_day_sums[];        /* over usage_day */
extern const char cd_generation_sums[]; /* over generation */

/* cd_figures_read makes the message of nine columns; NULL when out of memory or
 * malformed, with the reason in e. */
Om__Figures *cd_figures_read(const struct cd_val *v, struct om_arena *a, om_err *e);

/* A ledger row with its user's name, as the reads select it, and its message. */
extern const char cd_generation_columns[];
extern const char cd_generation_from[];
Om__Generation *cd_generation_read(const struct cd_val *v, struct om_arena *a, om_err *e);

#endif
