/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "listed.h"

#include "record.pb-c.h"
#include "store/people.h"
#include "value/group_set.h"
#include "wire/fit.h"

#include <stdlib.h>
#include <string.h>

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* ---- a person of the list ---- */

/* What is at hand for all persons of a list. */
struct maker {
	const struct cd_ow_groups *groups;
	struct om_arena *a;
	size_t *seen; /* for each group, the last person of whom it was noted: their place, from 1 on */
};

/* The groups of one person: their places in the list. */
struct groups {
	size_t *of;
	size_t n, cap;
};

/* note_group adds a group, unless this person has it already, or there is none. */
static om_status
note_group(struct maker *m, const struct cd_ow_group *g, size_t person, struct groups *out, om_err *e)
{
	const size_t place = g != NULL ? (size_t)(g - m->groups->of) : 0;

	if (g == NULL || m->seen[place] == person)
		return OM_OK;
	if (out->n == out->cap) {
		size_t cap = out->cap == 0 ? 8 : 2 * out->cap;
		size_t *of = om_arena_array(m->a, cap, sizeof *of);

		if (of == NULL)
			return no_memory(e);
		if (out->n > 0)
			memcpy(of, out->of, out->n * sizeof *of);
		out->of = of;
		out->cap = cap;
	}
	out->of[out->n++] = place;
	m->seen[place] = person;
	return OM_OK;
}

/* find_groups gives the direct groups, then those above; *n_direct of them are direct. */
static om_status
find_groups(struct maker *m, const struct cd_ow_user *u, size_t person, struct groups *out, size_t *n_direct, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < u->groups.n; i++)
		s = note_group(m, cd_ow_group_find(m->groups, u->groups.of[i]), person, out, e);
	*n_direct = out->n;
	for (size_t i = 0; s == OM_OK && i < out->n; i++) { /* which grows */
		const char *above = m->groups->of[out->of[i]].above;

		if (above != NULL)
			s = note_group(m, cd_ow_group_find(m->groups, above), person, out, e);
	}
	return s;
}

