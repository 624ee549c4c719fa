/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "links.h"

#include "database/sql.h"
#include "names/names.h"
#include "base/digest.h"
#include "base/invariant.h"

#include <stdlib.h>
#include <string.h>

#define SQL_BYTES ((size_t)32 * 1024)
#define IN_MAX    512u
#define N_SLOTS   (sizeof((struct cd_pairs *)0)->slots / sizeof((struct cd_pairs *)0)->slots[0])

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

void
cd_pairs_init(struct cd_pairs *c, struct cd_db *db, struct om_arena *a)
{
	memset(c, 0, sizeof *c);
	c->db = db;
	c->a = a;
	c->lock = true;
}

static bool
grow(struct cd_pairs *c)
{
	size_t cap = c->cap == 0 ? 256 : 2 * c->cap;
	struct cd_member **all = om_arena_array(c->a, cap, sizeof(void *));

	if (all == NULL)
		return false;
	if (c->n > 0)
		memcpy(all, c->all, c->n * sizeof(void *));
	c->all = all;
	c->cap = cap;
	return true;
}

struct cd_member *
cd_pairs_get(struct cd_pairs *c, struct cd_text key)
{
	struct cd_member **slot = &c->slots[om_crc32(0, key.p, key.n) % N_SLOTS], *k = *slot;

	while (k != NULL && cd_text_cmp(k->key, key) != 0)
		k = k->next;
	if (k != NULL)
		return k;
	if (c->n == c->cap && !grow(c))
		return NULL;
	k = om_arena_alloc(c->a, sizeof *k);
	if (k == NULL)
		return NULL;
	k->key = (struct cd_text){.p = om_arena_strndup(c->a, key.p, key.n), .n = key.n};
	if (k->key.p == NULL)
		return NULL;
	k->next = *slot;
	*slot = k;
	c->all[c->n++] = k;
	return k;
}

om_status
cd_pairs_own(struct cd_pairs *c, struct cd_member *k, om_err *e)
{
	if (k->own != NULL)
		return OM_OK;
	k->own = om_arena_alloc(c->a, sizeof *k->own);
	return k->own != NULL ? cd_own_read(c->db, k->key, c->a, k->own, e) : no_memory(e);
}

om_status
cd_pairs_side(struct cd_pairs *c, struct cd_member *k, om_err *e)
{
	om_status s = OM_OK;

	if (k->has_side)
		return OM_OK;
	/* what an operator said stands in the journal only, and only for rows that may be part of others */
	if (k->at_work && cd_row_is_own(&k->row)) {
		cd_row_side(&k->row, &k->side);
		k->has_side = !cd_side_may_be_part(&k->side) || k->old == NULL;
	}
	if (!k->has_side)
		s = cd_pairs_own(c, k, e);
	if (s == OM_OK && !k->has_side)
		cd_own_side(k->own, &k->side);
	k->has_side = s == OM_OK;
	return s;
}

bool
cd_side_may_be_part(const struct cd_side *s)
{
	return s->of_turn || (s->has_request && s->turn.n > 0 && !s->has_usage);
}

/* ---- lines ---- */

static struct cd_link_row *
find_line(const struct cd_member *part, const struct cd_member *target)
{
	struct cd_link_row *l = part->targets;

	while (l != NULL && l->target != target)
		l = l->next_target;
	return l;
}

static struct cd_link_row *
line_of(struct cd_pairs *c, struct cd_member *part, struct cd_member *target)
{
	struct cd_link_row *l = find_line(part, target);

	if (l != NULL)
		return l;
	l = om_arena_alloc(c->a, sizeof *l);
	if (l == NULL)
		return NULL;
	l->part = part;
	l->target = target;
	l->next_target = part->targets;
	part->targets = l;
	l->next_part = target->parts;
	target->parts = l;
	return l;
}

om_status
cd_link_want(struct cd_pairs *c, struct cd_member *part, struct cd_member *target, cd_link kind, om_err *e)
{
	struct cd_link_row *l = line_of(c, part, target);

	if (l == NULL)
		return no_memory(e);
	l->wanted = kind;
	return OM_OK;
}

