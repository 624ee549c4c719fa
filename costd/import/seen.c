/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "seen.h"

#include "base/digest.h"
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>

typedef enum by { BY_TURN, BY_MESSAGE, BY_SPAN, BY_USAGE, BY_USAGE_AND_USER, N_BY } by;

/* A row by the hashes of what it has; 0: it has none. */
struct row {
	uint64_t key;
	uint64_t hash[N_BY];
	om_time at;
	bool taken;
};

/* The rows in the order of one hash and of time. */
struct list {
	uint32_t *at;   /* owned; places among the rows */
	uint32_t *next; /* owned; of each place: itself, or a later one, while those between are taken */
	size_t n;
};

struct cd_seen {
	struct row *rows; /* owned */
	size_t n, room;
	struct list lists[N_BY];
	uint64_t *taken; /* owned; keys, by open addressing, 0: free */
	size_t n_taken, taken_room;
	uint64_t steps;
};

om_status
cd_seen_new(struct cd_seen **out, om_err *e)
{
	*out = calloc(1, sizeof **out);
	return *out != NULL ? OM_OK : om_fail(e, OM_NOMEM, "out of memory");
}

void
cd_seen_clear(struct cd_seen *s)
{
	for (unsigned k = 0; k < N_BY; k++) {
		free(s->lists[k].at);
		free(s->lists[k].next);
		s->lists[k] = (struct list){.n = 0};
	}
	free(s->rows);
	s->rows = NULL;
	s->n = s->room = 0;
}

void
cd_seen_free(struct cd_seen **s)
{
	if (*s == NULL)
		return;
	cd_seen_clear(*s);
	free((*s)->taken);
	free(*s);
	*s = NULL;
}

uint64_t
cd_seen_steps(const struct cd_seen *s)
{
	return s->steps;
}

/* ---- hashes ---- */

static uint64_t
hash_parts(const struct om_bytes *parts, size_t n)
{
	unsigned char sum[OM_SHA256] = {0};
	uint64_t h = 0;

	if (om_sha256(parts, n, sum) != OM_OK)
		return 0;
	memcpy(&h, sum, sizeof h);
	return h != 0 ? h : 1;
}

static uint64_t
hash_text(const char *text)
{
	return text == NULL || text[0] == '\0' ? 0 : hash_parts(&(struct om_bytes){.data = text, .n = strlen(text)}, 1);
}

static uint64_t
hash_usage(const struct cd_seen_row *r, const char *user)
{
	const struct om_bytes parts[] = {
	    {&r->cost.v, sizeof r->cost.v},
	    {&r->prompt, sizeof r->prompt},
	    {&r->completion, sizeof r->completion},
	    {user, user != NULL ? strlen(user) : 0},
	};

	return r->has_usage ? hash_parts(parts, user != NULL ? 4 : 3) : 0;
}

/* ---- what was taken ---- */

static size_t
place_of(const struct cd_seen *s, uint64_t key)
{
	size_t i = key & (s->taken_room - 1);

	while (s->taken[i] != 0 && s->taken[i] != key)
		i = (i + 1) & (s->taken_room - 1);
	return i;
}

static bool
is_taken(const struct cd_seen *s, uint64_t key)
{
	return s->taken_room > 0 && s->taken[place_of(s, key)] != 0;
}

