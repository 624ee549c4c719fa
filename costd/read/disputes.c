/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rows that are in dispute, that the provider does not know, or that are of an odd day. */
#include "read.h"

#include "rows.h"
#include "database/column.h"
#include "database/fill.h"
#include "database/sql.h"
#include "names/names.h"
#include "price/model.h"
#include "store/store.h"
#include "value/cursor.h"
#include "value/join.h"

#include <string.h>

struct page {
	struct om_arena *a; /* borrowed */
	const Om__DisputesQuery *q;
	struct cd_cursor after;
	size_t limit;
	bool more;
	Om__DisputesReply *out;
};

/* Columns that are no fields. */
enum { V_DISPUTED, V_ODD_DAY, V_UNPROVEN, V_USER_LEAST, V_USER_MOST };

static void
add(char ***list, size_t *n, bool wanted, char *name)
{
	if (wanted)
		(*list)[(*n)++] = name;
}

/* add_users gives the two, ascending; once where they are shown as one. */
static void
add_users(struct page *p, Om__Dispute *m, const struct cd_val *v)
{
	char *a = cd_column_text(&v[V_USER_LEAST], p->a), *b = cd_column_text(&v[V_USER_MOST], p->a);
	const int c = a != NULL && b != NULL ? strcmp(a, b) : 0;

	m->users[m->n_users++] = c <= 0 ? a : b;
	if (c != 0)
		m->users[m->n_users++] = c < 0 ? b : a;
}

