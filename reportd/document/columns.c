/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "columns.h"

/* Figures whose columns are called otherwise in documents than in the API, and whose
 * titles are other words than their names. */
static const struct {
	const char *key, *phrase; /* NULL: the figure's name */
} others[RD_N_FIGURES] = {
    [RD_FIGURE_prompt_tokens] = {"input_tokens", "input_tokens"},
    [RD_FIGURE_completion_tokens] = {"output_tokens", "output_tokens"},
    [RD_FIGURE_unsettled] = {NULL, "not_settled"},
    [RD_FIGURE_disputed_cost] = {NULL, "disputed_cost_usd"},
    [RD_FIGURE_byok_cost] = {NULL, "byok_cost_usd"},
    [RD_FIGURE_cost] = {NULL, "cost_usd"},
};

/* title_of: a figure without a phrase is called as in the API. */
static const char *
title_of(const struct rd_locale *l, rd_figure which)
{
	const char *name = rd_figure_name(which);
	const char *title = rd_locale_phrase(l, others[which].phrase != NULL ? others[which].phrase : name);

	return title != NULL ? title : name;
}

void
rd_put_figure(struct rd_row *r, const struct rd_locale *l, rd_figure which, const struct rd_figures *f)
{
	const char *key = others[which].key != NULL ? others[which].key : rd_figure_name(which);
	const om_money *amount = rd_figure_amount(f, which);

	if (amount != NULL)
		rd_put_money(r, key, title_of(l, which), *amount);
	else
		rd_put_count(r, key, title_of(l, which), *rd_figure_count(f, which));
}
