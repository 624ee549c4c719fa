/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "buf.h"

#include "invariant.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 1000 /* the allocator keeps such pieces at hand */

void
om_buf_init(struct om_buf *b, size_t limit_bytes)
{
	*b = (struct om_buf){.limit_bytes = limit_bytes};
}

void
om_buf_fini(struct om_buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

void
om_buf_fail(struct om_buf *b, om_status s)
{
	if (b->status == OM_OK)
		b->status = s;
}

/* make_room leaves space for n more bytes and the closing zero. */
static bool
make_room(struct om_buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	om_check(b->len <= b->cap && (b->data != NULL || b->cap == 0));
	if (b->status != OM_OK)
		return false;
	if (n > b->limit_bytes || b->len > b->limit_bytes - n) {
		om_buf_fail(b, OM_TOO_LARGE);
		return false;
	}
	need = b->len + n + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap;
	while (cap < need)
		cap *= 2;
	p = realloc(b->data, cap);
	if (p == NULL) {
		om_buf_fail(b, OM_NOMEM);
		return false;
	}
	b->data = p;
	b->cap = cap;
	return true;
}

void
om_buf_add(struct om_buf *b, const void *data, size_t n)
{
	om_check(data != NULL || n == 0);
	if (!make_room(b, n))
		return;
	if (n > 0)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
om_buf_str(struct om_buf *b, const char *text)
{
	om_buf_add(b, text, strlen(text));
}

void
om_buf_chr(struct om_buf *b, char c)
{
	om_buf_add(b, &c, 1);
}

void
om_buf_printf(struct om_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0)
		om_buf_fail(b, OM_INTERNAL);
	else if (make_room(b, (size_t)n)) {
		(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void
om_buf_reset(struct om_buf *b)
{
	b->len = 0;
	b->status = OM_OK;
	if (b->data != NULL)
		b->data[0] = '\0';
}

om_status
om_buf_done(const struct om_buf *b, om_err *e)
{
	if (b->status == OM_TOO_LARGE)
		return om_fail(e, b->status, "larger than %zu bytes", b->limit_bytes);
	if (b->status != OM_OK)
		return om_fail(e, b->status, "%s", om_status_text(b->status));
	return OM_OK;
}

char *
om_buf_take(struct om_buf *b, size_t *n_out)
{
	char *data;

	om_buf_add(b, "", 0); /* an empty buffer gets its zero byte */
	*n_out = 0;
	if (b->status != OM_OK)
		return NULL;
	data = b->data;
	*n_out = b->len;
	b->data = NULL;
	b->len = b->cap = 0;
	return data;
}