void
cd_links_drop(struct cd_member *part, cd_link least)
{
	for (struct cd_link_row *l = part->targets; l != NULL; l = l->next_target)
		if (l->wanted >= least)
			l->wanted = CD_LINK_NONE;
}

struct cd_link_row *
cd_link_up(const struct cd_member *part, cd_link least)
{
	struct cd_link_row *l = part->targets;

	while (l != NULL && l->wanted < least)
		l = l->next_target;
	return l;
}

static om_status
keep_line(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_pairs *c = arg;
	struct cd_member *part = cd_pairs_get(c, (struct cd_text){.p = v[0].p, .n = v[0].n});
	struct cd_member *target = cd_pairs_get(c, (struct cd_text){.p = v[1].p, .n = v[1].n});
	struct cd_link_row *l = part != NULL && target != NULL ? line_of(c, part, target) : NULL;

	if (l == NULL)
		return no_memory(e);
	if (l->stored == CD_LINK_NONE && l->wanted == CD_LINK_NONE)
		l->wanted = (cd_link)v[2].i;
	l->stored = (cd_link)v[2].i;
	return OM_OK;
}

om_status
cd_pairs_query_in(struct cd_pairs *c, const char *head, const char *tail, const struct cd_val *keys, size_t n,
    cd_row_fn *fn, void *arg, om_err *e)
{
	struct om_buf sql;
	om_status s = OM_OK;

	om_buf_init(&sql, SQL_BYTES);
	for (size_t done = 0; s == OM_OK && done < n;) {
		size_t size = cd_sql_in_size(n - done);
		struct cd_val v[IN_MAX];

		for (size_t i = 0; i < size; i++)
			v[i] = keys[done + i < n ? done + i : n - 1];
		om_buf_reset(&sql);
		om_buf_str(&sql, head);
		om_buf_str(&sql, " IN ");
		cd_sql_in(&sql, size);
		om_buf_str(&sql, tail);
		s = om_buf_done(&sql, e);
		if (s == OM_OK)
			s = cd_db_query(c->db, sql.data, v, size, fn, arg, e);
		done += size;
	}
	om_buf_fini(&sql);
	return s;
}

om_status
cd_links_load(struct cd_pairs *c, struct cd_member *const *members, size_t n, bool parts, om_err *e)
{
	struct cd_val *keys = om_arena_array(c->a, n + 1, sizeof *keys);
	size_t n_keys = 0;

	if (keys == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n; i++) {
		bool *loaded = parts ? &members[i]->parts_loaded : &members[i]->targets_loaded;

		if (!*loaded)
			keys[n_keys++] = CD_B(members[i]->key.p, members[i]->key.n);
		*loaded = true;
	}
	return cd_pairs_query_in(c,
	    parts ? "SELECT ledger_key,target,kind FROM link WHERE target"
		  : "SELECT ledger_key,target,kind FROM link WHERE ledger_key",
	    "", keys, n_keys, keep_line, c, e);
}

/* ---- sides ---- */

static om_status
copy_text(struct cd_pairs *c, const struct cd_val *v, struct cd_text *out, om_err *e)
{
	*out = (struct cd_text){.n = 0};
	if (v->kind != CD_TEXT || v->n == 0)
		return OM_OK;
	out->p = om_arena_strndup(c->a, v->p, v->n);
	out->n = v->n;
	return out->p != NULL ? OM_OK : no_memory(e);
}

/* The columns of a side, as they are read of a table t, and as they are written. */
#define TURN_TEXTS                                                                                                       \
	"t.ledger_key,t.of_turn,t.turn_id,t.message_id,t.request,t.at_us," CD_HANDLE_TEXT("t.user_id") "," CD_WORD_TEXT( \
	    "t.model") ",t.prompt_tokens,t.completion_tokens,t.alone," CD_WORD_TEXT("t.source") "," CD_WORD_TEXT("t."    \
														 "pla"   \
														 "tfo"   \
														 "rm")
