/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rows, sides and totals of before, with numbers in place of texts. */
#include "renumber_in.h"

#include "names/names.h"
#include "pairs/pairs.h"
#include "store/rollup.h"
#include "store/store.h"
#include "value/join.h"
#include "value/record.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define SQL_BYTES  ((size_t)16 * 1024)
#define PAGE       4000
#define PAGE_LAST  "3999"
#define CLAIMS     1000
#define CLAIMS_ROW "1000"

/* ---- rows ---- */

/* A place in generation_before, by (started_us, generation_id). */
struct spot {
	bool any;
	int64_t at;
	char id[CD_KEY_BYTES + 1];
};

static om_status
parse_spot(const char *text, struct spot *out, om_err *e)
{
	const char *rest = text;
	om_status s = OM_OK;

	*out = (struct spot){.any = text[0] != '\0', .at = INT64_MIN};
	if (out->any)
		s = cd_renumber_number(text, &out->at, &rest, e);
	if (s == OM_OK && out->any)
		(void)snprintf(out->id, sizeof out->id, "%.640s", *rest == ':' ? rest + 1 : rest);
	return s;
}

static om_status
keep_spot(void *arg, const struct cd_val *v, om_err *e)
{
	struct spot *sp = arg;

	if (v[1].n >= sizeof sp->id)
		return om_fail(e, OM_DAMAGED, "a row's id is too long");
	sp->any = true;
	sp->at = v[0].i;
	memcpy(sp->id, v[1].p, v[1].n + 1);
	return OM_OK;
}

/* add_field writes how a field's column is copied, and joins what that needs. */
static void
add_field(struct om_buf *what, struct om_buf *from, unsigned f)
{
	static const struct {
		const char *table, *column, *before, *after;
	} joins[] = {
	    [CD_AS_WORD] = {"word", "text", "", ""},
	    [CD_AS_GROUP_SET] = {"group_set", "hash", "UNHEX(SHA2(", ",256))"},
	    [CD_AS_PERSON] = {"person", "external_id", "", ""},
	};
	const struct cd_field_info *info = &cd_fields[f];
	const bool is_number = info->stored != CD_AS_SAME, is_like = info->like != CD_F_NONE;

	if (is_number)
		om_buf_printf(from, " LEFT JOIN %s AS n%u ON n%u.%s=%sg.%s%s", joins[info->stored].table, f, f,
		    joins[info->stored].column, joins[info->stored].before, info->column, joins[info->stored].after);
	om_buf_str(what, is_like ? ",NULLIF(" : ",");
	if (is_number)
		om_buf_printf(what, "n%u.id", f);
	else
		om_buf_printf(what, "g.%s", info->column);
	if (is_like && is_number)
		om_buf_printf(what, ",n%u.id)", (unsigned)info->like);
	else if (is_like)
		om_buf_printf(what, ",g.%s)", cd_fields[info->like].column);
}

#define OTHERS "day,cost_state,requests,unsettled,link_kind,disputed,odd_day,unproven,marked,ranks"
#define OTHERS_G \
	"g.day,g.cost_state,g.requests,g.unsettled,g.link_kind,g.disputed,g.odd_day,g.unproven,g.marked,g.ranks"

/* write_copy writes the statement that copies the rows of a stretch. */
static om_status
write_copy(struct om_buf *out, bool to_end, om_err *e)
{
	struct om_buf what, from;
	om_status s;

	om_buf_init(&what, SQL_BYTES);
	om_buf_init(&from, SQL_BYTES);
	om_buf_str(out, "INSERT INTO generation (generation_id");
	for (unsigned f = 0; f < CD_N_FIELDS; f++) {
		om_buf_printf(out, ",%s", cd_fields[f].column);
		add_field(&what, &from, f);
	}
	s = om_buf_done(&what, e);
	if (s == OM_OK)
		s = om_buf_done(&from, e);
	if (s == OM_OK) {
		om_buf_printf(out,
		    ",disputed_cost," OTHERS ") SELECT g.generation_id%s,NULLIF(g.disputed_cost,0)," OTHERS_G
		    " FROM (SELECT * FROM generation_before FORCE INDEX (by_start) WHERE started_us>=? AND "
		    "(started_us>? OR generation_id>?)%s) AS g%s ORDER BY g.started_us,g.generation_id",
		    what.data, to_end ? "" : " AND started_us<=? AND (started_us<? OR generation_id<=?)", from.data);
		s = om_buf_done(out, e);
	}
	om_buf_fini(&what);
	om_buf_fini(&from);
	return s;
}

