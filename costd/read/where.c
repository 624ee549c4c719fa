/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "where.h"

#include "names/persons.h"
#include "price/model.h"
#include "store/rollup.h"
#include "value/join.h"

#include <stddef.h>
#include <string.h>

#define MOST_NAMES 64u /* of one model */

/* none asks for rows without a value; what is null in a row is 0 in totals. */
static void
none(struct cd_sql *q, bool rows, const char *column)
{
	om_buf_printf(&q->text, rows ? " AND g.%s IS NULL" : " AND g.%s=0", column);
}

/* only_word asks for rows that have this word; an empty one for rows without any. */
static om_status
only_word(struct cd_sql *q, struct cd_db *db, bool rows, const char *column, const char *word, om_err *e)
{
	int64_t number = 0;
	om_status s;

	if (word[0] == '\0') {
		none(q, rows, column);
		return OM_OK;
	}
	s = cd_names_find(db, CD_WORD, word, strlen(word), &number, e);
	if (s != OM_OK)
		return s;
	if (number == 0) {
		cd_sql_add(q, " AND FALSE"); /* nothing has it */
		return OM_OK;
	}
	om_buf_printf(&q->text, " AND g.%s=?", column);
	cd_sql_value(q, CD_I(number));
	return OM_OK;
}

/* only_model finds a model by all its names (model.h). */
static om_status
only_model(struct cd_sql *q, struct cd_db *db, bool rows, const char *name, om_err *e)
{
	const char *const *names = NULL;
	size_t n = 0, known = 0;
	om_status s = OM_OK;

	if (name[0] == '\0') {
		none(q, rows, "model");
		return OM_OK;
	}
	s = cd_model_names(db, name, q->a, &names, &n, e);
	for (size_t i = 0; s == OM_OK && i < n && known < MOST_NAMES; i++) {
		int64_t number = 0;

		s = cd_names_find(db, CD_WORD, names[i], strlen(names[i]), &number, e);
		if (s != OM_OK || number == 0)
			continue;
		cd_sql_add(q, known++ == 0 ? " AND g.model IN (?" : ",?");
		cd_sql_value(q, CD_I(number));
	}
	cd_sql_add(q, known > 0 ? ")" : " AND FALSE");
	return s;
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
only_group(struct cd_sql *q, bool rows, const char *name)
{
	if (name[0] == '\0') {
		none(q, rows, "user_groups");
		return;
	}
	cd_sql_add(
	    q, " AND g.user_groups IN (SELECT gs.id FROM group_set AS gs WHERE JSON_CONTAINS(gs.text,JSON_QUOTE(?)))");
	cd_sql_value(q, cd_t(name));
}

static om_status
only_wanted(struct cd_sql *q, struct cd_db *db, bool rows, const struct wanted *w, const char *text, om_err *e)
{
	if (text == NULL)
		return OM_OK;
	switch (w->how) {
	case HOW_MODEL:
		return only_model(q, db, rows, text, e);
	case HOW_EACH:
		only_group(q, rows, text);
		return OM_OK;
	case HOW_PLAIN:
		break;
	}
	return cd_fields[w->field].stored == CD_AS_PERSON ? cd_persons_where(q, db, "g.user_id", text, e)
							  : only_word(q, db, rows, cd_fields[w->field].column, text, e);
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

om_status
cd_where_add(struct cd_sql *q, struct cd_db *db, bool rows, const struct cd_period *p, const Om__Filter *f, om_err *e)
{
	om_status s = OM_OK;

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
	for (size_t i = 0; s == OM_OK && f != NULL && i < N_WANTED; i++)
		if (rows || wanted[i].dim != 0)
			s = only_wanted(q, db, rows, &wanted[i], text_of(f, &wanted[i]), e);
	if (s == OM_OK && rows && f != NULL)
		only_rows(q, f);
	return s;
}
