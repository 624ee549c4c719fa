/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "merge.h"

#include "names/persons.h"
#include "read/users.h"
#include "base/invariant.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* One merge: the person is shown as another one is. */
struct merge {
	int64_t person, into;
};

/* All merges, ascending by person. */
struct merges {
	struct om_arena *a;
	struct merge *list;
	size_t n, cap;
};

static om_status
keep_merge(void *arg, const struct cd_val *v, om_err *e)
{
	struct merges *m = arg;

	if (m->n == m->cap) {
		const size_t cap = m->cap == 0 ? 64 : 2 * m->cap;
		struct merge *list = om_arena_array(m->a, cap, sizeof *list);

		if (list == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		if (m->n > 0)
			memcpy(list, m->list, m->n * sizeof *list);
		m->list = list;
		m->cap = cap;
	}
	m->list[m->n++] = (struct merge){.person = v[0].i, .into = v[1].i};
	return OM_OK;
}

static om_status
load(struct cd_db *db, struct merges *m, om_err *e)
{
	m->n = 0;
	return cd_db_query(db, "SELECT person,into_person FROM merge ORDER BY person", NULL, 0, keep_merge, m, e);
}

static int
cmp(const void *pa, const void *pb)
{
	const struct merge *a = pa, *b = pb;

	return (a->person > b->person) - (a->person < b->person);
}

static const struct merge *
find(const struct merges *m, int64_t person)
{
	const struct merge key = {.person = person};

	return m->n > 0 ? bsearch(&key, m->list, m->n, sizeof key, cmp) : NULL;
}

/* end_of gives the last of the chain that begins at a person. */
static int64_t
end_of(const struct merges *m, int64_t person)
{
	const struct merge *next;
	size_t steps = 0;

	while ((next = find(m, person)) != NULL && steps++ <= m->n)
		person = next->into;
	return person;
}

/* follow writes who everybody is shown as, where that is not what is stored. */
static om_status
follow(struct cd_db *db, const struct merges *m, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, 3 * m->n + 1, sizeof *v), *p = v;

	if (v == NULL)
		return om_fail(e, OM_NOMEM, "out of memory");
	for (size_t i = 0; i < m->n; i++) {
		const struct cd_val shown = CD_I(end_of(m, m->list[i].person));

		*p++ = shown;
		*p++ = CD_I(m->list[i].person);
		*p++ = shown;
	}
	return m->n == 0
	    ? OM_OK
	    : cd_db_exec(db, "UPDATE person SET shown=? WHERE id=? AND NOT shown<=>?", v, 3, m->n, NULL, e);
}

/* ---- one change ---- */

struct change {
	const Om__MergeQuery *q;
	om_time now;
	struct om_arena *a;
	Om__User *user;
};

static om_status
find_person(struct cd_db *db, const char *id, const char *member, int64_t *out, om_err *e)
{
	bool seen = false;
	om_status s = cd_person_number(db, id, out, e);

	if (s == OM_OK && *out == CD_PERSON_UNKNOWN)
		return om_fail(e, OM_INVALID, "%s: \"unknown\" is nobody", member);
	if (s == OM_OK && *out != 0)
		s = cd_db_query(db, "SELECT 1 FROM person WHERE id=? AND COALESCE(first_seen_us,listed_us) IS NOT NULL",
		    (struct cd_val[]){CD_I(*out)}, 1, cd_found, &seen, e);
	return s == OM_OK && !seen ? om_fail(e, OM_NOT_FOUND, "%s: there is no such user", member) : s;
}

static om_status
add(struct cd_db *db, struct change *c, const struct merges *m, int64_t person, om_err *e)
{
	const struct merge *before = find(m, person);
	int64_t into = 0;
	om_status s = find_person(db, c->q->into, "into", &into, e);

	if (s != OM_OK)
		return s;
	if (into == person)
		return om_fail(e, OM_INVALID, "into: is the user");
	if (before != NULL && before->into == into)
		return OM_OK;
	if (before != NULL)
		return om_fail(e, OM_CONFLICT, "the user is merged into another one already; take that back first");
	if (end_of(m, into) == person)
		return om_fail(e, OM_CONFLICT, "into: that user is merged into this one");
	return cd_db_exec(db, "INSERT INTO merge (person,into_person,made_us) VALUES (?,?,?)",
	    (struct cd_val[]){CD_I(person), CD_I(into), CD_I(c->now)}, 3, 1, NULL, e);
}

static om_status
take_back(struct cd_db *db, const struct merges *m, int64_t person, om_err *e)
{
	om_status s;

	if (find(m, person) == NULL)
		return om_fail(e, OM_CONFLICT, "the user is not merged into another one");
	s = cd_db_exec(db, "DELETE FROM merge WHERE person=?", (struct cd_val[]){CD_I(person)}, 1, 1, NULL, e);
	return s == OM_OK
	    ? cd_db_exec(db, "UPDATE person SET shown=NULL WHERE id=?", (struct cd_val[]){CD_I(person)}, 1, 1, NULL, e)
	    : s;
}

static om_status
work(struct cd_db *db, void *arg, om_err *e)
{
	struct change *c = arg;
	struct merges m = {.a = c->a};
	int64_t person = 0;
	om_status s = cd_persons_merged(db, c->now, e); /* one change at a time */

	c->user = NULL;
	if (s == OM_OK)
		s = load(db, &m, e);
	if (s == OM_OK)
		s = find_person(db, c->q->id, "id", &person, e);
	if (s == OM_OK)
		s = c->q->into != NULL ? add(db, c, &m, person, e) : take_back(db, &m, person, e);
	if (s == OM_OK)
		s = load(db, &m, e);
	if (s == OM_OK)
		s = follow(db, &m, c->a, e);
	return s == OM_OK ? cd_user_load(db, c->q->id, c->a, &c->user, e) : s;
}

om_status
cd_merge(struct cd_pool *p, const Om__MergeQuery *q, om_time now, int64_t deadline_ms, struct om_arena *a,
    Om__UserReply *out, om_err *e)
{
	struct change c = {.q = q, .now = now, .a = a};
	om_status s = cd_pool_gate(p, e); /* the handles have their key */

	if (s == OM_OK)
		s = cd_pool_run(p, CD_TX_WRITE, deadline_ms, work, &c, e);
	if (s != OM_OK)
		return s;
	om_check(c.user != NULL);
	om_log(OM_LOG_INFO, q->into != NULL ? "a user was merged into another one" : "a merge of users was taken back",
	    NULL);
	out->user = c.user;
	return OM_OK;
}
