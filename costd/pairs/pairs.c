/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pairs.h"

#include "match.h"
#include "share.h"
#include "tags.h"
#include "base/invariant.h"

#include <stdlib.h>
#include <string.h>

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

static om_status
ignore(void *arg, const struct cd_val *v, om_err *e)
{
	(void)arg;
	(void)v;
	(void)e;
	return OM_OK;
}

om_status
cd_pairs_guard(struct cd_db *db, bool alone, om_err *e)
{
	return cd_db_query(db,
	    alone ? "SELECT 1 FROM meta WHERE name='pairing' FOR UPDATE"
		  : "SELECT 1 FROM meta WHERE name='pairing' LOCK IN SHARE MODE",
	    NULL, 0, ignore, NULL, e);
}

/* ---- what is to be decided ---- */

static bool
same_text(struct cd_text a, struct cd_text b)
{
	return cd_text_cmp(a, b) == 0;
}

bool
cd_side_is_same(const struct cd_side *a, const struct cd_side *b)
{
	return a->at == b->at && a->alone == b->alone && a->has_request == b->has_request && a->request == b->request &&
	    a->has_tokens == b->has_tokens && a->prompt == b->prompt && a->completion == b->completion &&
	    a->has_usage == b->has_usage && a->failed == b->failed && same_text(a->user, b->user) &&
	    same_text(a->model, b->model) && same_text(a->turn, b->turn) && same_text(a->message, b->message) &&
	    same_text(a->source, b->source) && same_text(a->platform, b->platform);
}

/* find_seeds gives the rows of the batch their sides and marks those that pairing
 * may see differently than before. */
static om_status
find_seeds(struct cd_pairs *c, bool *any, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < c->n; i++) {
		struct cd_member *k = c->all[i];
		struct cd_side before;

		if (!k->came)
			continue;
		om_check(k->at_work);
		s = cd_pairs_side(c, k, e);
		if (s != OM_OK)
			break;
		k->seed = true;
		if (k->old != NULL && cd_row_is_own(&k->old->row) && !k->side.alone) {
			cd_row_side(&k->old->row, &before);
			k->seed = !cd_side_is_same(&before, &k->side);
		}
		if (k->seed)
			*any = true;
	}
	return s;
}

static om_status
note_sides(struct cd_pairs *c, om_err *e)
{
	struct cd_member **seeds = om_arena_array(c->a, c->n + 1, sizeof(void *));
	size_t n = 0;

	if (seeds == NULL)
		return no_memory(e);
	for (size_t i = 0; i < c->n; i++)
		if (c->all[i]->came && c->all[i]->seed)
			seeds[n++] = c->all[i];
	return cd_turns_note(c, seeds, n, e);
}

/* add_partners makes seeds of what seeds are paired with so far. */
static om_status
add_partners(struct cd_pairs *c, om_err *e)
{
	struct cd_member **linked = om_arena_array(c->a, c->n + 1, sizeof(void *));
	size_t n = 0;
	om_status s;

	if (linked == NULL)
		return no_memory(e);
	for (size_t i = 0; i < c->n; i++)
		if (c->all[i]->seed && (!c->all[i]->came || (c->all[i]->old != NULL && c->all[i]->old->row.link != 0)))
			linked[n++] = c->all[i];
	s = cd_links_load(c, linked, n, false, e);
	if (s == OM_OK)
		s = cd_links_load(c, linked, n, true, e);
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		for (struct cd_link_row *l = linked[i]->targets; s == OM_OK && l != NULL; l = l->next_target) {
			l->target->seed = true;
			s = cd_pairs_side(c, l->target, e);
		}
		for (struct cd_link_row *l = linked[i]->parts; s == OM_OK && l != NULL; l = l->next_part) {
			l->part->seed = true;
			s = cd_pairs_side(c, l->part, e);
		}
	}
	return s;
}

om_status
cd_pairs_pair(struct cd_pairs *c, struct cd_link_row ***changed_out, size_t *n_out, om_err *e)
{
	om_status s = add_partners(c, e);

	for (size_t i = 0; s == OM_OK && i < c->n; i++) /* a generation whose usage is known by now is no part */
		if (c->all[i]->seed && !cd_side_may_be_part(&c->all[i]->side))
			cd_links_drop(c->all[i], CD_LINK_TAG);
	if (s == OM_OK)
		s = cd_tags_decide(c, e);
	if (s == OM_OK)
		s = cd_match_decide(c, e);
	return s == OM_OK ? cd_links_write(c, changed_out, n_out, e) : s;
}

/* ---- the rows at both ends ---- */

