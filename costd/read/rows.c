/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "rows.h"

#include "database/column.h"
#include "database/fill.h"
#include "names/names.h"
#include "pairs/pair.h"
#include "price/model.h"
#include "value/join.h"
#include "record.pb-c.h"

#define SUM_COUNT(name) ",CAST(COALESCE(SUM(" #name "),0) AS SIGNED) AS _" #name
#define SUM_MONEY(name) ",COALESCE(SUM(" #name "),0) AS _" #name
static const char sums[] = ""
#define OM_FIGURE(name, kind) SUM_##kind(name)
#include "messages/figures.def"
    ;
const char *const cd_figure_sums = &sums[1]; /* after the first comma */

#define FIRST_COUNT(name) ",CAST(COALESCE(SUM(g." #name "),0) AS SIGNED) AS f_" #name
#define FIRST_MONEY(name) ",COALESCE(SUM(g." #name "),0) AS f_" #name
static const char first[] = ""
#define OM_FIGURE(name, kind) FIRST_##kind(name)
#include "messages/figures.def"
    ;
const char *const cd_figure_first = &first[1];

#define SECOND_COUNT(name) ",CAST(SUM(f_" #name ") AS SIGNED) AS _" #name
#define SECOND_MONEY(name) ",SUM(f_" #name ") AS _" #name
static const char second[] = ""
#define OM_FIGURE(name, kind) SECOND_##kind(name)
#include "messages/figures.def"
    ;
const char *const cd_figure_second = &second[1];

#define SAME(name) ",f_" #name " AS _" #name
static const char same[] = ""
#define OM_FIGURE(name, kind) SAME(name)
#include "messages/figures.def"
    ;
const char *const cd_figure_same = &same[1];

const char cd_generation_from[] = " FROM generation AS g";

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
#define READ_MONEY(name)                      \
	f->name = cd_column_money(v++, a, e); \
	if (f->name == NULL)                  \
		return NULL;
#define OM_FIGURE(name, kind) READ_##kind(name)
#include "messages/figures.def"
	return f;
}

#define N_MARKS 5u

static bool
make_list(char ***list, struct om_arena *a)
{
	if (*list == NULL)
		*list = om_arena_array(a, N_MARKS, sizeof **list);
	return *list != NULL;
}

void
cd_marks_add(bool disputed, bool unproven, bool odd, struct om_arena *a, char ***list, size_t *n)
{
	static char in_dispute[] = "disputed", not_proven[] = "unproven", odd_day[] = "odd_day";

	if (!make_list(list, a))
		return;
	if (disputed)
		(*list)[(*n)++] = in_dispute;
	if (unproven)
		(*list)[(*n)++] = not_proven;
	if (odd)
		(*list)[(*n)++] = odd_day;
}

/* Columns of cd_generation_select that are no fields. */
enum { V_LINK, V_DISPUTED, V_UNPROVEN, V_ODD_DAY };

/* add_marks lists what is out of the ordinary about a row. */
static void
add_marks(Om__Generation *g, const struct cd_val *v, struct om_arena *a)
{
	static char matched[] = "matched", other_id[] = "other_id";

	cd_marks_add(v[V_DISPUTED].i != 0, v[V_UNPROVEN].i != 0, v[V_ODD_DAY].i != 0, a, &g->marks, &g->n_marks);
	if (g->marks == NULL)
		return;
	if ((cd_link)v[V_LINK].i >= CD_LINK_MATCHED)
		g->marks[g->n_marks++] = matched;
	if (g->other_id != NULL)
		g->marks[g->n_marks++] = other_id;
}

/* How the user of a row is known: the first byte of the ranks is the user's; 1 is CD_PERSON_UNKNOWN. */
static const char user_state[] = "CAST(IF(g.user_id=1,0,CASE WHEN ORD(g.ranks)>=30 THEN 3 "
				 "WHEN ORD(g.ranks)>=10 THEN 2 ELSE 1 END) AS SIGNED) AS user_state";

/* add_field adds a column as the message has it. */
static void
add_field(struct cd_sql *q, const struct cd_field_info *f)
{
	switch (f->stored) {
	case CD_AS_SAME:
		om_buf_printf(&q->text, ",g.%s", f->column);
		break;
	case CD_AS_WORD:
		om_buf_printf(&q->text, "," CD_WORD_TEXT("g.%s") " AS %s", f->column, f->column);
		break;
	case CD_AS_GROUP_SET:
		om_buf_printf(&q->text, "," CD_GROUPS_TEXT("g.%s") " AS %s", f->column, f->column);
		break;
	case CD_AS_PERSON:
		om_buf_printf(&q->text, "," CD_SHOWN_ID_TEXT("g.%s") " AS %s", f->column, f->column);
		break;
	}
}

/* The columns of a row that are fields of the message, besides these few. */
void
cd_generation_select(struct cd_sql *q)
{
	cd_sql_add(q,
	    "SELECT g.link_kind AS _link,g.disputed AS _disputed,g.unproven AS _unproven,g.odd_day AS _odd_day,"
	    "g.disputed_cost,g.generation_id," CD_SHOWN_NAME_TEXT(
		"g.user_id") " AS user_name,DATE_FORMAT(g.day,'%Y-%m-%d') AS day,"
			     "g.cost_state,g.requests,g.unsettled,");
	cd_sql_add(q, user_state);
	for (unsigned f = 0; f < CD_N_FIELDS; f++)
		if (f == CD_F_MODEL)
			cd_sql_add(q, "," CD_MODEL_TEXT("g.model") " AS model");
		else if (cd_fill_has(&om__generation__descriptor, cd_fields[f].column))
			add_field(q, &cd_fields[f]);
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

	add_marks(g, v, all->a);
	return all->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : all->fn(all->arg, g, e);
}

om_status
cd_generation_query(struct cd_db *db, struct cd_sql *q, cd_generation_fn *fn, void *arg, om_err *e)
{
	struct generations all = {.a = q->a, .fn = fn, .arg = arg};

	return cd_fill_sql(db, q, &om__generation__descriptor, take_generation, &all, e);
}
