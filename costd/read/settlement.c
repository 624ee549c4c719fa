/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lists of settlement, by pages: prices, what is unsettled, dead letters, discrepancies. */
#include "read.h"

#include "rows.h"
#include "database/column.h"
#include "database/fill.h"
#include "names/names.h"
#include "price/estimate.h"
#include "price/model.h"
#include "store/dead.h"
#include "value/cursor.h"
#include "record.pb-c.h"
#include "settle.pb-c.h"
#include "base/text.h"

#include <string.h>

#define SPOOL_ID 16u

/* A page on its way: rows are kept by one function per list, one row more than
 * wanted tells that there are more. */
struct page {
	struct om_arena *a; /* borrowed */
	struct cd_cursor after;
	size_t limit, n;
	bool more;
	void **items; /* messages, in the arena */
	const ProtobufCMessageDescriptor *kind;
	/* finish adds to a message what no column is; NULL: nothing */
	om_status (*finish)(struct page *p, void *message, const struct cd_val *v, om_err *e);
	bool have_key; /* costd can ask the provider */
	const char *model;
	const protobuf_c_boolean *aside; /* of letters: those that are, or are not, set aside; NULL: all */
	struct cd_row *rows;             /* what an estimate goes by, beside the items */
	struct cd_letter_key *letters;   /* beside the items */
};

