/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The journal of before, without what is a person's; and whose word did not count then. */
#include "renumber_in.h"

#include "names/learn.h"
#include "store/entry.h"
#include "value/record.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define PAGE      2000
#define PAGE_TEXT "2000"
#define N_RECORD  9u

/* ---- entries ---- */

/* An entry on its way. */
struct entry {
	struct cd_val id, key, content, kind, received, rules; /* as they were */
	struct cd_entry made;
	const Om__User *user; /* NULL: it cannot be read */
};

struct page {
	struct om_arena *a;
	struct entry entries[PAGE];
	size_t n;
	struct cd_learning names;
};

static struct cd_val
copy(const struct cd_val *v, struct om_arena *a)
{
	struct cd_val out = *v;
	char *p;

	if (v->kind != CD_TEXT)
		return out;
	p = om_arena_alloc(a, v->n + 1);
	if (p != NULL && v->n > 0)
		memcpy(p, v->p, v->n);
	out.p = p;
	return out;
}

/* keep_damaged keeps an entry that cannot be read as it is: --check says so, as before. */
static void
keep_damaged(struct entry *it, const struct cd_val *payload, const char *why, struct om_arena *a)
{
	char id[2 * CD_RECORD_ID + 1] = "";
	const struct cd_val packed = copy(payload, a);

	if (it->id.n == CD_RECORD_ID)
		om_hex(it->id.p, CD_RECORD_ID, id);
	om_log(OM_LOG_ERROR, "an entry of the journal cannot be read, and is kept as it is", "record_id", id, "why",
	    why, NULL);
	memcpy(it->made.handle, OM_USER_UNKNOWN, sizeof OM_USER_UNKNOWN);
	it->made.groups = "";
	it->made.packed = packed.p;
	it->made.n_packed = packed.n;
	it->user = NULL;
}

