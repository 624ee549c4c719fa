/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * figures.h - the figures of costd's replies, and the proof that the parts of
 * a document add up.
 */
#ifndef RD_FIGURES_H
#define RD_FIGURES_H

#include "usage.pb-c.h"
#include "base/money.h"
#include "base/status.h"
#include "wire/codec.h"

#include <stdint.h>

struct rd_figures {
	uint64_t requests;
	uint64_t prompt;
	uint64_t completion;
	uint64_t reasoning;
	uint64_t cached;
	uint64_t cache_write;
	uint64_t unsettled;
	om_money cost;
	om_money byok;
};

/* rd_figures_read: OM_PROTOCOL when an amount is no amount. */
om_status rd_figures_read(const Om__Figures *f, struct rd_figures *out, om_err *e) OM_MUST;

/* rd_figures_of_row gives one row's figures: a request's, or what a turn cost beyond
 * its known requests, which is no request.  `unsettled` is zero where the row does
 * not say. */
om_status rd_figures_of_row(const Om__Generation *g, struct rd_figures *out, om_err *e) OM_MUST;

om_status rd_figures_add(struct rd_figures *sum, const struct rd_figures *f, om_err *e) OM_MUST;

/* rd_figures_same says OM_INTERNAL, with the first difference, when the sum of
 * the parts is not the total. */
om_status rd_figures_same(
    const char *parts, const struct rd_figures *sum, const struct rd_figures *total, om_err *e) OM_MUST;

#endif