#define TURN_COLUMNS                                                                                               \
	"ledger_key,of_turn,turn_id,message_id,request,at_us,user_id,model,prompt_tokens,completion_tokens,alone," \
	"source,platform"
#define N_TURN 13u

static om_status
keep_turn(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_pairs *c = arg;
	struct cd_member *k = cd_pairs_get(c, (struct cd_text){.p = v[0].p, .n = v[0].n});
	struct cd_side *d;
	om_status s;

	if (k == NULL)
		return no_memory(e);
	if (k->has_side)
		return OM_OK;
	d = &k->side;
	*d = (struct cd_side){.key = k->key, .of_turn = v[1].i != 0, .at = v[5].i, .alone = v[10].i != 0};
	d->has_request = v[4].kind == CD_INT;
	d->request = v[4].i;
	d->has_tokens = v[8].kind == CD_INT && v[9].kind == CD_INT;
	d->prompt = v[8].i;
	d->completion = v[9].i;
	k->has_side = true;
	if ((s = copy_text(c, &v[2], &d->turn, e)) != OM_OK || (s = copy_text(c, &v[3], &d->message, e)) != OM_OK ||
	    (s = copy_text(c, &v[6], &d->user, e)) != OM_OK || (s = copy_text(c, &v[11], &d->source, e)) != OM_OK ||
	    (s = copy_text(c, &v[12], &d->platform, e)) != OM_OK)
		return s;
	return copy_text(c, &v[7], &d->model, e);
}

om_status
cd_turns_in(struct cd_pairs *c, const char *column, const struct cd_val *v, size_t n, om_err *e)
{
	struct om_buf head;
	om_status s;

	om_buf_init(&head, SQL_BYTES);
	om_buf_printf(&head, "SELECT " TURN_TEXTS " FROM turn AS t WHERE t.%s", column);
	s = om_buf_done(&head, e);
	if (s == OM_OK)
		s = cd_pairs_query_in(c, head.data, c->lock ? " FOR UPDATE" : "", v, n, keep_turn, c, e);
	om_buf_fini(&head);
	return s;
}

om_status
cd_turns_load(struct cd_pairs *c, const char *where, const struct cd_val *v, size_t n, om_err *e)
{
	struct om_buf sql;
	om_status s;

	om_buf_init(&sql, SQL_BYTES);
	om_buf_str(&sql, "SELECT " TURN_TEXTS " FROM turn AS t WHERE ");
	om_buf_str(&sql, where);
	if (c->lock)
		om_buf_str(&sql, " FOR UPDATE");
	s = om_buf_done(&sql, e);
	if (s == OM_OK)
		s = cd_db_query(c->db, sql.data, v, n, keep_turn, c, e);
	om_buf_fini(&sql);
	return s;
}

struct found {
	struct cd_pairs *c;
	struct cd_member **members; /* those whose journal must be read */
	size_t n, cap;
};

static om_status
keep_generation(void *arg, const struct cd_val *v, om_err *e)
{
	struct found *f = arg;
	struct cd_pairs *c = f->c;
	struct cd_member *k = cd_pairs_get(c, (struct cd_text){.p = v[CD_C_KEY].p, .n = v[CD_C_KEY].n});
	struct cd_stored stored;
	om_status s;

	if (k == NULL)
		return no_memory(e);
	if (k->has_side)
		return OM_OK;
	s = cd_store_read(v, c->a, &stored, e);
	if (s != OM_OK)
		return s;
	if (cd_row_is_own(&stored.row) && stored.n_known == CD_N_FIELDS) {
		cd_row_side(&stored.row, &k->side);
		k->has_side = !cd_side_may_be_part(&k->side);
	}
	if (k->has_side)
		return OM_OK;
	if (f->n == f->cap) {
		size_t cap = f->cap == 0 ? 64 : 2 * f->cap;
		struct cd_member **members = om_arena_array(c->a, cap, sizeof(void *));

		if (members == NULL)
			return no_memory(e);
		if (f->n > 0)
			memcpy(members, f->members, f->n * sizeof(void *));
		f->members = members;
		f->cap = cap;
	}
	f->members[f->n++] = k;
	return OM_OK;
}

