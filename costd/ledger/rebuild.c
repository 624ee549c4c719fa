/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rebuild.h"

#include "database/meta.h"
#include "pairs/pairs.h"
#include "store/rollup.h"
#include "store/store.h"
#include "value/record.h"
#include "base/invariant.h"
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

#define PAGE        1000
#define PAGE_TEXT   "1000"
#define ARENA_BYTES ((size_t)512 * 1024 * 1024)

/* ---- fields that came after a row was written ---- */

/* One page of rows that are short of fields, ascending by number. */
struct page {
	struct om_arena a;
	struct cd_stored stored[PAGE];
	size_t n;
	int64_t last; /* number of the page's last row */
};

static om_status
keep_short(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;

	p->last = v[CD_C_COUNT].i;
	return cd_store_read(v, &p->a, &p->stored[p->n++], e);
}

static om_status
complete_row(struct cd_db *db, struct cd_row *row, struct om_arena *a, om_err *e)
{
	const bool paired = row->is_part || row->link != CD_LINK_NONE;
	struct cd_pairs c;
	struct cd_member *k;
	om_status s;

	cd_pairs_init(&c, db, a);
	k = cd_pairs_get(&c, row->key);
	if (k == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (paired)
		return cd_pairs_row(&c, k, row, e);
	s = cd_pairs_own(&c, k, e);
	if (s == OM_OK)
		(void)cd_join(row, &k->own->all);
	return s;
}

/* complete_page fills the new fields of some old rows from their records. */
static om_status
complete_page(struct cd_db *db, struct page *p, om_err *e)
{
	const struct cd_row *rows[PAGE];
	struct om_buf sql;
	om_status s;

	p->n = 0;
	om_buf_init(&sql, (size_t)16 * 1024);
	om_buf_printf(&sql,
	    "SELECT %s,g.number FROM generation AS g WHERE g.number>? AND LENGTH(g.ranks)<%u ORDER BY g.number "
	    "LIMIT " PAGE_TEXT " FOR UPDATE",
	    cd_store_columns(), (unsigned)CD_N_FIELDS);
	s = om_buf_done(&sql, e);
	if (s == OM_OK)
		s = cd_db_query(db, sql.data, (struct cd_val[]){CD_I(p->last)}, 1, keep_short, p, e);
	om_buf_fini(&sql);
	for (size_t i = 0; s == OM_OK && i < p->n; i++) {
		rows[i] = &p->stored[i].row;
		s = complete_row(db, &p->stored[i].row, &p->a, e);
	}
	om_check(p->n <= PAGE);
	return s == OM_OK && p->n > 0 ? cd_store_update(db, rows, p->n, &p->a, e) : s;
}

static om_status
complete_rows(struct cd_db *db, om_err *e)
{
	struct page *p = calloc(1, sizeof *p);
	om_status s = OM_OK;

	if (p == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	do {
		om_arena_init(&p->a, ARENA_BYTES);
		s = complete_page(db, p, e);
		om_arena_fini(&p->a);
	} while (s == OM_OK && p->n > 0);
	free(p);
	return s;
}

/* ---- days and totals from scratch ---- */

#define MOVE_VALUES 4u

struct move {
	struct om_arena a;
	struct cd_val v[PAGE * MOVE_VALUES];
	size_t n, read;
	int64_t last; /* number */
};

/* Columns of move_days. */
enum { M_NUMBER, M_STARTED, M_DAY, M_ODD, M_OTHERS, M_REQUESTS, M_RECEIVED, M_BOOKED, M_RANKS };

static struct cd_cell
cell_of(const struct cd_val *v, const struct cd_val *ranks, cd_field f)
{
	const uint8_t rank = f < ranks->n ? (uint8_t)ranks->p[f] : CD_RANK_NONE;

	return (struct cd_cell){.rank = rank, .v.i = v->kind == CD_INT ? v->i : 0};
}

/* is_odd decides again what depends on the zone. */
static bool
is_odd(const struct cd_val *v)
{
	struct cd_row row = {.is_part = v[M_REQUESTS].i == 0};

	row.cell[CD_F_STARTED_US] = cell_of(&v[M_STARTED], &v[M_RANKS], CD_F_STARTED_US);
	row.cell[CD_F_RECEIVED_US] = cell_of(&v[M_RECEIVED], &v[M_RANKS], CD_F_RECEIVED_US);
	row.cell[CD_F_BOOKED_US] = cell_of(&v[M_BOOKED], &v[M_RANKS], CD_F_BOOKED_US);
	return cd_row_is_odd_day(&row);
}

static om_status
keep_move(void *arg, const struct cd_val *v, om_err *e)
{
	struct move *m = arg;
	const om_day day = om_zone_day(v[M_STARTED].i);
	const bool odd = is_odd(v);
	struct cd_val *out = &m->v[MOVE_VALUES * m->n];
	char text[OM_DAY_TEXT];

	m->read++;
	m->last = v[M_NUMBER].i;
	if (day == (om_day)v[M_DAY].i && odd == (v[M_ODD].i != 0))
		return OM_OK;
	*out++ = cd_t(om_arena_strdup(&m->a, om_day_text(day, text)));
	*out++ = CD_I(odd);
	*out++ = CD_I(cd_store_mark(v[M_OTHERS].i != 0, odd));
	*out++ = CD_I(v[M_NUMBER].i);
	m->n++;
	return m->a.failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}

static om_status
move_days(struct cd_db *db, int64_t *moved_out, om_err *e)
{
	struct move *m = calloc(1, sizeof *m);
	om_status s = OM_OK;

	if (m == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	do {
		om_arena_init(&m->a, ARENA_BYTES);
		m->n = m->read = 0;
		s = cd_db_query(db,
		    "SELECT number,started_us,DATEDIFF(day,'1970-01-01'),odd_day,disputed<>0 OR unproven<>0,requests,"
		    "COALESCE(received_us,started_us),booked_us,ranks FROM generation WHERE number>? ORDER BY number "
		    "LIMIT " PAGE_TEXT " FOR UPDATE",
		    (struct cd_val[]){CD_I(m->last)}, 1, keep_move, m, e);
		if (s == OM_OK && m->n > 0)
			s = cd_db_exec(db, "UPDATE generation SET day=?,odd_day=?,marked=? WHERE number=?", m->v,
			    MOVE_VALUES, m->n, NULL, e);
		*moved_out += (int64_t)m->n;
		om_arena_fini(&m->a);
	} while (s == OM_OK && m->read == PAGE);
	free(m);
	return s;
}

om_status
cd_rebuild_totals(struct cd_db *db, int64_t *moved_out, om_err *e)
{
	char zone[CD_ZONE_BYTES];
	om_status s = cd_meta_take_zone(db, zone, e); /* from here on all writers wait */

	om_check(cd_db_is_writing(db));
	*moved_out = 0;
	if (s == OM_OK)
		s = complete_rows(db, e);
	if (s == OM_OK)
		s = move_days(db, moved_out, e);
	if (s == OM_OK)
		s = cd_db_run(db, "DELETE FROM usage_day", e);
	if (s == OM_OK)
		s = cd_db_run(db, "DELETE FROM usage_sum", e);
	if (s == OM_OK)
		s = cd_rollup_fill(db, e);
	return s == OM_OK ? cd_meta_set_zone(db, om_zone_name(), e) : s;
}
