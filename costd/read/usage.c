/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "read.h"

#include "groups.h"
#include "where.h"
#include "usage.pb-c.h"
#include "base/zone.h"

#define USUAL_ROWS 10000u
#define MAX_ROWS   100000u /* of a file */

struct ask {
	const Om__UsageQuery *q;
	struct cd_period period;
	struct om_arena *a;
	struct cd_group_rows rows;
	Om__Figures *total;
};

static om_status
work(struct cd_db *db, void *arg, om_err *e)
{
	struct ask *ask = arg;
	const struct cd_groups g = {
	    .by = ask->q->group_by,
	    .n_by = ask->q->n_group_by,
	    .limit = ask->q->has_limit ? ask->q->limit : USUAL_ROWS,
	};
	om_status s = OM_OK;

	if (g.n_by > 0)
		s = cd_groups_read(db, &g, &ask->period, ask->q->filter, ask->a, &ask->rows, e);
	return s == OM_OK ? cd_total_read(db, &ask->period, ask->q->filter, ask->a, &ask->total, e) : s;
}

static om_status
refuse_filter(om_err *e)
{
	static const char keys[] = ""
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) ", " #name
#include "messages/dimensions.def"
	    ;

	return om_fail(e, OM_INVALID, "filter: totals can be filtered only by %s", &keys[2]);
}

/* bound_text writes an end of the period as it was asked for. */
static char *
bound_text(const struct cd_period *p, om_day day, om_time us, struct om_arena *a)
{
	char day_buf[OM_DAY_TEXT], time_buf[OM_TIME_TEXT];

	return om_arena_strdup(a, p->days ? om_day_text(day, day_buf) : om_time_text(us, time_buf));
}

om_status
cd_usage_read(
    struct cd_pool *p, const Om__UsageQuery *q, int64_t deadline_ms, struct om_arena *a, Om__UsageReply *out, om_err *e)
{
	struct ask ask = {.q = q, .a = a};
	om_status s = cd_groups_check(q->group_by, q->n_group_by, e);

	if (s == OM_OK && q->has_limit && (q->limit < 1 || q->limit > MAX_ROWS))
		s = om_fail(e, OM_INVALID, "limit: must be from 1 to %u", MAX_ROWS);
	if (s == OM_OK && cd_where_is_of_rows(q->filter))
		s = refuse_filter(e);
	if (s == OM_OK)
		s = cd_period_read(q->period, om_now(), &ask.period, e);
	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_SNAPSHOT, deadline_ms, work, &ask, e);
	if (s != OM_OK)
		return s;
	out->timezone = om_arena_strdup(a, om_zone_name());
	out->from = bound_text(&ask.period, ask.period.from_day, ask.period.from_us, a);
	out->to = bound_text(&ask.period, ask.period.to_day, ask.period.to_us, a);
	out->n_rows = ask.rows.n;
	out->rows = ask.rows.rows;
	out->total = ask.total;
	out->truncated = ask.rows.truncated;
	out->n_group_by = q->n_group_by;
	out->group_by = q->group_by;
	return a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK;
}
