/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fixture.h"

#include "record.pb-c.h"
#include "usage.pb-c.h"
#include "wire/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fx_scripts[7] = {
    "Zo\xc3\xab \xc5\x81ukasiewicz-\xc3\x98stergaard", /* Latin */
    "\xce\xa5\xcf\x80\xce\xb1\xcf\x84\xce\xaf\xce\xb1 \xce\xa0\xce\xb1\xcf\x80\xce\xb1\xce\xb4\xce\xbf\xcf\x80\xce"
    "\xbf\xcf\x8d\xce\xbb\xce\xbf\xcf\x85", /* Greek */
    "\xd0\x9c\xd0\xb0\xd1\x80\xd0\xb8\xd1\x8f \xd0\xa9\xd0\xb5\xd1\x80\xd0\xb1\xd0\xb0\xd0\xba\xd0\xbe\xd0\xb2\xd0"
    "\xb0",                                                        /* Cyrillic */
    "\xe5\xb1\xb1\xe7\x94\xb0\xe8\x8a\xb1\xe5\xad\x90",            /* Japanese */
    "\xea\xb9\x80\xeb\xaf\xbc\xec\xa4\x80",                        /* Korean */
    "\xe6\x9d\x8e\xe5\xb0\x8f\xe9\xbe\x99",                        /* Chinese */
    "Emoji \xf0\x9f\x90\x99 and \xd9\x85\xd8\xad\xd9\x85\xd8\xaf", /* in no font of the documents */
};

static void *
must(void *p)
{
	if (p == NULL) {
		(void)fprintf(stderr, "the fixture ran out of memory\n");
		abort();
	}
	return p;
}

/* Sums under construction. */
struct sum {
	uint64_t requests, prompt, completion, reasoning, cached, unsettled;
	om_money cost, byok;
};

static void
add(struct sum *s, const struct sum *x)
{
	s->requests += x->requests;
	s->prompt += x->prompt;
	s->completion += x->completion;
	s->reasoning += x->reasoning;
	s->cached += x->cached;
	s->unsettled += x->unsettled;
	if (om_money_add(s->cost, x->cost, &s->cost) != OM_OK || om_money_add(s->byok, x->byok, &s->byok) != OM_OK)
		abort();
}

static char *
money(struct om_arena *a, om_money m)
{
	char text[OM_MONEY_TEXT];

	return must(om_arena_strdup(a, om_money_text(m, text)));
}

static Om__Figures *
figures(struct om_arena *a, const struct sum *s)
{
	Om__Figures *f = must(om_msg_new(a, &om__figures__descriptor));

	f->requests = s->requests;
	f->prompt_tokens = s->prompt;
	f->completion_tokens = s->completion;
	f->reasoning_tokens = s->reasoning;
	f->cached_tokens = s->cached;
	f->unsettled = s->unsettled;
	f->cost = money(a, s->cost);
	f->byok_cost = money(a, s->byok);
	return f;
}

static Om__UsageRow *
usage(struct om_arena *a, const struct sum *s)
{
	Om__UsageRow *r = must(om_msg_new(a, &om__usage_row__descriptor));

	r->figures = figures(a, s);
	return r;
}

static char *
model_name(struct om_arena *a, const struct fx_shape *sh, unsigned m)
{
	return must(sh->models != NULL ? om_arena_strdup(a, sh->models[m])
				       : om_arena_printf(a, "maker-%u/model-%u-instruct", m % 7, m));
}

static char *
user_id(struct om_arena *a, const struct fx_shape *sh, unsigned u)
{
	if (sh->users == NULL)
		return must(om_arena_strdup(a, FX_USER));
	return must(om_arena_printf(a, "3f2504e0-4f89-41d3-9a0c-%012x", u));
}

