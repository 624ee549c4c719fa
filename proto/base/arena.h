/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * arena.h - memory for one request, freed at once.
 *
 * Owner     Everything allocated from an arena lives until om_arena_fini; no
 *           single piece is ever freed.
 * Failure   NULL when the ceiling given at the start is reached or the system
 *           has no memory; the arena stays usable and `failed` stays set.
 * Threads   One arena, one thread.
 */
#ifndef OM_ARENA_H
#define OM_ARENA_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

struct om_arena_block;

struct om_arena {
	struct om_arena_block *blocks; /* owned */
	size_t used_bytes;
	size_t limit_bytes;
	bool failed;    /* sticky */
	bool no_memory; /* it failed because the system has no memory, not because of the ceiling */
};

void om_arena_init(struct om_arena *a, size_t limit_bytes);
void om_arena_fini(struct om_arena *a);

/* om_arena_alloc returns zeroed memory fit for any type. */
void *om_arena_alloc(struct om_arena *a, size_t bytes) __attribute__((alloc_size(2)));

/* om_arena_array returns zeroed memory for n items; overflow-safe. */
void *om_arena_array(struct om_arena *a, size_t n, size_t item_bytes);

char *om_arena_strdup(struct om_arena *a, const char *text);
char *om_arena_strndup(struct om_arena *a, const char *text, size_t n);
char *om_arena_printf(struct om_arena *a, const char *fmt, ...) OM_PRINTF(2, 3);

#endif
