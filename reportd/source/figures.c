/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "figures.h"

#include <inttypes.h>
#include <stdbool.h>

static om_status
read_amount(const char *what, const char *text, om_money *out, om_err *e)
{
	om_err why;

	if (om_money_parse(text, out, &why) != OM_OK)
		return om_fail(e, OM_PROTOCOL, "costd sent a %s that is no amount: %.100s", what, why.text);
	return OM_OK;
}

om_status
rd_figures_read(const Om__Figures *f, struct rd_figures *out, om_err *e)
{
	om_status s = om_msg_has(f, "figures", e);

	*out = (struct rd_figures){.requests = 0};
	if (s != OM_OK)
		return s;
	*out = (struct rd_figures){
	    .requests = f->requests,
	    .prompt = f->prompt_tokens,
	    .completion = f->completion_tokens,
	    .reasoning = f->reasoning_tokens,
	    .cached = f->cached_tokens,
	    .cache_write = f->cache_write_tokens,
	    .unsettled = f->unsettled,
	};
	s = read_amount("cost", f->cost, &out->cost, e);
	return s != OM_OK ? s : read_amount("BYOK cost", f->byok_cost, &out->byok, e);
}

static om_status
read_count(bool has, int64_t v, uint64_t *out, om_err *e)
{
	*out = 0;
	if (has && v < 0)
		return om_fail(e, OM_PROTOCOL, "costd sent a negative number of tokens");
	if (has)
		*out = (uint64_t)v;
	return OM_OK;
}

om_status
rd_figures_of_row(const Om__Generation *g, struct rd_figures *out, om_err *e)
{
	om_status s;

	*out = (struct rd_figures){
	    .requests = g->has_requests ? g->requests : 1,
	    .unsettled = g->has_unsettled && g->unsettled ? 1 : 0,
	};
	s = read_count(g->has_prompt_tokens, g->prompt_tokens, &out->prompt, e);
	if (s == OM_OK)
		s = read_count(g->has_completion_tokens, g->completion_tokens, &out->completion, e);
	if (s == OM_OK)
		s = read_count(g->has_reasoning_tokens, g->reasoning_tokens, &out->reasoning, e);
	if (s == OM_OK)
		s = read_count(g->has_cached_tokens, g->cached_tokens, &out->cached, e);
	if (s == OM_OK)
		s = read_count(g->has_cache_write_tokens, g->cache_write_tokens, &out->cache_write, e);
	if (s == OM_OK && g->cost != NULL)
		s = read_amount("cost", g->cost, &out->cost, e);
	if (s == OM_OK && g->byok_cost != NULL)
		s = read_amount("BYOK cost", g->byok_cost, &out->byok, e);
	return s;
}

om_status
rd_figures_add(struct rd_figures *sum, const struct rd_figures *f, om_err *e)
{
	if (__builtin_add_overflow(sum->requests, f->requests, &sum->requests) ||
	    __builtin_add_overflow(sum->prompt, f->prompt, &sum->prompt) ||
	    __builtin_add_overflow(sum->completion, f->completion, &sum->completion) ||
	    __builtin_add_overflow(sum->reasoning, f->reasoning, &sum->reasoning) ||
	    __builtin_add_overflow(sum->cached, f->cached, &sum->cached) ||
	    __builtin_add_overflow(sum->cache_write, f->cache_write, &sum->cache_write) ||
	    __builtin_add_overflow(sum->unsettled, f->unsettled, &sum->unsettled) ||
	    om_money_add(sum->cost, f->cost, &sum->cost) != OM_OK ||
	    om_money_add(sum->byok, f->byok, &sum->byok) != OM_OK)
		return om_fail(e, OM_INTERNAL, "the figures are too large to add up");
	return OM_OK;
}

om_status
rd_figures_same(const char *parts, const struct rd_figures *sum, const struct rd_figures *total, om_err *e)
{
	const struct {
		const char *what;
		uint64_t a, b;
	} counts[] = {
	    {"requests", sum->requests, total->requests},
	    {"input tokens", sum->prompt, total->prompt},
	    {"output tokens", sum->completion, total->completion},
	    {"reasoning tokens", sum->reasoning, total->reasoning},
	    {"cached tokens", sum->cached, total->cached},
	    {"cache write tokens", sum->cache_write, total->cache_write},
	    {"unsettled requests", sum->unsettled, total->unsettled},
	};
	char a[OM_MONEY_TEXT], b[OM_MONEY_TEXT];

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (counts[i].a != counts[i].b)
			return om_fail(e, OM_INTERNAL,
			    "control total: the %s of all %s add up to %" PRIu64 ", the total is %" PRIu64,
			    counts[i].what, parts, counts[i].a, counts[i].b);
	if (om_money_cmp(sum->cost, total->cost) != 0)
		return om_fail(e, OM_INTERNAL, "control total: the costs of all %s add up to %s, the total is %s",
		    parts, om_money_text(sum->cost, a), om_money_text(total->cost, b));
	if (om_money_cmp(sum->byok, total->byok) != 0)
		return om_fail(e, OM_INTERNAL, "control total: the BYOK costs of all %s add up to %s, the total is %s",
		    parts, om_money_text(sum->byok, a), om_money_text(total->byok, b));
	return OM_OK;
}

static om_status
check_table(const char *what, Om__UsageRow *const *rows, size_t n, om_err *e)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i]->figures == NULL)
			return om_fail(e, OM_PROTOCOL, "costd's table of %s has a row without figures", what);
	return OM_OK;
}

om_status
rd_statement_check(const Om__StatementReply *r, om_err *e)
{
	const struct {
		const char *what;
		Om__UsageRow *const *rows;
		size_t n;
	} tables[] = {
	    {"models", r->models, r->n_models},
	    {"days", r->days, r->n_days},
	    {"users", r->users, r->n_users},
	    {"users and models", r->user_models, r->n_user_models},
	    {"groups", r->groups, r->n_groups},
	    {"users of the month before", r->previous_users, r->n_previous_users},
	    {"models of the month before", r->previous_models, r->n_previous_models},
	};
	om_status s = om_msg_has(r->total, "total", e);

	if (s == OM_OK)
		s = om_msg_has(r->previous_total, "total of the month before", e);
	if (s == OM_OK && r->user != NULL)
		s = om_msg_has(r->user->id, "user's id", e);
	for (size_t i = 0; s == OM_OK && i < sizeof tables / sizeof tables[0]; i++)
		s = check_table(tables[i].what, tables[i].rows, tables[i].n, e);
	return s;
}
