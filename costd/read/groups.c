/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "groups.h"

#include "rows.h"
#include "where.h"
#include "database/fill.h"
#include "database/sql.h"
#include "names/names.h"
#include "price/model.h"
#include "store/rollup.h"
#include "value/hours.h"

#define FIRST_ROOM 64u

/* How a key is computed from the columns. */
typedef enum how { HOW_DAY, HOW_MONTH, HOW_HOUR, HOW_PLAIN, HOW_MODEL, HOW_EACH } how;

/* The groups in the order of Om__Dimension: the field of the reply, which is the column's name,
 * and what key of the totals they need. */
static const struct group {
	const char *name;
	how how;
	cd_field field; /* of a key */
	unsigned dim;
} groups[] = {
#define OM_DIMENSION_TIME(NAME, name) [OM__DIMENSION__DIMENSION_##NAME] = {#name, HOW_##NAME, CD_F_STARTED_US, 0},
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) \
	[OM__DIMENSION__DIMENSION_##NAME] = {#name, HOW_##how, CD_F_##FIELD, CD_DIM_##NAME},
#include "messages/dimensions.def"
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

om_status
cd_groups_check(const Om__Dimension *by, size_t n, om_err *e)
{
	unsigned seen = 0;

	for (size_t i = 0; i < n; i++) {
		if ((unsigned)by[i] >= N_GROUPS)
			return om_fail(e, OM_INVALID, "group_by: unknown group %u", (unsigned)by[i]);
		if ((seen & 1u << (unsigned)by[i]) != 0)
			return om_fail(e, OM_INVALID, "group_by: each group at most once");
		seen |= 1u << (unsigned)by[i];
	}
	return OM_OK;
}

static bool
has_group(const struct cd_groups *g, Om__Dimension which)
{
	for (size_t i = 0; i < g->n_by; i++)
		if (g->by[i] == which)
			return true;
	return false;
}

/* first_key writes how a key is computed from the columns; what has a number stays one. */
static void
first_key(struct cd_sql *q, const struct group *by, const struct cd_hours *hours)
{
	switch (by->how) {
	case HOW_DAY:
		cd_sql_add(q, "DATE_FORMAT(g.day,'%Y-%m-%d')");
		break;
	case HOW_MONTH:
		cd_sql_add(q, "DATE_FORMAT(g.day,'%Y-%m')");
		break;
	case HOW_HOUR:
		cd_hours_sql(hours, &q->text);
		break;
	case HOW_PLAIN:
	case HOW_MODEL:
	case HOW_EACH:
		om_buf_printf(&q->text, "g.%s", cd_fields[by->field].column);
		break;
	}
}

static bool
is_person(const struct group *by)
{
	return by->how == HOW_PLAIN && cd_fields[by->field].stored == CD_AS_PERSON;
}

/* second_key writes the key of what first_key gave as the column k<i>. */
static void
second_key(struct cd_sql *q, const struct group *by, size_t i)
{
	if (by->how == HOW_EACH)
		cd_sql_add(q, "one.name");
	else if (by->how == HOW_MODEL)
		om_buf_printf(&q->text, CD_MODEL_TEXT("f.k%zu"), i);
	else if (is_person(by))
		cd_sql_add(q, CD_SHOWN("pe"));
	else if (by->how == HOW_PLAIN)
		om_buf_printf(&q->text, "w%zu.text", i);
	else
		om_buf_printf(&q->text, "f.k%zu", i);
}

/* second_join joins what second_key needs: the person that is shown; the word; each group of a
 * set, once with null for none. */
static void
second_join(struct cd_sql *q, const struct group *by, size_t i)
{
	if (is_person(by))
		om_buf_printf(&q->text, " LEFT JOIN person AS pe ON pe.id=f.k%zu", i);
	else if (by->how == HOW_EACH)
		om_buf_printf(&q->text,
		    " LEFT JOIN group_set AS gs ON gs.id=f.k%zu JOIN JSON_TABLE(COALESCE(gs.text,'[null]'),'$[*]' "
		    "COLUMNS (name VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$')) AS one",
		    i);
	else if (by->how == HOW_PLAIN)
		om_buf_printf(&q->text, " LEFT JOIN word AS w%zu ON w%zu.id=f.k%zu", i, i, i);
}

/* write_name writes what a key's column is called: an hour is a number, of which the row's
 * text is made, and a person another, whose id and name are joined last. */
static void
write_name(struct cd_sql *q, const struct group *by)
{
	if (is_person(by))
		cd_sql_add(q, "_person");
	else
		om_buf_printf(&q->text, by->how == HOW_HOUR ? "_%s" : "`%s`", by->name);
}

/* from_where reads the smallest table that has the keys. */
static om_status
from_where(struct cd_sql *q, struct cd_db *db, bool rows, unsigned dims, const struct cd_period *p, const Om__Filter *f,
    om_err *e)
{
	unsigned cube = rows ? 0 : cd_rollup_pick(dims | cd_where_dims(f));
	om_status s;

	cd_sql_add(q, rows ? " FROM generation AS g" : cube > 0 ? " FROM usage_sum AS g" : " FROM usage_day AS g");
	s = cd_where_add(q, db, rows, p, f, e);
	if (cube > 0)
		om_buf_printf(&q->text, " AND cube=%u", cube);
	return s;
}

struct scan {
	const struct cd_groups *g;
	const struct cd_hours *hours;
	struct om_arena *a;
	struct cd_group_rows *out;
	size_t room;
	size_t hour_at; /* the column; 0: not grouped by hour */
};

static bool
make_room(struct scan *scan)
{
	size_t room = scan->room == 0 ? FIRST_ROOM : 2 * scan->room;
	Om__UsageRow **rows;

	if (scan->out->n < scan->room)
		return true;
	rows = om_arena_array(scan->a, room, sizeof(Om__UsageRow *));
	if (rows == NULL)
		return false;
	for (size_t i = 0; i < scan->out->n; i++)
		rows[i] = scan->out->rows[i];
	scan->out->rows = rows;
	scan->room = room;
	return true;
}

static om_status
keep_row(void *arg, void *message, const struct cd_val *v, om_err *e)
{
	struct scan *scan = arg;
	Om__UsageRow *row = message;

	if (scan->out->n == scan->g->limit) {
		scan->out->truncated = true;
		return OM_OK;
	}
	if (!make_room(scan))
		return om_fail(e, OM_NOMEM, "out of memory");
	if (scan->hour_at > 0)
		row->hour = cd_hours_text(scan->hours, v[scan->hour_at].i, scan->a);
	row->figures = cd_figures_read(v, scan->a, e);
	if (row->figures == NULL)
		return OM_DAMAGED;
	if (scan->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	scan->out->rows[scan->out->n++] = row;
	return OM_OK;
}

/* order_name writes what a key is ordered by. */
static void
order_name(struct cd_sql *q, const struct group *by)
{
	if (is_person(by))
		cd_sql_add(q, "u.external_id");
	else
		write_name(q, by);
}

/* order_by: whatever stands first, then cost, then all keys, so that the order
 * is the same every time. */
static void
order_by(struct cd_sql *q, const struct cd_groups *g)
{
	static const Om__Dimension of_user[] = {OM__DIMENSION__DIMENSION_USER};
	static const Om__Dimension of_time[] = {
	    OM__DIMENSION__DIMENSION_MONTH, OM__DIMENSION__DIMENSION_DAY, OM__DIMENSION__DIMENSION_HOUR};
	const Om__Dimension *first = g->order == CD_ORDER_USER_COST ? of_user : of_time;
	const size_t n = g->order == CD_ORDER_USER_COST ? 1 : sizeof of_time / sizeof of_time[0];

	cd_sql_add(q, " ORDER BY ");
	for (size_t i = 0; i < n; i++)
		if (has_group(g, first[i])) {
			order_name(q, &groups[first[i]]);
			cd_sql_add(q, ",");
		}
	cd_sql_add(q, "_cost DESC");
	for (size_t i = 0; i < N_GROUPS; i++)
		if (has_group(g, (Om__Dimension)i)) {
			cd_sql_add(q, ",");
			order_name(q, &groups[i]);
		}
}

/* first_grouping sums the table's rows by the numbers of their keys. */
static om_status
first_grouping(struct cd_sql *q, struct cd_db *db, const struct cd_groups *g, const struct cd_hours *hours, bool rows,
    const struct cd_period *p, const Om__Filter *f, om_err *e)
{
	unsigned dims = 0;
	om_status s;

	cd_sql_add(q, "SELECT ");
	cd_sql_add(q, cd_figure_first);
	for (size_t i = 0; i < g->n_by; i++) {
		cd_sql_add(q, ",");
		first_key(q, &groups[g->by[i]], hours);
		om_buf_printf(&q->text, " AS k%zu", i);
		dims |= groups[g->by[i]].dim;
	}
	s = from_where(q, db, rows, dims, p, f, e);
	cd_sql_add(q, " GROUP BY ");
	for (size_t i = 0; i < g->n_by; i++) /* by place: a key may be called like a column */
		om_buf_printf(&q->text, "%s%zu", i > 0 ? "," : "", CD_N_FIGURES + i + 1);
	return s;
}

/* may_join tells whether two numbers of a key can be one text: names of one model, sets with one group,
 * persons who are merged. */
static om_status
may_join(struct cd_db *db, const struct cd_groups *g, bool *out, om_err *e)
{
	om_status s = OM_OK;

	*out = false;
	for (size_t i = 0; s == OM_OK && i < g->n_by && !*out; i++) {
		const struct group *by = &groups[g->by[i]];

		*out = by->how == HOW_MODEL || by->how == HOW_EACH;
		if (is_person(by))
			s = cd_db_query(
			    db, "SELECT 1 FROM person WHERE shown IS NOT NULL LIMIT 1", NULL, 0, cd_found, out, e);
	}
	return s;
}

/* second_grouping sums what is one by its texts, where there can be such. */
static om_status
second_grouping(struct cd_sql *q, struct cd_db *db, const struct cd_groups *g, const struct cd_hours *hours, bool rows,
    const struct cd_period *p, const Om__Filter *f, om_err *e)
{
	bool again = false;
	om_status s = may_join(db, g, &again, e);

	if (s != OM_OK)
		return s;
	cd_sql_add(q, "SELECT ");
	cd_sql_add(q, again ? cd_figure_second : cd_figure_same);
	for (size_t i = 0; i < g->n_by; i++) {
		cd_sql_add(q, ",");
		second_key(q, &groups[g->by[i]], i);
		cd_sql_add(q, " AS ");
		write_name(q, &groups[g->by[i]]);
	}
	cd_sql_add(q, " FROM (");
	s = first_grouping(q, db, g, hours, rows, p, f, e);
	cd_sql_add(q, ") AS f");
	for (size_t i = 0; i < g->n_by; i++)
		second_join(q, &groups[g->by[i]], i);
	for (size_t i = 0; i < g->n_by && again; i++)
		om_buf_printf(&q->text, "%s%zu", i > 0 ? "," : " GROUP BY ", CD_N_FIGURES + i + 1);
	if (!rows) /* no lines whose rows have all moved to other lines */
		cd_sql_add(q, again ? " HAVING _requests>0 OR _cost<>0" : " WHERE f_requests>0 OR f_cost<>0");
	return s;
}

om_status
cd_groups_read(struct cd_db *db, const struct cd_groups *g, const struct cd_period *p, const Om__Filter *f,
    struct om_arena *a, struct cd_group_rows *out, om_err *e)
{
	bool users = has_group(g, OM__DIMENSION__DIMENSION_USER), by_hour = has_group(g, OM__DIMENSION__DIMENSION_HOUR);
	bool rows = by_hour || !p->days;
	struct cd_hours hours = {.n = 0};
	struct scan scan = {.g = g, .hours = &hours, .a = a, .out = out};
	struct cd_sql q;
	om_status s = by_hour ? cd_hours_init(&hours, p, e) : OM_OK;

	*out = (struct cd_group_rows){.n = 0};
	if (s != OM_OK)
		return s;
	for (size_t i = 0; i < g->n_by; i++)
		if (g->by[i] == OM__DIMENSION__DIMENSION_HOUR)
			scan.hour_at = CD_N_FIGURES + i;
	cd_sql_init(&q, a);
	cd_sql_add(&q, users ? "SELECT t.*,u.external_id AS `user`,u.name AS user_name FROM (" : "SELECT t.* FROM (");
	s = second_grouping(&q, db, g, &hours, rows, p, f, e);
	cd_sql_add(&q, ") AS t");
	if (users)
		cd_sql_add(&q, " LEFT JOIN person AS u ON u.id=t._person");
	order_by(&q, g);
	cd_sql_add(&q, " LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)g->limit + 1));
	if (s == OM_OK)
		s = cd_fill_sql(db, &q, &om__usage_row__descriptor, keep_row, &scan, e);
	cd_sql_fini(&q);
	return s;
}

struct total_scan {
	struct om_arena *a;
	Om__Figures *out;
};

static om_status
keep_total(void *arg, const struct cd_val *v, om_err *e)
{
	struct total_scan *scan = arg;

	scan->out = cd_figures_read(v, scan->a, e);
	return scan->out != NULL ? OM_OK : OM_DAMAGED;
}

om_status
cd_total_read(
    struct cd_db *db, const struct cd_period *p, const Om__Filter *f, struct om_arena *a, Om__Figures **out, om_err *e)
{
	struct total_scan scan = {.a = a};
	struct cd_sql q;
	om_status s;

	cd_sql_init(&q, a);
	cd_sql_add(&q, "SELECT ");
	cd_sql_add(&q, cd_figure_sums);
	s = from_where(&q, db, !p->days, 0, p, f, e);
	if (s == OM_OK)
		s = cd_sql_query(db, &q, keep_total, &scan, e);
	cd_sql_fini(&q);
	if (s == OM_OK && scan.out == NULL)
		s = om_fail(e, OM_INTERNAL, "no total");
	*out = scan.out;
	return s;
}
