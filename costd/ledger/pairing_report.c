/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pairing_report.h"

#include "pairing_in.h"
#include "database/schema.h"
#include "names/names.h"
#include "pairs/pairs.h"
#include "store/rollup.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)512 * 1024 * 1024)

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* ---- months and lines ---- */

/* The documents of a month, as they are printed. */
struct documents {
	FILE *out;
	bool any;
};

static om_status
print_document(void *arg, const struct cd_val *v, om_err *e)
{
	struct documents *d = arg;

	(void)e;
	(void)fprintf(
	    d->out, "%s%04lld-%06lld", d->any ? ", " : "  documents issued: ", (long long)v[0].i, (long long)v[1].i);
	d->any = true;
	return OM_OK;
}

/* print_line prints what one row did not count any more. */
static void
print_line(FILE *out, const struct cd_link_row *l)
{
	char cost[OM_MONEY_TEXT] = "no cost";
	const struct cd_cell *c = &l->part->own->all.cell[CD_F_COST];

	if (c->rank != CD_RANK_NONE)
		(void)om_money_text(c->v.money, cost);
	(void)fprintf(out, "  %s is part of %s (%s), %s\n", l->part->key.p, l->target->key.p,
	    l->wanted == CD_LINK_TAG ? "tag" : "matched", cost);
}

/* A month of the report. */
struct month_sum {
	char day[OM_DAY_TEXT];
	int64_t n;
	om_money less;
};

#define MONTHS 600u

struct months {
	struct month_sum m[MONTHS];
	size_t n;
};

static om_money
cost_of(const struct cd_row *row)
{
	return row->cell[CD_F_COST].rank != CD_RANK_NONE ? row->cell[CD_F_COST].v.money : OM_MONEY_ZERO;
}

/* add_to_month adds the amount by which a paired row counts less than its records say. */
static om_status
add_to_month(struct cd_pairs *c, struct cd_member *k, struct months *ms, om_err *e)
{
	char day[OM_DAY_TEXT];
	struct cd_row row;
	size_t i = 0;
	om_status s = cd_pairs_row(c, k, &row, e);

	if (s != OM_OK)
		return s;
	(void)om_day_text(cd_row_day(&k->own->all), day);
	memcpy(day + 8, "01", 2);
	while (i < ms->n && strcmp(ms->m[i].day, day) != 0)
		i++;
	if (i == MONTHS)
		return om_fail(e, OM_TOO_LARGE, "more than %u months", MONTHS);
	if (i == ms->n) {
		memcpy(ms->m[ms->n].day, day, sizeof day);
		ms->m[ms->n++].less = OM_MONEY_ZERO;
	}
	ms->m[i].n += row.is_part ? 1 : 0;
	ms->m[i].less.v += cost_of(&k->own->all).v - cost_of(&row).v;
	return OM_OK;
}

/* print_calls prints the pairs of some calls and adds them to their months; `made` alone:
 * only those that are new. */
static om_status
print_calls(FILE *out, struct cd_pairs *c, bool made, struct months *ms, om_err *e)
{
	size_t n = c->n;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		for (const struct cd_link_row *l = c->all[i]->targets; s == OM_OK && l != NULL; l = l->next_target) {
			if (l->wanted == CD_LINK_NONE || (made && l->wanted == l->stored))
				continue;
			s = cd_pairs_own(c, l->part, e);
			if (s == OM_OK)
				print_line(out, l);
			l->part->refresh = l->target->refresh = true;
		}
	}
	for (size_t i = 0; s == OM_OK && i < c->n; i++)
		if (c->all[i]->refresh)
			s = add_to_month(c, c->all[i], ms, e);
	return s;
}

static int
cmp_month(const void *a, const void *b)
{
	return strcmp(((const struct month_sum *)a)->day, ((const struct month_sum *)b)->day);
}

