/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pairing.h"

#include "bring_up.h"
#include "settings.h"
#include "write.h"
#include "database/meta.h"
#include "database/schema.h"
#include "pairs/calls.h"
#include "store/rollup.h"
#include "value/record.h"
#include "base/log.h"
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE        500u
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define READ_S      86400
#define SAY_AT_MOST 100
#define PAIRING     "pairing"

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* ---- pages of sides ---- */

/* A place in the sides, by (time, key). */
struct place {
	om_time at;
	char key[CD_KEY_BYTES];
};

/* seed_page makes seeds of the sides behind a place and moves it. */
static om_status
seed_page(struct cd_calls *c, struct place *p, bool *more, om_err *e)
{
	struct om_buf where;
	om_status s;
	size_t n = 0;

	om_buf_init(&where, 256);
	om_buf_printf(&where, "(at_us>? OR (at_us=? AND ledger_key>?)) ORDER BY at_us,ledger_key LIMIT %u", PAGE);
	s = om_buf_done(&where, e);
	if (s == OM_OK)
		s = cd_turns_load(c, where.data, (struct cd_val[]){CD_I(p->at), CD_I(p->at), cd_t(p->key)}, 3, e);
	om_buf_fini(&where);
	for (size_t i = 0; s == OM_OK && i < c->n; i++) {
		const struct cd_side *d = &c->all[i]->side;

		c->all[i]->seed = true;
		n++;
		if (d->at > p->at || (d->at == p->at && strcmp(d->key.p, p->key) > 0)) {
			p->at = d->at;
			(void)snprintf(p->key, sizeof p->key, "%s", d->key.p);
		}
	}
	*more = n == PAGE;
	return s;
}

/* ---- the upgrade ---- */

static om_status
keep_key(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_calls *c = arg;

	return cd_calls_get(c, (struct cd_text){.p = v[0].p, .n = v[0].n}) != NULL ? OM_OK : no_memory(e);
}

/* note_page writes the sides of the rows of turns behind a key. */
static om_status
note_page(struct cd_calls *c, char after[CD_KEY_BYTES], bool *more, om_err *e)
{
	om_status s = cd_db_query(c->db,
	    "SELECT generation_id FROM generation WHERE generation_id>? AND generation_id>=? AND generation_id<? "
	    "ORDER BY generation_id LIMIT 500",
	    (struct cd_val[]){cd_t(after), cd_t(CD_TURN_PREFIX), cd_t("owui;")}, 3, keep_key, c, e);

	for (size_t i = 0; s == OM_OK && i < c->n; i++) {
		s = cd_calls_side(c, c->all[i], e);
		(void)snprintf(after, CD_KEY_BYTES, "%s", c->all[i]->key.p);
	}
	*more = c->n == PAGE;
	return s == OM_OK ? cd_turns_note(c, c->all, c->n, e) : s;
}

/* pair_page pairs a page of sides and, unless it is a dry run, writes their rows. */
static om_status
pair_page(struct cd_calls *c, struct place *p, bool *more, om_err *e)
{
	static const struct cd_lookup_times times = {.delay_us = 0};
	om_time next = INT64_MAX;
	om_status s = seed_page(c, p, more, e);

	if (s == OM_OK)
		s = cd_calls_pair_rows(c, e);
	return s == OM_OK && !c->dry ? cd_write_calls(c, &times, &next, e) : s;
}

/* One step of the upgrade, in a transaction of its own. */
struct step {
	struct cd_calls *c;
	char after[CD_KEY_BYTES]; /* of the first phase */
	struct place place;       /* of the second */
	bool noted, done;
	int64_t pairs;
};

static int64_t
count_changes(const struct cd_calls *c)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		for (const struct cd_line *l = c->all[i]->targets; l != NULL; l = l->next_target)
			n += l->wanted != l->stored && l->wanted != CD_LINK_NONE;
	return n;
}

static om_status
take_step(struct step *st, om_err *e)
{
	bool more = false;
	om_status s;

	if (!st->noted) {
		s = note_page(st->c, st->after, &more, e);
		st->noted = s == OM_OK && !more;
		return s;
	}
	s = pair_page(st->c, &st->place, &more, e);
	st->pairs += count_changes(st->c);
	st->done = s == OM_OK && !more;
	return s;
}

