/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sections.c - a page for each user, which only the month's report has.
 */
#include "statement_in.h"
#include "words/clean.h"
#include "statement.pb-c.h"
#include "usage.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* One user's rows among user_models, which come user by user. */
struct range {
	const char *user;
	Om__UsageRow **rows;
	size_t n;
};

static int
by_user(const void *a, const void *b)
{
	return strcmp(((const struct range *)a)->user, ((const struct range *)b)->user);
}

static om_status
find_ranges(struct rd_maker *m, struct range **out, size_t *n_out, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	struct range *at = om_arena_array(m->arena, r->n_user_models + 1, sizeof *at);
	size_t n = 0;

	if (at == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < r->n_user_models; i++) {
		const char *user = r->user_models[i]->user;

		if (user == NULL)
			return om_fail(e, OM_PROTOCOL, "costd sent a user's model without the user");
		if (n > 0 && strcmp(at[n - 1].user, user) == 0)
			at[n - 1].n++;
		else
			at[n++] = (struct range){user, &r->user_models[i], 1};
	}
	qsort(at, n, sizeof *at, by_user);
	*out = at;
	*n_out = n;
	return OM_OK;
}

static om_status
make_section(struct rd_maker *m, const Om__UsageRow *u, const struct range *models, struct rd_section *out, om_err *e)
{
	const struct rd_locale *t = m->locale;
	struct rd_tile *tiles = om_arena_array(m->arena, 4, sizeof *tiles);
	struct rd_table *table = om_arena_alloc(m->arena, sizeof *table);
	struct rd_figures f;
	struct rd_charges c;
	om_money share;
	char percent[RD_SHOWN];
	om_status s = rd_figures_read(u->figures, &f, e);

	if (s == OM_OK && (tiles == NULL || table == NULL))
		s = om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		s = rd_charges_of(m->terms, &f, &c, e);
	if (s == OM_OK)
		s = rd_models_table(m, models->rows, models->n, &f, "models of a user", table, e);
	if (s != OM_OK)
		return s;
	*out = (struct rd_section){
	    .title = rd_user_name(m, u), .id = rd_clean(m->arena, u->user), .tiles = tiles, .table = table};
	tiles[out->n_tiles++] = (struct rd_tile){t->requests, RD_INT, {.known = true, .u.n = f.requests}};
	tiles[out->n_tiles++] = (struct rd_tile){t->input_tokens, RD_INT, {.known = true, .u.n = f.prompt_tokens}};
	tiles[out->n_tiles++] = (struct rd_tile){t->output_tokens, RD_INT, {.known = true, .u.n = f.completion_tokens}};
	if (rd_share_of(f.cost, m->total.cost, &share))
		tiles[out->n_tiles++] = (struct rd_tile){t->share, RD_TEXT,
		    {.known = true, .u.text = om_arena_strdup(m->arena, rd_show_percent(t, share, percent))}};
	out->amounts = rd_amounts_make(m, &f, &c, NULL, &out->n_amounts);
	return m->arena->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

om_status
rd_sections_make(struct rd_maker *m, const struct rd_section **out, size_t *n_out, om_err *e)
{
	const Om__StatementReply *r = m->reply;
	struct rd_section *at;
	struct range *ranges;
	size_t n;
	om_status s = find_ranges(m, &ranges, &n, e);

	*n_out = 0;
	if (s != OM_OK || r->n_users > RD_MAX_SECTIONS)
		return s;
	at = om_arena_array(m->arena, r->n_users + 1, sizeof *at);
	*out = at;
	if (at == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; s == OM_OK && i < r->n_users; i++) {
		const struct range key = {.user = r->users[i]->user != NULL ? r->users[i]->user : ""};
		const struct range *found = n > 0 ? bsearch(&key, ranges, n, sizeof *ranges, by_user) : NULL;

		if (found == NULL)
			return om_fail(e, OM_INTERNAL, "control total: a user's models are missing");
		s = make_section(m, r->users[i], found, &at[i], e);
	}
	*n_out = r->n_users;
	return s;
}
