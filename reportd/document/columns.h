/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * columns.h - the columns of figures, called and titled alike in all tables.
 *
 * Threads   Pure.
 */
#ifndef RD_COLUMNS_H
#define RD_COLUMNS_H

#include "cells.h"
#include "source/figures.h"

/* rd_put_figure puts the column or cell of one figure. */
void rd_put_figure(struct rd_row *r, const struct rd_locale *l, rd_figure which, const struct rd_figures *f);

#endif
