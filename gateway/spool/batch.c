/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "batch.h"

#include "base/invariant.h"
#include "wire/codec.h"

#include <stdlib.h>

#define BATCH_BYTES ((size_t)32 * 1024 * 1024)

struct gw_batch *
gw_batch_new(void)
{
	struct gw_batch *b = calloc(1, sizeof *b);

	if (b != NULL)
		om_buf_init(&b->bytes, BATCH_BYTES);
	return b;
}

void
gw_batch_free(struct gw_batch **bp)
{
	struct gw_batch *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	om_buf_fini(&b->bytes);
	free(b->ends);
	free(b);
}

om_status
gw_batch_add(struct gw_batch *b, Om__Record *r, om_err *e)
{
	if (b->n == b->cap) {
		size_t cap = b->cap == 0 ? 16 : b->cap * 2;
		size_t *p = realloc(b->ends, cap * sizeof *p);

		if (p == NULL)
			return om_fail(e, OM_NOMEM, "out of memory");
		b->ends = p;
		b->cap = cap;
	}
	om_check(b->n < b->cap && (b->n == 0 || b->ends[b->n - 1] <= b->bytes.len));
	om_msg_pack(&r->base, &b->bytes);
	b->ends[b->n++] = b->bytes.len;
	return om_buf_done(&b->bytes, e);
}