/* generation makes the i-th request of a user and model, and its figures. */
static Om__Generation *
generation(struct om_arena *a, const struct fx_shape *sh, unsigned u, unsigned m, unsigned i, om_day day,
    om_money price, struct sum *out)
{
	Om__Generation *g = must(om_msg_new(a, &om__generation__descriptor));
	char text[OM_DAY_TEXT];

	g->generation_id = must(om_arena_printf(a, "gen-%u-%u-%u", u, m, i));
	g->user = user_id(a, sh, u);
	g->user_name = must(om_arena_strdup(a, sh->users != NULL ? sh->users[u] : sh->user));
	g->model = model_name(a, sh, m);
	g->provider = must(om_arena_strdup(a, m % 2 == 0 ? "Anthropic" : "Deep Infra"));
	g->started_us = OM_DAY * day + (om_time)(9 * 3600 + 61 * i) * OM_SECOND + 120000;
	g->has_finished_us = 1;
	g->finished_us = g->started_us + 2780000;
	g->day = must(om_arena_strdup(a, om_day_text(day, text)));
	g->state = OM__STATE__STATE_FINAL;
	g->cost_state = OM__COST_STATE__COST_REPORTED;
	g->origin = must(om_arena_strdup(a, "ui"));
	g->has_prompt_tokens = g->has_completion_tokens = g->has_reasoning_tokens = g->has_cached_tokens = 1;
	*out = (struct sum){
	    .requests = 1,
	    .prompt = 900 + 37 * i + m,
	    .completion = 250 + 11 * i,
	    .reasoning = 40 + i,
	    .cached = 512,
	    .cost = {price.v * (om_i128)(1 + (i * 7 + m * 3 + u) % 11)},
	    .byok = {sh->byok && i % 5 == 0 ? price.v / 3 : 0},
	};
	g->prompt_tokens = (int64_t)out->prompt;
	g->completion_tokens = (int64_t)out->completion;
	g->reasoning_tokens = (int64_t)out->reasoning;
	g->cached_tokens = (int64_t)out->cached;
	g->cost = money(a, out->cost);
	g->has_requests = g->has_unsettled = 1;
	g->requests = 1;
	if (out->byok.v != 0) {
		g->byok_cost = money(a, out->byok);
		g->has_is_byok = g->is_byok = 1;
	}
	return g;
}

/* make_rest makes a row what a turn cost beyond its known requests. */
static void
make_rest(struct om_arena *a, Om__Generation *g, unsigned i, struct sum *one)
{
	*one = (struct sum){.cost = one->cost};
	g->generation_id = must(om_arena_printf(a, "owui:turn-%u", i));
	g->requests = 0;
	g->has_prompt_tokens = g->has_completion_tokens = g->has_reasoning_tokens = g->has_cached_tokens = 0;
	g->has_is_byok = 0;
	g->byok_cost = NULL;
}

static bool
is_used(const struct sum *s)
{
	return s->requests > 0 || s->cost.v != 0;
}

static void
head(struct om_arena *a, const struct fx_shape *sh, const struct rd_month *mo, Om__StatementReply *r)
{
	r->timezone = must(om_arena_strdup(a, sh->zone != NULL ? sh->zone : "Europe/Berlin"));
	r->zone = must(om_zone_write(fx_zone(sh->zone), a));
	r->from_day = om_day_from_civil(mo->year, mo->month, 1);
	r->to_day =
	    mo->month == 12 ? om_day_from_civil(mo->year + 1, 1, 1) : om_day_from_civil(mo->year, mo->month + 1, 1);
	r->from_us = OM_DAY * r->from_day;
	r->to_us = OM_DAY * r->to_day;
	r->generated_us = sh->running ? r->to_us - 5 * OM_DAY : r->to_us + (om_time)32400 * OM_SECOND + 12345678;
	if (sh->users == NULL) {
		r->user = must(om_msg_new(a, &om__user__descriptor));
		r->user->id = must(om_arena_strdup(a, FX_USER));
		r->user->name = must(om_arena_strdup(a, sh->user != NULL ? sh->user : "Ada Lovelace"));
		r->user->email = must(om_arena_strdup(a, sh->email != NULL ? sh->email : "ada@example.org"));
	}
}

