/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * figures.h - the figures of rows and of totals, made from the table
 * proto/messages/figures.def.
 *
 * Threads   Pure functions.
 */
#ifndef CD_FIGURES_H
#define CD_FIGURES_H

#include "join.h"
#include "base/status.h"

/* Amounts are USD; a difference may be negative. */
struct cd_figures {
#define CD_FIGURE_COUNT(name) int64_t name;
#define CD_FIGURE_MONEY(name) om_money name;
#define OM_FIGURE(name, kind) CD_FIGURE_##kind(name)
#include "messages/figures.def"
#undef CD_FIGURE_COUNT
#undef CD_FIGURE_MONEY
};

enum {
#define OM_FIGURE(name, kind) CD_FIGURE_AT_##name,
#include "messages/figures.def"
	CD_N_FIGURES
};

/* cd_figures_of gives what a row counts, times sign, which is 1 or -1.  What
 * no record said counts nothing. */
struct cd_figures cd_figures_of(const struct cd_row *row, int sign);

/* cd_figures_add: OM_RANGE when an amount leaves its range; *sum is then not to be used. */
om_status cd_figures_add(struct cd_figures *sum, const struct cd_figures *f) OM_MUST;

bool cd_figures_are_zero(const struct cd_figures *f);

#endif
