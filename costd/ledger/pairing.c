/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pairing.h"

#include "pairing_in.h"
#include "write.h"
#include "database/meta.h"
#include "pairs/pairs.h"
#include "value/record.h"
#include "base/invariant.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define PAGE        500u
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define SAY_AT_MOST 100
#define PAIRING     "pairing"

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* ---- pages of sides ---- */

/* seed_page makes seeds of the sides after a place and moves the place. */
static om_status
seed_page(struct cd_pairs *c, struct cd_pairing_place *p, bool *more, om_err *e)
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
	struct cd_pairs *c = arg;

	return cd_pairs_get(c, (struct cd_text){.p = v[0].p, .n = v[0].n}) != NULL ? OM_OK : no_memory(e);
}

/* note_page writes the sides of the rows of turns after a key. */
static om_status
note_page(struct cd_pairs *c, char after[CD_KEY_BYTES], bool *more, om_err *e)
{
	om_status s = cd_db_query(c->db,
	    "SELECT generation_id FROM generation WHERE generation_id>? AND generation_id>=? AND generation_id<? "
	    "ORDER BY generation_id LIMIT 500",
	    (struct cd_val[]){cd_t(after), cd_t(CD_TURN_PREFIX), cd_t("owui;")}, 3, keep_key, c, e);

	for (size_t i = 0; s == OM_OK && i < c->n; i++) {
		s = cd_pairs_side(c, c->all[i], e);
		(void)snprintf(after, CD_KEY_BYTES, "%s", c->all[i]->key.p);
	}
	*more = c->n == PAGE;
	return s == OM_OK ? cd_turns_note(c, c->all, c->n, e) : s;
}

/* pair_page pairs a page of sides and, unless it is a dry run, writes their rows. */
static om_status
pair_page(struct cd_pairs *c, struct cd_pairing_place *p, bool *more, om_err *e)
{
	static const struct cd_lookup_times times = {.delay_us = 0};
	om_time next = INT64_MAX;
	om_status s = seed_page(c, p, more, e);

	if (s == OM_OK)
		s = cd_pairs_pair_rows(c, e);
	return s == OM_OK && !c->dry ? cd_write_rows(c, &times, &next, e) : s;
}

static int64_t
count_changes(const struct cd_pairs *c)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		for (const struct cd_link_row *l = c->all[i]->targets; l != NULL; l = l->next_target)
			n += l->wanted != l->stored && l->wanted != CD_LINK_NONE;
	return n;
}

om_status
cd_pairing_take_step(struct cd_pairing_step *st, om_err *e)
{
	bool more = false;
	om_status s;

	om_check(st->c != NULL && !st->done);
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
upgrade_step(struct cd_db *db, struct cd_pairing_step *st, om_err *e)
{
	struct om_arena a;
	struct cd_pairs c;
	int64_t done = 0;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	cd_pairs_init(&c, db, &a);
	c.upgrade = 1;
	st->c = &c;
	s = cd_db_begin(db, e);
	if (s == OM_OK)
		s = cd_meta_guard_zone(db, e);
	if (s == OM_OK)
		s = cd_meta_take_int(db, PAIRING, &done, e); /* as cd_pairs_guard does, for itself */
	if (s == OM_OK && done == 0)
		s = cd_pairing_take_step(st, e);
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
	struct cd_pairing_step st = {.place = {.at = INT64_MIN}};
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
say_line_wrong(int64_t *wrong, const struct cd_link_row *l)
{
	if ((*wrong)++ < SAY_AT_MOST)
		om_log(OM_LOG_ERROR,
		    l->wanted == CD_LINK_NONE
			? "the row is paired, and its records do not say so"
			: "the row's records say that it is paired, and it is paired otherwise or not at all",
		    "generation_id", l->part->key.p, "with", l->target->key.p, NULL);
}

/* check_sides compares the sides of a page with the journal. */
static om_status
check_sides(struct cd_pairs *c, int64_t *wrong, om_err *e)
{
	size_t n = c->n;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		struct cd_side now;

		s = cd_pairs_own(c, c->all[i], e);
		if (s != OM_OK)
			break;
		cd_own_side(c->all[i]->own, &now);
		now.has_usage =
		    c->all[i]->side.has_usage; /* these are not compared: nothing uses them of a turn's record */
		now.failed = c->all[i]->side.failed;
		if (!cd_side_is_same(&c->all[i]->side, &now))
			say_wrong(wrong, "what the row is paired by differs from its records", c->all[i]->key);
	}
	return s;
}

static om_status
check_page(struct cd_db *db, struct cd_pairing_place *p, bool *more, int64_t *wrong, om_err *e)
{
	struct cd_link_row **changed = NULL;
	struct om_arena a;
	struct cd_pairs c;
	size_t n = 0;
	om_status s;

	om_arena_init(&a, ARENA_BYTES);
	cd_pairs_init(&c, db, &a);
	c.lock = false;
	c.look = true;
	s = seed_page(&c, p, more, e);
	if (s == OM_OK)
		s = check_sides(&c, wrong, e);
	if (s == OM_OK)
		s = cd_pairs_pair(&c, &changed, &n, e);
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
	struct cd_pairing_place p = {.at = INT64_MIN};
	int64_t missing = 0, loose = 0;
	bool more = true;
	om_status s = cd_db_query(db,
	    "SELECT COUNT(*) FROM generation AS g LEFT JOIN turn AS t ON t.ledger_key=g.generation_id WHERE "
	    "g.generation_id>='" CD_TURN_PREFIX "' AND g.generation_id<'owui;' AND t.ledger_key IS NULL",
	    NULL, 0, keep_count, &missing, e);

	*wrong_out = missing;
	if (s == OM_OK && missing > 0)
		om_log(OM_LOG_ERROR, "rows of turns are missing in the table turn", "rows", OM_I64(missing), NULL);
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
		om_log(OM_LOG_ERROR, "rows that are paired are not marked as paired", "links", OM_I64(loose), NULL);
	while (s == OM_OK && more)
		s = check_page(db, &p, &more, wrong_out, e);
	return s;
}