struct rd_month
fx_month(const struct fx_shape *sh)
{
	return (struct rd_month){
	    .year = sh->year != 0 ? sh->year : 2026,
	    .month = sh->month != 0 ? sh->month : 11,
	    .user = sh->users == NULL ? FX_USER : NULL,
	    .group = sh->group,
	    .zone = fx_zone(sh->zone),
	};
}

/* add_groups puts every user into one group, and every second into another. */
static void
add_groups(struct om_arena *a, Om__StatementReply *r)
{
	static const char *const names[] = {"staff", "Forschung und Entwicklung"};

	r->groups = must(om_arena_array(a, 2, sizeof(void *)));
	for (size_t g = 0; g < 2; g++) {
		struct sum sum = {0};

		for (size_t i = 0; i < r->n_users; i += g + 1) {
			const Om__Figures *f = r->users[i]->figures;
			struct sum one = {f->requests, f->prompt_tokens, f->completion_tokens, f->reasoning_tokens,
			    f->cached_tokens, f->unsettled, OM_MONEY_ZERO, OM_MONEY_ZERO};

			if (om_money_parse(f->cost, &one.cost, NULL) != OM_OK ||
			    om_money_parse(f->byok_cost, &one.byok, NULL) != OM_OK)
				abort();
			add(&sum, &one);
		}
		r->groups[g] = usage(a, &sum);
		r->groups[g]->group = must(om_arena_strdup(a, names[g]));
	}
	r->n_groups = 2;
}

/* add_before makes the month before: rows that cost a part of this month's, or
 * more, and one of a user or model that is gone. */
static void
add_before(struct om_arena *a, Om__StatementReply *r)
{
	for (int users = 0; users < 2; users++) {
		Om__UsageRow **now = users ? r->users : r->models;
		size_t n = users ? r->n_users : r->n_models;
		Om__UsageRow **before = must(om_arena_array(a, n + 1, sizeof(void *)));

		for (size_t i = 0; i <= n; i++) {
			struct sum s = {.requests = 3, .cost = {(om_i128)12500000000000000}};

			if (i < n && om_money_parse(now[i]->figures->cost, &s.cost, NULL) != OM_OK)
				abort();
			if (i < n)
				s.cost.v = s.cost.v / 10 * (om_i128)(3 + 4 * i);
			before[i] = usage(a, &s);
			before[i]->user = users ? i < n ? now[i]->user : must(om_arena_strdup(a, "u-gone")) : NULL;
			before[i]->user_name =
			    users ? i < n ? now[i]->user_name : must(om_arena_strdup(a, "Gone Away")) : NULL;
			before[i]->model = users ? NULL
			    : i < n              ? now[i]->model
						 : must(om_arena_strdup(a, "gone/model"));
		}
		*(users ? &r->previous_users : &r->previous_models) = before;
		*(users ? &r->n_previous_users : &r->n_previous_models) = n + 1;
	}
}

