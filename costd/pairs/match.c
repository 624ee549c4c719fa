/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "match.h"

#include "value/record.h"

#include <stdlib.h>
#include <string.h>

#define APART_US (16 * CD_NEAR_US) /* seeds farther apart are looked at one after the other */
#define BACK_US  (6 * CD_NEAR_US)  /* how far back sides are read */
#define KEEP_US  (4 * CD_NEAR_US)  /* and how far back they are decided about */
#define AHEAD_US (8 * CD_NEAR_US)  /* how far ahead at first */
#define GAP_US   (2 * CD_NEAR_US)  /* no pair bridges it */

#define THE_USER "user_id=(SELECT p.id FROM person AS p WHERE p.handle=?)"

/* A window: turns and generations that can be matched to each other. */
struct window {
	struct cd_pairs *c;
	bool near;                  /* by user, for sides without tokens */
	const struct cd_side *like; /* the tokens or the user */
	om_time from, to;           /* of the seeds */
	struct cd_member **turns, **gens;
	size_t n_turns, n_gens;
};

static om_status
no_memory(om_err *e)
{
	return om_fail(e, OM_NOMEM, "out of memory");
}

static bool
is_alike(const struct window *w, const struct cd_side *d)
{
	if (w->near)
		return cd_text_cmp(d->user, w->like->user) == 0;
	return d->has_tokens && d->prompt == w->like->prompt && d->completion == w->like->completion;
}

static int
cmp_at(const void *pa, const void *pb)
{
	const struct cd_side *a = &(*(struct cd_member *const *)pa)->side, *b = &(*(struct cd_member *const *)pb)->side;

	return cd_side_cmp(&(const struct cd_side *){a}, &(const struct cd_side *){b});
}

/* collect lists the members of the window that are known. */
static om_status
collect(struct window *w, bool turns, om_time from, om_time to, om_err *e)
{
	struct cd_member **list = om_arena_array(w->c->a, w->c->n + 1, sizeof(void *));
	size_t n = 0;

	if (list == NULL)
		return no_memory(e);
	for (size_t i = 0; i < w->c->n; i++) {
		struct cd_member *k = w->c->all[i];

		if (k->has_side && k->side.of_turn == turns && !k->side.alone && k->side.at >= from &&
		    k->side.at <= to && is_alike(w, &k->side))
			list[n++] = k;
	}
	qsort(list, n, sizeof(void *), cmp_at);
	if (turns) {
		w->turns = list;
		w->n_turns = n;
	} else {
		w->gens = list;
		w->n_gens = n;
	}
	return OM_OK;
}

/* ---- turns ---- */

static om_status
read_turns(struct window *w, om_time from, om_time to, om_err *e)
{
	const struct cd_side *d = w->like;

	if (w->near)
		return cd_turns_load(w->c, THE_USER " AND at_us>=? AND at_us<=? AND of_turn=1",
		    (struct cd_val[]){CD_B(d->user.p, d->user.n), CD_I(from), CD_I(to)}, 3, e);
	return cd_turns_load(w->c, "prompt_tokens=? AND completion_tokens=? AND at_us>=? AND at_us<=? AND of_turn=1",
	    (struct cd_val[]){CD_I(d->prompt), CD_I(d->completion), CD_I(from), CD_I(to)}, 4, e);
}

/* cut drops the turns that follow the first gap after the seeds; false when there may be
 * more before it. */
static bool
cut(struct window *w, om_time to)
{
	om_time last = w->to;

	for (size_t i = 0; i < w->n_turns; i++) {
		om_time at = w->turns[i]->side.at;

		if (at > last && at - last > GAP_US) {
			w->n_turns = i;
			return true;
		}
		last = at > last ? at : last;
	}
	return last <= to - GAP_US;
}

static om_status
load_turns(struct window *w, om_err *e)
{
	om_time from = w->from - BACK_US, to = w->to + AHEAD_US;
	bool whole = false;
	om_status s = OM_OK;

	while (s == OM_OK && !whole) {
		s = read_turns(w, from, to, e);
		if (s == OM_OK)
			s = collect(w, true, from, to, e);
		whole = s == OM_OK && cut(w, to);
		to += w->to - from + AHEAD_US; /* twice as far, if that was not all */
	}
	return s == OM_OK ? cd_links_load(w->c, w->turns, w->n_turns, false, e) : s;
}

/* ---- generations ---- */

/* The cells of a row have its tokens, unless a look-up or pairing changed them. */
#define WITH_ID " AND generation_id NOT LIKE '" CD_TURN_PREFIX "%'"
#define OF_USER THE_USER " AND started_us>=? AND started_us<=?" WITH_ID
#define OF_ALL  "started_us>=? AND started_us<=?" WITH_ID
#define TOKENS  " AND ((prompt_tokens=? AND completion_tokens=?) OR cost_state=3 OR link_kind<>0)"

