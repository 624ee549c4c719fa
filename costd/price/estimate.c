/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "estimate.h"

#include "history.h"
#include "value/record.h"
#include "base/invariant.h"
#include "base/stats.h"

#include <string.h>

static struct om_stat stat_made = OM_COUNTER(
    "owui_metering_estimates_total", NULL, "Rows that got an estimate, each time it was made or made again.");

void
cd_estimate_ignore(struct cd_row *row)
{
	if (row->cell[CD_F_COST].rank == CD_RANK_DERIVED)
		memset(&row->cell[CD_F_COST], 0, sizeof row->cell[CD_F_COST]);
}

static int64_t
count(const struct cd_row *row, cd_field f)
{
	return row->cell[f].rank == CD_RANK_NONE ? 0 : row->cell[f].v.i;
}

/* multiply_out finds the price and says why there is no estimate. */
static om_status
multiply_out(struct cd_db *db, struct cd_val model, const struct cd_tokens *t, om_time at, struct om_arena *a,
    om_money *out, Om__NoEstimate *why, om_err *e)
{
	const char *pricing = NULL;
	size_t n = 0;
	om_status s = cd_price_find(db, model, at, a, &pricing, &n, e);

	if (s != OM_OK)
		return s;
	if (pricing == NULL)
		*why = OM__NO_ESTIMATE__NO_ESTIMATE_NO_PRICE;
	else if (!cd_pricing_estimate(pricing, n, t, at, out))
		*why = OM__NO_ESTIMATE__NO_ESTIMATE_UNPRICED;
	else
		*why = OM__NO_ESTIMATE__NO_ESTIMATE_NONE;
	return OM_OK;
}

/* reason_of_row says why the row itself has none, whatever its model costs; NONE:
 * the price decides. */
static Om__NoEstimate
reason_of_row(const struct cd_row *row, const struct cd_tokens *t, cd_field named)
{
	const struct cd_cell *c = row->cell;

	if (!cd_row_is_openrouters(row))
		return OM__NO_ESTIMATE__NO_ESTIMATE_NO_PRICE; /* the price list is OpenRouter's */
	/* zeros are what an answer says that never began: nothing to go by */
	if (c[CD_F_PROMPT_TOKENS].rank == CD_RANK_NONE || c[CD_F_COMPLETION_TOKENS].rank == CD_RANK_NONE ||
	    (t->prompt == 0 && t->completion == 0))
		return OM__NO_ESTIMATE__NO_ESTIMATE_NO_TOKENS;
	if (c[named].rank == CD_RANK_NONE)
		return OM__NO_ESTIMATE__NO_ESTIMATE_NO_MODEL;
	if (c[CD_F_IS_BYOK].rank != CD_RANK_NONE && c[CD_F_IS_BYOK].v.i != 0)
		return OM__NO_ESTIMATE__NO_ESTIMATE_UNPRICED; /* tokens are billed elsewhere */
	return OM__NO_ESTIMATE__NO_ESTIMATE_NONE;
}

static om_status
estimate(struct cd_db *db, struct cd_row *row, struct om_arena *a, Om__NoEstimate *why_out, om_err *e)
{
	const struct cd_cell *c = row->cell;
	const struct cd_tokens t = {
	    .prompt = count(row, CD_F_PROMPT_TOKENS),
	    .completion = count(row, CD_F_COMPLETION_TOKENS),
	    .reasoning = count(row, CD_F_REASONING_TOKENS),
	    .cached = count(row, CD_F_CACHED_TOKENS),
	    .cache_write = count(row, CD_F_CACHE_WRITE_TOKENS),
	};
	const cd_field named = c[CD_F_MODEL].rank != CD_RANK_NONE ? CD_F_MODEL : CD_F_REQUESTED_MODEL;
	Om__NoEstimate why = OM__NO_ESTIMATE__NO_ESTIMATE_NONE;
	om_money m = OM_MONEY_ZERO;
	om_status s = OM_OK;

	cd_estimate_ignore(row);
	if (c[CD_F_COST].rank == CD_RANK_NONE) {
		why = reason_of_row(row, &t, named);
		if (why == OM__NO_ESTIMATE__NO_ESTIMATE_NONE)
			s = multiply_out(
			    db, CD_B(c[named].v.text.p, c[named].v.text.n), &t, c[CD_F_STARTED_US].v.i, a, &m, &why, e);
		if (s == OM_OK && why == OM__NO_ESTIMATE__NO_ESTIMATE_NONE) {
			om_check(m.v >= 0);
			row->cell[CD_F_COST].rank = CD_RANK_DERIVED;
			row->cell[CD_F_COST].v.money = m;
		}
	}
	*why_out = why;
	return s;
}

om_status
cd_estimate_row(struct cd_db *db, struct cd_row *row, struct om_arena *a, om_err *e)
{
	Om__NoEstimate why;
	om_status s = estimate(db, row, a, &why, e);

	if (s == OM_OK && row->cell[CD_F_COST].rank == CD_RANK_DERIVED)
		om_stat_add(&stat_made, 1);
	return s;
}

om_status
cd_estimate_why(struct cd_db *db, const struct cd_row *row, struct om_arena *a, Om__NoEstimate *out, om_err *e)
{
	struct cd_row copy = *row;

	return estimate(db, &copy, a, out, e);
}

om_status
cd_estimate_is_free(struct cd_db *db, const struct cd_row *row, struct om_arena *a, bool *out, om_err *e)
{
	static const struct cd_tokens many = {.prompt = 1000000, .completion = 1000000};
	const struct cd_cell *c = row->cell;
	const cd_field named = c[CD_F_MODEL].rank != CD_RANK_NONE ? CD_F_MODEL : CD_F_REQUESTED_MODEL;
	Om__NoEstimate why = OM__NO_ESTIMATE__NO_ESTIMATE_NO_MODEL;
	om_money m = OM_MONEY_ZERO;
	om_status s = OM_OK;

	if (c[named].rank != CD_RANK_NONE)
		s = multiply_out(
		    db, CD_B(c[named].v.text.p, c[named].v.text.n), &many, c[CD_F_STARTED_US].v.i, a, &m, &why, e);
	*out = s == OM_OK && why == OM__NO_ESTIMATE__NO_ESTIMATE_NONE && om_money_is_zero(m);
	return s;
}
