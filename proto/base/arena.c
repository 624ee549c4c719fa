/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "arena.h"

#include "invariant.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)16 * 1024)
#define SMALL_BYTES ((size_t)960) /* the first few: the allocator keeps such pieces at hand */
#define SMALL_SUM   (3 * SMALL_BYTES)

struct om_arena_block {
	struct om_arena_block *next;
	size_t used;
	size_t size;
	max_align_t data[];
};

void
om_arena_init(struct om_arena *a, size_t limit_bytes)
{
	*a = (struct om_arena){.limit_bytes = limit_bytes};
}

void
om_arena_fini(struct om_arena *a)
{
	while (a->blocks != NULL) {
		struct om_arena_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	a->used_bytes = 0;
}

void *
om_arena_alloc(struct om_arena *a, size_t bytes)
{
	const size_t align = _Alignof(max_align_t);
	struct om_arena_block *b = a->blocks;
	unsigned char *p;

	if (bytes > a->limit_bytes || a->used_bytes > a->limit_bytes - bytes) {
		a->failed = true;
		return NULL;
	}
	bytes = (bytes + align - 1) / align * align;
	if (b == NULL || b->size - b->used < bytes) {
		size_t usual = a->used_bytes < SMALL_SUM ? SMALL_BYTES : BLOCK_BYTES;
		size_t size = bytes > usual ? bytes : usual;

		b = malloc(sizeof *b + size);
		if (b == NULL) {
			a->failed = a->no_memory = true;
			return NULL;
		}
		b->used = 0;
		b->size = size;
		/* a big piece goes after the first block, so that what is left of that
		 * one stays in use */
		if (size > usual && a->blocks != NULL) {
			b->next = a->blocks->next;
			a->blocks->next = b;
		} else {
			b->next = a->blocks;
			a->blocks = b;
		}
	}
	p = (unsigned char *)b->data + b->used;
	b->used += bytes;
	om_check(b->used <= b->size);
	a->used_bytes += bytes;
	return memset(p, 0, bytes);
}

void *
om_arena_array(struct om_arena *a, size_t n, size_t item_bytes)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, item_bytes, &bytes)) {
		a->failed = true;
		return NULL;
	}
	return om_arena_alloc(a, bytes);
}

char *
om_arena_strndup(struct om_arena *a, const char *text, size_t n)
{
	size_t len = strnlen(text, n);
	char *copy = om_arena_alloc(a, len + 1);

	if (copy != NULL)
		memcpy(copy, text, len);
	return copy;
}

char *
om_arena_strdup(struct om_arena *a, const char *text)
{
	return om_arena_strndup(a, text, SIZE_MAX);
}

char *
om_arena_printf(struct om_arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *text;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	text = n < 0 ? NULL : om_arena_alloc(a, (size_t)n + 1);
	if (text != NULL)
		(void)vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return text;
}