static om_status
upgrade_step(struct cd_db *db, struct step *st, om_err *e)
{
	struct om_arena a;
	struct cd_calls c;
	int64_t done = 0;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	cd_calls_init(&c, db, &a);
	c.upgrade = 1;
	st->c = &c;
	s = cd_db_begin(db, e);
	if (s == OM_OK)
		s = cd_meta_guard_zone(db, e);
	if (s == OM_OK)
		s = cd_meta_take_int(db, PAIRING, &done, e); /* as cd_calls_guard does, for itself */
	if (s == OM_OK && done == 0)
		s = take_step(st, e);
	if (s == OM_OK && st->done)
		s = cd_meta_set_int(db, PAIRING, 1, e);
	if (s == OM_OK)
		s = cd_db_commit(db, e);
	if (s != OM_OK)
		cd_db_rollback(db);
	st->done = st->done || done != 0;
	st->c = NULL;
	om_arena_fini(&a);
	return s;
}

om_status
cd_pairing_upgrade(struct cd_db *db, om_err *e)
{
	struct step st = {.place = {.at = INT64_MIN}};
	int64_t done = 0;
	om_status s = cd_meta_get_int(db, PAIRING, &done, e);

	cd_db_rollback(db);
	if (s != OM_OK || done != 0)
		return s;
	om_log(OM_LOG_INFO, "rows that are one call are paired", NULL);
	while (s == OM_OK && !st.done)
		s = upgrade_step(db, &st, e);
	if (s == OM_OK && st.pairs > 0)
		om_log(OM_LOG_WARN,
		    "requests that were counted twice are counted once now; costd --pair lists them and the documents "
		    "they are on",
		    "pairs", OM_I64(st.pairs), NULL);
	return s;
}

/* ---- the check ---- */

static void
say_wrong(int64_t *wrong, const char *what, struct cd_text key)
{
	if ((*wrong)++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR, what, "generation_id", key.p, NULL);
}

static void
say_line_wrong(int64_t *wrong, const struct cd_line *l)
{
	if ((*wrong)++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR,
		    l->wanted == CD_LINK_NONE ? "the row is paired, and its records do not say so"
					      : "the row's records say that it is paired, and it is not so",
		    "generation_id", l->part->key.p, "with", l->target->key.p, NULL);
}

/* check_sides compares the sides of a page with the journal. */
static om_status
check_sides(struct cd_calls *c, int64_t *wrong, om_err *e)
{
	size_t n = c->n;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		struct cd_side now;

		s = cd_calls_own(c, c->all[i], e);
		if (s != OM_OK)
			break;
		cd_own_side(c->all[i]->own, &now);
		now.has_usage = c->all[i]->side.has_usage; /* of a turn's record nobody asks for these */
		now.failed = c->all[i]->side.failed;
		if (!cd_side_is_same(&c->all[i]->side, &now))
			say_wrong(wrong, "what the row is paired by differs from its records", c->all[i]->key);
	}
	return s;
}

static om_status
check_page(struct cd_db *db, struct place *p, bool *more, int64_t *wrong, om_err *e)
{
	struct cd_line **changed = NULL;
	struct om_arena a;
	struct cd_calls c;
	size_t n = 0;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	cd_calls_init(&c, db, &a);
	c.lock = false;
	c.look = true;
	s = seed_page(&c, p, more, e);
	if (s == OM_OK)
		s = check_sides(&c, wrong, e);
	if (s == OM_OK)
		s = cd_calls_pair(&c, &changed, &n, e);
	for (size_t i = 0; s == OM_OK && i < n; i++)
		say_line_wrong(wrong, changed[i]);
	om_arena_fini(&a);
	return s;
}

static om_status
keep_count(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].i;
	return OM_OK;
}

om_status
cd_pairing_check(struct cd_db *db, int64_t *wrong_out, om_err *e)
{
	struct place p = {.at = INT64_MIN};
	int64_t missing = 0, loose = 0;
	bool more = true;
	om_status s = cd_db_query(db,
	    "SELECT COUNT(*) FROM generation AS g LEFT JOIN turn AS t ON t.ledger_key=g.generation_id WHERE "
	    "g.generation_id>='" CD_TURN_PREFIX "' AND g.generation_id<'owui;' AND t.ledger_key IS NULL",
	    NULL, 0, keep_count, &missing, e);

	*wrong_out = missing;
	if (s == OM_OK && missing > 0)
		om_log(OM_LOG_ERROR, "rows of turns are not known to pairing", "rows", OM_I64(missing), NULL);
	if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT COUNT(*) FROM link AS l LEFT JOIN generation AS p ON p.generation_id=l.ledger_key LEFT "
		    "JOIN "
		    "generation AS t ON t.generation_id=l.target WHERE COALESCE(p.link_kind,0)=0 OR "
		    "COALESCE(t.link_kind,0)=0 OR p.requests<>0 OR NOT EXISTS (SELECT 1 FROM turn WHERE "
		    "turn.ledger_key=l.ledger_key)",
		    NULL, 0, keep_count, &loose, e);
	*wrong_out += loose;
	if (s == OM_OK && loose > 0)
		om_log(OM_LOG_ERROR, "rows do not know that they are paired", "links", OM_I64(loose), NULL);
	while (s == OM_OK && more)
		s = check_page(db, &p, &more, wrong_out, e);
	return s;
}

