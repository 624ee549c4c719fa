/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * sfnt.h - bytes of a TrueType file with bounds, for font.c and subset.c.
 */
#ifndef RD_SFNT_H
#define RD_SFNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reading beyond the end gives zero and marks it. */
struct rd_bytes {
	const unsigned char *at;
	size_t n;
	bool short_of;
};

static inline unsigned
rd_u16(struct rd_bytes *b, size_t at)
{
	if (at + 2 > b->n || at + 2 < at) {
		b->short_of = true;
		return 0;
	}
	return (unsigned)b->at[at] << 8 | b->at[at + 1];
}

static inline uint32_t
rd_u32(struct rd_bytes *b, size_t at)
{
	return (uint32_t)rd_u16(b, at) << 16 | rd_u16(b, at + 2);
}

/* rd_sfnt_table narrows a file to one of its tables; empty when there is none. */
static inline struct rd_bytes
rd_sfnt_table(struct rd_bytes *file, const char *tag)
{
	unsigned n = rd_u16(file, 4);

	for (unsigned i = 0; i < n && !file->short_of; i++) {
		size_t entry = 12 + (size_t)i * 16;
		size_t at = rd_u32(file, entry + 8), len = rd_u32(file, entry + 12);

		if (entry + 16 <= file->n && memcmp(file->at + entry, tag, 4) == 0 && at <= file->n &&
		    len <= file->n - at)
			return (struct rd_bytes){file->at + at, len, false};
	}
	return (struct rd_bytes){NULL, 0, false};
}

#endif