static om_status
read_found(struct found *f, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < f->n; i++)
		s = cd_pairs_side(f->c, f->members[i], e);
	return s;
}

om_status
cd_generations_in(struct cd_pairs *c, const char *column, const struct cd_val *v, size_t n, om_err *e)
{
	struct found f = {.c = c};
	struct om_buf head;
	om_status s;

	om_buf_init(&head, SQL_BYTES);
	om_buf_printf(&head, "SELECT %s FROM generation AS g WHERE g.%s", cd_store_columns(), column);
	s = om_buf_done(&head, e);
	if (s == OM_OK)
		s = cd_pairs_query_in(c, head.data, "", v, n, keep_generation, &f, e);
	om_buf_fini(&head);
	return s == OM_OK ? read_found(&f, e) : s;
}

om_status
cd_generations_load(struct cd_pairs *c, const char *where, const struct cd_val *v, size_t n, om_err *e)
{
	struct found f = {.c = c};
	struct om_buf sql;
	om_status s;

	om_buf_init(&sql, SQL_BYTES);
	om_buf_printf(&sql, "SELECT %s FROM generation AS g WHERE ", cd_store_columns());
	om_buf_str(&sql, where);
	s = om_buf_done(&sql, e);
	if (s == OM_OK)
		s = cd_db_query(c->db, sql.data, v, n, keep_generation, &f, e);
	om_buf_fini(&sql);
	return s == OM_OK ? read_found(&f, e) : s;
}

static struct cd_val
val_of(struct cd_text t)
{
	return t.n > 0 ? CD_B(t.p, t.n) : CD_NONE;
}

/* number_of gives the number of a text, null (of a person 0) where there is none. */
static om_status
number_of(struct cd_pairs *c, cd_name kind, struct cd_text t, struct cd_val *out, om_err *e)
{
	int64_t number = 0;
	om_status s = t.n > 0 ? cd_names_number(c->db, kind, t.p, t.n, &number, e) : OM_OK;

	*out = number == 0 && kind != CD_PERSON ? CD_NONE : CD_I(number);
	return s;
}

/* put_side writes the values of TURN_COLUMNS. */
static om_status
put_side(struct cd_pairs *c, const struct cd_side *d, struct cd_val *p, om_err *e)
{
	om_status s;

	*p++ = CD_B(d->key.p, d->key.n);
	*p++ = CD_I(d->of_turn ? 1 : 0);
	*p++ = CD_B(d->turn.n > 0 ? d->turn.p : "", d->turn.n);
	*p++ = val_of(d->message);
	*p++ = d->has_request ? CD_I(d->request) : CD_NONE;
	*p++ = CD_I(d->at);
	s = number_of(c, CD_PERSON, d->user, p++, e);
	if (s == OM_OK)
		s = number_of(c, CD_WORD, d->model, p++, e);
	*p++ = d->has_tokens ? CD_I(d->prompt) : CD_NONE;
	*p++ = d->has_tokens ? CD_I(d->completion) : CD_NONE;
	*p++ = CD_I(d->alone ? 1 : 0);
	if (s == OM_OK)
		s = number_of(c, CD_WORD, d->source, p++, e);
	return s == OM_OK ? number_of(c, CD_WORD, d->platform, p, e) : s;
}