static cd_link
link_of(const struct cd_member *k)
{
	cd_link most = CD_LINK_NONE;

	for (const struct cd_link_row *l = k->targets; l != NULL; l = l->next_target)
		most = l->wanted > most ? l->wanted : most;
	for (const struct cd_link_row *l = k->parts; l != NULL; l = l->next_part)
		most = l->wanted > most ? l->wanted : most;
	return most;
}

/* is_sum: the part stands for all requests of its turn. */
static bool
is_sum(const struct cd_link_row *l)
{
	return l->wanted == CD_LINK_TAG && cd_side_is_sum(&l->part->side);
}

/* take_earlier takes off what sums of the same turn before this one cover. */
static om_status
take_earlier(struct cd_pairs *c, const struct cd_member *k, struct cd_figures *off, om_err *e)
{
	om_status s = OM_OK;

	for (const struct cd_link_row *l = k->targets; l != NULL; l = l->next_target) {
		if (l->wanted == CD_LINK_NONE)
			continue;
		for (struct cd_link_row *o = l->target->parts; s == OM_OK && o != NULL; o = o->next_part) {
			if (!is_sum(o) || o->part == k || !same_text(o->part->side.turn, k->side.turn) ||
			    cd_text_cmp(o->part->key, k->key) > 0)
				continue;
			s = cd_pairs_own(c, o->part, e);
			if (s == OM_OK)
				cd_share_spend(off, &o->part->own->all);
		}
		return s; /* all sums of a turn have the same targets */
	}
	return s;
}

static om_status
share_out(struct cd_pairs *c, struct cd_member *k, struct cd_row *row, om_err *e)
{
	struct cd_figures off = {.cost = OM_MONEY_ZERO};
	bool part = false, sum = false;
	om_status s = OM_OK;

	for (const struct cd_link_row *l = k->targets; s == OM_OK && l != NULL; l = l->next_target) {
		if (l->wanted == CD_LINK_NONE)
			continue;
		part = true;
		if (!is_sum(l))
			continue;
		sum = true;
		s = cd_pairs_own(c, l->target, e);
		if (s == OM_OK)
			cd_share_add(&off, l->target->own);
	}
	if (s == OM_OK && sum)
		s = take_earlier(c, k, &off, e);
	if (s == OM_OK && sum)
		cd_share_rest(row, &off);
	else if (s == OM_OK && part)
		cd_share_part(row);
	om_check(s != OM_OK || row->is_part == part);
	return s;
}

/* load_ends loads the lines at both ends of a member, and of what it is part of. */
static om_status
load_ends(struct cd_pairs *c, struct cd_member *k, om_err *e)
{
	om_status s = cd_links_load(c, &k, 1, false, e);

	if (s == OM_OK)
		s = cd_links_load(c, &k, 1, true, e);
	for (struct cd_link_row *l = k->targets; s == OM_OK && l != NULL; l = l->next_target)
		s = cd_links_load(c, &l->target, 1, true, e);
	for (struct cd_link_row *l = k->targets; s == OM_OK && l != NULL; l = l->next_target)
		for (struct cd_link_row *o = l->target->parts; s == OM_OK && o != NULL; o = o->next_part)
			s = cd_pairs_side(c, o->part, e);
	for (struct cd_link_row *l = k->parts; s == OM_OK && l != NULL; l = l->next_part)
		s = cd_pairs_side(c, l->part, e);
	return s;
}

/* fill_from lets a part's values fill the row of what it is part of. */
static om_status
fill_from(struct cd_pairs *c, const struct cd_link_row *l, struct cd_row *row, om_err *e)
{
	const bool usage = !is_sum(l) && l->part->side.of_turn;
	om_status s = cd_pairs_own(c, l->part, e);

	if (s != OM_OK)
		return s;
	if (usage && l->wanted >= CD_LINK_MATCHED)
		cd_share_claim(row, &l->part->own->all);
	cd_share_fill(row, &l->part->own->all, usage);
	return OM_OK;
}

om_status
cd_pairs_row(struct cd_pairs *c, struct cd_member *k, struct cd_row *out, om_err *e)
{
	om_status s = cd_pairs_own(c, k, e);

	if (s == OM_OK)
		s = cd_pairs_side(c, k, e);
	if (s == OM_OK)
		s = load_ends(c, k, e);
	if (s != OM_OK)
		return s;
	*out = k->own->all;
	out->key = k->key;
	out->link = (uint8_t)link_of(k);
	for (const struct cd_link_row *l = k->parts; s == OM_OK && l != NULL; l = l->next_part)
		if (l->wanted != CD_LINK_NONE)
			s = fill_from(c, l, out, e);
	return s == OM_OK ? share_out(c, k, out, e) : s;
}

static int
cmp_member(const void *pa, const void *pb)
{
	const struct cd_member *const *a = pa, *const *b = pb;

	return cd_text_cmp((*a)->key, (*b)->key);
}

