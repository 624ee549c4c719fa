/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pair.h"

#include "value/record.h"
#include "base/invariant.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 16u

struct cd_text
cd_turn_of(struct cd_text turn_id)
{
	size_t n = turn_id.n;

	while (n > 0 && turn_id.p[n - 1] >= '0' && turn_id.p[n - 1] <= '9')
		n--;
	if (n < turn_id.n && n > 1 && turn_id.p[n - 1] == ':')
		turn_id.n = n - 1;
	return turn_id;
}

static bool
equal(struct cd_text a, struct cd_text b)
{
	return cd_text_cmp(a, b) == 0;
}

static bool
is_text(struct cd_text a, const char *text)
{
	return equal(a, (struct cd_text){.p = text, .n = strlen(text)});
}

static bool
differ(struct cd_text a, struct cd_text b)
{
	return a.n > 0 && b.n > 0 && !equal(a, b);
}

/* is_older: a record of an older filter, live or imported, whose turn ids are not those
 * of the plugin. */
static bool
is_older(const struct cd_side *s)
{
	return is_text(s->source, "metering-record") || is_text(s->source, CD_IMPORT);
}

static bool
is_streamed(const struct cd_side *s)
{
	return is_text(s->source, "filter-stream");
}

bool
cd_side_is_sum(const struct cd_side *s)
{
	return s->of_turn && !s->has_request && !is_streamed(s);
}

/* ---- names of models ---- */

struct name {
	struct cd_text vendor;
	struct cd_text words[MAX_WORDS]; /* ascending */
	size_t n;
};

static int
cmp_word(const void *a, const void *b)
{
	return cd_text_cmp(*(const struct cd_text *)a, *(const struct cd_text *)b);
}

/* is_date: 20251001, or a part of 2025-10-01. */
static bool
is_date(struct cd_text w)
{
	for (size_t i = 0; i < w.n; i++)
		if (w.p[i] < '0' || w.p[i] > '9')
			return false;
	return w.n == 8 || w.n == 4 || w.n == 2;
}

/* read_name takes a name apart; false for one without a vendor or with more words
 * than names have. */