static om_status
keep(void *arg, void *message, const struct cd_val *v, om_err *e)
{
	static char cost[] = "cost", tokens[] = "tokens", user[] = "user", day[] = "day";
	struct page *p = arg;
	Om__Dispute *m = message;
	const int64_t of = v[V_DISPUTED].i;

	if (p->out->n_items == p->limit) {
		p->more = true;
		return OM_OK;
	}
	m->in_dispute = om_arena_array(p->a, 4, sizeof *m->in_dispute);
	cd_marks_add(of != 0, v[V_UNPROVEN].i != 0, v[V_ODD_DAY].i != 0, p->a, &m->marks, &m->n_marks);
	m->users = om_arena_array(p->a, 2, sizeof *m->users);
	if (m->in_dispute == NULL || m->users == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if ((of & CD_DISPUTED_USER) != 0)
		add_users(p, m, v);
	if (p->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	add(&m->in_dispute, &m->n_in_dispute, (of & CD_DISPUTED_COST) != 0, cost);
	add(&m->in_dispute, &m->n_in_dispute, (of & CD_DISPUTED_TOKENS) != 0, tokens);
	add(&m->in_dispute, &m->n_in_dispute, (of & CD_DISPUTED_USER) != 0, user);
	add(&m->in_dispute, &m->n_in_dispute, (of & CD_DISPUTED_START) != 0, day);
	p->out->items[p->out->n_items++] = m;
	return OM_OK;
}

/* add_mark asks for one mark.  Without one it asks for what is in dispute or unproven: of odd days there are as
 * many as there are rows where somebody sends the past. */
static om_status
add_mark(struct cd_sql *q, const char *mark, om_err *e)
{
	if (mark == NULL)
		om_buf_printf(&q->text, " WHERE g.marked=%d", CD_MARKED);
	else if (strcmp(mark, "disputed") == 0)
		om_buf_printf(&q->text, " WHERE g.marked=%d AND g.disputed<>0", CD_MARKED);
	else if (strcmp(mark, "unproven") == 0)
		om_buf_printf(&q->text, " WHERE g.marked=%d AND g.unproven<>0", CD_MARKED);
	else if (strcmp(mark, "odd_day") == 0)
		om_buf_printf(&q->text, " WHERE g.marked IN (%d,%d) AND g.odd_day<>0", CD_MARKED, CD_MARKED_DAY);
	else
		return om_fail(e, OM_INVALID, "mark: must be disputed, unproven or odd_day");
	return OM_OK;
}

static om_status
work(struct cd_db *db, void *arg, om_err *e)
{
	struct page *p = arg;
	struct cd_sql q;
	om_status s;

	p->out->n_items = 0;
	p->more = false;
	cd_sql_init(&q, p->a);
	cd_sql_add(&q,
	    "SELECT g.disputed AS _disputed,g.odd_day AS _odd_day,g.unproven AS _unproven," CD_SHOWN_ID_TEXT(
		"COALESCE(g.user_least,g.user_id)") " AS _user_least," CD_SHOWN_ID_TEXT("COALESCE(g.user_most,g.user_"
											"id)") " AS "
											       "_user_"
											       "most");
	cd_sql_add(&q,
	    ",g.generation_id," CD_SHOWN_ID_TEXT("g.user_id") " AS user_id," CD_SHOWN_NAME_TEXT(
		"g.user_id") " AS user_name");
	cd_sql_add(&q,
	    "," CD_MODEL_TEXT("g.model") " AS model," CD_WORD_TEXT("g.provider") " AS provider," CD_WORD_TEXT(
		"g.source") " AS source,g.started_us,g.cost_state,g.cost");
	cd_sql_add(&q,
	    ",IF(g.disputed&1,COALESCE(g.cost_most,g.cost),NULL) AS "
	    "greatest_cost,IF(g.disputed&1,COALESCE(g.disputed_cost,0),NULL) AS "
	    "disputed_cost,"
	    "g.prompt_tokens,IF(g.disputed&8,COALESCE(g.prompt_tokens_most,g.prompt_tokens),NULL) AS "
	    "greatest_prompt_tokens,"
	    "g.completion_tokens,IF(g.disputed&8,COALESCE(g.completion_tokens_most,g.completion_tokens),NULL) AS "
	    "greatest_completion_tokens,"
	    "IF(g.disputed&4,COALESCE(g.started_least_us,g.started_us),NULL) AS earliest_us,"
	    "IF(g.disputed&4,COALESCE(g.started_most_us,g.started_us),NULL) AS latest_us,"
	    "COALESCE(g.received_us,g.started_us) AS received_us,"
	    "l.attempts,l.next_us,l.last_status,l.last_error");
	cd_sql_add(&q,
	    " FROM generation AS g FORCE INDEX (by_marked) "
	    "LEFT JOIN lookup AS l ON l.generation_id=g.generation_id");
	s = add_mark(&q, p->q->mark, e);
	if (p->after.key != NULL) {
		cd_sql_add(&q, " AND g.started_us<=? AND (g.started_us<? OR g.number<" CD_NUMBER_OF_ID ")");
		cd_sql_value(&q, CD_I(p->after.us));
		cd_sql_value(&q, CD_I(p->after.us));
		cd_sql_value(&q, cd_t(p->after.key));
	}
	cd_sql_add(&q, " ORDER BY g.started_us DESC,g.number DESC LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)p->limit + 1));
	if (s == OM_OK)
		s = cd_fill_sql(db, &q, &om__dispute__descriptor, keep, p, e);
	cd_sql_fini(&q);
	return s;
}

om_status
cd_disputes_read(struct cd_pool *pool, const Om__DisputesQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DisputesReply *out, om_err *e)
{
	struct page p = {.a = a, .q = q, .out = out};
	om_status s = cd_page_size(q->has_limit != 0, q->limit, &p.limit, e);

	if (s == OM_OK && q->cursor != NULL)
		s = cd_cursor_read(CD_CURSOR_DISPUTES, q->cursor, &p.after, a, e);
	if (s != OM_OK)
		return s;
	out->items = om_arena_array(a, p.limit, sizeof(Om__Dispute *));
	if (out->items == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	s = cd_pool_run(pool, CD_TX_SNAPSHOT, deadline_ms, work, &p, e);
	if (s == OM_OK && p.more) {
		const Om__Dispute *last = out->items[out->n_items - 1];

		out->next_cursor = cd_cursor_text(
		    CD_CURSOR_DISPUTES, &(struct cd_cursor){.us = last->started_us, .key = last->generation_id}, a);
	}
	return s == OM_OK && a->failed ? om_fail(e, OM_NOMEM, "out of memory") : s;
}

static om_status
keep_counts(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_marked_counts *c = arg;

	(void)e;
	*c = (struct cd_marked_counts){.disputed = v[0].i, .unproven = v[1].i, .odd_day = v[2].i};
	return OM_OK;
}

om_status
cd_disputes_count(struct cd_db *db, struct cd_marked_counts *out, om_err *e)
{
	*out = (struct cd_marked_counts){0};
	return cd_db_query(db,
	    "SELECT COUNT(NULLIF(disputed,0)),COUNT(NULLIF(unproven,0)),COUNT(NULLIF(odd_day,0)) FROM generation "
	    "WHERE marked>0",
	    NULL, 0, keep_counts, out, e);
}
