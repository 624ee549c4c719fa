/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * figures.h - the figures of costd's replies, and the proof that the parts of
 * a document add up.
 */
#ifndef RD_FIGURES_H
#define RD_FIGURES_H

#include "statement.pb-c.h"
#include "usage.pb-c.h"
#include "base/money.h"
#include "base/status.h"
#include "wire/codec.h"

#include <stdbool.h>
#include <stdint.h>

/* Made from proto/messages/figures.def; amounts are USD. */
struct rd_figures {
#define RD_FIGURE_COUNT(name) uint64_t name;
#define RD_FIGURE_MONEY(name) om_money name;
#define OM_FIGURE(name, kind) RD_FIGURE_##kind(name)
#include "messages/figures.def"
#undef RD_FIGURE_COUNT
#undef RD_FIGURE_MONEY
};

/* Their numbers, in the order of the columns of exports. */
typedef enum rd_figure {
#define OM_FIGURE(name, kind) RD_FIGURE_##name,
#include "messages/figures.def"
	RD_N_FIGURES
} rd_figure;

/* rd_figure_name is the field of Figures and the column of CSV files. */
const char *rd_figure_name(rd_figure which);
/* rd_figure_amount gives an amount, NULL when it is a count; rd_figure_count likewise. */
const om_money *rd_figure_amount(const struct rd_figures *f, rd_figure which);
const uint64_t *rd_figure_count(const struct rd_figures *f, rd_figure which);
bool rd_figure_is_zero(const struct rd_figures *f, rd_figure which);
/* rd_figure_known tells whether a single row says this figure. */
bool rd_figure_known(const Om__Generation *g, rd_figure which);

/* rd_figures_read: OM_PROTOCOL when there are none (NULL), or an amount is no amount. */
om_status rd_figures_read(const Om__Figures *f, struct rd_figures *out, om_err *e) OM_MUST;

/* rd_figures_of_row gives one row's figures: a request's, or what a turn cost beyond
 * its known requests, which is no request.  `unsettled` is zero where the row does
 * not say. */
om_status rd_figures_of_row(const Om__Generation *g, struct rd_figures *out, om_err *e) OM_MUST;

/* rd_n_rows: single rows of the month, one per request, and what turns cost beyond
 * their known requests. */
uint64_t rd_n_rows(const Om__StatementReply *r);

om_status rd_figures_add(struct rd_figures *sum, const struct rd_figures *f, om_err *e) OM_MUST;

/* rd_figures_same says OM_INTERNAL, with the first difference, when the sum of
 * the parts is not the total. */
om_status rd_figures_same(
    const char *parts, const struct rd_figures *sum, const struct rd_figures *total, om_err *e) OM_MUST;

/* rd_statement_check says OM_PROTOCOL when costd left out what a document cannot do
 * without: a total, the figures of a row, the id of the user. */
om_status rd_statement_check(const Om__StatementReply *r, om_err *e) OM_MUST;

#endif