om_status
cd_turns_note(struct cd_pairs *c, struct cd_member *const *members, size_t n, om_err *e)
{
	static const char note[] =
	    "INSERT INTO turn (" TURN_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON DUPLICATE KEY UPDATE "
	    "turn_id=VALUES(turn_id),message_id=VALUES(message_id),request=VALUES(request),at_us=VALUES(at_us),"
	    "user_id=VALUES(user_id),model=VALUES(model),prompt_tokens=VALUES(prompt_tokens),"
	    "completion_tokens=VALUES(completion_tokens),alone=VALUES(alone),source=VALUES(source),"
	    "platform=VALUES(platform)";
	struct cd_val *v = om_arena_array(c->a, n * N_TURN + 1, sizeof *v), *p = v;
	struct cd_val *gone = om_arena_array(c->a, n + 1, sizeof *gone);
	size_t n_noted = 0, n_gone = 0;
	om_status s = OM_OK;

	if (v == NULL || gone == NULL)
		return no_memory(e);
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		const struct cd_side *d = &members[i]->side;

		if (!cd_side_may_be_part(d)) {
			if (d->has_request && members[i]->old != NULL)
				gone[n_gone++] = CD_B(d->key.p, d->key.n);
			continue;
		}
		s = put_side(c, d, p, e);
		p += N_TURN;
		n_noted++;
	}
	om_check(!c->look && (s != OM_OK || p == v + N_TURN * n_noted));
	if (s == OM_OK && n_noted > 0)
		s = cd_db_exec(c->db, note, v, N_TURN, n_noted, NULL, e);
	if (s == OM_OK && n_gone > 0)
		s = cd_db_exec(c->db, "DELETE FROM turn WHERE ledger_key=?", gone, 1, n_gone, NULL, e);
	return s;
}

om_status
cd_links_write(struct cd_pairs *c, struct cd_link_row ***changed_out, size_t *n_out, om_err *e)
{
	static const char put[] = "INSERT INTO link (ledger_key,target,kind,made_us,upgrade) VALUES (?,?,?,?,?) "
				  "ON DUPLICATE KEY UPDATE kind=VALUES(kind)";
	static const char drop[] = "DELETE FROM link WHERE ledger_key=? AND target=?";
	struct cd_link_row **changed;
	struct cd_val *puts, *drops;
	size_t n = 0, n_puts = 0, n_drops = 0;
	om_status s = OM_OK;

	for (size_t i = 0; i < c->n; i++)
		for (const struct cd_link_row *l = c->all[i]->targets; l != NULL; l = l->next_target)
			n += l->wanted != l->stored;
	*n_out = n;
	*changed_out = changed = om_arena_array(c->a, n + 1, sizeof(void *));
	puts = om_arena_array(c->a, 5 * n + 1, sizeof *puts);
	drops = om_arena_array(c->a, 2 * n + 1, sizeof *drops);
	if (changed == NULL || puts == NULL || drops == NULL)
		return no_memory(e);
	n = 0;
	for (size_t i = 0; i < c->n; i++) {
		for (struct cd_link_row *l = c->all[i]->targets; l != NULL; l = l->next_target) {
			struct cd_val part = CD_B(l->part->key.p, l->part->key.n);
			struct cd_val target = CD_B(l->target->key.p, l->target->key.n);

			if (l->wanted == l->stored)
				continue;
			changed[n++] = l;
			if (l->wanted == CD_LINK_NONE) {
				drops[2 * n_drops] = part;
				drops[2 * n_drops++ + 1] = target;
				continue;
			}
			om_check(l->part != l->target && l->wanted <= CD_LINK_NEAR);
			puts[5 * n_puts] = part;
			puts[5 * n_puts + 1] = target;
			puts[5 * n_puts + 2] = CD_I((int64_t)l->wanted);
			puts[5 * n_puts + 3] = CD_I(om_now());
			puts[5 * n_puts++ + 4] = CD_I(c->upgrade);
		}
	}
	om_check(n == *n_out && n == n_puts + n_drops);
	if (c->look)
		return OM_OK;
	if (n_drops > 0)
		s = cd_db_exec(c->db, drop, drops, 2, n_drops, NULL, e);
	if (s == OM_OK && n_puts > 0)
		s = cd_db_exec(c->db, put, puts, 5, n_puts, NULL, e);
	return s;
}
