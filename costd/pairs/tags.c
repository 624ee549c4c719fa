/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tags.h"

#include <stdlib.h>
#include <string.h>

/* A member under a turn or message that it names. */
struct entry {
	struct cd_text name;
	struct cd_member *member;
	bool by_message;
};

static int
cmp_entry(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int c = cd_text_cmp(a->name, b->name);

	return c != 0 ? c : cd_text_cmp(a->member->key, b->member->key);
}

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

/* list_entries lists what members name, ascending; those of seeds alone, or of all. */
static om_status
list_entries(struct cd_pairs *c, bool seeds, struct entry **out, size_t *n_out, om_err *e)
{
	struct entry *list = om_arena_array(c->a, 2 * c->n + 1, sizeof *list);
	size_t n = 0;

	if (list == NULL)
		return no_memory(e);
	for (size_t i = 0; i < c->n; i++) {
		struct cd_member *k = c->all[i];

		if (!k->has_side || (seeds && !k->seed))
			continue;
		if (k->side.turn.n > 0)
			list[n++] = (struct entry){.name = k->side.turn, .member = k};
		if (k->side.message.n > 0)
			list[n++] = (struct entry){.name = k->side.message, .member = k, .by_message = true};
	}
	qsort(list, n, sizeof *list, cmp_entry);
	*out = list;
	*n_out = n;
	return OM_OK;
}

/* names_of gives the different names of a list, as values. */
static om_status
names_of(struct cd_pairs *c, const struct entry *list, size_t n, struct cd_val **out, size_t *n_out, om_err *e)
{
	struct cd_val *v = om_arena_array(c->a, n + 1, sizeof *v);
	size_t kept = 0;

	if (v == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || cd_text_cmp(list[i - 1].name, list[i].name) != 0)
			v[kept++] = CD_B(list[i].name.p, list[i].name.n);
	*out = v;
	*n_out = kept;
	return OM_OK;
}

om_status
cd_tags_concern(struct cd_pairs *c, bool *out, om_err *e)
{
	om_time from = INT64_MAX, to = INT64_MIN;
	struct entry *list = NULL;
	struct cd_val *names = NULL;
	size_t n = 0, n_names = 0;
	om_status s;

	*out = false;
	for (size_t i = 0; i < c->n; i++) {
		const struct cd_member *k = c->all[i];

		if (!k->seed)
			continue;
		if (cd_side_may_be_part(&k->side) || (k->old != NULL && k->old->row.link != CD_LINK_NONE))
			*out = true;
		from = k->side.at < from ? k->side.at : from;
		to = k->side.at > to ? k->side.at : to;
	}
	if (*out || from > to)
		return OM_OK;
	s = cd_db_query(c->db, "SELECT 1 FROM turn WHERE at_us>=? AND at_us<=? LIMIT 1",
	    (struct cd_val[]){CD_I(from - CD_NEAR_US), CD_I(to + CD_NEAR_US)}, 2, cd_found, out, e);
	if (s != OM_OK || *out)
		return s;
	s = list_entries(c, true, &list, &n, e);
	if (s == OM_OK)
		s = names_of(c, list, n, &names, &n_names, e);
	return s == OM_OK && n_names > 0
	    ? cd_pairs_query_in(c, "SELECT 1 FROM turn WHERE turn_id", " LIMIT 1", names, n_names, cd_found, out, e)
	    : s;
}

static int
cmp_name(const void *pa, const void *pb)
{
	const struct cd_val *a = pa, *b = pb;

	return cd_text_cmp((struct cd_text){.p = a->p, .n = a->n}, (struct cd_text){.p = b->p, .n = b->n});
}

/* is_part_under tells whether the member may be part of others and is listed under one of
 * these turns, whose members are all loaded. */
static bool
is_part_under(const struct entry *entry, const struct cd_val *names, size_t n)
{
	const struct cd_val name = CD_B(entry->name.p, entry->name.n);

	return !entry->by_message && cd_side_may_be_part(&entry->member->side) && n > 0 &&
	    bsearch(&name, names, n, sizeof name, cmp_name) != NULL;
}

/* load_numbered loads the generations whose own turn id is the turn's with ":n" after it. */
static om_status
load_numbered(struct cd_pairs *c, const struct cd_val *turn, om_err *e)
{
	const char *from = om_arena_printf(c->a, "%.*s:", (int)turn->n, turn->p);
	const char *to = om_arena_printf(c->a, "%.*s;", (int)turn->n, turn->p);

	if (from == NULL || to == NULL)
		return no_memory(e);
	return cd_generations_load(c, "turn_id>=? AND turn_id<?", (struct cd_val[]){cd_t(from), cd_t(to)}, 2, e);
}

/* load_members loads all that share a name with a seed, where something of that
 * name may be part of others. */
static om_status
load_members(struct cd_pairs *c, struct cd_val **names_out, size_t *n_out, om_err *e)
{
	struct cd_member **parts;
	struct entry *list = NULL;
	struct cd_val *turns;
	size_t n = 0, n_parts = 0;
	om_status s = list_entries(c, true, &list, &n, e);

	if (s == OM_OK)
		s = names_of(c, list, n, names_out, n_out, e);
	if (s == OM_OK)
		s = cd_turns_in(c, "turn_id", *names_out, *n_out, e);
	if (s == OM_OK)
		s = cd_turns_in(c, "message_id", *names_out, *n_out, e);
	if (s == OM_OK)
		s = list_entries(c, false, &list, &n, e);
	if (s != OM_OK)
		return s;
	parts = om_arena_array(c->a, n + 1, sizeof(void *));
	turns = om_arena_array(c->a, n + 1, sizeof *turns);
	if (parts == NULL || turns == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n; i++) {
		if (!is_part_under(&list[i], *names_out, *n_out))
			continue;
		turns[n_parts] = CD_B(list[i].name.p, list[i].name.n);
		parts[n_parts++] = list[i].member;
	}
	s = cd_links_load(c, parts, n_parts, false, e);
	if (s == OM_OK)
		s = cd_generations_in(c, "turn_id", turns, n_parts, e);
	for (size_t i = 0; s == OM_OK && i < n_parts; i++)
		if (i == 0 || cmp_name(&turns[i - 1], &turns[i]) != 0)
			s = load_numbered(c, &turns[i], e);
	return s == OM_OK ? cd_generations_in(c, "message_id", turns, n_parts, e) : s;
}