static bool
has_name(char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int
cmp_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* copy_names gives the names of groups from..to, ascending: which of too many stay must not change from
 * list to list. */
static om_status
copy_names(struct maker *m, const struct groups *found, size_t from, size_t to, char ***out, size_t *n_out, om_err *e)
{
	char **names = om_arena_array(m->a, to - from + 1, sizeof *names);
	size_t n = 0;

	if (names == NULL)
		return no_memory(e);
	for (size_t i = from; i < to; i++) {
		const char *name = m->groups->of[found->of[i]].name;

		if (name != NULL)
			names[n++] = om_arena_strdup(m->a, name);
	}
	if (m->a->failed)
		return no_memory(e);
	qsort(names, n, sizeof *names, cmp_name);
	*out = names;
	*n_out = n;
	return OM_OK;
}

/* set_groups gives the user the names of their groups, and of those that are inherited. */
static om_status
set_groups(struct maker *m, const struct groups *found, size_t n_direct, Om__User *u, om_err *e)
{
	char **direct = NULL, **above = NULL;
	size_t n_names = 0, n_above = 0;
	om_status s = copy_names(m, found, 0, n_direct, &direct, &n_names, e);

	if (s == OM_OK)
		s = copy_names(m, found, n_direct, found->n, &above, &n_above, e);
	if (s != OM_OK)
		return s;
	u->groups = om_arena_array(m->a, n_names + n_above + 1, sizeof *u->groups);
	u->inherited_groups = om_arena_array(m->a, n_above + 1, sizeof *u->inherited_groups);
	if (u->groups == NULL || u->inherited_groups == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n_names; i++)
		u->groups[u->n_groups++] = direct[i];
	for (size_t i = 0; i < n_above; i++) {
		if (has_name(direct, n_names, above[i]))
			continue;
		u->inherited_groups[u->n_inherited_groups++] = above[i];
		u->groups[u->n_groups++] = om_arena_strdup(m->a, above[i]); /* each is made fit by itself */
	}
	return m->a->failed ? no_memory(e) : OM_OK;
}

static char *
copy(const char *text, struct om_arena *a)
{
	return text != NULL ? om_arena_strdup(a, text) : NULL;
}

static const char *
said(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

/* make_person: *has stays false for who has no id. */
static om_status
make_person(struct maker *m, const struct cd_ow_user *from, size_t person, struct cd_listed *out, bool *has, om_err *e)
{
	Om__User *u = om_msg_new(m->a, &om__user__descriptor);
	struct groups found = {.n = 0};
	size_t n_direct = 0;
	om_status s;

	if (u == NULL)
		return no_memory(e);
	u->id = copy(from->id, m->a);
	u->name = copy(from->name, m->a);
	u->email = copy(from->email, m->a);
	u->role = copy(from->role, m->a);
	s = find_groups(m, from, person, &found, &n_direct, e);
	if (s == OM_OK)
		s = set_groups(m, &found, n_direct, u, e);
	if (s != OM_OK)
		return s;
	if (m->a->failed || om_fit_user(u, m->a, NULL) != OM_OK)
		return no_memory(e);
	*has = strcmp(u->id, OM_USER_UNKNOWN) != 0; /* which is who has no id */
	*out = (struct cd_listed){
	    .id = u->id,
	    .name = said(u->name),
	    .email = said(u->email),
	    .role = said(u->role),
	    .groups = said(cd_group_set_text(u->groups, u->n_groups, m->a)),
	    .inherited_groups = said(cd_group_set_text(u->inherited_groups, u->n_inherited_groups, m->a)),
	};
	return m->a->failed ? no_memory(e) : cd_handle(u->id, strlen(u->id), out->handle, e);
}

static int
cmp_handle(const void *a, const void *b)
{
	return strcmp(((const struct cd_listed *)a)->handle, ((const struct cd_listed *)b)->handle);
}

om_status
cd_listed_make(const struct cd_ow_list *list, struct om_arena *a, struct cd_listed **out, size_t *n_out, om_err *e)
{
	struct maker m = {.groups = &list->groups, .a = a};
	struct cd_listed *persons = om_arena_array(a, list->users.n + 1, sizeof *persons);
	size_t n = 0, kept = 0;
	om_status s = OM_OK;

	*out = persons;
	*n_out = 0;
	m.seen = om_arena_array(a, list->groups.n + 1, sizeof *m.seen);
	if (persons == NULL || m.seen == NULL)
		return no_memory(e);
	for (size_t i = 0; s == OM_OK && i < list->users.n; i++) {
		bool has = false;

		s = make_person(&m, &list->users.of[i], i + 1, &persons[n], &has, e);
		n += has ? 1 : 0;
	}
	if (s != OM_OK)
		return s;
	qsort(persons, n, sizeof *persons, cmp_handle);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || cmp_handle(&persons[kept - 1], &persons[i]) != 0)
			persons[kept++] = persons[i];
	*n_out = kept;
	return OM_OK;
}

/* ---- the table ---- */

static om_status
keep_counts(void *arg, const struct cd_val *v, om_err *e)
{
	struct cd_listed_counts *out = arg;

	(void)e;
	*out = (struct cd_listed_counts){.listed = v[0].i, .gone = v[1].i};
	return OM_OK;
}

om_status
cd_listed_count(struct cd_db *db, struct cd_listed_counts *out, om_err *e)
{
	*out = (struct cd_listed_counts){.listed = 0};
	return cd_db_query(db,
	    "SELECT COUNT(IF(gone_us IS NULL,1,NULL)),COUNT(gone_us) FROM person WHERE listed_us IS NOT NULL", NULL, 0,
	    keep_counts, out, e);
}

#define N_VALUES 11u

static om_status
set_attributes(struct cd_db *db, const struct cd_listed *persons, size_t n, om_time now, struct om_arena *a, om_err *e)
{
	struct cd_val *v = om_arena_array(a, (n + 1) * N_VALUES, sizeof *v), *p = v;
	const om_time at = now + CD_PEOPLE_LISTED_US;

	if (v == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n; i++) {
		const char *attr[] = {persons[i].name, persons[i].email, persons[i].role};

		for (size_t k = 0; k < sizeof attr / sizeof attr[0]; k++) {
			*p++ = cd_t(attr[k]);
			*p++ = attr[k] != NULL ? CD_I(at) : CD_NONE;
		}
		*p++ = cd_t(persons[i].groups);
		*p++ = cd_t(persons[i].inherited_groups);
		*p++ = CD_I(at);
		*p++ = CD_I(now);
		*p++ = cd_t(persons[i].handle);
	}
	return cd_db_exec(db,
	    "UPDATE person SET name=COALESCE(?,name),name_us=COALESCE(?,name_us),email=COALESCE(?,email),"
	    "email_us=COALESCE(?,email_us),role=COALESCE(?,role),role_us=COALESCE(?,role_us),groups_json=?,"
	    "inherited_json=?,groups_us=?,listed_us=?,gone_us=NULL WHERE handle=?",
	    v, N_VALUES, n, NULL, e);
}

om_status
cd_listed_store(struct cd_db *db, const struct cd_listed *persons, size_t n, om_time now, struct om_arena *a,
    struct cd_listed_counts *out, om_err *e)
{
	om_status s = n > 0 ? set_attributes(db, persons, n, now, a, e) : OM_OK;

	if (s == OM_OK)
		s = cd_db_exec(db, "UPDATE person SET gone_us=? WHERE listed_us<>? AND gone_us IS NULL",
		    (struct cd_val[]){CD_I(now), CD_I(now)}, 2, 1, NULL, e);
	if (s == OM_OK)
		s = cd_listed_count(db, out, e);
	/* the node of a cluster may not have yet what another one committed */
	return s == OM_OK && out->listed < (int64_t)n ? om_fail(e, OM_STORE, "a person has no number yet") : s;
}

/* BACK: what the list said, as if a record had said it then. */
#define BACK(us) us "=IF(" us ">=?," us "-?," us "),"

om_status
cd_listed_release(struct cd_db *db, int64_t *released_out, om_err *e)
{
	const struct cd_val by = CD_I(CD_PEOPLE_LISTED_US);

	return cd_db_exec(db,
	    "UPDATE person SET " BACK("name_us") BACK("email_us") BACK("role_us")
		BACK("groups_us") "listed_us=NULL,gone_us=NULL WHERE listed_us IS NOT NULL",
	    (struct cd_val[]){by, by, by, by, by, by, by, by}, 8, 1, released_out, e);
}
