/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rows.h"

#include "pairs/pair.h"
#include "price/model.h"
#include "store/rollup.h"
#include "value/join.h"
#include "record.pb-c.h"
#include "base/money.h"

#include <string.h>

#define SQL_BYTES ((size_t)16 * 1024)

#define SUM_COUNT(name) ",CAST(COALESCE(SUM(" #name "),0) AS SIGNED) AS s_" #name
#define SUM_MONEY(name) ",COALESCE(SUM(" #name "),0) AS s_" #name
static const char sums[] = ""
#define OM_FIGURE(name, kind) SUM_##kind(name)
#include "messages/figures.def"
    ;
const char *const cd_figure_sums = &sums[1]; /* after the first comma */

const char cd_generation_from[] = " FROM generation AS g LEFT JOIN `user` AS u ON u.id=g.user_id";

void
cd_sql_init(struct cd_sql *q, struct om_arena *a)
{
	om_buf_init(&q->text, SQL_BYTES);
	q->n = 0;
	q->a = a;
}

void
cd_sql_fini(struct cd_sql *q)
{
	om_buf_fini(&q->text);
}

void
cd_sql_add(struct cd_sql *q, const char *text)
{
	om_buf_str(&q->text, text);
}

void
cd_sql_value(struct cd_sql *q, struct cd_val v)
{
	if (q->n == CD_MAX_PARAMS)
		om_buf_fail(&q->text, OM_TOO_LARGE);
	else
		q->v[q->n++] = v;
}

void
cd_sql_day(struct cd_sql *q, om_day d)
{
	char day[OM_DAY_TEXT];

	cd_sql_value(q, cd_t(om_arena_strdup(q->a, om_day_text(d, day))));
}

om_status
cd_sql_query(struct cd_db *db, struct cd_sql *q, cd_row_fn *fn, void *arg, om_err *e)
{
	om_status s = om_buf_done(&q->text, e);

	if (s == OM_OK && q->a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s == OM_OK ? cd_db_query(db, q->text.data, q->v, q->n, fn, arg, e) : s;
}

om_status
cd_sql_fill(
    struct cd_db *db, struct cd_sql *q, const ProtobufCMessageDescriptor *kind, cd_fill_fn *fn, void *arg, om_err *e)
{
	om_status s = om_buf_done(&q->text, e);

	if (s == OM_OK && q->a->failed)
		s = om_fail(e, OM_NOMEM, "out of memory");
	return s == OM_OK ? cd_fill_query(db, q->text.data, q->v, q->n, kind, q->a, fn, arg, e) : s;
}

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
	unsigned dim; /* 0: totals do not know it */
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
cd_filter_dims(const Om__Filter *f)
{
	unsigned d = 0;

	for (size_t i = 0; f != NULL && i < N_WANTED; i++)
		d |= text_of(f, &wanted[i]) != NULL ? wanted[i].dim : 0u;
	return d;
}

bool
cd_filter_is_of_rows(const Om__Filter *f)
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
cd_sql_where(struct cd_sql *q, bool rows, const struct cd_period *p, const Om__Filter *f)
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
			cd_sql_add(q, " AND (requests>0 OR cost>0)"); /* what is all part of other rows */
	}
	if (f == NULL)
		return;
	for (size_t i = 0; i < N_WANTED; i++)
		if (rows || wanted[i].dim != 0)
			only_wanted(q, &wanted[i], text_of(f, &wanted[i]));
	if (rows)
		only_rows(q, f);
}

char *
cd_read_text(const struct cd_val *v, struct om_arena *a)
{
	return v->kind == CD_TEXT ? om_arena_strndup(a, v->p, v->n) : NULL;
}

char *
cd_read_money(const struct cd_val *v, struct om_arena *a, om_err *e)
{
	char buf[OM_MONEY_TEXT];
	om_money m;

	if (v->kind != CD_TEXT || om_money_parse(v->p, &m, e) != OM_OK)
		return NULL;
	return om_arena_strdup(a, om_money_text(m, buf));
}

static uint64_t
read_count(const struct cd_val *v)
{
	return v->i > 0 ? (uint64_t)v->i : 0;
}

Om__Figures *
cd_figures_read(const struct cd_val *v, struct om_arena *a, om_err *e)
{
	Om__Figures *f = om_msg_new(a, &om__figures__descriptor);

	if (f == NULL) {
		(void)om_fail(e, OM_NOMEM, "out of memory");
		return NULL;
	}
#define READ_COUNT(name) f->name = read_count(v++);
#define READ_MONEY(name)                    \
	f->name = cd_read_money(v++, a, e); \
	if (f->name == NULL)                \
		return NULL;
#define OM_FIGURE(name, kind) READ_##kind(name)
#include "messages/figures.def"
	return f;
}

/* add_marks lists what is out of the ordinary about a row. */
static void
add_marks(Om__Generation *g, cd_link link, struct om_arena *a)
{
	static char matched[] = "matched", other_id[] = "other_id";

	g->marks = om_arena_array(a, 2, sizeof *g->marks);
	if (g->marks == NULL)
		return;
	if (link >= CD_LINK_MATCHED)
		g->marks[g->n_marks++] = matched;
	if (g->other_id != NULL)
		g->marks[g->n_marks++] = other_id;
}

/* The columns of a row that are fields of the message, besides these few. */
void
cd_generation_select(struct cd_sql *q)
{
	cd_sql_add(q,
	    "SELECT g.link_kind AS _link,g.generation_id,u.name AS user_name,DATE_FORMAT(g.day,'%Y-%m-%d') AS day,"
	    "g.cost_state,g.requests,g.unsettled");
	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		if (f == CD_F_MODEL)
			cd_sql_add(q, "," CD_MODEL_NAME("g.model") " AS model");
		else if (cd_fill_has(&om__generation__descriptor, cd_fields[f].column))
			om_buf_printf(&q->text, ",g.%s", cd_fields[f].column);
	}
}

struct generations {
	struct om_arena *a;
	cd_generation_fn *fn;
	void *arg;
};

static om_status
take_generation(void *arg, void *message, const struct cd_val *v, om_err *e)
{
	const struct generations *all = arg;
	Om__Generation *g = message;

	add_marks(g, (cd_link)v[0].i, all->a);
	return all->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : all->fn(all->arg, g, e);
}

om_status
cd_generation_query(struct cd_db *db, struct cd_sql *q, cd_generation_fn *fn, void *arg, om_err *e)
{
	struct generations all = {.a = q->a, .fn = fn, .arg = arg};

	return cd_sql_fill(db, q, &om__generation__descriptor, take_generation, &all, e);
}