static bool
same_user(const struct cd_side *a, const struct cd_side *b)
{
	return a->user.n > 0 && cd_text_cmp(a->user, b->user) == 0;
}

/* in_slot decides which row of one request counts; when that is another one than p, p
 * becomes part of it. */
static om_status
in_slot(struct cd_pairs *c, struct cd_member *p, const struct entry *list, size_t n, om_err *e)
{
	struct cd_side **sides = om_arena_array(c->a, n + 1, sizeof(void *)), *counts;
	size_t n_sides = 0;

	if (sides == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n; i++) {
		struct cd_side *d = &list[i].member->side;

		if (!list[i].by_message && d->has_request && d->request == p->side.request &&
		    (d == &p->side || same_user(d, &p->side)))
			sides[n_sides++] = d;
	}
	qsort(sides, n_sides, sizeof(void *), cd_side_cmp);
	counts = cd_pair_slot(sides, n_sides);
	if (counts == NULL || !cd_pair_is_part(&p->side, counts))
		return OM_OK;
	for (size_t i = 0; i < n; i++)
		if (&list[i].member->side == counts)
			return cd_link_want(c, p, list[i].member, CD_LINK_TAG, e);
	return OM_OK;
}

/* in_sum notes lines from a turn's sum to all rows that it is the sum of. */
static om_status
in_sum(struct cd_pairs *c, struct cd_member *p, const struct entry *list, size_t n, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		struct cd_member *k = list[i].member;
		bool fits = !k->side.of_turn || (!list[i].by_message && !cd_side_is_sum(&k->side)) ||
		    (list[i].by_message && cd_text_cmp(k->side.turn, p->side.turn) != 0);

		if (k != p && fits && same_user(&p->side, &k->side))
			s = cd_link_want(c, p, k, CD_LINK_TAG, e);
	}
	return s;
}

static om_status
decide_part(struct cd_pairs *c, struct cd_member *p, const struct entry *list, size_t n, om_err *e)
{
	for (struct cd_link_row *l = p->targets; l != NULL; l = l->next_target)
		if (l->wanted == CD_LINK_TAG)
			l->wanted = CD_LINK_NONE;
	p->decided = true;
	if (p->side.alone)
		return OM_OK;
	if (p->side.has_request)
		return in_slot(c, p, list, n, e);
	return cd_side_is_sum(&p->side) ? in_sum(c, p, list, n, e) : OM_OK;
}

/* free_parts takes its matches from a row that a tag now ties; what was matched to it
 * is decided again. */
static om_status
free_parts(struct cd_pairs *c, struct cd_member *k, om_err *e)
{
	om_status s = cd_links_load(c, &k, 1, true, e);

	for (struct cd_link_row *o = k->parts; s == OM_OK && o != NULL; o = o->next_part) {
		if (o->wanted <= CD_LINK_TAG)
			continue;
		o->wanted = CD_LINK_NONE;
		o->part->seed = true;
		s = cd_pairs_side(c, o->part, e);
	}
	return s;
}

/* follow marks as seeds the rows that a part's new or dropped lines touch, and frees
 * what was matched to them. */
static om_status
follow(struct cd_pairs *c, struct cd_member *p, om_err *e)
{
	bool tied = false;
	om_status s = OM_OK;

	for (struct cd_link_row *l = p->targets; l != NULL; l = l->next_target)
		tied = tied || l->wanted == CD_LINK_TAG;
	for (struct cd_link_row *l = p->targets; s == OM_OK && l != NULL; l = l->next_target) {
		if (l->stored == l->wanted && !(tied && l->wanted > CD_LINK_TAG))
			continue;
		if (tied && l->wanted > CD_LINK_TAG)
			l->wanted = CD_LINK_NONE;
		l->target->seed = true;
		s = cd_pairs_side(c, l->target, e);
		if (s == OM_OK && l->wanted == CD_LINK_TAG)
			s = free_parts(c, l->target, e);
		p->seed = true;
	}
	return s == OM_OK && tied ? free_parts(c, p, e) : s;
}

om_status
cd_tags_decide(struct cd_pairs *c, om_err *e)
{
	struct entry *list = NULL;
	struct cd_val *names = NULL;
	size_t n = 0, n_names = 0;
	om_status s = load_members(c, &names, &n_names, e);

	if (s == OM_OK)
		s = list_entries(c, false, &list, &n, e);
	for (size_t i = 0, j; s == OM_OK && i < n; i = j) {
		for (j = i + 1; j < n && cd_text_cmp(list[i].name, list[j].name) == 0; j++)
			continue;
		for (size_t k = i; s == OM_OK && k < j; k++)
			if (is_part_under(&list[k], names, n_names))
				s = decide_part(c, list[k].member, list + i, j - i, e);
	}
	for (size_t i = 0; s == OM_OK && i < n; i++)
		if (!list[i].by_message && list[i].member->decided)
			s = follow(c, list[i].member, e);
	return s;
}