/* load_rows loads and locks the rows that are to be made again and are not loaded yet. */
static om_status
load_rows(struct cd_pairs *c, om_err *e)
{
	struct cd_member **members = om_arena_array(c->a, c->n + 1, sizeof(void *));
	struct cd_text *keys = om_arena_array(c->a, c->n + 1, sizeof *keys);
	struct cd_stored **found = om_arena_array(c->a, c->n + 1, sizeof(void *));
	size_t n = 0;
	om_status s;

	if (members == NULL || keys == NULL || found == NULL)
		return no_memory(e);
	for (size_t i = 0; i < c->n; i++)
		if (c->all[i]->refresh && !c->all[i]->at_work)
			members[n++] = c->all[i];
	qsort(members, n, sizeof(void *), cmp_member);
	for (size_t i = 0; i < n; i++)
		keys[i] = members[i]->key;
	s = cd_store_lock(c->db, keys, n, found, c->a, e);
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		members[i]->old = found[i];
		members[i]->at_work = found[i] != NULL;
		if (found[i] == NULL)
			s = om_fail(e, OM_DAMAGED, "link: row %.140s is not there; run costd --check", keys[i].p);
	}
	return s;
}

static om_status
mark_parts(struct cd_pairs *c, struct cd_member *target, om_err *e)
{
	om_status s = cd_links_load(c, &target, 1, true, e);

	for (struct cd_link_row *l = target->parts; s == OM_OK && l != NULL; l = l->next_part)
		l->part->refresh = true;
	return s;
}

/* mark_linked marks, to be made again, the rows that are paired with one of the batch, and the
 * sums that share its generations. */
static om_status
mark_linked(struct cd_pairs *c, om_err *e)
{
	struct cd_member **linked = om_arena_array(c->a, c->n + 1, sizeof(void *));
	size_t n = 0;
	om_status s;

	if (linked == NULL)
		return no_memory(e);
	for (size_t i = 0; i < c->n; i++) {
		struct cd_member *k = c->all[i];

		if (k->came && k->old != NULL && k->old->row.link != 0)
			linked[n++] = k;
	}
	s = cd_links_load(c, linked, n, false, e);
	if (s == OM_OK)
		s = cd_links_load(c, linked, n, true, e);
	for (size_t i = 0; s == OM_OK && i < n; i++) {
		linked[i]->refresh = true;
		for (struct cd_link_row *l = linked[i]->parts; l != NULL; l = l->next_part)
			l->part->refresh = true;
		for (struct cd_link_row *l = linked[i]->targets; s == OM_OK && l != NULL; l = l->next_target) {
			l->target->refresh = true;
			s = mark_parts(c, l->target, e);
		}
	}
	return s;
}

/* mark_siblings marks, to be made again, the sums that share generations with one that changes. */
static om_status
mark_siblings(struct cd_pairs *c, struct cd_link_row *const *changed, size_t n, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < n; i++) {
		changed[i]->part->refresh = changed[i]->target->refresh = true;
		s = mark_parts(c, changed[i]->target, e);
	}
	return s;
}

/* make_rows makes the rows again whose lines changed. */
static om_status
make_rows(struct cd_pairs *c, struct cd_link_row *const *changed, size_t n, om_err *e)
{
	om_status s = mark_siblings(c, changed, n, e);

	if (s == OM_OK)
		s = load_rows(c, e);
	for (size_t i = 0; s == OM_OK && i < c->n; i++) {
		om_check(!c->all[i]->refresh || c->all[i]->at_work); /* its row is locked */
		if (c->all[i]->refresh)
			s = cd_pairs_row(c, c->all[i], &c->all[i]->row, e);
	}
	return s;
}

om_status
cd_pairs_pair_rows(struct cd_pairs *c, om_err *e)
{
	struct cd_link_row **changed = NULL;
	size_t n = 0;
	om_status s = cd_pairs_pair(c, &changed, &n, e);

	return s == OM_OK && !c->dry ? make_rows(c, changed, n, e) : s;
}

om_status
cd_pairs_decide(struct cd_pairs *c, om_err *e)
{
	struct cd_link_row **changed = NULL;
	bool any = false, near = false;
	size_t n_changed = 0;
	om_status s = find_seeds(c, &any, e);

	if (s == OM_OK && any)
		s = note_sides(c, e);
	if (s == OM_OK && any)
		s = cd_tags_concern(c, &near, e);
	if (s == OM_OK && near)
		s = cd_pairs_pair(c, &changed, &n_changed, e);
	if (s == OM_OK)
		s = mark_linked(c, e);
	return s == OM_OK ? make_rows(c, changed, n_changed, e) : s;
}
