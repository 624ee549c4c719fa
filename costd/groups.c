/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "groups.h"

#include <stddef.h>

#define FIRST_ROOM 64u

/* The groups in the order of Om__Group: how they are computed, called, and
 * where they go in the reply. */
static const struct group {
	const char *sql, *name;
	size_t offset; /* of a char * in Om__UsageRow */
} groups[] = {
    [OM__GROUP__GROUP_DAY] = {"DATE_FORMAT(day,'%Y-%m-%d')", "k_day", offsetof(Om__UsageRow, day)},
    [OM__GROUP__GROUP_MONTH] = {"DATE_FORMAT(day,'%Y-%m')", "k_month", offsetof(Om__UsageRow, month)},
    [OM__GROUP__GROUP_USER] = {"user_id", "k_user", offsetof(Om__UsageRow, user)},
    [OM__GROUP__GROUP_MODEL] = {"model", "k_model", offsetof(Om__UsageRow, model)},
    [OM__GROUP__GROUP_PROVIDER] = {"provider", "k_provider", offsetof(Om__UsageRow, provider)},
    [OM__GROUP__GROUP_ORIGIN] = {"origin", "k_origin", offsetof(Om__UsageRow, origin)},
    [OM__GROUP__GROUP_TASK] = {"task", "k_task", offsetof(Om__UsageRow, task)},
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

om_status
cd_groups_check(const Om__Group *by, size_t n, om_err *e)
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
has_group(const struct cd_groups *g, Om__Group which)
{
	for (size_t i = 0; i < g->n_by; i++)
		if (g->by[i] == which)
			return true;
	return false;
}

struct scan {
	const struct cd_groups *g;
	struct om_arena *a;
	struct cd_group_rows *out;
	size_t room;
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
keep_row(void *arg, const struct cd_val *v, om_err *e)
{
	struct scan *scan = arg;
	Om__UsageRow *row;

	if (scan->out->n == scan->g->limit) {
		scan->out->truncated = true;
		return OM_OK;
	}
	row = om_msg_new(scan->a, &om__usage_row__descriptor);
	if (row == NULL || !make_room(scan))
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < scan->g->n_by; i++) {
		char **slot = (char **)(void *)((char *)row + groups[scan->g->by[i]].offset);

		*slot = cd_read_text(v++, scan->a);
	}
	row->figures = cd_figures_read(v, scan->a, e);
	if (row->figures == NULL)
		return OM_DAMAGED;
	v += CD_N_FIGURES;
	if (has_group(scan->g, OM__GROUP__GROUP_USER))
		row->user_name = cd_read_text(v, scan->a);
	if (scan->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	scan->out->rows[scan->out->n++] = row;
	return OM_OK;
}

/* order_by: whatever stands first, then cost, then all keys, so that the order
 * is the same every time. */
static void
order_by(struct cd_sql *q, const struct cd_groups *g)
{
	cd_sql_add(q, " ORDER BY ");
	if (g->order == CD_ORDER_USER_COST && has_group(g, OM__GROUP__GROUP_USER))
		cd_sql_add(q, "k_user,");
	if (g->order == CD_ORDER_TIME_COST && has_group(g, OM__GROUP__GROUP_MONTH))
		cd_sql_add(q, "k_month,");
	if (g->order == CD_ORDER_TIME_COST && has_group(g, OM__GROUP__GROUP_DAY))
		cd_sql_add(q, "k_day,");
	cd_sql_add(q, "s_cost DESC");
	for (size_t i = 0; i < N_GROUPS; i++)
		if (has_group(g, (Om__Group)i))
			om_buf_printf(&q->text, ",%s", groups[i].name);
}

om_status
cd_groups_read(struct cd_db *db, const struct cd_groups *g, const struct cd_period *p, const Om__Filter *f,
    struct om_arena *a, struct cd_group_rows *out, om_err *e)
{
	struct scan scan = {.g = g, .a = a, .out = out};
	bool users = has_group(g, OM__GROUP__GROUP_USER);
	struct cd_sql q;
	om_status s;

	*out = (struct cd_group_rows){.n = 0};
	cd_sql_init(&q, a);
	cd_sql_add(&q, users ? "SELECT t.*,u.name FROM (SELECT " : "SELECT t.* FROM (SELECT ");
	for (size_t i = 0; i < g->n_by; i++)
		om_buf_printf(&q.text, "%s AS %s,", groups[g->by[i]].sql, groups[g->by[i]].name);
	cd_sql_add(&q, p->days ? cd_day_sums : cd_generation_sums);
	cd_sql_add(&q, p->days ? " FROM usage_day" : " FROM generation");
	cd_sql_where(&q, !p->days, p, f);
	cd_sql_add(&q, " GROUP BY ");
	for (size_t i = 0; i < g->n_by; i++)
		om_buf_printf(&q.text, "%s%s", i > 0 ? "," : "", groups[g->by[i]].name);
	/* lines that all rows moved away from */
	cd_sql_add(&q, p->days ? " HAVING s_requests>0) AS t" : ") AS t");
	if (users)
		cd_sql_add(&q, " LEFT JOIN `user` AS u ON u.id=t.k_user");
	order_by(&q, g);
	cd_sql_add(&q, " LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)g->limit + 1));
	s = cd_sql_query(db, &q, keep_row, &scan, e);
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
	cd_sql_add(&q, p->days ? cd_day_sums : cd_generation_sums);
	cd_sql_add(&q, p->days ? " FROM usage_day" : " FROM generation");
	cd_sql_where(&q, !p->days, p, f);
	s = cd_sql_query(db, &q, keep_total, &scan, e);
	cd_sql_fini(&q);
	if (s == OM_OK && scan.out == NULL)
		s = om_fail(e, OM_INTERNAL, "no total");
	*out = scan.out;
	return s;
}
