/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * maker.h - a statement or report that is being made: what it is made of, its sums
 * so far, and its short texts.  Only for the files of this room.
 *
 * Owner     All is borrowed but what the arena holds; texts live in the arena, and are
 *           NULL when it is full.
 * Threads   One maker, one thread.
 */
#ifndef RD_MAKER_H
#define RD_MAKER_H

#include "bill.h"
#include "doc.h"
#include "source/figures.h"
#include "source/month.h"
#include "terms/terms.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"

struct rd_maker {
	const Om__StatementReply *reply;
	const struct rd_month *month;
	const struct rd_terms *terms;
	const struct rd_locale *locale;
	struct om_arena *arena;
	struct rd_figures total;
	struct rd_figures previous;
	struct rd_charges charges; /* of all users of the document, each by itself */
	struct rd_printed printed;
	om_money byok;  /* in the document's currency, rounded */
	om_money *days; /* of the chart */
	unsigned n_days;
};

#define RD_MAX_LINES 20

/* Lines under construction; a line without text is left out. */
struct rd_lines {
	struct rd_line *at; /* RD_MAX_LINES; NULL: out of memory */
	size_t n;
};
void rd_lines_add(struct rd_lines *l, const char *label, const char *text);

/* Short texts from the maker's arena. */
const char *rd_count_text(struct rd_maker *m, uint64_t n);
const char *rd_exact_text(struct rd_maker *m, om_money usd);
/* rd_change_text gives "+23.5%"; NULL when before is not above zero. */
const char *rd_change_text(struct rd_maker *m, om_money now, om_money before);
const char *rd_month_before(struct rd_maker *m);
bool rd_is_report(const struct rd_maker *m);

/* Names of a row, clean, and never empty. */
const char *rd_user_name(struct rd_maker *m, const Om__UsageRow *u);
const char *rd_model_name(struct rd_maker *m, const Om__UsageRow *u);

#endif