static om_status
begin_page(struct page *p, bool has_limit, uint32_t limit, cd_cursor_kind kind, const char *cursor, om_err *e)
{
	om_status s = cd_page_size(has_limit, limit, &p->limit, e);

	if (s == OM_OK && cursor != NULL)
		s = cd_cursor_read(kind, cursor, &p->after, p->a, e);
	if (s != OM_OK)
		return s;
	p->items = om_arena_array(p->a, p->limit, sizeof *p->items);
	return p->items != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
keep(void *arg, void *message, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;
	om_status s;

	if (p->n == p->limit) {
		p->more = true;
		return OM_OK;
	}
	s = p->finish != NULL ? p->finish(p, message, v, e) : OM_OK;
	if (p->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	p->items[p->n++] = message;
	return s;
}

static om_status
fetch(struct cd_db *db, struct page *p, struct cd_sql *q, om_err *e)
{
	om_status s;

	p->n = 0;
	p->more = false;
	s = cd_fill_sql(db, q, p->kind, keep, p, e);
	cd_sql_fini(q);
	return s;
}

static om_status
no_message(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* ---- prices ---- */

static om_status
fetch_prices(struct cd_db *db, void *arg, om_err *e)
{
	struct page *p = arg;
	struct cd_sql q;

	cd_sql_init(&q, p->a);
	cd_sql_add(&q, "SELECT model,valid_from_us,valid_until_us,pricing FROM price AS g WHERE TRUE");
	if (p->model != NULL) {
		cd_sql_add(&q, " AND " CD_MODEL_IS("g.model"));
		for (unsigned i = 0; i < CD_MODEL_IS_VALUES; i++)
			cd_sql_value(&q, cd_t(p->model));
	}
	if (p->after.key != NULL) {
		cd_sql_add(&q, " AND g.model>=? AND (g.model>? OR g.valid_from_us<?)");
		cd_sql_value(&q, cd_t(p->after.key));
		cd_sql_value(&q, cd_t(p->after.key));
		cd_sql_value(&q, CD_I(p->after.us));
	}
	cd_sql_add(&q, " ORDER BY g.model,g.valid_from_us DESC LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)p->limit + 1));
	return fetch(db, p, &q, e);
}

om_status
cd_prices_read(struct cd_pool *pool, const Om__PricesQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__PricesReply *out, om_err *e)
{
	struct page p = {.a = a, .kind = &om__price_line__descriptor, .model = q->model};
	om_status s = begin_page(&p, q->has_limit != 0, q->limit, CD_CURSOR_PRICES, q->cursor, e);

	if (s == OM_OK)
		s = cd_pool_run(pool, CD_TX_SNAPSHOT, deadline_ms, fetch_prices, &p, e);
	if (s != OM_OK)
		return s;
	out->n_items = p.n;
	out->items = (Om__PriceLine **)p.items;
	if (p.more) {
		const Om__PriceLine *last = p.items[p.n - 1];

		out->next_cursor = cd_cursor_text(
		    CD_CURSOR_PRICES, &(struct cd_cursor){.us = last->valid_from_us, .key = last->model}, a);
	}
	return a->failed ? no_message(e) : OM_OK;
}

/* ---- what is unsettled ---- */

static Om__UnsettledReason
reason(const struct page *p, const Om__UnsettledItem *m, bool unsettled, bool planned)
{
	if (!unsettled)
		return OM__UNSETTLED_REASON__UNSETTLED_NO_PRICE;
	if (!planned)
		return OM__UNSETTLED_REASON__UNSETTLED_NOT_LOOKED_UP;
	if (!m->has_next_us)
		return OM__UNSETTLED_REASON__UNSETTLED_GIVEN_UP;
	if (!p->have_key)
		return OM__UNSETTLED_REASON__UNSETTLED_NO_KEY;
	return m->has_last_status || m->last_error != NULL ? OM__UNSETTLED_REASON__UNSETTLED_RETRYING
							   : OM__UNSETTLED_REASON__UNSETTLED_WAITING;
}

/* Columns of fetch_unsettled before those of the item. */
enum { U_UNSETTLED, U_PLATFORM, U_PLANNED, U_ROW };
#define U_COLUMNS "g.unsettled AS _unsettled," CD_WORD_TEXT("g.platform") " AS _platform,l.generation_id AS _planned"

/* What an estimate goes by, in the order of the columns from U_ROW on. */
static const cd_field by[] = {
    CD_F_IS_BYOK,
#define BY_MONEY(NAME)
#define BY_COUNT(NAME)                         CD_F_##NAME,
#define OM_FIGURE_TOLD(NAME, name, kind, path) BY_##kind(NAME)
#include "messages/figures.def"
};
#define N_BY (sizeof by / sizeof by[0])

static void
keep_row(struct page *p, const struct cd_val *v)
{
	struct cd_row *row = &p->rows[p->n];
	const char *platform = cd_column_text(&v[U_PLATFORM], p->a);

	memset(row, 0, sizeof *row);
	for (size_t i = 0; i < N_BY; i++)
		if (v[U_ROW + i].kind == CD_INT)
			row->cell[by[i]] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = v[U_ROW + i].i};
	if (platform != NULL)
		row->cell[CD_F_PLATFORM] =
		    (struct cd_cell){.rank = CD_RANK_REPORTED, .v.text = {platform, strlen(platform)}};
}

/* say_why asks the price history why rows have no estimate. */
static om_status
say_why(struct cd_db *db, struct page *p, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < p->n; i++) {
		Om__UnsettledItem *m = p->items[i];
		struct cd_row *row = &p->rows[i];

		if (m->cost != NULL)
			continue;
		row->key = (struct cd_text){.p = m->generation_id, .n = strlen(m->generation_id)};
		row->cell[CD_F_STARTED_US] = (struct cd_cell){.rank = CD_RANK_REPORTED, .v.i = m->started_us};
		if (m->model != NULL)
			row->cell[CD_F_MODEL] =
			    (struct cd_cell){.rank = CD_RANK_REPORTED, .v.text = {m->model, strlen(m->model)}};
		s = cd_estimate_why(db, row, p->a, &m->no_estimate, e);
	}
	return s;
}

static om_status
finish_unsettled(struct page *p, void *message, const struct cd_val *v, om_err *e)
{
	Om__UnsettledItem *m = message;

	(void)e;
	m->reason = reason(p, m, v[U_UNSETTLED].i != 0, v[U_PLANNED].kind != CD_NULL);
	m->has_lacks_byok = true;
	m->lacks_byok = m->cost_state >= OM__COST_STATE__COST_REPORTED;
	if (m->cost == NULL)
		keep_row(p, v);
	return OM_OK;
}

/* What is listed: rows that are not settled, and those without a cost for which
 * no vendor can be asked.  Each of these finds the newest along an index. */
static const char *const unsettled_branches[] = {
    "FORCE INDEX (by_unsettled) WHERE unsettled=1 AND requests=1",
    "FORCE INDEX (by_cost_state) WHERE cost_state=0 AND requests>0",
    "FORCE INDEX (by_cost_state) WHERE cost_state=1 AND requests>0",
};
#define N_BRANCHES (sizeof unsettled_branches / sizeof unsettled_branches[0])

static void
add_branch(struct cd_sql *q, const struct page *p, const char *which)
{
	cd_sql_add(q, "(SELECT g.number,g.started_us FROM generation AS g ");
	cd_sql_add(q, which);
	if (p->after.key != NULL) {
		cd_sql_add(q, " AND g.started_us<=? AND (g.started_us<? OR g.number<" CD_NUMBER_OF_ID ")");
		cd_sql_value(q, CD_I(p->after.us));
		cd_sql_value(q, CD_I(p->after.us));
		cd_sql_value(q, cd_t(p->after.key));
	}
	cd_sql_add(q, " ORDER BY g.started_us DESC,g.number DESC LIMIT ?)");
	cd_sql_value(q, CD_I((int64_t)p->limit + 1));
}

#define MODEL_ASKED CD_MODEL_TEXT("COALESCE(g.model,g.requested_model)")

static om_status
fetch_unsettled(struct cd_db *db, void *arg, om_err *e)
{
	struct page *p = arg;
	struct cd_sql q;
	om_status s;

	cd_sql_init(&q, p->a);
	cd_sql_add(&q, "SELECT " U_COLUMNS);
	for (size_t i = 0; i < N_BY; i++)
		om_buf_printf(&q.text, ",g.%s AS _%s", cd_fields[by[i]].column, cd_fields[by[i]].column);
	cd_sql_add(&q,
	    ",g.generation_id," CD_SHOWN_ID_TEXT("g.user_id") " AS user_id," CD_SHOWN_NAME_TEXT(
		"g.user_id") " AS user_name," MODEL_ASKED
			     " AS model," CD_WORD_TEXT(
				 "g.provider") " AS provider,g.started_us,g.cost_state,g.cost,"
					       "l.attempts,l.next_us,l.last_status,l.last_error FROM (");
	for (size_t i = 0; i < N_BRANCHES; i++) {
		cd_sql_add(&q, i > 0 ? " UNION " : ""); /* each row once */
		add_branch(&q, p, unsettled_branches[i]);
	}
	cd_sql_add(&q,
	    ") AS page STRAIGHT_JOIN generation AS g ON g.number=page.number "
	    "LEFT JOIN lookup AS l ON l.generation_id=g.generation_id ORDER BY g.started_us DESC,g.number DESC LIMIT "
	    "?");
	cd_sql_value(&q, CD_I((int64_t)p->limit + 1));
	s = fetch(db, p, &q, e);
	return s == OM_OK ? say_why(db, p, e) : s;
}

om_status
cd_unsettled_read(struct cd_pool *pool, bool have_key, const Om__UnsettledQuery *q, int64_t deadline_ms,
    struct om_arena *a, Om__UnsettledReply *out, om_err *e)
{
	struct page p = {
	    .a = a, .kind = &om__unsettled_item__descriptor, .finish = finish_unsettled, .have_key = have_key};
	om_status s = begin_page(&p, q->has_limit != 0, q->limit, CD_CURSOR_UNSETTLED, q->cursor, e);

	if (s == OM_OK && (p.rows = om_arena_array(a, p.limit, sizeof *p.rows)) == NULL)
		s = no_message(e);
	if (s == OM_OK)
		s = cd_pool_run(pool, CD_TX_SNAPSHOT, deadline_ms, fetch_unsettled, &p, e);
	if (s != OM_OK)
		return s;
	out->n_items = p.n;
	out->items = (Om__UnsettledItem **)p.items;
	if (p.more) {
		const Om__UnsettledItem *last = p.items[p.n - 1];

		out->next_cursor = cd_cursor_text(
		    CD_CURSOR_UNSETTLED, &(struct cd_cursor){.us = last->started_us, .key = last->generation_id}, a);
	}
	return a->failed ? no_message(e) : OM_OK;
}

/* ---- dead letters ---- */

/* Columns of fetch_letters before those of the item. */
enum { L_RECORD, L_CONTENT };

static om_status
finish_letter(struct page *p, void *message, const struct cd_val *v, om_err *e)
{
	Om__DeadLetter *m = message;
	struct cd_letter_key *key = &p->letters[p->n];
	Om__Record *r = NULL;

	if (m->spool_id.len != SPOOL_ID || v[L_CONTENT].n != OM_SHA256)
		return om_fail(e, OM_DAMAGED, "a dead letter has no spool");
	memcpy(key->spool_id, m->spool_id.data, SPOOL_ID);
	key->seq = m->seq;
	memcpy(key->content, v[L_CONTENT].p, OM_SHA256);
	m->bytes = (uint32_t)v[L_RECORD].n;
	if (om_msg_unpack(&om__record__descriptor, v[L_RECORD].p, v[L_RECORD].n, p->a, &r, NULL) != OM_OK)
		return OM_OK;
	m->generation_id = r->generation_id;
	m->turn_id = r->turn_id;
	m->user = r->user != NULL ? r->user->id : NULL;
	m->model = r->model;
	m->cost = r->cost;
	m->has_started_us = r->has_started_us || r->has_finished_us;
	m->started_us = r->has_started_us ? r->started_us : r->finished_us;
	return OM_OK;
}

/* A key in a cursor: spool and content in hexadecimal digits, then the number. */
#define SPOOL_HEX   ((size_t)2 * SPOOL_ID)
#define CONTENT_HEX ((size_t)2 * OM_SHA256)

static bool
parse_letter_key(const char *text, struct cd_letter_key *out)
{
	return strlen(text) > SPOOL_HEX + CONTENT_HEX && om_unhex(text, SPOOL_HEX, out->spool_id) &&
	    om_unhex(text + SPOOL_HEX, CONTENT_HEX, out->content) &&
	    om_u64_parse(text + SPOOL_HEX + CONTENT_HEX, INT64_MAX, &out->seq);
}

static const char *
letter_key_text(const struct cd_letter_key *key, struct om_arena *a)
{
	char spool[SPOOL_HEX + 1], content[CONTENT_HEX + 1];

	om_hex(key->spool_id, SPOOL_ID, spool);
	om_hex(key->content, OM_SHA256, content);
	return om_arena_printf(a, "%s%s%llu", spool, content, (unsigned long long)key->seq);
}

static om_status
fetch_letters(struct cd_db *db, void *arg, om_err *e)
{
	struct page *p = arg;
	struct cd_letter_key k = {.seq = 0};
	struct cd_sql q;

	cd_sql_init(&q, p->a);
	cd_sql_add(&q,
	    "SELECT record AS _record,content AS _content,spool_id,seq,at_us,reason,aside_us,aside_reason FROM "
	    "dead_letter WHERE TRUE");
	if (p->aside != NULL)
		cd_sql_add(&q, *p->aside ? " AND aside_us IS NOT NULL" : " AND aside_us IS NULL");
	if (p->after.key != NULL) {
		if (!parse_letter_key(p->after.key, &k)) {
			cd_sql_fini(&q);
			return om_fail(e, OM_INVALID, "cursor: not one that this service gave");
		}
		cd_sql_add(&q, " AND at_us<=? AND (at_us<? OR (spool_id,seq,content)<(?,?,?))");
		cd_sql_value(&q, CD_I(p->after.us));
		cd_sql_value(&q, CD_I(p->after.us));
		cd_sql_value(&q, CD_B(k.spool_id, SPOOL_ID));
		cd_sql_value(&q, CD_I((int64_t)k.seq));
		cd_sql_value(&q, CD_B(k.content, OM_SHA256));
	}
	cd_sql_add(&q, " ORDER BY at_us DESC,spool_id DESC,seq DESC,content DESC LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)p->limit + 1));
	return fetch(db, p, &q, e);
}

om_status
cd_dead_letters_read(struct cd_pool *pool, const Om__DeadLettersQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DeadLettersReply *out, om_err *e)
{
	struct page p = {.a = a,
	    .kind = &om__dead_letter__descriptor,
	    .finish = finish_letter,
	    .aside = q->has_aside ? &q->aside : NULL};
	om_status s = begin_page(&p, q->has_limit != 0, q->limit, CD_CURSOR_LETTERS, q->cursor, e);

	if (s == OM_OK && (p.letters = om_arena_array(a, p.limit, sizeof *p.letters)) == NULL)
		s = no_message(e);
	if (s == OM_OK)
		s = cd_pool_run(pool, CD_TX_SNAPSHOT, deadline_ms, fetch_letters, &p, e);
	if (s != OM_OK)
		return s;
	out->n_items = p.n;
	out->items = (Om__DeadLetter **)p.items;
	if (p.more) {
		const Om__DeadLetter *last = p.items[p.n - 1];
		const char *key = letter_key_text(&p.letters[p.n - 1], a);

		if (key != NULL)
			out->next_cursor =
			    cd_cursor_text(CD_CURSOR_LETTERS, &(struct cd_cursor){.us = last->at_us, .key = key}, a);
	}
	return a->failed ? no_message(e) : OM_OK;
}

/* ---- discrepancies ---- */

static om_status
fetch_discrepancies(struct cd_db *db, void *arg, om_err *e)
{
	struct page *p = arg;
	struct cd_sql q;

	cd_sql_init(&q, p->a);
	cd_sql_add(&q,
	    "SELECT d.generation_id," CD_SHOWN_ID_TEXT("g.user_id") " AS user_id," CD_SHOWN_NAME_TEXT(
		"g.user_id") " AS user_"
			     "name," CD_MODEL_TEXT("g.model") " AS model," CD_WORD_TEXT(
				 "g.provider") " AS provider,"
					       "g.started_us,d.found_us,d.reported,d.looked_up,d.looked_up-d.reported "
					       "AS "
					       "difference "
					       "FROM discrepancy AS d JOIN generation AS g ON "
					       "g.generation_id=d.generation_id WHERE TRUE");
	if (p->after.key != NULL) {
		cd_sql_add(&q, " AND d.found_us<=? AND (d.found_us<? OR d.generation_id<?)");
		cd_sql_value(&q, CD_I(p->after.us));
		cd_sql_value(&q, CD_I(p->after.us));
		cd_sql_value(&q, cd_t(p->after.key));
	}
	cd_sql_add(&q, " ORDER BY d.found_us DESC,d.generation_id DESC LIMIT ?");
	cd_sql_value(&q, CD_I((int64_t)p->limit + 1));
	return fetch(db, p, &q, e);
}

om_status
cd_discrepancies_read(struct cd_pool *pool, const Om__DiscrepanciesQuery *q, int64_t deadline_ms, struct om_arena *a,
    Om__DiscrepanciesReply *out, om_err *e)
{
	struct page p = {.a = a, .kind = &om__discrepancy__descriptor};
	om_status s = begin_page(&p, q->has_limit != 0, q->limit, CD_CURSOR_DISCREPANCIES, q->cursor, e);

	if (s == OM_OK)
		s = cd_pool_run(pool, CD_TX_SNAPSHOT, deadline_ms, fetch_discrepancies, &p, e);
	if (s != OM_OK)
		return s;
	out->n_items = p.n;
	out->items = (Om__Discrepancy **)p.items;
	if (p.more) {
		const Om__Discrepancy *last = p.items[p.n - 1];

		out->next_cursor = cd_cursor_text(
		    CD_CURSOR_DISCREPANCIES, &(struct cd_cursor){.us = last->found_us, .key = last->generation_id}, a);
	}
	return a->failed ? no_message(e) : OM_OK;
}
