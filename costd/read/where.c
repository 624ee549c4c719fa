/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "where.h"

#include "price/model.h"
#include "store/rollup.h"
#include "value/join.h"

#include <stddef.h>
#include <string.h>

/* only adds a condition; an empty text asks for rows without a value. */
static void
only(struct cd_sql *q, const char *column, const char *value)
{
	if (value == NULL)
		return;
	om_buf_printf(&q->text, value[0] == '\0' ? " AND %s IS NULL" : " AND %s=?", column);
	if (value[0] != '\0')
		cd_sql_value(q, cd_t(value));
}

/* only_model finds a model by either of its names (model.h). */
static void
only_model(struct cd_sql *q, const char *name)
{
	if (name == NULL || name[0] == '\0') {
		only(q, "g.model", name);
		return;
	}
	cd_sql_add(q, " AND " CD_MODEL_IS("g.model"));
	for (unsigned i = 0; i < CD_MODEL_IS_VALUES; i++)
		cd_sql_value(q, cd_t(name));
}

/* The texts that a filter may ask for. */
typedef enum how { HOW_PLAIN, HOW_MODEL, HOW_EACH } how;

static const struct wanted {
	size_t offset; /* of a char * in Om__Filter */
	cd_field field;
	how how;
	unsigned dim; /* 0: totals do not have it */
} wanted[] = {
#define OM_DIMENSION_KEY(NAME, name, FIELD, how, least, most) \
	{offsetof(Om__Filter, name), CD_F_##FIELD, HOW_##how, CD_DIM_##NAME},
#define OM_DIMENSION_ROW(NAME, name, FIELD, least, most) {offsetof(Om__Filter, name), CD_F_##FIELD, HOW_PLAIN, 0},
#include "messages/dimensions.def"
};
#define N_WANTED (sizeof wanted / sizeof wanted[0])

static const char *
text_of(const Om__Filter *f, const struct wanted *w)
{
	const char *text;

	memcpy(&text, (const char *)f + w->offset, sizeof text);
	return text;
}

unsigned
cd_where_dims(const Om__Filter *f)
{
	unsigned d = 0;

	for (size_t i = 0; f != NULL && i < N_WANTED; i++)
		d |= text_of(f, &wanted[i]) != NULL ? wanted[i].dim : 0u;
	return d;
}

bool
cd_where_is_of_rows(const Om__Filter *f)
{
	if (f == NULL)
		return false;
	for (size_t i = 0; i < N_WANTED; i++)
		if (wanted[i].dim == 0 && text_of(f, &wanted[i]) != NULL)
			return true;
	return f->generation_id != NULL || f->has_cost_state || f->chat_id != NULL || f->has_unsettled ||
	    f->n_states > 0 || f->n_cost_states > 0;
}

/* only_group finds rows of which the group is one. */
static void
only_group(struct cd_sql *q, const char *name)
{
	if (name == NULL || name[0] == '\0') {
		only(q, "g.user_groups", name);
		return;
	}
	cd_sql_add(q, " AND JSON_CONTAINS(g.user_groups,JSON_QUOTE(?))");
	cd_sql_value(q, cd_t(name));
}

static void
only_wanted(struct cd_sql *q, const struct wanted *w, const char *text)
{
	switch (w->how) {
	case HOW_MODEL:
		only_model(q, text);
		break;
	case HOW_EACH:
		only_group(q, text);
		break;
	case HOW_PLAIN:
		only(q, cd_fields[w->field].column, text);
		break;
	}
}

/* one_of adds "column IN (…)"; n at most as many as there are states. */
static void
one_of(struct cd_sql *q, const char *column, const int *values, size_t n)
{
	if (n == 0)
		return;
	om_buf_printf(&q->text, " AND %s IN (", column);
	for (size_t i = 0; i < n; i++)
		om_buf_printf(&q->text, "%s%d", i > 0 ? "," : "", values[i]);
	om_buf_chr(&q->text, ')');
}

/* only_rows adds the conditions that single rows alone can meet. */
static void
only_rows(struct cd_sql *q, const Om__Filter *f)
{
	if (f->generation_id != NULL) {
		cd_sql_add(q, " AND generation_id=?");
		cd_sql_value(q, cd_t(f->generation_id));
	}
	if (f->chat_id != NULL) {
		cd_sql_add(q, " AND chat_id=?");
		cd_sql_value(q, cd_t(f->chat_id));
	}
	if (f->has_cost_state)
		one_of(q, "cost_state", (int[]){(int)f->cost_state}, 1);
	one_of(q, "cost_state", (const int *)f->cost_states, f->n_cost_states);
	one_of(q, "state", (const int *)f->states, f->n_states);
	if (f->has_unsettled)
		one_of(q, "unsettled", (int[]){f->unsettled ? 1 : 0}, 1);
}

void
cd_where_add(struct cd_sql *q, bool rows, const struct cd_period *p, const Om__Filter *f)
{
	cd_sql_add(q, " WHERE TRUE");
	if (p->days) {
		cd_sql_add(q, " AND day>=? AND day<?");
		cd_sql_day(q, p->from_day);
		cd_sql_day(q, p->to_day);
	}
	if (rows) {
		cd_sql_add(q, " AND started_us>=? AND started_us<?");
		cd_sql_value(q, CD_I(p->from_us));
		cd_sql_value(q, CD_I(p->to_us));
		if (f == NULL || f->generation_id == NULL)
			cd_sql_add(q,
			    " AND (requests>0 OR cost>0)"); /* not what counts nothing, as it is part of other rows */
	}
	if (f == NULL)
		return;
	for (size_t i = 0; i < N_WANTED; i++)
		if (rows || wanted[i].dim != 0)
			only_wanted(q, &wanted[i], text_of(f, &wanted[i]));
	if (rows)
		only_rows(q, f);
}