om_status
cd_renumber_rows(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	struct spot from, to = {.any = false};
	struct om_buf sql;
	int64_t copied = 0;
	om_status s = parse_spot(p->at, &from, e);
	struct cd_val v[6] = {CD_I(from.at), CD_I(from.at), CD_B(from.id, strlen(from.id))};

	if (s == OM_OK)
		s = cd_db_query(db,
		    "SELECT started_us,generation_id FROM generation_before FORCE INDEX (by_start) WHERE started_us>=? "
		    "AND "
		    "(started_us>? OR generation_id>?) ORDER BY started_us,generation_id LIMIT 1 OFFSET " PAGE_LAST,
		    v, 3, keep_spot, &to, e);
	if (s != OM_OK)
		return s;
	v[3] = v[4] = CD_I(to.at);
	v[5] = CD_B(to.id, strlen(to.id));
	om_buf_init(&sql, SQL_BYTES);
	s = write_copy(&sql, !to.any, e);
	if (s == OM_OK)
		s = cd_db_exec(db, sql.data, v, to.any ? 6 : 3, 1, &copied, e);
	om_buf_fini(&sql);
	p->rows = copied;
	p->done = !to.any;
	if (to.any)
		(void)snprintf(p->at, sizeof p->at, "%lld:%s", (long long)to.at, to.id);
	return s;
}

/* ---- sides and totals ---- */

om_status
cd_renumber_turns(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	static const char copy[] =
	    "INSERT INTO turn (ledger_key,of_turn,turn_id,message_id,request,source,platform,at_us,user_id,model,"
	    "prompt_tokens,completion_tokens,alone) SELECT "
	    "t.ledger_key,t.of_turn,t.turn_id,t.message_id,t.request,s.id,"
	    "f.id,t.at_us,COALESCE(p.id,0),m.id,t.prompt_tokens,t.completion_tokens,t.alone FROM (SELECT * FROM "
	    "turn_before WHERE at_us>=? AND at_us<?) AS t LEFT JOIN word AS s ON s.text=t.source LEFT JOIN word AS f "
	    "ON "
	    "f.text=t.platform LEFT JOIN word AS m ON m.text=t.model LEFT JOIN person AS p ON p.external_id=t.user_id";
	struct spot at, next = {.any = false};
	int64_t copied = 0, after;
	om_status s = parse_spot(p->at, &at, e);

	/* a day of time, from the next side on */
	if (s == OM_OK)
		s = cd_db_query(db, "SELECT at_us,'' FROM turn_before WHERE at_us>=? ORDER BY at_us LIMIT 1",
		    (struct cd_val[]){CD_I(at.at)}, 1, keep_spot, &next, e);
	p->done = s == OM_OK && !next.any;
	if (s != OM_OK || p->done)
		return s;
	after = next.at + OM_DAY;
	s = cd_db_exec(db, copy, (struct cd_val[]){CD_I(next.at), CD_I(after)}, 2, 1, &copied, e);
	(void)snprintf(p->at, sizeof p->at, "%lld:", (long long)after);
	return s;
}

static om_status
keep_day(void *arg, const struct cd_val *v, om_err *e)
{
	(void)e;
	if (v[0].kind == CD_TEXT && v[0].n < CD_PLACE_BYTES)
		memcpy(arg, v[0].p, v[0].n + 1);
	return OM_OK;
}

/* The figures, which are copied as they are. */
#define OM_FIGURE(name, kind) "," #name
static const char figures[] = ""
#include "messages/figures.def"
    ;

/* cd_renumber_days copies the lines of one day, also those from which all rows have moved away: they tell when
 * that was. */