Om__StatementReply *
fx_reply(struct om_arena *a, const struct fx_shape *shape)
{
	struct fx_shape sh = *shape;
	struct rd_month mo = fx_month(&sh);
	Om__StatementReply *r = must(om_msg_new(a, &om__statement_reply__descriptor));
	unsigned n_users = sh.users != NULL ? sh.n_users : 1, days = sh.days != 0 ? sh.days : 24;
	size_t most = (size_t)n_users * sh.n_models * sh.n_requests + sh.rests, unsettled = sh.unsettled,
	       estimated = sh.estimated;
	struct sum total = {0}, previous = {0}, *by_day, *by_model;
	om_money price, estimates = OM_MONEY_ZERO;

	sh.user = sh.user != NULL ? sh.user : "Ada Lovelace";
	if (om_money_parse(sh.price != NULL ? sh.price : "0.0012345", &price, NULL) != OM_OK)
		abort();
	head(a, &sh, &mo, r);
	by_day = must(om_arena_array(a, days + 1, sizeof *by_day));
	by_model = must(om_arena_array(a, sh.n_models + 1, sizeof *by_model));
	r->generations = must(om_arena_array(a, most + 1, sizeof(void *)));
	r->users = must(om_arena_array(a, n_users + 1, sizeof(void *)));
	r->user_models = must(om_arena_array(a, (size_t)n_users * sh.n_models + 1, sizeof(void *)));
	r->models = must(om_arena_array(a, sh.n_models + 1, sizeof(void *)));
	r->days = must(om_arena_array(a, days + 1, sizeof(void *)));
	for (unsigned u = 0; u < n_users; u++) {
		struct sum by_user = {0};

		for (unsigned m = 0; m < sh.n_models; m++) {
			struct sum pair = {0};

			for (unsigned i = 0; i < sh.n_requests + (u == 0 && m == 0 ? sh.rests : 0); i++) {
				unsigned d = (i * 5 + m + u) % days;
				struct sum one;
				Om__Generation *g = generation(a, &sh, u, m, i, r->from_day + (om_day)d, price, &one);

				if (i >= sh.n_requests) {
					make_rest(a, g, i, &one);
				} else if (estimated > 0) {
					estimated--;
					unsettled--;
					one.unsettled = 1;
					estimates.v += one.cost.v;
					g->cost_state = OM__COST_STATE__COST_ESTIMATED;
				} else if (unsettled > 0) {
					unsettled--;
					one.unsettled = 1;
					one.cost = OM_MONEY_ZERO;
					g->cost = NULL;
					g->cost_state = OM__COST_STATE__COST_UNKNOWN;
				}
				g->unsettled = one.unsettled > 0;
				add(&pair, &one);
				add(&by_day[d], &one);
				if (r->n_generations < sh.max_rows)
					r->generations[r->n_generations++] = g;
			}
			add(&by_user, &pair);
			add(&by_model[m], &pair);
			if (sh.users != NULL && is_used(&pair)) {
				Om__UsageRow *row = usage(a, &pair);

				row->user = user_id(a, &sh, u);
				row->user_name = must(om_arena_strdup(a, sh.users[u]));
				row->model = model_name(a, &sh, m);
				row->provider = must(om_arena_strdup(a, m % 2 == 0 ? "Anthropic" : "Deep Infra"));
				r->user_models[r->n_user_models++] = row;
			}
		}
		add(&total, &by_user);
		if (sh.users != NULL && is_used(&by_user)) {
			Om__UsageRow *row = usage(a, &by_user);

			row->user = user_id(a, &sh, u);
			row->user_name = must(om_arena_strdup(a, sh.users[u]));
			r->users[r->n_users++] = row;
		}
	}
	for (unsigned m = 0; m < sh.n_models; m++)
		if (is_used(&by_model[m])) {
			Om__UsageRow *row = usage(a, &by_model[m]);

			row->model = model_name(a, &sh, m);
			row->provider = must(om_arena_strdup(a, m % 2 == 0 ? "Anthropic" : "Deep Infra"));
			r->models[r->n_models++] = row;
		}
	for (unsigned d = 0; d < days; d++)
		if (is_used(&by_day[d])) {
			Om__UsageRow *row = usage(a, &by_day[d]);
			char text[OM_DAY_TEXT];

			row->day = must(om_arena_strdup(a, om_day_text(r->from_day + (om_day)d, text)));
			r->days[r->n_days++] = row;
		}
	if (sh.groups)
		add_groups(a, r);
	if (sh.before)
		add_before(a, r);
	if (sh.estimated > 0) {
		r->has_estimated = 1;
		r->estimated = sh.estimated;
		r->estimated_cost = money(a, estimates);
	}
	r->group = sh.group != NULL ? must(om_arena_strdup(a, sh.group)) : NULL;
	previous = total;
	previous.cost.v = total.cost.v / 10 * 8;
	r->total = figures(a, &total);
	r->previous_total = figures(a, &previous);
	r->has_rests = 1;
	r->rests = sh.rests;
	r->rows_left_out = total.requests + sh.rests - r->n_generations;
	return r;
}
