/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "learn.h"

#include "known.h"
#include "base/invariant.h"

#include <stdlib.h>
#include <string.h>

struct cd_learned {
	cd_name kind;
	const char *text;
	size_t n;
	const char *id; /* of a person */
};

void
cd_learn_init(struct cd_learning *l, struct om_arena *a)
{
	*l = (struct cd_learning){.a = a};
}

static void
add(struct cd_learning *l, struct cd_learned one)
{
	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
		struct cd_learned *list = om_arena_array(l->a, cap, sizeof *list);

		if (list == NULL)
			return;
		if (l->n > 0)
			memcpy(list, l->list, l->n * sizeof *list);
		l->list = list;
		l->cap = cap;
	}
	l->list[l->n++] = one;
}

void
cd_learn_note(struct cd_learning *l, cd_name kind, const char *text, size_t n)
{
	om_check(kind == CD_WORD || kind == CD_GROUP_SET);
	if (n > 0 && cd_known_find(kind, text, n) == 0)
		add(l, (struct cd_learned){.kind = kind, .text = text, .n = n});
}

void
cd_learn_note_person(struct cd_learning *l, const char *id, const char *handle)
{
	const size_t n = strlen(handle);

	if (cd_known_find(CD_PERSON, handle, n) == 0)
		add(l, (struct cd_learned){.kind = CD_PERSON, .text = handle, .n = n, .id = id});
}

static int
cmp(const void *pa, const void *pb)
{
	const struct cd_learned *a = pa, *b = pb;
	const size_t n = a->n < b->n ? a->n : b->n;
	int c;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	c = memcmp(a->text, b->text, n);
	return c != 0 ? c : (a->n > b->n) - (a->n < b->n);
}

/* drop_repeats sorts what was noted, so that two processes give numbers in one order. */
static void
drop_repeats(struct cd_learning *l)
{
	size_t kept = 0;

	if (l->n > 0)
		qsort(l->list, l->n, sizeof *l->list, cmp);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || cmp(&l->list[kept - 1], &l->list[i]) != 0)
			l->list[kept++] = l->list[i];
	l->n = kept;
}

/* give adds one name, unless it is there. */
static om_status
give(struct cd_db *db, const struct cd_learned *one, om_err *e)
{
	const struct cd_val text = CD_B(one->text, one->n);

	switch (one->kind) {
	case CD_WORD:
		return cd_db_exec(
		    db, "INSERT INTO word (text) VALUES (?) ON DUPLICATE KEY UPDATE id=word.id", &text, 1, 1, NULL, e);
	case CD_GROUP_SET:
		return cd_db_exec(db,
		    "INSERT INTO group_set (hash,text) VALUES (UNHEX(SHA2(?,256)),?) "
		    "ON DUPLICATE KEY UPDATE id=group_set.id",
		    (struct cd_val[]){text, text}, 2, 1, NULL, e);
	case CD_PERSON:
		return cd_db_exec(db,
		    "INSERT INTO person (handle,external_id) VALUES (?,?) ON DUPLICATE KEY UPDATE id=person.id",
		    (struct cd_val[]){text, cd_t(one->id)}, 2, 1, NULL, e);
	case CD_N_NAMES:
		break;
	}
	return om_fail(e, OM_INTERNAL, "a name of no kind");
}

/* learn reads each number first, since an insertion that finds the name there uses up a
 * number as well. */
static om_status
learn(struct cd_db *db, void *arg, om_err *e)
{
	struct cd_learning *l = arg;
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < l->n; i++) {
		int64_t number = 0;

		s = cd_names_find(db, l->list[i].kind, l->list[i].text, l->list[i].n, &number, e);
		if (s == OM_OK && number == 0)
			s = give(db, &l->list[i], e);
	}
	return s;
}

om_status
cd_learn_within(struct cd_db *db, struct cd_learning *l, om_err *e)
{
	if (l->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	drop_repeats(l);
	return learn(db, l, e);
}

om_status
cd_learn(struct cd_pool *p, struct cd_learning *l, int64_t deadline_ms, om_err *e)
{
	if (l->a->failed)
		return om_fail(e, OM_NOMEM, "out of memory");
	drop_repeats(l);
	return l->n == 0 ? OM_OK : cd_pool_run(p, CD_TX_WRITE, deadline_ms, learn, l, e);
}