om_status
cd_renumber_days(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	char day[CD_PLACE_BYTES] = "";
	struct om_buf b;
	om_status s = cd_db_query(db, "SELECT CAST(MIN(day) AS CHAR) FROM usage_day_before WHERE day>?",
	    (struct cd_val[]){cd_t(p->at[0] != '\0' ? p->at : "0001-01-01")}, 1, keep_day, day, e);

	p->done = s == OM_OK && day[0] == '\0';
	if (s != OM_OK || p->done)
		return s;
	om_buf_init(&b, SQL_BYTES);
	om_buf_printf(&b,
	    "INSERT INTO usage_day (day,user_id,user_groups,model,provider,origin,task,source,platform%s,changed_us) "
	    "SELECT "
	    "u.day,p.id,COALESCE(s.id,0),COALESCE(w1.id,0),COALESCE(w2.id,0),COALESCE(w3.id,0),COALESCE(w4.id,0),"
	    "COALESCE(w5.id,0),COALESCE(w6.id,0)%s,changed_us FROM usage_day_before AS u JOIN person AS p ON "
	    "p.external_id=u.user_id LEFT JOIN group_set AS s ON s.hash=UNHEX(SHA2(u.user_groups,256)) "
	    "LEFT JOIN word AS w1 ON w1.text=u.model LEFT JOIN word AS w2 ON w2.text=u.provider "
	    "LEFT JOIN word AS w3 ON w3.text=u.origin LEFT JOIN word AS w4 ON w4.text=u.task "
	    "LEFT JOIN word AS w5 ON w5.text=u.source LEFT JOIN word AS w6 ON w6.text=u.platform WHERE u.day=?",
	    figures, figures);
	s = om_buf_done(&b, e);
	if (s == OM_OK)
		s = cd_db_exec(db, b.data, (struct cd_val[]){cd_t(day)}, 1, 1, NULL, e);
	om_buf_fini(&b);
	(void)snprintf(p->at, sizeof p->at, "%s", day);
	return s;
}

om_status
cd_renumber_sums(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	p->done = true;
	return cd_rollup_fill_sums(db, e);
}

/* ---- claims of users ---- */

struct claims {
	struct om_arena *a;
	struct cd_text keys[CLAIMS];
	int64_t numbers[CLAIMS];
	size_t n;
};

static om_status
keep_claim(void *arg, const struct cd_val *v, om_err *e)
{
	struct claims *c = arg;

	c->numbers[c->n] = v[0].i;
	c->keys[c->n] = (struct cd_text){.p = om_arena_strndup(c->a, v[1].p, v[1].n), .n = v[1].n};
	return c->keys[c->n++].p != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
number_of(struct cd_db *db, const struct cd_row *row, cd_field f, struct cd_val *out, om_err *e)
{
	const struct cd_cell *c = &row->cell[f];
	int64_t number = 0;
	om_status s = OM_OK;

	if (c->rank != CD_RANK_NONE)
		s = cd_names_number(db, CD_PERSON, c->v.text.p, c->v.text.n, &number, e);
	*out = number != 0 ? CD_I(number) : CD_NONE;
	return s;
}

/* set_claims writes the claims of one row, in the order of the handles. */
static om_status
set_claims(struct cd_db *db, struct cd_text key, int64_t number, struct om_arena *a, om_err *e)
{
	struct cd_val v[] = {CD_NONE, CD_NONE, CD_NONE, CD_NONE, CD_I(number)};
	struct cd_pairs c;
	struct cd_member *k;
	struct cd_row row;
	om_status s;

	cd_pairs_init(&c, db, a);
	c.lock = false;
	k = cd_pairs_get(&c, key);
	s = k != NULL ? cd_pairs_row(&c, k, &row, e) : om_fail(e, OM_NOMEM, "out of memory");
	if (s == OM_OK)
		s = number_of(db, &row, CD_F_USER_LEAST, &v[0], e);
	if (s == OM_OK)
		s = number_of(db, &row, CD_F_USER_MOST, &v[2], e);
	v[1] = v[0];
	v[3] = v[2];
	return s == OM_OK
	    ? cd_db_exec(db,
		  "UPDATE generation SET user_least=IF(?=user_id,NULL,?),user_most=IF(?=user_id,NULL,?) WHERE "
		  "number=?",
		  v, sizeof v / sizeof v[0], 1, NULL, e)
	    : s;
}

/* cd_renumber_claims puts the two users of a dispute into the order in which they are joined now. */
om_status
cd_renumber_claims(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	struct claims *c = om_arena_alloc(p->a, sizeof *c);
	uint64_t after = 0;
	om_status s;

	if (c == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (p->at[0] != '\0' && !om_u64_parse(p->at, INT64_MAX, &after))
		return om_fail(e, OM_DAMAGED, "meta: %.60s is no place of the copying", p->at);
	c->a = p->a;
	s = cd_db_query(db,
	    "SELECT number,generation_id FROM generation WHERE number>? AND "
	    "COALESCE(user_least,user_id)<>COALESCE(user_most,user_id) ORDER BY number LIMIT " CLAIMS_ROW,
	    (struct cd_val[]){CD_I((int64_t)after)}, 1, keep_claim, c, e);
	for (size_t i = 0; s == OM_OK && i < c->n; i++)
		s = set_claims(db, c->keys[i], c->numbers[i], p->a, e);
	p->done = c->n < CLAIMS;
	if (c->n > 0)
		(void)snprintf(p->at, sizeof p->at, "%lld", (long long)c->numbers[c->n - 1]);
	return s;
}