/* print_months prints the months and the documents that were issued for them. */
static om_status
print_months(FILE *out, struct cd_db *db, struct months *ms, bool dry, om_err *e)
{
	om_status s = OM_OK;

	qsort(ms->m, ms->n, sizeof *ms->m, cmp_month);
	for (size_t i = 0; s == OM_OK && i < ms->n; i++) {
		char cost[OM_MONEY_TEXT];
		struct documents d = {.out = out};

		(void)fprintf(out, "%.7s: %lld requests and %s USD less%s\n", ms->m[i].day, (long long)ms->m[i].n,
		    om_money_text(ms->m[i].less, cost), dry ? ", if it were done" : "");
		s = cd_db_query(db, "SELECT year,seq FROM document WHERE of_month=? ORDER BY year,seq",
		    (struct cd_val[]){cd_t(ms->m[i].day)}, 1, print_document, &d, e);
		if (d.any)
			(void)fprintf(out, "\n");
	}
	if (s == OM_OK && ms->n == 0)
		(void)fprintf(out, "no row %s part of another row's request\n", dry ? "would become" : "became");
	return s;
}

/* ---- the two reports ---- */

/* dry_page pairs a page, prints what it found and forgets the rows. */
static om_status
dry_page(FILE *out, struct cd_db *db, struct cd_pairing_step *st, struct months *ms, om_err *e)
{
	struct om_arena a;
	struct cd_pairs c;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	cd_pairs_init(&c, db, &a);
	c.dry = true;
	c.lock = false;
	st->c = &c;
	s = cd_pairing_take_step(st, e);
	if (s == OM_OK)
		s = print_calls(out, &c, true, ms, e);
	st->c = NULL;
	om_arena_fini(&a);
	return s;
}

om_status
cd_pairing_dry_run(const struct cd_db_opts *o, FILE *out, om_err *e)
{
	struct months *ms = calloc(1, sizeof *ms);
	struct cd_pairing_step st = {.place = {.at = INT64_MIN}};
	struct cd_db *db = NULL;
	om_status s = ms != NULL ? cd_db_open(o, &db, e) : no_memory(e);

	if (s == OM_OK && !cd_schema_is_current(db, cd_migrations, cd_n_migrations))
		s = om_fail(e, OM_VERSION,
		    "the database was made by an older program; ask that one with --dry-run, or bring the database up "
		    "with "
		    "costd --check");
	if (s == OM_OK)
		s = cd_names_open(db, e);
	if (s == OM_OK)
		s = cd_db_begin(db, e);
	while (s == OM_OK && !st.done)
		s = dry_page(out, db, &st, ms, e);
	if (s == OM_OK)
		s = print_months(out, db, ms, true, e);
	if (db != NULL)
		cd_db_rollback(db);
	cd_db_close(&db);
	free(ms);
	return s;
}

static om_status
want_line(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_pairs *c = arg;
	struct cd_member *part = cd_pairs_get(c, (struct cd_text){.p = v[0].p, .n = v[0].n});
	struct cd_member *target = cd_pairs_get(c, (struct cd_text){.p = v[1].p, .n = v[1].n});

	return part != NULL && target != NULL ? cd_link_want(c, part, target, (cd_link)v[2].i, e) : no_memory(e);
}

om_status
cd_pairing_report(struct cd_db *db, FILE *out, om_err *e)
{
	struct months *ms = calloc(1, sizeof *ms);
	struct om_arena a;
	struct cd_pairs c;
	om_status s = ms != NULL ? OM_OK : no_memory(e);

	om_arena_init(&a, ARENA_BYTES);
	cd_pairs_init(&c, db, &a);
	if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT ledger_key,target,kind FROM link WHERE upgrade=1 ORDER BY ledger_key,target", NULL, 0,
		    want_line, &c, e);
	if (s == OM_OK)
		s = print_calls(out, &c, false, ms, e);
	if (s == OM_OK)
		s = print_months(out, db, ms, false, e);
	om_arena_fini(&a);
	free(ms);
	return s;
}