static om_status
read_of_user(struct window *w, struct cd_text user, om_time from, om_time to, om_err *e)
{
	const struct cd_side *d = w->like;
	const struct cd_val v[] = {CD_B(user.p, user.n), CD_I(from), CD_I(to), CD_I(d->prompt), CD_I(d->completion)};

	if (w->near)
		return cd_generations_load(w->c, OF_USER, v, 3, e);
	return cd_generations_load(w->c, OF_USER TOKENS, v, 5, e);
}

static om_status
read_of_all(struct window *w, om_time from, om_time to, om_err *e)
{
	const struct cd_val v[] = {CD_I(from), CD_I(to), CD_I(w->like->prompt), CD_I(w->like->completion)};

	return cd_generations_load(w->c, OF_ALL TOKENS, v, 4, e);
}

static bool
is_known(const struct cd_text *users, size_t n, struct cd_text user)
{
	for (size_t i = 0; i < n; i++)
		if (cd_text_cmp(users[i], user) == 0)
			return true;
	return false;
}

/* read_generations reads what the turns of the window could be. */
static om_status
read_generations(struct window *w, om_time from, om_time to, om_err *e)
{
	static const struct cd_text unknown = {.p = OM_USER_UNKNOWN, .n = sizeof OM_USER_UNKNOWN - 1};
	struct cd_text *users = om_arena_array(w->c->a, w->n_turns + 1, sizeof *users);
	size_t n = 0;
	om_status s = OM_OK;

	if (users == NULL)
		return no_memory(e);
	if (w->near)
		return read_of_user(w, w->like->user, from, to, e);
	for (size_t i = 0; s == OM_OK && i < w->n_turns; i++) {
		struct cd_text user = w->turns[i]->side.user;

		if (user.n == 0)
			return read_of_all(w, from, to, e);
		if (is_known(users, n, user))
			continue;
		users[n++] = user;
		s = read_of_user(w, user, from, to, e);
	}
	return s == OM_OK ? read_of_user(w, unknown, from, to, e) : s;
}

static om_status
load_generations(struct window *w, om_err *e)
{
	om_time from = w->turns[0]->side.at - CD_NEAR_US, to = w->turns[w->n_turns - 1]->side.at + CD_NEAR_US;
	om_status s = read_generations(w, from, to, e);

	for (size_t i = 0; s == OM_OK && i < w->n_turns; i++)
		for (struct cd_link_row *l = w->turns[i]->targets; s == OM_OK && l != NULL; l = l->next_target)
			s = cd_pairs_side(w->c, l->target, e);
	if (s == OM_OK)
		s = collect(w, false, from, to, e);
	if (s == OM_OK)
		s = cd_links_load(w->c, w->gens, w->n_gens, true, e);
	return s == OM_OK ? cd_links_load(w->c, w->gens, w->n_gens, false, e) : s;
}

/* ---- one window ---- */

/* begin_turn says what a turn may be matched to: those far back keep what they
 * are matched to, all others are matched from scratch. */
static void
begin_turn(struct window *w, struct cd_member *t)
{
	struct cd_side *d = &t->side;
	cd_link kind = w->near ? CD_LINK_NEAR : CD_LINK_MATCHED;
	struct cd_link_row *tag = cd_link_up(t, CD_LINK_TAG), *kept = cd_link_up(t, CD_LINK_MATCHED);

	d->match = NULL;
	d->fixed = d->at < w->from - KEEP_US;
	d->out =
	    (tag != NULL && tag->wanted == CD_LINK_TAG) || (w->near && kept != NULL && kept->wanted == CD_LINK_MATCHED);
	if (d->out)
		d->fixed = true;
	if (d->fixed && kept != NULL && kept->wanted == kind)
		kept->target->side.fixed = true;
	if (!d->fixed)
		cd_links_drop(t, CD_LINK_MATCHED);
}

static void
begin_generation(const struct window *w, struct cd_member *g)
{
	g->side.match = NULL;
	g->side.fixed = false;
	g->side.out = g->targets != NULL && cd_link_up(g, CD_LINK_TAG) != NULL;
	for (const struct cd_link_row *l = g->parts; l != NULL; l = l->next_part)
		if (l->wanted == CD_LINK_TAG || (w->near && l->wanted == CD_LINK_MATCHED))
			g->side.out = true;
}

/* note_matches notes the lines that were found, and marks as seeds of the next stage
 * the rows that found no match or lost theirs. */
