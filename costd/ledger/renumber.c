/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "renumber.h"

#include "renumber_in.h"
#include "names/names.h"
#include "base/invariant.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)512 * 1024 * 1024)
#define META_BYTES  64
#define DONE        "done"

/* In this order: what is used by a number is there before it is used. */
static const struct piece {
	unsigned version; /* of the step of the schema */
	const char *name; /* in meta, after "renumber_" */
	cd_renumber_fn *step;
} pieces[] = {
    {CD_RENUMBER_STEP, "words", cd_renumber_words},
    {CD_RENUMBER_STEP, "sets", cd_renumber_sets},
    {CD_RENUMBER_STEP, "people", cd_renumber_people},
    {CD_RENUMBER_STEP, "ids", cd_renumber_ids},
    {CD_RENUMBER_STEP, "records", cd_renumber_records},
    {CD_RENUMBER_STEP, "rows", cd_renumber_rows},
    {CD_RENUMBER_STEP, "turns", cd_renumber_turns},
    {CD_RENUMBER_STEP, "days", cd_renumber_days},
    {CD_RENUMBER_STEP, "sums", cd_renumber_sums},
    {CD_RENUMBER_STEP, "documents", cd_renumber_documents},
    {CD_RENUMBER_KEYS, "losers", cd_renumber_losers},
    {CD_RENUMBER_KEYS, "claims", cd_renumber_claims},
};
#define N_PIECES (sizeof pieces / sizeof pieces[0])

/* The whole work on its way. */
struct work {
	struct cd_db *db;
	struct cd_schema_turn *turn;
	int64_t total, copied; /* rows, about */
	int told;              /* per cent */
};

om_status
cd_renumber_number(const char *text, int64_t *out, const char **rest_out, om_err *e)
{
	char *end = NULL;

	errno = 0;
	*out = (int64_t)strtoll(text, &end, 10);
	*rest_out = end;
	return errno == 0 && end != text ? OM_OK
					 : om_fail(e, OM_DAMAGED, "meta: %.60s is no place of the copying", text);
}

om_status
cd_renumber_index(struct cd_renumber_place *p, size_t n, size_t *i_out, om_err *e)
{
	uint64_t i = 0;

	if (p->at[0] != '\0' && !om_u64_parse(p->at, n, &i))
		return om_fail(e, OM_DAMAGED, "meta: %.60s is no place of the copying", p->at);
	*i_out = (size_t)i;
	p->done = i >= n;
	(void)snprintf(p->at, sizeof p->at, "%llu", (unsigned long long)i + 1);
	return OM_OK;
}

static om_status
keep_place(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_renumber_place *p = arg;

	if (v[0].n >= sizeof p->at)
		return om_fail(e, OM_DAMAGED, "meta: a place of the copying is too long");
	memcpy(p->at, v[0].p, v[0].n + 1);
	p->done = strcmp(p->at, DONE) == 0;
	return OM_OK;
}

static const char *
meta_name(const struct piece *piece, char out[META_BYTES])
{
	(void)snprintf(out, META_BYTES, "renumber_%s", piece->name);
	return out;
}

static om_status
load_place(struct cd_db *db, const struct piece *piece, struct cd_renumber_place *p, om_err *e)
{
	char name[META_BYTES];

	*p = (struct cd_renumber_place){.at = ""};
	return cd_db_query(db, "SELECT value FROM meta WHERE name=?", (struct cd_val[]){cd_t(meta_name(piece, name))},
	    1, keep_place, p, e);
}

static om_status
save_place(struct cd_db *db, const struct piece *piece, const struct cd_renumber_place *p, om_err *e)
{
	char name[META_BYTES];

	return cd_db_exec(db, "INSERT INTO meta (name,value) VALUES (?,?) ON DUPLICATE KEY UPDATE value=VALUES(value)",
	    (struct cd_val[]){cd_t(meta_name(piece, name)), cd_t(p->done ? DONE : p->at)}, 2, 1, NULL, e);
}

/* tell says how far it is, in whole per cents of the rows. */
static void
tell(struct work *w)
{
	const int64_t part = w->total > 0 ? w->copied * 100 / w->total : 100;
	const int now = part < 99 ? (int)part : 99;
	char text[128];

	if (now == w->told)
		return;
	w->told = now;
	(void)snprintf(
	    text, sizeof text, "the database is brought to this program's form: %d %% of the rows are copied", now);
	cd_schema_tell(w->turn, text);
	if (now % 10 == 0)
		om_log(OM_LOG_INFO, "rows are copied into the tables of this version", "per_cent", OM_I64(now), NULL);
}

static om_status
take_step(struct work *w, const struct piece *piece, struct cd_renumber_place *p, om_err *e)
{
	struct om_arena a;
	om_status s = cd_db_begin(w->db, e);

	om_arena_init(&a, ARENA_BYTES);
	p->a = &a;
	p->rows = 0;
	if (s == OM_OK)
		s = piece->step(w->db, p, e);
	if (s == OM_OK)
		s = save_place(w->db, piece, p, e);
	if (s == OM_OK)
		s = cd_schema_hold(w->turn, w->db, e);
	if (s == OM_OK)
		s = cd_db_commit(w->db, e);
	if (s != OM_OK) {
		cd_db_rollback(w->db);
		cd_names_forget(); /* some may have been given their numbers in this transaction */
	}
	p->a = NULL;
	om_arena_fini(&a);
	w->copied += s == OM_OK ? p->rows : 0;
	tell(w);
	return s;
}

static om_status
carry_out(struct work *w, const struct piece *piece, om_err *e)
{
	struct cd_renumber_place p;
	om_status s = load_place(w->db, piece, &p, e);

	cd_db_rollback(w->db);
	while (s == OM_OK && !p.done)
		s = take_step(w, piece, &p, e);
	return s;
}

static om_status
keep_int(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	*(int64_t *)arg = v[0].kind == CD_INT ? v[0].i : 0;
	return OM_OK;
}

/* count_rows estimates how many rows there are, and how many were copied before. */
static om_status
count_rows(struct work *w, om_err *e)
{
	static const char sql[] =
	    "SELECT CAST(COALESCE(SUM(TABLE_ROWS),0) AS SIGNED) FROM information_schema.TABLES WHERE "
	    "TABLE_SCHEMA=DATABASE() AND TABLE_NAME IN (?,?)";
	om_status s = cd_db_query(
	    w->db, sql, (struct cd_val[]){cd_t("record_before"), cd_t("generation_before")}, 2, keep_int, &w->total, e);

	if (s == OM_OK)
		s = cd_db_query(
		    w->db, sql, (struct cd_val[]){cd_t("record"), cd_t("generation")}, 2, keep_int, &w->copied, e);
	cd_db_rollback(w->db);
	return s;
}

static om_status
renumber(struct cd_db *db, struct cd_schema_turn *turn, unsigned version, om_err *e)
{
	struct work w = {.db = db, .turn = turn, .told = -1};
	om_status s = cd_names_open(db, e);

	if (s == OM_OK)
		s = count_rows(&w, e);
	for (size_t i = 0; s == OM_OK && i < N_PIECES; i++)
		if (pieces[i].version == version)
			s = carry_out(&w, &pieces[i], e);
	return s;
}

const struct cd_schema_work cd_renumber_work[] = {
    {.version = CD_RENUMBER_STEP, .run = renumber},
    {.version = CD_RENUMBER_KEYS, .run = renumber},
    {.version = 0},
};