static om_status
note_taken(struct cd_seen *s, uint64_t key, om_err *e)
{
	if (2 * (s->n_taken + 1) > s->taken_room) {
		size_t n_old = s->taken_room, room = n_old == 0 ? 1024 : 2 * n_old;
		uint64_t *old = s->taken, *more = calloc(room, sizeof *more);

		if (more == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		s->taken = more;
		s->taken_room = room;
		for (size_t i = 0; i < n_old; i++)
			if (old[i] != 0)
				more[place_of(s, old[i])] = old[i];
		free(old);
	}
	s->taken[place_of(s, key)] = key;
	s->n_taken++;
	return OM_OK;
}

/* ---- the rows ---- */

om_status
cd_seen_add(struct cd_seen *s, const struct cd_seen_row *r, om_err *e)
{
	struct row *row;

	if (s->n == s->room) {
		size_t room = s->room == 0 ? 1024 : 2 * s->room;
		struct row *p = room < UINT32_MAX ? realloc(s->rows, room * sizeof *p) : NULL;

		if (p == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		s->rows = p;
		s->room = room;
	}
	row = &s->rows[s->n++];
	*row = (struct row){.key = hash_text(r->key), .at = r->at};
	row->hash[BY_TURN] = hash_text(r->turn);
	row->hash[BY_MESSAGE] = hash_text(r->message);
	row->hash[BY_SPAN] = hash_text(r->span);
	row->hash[BY_USAGE] = hash_usage(r, NULL);
	row->hash[BY_USAGE_AND_USER] = hash_usage(r, r->user != NULL ? r->user : OM_USER_UNKNOWN);
	row->taken = is_taken(s, row->key);
	return OM_OK;
}

struct order {
	const struct row *rows;
	by by;
};

static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct order *o = arg;
	const struct row *a = &o->rows[*(const uint32_t *)pa], *b = &o->rows[*(const uint32_t *)pb];

	if (a->hash[o->by] != b->hash[o->by])
		return a->hash[o->by] < b->hash[o->by] ? -1 : 1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

om_status
cd_seen_sort(struct cd_seen *s, om_err *e)
{
	for (unsigned k = 0; k < N_BY; k++) {
		struct list *l = &s->lists[k];
		struct order o = {.rows = s->rows, .by = (by)k};

		l->at = malloc((s->n + 1) * sizeof *l->at);
		l->next = malloc((s->n + 1) * sizeof *l->next);
		if (l->at == NULL || l->next == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		for (size_t i = 0; i < s->n; i++)
			if (s->rows[i].hash[k] != 0)
				l->at[l->n++] = (uint32_t)i;
		for (size_t i = 0; i <= l->n; i++)
			l->next[i] = (uint32_t)i;
		qsort_r(l->at, l->n, sizeof *l->at, compare, &o);
	}
	return OM_OK;
}

/* ---- questions ---- */

/* first gives the place of the first row with this hash and a time not before `from`. */
static size_t
first(struct cd_seen *s, by k, uint64_t hash, om_time from)
{
	const struct list *l = &s->lists[k];
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct row *r = &s->rows[l->at[mid]];

		s->steps++;
		if (r->hash[k] < hash || (r->hash[k] == hash && r->at < from))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* not_taken gives the first place from i on whose row was not taken. */
static size_t
not_taken(struct cd_seen *s, struct list *l, size_t i)
{
	size_t to = i, step;

	for (;;) {
		s->steps++;
		if (l->next[to] != to)
			to = l->next[to];
		else if (to < l->n && s->rows[l->at[to]].taken)
			l->next[to] = (uint32_t)(to + 1);
		else
			break;
	}
	for (; i != to; i = step) { /* the next search goes straight to the end */
		step = l->next[i];
		l->next[i] = (uint32_t)to;
	}
	return to;
}

static struct row *
find(struct cd_seen *s, by k, uint64_t hash, om_time at, om_time near, bool free_only)
{
	struct list *l = &s->lists[k];
	struct row *r;
	size_t i;

	if (hash == 0 || l->n == 0)
		return NULL;
	i = first(s, k, hash, at - near);
	if (free_only)
		i = not_taken(s, l, i);
	r = i < l->n ? &s->rows[l->at[i]] : NULL;
	return r != NULL && r->hash[k] == hash && r->at <= at + near ? r : NULL;
}

bool
cd_seen_has(struct cd_seen *s, const char *turn, om_time at)
{
	uint64_t h = hash_text(turn);

	return find(s, BY_TURN, h, at, CD_SEEN_TURN, false) != NULL ||
	    find(s, BY_MESSAGE, h, at, CD_SEEN_TURN, false) != NULL;
}

bool
cd_seen_has_span(struct cd_seen *s, const char *span, om_time at)
{
	return find(s, BY_SPAN, hash_text(span), at, CD_SEEN_TURN, false) != NULL;
}

om_status
cd_seen_take(struct cd_seen *s, const struct cd_seen_row *like, bool *found, om_err *e)
{
	bool unknown = like->user == NULL || strcmp(like->user, OM_USER_UNKNOWN) == 0;
	struct row *r;

	if (unknown) {
		r = find(s, BY_USAGE, hash_usage(like, NULL), like->at, CD_SEEN_NEAR, true);
	} else {
		r = find(s, BY_USAGE_AND_USER, hash_usage(like, like->user), like->at, CD_SEEN_NEAR, true);
		if (r == NULL)
			r = find(s, BY_USAGE_AND_USER, hash_usage(like, OM_USER_UNKNOWN), like->at, CD_SEEN_NEAR, true);
	}
	*found = r != NULL;
	if (r == NULL)
		return OM_OK;
	r->taken = true;
	return note_taken(s, r->key, e);
}