static om_status
note_matches(struct window *w, om_err *e)
{
	om_status s = OM_OK;

	for (size_t i = 0; s == OM_OK && i < w->n_turns; i++) {
		struct cd_member *t = w->turns[i];

		if (t->side.fixed)
			continue;
		t->seed = true;
		for (size_t k = 0; s == OM_OK && t->side.match != NULL && k < w->n_gens; k++)
			if (&w->gens[k]->side == t->side.match)
				s = cd_link_want(w->c, t, w->gens[k], t->side.how, e);
	}
	for (size_t i = 0; s == OM_OK && !w->near && i < w->n_gens; i++) {
		struct cd_member *g = w->gens[i];

		for (struct cd_link_row *l = g->parts; s == OM_OK && l != NULL; l = l->next_part) {
			if (l->stored == CD_LINK_MATCHED && l->wanted == CD_LINK_NONE)
				g->seed = true;
			if (g->side.match == NULL || l->wanted != CD_LINK_NEAR)
				continue;
			l->wanted = CD_LINK_NONE;
			l->part->seed = true;
			s = cd_pairs_side(w->c, l->part, e);
		}
	}
	return s;
}

static om_status
match_window(struct window *w, om_err *e)
{
	struct cd_side **turns, **gens;
	om_status s = load_turns(w, e);

	if (s != OM_OK || w->n_turns == 0)
		return s;
	s = load_generations(w, e);
	turns = om_arena_array(w->c->a, w->n_turns, sizeof(void *));
	gens = om_arena_array(w->c->a, w->n_gens + 1, sizeof(void *));
	if (s == OM_OK && (turns == NULL || gens == NULL))
		s = no_memory(e);
	if (s != OM_OK)
		return s;
	for (size_t i = 0; i < w->n_gens; i++) {
		begin_generation(w, w->gens[i]);
		gens[i] = &w->gens[i]->side;
	}
	for (size_t i = 0; i < w->n_turns; i++) {
		begin_turn(w, w->turns[i]);
		turns[i] = &w->turns[i]->side;
	}
	if (w->near)
		cd_pair_near(turns, w->n_turns, gens, w->n_gens);
	else
		cd_pair_tokens(turns, w->n_turns, gens, w->n_gens);
	return note_matches(w, e);
}

/* ---- all windows ---- */

static int
cmp_tokens(const void *pa, const void *pb)
{
	const struct cd_side *a = &(*(struct cd_member *const *)pa)->side, *b = &(*(struct cd_member *const *)pb)->side;

	if (a->prompt != b->prompt)
		return a->prompt < b->prompt ? -1 : 1;
	if (a->completion != b->completion)
		return a->completion < b->completion ? -1 : 1;
	return cmp_at(pa, pb);
}

static int
cmp_user(const void *pa, const void *pb)
{
	const struct cd_side *a = &(*(struct cd_member *const *)pa)->side, *b = &(*(struct cd_member *const *)pb)->side;
	int c = cd_text_cmp(a->user, b->user);

	return c != 0 ? c : cmp_at(pa, pb);
}

/* is_tied tells whether the row is already part of another one by something more
 * certain than this stage. */
static bool
is_tied(const struct cd_member *k, cd_link most)
{
	const struct cd_link_row *up = cd_link_up(k, CD_LINK_TAG);

	return up != NULL && up->wanted <= most;
}

/* match_stage matches the seeds of one stage, window by window. */
static om_status
match_stage(struct cd_pairs *c, bool near, om_err *e)
{
	struct cd_member **seeds = om_arena_array(c->a, c->n + 1, sizeof(void *));
	size_t n = 0;
	om_status s = OM_OK;

	if (seeds == NULL)
		return no_memory(e);
	for (size_t i = 0; i < c->n; i++) {
		struct cd_member *k = c->all[i];

		if (k->seed && k->has_side && !is_tied(k, near ? CD_LINK_MATCHED : CD_LINK_TAG) &&
		    (near ? k->side.user.n > 0 : k->side.has_tokens))
			seeds[n++] = k;
	}
	qsort(seeds, n, sizeof(void *), near ? cmp_user : cmp_tokens);
	for (size_t i = 0, j; s == OM_OK && i < n; i = j) {
		struct window w = {.c = c, .near = near, .like = &seeds[i]->side, .from = seeds[i]->side.at};

		for (j = i + 1;
		     j < n && is_alike(&w, &seeds[j]->side) && seeds[j]->side.at - seeds[j - 1]->side.at <= APART_US;
		     j++)
			continue;
		w.to = seeds[j - 1]->side.at;
		s = match_window(&w, e);
	}
	return s;
}

om_status
cd_match_decide(struct cd_pairs *c, om_err *e)
{
	om_status s;

	for (size_t i = 0; i < c->n; i++) /* what changed is matched again, or not at all */
		if (c->all[i]->seed)
			cd_links_drop(c->all[i], CD_LINK_MATCHED);
	s = match_stage(c, false, e);
	return s == OM_OK ? match_stage(c, true, e) : s;
}