static bool
read_name(struct cd_text text, struct name *out)
{
	const char *slash = memchr(text.p, '/', text.n), *colon = memchr(text.p, ':', text.n);
	const char *end = colon != NULL && colon > slash ? colon : text.p + text.n, *dot;

	if (slash == NULL)
		return false;
	dot = memrchr(text.p, '.', (size_t)(slash - text.p));
	out->vendor.p = dot != NULL ? dot + 1 : text.p;
	out->vendor.n = (size_t)(slash - out->vendor.p);
	out->n = 0;
	for (const char *p = slash + 1, *stop; p < end; p = stop + 1) {
		struct cd_text w = {.p = p};

		stop = memchr(p, '-', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		w.n = (size_t)(stop - p);
		if (w.n == 0 || is_date(w))
			continue;
		if (out->n == MAX_WORDS)
			return false;
		out->words[out->n++] = w;
	}
	qsort(out->words, out->n, sizeof *out->words, cmp_word);
	return true;
}

bool
cd_models_agree(struct cd_text a, struct cd_text b)
{
	struct name x, y;

	if (a.n == 0 || b.n == 0 || equal(a, b) || !read_name(a, &x) || !read_name(b, &y))
		return true;
	if (!equal(x.vendor, y.vendor) || x.n != y.n)
		return false;
	for (size_t i = 0; i < x.n; i++)
		if (!equal(x.words[i], y.words[i]))
			return false;
	return true;
}

/* ---- matching ---- */

int
cd_side_cmp(const void *pa, const void *pb)
{
	const struct cd_side *a = *(const struct cd_side *const *)pa, *b = *(const struct cd_side *const *)pb;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return cd_text_cmp(a->key, b->key);
}

static bool
is_free(const struct cd_side *s)
{
	return !s->out && !s->fixed && !s->alone && s->match == NULL;
}

/* contradict tells whether the two name something that cannot be of one call. */
static bool
contradict(const struct cd_side *t, const struct cd_side *g)
{
	if (!cd_models_agree(t->model, g->model) || differ(t->platform, g->platform) || differ(t->message, g->message))
		return true;
	if (t->turn.n == 0 || g->turn.n == 0 || is_older(t))
		return false;
	if (!equal(t->turn, g->turn))
		return true;
	return (t->has_request && g->has_request && t->request != g->request) || (is_streamed(t) && is_streamed(g));
}

static bool
ascend(struct cd_side *const *sides, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (cd_side_cmp(&sides[i - 1], &sides[i]) >= 0)
			return false;
	return true;
}

typedef bool fits_fn(const struct cd_side *turn, const struct cd_side *gen);

/* pair_in_order gives each turn the first generation that is free, near and fits. */
static void
pair_in_order(struct cd_side *const *turns, size_t n_turns, struct cd_side *const *gens, size_t n_gens, fits_fn *fits,
    cd_link how)
{
	size_t first = 0;

	om_check(ascend(turns, n_turns) && ascend(gens, n_gens));
	for (size_t i = 0; i < n_turns; i++) {
		struct cd_side *t = turns[i];

		while (first < n_gens && gens[first]->at < t->at - CD_NEAR_US)
			first++;
		if (!is_free(t))
			continue;
		for (size_t k = first; k < n_gens && gens[k]->at <= t->at + CD_NEAR_US; k++) {
			struct cd_side *g = gens[k];

			if (!is_free(g) || contradict(t, g) || !fits(t, g))
				continue;
			t->match = g;
			g->match = t;
			t->how = g->how = how;
			break;
		}
	}
}

static bool
same_tokens(const struct cd_side *a, const struct cd_side *b)
{
	return a->has_tokens && b->has_tokens && a->prompt == b->prompt && a->completion == b->completion;
}

static bool
is_of_user(const struct cd_side *t, const struct cd_side *g)
{
	return same_tokens(t, g) && t->user.n > 0 && equal(t->user, g->user);
}

static bool
is_of_anyone(const struct cd_side *t, const struct cd_side *g)
{
	return same_tokens(t, g) && (t->user.n == 0 || g->user.n == 0);
}

/* is_model: the names say the same; that they do not contradict each other is not enough. */
static bool
is_model(struct cd_text a, struct cd_text b)
{
	struct name x, y;

	return a.n > 0 && b.n > 0 && (equal(a, b) || (read_name(a, &x) && read_name(b, &y) && cd_models_agree(a, b)));
}

static bool
is_alike(const struct cd_side *t, const struct cd_side *g)
{
	if (g->failed || (is_older(t) && differ(t->turn, g->message)))
		return false;
	return !(t->has_tokens && g->has_tokens) && t->user.n > 0 && equal(t->user, g->user) &&
	    is_model(t->model, g->model);
}

void
cd_pair_tokens(struct cd_side *const *turns, size_t n_turns, struct cd_side *const *gens, size_t n_gens)
{
	pair_in_order(turns, n_turns, gens, n_gens, is_of_user, CD_LINK_MATCHED);
	pair_in_order(turns, n_turns, gens, n_gens, is_of_anyone, CD_LINK_MATCHED);
}

void
cd_pair_near(struct cd_side *const *turns, size_t n_turns, struct cd_side *const *gens, size_t n_gens)
{
	pair_in_order(turns, n_turns, gens, n_gens, is_alike, CD_LINK_NEAR);
}

/* ---- slots ---- */

struct cd_side *
cd_pair_slot(struct cd_side *const *sides, size_t n)
{
	struct cd_side *with = NULL, *last = NULL;
	size_t others = 0;

	om_check(ascend(sides, n));
	for (size_t i = 0; i < n; i++) {
		if (sides[i]->of_turn || sides[i]->alone) {
			others += sides[i]->of_turn && !sides[i]->alone;
			continue;
		}
		last = sides[i];
		if (sides[i]->has_usage)
			with = sides[i];
		others++;
	}
	return others < 2 ? NULL : with != NULL ? with : last;
}

bool
cd_pair_is_part(const struct cd_side *side, const struct cd_side *counts)
{
	return side != counts && !side->alone && (side->of_turn || !side->has_usage);
}