static om_status
keep_entry(void *arg, const struct cd_val *v, om_err *e)
{
	struct page *p = arg;
	struct entry *it = &p->entries[p->n++];
	Om__Record *r = NULL;
	om_err why = {.text = ""};
	om_status s;

	*it = (struct entry){.id = copy(&v[0], p->a),
	    .key = copy(&v[1], p->a),
	    .content = copy(&v[2], p->a),
	    .kind = v[3],
	    .received = v[4],
	    .rules = v[6]};
	s = om_msg_unpack(&om__record__descriptor, v[5].p, v[5].n, p->a, &r, &why);
	if (s == OM_OK)
		s = cd_record_fit(r, p->a, &why);
	if (s == OM_OK)
		s = cd_entry_hide(r, p->a, &it->made, &it->user, &why);
	if (p->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (s != OM_OK) {
		keep_damaged(it, &v[5], om_err_text(&why, s), p->a);
		return OM_OK;
	}
	cd_learn_note_person(&p->names, it->user->id, it->made.handle);
	cd_learn_note(&p->names, CD_GROUP_SET, it->made.groups, strlen(it->made.groups));
	return OM_OK;
}

static om_status
put_entry(struct cd_db *db, const struct entry *it, struct cd_val *out, om_err *e)
{
	const struct cd_text key = {.p = it->key.p, .n = it->key.n};
	int64_t hash = 0, person = 0, set = 0;
	om_status s = cd_key_hash(key, &hash, e);

	if (s == OM_OK)
		s = cd_names_number(db, CD_PERSON, it->made.handle, strlen(it->made.handle), &person, e);
	if (s == OM_OK && it->made.groups[0] != '\0')
		s = cd_names_number(db, CD_GROUP_SET, it->made.groups, strlen(it->made.groups), &set, e);
	*out++ = it->id;
	*out++ = CD_I(hash);
	*out++ = CD_I(person);
	*out++ = CD_I(set);
	*out++ = it->content;
	*out++ = it->kind;
	*out++ = it->rules;
	*out++ = it->received;
	*out = CD_B(it->made.packed, it->made.n_packed);
	return s;
}

om_status
cd_renumber_records(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	static const char select[] = "SELECT record_id,ledger_key,content,content_kind,received_us,payload,rules FROM "
				     "record_before WHERE record_id>? ORDER BY record_id LIMIT " PAGE_TEXT;
	static const char insert[] =
	    "INSERT INTO record (record_id,key_hash,person,group_set,content,content_kind,rules,received_us,payload) "
	    "VALUES (?,?,?,?,?,?,?,?,?)";
	struct page *page = om_arena_alloc(p->a, sizeof *page);
	struct cd_val *v = om_arena_array(p->a, (size_t)PAGE * N_RECORD, sizeof *v);
	unsigned char after[CD_RECORD_ID] = {0};
	size_t n_after = 0;
	om_status s;

	if (page == NULL || v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (p->at[0] != '\0') {
		if (strlen(p->at) != 2 * sizeof after || !om_unhex(p->at, 2 * sizeof after, after))
			return om_fail(e, OM_DAMAGED, "meta: %.60s is no place of the copying", p->at);
		n_after = sizeof after;
	}
	page->a = p->a;
	cd_learn_init(&page->names, p->a);
	s = cd_db_query(db, select, (struct cd_val[]){CD_B(after, n_after)}, 1, keep_entry, page, e);
	if (s == OM_OK)
		s = cd_learn_within(db, &page->names, e);
	for (size_t i = 0; s == OM_OK && i < page->n; i++)
		s = put_entry(db, &page->entries[i], v + N_RECORD * i, e);
	if (s == OM_OK && page->n > 0)
		s = cd_db_exec(db, insert, v, N_RECORD, page->n, NULL, e);
	p->done = page->n < PAGE;
	p->rows = (int64_t)page->n;
	if (page->n > 0)
		om_hex(page->entries[page->n - 1].id.p, CD_RECORD_ID, p->at);
	return s;
}

/* ---- whose word did not count ---- */

#define KEYS      500
#define KEYS_TEXT "500"
#define MOST      4096u /* records of one hash */

struct hashes {
	int64_t list[KEYS];
	size_t n;
};

static om_status
keep_hash(void *arg, const struct cd_val *v, om_err *e)
{
	struct hashes *h = arg;

	(void)e;
	h->list[h->n++] = v[0].i;
	return OM_OK;
}

/* A record of a row, with the user's id as the text that it was joined by. */
struct word {
	unsigned char id[CD_RECORD_ID];
	struct cd_how how;
	struct cd_row row;
	bool lost;
};

struct words {
	struct om_arena *a;
	struct word *list;
	size_t n;
};

static om_status
keep_word(void *arg, const struct cd_val *v, om_err *e)
{
	struct words *w = arg;
	struct word *it;
	Om__Record *r = NULL;

	if (w->n == MOST)
		return OM_OK;
	it = &w->list[w->n];
	if (cd_entry_row(v, w->a, &r, &it->how, &it->row, NULL) != OM_OK)
		return w->a->failed ? om_fail(e, OM_NOMEM, "out of memory") : OM_OK; /* --check says so */
	memcpy(it->id, r->record_id.data, CD_RECORD_ID);
	it->lost = false;
	w->n++;
	return OM_OK;
}

static struct cd_text
user_of(const struct cd_row *row)
{
	return row->cell[CD_F_USER_ID].v.text;
}

/* mark_against marks the records, of older programs or not, whose user has the winner's rank and is another. */
static void
mark_against(struct words *w, struct cd_text key, const struct cd_row *winner, bool before)
{
	const struct cd_cell *won = &winner->cell[CD_F_USER_ID];

	for (size_t i = 0; i < w->n; i++) {
		struct word *it = &w->list[i];
		const struct cd_cell *c = &it->row.cell[CD_F_USER_ID];

		if (it->how.before == before && cd_text_cmp(it->row.key, key) == 0 && c->rank == won->rank &&
		    c->rank > CD_RANK_DERIVED && cd_text_cmp(user_of(&it->row), user_of(winner)) != 0)
			it->lost = true;
	}
}

/* judge_key marks those of one row. */
static void
judge_key(struct words *w, struct cd_text key)
{
	struct cd_history all, before;

	cd_history_init(&all, key);
	cd_history_init(&before, key);
	for (size_t i = 0; i < w->n; i++) {
		const struct word *it = &w->list[i];

		if (cd_text_cmp(it->row.key, key) != 0)
			continue;
		cd_history_add(&all, &it->row, it->how.before);
		if (it->how.before)
			cd_join_before(&before.row, &it->row);
	}
	cd_history_end(&all);
	mark_against(w, key, &before.row, true);
	if ((cd_row_disputed(&all.row) & CD_DISPUTED_USER) != 0)
		return; /* nobody won */
	mark_against(w, key, &all.row, true);
	mark_against(w, key, &all.row, false);
}

static om_status
judge_hash(struct cd_db *db, int64_t hash, struct words *w, om_err *e)
{
	om_status s;

	w->n = 0;
	s = cd_db_query(db,
	    "SELECT " CD_ENTRY_COLUMNS_OF(CD_OWN_ID_TEXT("r.person")) " FROM record AS r WHERE r.key_hash=?",
	    (struct cd_val[]){CD_I(hash)}, 1, keep_word, w, e);
	for (size_t i = 0; s == OM_OK && i < w->n; i++) {
		bool first = true;

		for (size_t k = 0; k < i && first; k++)
			first = cd_text_cmp(w->list[k].row.key, w->list[i].row.key) != 0;
		if (first)
			judge_key(w, w->list[i].row.key);
	}
	for (size_t i = 0; s == OM_OK && i < w->n; i++)
		if (w->list[i].lost)
			s = cd_db_exec(db, "UPDATE record SET rules=rules|2 WHERE record_id=?",
			    (struct cd_val[]){CD_B(w->list[i].id, CD_RECORD_ID)}, 1, 1, NULL, e);
	return s;
}

om_status
cd_renumber_losers(struct cd_db *db, struct cd_renumber_place *p, om_err *e)
{
	struct hashes *h = om_arena_alloc(p->a, sizeof *h);
	struct words w = {.a = p->a, .list = om_arena_array(p->a, MOST, sizeof(struct word))};
	int64_t after = INT64_MIN;
	const char *rest;
	om_status s = OM_OK;

	if (h == NULL || w.list == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	if (p->at[0] != '\0')
		s = cd_renumber_number(p->at, &after, &rest, e);
	if (s != OM_OK)
		return s;
	s = cd_db_query(db,
	    "SELECT key_hash FROM record FORCE INDEX (by_key) WHERE key_hash>? AND person<>1 GROUP BY key_hash "
	    "HAVING MIN(person)<>MAX(person) ORDER BY key_hash LIMIT " KEYS_TEXT,
	    (struct cd_val[]){CD_I(after)}, 1, keep_hash, h, e);
	for (size_t i = 0; s == OM_OK && i < h->n; i++)
		s = judge_hash(db, h->list[i], &w, e);
	p->done = h->n < KEYS;
	if (h->n > 0)
		(void)snprintf(p->at, sizeof p->at, "%lld", (long long)h->list[h->n - 1]);
	return s;
}
