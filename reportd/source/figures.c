/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "figures.h"

#include "base/invariant.h"

#include <inttypes.h>
#include <stddef.h>

static om_status
read_amount(const char *what, const char *text, om_money *out, om_err *e)
{
	om_err why;

	if (om_money_parse(text, out, &why) != OM_OK)
		return om_fail(e, OM_PROTOCOL, "costd sent a %s that is no amount: %.100s", what, why.text);
	return OM_OK;
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

static om_status
read_told(const char *what, const char *text, om_money *out, om_err *e)
{
	return text != NULL ? read_amount(what, text, out, e) : OM_OK;
}

om_status
rd_figures_read(const Om__Figures *f, struct rd_figures *out, om_err *e)
{
	om_status s = om_msg_has(f, "figures", e);

	*out = (struct rd_figures){.requests = 0};
	if (s != OM_OK)
		return s;
#define READ_COUNT(name)      out->name = f->name;
#define READ_MONEY(name)      s = s == OM_OK ? read_amount(#name, f->name, &out->name, e) : s;
#define OM_FIGURE(name, kind) READ_##kind(name)
#include "messages/figures.def"
	return s;
}

om_status
rd_figures_of_row(const Om__Generation *g, struct rd_figures *out, om_err *e)
{
	om_status s = OM_OK;

	*out = (struct rd_figures){
	    .requests = g->has_requests ? g->requests : 1,
	    .unsettled = g->has_unsettled && g->unsettled ? 1 : 0,
	};
	s = read_told("disputed_cost", g->disputed_cost, &out->disputed_cost, e);
#define TOLD_COUNT(name)                       s = s == OM_OK ? read_count(g->has_##name, g->name, &out->name, e) : s;
#define TOLD_MONEY(name)                       s = s == OM_OK ? read_told(#name, g->name, &out->name, e) : s;
#define OM_FIGURE_TOLD(NAME, name, kind, path) TOLD_##kind(name)
#include "messages/figures.def"
	return s;
}

uint64_t
rd_n_rows(const Om__StatementReply *r)
{
	return r->total->requests + (r->has_rests ? r->rests : 0);
}

om_status
rd_figures_add(struct rd_figures *sum, const struct rd_figures *f, om_err *e)
{
	bool fits = true;

#define ADD_COUNT(name)       fits = !__builtin_add_overflow(sum->name, f->name, &sum->name) && fits;
#define ADD_MONEY(name)       fits = om_money_add(sum->name, f->name, &sum->name) == OM_OK && fits;
#define OM_FIGURE(name, kind) ADD_##kind(name)
#include "messages/figures.def"
	return fits ? OM_OK : om_fail(e, OM_INTERNAL, "the figures are too large to add up");
}

/* ---- one by one ---- */

static const struct figure {
	const char *name;
	bool is_amount;
	size_t offset; /* in struct rd_figures */
} figures[RD_N_FIGURES] = {
#define IS_COUNT              false
#define IS_MONEY              true
#define OM_FIGURE(name, kind) {#name, IS_##kind, offsetof(struct rd_figures, name)},
#include "messages/figures.def"
};

const char *
rd_figure_name(rd_figure which)
{
	om_check(which < RD_N_FIGURES);
	return figures[which].name;
}

const om_money *
rd_figure_amount(const struct rd_figures *f, rd_figure which)
{
	om_check(which < RD_N_FIGURES);
	return figures[which].is_amount ? (const void *)((const char *)f + figures[which].offset) : NULL;
}

const uint64_t *
rd_figure_count(const struct rd_figures *f, rd_figure which)
{
	om_check(which < RD_N_FIGURES);
	return figures[which].is_amount ? NULL : (const void *)((const char *)f + figures[which].offset);
}

bool
rd_figure_is_zero(const struct rd_figures *f, rd_figure which)
{
	const uint64_t *count = rd_figure_count(f, which);

	return count != NULL ? *count == 0 : om_money_is_zero(*rd_figure_amount(f, which));
}

bool
rd_figure_known(const Om__Generation *g, rd_figure which)
{
	switch (which) {
#define OM_FIGURE_COUNTED(name, kind) \
	case RD_FIGURE_##name:        \
		return true;
#define KNOWN_COUNT(name) g->has_##name
#define KNOWN_MONEY(name) g->name != NULL
#define OM_FIGURE_TOLD(NAME, name, kind, path) \
	case RD_FIGURE_##name:                 \
		return KNOWN_##kind(name);
#include "messages/figures.def"
	case RD_N_FIGURES:
		break;
	}
	return false;
}

om_status
rd_figures_same(const char *parts, const struct rd_figures *sum, const struct rd_figures *total, om_err *e)
{
	char a[OM_MONEY_TEXT], b[OM_MONEY_TEXT];

	for (rd_figure i = 0; i < RD_N_FIGURES; i++) {
		const uint64_t *n = rd_figure_count(sum, i);
		const om_money *m = rd_figure_amount(sum, i);

		if (n != NULL && *n != *rd_figure_count(total, i))
			return om_fail(e, OM_INTERNAL,
			    "control total: %s of all %s add up to %" PRIu64 ", the total is %" PRIu64, figures[i].name,
			    parts, *n, *rd_figure_count(total, i));
		if (m != NULL && om_money_cmp(*m, *rd_figure_amount(total, i)) != 0)
			return om_fail(e, OM_INTERNAL, "control total: %s of all %s adds up to %s, the total is %s",
			    figures[i].name, parts, om_money_text(*m, a),
			    om_money_text(*rd_figure_amount(total, i), b));
	}
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