/* ---- the report ---- */

static om_status
keep_document(void *arg, const struct cd_val *v, om_err *e)
{
	bool *first = arg;

	(void)e;
	(void)printf("%s%04lld-%06lld", *first ? "  documents issued: " : ", ", (long long)v[0].i, (long long)v[1].i);
	*first = false;
	return OM_OK;
}

/* say_line prints what one row did not count any more. */
static void
say_line(const struct cd_line *l)
{
	char cost[OM_MONEY_TEXT] = "no cost";
	const struct cd_cell *c = &l->part->own->all.cell[CD_F_COST];

	if (c->rank != CD_RANK_NONE)
		(void)om_money_text(c->v.money, cost);
	(void)printf("  %s is part of %s (%s), %s\n", l->part->key.p, l->target->key.p,
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

/* add_to_month adds what a row at one end of a pair counts less than its records say. */
static om_status
add_to_month(struct cd_calls *c, struct cd_call *k, struct months *ms, om_err *e)
{
	char day[OM_DAY_TEXT];
	struct cd_row row;
	size_t i = 0;
	om_status s = cd_calls_row(c, k, &row, e);

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

/* say_calls prints the pairs of some calls and adds them to their months; `made` alone:
 * only those that are new. */
static om_status
say_calls(struct cd_calls *c, bool made, struct months *ms, om_err *e)
{
	size_t n = c->n;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		for (const struct cd_line *l = c->all[i]->targets; s == OM_OK && l != NULL; l = l->next_target) {
			if (l->wanted == CD_LINK_NONE || (made && l->wanted == l->stored))
				continue;
			s = cd_calls_own(c, l->part, e);
			if (s == OM_OK)
				say_line(l);
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

/* say_months prints the months and the documents that were issued for them. */
static om_status
say_months(struct cd_db *db, struct months *ms, bool dry, om_err *e)
{
	om_status s = OM_OK;

	qsort(ms->m, ms->n, sizeof *ms->m, cmp_month);
	for (size_t i = 0; s == OM_OK && i < ms->n; i++) {
		char cost[OM_MONEY_TEXT];
		bool first = true;

		(void)printf("%.7s: %lld requests and %s USD less%s\n", ms->m[i].day, (long long)ms->m[i].n,
		    om_money_text(ms->m[i].less, cost), dry ? ", if it were done" : "");
		s = cd_db_query(db, "SELECT year,seq FROM document WHERE of_month=? ORDER BY year,seq",
		    (struct cd_val[]){cd_t(ms->m[i].day)}, 1, keep_document, &first, e);
		if (!first)
			(void)printf("\n");
	}
	if (s == OM_OK && ms->n == 0)
		(void)printf("no row %s part of another row's request\n", dry ? "would become" : "became");
	return s;
}

/* ---- the command ---- */

/* dry_page pairs a page, prints what it found and forgets the rows. */
static om_status
dry_page(struct cd_db *db, struct step *st, struct months *ms, om_err *e)
{
	struct om_arena a;
	struct cd_calls c;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	cd_calls_init(&c, db, &a);
	c.dry = true;
	c.lock = false;
	st->c = &c;
	s = take_step(st, e);
	if (s == OM_OK)
		s = say_calls(&c, true, ms, e);
	st->c = NULL;
	om_arena_fini(&a);
	return s;
}

/* The tables that an older program's database has not; they end with the connection. */
static const char *const for_now[] = {
    "CREATE TEMPORARY TABLE turn (ledger_key VARCHAR(160) NOT NULL,of_turn TINYINT NOT NULL,turn_id VARCHAR(128) NOT "
    "NULL,message_id VARCHAR(256),request INT,source "
    "VARCHAR(64),platform VARCHAR(64),at_us BIGINT NOT NULL,user_id VARCHAR(128) NOT NULL,model VARCHAR(256),"
    "prompt_tokens BIGINT,completion_tokens BIGINT,alone TINYINT NOT NULL,PRIMARY KEY (ledger_key),KEY by_time (at_us),"
    "KEY by_tokens (prompt_tokens,completion_tokens,at_us),KEY by_user (user_id,at_us),KEY by_turn (turn_id)) "
    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
    "CREATE TEMPORARY TABLE link (ledger_key VARCHAR(160) NOT NULL,target VARCHAR(160) NOT NULL,kind TINYINT NOT NULL,"
    "made_us BIGINT NOT NULL,upgrade TINYINT NOT NULL,PRIMARY KEY (ledger_key,target),KEY by_target (target)) "
    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
};

static om_status
dry_run(const struct cd_db_opts *o, om_err *e)
{
	struct months *ms = calloc(1, sizeof *ms);
	struct step st = {.place = {.at = INT64_MIN}};
	struct cd_db *db = NULL;
	unsigned step = 0;
	om_status s = ms != NULL ? cd_db_open(o, &db, e) : no_memory(e);

	if (s == OM_OK)
		s = cd_schema_step(db, &step, e);
	if (s == OM_OK)
		s = cd_store_as_before(step, e);
	for (size_t i = 0; s == OM_OK && cd_store_is_before() && i < sizeof for_now / sizeof for_now[0]; i++)
		s = cd_db_run(db, for_now[i], e);
	if (s == OM_OK)
		s = cd_db_begin(db, e);
	while (s == OM_OK && !st.done)
		s = dry_page(db, &st, ms, e);
	if (s == OM_OK)
		s = say_months(db, ms, true, e);
	if (db != NULL)
		cd_db_rollback(db);
	cd_db_close(&db);
	free(ms);
	return s;
}

static om_status
keep_upgraded(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_calls *c = arg;
	struct cd_call *part = cd_calls_get(c, (struct cd_text){.p = v[0].p, .n = v[0].n});
	struct cd_call *target = cd_calls_get(c, (struct cd_text){.p = v[1].p, .n = v[1].n});

	return part != NULL && target != NULL ? cd_line_want(c, part, target, (cd_link)v[2].i, e) : no_memory(e);
}

/* say_upgraded prints what the upgrade paired. */
static om_status
say_upgraded(struct cd_db *db, om_err *e)
{
	struct months *ms = calloc(1, sizeof *ms);
	struct om_arena a;
	struct cd_calls c;
	om_status s = ms != NULL ? OM_OK : no_memory(e);

	om_arena_init(&a, ARENA_BYTES);
	cd_calls_init(&c, db, &a);
	if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT ledger_key,target,kind FROM link WHERE upgrade=1 ORDER BY ledger_key,target", NULL, 0,
		    keep_upgraded, &c, e);
	if (s == OM_OK)
		s = say_calls(&c, false, ms, e);
	if (s == OM_OK)
		s = say_months(db, ms, false, e);
	om_arena_fini(&a);
	free(ms);
	return s;
}

static om_status
carry_out(const struct cd_settings *conf, bool dry, om_err *e)
{
	struct cd_db_opts o;
	struct cd_db *db = NULL;
	om_status s = om_zone_open(conf->timezone, e);

	cd_settings_db(conf, &o);
	o.read_s = READ_S;
	if (s == OM_OK)
		s = cd_store_init(e);
	if (s == OM_OK && dry)
		return dry_run(&o, e);
	if (s == OM_OK)
		s = cd_bring_up(&o, e);
	if (s == OM_OK)
		s = cd_db_open(&o, &db, e);
	if (s == OM_OK)
		s = say_upgraded(db, e);
	cd_db_close(&db);
	return s;
}

int
cd_pairing_main(bool dry)
{
	struct cd_settings conf = {0};
	om_err e = {.text = ""};
	om_status s;
	int rc = 2;

	om_log_init("costd", OM_LOG_INFO);
	s = om_conf_load(cd_settings_table, CD_N_SETTINGS, &conf, &e);
	if (s == OM_OK) {
		s = carry_out(&conf, dry, &e);
		rc = s == OM_OK ? 0 : 1;
	}
	if (s != OM_OK)
		(void)fprintf(stderr, "costd: %s\n", om_err_text(&e, s));
	om_conf_fini(cd_settings_table, CD_N_SETTINGS, &conf);
	return rc;
}
